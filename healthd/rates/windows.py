"""The live windows `now today yesterday month previous_month`, kept up to date flip by flip.

Recomputing a month of a large fleet takes seconds and a page is due every few, so this is a hot mutable table.
Its rows equal those that `rates` makes for the same period and histories: both go by `timeline.pieces`. A flip
takes its camera's pieces from its date on out of the cells and puts the new ones in. Changes that time alone
brings (a grace runs out, service hours open, an exemption begins) wait in a heap for `advance`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from operator import itemgetter
from zoneinfo import ZoneInfo

from healthd.model import Axis, CameraHistory, Flip, Moment, State
from healthd.periods import Span, windows_at
from healthd.rates.buckets import Bucket
from healthd.rates.cells import Cell, Cells, Gathered, group_of
from healthd.rates.pool import Group, Pool, Tally, Terms
from healthd.rates.rows import Row, tabulate
from healthd.rates.timeline import (
    ABSENT,
    FOREVER,
    Entry,
    Piece,
    Situation,
    Spans,
    Watch,
    entries_since,
    pieces,
    stays,
)

DAY: Moment = 24 * 3600 * 1000
KEEP: Moment = 8 * DAY
"""How far back a flip may be dated: a camera's states are kept for so long."""

# How far ahead of a day's start service hours are worked out. They repeat weekly: the next change is within it.
_HORIZON: Moment = 9 * DAY
_BECOMES = {"today": "yesterday", "month": "previous_month"}

Totals = Mapping[tuple[str, str, str, str, str], Moment]
"""(region, class, rate, profile, "good" | "bad") -> milliseconds."""


@dataclass(frozen=True, slots=True)
class Booked:
    """The monotonic counters: all that was booked up to `until`."""

    until: Moment
    totals: Totals


