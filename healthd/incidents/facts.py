"""What is known of one camera, one device, one port: the facts that the cause rules are asked about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from healthd.model import Camera, Device, Moment, State

SUBNET = "subnet"
"""The kind of the stand-ins for what cameras without upstream hang on."""

POLE = "pole"
"""The kind of the stand-ins for poles, and the column of cameras.csv that names a camera's."""


class Mass(NamedTuple):
    """So many cameras that go down within so many ms of each other have one cause."""

    cameras: int
    window: Moment


@dataclass(frozen=True, slots=True)
class PortFacts:
    """One port of a device as it was read. `poe`: disabled | searching | delivering | fault | test | other_fault,
    None where the device tells nothing of power."""

    name: str
    oper_up: bool | None
    admin_up: bool | None = None
    poe: str | None = None


@dataclass(slots=True)
class CameraFacts:
    """Where one camera stands. `since` belongs to `online`, `picture_since` to `picture`; `decided` is when the
    online state was known, some retries after `since`."""

    camera: Camera
    line: tuple[str, ...]  # devices above it, the nearest first
    pole: str = ""  # the stand-in of the pole that it shares with others; it is beside the line, not in it
    online: State = State.UNKNOWN
    since: Moment = 0
    decided: Moment = 0
    picture: State = State.UNKNOWN
    picture_since: Moment = 0
    faults: tuple[str, ...] = ()
    picture_reason: str = ""
    refused_since: Moment = 0  # 0: the login is not known to be refused
    offset_seconds: float | None = None  # camera clock − ours
    offset_since: Moment = 0  # since when it has been off by more than the limit; 0: it is not
    otherwise: str = ""  # the check that got an answer since the reach gives none
    flips: list[Moment] = field(default_factory=list)  # of the online axis, within the flapping window

    @property
    def places(self) -> tuple[str, ...]:
        """Everything that may take it down."""
        return (*self.line, self.pole) if self.pole else self.line


@dataclass(slots=True)
class DeviceFacts:
    """Where one device stands. `booted` is when it started (ms), as its uptime said at `read`."""

    device: Device
    line: tuple[str, ...]  # itself excluded, the nearest first
    state: State = State.UNKNOWN
    since: Moment = 0
    decided: Moment = 0  # when the state was known, some retries after `since`
    undecided: bool = False  # a streak is open: it may be going down
    returned: Moment = 0  # when it last came back
    died: Moment = 0  # when it went down the time before
    booted: Moment = 0
    read: Moment = 0  # when its tables were last read
    port_up: bool | None = None  # of the port above it, as it was first read since it went down
    ports: Mapping[str, PortFacts] = field(default_factory=dict)  # by the inventory's port text
    last_answer: Moment = 0  # the latest answer of anything below
    below: int = 0  # cameras that are asked, below
    down: dict[str, Moment] = field(default_factory=dict)  # cameras down below: since
    children: list[str] = field(default_factory=list)  # devices directly below
    leaves: int = 0  # cameras directly below
    flips: list[Moment] = field(default_factory=list)


@dataclass(slots=True)
class Restart:
    """A camera that is back, whose uptime is to tell whether it had lost its power or only its line."""

    died: Moment
    returned: Moment
    booted: Moment = 0  # when it started; 0: not read yet


def most_common(values: Iterable[str]) -> str:
    """The value that stands there most often, the first by name where two do; "" for none."""
    counts: dict[str, int] = defaultdict(int)
    for value in values:
        counts[value] += 1
    return min(counts, key=lambda value: (-counts[value], value), default="")
