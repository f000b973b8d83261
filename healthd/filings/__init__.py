"""What people file and change, pure: exemptions, and the list of every lever that moved a figure."""
