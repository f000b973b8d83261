"""What hangs on what: small networks, told by their tables, against inventories silent, right and wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from healthd.folding.state import Rules
from healthd.incidents.board import Board
from healthd.incidents.describe import Policy
from healthd.incidents.desk import Desk
from healthd.incidents.facts import CameraFacts, DeviceFacts
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Cause
from healthd.model import Asked, Axis, Camera, Device, Flip, Inventory, Placement, Region, State
from healthd.topology.links import Learner, Link, Place, Source, Standing, Topology
from healthd.topology.sightings import EDGE_MACS
from probes.base import Result
from probes.ports import Poe, Port
from probes.tables import Neighbour

ROUTER, SW1, SW2 = "02:00:00:00:01:00", "02:00:00:00:01:01", "02:00:00:00:01:02"
UP = 25  # ifIndex of a switch's line up


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def camera(number: int, upstream: str = "", port: str = "", **more: Any) -> Camera:
    placement = Placement("32", "1", upstream=upstream)
    more = {"mac": mac(number)} | more
    return Camera(f"c{number}", f"camera {number}", f"10.0.0.{number}", placement, upstream_port=port, **more)


def town(*cameras: Camera, **devices: Device) -> Inventory:
    """A router with two switches, which the inventory knows, unless `devices` says otherwise."""
    known = {
        "router": Device("router", "router", "router", "32", "10.1.0.1"),
        "sw1": Device("sw1", "switch 1", "switch", "32", "10.1.0.2", upstream="router", upstream_port="ge1"),
        "sw2": Device("sw2", "switch 2", "switch", "32", "10.1.0.3", upstream="router", upstream_port="ge2"),
    }
    regions = {"32": Region("32", "city", "city")}
    return Inventory(regions, known | devices, {one.id: one for one in cameras})


def walk(macs: Mapping[str, int] | None = None, **more: Any) -> dict[str, Any]:
    """What a switch with 24 ports and a line up tells: MAC -> port number."""
    ports = tuple(Port(number, f"ge{number}", physical=True, oper_up=True) for number in range(1, UP + 1))
    return {"ports": ports, "macs": tuple(sorted((macs or {}).items())), "bridge_mac": "", "chassis_id": ""} | more


def hears(port: int, chassis: str, far: str = "") -> Neighbour:
    return Neighbour(port, chassis, far)


ROUTER_WALK = walk(chassis_id=ROUTER, neighbours=(hears(1, SW1, "ge25"), hears(2, SW2, "ge25")))


def switch(own: str, macs: Mapping[str, int], **more: Any) -> dict[str, Any]:
    """A switch that hears the router at its line up."""
    return walk({ROUTER: UP, **macs}, **({"bridge_mac": own, "neighbours": (hears(UP, ROUTER, "ge1"),)} | more))


def learn(inventory: Inventory, **walks: Mapping[str, Any]) -> Learner:
    """Two rounds of walks, the router's first."""
    learner = Learner(inventory)
    for _ in range(2):
        for device, values in {"router": ROUTER_WALK, **walks}.items():
            learner.take(device, values)
    return learner


def link(learner: Learner, id_: str) -> Link:
    found = learner.topology()
    return next(one for one in (*found.known, *found.learnt, *found.contradicting) if one.id == id_)


def test_a_mac_that_the_camera_tells_places_it() -> None:
    """Without a MAC in the inventory, what the camera says of itself is looked for in the next walks; what it says
    later moves it, and a MAC that two cameras claim places neither."""
    tables = switch(SW1, {mac(1): 3, mac(2): 4})
    learner = learn(town(camera(1, mac=""), camera(2, mac="")), sw1=tables)

    def placed() -> dict[str, Place]:
        learner.take("sw1", tables)
        return {id_: place for id_, place in learner.placed.items() if id_ in ("c1", "c2")}

    assert placed() == {}
    learner.says("c1", mac(1))
    assert placed() == {"c1": Place("sw1", "ge3")}
    (link,) = [link for link in learner.topology().learnt if link.id == "c1"]
    assert Source.CAMERA in link.sources
    learner.says("c1", mac(2))
    assert placed() == {"c1": Place("sw1", "ge4")}
    assert learner.says("c2", mac(2)) == {"c1": None}
    assert placed() == {}
    told = {link.id: link.words for link in learner.topology().contradicting}
    assert "says, too, that its MAC is" in told["c1"]
    learner.says("c1", "")
    assert placed() == {"c2": Place("sw1", "ge4")}
    assert learner.says("stranger", mac(1)) == {}


