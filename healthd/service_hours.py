"""Service hours: the weekly hours in which a camera is assessed, such as `mon-fri 07:00-19:00;sat 08:00-12:00`.

A rule is `[DAYS] FROM-TO[,FROM-TO]`; rules are parted by `;`. DAYS is a list of `mon tue wed thu fri sat sun` and
ranges of them (`mon-fri,sun`; `fri-mon` runs over the weekend); without it the rule holds every day. Times are
`HH:MM` of the configured time zone, 00:00 to 24:00. A time that ends before it begins passes midnight: it belongs
to the day on which it begins. What several rules open is open once. Empty text means always.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from healthd.model import Moment
from healthd.problems import Wrong

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_A_DAY = 24 * 60
_MILLISECONDS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"([0-2]?[0-9]):([0-5][0-9])", re.ASCII)
_AROUND = re.compile(r"\s*([-,])\s*")
_HALF_WIDTH = str.maketrans("；，：－–—～~", ";,:-----")  # as Chinese input methods write them
_REMEDY = 'write e.g. "07:00-19:00" or "mon-fri 07:00-19:00;sat 08:00-12:00"'


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """`openings`: (weekday 0 = Monday, from, to) in minutes of local time since that day's midnight, sorted;
    `to` is above 1440 where it passes midnight. No openings at all means always open."""

    openings: tuple[tuple[int, int, int], ...] = ()

    def spans(self, start: Moment, end: Moment, zone: ZoneInfo) -> Iterator[tuple[Moment, Moment]]:
        """The open spans [from, to) within [start, end): ascending, not touching, clipped.

        By the clock on the wall: a time that a change of the clocks leaves out counts as the moment of the
        change, one that comes twice as its first; so a day open 00:00-24:00 has 23, 24 or 25 hours."""
        opened: Moment | None = None
        closed: Moment = start
        for begin, finish in self._clipped(start, end, zone):
            if opened is not None and begin > closed:
                yield opened, closed
                opened = None
            opened = begin if opened is None else opened
            closed = max(closed, finish)
        if opened is not None:
            yield opened, closed

    def _clipped(self, start: Moment, end: Moment, zone: ZoneInfo) -> Iterator[tuple[Moment, Moment]]:
        """Open spans by the moment they begin; they may overlap."""
        if start >= end:
            return
        if not self.openings:
            yield start, end
            return
        # Yesterday's hours may pass midnight.
        day = _local(start, zone).date() - timedelta(days=1)
        last = _local(end, zone).date()
        while day <= last:
            for weekday, begin, finish in self.openings:
                if weekday == day.weekday():
                    span = max(start, _moment(day, begin, zone)), min(end, _moment(day, finish, zone))
                    if span[0] < span[1]:
                        yield span
            day += timedelta(days=1)


def parse_service_hours(text: str) -> ServiceHours:
    """Service hours as written; raises `Wrong` (a ValueError) that names the part it can't read."""
    openings: set[tuple[int, int, int]] = set()
    plain = _AROUND.sub(r"\1", text.translate(_HALF_WIDTH).strip().lower())
    for rule in filter(None, (part.strip() for part in plain.split(";"))):
        days, _, times = rule.rpartition(" ")
        weekdays = _weekdays(days) if days else range(7)
        for span in times.split(","):
            begin, finish = _span(span)
            openings.update((weekday, begin, finish) for weekday in weekdays)
    if plain and not openings:
        raise Wrong(f'"{text}" holds no hours', _REMEDY)
    return ServiceHours(tuple(sorted(openings)))


def _weekdays(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise Wrong(f'"{part}" is not a day or a range of days', f"days are {' '.join(DAYS)}; {_REMEDY}")
        begin = DAYS.index(first)
        count = (DAYS.index(last) - begin) % 7 + 1 if dash else 1
        found.extend((begin + n) % 7 for n in range(count))
    return found


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    begin, finish = _minutes(first), _minutes(last)
    if begin is None or finish is None or begin == _MINUTES_A_DAY:
        raise Wrong(f'"{text}" is not a span of hours', _REMEDY)
    if begin == finish:
        raise Wrong(f'"{text}" is empty', "write 00:00-24:00 for a whole day; leave the column empty for always")
    return begin, finish if finish > begin else finish + _MINUTES_A_DAY


def _minutes(text: str) -> int | None:
    match = _TIME.fullmatch(text.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match else _MINUTES_A_DAY + 1
    return minutes if minutes <= _MINUTES_A_DAY else None


def _local(moment: Moment, zone: ZoneInfo) -> datetime:
    return (_EPOCH + moment * _MILLISECONDS).astimezone(zone)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> Moment:
    """The moment at which the wall clock first shows `minutes` after midnight of `day`, or passes it."""
    days, rest = divmod(minutes, _MINUTES_A_DAY)
    shown = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60))
    moment = (shown.replace(tzinfo=zone) - _EPOCH) // _MILLISECONDS
    if _local(moment, zone).replace(tzinfo=None) == shown:
        return moment

    # The clocks go forward over this time. Python answers with a later moment; find that of the change.
    def changed(candidate: Moment) -> bool:
        return _local(candidate, zone).replace(tzinfo=None) >= shown

    reach = 3 * 3600 * 1000
    return bisect.bisect_left(range(moment + reach), True, lo=moment - reach, key=changed)
