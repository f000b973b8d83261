"""healthd watches the health of a city's public-safety cameras."""

__version__ = "0.1.0"
