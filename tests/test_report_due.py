"""Scheduled reports after downtime: what was missed is made once, and nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry

from healthd.config import load_config
from healthd.kept import kept_reports
from healthd.model import Moment
from healthd.options.reports import ScheduledReport
from healthd.periods import iso, moment_of
from healthd.report.desk import ReportDesk
from healthd.report.due import dues, last_due, missed, order
from healthd.store import StoreError
from tests.report_kit import PastCity, city_with_past
from tests.running import edit_config

ZONE = ZoneInfo("Asia/Shanghai")
HOUR, DAY = 3_600_000, 86_400_000


def at(text: str, zone: ZoneInfo = ZONE) -> Moment:
    return moment_of(datetime.fromisoformat(text).replace(tzinfo=zone))


def told(moments: Sequence[Moment], zone: ZoneInfo = ZONE) -> list[str]:
    return [iso(moment, zone)[:16] for moment in moments]


MONTHLY = ScheduledReport(kind="monthly", day=25, at="06:00")
WEEKLY = ScheduledReport(kind="weekly", weekday="tuesday", at="07:30")
DAILY = ScheduledReport(kind="daily", at="06:00")
WORKLIST = ScheduledReport(kind="worklist", at="08:00")


def test_when_the_calendar_wants_a_report() -> None:
    """On its day and hour in the site's zone, the first moment left out and the last taken in."""
    span = at("2026-10-25T06:00"), at("2026-11-25T06:00")
    assert told([*dues(MONTHLY, *span, ZONE)]) == ["2026-11-25T06:00"]
    assert told([*dues(WEEKLY, at("2026-11-01T00:00"), at("2026-11-15T00:00"), ZONE)]) == [
        "2026-11-03T07:30",
        "2026-11-10T07:30",
    ]
    assert told([last_due(DAILY, at("2026-11-25T05:59"), ZONE)]) == ["2026-11-24T06:00"]
    assert last_due(MONTHLY, at("2026-11-25T06:00"), ZONE) == at("2026-11-25T06:00")


def test_an_hour_that_comes_twice_has_one_report() -> None:
    """Where the clock is set back, half past one comes twice: it is due once, and once where it is left out."""
    berlin = ZoneInfo("Europe/Berlin")
    night = ScheduledReport(kind="daily", at="02:30")
    for begun, end in (("2026-10-25T00:00", "2026-10-26T00:00"), ("2026-03-29T00:00", "2026-03-30T00:00")):
        assert len([*dues(night, at(begun, berlin), at(end, berlin), berlin)]) == 1


SEEN = [(at("2026-09-01T00:00"), at("2026-11-24T20:00")), (at("2026-11-25T10:00"), at("2026-11-25T12:00"))]
NOW = at("2026-11-25T12:00")


@pytest.mark.parametrize(
    ("report", "seen", "found"),
    [
        (MONTHLY, SEEN, ["2026-11-25T06:00"]),
        (WEEKLY, SEEN, []),
        (DAILY, SEEN, ["2026-11-25T06:00"]),
        (WORKLIST, SEEN, ["2026-11-25T08:00"]),
        # It ran on for an hour after all of them: they were made, or are new in the configuration.
        (MONTHLY, [(SEEN[0][0], at("2026-11-25T09:00"))], []),
        (WORKLIST, [(SEEN[0][0], at("2026-11-25T09:00"))], []),
        # It ended while it was at it.
        (MONTHLY, [(SEEN[0][0], at("2026-11-25T06:10"))], ["2026-11-25T06:00"]),
        # Days of which nothing is known have no report; a work list is about today.
        (DAILY, [(SEEN[0][0], at("2026-11-22T20:00"))], ["2026-11-23T06:00"]),
        (WORKLIST, [(SEEN[0][0], at("2026-11-22T20:00"))], ["2026-11-25T08:00"]),
        # It was not installed yet.
        (MONTHLY, [SEEN[1]], []),
    ],
)
def test_what_was_missed(report: ScheduledReport, seen: list[tuple[Moment, Moment]], found: list[str]) -> None:
    """What fell due while no daemon ran, or was cut off, as far as there is something to tell."""
    assert told([*missed(report, NOW, ZONE, seen, ())]) == found


def test_what_is_kept_was_not_missed() -> None:
    """An order is known by its report, so that it is made once, however often the daemon starts."""
    [due] = missed(MONTHLY, NOW, ZONE, SEEN, ())
    assert not [*missed(MONTHLY, NOW, ZONE, SEEN, {order(MONTHLY, due, ZONE)})]
    assert [*missed(MONTHLY, NOW, ZONE, SEEN, {order(DAILY, due, ZONE)})] == [due]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"), cameras=8, days=5, now=NOW)


def desk_of(config: Path, now: Moment, seen: Sequence[tuple[Moment, Moment]], **more: Any) -> ReportDesk:
    loaded = load_config(config)
    return ReportDesk(lambda: loaded, lambda: now, CollectorRegistry(), lambda start, end: seen, nice=0, **more)


async def test_a_missed_report_is_made_at_the_next_start_and_only_once(city: PastCity, tmp_path: Path) -> None:
    """After a night without a daemon the day's report is there, about the day before it was due; neither the next
    start nor the calendar makes it again."""
    entry = {"kind": "daily", "at": "06:00", "formats": ["json"]}
    edit_config(city.config, reports=[entry], mail=None, reports_dir=str(tmp_path / "kept"))
    for _ in range(2):
        await desk_of(city.config, NOW, SEEN).catch_up(0)
        [kept] = kept_reports(tmp_path / "kept")
        assert (kept.kind, kept.period) == ("daily", "2026-11-24")
    desk = desk_of(city.config, NOW, SEEN)
    assert await desk.make(desk.config().reports[0])
    assert len([*kept_reports(tmp_path / "kept")]) == 1
    later = desk_of(city.config, NOW + DAY, SEEN)
    assert await later.make(later.config().reports[0], NOW - 6 * HOUR + 1)  # another order
    assert len([*kept_reports(tmp_path / "kept")]) == 2


async def test_a_store_that_is_away_is_asked_again(city: PastCity, tmp_path: Path) -> None:
    """Where the database cannot say yet when a daemon ran, the daemon goes on, and makes later what was missed."""
    entry = {"kind": "daily", "at": "06:00", "formats": ["json"]}
    edit_config(city.config, reports=[entry], mail=None, reports_dir=str(tmp_path / "kept"))
    asked: list[Moment] = []

    def seen(start: Moment, end: Moment) -> Sequence[tuple[Moment, Moment]]:
        asked.append(end)
        if len(asked) < 3:
            raise StoreError("the database is away")
        return SEEN

    desk = desk_of(city.config, NOW, ())
    desk.seen = seen
    await desk.catch_up(0)
    assert len(asked) == 3
    assert [kept.kind for kept in kept_reports(tmp_path / "kept")] == ["daily"]
