"""What pages show of an incident: its subject by name and place, and who is to repair it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from healthd.incidents.incident import Cause, Incident
from healthd.model import Inventory, Maintainer, Moment
from healthd.web.deps import WebDeps

MAX_INCIDENTS = 100
"""Incidents listed on the first page: the largest; the count says how many there are."""


async def find_incident(deps: WebDeps, key: str) -> Incident | None:
    """An incident by its id: as pages show it while it is open, then as the store has it."""
    for one in deps.page().incidents:
        if one.id == key:
            return one
    return await asyncio.to_thread(deps.incident, key)


def size_order(one: Incident) -> tuple[int, int, Moment, str]:
    """Sorts the most cameras down now first, then the most ever, then the longest."""
    return (-len(one.camera_ids), -one.most_cameras, one.since, one.id)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be repaired. `kind`: camera, region, or a device's; "" where the inventory knows none of that id
    (any more), which then is its name. `place`: region names from below the root."""

    id: str
    kind: str
    name: str
    place: Sequence[str]
    address: str = ""


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident as listed. `here`: its cameras in the region and class that the reader chose."""

    incident: Incident
    subject: Subject
    maintainer: Maintainer
    overdue: bool
    here: int


def incident_line(incident: Incident, inventory: Inventory, now: Moment, here: int) -> IncidentLine:
    """The incident with what the inventory says of it, which may have moved on since it was opened."""
    maintainer = inventory.maintainers.get(incident.maintainer)
    return IncidentLine(
        incident=incident,
        subject=_subject(incident, inventory),
        maintainer=maintainer or Maintainer(incident.maintainer, incident.maintainer),
        overdue=incident.overdue(now),
        here=here,
    )


def _subject(incident: Incident, inventory: Inventory) -> Subject:
    key = incident.subject
    if incident.cause is not Cause.REGION_LINK:
        if key in inventory.cameras:
            camera = inventory.cameras[key]
            place = [*place_of(inventory, camera.placement.region), *filter(None, [camera.address_text])]
            return Subject(key, "camera", camera.name, place, camera.address)
        if key in inventory.devices:
            device = inventory.devices[key]
            return Subject(key, device.kind, device.name, place_of(inventory, device.region), device.address)
    if key in inventory.regions:
        region = inventory.regions[key]
        return Subject(key, "region", region.name, place_of(inventory, region.parent) if region.parent else [])
    return Subject(key, "", key, place_of(inventory, incident.region))


def place_of(inventory: Inventory, region: str) -> list[str]:
    """Region names from below the root down; the bare code of a region that is gone."""
    if region not in inventory.regions:
        return [region]
    names = [inventory.regions[code].name for code in reversed([*inventory.line_of(region)])]
    return names[1:] or names


def count_inside(incident: Incident, inventory: Inventory, inside: Collection[str], class_: str) -> int:
    """How many of its cameras are in the regions and the class chosen (`all`: any)."""
    found = 0
    for key in incident.camera_ids:
        camera = inventory.cameras.get(key)
        if camera and camera.placement.region in inside and class_ in ("all", camera.placement.class_):
            found += 1
    return found
