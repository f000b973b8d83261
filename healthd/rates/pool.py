"""Sums of many cameras' moments, judged and pooled up the tree. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import add
from typing import Any, TypeAlias

from healthd.model import Inventory, Placement
from healthd.rates.buckets import Bucket, judge
from healthd.rates.profiles import Method, Profile
from healthd.rates.timeline import Situation

RATES = ("online", "intact")
ENOUGH = Fraction(95, 100)
"""Coverage below which there is no verdict."""

Group: TypeAlias = tuple[str, str]
"""(key, class): where a moment is booked; key is a leaf region, unit, maintainer or camera."""

Outcomes: TypeAlias = tuple[tuple[Bucket, Bucket], ...]
"""What a camera's day counts as, and without exemptions, for each column of a method (`Column.place`)."""

Mark: TypeAlias = Situation | Outcomes
"""What an amount is judged by."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums before they are judged: per group and situation an amount (ms, or cameras of an instant), and how many
    cameras had an in-service moment in just this set of groups (more than one for cameras that moved). `counts`:
    what methods that count no time have counted."""

    amounts: dict[Group, dict[Situation, int]] = field(default_factory=dict)
    members: Counter[frozenset[Group]] = field(default_factory=Counter)
    counts: dict[Method, dict[Group, dict[Mark, int]]] = field(default_factory=dict)

    def add(self, pool: Pool, camera: str, found: Iterable[Any]) -> None:
        """Adds all pieces of one camera, or what it is split into; `pool` knows where."""
        served: list[frozenset[Group]] = []
        placement: Placement | None = None
        sums: dict[Any, int] | None = None
        is_out = True  # whether it was all the time in this placement
        alone: frozenset[Group] = frozenset()
        for start, end, stood, situation in found:
            if stood is not placement:
                placement, is_out, sums = stood, True, None
                group = pool.group(camera, stood)
                if group is not None:
                    sums = self.amounts.get(group)
                    if sums is None:
                        sums = self.amounts[group] = {}
                    alone = pool.alone(group)
            if sums is None:
                continue
            sums[situation] = sums.get(situation, 0) + end - start
            if is_out and not situation.out:
                is_out = False
                served.append(alone)
        if served:
            self.members[served[0] if len(served) == 1 else frozenset().union(*served)] += 1

    def of(self, method: Method, *, instant: bool) -> Mapping[Group, Mapping[Any, int]] | None:
        """What a method's rates are made of; None where it was not counted. At an instant all count heads."""
        if instant or method.timed:
            return self.amounts
        return self.counts.get(method)


@dataclass(frozen=True, slots=True)
class Terms:
    """What rows are made for: the tree and its names, the profiles, and the rates that the checks allow (without
    a frame check there is no intact rate). A region with fewer cameras than `small_region` is small."""

    inventory: Inventory
    profiles: Sequence[Profile]
    rates: Sequence[str] = RATES
    small_region: int = 20


Vector: TypeAlias = list[int]
"""Amounts by Bucket, then raw good and raw assessed."""


_WIDTH = len(Bucket) + 2


class Column:
    """One rate by one profile. Judges each situation once; there are far fewer of them than pieces.

    `place`: where the column's outcome stands in the `Outcomes` of its method."""

    def __init__(self, rate: str, profile: Profile) -> None:
        self.rate = rate
        self.profile = profile
        self.method = profile.method
        self.place = 0
        self._judged: dict[Mark, tuple[Bucket, Bucket]] = {}

    def vector(self, amounts: Mapping[Any, int]) -> Vector:
        """The sums of amounts by what they are judged by (`Mark`)."""
        sums, known = [0] * _WIDTH, self._judged
        for mark, amount in amounts.items():
            judged = known.get(mark) or self.judged(mark)
            sums[judged[0]] += amount
            if judged[1] <= Bucket.BAD:
                sums[-1] += amount
                if judged[1] is Bucket.GOOD:
                    sums[-2] += amount
        return sums

    def judged(self, mark: Mark) -> tuple[Bucket, Bucket]:
        """What is judged by it counts as, and without exemptions."""
        known = self._judged.get(mark)
        if known is None:
            known = self._judged[mark] = self._judge(mark)
        return known

    def _judge(self, mark: Mark) -> tuple[Bucket, Bucket]:
        if not isinstance(mark, Situation):
            return mark[self.place]
        without = mark._replace(exempt=False)
        return judge(mark, self.rate, self.profile)[0], judge(without, self.rate, self.profile)[0]


