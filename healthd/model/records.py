"""Dated records of what moves figures beside states: placements, exemptions, links of devices, levers."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from healthd.model.fleet import Placement
from healthd.model.states import Moment


@dataclass(frozen=True, slots=True)
class Change:
    """A camera's dated change of placement; `placement` None: gone from the inventory."""

    camera: str
    at: Moment
    placement: Placement | None
    author: str


@dataclass(frozen=True, slots=True)
class PlacementChange:
    """A dated change of placement with what held before (None: not in the inventory), and when it was recorded."""

    camera: str
    at: Moment
    before: Placement | None
    after: Placement | None
    author: str
    recorded: Moment


class ExemptReason(enum.StrEnum):
    """Why seconds were filed as exempt; a closed set. `other` needs a note."""

    CONSTRUCTION = "construction"  # roads or buildings are being worked on
    POWER_WORKS = "power_works"  # an announced power cut
    NETWORK_WORKS = "network_works"  # the operator works on the line
    FORCE_MAJEURE = "force_majeure"  # flood, storm, fire
    EVENT = "event"  # a public event had it moved, covered or switched off
    DAMAGE = "damage"  # stolen, or destroyed by others, and reported
    SCRAPPING = "scrapping"  # to be scrapped, not yet out of the inventory
    RELOCATION = "relocation"
    UPGRADE = "upgrade"  # being replaced or rebuilt
    OTHER = "other"


class ScopeKind(enum.StrEnum):
    """What an exemption is filed for."""

    CAMERA = "camera"
    REGION = "region"  # with everything below it
    DEVICE = "device"  # with all that hangs on it, directly or through devices below


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose seconds are exempt: as text `camera:ID`, `region:CODE` or `device:ID`."""

    kind: ScopeKind
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file that an exemption rests on; it is kept beside the store under its SHA-256 (hex)."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Ending:
    """A record that ends an exemption before its time: from `at` on it covers nothing. `late`: filed longer after
    `at` than the rules allow."""

    id: str
    exemption: str
    at: Moment
    approver: str
    author: str
    filed: Moment
    note: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class Exemption:
    """Filed seconds that are not assessed (报备): a record that nothing edits or deletes, with what later records
    say of it.

    `filed`: when it was written down; `late`: longer after `start` than the rules allow. `corrects`: the id of
    the exemption in whose place it stands; `corrected_by`: of the one that stands in its place. `ended`: the
    record that ends it first, if one does.
    """

    id: str
    scope: Scope
    start: Moment
    end: Moment
    reason: ExemptReason
    approver: str
    author: str
    filed: Moment
    note: str = ""
    evidence: EvidenceFile | None = None
    late: bool = False
    corrects: str = ""
    corrected_by: str = ""
    ended: Ending | None = None

    @property
    def until(self) -> Moment:
        """Up to when it covers anything; `start` where it covers nothing: corrected, or ended before it began."""
        if self.corrected_by:
            return self.start
        return max(self.start, min(self.end, self.ended.at)) if self.ended else self.end


@dataclass(frozen=True, slots=True)
class DeviceLink:
    """From `at` on a device hangs on `upstream` ("": on nothing); None: it is not in the inventory any more."""

    device: str
    at: Moment
    upstream: str | None
    author: str


@dataclass(frozen=True, slots=True)
class LeverChange:
    """A dated change of something beside exemptions and placements that moves figures: a rule of the
    configuration, a threshold, a false alarm.

    `lever` says what kind of thing (`profile`, `check`, `false_alarm` ...), `subject` which one (a key of the
    configuration, a camera's id). `before` None: `after` is what was found first, nothing changed; `after` None:
    it is gone. `recorded`: when it was written down.
    """

    at: Moment
    lever: str
    subject: str
    before: str | None
    after: str | None
    author: str
    recorded: Moment = 0
    approver: str = ""
    note: str = ""
