"""What is known of the fleet right now, as far as causes need it. Mutable: every result moves it a little.

Everything the cause rules ask for is kept ready: who hangs below a device, who of them is down, and when the last
of them answered. A device is *dead* when nothing behind it answers any more, monitored or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from ipaddress import ip_network
from types import MappingProxyType

from healthd.incidents.dead import is_dead
from healthd.incidents.exempt import Exempt, Filed
from healthd.incidents.facts import POLE, SUBNET, CameraFacts, DeviceFacts, Mass, PortFacts, Restart, most_common
from healthd.incidents.lines import fed_first, hung_camera, hung_device, line_of, way_up
from healthd.model import Camera, Device, Inventory, Moment, State
from healthd.topology.links import Place

_NOTHING: Mapping[str, Place] = MappingProxyType({})


class Fleet:
    """The facts of all cameras and devices. `dirty_cameras` and `dirty_devices` have changed since last taken.

    Where the inventory does not say what a camera or device hangs on, what was learnt counts: their `camera` and
    `device` here have it as upstream.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.cameras: dict[str, CameraFacts] = {}
        self.devices: dict[str, DeviceFacts] = {}
        self.dirty_cameras: set[str] = set()
        self.dirty_devices: set[str] = set()
        self._dead: dict[str, bool] = {}  # answers of `dead` since the last `take_dirty`: it is asked per camera
        self.restarts: dict[str, Restart] = {}  # cameras that are just back, and whose uptime is waited for
        self._feeds: Mapping[str, str] = {}
        self._learnt: dict[str, Place] = {}
        self.filed = Filed()
        self.replace(inventory)

    def replace(self, inventory: Inventory, learnt: Mapping[str, Place] = _NOTHING) -> None:
        """Take another inventory, and where cameras and devices hang of which it does not tell. Who stays keeps
        what is known. Cameras that moved or left are dirty."""
        self.inventory, self._learnt = inventory, dict(learnt)
        old_cameras, old_devices = self.cameras, self.devices
        self.devices = {}
        self._feeds = _feeds(inventory)
        placed = {device.id: hung_device(device, learnt) for device in inventory.devices.values()}
        first = fed_first(placed, self._feeds)
        for device in placed.values():
            facts = old_devices.get(device.id) or DeviceFacts(device, ())
            facts.device, facts.line = device, line_of(placed, self._feeds, first, device.id)
            facts.below, facts.leaves, facts.down, facts.children = 0, 0, {}, []
            self.devices[device.id] = facts
        for facts in self.devices.values():
            if facts.line:
                self.devices[facts.line[0]].children.append(facts.device.id)
        self.cameras, poles = {}, _poles(inventory)
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}  # siblings have one line
        for camera in (hung_camera(camera, learnt) for camera in inventory.cameras.values()):
            line = tuple(way_up(placed, self._feeds, camera.placement.upstream)) or (self._subnet(camera),)
            line = shared.setdefault(line, line)
            known = old_cameras.get(camera.id)
            if known is None or known.line != line or known.camera.placement != camera.placement:
                self.dirty_cameras.add(camera.id)
            facts_of = known or CameraFacts(camera, line)
            facts_of.camera, facts_of.line, facts_of.pole = camera, line, poles.get(camera.id, "")
            self._stand_in(facts_of.pole, POLE, camera)
            self.cameras[camera.id] = facts_of
            self._count(facts_of)
        self.dirty_cameras |= old_cameras.keys() - self.cameras.keys()
        self.filed.until = 0  # who is below whom has changed
        for name, stand_in in self.devices.items():
            if stand_in.device.kind in (SUBNET, POLE) and name in old_devices:
                stand_in.last_answer = old_devices[name].last_answer
        self.dirty_devices |= old_devices.keys() - self.devices.keys()

    def _count(self, facts: CameraFacts) -> None:
        for device in facts.places:
            above = self.devices[device]
            above.below += facts.camera.asked
            above.leaves += device in (facts.line[0], facts.pole)
            if facts.online is State.OFFLINE:
                above.down[facts.camera.id] = facts.since

    # --- what was learnt of links --------------------------------------------------------------------------

    def learn(self, changes: Mapping[str, Place | None]) -> Mapping[str, Place]:
        """Take what is new about where cameras and devices hang (None: it is not known any more). Returns the
        cameras with another place above them, and what they hung on before."""
        for id_, place in changes.items():
            if place is None:
                self._learnt.pop(id_, None)
            else:
                self._learnt[id_] = place
        moved = changes.keys() & self.cameras.keys()
        devices = changes.keys() & self.devices.keys()
        if devices:
            lower = self._hang(devices)
            moved |= {id_ for id_, facts in self.cameras.items() if not lower.isdisjoint(facts.line)}
        placed = {id_: facts.device for id_, facts in self.devices.items()}
        return {id_: self._move(self.cameras[id_], placed) for id_ in sorted(moved)}

    def _hang(self, moved: Set[str]) -> set[str]:
        """Hang devices where they are by now; returns them with all below."""
        for id_ in moved:
            self.devices[id_].device = hung_device(self.inventory.devices[id_], self._learnt)
        placed = {id_: facts.device for id_, facts in self.devices.items()}
        lower = {id_ for id_, facts in self.devices.items() if id_ in moved or not moved.isdisjoint(facts.line)}
        feeds = {
            self._feeds[id_] for id_ in lower & self._feeds.keys()
        }  # what is above them is above what they feed
        first = fed_first(placed, self._feeds)
        for id_ in sorted(lower | feeds):
            facts, line = self.devices[id_], line_of(placed, self._feeds, first, id_)
            if facts.line[:1] != line[:1]:
                for above in facts.line[:1]:
                    self.devices[above].children.remove(id_)
                for above in line[:1]:
                    self.devices[above].children.append(id_)
            self.dirty_devices.update((id_, *facts.line, *line))
            facts.line = line
        return lower

    def _move(self, facts: CameraFacts, placed: Mapping[str, Device]) -> Place:
        """Hang a camera where it is by now; returns where it was."""
        before = Place(facts.line[0], facts.camera.upstream_port)
        for device in facts.places:
            above = self.devices[device]
            above.below -= facts.camera.asked
            above.leaves -= device in (facts.line[0], facts.pole)
            above.down.pop(facts.camera.id, None)
        camera = hung_camera(self.inventory.cameras[facts.camera.id], self._learnt)
        line = tuple(way_up(placed, self._feeds, camera.placement.upstream)) or (self._subnet(camera),)
        self.dirty_devices.update((*facts.line, *line))
        self.dirty_cameras.add(camera.id)
        facts.camera, facts.line = camera, line
        self._count(facts)
        return before

    # --- what was seen -------------------------------------------------------------------------------------

    def answered(self, line: Iterable[str], asked: Moment) -> None:
        """Something below these devices answered what was asked at `asked`."""
        for device in line:
            facts = self.devices[device]
            facts.last_answer = max(facts.last_answer, asked)

    def camera_is(self, camera: str, state: State, since: Moment, decided: Moment = 0) -> None:
        """The online axis of a camera flipped."""
        facts = self.cameras.get(camera)
        if facts is None:
            return
        if state not in (State.UNKNOWN, facts.online) and facts.online is not State.UNKNOWN:
            facts.flips.append(since)
        facts.online, facts.since, facts.decided, facts.otherwise = state, since, decided or since, ""
        self.restarts.pop(camera, None)
        for device in facts.places:
            down = self.devices[device].down
            if state is State.OFFLINE:
                down[camera] = since
            else:
                down.pop(camera, None)
        self.dirty_cameras.add(camera)
        self.dirty_devices.update(facts.places)

    def uptime_wanted(self, camera: str, died: Moment) -> None:
        """A camera is back, and its uptime will be read."""
        self.restarts[camera] = Restart(died, self.cameras[camera].since)

    def uptime_is(self, camera: str, booted: Moment) -> None:
        """When a camera started, as its uptime says."""
        if camera in self.restarts:
            self.restarts[camera].booted = booted
            self.dirty_cameras.add(camera)

    def otherwise_is(self, camera: str, check: str, *, answers: bool) -> None:
        """A check other than the reach got an answer of a camera that is offline, or got none."""
        facts = self.cameras.get(camera)
        if facts is None or facts.online is not State.OFFLINE or answers == bool(facts.otherwise):
            return
        if answers or facts.otherwise == check:
            facts.otherwise = check if answers else ""
            self.dirty_cameras.add(camera)

    def picture_is(
        self, camera: str, state: State, since: Moment, faults: tuple[str, ...] = (), reason: str = ""
    ) -> None:
        """The picture axis of a camera flipped."""
        facts = self.cameras.get(camera)
        if facts is not None:
            facts.picture, facts.picture_since, facts.faults, facts.picture_reason = state, since, faults, reason
            self.dirty_cameras.add(camera)

    def login_is(self, camera: str, refused: bool, at: Moment) -> None:
        """ONVIF or the snapshot refused the login, or took it."""
        facts = self.cameras.get(camera)
        if facts is not None and bool(facts.refused_since) != refused:
            facts.refused_since = at if refused else 0
            self.dirty_cameras.add(camera)

    def clock_is(self, camera: str, offset_seconds: float, at: Moment, limit_seconds: float) -> None:
        """The camera's clock was read."""
        facts = self.cameras.get(camera)
        if facts is None:
            return
        facts.offset_seconds = offset_seconds
        off = abs(offset_seconds) > limit_seconds
        if bool(facts.offset_since) != off:
            facts.offset_since = at if off else 0
            self.dirty_cameras.add(camera)

    def device_is(self, device: str, state: State, since: Moment, decided: Moment = 0) -> None:
        """A device's reach flipped."""
        facts = self.devices.get(device)
        if facts is None:
            return
        if state is State.ONLINE and facts.state is State.OFFLINE:
            facts.returned, facts.died = since, facts.since
        if state is not State.UNKNOWN and facts.state is not State.UNKNOWN:
            facts.flips.append(since)
        if state is State.OFFLINE:
            facts.port_up = None
        facts.state, facts.since, facts.decided = state, since, decided or since
        self.dirty_devices.update((device, *facts.line))
        self.dirty_cameras |= facts.down.keys()

    def device_undecided(self, device: str, undecided: bool) -> None:
        """Whether a streak of the device's reach is open."""
        facts = self.devices.get(device)
        if facts is not None and facts.undecided != undecided:
            facts.undecided = undecided
            if not undecided:
                self.dirty_cameras |= facts.down.keys()
                self.dirty_devices.update(facts.children)

    def device_read(self, device: str, booted: Moment, ports: Mapping[str, PortFacts], at: Moment) -> None:
        """A device's tables were read: when it booted, and the ports that the inventory names."""
        facts = self.devices.get(device)
        if facts is None:
            return
        facts.booted, facts.ports, facts.read = booted, ports, at
        for other in self.devices.values():
            hangs = other.device.upstream == device and other.state is State.OFFLINE and at >= other.since
            port = ports.get(other.device.upstream_port) if hangs else None
            if port is not None and other.port_up is None:
                other.port_up = port.oper_up
                self.dirty_devices.add(other.device.id)
        self.dirty_devices.add(device)
        self.dirty_cameras |= facts.down.keys()

    # --- exemptions ----------------------------------------------------------------------------------------

    def exempt_are(self, exempt: Exempt) -> None:
        """Who is exempt when has changed. Who is concerned is dirty, as due times move."""
        self._touch(*self.filed.take(exempt))

    def exempt_at(self, now: Moment) -> None:
        """Take who is exempt at `now`; whoever begins or ceases to be is dirty. Cheap while nothing changes."""
        if now < self.filed.until:
            return
        self._touch(*self.filed.at(now, self._asked_line))

    def _asked_line(self, camera: str) -> tuple[str, ...]:
        facts = self.cameras.get(camera)
        return facts.line if facts is not None and facts.camera.asked else ()

    def _touch(self, cameras: Set[str], devices: Set[str]) -> None:
        self.dirty_cameras |= cameras & self.cameras.keys()
        self.dirty_devices |= devices & self.devices.keys()

    def excused(self, device: str) -> bool:
        """Whether a dead device is nothing to repair now: it is exempt, or all that is asked below it is."""
        return self.filed.excuses(device, self.devices[device].below)

    # --- what follows from it ------------------------------------------------------------------------------

    def dead(self, device: str, mass: Mass) -> bool:
        """Whether nothing behind it answers any more; worked out once between two calls of `take_dirty`."""
        if device not in self._dead:
            self._dead[device] = is_dead(self.devices, self.cameras, device, mass, self.dead)
        return self._dead[device]

    def culprit(self, camera: str, mass: Mass) -> str | None:
        """The topmost dead device above a camera, else its pole if that is dead; None: it is its own affair."""
        facts = self.cameras[camera]
        for device in (*reversed(facts.line), facts.pole):
            if device and self.dead(device, mass):
                return device
        return None

    def dead_above(self, device: str, mass: Mass) -> str | None:
        """The topmost dead device above another device."""
        for above in reversed(self.devices[device].line):
            if self.dead(above, mass):
                return above
        return None

    def unsettled(self, camera: str) -> bool:
        """Whether a device above the camera may be going down: its own streak is still open."""
        return any(self.devices[device].undecided for device in self.cameras[camera].line)

    def subject(self, device: str) -> str:
        """Whom to repair: the device, or the region of a subnet or pole."""
        own = self.devices[device].device
        return own.region if own.kind in (SUBNET, POLE) else device

    def _subnet(self, camera: Camera) -> str:
        """The /24 (or /64) of a camera without upstream stands in for what it hangs on."""
        network = str(ip_network(f"{camera.address}/{64 if ':' in camera.address else 24}", strict=False))
        self._stand_in(network, SUBNET, camera)
        return network

    def _stand_in(self, name: str, kind: str, camera: Camera) -> None:
        if name and name not in self.devices:
            device = Device(name, f"{kind} {name}", kind, camera.placement.region)
            self.devices[name] = DeviceFacts(device, ())

    def take_dirty(self) -> tuple[set[str], set[str]]:
        """(cameras, devices) that changed since the last call."""
        cameras, devices = self.dirty_cameras, self.dirty_devices
        self.dirty_cameras, self.dirty_devices, self._dead = set(), set(), {}
        return cameras, devices


def _poles(inventory: Inventory) -> Mapping[str, str]:
    """camera -> the pole that it shares with others, by the column `pole`; each region numbers its own."""
    standing: dict[str, list[str]] = defaultdict(list)
    for camera in inventory.cameras.values():
        if pole := camera.tags.get(POLE, ""):
            standing[f"{POLE} {camera.placement.region}/{pole}"].append(camera.id)
    return {camera: pole for pole, cameras in standing.items() if len(cameras) > 1 for camera in cameras}


def _feeds(inventory: Inventory) -> Mapping[str, str]:
    """device -> the power feed that its cameras name in the column `power`: it feeds the cabinet of both."""
    named: dict[str, list[str]] = defaultdict(list)
    for camera in inventory.cameras.values():
        feed = camera.tags.get("power", "")
        if feed in inventory.devices and camera.placement.upstream in inventory.devices:
            named[camera.placement.upstream].append(feed)
    return {device: most_common(feeds) for device, feeds in named.items()}
