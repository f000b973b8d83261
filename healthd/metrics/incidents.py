"""Incidents on the page that Prometheus reads: each large one by itself, all of them counted by region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from healthd.exposition import Family, Format, block, histogram_lines, labels
from healthd.incidents.incident import Incident
from healthd.live import REPAIR_BUCKETS_SECONDS, Page, RepairKey
from healthd.model import Inventory

INCIDENTS_SHOWN = 500
"""Open incidents with series of their own, unless told otherwise."""

_INCIDENT_CAMERAS = Family("healthd_incident_cameras", "gauge", "Cameras down by the open incident now.")
_INCIDENT_INFO = Family("healthd_incident_info", "info", "What of an open incident may change while it is open.")
_MAINTAINER_INFO = Family(
    "healthd_maintainer_info", "info", "Name of each maintainer, to be joined by maintainer."
)
_DROPPED = Family("healthd_incidents_dropped", "gauge", "Open incidents too small to have series of their own.")
_OPEN = Family("healthd_incidents_open", "gauge", "Open incidents in and below the region.")
_OPENED = Family("healthd_incidents_opened_total", "counter", "Incidents opened in and below the region.")
_CLOSED = Family("healthd_incidents_closed_total", "counter", "Incidents closed in and below the region.")
_TIMELY = Family(
    "healthd_incidents_closed_in_time_total",
    "counter",
    "Incidents closed within their limit, in and below the region.",
)
_REPEATED = Family(
    "healthd_incidents_repeated_total",
    "counter",
    "Incidents opened in and below the region whose subject had been repaired within 30 days before.",
)
_DURATION = Family(
    "healthd_repair_duration_seconds", "histogram", "From the first flip to the closing of each incident."
)
_REPAIR_LABELS = ("region", "kind", "cause", "maintainer")


def incident_blocks(page: Page, form: Format, shown: int) -> Iterator[str]:
    """All families of incidents; at most `shown` incidents, the largest, have series of their own."""
    largest = sorted(page.incidents, key=lambda incident: (-len(incident.camera_ids), incident.since, incident.id))
    yield block(_INCIDENT_CAMERAS, form, [_cameras_line(incident) for incident in largest[:shown]])
    yield block(_INCIDENT_INFO, form, [_info_line(incident, page) for incident in largest[:shown]])
    names = [
        f"{_MAINTAINER_INFO.name}{labels({'maintainer': one.id, 'name': one.name})} 1\n"
        for one in page.inventory.maintainers.values()
    ]
    yield block(_MAINTAINER_INFO, form, names)
    yield block(_DROPPED, form, [f"{_DROPPED.name} {max(0, len(largest) - shown)}\n"])
    yield block(_OPEN, form, _open_lines(page))
    repairs = page.repairs
    for family, counts in (
        (_OPENED, repairs.opened),
        (_CLOSED, repairs.closed),
        (_TIMELY, repairs.timely),
        (_REPEATED, repairs.repeated),
    ):
        yield block(family, form, _counter_lines(family, counts, page.inventory))
    yield block(_DURATION, form, _duration_lines(page))


def _cameras_line(incident: Incident) -> str:
    inner = {"incident": incident.id, "region": incident.region, "maintainer": incident.maintainer}
    return f"{_INCIDENT_CAMERAS.name}{labels(inner)} {len(incident.camera_ids)}\n"


def _subject_name(subject: str, inventory: Inventory) -> str:
    """What people call it; its id where the inventory has no name for it, such as a subnet."""
    named = inventory.cameras.get(subject) or inventory.devices.get(subject) or inventory.regions.get(subject)
    return named.name if named else subject


def _info_line(incident: Incident, page: Page) -> str:
    inner = {
        "incident": incident.id,
        "kind": str(incident.kind),
        "cause": str(incident.cause),
        "subject": incident.subject,
        "subject_name": _subject_name(incident.subject, page.inventory),
        "unit": incident.unit,
        "counts_for": str(incident.counts_for),
        "overdue": _truth(incident.overdue(page.at)),
        "acknowledged": _truth(incident.acknowledged is not None),
    }
    return f"{_INCIDENT_INFO.name}{labels(inner)} 1\n"


def _open_lines(page: Page) -> list[str]:
    counts: Counter[tuple[str, ...]] = Counter()
    for incident in page.incidents:
        kind = (str(incident.kind), str(incident.cause), incident.maintainer, _truth(incident.overdue(page.at)))
        for region in _line_of(page.inventory, incident.region):
            counts[region, *kind] += 1
    return [_sample(_OPEN.name, (*_REPAIR_LABELS, "overdue"), key, count) for key, count in counts.items()]


def _counter_lines(family: Family, counts: Mapping[RepairKey, int], inventory: Inventory) -> list[str]:
    totals: Counter[tuple[str, ...]] = Counter()
    for (region, *rest), count in counts.items():
        for code in _line_of(inventory, region):
            totals[code, *rest] += count
    return [_sample(family.name, _REPAIR_LABELS, key, count) for key, count in totals.items()]


def _duration_lines(page: Page) -> list[str]:
    buckets: dict[tuple[str, ...], list[int]] = {}
    seconds: dict[tuple[str, ...], float] = {}
    for (region, *rest), (counts, total) in page.repairs.durations.items():
        for code in _line_of(page.inventory, region):
            known = buckets.get((code, *rest), [0] * len(counts))
            buckets[code, *rest] = [mine + theirs for mine, theirs in zip(known, counts, strict=True)]
            seconds[code, *rest] = seconds.get((code, *rest), 0.0) + total
    lines: list[str] = []
    for key, pooled in buckets.items():
        inner = labels(dict(zip(_REPAIR_LABELS, key, strict=True)))[1:-1]
        lines += histogram_lines(_DURATION.name, inner, REPAIR_BUCKETS_SECONDS, pooled, seconds[key])
    return lines


def _line_of(inventory: Inventory, region: str) -> Sequence[str]:
    """The region and all above it; an incident outlives its region, which then stands alone."""
    return [*inventory.line_of(region)] if region in inventory.regions else [region]


def _sample(name: str, names: Sequence[str], key: Sequence[str], value: int) -> str:
    return f"{name}{labels(dict(zip(names, key, strict=True)))} {value}\n"


def _truth(value: bool) -> str:
    return "true" if value else "false"
