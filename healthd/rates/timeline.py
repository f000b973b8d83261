"""What is known of a camera, moment by moment: its history cut into pieces in which nothing changes. Pure.

`rates` sums the pieces of a period, `windows` keeps such sums up to date.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from healthd.model import CameraHistory, Lifecycle, Moment, Placement, State
from healthd.rates.profiles import GRACE, Profile
from healthd.service_hours import parse_service_hours

__all__ = ["FOREVER", "GRACE", "Piece", "Situation", "Watch", "entries_since", "joined", "pieces", "stays"]

FOREVER: Moment = 253_370_764_800_000
"""Later than anything: 9999-01-01T00:00:00Z."""

Entry: TypeAlias = tuple[Moment, State, tuple[str, ...]]
Spans: TypeAlias = Sequence[tuple[Moment, Moment]]
_Change: TypeAlias = tuple[Moment, int, Any]  # at, which track, its value from then on

_at = itemgetter(0)
_JUDGED = (State.GOOD, State.FAULTY)


class Situation(NamedTuple):
    """All that decides the bucket of a camera's moment, for any rate and profile."""

    out: str  # why the camera is out of service; "" while it is in service
    exempt: bool
    seen: bool  # healthd ran and saw
    online: State
    picture: State
    faults: tuple[str, ...]
    overdue: Moment  # the longest of the watch's graces that has run out since no picture comes; -1: none
    pictured: bool  # a picture is expected


ABSENT = Situation("not in the inventory", False, False, State.UNKNOWN, State.UNKNOWN, (), -1, True)
_BEFORE_US = ABSENT._replace(out="healthd was not installed yet")
_CLOSED = ABSENT._replace(out="outside its service hours")


class Piece(NamedTuple):
    """[start, end) of one camera. Absent seconds carry the placement that they are booked at: before the camera
    came that of its first seconds in the period, after it left that of its last."""

    start: Moment
    end: Moment
    placement: Placement
    situation: Situation


class Watch:
    """What pieces of all cameras share: when healthd was watching, and the service hours as spans of moments.

    `heartbeats`: (from, to), sorted; before the first one ever healthd was not installed, so that one is always
    in it. Service hours are known within [start, end) only; those once asked for are kept. `graces`: for how long
    (ms) a missing picture is undiagnosed, of all profiles that pieces are judged by.
    """

    def __init__(
        self, heartbeats: Spans, zone: ZoneInfo, start: Moment, end: Moment, graces: Iterable[Moment] = (GRACE,)
    ) -> None:
        self.zone = zone
        self.start = start
        self.end = end
        self.heartbeats = heartbeats
        self.graces = tuple(sorted({*graces}))
        self.seen: Sequence[_Change] = [*_switched(joined(heartbeats), _SEEN)]
        self._hours: dict[str, Sequence[_Change]] = {}

    def judging(self, profiles: Iterable[Profile]) -> Watch:
        """The same watch for these profiles; itself where it knows their graces."""
        missing = {profile.grace for profile in profiles} - {*self.graces}
        if not missing:
            return self
        return Watch(self.heartbeats, self.zone, self.start, self.end, [*self.graces, *missing])

    @property
    def until(self) -> Moment:
        """Where what is known of the period ends: with the last heartbeat, if that is sooner."""
        return min(self.end, self.heartbeats[-1][1]) if self.heartbeats else self.start

    def hours(self, text: str) -> Sequence[_Change]:
        """When service hours open and close, beginning with what holds at `start`."""
        if text not in self._hours:
            spans = parse_service_hours(text).spans(self.start, self.end, self.zone)
            self._hours[text] = [(self.start, _OPEN, False), *_switched(spans, _OPEN)]
        return self._hours[text]


# Tracks of a camera; each holds one value at a time. The numbers are places in the list of values in `_cut`.
_OPEN, _EXEMPT, _SEEN, _ONLINE, _PICTURE = range(5)
# Not seen is None before the first heartbeat ever, False in a gap.
_AT_FIRST: tuple[Any, ...] = (True, False, None, State.UNKNOWN, (State.UNKNOWN, (), -1))


def pieces(history: CameraHistory, watch: Watch, start: Moment, end: Moment) -> Iterator[Piece]:
    """[start, end) of a camera, cut where anything changes that may decide a bucket; ascending, without gaps.

    Nothing at all if the camera was not in the inventory for a moment of it. Past the end of the watch service
    hours are taken to stay as they were.
    """
    for since, until, placement, present in stays(history, start, end):
        if not present:
            yield Piece(since, until, placement, ABSENT)
        elif placement.lifecycle is not Lifecycle.IN_SERVICE:
            yield Piece(since, until, placement, _out_of_lifecycle(placement.lifecycle))
        else:
            yield from _cut(_changes(history, watch, placement, since), since, until, placement)