class _Window:
    """One named window: its span, who was in service in it, and the seconds of cameras that were not there."""

    __slots__ = ("absent", "members", "served", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.members: Counter[frozenset[Group]] = Counter()
        self.served: dict[str, frozenset[Group]] = {}  # camera -> groups it was in service in; while going on
        self.absent: dict[Group, Gathered] = {}


class _Camera:
    __slots__ = ("cell", "history", "until")

    def __init__(self, history: CameraHistory) -> None:
        self.history = history  # states of the last KEEP only
        self.cell: Cell | None = None  # where it is now; None: not in the inventory
        self.until = FOREVER  # when time alone will move it on


class Windows:
    """The table. Not for two threads at once; `build` may run in one of its own, as its result is new.

    Flips correct it. After anything else (a reload that changed placements, an exemption filed, a gap in the
    heartbeats) build a new one from the store, and apply to it the flips that came meanwhile: applying one twice
    changes nothing.
    """

    def __init__(self, watch: Watch, terms: Terms, now: Moment, month_starts_on: int, booked: Booked) -> None:
        self._at = now  # all is worked out up to here
        self._watch = watch
        self._month_starts_on = month_starts_on
        self._pool = Pool(terms)
        spans = windows_at(now, watch.zone, month_starts_on)
        self._windows = {name: _Window(span) for name, span in spans.items()}
        self._cells = Cells(self._starts(), booked.until)
        self._carried = booked.totals
        self._cameras: dict[str, _Camera] = {}
        self._sets: dict[frozenset[Group], frozenset[Group]] = {}
        self._due: list[tuple[Moment, str]] = []  # heap: when time alone moves a camera on
        self._fresh: list[tuple[Moment, str, Group]] = []  # just came into service; counts a moment later

    @classmethod
    def build(
        cls,
        histories: Iterable[CameraHistory],
        heartbeats: Spans,
        terms: Terms,
        zone: ZoneInfo,
        now: Moment,
        *,
        month_starts_on: int = 1,
        booked: Booked | None = None,
    ) -> Windows:
        """From histories that reach back to the start of the previous month, in one pass.

        `heartbeats`: as for `Watch`; the last one is still going on. `now` is later than any change of placement.
        `booked`: of the table that this one replaces; nothing may have been booked there since. Without it the
        counters begin at zero, now.
        """
        begun = heartbeats[-1][0] if heartbeats else now
        first = min(span.start for span in windows_at(now, zone, month_starts_on).values())
        graces = [profile.grace for profile in terms.profiles]
        watch = Watch([*heartbeats[:-1], (begun, FOREVER)], zone, first, now + _HORIZON, graces)
        windows = cls(watch, terms, now, month_starts_on, booked or Booked(now, {}))
        for history in histories:
            windows._add(history)
        for name in _BECOMES.values():
            windows._windows[name].served = {}
        return windows

    def apply(self, flip: Flip) -> bool:
        """Puts a flip into its camera's past. False if it is dated too far back for that: build anew."""
        camera = self._cameras.get(flip.camera)
        if camera is None:
            return True
        self.advance(flip.at)
        kept_from = self._at - KEEP
        if flip.at < kept_from:
            return False
        history = camera.history
        axis = history.online if flip.axis is Axis.ONLINE else history.picture
        entry: Entry = (flip.at, flip.state, flip.faults)
        if entry in axis:
            return True  # put in again it would outdo a later one of the same moment
        for piece in self._begun(camera, flip.at):
            self._cells.book(piece, -1, self._at)
        place = bisect_right(axis, flip.at, key=itemgetter(0))
        axis = entries_since((*axis[:place], entry, *axis[place:]), kept_from)
        on_line = flip.axis is Axis.ONLINE
        camera.history = replace(history, online=axis) if on_line else replace(history, picture=axis)
        self._put(camera, flip.at)
        return True

    def advance(self, now: Moment) -> None:
        """Brings what time alone brings up to `now`, new days and months too. Time never goes back here."""
        while now >= (midnight := self._windows["today"].span.end):
            self._move_on(midnight)
            self._roll(midnight)
        self._move_on(now)

    def spans(self, now: Moment) -> dict[str, Span]:
        """Every window's span as of `now`: those that are going on end there."""
        self.advance(now)
        spans = {"now": Span(self._at, self._at)}
        for name, window in self._windows.items():
            spans[name] = Span(window.span.start, min(window.span.end, self._at))
        return spans

    def rows(self, window: str, now: Moment) -> list[Row]:
        """Rows by region of a window as of `now`; those of the window `now` count cameras. The others have rows
        of those profiles only whose method is time."""
        span = self.spans(now)[window]
        if window == "now":
            return tabulate(self._pool, self._heads(), span.start, span.end)
        self._count_fresh(self._at)
        ended = window in _BECOMES.values()
        amounts = self._cells.between(span.start, span.end if ended else None, self._at)
        for group, absent in self._windows[window].absent.items():
            if gathered := absent.at(span.end):
                amounts.setdefault(group, {})[ABSENT] = gathered
        return tabulate(self._pool, Tally(amounts, self._windows[window].members), span.start, span.end)

    def heads(self) -> dict[tuple[str, str, str, str], int]:
        """(region, class, axis, state) -> cameras in service now, with all below the region; state `exempt` for
        those exempt. On the axis picture only where one is expected, and no axis picture without a frame check."""
        heads: Counter[tuple[str, str, str, str]] = Counter()
        for region, class_, situation, cameras in self._in_service():
            states = {Axis.ONLINE: situation.online}
            if situation.pictured and "intact" in self._pool.terms.rates:
                states[Axis.PICTURE] = situation.picture
            for axis, state in states.items():
                heads[region, class_, str(axis), "exempt" if situation.exempt else str(state)] += cameras
        return dict(heads)

    def faults(self) -> dict[tuple[str, str, str], int]:
        """(region, class, fault) -> cameras in service and not exempt whose picture has it now."""
        faults: Counter[tuple[str, str, str]] = Counter()
        for region, class_, situation, cameras in self._in_service():
            if situation.picture is State.FAULTY and not situation.exempt:
                for fault in situation.faults:
                    faults[region, class_, fault] += cameras
        return dict(faults)

    def standing(self, cameras: Iterable[str]) -> dict[str, tuple[Group, Situation]]:
        """Which group each of these is counted in now, and how it stands; of those in the inventory."""
        found = {}
        for name in cameras:
            camera = self._cameras.get(name)
            if camera is not None and camera.cell is not None:
                found[name] = (camera.cell.group, camera.cell.situation)
        return found

    def booked(self, until: Moment) -> Booked:
        """The counters, booked up to `until`: the earliest moment that a flip may still be dated at. A flip dated
        before what is booked counts from there on only, so no counter ever falls."""
        amounts = self._cells.booked(min(until, self._at))
        totals = Counter(self._carried)
        for column in self._pool.columns:
            if not column.method.timed:
                continue
            for (region, class_), sums in self._pool.sums(amounts, column).items():
                key = (region, class_, column.rate, column.profile.name)
                totals[*key, "good"] += sums[Bucket.GOOD]
                totals[*key, "bad"] += sums[Bucket.BAD]
        return Booked(self._cells.booked_until, dict(totals))

    def _add(self, history: CameraHistory) -> None:
        camera = self._cameras[history.camera] = _Camera(history)
        runs = [*self._runs(self._put(camera, self._cells.marks[0]))]
        for window in self._windows.values():
            start, end = window.span.start, window.span.end
            # Who came into service just now has no moment in it yet, unless the window is as young.
            served = frozenset(
                group
                for since, until, group in runs
                if max(since, start) < min(until, end) and not since == self._at > start
            )
            self._serve(window, history.camera, served)
            self._add_absent(history, window)
        if runs and runs[-1][0] == self._at:
            self._fresh.append((self._at, history.camera, runs[-1][2]))
        kept_from = self._at - KEEP
        online, picture = entries_since(history.online, kept_from), entries_since(history.picture, kept_from)
        if (online, picture) != (history.online, history.picture):
            camera.history = replace(history, online=online, picture=picture)

    def _add_absent(self, history: CameraHistory, window: _Window) -> None:
        if len(history.placements) == 1 and history.placements[0][0] <= window.span.start:
            return
        for start, end, placement, present in stays(history, window.span.start, window.span.end):
            if not present:
                absent = window.absent.setdefault((placement.region, placement.class_), Gathered())
                absent.enter(start, 1)
                if end <= self._at:
                    absent.enter(end, -1)

    @staticmethod
    def _runs(found: Iterable[Piece]) -> Iterator[tuple[Moment, Moment, Group]]:
        """A camera's time in service: (from, to, group), with touching pieces of a group as one."""
        start = end = 0
        group: Group | None = None
        for piece in found:
            if piece.situation.out:
                continue
            there = group_of(piece)
            if there == group and piece.start == end:
                end = piece.end
                continue
            if group:
                yield start, end, group
            start, end, group = piece.start, piece.end, there
        if group:
            yield start, end, group

    def _begun(self, camera: _Camera, since: Moment) -> Iterator[Piece]:
        """The camera's pieces from `since` on that have begun; the last one may be going on."""
        for piece in pieces(camera.history, self._watch, since, FOREVER):
            if piece.start > self._at:
                break
            if piece.situation is not ABSENT:
                yield piece

    def _put(self, camera: _Camera, since: Moment) -> list[Piece]:
        """Books the camera's pieces from `since` on, and remembers where that leaves it."""
        found = [*self._begun(camera, since)]
        camera.cell, camera.until = None, FOREVER
        for piece in found:
            cell = self._cells.book(piece, 1, self._at)
            if piece.end > self._at:
                camera.cell, camera.until = cell, piece.end
        if camera.until < FOREVER:
            heappush(self._due, (camera.until, camera.history.camera))
        return found

    def _move_on(self, now: Moment) -> None:
        while self._due and self._due[0][0] <= now:
            at, name = heappop(self._due)
            camera = self._cameras[name]
            if camera.until != at:
                continue  # a flip has changed its future since, or this is a second entry for the same change
            self._at = at
            if camera.cell:
                self._cells.leave(camera.cell, at)
            for piece in self._put(camera, at):
                if not piece.situation.out:
                    self._fresh.append((at, name, group_of(piece)))
        self._at = max(self._at, now)

    def _roll(self, midnight: Moment) -> None:
        """A day begins at `midnight`, perhaps a month too: the windows move by one."""
        self._count_fresh(midnight)
        spans = windows_at(midnight, self._watch.zone, self._month_starts_on)
        for name, ended in _BECOMES.items():
            if spans[name].start == midnight:
                self._begin(name, ended, spans[name])
        self._cells.mark(self._starts(), midnight)
        watch = self._watch
        self._watch = Watch(watch.heartbeats, watch.zone, self._cells.marks[0], midnight + _HORIZON, watch.graces)

    def _begin(self, name: str, ended: str, span: Span) -> None:
        """The window `name` begins anew; what it was becomes the window `ended`."""
        window = self._windows[ended] = self._windows[name]
        window.served = {}
        window = self._windows[name] = _Window(span)
        window.members.update(self._heads().members)
        alone = {group: groups for groups in window.members for group in groups}
        window.served = {
            name: alone[camera.cell.group]
            for name, camera in self._cameras.items()
            if camera.cell and not camera.cell.situation.out
        }

    def _starts(self) -> list[Moment]:
        return sorted({window.span.start for window in self._windows.values()})

    def _serve(self, window: _Window, camera: str, groups: frozenset[Group]) -> None:
        """The camera was in service in the window, in just these groups."""
        before = window.served.get(camera)
        if before:
            window.members[before] -= 1
        if groups:
            window.members[groups] += 1
            window.served[camera] = self._sets.setdefault(groups, groups)  # one object for all equal sets

    def _count_fresh(self, now: Moment) -> None:
        """Counts cameras that came into service before `now` as members of the windows that are going on."""
        waiting, self._fresh = self._fresh, []
        for at, camera, group in waiting:
            if at >= now:
                self._fresh.append((at, camera, group))
                continue
            for window in (self._windows[name] for name in _BECOMES):
                served = window.served.get(camera, frozenset())
                if group not in served:
                    self._serve(window, camera, served | {group})

    def _heads(self) -> Tally:
        tally = Tally(self._cells.counts())
        for group, counts in tally.amounts.items():
            if serving := sum(cameras for situation, cameras in counts.items() if not situation.out):
                tally.members[frozenset([group])] = serving
        return tally

    def _in_service(self) -> Iterator[tuple[str, str, Situation, int]]:
        """(region, class, situation, cameras), with every region above and the class `all`, too."""
        for cell in self._cells:
            if cell.count and not cell.situation.out:
                key, class_ = cell.group
                for region in self._pool.line(key):
                    yield region, class_, cell.situation, cell.count
                    yield region, "all", cell.situation, cell.count
