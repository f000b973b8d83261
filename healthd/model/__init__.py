"""The frozen values that all of healthd speaks in: the fleet, its states and flips, and what is filed."""

from __future__ import annotations

from healthd.model.fleet import (
    CLASSES,
    Camera,
    Department,
    Device,
    Inventory,
    Lifecycle,
    Maintainer,
    Placement,
    Region,
)
from healthd.model.records import (
    Change,
    DeviceLink,
    Ending,
    EvidenceFile,
    Exemption,
    ExemptReason,
    LeverChange,
    PlacementChange,
    Scope,
    ScopeKind,
)
from healthd.model.states import (
    REFERENCE,
    Asked,
    Axis,
    CameraHistory,
    Flip,
    Moment,
    PictureReference,
    State,
)

__all__ = [
    "CLASSES",
    "REFERENCE",
    "Asked",
    "Axis",
    "Camera",
    "CameraHistory",
    "Change",
    "Department",
    "Device",
    "DeviceLink",
    "Ending",
    "EvidenceFile",
    "ExemptReason",
    "Exemption",
    "Flip",
    "Inventory",
    "LeverChange",
    "Lifecycle",
    "Maintainer",
    "Moment",
    "PictureReference",
    "Placement",
    "PlacementChange",
    "Region",
    "Scope",
    "ScopeKind",
    "State",
]
