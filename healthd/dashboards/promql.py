"""What the boards ask of Prometheus.

Rates of several regions are pooled from camera-seconds (now: from cameras), never averaged, and printed cut off
after two decimals of a percentage, as healthd prints them. Everything about regions comes from the recording rules
of config/rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Codes are fenced by slashes in a path, so one never matches within another; all of a level is `.*`.
CHOSEN = ",".join(f'path=~".*/${name}/.*"' for name in ("city", "county", "township", "region"))
"""Matchers of the regions in and below what the variables choose, all four at once."""

_INFO = f"healthd:region_info{{{CHOSEN}}}"
SCOPE = f'max by (region) ({_INFO} unless on (parent) label_replace({_INFO}, "parent", "$1", "region", "(.+)"))'
"""The outermost of the chosen regions: together they cover each chosen camera once."""

_COVERED = 0.95
# 1 less four units in the last place: exact ties, such as 98 of 100 against 0.98, must not fail by the product's
# rounding, and one millisecond of a month of 100,000 cameras is far more than this.
_TIE = "0.999999999999998"


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the regions that `where` matches, pooled: of one rate, profile and window.

    `where`: matchers for region, class and profile; `by`: labels to keep apart.
    """

    rate: str
    window: str
    where: str
    by: Sequence[str] = ()

    def sum(self, kinds: str) -> str:
        """Camera-seconds, or cameras now, that counted as one of `kinds` (a regular expression)."""
        inner = f'{self.where},rate="{self.rate}",kind=~"{kinds}"'
        if self.window == "now":
            return f"{self._fold('sum')} (healthd:region_rate_cameras{{{inner}}})"
        return f'{self._fold("sum")} (healthd:region_camera_seconds{{{inner},window="{self.window}"}})'

    @property
    def assessed(self) -> str:
        return self.sum("good|bad")

    @property
    def known(self) -> str:
        return self.sum("good|bad|unknown")

    @property
    def target(self) -> str:
        """The ratio to reach; nothing where there is none."""
        return f'{self._fold("max")} (healthd:region_target_ratio{{{self.where},rate="{self.rate}"}})'

    @property
    def ratio(self) -> str:
        """Good over assessed; nothing where less than half is known."""
        return f"({self.sum('good')} / ({self.assessed} > 0 and 2 * {self.assessed} >= {self.known}))"

    @property
    def printed(self) -> str:
        return printed(self.ratio)

    @property
    def coverage(self) -> str:
        return f"({self.assessed} / ({self.known} > 0))"

    @property
    def verdict(self) -> str:
        """As `healthd:region_verdict`: 1 fail, 2 insufficient, 3 pass, 4 no target."""
        short = f"({self.assessed} < {_COVERED} * {self.known} or {self.assessed} == 0)"
        return (
            f"((0 * {self.target} + 2 and {short})"
            f" or (1 + 2 * ({self.sum('good')} >= bool {_TIE} * {self.target} * {self.assessed}))"
            f" or (0 * {self.known} + 4))"
        )

    @property
    def gap(self) -> str:
        """Cameras that would have to be good as well, now, to reach the target."""
        return f"clamp_min(ceil({_TIE} * {self.target} * {self.assessed}) - {self.sum('good')}, 0)"

    def change_on(self, window: str) -> str:
        """The printed rate less that of another window, in percentage points."""
        return f"100 * ({self.printed} - {Figures(self.rate, window, self.where, self.by).printed})"

    def _fold(self, operator: str) -> str:
        return f"{operator} by ({', '.join(self.by)})" if self.by else operator


def printed(ratio: str) -> str:
    """Cut off after two decimals of a percentage; the addend undoes what 0.57 * 10000 lacks in binary."""
    return f"(floor(1e4 * {ratio} + 1e-9) / 1e4)"


def either(first: str, otherwise: str) -> str:
    """`first`, or all of `otherwise` where `first` is empty."""
    return f"({first}) or on () ({otherwise})"


def with_maintainers(vector: str) -> str:
    """The vector with a label `maintainer_name`: the maintainer's name, or what it goes by where it has none."""
    info = "healthd:maintainer_info"
    nameless = f"{vector} unless on (maintainer) {info}"
    return (
        f"({vector} * on (maintainer) group_left (maintainer_name) {info}"
        f' or label_replace({nameless}, "maintainer_name", "$1", "maintainer", "(.*)"))'
    )
