"""`assessments:` in the configuration: what the further rates demand of a camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, model_validator

from healthd.inventory.fields import parse_resolution
from healthd.model import CLASSES, Camera
from healthd.options.section import Section
from healthd.problems import Wrong, did_you_mean
from probes.base import Duration

FIELDS = (
    *("unit", "maintainer", "upstream"),
    *(field.name for field in fields(Camera) if field.name not in ("id", "name", "address", "placement", "tags")),
)
"""Columns of the cameras' file that an archive may demand, beside tags (`tag:NAME`)."""


def _class(value: object) -> str:
    text = str(value)
    if text not in CLASSES:
        raise Wrong(f'"{text}" is not a class', did_you_mean(text, CLASSES, f"there are {', '.join(CLASSES)}"))
    return text


def _class_or_all(value: object) -> str:
    return "all" if value == "all" else _class(value)


def _size(value: object) -> tuple[int, int]:
    return parse_resolution(str(value))


def _field(value: str) -> str:
    if value not in FIELDS and not value.startswith("tag:"):
        raise Wrong(f'"{value}" is no column', did_you_mean(value, FIELDS, f"{', '.join(FIELDS)} or tag:NAME"))
    return value


class ClockLimits(Section):
    """How far a camera's clock may be off; seconds. Above `warn` it is told, above `fail` it is wrong."""

    warn: Duration = 5.0
    fail: Duration = 30.0

    @model_validator(mode="after")
    def _fit(self) -> ClockLimits:
        if self.warn > self.fail:
            raise Wrong("warn is above fail", "a warning comes before a failure")
        return self


_RESOLUTIONS: Mapping[str, tuple[int, int]] = {"1": (1920, 1080), "2": (1280, 720), "3": (704, 576)}
"""Ningxia 2014: 1080p built by the police, 720p for public areas, D1 inside premises."""

_ARCHIVE: Mapping[str, tuple[str, ...]] = {
    # GB/T 28181-2022 A.2.1.9, as far as the inventory holds it: what is mandatory for all, for the points of
    # classes 1 and 2, and for those of class 1.
    "all": ("vendor", "model", "address_text"),
    "1": ("longitude", "latitude", "install_time", "contact", "record_save_days"),
    "2": ("longitude", "latitude"),
}


class AssessmentOptions(Section):
    """What the further rates demand; what is named replaces the default as a whole."""

    clock: ClockLimits = ClockLimits()
    resolution: dict[
        Annotated[str, BeforeValidator(_class)], Annotated[InstanceOf[tuple], BeforeValidator(_size)]  # type: ignore[type-arg] # checked by _size
    ] = Field(default_factory=lambda: dict(_RESOLUTIONS))
    new_build_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    archive: dict[
        Annotated[str, BeforeValidator(_class_or_all)],
        Annotated[tuple[Annotated[str, AfterValidator(_field)], ...], Field(strict=False)],
    ] = Field(default_factory=lambda: dict(_ARCHIVE))
    archive_needs_code: bool = True
