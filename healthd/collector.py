"""How often Python looks for garbage here: seldom."""

from __future__ import annotations

import gc

_THRESHOLDS = (50_000, 50, 1000)


def look_seldom() -> None:
    """Millions of small values come and go without a circle among them, and a fleet stays for good: a full
    collection over 100,000 cameras takes 0.3 s, and reading a month of them with Python's own thresholds half as
    long again."""
    gc.set_threshold(*_THRESHOLDS)
