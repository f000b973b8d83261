"""The core side as stories: whole cities, blindness, gating, memory, restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from healthd.core import Core, CoreRules, Past, Steering
from healthd.folding.disagreements import Disagreement
from healthd.folding.picture_state import PictureRules
from healthd.folding.state import Rules
from healthd.incidents.board import Board
from healthd.incidents.describe import Policy
from healthd.incidents.desk import Desk
from healthd.incidents.facts import PortFacts
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Cause, What
from healthd.model import REFERENCE, Asked, Axis, Camera, Device, Flip, Inventory, Lifecycle, Placement, State
from healthd.recording import placement_changes
from probes.base import Memory, Outcome, Reason, Result
from tests.galleries import empty_gallery

START = 1_700_000_000_000
RULES = CoreRules(
    online=Rules(3, 2, 120_000),
    picture=PictureRules(Rules(3, 2, 7_200_000)),
    retry_seconds=15.0,
    picture_retry_seconds=150.0,
    online_max_age=180_000,
    picture_max_age=10_800_000,
)


def camera(number: int, **placement: object) -> Camera:
    where = replace(Placement("320601", "1", upstream=f"sw{number % 4}"), **placement)  # type: ignore[arg-type]
    return Camera(f"c{number}", f"camera {number}", f"127.0.1.{number}", where)


def inventory(cameras: Iterable[Camera]) -> Inventory:
    return Inventory({}, {}, {c.id: c for c in cameras})


class Story:
    """A core over n cameras; every method is one thing that happens."""

    def __init__(self, cameras: int = 8, references: tuple[str, ...] = (), past: Past | None = None) -> None:
        self.now = START
        self.steered: Counter[tuple[str, str, str]] = Counter()
        self.held: set[tuple[str, str]] = set()
        steering = Steering(
            lambda s, c, _: self.steered.update({("again", s, c): 1}),
            lambda s, c: self.held.add((s, c)),
            lambda s, c: self.held.discard((s, c)),
            lambda s, c: self.steered.update({("look", s, c): 1}),
        )
        self.inventory = inventory(camera(i) for i in range(1, cameras + 1))
        board = Board(Fleet(self.inventory), Policy())
        desk = Desk(board, RULES.online, RULES.retry_seconds, steering.ask_again)
        self.gallery = empty_gallery()
        self.core = Core(RULES, ("onvif", "frame"), references, steering, lambda _c, _a: None, desk, self.gallery)
        self.core.restore(self.inventory, past or Past(0, {}, {}, set(), {}), self.now)
        self.flips: list[Flip] = []
        self.heartbeats: list[tuple[int, int]] = []
        self.disagreements: list[Disagreement] = []

    def fold(self, *answers: tuple[str, str, Result]) -> None:
        self.core.fold([Asked(s, check, self.now, 0.01, r) for s, check, r in answers], self.now)
        self.take()

    def take(self) -> None:
        outbox = self.core.take()
        self.flips += outbox.flips
        self.disagreements += outbox.disagreements
        if outbox.heartbeat:
            self.heartbeats = [h for h in self.heartbeats if h[0] != outbox.heartbeat[0]] + [outbox.heartbeat]

    def pings(self, *, dead: Iterable[int] = (), reference: bool | None = None, seconds: int = 15) -> None:
        """Everybody is asked once; `dead` don't answer."""
        self.now += seconds * 1000
        answers = [
            (c.reach, "ping", Result.fail(Reason.TIMEOUT) if i + 1 in {*dead} else Result.ok())
            for i, c in enumerate(self.inventory.cameras.values())
        ]
        if reference is not None:
            result = Result.ok() if reference else Result.fail(Reason.TIMEOUT)
            answers.append((REFERENCE + "127.0.0.9", "ping", result))
        self.fold(*answers)

    def latest(self) -> dict[tuple[str, str], State]:
        return {(flip.camera, str(flip.axis)): flip.state for flip in self.flips}

    def online(self) -> Counter[State]:
        return Counter(state for (_, axis), state in self.latest().items() if axis == "online")


EVERYBODY = range(1, 9)


def down_alone(story: Story) -> None:
    """c1 goes down, all others answer, and it is an incident of its own."""
    story.pings()
    for _ in range(3):
        story.pings(dead=[1])
    story.now += 10_000
    story.core.judge(story.now)
    story.take()


