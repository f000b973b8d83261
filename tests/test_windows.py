"""The live windows against the rates of the same periods."""

from __future__ import annotations

import random
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthd.model import Axis, CameraHistory, Flip, Moment, Placement, State
from healthd.periods import parse_moment
from healthd.rates.pool import Terms
from healthd.rates.rows import Row, rows
from healthd.rates.timeline import Watch
from healthd.rates.windows import DAY, KEEP, Windows
from tests.rates_fleets import HOUR, INVENTORY, PROFILES, PlacedFleet, fleets, steady
from tests.slow_rates import Question, agree, heads_of

TERMS = Terms(INVENTORY, PROFILES)
NAMES = ("today", "yesterday", "month", "previous_month")


def recomputed(windows: Windows, name: str, now: Moment, fleet: PlacedFleet) -> list[Row]:
    span = windows.spans(now)[name]
    beats = [*fleet.heartbeats[:-1], (fleet.heartbeats[-1][0], now)]
    return [*rows(fleet.histories, Watch(beats, fleet.zone, span.start, span.end), TERMS)]


def without(history: CameraHistory, flips: set[Flip]) -> CameraHistory:
    gone = {(flip.axis, flip.at) for flip in flips if flip.camera == history.camera}
    return replace(
        history,
        online=tuple(entry for entry in history.online if (Axis.ONLINE, entry[0]) not in gone),
        picture=tuple(entry for entry in history.picture if (Axis.PICTURE, entry[0]) not in gone),
    )


def flips_of(fleet: PlacedFleet) -> list[Flip]:
    return [
        Flip(history.camera, axis, at, state, State.UNKNOWN, faults)
        for history in fleet.histories
        for axis, entries in ((Axis.ONLINE, history.online), (Axis.PICTURE, history.picture))
        for at, state, faults in entries
    ]


@given(fleet=fleets(), seed=st.integers(0, 1 << 30))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_windows_equal_the_rates_of_their_periods_however_flips_come_in(fleet: PlacedFleet, seed: int) -> None:
    """Built days ago and given late and live flips in any order, every window equals a full recomputation."""
    chance = random.Random(seed)
    recent = [flip for flip in flips_of(fleet) if flip.at > fleet.now - KEEP]
    late = {flip for flip in recent if flip.at > fleet.built or chance.random() < 0.5}
    histories = [without(history, late) for history in fleet.histories]
    windows = Windows.build(
        histories, fleet.heartbeats, TERMS, fleet.zone, fleet.built, month_starts_on=fleet.month_starts_on
    )
    order = sorted(late, key=lambda flip: flip.at)
    chance.shuffle(order)
    for flip in order:
        assert windows.apply(flip)
        if chance.random() < 0.2:
            assert windows.apply(chance.choice(order[: order.index(flip) + 1]))  # twice: changes nothing
    windows.advance(fleet.now)
    for name in NAMES:
        assert windows.rows(name, fleet.now) == recomputed(windows, name, fleet.now, fleet)
    beats = [*fleet.heartbeats[:-1], (fleet.heartbeats[-1][0], fleet.now + 1)]
    asked = Question(beats, fleet.zone, fleet.now, fleet.now, INVENTORY, PROFILES)
    agree(windows.rows("now", fleet.now), heads_of(fleet.histories, fleet.now, asked), PROFILES)


