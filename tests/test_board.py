"""Incidents as stories: what happens in a street, and what the maintainer is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from healthd.incidents.board import Board
from healthd.incidents.describe import Policy
from healthd.incidents.evidence import clue
from healthd.incidents.facts import PortFacts
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Cause, CountsFor, Happening, Incident, Kind, What
from healthd.model import Camera, Device, Inventory, Maintainer, Placement, Region, State
from healthd.topology.links import Place

MINUTE = 60_000
START = 1_700_000_000_000

REGIONS = {code: Region(code, f"region {code}", "township", "32") for code in ("3201", "3202")}
REGIONS["32"] = Region("32", "city", "city")


def street(cameras: int = 10, *, monitored: bool = True) -> Inventory:
    """A router, below it a power feed and two switches on it with their cameras, all under one crew."""
    devices = {
        "router": Device("router", "router", "router", "32", "127.1.0.1"),
        "feed": Device("feed", "feed", "power", "3201", upstream="router"),
    }
    places = {}
    for number in (1, 2):
        address = f"127.1.0.{number + 1}" if monitored else ""
        switch = Device(f"sw{number}", f"switch {number}", "switch", "3201", address, upstream="feed")
        devices[switch.id] = replace(switch, maintainer="m1")
        for port in range(1, cameras + 1):
            placement = Placement("3201", "2", "police", "m1", upstream=switch.id)
            camera_id = f"c{number}{port:02}"
            places[camera_id] = Camera(
                camera_id, camera_id, f"127.1.{number}.{port}", placement, upstream_port=str(port)
            )
    return Inventory(REGIONS, devices, places, {"m1": Maintainer("m1", "crew", repair_hours=12)})


class Town:
    """A fleet and its board; every method is one thing that happens, a few seconds apart."""

    def __init__(self, inventory: Inventory | None = None, policy: Policy | None = None) -> None:
        self.inventory = inventory or street()
        self.fleet = Fleet(self.inventory)
        self.board = Board(self.fleet, policy or Policy())
        self.now = START
        self.told: list[Happening] = []
        self.silent: set[str] = set()  # does not answer, though its state is not decided yet
        for device in self.inventory.devices.values():
            if device.address:
                self.fleet.device_is(device.id, State.ONLINE, self.now)
        for camera in self.inventory.cameras:
            self.up(camera)
        self.later(10)

    def later(self, seconds: float) -> None:
        """Time passes: who is up answers, and the board is brought in step, every second."""
        for _ in range(round(seconds)):
            self.now += 1000
            for facts in self.fleet.cameras.values():
                if facts.online is State.ONLINE and facts.camera.id not in self.silent:
                    self.fleet.answered(facts.line, self.now)
            self.told += self.board.update(self.now)

    def down(self, *cameras: str) -> None:
        self.now += 1
        for camera in cameras:
            self.fleet.camera_is(camera, State.OFFLINE, self.now)

    def up(self, *cameras: str) -> None:
        for camera in cameras:
            self.fleet.answered(self.fleet.cameras[camera].line, self.now)
            self.fleet.camera_is(camera, State.ONLINE, self.now)

    def device(self, device: str, up: bool) -> None:
        self.now += 1
        self.fleet.device_is(device, State.ONLINE if up else State.OFFLINE, self.now)
        if up:
            self.fleet.answered(self.fleet.devices[device].line, self.now)

    def read(self, device: str, *, booted: int = START - 10 * MINUTE, **ports: PortFacts) -> None:
        named = {name.removeprefix("p"): facts for name, facts in ports.items()}
        self.fleet.device_read(device, booted, named, self.now)

    def all_of(self, switch: int) -> list[str]:
        return [camera for camera in self.inventory.cameras if camera.startswith(f"c{switch}")]

    def open(self) -> list[tuple[str, str, int]]:
        return sorted((i.subject, str(i.cause), len(i.camera_ids)) for i in self.board.incidents)

    def one(self) -> Incident:
        [incident] = self.board.incidents
        return incident

    def whats(self) -> list[tuple[str, str]]:
        return [(str(happening.what), happening.incident.subject) for happening in self.told]


def test_one_camera_is_one_incident_after_it_settled() -> None:
    """It opens once nothing above can be going down any more, dated at the first fail, and closes by itself."""
    town = Town()
    town.down("c101")
    failed = town.now
    town.later(2)
    assert town.open() == []
    town.later(2)
    incident = town.one()
    assert (incident.subject, incident.kind, incident.since) == ("c101", Kind.OFFLINE, failed)
    assert (incident.region, incident.maintainer, incident.unit) == ("3201", "m1", "police")
    assert incident.due == failed + 12 * 60 * MINUTE  # the contract's repair hours
    town.up("c101")
    town.later(1)
    assert town.open() == []
    assert town.whats() == [("opened", "c101"), ("closed", "c101")]
    assert town.told[-1].incident.verified


@pytest.mark.parametrize(
    ("port", "cause"),
    [
        (PortFacts("1", True, True, "delivering"), Cause.DEVICE),
        (PortFacts("1", True, True, None), Cause.DEVICE),
        (PortFacts("1", False, True, "fault"), Cause.POWER),
        (PortFacts("1", False, True, "disabled"), Cause.POWER),
        (PortFacts("1", False, True, "searching"), Cause.LINK),
        (PortFacts("1", False, True, None), Cause.LINK),
        (PortFacts("1", False, False, None), Cause.LINK),
        (PortFacts("1", None, None, None), Cause.UNKNOWN),
    ],
)
def test_port_tells_the_cause(port: PortFacts, cause: Cause) -> None:
    """What the switch says of the camera's port decides which crew goes; it never changes the incident's id."""
    town = Town()
    town.down("c101")
    town.later(7)
    before = town.one()
    assert before.cause is Cause.UNKNOWN
    town.read("sw1", p1=port)
    town.later(1)
    after = town.one()
    assert (after.id, after.cause) == (before.id, cause)
    assert after.evidence


def test_port_read_before_the_outage_says_nothing() -> None:
    """An old reading shows the port as it was, not as it is."""
    town = Town()
    town.read("sw1", p1=PortFacts("1", True, True, "delivering"))
    town.later(5)
    town.down("c101")
    town.later(7)
    assert town.one().cause is Cause.UNKNOWN


def test_dead_switch_is_one_incident() -> None:
    """Its cameras, decided a little before it and after it, are all part of it: none is paged for alone."""
    town = Town()
    town.silent.update(town.all_of(1))
    town.fleet.device_undecided("sw1", True)
    town.down(*town.all_of(1)[:4])
    town.later(8)
    assert town.open() == []  # the switch's own streak is open: wait for it
    town.device("sw1", False)
    town.fleet.device_undecided("sw1", False)
    town.later(1)
    town.down(*town.all_of(1)[4:])
    town.later(2)
    assert town.open() == [("sw1", "upstream", 10)]
    assert town.whats() == [("opened", "sw1"), ("grown", "sw1")]


def test_uptime_tells_power_from_line() -> None:
    """After its return the switch's uptime says whether it had been without power, or only cut off."""
    for booted_after, cause, counts in ((True, Cause.POWER, CountsFor.POWER), (False, Cause.LINK, CountsFor.OWN)):
        town = Town()
        town.device("sw1", False)
        town.down(*town.all_of(1))
        town.later(60)
        incident = town.one()
        town.device("sw1", True)
        town.later(2)
        town.read("sw1", booted=town.now - 30_000 if booted_after else START - 1000 * MINUTE)
        town.up(*town.all_of(1))
        town.later(2)
        assert town.open() == []
        closed = town.told[-1].incident
        assert (closed.id, closed.cause, closed.counts_for) == (incident.id, cause, counts)
        assert closed.most_cameras == 10