def test_who_is_down_alone_is_looked_at_once_by_another_check() -> None:
    """Its ONVIF, which is held while it is down, is asked once when its incident opens; nobody else's is."""
    story = Story()
    down_alone(story)
    assert {key for key in story.steered if key[0] == "look"} == {("look", "c1", "onvif")}
    assert story.steered["look", "c1", "onvif"] == 1


def test_an_answer_without_reach_is_a_finding_and_evidence() -> None:
    """ONVIF answers though the reach does not: that is kept, tells the cause, and is looked at again until it
    ends with the reach's return."""
    story = Story()
    down_alone(story)
    story.now += 1000
    story.core.fold([Asked("c1", "onvif", story.now, 0.1, Result.ok())], story.now)
    assert story.core.take().disagreements == ()  # it may just be coming back
    story.pings(dead=[1])
    (began,) = story.disagreements
    assert (began.camera, str(began.finding), began.detail) == ("c1", "protocol_without_reach", "onvif")
    story.core.judge(story.now)
    (incident,) = story.core.desk.board.incidents
    assert incident.cause is Cause.UNKNOWN
    assert [one.code for one in incident.evidence] == ["answers_otherwise", "advice_reach"]
    story.core.tick(story.now + 16 * 60_000)
    assert story.steered["look", "c1", "onvif"] == 2
    for _ in range(2):
        story.pings(dead=[2])
    assert [one.until > 0 for one in story.disagreements if one.camera == "c1"] == [False, True]


def test_who_comes_back_is_no_contradiction() -> None:
    """SNMP answers a moment before the reach is confirmed: that is the recovery, and its cause stays."""
    story = Story()
    down_alone(story)
    story.now += 1000
    story.fold(("c1", "snmp", Result.ok(uptime_seconds=5.0)))
    assert story.steered["again", "127.0.1.1", "ping"]
    for _ in range(2):
        story.pings()
    story.core.judge(story.now + 1000)
    assert story.disagreements == []
    (closed,) = [one.incident for one in story.core.take().happenings if one.what is What.CLOSED]
    assert "answers_otherwise" not in [one.code for one in closed.evidence]


def test_an_online_camera_without_a_picture_is_a_finding() -> None:
    """False online: it begins with the flip of the picture and ends when one is judged again."""
    story = Story()
    story.pings()
    for answer in (*[Result.fail(Reason.AUTH)] * 3, *[Result.ok(faults=())] * 2):
        story.now += 60_000
        story.pings(seconds=0)
        story.fold(("c1", "frame", answer))
    begins, ends = story.disagreements
    assert (str(begins.finding), begins.detail, begins.until) == ("reach_without_picture", "auth", 0)
    assert ends.since == begins.since < ends.until


def test_whole_city_down_with_a_reference_target_is_offline() -> None:
    """The reference target answers, so it is the city: everybody is offline, and healthd is not blind."""
    story = Story(references=(REFERENCE + "127.0.0.9",))
    story.pings(reference=True)
    for _ in range(3):
        story.pings(dead=EVERYBODY, reference=True)
    assert story.online() == {State.OFFLINE: 8}
    assert not story.core.seeing.blind


def test_blind_healthd_with_a_reference_target_blames_nobody() -> None:
    """Not even the reference target answers: it is us, everybody is unknown from the first fail on."""
    story = Story(references=(REFERENCE + "127.0.0.9",))
    story.pings(reference=True)
    first_fail = story.now + 15_000
    for _ in range(5):
        story.pings(dead=EVERYBODY, reference=False)
    assert story.online() == {State.UNKNOWN: 8}
    assert {flip.at for flip in story.flips if flip.state is State.UNKNOWN} == {first_fail}
    assert story.core.seeing.blind


def test_whole_city_down_without_reference_targets_is_unknown() -> None:
    """Without anybody who answers, a dead city and a blind healthd look alike: nobody is blamed."""
    story = Story()
    story.pings()
    for _ in range(5):
        story.pings(dead=EVERYBODY)
    assert story.online() == {State.UNKNOWN: 8}
    assert story.core.seeing.blind


