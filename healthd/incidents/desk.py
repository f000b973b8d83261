"""Where results become facts for the cause rules: it keeps fleet and board, folds the reach of devices, learns
from their tables, and has asked what would tell more: the neighbours of who fails first, the tables of the device
above, once it is back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from healthd.folding.state import Holding, Rules, advance_online, online_reading, retry_after, settle
from healthd.incidents.board import Board
from healthd.incidents.facts import PortFacts
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Happening
from healthd.incidents.readings import DeviceView, Reading, next_reading
from healthd.model import Asked, Axis, Camera, Flip, Inventory, Moment, State
from healthd.topology.links import Learner, Place
from probes.base import Memory, Outcome, Reason
from probes.port_names import port_named

CLOCK_LIMIT_SECONDS = 30.0
"""An offset beyond this is a clock fault."""


class Desk:
    """Mutable, owned by the core. `ask_again(subject, check, after_seconds)` steers the prober side."""

    def __init__(
        self, board: Board, rules: Rules, retry_seconds: float, ask_again: Callable[[str, str, float], None]
    ) -> None:
        self.board = board
        self.fleet: Fleet = board.fleet
        self.rules = rules
        self.retry_seconds = retry_seconds
        self._ask_again = ask_again
        self._holdings: dict[str, Holding] = {}
        self._pending: set[str] = set()  # devices whose last fail waits for a witness
        self._memories: dict[str, Memory] = {}
        self._readings: dict[str, Reading] = {}
        self.streaks: set[str] = set()  # reaches of cameras with an open streak: they have retries of their own
        self._swept: dict[str, Moment] = {}
        self._cameras_of: set[str] = set()  # devices whose cameras are to be asked
        self._devices: set[str] = set()  # devices that are to be asked
        self._by_reach: dict[str, list[str]] = {}
        self._siblings: dict[str, list[str]] = {}
        self._port_names: dict[str, Counter[str]] = {}  # device -> words for its ports, and who hangs there
        self.learner = Learner(self.fleet.inventory)
        self._index()

    def replace(self, inventory: Inventory) -> None:
        """Take another inventory; what was learnt of the network is kept."""
        self.learner.replace(inventory)
        self.fleet.replace(inventory, self.learner.placed)
        self._index()

    def _index(self) -> None:
        self._by_reach, self._siblings, self._port_names = {}, {}, {}
        for device in (facts.device for facts in self.fleet.devices.values()):
            if device.address:
                self._by_reach.setdefault(device.reach, []).append(device.id)
            self._port_names.setdefault(device.upstream, Counter())[device.upstream_port] += 1
        for facts in self.fleet.cameras.values():
            if facts.camera.asked:
                for place in {facts.line[0], facts.pole} - {""}:
                    self._siblings.setdefault(place, []).append(facts.camera.reach)
                self._port_names.setdefault(facts.line[0], Counter())[facts.camera.upstream_port] += 1
        self._holdings = {key: held for key, held in self._holdings.items() if key in self.fleet.devices}
        self._pending &= self._holdings.keys()
        self._readings = {key: one for key, one in self._readings.items() if key in self.fleet.devices}

    def memory(self, device: str) -> Memory:
        """What earlier askings of a device learnt in this run."""
        return self._memories.get(device, Memory())

    # --- cameras -------------------------------------------------------------------------------------------

    def flipped(self, flip: Flip, *, has_uptime: bool = False) -> None:
        """A camera's state changed. `has_uptime`: its SNMP agent tells how long it has run."""
        if flip.axis is Axis.PICTURE:
            self.fleet.picture_is(flip.camera, flip.state, flip.at, flip.faults, flip.reason)
            return
        facts = self.fleet.cameras.get(flip.camera)
        died = facts.since if facts is not None and facts.online is State.OFFLINE else 0
        self.fleet.camera_is(flip.camera, flip.state, flip.at, flip.decided)
        if died and flip.state is State.ONLINE and has_uptime and self.board.doubts(flip.camera):
            self.fleet.uptime_wanted(flip.camera, died)
            self._ask_again(flip.camera, "snmp", 0.0)
        if facts is not None and flip.state is State.OFFLINE and facts.camera.placement.upstream:
            self._ask_again(facts.camera.placement.upstream, "device", 0.0)

    def camera_answered(self, camera: Camera, asked: Moment) -> None:
        """Its reach was answered: so was the way there."""
        facts = self.fleet.cameras.get(camera.id)
        if facts is not None:
            self.fleet.answered(facts.places, asked)

    def camera_failed_first(self, camera: Camera, now: Moment) -> None:
        """Its first fail: ask who hangs beside it and what it hangs on, to know soon how far it goes."""
        facts = self.fleet.cameras.get(camera.id)
        if facts is None:
            return
        above = facts.line[0]
        if now - self._swept.get(above, 0) < self.retry_seconds * 1000:
            return
        self._swept[above] = now
        self._cameras_of.update({above, facts.pole} - {""})
        self._devices.update(facts.line)

    def camera_said(self, camera: Camera, asked: Asked) -> None:
        """ONVIF or frame: whether the login is taken, and what time it is there."""
        result = asked.result
        uptime = result.values.get("uptime_seconds") if asked.check == "snmp" else None
        if uptime is not None:
            self.fleet.uptime_is(camera.id, asked.asked - round(1000 * uptime))
        if asked.check not in ("onvif", "frame"):
            return  # SNMP has a secret of its own
        if result.outcome is Outcome.FAIL and result.reason is Reason.AUTH:
            self.fleet.login_is(camera.id, refused=True, at=asked.asked)
        elif result.outcome is Outcome.OK:
            self.fleet.login_is(camera.id, refused=False, at=asked.asked)
        offset = result.values.get("clock_offset_seconds") if asked.check == "onvif" else None
        if offset is not None:
            self.fleet.clock_is(camera.id, offset, asked.asked, CLOCK_LIMIT_SECONDS)

    # --- devices -------------------------------------------------------------------------------------------

    def device_reached(self, asked: Asked, elsewhere: Moment) -> None:
        """Fold a ping of the devices that it reaches; their flips are no camera's and are not stored."""
        reading = online_reading(asked)
        if reading is None:
            return
        for device in self._by_reach.get(asked.subject, ()):
            held = self._holdings.get(device, Holding())
            if reading.good:
                self.fleet.answered(self.fleet.devices[device].line, asked.asked)
            elif not held.first_fail and held.state is not State.OFFLINE:
                self._look_around(device)
            held, flip = advance_online(held, reading, self.rules, elsewhere)
            self._keep(device, held, flip)
            if held.undecided:
                self._ask_again(asked.subject, "ping", retry_after(asked, self.retry_seconds))

    def settle_pending(self, elsewhere: Callable[[str], Moment]) -> None:
        """Confirm fails of devices once somebody else has answered since."""
        for device in [*self._pending]:
            address = self.fleet.devices[device].device.address
            self._keep(device, *settle(self._holdings[device], self.rules, elsewhere(address)))

    def _keep(self, device: str, held: Holding, flip: Flip | None) -> None:
        self._holdings[device] = held
        (self._pending.add if held.pending else self._pending.discard)(device)
        if flip is not None:
            self.fleet.device_is(device, flip.state, flip.at, flip.decided)
            if flip.state is State.ONLINE:
                self._ask_again(device, "device", 0.0)  # its uptime tells power from line
                self._ask_below(device)
            elif flip.state is State.OFFLINE and self.fleet.devices[device].device.upstream:
                self._ask_again(self.fleet.devices[device].device.upstream, "device", 0.0)  # the port above it
        self.fleet.device_undecided(device, held.undecided)

    def _ask_below(self, device: str) -> None:
        """A device is back: see at once who came back with it."""
        for child in self.fleet.devices[device].children:
            reach = self.fleet.devices[child].device.reach
            if reach:
                self._ask_again(reach, "ping", 0.0)
            else:
                self._ask_below(child)
        for reach in self._siblings.get(device, ()):
            self._ask_again(reach, "ping", 0.0)

    def _look_around(self, device: str) -> None:
        """A device's first fail: its cameras and the devices above tell whether it is more than that."""
        self._cameras_of.add(device)
        self._devices.update(self.fleet.devices[device].line)

    def ask_around(self) -> None:
        """Ask the neighbours of the first fails of a batch, once all of it is folded: whoever has an open streak
        has retries of its own, and three fails must take their time."""
        cameras_of, self._cameras_of = self._cameras_of, set()
        devices, self._devices = self._devices, set()
        reaches = {reach for device in cameras_of for reach in self._siblings.get(device, ())}
        undecided = {key for key, held in self._holdings.items() if held.undecided} if devices else set()
        reaches |= {self.fleet.devices[device].device.reach for device in devices - undecided}
        for reach in reaches - self.streaks - {""}:
            self._ask_again(reach, "ping", 0.0)

    def device_read(self, device: str, asked: Asked) -> None:
        """Take the tables that a device gave."""
        result = asked.result
        if device not in self.fleet.devices or result.outcome is not Outcome.OK:
            return
        known = {name: value for name, value in result.learnt.items() if name in Memory.__slots__}
        self._memories[device] = replace(self.memory(device), **known)
        uptime = result.values.get("uptime_seconds")
        booted = asked.asked - round(1000 * uptime) if uptime is not None else 0
        self._readings[device] = next_reading(self._readings.get(device), result.values, asked.asked)
        self._learn(device, result.values)
        self.fleet.device_read(device, booted, self._ports(device, result.values), asked.asked)

    def device_views(self) -> Sequence[DeviceView]:
        """The devices of the inventory, as they are shown."""
        found = []
        for device in self.fleet.inventory.devices:
            facts = self.fleet.devices[device]
            counts = (facts.below, len(facts.down))
            found.append(DeviceView(facts.device, facts.state, facts.since, *counts, self._readings.get(device)))
        return found

    def _learn(self, device: str, values: Mapping[str, Any]) -> None:
        """Hang cameras and devices where the walk shows them, as far as the inventory does not say."""
        self._hang(self.learner.take(device, values))

    def mac_is(self, camera: str, mac: str) -> None:
        """A camera says which MAC address it has ("": it does not): by it switches are asked where it hangs."""
        self._hang(self.learner.says(camera, mac))

    def _hang(self, changes: Mapping[str, Place | None]) -> None:
        if not changes:
            return
        devices = {id_: self.fleet.devices[id_] for id_ in changes if id_ in self.fleet.devices}
        for facts in devices.values():
            self._port_names[facts.device.upstream] -= Counter((facts.device.upstream_port,))
        moved = self.fleet.learn(changes)
        for facts in devices.values():
            self._port_names.setdefault(facts.device.upstream, Counter())[facts.device.upstream_port] += 1
        for camera, before in moved.items():
            now = self.fleet.cameras[camera]
            if now.camera.asked:
                self._siblings[before.device].remove(now.camera.reach)
                self._siblings.setdefault(now.line[0], []).append(now.camera.reach)
                self._port_names[before.device] -= Counter((before.port,))
                self._port_names.setdefault(now.line[0], Counter())[now.camera.upstream_port] += 1

    def _ports(self, device: str, values: Mapping[str, Any]) -> Mapping[str, PortFacts]:
        """The ports that the inventory names, by its words for them."""
        ports = values.get("ports", ())
        found = {}
        for name in self._port_names.get(device, {}).keys() - {""}:
            port = port_named(ports, name)
            if port is not None:
                detection = str(port.poe.detection) if port.poe is not None else None
                found[name] = PortFacts(port.name or name, port.oper_up, port.admin_up, detection)
        return found

    # --- incidents -----------------------------------------------------------------------------------------

    def happenings(self, now: Moment) -> Sequence[Happening]:
        """What happened to incidents since the last call."""
        return self.board.update(now)