def test_the_inventory_is_believed_before_the_camera() -> None:
    """Its column `mac` holds; a camera that says another one is a contradiction, and is placed nowhere."""
    learner = learn(town(camera(1)), sw1=switch(SW1, {mac(1): 3, mac(7): 4}))
    assert learner.placed["c1"] == Place("sw1", "ge3")
    assert learner.says("c1", mac(7)) == {"c1": None}
    (link,) = [link for link in learner.topology().contradicting if link.id == "c1"]
    assert f"it says {mac(7)} itself" in link.words
    assert learner.says("c1", mac(1)) == {"c1": Place("sw1", "ge3")}


def test_a_camera_hangs_where_it_is_alone_not_where_it_passes_by() -> None:
    """Seen at a port of its switch and on the lines up of others, it hangs on the port."""
    learner = learn(
        town(camera(1)),
        sw1=switch(SW1, {mac(1): 3, mac(2): 4}),
        sw2=switch(SW2, {mac(1): UP, mac(9): 1}),
    )
    assert learner.placed == {"c1": Place("sw1", "ge3")}
    found = link(learner, "c1")
    assert (found.standing, found.sources) == (Standing.LEARNT, (Source.BRIDGE, Source.INVENTORY))
    assert mac(1) in found.words
    assert "port ge3 of sw1" in found.words


def test_arp_tells_whose_address_a_mac_is() -> None:
    """A camera whose MAC the inventory lacks is found by its address in a router's ARP table."""
    arp = ((mac(1), "10.0.0.1"), (mac(2), "10.9.9.9"))
    learner = learn(
        town(camera(1, mac="")), router=ROUTER_WALK | {"arp": arp}, sw1=switch(SW1, {mac(1): 3, mac(2): 4})
    )
    assert learner.placed == {"c1": Place("sw1", "ge3")}
    assert link(learner, "c1").sources == (Source.ARP, Source.BRIDGE)


def test_a_router_that_answers_for_others_tells_nothing_of_them() -> None:
    """A MAC with several addresses is that of a router before them: no camera is found by it."""
    arp = ((mac(7), "10.0.0.1"), (mac(7), "10.0.0.2"))
    inventory = town(camera(1, mac=""), camera(2, mac=""))
    learner = learn(inventory, router=ROUTER_WALK | {"arp": arp}, sw1=switch(SW1, {mac(7): 3}))
    assert learner.placed == {}
    assert learner.topology().unknown == 2


def test_several_cameras_on_a_port() -> None:
    """Behind a hub the port is known, and it is said that something is between."""
    learner = learn(town(camera(1), camera(2)), sw1=switch(SW1, {mac(1): 3, mac(2): 3}))
    assert learner.placed == {"c1": Place("sw1", "ge3"), "c2": Place("sw1", "ge3")}
    assert "a hub or an unmanaged switch" in link(learner, "c1").words


def test_a_crowded_port_is_no_edge() -> None:
    """A port with more stations than a hub has leads to some network: who is behind it is not known."""
    crowd = {mac(number): 3 for number in range(1, EDGE_MACS + 2)}
    assert learn(town(camera(1)), sw1=switch(SW1, crowd)).placed == {}


def test_without_a_known_line_up_the_fullest_port_may_be_it() -> None:
    """A switch that hears nobody: its fullest port is not taken for a hub."""
    macs = {mac(1): 3, mac(2): UP, mac(3): UP}
    learner = learn(town(camera(1), camera(2)), sw1=walk(macs))
    assert learner.placed == {"c1": Place("sw1", "ge3")}


def test_a_stranger_with_lldp_is_no_edge() -> None:
    """Who speaks LLDP, is not in the inventory and has others behind it is a switch; the camera hangs on that."""
    more = {"neighbours": (hears(UP, ROUTER), hears(3, "02:77:00:00:00:00"))}
    learner = learn(town(camera(1)), sw1=switch(SW1, {mac(1): 3, mac(2): 3}, **more))
    assert learner.placed == {}


