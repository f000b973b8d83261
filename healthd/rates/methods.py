"""Counting instead of timing: heads at given times of day, and days that cameras passed. Pure.

What is counted is booked as time is: under a group, by what it will be judged by, so that the same function pools
it up the tree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Protocol, TypeAlias
from zoneinfo import ZoneInfo

from healthd.model import Moment, Placement
from healthd.periods import Span, day, local, moment_of
from healthd.rates.buckets import Bucket
from healthd.rates.pool import ENOUGH, Column, Mark, Outcomes
from healthd.rates.profiles import Method
from healthd.rates.timeline import Piece, Situation, Watch

_KINDS = len(Bucket)
_ENOUGH = ENOUGH.as_integer_ratio()

Counted: TypeAlias = tuple[Placement, Mark, int]


class Counter(Protocol):
    """One way to count a camera's pieces: (where it is booked, what it is judged by, how many)."""

    method: Method

    def count(self, found: Sequence[Piece]) -> Iterator[Counted]: ...


def counters(columns: Iterable[Column], watch: Watch) -> list[Counter]:
    """One for each method of the columns' profiles that does not count time, over the watch up to its last
    heartbeat."""
    found: dict[Method, list[Column]] = {}
    for column in columns:
        if not column.method.timed:
            found.setdefault(column.method, []).append(column)
    return [
        HeadCount(method, watch) if method.kind == "head_count" else DailyPass(method, shared, watch)
        for method, shared in found.items()
    ]


class HeadCount:
    """Where every camera stands at the method's times of each day."""

    def __init__(self, method: Method, watch: Watch) -> None:
        self.method = method
        times = [time.fromisoformat(text) for text in method.audit]
        moments = [
            moment_of(datetime.combine(local(one.start, watch.zone).date(), at, watch.zone))
            for one in days_of(Span(watch.start, watch.until), watch.zone)
            for at in times
        ]
        # A time that the clocks leave out counts as long after the change; of one that comes twice the first.
        self.moments = sorted({moment for moment in moments if watch.start <= moment < watch.until})

    def heads(self, found: Sequence[Piece]) -> Iterator[tuple[Moment, Piece]]:
        """Each time, and the piece that holds then."""
        place, moments = 0, self.moments
        for piece in found:
            while place < len(moments) and moments[place] < piece.end:
                yield moments[place], piece
                place += 1

    def count(self, found: Sequence[Piece]) -> Iterator[Counted]:
        place, moments = 0, self.moments
        for _, end, placement, situation in found:
            first = place
            while place < len(moments) and moments[place] < end:
                place += 1
            if place > first:
                yield placement, situation, place - first


class DailyPass:
    """Which days a camera passed. A day is judged whole and booked where the camera was in service last in it."""

    def __init__(self, method: Method, columns: Sequence[Column], watch: Watch) -> None:
        self.method = method
        self._columns = columns
        self._share = method.pass_at.as_integer_ratio()
        for place, column in enumerate(columns):
            column.place = place
        self._days = [*days_of(Span(watch.start, watch.until), watch.zone)]
        self._ends = [one.end for one in self._days]
        self._whole: dict[Situation, Outcomes] = {}

    def count(self, found: Sequence[Piece]) -> Iterator[Counted]:
        at, parts, days, ends = 0, list[Piece](), self._days, self._ends
        for piece in found:
            if parts and days[at].end <= piece.end:
                parts.append(piece)
                yield _last_in_service(parts), self._judge(_amounts(parts, days[at])), 1
                parts, at = [], at + 1
            if not parts and at < len(days) and days[at].end <= piece.end:
                until = bisect_right(ends, piece.end, at)
                yield piece.placement, self._whole_day(piece.situation), until - at
                at = until
            if at < len(days) and days[at].start < piece.end:
                parts.append(piece)

    def days(self, found: Sequence[Piece]) -> Iterator[tuple[Span, list[Piece], Outcomes]]:
        """Each day with its pieces, cut to it, and what it counts as."""
        for one in self._days if found else ():
            parts = [
                piece._replace(start=max(piece.start, one.start), end=min(piece.end, one.end))
                for piece in found
                if piece.start < one.end and piece.end > one.start
            ]
            yield one, parts, self._judge(_amounts(parts, one))

    def _whole_day(self, situation: Situation) -> Outcomes:
        """The outcome of a day in which nothing changed; a camera has many of them."""
        known = self._whole.get(situation)
        if known is None:
            known = self._whole[situation] = self._judge({situation: 1})
        return known

    def _judge(self, amounts: dict[Situation, Moment]) -> Outcomes:
        """(outcome, outcome without exemptions) for each column."""
        exempt = any(situation.exempt for situation in amounts)
        found = []
        for column in self._columns:
            net, raw, judged = [0] * _KINDS, [0] * _KINDS, column.judged
            for situation, amount in amounts.items():
                bucket, without = judged(situation)
                net[bucket] += amount
                raw[without] += amount
            outcome = self._outcome(*net)
            found.append((outcome, self._outcome(*raw) if exempt else outcome))
        return tuple(found)

    def _outcome(
        self, good: int, bad: int, undiagnosed: int, unknown: int, exempt: int, _out_of_service: int
    ) -> Bucket:
        """What a day counts as, by the time in it; it is unknown where healthd saw too little of it."""
        assessed, (part, whole) = good + bad, self._share
        if assessed and assessed * _ENOUGH[1] >= _ENOUGH[0] * (assessed + unknown):
            return Bucket.GOOD if good * whole >= part * assessed else Bucket.BAD
        if assessed or unknown:
            return Bucket.UNKNOWN
        if undiagnosed:
            return Bucket.UNDIAGNOSED
        return Bucket.EXEMPT if exempt else Bucket.OUT_OF_SERVICE


def _last_in_service(parts: Sequence[Piece]) -> Placement:
    return next((part.placement for part in reversed(parts) if not part.situation.out), parts[-1].placement)


def _amounts(parts: Iterable[Piece], one: Span) -> dict[Situation, Moment]:
    amounts: dict[Situation, Moment] = {}
    for start, end, _, situation in parts:
        took = min(end, one.end) - max(start, one.start)
        amounts[situation] = amounts.get(situation, 0) + took
    return amounts


def days_of(span: Span, zone: ZoneInfo) -> Iterator[Span]:
    """The local days that a span touches; the first and the last are cut to it."""
    if span.start >= span.end:
        return
    when = local(span.start, zone).date()
    while (whole := day(when, zone)).start < span.end:
        if span.start < whole.end:
            yield Span(max(span.start, whole.start), min(span.end, whole.end))
        when += timedelta(days=1)
