"""How numbers are printed: cut off and never rounded up, lest one look as if it had reached its target. Pure."""

from __future__ import annotations

from fractions import Fraction


def percent(ratio: Fraction) -> str:
    """`97.99%` of 0.97999; a ratio of 1 is `100.00%`."""
    hundredths = ratio.numerator * 10_000 // ratio.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


def target(ratio: Fraction) -> str:
    """A target as the rules write it: `97%`, `97.5%`."""
    return f"{float(ratio * 100):.10g}%"


def cut_points(difference: Fraction) -> int:
    """Hundredths of a percentage point, cut off towards zero."""
    size = abs(difference.numerator) * 10_000 // difference.denominator
    return size if difference >= 0 else -size


def points(difference: Fraction) -> str:
    """A difference of ratios in percentage points: `+0.35`, `-1.20`, `0.00`."""
    hundredths = cut_points(difference)
    sign = "+" if hundredths > 0 else "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
