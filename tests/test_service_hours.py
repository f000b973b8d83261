"""Service hours: what can be written, and the seconds that are open, across midnight and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.model import Moment
from healthd.service_hours import ServiceHours, parse_service_hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000
MINUTE = 60_000


def moment(text: str, zone: ZoneInfo = SHANGHAI) -> Moment:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def open_spans(hours: str, start: str, end: str, zone: ZoneInfo = SHANGHAI) -> list[str]:
    """The open spans as `Fri 07:00-Fri 19:00` of the wall clock."""

    def shown(at: Moment) -> str:
        return datetime.fromtimestamp(at / 1000, zone).strftime("%a %H:%M")

    spans = parse_service_hours(hours).spans(moment(start, zone), moment(end, zone), zone)
    return [f"{shown(begin)}-{shown(finish)}" for begin, finish in spans]


def test_every_day() -> None:
    """A span without days is open every day, clipped to the period."""
    assert open_spans("07:00-19:00", "2026-11-20T12:00", "2026-11-22T08:00") == [
        "Fri 12:00-Fri 19:00", "Sat 07:00-Sat 19:00", "Sun 07:00-Sun 08:00",
    ]  # fmt: skip


def test_days() -> None:
    """Days, lists and ranges of days open only those; a range may run over the weekend."""
    week = ("2026-11-16T00:00", "2026-11-23T00:00")  # Monday to Monday
    assert open_spans("mon-wed,fri 07:00-08:00;sun 9:00-10:00", *week) == [
        "Mon 07:00-Mon 08:00", "Tue 07:00-Tue 08:00", "Wed 07:00-Wed 08:00", "Fri 07:00-Fri 08:00",
        "Sun 09:00-Sun 10:00",
    ]  # fmt: skip
    assert open_spans("sat-mon 07:00-08:00", *week) == [
        "Mon 07:00-Mon 08:00", "Sat 07:00-Sat 08:00", "Sun 07:00-Sun 08:00",
    ]  # fmt: skip


def test_past_midnight() -> None:
    """Hours that pass midnight belong to the day they begin on, also when that was before the period."""
    assert open_spans("fri 22:00-06:00", "2026-11-21T00:00", "2026-11-23T00:00") == ["Sat 00:00-Sat 06:00"]
    assert open_spans("22:00-24:00;00:00-06:00", "2026-11-20T21:00", "2026-11-21T21:00") == ["Fri 22:00-Sat 06:00"]


def test_always_and_merged() -> None:
    """No hours are all hours; what overlaps or touches is one span."""
    assert open_spans("", "2026-11-20T00:00", "2026-11-27T00:00") == ["Fri 00:00-Fri 00:00"]
    assert open_spans("00:00-24:00", "2026-11-20T00:00", "2026-11-27T00:00") == ["Fri 00:00-Fri 00:00"]
    friday = ("2026-11-20T00:00", "2026-11-21T00:00")
    assert open_spans("07:00-12:00,11:00-13:00,13:00-14:00,08:00-09:00", *friday) == ["Fri 07:00-Fri 14:00"]
    assert list(ServiceHours().spans(5, 5, SHANGHAI)) == []


def test_as_typed_in_chinese() -> None:
    """Full-width punctuation, capitals and stray spaces are forgiven."""
    assert parse_service_hours("Mon-Fri 07：00－19：00； sat 08:00 - 12:00") == parse_service_hours(
        "mon-fri 07:00-19:00;sat 08:00-12:00"
    )


@pytest.mark.parametrize(
    "text",
    ["7-19", "07:00", "25:00-26:00", "07:60-08:00", "24:00-06:00", "mon", "mo 07:00-19:00", "mon- 07:00-19:00",
     ";", "07:00-07:00", "07:00-19:00 mon", "mon-fri", "07:00-19:00-20:00", "x" * 5000, "٠٧:00-19:00"],
)  # fmt: skip
def test_refuses(text: str) -> None:
    """What is not service hours is refused with a reason, never guessed."""
    with pytest.raises(ValueError, match=r"hours|day|empty"):
        parse_service_hours(text)


@pytest.mark.parametrize(
    ("hours", "day", "open_hours"),
    [
        ("00:00-24:00", "2026-03-29", 23.0),  # 02:00-03:00 does not exist
        ("00:00-24:00", "2026-10-25", 25.0),  # 02:00-03:00 comes twice
        ("01:00-02:30", "2026-03-29", 1.0),
        ("02:15-02:45", "2026-03-29", 0.0),
        ("02:30-04:00", "2026-03-29", 1.0),
        ("01:00-04:00", "2026-10-25", 4.0),
        ("00:00-02:30,02:30-24:00", "2026-10-25", 25.0),
    ],
)
def test_clock_changes(hours: str, day: str, open_hours: float) -> None:
    """On days when the clocks change, what is open is as long as it really was."""
    start = moment(f"{day}T00:00", BERLIN)
    end = moment((datetime.fromisoformat(day) + timedelta(days=1)).isoformat(), BERLIN)
    spans = parse_service_hours(hours).spans(start, end, BERLIN)
    assert sum(finish - begin for begin, finish in spans) == open_hours * HOUR


minutes = st.integers(0, 1439)
rules = st.tuples(st.sets(st.integers(0, 6), min_size=1), minutes, minutes).filter(lambda rule: rule[1] != rule[2])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(rules, min_size=1, max_size=3),
    st.integers(moment("2026-03-26T00:00", BERLIN), moment("2026-03-31T00:00", BERLIN)),
    st.integers(0, 3 * 24 * HOUR),
    st.sampled_from([SHANGHAI, BERLIN]),
)
def test_agrees_with_the_wall_clock(
    week: list[tuple[set[int], int, int]], start: Moment, length: int, zone: ZoneInfo
) -> None:
    """A minute is open exactly if the wall clock shows a time within the hours, clocks going forward or not."""
    openings = {(day, a, b if b > a else b + 1440) for days, a, b in week for day in days}
    spans = list(ServiceHours(tuple(sorted(openings))).spans(start, start + length, zone))
    assert all(a < b for a, b in spans)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    for at in range(-(-start // MINUTE) * MINUTE, start + length, 7 * MINUTE):
        shown = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
        now = shown.hour * 60 + shown.minute
        today, yesterday = shown.weekday(), (shown.weekday() - 1) % 7
        expected = any(
            (day == today and a <= now < b) or (day == yesterday and a <= now + 1440 < b) for day, a, b in openings
        )
        assert any(a <= at < b for a, b in spans) == expected, shown
