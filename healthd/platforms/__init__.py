"""What video platforms say of the cameras, out of the catalogues that they export."""
