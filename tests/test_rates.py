"""Rates: buckets, rows, verdicts, ledgers."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthd.model import CLASSES, CameraHistory, Lifecycle, Moment, Placement, State
from healthd.periods import parse_day, parse_month
from healthd.rates.buckets import Bucket, judge
from healthd.rates.explain import explain
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN
from healthd.rates.rows import Row, percent, rows
from healthd.rates.timeline import ABSENT, GRACE, Situation, Watch, joined
from tests.rates_fleets import DAY, HOUR, INVENTORY, PROFILES, PlacedFleet, fleets, steady
from tests.slow_rates import Question, agree, sums_of

ZONE = ZoneInfo("Asia/Shanghai")
MONTH = parse_month("2026-06", ZONE)
TERMS = Terms(INVENTORY, PROFILES)
DEFAULT, NINGXIA = BUILT_IN["default"], BUILT_IN["ningxia-2014"]
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
BY = ("region", "unit", "maintainer", "camera", "department")
KINDS = ("good", "bad", "undiagnosed", "unknown", "exempt", "out_of_service")
SUMMED = (*KINDS, "raw_good", "raw_assessed")


def watch_of(fleet: PlacedFleet, start: Moment, end: Moment) -> Watch:
    return Watch(fleet.heartbeats, fleet.zone, start, end)


def table(
    histories: list[CameraHistory], start: Moment = MONTH.start, end: Moment = MONTH.end, by: str = "region"
) -> list[Row]:
    watch = Watch([(MONTH.start - DAY, MONTH.end + DAY)], ZONE, start, end)
    return [*rows(histories, watch, TERMS, by=by)]


def row_of(found: list[Row], key: str, rate: str = "intact", class_: str = "all", profile: str = "default") -> Row:
    (row,) = [r for r in found if (r.key, r.rate, r.class_, r.profile) == (key, rate, class_, profile)]
    return row


ONLINE = Situation("", False, True, State.ONLINE, State.GOOD, (), -1, True)
G, B, D = Bucket.GOOD, Bucket.BAD, Bucket.UNDIAGNOSED
U, X, N = Bucket.UNKNOWN, Bucket.EXEMPT, Bucket.OUT_OF_SERVICE


@pytest.mark.parametrize(
    ("situation", "online", "default", "ningxia"),
    [
        (ONLINE, G, G, G),
        (ONLINE._replace(picture=State.FAULTY, faults=("dark",)), G, B, B),
        (ONLINE._replace(picture=State.NO_PICTURE), G, D, D),
        (ONLINE._replace(picture=State.NO_PICTURE, overdue=GRACE), G, B, B),
        (ONLINE._replace(picture=State.UNKNOWN), G, U, U),
        (ONLINE._replace(picture=State.UNKNOWN, pictured=False), G, D, D),
        (ONLINE._replace(online=State.OFFLINE), B, B, D),
        (ONLINE._replace(online=State.OFFLINE, picture=State.UNKNOWN), B, B, D),
        (ONLINE._replace(online=State.OFFLINE, pictured=False), B, B, D),
        (ONLINE._replace(online=State.UNKNOWN), U, U, U),
        (ONLINE._replace(online=State.UNKNOWN, pictured=False), U, U, U),
        (ONLINE._replace(seen=False), U, U, U),
        (ONLINE._replace(seen=False, exempt=True), X, X, X),
        (ONLINE._replace(online=State.OFFLINE, exempt=True), X, X, X),
        (ONLINE._replace(out="suspended", exempt=True, seen=False), N, N, N),
        (ABSENT, N, N, N),
    ],
)
def test_every_line_of_the_table(situation: Situation, online: Bucket, default: Bucket, ningxia: Bucket) -> None:
    """A moment counts as docs/rates.md's table says: the first that holds."""
    assert judge(situation, "online", DEFAULT)[0] is online
    assert judge(situation, "online", NINGXIA)[0] is online
    assert judge(situation, "intact", DEFAULT)[0] is default
    assert judge(situation, "intact", NINGXIA)[0] is ningxia


def test_faults_that_a_profile_does_not_count_leave_the_picture_good() -> None:
    """Only faults that the profile counts make a picture bad; the reason names just those."""
    faulty = ONLINE._replace(picture=State.FAULTY, faults=("blur", "dark"))
    lenient = replace(DEFAULT, faults=frozenset({"dark"}))
    assert judge(faulty, "intact", lenient) == (Bucket.BAD, "picture faulty: dark")
    assert judge(faulty._replace(faults=("blur",)), "intact", lenient)[0] is Bucket.GOOD