@pytest.mark.parametrize("chassis", [mac(1), "10.0.0.1"])
def test_a_camera_may_say_itself_where_it_is(chassis: str) -> None:
    """A camera that speaks LLDP, by its MAC or its address, is found even where tables are cut short."""
    more = {"neighbours": (hears(UP, ROUTER), hears(3, chassis)), "incomplete": ("BRIDGE-MIB",)}
    learner = learn(town(camera(1)), sw1=switch(SW1, {}, **more))
    assert learner.placed == {"c1": Place("sw1", "ge3")}
    assert Source.LLDP in link(learner, "c1").sources


def test_half_a_table_proves_nothing() -> None:
    """In a table that is cut short a camera may only seem to be alone at a port."""
    learner = learn(town(camera(1)), sw1=switch(SW1, {mac(1): 3}, incomplete=("Q-BRIDGE-MIB",)))
    assert learner.placed == {}


def test_who_falls_silent_stays_where_it_was() -> None:
    """A dead camera ages out of every table: its link is kept, just when it is needed."""
    learner = learn(town(camera(1)), sw1=switch(SW1, {mac(1): 3}))
    assert learner.take("sw1", switch(SW1, {})) == {}
    assert learner.placed == {"c1": Place("sw1", "ge3")}
    assert "not in the latest walk" in link(learner, "c1").words


def test_a_camera_that_moves_is_followed() -> None:
    """To another port, and to another switch once the old one has forgotten it; told once each."""
    learner = learn(town(camera(1)), sw1=switch(SW1, {mac(1): 3}), sw2=switch(SW2, {}))
    assert learner.take("sw1", switch(SW1, {mac(1): 7})) == {"c1": Place("sw1", "ge7")}
    assert learner.take("sw1", switch(SW1, {mac(1): 7})) == {}
    assert learner.take("sw2", switch(SW2, {mac(1): 1})) == {"c1": None}  # both claim it
    assert learner.take("sw1", switch(SW1, {})) == {"c1": Place("sw2", "ge1")}


def test_two_parents_claim_one_camera() -> None:
    """Two switches that both show it at a port of its own contradict each other: shown, and neither is used."""
    learner = learn(town(camera(1)), sw1=switch(SW1, {mac(1): 3}), sw2=switch(SW2, {mac(1): 5}))
    found = link(learner, "c1")
    assert learner.placed == {}
    assert found.standing is Standing.CONTRADICTING
    assert found.network == (Place("sw1", "ge3"), Place("sw2", "ge5"))


@pytest.mark.parametrize(
    ("upstream", "port", "standing"),
    [
        ("sw1", "3口", Standing.KNOWN),
        ("sw1", "7", Standing.CONTRADICTING),
        ("sw2", "3", Standing.CONTRADICTING),
        ("sw1", "the grey one", Standing.KNOWN),  # nobody can tell which one that is
        ("sw1", "", Standing.LEARNT),  # the port is
    ],
)
def test_the_inventory_is_believed_and_contradicted_aloud(upstream: str, port: str, standing: Standing) -> None:
    """What the inventory says of a camera is never replaced, and what speaks against it is shown."""
    learner = learn(town(camera(1, upstream, port)), sw1=switch(SW1, {mac(1): 3}), sw2=switch(SW2, {}))
    found = link(learner, "c1")
    assert (found.standing, found.network) == (standing, (Place("sw1", "ge3"),))
    assert learner.placed == ({"c1": Place("sw1", "ge3")} if standing is Standing.LEARNT else {})


def test_behind_a_device_that_tells_nothing() -> None:
    """A camera on a small switch is seen at the port that the small switch hangs on: no contradiction."""
    small = Device("small", "small switch", "switch", "32", upstream="sw1", upstream_port="3")
    right, wrong = camera(1, "small", "1"), camera(2, "small", "2")
    learner = learn(town(right, wrong, small=small), sw1=switch(SW1, {mac(1): 3, mac(2): 4}))
    assert link(learner, "c1").standing is Standing.KNOWN
    assert link(learner, "c2").standing is Standing.CONTRADICTING


