"""What healthd knows beside an alert's own words: the camera, the place, the cause, since when, and the crew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from healthd.hooks.notice import Alert, link, plain
from healthd.incidents.incident import Incident
from healthd.model import Inventory, Moment
from healthd.web.texts import TEXTS


@dataclass(frozen=True, slots=True)
class Known:
    """Where facts come from, as of now. `incident(id)`: open or closed; it may read the store."""

    inventory: Inventory
    incident: Callable[[str], Incident | None]
    zone: ZoneInfo
    site: str
    simulated: bool
    url: str  # healthd's pages, as people reach them


@dataclass(frozen=True, slots=True)
class Facts:
    """One alert in words of one language; what is not known is empty. All are inert."""

    firing: bool
    severity: str
    summary: str
    description: str
    place: str
    subject: str
    cameras: int
    cause: str
    since: str
    due: str
    crew: str
    link: str
    runbook: str


def facts_of(alert: Alert, known: Known, language: str) -> Facts:
    """An alert with all that is known of its incident or region."""
    key = alert.labels.get("incident", "")
    incident = known.incident(key) if key else None
    region = incident.region if incident else alert.labels.get("region", "")
    return Facts(
        firing=alert.firing,
        severity=alert.severity,
        summary=alert.summary[language] or alert.name,
        description="" if incident else alert.description[language],
        place=_place(region, incident, known),
        subject=_subject(incident, known) if incident else "",
        cameras=(len(incident.camera_ids) or incident.most_cameras) if incident else 0,
        cause=TEXTS[language].get(f"cause_{incident.cause}", str(incident.cause)) if incident else "",
        since=_local(incident.since if incident else alert.since, known.zone),
        due=_local(incident.due, known.zone) if incident and alert.firing else "",
        crew=_crew(incident.maintainer if incident else alert.labels.get("maintainer", ""), known),
        link=_link(alert, incident, known, language),
        runbook=f"{alert.runbook}?lang={language}" if alert.runbook else "",
    )


def _place(region: str, incident: Incident | None, known: Known) -> str:
    names = []
    if region in known.inventory.regions:
        names = [known.inventory.regions[code].name for code in known.inventory.line_of(region)][::-1]
    elif region:
        names = [region]
    camera = known.inventory.cameras.get(incident.subject) if incident else None
    if camera is None and incident is not None and len(incident.camera_ids) == 1:
        camera = known.inventory.cameras.get(next(iter(incident.camera_ids)))
    if camera is not None and camera.address_text:
        names.append(camera.address_text)
    return plain(" ".join(names), 200)


def _subject(incident: Incident, known: Known) -> str:
    inventory = known.inventory
    named = (
        inventory.cameras.get(incident.subject)
        or inventory.devices.get(incident.subject)
        or inventory.regions.get(incident.subject)
    )
    return plain(f"{named.name} ({incident.subject})" if named else incident.subject, 150)


def _crew(maintainer: str, known: Known) -> str:
    if not maintainer:
        return ""
    crew = known.inventory.maintainers.get(maintainer)
    return plain(f"{crew.name} {crew.contact}" if crew else maintainer, 120)


def _local(moment: Moment, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(moment / 1000, zone).strftime("%Y-%m-%d %H:%M") if moment > 0 else ""


def _link(alert: Alert, incident: Incident | None, known: Known, language: str) -> str:
    if incident is not None:
        return link(f"{known.url.rstrip('/')}/incidents/{quote(incident.id, safe='')}?lang={language}")
    return alert.dashboard[language]