@given(
    fleet=fleets(),
    by=st.sampled_from(["region", "unit", "maintainer", "camera", "department", "tag:pole"]),
    days=st.data(),
)
@SETTINGS
def test_rows_equal_the_slow_obvious_ones(fleet: PlacedFleet, by: str, days: st.DataObject) -> None:
    """For any fleet, grouping, subtree and period, every figure is that of the obvious computation."""
    start = fleet.now - days.draw(st.integers(0, 70)) * DAY
    end = fleet.now - days.draw(st.sampled_from([0, 0, -DAY, DAY // 2, 3 * DAY]))
    region = days.draw(st.sampled_from(["", "", "3201", "320101"]))
    watch = watch_of(fleet, start, end)
    asked = Question(fleet.heartbeats, fleet.zone, start, max(start, watch.until), INVENTORY, PROFILES, by, region)
    found = [*rows(fleet.histories, watch, TERMS, by=by, region=region)]
    agree(found, sums_of(fleet.histories, asked), PROFILES)
    assert all((row.start, row.end, row.clipped) == (start, watch.until, watch.until < end) for row in found)


@given(fleet=fleets(), seed=st.integers(0, 1 << 30))
@SETTINGS
def test_parents_equal_their_pooled_children_and_order_is_no_matter(fleet: PlacedFleet, seed: int) -> None:
    """A city's row is the sum of what lies in it, whichever way it is cut and in whatever order it is read."""
    watch = watch_of(fleet, fleet.now - 60 * DAY, fleet.now)
    regions = [*rows(fleet.histories, watch, TERMS)]
    shuffled = [*fleet.histories]
    random.Random(seed).shuffle(shuffled)
    assert [*rows(shuffled, watch, TERMS)] == regions
    children = {code: [r.code for r in INVENTORY.regions.values() if r.parent == code] for code in ("32", "3201")}
    cameras = [*rows(fleet.histories, watch, TERMS, by="camera")]
    for by in ("unit", "maintainer"):
        parts = [*rows(fleet.histories, watch, TERMS, by=by)]
        assert pooled(parts) == pooled(cameras)
    roots = [row for row in regions if row.key in ("32", "gone")]
    assert pooled(roots) == pooled(cameras)
    for parent, below in children.items():
        own = pooled(booked_at(fleet, watch, parent))
        assert pooled(r for r in regions if r.key == parent) == pooled(r for r in regions if r.key in below) + own


def pooled(found: Iterable[Row]) -> Counter[tuple[str, str, str, str]]:
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for row in found:
        for kind in SUMMED:
            sums[row.class_, row.rate, row.profile, kind] += getattr(row, kind)
    return sums


def booked_at(fleet: PlacedFleet, watch: Watch, region: str) -> list[Row]:
    """What is booked at a region itself and not below it."""
    regions = {code: replace(r, parent="") for code, r in INVENTORY.regions.items()}
    flat = Terms(replace(INVENTORY, regions=regions), PROFILES)
    return [row for row in rows(fleet.histories, watch, flat) if row.key == region]


@given(fleet=fleets())
@SETTINGS
def test_the_six_kinds_add_up_to_the_period(fleet: PlacedFleet) -> None:
    """Every millisecond of every camera is exactly one of the six kinds, and days add up to their sum."""
    start, end = fleet.now - 30 * DAY, fleet.now
    found = [*rows(fleet.histories, watch_of(fleet, start, end), TERMS, by="camera")]
    for camera, rate in {(row.key, row.rate) for row in found}:
        both = [r for r in found if (r.key, r.rate, r.profile) == (camera, rate, "default") and r.class_ != "all"]
        assert sum(getattr(row, kind) for row in both for kind in KINDS) == end - start
    halves = Counter[tuple[str, str, str, str]]()
    for first, last in pairwise([start, start + 11 * DAY + 1, end]):
        halves += pooled(rows(fleet.histories, watch_of(fleet, first, last), TERMS))
    whole = pooled(rows(fleet.histories, watch_of(fleet, start, end), TERMS))
    for key, amount in whole.items():
        if key[3] != "out_of_service":  # a period in which a camera is nowhere knows nothing of it
            assert halves[key] == amount


@given(fleet=fleets())
@SETTINGS
def test_the_ledger_explains_the_row(fleet: PlacedFleet) -> None:
    """The ledger covers the period without gap or overlap, and its lines add up to the camera's row."""
    watch = watch_of(fleet, fleet.now - 40 * DAY, fleet.now)
    for history in fleet.histories:
        found = [r for r in rows([history], watch, TERMS, by="camera") if r.class_ != "all"]
        for rate in ("online", "intact"):
            ledger = explain(history, watch, rate, DEFAULT)
            sums = Counter[str]()
            for entry in ledger:
                sums[entry.bucket.name.lower()] += entry.end - entry.start
            own = [row for row in found if (row.rate, row.profile) == (rate, "default")]
            assert {kind: sums[kind] for kind in KINDS} == {
                kind: sum(getattr(row, kind) for row in own) for kind in KINDS
            }
            assert all(a.end == b.start for a, b in pairwise(ledger))
            assert all(replace(a, start=0, end=0) != replace(b, start=0, end=0) for a, b in pairwise(ledger))


def test_a_mean_of_rates_is_not_a_rate() -> None:
    """Nine good cameras in one street and one bad one in another are 90 %, not 50 %."""
    bad = replace(steady("bad", MONTH.start, "320102"), online=((MONTH.start, State.OFFLINE, ()),))
    found = table([*(steady(f"good-{n}", MONTH.start) for n in range(9)), bad])
    assert row_of(found, "3201", "online").ratio == Fraction(9, 10)
    assert row_of(found, "3201", "online").verdict == "pass"
    assert row_of(found, "3201").verdict == "fail"
    assert row_of(found, "3201").gap_cameras == 1


def test_a_camera_that_moves_counts_where_it_was() -> None:
    """Its seconds go to the region, class and maintainer of their time; the city has it once."""
    half = MONTH.start + 15 * DAY
    moved = replace(
        steady("a", MONTH.start),
        placements=((MONTH.start, Placement("320101", "1")), (half, Placement("3202", "2"))),
    )
    found = table([moved])
    assert row_of(found, "320101").good == row_of(found, "3202", class_="2").good == 15 * DAY
    assert [row_of(found, key).cameras for key in ("320101", "3202", "32")] == [1, 1, 1]
    assert row_of(found, "32").good == 30 * DAY
    (camera,) = {row.region for row in table([moved], by="camera")}
    assert camera == "3202"


def test_exemptions_do_not_touch_the_raw_rate() -> None:
    """An exempt outage leaves the ratio alone; the raw ratio still counts it."""
    out = replace(
        steady("a", MONTH.start),
        online=((MONTH.start, State.ONLINE, ()), (MONTH.start + 27 * DAY, State.OFFLINE, ())),
        exempt=((MONTH.start + 27 * DAY, MONTH.end),),
    )
    row = row_of(table([out]), "32", "online")
    assert (row.ratio, row.raw_ratio, row.exempt) == (Fraction(1), Fraction(9, 10), 3 * DAY)


def test_a_gap_in_the_heartbeats_is_unknown_and_too_much_of_it_is_insufficient() -> None:
    """Seconds that healthd did not see are unknown for everybody; below 95 % coverage there is no verdict."""
    camera = steady("a", MONTH.start)
    for gap, verdict in ((30 * HOUR, "pass"), (36 * HOUR, "pass"), (36 * HOUR + 1, "insufficient")):
        beats = [(MONTH.start, MONTH.start + DAY), (MONTH.start + DAY + gap, MONTH.end)]
        found = [*rows([camera], Watch(beats, ZONE, MONTH.start, MONTH.end), TERMS)]
        row = row_of(found, "32", "online")
        assert (row.unknown, row.verdict) == (gap, verdict)


def test_before_the_first_heartbeat_is_out_of_service_and_after_the_last_is_nothing() -> None:
    """The period ends with the last heartbeat and its row says so; before the first one nobody is assessed."""
    beats = [(MONTH.start + DAY, MONTH.start + 3 * DAY)]
    found = [*rows([steady("a", MONTH.start)], Watch(beats, ZONE, MONTH.start, MONTH.end), TERMS)]
    row = row_of(found, "32", "online")
    assert (row.out_of_service, row.good, row.end, row.clipped) == (DAY, 2 * DAY, MONTH.start + 3 * DAY, True)
    assert not [*rows([steady("a", 0)], Watch([], ZONE, MONTH.start, MONTH.end), TERMS)]
    assert not [*rows([steady("a", 0)], Watch(beats, ZONE, MONTH.end, MONTH.end + DAY), TERMS)]


def test_departments_cover_what_is_below_them_and_come_root_first() -> None:
    """A department's row is its own cameras and those of all below it; names are those of the tree."""
    school = replace(steady("a", 0), placements=((0, Placement("320101", "1", "police")),))
    other = replace(steady("b", 0), placements=((0, Placement("320101", "1", "city")),))
    alone = replace(steady("c", 0), placements=((0, Placement("320101", "1", "school")),))
    found = [r for r in table([school, other, alone], by="department") if (r.rate, r.class_) == ("online", "1")]
    default = [r for r in found if r.profile == "default"]
    assert [(r.key, r.name, r.cameras) for r in default] == [
        ("city", "市局", 2),
        ("police", "派出所", 1),
        ("school", "school", 1),
    ]


def test_small_regions_are_marked_by_all_their_cameras() -> None:
    """Below the limit a region is small in each of its rows, whatever the class; other rows never are."""
    fleet = [steady(f"c{n}", 0, "320101", CLASSES[n % 2]) for n in range(19)] + [steady("d", 0, "320102", "3")]
    small = {(row.key, row.small) for row in table(fleet)}
    assert small == {("32", False), ("3201", False), ("320101", True), ("320102", True)}
    assert {row.small for row in table(fleet, by="unit")} == {False}
    watch = Watch([(MONTH.start, MONTH.end)], ZONE, MONTH.start, MONTH.end)
    assert not any(row.small for row in rows(fleet, watch, Terms(INVENTORY, PROFILES, small_region=1)))


def test_the_exempt_share_is_of_the_time_in_service() -> None:
    """Three exempt days of thirty in service are a tenth, whatever the others count as."""
    filed = replace(steady("a", MONTH.start), exempt=((MONTH.start, MONTH.start + 3 * DAY),))
    row = row_of(table([filed]), "32")
    assert (row.exempt_share, row.as_json(ZONE)["exempt_share"]) == (Fraction(1, 10), 0.1)


def test_without_a_frame_check_there_is_no_intact_rate() -> None:
    """Rates that no check feeds are absent, not zero."""
    watch = Watch([(MONTH.start, MONTH.end)], ZONE, MONTH.start, MONTH.end)
    found = [*rows([steady("a", MONTH.start)], watch, Terms(INVENTORY, PROFILES, ("online",)))]
    assert {row.rate for row in found} == {"online"}


@pytest.mark.parametrize(
    ("zone", "when", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Asia/Shanghai", "2028-02-29", 24),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_say(zone: str, when: str, hours: float) -> None:
    """A camera that is good all day has 23, 24 or 25 good hours, and a day's hours by the wall clock."""
    where = ZoneInfo(zone)
    period = parse_day(when, where)
    watch = Watch([(period.start - DAY, period.end + DAY)], where, period.start, period.end)
    (row,) = [r for r in rows([steady("a", 0)], watch, TERMS) if r.key == "32" and r.rate == "online"][:1]
    assert row.good == row.end - row.start == hours * HOUR
    night = Placement("320101", "1", service_hours="20:00-22:00")
    some = replace(steady("b", 0), placements=((0, night),))
    assert row_of([*rows([some], watch, TERMS)], "32").good == 2 * HOUR


def test_verdicts_compare_exact_fractions() -> None:
    """One millisecond short of 98 % in a month fails, and is printed 97.99 %."""
    whole = MONTH.end - MONTH.start
    allowed = whole * 2 // 100
    for late, verdict, text in ((0, "pass", "98.00 %"), (1, "fail", "97.99 %")):
        states = ((MONTH.start, State.OFFLINE, ()), (MONTH.start + allowed + late, State.ONLINE, ()))
        row = row_of(table([replace(steady("a", MONTH.start), online=states)]), "32", class_="1")
        assert (row.verdict, percent(row.good, row.assessed)) == (verdict, text)


@pytest.mark.parametrize(
    ("good", "assessed", "text"),
    [
        (0, 0, "–"),
        (0, 7, "0.00 %"),
        (7, 7, "100.00 %"),
        (99_999, 100_000, "99.99 %"),
        (97_999, 100_000, "97.99 %"),
        (1, 3, "33.33 %"),
        (10**30 - 1, 10**30, "99.99 %"),
        (29, 100, "29.00 %"),
        (57, 100, "57.00 %"),
    ],
)
def test_percent_cuts_off(good: int, assessed: int, text: str) -> None:
    """Printing never rounds up."""
    assert percent(good, assessed) == text


def test_json_has_the_public_names_and_plain_numbers() -> None:
    """A row's JSON has docs/rates.md's keys, local times with offset and exact milliseconds."""
    camera = replace(
        steady("a", MONTH.start),
        online=((MONTH.start, State.ONLINE, ()), (MONTH.end - 1234, State.OFFLINE, ())),
    )
    row = json.loads(json.dumps(row_of(table([camera]), "3201", "online", "1").as_json(ZONE)))
    seconds = (MONTH.end - MONTH.start) / 1000
    assert row == {
        "by": "region",
        "key": "3201",
        "region": "3201",
        "name": "甲区",
        "level": "county",
        "class": "1",
        "rate": "online",
        "from": "2026-06-01T00:00:00+08:00",
        "to": "2026-07-01T00:00:00+08:00",
        "clipped": False,
        "profile": "default",
        "cameras": 1,
        "method": "duration",
        **dict.fromkeys(f"{kind}_count" for kind in ("assessed", *KINDS) if kind != "bad"),
        "good_seconds": seconds - 1.234,
        "assessed_seconds": seconds,
        "undiagnosed_seconds": 0,
        "unknown_seconds": 0,
        "exempt_seconds": 0,
        "out_of_service_seconds": 0,
        "exempt_share": 0,
        "small": True,
        "ratio": pytest.approx(1 - 1.234 / seconds, abs=1e-15),
        "raw_ratio": pytest.approx(1 - 1.234 / seconds, abs=1e-15),
        "coverage": 1,
        "target": None,
        "verdict": "none",
        "gap_cameras": None,
    }


def test_a_ledger_tells_why() -> None:
    """The ledger of one camera gives each stretch its bucket and its reason in words."""
    history = CameraHistory(
        "a",
        (
            (MONTH.start + HOUR, Placement("320101", "1")),
            (MONTH.start + 60 * HOUR, Placement("320101", "1", lifecycle=Lifecycle.SUSPENDED)),
            (MONTH.start + 61 * HOUR, None),
        ),
        ((MONTH.start + 2 * HOUR, State.ONLINE, ()), (MONTH.start + 50 * HOUR, State.OFFLINE, ())),
        ((MONTH.start + 3 * HOUR, State.FAULTY, ("dark",)), (MONTH.start + 4 * HOUR, State.NO_PICTURE, ())),
        ((MONTH.start + 55 * HOUR, MONTH.start + 56 * HOUR),),
    )
    watch = Watch([(MONTH.start, MONTH.start + 70 * HOUR)], ZONE, MONTH.start, MONTH.end)
    ledger = [
        ((line.end - line.start) / HOUR, line.bucket.name, line.why)
        for line in explain(history, watch, "intact", DEFAULT)
    ]
    assert ledger == [
        (1, "OUT_OF_SERVICE", "not in the inventory"),
        (1, "UNKNOWN", "nobody knows whether it was online"),
        (1, "UNKNOWN", "the picture was not judged yet"),
        (1, "BAD", "picture faulty: dark"),
        (24, "UNDIAGNOSED", "no picture, for less than 24 h"),
        (22, "BAD", "no picture for more than 24 h"),
        (5, "BAD", "offline"),
        (1, "EXEMPT", "exempt"),
        (4, "BAD", "offline"),
        (1, "OUT_OF_SERVICE", "its lifecycle is suspended"),
        (9, "OUT_OF_SERVICE", "not in the inventory"),
    ]
    line = explain(history, watch, "intact", DEFAULT)[3].as_json(ZONE)
    assert (line["from"], line["seconds"], line["bucket"]) == ("2026-06-01T03:00:00+08:00", 3600, "bad")
    assert line["faults"] == ["dark"]


@given(spans=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_joined_spans_hold_the_same_moments(spans: list[tuple[int, int]]) -> None:
    """Joining overlapping spans loses no moment, and what comes out neither overlaps nor touches."""
    found = [*joined(sorted(spans))]
    assert {t for a, b in spans for t in range(a, b)} == {t for a, b in found for t in range(a, b)}
    assert all(a[1] < b[0] for a, b in pairwise(found))


def test_rows_come_root_first_and_class_all_first() -> None:
    """The order of rows is that of a table to be read: from the root down, `all` before the classes."""
    found = table(
        [steady(f"c{n}", MONTH.start, r, CLASSES[n]) for n, r in enumerate(["320102", "320101", "3202", "gone"])]
    )
    keys = [row.key for row in found if (row.rate, row.profile, row.class_) == ("online", "default", "all")]
    assert keys == ["32", "3201", "320101", "320102", "3202", "gone"]
    assert [r.class_ for r in found if (r.key, r.rate, r.profile) == ("32", "online", "default")] == [
        "all",
        "1",
        "2",
        "3",
    ]
