"""Judging pictures: bytes in, verdict out. Pure, no I/O."""
