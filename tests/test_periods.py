"""The calendar: days, months and windows in a zone."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthd.periods import Span, day, iso, local, month, parse_day, parse_moment, parse_month, windows_at

HOUR = 3600 * 1000
SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = st.sampled_from(
    ["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "America/St_Johns", "UTC"]
).map(ZoneInfo)
DATES = st.dates(date(1980, 1, 1), date(2060, 1, 1))


def shown(span: Span, zone: ZoneInfo) -> tuple[str, str]:
    return iso(span.start, zone), iso(span.end, zone)


def test_a_month_is_calendar_in_the_zone() -> None:
    """Midnight to midnight by the zone's clocks, whatever UTC says."""
    assert shown(parse_month("2026-02", SHANGHAI), SHANGHAI) == (
        "2026-02-01T00:00:00+08:00",
        "2026-03-01T00:00:00+08:00",
    )


def test_a_month_that_starts_on_the_26th_is_named_by_its_end() -> None:
    """With month_starts_on 26, January runs from 26 December to 25 January."""
    assert shown(parse_month("2026-01", SHANGHAI, 26), SHANGHAI) == (
        "2025-12-26T00:00:00+08:00",
        "2026-01-26T00:00:00+08:00",
    )
    assert parse_month("2028-03", SHANGHAI, 26).end - parse_month("2028-03", SHANGHAI, 26).start == 29 * 24 * HOUR


@pytest.mark.parametrize(
    ("zone", "when", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),  # clocks go forward over midnight itself
        ("America/Sao_Paulo", "2018-02-17", 25),
        ("Pacific/Apia", "2011-12-30", 0),  # left out, to change sides of the date line
        ("Asia/Shanghai", "2028-02-29", 24),
    ],
)
def test_days_by_the_wall_clock(zone: str, when: str, hours: int) -> None:
    """A day is as long as its clocks make it, and the next one begins where it ends."""
    span = parse_day(when, ZoneInfo(zone))
    assert span.end - span.start == hours * HOUR
    assert day(date.fromisoformat(when) + timedelta(days=1), ZoneInfo(zone)).start == span.end


@given(zone=ZONES, when=DATES, starts_on=st.integers(1, 28), into=st.integers(0, 22 * HOUR))
def test_windows_hold_now_and_follow_each_other(zone: ZoneInfo, when: date, starts_on: int, into: int) -> None:
    """Now lies in today and in the month; yesterday and the previous month end where those begin."""
    now = day(when, zone).start + into
    windows = windows_at(now, zone, starts_on)
    for name, before in (("today", "yesterday"), ("month", "previous_month")):
        assert windows[name].start <= now < windows[name].end
        assert windows[before].start < windows[before].end == windows[name].start
    assert local(windows["month"].start, zone).day == local(windows["month"].end, zone).day == starts_on
    assert windows["today"] == day(when, zone)


@given(zone=ZONES, year=st.integers(1980, 2060), number=st.integers(1, 12), starts_on=st.integers(1, 28))
def test_months_follow_each_other(zone: ZoneInfo, year: int, number: int, starts_on: int) -> None:
    """No moment is between two months or in both, and the month of `month` is the one that windows name."""
    span = month(year, number, zone, starts_on)
    following = (year, number + 1) if number < 12 else (year + 1, 1)
    assert month(*following, zone, starts_on).start == span.end
    assert (
        windows_at(span.start, zone, starts_on)["month"]
        == span
        == windows_at(span.end - 1, zone, starts_on)["month"]
    )
    assert parse_month(f"{year}-{number:02d}", zone, starts_on) == span


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01", "2026-07-01T00:00:00+08:00"),
        (" 2026-07-01T08:30 ", "2026-07-01T08:30:00+08:00"),
        ("2026-07-01T00:30Z", "2026-07-01T08:30:00+08:00"),
        ("2026-07-01T00:30:00.125+02:00", "2026-07-01T06:30:00.125+08:00"),
    ],
)
def test_moments_are_local_unless_they_say_otherwise(text: str, moment: str) -> None:
    """A time without an offset is that of the configured zone."""
    assert iso(parse_moment(text, SHANGHAI), SHANGHAI) == moment


@given(moment=st.integers(24 * HOUR, 4_000_000_000_000), zone=ZONES)
def test_iso_and_back(moment: int, zone: ZoneInfo) -> None:
    """What is printed reads back as the same millisecond."""
    assert parse_moment(iso(moment, zone), ZoneInfo("UTC")) == moment


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-00", "26-07", "2026-7", "0000-01", "9999-12", "２０２６-07", "x" * 9999]
)
def test_a_month_that_is_none_is_refused_with_a_remedy(text: str) -> None:
    """Anything but YYYY-MM is an error that says how to write it."""
    with pytest.raises(ValueError, match="write it as YYYY-MM, such as"):
        parse_month(text, SHANGHAI)


@pytest.mark.parametrize("text", ["", "2026-02-30", "2026-07", "0001-01-01", "9999-12-31", "today"])
def test_a_day_or_moment_that_is_none_is_refused_with_a_remedy(text: str) -> None:
    """Anything but a day or a time is an error that says how to write it."""
    with pytest.raises(ValueError, match="write it as YYYY-MM-DD, such as"):
        parse_day(text, SHANGHAI)
    with pytest.raises(ValueError, match=r"write e\.g\. 2026-07-01"):
        parse_moment(text, SHANGHAI)
