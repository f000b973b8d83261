"""At whose door bad seconds are laid: usage and attributable rates, from incidents that held cameras."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthd.incidents.attribution import DOORS, LATE, Hold, attributed, holds, laid
from healthd.incidents.incident import Cause, CountsFor, Happening, Incident, Kind, What
from healthd.model import CameraHistory, Moment, State
from healthd.periods import parse_month
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN
from healthd.rates.rows import Row, rows
from healthd.rates.timeline import FOREVER, Piece, Watch, pieces
from healthd.store import Batch, Store
from tests.rates_fleets import DAY, HOUR, INVENTORY, PROFILES, PlacedFleet, fleets, steady

ZONE = ZoneInfo("Asia/Shanghai")
MONTH = parse_month("2026-06", ZONE)
T = MONTH.start + 10 * DAY
OWN, POWER, OPERATOR, UNDETERMINED = range(4)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def incident(key: str, cause: Cause, *cameras: str, kind: Kind = Kind.OFFLINE, **more: Any) -> Incident:
    since: Moment = T
    return replace(
        Incident(key, kind, cause, key, "320101", "1", "", "north", frozenset(cameras), since, since + 5000),
        **more,
    )


def down(*spans: tuple[Moment, Moment], camera: str = "a") -> CameraHistory:
    entries = [entry for a, b in spans for entry in ((a, State.OFFLINE, ()), (b, State.ONLINE, ()))]
    return replace(steady(camera, MONTH.start), online=((MONTH.start, State.ONLINE, ()), *entries))


def found_of(histories: list[CameraHistory], held: dict[str, list[Hold]], by: str = "maintainer") -> list[Row]:
    watch = Watch([(MONTH.start - DAY, MONTH.end + DAY)], ZONE, MONTH.start, MONTH.end)
    return [*attributed(histories, watch, Terms(INVENTORY, [BUILT_IN["default"]]), held, by=by)]


def one(found: list[Row], rate: str, key: str = "north") -> Row:
    (row,) = [row for row in found if (row.rate, row.key, row.class_) == (rate, key, "1")]
    return row


def test_only_own_bad_seconds_are_attributable() -> None:
    """Of ten bad hours six are the power supplier's: usage counts ten, attributable four, over the same time."""
    history = down((T, T + 6 * HOUR), (T + DAY, T + DAY + 4 * HOUR))
    held = {"a": [Hold(T + 50_000, T + 6 * HOUR, POWER, True), Hold(T + DAY + 9, T + DAY + 4 * HOUR, OWN, True)]}
    found = found_of([history], held)
    usage, attributable = one(found, "usage"), one(found, "attributable")
    assert (usage.bad, attributable.bad) == (10 * HOUR, 4 * HOUR)
    assert usage.assessed == attributable.assessed == 30 * DAY
    assert usage.ratio == 1 - Fraction(10, 720)
    assert attributable.ratio == 1 - Fraction(4, 720)
    assert usage.doors == attributable.doors == (4 * HOUR, 6 * HOUR, 0, 0)
    shown = usage.as_json(ZONE)
    assert [shown[f"{door}_seconds"] for door in DOORS] == [4 * 3600, 6 * 3600, 0, 0]


def test_what_no_incident_explains_is_undetermined_and_not_attributable() -> None:
    """A bad stretch without any incident is nobody's yet: the usage rate has it, the attributable one has not."""
    found = found_of([down((T, T + HOUR))], {})
    assert one(found, "usage").doors == (0, 0, 0, HOUR)
    assert (one(found, "attributable").bad, one(found, "attributable").ratio) == (0, Fraction(1))


def test_a_stretch_belongs_to_its_incidents_from_its_first_second_to_its_last() -> None:
    """An incident is opened after its failure is confirmed and handed over later: each has the seconds until the
    next one took the camera, the first also those before it, the last also those after it."""
    held = {"a": [Hold(T + HOUR, T + 2 * HOUR, POWER, True), Hold(T + 3 * HOUR, T + 4 * HOUR, OPERATOR, True)]}
    found = found_of([down((T, T + 5 * HOUR))], held)
    assert one(found, "usage").doors == (0, 3 * HOUR, 2 * HOUR, 0)


