"""The words of a picture's judgement: the closed set of faults, and the verdict that lists them."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Fault(enum.StrEnum):
    """Everything a picture can be accused of."""

    NO_SIGNAL = "no_signal"
    DARK = "dark"
    BRIGHT = "bright"
    LOW_CONTRAST = "low_contrast"
    BLUR = "blur"
    NOISE = "noise"
    STRIPES = "stripes"
    COLOUR_CAST = "colour_cast"
    GREYSCALE = "greyscale"
    OCCLUDED = "occluded"
    FROZEN = "frozen"
    MOVED = "moved"
    CORRUPT = "corrupt"
    RESOLUTION = "resolution"


SWITCHED_OFF = "switched off"
"""Why a fault was not checked that the configuration takes out of the rate."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault with the value that was measured and the threshold it passed (units: see the rule)."""

    fault: Fault
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A fault that could not be judged from what was at hand, and why; never to be read as normal."""

    fault: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one frame. `width`, `height` in pixels; None where the header could not be read."""

    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    width: int | None
    height: int | None

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(finding.fault for finding in self.findings)
