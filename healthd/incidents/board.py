"""The open incidents, kept in step with the fleet: opened, grown, merged, split, closed. No clock, no I/O.

`wishes` says which incident each camera that is down belongs to. `update` moves cameras there and reports what
happened to the incidents.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

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
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Acknowledgement, Cause, Happening, Incident, Kind, What
from healthd.incidents.wishes import Wishes, slot_of
from healthd.model import Moment, State

_SLOTS = (Kind.OFFLINE, Kind.PICTURE, Kind.ACCOUNT, Kind.CLOCK)
_EVIDENCE = 12
_LARGE = 100  # cameras
_UPTIME_WAITS: Moment = 60_000  # how long an incident stays open for the uptime of a camera that is back
_PAUSE: Moment = 10_000


@dataclass(frozen=True, slots=True)
class _Step:
    """One key's part of an update; `origins`: the incidents that its cameras come from; `moved`: all cameras that
    left some incident in the update."""

    key: Key
    joining: set[str]
    leaving: set[str]
    origins: set[Key]
    moved: frozenset[str]
    now: Moment


class Board:
    """The open incidents. Mutable: it is the hot side of what the store keeps."""

    def __init__(self, fleet: Fleet, policy: Policy, incidents: Iterable[Incident] = ()) -> None:
        """`incidents`: those that were open when the last run ended."""
        self.fleet = fleet
        self._open: dict[Key, Incident] = {}
        self._at: dict[tuple[str, Kind], Key] = {}  # (camera, slot) -> where it is
        self._wishes = Wishes(fleet, policy, self._open)
        self._lingering: set[Key] = set()  # incidents that time alone may close
        self._dead: set[str] = set()  # devices that were dead at the last update
        self._untold: set[Key] = set()  # incidents whose growth is still to be told
        self._told_at: dict[Key, Moment] = {}  # when the growth of an incident was last told
        for incident in incidents:
            key = (incident.kind, incident.subject)
            self._open[key] = incident
            self._lingering.add(key)
            slot = slot_of(incident.kind)
            for camera in incident.camera_ids:
                self._at[camera, slot] = key
                self._wishes.changed[camera] = None

    @property
    def policy(self) -> Policy:
        """What the user set; a reload sets another."""
        return self._wishes.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._wishes.policy = policy

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
        if slot_of(kind) is Kind.OFFLINE:
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
        devices |= self._wishes.unopened
        self._wishes.unopened.clear()
        cameras = self._wishes.due(dirty | self._below_changed(devices), now)
        joining, leaving, origins = self._moves(cameras, now)
        touched = {*joining, *leaving, *self._keys_of(devices), *self._lingering, *self._untold}
        touched.update(key for camera in cameras for slot in _SLOTS if (key := self._at.get((camera, slot))))
        moved = frozenset[str]().union(*leaving.values())
        happenings: list[Happening] = []
        # Devices first: a camera's own incident may turn out to be part of one.
        for key in sorted(touched, key=lambda key: (key[1] not in self.fleet.devices, key)):
            parts = joining.get(key, set()), leaving.get(key, set()), origins.get(key, set())
            happenings += self._settle(_Step(key, *parts, moved, now))
        return happenings

    @property
    def behind(self) -> bool:
        """Whether `update` left something for the next call: a dying city must not stop the event loop."""
        return bool(self._wishes.changed)

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

    def _moves(
        self, cameras: Collection[str], now: Moment
    ) -> tuple[dict[Key, set[str]], dict[Key, set[str]], dict[Key, set[Key]]]:
        """Who joins and who leaves which incident, and from which incidents those who join come."""
        joining: dict[Key, set[str]] = defaultdict(set)
        leaving: dict[Key, set[str]] = defaultdict(set)
        origins: dict[Key, set[Key]] = defaultdict(set)
        for camera in cameras:
            for slot in _SLOTS:
                held = self._at.get((camera, slot))
                wanted = self._wishes.wanted(camera, slot, held, now)
                if wanted == held:
                    continue
                if held is not None:
                    leaving[held].add(camera)
                    del self._at[camera, slot]
                if wanted is not None:
                    joining[wanted].add(camera)
                    self._at[camera, slot] = wanted
                if wanted is not None and held is not None:
                    origins[wanted].add(held)
        return joining, leaving, origins

    def _keys_of(self, devices: Collection[str]) -> set[Key]:
        """Incidents that these devices have or should have, even without cameras."""
        keys = ((Kind.OFFLINE, device) for device in devices)
        return {key for key in keys if key in self._open or self._wishes.is_down(key[1])}

    # --- one incident --------------------------------------------------------------------------------------

    def _settle(self, step: _Step) -> list[Happening]:
        key, now = step.key, step.now
        incident = self._open.get(key)
        if incident is None:
            due = step.joining or (key[0] is Kind.OFFLINE and self._wishes.may_open(key[1], now))
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
        merged = self._emptied(step)
        same = [old for old in merged if (old.region, old.maintainer) == (region, maintainer)]
        if same:
            # The same crew in the same place: the event that they were told of, not another one.
            oldest = min(same, key=lambda old: (old.opened, old.id))
            self._let_go(oldest)
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
        keys = {self._at.get((camera, slot_of(step.key[0]))) for camera in step.leaving}
        found = [incident for key in keys if key is not None and (incident := self._open.get(key)) is not None]
        return min(found, key=lambda incident: incident.id, default=None)

    def _merge(self, old: Incident, heir: Incident, now: Moment) -> Happening:
        self._let_go(old)
        self._drop((old.kind, old.subject))
        gone = replace(old, camera_ids=frozenset(), closed=now, merged_into=heir.id)
        return Happening(now, What.MERGED, gone, heir.id)

    def _let_go(self, incident: Incident) -> None:
        """Whoever is still in an incident that ends otherwise than by repair is looked at anew."""
        key, slot = (incident.kind, incident.subject), slot_of(incident.kind)
        for camera in incident.camera_ids:
            if self._at.get((camera, slot)) == key:
                del self._at[camera, slot]
                self._wishes.changed[camera] = None

    def _emptied(self, step: _Step) -> list[Incident]:
        """Open incidents of the same kind whose cameras, or whose device, are all part of the new one.

        Looked for only where they can be: with thousands open, going through all for each new one would stop the
        loop for minutes.
        """
        key, devices = step.key, self.fleet.devices
        again = {(Kind.OFFLINE, key[1])} if key[0] is Kind.FLAPPING else set[Key]()
        near = step.origins | again
        if key[1] in devices:
            near |= {other for other in self._open if other[1] in devices}
        dead = key[1] in devices and bool(self.fleet.dead(key[1], self.policy.mass))
        found = []
        for other in sorted(near - {key}):
            incident = self._open.get(other)
            if incident is None or slot_of(other[0]) is not slot_of(key[0]):
                continue
            # A device that does not answer itself, but lets others through, takes nobody else's cameras.
            below = dead and other[1] in devices and key[1] in devices[other[1]].line
            # What goes down once more, and is found to flap, is the same thing to repair.
            if (incident.camera_ids and incident.camera_ids <= step.joining) or below or other in again:
                found.append(incident)
        return found

    def _drop(self, key: Key) -> Incident:
        """It is open no more."""
        self._lingering.discard(key)
        self._untold.discard(key)
        self._told_at.pop(key, None)
        self._wishes.forget(key)
        return self._open.pop(key)

    def _close(self, key: Key, now: Moment, *, verified: bool, detail: str = "") -> Happening:
        incident = self._drop(key)
        self.fleet.restarts.pop(key[1], None)
        self._wishes.closed(key, now)
        slot = slot_of(key[0])
        for camera in incident.camera_ids:
            if self._at.get((camera, slot)) == key:
                del self._at[camera, slot]
        gone = replace(incident, camera_ids=frozenset(), closed=now, verified=verified)
        return Happening(now, What.CLOSED, gone, detail)


def _name(key: Key, now: Moment) -> str:
    """A short id that two runs would not give to two incidents."""
    digest = hashlib.blake2b(f"{key[0]} {key[1]} {now}".encode(), digest_size=5).hexdigest()
    return f"I{digest.upper()}"
