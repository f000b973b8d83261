"""Repair statistics: every incident is counted where and when it belongs, and figures are exact."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.incidents.incident import Cause, Incident, Kind
from healthd.incidents.statistics import BY, REPEAT, RepairRow, statistics
from healthd.model import Inventory, Maintainer, Moment
from tests.rates_fleets import DAY, HOUR, REGIONS

CREWS = {"north": Maintainer("north", "北方维保")}
INVENTORY = Inventory({region.code: region for region in REGIONS}, {}, {}, CREWS)
START, END = 100 * DAY, 130 * DAY


def incident(key: str, opened: Moment, closed: Moment = 0, **changes: object) -> Incident:
    """Broken and opened at once, due a day later, of the maintainer north."""
    here = ("320101", "1", "police", "north")  # region, class, unit, maintainer
    made = Incident(key, Kind.OFFLINE, Cause.POWER, key, *here, frozenset(), opened, opened, opened + DAY)
    return replace(made, **{"closed": closed, "verified": bool(closed), **changes})  # type: ignore[arg-type]  # free keywords


def row(*incidents: Incident, start: Moment = START, end: Moment = END) -> RepairRow:
    """The one row by cause."""
    (found,) = statistics(incidents, start, end, INVENTORY, by="cause")
    return found


def test_opened_closed_and_open() -> None:
    """An incident is opened and closed in the period where that happened, and open at the end of those between."""
    long = incident("a", START - DAY, START + DAY)
    found = row(long, incident("b", START), incident("c", END - 1), incident("d", END - DAY, END - 1))
    assert (found.opened, found.closed, found.open) == (3, 2, 2)
    before = row(long, start=START - 2 * DAY, end=START)
    assert (before.opened, before.closed, before.open) == (1, 0, 1)
    assert statistics([incident("e", END)], START, END, INVENTORY, by="cause") == []
    assert statistics([incident("f", 0, START - 1)], START, END, INVENTORY, by="cause") == []


def test_a_merged_incident_is_no_repair() -> None:
    """It was opened and merged: neither closed, nor due, nor timely, nor a time to repair, nor a repeat."""
    parts = incident("a", START, START + HOUR, merged_into="b", subject="sw")
    again = incident("c", START + 2 * HOUR, START + 3 * HOUR, merged_into="b", subject="sw")
    found = row(parts, again)
    assert (found.opened, found.merged, found.closed, found.open, found.unverified) == (2, 2, 0, 0, 0)
    assert (found.due, found.timely, found.repairs, found.repeats) == (0, 0, [], 0)
    later = replace(parts, closed=END)
    assert (row(later).open, row(later).merged, row(later).due) == (1, 0, 0)


def test_timely_is_judged_when_it_is_due() -> None:
    """Closed on the due moment is in time, a millisecond later is not; what is due later is judged later."""
    on_time, late = incident("a", START, START + DAY), incident("b", START, START + DAY + 1)
    open_, future = incident("c", START), incident("d", END - HOUR)
    unlimited = incident("e", START, START + HOUR, due=0)
    found = row(on_time, late, open_, future, unlimited)
    assert (found.due, found.timely, found.timely_ratio) == (3, 1, Fraction(1, 3))
    assert (found.open, found.overdue) == (2, 1)
    fixed_early = incident("f", END - HOUR, END - 1)
    assert (row(fixed_early).due, row(fixed_early).timely_ratio) == (0, None)
    following = row(fixed_early, start=END, end=END + 30 * DAY)
    assert (following.due, following.timely, following.closed, following.open) == (1, 1, 0, 0)
    for nothing in (replace(fixed_early, merged_into="x"), replace(fixed_early, due=END + 40 * DAY)):
        assert statistics([nothing], END, END + 30 * DAY, INVENTORY, by="cause") == []


def test_times_to_repair() -> None:
    """From the first flip to the closing; mean and median are exact, of an even number too."""
    times = [1, 2, 4, 10]
    found = row(*(incident(f"i{time}", START, START + time, since=START - 5) for time in times))
    assert found.repairs == [6, 7, 9, 15]
    assert (found.mean_repair, found.median_repair) == (Fraction(37, 4), Fraction(8))
    assert row(*(incident(f"i{time}", START, START + time) for time in times[:3])).median_repair == 2
    assert row(incident("a", START)).mean_repair is None
    assert row(incident("a", START)).median_repair is None
    assert row(incident("a", START, START + 5, since=START + 9)).repairs == [0]


def test_what_fails_again_within_thirty_days_is_a_repeat() -> None:
    """Counted is the later one, by its subject, up to thirty days after the repair and not a moment longer."""
    first = incident("a", START - REPEAT - DAY, START - REPEAT, subject="c1")
    assert row(first, incident("b", START, subject="c1")).repeats == 1
    assert row(first, incident("b", START + 1, subject="c1")).repeats == 0
    assert row(first, incident("b", START, subject="c2")).repeats == 0
    assert row(replace(first, merged_into="x"), incident("b", START, subject="c1")).repeats == 0
    assert row(replace(first, closed=0), incident("b", START, subject="c1")).repeats == 0
    thrice = [incident(f"i{n}", START + n * DAY, START + n * DAY + HOUR, subject="c1") for n in range(3)]
    assert row(*thrice).repeats == 2
    assert row(incident("z", START, START)).repeats == 0


def test_closed_without_proof_is_told() -> None:
    """An incident that ended because its camera left the inventory is closed, but not verified."""
    found = row(incident("a", START, START + 1), incident("b", START, START + 1, verified=False))
    assert (found.closed, found.unverified) == (2, 1)


def test_rows_by_region_unit_maintainer_and_cause() -> None:
    """A region has what lies below it; names come from the inventory; what is gone from it stands alone."""
    found = [
        incident("a", START),
        incident("b", START, region="320102", unit="", maintainer="gone", cause=Cause.LINK),
        incident("c", START, region="closed-town"),
    ]

    def keys(by: str, region: str = "") -> list[tuple[str, str, int]]:
        return [
            (one.key, one.name, one.open) for one in statistics(found, START, END, INVENTORY, by=by, region=region)
        ]

    assert keys("region") == [
        ("32", "城", 2),
        ("3201", "甲区", 2),
        ("320101", "甲一街道", 1),
        ("320102", "甲二街道", 1),
        ("closed-town", "closed-town", 1),
    ]
    assert keys("unit") == [("", "", 1), ("police", "police", 2)]
    assert keys("maintainer") == [("gone", "gone", 1), ("north", "北方维保", 2)]
    assert keys("cause") == [("link", "link", 1), ("power", "power", 2)]
    assert keys("cause", "320102") == [("link", "link", 1)]
    assert keys("region", "320101")[-1] == ("320101", "甲一街道", 1)


def test_json_has_every_figure() -> None:
    """Numbers are numbers, times seconds, and what does not exist is null."""
    zone = ZoneInfo("Asia/Shanghai")
    told = row(incident("a", START, START + 1500), incident("b", START)).as_json(zone)
    assert (told["mean_repair_seconds"], told["median_repair_seconds"], told["timely_ratio"]) == (1.5, 1.5, 0.5)
    assert told["from"].endswith("+08:00")
    empty = row(incident("b", END - 1)).as_json(zone)
    assert (empty["mean_repair_seconds"], empty["median_repair_seconds"], empty["timely_ratio"]) == (None,) * 3


MOMENTS = st.integers(START - 40 * DAY, END + 5 * DAY)


@st.composite
def stories(draw: st.DrawFn) -> list[Incident]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        opened, took = draw(MOMENTS), draw(st.sampled_from([None, 0, 1, HOUR, DAY, 35 * DAY]))
        closed = 0 if took is None else opened + took
        one = incident(f"i{number}", opened, closed, subject=draw(st.sampled_from("abc")))
        one = replace(
            one, region=draw(st.sampled_from(["320101", "3202", "none"])), unit=draw(st.sampled_from("xy"))
        )
        one = replace(
            one, since=opened - draw(st.sampled_from([0, 7])), due=draw(st.sampled_from([0, opened + DAY]))
        )
        found.append(replace(one, merged_into="m") if closed and draw(st.booleans()) else one)
    return found


@settings(max_examples=150, deadline=None)
@given(stories(), st.integers(START, END), st.sampled_from(BY))
def test_periods_side_by_side_add_up(found: list[Incident], middle: Moment, by: str) -> None:
    """Cut anywhere, what is open flows from one period into the next, and counts add up to those of the whole."""
    spans = [(START, middle), (middle, END), (START, END)]
    first, second, whole = ({row.key: row for row in statistics(found, *span, INVENTORY, by=by)} for span in spans)
    counts = ("opened", "merged", "closed", "unverified", "due", "timely", "repeats")
    assert first.keys() | second.keys() >= whole.keys()
    for key, total in whole.items():
        parts = [rows[key] for rows in (first, second) if key in rows]
        assert {name: sum(getattr(part, name) for part in parts) for name in counts} == {
            name: getattr(total, name) for name in counts
        }
        assert total.repairs == sorted(time for part in parts for time in part.repairs)
        before = parts[0].open if key in first else 0
        if key in second:
            after = second[key]
            assert before + after.opened - after.closed - after.merged == after.open == total.open
        assert total.timely <= total.due
        assert total.overdue <= total.open


@pytest.mark.parametrize("by", BY)
def test_nothing_has_no_rows(by: str) -> None:
    """A quiet period is an empty table."""
    assert statistics([], START, END, INVENTORY, by=by) == []
