"""Which incident each camera and device that is down belongs to, and when it may be opened. No clock, no I/O.

Every camera that is down (or refuses its login, or has a wrong clock or a bad picture) is *wanted* by exactly one
subject per kind: the topmost dead device above it, else itself. Opening waits a little (`settle`) and as long as a
device above may be going down, so that forty cameras behind a dying switch don't open forty incidents first.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush

from healthd.incidents.describe import Key, Policy, failing
from healthd.incidents.facts import CameraFacts
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Incident, Kind
from healthd.model import Moment, State

_AT_ONCE = 1000  # cameras looked at in one `update` of the board


class Wishes:
    """Who wants whom, and until when that waits. Mutable; owned by the board, whose open incidents it looks at."""

    def __init__(self, fleet: Fleet, policy: Policy, open_: Mapping[Key, Incident]) -> None:
        self.fleet = fleet
        self.policy = policy
        self._open = open_
        self._waiting: list[tuple[Moment, str]] = []  # heap: when time alone may move a camera
        self.changed: dict[str, None] = {}  # cameras still to be looked at, in order
        self.unopened: set[str] = set()  # devices that are down, and wait to be opened
        self._released: dict[Key, Moment] = {}  # since when what an incident is about is no longer dead
        self._freed: dict[str, Moment] = {}  # devices that were still down when what is above them was over: when

    def due(self, cameras: Collection[str], now: Moment) -> Sequence[str]:
        """The next cameras to look at: those that changed, and those whose time has come."""
        while self._waiting and self._waiting[0][0] <= now:
            self.changed[heappop(self._waiting)[1]] = None
        self.changed.update(dict.fromkeys(cameras))
        taken = [*itertools.islice(self.changed, _AT_ONCE)]
        for camera in taken:
            del self.changed[camera]
        return taken

    def _wait(self, camera: str, until: Moment) -> None:
        heappush(self._waiting, (until, camera))

    def wanted(self, camera: str, slot: Kind, held: Key | None, now: Moment) -> Key | None:
        """The incident that a camera belongs to, None: to none (yet). `held`: the one it is in."""
        facts = self.fleet.cameras.get(camera)
        if facts is None or not facts.camera.asked:
            return None
        if held is None and camera in self.fleet.filed.cameras:
            return None  # what is filed as exempt opens nothing; what was open stays until it is repaired
        if slot is Kind.OFFLINE:
            return self._wanted_offline(facts, held, now)
        fails, since = failing(facts, slot)
        if not fails:
            unseen = facts.online is not State.ONLINE or (slot is Kind.PICTURE and facts.picture is State.UNKNOWN)
            return held if held is not None and unseen else None
        if held is None and now - since < self.policy.settle:
            self._wait(camera, since + self.policy.settle)
            return None
        return (slot, camera)

    def _wanted_offline(self, facts: CameraFacts, held: Key | None, now: Moment) -> Key | None:
        flapping = self._flapping(facts, held, now)
        if flapping is not None:
            return flapping
        if facts.online is not State.OFFLINE:
            return held if facts.online is State.UNKNOWN else None  # not seen: neither over nor anew
        culprit = self.fleet.culprit(facts.camera.id, self.policy.mass)
        return (
            self._wanted_alone(facts, held, now) if culprit is None else self._wanted_by(culprit, facts, held, now)
        )

    def _wanted_by(self, culprit: str, facts: CameraFacts, held: Key | None, now: Moment) -> Key | None:
        """A dead device above the camera took it down, perhaps one that hangs on what did so before."""
        camera = facts.camera.id
        key = (Kind.OFFLINE, self.fleet.subject(culprit))
        if held is not None and held[1] in self.fleet.devices[culprit].line and self._in_grace(held, now):
            self._wait(camera, self._released[held] + self.policy.grace)  # what hangs on it is still starting
            return held
        self._released.pop(key, None)
        if held is None and key not in self._open:
            waits = self.policy.patience if self._undecided_above(culprit) else self.policy.settle
            if now - facts.decided < waits:
                self._wait(camera, facts.decided + waits)
                return None
        return key

    def _undecided_above(self, device: str) -> bool:
        """Whether something above a dead device may be going down as well."""
        return any(self.fleet.devices[above].undecided for above in self.fleet.devices[device].line)

    def _wanted_alone(self, facts: CameraFacts, held: Key | None, now: Moment) -> Key | None:
        """Nothing above the camera is dead: it is an incident of its own, though not at once."""
        camera = facts.camera.id
        if held == (Kind.OFFLINE, camera):
            return held
        if held is not None and held[0] is Kind.OFFLINE:
            # What took it down is back: its cameras are still starting.
            if self._in_grace(held, now):
                self._wait(camera, self._released[held] + self.policy.grace)
                return held
            return (Kind.OFFLINE, camera)
        waits = self.policy.patience if self.fleet.unsettled(camera) else self.policy.settle
        if now - facts.decided < waits:
            self._wait(camera, facts.decided + waits)
            return held
        return (Kind.OFFLINE, camera)

    def _in_grace(self, held: Key, now: Moment) -> bool:
        """What an incident is about is no longer dead, since a moment ago."""
        return now - self._released.setdefault(held, now) < self.policy.grace

    def _flapping(self, facts: CameraFacts, held: Key | None, now: Moment) -> Key | None:
        """The topmost device above the camera that flaps, else the camera if it does."""
        camera = facts.camera.id
        things = [(device, self.fleet.devices[device].flips) for device in reversed(facts.line)]
        for subject, flips in (*things, (camera, facts.flips)):
            key = (Kind.FLAPPING, subject)
            if subject == camera and key not in self._open and self._shared(facts):
                return None
            if self._flaps(flips, key in self._open, now) and (subject != camera or facts.flips):
                self._wait(camera, flips[0] + self.policy.flapping_window + 1)
                return key if facts.flips or held == key else None
        return None

    def _shared(self, facts: CameraFacts) -> bool:
        """Whether a device above went and came with the camera each time: it may only be back a moment later."""
        return any(len(self.fleet.devices[above].flips) >= max(2, len(facts.flips) - 1) for above in facts.line)

    def _flaps(self, flips: list[Moment], known: bool, now: Moment) -> bool:
        """Many flips within the window; once it flaps, until the window is quiet."""
        while flips and now - flips[0] > self.policy.flapping_window:
            flips.pop(0)
        return len(flips) >= (1 if known else self.policy.flapping_flips)

    def is_down(self, device: str) -> bool:
        """Whether a device is an incident of its own: offline, and nothing above it is, or was a moment ago."""
        facts = self.fleet.devices.get(device)
        if facts is None or facts.state is not State.OFFLINE or (Kind.FLAPPING, device) in self._open:
            return False
        # What flaps takes along what hangs on it, each time.
        above = [
            (kind, self.fleet.subject(other)) for other in facts.line for kind in (Kind.OFFLINE, Kind.FLAPPING)
        ]
        return self.fleet.dead_above(device, self.policy.mass) is None and not any(
            key in self._open for key in above
        )

    def may_open(self, device: str, now: Moment) -> bool:
        """A device's own incident waits like a camera's: for what is above it, and a little for its cameras."""
        if not self.is_down(device) or self.fleet.excused(device):
            return False
        facts = self.fleet.devices[device]
        age, freed = now - facts.decided, self._freed.get(device, 0)
        starting = facts.since <= freed and now - freed < self.policy.grace  # it is back later than what it fed
        if starting or age < self.policy.settle or (self._undecided_above(device) and age < self.policy.patience):
            self.unopened.add(device)
            return False
        self._freed.pop(device, None)
        return True

    def closed(self, key: Key, now: Moment) -> None:
        """An incident has ended: what is still down below its subject is on its own from now on."""
        below = [*self._below(key[1])]
        self.unopened.update(below)
        self._freed.update(dict.fromkeys(below, now))
        self.forget(key)

    def forget(self, key: Key) -> None:
        """It is open no more."""
        self._released.pop(key, None)

    def _below(self, device: str) -> Iterator[str]:
        """The devices directly below that are down, and theirs."""
        for child in self.fleet.devices[device].children if device in self.fleet.devices else ():
            if self.fleet.devices[child].state is State.OFFLINE:
                yield child
            else:
                yield from self._below(child)


def slot_of(kind: Kind) -> Kind:
    """Offline and flapping are one thing to a camera: it is in either."""
    return Kind.OFFLINE if kind is Kind.FLAPPING else kind