def test_channels_hang_on_the_recorder_whose_address_they_have() -> None:
    """A channel without upstream belongs to the device of its address."""
    recorder = Device("nvr", "recorder", "nvr", "32", "10.0.0.1", upstream="sw1", upstream_port="3")
    assert learn(town(camera(1), nvr=recorder)).placed == {"c1": Place("nvr")}


def test_one_mac_for_two_cameras() -> None:
    """Where the inventory gives two cameras one MAC, neither is looked for, and it is said."""
    learner = learn(town(camera(1), camera(2, mac=mac(1))), sw1=switch(SW1, {mac(1): 3}))
    assert learner.placed == {}
    assert {one.id for one in learner.topology().contradicting} == {"c1", "c2"}


def test_another_mac_than_the_inventory_says() -> None:
    """A camera that was exchanged has another MAC: shown, and its link is not learnt by the old one."""
    arp = ((mac(9), "10.0.0.1"),)
    learner = learn(town(camera(1)), router=ROUTER_WALK | {"arp": arp}, sw1=switch(SW1, {mac(1): 3}))
    assert learner.placed == {}
    assert mac(9) in link(learner, "c1").words


# --- devices -------------------------------------------------------------------------------------------------

SILENT = Device("sw1", "switch 1", "switch", "32", "10.1.0.2")


@pytest.mark.parametrize(
    "walks",
    [
        {"sw1": walk(bridge_mac=SW1)},  # only the router speaks LLDP
        {"router": walk(chassis_id=ROUTER), "sw1": switch(SW1, {}, neighbours=(hears(UP, ROUTER, "ge1"),))},
    ],
)
def test_a_switch_hangs_on_the_router_that_it_hears(walks: dict[str, Any]) -> None:
    """Whichever of the two tells of the line, the switch is below, at the router's port."""
    assert learn(town(sw1=SILENT), **walks).placed == {"sw1": Place("router", "ge1")}


def test_a_switch_below_a_switch() -> None:
    """Of two switches that of which it is known what it hangs on is above."""
    below = Device("sw3", "switch 3", "switch", "32", "10.1.0.4")
    third = "02:00:00:00:01:03"
    first = switch(SW1, {}, neighbours=(hears(UP, ROUTER), hears(9, third, "ge25")))
    learner = learn(town(sw3=below), sw1=first, sw3=walk(bridge_mac=third))
    assert learner.placed == {"sw3": Place("sw1", "ge9")}


def test_bridge_tables_show_the_router_above() -> None:
    """A switch without LLDP sees the router's MAC on its line up: it hangs on that, at a port that is not told."""
    router = walk(chassis_id=ROUTER)
    assert learn(town(sw1=SILENT), router=router, sw1=walk({ROUTER: UP})).placed == {"sw1": Place("router")}


def test_a_switch_that_hears_two_above() -> None:
    """Two lines up, to two devices, contradict each other: shown, not used."""
    other = Device("router2", "router 2", "router", "32", "10.1.0.9")
    second = walk(chassis_id="02:00:00:00:02:00", neighbours=(hears(4, SW1),))
    learner = learn(town(sw1=SILENT, router2=other), sw1=walk(bridge_mac=SW1), router2=second)
    assert learner.placed == {}
    assert link(learner, "sw1").network == (Place("router", "ge1"), Place("router2", "ge4"))


def test_circles_are_refused_and_shown() -> None:
    """A line from the last switch of a chain back to its first would make a circle."""
    devices = {
        "sw1": replace(SILENT, id="sw1"),
        "sw2": Device("sw2", "switch 2", "switch", "32", "10.1.0.3", upstream="sw1"),
        "sw3": Device("sw3", "switch 3", "switch", "32", "10.1.0.4", upstream="sw2"),
    }
    last = walk(bridge_mac="02:00:00:00:01:03", neighbours=(hears(8, SW1),))
    learner = learn(town(**devices), router=walk(), sw1=walk(bridge_mac=SW1), sw3=last)
    assert learner.placed == {}
    assert link(learner, "sw1").standing is Standing.CONTRADICTING
    assert "circle" in link(learner, "sw1").words


