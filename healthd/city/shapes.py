"""The shapes of simulated switches: how different makers number and name their ports, and which tables they lack.

Made up after the tables that real switches give: gaps, indexes that start anywhere, interfaces that are no ports.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from healthd.model import Device

ETHERNET, LOOPBACK, VIRTUAL, OTHER = 6, 24, 53, 1  # IANAifType


@dataclass(frozen=True, slots=True)
class Extra:
    """An interface that is no port of the bridge: a VLAN, the processor's own, a loopback."""

    index: int
    name: str
    kind: int
    up: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """One maker's way. Port n (from 1) is named by `port` and `description`; its ifIndex is `base` + n * `step`;
    uplinks follow after `gap` further ones. The inventory names ports as ifName does, without `names` as ifDescr.
    """

    words: str  # of sysDescr
    port: str
    description: str
    uplink: str
    base: int
    step: int
    gap: int
    names: bool  # has the ifXTable (RFC 2863)
    poe: bool  # POWER-ETHERNET-MIB (RFC 3621)
    bridge: bool  # BRIDGE-MIB (RFC 4188): one forwarding table for all VLANs
    vlan_bridge: bool  # Q-BRIDGE-MIB (RFC 4363): one a VLAN
    lldp: bool  # LLDP-MIB of IEEE 802.1AB-2005
    sensors: bool  # ENTITY-SENSOR-MIB (RFC 3433) and the processor's load (RFC 2790)
    aliases: bool  # somebody wrote down what hangs where, in ifAlias
    extras: tuple[Extra, ...]

    def index(self, number: int, copper: int) -> int:
        """The ifIndex of port `number` of a switch with `copper` ports before its uplinks."""
        return self.base + self.step * (number + (self.gap if number > copper else 0))


STACKED = Shape(
    "stackable switch", "Gi1/0/{}", "GigabitEthernet1/0/{}", "Te1/1/{}", 10100, 1, 100,
    names=True, poe=True, bridge=True, vlan_bridge=False, lldp=True, sensors=True, aliases=True,
    extras=(Extra(1, "Vlan1", VIRTUAL), Extra(5137, "StackPort1", VIRTUAL), Extra(14501, "Null0", OTHER)),
)  # fmt: skip
LADDER = Shape(
    "access switch", "GigabitEthernet0/0/{}", "GigabitEthernet0/0/{}", "XGigabitEthernet0/0/{}", 4, 1, 2,
    names=True, poe=True, bridge=False, vlan_bridge=True, lldp=True, sensors=False, aliases=False,
    extras=(
        Extra(1, "InLoopBack0", LOOPBACK), Extra(2, "NULL0", OTHER), Extra(3, "Console9/0/0", OTHER),
        Extra(4, "MEth0/0/1", ETHERNET, up=False), Extra(112, "Vlanif100", VIRTUAL),
    ),
)  # fmt: skip
LARGE = Shape(
    "modular switch", "Ethernet1/{}", "Ethernet1/{}", "Ethernet2/{}", 0x1A000000, 0x1000, 13,
    names=True, poe=True, bridge=True, vlan_bridge=True, lldp=True, sensors=True, aliases=False,
    extras=(Extra(0x05000000, "mgmt0", ETHERNET), Extra(0x09010064, "Vlan100", VIRTUAL)),
)  # fmt: skip
PLAIN = Shape(
    "smart switch", "port{}", "port{}", "sfp{}", 0, 1, 2,
    names=True, poe=False, bridge=True, vlan_bridge=False, lldp=False, sensors=False, aliases=False,
    extras=(Extra(65, "cpu0", OTHER), Extra(1001, "vlan1", VIRTUAL)),
)  # fmt: skip
WEB = Shape(
    "web-managed PoE switch", "Port{}", "Port{}", "Uplink{}", 0, 1, 0,
    names=False, poe=True, bridge=False, vlan_bridge=False, lldp=False, sensors=False, aliases=False,
    extras=(),
)  # fmt: skip
ROUTER = Shape(
    "aggregation router", "", "", "", 0, 0, 0,
    names=True, poe=False, bridge=False, vlan_bridge=False, lldp=True, sensors=True, aliases=True, extras=(),
)  # fmt: skip
OTHERS = Shape(  # a recorder's agent has the system group only
    "recorder", "", "", "", 0, 0, 0,
    names=False, poe=False, bridge=False, vlan_bridge=False, lldp=False, sensors=False, aliases=False, extras=(),
)  # fmt: skip
SHAPES = (STACKED, LADDER, LARGE, PLAIN, WEB)


def shape_of(switch: str) -> Shape:
    """The shape of a switch, decided by its id."""
    return SHAPES[zlib.crc32(switch.encode()) % len(SHAPES)]


def shape_for(device: Device) -> Shape:
    """The shape of any device."""
    return shape_of(device.id) if device.kind == "switch" else ROUTER if device.kind == "router" else OTHERS


def copper_ports(switch: str) -> int:
    """How many ports it has before its uplinks."""
    return 48 if zlib.crc32(switch[::-1].encode()) % 3 == 0 else 24


def port_name(switch: str, slot: int) -> str:
    """What the inventory calls the port of that number."""
    return shape_of(switch).port.format(slot)


def hardware(address: str) -> bytes:
    """The MAC address of whoever has this address: locally administered, the same wherever it is told."""
    return b"\x02" + hashlib.blake2b(address.encode(), digest_size=5).digest()


def colons(mac: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in mac)
