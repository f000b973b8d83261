"""The net truth: which faults are on, what that makes of every camera, and the file that records its changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from healthd.city.faults import PICTURE, UPSTREAM, Fault, Kind, Step, affected, taken_down
from healthd.city.plan import Plan
from healthd.model import Axis


@dataclass(frozen=True, slots=True)
class CameraChange:
    """A camera's net state on one axis; `cause` is the fault that made it bad, empty when good."""

    camera: str
    axis: Axis
    good: bool
    cause: str


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A fault of a device or of one of its ports begins (`good` false) or ends, with the cameras it takes down."""

    fault: Fault
    good: bool
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a step of the plan changes: addresses that fall silent or speak again, and the lines to write."""

    silenced: tuple[str, ...]
    restored: tuple[str, ...]
    devices: tuple[DeviceChange, ...]
    cameras: tuple[CameraChange, ...]


class Ledger:
    """Which faults are on. A mutable table: overlapping faults are counted, so that only net changes come out."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._silent: Counter[str] = Counter()  # address -> faults that silence it
        self._causes: dict[tuple[str, Axis], list[Kind]] = {}  # oldest first

    def apply(self, steps: Sequence[Step]) -> Changes:
        """Steps that take effect at the same moment, in their order. Only what is on may end."""
        silent: dict[str, bool] = {}
        bad: dict[tuple[str, Axis], bool] = {}
        devices = []
        for step in steps:
            fault, good = step.fault, not step.begins
            addresses, cameras = taken_down(self._plan, fault)
            if fault.kind in UPSTREAM:
                devices.append(DeviceChange(fault, good, tuple(affected(self._plan, fault))))
            for address in addresses:
                silent.setdefault(address, self._silent[address] > 0)
                self._silent[address] += -1 if good else 1
            for key in _axes(fault, cameras):
                bad.setdefault(key, key in self._causes)
                self._mark(key, fault.kind, good)
        return Changes(
            tuple(address for address, was in silent.items() if self._silent[address] > 0 and not was),
            tuple(address for address, was in silent.items() if self._silent[address] == 0 and was),
            tuple(devices),
            tuple(self._state(*key) for key, was in bad.items() if (key in self._causes) != was),
        )

    def states(self) -> Iterable[CameraChange]:
        """The state of every camera on every axis, as it is now."""
        for camera in self._plan.cameras:
            for axis in Axis:
                yield self._state(camera, axis)

    def _state(self, camera: str, axis: Axis) -> CameraChange:
        causes = self._causes.get((camera, axis))
        return CameraChange(camera, axis, not causes, causes[0] if causes else "")

    def _mark(self, key: tuple[str, Axis], kind: Kind, good: bool) -> None:
        if not good:
            self._causes.setdefault(key, []).append(kind)
            return
        self._causes[key].remove(kind)
        if not self._causes[key]:
            del self._causes[key]


def _axes(fault: Fault, cameras: Sequence[str]) -> list[tuple[str, Axis]]:
    """What a fault makes bad. The two axes are independent: a silent camera's picture keeps its own truth."""
    if fault.kind in PICTURE:
        return [(fault.target, Axis.PICTURE)]
    return [(camera, Axis.ONLINE) for camera in cameras]


class TruthFile:
    """truth.jsonl: one JSON object a line, each line on disk's way before the next change."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def start(self, at: float, states: Iterable[CameraChange]) -> None:
        """First lines: where every camera stands on every axis at `at` (seconds since the epoch)."""
        stamp = isoformat(at)
        self._file.writelines(_camera_line(stamp, state) for state in states)
        self._file.flush()

    def write(self, at: float, changes: Changes) -> None:
        """The lines of one step, stamped `at`: call it right after the change took effect."""
        stamp = isoformat(at)
        for change in changes.devices:
            line: dict[str, object] = {"at": stamp, "device": change.fault.target, "good": change.good}
            line |= {"cause": change.fault.cause, "fault": change.fault.kind, "cameras": change.cameras}
            self._file.write(json.dumps(line | _optional(change.fault)) + "\n")
        for state in changes.cameras:
            self._file.write(_camera_line(stamp, state))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class FaultFile:
    """faults.jsonl: every fault of the plan as it begins and ends, overlapping or not, and the clocks too."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, at: float, steps: Sequence[Step]) -> None:
        for step in steps:
            line: dict[str, object] = {
                "at": isoformat(at),
                "begins": step.begins,
                "fault": step.fault.kind,
                "cause": step.fault.cause,
                "target": step.fault.target,
            }
            self._file.write(json.dumps(line | _optional(step.fault)) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _optional(fault: Fault) -> dict[str, object]:
    """`port` of a fault of a port, `part_of` of an outage that is part of flapping."""
    fields = {"port": fault.port, "part_of": fault.part_of}
    return {name: value for name, value in fields.items() if value}


def isoformat(at: float) -> str:
    """Seconds since the epoch as ISO 8601 UTC with milliseconds and a Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _camera_line(stamp: str, state: CameraChange) -> str:
    line = {"at": stamp, "camera": state.camera, "axis": state.axis, "good": state.good, "cause": state.cause}
    return json.dumps(line) + "\n"