def test_a_known_device_at_another_port_or_another_device() -> None:
    """LLDP contradicts the inventory's port of a switch, and the inventory's device above it."""
    router = walk(chassis_id=ROUTER, neighbours=(hears(1, SW1), hears(9, SW2)))
    third = "02:00:00:00:01:03"
    lost = Device("sw3", "switch 3", "switch", "32", "10.1.0.4", upstream="sw1", upstream_port="9")
    walks = {"sw1": walk(bridge_mac=SW1), "sw2": walk(bridge_mac=SW2, neighbours=(hears(4, third),))}
    learner = learn(town(sw3=lost), router=router, sw3=walk(bridge_mac=third), **walks)
    against = {one.id: one.network for one in learner.topology().contradicting}
    assert against == {"sw2": (Place("router", "ge9"),), "sw3": (Place("sw2", "ge4"),)}
    assert link(learner, "sw1").standing is Standing.KNOWN


def test_a_device_that_answers_as_another() -> None:
    """Two devices with one bridge address are shown, and neither is recognised by it."""
    learner = learn(town(sw1=SILENT), sw1=walk(bridge_mac=SW1), sw2=walk(bridge_mac=SW1))
    assert learner.placed == {}
    assert {one.id for one in learner.topology().contradicting} == {"sw1", "sw2"}


# --- over time, and in bulk ----------------------------------------------------------------------------------


def test_a_reload_keeps_what_was_learnt() -> None:
    """Another inventory is held against what was seen before; what left it is forgotten."""
    learner = learn(town(camera(1), camera(2)), sw1=switch(SW1, {mac(1): 3, mac(2): 4}), sw2=switch(SW2, {}))
    learner.replace(town(camera(1, "sw2", "3")))
    assert learner.placed == {}
    assert link(learner, "c1").standing is Standing.CONTRADICTING
    learner.replace(town(camera(1)))
    assert learner.placed == {"c1": Place("sw1", "ge3")}
    inventory = town(camera(1))
    learner.replace(replace(inventory, devices={"router": inventory.devices["router"]}))
    assert learner.placed == {}
    assert learner.topology().unknown == 1
    assert learner.take("sw1", switch(SW1, {mac(1): 3})) == {}


def nonsense(rng: random.Random) -> dict[str, Any]:
    """A walk of a device that lies, about everybody."""
    names = [f"ge{rng.randint(1, 9)}" for _ in range(9)]
    stations = [mac(rng.randint(0, 30)) for _ in range(25)] + [ROUTER, SW1, SW2]
    return {
        "ports": tuple(Port(index, name) for index, name in enumerate(names, 1)),
        "macs": tuple({(one, rng.randint(1, 12)) for one in stations}),
        "bridge_mac": rng.choice([ROUTER, SW1, SW2, mac(1), "00:00:00:00:00:00", ""]),
        "chassis_id": rng.choice([SW1, "10.1.0.2", "sw", ""]),
        "neighbours": tuple(
            hears(rng.randint(1, 12), rng.choice(stations), "x") for _ in range(rng.randint(0, 6))
        ),
        "arp": tuple({(rng.choice(stations), f"10.0.0.{rng.randint(1, 30)}") for _ in range(9)}),
        "incomplete": ("BRIDGE-MIB",) if rng.random() < 0.1 else (),
    }


def shape(fleet: Fleet) -> tuple[object, ...]:
    """All that lines decide, of the devices of the inventory and the stand-ins that are in use."""

    def of_camera(facts: CameraFacts) -> object:
        return facts.line, facts.camera.placement.upstream, facts.camera.upstream_port

    def of_device(facts: DeviceFacts) -> object:
        return facts.line, facts.below, facts.leaves, sorted(facts.children), sorted(facts.down)

    used = {id_: facts for id_, facts in fleet.devices.items() if facts.below or id_ in fleet.inventory.devices}
    return (
        {id_: of_camera(facts) for id_, facts in fleet.cameras.items()},
        {id_: of_device(facts) for id_, facts in used.items()},
    )


def desk_of(inventory: Inventory) -> tuple[Desk, list[tuple[str, str]]]:
    asked: list[tuple[str, str]] = []
    board = Board(Fleet(inventory), Policy())
    return Desk(board, Rules(3, 2, 120_000), 15.0, lambda subject, check, _: asked.append((subject, check))), asked