def test_cameras_get_time_to_start_and_the_rest_is_split_off() -> None:
    """When the switch is back its cameras boot; who stays away longer than the grace is an incident of its own."""
    town = Town()
    town.device("sw1", False)
    town.down(*town.all_of(1))
    town.later(60)
    town.device("sw1", True)
    town.read("sw1", booted=town.now - 1000)
    town.later(30)
    town.up(*town.all_of(1)[1:])
    town.later(60)
    assert town.open() == [("sw1", "power", 1)]
    town.later(120)
    assert [subject for subject, _, _ in town.open()] == ["c101"]
    assert town.whats()[-2:] in ([("split", "c101"), ("closed", "sw1")], [("closed", "sw1"), ("split", "c101")])


def test_unmonitored_switch_is_found_by_its_cameras() -> None:
    """Eight cameras of one switch that go down together, with nobody left who answers, are one incident."""
    town = Town(street(monitored=False))
    town.down(*town.all_of(1))
    town.later(7)
    assert town.open() == [("sw1", "upstream", 10)]


def test_single_outages_of_one_switch_are_not_a_mass() -> None:
    """Many cameras down for different reasons, while others there answer, stay incidents of their own."""
    town = Town()
    for camera in town.all_of(1)[:9]:
        town.down(camera)
        town.later(10)
    town.later(10)
    assert len(town.open()) == 9


