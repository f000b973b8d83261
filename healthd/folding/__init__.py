"""Results in, states out: the fold of both axes, and what is kept of pictures and contradictions meanwhile."""
