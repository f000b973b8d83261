"""The change list: whatever moves a denominator stands in it, with its effect in camera time."""

from __future__ import annotations

import dataclasses
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.config_levers import changed_levers, config_levers
from healthd.false_alarms import FalseAlarm
from healthd.figures.change_list import changes
from healthd.figures.period import figures
from healthd.filings.exemptions import Cover
from healthd.filings.levers import Line, Moves, lines
from healthd.model import (
    Axis,
    Change,
    Ending,
    Flip,
    LeverChange,
    Lifecycle,
    Placement,
    Region,
    State,
)
from healthd.periods import Span
from healthd.rates.profiles import BUILT_IN
from healthd.rates.rows import rows
from healthd.rates.timeline import Watch
from healthd.setup import Setup, read_setup
from healthd.store import Batch, Store
from tests.rates_fleets import HOUR, INVENTORY, PlacedFleet, fleets
from tests.test_exemptions import exemption
from tests.test_windows import TERMS

CONFIG = Path(__file__).parent.parent / "config"
BEGUN = 1_780_243_200_000  # a midnight in Shanghai
DAY = 24 * HOUR
MONTH = Span(BEGUN + DAY, BEGUN + 11 * DAY)
PLACED = Placement("9901", "1", "school", "north")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("rules", "grafana"))
    return read_setup(tmp_path / "config" / "healthd.yml")


@pytest.fixture
def store(setup: Setup) -> Iterator[Store]:
    """Cameras a and b in 9901 and c in 9902, good since before the period; healthd saw all of it."""
    opened = Store.open(setup.config.store.url, writer=True)
    regions = [Region("99", "city", "city"), Region("9901", "one", "county", "99")]
    regions += [Region("9902", "two", "county", "99")]
    placed = [Change(camera, BEGUN, PLACED, "import") for camera in "ab"]
    placed.append(Change("c", BEGUN, dataclasses.replace(PLACED, region="9902"), "import"))
    flips = [
        Flip(camera, axis, BEGUN, state, State.UNKNOWN, decided=BEGUN)
        for camera in "abc"
        for axis, state in ((Axis.ONLINE, State.ONLINE), (Axis.PICTURE, State.GOOD))
    ]
    opened.write(Batch(flips, (BEGUN, MONTH.end + DAY), placed, regions=regions, recorded=BEGUN))
    yield opened
    opened.close()


def listed(store: Store, setup: Setup, region: str = "") -> list[Line]:
    return changes(store, setup, MONTH, region=region)


def brief(line: Line) -> tuple[object, ...]:
    return line.lever, line.before, line.after, line.camera_ids, str(line.effect), (line.camera_ms or 0) / HOUR


def test_what_the_inventory_held_at_first_is_no_change(store: Store, setup: Setup) -> None:
    """The first reading of the inventory and of the configuration moves nothing."""
    store.write(Batch(levers=changed_levers({}, setup.config, MONTH.start + 5, "inventory")))
    assert changes(store, setup, Span(BEGUN, MONTH.end)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lifecycle": Lifecycle.SUSPENDED}, ("lifecycle", "in_service", "suspended", ("a",), "out", 9 * 24)),
        ({"class_": "3"}, ("class", "1", "3", ("a",), "moved", 9 * 24)),
        ({"service_hours": "08:00-20:00"}, ("service_hours", "", "08:00-20:00", ("a",), "out", 9 * 12)),
        ({"picture": False}, ("picture", "yes", "no", ("a",), "out", 9 * 24)),
        ({"region": "9902"}, ("region", "9901", "9902", ("a",), "moved", 9 * 24)),
        ({"unit": "police"}, ("unit", "school", "police", ("a",), "moved", 9 * 24)),
        ({"maintainer": "south"}, ("maintainer", "north", "south", ("a",), "moved", 9 * 24)),
    ],
)
def test_a_change_of_the_inventory(
    store: Store, setup: Setup, change: dict[str, object], told: tuple[object, ...]
) -> None:
    """Each column that moves a denominator is a line with its date, its author and the time it concerns."""
    at = MONTH.start + DAY
    store.write(Batch(changes=[Change("a", at, dataclasses.replace(PLACED, **change), "li")], recorded=at + 5))  # type: ignore[arg-type]
    [line] = listed(store, setup)
    assert brief(line) == told
    assert (line.at, line.recorded, line.author, line.cameras) == (at, at + 5, "li", 1)
    assert [brief(one) for one in listed(store, setup, "99")] == [told]
    assert listed(store, setup, "9902") == ([line] if "region" in change else [])