def test_cabinet_without_power_takes_both_switches() -> None:
    """Two switches on one feed that die together are the feed's affair: power."""
    town = Town()
    for number in (1, 2):
        town.device(f"sw{number}", False)
        town.down(*town.all_of(number))
        town.later(1)
    town.later(8)
    assert town.open() == [("feed", "power", 20)]
    assert sum(what == "opened" for what, _ in town.whats()) == 1


@pytest.mark.parametrize("stays", [False, True])
def test_a_switch_gets_time_to_start_like_a_camera(stays: bool) -> None:
    """The feed is back with all cameras, one switch itself answers later: no incident, unless it stays away."""
    town = Town()
    for switch in (1, 2):
        town.device(f"sw{switch}", False)
        town.down(*town.all_of(switch))
    town.later(20)
    assert town.open() == [("feed", "power", 20)]
    town.device("sw1", True)
    town.up(*town.all_of(1), *town.all_of(2))
    town.later(170)
    assert town.open() == []
    if not stays:
        town.device("sw2", True)
    town.later(30)
    assert [subject for what, subject in town.whats() if what == "opened"] == ["feed", "sw2"][: 1 + stays]


def test_feed_stands_above_everything_that_it_feeds() -> None:
    """A recorder and its switch in one cabinet, named by their cameras' column `power`, hang on the one feed."""
    devices = {
        "feed": Device("feed", "feed", "power", "3201"),
        "sw": Device("sw", "switch", "switch", "3201", "127.1.0.2"),
        "nvr": Device("nvr", "recorder", "nvr", "3201", "127.1.0.3", upstream="sw"),
    }
    cameras = {
        f"{upstream}{n}": Camera(
            f"{upstream}{n}",
            "",
            f"127.1.9.{n}",
            Placement("3201", "1", upstream=upstream),
            channel=n,
            tags={"power": "feed"},
        )
        for upstream in ("sw", "nvr")
        for n in (1, 2)
    }
    fleet = Fleet(Inventory(REGIONS, devices, cameras))
    assert fleet.cameras["nvr1"].line == ("nvr", "sw", "feed")
    assert fleet.devices["feed"].children == ["sw"]


def test_region_link_takes_everything_below_and_devices_are_merged() -> None:
    """A dead router is the one incident; a switch's that was open before becomes part of it."""
    town = Town()
    town.device("sw1", False)
    town.down(*town.all_of(1))
    town.later(60)
    first = town.one()
    town.device("router", False)
    town.device("sw2", False)
    town.down(*town.all_of(2))
    town.later(7)
    assert town.open() == [("router", "region_link", 20)]
    merged = next(happening.incident for happening in town.told if happening.what is What.MERGED)
    assert merged.id == first.id
    assert merged.merged_into == town.one().id


