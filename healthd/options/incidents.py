"""`incidents:` in the configuration: what makes one incident of many flips, and by when it must be repaired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from healthd.model import CLASSES
from healthd.options.section import Section
from healthd.problems import Wrong, did_you_mean
from probes.base import Duration

_HOUR = 3600.0


def _classes(limits: Mapping[str, float]) -> Mapping[str, float]:
    for class_ in limits:
        if class_ not in CLASSES:
            remedy = did_you_mean(class_, CLASSES, f"there are {', '.join(CLASSES)}")
            raise Wrong(f'"{class_}" is not a class', remedy)
    return limits


class RepairLimits(Section):
    """How long a repair may take; seconds. `single`: of one camera, unless its class or its maintainer's contract
    (`repair_hours` in the inventory, which comes first) says otherwise. `mass`: of many that fail together."""

    single: Duration = 24 * _HOUR
    mass: Duration = 48 * _HOUR
    by_class: Annotated[dict[str, Duration], AfterValidator(_classes)] = Field(default_factory=dict)


class Flapping(Section):
    """So many flips of a camera within the window (seconds) are one incident, open until it is quiet again."""

    flips: Annotated[int, Field(ge=3, le=1000)] = 6
    window: Duration = _HOUR


class IncidentOptions(Section):
    """When flips become one incident; seconds. `settle`: how long a first flip waits for others of its cause.
    `shown`: incidents with a series of their own on `/metrics`."""

    mass_cameras: Annotated[int, Field(ge=2, le=10_000)] = 8
    mass_window: Duration = 120.0
    repair: RepairLimits = RepairLimits()
    flapping: Flapping = Flapping()
    settle: Duration = 3.0
    shown: Annotated[int, Field(ge=0, le=100_000)] = 500

    @model_validator(mode="after")
    def _fit(self) -> IncidentOptions:
        if self.settle > self.mass_window:
            raise Wrong("settle is above mass_window", "it waits for flips that come within mass_window")
        return self
