"""What hangs on what: links learnt from the tables of switches and routers, held against the inventory.

The inventory is always believed; the network fills in where it is silent, and contradicts aloud where it is not.
No clock, no I/O.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from healthd.model import Camera, Device, Inventory
from healthd.topology.sightings import Heard, Sightings, seen_at
from probes.tables import normal_mac

_RANK = {"router": 2, "switch": 1}
"""Of two that hang on each other the higher is above; recorders and encoders have only cameras below them."""


class Source(enum.StrEnum):
    """What told of a link. `arp`, `camera`: only which MAC address it has (the camera itself says so)."""

    INVENTORY = "inventory"
    BRIDGE = "bridge"
    LLDP = "lldp"
    ARP = "arp"
    CAMERA = "camera"


class Standing(enum.StrEnum):
    """`known`: of the inventory, and nothing speaks against it. `learnt`: the inventory is silent, the network is
    not. `contradicting`: they differ, or the network contradicts itself; the inventory holds, else nothing."""

    KNOWN = "known"
    LEARNT = "learnt"
    CONTRADICTING = "contradicting"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A port of a device, in the inventory's or the device's own words; "" where it is not told."""

    device: str
    port: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Where one camera or device hangs: as the inventory says, and as the network shows (several places where it
    contradicts itself)."""

    kind: str  # camera | device
    id: str
    standing: Standing
    inventory: Place | None
    network: tuple[Place, ...]
    sources: tuple[Source, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Topology:
    """All links of which anything is known, devices first, by id. `unknown`: cameras of which nothing is."""

    known: tuple[Link, ...]
    learnt: tuple[Link, ...]
    contradicting: tuple[Link, ...]
    unknown: int


@dataclass(frozen=True, slots=True)
class _Finding:
    """What the network shows of one camera or device. `trouble`: why that is not to be used."""

    places: tuple[Place, ...] = ()
    sources: tuple[Source, ...] = ()
    words: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line between two devices, seen from one of them: where it ends at the other."""

    place: Place
    source: Source
    fresh: bool