def test_dead_management_address_is_not_a_dead_switch() -> None:
    """A switch that does not answer while its cameras do is an incident without cameras."""
    town = Town()
    town.device("sw1", False)
    town.later(1)
    town.up("c102")
    town.down("c101")
    town.later(8)
    assert ("c101", 1) in [(subject, cameras) for subject, _, cameras in town.open()]


def test_a_dead_management_address_takes_no_incident_along() -> None:
    """A router falls silent, not those behind it: no line is blamed, and a dead switch's incident keeps its
    cameras."""
    town = Town()
    town.device("sw1", False)
    town.down(*town.all_of(1))
    town.later(20)
    town.device("router", False)
    town.later(30)
    assert town.open() == [("router", "device", 0), ("sw1", "upstream", 10)]
    town.device("router", True)
    town.later(10)
    ended = town.told[-1].incident
    assert (ended.subject, ended.cause) == ("router", Cause.DEVICE)
    assert "had answered all the time" in ended.evidence[0].text()


def test_subnet_stands_in_where_no_upstream_is_named() -> None:
    """Cameras without upstream that go down together in one /24 are one incident of their region."""
    cameras = {
        f"x{i}": Camera(f"x{i}", f"x{i}", f"127.9.9.{i}", Placement("3202", "1", maintainer="m1"))
        for i in range(1, 13)
    }
    town = Town(Inventory(REGIONS, {}, cameras))
    town.down(*cameras)
    town.later(7)
    assert town.open() == [("3202", "upstream", 12)]
    town.up(*[*cameras][:6])
    town.later(60)
    assert town.open() == [("3202", "upstream", 6)]  # the rest is still coming back
    town.up(*[*cameras][6:])
    town.later(1)
    assert town.open() == []


def test_flapping_is_one_incident_until_it_is_quiet() -> None:
    """Six flips within the hour are one incident, not three; it closes an hour after the last."""
    town = Town()
    for _ in range(3):
        town.down("c101")
        town.later(60)
        town.up("c101")
        town.later(60)
    told = len(town.told)
    for _ in range(3):
        town.down("c101")
        town.later(60)
        town.up("c101")
        town.later(60)
    assert not [happening for happening in town.told[told:] if happening.what is What.OPENED]
    assert [(i.kind, i.subject) for i in town.board.incidents] == [(Kind.FLAPPING, "c101")]
    town.later(3300)
    assert len(town.open()) == 1
    town.later(300)
    assert town.open() == []


def test_account_clock_and_picture_have_incidents_of_their_own() -> None:
    """A refused login, a wrong clock and a bad picture are told apart; a refusal is not also a missing picture."""
    town = Town()
    town.fleet.login_is("c101", True, town.now)
    town.fleet.picture_is("c101", State.NO_PICTURE, town.now, (), "auth")
    town.fleet.clock_is("c102", 7200.0, town.now, 30.0)
    town.fleet.picture_is("c103", State.FAULTY, town.now, ("dark",))
    town.later(8)
    assert town.open() == [("c101", "account", 1), ("c102", "clock", 1), ("c103", "picture", 1)]
    town.fleet.login_is("c101", False, town.now)
    town.later(5)
    assert ("c101", "account", 1) in town.open()  # the picture is still refused
    town.fleet.picture_is("c101", State.GOOD, town.now)
    town.fleet.clock_is("c102", 0.4, town.now, 30.0)
    town.fleet.picture_is("c103", State.GOOD, town.now)
    town.later(1)
    assert town.open() == []


def test_blind_time_neither_opens_nor_closes() -> None:
    """A camera that becomes unknown keeps its incident, and does not get one."""
    town = Town()
    town.down("c101")
    town.later(8)
    for camera in ("c101", "c102"):
        town.fleet.camera_is(camera, State.UNKNOWN, town.now)
    town.later(600)
    assert [subject for subject, _, _ in town.open()] == ["c101"]


