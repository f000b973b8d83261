"""What an incident says: its likely cause, who answers for it, since when, by when. Pure reading of the fleet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from healthd.incidents import causes
from healthd.incidents.causes import Finding
from healthd.incidents.exempt import deadline, paused
from healthd.incidents.facts import POLE, CameraFacts, DeviceFacts, Mass, PortFacts, most_common
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Cause, Incident, Kind
from healthd.model import Moment, State

Key: TypeAlias = tuple[Kind, str]
"""(kind, subject): what an open incident is about; there is never more than one of a key."""


_MASS = Mass(8, 120_000)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user set; times in ms. `limits`: hours -> by `due`. `grace`: how long the cameras of a device that
    is back may take to come back themselves before they are incidents of their own."""

    mass: Mass = _MASS
    settle: Moment = 3_000
    patience: Moment = 120_000  # a streak above that never ends must not hide an outage for longer
    grace: Moment = 180_000
    flapping_flips: int = 6
    flapping_window: Moment = 3_600_000
    single_limit: Moment = 24 * 3_600_000
    mass_limit: Moment = 48 * 3_600_000
    class_limits: Mapping[str, Moment] | None = None


def likely_cause(fleet: Fleet, key: Key, cameras: Collection[str], before: Cause) -> Finding | None:
    """The likely cause of what is wrong with a subject; None where it is not known any more. `before`: what was
    said so far."""
    kind, subject = key
    facts = fleet.cameras.get(subject)
    if kind is Kind.FLAPPING:
        return _flapping(fleet, subject, cameras, before)
    if kind is Kind.OFFLINE and subject in fleet.devices:
        device = fleet.devices[subject]
        parent = fleet.devices.get(device.device.upstream)
        return causes.of_device(device, parent, len(cameras), before)
    if subject in fleet.inventory.regions:
        poles = sorted(
            {fleet.cameras[camera].camera.tags.get(POLE, "") for camera in cameras if camera in fleet.cameras}
        )
        return causes.of_region(fleet.inventory.regions[subject].name, len(cameras), [*filter(None, poles)])
    if facts is None:
        return None
    return _alone(fleet, facts, before) if kind is Kind.OFFLINE else causes.of_other(kind, facts)


def _alone(fleet: Fleet, facts: CameraFacts, before: Cause) -> Finding | None:
    restart = fleet.restarts.get(facts.camera.id)
    if restart is not None:
        return causes.of_restart(restart)
    above = fleet.devices.get(facts.camera.placement.upstream)
    found = causes.of_camera(facts, _port(fleet, facts), above)
    # The first reading after the outage decides: later ones show the repair, or the camera already back.
    return found if before is Cause.UNKNOWN or facts.otherwise else None


def _flapping(fleet: Fleet, subject: str, cameras: Collection[str], before: Cause) -> Finding | None:
    """While it is down its cause can be seen; while it is up, what was seen last holds."""
    thing = fleet.devices.get(subject) or fleet.cameras.get(subject)
    if thing is None:
        return None
    visible = isinstance(thing, DeviceFacts) or thing.online is State.OFFLINE
    found = likely_cause(fleet, (Kind.OFFLINE, subject), cameras, before) if visible else None
    if found is None or found.cause in (Cause.UNKNOWN, Cause.UPSTREAM):
        found = Finding(before, ())
    name = thing.device.name if isinstance(thing, DeviceFacts) else thing.camera.name or subject
    return causes.of_flapping(name, len(thing.flips), found)


def _port(fleet: Fleet, facts: CameraFacts) -> PortFacts | None:
    """The camera's port, if it was read after the camera went down."""
    above = fleet.devices.get(facts.camera.placement.upstream)
    if above is None or above.read < facts.since:
        return None
    return above.ports.get(facts.camera.upstream_port)


def answerable(fleet: Fleet, key: Key, cameras: Collection[str]) -> tuple[str, str, str, str]:
    """(region, class, unit, maintainer): of the subject, else of most of its cameras."""
    placements = [fleet.cameras[camera].camera.placement for camera in cameras]
    device = fleet.devices.get(key[1])
    class_ = min((placement.class_ for placement in placements), default="")
    if device is not None:
        own = device.device
        unit = own.unit or most_common(placement.unit for placement in placements)
        maintainer = own.maintainer or most_common(placement.maintainer for placement in placements)
        return own.region, class_, unit, maintainer
    facts = fleet.cameras.get(key[1])
    if facts is not None:
        place = facts.camera.placement
        return place.region, place.class_, place.unit, place.maintainer
    unit = most_common(placement.unit for placement in placements)
    return key[1], class_, unit, most_common(placement.maintainer for placement in placements)


def failing_since(fleet: Fleet, key: Key, cameras: Collection[str], now: Moment) -> Moment:
    """The first flip of what is wrong."""
    kind = key[0]
    moments = [_camera_since(fleet.cameras[camera], kind) for camera in cameras]
    device = fleet.devices.get(key[1])
    if device is not None and device.state is State.OFFLINE:
        moments.append(device.since)
    return min((moment for moment in moments if moment), default=now)


def _camera_since(facts: CameraFacts, kind: Kind) -> Moment:
    if kind is Kind.FLAPPING:
        return facts.flips[0] if facts.flips else facts.since
    return facts.since if kind is Kind.OFFLINE else failing(facts, kind)[1]


def repair_limit(fleet: Fleet, policy: Policy, incident: Incident) -> Moment:
    """How long its repair may take: of a mass fault, by contract, by class, else of any camera."""
    if incident.most_cameras >= policy.mass.cameras:
        return policy.mass_limit
    maintainer = fleet.inventory.maintainers.get(incident.maintainer)
    if maintainer is not None and maintainer.repair_hours is not None:
        return round(maintainer.repair_hours * 3_600_000)
    return (policy.class_limits or {}).get(incident.class_, policy.single_limit)


def failing(facts: CameraFacts, slot: Kind) -> tuple[bool, Moment]:
    """Whether a camera that does answer fails otherwise, and since when. A refused login is one thing to repair,
    not two: what it keeps from being seen is no picture fault."""
    bad = facts.picture in (State.FAULTY, State.NO_PICTURE)
    refused = bool(facts.refused_since) or (bad and facts.picture_reason == "auth")
    if slot is Kind.ACCOUNT:
        return refused, facts.refused_since or facts.picture_since
    if slot is Kind.CLOCK:
        return bool(facts.offset_since), facts.offset_since
    return bad and not refused, facts.picture_since


def due_again(fleet: Fleet, incident: Incident) -> Incident:
    """The incident with its due time moved by what is exempt of all its cameras; the limit stays what it was."""
    if not incident.due:
        return incident
    spans = fleet.filed.exempt.common(incident.camera_ids, incident.subject)
    if not spans and not incident.paused:
        return incident
    limit = incident.due - incident.since - incident.paused
    due = deadline(incident.since, limit, spans)
    return replace(incident, due=due, paused=due - incident.since - limit)


def run_until(fleet: Fleet, before: Incident, closing: Incident, now: Moment) -> Incident:
    """An incident that is to be closed, with the time up to now in which its repair did not run. `before`: as it
    stood with the cameras that it had last."""
    spans = fleet.filed.exempt.common(before.camera_ids, before.subject)
    return replace(closing, due=before.due, paused=paused(before.since, now, spans))
