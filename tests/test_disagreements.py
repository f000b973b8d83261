"""Where the levels of evidence contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthd.folding.disagreements import Disagreement, Disagreements, Discord, Saying
from healthd.model import State
from healthd.store import Batch, Store

T = 1_700_000_000_000
MINUTE = 60_000


class Camera:
    """One camera, c, with its contradictions."""

    def __init__(self, online: State = State.ONLINE, picture: State = State.GOOD) -> None:
        self.found = Disagreements()
        self.online, self.picture, self.reason = (online, T), (picture, T), ""
        self._stands(T)

    def _stands(self, at: int) -> None:
        self.found.stands("c", self.online, self.picture, self.reason, at)

    def online_is(self, state: State, minute: int) -> None:
        self.online = (state, T + minute * MINUTE)
        self._stands(self.online[1])

    def picture_is(self, state: State, minute: int, reason: str = "") -> None:
        self.picture, self.reason = (state, T + minute * MINUTE), reason
        self._stands(self.picture[1])

    def answered(self, check: str, at: int) -> None:
        self.found.answered("c", self.online, check, at)


def told(found: Disagreements) -> list[tuple[str, int, int]]:
    """(finding, since, until) in minutes after T, of what changed."""
    return [
        (str(one.finding), (one.since - T) // MINUTE, (one.until - T) // MINUTE if one.until else 0)
        for one in found.take()
    ]


def test_reach_without_picture_begins_and_ends_with_the_picture() -> None:
    """An online camera without a picture is a finding from that flip on, until a picture comes or it goes down."""
    found = Camera()
    assert told(found.found) == []
    found.picture_is(State.NO_PICTURE, 1, "auth")
    assert told(found.found) == [("reach_without_picture", 1, 0)]
    found.picture_is(State.FAULTY, 5)
    assert told(found.found) == [("reach_without_picture", 1, 5)]
    found.picture_is(State.NO_PICTURE, 6, "refused")
    found.online_is(State.OFFLINE, 7)
    assert told(found.found) == [("reach_without_picture", 6, 0), ("reach_without_picture", 6, 7)]


@pytest.mark.parametrize(
    ("check", "finding"),
    [("frame", "picture_without_reach"), ("onvif", "protocol_without_reach"), ("snmp", "protocol_without_reach")],
)
def test_an_answer_without_reach_is_a_finding(check: str, finding: str) -> None:
    """What another check hears after the reach fell silent; it ends when the reach answers again."""
    found = Camera(State.OFFLINE, State.UNKNOWN)
    found.answered(check, T - 1)  # asked before it went down: that says nothing
    assert told(found.found) == []
    found.answered(check, T + MINUTE)
    found.answered(check, T + 2 * MINUTE)
    assert told(found.found) == [(finding, 1, 0)]
    assert [one.detail for one in found.found.holding.values()] == [check]
    found.online_is(State.ONLINE, 9)
    assert told(found.found) == [(finding, 1, 9)]


def test_it_ends_when_the_other_check_falls_silent_too() -> None:
    """The check that answered gets nothing any more; the silence of another one changes nothing."""
    found = Camera(State.OFFLINE, State.UNKNOWN)
    found.answered("onvif", T + MINUTE)
    found.found.silent("c", "snmp", T + 2 * MINUTE)
    assert len(found.found.holding) == 1
    found.found.silent("c", "onvif", T + 3 * MINUTE)
    assert told(found.found)[-1] == ("protocol_without_reach", 1, 3)


def test_blindness_and_answers_while_online_are_no_finding() -> None:
    """Of an unknown camera nothing is contradicted, and an online one may answer as it likes."""
    found = Camera(State.UNKNOWN, State.NO_PICTURE)
    found.answered("onvif", T + MINUTE)
    found.online_is(State.ONLINE, 2)
    found.picture_is(State.GOOD, 2)
    found.answered("onvif", T + 3 * MINUTE)
    assert all(one[0] == "reach_without_picture" for one in told(found.found))
    assert not found.found.holding


def says(found: Camera, on: bool | None, minute: float) -> None:
    """The platform "city" says so at a minute; None: it says nothing any more."""
    at = T + round(minute * MINUTE)
    found.found.platform_says("c", None if on is None else Saying(on, at, "city", 5 * MINUTE), at)
    found.found.stands("c", found.online, found.picture, found.reason, at)


def test_a_platform_can_be_wrong_three_ways() -> None:
    """ON without reach, ON without a picture, OFF though reached; each ends when it says otherwise."""
    found = Camera()
    says(found, True, 6)
    assert told(found.found) == []
    found.picture_is(State.NO_PICTURE, 10)
    says(found, True, 16)
    assert told(found.found) == [("reach_without_picture", 10, 0), ("platform_without_picture", 16, 0)]
    found.online_is(State.OFFLINE, 20)
    found.found.take()
    says(found, True, 26)
    assert told(found.found) == [("platform_without_reach", 26, 0)]
    assert [one.detail for one in found.found.holding.values()] == ["city"]
    says(found, False, 30)
    assert told(found.found) == [("platform_without_reach", 26, 30)]
    found.picture_is(State.UNKNOWN, 31)
    found.online_is(State.ONLINE, 40)
    says(found, False, 46)
    assert told(found.found) == [("reach_without_platform", 46, 0)]
    says(found, True, 50)
    assert told(found.found) == [("reach_without_platform", 46, 50)]


def test_a_platform_may_take_its_time_to_notice() -> None:
    """What it says within its patience after a change contradicts nobody: keepalives must be missed first."""
    found = Camera()
    found.online_is(State.OFFLINE, 10)
    says(found, True, 14)
    assert told(found.found) == []
    says(found, True, 15)
    assert told(found.found) == [("platform_without_reach", 15, 0)]


def test_a_platform_that_says_nothing_any_more_contradicts_nobody() -> None:
    """A catalogue that grew too old is unknown, not false."""
    found = Camera(State.OFFLINE, State.UNKNOWN)
    says(found, True, 6)
    assert found.found.by_platform == {"c"}
    says(found, None, 90)
    assert told(found.found) == [("platform_without_reach", 6, 0), ("platform_without_reach", 6, 90)]
    assert found.found.by_platform == set()


def test_who_leaves_the_inventory_contradicts_nobody() -> None:
    """Its findings end, and nothing of it is kept."""
    found = Camera(State.ONLINE, State.NO_PICTURE)
    found.found.take()
    found.found.keep_only({"d"}, T + MINUTE)
    assert told(found.found) == [("reach_without_picture", 0, 1)]
    assert not found.found.holding


def test_findings_survive_a_restart(tmp_path: Path) -> None:
    """What held when healthd ended holds on, dated as before; what ended is kept with its end."""
    store = Store.open(f"sqlite:///{tmp_path / 'h.db'}", writer=True)
    found = Camera(State.ONLINE, State.NO_PICTURE).found
    found.answered("d", (State.OFFLINE, T), "snmp", T + MINUTE)
    store.write(Batch(disagreements=found.take()))
    found.stands("d", (State.ONLINE, T + 5 * MINUTE), (State.UNKNOWN, T), "", T + 5 * MINUTE)
    changed = found.take()
    for _ in range(2):  # twice: changes nothing
        store.write(Batch(disagreements=changed))
    kept = store.disagreements(T, T + 10 * MINUTE)
    assert kept == [
        Disagreement("c", Discord.REACH_WITHOUT_PICTURE, T),
        Disagreement("d", Discord.PROTOCOL_WITHOUT_REACH, T + MINUTE, "snmp", T + 5 * MINUTE),
    ]
    assert store.disagreements(T + 6 * MINUTE, T + 10 * MINUTE) == kept[:1]
    again = Disagreements()
    again.restore(kept[:1])
    again.stands("c", (State.ONLINE, T - MINUTE), (State.NO_PICTURE, T), "", T)
    assert again.take() == ()
    again.stands("c", (State.ONLINE, T - MINUTE), (State.GOOD, T), "", T + 7 * MINUTE)
    assert told(again) == [("reach_without_picture", 0, 7)]
    store.prune(T + 6 * MINUTE)
    assert store.disagreements(0, T + 10 * MINUTE) == kept[:1]
    store.close()