def test_a_reload_may_set_other_limits() -> None:
    """What waits to be opened waits as long as the new settings say."""
    town = Town(policy=Policy(settle=60_000))
    town.down("c101")
    town.later(10)
    town.board.policy = Policy(settle=20_000)
    town.fleet.camera_is("c102", State.OFFLINE, town.now)
    town.later(30)
    assert [subject for subject, _, _ in town.open()] == ["c102"]


def test_operator_cannot_close_what_still_fails() -> None:
    """Closing by hand is refused with the reason while anything of it fails."""
    town = Town()
    town.down("c101")
    town.later(8)
    incident = town.one()
    refused = town.board.still_fails(incident.id)
    assert refused is not None
    assert "still fail" in refused.text()
    assert town.board.close(incident.id, "li", town.now) == ()
    assert town.board.still_fails("I0") == clue("closed_already")


def test_acknowledgement_stays_with_the_incident() -> None:
    """Who took it on is kept while it grows and changes its cause."""
    town = Town()
    town.down("c101")
    town.later(8)
    town.told += town.board.acknowledge(town.one().id, "li", "on my way", town.now)
    town.read("sw1", p1=PortFacts("1", False, True, "fault"))
    town.later(1)
    taken = town.one().acknowledged
    assert taken is not None
    assert (taken.by, taken.note) == ("li", "on my way")


def test_incidents_survive_a_restart() -> None:
    """A board that starts with what was open goes on with the same ids, and closes what is over by now."""
    town = Town()
    town.device("sw1", False)
    town.down(*town.all_of(1), "c201")
    town.later(10)
    before = {incident.subject: incident.id for incident in town.board.incidents}
    fleet = Fleet(town.inventory)
    again = Board(fleet, Policy(), town.board.incidents)
    for camera in town.inventory.cameras:
        facts = town.fleet.cameras[camera]
        fleet.camera_is(camera, State.ONLINE if camera == "c201" else facts.online, facts.since)
    told = again.update(town.now + 1000)
    assert [(str(h.what), h.incident.subject) for h in told if h.what is not What.GROWN] == [("closed", "c201")]
    assert {incident.subject: incident.id for incident in again.incidents} == {"sw1": before["sw1"]}


def test_camera_that_moves_keeps_its_incident() -> None:
    """A reload that puts a dead camera on another switch changes nothing about its incident's id."""
    town = Town()
    town.down("c101")
    town.later(8)
    incident = town.one()
    cameras = dict(town.inventory.cameras)
    cameras["c101"] = replace(cameras["c101"], placement=replace(cameras["c101"].placement, upstream="sw2"))
    town.fleet.replace(replace(town.inventory, cameras=cameras))
    town.later(8)
    assert [(i.id, i.subject) for i in town.board.incidents] == [(incident.id, "c101")]


def test_removed_camera_closes_its_incident_unverified() -> None:
    """Who left the inventory is not repaired: closed, and not verified."""
    town = Town()
    town.down("c101")
    town.later(8)
    cameras = {key: camera for key, camera in town.inventory.cameras.items() if key != "c101"}
    town.fleet.replace(replace(town.inventory, cameras=cameras))
    town.later(1)
    assert town.open() == []
    assert not town.told[-1].incident.verified


def without(inventory: Inventory, device: str) -> Inventory:
    """The inventory with a device taken out; what hung on it hangs on the feed now, or on nothing."""
    devices = {key: one for key, one in inventory.devices.items() if key != device}
    cameras = {
        key: replace(one, placement=replace(one.placement, upstream=""))
        if one.placement.upstream == device
        else one
        for key, one in inventory.cameras.items()
    }
    return replace(inventory, devices=devices, cameras=cameras)