def test_changes_that_end_again_and_cameras_that_come_and_go(store: Store, setup: Setup) -> None:
    """An effect lasts as long as the new value; cameras changed alike at once are one line."""
    suspended = dataclasses.replace(PLACED, lifecycle=Lifecycle.SUSPENDED)
    gone, back = MONTH.start + DAY, MONTH.start + 3 * DAY
    for at, placement in ((gone, suspended), (back, PLACED)):
        store.write(Batch(changes=[Change(camera, at, placement, "li") for camera in "ab"], recorded=at))
    store.write(Batch(changes=[Change("c", gone, None, "li"), Change("d", back, PLACED, "li")], recorded=back))
    assert [brief(line) for line in listed(store, setup)] == [
        ("lifecycle", "in_service", "suspended", ("a", "b"), "out", 2 * 2 * 24),
        ("removed", "", "", ("c",), "out", 9 * 24),
        ("added", "", "", ("d",), "in", 7 * 24),
        ("lifecycle", "suspended", "in_service", ("a", "b"), "in", 2 * 7 * 24),
    ]


def test_exemptions_and_what_ended_them(store: Store, setup: Setup) -> None:
    """Overlapping time is laid to what was filed first, so effects add up to the exempt seconds of the rates; what
    an ending gave back stands in a line of its own."""
    start = MONTH.start
    store.file(exemption("E1", "region:9901", start, start + 2 * DAY, filed=start + 1, note="修路"))
    store.file(exemption("E2", "camera:a", start + DAY, start + 5 * DAY, filed=start + 2, late=True))
    store.file(Ending("X2", "E2", start + 4 * DAY, "王", "ops", start + 3, "完工"))
    store.file(exemption("E3", "camera:c", start - 5 * DAY, start, filed=1))
    store.file(exemption("E4", "camera:a", start + 4 * DAY, start + 4 * DAY + HOUR, filed=start + 4))
    found = listed(store, setup)
    assert [(line.record, line.effect, line.camera_ms) for line in found] == [
        ("E1", "out", 4 * DAY),
        ("E2", "out", 2 * DAY),
        ("E2", "in", DAY - HOUR),  # an hour of it is exempt still
        ("E4", "out", HOUR),
    ]
    assert [(line.lever, line.late, line.approver) for line in found] == [
        ("exemption", False, "王科长"),
        ("exemption", True, "王科长"),
        ("exemption_end", False, "王"),
        ("exemption", False, "王科长"),
    ]
    [row] = [
        row
        for row in figures(store, setup, MONTH).rows
        if (row.key, row.class_, row.rate, row.profile) == ("99", "all", "online", "default")
    ]
    assert row.exempt == 6 * DAY + HOUR
    assert [line.camera_ms for line in listed(store, setup, "9902")] == [0, 0, 0, 0]


