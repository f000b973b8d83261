"""What hangs where, out of a switch's walk: bridge tables (RFC 4188, 4363), neighbours (LLDP, IEEE 802.1AB), ARP
(RFC 4293); and its temperature (RFC 3433) and load (RFC 2790)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probes.ports import Port
from probes.snmp_exchange import text
from probes.snmp_rows import Index, Rows, WalkProblem

BASE_PORT_IFINDEX = "1.3.6.1.2.1.17.1.4.1.2"
BRIDGE_FDB_PORT = "1.3.6.1.2.1.17.4.3.1.2"
VLAN_FDB_PORT = "1.3.6.1.2.1.17.7.1.2.2.1.2"
_REMOTE = "1.0.8802.1.1.2.1.4.1.1."
REMOTE_CHASSIS_KIND, REMOTE_CHASSIS, REMOTE_PORT_KIND = (f"{_REMOTE}{column}" for column in (4, 5, 6))
REMOTE_PORT, REMOTE_PORT_DESCR, REMOTE_NAME = (f"{_REMOTE}{column}" for column in (7, 8, 9))
_LOCAL = "1.0.8802.1.1.2.1.3.7.1."
LOCAL_PORT, LOCAL_PORT_DESCR = (f"{_LOCAL}{column}" for column in (3, 4))
ARP_MAC = "1.3.6.1.2.1.4.22.1.2"
_SENSOR = "1.3.6.1.2.1.99.1.1.1."
SENSOR_TYPE, SENSOR_SCALE, SENSOR_PRECISION = (f"{_SENSOR}{column}" for column in (1, 2, 3))
SENSOR_VALUE, SENSOR_STATUS = (f"{_SENSOR}{column}" for column in (4, 5))
PROCESSOR_LOAD = "1.3.6.1.2.1.25.3.3.1.2"

CELSIUS = 8
_CHASSIS_MAC, _CHASSIS_ADDRESS = 4, 5
_PORT_MAC, _PORT_ADDRESS = 3, 4
_MAC_TEXT = re.compile(
    r"[0-9a-f]{1,2}([:-])[0-9a-f]{1,2}(?:\1[0-9a-f]{1,2}){4}|[0-9a-f]{4}([.-])[0-9a-f]{4}\2[0-9a-f]{4}|[0-9a-f]{12}"
)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A device that told its name over LLDP. `port`: ifIndex of the port it was heard at, None if that could not
    be told. `chassis_id` and `port_id` are a MAC (as `normal_mac` writes it), an address or a text."""

    port: int | None
    chassis_id: str
    port_id: str
    name: str = ""
    port_descr: str = ""


def normal_mac(address: str | bytes) -> str | None:
    """`00:1b:c5:0a:00:01` of six octets or of a usual text (`001B-C50A-0001`, `0:1b:c5:a:0:1`); else None."""
    if isinstance(address, bytes):
        return address.hex(":") if len(address) == 6 else None
    plain = address.strip().lower()
    if not _MAC_TEXT.fullmatch(plain):
        return None
    parts = re.split("[:-]", plain)
    digits = "".join(part.zfill(2) for part in parts) if len(parts) == 6 else re.sub("[.-]", "", plain)
    return bytes.fromhex(digits).hex(":")


def read_macs(rows: Rows, ports: Sequence[Port]) -> tuple[tuple[str, int], ...]:
    """(MAC, ifIndex) of every device that was heard, sorted; in several VLANs counts once. A MAC at two ports is
    there twice. Bridge port 0 (unknown) and group addresses are left out."""
    heard = {
        (mac, bridge_port)
        for oid, parts in ((VLAN_FDB_PORT, 7), (BRIDGE_FDB_PORT, 6))
        for index in rows.indexes(oid, parts)
        if (bridge_port := rows.number(oid, index, 0, 2**31 - 1)) and (mac := _station(index[-6:]))
    }
    bridge_ports = {bridge_port for _, bridge_port in heard}
    interfaces = _interfaces(rows, bridge_ports, ports)
    if bridge_ports - interfaces.keys():
        rows.problems.add(WalkProblem.NO_PORT_MAP)
    return tuple(sorted({(mac, interfaces[port]) for mac, port in heard if port in interfaces}))


def _interfaces(rows: Rows, bridge_ports: set[int], ports: Sequence[Port]) -> Mapping[int, int]:
    """Bridge port -> ifIndex. Without the table that says so, the numbers count as ifIndexes only if all of
    them are Ethernet ports."""
    table = _base_ports(rows)
    if table or not bridge_ports:
        return table
    if not bridge_ports <= {port.index for port in ports if port.physical}:
        return {}
    rows.problems.add(WalkProblem.PORT_MAP_ASSUMED)
    return {port: port for port in bridge_ports}


