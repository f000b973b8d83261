"""What the walks of devices told about who is where, kept over all walks. Mutable; bounded by the inventory.

Tables forget who falls silent, so an absent row only takes the freshness from what was seen there before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from healthd.model import Device, Inventory
from probes.port_names import port_named
from probes.tables import normal_mac

EDGE_MACS = 8
"""A port with more stations than this leads to a part of the network, not to a camera or two."""

_NEIGHBOURS = 512  # remembered of one device
_SEEN_AT = 8  # devices that see one MAC at an edge port
_RESOLVERS = 4  # devices whose ARP tables are remembered for one address
_BRIDGES = frozenset({"BRIDGE-MIB", "Q-BRIDGE-MIB"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A station at an edge port of a device; `ports`: more than one only where the device contradicts itself.
    `others`: how many more stations are there. `fresh`: in the latest walk."""

    ports: tuple[str, ...]
    others: int = 0
    told: bool = False  # it said so itself, over LLDP
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody behind a port: `far_port` is what it calls its own, `told` over LLDP, else found in a table."""

    port: str
    far_port: str = ""
    told: bool = False
    fresh: bool = True


@dataclass(slots=True)
class Told:
    """What one device has told. `named`: the inventory's words for its ports -> its own; `heard`: by the MAC, text
    or address by which a neighbour calls itself; `resolved`: address -> (MAC, whether in the latest walk)."""

    identities: frozenset[str] = frozenset()
    named: Mapping[str, str] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    resolved: dict[str, tuple[str, bool]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)  # stations that `Sightings.seen` has at this device


class Sightings:
    """The memory, and who is meant by a MAC or an address in it."""

    def __init__(self, inventory: Inventory) -> None:
        self.told: dict[str, Told] = {}
        self.seen: dict[str, dict[str, Seen]] = {}  # station (MAC or address) -> device -> where
        self.resolvers: dict[str, set[str]] = {}  # address -> devices
        self.owners: dict[str, set[str]] = {}  # identity -> devices that answer with it
        self.own: dict[str, str] = {}  # camera -> the MAC that it says it has
        self.replace(inventory)

    def replace(self, inventory: Inventory) -> None:
        """Take another inventory; what was learnt of those who stay is kept."""
        self.inventory = inventory
        self.told = {device: told for device, told in self.told.items() if device in inventory.devices}
        self.cameras_at: dict[str, list[str]] = defaultdict(list)
        self.own = {camera: mac for camera, mac in self.own.items() if camera in inventory.cameras}
        self.tagged: dict[str, list[str]] = defaultdict(list)  # MAC of the column `mac`, else its own -> cameras
        self.devices_at: dict[str, list[str]] = defaultdict(list)
        self.below: dict[str, list[Device]] = defaultdict(list)
        self._texts: dict[str, set[str]] = defaultdict(set)  # device -> the inventory's words for its ports
        for camera in inventory.cameras.values():
            self.cameras_at[camera.address].append(camera.id)
            mac = camera.mac or self.own.get(camera.id, "")
            if mac:
                self.tagged[mac].append(camera.id)
            self._texts[camera.placement.upstream].add(camera.upstream_port)
        for device in inventory.devices.values():
            if device.address:
                self.devices_at[device.address].append(device.id)
            if device.upstream:
                self.below[device.upstream].append(device)
            self._texts[device.upstream].add(device.upstream_port)
        self._forget()

    def _forget(self) -> None:
        """Drop what nobody in the inventory has to do with any more."""
        self.owners, self.resolvers = defaultdict(set), defaultdict(set)
        for device, told in self.told.items():
            for identity in told.identities:
                self.owners[identity].add(device)
            told.resolved = {address: found for address, found in told.resolved.items() if self._known(address)}
            for address in told.resolved:
                self.resolvers[address].add(device)
        self._answering = self._by_mac()
        for station in [*self.seen]:
            kept = {device: seen for device, seen in self.seen[station].items() if device in self.told}
            if kept and self.cameras_of(station):
                self.seen[station] = kept
            else:
                del self.seen[station]
        for told in self.told.values():
            told.seen &= self.seen.keys()

    def _known(self, address: str) -> bool:
        return address in self.cameras_at or address in self.devices_at

    def _by_mac(self) -> dict[str, Counter[str]]:
        """MAC -> address -> how many devices resolve it so."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for told in self.told.values():
            for address, (mac, _) in told.resolved.items():
                found[mac][address] += 1
        return found

    # --- who is meant ----------------------------------------------------------------------------------------

    def cameras_of(self, station: str) -> set[str]:
        """The cameras that a MAC or an address may stand for."""
        found = {*self.tagged.get(station, ()), *self.cameras_at.get(station, ())}
        for address in self._answering.get(station, ()):
            found.update(self.cameras_at.get(address, ()))
        return found

    def device_of(self, identity: str) -> str | None:
        """The one device that calls itself so, or whose address or resolved address it is."""
        owners = {*self.owners.get(identity, ()), *self.devices_at.get(identity, ())}
        for address in () if owners else self._answering.get(identity, ()):
            owners.update(self.devices_at.get(address, ()))
        return next(iter(owners)) if len(owners) == 1 else None

    def macs_of(self, address: str) -> dict[str, str]:
        """MAC -> one device that resolves the address to it; the latest walks' only, where they have it."""
        found = [(device, *self.told[device].resolved[address]) for device in self.resolvers.get(address, ())]
        fresh = [one for one in found if one[2]] or found
        return {mac: device for device, mac, _ in sorted(fresh, reverse=True)}

    def says(self, camera: str, mac: str) -> set[str]:
        """Take the MAC that a camera says it has ("": it does not tell); returns the stations concerned."""
        known, before = self.inventory.cameras.get(camera), self.own.get(camera, "")
        if known is None or mac == before:
            return set()
        if not known.mac:
            if before:
                self.tagged[before].remove(camera)
            if mac:
                self.tagged[mac].append(camera)
        if mac:
            self.own[camera] = mac
        else:
            del self.own[camera]
        return {before, mac, known.address} - {""}

    # --- walks -----------------------------------------------------------------------------------------------

    def take(self, device: str, values: Mapping[str, Any]) -> set[str]:
        """Fold one walk (the values of the check `device`); returns the stations of which something changed."""
        told = self.told.setdefault(device, Told())
        ports = values.get("ports", ())
        names = _names(ports)
        found = ((text, port_named(ports, text)) for text in self._texts.get(device, ()))
        told.named = {text: port.name for text, port in found if port is not None}
        self._identify(device, told, values)
        changed = self._resolve(device, told, values.get("arp", ()))
        self._hear(told, values.get("neighbours", ()), names)
        return changed | self._look(device, told, values, names)

    def _identify(self, device: str, told: Told, values: Mapping[str, Any]) -> None:
        given = (values.get("bridge_mac", ""), values.get("chassis_id", ""))
        identities = frozenset(one for one in given if one and (one != normal_mac(one) or _is_station(one)))
        if identities:  # a walk that was cut short does not take them away
            for gone in told.identities - identities:
                self.owners[gone].discard(device)
            for identity in identities:
                self.owners.setdefault(identity, set()).add(device)
            told.identities = identities

    def _resolve(self, device: str, told: Told, arp: tuple[tuple[str, str], ...]) -> set[str]:
        """Take an ARP table. A MAC with several addresses answers for others: it says nothing of any of them."""
        count = Counter(mac for mac, _ in arp)
        now = {address: mac for mac, address in arp if count[mac] == 1 and self._known(address)}
        changed = set()
        for address, mac in now.items():
            resolvers = self.resolvers.setdefault(address, set())
            if device not in resolvers and len(resolvers) >= _RESOLVERS:
                continue
            old = told.resolved.get(address)
            if old is None or old[0] != mac:
                self._answers(address, old[0] if old else "", mac)
            if old != (mac, True):
                changed.add(address)
            resolvers.add(device)
            told.resolved[address] = (mac, True)
        for address in told.resolved.keys() - now.keys():
            mac, fresh = told.resolved[address]
            told.resolved[address] = (mac, False)
            if fresh:
                changed.add(address)
        return changed

    def _answers(self, address: str, old: str, mac: str) -> None:
        self._answering[mac][address] += 1
        if old:
            self._answering[old] -= Counter({address: 1})
            if not self._answering[old]:
                del self._answering[old]

    def _hear(self, told: Told, neighbours: tuple[Any, ...], names: Mapping[int, str]) -> None:
        """Take the neighbours of LLDP; of one at several ports (an aggregate of lines) the port is not told."""
        for identity, heard in told.heard.items():
            told.heard[identity] = replace(heard, fresh=False)
        for one in neighbours:
            port = names.get(one.port or 0, "")
            before = told.heard.get(one.chassis_id)
            if before is not None and before.told and before.fresh and before.port != port:
                port = ""
            far = "" if normal_mac(one.port_id) else one.port_id
            _remember(told, one.chassis_id, Heard(port, far, told=True))

    def _look(self, device: str, told: Told, values: Mapping[str, Any], names: Mapping[int, str]) -> set[str]:
        """Take the bridge tables, and the cameras that speak LLDP themselves."""
        macs = values.get("macs", ())
        count = Counter(index for _, index in macs)
        edges = self._edges(device, values, count, names)
        now: dict[str, Seen] = {}
        for mac, index in macs:
            if index in edges and self.cameras_of(mac):
                ports = {*(now[mac].ports if mac in now else ()), names.get(index, "")}
                now[mac] = Seen(tuple(sorted(ports)), count[index] - 1)
        for one in values.get("neighbours", ()):
            if one.port is not None and self.device_of(one.chassis_id) is None and self.cameras_of(one.chassis_id):
                now[one.chassis_id] = Seen((names.get(one.port, ""),), 0, told=True)
        self._hear_in_tables(device, told, macs, edges, names)
        return self._keep(device, told, now, {mac for mac, _ in macs})

    def _keep(self, device: str, told: Told, now: Mapping[str, Seen], present: set[str]) -> set[str]:
        """Fold what is at edge ports now; who is seen elsewhere only (`present`) has left them."""
        changed = set()
        for station in told.seen - now.keys():
            seen = self.seen[station]
            if station in present:
                del seen[device]
                told.seen.discard(station)
                changed.add(station)
            elif seen[device].fresh:
                seen[device] = replace(seen[device], fresh=False)
                changed.add(station)
        for station, where in now.items():
            seen = self.seen.setdefault(station, {})
            if device not in seen and len(seen) >= _SEEN_AT:
                stale = next((other for other, old in seen.items() if not old.fresh), None)
                if stale is None:
                    continue
                del seen[stale]
                self.told[stale].seen.discard(station)
            if seen.get(device) != where:
                seen[device] = where
                changed.add(station)
            told.seen.add(station)
        return changed

    def _edges(
        self, device: str, values: Mapping[str, Any], count: Mapping[int, int], names: Mapping[int, str]
    ) -> set[int]:
        """ifIndexes behind which there is nothing but an end or two: few stations and no other device. Where the
        line up is not known, the port with the most stations could be it. None of a table that is cut short."""
        if _BRIDGES & {*values.get("incomplete", ())}:
            return set()
        leads = {index for mac, index in values.get("macs", ()) if self._leads(mac)}
        for one in values.get("neighbours", ()):
            stranger = not self.cameras_of(one.chassis_id) and count.get(one.port or 0, 0) > 1
            if one.port is not None and (stranger or self._leads(one.chassis_id)):
                leads.add(one.port)
        named = {self.told[device].named.get(child.upstream_port, "") for child in self.below.get(device, ())}
        children = {index for index, name in names.items() if name and name in named}
        most = EDGE_MACS if leads - children else min(EDGE_MACS, max(count.values(), default=0) - 1)
        return {index for index, stations in count.items() if stations <= most} - leads - children

    def _leads(self, identity: str) -> bool:
        """Whether it is a device through which others are reached."""
        device = self.device_of(identity)
        return device is not None and self.inventory.devices[device].kind in ("router", "switch")

    def _hear_in_tables(
        self,
        device: str,
        told: Told,
        macs: tuple[tuple[str, int], ...],
        edges: set[int],
        names: Mapping[int, str],
    ) -> None:
        """Devices that are behind a port all alone, as far as the tables show. A switch beside it is seen through
        the line up as well, so only a router is taken from there, and a recorder only from an edge port."""
        behind: dict[int, set[str]] = defaultdict(set)
        for mac, index in macs:
            other = self.device_of(mac)
            if other is not None and other != device:
                behind[index].add(mac)
        up = self.inventory.devices[device].upstream
        ways_up = {heard.port for identity, heard in told.heard.items() if self.device_of(identity) == up}
        for index, stations in behind.items():
            mac, port = min(stations), names.get(index, "")
            other = self.device_of(mac)
            if len(stations) > 1 or other is None or _says_so(told.heard.get(mac)):
                continue
            kind = self.inventory.devices[other].kind
            beside = kind == "switch" and (not ways_up - {""} or port in ways_up)
            if not beside and (kind in ("router", "switch") or index in edges):
                _remember(told, mac, Heard(port))


