"""The simulated switches and routers: what their tables tell of every fault, to net-snmp and to our probe."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from healthd.city import reading
from healthd.city.ber import decode_oid, encode_oid, wrap
from healthd.city.faults import FLAPS, FOREVER, Fault, Kind, Step, timeline
from healthd.city.manners import Manners
from healthd.city.mib import Agent
from healthd.city.network import Network, PortState
from healthd.city.options import Reach
from healthd.city.plan import CORE, Plan
from healthd.city.serve import City
from healthd.city.shapes import LADDER, LARGE, PLAIN, SHAPES, STACKED, WEB, Shape, colons, hardware, shape_of
from healthd.city.snmp import respond
from healthd.city.tables import build
from healthd.city.truth import Ledger
from healthd.model import Camera, Device
from probes.base import Credential, Memory, Outcome, Resources, Target
from probes.device import DeviceOptions, DeviceProbe
from probes.ports import Port
from tests.city_kit import ask_onvif, living, paper_city, secret, snmp, until

IF, IFX, BRIDGE, POWER = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1", "1.3.6.1.2.1.17", "1.3.6.1.2.1.105"
START = 1_795_190_400.0


class Life:
    """A network without sockets: faults are put on and taken off by hand."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.manners = plan, Manners(plan, START)
        self.network, self.ledger = Network(plan, self.manners), Ledger(plan)

    def step(self, at: float, begins: bool, fault: Fault) -> None:
        changes = self.ledger.apply([Step(at, begins, fault)])
        self.manners.silence(changes.silenced, changes.restored, START + at)
        self.network.apply(Step(at, begins, fault), START + at)

    def port(self, device: str, name: str, at: float) -> PortState:
        return {one.port.name: one for one in self.network.view(device, START + at).ports}[name]


def switches(plan: Plan, shape: Shape) -> list[Device]:
    return [device for device in plan.devices.values() if device.kind == "switch" and shape_of(device.id) is shape]


def camera_on(plan: Plan, shape: Shape) -> Camera:
    """A camera with a port of its own on a switch of that shape."""
    return plan.cameras_on[switches(plan, shape)[0].id][0]


@pytest.mark.parametrize(
    ("kind", "mark", "restarts"),
    [
        (Kind.HANG, (True, True, "DELIVERING"), True),
        (Kind.POWER, (True, False, "DISABLED"), True),
        (Kind.CABLE, (True, False, "SEARCHING"), True),
        (Kind.POE, (True, False, "FAULT"), True),
        (Kind.PORT_DOWN, (True, False, "DELIVERING"), False),
        (Kind.PORT_OFF, (False, False, "DELIVERING"), False),
    ],
)
def test_a_port_tells_what_ails_its_camera(kind: Kind, mark: tuple[bool, bool, str], restarts: bool) -> None:
    """Each fault of a camera or its port leaves its own mark on the switch, which goes when the fault does."""
    life = Life(paper_city(300))
    camera = camera_on(life.plan, STACKED)
    switch, name = camera.placement.upstream, camera.upstream_port
    on_port = kind in (Kind.PORT_DOWN, Kind.PORT_OFF)
    fault = Fault(100, 500, kind, switch if on_port else camera.id, name if on_port else "")
    usual, booted = life.port(switch, name, 50), life.manners.booted(camera.address)
    life.step(100, True, fault)
    seen = life.port(switch, name, 200)
    assert (seen.admin_up, seen.oper_up, seen.detection and seen.detection.name) == mark
    assert seen.changed == (usual.changed if seen.oper_up else START + 100)
    assert camera.address in life.manners.silent
    life.step(500, False, fault)
    after = life.port(switch, name, 600)
    assert replace(after, changed=0, errors=0) == replace(usual, changed=0, errors=0)
    assert after.changed == START + 500
    assert life.manners.booted(camera.address) == (START + 500 if restarts else booted)