def _base_ports(rows: Rows) -> Mapping[int, int]:
    found = (
        (index[0], rows.number(BASE_PORT_IFINDEX, index, 1, 2**31 - 1))
        for index in rows.indexes(BASE_PORT_IFINDEX, 1)
    )
    return {port: ifindex for port, ifindex in found if ifindex}


def _station(numbers: Index) -> str | None:
    """The MAC of one device, not of a group nor of none."""
    if max(numbers) > 255 or numbers[0] & 1 or not any(numbers):
        return None
    return bytes(numbers).hex(":")


def read_neighbours(rows: Rows, ports: Sequence[Port]) -> tuple[Neighbour, ...]:
    """Who is heard over LLDP, by local port."""
    base = _base_ports(rows)
    found = []
    for index in sorted(rows.indexes(REMOTE_CHASSIS, 3), key=lambda index: index[1:]):
        chassis = rows.octets(REMOTE_CHASSIS, index)
        if chassis:
            kind = rows.number(REMOTE_CHASSIS_KIND, index)
            port_kind = rows.number(REMOTE_PORT_KIND, index)
            found.append(
                Neighbour(
                    port=_local_port(rows, index[1], ports, base),
                    chassis_id=_identity(chassis, kind == _CHASSIS_MAC, kind == _CHASSIS_ADDRESS),
                    port_id=_identity(
                        rows.octets(REMOTE_PORT, index) or b"", port_kind == _PORT_MAC, port_kind == _PORT_ADDRESS
                    ),
                    name=rows.text(REMOTE_NAME, index),
                    port_descr=rows.text(REMOTE_PORT_DESCR, index),
                )
            )
    return tuple(found)


def chassis_identity(kind: object, value: object) -> str:
    """What a device calls itself over LLDP, in the form of `Neighbour.chassis_id`; empty if it does not."""
    return _identity(value, kind == _CHASSIS_MAC, kind == _CHASSIS_ADDRESS) if isinstance(value, bytes) else ""


def _identity(value: bytes, is_mac: bool, is_address: bool) -> str:
    if is_mac and (mac := normal_mac(value)):
        return mac
    if is_address and len(value) in (5, 17):  # the family of addresses, then the address
        return str(ipaddress.ip_address(value[1:]))
    # Some agents write a MAC as text, or as six octets under another kind.
    shown = text(value)
    return normal_mac(shown) or (shown if value.isascii() or len(value) != 6 else value.hex(":"))


def _local_port(rows: Rows, number: int, ports: Sequence[Port], base: Mapping[int, int]) -> int | None:
    """ifIndex of an LLDP port number: the port that its LLDP name or description is the name of; else, as
    IEEE 802.1AB wants it, the number is a bridge port; else, without such a table, the ifIndex of an Ethernet
    port."""
    index = (number,)
    names = (rows.text(LOCAL_PORT, index), rows.text(LOCAL_PORT_DESCR, index))
    for name in filter(None, names):
        for whole in ("name", "descr", "alias"):
            same = [port.index for port in ports if getattr(port, whole).casefold() == name.casefold()]
            if len(same) == 1:
                return same[0]
    if base:
        return base.get(number)
    return number if any(port.index == number and port.physical for port in ports) else None


def read_arp(rows: Rows) -> tuple[tuple[str, str], ...]:
    """(MAC, IPv4 address) pairs of ipNetToMediaTable, sorted."""
    found = set()
    for index in rows.indexes(ARP_MAC, 5):
        octets = rows.octets(ARP_MAC, index)
        mac = _station(tuple(octets)) if octets and len(octets) == 6 else None
        if mac and max(index[1:]) <= 255:
            found.add((mac, ".".join(map(str, index[1:]))))
    return tuple(sorted(found))


def read_temperature(rows: Rows) -> float | None:
    """The hottest of the sensors that work, in degrees Celsius."""
    readings = []
    for index in rows.indexes(SENSOR_TYPE, 1):
        if rows.number(SENSOR_TYPE, index) != CELSIUS or rows.number(SENSOR_STATUS, index) not in (None, 1):
            continue
        scale = rows.number(SENSOR_SCALE, index, 1, 17)  # 9 is units, each step a thousandfold
        precision = rows.number(SENSOR_PRECISION, index, -8, 9)
        value = rows.number(SENSOR_VALUE, index, -(10**9), 10**9)
        if value is None or scale is None or precision is None:
            continue
        degrees = value * 10.0 ** (3 * (scale - 9) - precision)
        if -60 <= degrees <= 200:
            readings.append(degrees)
        else:
            rows.problems.add(WalkProblem.BAD_VALUE)
    return round(max(readings), 3) if readings else None


def read_cpu_ratio(rows: Rows) -> float | None:
    """The mean load of the processors over the last minute, 0 to 1."""
    loads = [
        load
        for index in rows.indexes(PROCESSOR_LOAD, 1)
        if (load := rows.number(PROCESSOR_LOAD, index, 0, 100)) is not None
    ]
    return round(sum(loads) / len(loads) / 100, 4) if loads else None
