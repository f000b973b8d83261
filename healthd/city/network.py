"""How the ports of simulated switches and routers stand at this moment, and what their tables would tell."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from healthd.city.faults import OUTAGES, Fault, Kind, Step
from healthd.city.manners import Manners
from healthd.city.plan import Plan
from healthd.city.shapes import hardware, shape_for
from healthd.city.wiring import Port, Wiring
from healthd.model import Device

MAC_SECONDS, ARP_SECONDS = 300.0, 1200.0  # how long who says nothing is remembered
_LINK_SECONDS = 3.0  # from a switch's start until its ports are up
_PAST = 6  # cameras of the next switch that a switch sees on its uplink
_KEPT = 256  # views; one of 48 ports is some 20 kB

_NO_LINK = frozenset(
    {
        Kind.POWER,
        Kind.CABLE,
        Kind.POE,
        Kind.PORT_DOWN,
        Kind.PORT_OFF,
        Kind.SWITCH_POWER,
        Kind.STREET_POWER,
        Kind.UPLINK_CUT,
        Kind.COUNTY_LINK,
    }
)
_HUNG = frozenset({Kind.HANG, Kind.SWITCH_DEAD, Kind.RECORDER_DEAD})  # the link drops when it is started anew


class Detection(IntEnum):
    """pethPsePortDetectionStatus (RFC 3621)."""

    DISABLED = 1
    SEARCHING = 2
    DELIVERING = 3
    FAULT = 4


_DETECTIONS = ((Kind.POE, Detection.FAULT), (Kind.POWER, Detection.DISABLED), (Kind.CABLE, Detection.SEARCHING))


@dataclass(frozen=True, slots=True)
class PortState:
    """Where a port stands. `detection`: None without PoE; `changed`: when its link last came or went, in seconds
    since the epoch; `errors`: those received since the switch started."""

    port: Port
    admin_up: bool
    oper_up: bool
    detection: Detection | None
    changed: float
    errors: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Whom LLDP knows behind a port: chassis MAC, its port's name, its sysName, its address."""

    port: Port
    mac: bytes
    far_port: str
    name: str
    address: str


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """All that one device could tell. `macs`: the forwarding table; `arp`: (port, address)."""

    device: Device
    booted: float
    ports: tuple[PortState, ...]
    macs: tuple[tuple[bytes, Port], ...]
    neighbours: tuple[Neighbour, ...]
    arp: tuple[tuple[Port, str], ...]


@dataclass(slots=True)
class _Story:
    """What has happened to one port. Mutable, and there only for ports that something happened to."""

    faults: list[Kind] = field(default_factory=list)
    changed: float = 0.0
    changes: int = 0


