"""The frozen values that all of healthd speaks in: the fleet, its states, and the flips between them."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias

from healthd.geometry import Place, Point, hull_of
from probes.base import Credential, Result

Moment: TypeAlias = int
"""A point in time: whole milliseconds since 1970-01-01T00:00:00Z. Spans of time in the store and in rates
are differences of moments, so they are exact."""


REFERENCE = "reference "
"""Prefix of the subjects that stand for reference targets: `reference ADDRESS`."""


class Axis(enum.StrEnum):
    """What is observed of a camera."""

    ONLINE = "online"
    PICTURE = "picture"


class State(enum.StrEnum):
    """Where a camera stands on one axis: online|offline|unknown, or good|faulty|no_picture|unknown."""

    ONLINE = "online"
    OFFLINE = "offline"
    GOOD = "good"
    FAULTY = "faulty"
    NO_PICTURE = "no_picture"
    UNKNOWN = "unknown"


CLASSES = ("1", "2", "3", "9")
"""Camera classes: GB/T 28181-2022 A.2.1.9 PointType."""


class Lifecycle(enum.StrEnum):
    """Only `in_service` is assessed."""

    PLANNED = "planned"
    TRIAL = "trial"
    IN_SERVICE = "in_service"
    SUSPENDED = "suspended"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the tree; `parent` is empty at a root."""

    code: str
    name: str
    level: str  # city | county | township
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Department:
    """A node of the second tree: who owns cameras; `parent` is empty at a root. A camera's `unit` names one."""

    id: str
    name: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A switch, NVR, router, encoder or power feed that cameras hang on."""

    id: str
    name: str
    kind: str  # switch | nvr | router | encoder | power
    region: str
    address: str = ""
    credential: str = ""
    upstream: str = ""
    upstream_port: str = ""
    unit: str = ""
    maintainer: str = ""
    reach_port: int | None = None  # None: ICMP

    @property
    def reach(self) -> str:
        """What one ping asks, as `Camera.reach`; "" without an address."""
        return (
            self.address
            if self.reach_port is None or not self.address
            else f"{self.address} tcp:{self.reach_port}"
        )


@dataclass(frozen=True, slots=True)
class Maintainer:
    """Who repairs; `start` and `end` are ISO dates of the contract or empty."""

    id: str
    name: str
    contact: str = ""
    start: str = ""
    end: str = ""
    repair_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """What of a camera decides where its seconds are booked. A change of any field is a dated change."""

    region: str
    class_: str
    unit: str = ""
    maintainer: str = ""
    lifecycle: Lifecycle = Lifecycle.IN_SERVICE
    upstream: str = ""
    service_hours: str = ""  # "" = always; else as `parse_service_hours` takes it
    picture: bool = True  # False: no picture is expected


@dataclass(frozen=True, slots=True)
class Camera:
    """A leaf of the tree, as the inventory describes it."""

    id: str
    name: str
    address: str
    placement: Placement
    credential: str = ""  # name in `credentials:`; "" = default
    vendor: str = ""
    model: str = ""
    upstream_port: str = ""
    longitude: float | None = None
    latitude: float | None = None
    resolution: tuple[int, int] | None = None
    reach_port: int | None = None  # None: ICMP
    onvif_port: int | None = None  # None: the check's port
    snmp_port: int | None = None
    snapshot_url: str = ""
    channel: int = 1
    ptz: bool = False
    install_time: str = ""
    contact: str = ""
    record_save_days: int | None = None
    address_text: str = ""
    mac: str = ""  # `00:1b:c5:0a:00:01`
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_service(self) -> bool:
        return self.placement.lifecycle is Lifecycle.IN_SERVICE

    @property
    def asked(self) -> bool:
        """Planned and retired cameras are not asked."""
        return self.placement.lifecycle not in (Lifecycle.PLANNED, Lifecycle.RETIRED)

    @property
    def reach(self) -> str:
        """What one ping serves: all channels of a device share it. `ADDRESS`, or `ADDRESS tcp:PORT`."""
        return self.address if self.reach_port is None else f"{self.address} tcp:{self.reach_port}"


@dataclass(frozen=True)
class Inventory:
    """The whole fleet, checked: every name in it resolves, and neither tree has a circle."""

    regions: Mapping[str, Region]
    devices: Mapping[str, Device]
    cameras: Mapping[str, Camera]
    maintainers: Mapping[str, Maintainer] = field(default_factory=dict)
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    digest: str = ""  # of the files it was read from
    departments: Mapping[str, Department] = field(default_factory=dict)  # empty: units are free text

    def line_of(self, region: str) -> Iterator[str]:
        """Codes from `region` up to its root."""
        code: str = region
        while code:
            yield code
            code = self.regions[code].parent

    def departments_above(self, unit: str) -> Iterator[str]:
        """Ids from a unit up to the root of its tree; a unit that is in none stands alone."""
        yield unit
        while unit in self.departments and (unit := self.departments[unit].parent):
            yield unit

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """code -> `/root/.../code/`."""
        return {code: "/" + "/".join(reversed([*self.line_of(code)])) + "/" for code in self.regions}

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """code -> where the cameras in and below the region are. Regions of which no camera has coordinates, and
        retired cameras, are left out. Takes a second for 100,000 cameras, once."""
        own: dict[str, list[Point]] = {}
        for camera in self.cameras.values():
            if camera.longitude is None or camera.latitude is None:
                continue
            if camera.placement.lifecycle is not Lifecycle.RETIRED:
                own.setdefault(camera.placement.region, []).append((camera.longitude, camera.latitude))
        sums: dict[str, tuple[int, float, float]] = {}
        corners: dict[str, list[Point]] = {}
        for region, points in own.items():
            east, north = sum(point[0] for point in points), sum(point[1] for point in points)
            hull = hull_of(points)
            for code in self.line_of(region):
                number, easts, norths = sums.get(code, (0, 0.0, 0.0))
                sums[code] = number + len(points), easts + east, norths + north
                corners.setdefault(code, []).extend(hull)
        return {
            code: Place(number, round(easts / number, 6), round(norths / number, 6), hull_of(corners[code]))
            for code, (number, easts, norths) in sums.items()
        }


class Asked(NamedTuple):  # made thousands of times a second: a third of what a frozen dataclass costs
    """One turn's result, as the prober side hands it over: folding it twice, or late, changes nothing.

    `subject` is what was asked: a camera's id, for ping its `reach`, or a reference target; `asked` when it was
    asked, `took_seconds` until decided.
    """

    subject: str
    check: str
    asked: Moment
    took_seconds: float
    result: Result


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of state with its time and reason: the one stored fact that downtime is derived from.

    `at` is the moment of the first result that led to it, `decided` that of the last. `evidence` lists those
    results as JSON-able dicts {"asked", "outcome", "reason", ...}.
    """

    camera: str
    axis: Axis
    at: Moment
    state: State
    was: State
    faults: tuple[str, ...] = ()
    reason: str = ""
    decided: Moment = 0
    evidence: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class PictureReference:
    """What a camera usually sees by day (`lit` 0) or by night (1). `fingerprint`: its bytes, see
    `probes.picture.fingerprint`; `at`: when the frame was asked that it last took in."""

    camera: str
    lit: int
    at: Moment
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class CameraHistory:
    """All that is stored of one camera for a period, for `rates`; each tuple sorted by its first element.

    `placements`: (from, placement); None = not in the inventory from then on. Nothing before the first entry is
    known: out of service. `online`, `picture`: (at, state, faults). Each sequence starts with the last entry
    before the period, if there is one; before the first entry the state is unknown.
    """

    camera: str
    placements: tuple[tuple[Moment, Placement | None], ...]
    online: tuple[tuple[Moment, State, tuple[str, ...]], ...]
    picture: tuple[tuple[Moment, State, tuple[str, ...]], ...]
    exempt: tuple[tuple[Moment, Moment], ...] = ()


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