@pytest.mark.parametrize(
    ("kind", "line_up", "switch_restarts", "camera_restarts"),
    [
        (Kind.SWITCH_DEAD, True, True, True),
        (Kind.SWITCH_POWER, False, True, True),
        (Kind.STREET_POWER, False, True, True),
        (Kind.UPLINK_CUT, False, False, False),
        (Kind.COUNTY_LINK, True, False, False),
    ],
)
def test_uptimes_tell_power_from_lines(
    kind: Kind, line_up: bool, switch_restarts: bool, camera_restarts: bool
) -> None:
    """A switch and its cameras start anew after a loss of power and run on behind a cut line; the router sees
    its port to them go down, but for a switch that hangs."""
    life = Life(paper_city(300))
    camera = camera_on(life.plan, LADDER)
    switch = life.plan.devices[camera.placement.upstream]
    county = life.plan.devices[switch.upstream]
    target = {Kind.STREET_POWER: life.plan.power[switch.id], Kind.COUNTY_LINK: county.id}.get(kind, switch.id)
    fault = Fault(100, 500, kind, target)
    booted = life.manners.booted(switch.address), life.manners.booted(camera.address)
    life.step(100, True, fault)
    assert {switch.address, camera.address} <= life.manners.silent.keys()
    assert life.port(county.id, switch.upstream_port, 200).oper_up is line_up
    assert life.port(CORE, county.upstream_port, 200).oper_up is (kind is not Kind.COUNTY_LINK)
    life.step(500, False, fault)
    now = life.manners.booted(switch.address), life.manners.booted(camera.address)
    assert now == (
        START + 500 if switch_restarts else booted[0],
        START + 500 if camera_restarts else booted[1],
    )
    uplink = next(one for one in life.network.view(switch.id, START + 600).ports if one.port.uplink)
    lost = {Kind.UPLINK_CUT: START + 500, Kind.COUNTY_LINK: booted[0] + 3}
    assert uplink.changed == lost.get(kind, START + 503)
    assert not life.manners.silent


def test_a_camera_with_its_own_supply_runs_on_when_its_cable_is_cut() -> None:
    """On a switch without PoE a cut cable and a lost supply look alike; only the uptime afterwards differs."""
    life = Life(paper_city(600))
    camera = camera_on(life.plan, PLAIN)
    place = camera.placement.upstream, camera.upstream_port
    for begin, kind, restarts in ((100, Kind.CABLE, False), (900, Kind.POWER, True)):
        fault, booted = Fault(begin, begin + 400, kind, camera.id), life.manners.booted(camera.address)
        life.step(begin, True, fault)
        seen = life.port(*place, begin + 1)
        assert (seen.oper_up, seen.detection) == (False, None)
        life.step(begin + 400, False, fault)
        assert life.manners.booted(camera.address) == (START + begin + 400 if restarts else booted)


def test_who_is_silent_is_forgotten() -> None:
    """A hung camera leaves the bridge table after five minutes, the router's ARP table after twenty, and is back
    in both at once; a port that is down loses its entry at once."""
    life = Life(paper_city(300))
    camera = camera_on(life.plan, STACKED)
    switch = life.plan.devices[camera.placement.upstream]
    hang = Fault(0, 5000, Kind.HANG, camera.id)

    def known(at: float) -> tuple[bool, bool]:
        view, router = (life.network.view(one, START + at) for one in (switch.id, switch.upstream))
        by_mac = {mac: port.name for mac, port in view.macs}
        return by_mac.get(hardware(camera.address)) == camera.upstream_port, camera.address in {
            address for _, address in router.arp
        }

    life.step(0, True, hang)
    assert [known(at) for at in (1, 299, 300, 1200)] == [
        (True, True),
        (True, True),
        (False, True),
        (False, False),
    ]
    life.step(5000, False, hang)
    assert known(5001) == (True, True)
    life.step(6000, True, Fault(6000, 7000, Kind.PORT_DOWN, switch.id, camera.upstream_port))
    assert known(6001) == (False, True)


