"""The calendar: days, months and the live windows as spans of moments in a zone. Pure; reads no clock.

A day begins when the wall clock first shows its midnight (or passes it, where the clocks are put forward over
it), so it may have 23 or 25 hours. A month is named by the calendar month in which it ends: with `starts_on` 26,
2026-07 runs from 26 June to 25 July.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from healthd.model import Moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)
_YEARS = range(1970, 9999)


@dataclass(frozen=True, slots=True)
class Span:
    """The moments from `start` up to, but not including, `end`."""

    start: Moment
    end: Moment


def moment_of(when: datetime) -> Moment:
    """The moment of an aware datetime, exact to the millisecond (finer parts are cut off)."""
    return (when - _EPOCH) // _MILLISECOND


def local(moment: Moment, zone: ZoneInfo) -> datetime:
    return (_EPOCH + moment * _MILLISECOND).astimezone(zone)


def iso(moment: Moment, zone: ZoneInfo) -> str:
    """ISO-8601 with the zone's offset: `2026-07-01T00:00:00+08:00`; milliseconds only where there are any."""
    when = local(moment, zone)
    return when.isoformat(timespec="milliseconds" if when.microsecond else "seconds")


def parse_moment(text: str, zone: ZoneInfo) -> Moment:
    """A moment from ISO-8601 text; without an offset it is local time of `zone`. ValueError with the remedy."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        when = None
    if when is None or when.year not in _YEARS:
        raise ValueError(f'"{text}" is not a time: write e.g. 2026-07-01, 2026-07-01T08:30 or 2026-07-01T00:30Z')
    return moment_of(when if when.tzinfo else when.replace(tzinfo=zone))


def day(when: date, zone: ZoneInfo) -> Span:
    return Span(_midnight(when, zone), _midnight(when + timedelta(days=1), zone))


def parse_day(text: str, zone: ZoneInfo) -> Span:
    """The day `YYYY-MM-DD`; ValueError with the remedy."""
    try:
        when = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError:
        when = None
    if when is None or when.year not in _YEARS:
        raise ValueError(f'"{text}" is not a day: write it as YYYY-MM-DD, such as 2026-07-01')
    return day(when.date(), zone)


def month(year: int, number: int, zone: ZoneInfo, starts_on: int = 1) -> Span:
    """The month `number` (1 to 12) of `year`; `starts_on` 1 to 28, from 2 on in the calendar month before."""
    end = year * 12 + number - 1 + (1 if starts_on == 1 else 0)
    return Span(_on(end - 1, starts_on, zone), _on(end, starts_on, zone))


def parse_month(text: str, zone: ZoneInfo, starts_on: int = 1) -> Span:
    """The month `YYYY-MM`; ValueError with the remedy."""
    match = _MONTH.fullmatch(text.strip())
    if match is None or int(match[1]) not in _YEARS or not 1 <= int(match[2]) <= 12:
        raise ValueError(f'"{text}" is not a month: write it as YYYY-MM, such as 2026-07')
    return month(int(match[1]), int(match[2]), zone, starts_on)


def windows_at(now: Moment, zone: ZoneInfo, starts_on: int = 1) -> Mapping[str, Span]:
    """`today`, `yesterday`, `month` and `previous_month` as of `now`, each up to its calendar end."""
    today = local(now, zone).date()
    this = _months(today, starts_on)
    starts = [_on(this + offset, starts_on, zone) for offset in (-2, -1, 0)]
    return {
        "today": day(today, zone),
        "yesterday": day(today - timedelta(days=1), zone),
        "month": Span(starts[1], starts[2]),
        "previous_month": Span(starts[0], starts[1]),
    }


def previous_month_name(now: Moment, zone: ZoneInfo, starts_on: int = 1) -> str:
    """The name of the window `previous_month` as of `now`: `2026-07`."""
    last = _months(local(now, zone).date(), starts_on) - (2 if starts_on == 1 else 1)
    return f"{last // 12}-{last % 12 + 1:02d}"


def _months(today: date, starts_on: int) -> int:
    """Months since year 0 of the month that a day is in, plus one."""
    return today.year * 12 + today.month - (1 if today.day < starts_on else 0)


def _midnight(when: date, zone: ZoneInfo) -> Moment:
    # Of a midnight that comes twice zoneinfo takes the first, of one that is left out the moment of the change.
    return moment_of(datetime.combine(when, time(), zone))


def _on(months: int, day_of_month: int, zone: ZoneInfo) -> Moment:
    """Midnight of a day in the month that is `months` after January of year 0."""
    return _midnight(date(months // 12, months % 12 + 1, day_of_month), zone)
