"""Who is exempt when, as the incidents need it: while a camera is, it opens none, and no repair time runs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from healthd.exemptions import Cover
from healthd.model import Inventory, Moment
from healthd.timeline import FOREVER, Spans


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