@given(fleet=fleets(), seed=st.integers(0, 1 << 30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_counters_never_fall_and_add_up(fleet: PlacedFleet, seed: int) -> None:
    """Booked seconds only grow, whatever comes late; where nothing did, they are the seconds of their time."""
    chance = random.Random(seed)
    flips = sorted((flip for flip in flips_of(fleet) if flip.at > fleet.built), key=lambda flip: flip.at)
    histories = [without(history, set(flips)) for history in fleet.histories]
    windows = Windows.build(histories, fleet.heartbeats, TERMS, fleet.zone, fleet.built)
    fair = Windows.build(histories, fleet.heartbeats, TERMS, fleet.zone, fleet.built)
    booked = windows.booked(fleet.built)
    for flip in flips:
        assert fair.apply(flip)
        fair.booked(flip.at - 1)
        before = booked
        if chance.random() < 0.5:
            windows.advance(flip.at + HOUR)
            booked = windows.booked(flip.at + HOUR)  # too far: this flip and others come in late
        windows.apply(flip)
        after = windows.booked(windows.booked(0).until + chance.choice([0, HOUR]))
        for old, new in ((before.totals, booked.totals), (booked.totals, after.totals)):
            assert all(new[key] >= value for key, value in old.items())
        booked = after
    fair.advance(fleet.now)
    beats = [*fleet.heartbeats[:-1], (fleet.heartbeats[-1][0], fleet.now)]
    period = Watch(beats, fleet.zone, fleet.built, fleet.now)
    totals = fair.booked(fleet.now).totals
    for row in rows(fleet.histories, period, TERMS):
        for kind, amount in (("good", row.good), ("bad", row.bad)):
            assert totals.get((row.key, row.class_, row.rate, row.profile, kind), 0) == amount


ZONE = ZoneInfo("Asia/Shanghai")
NOW = parse_moment("2026-07-10T12:00", ZONE)
BEATS = [(NOW - 80 * DAY, NOW)]


def windows_over(histories: list[CameraHistory]) -> Windows:
    return Windows.build(histories, BEATS, TERMS, ZONE, NOW)


def row_of(found: list[Row], key: str = "32", rate: str = "online", class_: str = "all") -> Row:
    return next(
        row for row in found if (row.key, row.rate, row.class_, row.profile) == (key, rate, class_, "default")
    )


def test_a_flip_before_midnight_moves_seconds_of_both_days() -> None:
    """A flip dated yesterday corrects yesterday, today and the month by exactly its seconds."""
    windows = windows_over([steady("a", NOW - 70 * DAY)])
    assert windows.apply(Flip("a", Axis.ONLINE, NOW - 14 * HOUR, State.OFFLINE, State.ONLINE))
    assert row_of(windows.rows("yesterday", NOW)).bad == 2 * HOUR
    assert row_of(windows.rows("today", NOW)).bad == 12 * HOUR
    assert row_of(windows.rows("month", NOW)).bad == 14 * HOUR
    assert row_of(windows.rows("previous_month", NOW)).bad == 0


def test_a_flip_dated_too_far_back_is_refused() -> None:
    """Beyond what is kept of a camera's states a correction would be a guess: the caller is told to build anew."""
    windows = windows_over([steady("a", NOW - 70 * DAY)])
    late = Flip("a", Axis.ONLINE, NOW - KEEP - 1, State.OFFLINE, State.ONLINE)
    assert not windows.apply(late)
    assert row_of(windows.rows("month", NOW)).bad == 0
    assert windows.apply(replace(late, at=NOW - KEEP))


def test_a_flip_of_a_camera_that_is_gone_is_ignored() -> None:
    """A result that was under way when its camera left the inventory changes nothing."""
    windows = windows_over([steady("a", NOW - 70 * DAY)])
    before = windows.rows("month", NOW)
    assert windows.apply(Flip("gone", Axis.ONLINE, NOW, State.OFFLINE, State.ONLINE))
    assert windows.rows("month", NOW) == before


def test_a_missing_picture_turns_bad_by_time_alone() -> None:
    """24 hours after the flip to no_picture the camera is bad, without any further flip."""
    windows = windows_over([steady("a", NOW - 70 * DAY)])
    windows.apply(Flip("a", Axis.PICTURE, NOW, State.NO_PICTURE, State.GOOD))
    assert row_of(windows.rows("now", NOW + DAY - 1), rate="intact").undiagnosed == 1
    assert row_of(windows.rows("now", NOW + DAY), rate="intact").bad == 1
    later = row_of(windows.rows("month", NOW + DAY + HOUR), rate="intact")
    assert (later.bad, later.undiagnosed) == (HOUR, DAY)


def test_going_offline_for_a_moment_does_not_begin_the_grace_anew() -> None:
    """A camera that refuses its picture and goes offline every 23 h is bad from the 24th hour on, live and
    afterwards; once a picture was judged the next missing one has 24 h again."""
    missing = [(NOW + n * 23 * HOUR, State.NO_PICTURE) for n in range(12)]
    dark = [(NOW + n * 23 * HOUR - HOUR, State.UNKNOWN) for n in range(1, 12)]
    flips = [Flip("a", Axis.PICTURE, at, state, State.UNKNOWN) for at, state in sorted(missing + dark)]
    windows, camera = windows_over([steady("a", NOW - 70 * DAY)]), steady("a", NOW - 70 * DAY)
    for flip in flips:
        windows.apply(flip)
    until = NOW + 276 * HOUR
    row = row_of(windows.rows("month", until), rate="intact")
    assert (row.undiagnosed, row.bad, row.unknown) == (23 * HOUR, 242 * HOUR, 11 * HOUR)
    whole = replace(camera, picture=(*camera.picture, *((flip.at, flip.state, ()) for flip in flips)))
    period = Watch([(NOW - 80 * DAY, until)], ZONE, NOW, until)
    assert row_of([*rows([whole], period, TERMS)], rate="intact").bad == row.bad
    windows.apply(Flip("a", Axis.PICTURE, until, State.GOOD, State.NO_PICTURE))
    windows.apply(Flip("a", Axis.PICTURE, until + HOUR, State.NO_PICTURE, State.GOOD))
    assert row_of(windows.rows("now", until + 2 * HOUR), rate="intact").undiagnosed == 1


def test_counters_go_on_over_a_rebuild() -> None:
    """A table built anew takes over what was booked, and books on from there."""
    old = windows_over([steady("a", NOW - 70 * DAY)])
    old.advance(NOW + HOUR)
    carried = old.booked(NOW + HOUR // 2)
    new = Windows.build([steady("a", NOW - 70 * DAY)], BEATS, TERMS, ZONE, NOW + HOUR, booked=carried)
    key = ("32", "all", "online", "default", "good")
    assert carried.totals[key] == HOUR // 2
    assert new.booked(NOW + HOUR).totals[key] == HOUR


def test_heads_and_faults_count_each_camera_once_a_region() -> None:
    """Heads by axis and state, faults by name, each for the region, those above it and the class `all`."""
    exempt = replace(steady("b", NOW - 70 * DAY), exempt=((NOW - DAY, NOW + DAY),))
    windows = windows_over([steady("a", NOW - 70 * DAY), exempt])
    windows.apply(Flip("a", Axis.PICTURE, NOW, State.FAULTY, State.GOOD, ("dark", "blur")))
    heads = windows.heads()
    assert heads["32", "all", "picture", "faulty"] == 1
    assert heads["32", "1", "online", "exempt"] == heads["320101", "1", "picture", "exempt"] == 1
    assert heads["32", "all", "online", "online"] == 1
    assert windows.faults() == {
        (region, class_, fault): 1
        for region in ("32", "3201", "320101")
        for class_ in ("1", "all")
        for fault in ("dark", "blur")
    }
    windows.advance(NOW + DAY)
    assert windows.heads()["32", "all", "online", "online"] == 2


def test_standing_tells_how_single_cameras_are_counted() -> None:
    """Of a camera asked for: its group and situation of now, as the heads count it; nothing of a stranger."""
    windows = windows_over([steady("a", NOW - 70 * DAY), steady("b", NOW - 70 * DAY)])
    windows.apply(Flip("a", Axis.ONLINE, NOW, State.OFFLINE, State.ONLINE))
    standing = windows.standing(["a", "b", "a", "stranger"])
    assert standing.keys() == {"a", "b"}
    group, situation = standing["a"]
    assert (group, situation.online) == (("320101", "1"), State.OFFLINE)
    assert standing["b"][1].online is State.ONLINE


def test_no_frame_check_means_no_intact_rate_and_no_picture_heads() -> None:
    """Without a frame check nothing is said about pictures at all."""
    windows = Windows.build(
        [steady("a", NOW - 70 * DAY)], BEATS, Terms(INVENTORY, PROFILES, ("online",)), ZONE, NOW
    )
    assert {row.rate for row in windows.rows("month", NOW)} == {"online"}
    assert {axis for _, _, axis, _ in windows.heads()} == {"online"}


@pytest.mark.parametrize("days", [1, 3, 40, 70])
def test_a_clock_that_jumps_rolls_every_day_and_month_between(days: int) -> None:
    """However far time jumps, windows move one by one and keep their seconds."""
    windows = windows_over([steady("a", NOW - 70 * DAY)])
    windows.advance(NOW + days * DAY)
    for name, span in windows.spans(NOW + days * DAY).items():
        if name != "now":
            assert row_of(windows.rows(name, NOW + days * DAY)).good == span.end - span.start


@pytest.mark.parametrize("hours", ["mon-fri 07:00-19:00", "22:00-06:00"])
def test_service_hours_go_on_for_weeks_without_a_rebuild(hours: str) -> None:
    """Weeks after the start, the hours of every day are still opened and closed by time alone."""
    camera = replace(
        steady("a", NOW - 70 * DAY), placements=((NOW - 70 * DAY, Placement("320101", "1", service_hours=hours)),)
    )
    windows = windows_over([camera])
    for days in range(1, 40, 3):
        now = NOW + days * DAY
        for name in NAMES:
            span = windows.spans(now)[name]
            beats = [(BEATS[0][0], now)]
            assert windows.rows(name, now) == [*rows([camera], Watch(beats, ZONE, span.start, span.end), TERMS)]


def test_of_two_flips_of_one_moment_the_later_holds_even_if_the_first_comes_again() -> None:
    """A flip that is applied twice, as after a rebuild, does not outdo what came after it."""
    windows = windows_over([steady("a", NOW - 70 * DAY)])
    first = Flip("a", Axis.ONLINE, NOW - HOUR, State.OFFLINE, State.ONLINE)
    for flip in (first, replace(first, state=State.ONLINE, was=State.OFFLINE), first):
        assert windows.apply(flip)
    assert row_of(windows.rows("today", NOW)).bad == 0


def test_a_camera_counts_from_its_first_moment_in_service() -> None:
    """Opening this very moment it has no second yet; a millisecond later it counts in today and the month."""
    noon = Placement("320101", "1", service_hours="12:00-13:00")
    opening = replace(steady("a", NOW - HOUR), placements=((NOW - HOUR, noon),))
    built_before = Windows.build([opening], BEATS, TERMS, ZONE, NOW - 1)
    for windows in (windows_over([opening]), built_before):
        for now, cameras in ((NOW, 0), (NOW + 1, 1), (NOW + 2 * DAY, 1)):
            for name in ("today", "month"):
                row = row_of(windows.rows(name, now), class_="1")
                assert row.cameras == (cameras if now < NOW + DAY or name == "month" else 0)


def test_a_camera_that_left_stays_out_of_service_until_its_windows_end() -> None:
    """Seconds after a camera left are out of service where it was, and it is in no later window."""
    gone = replace(
        steady("a", NOW - 70 * DAY), placements=((NOW - 70 * DAY, Placement("320101", "1")), (NOW - HOUR, None))
    )
    windows = windows_over([gone])
    assert row_of(windows.rows("today", NOW)).out_of_service == HOUR
    assert row_of(windows.rows("yesterday", NOW + DAY)).out_of_service == 13 * HOUR
    assert windows.rows("today", NOW + DAY) == windows.rows("now", NOW + DAY) == []
    assert row_of(windows.rows("month", NOW + DAY)).out_of_service == 25 * HOUR
