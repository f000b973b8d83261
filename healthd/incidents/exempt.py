"""Who is exempt when, as the incidents need it: while a camera is, it opens none, and no repair time runs."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TypeVar

from healthd.filings.exemptions import Cover
from healthd.model import Inventory, Moment
from healthd.rates.timeline import FOREVER, Spans

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Exempt:
    """When cameras and devices of the inventory are exempt, by id; who never is has no entry."""

    cameras: Mapping[str, Spans] = field(default_factory=dict)
    devices: Mapping[str, Spans] = field(default_factory=dict)

    @classmethod
    def of(cls, cover: Cover, inventory: Inventory) -> Exempt:
        """What exemptions mean for an inventory, each camera and device being where it is now. A device is exempt
        when it, one above it or its region is."""
        if not cover:
            return cls()
        cameras = (
            (camera.id, cover.spans(camera.id, ((0, camera.placement),))) for camera in inventory.cameras.values()
        )
        devices = ((device.id, cover.device_spans(device)) for device in inventory.devices.values())
        return cls(*({key: spans for key, spans in found if spans} for found in (cameras, devices)))

    def at(self, now: Moment) -> tuple[frozenset[str], frozenset[str], Moment]:
        """(cameras, devices) that are exempt at `now`, and the moment until which they will be just these."""
        until = FOREVER
        found: list[set[str]] = []
        for spans_of in (self.cameras, self.devices):
            inside = set()
            for key, spans in spans_of.items():
                place = bisect_right(spans, now, key=lambda span: span[0])
                if place and now < spans[place - 1][1]:
                    inside.add(key)
                    until = min(until, spans[place - 1][1])
                elif place < len(spans):
                    until = min(until, spans[place][0])
            found.append(inside)
        return frozenset(found[0]), frozenset(found[1]), until

    def common(self, cameras: Iterable[str], device: str) -> Spans:
        """When all of these cameras are exempt; of none of them, when the device is."""
        cameras = [*cameras]
        if not cameras:
            return self.devices.get(device, ())
        spans = self.cameras.get(cameras[0], ())
        for camera in cameras[1:]:
            if not spans:
                break
            spans = [*_both(spans, self.cameras.get(camera, ()))]
        return spans


class Filed:
    """Who is exempt now. Mutable: it is asked for every camera that fails. `until`: the moment up to which
    `cameras` and `devices` hold."""

    def __init__(self) -> None:
        self.exempt = Exempt()
        self.cameras: frozenset[str] = frozenset()
        self.devices: frozenset[str] = frozenset()
        self.until: Moment = 0
        self._below: Counter[str] = Counter()  # device -> exempt cameras below

    def take(self, exempt: Exempt) -> tuple[set[str], set[str]]:
        """Take what was filed anew; returns the cameras and devices for which it means something else."""
        old, self.exempt, self.until = self.exempt, exempt, 0
        cameras = {key for key, spans in _either(old.cameras, exempt.cameras) if spans[0] != spans[1]}
        return cameras, {key for key, spans in _either(old.devices, exempt.devices) if spans[0] != spans[1]}

    def at(self, now: Moment, line: Callable[[str], Sequence[str]]) -> tuple[Set[str], Set[str]]:
        """Take who is exempt at `now`; returns the cameras and devices that begin or cease to be, or whose cameras
        do. `line`: the devices above a camera, none above one that is not asked."""
        cameras, devices, self.until = self.exempt.at(now)
        below = Counter(device for camera in cameras for device in line(camera))
        counted = {key for key, counts in _either(self._below, below) if counts[0] != counts[1]}
        moved = cameras ^ self.cameras, (devices ^ self.devices) | counted
        self.cameras, self.devices, self._below = cameras, devices, below
        return moved

    def excuses(self, device: str, below: int) -> bool:
        """Whether a device is exempt, or all of the `below` cameras below it are."""
        return device in self.devices or 0 < below <= self._below[device]


def _either(one: Mapping[str, _T], other: Mapping[str, _T]) -> Iterable[tuple[str, tuple[_T | None, _T | None]]]:
    return ((key, (one.get(key), other.get(key))) for key in one.keys() | other.keys())


def _both(one: Spans, other: Spans) -> Iterable[tuple[Moment, Moment]]:
    for start, end in one:
        for begun, ended in other:
            if max(start, begun) < min(end, ended):
                yield max(start, begun), min(end, ended)


def paused(start: Moment, end: Moment, spans: Spans) -> Moment:
    """How much of [start, end) lies in `spans`, which neither overlap nor touch."""
    return sum(max(0, min(end, until) - max(start, since)) for since, until in spans)


def deadline(start: Moment, limit: Moment, spans: Spans) -> Moment:
    """When `limit` ms have run since `start`, not counting what lies in `spans` (sorted)."""
    left, at = limit, start
    for since, until in spans:
        if until <= at:
            continue
        if max(at, since) - at >= left:
            break
        left -= max(at, since) - at
        at = until
    return at + left