def stays(history: CameraHistory, start: Moment, end: Moment) -> Iterator[tuple[Moment, Moment, Placement, bool]]:
    """(from, to, placement, whether the camera was there) over [start, end); see `Piece` for when it was not."""
    entries = history.placements
    if len(entries) == 1 and entries[0][0] <= start < end and entries[0][1]:
        yield start, end, entries[0][1], True  # nearly all cameras
        return
    spans = [
        (max(since, start), min(until, end), placement)
        for (since, placement), (until, _) in pairwise([(start, None), *entries, (end, None)])
        if max(since, start) < min(until, end)
    ]
    booked = next((placement for *_, placement in spans if placement), None)
    if booked is None:
        return
    for since, until, placement in spans:
        booked = placement or booked
        yield since, until, booked, placement is not None


def joined(spans: Iterable[tuple[Moment, Moment]]) -> Iterator[tuple[Moment, Moment]]:
    """The same moments as spans that neither overlap nor touch; `spans` sorted, empty ones are dropped."""
    start = end = None
    for begin, finish in spans:
        if finish <= begin:
            continue
        if start is None or end is None:
            start, end = begin, finish
        elif begin <= end:
            end = max(end, finish)
        else:
            yield start, end
            start, end = begin, finish
    if start is not None and end is not None:
        yield start, end


def _switched(spans: Iterable[tuple[Moment, Moment]], track: int) -> Iterator[_Change]:
    for begin, finish in spans:
        yield begin, track, True
        yield finish, track, False


def _changes(history: CameraHistory, watch: Watch, placement: Placement, start: Moment) -> list[_Change]:
    """All changes of a camera's tracks, sorted; of shared tracks only those that matter from `start` on."""
    changes = _since(watch.seen, start)
    if placement.service_hours:
        changes += _since(watch.hours(placement.service_hours), start)
    if history.exempt:
        changes += _switched(joined(history.exempt), _EXEMPT)
    changes += [(at, _ONLINE, state) for at, state, _ in history.online]
    changes += [(at, _PICTURE, (state, faults, -1)) for at, state, faults in history.picture]
    if any(entry[1] is State.NO_PICTURE for entry in history.picture):  # few cameras
        changes += _overdue(history.picture, watch.graces)
    changes.sort(key=_at)  # stable: of two entries of one moment the later one holds
    return changes


def _since(changes: Sequence[_Change], start: Moment) -> list[_Change]:
    return list(changes[max(0, bisect_right(changes, start, key=_at) - 1) :])


def entries_since(entries: Sequence[Entry], moment: Moment) -> tuple[Entry, ...]:
    """The entries of an axis from the one on that holds at `moment`, and before it the missing picture that its
    grace counts from: all that pieces from `moment` on need."""
    place = max(0, bisect_right(entries, moment, key=_at) - 1)
    missing: Entry | None = None
    for entry, following in reversed([*pairwise(entries[: place + 1])]):
        if entry[0] == following[0]:
            continue  # of several entries of one moment the last one holds
        if entry[1] in _JUDGED:
            break
        if entry[1] is State.NO_PICTURE:
            missing = entry
    if missing is None or entries[place][1] in _JUDGED:
        return tuple(entries[place:])
    return (missing, *entries[place:])


def _overdue(picture: Sequence[Entry], graces: Sequence[Moment]) -> Iterator[_Change]:
    """When each grace of a missing picture ran out. They count from the first missing picture since one was
    judged: a camera that goes offline for a moment every 23 h does not begin it anew."""
    missing: Moment | None = None
    for (at, state, faults), (until, *_) in pairwise([*picture, (FOREVER, State.UNKNOWN, ())]):
        if at == until:
            continue  # of several entries of one moment the last one holds
        if state in _JUDGED:
            missing = None
        elif state is State.NO_PICTURE:
            missing = at if missing is None else missing
            for grace in graces:
                ran_out = max(at, missing + grace)
                if ran_out < until:
                    yield ran_out, _PICTURE, (state, faults, grace)


_new = tuple.__new__  # a million pieces a month: NamedTuple's own constructor takes twice as long


def _cut(changes: Iterable[_Change], start: Moment, end: Moment, placement: Placement) -> Iterator[Piece]:
    """The pieces of [start, end) between changes."""
    values, pictured, since = list(_AT_FIRST), placement.picture, start
    for at, track, value in changes:
        if at > since:
            if at >= end:
                break
            yield _new(Piece, (since, at, placement, _situation(pictured, tuple(values))))
            since = at
        values[track] = value
    if since < end:
        yield _new(Piece, (since, end, placement, _situation(pictured, tuple(values))))


@lru_cache(maxsize=1 << 12)
def _situation(pictured: bool, values: tuple[Any, ...]) -> Situation:
    """Of the tracks' values, without what can't decide the bucket: so sums are kept for few situations."""
    is_open, exempt, seen, online, (picture, faults, overdue) = values
    if seen is None:
        return _BEFORE_US
    if not is_open:
        return _CLOSED
    if not seen:
        return Situation("", exempt, False, State.UNKNOWN, State.UNKNOWN, (), -1, pictured)
    return Situation("", exempt, True, online, picture, faults, overdue, pictured)


@lru_cache
def _out_of_lifecycle(lifecycle: Lifecycle) -> Situation:
    return ABSENT._replace(out=f"its lifecycle is {lifecycle}")