def test_part_of_the_city_down_without_reference_targets_is_offline() -> None:
    """One camera that answers is enough to see that it is not us."""
    story = Story()
    story.pings()
    for _ in range(3):
        story.pings(dead=range(1, 8))
    assert story.online() == {State.OFFLINE: 7, State.ONLINE: 1}
    assert not story.core.seeing.blind


def test_blindness_ends_with_the_first_answer_and_leaves_a_gap_in_the_heartbeats() -> None:
    """The heartbeat stops at the last answer before the blindness and a new one starts at the first after."""
    story = Story()
    story.pings()
    seen_last = story.now
    for _ in range(6):
        story.pings(dead=EVERYBODY)
    story.pings(dead=[1])
    sees_again = story.now
    for _ in range(3):
        story.pings(dead=[1])
    assert next(heartbeat[1] for heartbeat in story.heartbeats) == seen_last
    assert story.heartbeats[1][0] == sees_again
    assert story.online() == {State.ONLINE: 7, State.OFFLINE: 1}
    offline = next(flip for flip in story.flips if flip.state is State.OFFLINE)
    assert offline.at == sees_again


def test_fail_without_corroboration_asks_witnesses_at_once() -> None:
    """In a small fleet nobody may be due: some that answered last, and the references, are asked right away."""
    story = Story(references=(REFERENCE + "127.0.0.9",))
    story.pings()
    story.now += 60_000
    story.steered.clear()
    story.fold(("127.0.1.1", "ping", Result.fail(Reason.TIMEOUT)))
    asked = {subject for (_, subject, check) in story.steered if check == "ping"}
    assert REFERENCE + "127.0.0.9" in asked
    assert len(asked - {"127.0.1.1", REFERENCE + "127.0.0.9"}) >= 3


def test_onvif_and_frame_are_held_while_a_camera_does_not_answer() -> None:
    """Held from the first fail on, released with the first ok; the picture is unknown while offline."""
    story = Story()
    story.pings()
    story.fold(("c1", "frame", Result.ok(faults=())))
    story.pings(dead=[1])
    assert {("c1", "onvif"), ("c1", "frame")} <= story.held
    story.pings(dead=[1])
    story.pings(dead=[1])
    assert story.latest()["c1", "picture"] is State.UNKNOWN
    picture, online = story.flips[-1], story.flips[-2]
    assert (picture.at, picture.axis) == (online.at, Axis.PICTURE)
    story.pings()
    assert ("c1", "frame") in story.held  # one ok is not back yet
    story.pings()
    assert ("c1", "frame") not in story.held


def test_frame_answers_of_a_failing_camera_do_not_touch_its_picture() -> None:
    """A camera that is going down must not first be booked as one that refuses its picture."""
    story = Story()
    story.pings()
    story.fold(("c1", "frame", Result.ok(faults=())))
    for _ in range(3):
        story.pings(dead=[1])
        story.fold(("c1", "frame", Result.fail(Reason.TIMEOUT)))
    assert story.latest()["c1", "picture"] is State.UNKNOWN


def test_frame_that_nobody_answers_asks_for_a_ping_at_once() -> None:
    """A time-out of another check may be the first sign of an outage."""
    story = Story()
    story.pings()
    story.steered.clear()
    story.fold(("c1", "frame", Result.fail(Reason.TIMEOUT)))
    assert story.steered["again", "127.0.1.1", "ping"] == 1


def test_frame_without_address_asks_onvif_first_and_blames_nobody() -> None:
    """Before ONVIF was asked where the picture is, its absence is ours; afterwards it is the camera's."""
    story = Story()
    story.pings()
    for _ in range(3):
        story.pings()
        story.fold(("c1", "frame", Result.fail(Reason.NO_URI)))
    assert ("c1", "picture") not in story.latest()
    assert story.steered["again", "c1", "onvif"] == 3
    story.fold(("c1", "onvif", Result.fail(Reason.PROTOCOL)))
    for _ in range(3):
        story.pings()
        story.fold(("c1", "frame", Result.fail(Reason.NO_URI)))
    assert story.latest()["c1", "picture"] is State.NO_PICTURE