def test_every_shape_is_in_a_city_and_lacks_what_it_lacks() -> None:
    """Of five shapes one has no PoE, one no bridge tables, one Q-BRIDGE only; indexes are no port numbers."""
    life = Life(paper_city(600))
    for shape in SHAPES:
        view = life.network.view(switches(life.plan, shape)[0].id, START)
        oids = [".".join(map(str, oid)) for oid in build(view).oids]

        def has(prefix: str, among: list[str] = oids) -> bool:
            return any(oid.startswith(prefix + ".") for oid in among)

        assert has(POWER) is (shape is not PLAIN)
        assert has(f"{BRIDGE}.1.4") is (shape is not WEB)
        assert has(f"{BRIDGE}.4.3") is (shape in (STACKED, LARGE, PLAIN))
        assert has(f"{BRIDGE}.7") is (shape in (LADDER, LARGE))
        assert has(IFX) is (shape is not WEB)
        assert has("1.0.8802") is (shape in (STACKED, LADDER, LARGE))
        ports = [one.port for one in view.ports if one.port.bridge]
        assert len(ports) in (26, 50)
        if shape not in (PLAIN, WEB):
            assert not {port.index for port in ports} & {port.bridge for port in ports} or shape is LADDER
            assert all(port.index != port.bridge for port in ports)
    large = life.network.view(switches(life.plan, LARGE)[0].id, START)
    assert min(one.port.index for one in large.ports if one.port.bridge) > 400_000_000


def faults_of_all(plan: Plan) -> list[Fault]:
    """Something wrong on a switch of every shape, the shapes' own ways of telling it among them."""
    faults = []
    for shape, kind in zip(SHAPES, (Kind.POE, Kind.CABLE, Kind.PORT_OFF, Kind.POWER, Kind.PORT_DOWN), strict=True):
        camera = camera_on(plan, shape)
        on_port = kind in (Kind.PORT_OFF, Kind.PORT_DOWN)
        target = camera.placement.upstream if on_port else camera.id
        faults.append(Fault(0.05, FOREVER, kind, target, camera.upstream_port if on_port else ""))
    return [*faults, Fault(0.1, FOREVER, Kind.SWITCH_POWER, switches(plan, STACKED)[-1].id)]


