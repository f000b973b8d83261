"""The repair plan: the fewest repairs, exact figures, and never a promise that a repair cannot keep."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.incidents.incident import Cause, Incident, Kind
from healthd.incidents.instant import instant
from healthd.incidents.plan import Lift, Outcome, Plan, lift, make_plan
from healthd.model import CameraHistory, State
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN
from healthd.rates.timeline import FOREVER, GRACE, Situation, Watch
from healthd.rates.windows import Windows
from tests.rates_fleets import DAY, INVENTORY, PROFILES, PlacedFleet, fleets, steady

ALL_KINDS = frozenset(Kind) - {Kind.CLOCK}
BAD = Lift(1, 0, ALL_KINDS)  # bad -> good
FRESH = Lift(1, 1, ALL_KINDS)  # undiagnosed -> good: it enters the denominator too
BLANK = Lift(0, -1, ALL_KINDS)  # bad -> no picture is expected of it: it leaves the denominator
DEFAULT, NINGXIA = BUILT_IN["default"], BUILT_IN["ningxia-2014"]


def incident(key: str, cameras: str, kind: Kind = Kind.OFFLINE) -> Incident:
    """An open incident whose cameras are the letters of `cameras`."""
    here = ("3201", "1", "u", "m")  # region, class, unit, maintainer
    return Incident(key, kind, Cause.UNKNOWN, f"s-{key}", *here, frozenset(cameras), 1, 2)


def plan(found: Mapping[str, str], good: int, assessed: int, target: Fraction) -> Plan:
    """A plan where every camera that is named is bad."""
    incidents = [incident(key, cameras) for key, cameras in found.items()]
    return make_plan(incidents, dict.fromkeys("".join(found.values()), BAD), good, assessed, target)


def told(found: Plan) -> list[tuple[str, int, Fraction]]:
    return [(step.incident.id, step.cameras, step.ratio) for step in found.steps]


def test_the_most_cameras_first_and_only_as_many_repairs_as_it_takes() -> None:
    """Two repairs of four reach 97 %, the larger first, each with the exact rate after it."""
    found = plan({"a": "12", "b": "3", "c": "4567", "d": "8"}, 92, 100, Fraction(97, 100))
    assert found.outcome is Outcome.REACHABLE
    assert told(found) == [("c", 4, Fraction(96, 100)), ("a", 2, Fraction(98, 100))]


def test_the_target_is_met_exactly() -> None:
    """One camera short is not enough, and the target itself is: no rounding, no repair too many."""
    just = plan({"a": "12", "b": "3"}, 95, 100, Fraction(97, 100))
    assert told(just) == [("a", 2, Fraction(97, 100))]
    more = plan({"a": "12", "b": "3"}, 95, 100, Fraction(970001, 1000000))
    assert told(more) == [("a", 2, Fraction(97, 100)), ("b", 1, Fraction(98, 100))]


def test_reached_out_of_reach_and_nothing_to_say() -> None:
    """Each of the other outcomes is told as such; out of reach lists every repair that helps."""
    target = Fraction(97, 100)
    assert plan({"a": "12"}, 97, 100, target).outcome is Outcome.REACHED
    assert plan({"a": "12"}, 97, 100, target).steps == ()
    far = plan({"a": "1", "b": "23"}, 90, 100, target)
    assert (far.outcome, [step.ratio for step in far.steps]) == (
        Outcome.OUT_OF_REACH,
        [Fraction(92, 100), Fraction(93, 100)],
    )
    assert plan({"a": "1"}, 0, 0, target).outcome is Outcome.NOTHING_ASSESSED
    assert make_plan([], {}, 1, 2, None).outcome is Outcome.NO_TARGET
    assert plan({}, 90, 100, target).steps == ()


def test_a_camera_in_two_incidents_counts_once_and_when_both_are_repaired() -> None:
    """The switch brings back three, the fourth only with its picture; counted twice it would look reached."""
    found = [incident("switch", "1234"), incident("lens", "4", Kind.PICTURE)]
    lifts = dict.fromkeys("1234", BAD)
    near = make_plan(found, lifts, 90, 100, Fraction(93, 100))
    assert told(near) == [("switch", 3, Fraction(93, 100))]
    both = make_plan(found, lifts, 90, 100, Fraction(94, 100))
    assert told(both) == [("switch", 3, Fraction(93, 100)), ("lens", 1, Fraction(94, 100))]
    assert make_plan(found, lifts, 90, 100, Fraction(95, 100)).outcome is Outcome.OUT_OF_REACH


def test_two_repairs_for_one_camera_come_last() -> None:
    """A camera that needs two crews is left out where single repairs reach the target as well."""
    found = [incident("x", "a"), incident("y", "a", Kind.PICTURE), *(incident(key, key) for key in "bc")]
    short = make_plan(found, dict.fromkeys("abc", BAD), 95, 100, Fraction(97, 100))
    assert [key for key, _, _ in told(short)] == ["b", "c"]
    whole = make_plan(found, dict.fromkeys("abc", BAD), 95, 100, Fraction(98, 100))
    assert [gain for _, gain, _ in told(whole)] == [1, 1, 0, 1]


def test_cameras_that_enter_or_leave_the_denominator() -> None:
    """A camera that was not judged adds to both figures; one of which no picture is expected leaves them."""
    entering = make_plan([incident("a", "12")], dict.fromkeys("12", FRESH), 95, 98, Fraction(97, 100))
    assert told(entering) == [("a", 2, Fraction(97, 100))]
    leaving = make_plan([incident("a", "12")], dict.fromkeys("12", BLANK), 96, 100, Fraction(97, 100))
    assert told(leaving) == [("a", 0, Fraction(96, 98))]


def test_bad_cameras_without_an_incident_are_counted_apart() -> None:
    """What no incident explains is no repair, and is said."""
    found = [incident("a", "1"), incident("b", "2", Kind.CLOCK)]
    known = make_plan(found, {"1": BAD, "2": BAD, "3": BAD, "4": FRESH}, 90, 100, Fraction(99, 100))
    assert (len(known.steps), known.unexplained) == (1, 2)


SMALL = st.integers(1, 12)


@st.composite
def troubles(draw: st.DrawFn) -> tuple[list[Incident], dict[str, Lift]]:
    """As they really are: a camera is in at most one incident of many, and in some of its own alone."""
    letters = "abcdefghij"
    hubs = draw(st.lists(st.sampled_from(["", "", "A", "B", "C"]), min_size=10, max_size=10))
    found = [incident(hub, "".join(c for c, h in zip(letters, hubs, strict=True) if h == hub)) for hub in "ABC"]
    for camera in letters:
        kinds = draw(st.sampled_from([[], [], [Kind.PICTURE], [Kind.ACCOUNT], [Kind.PICTURE, Kind.ACCOUNT]]))
        found += [incident(f"{kind}-{camera}", camera, kind) for kind in kinds]
    chosen = draw(st.permutations([one for one in found if one.camera_ids]))[:9]
    return chosen, {camera: draw(st.sampled_from([BAD, BAD, BAD, FRESH, BLANK])) for camera in letters}


@settings(max_examples=300, deadline=None)
@given(troubles(), SMALL, st.integers(11, 60), st.fractions(Fraction(1, 2), 1, max_denominator=50))
def test_no_shorter_list_exists(
    found: tuple[list[Incident], dict[str, Lift]], good: int, more: int, target: Fraction
) -> None:
    """Against every possible choice: none with fewer repairs reaches the target, and none as short lifts more."""
    incidents, lifts = found
    assessed = good + more
    made = make_plan(incidents, lifts, good, assessed, target)

    def after(chosen: tuple[Incident, ...]) -> Fraction:
        in_any = {camera: [one for one in incidents if camera in one.camera_ids] for camera in lifts}
        mended = [lifts[c] for c, needed in in_any.items() if needed and all(one in chosen for one in needed)]
        whole = assessed + sum(one.assessed for one in mended)
        return (good + sum(one.good for one in mended)) - target * whole

    reaching = [
        size
        for size in range(len(incidents) + 1)
        if any(after(chosen) >= 0 for chosen in combinations(incidents, size))
    ]
    if not reaching:
        assert made.outcome is Outcome.OUT_OF_REACH
        return
    assert len(made.steps) == reaching[0]
    assert (made.outcome is Outcome.REACHED) == (reaching[0] == 0)
    if made.steps:
        last = made.steps[-1]
        assert last.ratio >= target
        assert last.good - target * last.assessed == max(map(after, combinations(incidents, reaching[0])))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1), max_size=6), SMALL)
def test_a_plan_keeps_its_word_however_incidents_overlap(cameras: list[frozenset[str]], good: int) -> None:
    """Even where many incidents share many cameras, the list reaches the target and its figures add up."""
    incidents = [incident(f"i{number}", "".join(found)) for number, found in enumerate(cameras)]
    made = make_plan(incidents, dict.fromkeys("abcdefgh", BAD), good, good + 8, Fraction(9, 10))
    chosen = {step.incident.id for step in made.steps}
    assert len(chosen) == len(made.steps)
    open_ = [one for one in incidents if one.id not in chosen]
    named = frozenset().union(*cameras) if cameras else frozenset[str]()
    mended = [camera for camera in named if not any(camera in one.camera_ids for one in open_)]
    if made.steps:
        assert made.steps[-1].good == good + len(mended) == good + sum(step.cameras for step in made.steps)
    if made.outcome is Outcome.REACHABLE:
        assert made.steps[-1].ratio >= Fraction(9, 10)


def test_many_incidents_are_planned_at_once() -> None:
    """Ten thousand incidents, a thousand of them entangled, take seconds at most."""
    found = [incident(f"i{number}", "") for number in range(9000)]
    lifts = {}
    for number, one in enumerate(found):
        names = [f"c{number}-{place}" for place in range(1 + number % 4)]
        lifts.update(dict.fromkeys(names, BAD))
        object.__setattr__(one, "camera_ids", frozenset(names))
    for number in range(1000):
        one = incident(f"p{number}", "", Kind.PICTURE)
        object.__setattr__(one, "camera_ids", frozenset([f"c{number * 9}-0"]))
        found.append(one)
    made = make_plan(found, lifts, 80_000, 102_500, Fraction(97, 100))
    assert made.outcome is Outcome.REACHABLE
    assert made.steps[-1].ratio >= Fraction(97, 100) > made.steps[-2].ratio


ONLINE = Situation("", False, True, State.ONLINE, State.GOOD, (), -1, True)
DOWN = ONLINE._replace(online=State.OFFLINE, picture=State.UNKNOWN)
DARK = ONLINE._replace(picture=State.FAULTY, faults=("dark",))
NONE = ONLINE._replace(picture=State.NO_PICTURE)


@pytest.mark.parametrize(
    ("situation", "online", "intact", "ningxia"),
    [
        (ONLINE, None, None, None),
        (DOWN, (1, 0), (1, 0), (1, 1)),
        (DOWN._replace(pictured=False), (1, 0), (0, -1), None),
        (DARK, None, (1, 0), (1, 0)),
        (NONE, None, (1, 1), (1, 1)),
        (NONE._replace(overdue=GRACE), None, (1, 0), (1, 0)),
        (DOWN._replace(exempt=True), None, None, None),
        (DOWN._replace(out="suspended"), None, None, None),
        (DOWN._replace(seen=False, online=State.UNKNOWN), None, None, None),
        (ONLINE._replace(picture=State.UNKNOWN), None, None, None),
    ],
)
def test_what_a_repair_changes(
    situation: Situation,
    online: tuple[int, int] | None,
    intact: tuple[int, int] | None,
    ningxia: tuple[int, int] | None,
) -> None:
    """Only what is bad, or not judged for its fault, is lifted; never what is exempt, out of service or unseen."""
    found = [
        lift(situation, *column) for column in (("online", DEFAULT), ("intact", DEFAULT), ("intact", NINGXIA))
    ]
    assert [one and (one.good, one.assessed) for one in found] == [online, intact, ningxia]


def test_only_incidents_that_hold_a_camera_back_are_repaired_for_it() -> None:
    """An offline camera needs its picture repaired for the intact rate only; an online one no cable at all."""
    intact, online, dark = (
        lift(DOWN, "intact", DEFAULT),
        lift(DOWN, "online", DEFAULT),
        lift(DARK, "intact", DEFAULT),
    )
    assert intact is not None
    assert online is not None
    assert dark is not None
    assert intact.kinds == {Kind.OFFLINE, Kind.FLAPPING, Kind.PICTURE, Kind.ACCOUNT}
    assert online.kinds == {Kind.OFFLINE, Kind.FLAPPING}
    assert dark.kinds == {Kind.PICTURE, Kind.ACCOUNT}


@settings(max_examples=60, deadline=None)
@given(fleets())
def test_the_figures_are_those_of_the_live_window(fleet: PlacedFleet) -> None:
    """Whatever the histories, the rows of an instant are the page's rows of now, and lifts stay within them."""
    terms = Terms(INVENTORY, PROFILES)
    live = Windows.build(fleet.histories, fleet.heartbeats, terms, fleet.zone, fleet.now)
    beats = fleet.heartbeats
    watch = Watch([*beats[:-1], (beats[-1][0], FOREVER)], fleet.zone, fleet.now, fleet.now + 1)
    moment = instant(fleet.histories, watch, terms, fleet.now)
    expected = live.rows("now", fleet.now)
    assert moment.rows() == expected
    for row in expected:
        profile = next(one for one in PROFILES if one.name == row.profile)
        lifts = moment.lifts(row.region, row.class_, row.rate, profile).values()
        assert sum(one.assessed <= 0 for one in lifts) <= row.bad
        assert row.rate == "intact" or sum(one.assessed <= 0 for one in lifts) == row.bad


def test_a_missing_picture_is_lifted_as_long_as_it_is_judged() -> None:
    """The grace of a missing picture counts in the plan as it does in the rates."""
    now = 400 * DAY
    history = steady("c1", DAY)
    missing = CameraHistory("c1", history.placements, history.online, ((now - GRACE, State.NO_PICTURE, ()),))
    watch = Watch([(DAY, FOREVER)], ZoneInfo("Asia/Shanghai"), now, now + 1)
    moment = instant([missing], watch, Terms(INVENTORY, PROFILES), now)
    (late,) = moment.lifts("32", "all", "intact", DEFAULT).values()
    assert (late.good, late.assessed) == (1, 0)
    (early,) = (
        instant([missing], watch, Terms(INVENTORY, PROFILES), now - 1).lifts("32", "1", "intact", DEFAULT).values()
    )
    assert (early.good, early.assessed) == (1, 1)
    assert moment.lifts("3202", "all", "intact", DEFAULT) == {}
    assert moment.lifts("32", "2", "intact", DEFAULT) == {}
