"""`picture:` in the configuration: when it is day, when a fault is believed, and own thresholds."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, InstanceOf, model_validator

from healthd.daylight import DayHours
from healthd.options.section import Section
from healthd.problems import Wrong, did_you_mean
from probes.base import Duration
from probes.picture.verdict import Fault

_CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)"


def _hours(value: object) -> DayHours:
    match = re.fullmatch(rf"{_CLOCK}\s*-\s*{_CLOCK}", str(value))
    if match is None:
        raise Wrong(f"{value!r} is not a span of hours", "write e.g. 07:00-17:30")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise Wrong(f"{value!r} is no time at all", "write e.g. 07:00-17:30")
    return DayHours(start, end)


def _fault(value: object) -> Fault:
    if value not in list(Fault):
        raise Wrong(
            f'"{value}" is not a fault', did_you_mean(str(value), [*Fault], f"there are {', '.join(Fault)}")
        )
    return Fault(str(value))


def _threshold(value: object) -> float | None:
    if value is False or value == "off":  # YAML readers differ on a bare `off`
        return None
    text = str(value)
    if not re.fullmatch(r"\d{1,6}(\.\d{1,9})?", text):
        raise Wrong(f"{value!r} is not a threshold", "write a number in the unit of docs/pictures.md, or off")
    return float(text)


def _code(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value):
        raise Wrong(f"{value!r} is not a text", "write it in quotes")
    return str(value)


Code = Annotated[str, BeforeValidator(_code)]
"""A code of digits may stand without quotes."""


class Confirm(Section):
    """When a fault is believed: after so many frames in a row over at least this long (seconds). `lasting`: what
    stays; `fleeting`: what may pass by itself. None: by the frame check's interval."""

    frames: Annotated[int, Field(ge=1, le=10)] = 3
    lasting: Duration | None = None
    fleeting: Duration | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Confirm:
        if self.lasting is not None and self.fleeting is not None and self.fleeting < self.lasting:
            raise Wrong("fleeting is below lasting", "what may pass by itself is watched at least as long")
        return self


class OwnThreshold(Section):
    """A fault's threshold for some cameras (all of those named must fit; none named: all cameras). `value` None:
    the fault is off."""

    fault: Annotated[Fault, BeforeValidator(_fault)]
    value: Annotated[float | None, BeforeValidator(_threshold)]
    region: Code | None = None
    tag: dict[str, Code] = Field(default_factory=dict)

    def told(self) -> str:
        """As people read it: `blur 0.4 region=320602`."""
        where = [f"region={self.region}"] if self.region else []
        where += [f"{name}={value}" for name, value in sorted(self.tag.items())]
        return " ".join([str(self.fault), "off" if self.value is None else f"{self.value:g}", *where])


class EvidenceOptions(Section):
    """Thumbnails of bad frames: none unless somebody switches them on. `max_age` in seconds."""

    keep: Literal["no", "blurred", "clear"] = "no"
    max_age: Duration = 7 * 86_400.0
    max_bytes: Annotated[int, Field(ge=10_000)] = 200_000_000


class PictureOptions(Section):
    """How pictures are judged over time; seconds. `thresholds`: of several that fit a camera the last holds."""

    day: Annotated[InstanceOf[DayHours] | None, BeforeValidator(_hours)] = None
    retry_interval: Duration | None = None
    confirm: Confirm = Confirm()
    thresholds: Annotated[tuple[OwnThreshold, ...], Field(strict=False)] = ()
    evidence: EvidenceOptions = EvidenceOptions()

    def pauses(self, interval: float) -> tuple[float, float, float]:
        """Of a frame check with this interval: seconds over which what lasts and what may pass is watched, and
        after which a suspicious camera is asked again."""
        lasting = self.confirm.lasting
        lasting = min(300.0, interval / 2) if lasting is None else lasting
        fleeting = self.confirm.fleeting
        fleeting = max(lasting, min(600.0, interval)) if fleeting is None else max(fleeting, lasting)
        between = max(1, self.confirm.frames - 1)
        return lasting, fleeting, lasting / between if self.retry_interval is None else self.retry_interval
