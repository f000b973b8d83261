"""Rows that an SNMP walk gave, as hostile as the device, behind lookups that give the wanted type or nothing."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from gufo.snmp import ValueType

from probes.snmp_exchange import text

Index = tuple[int, ...]
"""What follows a column's number in the name of a cell: (5,) of ifDescr.5."""
Columns = Mapping[str, Mapping[Index, ValueType]]
"""A column's number -> index -> value."""


class WalkProblem(enum.StrEnum):
    """What was wrong with a walk; a closed set, fit for a metric's label."""

    LOOP = "loop"  # GETNEXT came back to a row that was there already; the column ends
    OUT_OF_ORDER = "out_of_order"  # a row before the one before it; the column ends
    TOO_MANY_ROWS = "too_many_rows"  # cut at a cap
    TOO_MANY_REQUESTS = "too_many_requests"  # the agent gives too little at a time; the walk ends
    TOO_LARGE = "too_large"  # one row alone is larger than a datagram may be
    TRUNCATED = "truncated"  # a column ends before its table does
    BAD_VALUE = "bad_value"  # another type or range than the MIB says; taken as absent
    NO_ANSWER = "no_answer"  # a request got none, also when repeated
    OUT_OF_TIME = "out_of_time"  # the walk's time was over
    PROTOCOL = "protocol"  # an answer made no sense
    NO_PORT_MAP = "no_port_map"  # bridge ports that nothing maps to interfaces; their rows are left out
    PORT_MAP_ASSUMED = "port_map_assumed"  # no dot1dBasePortIfIndex, and every bridge port is an Ethernet ifIndex
    POE_UNMAPPED = "poe_unmapped"  # power ports that could be more than one interface, or none


class Rows:
    """Typed cells of what a walk read. `problems` gathers what was wrong with those that were looked at."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.problems: set[WalkProblem] = set()

    def column(self, oid: str) -> Mapping[Index, ValueType]:
        """All cells of a column, empty if there is none."""
        return self._columns.get(oid, {})

    def indexes(self, oid: str, parts: int) -> list[Index]:
        """The indexes of a column that have that many parts."""
        column = self.column(oid)
        fitting = [index for index in column if len(index) == parts]
        if len(fitting) < len(column):
            self.problems.add(WalkProblem.BAD_VALUE)
        return fitting

    def number(self, oid: str, index: Index, low: int = 0, high: int = 2**64 - 1) -> int | None:
        """A whole number in that range, or None."""
        value = self.column(oid).get(index)
        if value is None:
            return None
        if type(value) is int and low <= value <= high:
            return value
        self.problems.add(WalkProblem.BAD_VALUE)
        return None

    def octets(self, oid: str, index: Index) -> bytes | None:
        """An octet string as it is, or None."""
        value = self.column(oid).get(index)
        if value is None or isinstance(value, bytes):
            return value
        self.problems.add(WalkProblem.BAD_VALUE)
        return None

    def text(self, oid: str, index: Index) -> str:
        """An octet string made safe to show, or an empty text. Chinese switches write aliases in GB 18030 too."""
        value = (self.octets(oid, index) or b"").rstrip(b"\0")
        try:
            return text(value.decode())
        except UnicodeDecodeError:
            return text(value.decode("gb18030", errors="replace"))