def test_one_ping_serves_all_channels_of_a_device() -> None:
    """Cameras that share an address share its reach result."""
    story = Story(2)
    channels = [replace(camera(1), id=f"ch{i}", channel=i) for i in (1, 2, 3)]
    story.inventory = inventory([*channels, camera(2)])
    story.core.replace(story.inventory, story.now)
    story.now += 1000
    story.fold(("127.0.1.1", "ping", Result.ok()), ("127.0.1.2", "ping", Result.ok()))
    assert {c for (c, axis), s in story.latest().items() if s is State.ONLINE} == {"ch1", "ch2", "ch3", "c2"}


def test_channels_of_a_device_share_its_refused_logins() -> None:
    """Three refusals are three for the whole device, not three a channel: or the device locks the account."""
    story = Story(2)
    channels = [replace(camera(1), id=f"ch{i}", channel=i) for i in (1, 2)]
    story.core.replace(inventory([*channels, camera(2)]), story.now)
    refused = replace(
        Result.fail(Reason.AUTH), learnt={"refusals": 2, "refused_login": "ab", "snapshot_uri": "/1"}
    )
    story.fold(("ch1", "onvif", refused))
    assert story.core.memory("ch2") == Memory(refusals=2, refused_login="ab")
    assert story.core.memory("ch1").snapshot_uri == "/1"
    assert story.core.memory("c2") == Memory()


def test_refused_login_is_an_account_incident_whatever_snmp_says() -> None:
    """ONVIF refuses the login, SNMP answers with a secret of its own: the login is still refused."""
    story = Story()
    story.pings()
    told = []
    for _ in range(4):
        story.pings()
        story.fold(("c1", "onvif", Result.fail(Reason.AUTH)), ("c1", "snmp", Result.ok(uptime_seconds=5.0)))
        story.core.judge(story.now)
        told += [(str(h.what), str(h.incident.cause)) for h in story.core.take().happenings]
    assert told == [("opened", "account")]


def test_restart_continues_states_without_flips() -> None:
    """States of the last run hold until something else is seen; a restart alone flips nothing."""
    states = {("c1", Axis.ONLINE): (State.OFFLINE, START - 900_000, (), "timeout")}
    states |= {(f"c{i}", Axis.ONLINE): (State.ONLINE, START - 900_000, (), "ok") for i in range(2, 9)}
    states |= {(f"c{i}", Axis.PICTURE): (State.GOOD, START - 800_000, (), "ok") for i in range(2, 9)}
    story = Story(past=Past(START - 60_000, states, {"c2": Memory(refusals=3)}, {"c1"}, {}))
    story.core.hold_again()
    for _ in range(3):
        story.pings(dead=[1])
    assert story.flips == []
    assert story.core.memory("c2").refusals == 3
    assert ("c1", "frame") in story.held


def test_old_picture_does_not_survive_a_restart() -> None:
    """A picture older than picture_max_age is unknown, not good."""
    states = {
        ("c1", Axis.ONLINE): (State.ONLINE, START - 90_000_000, (), "ok"),
        ("c1", Axis.PICTURE): (State.GOOD, START - 90_000_000, (), "ok"),
    }
    story = Story(past=Past(START - RULES.picture_max_age - 1, states, {}, set(), {}))
    story.take()
    assert [(flip.camera, flip.axis, flip.state) for flip in story.flips] == [("c1", Axis.PICTURE, State.UNKNOWN)]


def test_what_is_not_asked_for_too_long_becomes_unknown() -> None:
    """Skipped turns leave the state stale: after its age it is unknown, not what it last was."""
    story = Story()
    story.pings()
    last = story.now
    story.core.tick(last + RULES.online_max_age)
    story.take()
    assert story.online() == {State.ONLINE: 8}
    story.core.tick(last + RULES.online_max_age + 1)
    story.take()
    assert story.online() == {State.UNKNOWN: 8}
    assert story.flips[-1].at == last + RULES.online_max_age


def test_removed_and_retired_cameras_become_unknown() -> None:
    """Who leaves the inventory, or is retired in it, is asked no more and known no more."""
    story = Story()
    story.pings()
    left = [c for c in story.inventory.cameras.values() if c.id != "c1"]
    left[0] = replace(left[0], placement=replace(left[0].placement, lifecycle=Lifecycle.RETIRED))
    story.core.replace(inventory(left), story.now)
    story.take()
    assert story.latest()["c1", "online"] is State.UNKNOWN
    assert story.latest()["c2", "online"] is State.UNKNOWN
    assert story.latest()["c3", "online"] is State.ONLINE


