"""What is seen of the fleet: results, states, flips, and what is stored of a camera for a period."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from healthd.model.fleet import Placement
from probes.base import Result

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
