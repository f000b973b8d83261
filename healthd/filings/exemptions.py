"""Exemptions (报备): which moments of which camera they cover. Pure.

Overlapping ones cover a moment once. Where it matters which of them does, it is the one that was filed first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from healthd.model import Device, DeviceLink, Ending, Exemption, Inventory, Moment, Placement, ScopeKind
from healthd.rates.timeline import FOREVER, joined

Placements: TypeAlias = Sequence[tuple[Moment, Placement | None]]
"""As in `CameraHistory`."""
Share: TypeAlias = tuple[Moment, Moment, Exemption]
"""[from, to) of a camera, and the exemption that covers it."""


def folded(filed: Iterable[Exemption], endings: Iterable[Ending]) -> list[Exemption]:
    """Exemptions with what later records say of them, in the order in which they were filed. The order of the
    records does not matter: of several endings the earliest holds."""
    known = {one.id: one for one in filed}
    for ending in endings:
        one = known.get(ending.exemption)
        if one is not None and (one.ended is None or _rank(ending) < _rank(one.ended)):
            known[one.id] = replace(one, ended=ending)
    for one in sorted(known.values(), key=lambda one: (one.filed, one.id), reverse=True):
        if one.corrects in known and one.corrects != one.id:
            known[one.corrects] = replace(known[one.corrects], corrected_by=one.id)
    return sorted(known.values(), key=lambda one: (one.filed, one.id))


def _rank(ending: Ending) -> tuple[Moment, Moment, str]:
    return ending.at, ending.filed, ending.id


def standing(one: Exemption, now: Moment) -> str:
    """planned | in_force | over | ended (before its time) | withdrawn (ended before it began) | corrected."""
    if one.corrected_by:
        return "corrected"
    if one.until == one.start:
        return "withdrawn"
    if one.until <= now:
        return "ended" if one.until < one.end else "over"
    return "planned" if now < one.start else "in_force"


class Cover:
    """What exemptions cover. `parents`: region -> the one above it, "" at a root. `links`: where devices hang; the
    first one of a device holds before it, too."""

    def __init__(
        self, exemptions: Iterable[Exemption], parents: Mapping[str, str], links: Iterable[DeviceLink]
    ) -> None:
        self._cameras: dict[str, list[Share]] = defaultdict(list)
        self._regions: dict[str, list[Share]] = defaultdict(list)
        self._devices: dict[str, list[Share]] = defaultdict(list)
        standing = [one for one in exemptions if one.start < one.until]
        tree = _Links(links)
        below = _children(parents)
        for one in sorted(standing, key=lambda one: (one.filed, one.id)):
            share = (one.start, one.until, one)
            if one.scope.kind is ScopeKind.CAMERA:
                self._cameras[one.scope.key].append(share)
            elif one.scope.kind is ScopeKind.REGION:
                for code in _subtree(one.scope.key, below):
                    self._regions[code].append(share)
            else:
                for start, end, children in tree.within(one.start, one.until):
                    for device in _subtree(one.scope.key, children):
                        self._devices[device].append((start, end, one))

    def __bool__(self) -> bool:
        return bool(self._cameras or self._regions or self._devices)

    def spans(self, camera: str, placements: Placements) -> tuple[tuple[Moment, Moment], ...]:
        """When a camera is exempt: sorted spans that neither overlap nor touch. Its last placement goes on."""
        return tuple(joined(sorted((start, end) for start, end, _ in self._claims(camera, placements))))

    def shares(self, camera: str, placements: Placements) -> list[Share]:
        """The same spans cut by who covers them: each moment is of the exemption that was filed first."""
        claims = sorted(self._claims(camera, placements), key=lambda claim: (claim[2].filed, claim[2].id))
        taken: list[Share] = []
        for start, end, one in claims:
            free = [(start, end)]
            for begun, ended, _ in taken:
                free = [*_without(free, begun, ended)]
            taken += [(begun, ended, one) for begun, ended in free]
        return sorted(taken, key=lambda share: share[0])

    def device_spans(self, device: Device) -> tuple[tuple[Moment, Moment], ...]:
        """When a device is exempt as it hangs and stands now: by itself, one above it, or its region."""
        claims = (*self._devices.get(device.id, ()), *self._regions.get(device.region, ()))
        return tuple(joined(sorted((start, end) for start, end, _ in claims)))

    def covering(self, camera: str, placements: Placements) -> set[str]:
        """The ids of all exemptions that cover it at some time."""
        return {one.id for _, _, one in self._claims(camera, placements)}

    def _claims(self, camera: str, placements: Placements) -> Iterator[Share]:
        yield from self._cameras.get(camera, ())
        if not self._regions and not self._devices:
            return
        for (since, placement), (until, _) in pairwise([*placements, (FOREVER, None)]):
            if placement is None:
                continue
            claims = (*self._regions.get(placement.region, ()), *self._devices.get(placement.upstream, ()))
            for start, end, one in claims:
                if max(start, since) < min(end, until):
                    yield max(start, since), min(end, until), one


def cover_now(exemptions: Sequence[Exemption], inventory: Inventory) -> Cover:
    """What exemptions cover of the inventory as it is."""
    parents = {code: region.parent for code, region in inventory.regions.items()}
    links = (DeviceLink(device.id, 0, device.upstream, "") for device in inventory.devices.values())
    return Cover(exemptions, parents, links)


class _Links:
    """The tree of devices over time."""

    def __init__(self, links: Iterable[DeviceLink]) -> None:
        self._links = sorted(links, key=lambda link: link.at)
        self._moments = [link.at for link in self._links]
        self._first: dict[str, str] = {}
        for link in self._links:
            self._first.setdefault(link.device, link.upstream or "")

    def within(self, start: Moment, end: Moment) -> Iterator[tuple[Moment, Moment, Mapping[str, list[str]]]]:
        """(from, to, device -> those that hang on it) over [start, end)."""
        changes = sorted({at for at in self._moments if start < at < end})
        for since, until in pairwise([start, *changes, end]):
            yield since, until, _children(self._at(since))

    def _at(self, moment: Moment) -> Mapping[str, str]:
        upstreams = dict(self._first)
        for link in self._links[: bisect_right(self._moments, moment)]:
            upstreams[link.device] = link.upstream or ""
        return upstreams


def _children(parents: Mapping[str, str]) -> Mapping[str, list[str]]:
    children: dict[str, list[str]] = defaultdict(list)
    for key, parent in parents.items():
        children[parent].append(key)
    return children


def _subtree(key: str, children: Mapping[str, list[str]]) -> Iterator[str]:
    """`key` and all below it, each once."""
    waiting, known = [key], {key}
    while waiting:
        one = waiting.pop()
        yield one
        fresh = [child for child in children.get(one, ()) if child not in known]
        known.update(fresh)
        waiting += fresh


def _without(
    spans: Iterable[tuple[Moment, Moment]], start: Moment, end: Moment
) -> Iterator[tuple[Moment, Moment]]:
    for begun, ended in spans:
        if begun < min(ended, start):
            yield begun, min(ended, start)
        if max(begun, end) < ended:
            yield max(begun, end), ended