def test_undecided_moment_is_the_earliest_open_streak() -> None:
    """What was before the first open fail can be booked for good."""
    story = Story()
    story.pings()
    assert story.core.undecided_since(story.now) == story.now
    story.pings(dead=[1])
    first = story.now
    story.pings(dead=[1, 2])
    assert story.core.undecided_since(story.now + 5) == first


def test_flip_evidence_counts_siblings() -> None:
    """How many cameras under the same upstream answered meanwhile stays with the flip."""
    story = Story()
    story.pings()
    for _ in range(3):
        story.pings(dead=[1])
    offline = next(flip for flip in story.flips if flip.state is State.OFFLINE)
    assert offline.evidence[-1] == {"siblings": 1, "siblings_answered": 1}  # c5 hangs on the same switch


def test_first_reach_is_kept_once() -> None:
    """The networked rate needs to know who ever answered; that is noted at the first answer only."""
    story = Story(2)
    story.now += 1000
    story.core.fold([Asked("127.0.1.1", "ping", story.now, 0.0, Result.ok())], story.now)
    assert story.core.take().reached == {"c1": story.now}
    story.core.fold([Asked("127.0.1.1", "ping", story.now + 1, 0.0, Result.ok())], story.now)
    assert story.core.take().reached == {}


def test_placement_changes() -> None:
    """Only what differs from the store becomes a dated change; who is gone gets a closing one."""
    old = {"c1": camera(1).placement, "c2": camera(2).placement, "c9": camera(9).placement, "c8": None}
    new = inventory([camera(1), camera(2, class_="2"), camera(3)])
    changes = placement_changes(old, new, START, "inventory")
    assert {(c.camera, c.placement.class_ if c.placement else None) for c in changes} == {
        ("c2", "2"),
        ("c3", "1"),
        ("c9", None),
    }


def test_uptime_of_a_camera_that_is_back_is_asked_for_where_it_tells() -> None:
    """Its port was down, which fits cable and power: once it is back its SNMP is asked at once, and decides. A
    camera whose agent tells no uptime is not asked."""
    for knows in (True, False):
        story = Story()
        switch = Device("sw1", "switch 1", "switch", "320601", "127.0.2.1")
        story.core.replace(replace(story.inventory, devices={"sw1": switch}), story.now)
        if knows:
            story.fold(("c1", "snmp", Result(Outcome.OK, Reason.OK, learnt={"booted_at": START / 1000 - 9000})))
        down_alone(story)
        story.core.desk.fleet.device_read("sw1", 0, {"": PortFacts("1", False)}, story.now)
        story.core.judge(story.now)
        assert [i.cause for i in story.core.desk.board.incidents] == [Cause.LINK]
        story.steered.clear()
        for _ in range(2):
            story.pings()
        assert story.steered["again", "c1", "snmp"] == knows
        if knows:
            story.fold(("c1", "snmp", Result.ok(uptime_seconds=20.0)))
        story.core.judge(story.now + 1000)
        (closed,) = [one.incident for one in story.core.take().happenings if one.what is What.CLOSED]
        assert closed.cause is (Cause.POWER if knows else Cause.LINK)


def test_a_reload_that_moves_cameras_finds_them_where_they_are() -> None:
    """Addresses and upstream devices are looked up anew when they change, and cameras are told by value: who stays
    as he was is the very same."""
    story = Story()
    story.pings()
    cameras = [*story.inventory.cameras.values()]
    moved = replace(cameras[0], address="127.0.9.9")
    story.inventory = inventory([moved, *cameras[1:]])
    story.core.replace(story.inventory, story.now)
    for _ in range(3):
        story.pings(dead=[1])
    assert story.latest()["c1", "online"] is State.OFFLINE
    assert all(flip.camera == "c1" for flip in story.flips if flip.state is State.OFFLINE)
    hung = replace(cameras[1], placement=replace(cameras[1].placement, upstream="sw9"))
    story.inventory = inventory([moved, hung, *cameras[2:]])
    story.core.replace(story.inventory, story.now)
    for _ in range(3):
        story.pings(dead=[1, 2])
    (down,) = [flip for flip in story.flips if flip.camera == "c2" and flip.state is State.OFFLINE]
    assert down.evidence[-1]["siblings"] == 0
