"""When the calendar has a report made, and which of these moments a daemon that was down has missed. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from healthd.model import Moment
from healthd.options.reports import WEEKDAYS, ScheduledReport
from healthd.periods import iso, local, moment_of
from healthd.report.material import ReportKind
from healthd.report.spans import last_period

_DAY: Moment = 86_400_000
_LOOK_BACK = {ReportKind.MONTHLY: 35 * _DAY, ReportKind.WEEKLY: 35 * _DAY, ReportKind.DAILY: 7 * _DAY}
"""How long ago a report may have been due and is still made. A work list tells of now: only today's is."""
SETTLED: Moment = 40 * 60_000
"""A daemon that went on for so long after a report was due has made it, or tried for the last time."""


def dues(report: ScheduledReport, since: Moment, until: Moment, zone: ZoneInfo) -> Iterator[Moment]:
    """The moments after `since`, up to `until`, at which the calendar has it made, one a day at most."""
    hour, minute = map(int, report.at.split(":"))
    day, last = local(since, zone).date(), local(until, zone).date()
    while day <= last:
        due = moment_of(datetime.combine(day, time(hour, minute), tzinfo=zone))
        if _falls_on(report, day) and since < due <= until:
            yield due
        day += timedelta(1)


def _falls_on(report: ScheduledReport, day: date) -> bool:
    if report.kind == ReportKind.MONTHLY:
        return day.day == (report.day or 1)
    if report.kind == ReportKind.WEEKLY:
        return day.weekday() == WEEKDAYS.index(report.weekday or "monday")
    return True


def last_due(report: ScheduledReport, now: Moment, zone: ZoneInfo) -> Moment:
    """The latest of these moments; `now` where there was none lately."""
    return max(dues(report, now - 35 * _DAY, now, zone), default=now)


def order(report: ScheduledReport, due: Moment, zone: ZoneInfo) -> str:
    """What tells one making of a scheduled report from all others: kept with it, so that none is made twice."""
    said = hashlib.sha256(report.model_dump_json().encode()).hexdigest()[:12]
    return f"{report.kind} {said} {iso(due, zone)}"


def missed(
    report: ScheduledReport,
    now: Moment,
    zone: ZoneInfo,
    seen: Sequence[tuple[Moment, Moment]],
    made: Collection[str],
) -> Iterator[Moment]:
    """When it was due and the daemon was down, or ended before it could make it, the earliest first. `seen`: the
    spans in which healthd ran; `made`: the orders of the reports that are kept. What healthd knows nothing of is
    not made."""
    kind = ReportKind(report.kind)
    back = _LOOK_BACK.get(kind)
    since = now - back if back else moment_of(datetime.combine(local(now, zone).date(), time(0), tzinfo=zone)) - 1
    for due in dues(report, since, now, zone):
        ran = any(begun <= due and ended >= due + SETTLED for begun, ended in seen)
        if ran or order(report, due, zone) in made or not any(begun < due for begun, _ in seen):
            continue
        span = last_period(kind, due, zone).span
        if kind is ReportKind.WORKLIST or any(begun < span.end and ended > span.start for begun, ended in seen):
            yield due
