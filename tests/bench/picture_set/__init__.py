"""A set of pictures that anyone can build again: fetched photographs and drawn streets, degraded by own code."""
