"""Profiles: what counts as good, over what, how it is counted, and the ratio to reach. The three built-in ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

GRACE = 24 * 3600 * 1000
"""How long (ms) a camera without a picture is undiagnosed before it is bad, unless a profile says otherwise."""

FURTHER = ("networked", "coverage", "hd", "clock", "resolution", "archive", "annotation")
"""Rates of each camera beside online and intact; `timely`, of repairs, is another."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a rate is counted over a period.

    `duration`: good ÷ assessed seconds. `head_count`: good ÷ assessed cameras at the local times `audit` ("HH:MM")
    of every day, added up. `daily_pass`: camera-days passed ÷ judged; a camera passes a day at good >= `pass_at` ×
    assessed seconds.
    """

    kind: str = "duration"
    audit: tuple[str, ...] = ()
    pass_at: Fraction = Fraction(1)

    @property
    def timed(self) -> bool:
        """Whether what is counted is time."""
        return self.kind == "duration"


@dataclass(frozen=True, slots=True)
class Profile:
    """One reading of the rules; every figure is printed with its profile's name.

    `targets`: (rate, class) -> the ratio to reach, class also `all`; a missing pair has no target.
    `region_targets`: (region, rate, class) -> the same for a region and all below it, before `targets`.
    `offline_is_bad`: the intact rate divides by all cameras (bad while offline), not only by those whose
    picture could be judged (undiagnosed while offline). `online_needs_picture`: only a picture
    that arrives proves that a camera is online.
    `grace`: ms that a camera without a picture is undiagnosed before it is bad.
    """

    name: str
    targets: Mapping[tuple[str, str], Fraction]
    offline_is_bad: bool = True
    faults: frozenset[str] | None = None  # picture faults that count; None: all
    classes_of_all: tuple[str, ...] = field(default=("1", "2", "3", "9"))  # what the row `all` covers
    online_needs_picture: bool = False
    grace: int = GRACE
    region_targets: Mapping[tuple[str, str, str], Fraction] = field(default_factory=dict)
    method: Method = Method()

    def target(self, rate: str, class_: str, line: Iterable[str] = ()) -> Fraction | None:
        """The ratio to reach; `line`: the row's region and those above it, nearest first. None: no target."""
        if self.region_targets:
            for region in line:
                own = self.region_targets.get((region, rate, class_))
                if own is not None:
                    return own
        return self.targets.get((rate, class_))


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
    # Nantong 2017 no. 144: intact over all installed cameras; 98 % in key public areas, 95 % in key sectors;
    # coverage, networked and the HD share of new builds 100 %.
    "nantong-2017",
    {
        ("intact", "1"): Fraction(98, 100),
        ("intact", "2"): Fraction(95, 100),
        ("coverage", "all"): Fraction(1),
        ("networked", "all"): Fraction(1),
        ("hd", "all"): Fraction(1),
    },
)
_NINGXIA = Profile(
    # Ningxia 2014: heads intact 97 %, pictures online 90 %; both hold only if offline is not also "not intact".
    "ningxia-2014",
    {("intact", "all"): Fraction(97, 100), ("online", "all"): Fraction(90, 100)},
    offline_is_bad=False,
)

BUILT_IN: Mapping[str, Profile] = {profile.name: profile for profile in (_DEFAULT, _NANTONG, _NINGXIA)}