def test_an_incident_that_is_opened_just_after_a_short_outage_explains_it() -> None:
    """Recovery is dated at its first answer, so a short outage may be over when its incident is opened."""
    short = down((T, T + 30_000), (T + DAY, T + DAY + 7000))
    for late, door in ((LATE - 1, POWER), (LATE, UNDETERMINED)):
        hold = Hold(T + 30_000 + late, T + 30_000 + late + 1, POWER, True)
        found = found_of([short], {"a": [hold]})
        assert one(found, "usage").doors[door] >= 30_000
        assert one(found, "usage").doors[UNDETERMINED] >= 7000
    # But not once another stretch has begun: then it is that one's.
    twice = down((T, T + 30_000), (T + 40_000, T + 60_000))
    found = found_of([twice], {"a": [Hold(T + 45_000, T + 60_000, POWER, True)]})
    assert one(found, "usage").doors == (0, 20_000, 0, 30_000)


def test_reach_and_picture_have_their_own_incidents() -> None:
    """An incident about a picture explains no outage, and one about an outage no bad picture."""
    blind = replace(
        steady("a", MONTH.start),
        picture=((MONTH.start, State.GOOD, ()), (T, State.FAULTY, ("dark",)), (T + HOUR, State.GOOD, ())),
    )
    assert one(found_of([blind], {"a": [Hold(T, T + HOUR, POWER, True)]}), "usage").doors == (0, 0, 0, HOUR)
    assert one(found_of([blind], {"a": [Hold(T, T + HOUR, OWN, False)]}), "usage").doors == (HOUR, 0, 0, 0)
    off = down((T, T + HOUR))
    assert one(found_of([off], {"a": [Hold(T, T + HOUR, OWN, False)]}), "usage").doors == (0, 0, 0, HOUR)


def test_the_raw_attributable_ratio_ignores_exemptions_and_nothing_else() -> None:
    """An exempt outage counts in the raw ratio only as far as it is the maintainer's own."""
    filed = replace(down((T, T + 3 * DAY)), exempt=((T, T + 3 * DAY),))
    for door, raw in ((OWN, Fraction(9, 10)), (POWER, Fraction(1)), (UNDETERMINED, Fraction(1))):
        row = one(found_of([filed], {"a": [Hold(T, T + 3 * DAY, door, True)]}), "attributable")
        assert (row.ratio, row.raw_ratio, row.doors) == (Fraction(1), raw, (0, 0, 0, 0))


def test_what_an_incident_turned_out_to_be_counts_for_all_of_its_time() -> None:
    """The cause that stands last holds from the first second on; a merged incident counts as what it became."""
    early = incident("I1", Cause.UNKNOWN, "a", "b")
    grown = replace(early, camera_ids=frozenset("b"))
    known = replace(grown, cause=Cause.POWER)
    closed = replace(known, camera_ids=frozenset(), closed=T + HOUR)
    heir = incident("I2", Cause.REGION_LINK, "c", opened=T + 2000)
    merged = incident("I3", Cause.DEVICE, closed=T + 9000, merged_into="I2")
    feed = [
        Happening(T + 5000, What.OPENED, early),
        Happening(T + 6000, What.OPENED, replace(merged, camera_ids=frozenset("c"), closed=0, merged_into="")),
        Happening(T + 7000, What.GROWN, grown),
        Happening(T + 8000, What.CAUSE, known),
        Happening(T + 9000, What.OPENED, heir),
        Happening(T + 9000, What.MERGED, merged),
        Happening(T + HOUR, What.CLOSED, closed),
    ]
    assert holds(feed, [closed, heir, merged]) == {
        "a": [Hold(T + 5000, T + 7000, POWER, True)],
        "b": [Hold(T + 5000, T + HOUR, POWER, True)],
        "c": [Hold(T + 6000, T + 9000, OPERATOR, True), Hold(T + 9000, FOREVER, OPERATOR, True)],
    }


