"""The open incidents, kept in step with the fleet: opened, grown, merged, split, closed. No clock, no I/O.

Every camera that is down (or refuses its login, or has a wrong clock or a bad picture) is *wanted* by exactly one
subject per kind: the topmost dead device above it, else itself. `update` moves cameras to the subject that wants
them and reports what happened. Opening waits a little (`settle`) and as long as a device above may be going down,
so that forty cameras behind a dying switch don't open forty incidents first.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from healthd.incidents.causes import DOUBTFUL, Finding
from healthd.incidents.describe import (
    Key,
    Policy,
    answerable,
    due_again,
    failing,
    failing_since,
    likely_cause,
    repair_limit,
    run_until,
)
from healthd.incidents.evidence import Clue, clue
from healthd.incidents.fleet import CameraFacts, Fleet
from healthd.incidents.incident import Acknowledgement, Cause, Happening, Incident, Kind, What
from healthd.model import Moment, State

_SLOTS = (Kind.OFFLINE, Kind.PICTURE, Kind.ACCOUNT, Kind.CLOCK)
_EVIDENCE = 12
_AT_ONCE = 2000  # cameras looked at in one `update`
_LARGE = 100  # cameras
_UPTIME_WAITS: Moment = 60_000  # how long an incident stays open for the uptime of a camera that is back
_PAUSE: Moment = 10_000


@dataclass(frozen=True, slots=True)
class _Step:
    """One key's part of an update; `moved`: all cameras that left some incident in it."""

    key: Key
    joining: set[str]
    leaving: set[str]
    moved: frozenset[str]
    now: Moment


