"""Seconds to rates: the rows of a period, pooled from cameras up to totals. Pure.

A rate is Σ good ÷ Σ assessed over cameras, never a mean of rates; `tabulate` makes leaves, parents and totals
alike. Sums are whole milliseconds and ratios exact fractions: nothing is rounded before it is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from healthd.model import CameraHistory, Moment
from healthd.periods import iso
from healthd.rates.methods import Counter, counters
from healthd.rates.pool import ENOUGH, Column, Group, Pool, Tally, Terms
from healthd.rates.profiles import Profile
from healthd.rates.timeline import Piece, Watch, pieces

_TREES = ("region", "department")
_DOORS = ("own", "power", "operator", "undetermined")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a rates table.

    The six kinds of time are in milliseconds where the row is `timed`. By method `head_count` they are numbers of
    cameras, added up over the times of counting, and by `daily_pass` numbers of camera-days. A row of an instant
    (`start` == `end`: the window `now`) is a head count by any profile. `good` + `bad` is what was assessed;
    `raw_good` and `raw_assessed` ignore exemptions.
    """

    by: str  # region | department | unit | maintainer | camera | tag:NAME
    key: str
    region: str  # by camera: where it was last; by unit, maintainer ...: the region asked for, "" for all
    name: str
    level: str  # of a region
    class_: str
    rate: str
    profile: str
    start: Moment
    end: Moment  # not after the last heartbeat
    clipped: bool  # a later end was asked for
    cameras: int
    good: int
    bad: int
    undiagnosed: int
    unknown: int
    exempt: int
    out_of_service: int
    raw_good: int
    raw_assessed: int
    target: Fraction | None
    method: str = "duration"  # | head_count | daily_pass
    small: bool = False  # a region or department with few cameras: ranked apart
    doors: tuple[int, ...] = ()  # of usage and attributable: bad time own, power, operator, undetermined

    @property
    def instant(self) -> bool:
        return self.start == self.end

    @property
    def timed(self) -> bool:
        """Whether the amounts are milliseconds."""
        return self.method == "duration" and not self.instant

    @property
    def assessed(self) -> int:
        return self.good + self.bad

    @property
    def ratio(self) -> Fraction | None:
        return _ratio(self.good, self.assessed)

    @property
    def raw_ratio(self) -> Fraction | None:
        return _ratio(self.raw_good, self.raw_assessed)

    @property
    def coverage(self) -> Fraction | None:
        return _ratio(self.assessed, self.assessed + self.unknown)

    @property
    def exempt_share(self) -> Fraction | None:
        """How much of what was in service was filed away."""
        return _ratio(self.exempt, self.assessed + self.undiagnosed + self.unknown + self.exempt)

    @property
    def verdict(self) -> str:
        """none | insufficient | pass | fail, by exact fractions."""
        if self.target is None:
            return "none"
        known = self.assessed
        if not known or known * ENOUGH.denominator < ENOUGH.numerator * (known + self.unknown):
            return "insufficient"
        return "pass" if self.good * self.target.denominator >= self.target.numerator * known else "fail"

    @property
    def gap_cameras(self) -> int | None:
        """How many more cameras had to be good to reach the target; None without target or ratio."""
        if self.target is None:
            return None
        above, below = self.target.numerator, self.target.denominator
        if self.instant:
            return max(0, -(-above * self.assessed // below) - self.good)
        if not self.assessed:
            return None
        missing = self.cameras * (above * self.assessed - self.good * below)
        return max(0, -(-missing // (below * self.assessed)))

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """The row by its public names; times as ISO-8601 in `zone`, absent figures null."""
        amounts = {
            "good": self.good,
            "assessed": self.assessed,
            "undiagnosed": self.undiagnosed,
            "unknown": self.unknown,
            "exempt": self.exempt,
            "out_of_service": self.out_of_service,
        }
        return {
            "by": self.by,
            "key": self.key,
            "region": self.region or None,
            "name": self.name,
            "level": self.level or None,
            "class": self.class_,
            "rate": self.rate,
            "from": iso(self.start, zone),
            "to": iso(self.end, zone),
            "clipped": self.clipped,
            "profile": self.profile,
            "cameras": self.cameras,
            "method": "head_count" if self.instant else self.method,
            **{f"{kind}_seconds": amount / 1000 if self.timed else None for kind, amount in amounts.items()},
            **{f"{kind}_count": None if self.timed else amount for kind, amount in amounts.items()},
            **{f"{door}_seconds": time / 1000 for door, time in zip(_DOORS, self.doors, strict=False)},
            "exempt_share": _float(self.exempt_share),
            "small": self.small,
            "ratio": _float(self.ratio),
            "raw_ratio": _float(self.raw_ratio),
            "coverage": _float(self.coverage),
            "target": _float(self.target),
            "verdict": self.verdict,
            "gap_cameras": self.gap_cameras,
        }


def _ratio(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def _float(ratio: Fraction | None) -> float | None:
    return None if ratio is None else float(ratio)


def percent(good: int, assessed: int) -> str:
    """`97.99 %`, cut off and never rounded up: what falls short of a target must not look as if it reached it."""
    if not assessed:
        return "–"
    hundredths = good * 10_000 // assessed
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def tabulate(
    pool: Pool, tally: Tally, start: Moment, end: Moment, *, clipped: bool = False, region: str = ""
) -> list[Row]:
    """Rows of [start, end), by region from the root down, then class `all` first; none where nothing was booked.
    `region` is shown on rows that are not by region. A method that was not counted in `tally` has no rows."""
    table: list[Row] = []
    heads = _heads(pool, tally, region)
    profile: Profile | None = None
    cameras: Mapping[Group, int] = {}
    for column in pool.columns:
        amounts = tally.of(column.method, instant=start == end)
        if amounts is None:
            continue
        if column.profile is not profile:
            profile, cameras = column.profile, pool.cameras(tally.members, column.profile)
        rate, name_of, method = column.rate, profile.name, column.method.kind
        for (key, class_), sums in pool.sums(amounts, column).items():
            shown, name, level, line, small = heads(key)
            good, bad, undiagnosed, unknown, exempt, out_of_service, raw_good, raw_assessed, *doors = sums
            # By place, not by name: by camera there are a million of them.
            row = Row(
                pool.by, key, shown, name, level, class_, rate, name_of, start, end, clipped, cameras[key, class_],
                good, bad, undiagnosed, unknown, exempt, out_of_service, raw_good, raw_assessed,
                profile.target(rate, class_, line), method, small, tuple(doors),
            )  # fmt: skip
            table.append(row)
    paths = _paths(pool, {row.key for row in table})
    table.sort(key=lambda row: (paths.get(row.key, row.key), "" if row.class_ == "all" else row.class_))
    return table


def _heads(pool: Pool, tally: Tally, region: str) -> Callable[[str], tuple[str, str, str, Sequence[str], bool]]:
    """What all rows of a key share: key -> (region shown, name, level, line of regions, small)."""
    tree = pool.by in _TREES
    sizes = pool.sizes(tally.members) if tree else {}

    @cache
    def head(key: str) -> tuple[str, str, str, Sequence[str], bool]:
        small = tree and sizes[key] < pool.terms.small_region
        return key if pool.by == "region" else region, *_named(pool, key), (*_line(pool, key, region),), small

    return head


def _paths(pool: Pool, keys: Iterable[str]) -> Mapping[str, str]:
    """What rows are sorted by: a tree from its roots down."""
    if pool.by == "region":
        return pool.terms.inventory.paths
    if pool.by != "department":
        return {}
    return {key: "/" + "/".join(reversed([*pool.terms.inventory.departments_above(key)])) + "/" for key in keys}


def _line(pool: Pool, key: str, region: str) -> Iterable[str]:
    """The regions whose targets hold for a row, nearest first; rows of units and maintainers lie in none."""
    code = {"region": key, "camera": region}.get(pool.by, "")
    return pool.terms.inventory.line_of(code) if code in pool.terms.inventory.regions else ()


def _named(pool: Pool, key: str) -> tuple[str, str]:
    """(name, level) of a row's key; what is no longer in the inventory is called by its key."""
    inventory = pool.terms.inventory
    if pool.by == "region" and (region := inventory.regions.get(key)):
        return region.name, region.level
    if pool.by == "camera" and (camera := inventory.cameras.get(key)):
        return camera.name, ""
    if pool.by in ("department", "unit") and (department := inventory.departments.get(key)):
        return department.name, ""
    if pool.by == "maintainer" and (maintainer := inventory.maintainers.get(key)):
        return maintainer.name, ""
    return key, ""


Split: TypeAlias = Callable[[str, Sequence[Piece]], Iterable[Any]]
"""(camera, its pieces) -> what is booked instead: pieces whose `situation` is what the columns judge by."""


class Summing:
    """Rows by one thing while they are being made: cameras are added in any order, then the rows are read.

    What it keeps grows with the groups of cameras, not with cameras or flips. `columns`: what is judged, if not
    the terms' rates. `watch` knows the graces of the terms' profiles (`Watch.judging`).
    """

    def __init__(
        self,
        watch: Watch,
        terms: Terms,
        *,
        by: str = "region",
        region: str = "",
        columns: Sequence[Column] | None = None,
        split: Split = lambda camera, found: found,
    ) -> None:
        self._watch = watch
        self._region = region
        self._split = split
        self.pool = Pool(terms, by, region, columns)
        self._counting = counters(self.pool.columns, watch)
        self._tally = _tally(self._counting)

    def add(self, camera: str, found: Sequence[Piece]) -> None:
        """All pieces of one camera over the watch's period, up to the last heartbeat."""
        self._tally.add(self.pool, camera, self._split(camera, found))
        for counter in self._counting:
            _count(self._tally, counter, found, camera, self.pool)

    def tally(self) -> Tally:
        """The sums of what was added since the last time."""
        tally, self._tally = self._tally, _tally(self._counting)
        return tally

    def take(self, region: str | None = None) -> list[Row]:
        """The rows of what was added since the last time. `region`: shown on rows that are not by region, if not
        the one asked for."""
        tally = self.tally()
        watch, shown = self._watch, self._region if region is None else region
        clipped = watch.until < watch.end
        return tabulate(self.pool, tally, watch.start, watch.until, clipped=clipped, region=shown)


def rows(
    histories: Iterable[CameraHistory],
    watch: Watch,
    terms: Terms,
    *,
    by: str = "region",
    region: str = "",
    columns: Sequence[Column] | None = None,
    split: Split = lambda camera, found: found,
) -> Iterator[Row]:
    """Rows of the watch's period, up to the last heartbeat, from one pass over `histories` in any order.

    By camera, each camera's rows come as soon as it is read; else all at the end.
    """
    watch = watch.judging(terms.profiles)
    summing = Summing(watch, terms, by=by, region=region, columns=columns, split=split)
    for history in histories:
        found = [*pieces(history, watch, watch.start, watch.until)]
        summing.add(history.camera, found)
        if by == "camera" and found:
            yield from summing.take(found[-1].placement.region)
    yield from summing.take()


def _tally(counting: Iterable[Counter]) -> Tally:
    return Tally(counts={counter.method: {} for counter in counting})


def _count(tally: Tally, counter: Counter, found: Sequence[Piece], camera: str, pool: Pool) -> None:
    sums = tally.counts[counter.method]
    for placement, mark, number in counter.count(found):
        group = pool.group(camera, placement)
        if group is not None:
            marks = sums.setdefault(group, {})
            marks[mark] = marks.get(mark, 0) + number
