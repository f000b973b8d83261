"""A simulated city on loopback: cameras, switches and their bad manners."""
