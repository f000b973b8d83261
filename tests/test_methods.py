"""Head counts and daily passes: against a slow second opinion, pooled, and over the clocks' changes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthd.model import CameraHistory, Moment, Placement, State
from healthd.periods import local, moment_of, parse_day, parse_month
from healthd.rates.explain import explain
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN, Method, Profile
from healthd.rates.rows import Row, rows
from healthd.rates.timeline import Watch
from healthd.rates.windows import Windows
from tests.rates_fleets import DAY, HOUR, INVENTORY, STRICT, PlacedFleet, fleets, steady
from tests.slow_rates import KINDS, Question, cuts_of, keys_of, kind_of, where

ZONE = ZoneInfo("Asia/Shanghai")
MONTH = parse_month("2026-06", ZONE)
SETTINGS = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
HEADS = replace(STRICT, name="heads", method=Method("head_count", ("02:30", "10:00")))
DAYS = replace(BUILT_IN["default"], name="days", method=Method("daily_pass", pass_at=Fraction(9, 10)))
LENIENT = replace(STRICT, name="lenient", method=Method("daily_pass", pass_at=Fraction(1, 2)))
PROFILES = (BUILT_IN["default"], HEADS, DAYS, LENIENT)
Found = dict[tuple[str, str, str, str], dict[str, Counter[str]]]


def classes_of(placement: Placement, profile: Profile) -> list[str]:
    return [placement.class_, *(["all"] if placement.class_ in profile.classes_of_all else [])]


def slow_heads(histories: Sequence[CameraHistory], asked: Question, profile: Profile) -> Found:
    """Every camera is looked up at every audit of every day."""
    found: Found = defaultdict(lambda: {"net": Counter(), "raw": Counter()})
    when = local(asked.start, asked.zone).date() - timedelta(days=1)
    moments = set()
    while moment_of(datetime.combine(when, time(), asked.zone)) <= asked.end:
        for text in profile.method.audit:
            moments.add(moment_of(datetime.combine(when, time.fromisoformat(text), asked.zone)))
        when += timedelta(days=1)
    for history in histories:
        for at in sorted(moment for moment in moments if asked.start <= moment < asked.end):
            placement = where(history, at, asked)
            if placement:
                for rate in asked.rates:
                    for key in keys_of(history, placement, asked):
                        for class_ in classes_of(placement, profile):
                            sums = found[key, class_, rate, profile.name]
                            for way, raw in (("net", False), ("raw", True)):
                                sums[way][kind_of(history, at, rate, profile, asked, raw=raw)] += 1
    return found


def slow_days(histories: Sequence[CameraHistory], asked: Question, profile: Profile) -> Found:
    """Every day of every camera is added up slice by slice and judged by itself."""
    found: Found = defaultdict(lambda: {"net": Counter(), "raw": Counter()})
    cuts = cuts_of(histories, asked)
    when = local(asked.start, asked.zone).date()
    while (begin := moment_of(datetime.combine(when, time(), asked.zone))) < asked.end:
        when += timedelta(days=1)
        finish = moment_of(datetime.combine(when, time(), asked.zone))
        edges = sorted({max(begin, asked.start), min(finish, asked.end), *(c for c in cuts if begin < c < finish)})
        for history in histories:
            slices = [(at, until) for at, until in pairwise(edges) if where(history, at, asked)]
            for rate in asked.rates if slices else ():
                kinds = {
                    raw: [
                        (kind_of(history, at, rate, profile, asked, raw=raw), until - at) for at, until in slices
                    ]
                    for raw in (False, True)
                }
                serving = [
                    at for (at, _), (kind, _) in zip(slices, kinds[True], strict=True) if kind != "out_of_service"
                ]
                placement = where(history, serving[-1] if serving else slices[-1][0], asked)
                assert placement
                for key in keys_of(history, placement, asked):
                    for class_ in classes_of(placement, profile):
                        sums = found[key, class_, rate, profile.name]
                        for way, raw in (("net", False), ("raw", True)):
                            sums[way][outcome(kinds[raw], profile.method.pass_at)] += 1
    return found


def outcome(parts: list[tuple[str, int]], share: Fraction) -> str:
    took: Counter[str] = Counter()
    for kind, amount in parts:
        took[kind] += amount
    assessed = took["good"] + took["bad"]
    if assessed and Fraction(assessed, assessed + took["unknown"]) >= Fraction(95, 100):
        return "good" if Fraction(took["good"], assessed) >= share else "bad"
    if assessed + took["unknown"]:
        return "unknown"
    return "undiagnosed" if took["undiagnosed"] else "exempt" if took["exempt"] else "out_of_service"


@given(fleet=fleets(), by=st.sampled_from(["region", "department", "unit", "camera", "tag:pole"]), data=st.data())
@SETTINGS
def test_counts_equal_the_slow_obvious_ones(fleet: PlacedFleet, by: str, data: st.DataObject) -> None:
    """For any fleet, grouping and period, heads and days are those of looking everything up one by one."""
    start = fleet.now - data.draw(st.integers(0, 12)) * DAY - data.draw(st.sampled_from([0, 0, 5 * HOUR, 1]))
    watch = Watch(fleet.heartbeats, fleet.zone, start, fleet.now + data.draw(st.sampled_from([0, DAY])))
    region = data.draw(st.sampled_from(["", "3201"]))
    until = max(start, watch.until)
    asked = Question(fleet.heartbeats, fleet.zone, start, until, INVENTORY, PROFILES, by, region)
    found = [*rows(fleet.histories, watch, Terms(INVENTORY, PROFILES), by=by, region=region)]
    slow = slow_heads(fleet.histories, asked, HEADS)
    for profile in (DAYS, LENIENT):
        slow |= slow_days(fleet.histories, asked, profile)
    counted = {(r.key, r.class_, r.rate, r.profile): r for r in found if not r.timed}
    assert {*counted} == {*slow}
    for key, row in counted.items():
        net, raw = slow[key]["net"], slow[key]["raw"]
        assert {kind: getattr(row, kind) for kind in KINDS} == {kind: net[kind] for kind in KINDS}, row
        assert (row.raw_good, row.raw_assessed) == (raw["good"], raw["good"] + raw["bad"]), row
        if row.target is not None and row.ratio is not None:
            assert row.gap_cameras == max(0, math.ceil(row.cameras * (row.target - row.ratio)))


@given(fleet=fleets(), days=st.integers(0, 12))
@SETTINGS
def test_a_ledger_adds_up_to_the_figure_by_every_method(fleet: PlacedFleet, days: int) -> None:
    """Intervals, heads and days of a camera's ledger, kind by kind, are what its rows count; the intervals of
    a day fill it."""
    watch = Watch(fleet.heartbeats, fleet.zone, fleet.now - days * DAY, fleet.now)
    terms = Terms(INVENTORY, PROFILES)
    for history in fleet.histories:
        counted: Counter[tuple[str, str, str]] = Counter()
        for row in rows([history], watch, terms, by="camera"):
            if row.class_ != "all":
                counted.update({(row.rate, row.profile, kind): getattr(row, kind) for kind in KINDS})
        for profile in PROFILES:
            for rate in terms.rates:
                sums: Counter[str] = Counter()
                for entry in explain(history, watch, rate, profile):
                    took = entry.end - entry.start if profile.method.timed else 1
                    sums[entry.bucket.name.lower()] += took
                    if entry.parts:
                        edges = [edge for part in entry.parts for edge in (part.start, part.end)]
                        assert edges == [entry.start, *(e for e in edges[1:-1]), entry.end]
                        assert edges[1:-1:2] == edges[2::2]
                for kind in KINDS:
                    assert sums[kind] == counted[rate, profile.name, kind], (profile.name, rate, kind)


@given(fleet=fleets())
@SETTINGS
def test_parents_equal_pooled_children_in_counts_too(fleet: PlacedFleet) -> None:
    """By unit, by camera and by region the same heads and days add up to the same totals; order is no matter."""
    watch = Watch(fleet.heartbeats, fleet.zone, fleet.now - 9 * DAY, fleet.now)
    terms = Terms(INVENTORY, PROFILES)

    def totals(by: str, histories: Sequence[CameraHistory]) -> Counter[tuple[str, str, str, str]]:
        sums: Counter[tuple[str, str, str, str]] = Counter()
        for row in rows(histories, watch, terms, by=by):
            if not row.timed and (by != "region" or row.key in ("32", "gone")):
                for kind in (*KINDS, "raw_good", "raw_assessed"):
                    sums[row.class_, row.rate, row.profile, kind] += getattr(row, kind)
        return sums

    whole = totals("region", fleet.histories)
    for by in ("unit", "maintainer", "camera", "tag:pole", "region"):
        assert totals(by, [*reversed(fleet.histories)]) == whole


def table(histories: list[CameraHistory], profile: Profile, zone: ZoneInfo = ZONE, **more: Moment) -> list[Row]:
    start, end = more.get("start", MONTH.start), more.get("end", MONTH.end)
    watch = Watch([(start - 40 * DAY, end + DAY)], zone, start, end)
    return [*rows(histories, watch, Terms(INVENTORY, [profile]))]


def one(found: list[Row], rate: str = "online", key: str = "32") -> Row:
    (row,) = [r for r in found if (r.key, r.rate, r.class_) == (key, rate, "all")]
    return row


def off(camera: CameraHistory, *spans: tuple[Moment, Moment]) -> CameraHistory:
    entries = [entry for a, b in spans for entry in ((a, State.OFFLINE, ()), (b, State.ONLINE, ()))]
    return replace(camera, online=(*camera.online, *entries))


def test_a_head_count_sees_only_its_moments() -> None:
    """An outage between two audits is not seen, one over an audit costs one head: 59 of 60."""
    heads = replace(HEADS, method=Method("head_count", ("10:00", "22:00")), online_needs_picture=False)
    between = (MONTH.start + 11 * HOUR, MONTH.start + 21 * HOUR)
    over = (MONTH.start + 3 * DAY + 10 * HOUR, MONTH.start + 3 * DAY + 10 * HOUR + 1)
    row = one(table([off(steady("a", MONTH.start), between, over)], heads))
    assert (row.good, row.assessed, row.ratio, row.method) == (59, 60, Fraction(59, 60), "head_count")
    shown = row.as_json(ZONE)
    assert (shown["good_count"], shown["assessed_count"], shown["good_seconds"]) == (59, 60, None)
    assert (shown["method"], shown["ratio"]) == ("head_count", 59 / 60)


@pytest.mark.parametrize(("minutes", "good"), [(0, 30), (143, 30), (144, 30), (145, 29), (1440, 29)])
def test_a_day_is_passed_at_exactly_its_share(minutes: int, good: int) -> None:
    """144 minutes of a day are a tenth: 90 % passes, a minute more does not; a day is lost whole or not at all."""
    begin = MONTH.start + 5 * DAY
    row = one(table([off(steady("a", MONTH.start), (begin, begin + minutes * 60_000))], DAYS))
    assert (row.good, row.assessed, row.cameras, row.method) == (good, 30, 1, "daily_pass")


def test_a_day_of_which_too_little_was_seen_is_unknown() -> None:
    """A day with less than 95 % coverage neither passes nor fails: it is missing in the coverage."""
    for hours, unknown in ((1, 0), (2, 1)):
        beats = [(MONTH.start, MONTH.start + DAY), (MONTH.start + DAY + hours * HOUR, MONTH.end)]
        watch = Watch(beats, ZONE, MONTH.start, MONTH.end)
        row = one([*rows([steady("a", MONTH.start)], watch, Terms(INVENTORY, [DAYS]))])
        assert (row.good, row.unknown, row.coverage) == (30 - unknown, unknown, Fraction(30 - unknown, 30))


def test_an_exempt_outage_fails_its_day_in_the_raw_ratio_only() -> None:
    """Three hours of an outage that was filed: the rest of the day passes; without the exemption it does not."""
    begin = MONTH.start + 5 * DAY
    span = (begin, begin + 3 * HOUR)
    camera = replace(off(steady("a", MONTH.start), span), exempt=(span,))
    row = one(table([camera], DAYS))
    assert (row.good, row.assessed, row.raw_good, row.raw_assessed) == (30, 30, 29, 30)
    assert (row.ratio, row.raw_ratio) == (Fraction(1), Fraction(29, 30))


def test_a_day_of_a_move_counts_once_and_where_it_ended() -> None:
    """A camera that changes region and class on one day has that day in its new place, and in no other."""
    noon = MONTH.start + 10 * DAY + 12 * HOUR
    moved = replace(
        steady("a", MONTH.start),
        placements=((MONTH.start, Placement("320101", "1")), (noon, Placement("3202", "2"))),
    )
    found = table([moved], DAYS)
    assert [one(found, key=key).good for key in ("320101", "3202", "32")] == [10, 20, 30]
    assert {(r.key, r.class_, r.good) for r in found if r.rate == "online" and r.key == "32"} == {
        ("32", "all", 30),
        ("32", "1", 10),
        ("32", "2", 20),
    }


@pytest.mark.parametrize(
    ("zone", "when", "moments"),
    [
        ("Europe/Berlin", "2026-03-29", ["2026-03-29T03:30:00+02:00"]),
        ("Europe/Berlin", "2026-10-25", ["2026-10-25T02:30:00+02:00"]),
        ("Asia/Shanghai", "2028-02-29", ["2028-02-29T02:30:00+08:00"]),
    ],
)
def test_an_audit_when_the_clocks_change(zone: str, when: str, moments: list[str]) -> None:
    """A time that does not exist counts as long after the change, one that comes twice once; leap days count."""
    where_ = ZoneInfo(zone)
    span = parse_day(when, where_)
    heads = replace(HEADS, method=Method("head_count", ("02:30",)), online_needs_picture=False)
    (at,) = [moment_of(datetime.fromisoformat(moment)) for moment in moments]
    for blind, good in (((at - HOUR // 2, at), 1), ((at, at + 1), 0)):
        found = table([off(steady("a", 0), blind)], heads, where_, start=span.start, end=span.end)
        assert (one(found).good, one(found).assessed) == (good, 1)


def test_days_of_23_and_25_hours_are_judged_by_their_own_length() -> None:
    """A tenth of a short or a long day is a tenth of its own hours."""
    zone = ZoneInfo("Europe/Berlin")
    for when, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        span = parse_day(when, zone)
        for late, good in ((0, 1), (1, 0)):
            outage = (span.end - hours * HOUR // 10 - late, span.end)
            found = table([off(steady("a", 0), outage)], DAYS, zone, start=span.start, end=span.end)
            assert (one(found).good, one(found).assessed) == (good, 1)


def test_live_windows_count_heads_now_and_leave_other_counts_out() -> None:
    """The window `now` counts heads by every profile; the others have no rows of methods that count no time."""
    now = MONTH.start + 15 * DAY
    terms = Terms(INVENTORY, PROFILES)
    windows = Windows.build([steady("a", 0)], [(MONTH.start - 70 * DAY, now)], terms, ZONE, now)
    assert {row.profile for row in windows.rows("now", now)} == {profile.name for profile in PROFILES}
    assert {row.profile for row in windows.rows("month", now)} == {"default"}
    assert {key[3] for key in windows.booked(now).totals} == {"default"}
