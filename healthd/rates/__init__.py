"""Rates, pure: histories cut into pieces, pieces judged, pooled and kept live, seconds turned into rows."""
