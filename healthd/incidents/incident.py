"""An incident and what happens to it: frozen values, as they are stored, shown and sent."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from healthd.incidents.evidence import Clue, restored_clue, stored_clue
from healthd.model import Moment


class Kind(enum.StrEnum):
    """What is wrong with the cameras of an incident."""

    OFFLINE = "offline"
    PICTURE = "picture"
    ACCOUNT = "account"
    CLOCK = "clock"
    FLAPPING = "flapping"


class Cause(enum.StrEnum):
    """Why; a closed set, used as a metric label."""

    DEVICE = "device"  # the camera or device itself: hung, broken
    POWER = "power"  # no power: at the cabinet, the feed or the port
    LINK = "link"  # a cable or an uplink
    UPSTREAM = "upstream"  # a device above is dead, and it is not known yet whether for power or link
    REGION_LINK = "region_link"  # the line of a whole county or city
    ACCOUNT = "account"  # the login is refused
    CLOCK = "clock"  # the camera's clock is wrong
    PICTURE = "picture"  # the picture is faulty or refused
    BLIND = "blind"  # healthd itself
    UNKNOWN = "unknown"  # not enough is known to say


class CountsFor(enum.StrEnum):
    """At whose door the bad seconds are laid: the maintainer's own, the power supplier's, the line operator's."""

    OWN = "own"
    POWER = "power"
    OPERATOR = "operator"
    UNDETERMINED = "undetermined"


COUNTS_FOR: Mapping[Cause, CountsFor] = {
    Cause.DEVICE: CountsFor.OWN,
    Cause.ACCOUNT: CountsFor.OWN,
    Cause.CLOCK: CountsFor.OWN,
    Cause.PICTURE: CountsFor.OWN,
    Cause.LINK: CountsFor.OWN,
    Cause.POWER: CountsFor.POWER,
    Cause.REGION_LINK: CountsFor.OPERATOR,
    Cause.UPSTREAM: CountsFor.UNDETERMINED,
    Cause.BLIND: CountsFor.UNDETERMINED,
    Cause.UNKNOWN: CountsFor.UNDETERMINED,
}


class What(enum.StrEnum):
    """What can happen to an incident."""

    OPENED = "opened"
    GROWN = "grown"  # more cameras, or fewer
    CAUSE = "cause"  # another cause or subject; the identity stays
    MERGED = "merged"  # closed, because it turned out to be part of another
    SPLIT = "split"  # opened out of another one
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    REOPENED = "reopened"
    DUE = "due"  # an exemption of all its cameras moved the time by which it must be repaired


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has taken it on."""

    by: str
    at: Moment
    note: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing to repair. `id`, `region` and `maintainer` never change: they are its identity in notices.

    `subject`: the id of the camera, device or region that is to be repaired. `camera_ids`: down by it now.
    `most_cameras`: the most it ever took down. `since`: the first flip; `opened`: when it was opened; `due`: by
    when it must be repaired (0: no limit). `evidence`: why it is taken to be so. `closed`: 0 while open;
    `verified`: that it is over was measured. `merged_into`: the id of the incident that it turned out to be part
    of. `paused`: ms in which the repair time did not run, as all its cameras were exempt: while it is open those
    that moved `due`, then those up to `closed`.
    """

    id: str
    kind: Kind
    cause: Cause
    subject: str
    region: str
    class_: str
    unit: str
    maintainer: str
    camera_ids: frozenset[str]
    since: Moment
    opened: Moment
    due: Moment = 0
    most_cameras: int = 0
    evidence: tuple[Clue, ...] = ()
    acknowledged: Acknowledgement | None = None
    closed: Moment = 0
    verified: bool = False
    merged_into: str = ""
    paused: Moment = 0

    @property
    def open(self) -> bool:
        return self.closed == 0

    @property
    def counts_for(self) -> CountsFor:
        return COUNTS_FOR[self.cause]

    @property
    def took(self) -> Moment:
        """ms that the repair of a closed one took, without those in which its time did not run. A clock that was
        set back gives 0."""
        return max(0, self.closed - self.since - self.paused)

    def overdue(self, now: Moment) -> bool:
        """Whether the limit passed before it was repaired."""
        return bool(self.due) and (self.closed or now) > self.due

    def with_cameras(self, cameras: frozenset[str]) -> Incident:
        """The same with other cameras down."""
        return replace(self, camera_ids=cameras, most_cameras=max(self.most_cameras, len(cameras)))

    def as_json(self, now: Moment, language: str = "en") -> dict[str, Any]:
        """By the public names; times are ISO 8601 in UTC, null where there is none yet. `language`: of the
        evidence's sentences, en or zh."""
        taken = self.acknowledged
        return {
            "incident": self.id,
            "kind": str(self.kind),
            "cause": str(self.cause),
            "subject": self.subject,
            "region": self.region,
            "class": self.class_,
            "unit": self.unit,
            "maintainer": self.maintainer,
            "counts_for": str(self.counts_for),
            "cameras": len(self.camera_ids),
            "camera_ids": sorted(self.camera_ids),
            "most_cameras": self.most_cameras,
            "since": _iso(self.since),
            "opened": _iso(self.opened),
            "due": _iso(self.due),
            "overdue": self.overdue(now),
            "acknowledged": taken and {"by": taken.by, "at": _iso(taken.at), "note": taken.note},
            "closed": _iso(self.closed),
            "verified": self.verified,
            "merged_into": self.merged_into or None,
            "paused_seconds": self.paused / 1000,
            "evidence": [one.text(language) for one in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of the append-only feed: what happened to an incident, and how it stands after it."""

    at: Moment
    what: What
    incident: Incident
    detail: str = ""


def _iso(moment: Moment) -> str | None:
    if not moment:
        return None
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")


def stored(incident: Incident) -> dict[str, Any]:
    """The JSON-able form that the store keeps; `restored` reads it back."""
    taken = incident.acknowledged
    return {
        "id": incident.id,
        "kind": str(incident.kind),
        "cause": str(incident.cause),
        "subject": incident.subject,
        "region": incident.region,
        "class": incident.class_,
        "unit": incident.unit,
        "maintainer": incident.maintainer,
        "cameras": sorted(incident.camera_ids),
        "since": incident.since,
        "opened": incident.opened,
        "due": incident.due,
        "most": incident.most_cameras,
        "evidence": [stored_clue(one) for one in incident.evidence],
        "acknowledged": [taken.by, taken.at, taken.note] if taken else None,
        "closed": incident.closed,
        "verified": incident.verified,
        "merged_into": incident.merged_into,
        "paused": incident.paused,
    }


def restored(row: Mapping[str, Any]) -> Incident:
    """The incident that `stored` wrote."""
    taken = row["acknowledged"]
    return Incident(
        id=row["id"],
        kind=Kind(row["kind"]),
        cause=Cause(row["cause"]),
        subject=row["subject"],
        region=row["region"],
        class_=row["class"],
        unit=row["unit"],
        maintainer=row["maintainer"],
        camera_ids=frozenset(row["cameras"]),
        since=row["since"],
        opened=row["opened"],
        due=row["due"],
        most_cameras=row["most"],
        evidence=tuple(restored_clue(one) for one in row["evidence"]),
        acknowledged=Acknowledgement(*taken) if taken else None,
        closed=row["closed"],
        verified=row["verified"],
        merged_into=row["merged_into"],
        paused=row.get("paused", 0),  # stores of earlier versions have none
    )