def test_device_removed_during_its_incident() -> None:
    """Its cameras, still dead, get incidents that are about something in the inventory; none is left for a ghost,
    and every camera is in exactly one."""
    town = Town()
    town.device("sw1", False)
    town.down(*town.all_of(1))
    town.later(30)
    assert [subject for subject, *_ in town.open()] == ["sw1"]
    town.fleet.replace(without(town.inventory, "sw1"))
    town.later(200)
    assert "sw1" not in {subject for subject, *_ in town.open()}
    held = [camera for incident in town.board.incidents for camera in incident.camera_ids]
    assert sorted(held) == town.all_of(1)
    town.up(*town.all_of(1))
    town.later(5)
    assert town.open() == []


def test_device_added_during_the_incidents_of_its_cameras() -> None:
    """Cameras that were down as a subnet become one incident of the switch that a reload names, under an id that
    was told before or merged into one."""
    whole = street()
    town = Town(without(whole, "sw1"))
    town.down(*town.all_of(1))
    town.later(30)
    before = {incident.id for incident in town.board.incidents}
    assert before
    town.fleet.replace(whole)
    town.device("sw1", False)
    town.later(200)
    assert [(subject, cameras) for subject, _, cameras in town.open()] == [("sw1", 10)]
    ended = {happening.incident.id for happening in town.told if happening.what is What.MERGED}
    assert before <= ended | {town.one().id}
    town.device("sw1", True)
    town.read("sw1", booted=town.now - 1000)
    town.up(*town.all_of(1))
    town.later(10)
    assert town.open() == []


def test_camera_moved_to_another_port_during_its_incident_is_judged_there() -> None:
    """Its id stays; the port that it is learnt to hang on now is the one that tells the cause."""
    town = Town()
    town.down("c101")
    town.later(8)
    incident = town.one()
    town.fleet.learn({"c101": Place("sw1", "7")})  # the inventory knows better: it names port 1
    town.read("sw1", p1=PortFacts("1", False, poe="disabled"), p7=PortFacts("7", True))
    town.later(3)
    assert (town.one().id, town.one().cause) == (incident.id, Cause.POWER)


def doubtful(town: Town) -> Incident:
    """c101's port is down and tells nothing of power: the cable, or the camera's own supply."""
    town.down("c101")
    town.read("sw1", p1=PortFacts("1", False))
    town.later(8)
    assert town.one().cause is Cause.LINK
    assert town.board.doubts("c101")
    return town.one()


@pytest.mark.parametrize(("restarted", "cause"), [(True, Cause.POWER), (False, Cause.LINK)])
def test_uptime_of_a_camera_that_is_back_tells_power_from_cable(restarted: bool, cause: Cause) -> None:
    """Its incident waits a little for the uptime, which says whether the camera had lost its power."""
    town = Town()
    incident = doubtful(town)
    died = town.fleet.cameras["c101"].since
    town.up("c101")
    town.fleet.uptime_wanted("c101", died)
    town.later(5)
    assert town.one().id == incident.id
    town.fleet.uptime_is("c101", town.now - 10_000 if restarted else START - 1000 * MINUTE)
    town.later(2)
    assert town.open() == []
    closed = town.told[-1].incident
    assert (closed.id, closed.cause, closed.verified) == (incident.id, cause, True)
    assert not town.fleet.restarts


def test_uptime_that_never_comes_holds_no_incident_open() -> None:
    """After a minute it is closed with what was known."""
    town = Town()
    doubtful(town)
    died = town.fleet.cameras["c101"].since
    town.up("c101")
    town.fleet.uptime_wanted("c101", died)
    town.later(58)
    assert town.open()
    town.later(5)
    assert town.open() == []
    assert town.told[-1].incident.cause is Cause.LINK