def _says_so(heard: Heard | None) -> bool:
    return heard is not None and heard.told and heard.fresh


def _remember(told: Told, identity: str, heard: Heard) -> None:
    if identity not in told.heard and len(told.heard) >= _NEIGHBOURS:
        stale = next((other for other, old in told.heard.items() if not old.fresh), None)
        if stale is None:
            return
        del told.heard[stale]
    told.heard[identity] = heard


def _names(ports: tuple[Any, ...]) -> dict[int, str]:
    """ifIndex -> the name that no other port has."""
    names = Counter(port.name for port in ports)
    return {port.index: port.name for port in ports if port.name and names[port.name] == 1}


def _is_station(mac: str) -> bool:
    """Neither nobody's address nor a group's."""
    return mac.strip("0:") != "" and not int(mac[:2], 16) & 1


def seen_at(sightings: Sightings, stations: Mapping[str, object]) -> Iterator[tuple[str, str, Seen]]:
    """(station, device, where) of the most telling sightings: fresh ones, and of these where it is alone."""
    found = [(one, device, seen) for one in stations for device, seen in sightings.seen.get(one, {}).items()]
    found = [one for one in found if one[2].fresh] or found
    yield from sorted([one for one in found if one[2].told or not one[2].others] or found, key=lambda one: one[:2])