def test_a_fault_that_counts_no_more(store: Store, setup: Setup) -> None:
    """Switching a fault off is told with the time that it made good; a threshold's effect cannot be told."""
    at = MONTH.start + 2 * DAY
    flips = [
        Flip("a", Axis.PICTURE, MONTH.start, State.FAULTY, State.GOOD, ("dark",), decided=1),
        Flip("b", Axis.PICTURE, MONTH.start, State.FAULTY, State.GOOD, ("blur", "dark"), decided=1),
    ]
    rules = [
        LeverChange(at, "profile", "default.faults", "null", '["blur"]', "li", at),
        LeverChange(at + DAY, "profile", "default.faults", '["blur"]', "null", "li", at),
        LeverChange(at, "threshold", "picture.thresholds", "[]", '["dark"]', "li", at),
        LeverChange(at, "profile", "default.grace", "1", "2", "li", at),
        FalseAlarm("c", "dark", at, at + DAY // 2, 20.0, 18.0, "wang", at + DAY, "夜间灯光").as_change(),
        LeverChange(at, "check", "frame.new", None, "5", "li", at),
    ]
    store.write(Batch(flips, levers=rules))
    found = [(line.lever, line.subject, *brief(line)[3:]) for line in listed(store, setup, "9901")]
    assert found == [
        ("profile", "default.faults", ("a",), "regraded", 24),
        ("profile", "default.grace", (), "untold", 0),
        ("threshold", "picture.thresholds", (), "untold", 0),
        ("profile", "default.faults", ("a",), "regraded", 7 * 24),
    ]
    mark = next(line for line in listed(store, setup) if line.lever == "false_alarm")
    assert mark.after == "dark"
    assert (mark.camera_ids, mark.author, mark.note, mark.camera_ms) == (("c",), "wang", "夜间灯光", DAY // 2)


def test_a_line_as_json(store: Store, setup: Setup) -> None:
    """A line has public names, times in the site's zone, and its effect in hours and exact ms."""
    store.file(exemption("E1", "camera:a", MONTH.start, MONTH.start + 1000, filed=MONTH.start, note="n"))
    [line] = listed(store, setup)
    assert line.as_json(setup.config.timezone) == {
        "at": "2026-06-02T00:00:00+08:00",
        "recorded": "2026-06-02T00:00:00+08:00",
        "lever": "exemption",
        "subject": "camera:a",
        "before": None,
        "after": "construction",
        "author": "ops",
        "approver": "王科长",
        "note": "n",
        "cameras": 1,
        "camera_ids": ["a"],
        "effect": "out",
        "camera_hours": 1000 / 3_600_000,
        "camera_ms": 1000,
        "late": False,
        "exemption": "E1",
    }


def test_levers_of_the_configuration_are_recorded_once(setup: Setup) -> None:
    """A configuration that did not change records nothing; one that did records just what differs."""
    first = changed_levers({}, setup.config, 5, "inventory")
    known = {(change.lever, change.subject): change.after or "" for change in first}
    assert known == config_levers(setup.config)
    assert {change.before for change in first} == {None}
    assert changed_levers({**known, ("false_alarm", "a"): "dark"}, setup.config, 6, "x") == []
    without = {name: options for name, options in setup.config.checks.items() if name != "ping"}
    other = dataclasses.replace(setup.config, month_starts_on=26, checks=without)
    found = changed_levers(known, other, 7, "li")
    assert {change.lever for change in found} == {"calendar", "check"}
    assert {change.subject.split(".")[0] for change in found} == {"month_starts_on", "ping"}
    [month] = [change for change in found if change.lever == "calendar"]
    assert month == LeverChange(7, "calendar", "month_starts_on", "1", "26", "li", 7)
    assert all(change.after is None for change in found if change.lever == "check")


@st.composite
def filings(draw: st.DrawFn) -> tuple[PlacedFleet, Cover]:
    """A fleet, and exemptions over it that overlap, end early, and name regions that some cameras left."""
    fleet = draw(fleets())
    filed = []
    scopes = st.sampled_from(["camera:camera-0", "camera:camera-1", "region:32", "region:3201", "region:320101"])
    for number in range(draw(st.integers(0, 5))):
        start = fleet.now - draw(st.integers(0, 900)) * HOUR
        end = start + draw(st.integers(1, 300)) * HOUR
        filed.append(exemption(f"E{number}", draw(scopes), start, end, filed=draw(st.integers(0, 3))))
    parents = {region.code: region.parent for region in INVENTORY.regions.values()}
    return fleet, Cover(filed, parents, ())


@given(filings(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_effects_of_exemptions_add_up_to_the_exempt_time_of_the_rates(
    made: tuple[PlacedFleet, Cover], turned: bool
) -> None:
    """Whatever was filed for whatever fleet, in any order: the six kinds of time add up to the period of every
    camera, and the effects of all exemptions to what is exempt."""
    fleet, cover = made
    start, end = fleet.now - 30 * DAY, fleet.now
    exempted = [
        dataclasses.replace(one, exempt=cover.spans(one.camera, one.placements)) for one in fleet.histories
    ]
    exempted = exempted[::-1] if turned else exempted
    watch = Watch(fleet.heartbeats, fleet.zone, start, end)
    found = [*rows(exempted, watch, TERMS, by="camera")]
    kinds: Counter[tuple[str, str, str]] = Counter()
    for row in found:
        if row.class_ != "all":
            all_six = (row.good, row.bad, row.undiagnosed, row.unknown, row.exempt, row.out_of_service)
            kinds[row.key, row.rate, row.profile] += sum(all_six)
    assert set(kinds.values()) <= {watch.until - start}
    exempt = sum(
        row.exempt
        for row in found
        if (row.class_, row.rate, row.profile) == ("all", "online", BUILT_IN["default"].name)
    )
    shares = (share for one in exempted for share in cover.shares(one.camera, one.placements))
    filed = [*{one.id: one for *_, one in shares}.values()]
    told = lines(Moves(filed, cover, (), ()), exempted, watch)
    assert sum(line.camera_ms or 0 for line in told) == exempt
