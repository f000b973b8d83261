"""What assessments count besides time, pure: the further rates, and scores out of all of them."""
