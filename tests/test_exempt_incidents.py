"""Exemptions and incidents as stories: silence while a camera is exempt, and no repair time runs."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from healthd.filings.exemptions import cover_now
from healthd.incidents.describe import Policy
from healthd.incidents.exempt import Exempt, deadline, paused
from healthd.incidents.incident import Incident, What, restored, stored
from healthd.model import Exemption, Moment, State
from healthd.rates.timeline import joined
from tests.test_board import MINUTE, Town, street
from tests.test_exemptions import exemption

HOUR = 60 * MINUTE


class Filing(Town):
    """A town in which exemptions are filed, for some minutes from now."""

    filed: tuple[Exemption, ...] = ()

    def exempt(self, scope: str, minutes: float, after: float = 0) -> None:
        start = self.now + round(after * MINUTE)
        one = exemption(
            f"E{len(self.filed)}", scope, start, start + round(minutes * MINUTE), filed=len(self.filed)
        )
        self.filed = (*self.filed, one)
        self.fleet.exempt_are(Exempt.of(cover_now(self.filed, self.inventory), self.inventory))

    def withdraw(self) -> None:
        self.filed = ()
        self.fleet.exempt_are(Exempt())


def test_an_exempt_camera_opens_nothing_until_the_exemption_is_over() -> None:
    """Whatever fails of it, nothing opens meanwhile; what still fails when the exemption ends opens then, dated at
    the first fail, with the whole repair time before it."""
    town = Filing()
    town.exempt("camera:c101", 5)
    town.down("c101")
    failed = town.now
    town.later(4 * 60)
    assert town.open() == []
    town.later(90)
    incident = town.one()
    assert (incident.subject, incident.since) == ("c101", failed)
    assert incident.due == failed + 12 * HOUR + incident.paused
    assert incident.paused == town.filed[0].end - failed


def test_what_fails_and_recovers_while_exempt_is_never_told() -> None:
    """A camera that is down and back within its exemption leaves no trace among the incidents."""
    town = Filing()
    town.exempt("region:3201", 5)
    town.down("c101")
    town.later(60)
    town.up("c101")
    town.later(5 * 60)
    assert town.told == []


def test_other_kinds_are_silent_too() -> None:
    """A faulty picture, a refused login and a wrong clock of an exempt camera open nothing either."""
    town = Filing()
    town.exempt("camera:c101", 5)
    town.fleet.picture_is("c101", State.FAULTY, town.now, ("dark",))
    town.fleet.login_is("c102", True, town.now)
    town.fleet.clock_is("c101", 99.0, town.now, 30.0)
    town.later(60)
    assert [incident.subject for incident in town.board.incidents] == ["c102"]


def test_an_open_incident_stays_and_closes_when_it_is_repaired() -> None:
    """Filing an exemption closes nothing; the repair does, even while the exemption goes on."""
    town = Filing()
    town.down("c101")
    town.later(10)
    name = town.one().id
    town.exempt("camera:c101", 60)
    town.later(60)
    assert town.one().id == name
    town.up("c101")
    town.later(2)
    assert town.open() == []
    assert town.told[-1].what is What.CLOSED


def test_a_dead_switch_whose_cameras_are_all_exempt_is_silent() -> None:
    """Neither the switch nor its cameras open anything; where one camera is not exempt it is one incident of that
    camera, and the others come in when their exemption is over."""
    town = Filing()
    town.exempt("device:sw1", 5)
    town.device("sw1", up=False)
    town.down(*town.all_of(1))
    town.later(200)
    assert town.open() == []
    town.later(120)
    assert [(subject, cameras) for subject, _, cameras in town.open()] == [("sw1", 10)]

    town = Filing()
    for camera in town.all_of(1)[1:]:
        town.exempt(f"camera:{camera}", 5)
    town.device("sw1", up=False)
    town.down(*town.all_of(1))
    town.later(200)
    assert [(subject, cameras) for subject, _, cameras in town.open()] == [("sw1", 1)]
    town.later(120)
    assert [(subject, cameras) for subject, _, cameras in town.open()] == [("sw1", 10)]


def test_a_device_without_cameras_is_silent_while_it_is_exempt() -> None:
    """A switch that nothing hangs on opens no incident of its own while it, or what it hangs on, is exempt."""
    town = Filing(street(cameras=0))
    town.exempt("device:feed", 5)
    town.device("sw1", up=False)
    town.later(200)
    assert town.open() == []
    town.later(120)
    assert [subject for subject, _, _ in town.open()] == ["sw1"]


def test_repair_time_stands_still_while_all_cameras_are_exempt() -> None:
    """The due time moves by what is exempt of all cameras, moves back when the exemption is withdrawn, and each
    move is told; an exemption of some of them moves nothing."""
    town = Filing(policy=Policy(mass_limit=10 * MINUTE))
    town.device("sw1", up=False)
    town.down(*town.all_of(1))
    town.later(130)
    before = town.one()
    town.exempt("camera:c101", 60)
    town.later(2)
    assert town.one().due == before.due
    town.exempt("device:sw1", 20)
    town.later(2)
    moved = town.one()
    assert (moved.due, moved.paused) == (before.due + 20 * MINUTE, 20 * MINUTE)
    assert town.told[-1].what is What.DUE
    assert not moved.overdue(town.now + 25 * MINUTE)
    town.withdraw()
    town.later(2)
    assert (town.one().due, town.one().paused) == (before.due, 0)


def test_a_planned_exemption_moves_the_due_time_at_once() -> None:
    """Crews plan by `due`: an exemption that begins before it moves it when it is filed, not when it begins."""
    town = Filing()
    town.down("c101")
    town.later(60)
    before = town.one()
    town.exempt("camera:c101", 30, after=60)
    town.later(1)
    assert town.one().due == before.due + 30 * MINUTE
    town.exempt("camera:c101", 30, after=24 * 60)
    town.later(1)
    assert town.one().due == before.due + 30 * MINUTE


def test_a_repair_is_counted_without_the_time_that_was_exempt() -> None:
    """Once closed, an incident says how long its time stood still up to then; that survives the store."""
    town = Filing()
    town.down("c101")
    town.later(60)
    town.exempt("camera:c101", 10, after=1)
    town.later(5 * 60)
    town.up("c101")
    town.later(2)
    closed = town.told[-1].incident
    stood_still = closed.closed - town.filed[0].start
    assert (closed.paused, closed.took) == (stood_still, closed.closed - closed.since - stood_still)
    assert closed.as_json(town.now)["paused_seconds"] == stood_still / 1000
    assert restored(stored(closed)) == closed
    old = {key: value for key, value in stored(closed).items() if key != "paused"}
    assert restored(old).paused == 0
    assert isinstance(closed, Incident)


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))).map(lambda spans: [*joined(sorted(spans))])


@given(st.integers(0, 50), st.integers(1, 60), SPANS)
def test_a_deadline_is_when_the_limit_has_run(
    start: Moment, limit: Moment, spans: Sequence[tuple[int, int]]
) -> None:
    """Counted moment by moment: up to the deadline just the limit has run, and the last moment was one of it."""
    due = deadline(start, limit, spans)
    running = [at for at in range(start, due) if not any(since <= at < until for since, until in spans)]
    assert len(running) == limit
    assert running[-1] == due - 1
    assert paused(start, due, spans) == due - start - limit


@given(st.lists(SPANS, max_size=3), SPANS)
def test_what_all_have_in_common(cameras: list[list[tuple[int, int]]], device: list[tuple[int, int]]) -> None:
    """Time stands still in the moments in which every camera is exempt; without any, those of the device."""
    named = {f"c{number}": tuple(spans) for number, spans in enumerate(cameras)}
    found = Exempt(named, {"d": device}).common(named, "d")
    for at in range(101):
        inside = [any(since <= at < until for since, until in spans) for spans in cameras or [device]]
        assert any(since <= at < until for since, until in found) == all(inside)
