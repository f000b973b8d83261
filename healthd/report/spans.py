"""The periods that reports are about: months, weeks, days by their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from healthd.model import Moment
from healthd.periods import Span, day, local, parse_day, parse_month
from healthd.report.material import Period, ReportKind

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})", re.ASCII)


def month_period(name: str, span_of: Callable[[str], Span]) -> Period:
    """The month `YYYY-MM`; ValueError with the remedy. `span_of`: the span of a month, or the same ValueError."""
    return Period(ReportKind.MONTHLY, name.strip(), span_of(name), span_of(_months_off(name, -1)))


def week_period(name: str, zone: ZoneInfo) -> Period:
    """The ISO week `YYYY-Www`, Monday to Sunday; ValueError with the remedy."""
    match = _WEEK.fullmatch(name.strip())
    try:
        monday = date.fromisocalendar(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        monday = None
    if monday is None or not 1970 <= monday.year < 9999:
        raise ValueError(f'"{name}" is not a week: write it as YYYY-Www, such as 2026-W43')
    return Period(ReportKind.WEEKLY, name.strip(), _days(monday, 7, zone), _days(monday - timedelta(7), 7, zone))


def day_period(name: str, zone: ZoneInfo) -> Period:
    """The day `YYYY-MM-DD`; ValueError with the remedy."""
    span = parse_day(name, zone)
    when = date.fromisoformat(name.strip())
    return Period(ReportKind.DAILY, when.isoformat(), span, day(when - timedelta(1), zone))


def last_period(kind: ReportKind, now: Moment, zone: ZoneInfo, starts_on: int = 1) -> Period:
    """The last month, week or day that had ended by `now`; for a work list that moment alone."""
    today = local(now, zone).date()
    if kind is ReportKind.DAILY:
        return day_period((today - timedelta(1)).isoformat(), zone)
    if kind is ReportKind.WEEKLY:
        year, week, _ = (today - timedelta(7)).isocalendar()
        return week_period(f"{year}-W{week:02d}", zone)
    if kind is ReportKind.WORKLIST:
        return Period(kind, today.isoformat(), Span(now, now))

    def span_of(name: str) -> Span:
        return parse_month(name, zone, starts_on)

    name = _months_off(f"{today.year}-{today.month:02d}", 1)  # a month that starts on the 26th may be ahead
    while span_of(name).end > now:
        name = _months_off(name, -1)
    return month_period(name, span_of)


def months_before(name: str, count: int) -> list[str]:
    """The names of `count` months that end with the named one."""
    return [_months_off(name, offset) for offset in range(1 - count, 1)]


def _months_off(name: str, offset: int) -> str:
    year, month = map(int, name.strip().split("-"))
    months = year * 12 + month - 1 + offset
    return f"{months // 12}-{months % 12 + 1:02d}"


def _days(first: date, count: int, zone: ZoneInfo) -> Span:
    return Span(day(first, zone).start, day(first + timedelta(count), zone).start)
