"""Profiles: what counts as good, over what, and the ratio to reach. The three built-in ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Profile:
    """One reading of the rules; every figure is printed with its profile's name.

    `targets`: (rate, class) -> the ratio to reach, class also `all`; a missing pair has no target.
    `offline_is_bad`: the intact rate divides by all cameras (bad while offline), not only by those whose
    picture could be judged (undiagnosed while offline).
    """

    name: str
    targets: Mapping[tuple[str, str], Fraction]
    offline_is_bad: bool = True
    faults: frozenset[str] | None = None  # picture faults that count; None: all
    classes_of_all: tuple[str, ...] = field(default=("1", "2", "3", "9"))  # what the row `all` covers


_DEFAULT = Profile(
    # Our choice: the two class targets of Nantong 2017 no. 144, the overall one of Ningxia 2014.
    "default",
    {
        ("intact", "1"): Fraction(98, 100),
        ("intact", "2"): Fraction(95, 100),
        ("intact", "all"): Fraction(97, 100),
        ("online", "all"): Fraction(90, 100),
    },
)
_NANTONG = Profile(
    # Nantong 2017 no. 144: intact over all installed cameras; 98 % in key public areas, 95 % in key sectors.
    "nantong-2017",
    {("intact", "1"): Fraction(98, 100), ("intact", "2"): Fraction(95, 100)},
)
_NINGXIA = Profile(
    # Ningxia 2014: heads intact 97 %, pictures online 90 %; both hold only if offline is not also "not intact".
    "ningxia-2014",
    {("intact", "all"): Fraction(97, 100), ("online", "all"): Fraction(90, 100)},
    offline_is_bad=False,
)

BUILT_IN: Mapping[str, Profile] = {profile.name: profile for profile in (_DEFAULT, _NANTONG, _NINGXIA)}
