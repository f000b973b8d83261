"""At whose door bad seconds are laid: usage and attributable rates, from what incidents held when. Pure.

The *usage* rate counts every bad second. The *attributable* rate divides by the same time, but only those bad
seconds count that an incident lays at the maintainer's own door; a dead feed or the operator's line is somebody
else's (CONTRACT 5: counts_for). What no incident explains is undetermined, and shown as that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from healthd.incidents.incident import CountsFor, Happening, Incident, Kind
from healthd.model import CameraHistory, Moment, Placement, State
from healthd.rates.buckets import Bucket
from healthd.rates.pool import Column, Terms, Vector
from healthd.rates.profiles import Method, Profile
from healthd.rates.rows import Row, Split, Summing
from healthd.rates.timeline import FOREVER, Piece, Situation, Watch, pieces

DOORS = (CountsFor.OWN, CountsFor.POWER, CountsFor.OPERATOR, CountsFor.UNDETERMINED)
"""In the order of `Row.doors`."""

ATTRIBUTED = ("usage", "attributable")

LATE: Moment = 10 * 60 * 1000
"""How long after a failure is over its incident may be opened at the latest: it waits for what fails with it."""

_OWN, _UNDETERMINED = DOORS.index(CountsFor.OWN), DOORS.index(CountsFor.UNDETERMINED)
_DOWN = frozenset({Kind.OFFLINE, Kind.FLAPPING})
_SEEN = frozenset({Kind.PICTURE, Kind.ACCOUNT, Kind.CLOCK})


class Hold(NamedTuple):
    """[start, end) in which an incident held a camera; `down`: because of its reach, else of its picture."""

    start: Moment
    end: Moment
    door: int  # place in DOORS
    down: bool


class Laid(NamedTuple):
    """What an amount is judged by here: a situation, and the door that its bad seconds are laid at."""

    situation: Situation
    door: int

    @property
    def out(self) -> str:
        return self.situation.out


class LaidPiece(NamedTuple):
    """A `Piece` whose `situation` knows its door."""

    start: Moment
    end: Moment
    placement: Placement
    situation: Laid


def holds(happenings: Iterable[Happening], incidents: Iterable[Incident]) -> dict[str, list[Hold]]:
    """Camera -> when incidents held it, by start.

    `happenings`: of these incidents, in the order of the feed. `incidents`: as they stand last. What an incident
    turned out to be counts for all of its time, and what it was merged into counts for it.
    """
    last = {one.id: one for one in incidents}
    found: dict[str, list[Hold]] = defaultdict(list)
    members: dict[str, dict[str, Moment]] = defaultdict(dict)  # incident -> camera -> since when it is in
    for at, _, incident, _ in ((one.at, one.what, one.incident, one.detail) for one in happenings):
        inside = members[incident.id]
        for camera in [camera for camera in inside if camera not in incident.camera_ids]:
            found[camera].append(_hold(incident, last, inside.pop(camera), at))
        for camera in incident.camera_ids:
            inside.setdefault(camera, at)
    for key, inside in members.items():
        for camera, since in inside.items():
            if key in last:
                found[camera].append(_hold(last[key], last, since, last[key].closed or FOREVER))
    for each in found.values():
        each.sort()
    return found


def _hold(incident: Incident, last: Mapping[str, Incident], start: Moment, end: Moment) -> Hold:
    final, seen = last.get(incident.id, incident), {incident.id}
    while final.merged_into in last and final.merged_into not in seen:
        seen.add(final.merged_into)
        final = last[final.merged_into]
    return Hold(start, max(start, end), DOORS.index(final.counts_for), incident.kind in _DOWN)


def laid(found: Sequence[Piece], held: Sequence[Hold]) -> Iterator[LaidPiece]:
    """A camera's pieces, cut where its trouble changes hands. `found` has no gaps; `held` is sorted."""
    for down in (True, False):
        mine = [hold for hold in held if hold.down is down]
        stretches = [*_stretches(found, down)]
        for number, parts in enumerate(stretches):
            begin, finish = parts[0].start, parts[-1].end
            following = stretches[number + 1][0].start if number + 1 < len(stretches) else FOREVER
            late = min(following, finish + LATE)
            its = [hold for hold in mine if hold.end > begin and hold.start < max(finish, late)]
            for part in parts:
                yield from _cut(part, its)
    for piece in found:
        if _trouble(piece.situation) is None:
            yield LaidPiece(piece.start, piece.end, piece.placement, Laid(piece.situation, _UNDETERMINED))