class Learner:
    """Works out links from walks, for one inventory after the other. Mutable: it remembers what was seen."""

    def __init__(self, inventory: Inventory) -> None:
        self._sightings = Sightings(inventory)
        self.replace(inventory)

    def replace(self, inventory: Inventory) -> None:
        """Take another inventory; what was seen is kept, and held against the new one."""
        self.inventory = inventory
        self._sightings.replace(inventory)
        self._placed: dict[str, Place] = {}
        self._place_devices()
        for camera in inventory.cameras.values():
            self._place(camera)

    @property
    def placed(self) -> Mapping[str, Place]:
        """Camera or device -> where it hangs, of those of which the inventory does not tell."""
        return self._placed

    def take(self, device: str, values: Mapping[str, Any]) -> Mapping[str, Place | None]:
        """Fold one walk, the values of the check `device`. Returns what is new of `placed`; None: gone from it."""
        if device not in self.inventory.devices:
            return {}
        before = self._voice(device)
        stations = self._sightings.take(device, values)
        changed: dict[str, Place | None] = {}
        if self._voice(device) != before or stations & self._sightings.devices_at.keys():
            changed |= self._place_devices()
        for camera in sorted(self._concerned(stations)):
            if self._place(self.inventory.cameras[camera]):
                changed[camera] = self._placed.get(camera)
        return changed

    def says(self, camera: str, mac: str) -> Mapping[str, Place | None]:
        """Take the MAC that a camera says it has. Returns what is new of `placed`, as `take` does."""
        stations = self._sightings.says(camera, mac)
        changed: dict[str, Place | None] = {}
        for one in sorted({camera} & self.inventory.cameras.keys() | self._concerned(stations)):
            if self._place(self.inventory.cameras[one]):
                changed[one] = self._placed.get(one)
        return changed

    def _concerned(self, stations: Iterable[str]) -> set[str]:
        return {camera for one in stations for camera in self._sightings.cameras_of(one)}

    def topology(self) -> Topology:
        """Everything as it stands."""
        devices = [self._device_link(self.inventory.devices[id_]) for id_ in sorted(self.inventory.devices)]
        cameras = [self._camera_link(self.inventory.cameras[id_]) for id_ in sorted(self.inventory.cameras)]
        links = [link for link in (*devices, *cameras) if link is not None]
        known, learnt, contradicting = (
            tuple(link for link in links if link.standing is standing) for standing in Standing
        )
        return Topology(known, learnt, contradicting, sum(link is None for link in cameras))

    def _voice(self, device: str) -> object:
        """What of a device's words lines between devices are made of."""
        told = self._sightings.told.get(device)
        return told and (told.identities, dict(told.heard))

    # --- cameras ---------------------------------------------------------------------------------------------

    def _place(self, camera: Camera) -> bool:
        """Work out where a camera hangs; whether that is new."""
        before, place = self._placed.pop(camera.id, None), self._learnt(camera)
        if place is not None:
            self._placed[camera.id] = place
        return place != before

    def _learnt(self, camera: Camera) -> Place | None:
        upstream = camera.placement.upstream
        if upstream and camera.upstream_port:
            return None
        found = self._find(camera)
        if found.trouble or len(found.places) != 1:
            return None
        place = found.places[0]
        return place if not upstream or (place.device == upstream and place.port) else None

    def _find(self, camera: Camera) -> _Finding:
        recorders = self._sightings.devices_at.get(camera.address, ())
        if len(recorders) == 1:
            words = f"it has the address of {recorders[0]}"
            return _Finding((Place(recorders[0]),), (Source.INVENTORY,), words)
        resolved, own = self._sightings.macs_of(camera.address), self._sightings.own.get(camera.id, "")
        tag = camera.mac or own
        trouble = self._trouble_with(tag, camera, resolved) if tag else ""
        stations = {tag: ""} if tag else resolved
        seen = [*seen_at(self._sightings, {**stations, camera.address: ""})]
        places = tuple(sorted({Place(device, port) for _, device, where in seen for port in where.ports}))
        sources = {Source.LLDP if where.told else Source.BRIDGE for _, _, where in seen}
        if seen:
            sources.add(Source.INVENTORY if camera.mac else Source.CAMERA if own else Source.ARP)
        tells = []
        for station, device, where in seen:
            mac = station if tag or station not in resolved else f"{station} (as {resolved[station]} resolves it)"
            tells.append(f"{mac} is heard at {_said(Place(device, ' and '.join(where.ports)))}")
            if where.others:
                tells[-1] += f" with {where.others} more: a hub or an unmanaged switch is there"
            if not where.fresh:
                tells[-1] += ", though not in the latest walk"
        if len(places) > 1:
            tells.append("it can be at one of them only")
        return _Finding(places, tuple(sorted(sources)), "; ".join(tells), trouble)

    def _trouble_with(self, tag: str, camera: Camera, resolved: Mapping[str, str]) -> str:
        same = {self.inventory.cameras[other].address: other for other in self._sightings.tagged[tag]}
        same.pop(camera.address, None)
        own = self._sightings.own.get(camera.id, "")
        says = "the inventory" if camera.mac else "it"
        if same:
            twin = min(same.values())
            if camera.mac:
                return f"the inventory gives its MAC {tag} to {twin} as well"
            return f"{twin} says, too, that its MAC is {tag}"
        if camera.mac and own and own != camera.mac:
            return f"the inventory says its MAC is {tag}, it says {own} itself"
        if resolved and tag not in resolved:
            mac = min(resolved)
            return f"{says} says its MAC is {tag}, {resolved[mac]} resolves its address to {mac}"
        return ""

    def _camera_link(self, camera: Camera) -> Link | None:
        declared = Place(camera.placement.upstream, camera.upstream_port) if camera.placement.upstream else None
        found = self._find(camera)
        if declared is not None and Source.INVENTORY in found.sources and len(found.sources) == 1:
            found = _Finding()  # the channel of a recorder: where it hangs is the inventory's to say
        return self._link("camera", camera.id, declared, found)

    def _link(self, kind: str, id_: str, declared: Place | None, found: _Finding) -> Link | None:
        words, sources = found.words, found.sources
        if declared is None and not found.places and not found.trouble:
            return None
        if found.trouble or len(found.places) > 1:
            standing, words = Standing.CONTRADICTING, "; ".join(filter(None, (found.trouble, words)))
        elif declared is None:
            standing = Standing.LEARNT
        elif all(self._agrees(declared, place) for place in found.places):
            finer = id_ in self._placed  # the inventory names the device, the network its port
            standing, sources = (Standing.LEARNT if finer else Standing.KNOWN), (Source.INVENTORY, *sources)
        else:
            standing = Standing.CONTRADICTING
            words = f"the inventory says {_said(declared)}, but {words}"
        return Link(kind, id_, standing, declared, found.places, tuple(dict.fromkeys(sources)), words)

    def _agrees(self, declared: Place, seen: Place) -> bool:
        """Whether what hangs where the inventory says can be seen there: at that port, or at the one that its
        device hangs on in turn."""
        place, passed = declared, set[str]()
        while place.device not in passed:
            if place.device == seen.device:
                told = self._sightings.told.get(place.device)
                own = told.named.get(place.port) if told and place.port else None
                return own is None or not seen.port or own == seen.port
            passed.add(place.device)
            above = self._place_of(place.device)
            if above is None:
                break
            place = above
        return False

    def _place_of(self, device: str) -> Place | None:
        known = self.inventory.devices[device]
        return Place(known.upstream, known.upstream_port) if known.upstream else self._placed.get(device)

    # --- devices ---------------------------------------------------------------------------------------------

    def _place_devices(self) -> Mapping[str, Place | None]:
        """Work out where devices hang of which the inventory does not tell; returns what is new."""
        devices = self.inventory.devices
        silent = [id_ for id_ in sorted(devices) if not devices[id_].upstream and devices[id_].kind != "power"]
        before = {id_: self._placed.pop(id_) for id_ in silent if id_ in self._placed}
        self._near = self._lines()
        found = [*silent]
        while found:  # who has its place tells more of those beside it
            found = [id_ for id_ in silent if id_ not in self._placed and self._place_device(id_)]
        self._up = {id_: self._parents(id_) for id_ in silent}
        for id_ in [id_ for id_ in silent if len(self._up[id_]) > 1]:
            self._placed.pop(id_, None)
        return {id_: place for id_ in silent if (place := self._placed.get(id_)) != before.get(id_)}

    def _place_device(self, device: str) -> bool:
        parents = [] if self._twins(device) else self._parents(device)
        if len(parents) == 1:
            self._placed[device] = parents[0].place
        return len(parents) == 1

    def _lines(self) -> Mapping[str, Mapping[str, _Line]]:
        """Device -> devices beside it -> where the line ends there. What the other says of its own port counts
        before what is said of it."""
        heard = [(id_, one, other) for id_, one, other in self._heard()]
        near: dict[str, dict[str, _Line]] = defaultdict(dict)
        for id_, one, other in sorted(heard, key=lambda line: (not line[1].fresh, not line[1].told)):
            near[other].setdefault(id_, _Line(Place(id_, one.port), _source(one), one.fresh))
        for id_, one, other in heard:
            near[id_].setdefault(other, _Line(Place(other, one.far_port), _source(one), one.fresh))
        return near

    def _heard(self) -> Iterator[tuple[str, Heard, str]]:
        """(device, what it hears, whom)."""
        for id_, told in self._sightings.told.items():
            for identity, one in told.heard.items():
                other = self._sightings.device_of(identity)
                if other is not None and other != id_:
                    yield id_, one, other

    def _parents(self, device: str) -> list[_Line]:
        """Lines that lead up from a device: to one of higher kind, or to one that hangs on something else."""
        lines = []
        for other, line in self._near.get(device, {}).items():
            own, theirs = self._rank(device), self._rank(other)
            hangs = self._place_of(other)
            if theirs and self._way_up(other, device) is None and (theirs > own or (theirs == own and hangs)):
                lines.append(line)
        return [line for line in lines if line.fresh] or lines

    def _rank(self, device: str) -> int:
        return _RANK.get(self.inventory.devices[device].kind, 0)

    def _chain(self, device: str) -> list[str]:
        """The devices above one, the nearest first."""
        chain: list[str] = []
        place = self._place_of(device)
        while place is not None and place.device not in chain:
            chain.append(place.device)
            place = self._place_of(place.device)
        return chain

    def _way_up(self, device: str, to: str) -> list[str] | None:
        """The devices between one and another above it; None if it is not above."""
        chain = self._chain(device)
        return chain[: chain.index(to)] if to in chain else None

    def _circle(self, device: str) -> str:
        """A line to a device that hangs below this one already, by way of another: it cannot be above as well."""
        for other in sorted(self._near.get(device, {})):
            way = self._way_up(other, device) if self._rank(other) >= self._rank(device) else None
            if way and any(self.inventory.devices[between].address for between in way):
                return f"a line to {other}, which hangs on it by way of {way[0]}, would be a circle"
        return ""

    def _device_link(self, device: Device) -> Link | None:
        id_, twins = device.id, self._twins(device.id)
        declared = Place(device.upstream, device.upstream_port) if device.upstream else None
        lines = self._up.get(id_, []) if declared is None else self._against(id_, declared)
        places = tuple(sorted({line.place for line in lines}))
        tells = [f"{_source_word(line)} shows it at {_said(line.place)}" for line in lines]
        circle = self._circle(id_)
        trouble = "; ".join(filter(None, (twins, circle if not lines else "")))
        words = "; ".join(filter(None, (*tells, circle if lines else "")))
        sources = tuple(sorted({line.source for line in lines}))
        return self._link("device", id_, declared, _Finding(places, sources, words, trouble))

    def _against(self, device: str, declared: Place) -> list[_Line]:
        """Of a device whose place the inventory names: the line to it, else those that lead elsewhere."""
        near, above = self._near.get(device, {}), self._chain(device)
        if declared.device in near:
            return [near[declared.device]]
        own = self._rank(device)
        lines = [
            line
            for other, line in near.items()
            if self._rank(other) >= max(own, 1) and self._way_up(other, device) is None and other not in above
        ]
        return [line for line in lines if line.fresh]

    def _twins(self, device: str) -> str:
        told = self._sightings.told.get(device)
        for identity in sorted(told.identities if told else ()):
            others = self._sightings.owners[identity] - {device}
            if others and normal_mac(identity):
                return f"it answers with the MAC {identity}, and so does {min(others)}"
        return ""


def _source(heard: Heard) -> Source:
    return Source.LLDP if heard.told else Source.BRIDGE


def _source_word(line: _Line) -> str:
    return "LLDP" if line.source is Source.LLDP else "a bridge table"


def _said(place: Place) -> str:
    return f"port {place.port} of {place.device}" if place.port else place.device
