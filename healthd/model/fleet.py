"""The fleet as the user's files describe it: regions, departments, devices, maintainers, cameras."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from healthd.geometry import Place, Point, hull_of
from probes.base import Credential

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