def _trouble(situation: Situation) -> bool | None:
    """Whether it is down, or else without a good picture; None: neither is known."""
    if situation.online is State.OFFLINE:
        return True
    return False if situation.picture in (State.FAULTY, State.NO_PICTURE) else None


def _stretches(found: Sequence[Piece], down: bool) -> Iterator[list[Piece]]:
    """Runs of touching pieces of one trouble: what one incident may explain as a whole."""
    run: list[Piece] = []
    for piece in found:
        if _trouble(piece.situation) is down:
            run.append(piece)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _cut(part: Piece, its: Sequence[Hold]) -> Iterator[LaidPiece]:
    """A piece laid at the door of the incident that held the camera last; what is before the first is that
    one's, too, for an incident is opened only after a failure is confirmed."""
    if not its:
        yield LaidPiece(*part[:3], Laid(part.situation, _UNDETERMINED))
        return
    place = max(0, bisect_right(its, part.start, key=attrgetter("start")) - 1)
    start = part.start
    while start < part.end:
        end = part.end
        if place + 1 < len(its):
            end = min(end, max(start, its[place + 1].start))
        if start < end:
            yield LaidPiece(start, end, part.placement, Laid(part.situation, its[place].door))
        start, place = end, place + 1


class DoorColumn(Column):
    """`usage` or `attributable` by one profile, over the seconds of its `base` rate. Its vectors have the bad
    amounts by door at their end."""

    def __init__(self, rate: str, base: str, profile: Profile) -> None:
        super().__init__(rate, profile)
        self._base = Column(base, profile)
        self.method = Method()  # always time
        self._laid: dict[Laid, tuple[Vector, bool]] = {}

    def vector(self, amounts: Mapping[Laid, int]) -> Vector:
        """As in `Column`, then own, power, operator, undetermined."""
        sums = [0] * (len(Bucket) + 2 + len(DOORS))
        for mark, amount in amounts.items():
            unit, bad = self._units(mark)
            for place, one in enumerate(unit):
                if one:
                    sums[place] += amount
            if bad:
                sums[len(Bucket) + 2 + mark.door] += amount
        return sums

    def _units(self, mark: Laid) -> tuple[Vector, bool]:
        """What one millisecond adds, and whether it was bad."""
        known = self._laid.get(mark)
        if known is None:
            unit = self._base.vector({mark.situation: 1})
            bad = bool(unit[Bucket.BAD])
            if self.rate == "attributable" and mark.door != _OWN:
                unit[Bucket.GOOD] += unit[Bucket.BAD]
                unit[Bucket.BAD] = 0
                unit[-2] = unit[-1]
            known = self._laid[mark] = (unit, bad)
        return known


def door_columns(terms: Terms) -> list[DoorColumn]:
    """Usage and attributable by each profile: both over the seconds of the intact rate, or of the online rate
    where there is no intact rate."""
    base = terms.rates[-1]
    return [DoorColumn(rate, base, profile) for profile in terms.profiles for rate in ATTRIBUTED]


def lay(held: Mapping[str, Sequence[Hold]]) -> Split:
    """How a camera's pieces are split by whom its bad seconds are laid at."""
    return lambda camera, found: laid(found, held.get(camera, ()))


def attributing(
    watch: Watch, terms: Terms, held: Mapping[str, Sequence[Hold]], *, by: str = "maintainer", region: str = ""
) -> Summing:
    """What sums up the rows of usage and attributable for each profile."""
    return Summing(watch, terms, by=by, region=region, columns=door_columns(terms), split=lay(held))


def attributed(
    histories: Iterable[CameraHistory],
    watch: Watch,
    terms: Terms,
    held: Mapping[str, Sequence[Hold]],
    *,
    by: str = "maintainer",
    region: str = "",
) -> Iterator[Row]:
    """Rows of usage and attributable out of one pass over `histories`, as `rates.rows` makes the others."""
    watch = watch.judging(terms.profiles)
    summing = attributing(watch, terms, held, by=by, region=region)
    for history in histories:
        found = [*pieces(history, watch, watch.start, watch.until)]
        summing.add(history.camera, found)
        if by == "camera" and found:
            yield from summing.take(found[-1].placement.region)
    yield from summing.take()
