"""What a simulated SNMP agent holds: instances in lexicographic order, encoded once, and the uptime of now."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from healthd.city.ber import Oid, encode_index, encode_oid, integer, object_id, text, ticks, wrap

_SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
_UPTIME: Oid = (*_SYSTEM, 3, 0)
ENTERPRISE: Oid = (1, 3, 6, 1, 4, 1, 32473, 1)  # RFC 5612: the number kept for examples
_OBJECT_DEPTH = 8  # from here on two identifiers are of one group of objects


@dataclass(frozen=True, slots=True)
class SystemGroup:
    """What a device says of itself (RFC 3418), its uptime left out."""

    description: str
    contact: str
    name: str
    location: str


class Entries:
    """Collects instances. Rows share the encoding of their index: a table of 48 ports has a thousand cells."""

    def __init__(self) -> None:
        self.bindings: dict[Oid, bytes] = {}

    def scalar(self, oid: Oid, value: bytes) -> None:
        self.bindings[*oid, 0] = binding((*oid, 0), value)

    def row(self, entry: Oid, index: Oid, cells: Mapping[int, bytes]) -> None:
        """One row of the table whose rows are at `entry`; `cells`: column -> encoded value."""
        head, tail = encode_oid(entry), encode_index(index)
        for column, value in cells.items():
            name = wrap(0x06, head + (bytes((column,)) if column < 128 else encode_index((column,))) + tail)
            self.bindings[*entry, column, *index] = wrap(0x30, name + value)

    def system(self, group: SystemGroup) -> None:
        values = (
            (1, text(group.description)),
            (2, object_id(ENTERPRISE)),
            (3, ticks(0)),  # holds the place: Agent gives the uptime of the moment
            (4, text(group.contact)),
            (5, text(group.name)),
            (6, text(group.location)),
            (7, integer(72)),  # applications and end-to-end services
        )
        for number, value in values:
            self.scalar((*_SYSTEM, number), value)


class Mib:
    """All instances of one agent, in order, each with its encoded binding."""

    def __init__(self, entries: Entries) -> None:
        self.oids = sorted(entries.bindings)
        self.bindings = [entries.bindings[oid] for oid in self.oids]


@dataclass(frozen=True, slots=True)
class Agent:
    """A Mib at one moment."""

    mib: Mib
    uptime_seconds: float

    def get(self, oid: Oid) -> bytes | None:
        place = bisect_left(self.mib.oids, oid)
        there = place < len(self.mib.oids) and self.mib.oids[place] == oid
        return self._binding(place) if there else None

    def following(self, oid: Oid) -> tuple[Oid, bytes] | None:
        place = bisect_right(self.mib.oids, oid)
        return (self.mib.oids[place], self._binding(place)) if place < len(self.mib.oids) else None

    def has_object(self, oid: Oid) -> bool:
        """Whether the agent has other instances beside the one named."""
        place = bisect_left(self.mib.oids, oid)
        beside = self.mib.oids[max(0, place - 1) : place + 1]
        return any(oid[:_OBJECT_DEPTH] == known[:_OBJECT_DEPTH] for known in beside)

    def _binding(self, place: int) -> bytes:
        if self.mib.oids[place] == _UPTIME:
            return binding(_UPTIME, ticks(self.uptime_seconds))
        return self.mib.bindings[place]


def binding(oid: Oid, value: bytes) -> bytes:
    return wrap(0x30, wrap(0x06, encode_oid(oid)) + value)
