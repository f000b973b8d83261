"""The frozen copy of a period: per camera and place what every rate counted, and the terms it was judged by. Pure.

Judged sums are kept rather than states: neither a later configuration, inventory or record nor a later program can
change a figure of it. Rows by anything, of any subtree, are pooled from it by the same code as from live data.
What is no sum of pieces (the further rates, incidents) is kept beside them as text; `figures` knows what it says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from healthd.model import CameraHistory, Moment, Placement
from healthd.rates.pool import RATES, Column, Pool, Tally, Terms, Vector
from healthd.rates.profiles import Method, Profile
from healthd.rates.rows import Row, Split, Summing, tabulate
from healthd.rates.timeline import Watch, pieces

Outcome: TypeAlias = tuple[tuple[int, ...] | None, ...]
"""A vector for each column; None where the column's method counted nothing."""

Share: TypeAlias = tuple[int, Outcome, bool]
"""(place, outcome, whether the camera was in service there); places are numbers of `Copy.places`."""

Beside: TypeAlias = tuple[Sequence[Column], Split]
"""More that is judged of the same histories, and how it splits them."""


@dataclass(frozen=True, slots=True)
class Copy:
    """All figures of one period. `shares`: camera -> its shares, the one where it was last at
    the end; ids sorted. `examined`: camera -> its place then and its verdicts by the further rates, as
    `examined.written` writes them. `incidents`: what repairs are counted from, as the store keeps them."""

    start: Moment
    end: Moment  # that was asked for
    until: Moment  # where what is known ends
    terms: Terms
    columns: Sequence[tuple[str, str]]  # rate, profile
    places: Sequence[Placement]
    shares: Mapping[str, Sequence[Share]]
    examined: Mapping[str, tuple[Placement, str]] = field(default_factory=dict)
    incidents: Sequence[str] = ()

    def rows(
        self, *, by: str = "region", region: str = "", camera: str = "", rates: Collection[str] = RATES
    ) -> Iterator[Row]:
        """Rows as `rates.rows` made them when the copy was taken."""
        pool = Pool(self.terms, by, region, [*self._kept(rates)])
        clipped = self.until < self.end
        counted = self._counted(pool)
        tally = Tally(counts={method: {} for method in counted})
        for one in [camera] if camera else self.shares:
            shares = self.shares.get(one, ())
            self._add(tally, pool, one, shares, counted)
            if by == "camera" and shares:
                last = self.places[shares[-1][0]].region
                yield from tabulate(pool, tally, self.start, self.until, clipped=clipped, region=last)
                tally = Tally(counts={method: {} for method in counted})
        yield from tabulate(pool, tally, self.start, self.until, clipped=clipped, region=region)

    def _kept(self, rates: Collection[str]) -> Iterator[_Kept]:
        profiles = {profile.name: profile for profile in self.terms.profiles}
        for number, (rate, profile) in enumerate(self.columns):
            if rate in rates:
                yield _Kept(rate, profiles[profile], number)

    @staticmethod
    def _counted(pool: Pool) -> dict[Method, list[int]]:
        """The methods that count instead of timing, and the numbers of their columns."""
        found: dict[Method, list[int]] = {}
        for column in pool.columns:
            if isinstance(column, _Kept) and not column.method.timed:
                found.setdefault(column.method, []).append(column.number)
        return found

    def _add(
        self,
        tally: Tally,
        pool: Pool,
        camera: str,
        shares: Sequence[Share],
        counted: Mapping[Method, Sequence[int]],
    ) -> None:
        served = set()
        for place, outcome, in_service in shares:
            group = pool.group(camera, self.places[place])
            if group is None:
                continue
            _count(tally.amounts.setdefault(group, {}), outcome)
            for method, columns in counted.items():
                if any(outcome[column] is not None for column in columns):
                    _count(tally.counts[method].setdefault(group, {}), outcome)
            if in_service:
                served.add(group)
        if served:
            tally.members[frozenset(served)] += 1


class _Kept(Column):
    """A column whose sums were judged when the copy was taken; `number`: its place in an outcome."""

    def __init__(self, rate: str, profile: Profile, number: int) -> None:
        super().__init__(rate, profile)
        self.number = number
        if rate not in RATES:
            self.method = Method()  # usage and attributable are always time

    def vector(self, amounts: Mapping[Any, int]) -> Vector:
        sums: Vector = []
        for outcome, times in amounts.items():
            vector = outcome[self.number] or ()
            sums = sums or [0] * len(vector)
            for place, amount in enumerate(vector):
                sums[place] += amount * times
        return sums


def _count(sums: dict[Any, int], mark: Outcome) -> None:
    sums[mark] = sums.get(mark, 0) + 1


def freeze(
    histories: Iterable[CameraHistory],
    watch: Watch,
    terms: Terms,
    beside: Sequence[Beside] = (),
    *,
    examined: Mapping[str, tuple[Placement, str]] | None = None,
    incidents: Sequence[str] = (),
) -> Copy:
    """The copy of the watch's period, from one pass over `histories`. `beside`: columns beside those of the
    terms' rates."""
    watch = watch.judging(terms.profiles)
    places: dict[Placement, int] = {}
    judges = [_Judge(watch, terms, places), *(_Judge(watch, terms, places, *one) for one in beside)]
    outcomes: dict[Outcome, Outcome] = {}
    shares: dict[str, Sequence[Share]] = {}
    for history in histories:
        found = [*pieces(history, watch, watch.start, watch.until)]
        if not found:
            continue
        for judge in judges:
            judge.add(history.camera, found)
        tallied = [judge.tally() for judge in judges]
        served = frozenset[Any]().union(*tallied[0].members)
        last = judges[0].pool.group(history.camera, found[-1].placement)
        of_camera = []
        for group in (*(group for group in tallied[0].amounts if group != last), last):
            if group is None:
                continue
            outcome = tuple(
                vector
                for judge, tally in zip(judges, tallied, strict=True)
                for vector in judge.vectors(tally, group)
            )
            of_camera.append((int(group[0]), outcomes.setdefault(outcome, outcome), group in served))
        shares[history.camera] = of_camera
    return Copy(
        watch.start,
        watch.end,
        watch.until,
        terms,
        [(column.rate, column.profile.name) for judge in judges for column in judge.pool.columns],
        [*places],
        dict(sorted(shares.items())),
        dict(sorted((examined or {}).items())),
        tuple(incidents),
    )


class _Judge(Summing):
    """Sums of one camera at a time, by its places, so that rows by anything can be made of them later."""

    def __init__(
        self,
        watch: Watch,
        terms: Terms,
        places: dict[Placement, int],
        columns: Sequence[Column] | None = None,
        split: Split = lambda camera, found: found,
    ) -> None:
        super().__init__(watch, terms, columns=columns, split=split)
        self.pool = _Places(terms, places, self.pool.columns)

    def vectors(self, tally: Tally, group: tuple[str, str]) -> Iterator[tuple[int, ...] | None]:
        for column in self.pool.columns:
            amounts = (tally.of(column.method, instant=False) or {}).get(group)
            yield None if amounts is None else tuple(column.vector(amounts))


class _Places(Pool):
    """Books every camera under the number of its place."""

    def __init__(self, terms: Terms, places: dict[Placement, int], columns: Sequence[Column]) -> None:
        super().__init__(terms, columns=columns)
        self._numbers = places

    def group(self, camera: str, placement: Placement) -> tuple[str, str]:
        place = Placement(placement.region, placement.class_, placement.unit, placement.maintainer)
        return str(self._numbers.setdefault(place, len(self._numbers))), place.class_