def blurred(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """Without what depends on the moment."""
    return tuple(replace(port, last_change_seconds=None) for port in ports)


async def test_the_device_probe_reads_over_snmp_what_the_simulation_says(tmp_path: Path) -> None:
    """Over real SNMP the `device` probe reads of every shape, a router and a recorder exactly the values that
    `reading` gives without a network, faults among them."""
    planned = faults_of_all(paper_city(600))
    async with living(tmp_path, 600, reach=Reach.TCP, planned=planned) as city:
        await until(lambda: "switch_power" in (tmp_path / "faults.jsonl").read_text())
        asked = [switches(city.plan, shape)[0] for shape in SHAPES]
        asked += [next(one for one in city.plan.devices.values() if one.kind == "nvr")]
        asked += [one for one in city.plan.devices.values() if one.kind == "router"]
        with ThreadPoolExecutor(1) as executor:
            for device in asked:
                await compare(city, device, secret(tmp_path, "community"), executor)


async def compare(city: City, device: Device, community: str, executor: ThreadPoolExecutor) -> None:
    probe = DeviceProbe(DeviceOptions(), Resources(executor, lambda: START))
    login = Credential("default", snmp_version="2c", community=community)
    got = await probe.ask(Target(device.address, snmp_port=city.plan.ports.snmp, credential=login))
    assert got.outcome is Outcome.OK, got
    seen = dict(got.values)
    at = city.network.manners.booted(device.address) + seen["uptime_seconds"]
    said = dict(reading.read(city.network.view(device.id, at), at, Memory()).values)
    for one, other in zip(seen["ports"], said["ports"], strict=True):
        assert one.last_change_seconds == pytest.approx(other.last_change_seconds, abs=0.05)
    for values in (seen, said):
        values["ports"] = blurred(values["ports"])
        for name in ("requests", "bytes", "uptime_seconds", "booted_at"):
            del values[name]
    assert seen == said


async def test_net_snmp_finds_a_camera_by_its_mac(tmp_path: Path) -> None:
    """The MAC that a camera tells an independent ONVIF client is, for net-snmp, behind its switch's port."""
    async with living(tmp_path, 300, reach=Reach.TCP) as city:
        camera = camera_on(city.plan, STACKED)
        switch = city.plan.devices[camera.placement.upstream]
        mac = (await ask_onvif(camera, secret(tmp_path, "camera")))["mac"]
        assert mac == colons(hardware(camera.address))
        assert int(mac[:2], 16) & 2
        table = await walk(city, tmp_path, switch, f"{BRIDGE}.4.3.1.2")
        number = table[".".join(str(int(part, 16)) for part in mac.split(":"))]
        learnt = await walk(city, tmp_path, switch, f"{BRIDGE}.4.3.1.3")
        assert {learnt[row] for row, port in table.items()} == {"3", "4"}
        assert {learnt[row] for row, port in table.items() if port != "0"} == {"3"}
        index = (await walk(city, tmp_path, switch, f"{BRIDGE}.1.4.1.2"))[number]
        assert (await walk(city, tmp_path, switch, f"{IFX}.1"))[index] == f'"{camera.upstream_port}"'
        assert (await walk(city, tmp_path, switch, f"{IF}.8"))[index] == "1"
        assert (await walk(city, tmp_path, switch, f"{POWER}.1.1.1.6"))[f"1.{number}"] == "3"
        assert index != number
        everything = await snmp("snmpbulkwalk", city, tmp_path, switch.address, "1")
        assert len(everything[1].splitlines()) > 500
        assert "not increasing" not in everything[1]


async def walk(city: City, directory: Path, device: Device, column: str) -> dict[str, str]:
    """Index -> value of one column."""
    code, output = await snmp("snmpbulkwalk", city, directory, device.address, column)
    assert code == 0, output
    rows = re.findall(rf"^\.{re.escape(column)}\.([\d.]+) (.*)$", output, re.MULTILINE)
    return dict(rows)


def test_flapping_is_many_short_outages() -> None:
    """Each kind of flapping goes down 6 to 9 times within its time, and its own lines hold no camera down."""
    life = Life(paper_city(300))
    camera = camera_on(life.plan, STACKED)
    switch, port = camera.placement.upstream, camera.upstream_port
    places = {Kind.FLAP_CAMERA: (camera.id, ""), Kind.FLAP_PORT: (switch, port), Kind.FLAP_UPLINK: (switch, "")}
    for kind, (target, name) in places.items():
        whole = Fault(0, 3600, kind, target, name)
        steps = [*timeline([whole])]
        assert (steps[0].fault, steps[-1].fault, steps[-1].at) == (whole, whole, 3600)
        parts = steps[1:-1]
        assert 6 <= len(parts) / 2 <= 9
        assert [step.begins for step in parts] == [True, False] * (len(parts) // 2)
        assert all(step.fault.kind is FLAPS[kind] and step.fault.part_of is kind for step in parts)
        silent = []
        for step in steps:
            life.step(step.at, step.begins, step.fault)
            silent.append(camera.address in life.manners.silent)
        assert silent == [False, *[True, False] * (len(parts) // 2), False]


def test_an_identifier_out_of_the_ordinary_is_answered() -> None:
    """Whatever identifier an asker may write is encoded as it came, those under joint-iso-itu-t (2) too."""
    for oid in ((2, 999, 3), (0, 0), (1, 3, 6, 1, 2**32 - 1), (2, 2**31)):
        assert decode_oid(encode_oid(oid)) == oid
    plan = paper_city(50)
    view = Life(plan).network.view(CORE, START)
    asked = wrap(0x30, wrap(0x30, wrap(0x06, encode_oid((2, 999, 3))) + b"\x05\x00"))
    request = wrap(0xA1, b"\x02\x01\x07\x02\x01\x00\x02\x01\x00" + asked)
    message = wrap(0x30, b"\x02\x01\x01" + wrap(0x04, b"c") + request)
    assert b"\x82\x00" in respond(message, b"c", lambda: Agent(build(view), 1.0))