class Network:
    """All devices as they behave now. A mutable table of the ports that are, or were, not as usual. Views are made
    when they are asked for, and kept while nothing changes in them."""

    def __init__(self, plan: Plan, manners: Manners) -> None:
        self._plan, self.manners = plan, manners
        self._wiring = Wiring(plan)
        self._stories: dict[tuple[str, str], _Story] = {}
        self._versions: Counter[str] = Counter()
        self._views: OrderedDict[str, tuple[object, View]] = OrderedDict()
        self._reached = lru_cache(maxsize=_KEPT)(self._reach)

    def apply(self, step: Step, at: float) -> None:
        """One fault's beginning or end; `at` in seconds since the epoch."""
        self.manners.apply(step, at)
        kind = step.fault.kind
        for place in _places(self._plan, self._wiring, step.fault):
            story = self._stories.setdefault(place, _Story())
            had_link = _NO_LINK.isdisjoint(story.faults)
            if step.begins:
                story.faults.append(kind)
            else:
                story.faults.remove(kind)
            if had_link != _NO_LINK.isdisjoint(story.faults) or (kind in _HUNG and not step.begins):
                story.changed, story.changes = at, story.changes + 1
            self._versions[place[0]] += 1

    def view(self, device: str, at: float) -> View:
        """What `device` would tell at `at`, in seconds since the epoch."""
        place = self._plan.devices[device]
        booted = self.manners.booted(place.address)
        key = (self._versions[device], booted, self._forgotten(place, at))
        kept = self._views.get(device)
        if kept is None or kept[0] != key:
            kept = self._views[device] = (key, self._look(place, booted, at))
            if len(self._views) > _KEPT:
                self._views.popitem(last=False)
        self._views.move_to_end(device)
        return kept[1]

    def _look(self, device: Device, booted: float, at: float) -> View:
        ports = tuple(self._state(device.id, port, booted) for port in self._wiring.ports(device.id))
        linked = [state.port for state in ports if state.oper_up and state.port.far]
        macs: tuple[tuple[bytes, Port], ...] = ()
        arp: tuple[tuple[Port, str], ...] = ()
        if device.kind == "router":
            arp = tuple(self._addresses(device, linked, at))
        else:
            macs = tuple(self._learnt(device.id, linked, at))
        return View(device, booted, ports, macs, tuple(self._neighbours(device, linked)), arp)

    def _state(self, device: str, port: Port, booted: float) -> PortState:
        story = self._stories.get((device, port.name), _UNTOUCHED)
        link = bool(port.far or port.idle_up) and _NO_LINK.isdisjoint(story.faults)
        detection = None
        if port.poe:
            usual = Detection.DELIVERING if port.feeds else Detection.SEARCHING
            detection = next((found for kind, found in _DETECTIONS if kind in story.faults), usual)
        changed = max(story.changed, booted + _LINK_SECONDS) if port.far else booted
        errors = port.index % 5 + 40 * story.changes if port.far else 0
        admin_up = Kind.PORT_OFF not in story.faults
        return PortState(port, admin_up, link, detection, changed, errors)

    def _learnt(self, switch: str, linked: list[Port], at: float) -> Iterator[tuple[bytes, Port]]:
        """Who was heard behind which port: what is plugged in, and on the uplink some of the neighbourhood too."""
        for port in linked:
            if port.uplink or self._speaks(port.far, at, MAC_SECONDS):
                yield hardware(port.far), port
            if port.uplink:
                for address in self._past(switch):
                    if self._speaks(address, at, MAC_SECONDS):
                        yield hardware(address), port

    def _past(self, switch: str) -> list[str]:
        other = self._wiring.next_switch.get(switch, "")
        return [camera.address for camera in self._plan.cameras_on.get(other, ())[:_PAST]]

    def _addresses(self, router: Device, linked: list[Port], at: float) -> Iterator[tuple[Port, str]]:
        by_name = {port.name: port for port in linked}
        for child in self._plan.devices_on.get(router.id, ()):
            port = by_name.get(child.upstream_port)
            if port is None:
                continue
            below = [child.address] if child.kind == "router" else self._plan.addresses_below(child.id)
            yield from ((port, address) for address in below if self._speaks(address, at, ARP_SECONDS))

    def _neighbours(self, device: Device, linked: list[Port]) -> Iterator[Neighbour]:
        if not _speaks_lldp(device):
            return
        for port in linked:
            other = self._plan.device_at.get(port.far)
            if other is None or not _speaks_lldp(other):
                continue
            far_port = device.upstream_port if port.uplink else self._wiring.uplink(other.id)
            yield Neighbour(port, hardware(other.address), far_port, other.id, other.address)

    def _speaks(self, address: str, at: float, seconds: float) -> bool:
        """Whether it was heard within `seconds`."""
        since = self.manners.silent.get(address)
        return since is None or at - since < seconds

    def _forgotten(self, device: Device, at: float) -> frozenset[str]:
        """The addresses that its tables no longer hold."""
        seconds = ARP_SECONDS if device.kind == "router" else MAC_SECONDS
        silent = self.manners.silent
        return frozenset(one for one in silent.keys() & self._reached(device.id) if at - silent[one] >= seconds)

    def _reach(self, device: str) -> frozenset[str]:
        """Every address that may be in the tables of a device."""
        return frozenset([*self._plan.addresses_below(device), *self._past(device)])


_UNTOUCHED = _Story()


def _speaks_lldp(device: Device) -> bool:
    return shape_for(device).lldp


def _places(plan: Plan, wiring: Wiring, fault: Fault) -> list[tuple[str, str]]:
    """The (device, port) at which a fault is to be seen."""
    if fault.kind in OUTAGES:
        camera = plan.cameras[fault.target]
        return [(camera.placement.upstream, camera.upstream_port)]
    if fault.kind is Kind.PORT_DOWN or fault.kind is Kind.PORT_OFF:
        return [(fault.target, fault.port)]
    if fault.kind is Kind.STREET_POWER:
        return [_above(plan, switch) for switch in plan.switches_of.get(fault.target, ())]
    if fault.kind in (Kind.SWITCH_DEAD, Kind.SWITCH_POWER, Kind.RECORDER_DEAD):
        return [_above(plan, fault.target)]
    if fault.kind in (Kind.UPLINK_CUT, Kind.COUNTY_LINK):
        return [_above(plan, fault.target), (fault.target, wiring.uplink(fault.target))]
    return []


def _above(plan: Plan, device: str) -> tuple[str, str]:
    return plan.devices[device].upstream, plan.devices[device].upstream_port