class Board:
    """The open incidents. Mutable: it is the hot side of what the store keeps."""

    def __init__(self, fleet: Fleet, policy: Policy, incidents: Iterable[Incident] = ()) -> None:
        """`incidents`: those that were open when the last run ended."""
        self.fleet = fleet
        self.policy = policy
        self._open: dict[Key, Incident] = {}
        self._at: dict[tuple[str, Kind], Key] = {}  # (camera, slot) -> where it is
        self._waiting: list[tuple[Moment, str]] = []  # heap: when time alone may move a camera
        self._changed: dict[str, None] = {}  # cameras still to be looked at, in order
        self._lingering: set[Key] = set()  # incidents that time alone may close
        self._dead: set[str] = set()  # devices that were dead at the last update
        self._unopened: set[str] = set()  # devices that are down, and wait to be opened
        self._untold: set[Key] = set()  # incidents whose growth is still to be told
        self._told_at: dict[Key, Moment] = {}  # when the growth of an incident was last told
        self._released: dict[Key, Moment] = {}  # since when what an incident is about is no longer dead
        self._freed: dict[str, Moment] = {}  # devices that were still down when what is above them was over: when
        for incident in incidents:
            key = (incident.kind, incident.subject)
            self._open[key] = incident
            self._lingering.add(key)
            slot = _slot(incident.kind)
            for camera in incident.camera_ids:
                self._at[camera, slot] = key
                self._changed[camera] = None

    @property
    def incidents(self) -> Sequence[Incident]:
        """The open ones."""
        return [*self._open.values()]

    def by_id(self, incident_id: str) -> Incident | None:
        """An open incident."""
        return next((incident for incident in self._open.values() if incident.id == incident_id), None)

    # --- what people do ------------------------------------------------------------------------------------

    def acknowledge(self, incident_id: str, by: str, note: str, now: Moment) -> Sequence[Happening]:
        """Somebody takes it on; nothing for an unknown id."""
        incident = self.by_id(incident_id)
        if incident is None:
            return ()
        taken = replace(incident, acknowledged=Acknowledgement(by, now, note))
        self._open[taken.kind, taken.subject] = taken
        return (Happening(now, What.ACKNOWLEDGED, taken, by),)

    def doubts(self, camera: str) -> bool:
        """Whether the cause of a camera's own incident could as well be the camera's power as its cable."""
        incident = self._open.get((Kind.OFFLINE, camera))
        return incident is not None and any(one.code == DOUBTFUL for one in incident.evidence)

    def still_fails(self, incident_id: str) -> Clue | None:
        """Why an operator may not close it; None if nothing of it fails any more."""
        incident = self.by_id(incident_id)
        if incident is None:
            return clue("closed_already")
        failing = sorted(camera for camera in incident.camera_ids if self._fails(camera, incident.kind))
        if failing:
            return clue("cameras_still_fail", cameras=len(failing), camera=failing[0])
        device = self.fleet.devices.get(incident.subject)
        if device is not None and device.state is State.OFFLINE:
            return clue("device_still_silent", device=device.device.name)
        return None

    def _fails(self, camera: str, kind: Kind) -> bool:
        facts = self.fleet.cameras.get(camera)
        if facts is None:
            return False
        if _slot(kind) is Kind.OFFLINE:
            return facts.online is State.OFFLINE
        return failing(facts, kind)[0]

    def close(self, incident_id: str, by: str, now: Moment) -> Sequence[Happening]:
        """Close by hand what no longer fails; the caller asked the subject again before."""
        incident = self.by_id(incident_id)
        if incident is None or self.still_fails(incident_id) is not None:
            return ()
        key = (incident.kind, incident.subject)
        self._open[key] = run_until(self.fleet, incident, incident, now)
        return [self._close(key, now, verified=True, detail=f"closed by {by}")]

    # --- keeping in step -----------------------------------------------------------------------------------

    def update(self, now: Moment) -> list[Happening]:
        """Bring the incidents in step with what has changed in the fleet."""
        self.fleet.exempt_at(now)
        dirty, devices = self.fleet.take_dirty()
        devices |= self._unopened
        self._unopened.clear()
        cameras = self._due(dirty | self._below_changed(devices), now)
        joining, leaving = self._moves(cameras, now)
        touched = {*joining, *leaving, *self._keys_of(devices), *self._lingering, *self._untold}
        touched.update(key for camera in cameras for slot in _SLOTS if (key := self._at.get((camera, slot))))
        moved = frozenset[str]().union(*leaving.values())
        happenings: list[Happening] = []
        # Devices first: a camera's own incident may turn out to be part of one.
        for key in sorted(touched, key=lambda key: (key[1] not in self.fleet.devices, key)):
            happenings += self._settle(_Step(key, joining.get(key, set()), leaving.get(key, set()), moved, now))
        return happenings

    @property
    def behind(self) -> bool:
        """Whether `update` left something for the next call: a dying city must not stop the event loop."""
        return bool(self._changed)

    def _due(self, cameras: Collection[str], now: Moment) -> Sequence[str]:
        """The next cameras to look at: those that changed, and those whose time has come."""
        while self._waiting and self._waiting[0][0] <= now:
            self._changed[heappop(self._waiting)[1]] = None
        self._changed.update(dict.fromkeys(cameras))
        taken = [*itertools.islice(self._changed, _AT_ONCE)]
        for camera in taken:
            del self._changed[camera]
        return taken

    def _wait(self, camera: str, until: Moment) -> None:
        heappush(self._waiting, (until, camera))

    def _below_changed(self, devices: Collection[str]) -> set[str]:
        """Cameras that are down below devices which have died or come back to life."""
        cameras: set[str] = set()
        for device in devices:
            dead = device in self.fleet.devices and self.fleet.dead(device, self.policy.mass)
            if dead != (device in self._dead):
                (self._dead.add if dead else self._dead.discard)(device)
                if device in self.fleet.devices:
                    cameras |= self.fleet.devices[device].down.keys()
        return cameras

    def _moves(self, cameras: Collection[str], now: Moment) -> tuple[dict[Key, set[str]], dict[Key, set[str]]]:
        joining: dict[Key, set[str]] = defaultdict(set)
        leaving: dict[Key, set[str]] = defaultdict(set)
        for camera in cameras:
            for slot in _SLOTS:
                held = self._at.get((camera, slot))
                wanted = self._wanted(camera, slot, held, now)
                if wanted == held:
                    continue
                if held is not None:
                    leaving[held].add(camera)
                    del self._at[camera, slot]
                if wanted is not None:
                    joining[wanted].add(camera)
                    self._at[camera, slot] = wanted
        return joining, leaving

    def _wanted(self, camera: str, slot: Kind, held: Key | None, now: Moment) -> Key | None:
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
        camera = facts.camera.id
        flapping = self._flapping(facts, held, now)
        if flapping is not None:
            return flapping
        if facts.online is State.UNKNOWN:
            return held  # not seen: neither over nor anew
        if facts.online is State.ONLINE:
            return None
        culprit = self.fleet.culprit(camera, self.policy.mass)
        if culprit is None:
            return self._wanted_alone(facts, held, now)
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
            if self._flaps(flips, key in self._open, now) and (subject != camera or facts.flips):
                self._wait(camera, flips[0] + self.policy.flapping_window + 1)
                return key if facts.flips or held == key else None
        return None

    def _flaps(self, flips: list[Moment], known: bool, now: Moment) -> bool:
        """Many flips within the window; once it flaps, until the window is quiet."""
        while flips and now - flips[0] > self.policy.flapping_window:
            flips.pop(0)
        return len(flips) >= (1 if known else self.policy.flapping_flips)

    def _keys_of(self, devices: Collection[str]) -> set[Key]:
        """Incidents that these devices have or should have, even without cameras."""
        keys = ((Kind.OFFLINE, device) for device in devices)
        return {key for key in keys if key in self._open or self._is_down(key[1])}

    def _is_down(self, device: str) -> bool:
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

    # --- one incident --------------------------------------------------------------------------------------

    def _settle(self, step: _Step) -> list[Happening]:
        key, now = step.key, step.now
        incident = self._open.get(key)
        if incident is None:
            due = step.joining or (key[0] is Kind.OFFLINE and self._may_open(key[1], now))
            return self._begin(step) if due else []
        cameras = (incident.camera_ids - step.leaving) | step.joining
        grown = cameras != incident.camera_ids or key in self._untold
        changed = incident.with_cameras(frozenset(cameras)) if grown else incident
        failing_still = changed.camera_ids or key[1] in self.fleet.devices or key[1] in self.fleet.restarts
        # A camera that is back shows no longer why it was away: what was found meanwhile stays.
        finding = likely_cause(self.fleet, key, changed.camera_ids, incident.cause) if failing_still else None
        if finding is not None and (finding.cause, finding.evidence) != (incident.cause, incident.evidence):
            changed = replace(changed, cause=finding.cause, evidence=finding.evidence[:_EVIDENCE])
        changed = due_again(self.fleet, changed)
        self._open[key] = changed
        if not self._goes_on(key, changed, now):
            heir = self._heir(step)
            if heir is not None:
                return [self._merge(changed, heir, now)]
            self._open[key] = run_until(self.fleet, incident, changed, now)
            return [self._close(key, now, verified=self._seen_well(key, incident))]
        happenings = []
        if changed.due != incident.due:
            happenings.append(Happening(now, What.DUE, changed, ""))
        if changed.cause is not incident.cause:
            happenings.append(Happening(now, What.CAUSE, changed, f"{incident.cause} -> {changed.cause}"))
        elif grown and self._may_tell(key, len(cameras), now):
            happenings.append(Happening(now, What.GROWN, changed, f"{len(cameras)} cameras"))
        return happenings

    def _may_tell(self, key: Key, cameras: int, now: Moment) -> bool:
        """A large incident's growth is told now and then only: each entry of the feed lists all its cameras."""
        if cameras > _LARGE and now - self._told_at.get(key, 0) < _PAUSE:
            self._untold.add(key)
            return False
        self._untold.discard(key)
        self._told_at[key] = now
        return True

    def _may_open(self, device: str, now: Moment) -> bool:
        """A device's own incident waits like a camera's: for what is above it, and a little for its cameras."""
        if not self._is_down(device) or self.fleet.excused(device):
            return False
        facts = self.fleet.devices[device]
        age, freed = now - facts.decided, self._freed.get(device, 0)
        starting = facts.since <= freed and now - freed < self.policy.grace  # it is back later than what it fed
        if starting or age < self.policy.settle or (self._undecided_above(device) and age < self.policy.patience):
            self._unopened.add(device)
            return False
        self._freed.pop(device, None)
        return True

    def _goes_on(self, key: Key, incident: Incident, now: Moment) -> bool:
        if incident.camera_ids:
            return True
        device, restart = self.fleet.devices.get(key[1]), self.fleet.restarts.get(key[1])
        if restart is not None and key[0] is Kind.OFFLINE:
            waits = not restart.booted and now - restart.returned < _UPTIME_WAITS
            (self._lingering.add if waits else self._lingering.discard)(key)
            return waits
        if device is None or key[0] is not Kind.OFFLINE:
            return False
        if device.state is State.OFFLINE:
            return self.fleet.dead_above(key[1], self.policy.mass) is None
        # Its uptime tells power from line: wait for it a little, when it can be had.
        waits = device.state is State.ONLINE and 0 < device.read < device.returned
        if waits and now - device.returned < self.policy.grace:
            self._lingering.add(key)
            return True
        return False

    def _seen_well(self, key: Key, incident: Incident) -> bool:
        device = self.fleet.devices.get(key[1])
        if device is not None:
            return device.state is not State.OFFLINE
        if key[1] in self.fleet.inventory.regions:
            return True  # it closes when the last of its cameras answers
        facts = self.fleet.cameras.get(key[1])
        return facts is not None and facts.camera.asked and not self._fails(key[1], incident.kind)

    def _begin(self, step: _Step) -> list[Happening]:
        key, cameras, now = step.key, step.joining, step.now
        region, class_, unit, maintainer = answerable(self.fleet, key, cameras)
        happenings: list[Happening] = []
        merged = self._emptied(cameras, key)
        same = [old for old in merged if (old.region, old.maintainer) == (region, maintainer)]
        if same:
            # The same crew in the same place: the event that they were told of, not another one.
            oldest = min(same, key=lambda old: (old.opened, old.id))
            del self._open[oldest.kind, oldest.subject]
            merged.remove(oldest)
            incident = replace(oldest, kind=key[0], subject=key[1], class_=class_, unit=unit)
            what, detail = What.CAUSE, f"subject {oldest.subject} -> {key[1]}"
        else:
            since = failing_since(self.fleet, key, cameras, now)
            name = _name(key, now)
            incident = Incident(
                name, key[0], Cause.UNKNOWN, key[1], region, class_, unit, maintainer, frozenset(), since, now
            )
            split = not merged and bool(cameras) and cameras <= step.moved
            what, detail = (What.SPLIT if split else What.OPENED), ""
        incident = incident.with_cameras(frozenset(cameras))
        finding = likely_cause(self.fleet, key, incident.camera_ids, incident.cause) or Finding(Cause.UNKNOWN, ())
        incident = replace(incident, cause=finding.cause, evidence=finding.evidence[:_EVIDENCE])
        due = incident.since + repair_limit(self.fleet, self.policy, incident)
        incident = due_again(self.fleet, replace(incident, due=due, paused=0))
        self._open[key] = incident
        happenings.append(Happening(now, what, incident, detail))
        return [*happenings, *(self._merge(old, incident, now) for old in merged)]

    def _heir(self, step: _Step) -> Incident | None:
        """The incident that took over the cameras of one that has none left."""
        keys = {self._at.get((camera, _slot(step.key[0]))) for camera in step.leaving}
        found = [incident for key in keys if key is not None and (incident := self._open.get(key)) is not None]
        return min(found, key=lambda incident: incident.id, default=None)

    def _merge(self, old: Incident, heir: Incident, now: Moment) -> Happening:
        self._drop((old.kind, old.subject))
        gone = replace(old, camera_ids=frozenset(), closed=now, merged_into=heir.id)
        return Happening(now, What.MERGED, gone, heir.id)

    def _emptied(self, cameras: set[str], key: Key) -> list[Incident]:
        """Open incidents of the same kind whose cameras, or whose device, are all part of the new one."""
        found = []
        for other, incident in self._open.items():
            if other == key or _slot(other[0]) is not _slot(key[0]):
                continue
            device = self.fleet.devices.get(other[1])
            below = device is not None and key[1] in device.line
            if (incident.camera_ids and incident.camera_ids <= cameras) or below:
                found.append(incident)
        return found

    def _drop(self, key: Key) -> Incident:
        """It is open no more."""
        self._lingering.discard(key)
        self._untold.discard(key)
        self._told_at.pop(key, None)
        self._released.pop(key, None)
        return self._open.pop(key)

    def _close(self, key: Key, now: Moment, *, verified: bool, detail: str = "") -> Happening:
        incident = self._drop(key)
        self.fleet.restarts.pop(key[1], None)
        below = [*self._below(key[1])]  # what is still down below it is on its own from now on
        self._unopened.update(below)
        self._freed.update(dict.fromkeys(below, now))
        slot = _slot(key[0])
        for camera in incident.camera_ids:
            if self._at.get((camera, slot)) == key:
                del self._at[camera, slot]
        gone = replace(incident, camera_ids=frozenset(), closed=now, verified=verified)
        return Happening(now, What.CLOSED, gone, detail)

    def _below(self, device: str) -> Iterator[str]:
        """The devices directly below that are down, and theirs."""
        for child in self.fleet.devices[device].children if device in self.fleet.devices else ():
            if self.fleet.devices[child].state is State.OFFLINE:
                yield child
            else:
                yield from self._below(child)


def _slot(kind: Kind) -> Kind:
    """Offline and flapping are one thing to a camera: it is in either."""
    return Kind.OFFLINE if kind is Kind.FLAPPING else kind


def _name(key: Key, now: Moment) -> str:
    """A short id that two runs would not give to two incidents."""
    digest = hashlib.blake2b(f"{key[0]} {key[1]} {now}".encode(), digest_size=5).hexdigest()
    return f"I{digest.upper()}"