@pytest.mark.parametrize("seed", range(30))
def test_liars_break_nothing(seed: int) -> None:
    """Whatever devices claim: no error, no circle, and lines moved one by one are those of a fleet built anew."""
    rng = random.Random(seed)
    choose: Callable[[], str] = lambda: rng.choice(["", "", "sw1", "sw2"])  # noqa: E731
    cameras = [
        camera(n, choose(), mac=mac(n) if n % 2 else "", tags={} if n % 2 else {"power": "feed"})
        for n in range(1, 31)
    ]
    devices = {
        id_: Device(id_, id_, "switch", "32", f"10.1.0.{n}") for n, id_ in enumerate(("sw1", "sw2", "sw3"), 2)
    }
    inventory = town(*cameras, **devices, feed=Device("feed", "feed", "power", "32"))
    desk, _ = desk_of(inventory)
    for number in range(40):
        victim = rng.choice(cameras).id
        desk.fleet.camera_is(victim, rng.choice([State.ONLINE, State.OFFLINE]), number + 1)
        desk.device_read(
            rng.choice([*devices, "router"]), Asked("", "device", number, 0.0, Result.ok(**nonsense(rng)))
        )
        desk.happenings(number * 60_000)
    anew = Fleet(inventory)
    for facts in desk.fleet.cameras.values():
        anew.camera_is(facts.camera.id, facts.online, facts.since)
    anew.replace(inventory, desk.learner.placed)
    assert shape(desk.fleet) == shape(anew)
    for id_, device in desk.fleet.devices.items():
        assert id_ not in device.line
    found = desk.learner.topology()
    assert isinstance(found, Topology)
    assert {one.id for one in found.learnt} == desk.learner.placed.keys()


def test_two_switches_of_a_cabinet_one_on_the_other() -> None:
    """A feed of both hangs above the first, also where it is learnt that the second hangs on that: no circle."""
    feed = Device("feed", "feed", "power", "32")
    second = Device("a-second", "switch", "switch", "32", "10.1.0.4")
    cameras = [
        camera(n, upstream, mac="", tags={"power": "feed"}) for n, upstream in ((1, "sw1"), (2, "a-second"))
    ]
    fleet = Fleet(town(*cameras, **{"feed": feed, "a-second": second}))
    fleet.learn({"a-second": Place("sw1", "ge9")})
    assert fleet.cameras["c2"].line == ("a-second", "sw1", "feed", "router")
    assert fleet.devices["feed"].line == ("router",)
    assert fleet.devices["sw1"].children == ["a-second"]


def test_an_incident_has_its_cause_by_the_learnt_port() -> None:
    """A camera of which the inventory says nothing dies: its switch is read at once, and its port tells why."""
    desk, asked = desk_of(town(camera(1), camera(2), camera(3, "sw2", "1")))
    for facts in desk.fleet.devices.values():
        desk.fleet.device_is(facts.device.id, State.ONLINE, 1000)
    for id_ in ("c1", "c2", "c3"):
        desk.fleet.camera_is(id_, State.ONLINE, 1000)
    desk.happenings(2000)

    def read(device: str, at: int, values: dict[str, Any]) -> None:
        desk.device_read(device, Asked(device, "device", at, 0.1, Result.ok(**values)))

    read("router", 3000, ROUTER_WALK)
    desk.fleet.take_dirty()
    read("sw1", 3000, switch(SW1, {mac(1): 3}))
    assert desk.fleet.take_dirty()[0] == {"c1"}
    read("sw1", 4000, switch(SW1, {mac(1): 3}))
    assert desk.fleet.take_dirty()[0] == set()

    asked.clear()
    desk.flipped(Flip("c1", Axis.ONLINE, 10_000, State.OFFLINE, State.ONLINE, decided=10_000))
    assert asked == [("sw1", "device")]
    dead = switch(SW1, {})
    poe = Poe("fault")
    dead["ports"] = tuple(replace(p, oper_up=False, poe=poe) if p.index == 3 else p for p in dead["ports"])
    read("sw1", 11_000, dead)
    desk.happenings(60_000)
    desk.happenings(300_000)
    (incident,) = desk.board.incidents
    assert (incident.subject, incident.cause) == ("c1", Cause.POWER)
    assert "port ge3 of switch 1" in incident.evidence[0].text()
