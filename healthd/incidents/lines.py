"""What is above a camera or device, by the inventory and, where that is silent, by what was learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from healthd.model import Camera, Device
from healthd.topology.links import Place


def hung_camera(camera: Camera, learnt: Mapping[str, Place]) -> Camera:
    """It, with the learnt place where the inventory names no device, or no port of the device."""
    place, upstream = learnt.get(camera.id), camera.placement.upstream
    if place is None or camera.upstream_port or upstream not in ("", place.device):
        return camera
    where = replace(camera.placement, upstream=place.device)
    return replace(camera, placement=where, upstream_port=place.port)


def hung_device(device: Device, learnt: Mapping[str, Place]) -> Device:
    """It, with the learnt place where the inventory names no device that it hangs on."""
    place = learnt.get(device.id)
    if place is None or device.upstream:
        return device
    return replace(device, upstream=place.device, upstream_port=place.port)


def fed_first(devices: Mapping[str, Device], feeds: Mapping[str, str]) -> Mapping[str, str]:
    """Power feed -> the device of those it feeds that is nearest to the root. With another of them a feed could
    come to hang below what it feeds: two switches of a cabinet, one on the other."""
    found: dict[str, tuple[int, str]] = {}
    for device, feed in feeds.items():
        rank = (sum(1 for _ in way_up(devices, {}, device)), device)
        found[feed] = min(rank, found.get(feed, rank))
    return {feed: device for feed, (_, device) in found.items()}


def line_of(
    devices: Mapping[str, Device], feeds: Mapping[str, str], first: Mapping[str, str], device: str
) -> tuple[str, ...]:
    """What is above a device; above a power feed what is above the one of `first`."""
    line = tuple(way_up(devices, feeds, first.get(device, device)))
    return line[line.index(device) + 1 :]


def way_up(devices: Mapping[str, Device], feeds: Mapping[str, str], device: str) -> Iterator[str]:
    """From a device up to the root, with a power feed behind the topmost of the devices that it feeds."""
    seen: set[str] = set()
    while device in devices and device not in seen:
        seen.add(device)
        yield device
        feed, upstream = feeds.get(device, ""), devices[device].upstream
        if feed and feed not in seen and feed not in (upstream, feeds.get(upstream)):
            seen.add(feed)
            yield feed
        device = upstream