HOLDS = st.lists(
    st.builds(
        lambda ago, length, door, is_down: (ago, length, door, is_down),
        st.integers(0, 40 * 24),
        st.sampled_from([0, 1, 1, 5, 50]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=6,
)


@given(fleet=fleets(), drawn=HOLDS, by=st.sampled_from(["maintainer", "region", "camera"]))
@SETTINGS
def test_the_four_doors_add_up_to_the_bad_time(
    fleet: PlacedFleet, drawn: list[tuple[int, int, int, bool]], by: str
) -> None:
    """Whatever incidents there were: own + power + operator + undetermined is what the base rate calls bad, in
    every row; attributable is own alone; all other kinds of time are those of the base rate."""
    held = {
        history.camera: sorted(
            Hold(fleet.now - ago * HOUR, fleet.now - ago * HOUR + length * HOUR, door, is_down)
            for ago, length, door, is_down in drawn
        )
        for history in fleet.histories[::2]
    }
    watch = Watch(fleet.heartbeats, fleet.zone, fleet.now - 30 * DAY, fleet.now)
    terms = Terms(INVENTORY, PROFILES)
    base = {
        (r.key, r.class_, r.profile): r for r in rows(fleet.histories, watch, terms, by=by) if r.rate == "intact"
    }
    found = [*attributed(fleet.histories, watch, terms, held, by=by)]
    assert len(found) == 2 * len(base)
    for row in found:
        usual = base[row.key, row.class_, row.profile]
        assert sum(row.doors) == usual.bad
        assert row.bad == (usual.bad if row.rate == "usage" else row.doors[OWN])
        assert row.assessed == usual.assessed
        same = ("undiagnosed", "unknown", "exempt", "out_of_service", "cameras", "raw_assessed")
        assert [getattr(row, name) for name in same] == [getattr(usual, name) for name in same]
        if row.rate == "usage":
            assert (row.good, row.raw_good) == (usual.good, usual.raw_good)


@given(fleet=fleets(), drawn=HOLDS)
@SETTINGS
def test_every_second_is_laid_at_the_door_that_the_rule_says(
    fleet: PlacedFleet, drawn: list[tuple[int, int, int, bool]]
) -> None:
    """Second by second the obvious rule agrees: the stretch's last incident that began by then, else its first."""
    watch = Watch(fleet.heartbeats, fleet.zone, fleet.now - 40 * DAY, fleet.now)
    (history, *_) = fleet.histories
    found = [*pieces(history, watch, watch.start, watch.until)]
    held = sorted(Hold(fleet.now - ago * HOUR, fleet.now - (ago - n) * HOUR, door, d) for ago, n, door, d in drawn)
    parts = sorted(laid(found, held))
    whole = Counter[str]()
    for part in parts:
        assert part.start < part.end
        whole[part.situation.situation.picture] += part.end - part.start
    assert sum(whole.values()) == sum(piece.end - piece.start for piece in found)
    for part in parts:
        assert part.situation.door == obvious(found, held, part.start)
        assert part.situation.door == obvious(found, held, part.end - 1)


def obvious(found: list[Piece], held: list[Hold], at: Moment) -> int:
    def trouble(piece: Piece) -> str:
        situation = piece.situation
        if situation.online is State.OFFLINE:
            return "down"
        return "picture" if situation.picture in (State.FAULTY, State.NO_PICTURE) else ""

    runs: list[tuple[Moment, Moment, str]] = []
    for piece in found:
        start, end = piece.start, piece.end
        if runs and runs[-1][1] == start and runs[-1][2] == trouble(piece):
            start = runs.pop()[0]
        runs.append((start, end, trouble(piece)))
    (begin, finish, what), *_ = [run for run in runs if run[0] <= at < run[1]]
    if not what:
        return UNDETERMINED
    later = [start for start, _, other in runs if other == what and start > begin]
    until = max(finish, min([finish + LATE, *later]))
    mine = [hold for hold in held if hold.down == (what == "down") and hold.end > begin and hold.start < until]
    begun = [hold for hold in mine if hold.start <= at]
    return (begun[-1] if begun else mine[0]).door if mine else UNDETERMINED


def test_doors_are_told_from_the_store(tmp_path: Path) -> None:
    """The feed of incidents that overlap a period comes back whole and in order, whenever they were opened."""
    store = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    old = incident("I1", Cause.POWER, "a", opened=T)
    gone = replace(old, camera_ids=frozenset(), closed=T + DAY)
    after = incident("I2", Cause.DEVICE, "b", opened=T + 2 * DAY)
    feed = [
        Happening(T, What.OPENED, old),
        Happening(T + DAY, What.CLOSED, gone),
        Happening(T + 2 * DAY, What.OPENED, after),
    ]
    store.write(Batch(happenings=feed))
    assert [*store.feed_of(T + HOUR, T + 2 * HOUR)] == feed[:2]
    assert [*store.feed_of(T + DAY + 1, T + 2 * DAY)] == []
    assert [*store.feed_of(T, T + 3 * DAY)] == feed
    assert [CountsFor(door) for door in DOORS] == [*CountsFor]
    store.close()