class Pool:
    """Pools tallies into the sums of rows, the same way for leaves, parents and totals.

    `by`: region, department, unit, maintainer, camera or tag:NAME. `region`: only what was booked in or below it;
    "" for all. `columns`: what is judged; left out: the rates of the terms by each profile.
    """

    def __init__(
        self, terms: Terms, by: str = "region", region: str = "", columns: Sequence[Column] | None = None
    ) -> None:
        self.terms = terms
        self.by = by
        self.region = region
        if columns is None:
            columns = [Column(rate, profile) for profile in terms.profiles for rate in terms.rates]
        self.columns = columns
        self._tag = by.removeprefix("tag:") if by.startswith("tag:") else ""
        self._departments: dict[str, tuple[str, ...]] = {}
        self._lines: dict[str, tuple[str, ...]] = {}
        self._alone: dict[Group, frozenset[Group]] = {}

    def group(self, camera: str, placement: Placement) -> Group | None:
        """Where the camera's moments in this placement are booked; None: outside of the region asked for."""
        if self.region and self.region not in self.line(placement.region):
            return None
        match self.by:
            case "region":
                return placement.region, placement.class_
            case "unit" | "department":
                return placement.unit, placement.class_
            case "maintainer":
                return placement.maintainer, placement.class_
            case "camera":
                return camera, placement.class_
        known = self.terms.inventory.cameras.get(camera)
        return (known.tags.get(self._tag, "") if known else ""), placement.class_

    def alone(self, group: Group) -> frozenset[Group]:
        """The set of this group alone: one object for all cameras that never moved."""
        known = self._alone.get(group)
        if known is None:
            known = self._alone[group] = frozenset([group])
        return known

    def sums(self, amounts: Mapping[Group, Mapping[Any, int]], column: Column) -> dict[Group, Vector]:
        """One column's sums of every row: by region those of all regions, with what lies below them."""
        sums: dict[Group, Vector] = {}
        for group, situations in amounts.items():
            vector = column.vector(situations)
            for covered in self.covering(group, column.profile):
                known = sums.get(covered)
                if known is None:
                    sums[covered] = vector.copy()
                else:
                    known[:] = map(add, known, vector)
        return sums

    def cameras(self, members: Mapping[frozenset[Group], int], profile: Profile) -> Counter[Group]:
        """How many cameras each row has."""
        cameras: Counter[Group] = Counter()
        for groups, number in members.items():
            # A camera that moved within a region is one camera there.
            for covered in {covered for group in groups for covered in self.covering(group, profile)}:
                cameras[covered] += number
        return cameras

    def covering(self, group: Group, profile: Profile) -> Iterator[Group]:
        """The rows that a group's moments are in."""
        key, class_ = group
        for code in self.upward(key):
            yield code, class_
            if class_ in profile.classes_of_all:
                yield code, "all"

    def upward(self, key: str) -> tuple[str, ...]:
        """The keys of the rows that cover what is booked under a key, nearest first."""
        if self.by == "region":
            return self.line(key)
        if self.by != "department":
            return (key,)
        known = self._departments.get(key)
        if known is None:
            known = self._departments[key] = tuple(self.terms.inventory.departments_above(key))
        return known

    def sizes(self, members: Mapping[frozenset[Group], int]) -> Counter[str]:
        """How many cameras there are under each key, of all classes."""
        sizes: Counter[str] = Counter()
        for groups, number in members.items():
            for code in {code for key, _ in groups for code in self.upward(key)}:
                sizes[code] += number
        return sizes

    def line(self, code: str) -> tuple[str, ...]:
        """A region and those above it, up to the one asked for; a region that is gone stands alone."""
        line = self._lines.get(code)
        if line is None:
            codes = [*self.terms.inventory.line_of(code)] if code in self.terms.inventory.regions else [code]
            if self.region in codes:
                codes = codes[: codes.index(self.region) + 1]
            line = self._lines[code] = tuple(codes)
        return line