def test_what_hangs_on_a_flapping_switch_is_no_incident_of_its_own() -> None:
    """A recorder behind a switch that flaps goes down with it each time: that is the switch's affair."""
    whole = street()
    recorder = Device("nvr", "recorder", "nvr", "3201", "127.1.0.9", upstream="sw1")
    town = Town(replace(whole, devices={**whole.devices, "nvr": recorder}))
    for _ in range(4):
        town.device("sw1", False)
        town.device("nvr", False)
        town.down(*town.all_of(1))
        town.fleet.device_undecided("sw1", True)  # its first answer: the next one decides
        town.later(60)
        town.device("sw1", True)
        town.fleet.device_undecided("sw1", False)
        town.read("sw1")
        town.later(2)
        town.device("nvr", True)
        town.up(*town.all_of(1))
        town.later(120)
    assert "nvr" not in {happening.incident.subject for happening in town.told}
    assert [str(incident.kind) for incident in town.board.incidents] == ["flapping"]


def test_an_outage_that_is_found_to_flap_goes_on_under_its_id() -> None:
    """Each time the cameras are back before their switch, whose uptime is waited for: neither do ten cameras flap,
    nor is there a second page beside the one of the outage."""
    town = Town(policy=Policy(flapping_flips=6))
    for outage in range(3):
        town.read("sw1")
        town.device("sw1", False)
        town.down(*town.all_of(1))
        town.later(60)
        before = town.one().id
        town.up(*town.all_of(1))
        town.later(3)
        town.device("sw1", True)
        town.later(5)
        if outage < 2:
            town.read("sw1")
            town.later(200)
    town.down("c101")
    town.later(2)
    assert [(one.id, one.kind, one.subject) for one in town.board.incidents] == [(before, Kind.FLAPPING, "sw1")]


def test_two_switches_that_die_hours_apart_are_not_their_feed() -> None:
    """A feed is dead when all that it feeds died together; else each is a fault of its own."""
    town = Town()
    town.device("sw1", False)
    town.down(*town.all_of(1))
    town.later(600)
    town.device("sw2", False)
    town.down(*town.all_of(2))
    town.later(20)
    assert [subject for subject, *_ in town.open()] == ["sw1", "sw2"]


def on_one_pole(cameras: int) -> Inventory:
    """The street; so many cameras, half of them on either switch, stand on one pole, the others on their own."""
    whole = street()
    chosen = [f"c{1 + number % 2}{1 + number // 2:02}" for number in range(cameras)]
    placed = {
        camera.id: replace(camera, tags={"pole": "P1" if camera.id in chosen else f"own {camera.id}"})
        for camera in whole.cameras.values()
    }
    return replace(whole, cameras=placed)


def test_a_pole_is_one_incident() -> None:
    """Eight cameras of a pole that go down together, though their switches and neighbours answer, are one."""
    town = Town(on_one_pole(8))
    poled = [camera.id for camera in town.inventory.cameras.values() if camera.tags["pole"] == "P1"]
    town.down(*poled)
    town.later(10)
    incident = town.one()
    assert (incident.subject, incident.cause, incident.camera_ids) == ("3201", Cause.UPSTREAM, frozenset(poled))
    assert "pole P1" in incident.evidence[0].text()
    town.up(*poled[:7])
    town.later(200)
    assert [one.subject for one in town.board.incidents] == poled[7:], "who stays away is on its own"
    town.up(poled[7])
    town.later(2)
    assert town.open() == []


def test_few_cameras_of_a_pole_are_not_a_mass() -> None:
    """Below the configured number each is an incident of its own, with the cause that its port tells."""
    town = Town(on_one_pole(7))
    poled = [camera.id for camera in town.inventory.cameras.values() if camera.tags["pole"] == "P1"]
    town.down(*poled)
    town.later(10)
    assert [subject for subject, _, _ in town.open()] == sorted(poled)


def test_a_pole_below_a_dead_switch_is_the_switchs_affair() -> None:
    """The topmost dead device takes the blame, not the pole."""
    town = Town(on_one_pole(8))
    town.device("sw1", False)
    town.down(*town.all_of(1))
    town.later(20)
    assert town.open() == [("sw1", "upstream", 10)]
