"""Ports by the names that people write: pure, with literals."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from probes.port_names import port_named, split_name
from probes.ports import Port

TWELVE = range(1, 13)


def named(*names: str, first: int = 1) -> list[Port]:
    """Ethernet ports with those names and consecutive indexes."""
    return [Port(index, name, name, physical=True) for index, name in enumerate(names, first)]


STACK = named(*(f"Gi{unit}/0/{port}" for unit in (1, 2) for port in TWELVE), "Te1/1/1", "Te1/1/2")
SINGLE = named(*(f"GigabitEthernet1/0/{port}" for port in TWELVE), "XGigabitEthernet1/0/13")
FAST = named(*(f"FastEthernet0/{port}" for port in TWELVE), "GigabitEthernet0/1", "GigabitEthernet0/2")
PLAIN = [
    *named(*map(str, TWELVE)),
    Port(290, "Trk3", "Trk3"),
    Port(900, "3", "VLAN 3"),
    Port(901, "Vl4", "VLAN 4"),
]
SMALL = named(*(f"gi{port}" for port in TWELVE))
PORTS = named(*(f"Port {port}" for port in TWELVE))
JUNIPER = [*named(*(f"ge-0/0/{port}" for port in TWELVE)), Port(600, "ge-0/0/3.0", "ge-0/0/3.0")]
MIXED = named("0/3", "1/0/3", "2/0/3")
LETTER = named(*(f"1/g{port}" for port in TWELVE), "1/xg13")


@pytest.mark.parametrize(
    ("fleet", "text", "name"),
    [
        (SINGLE, "GigabitEthernet1/0/3", "GigabitEthernet1/0/3"),
        (SINGLE, "gigabitethernet1/0/3", "GigabitEthernet1/0/3"),
        (SINGLE, "Gi1/0/3", "GigabitEthernet1/0/3"),
        (SINGLE, "GE1/0/3", "GigabitEthernet1/0/3"),
        (SINGLE, "G 1/0/3", "GigabitEthernet1/0/3"),
        (SINGLE, "Gi0/3", "GigabitEthernet1/0/3"),
        (SINGLE, "gi3", "GigabitEthernet1/0/3"),
        (SINGLE, "port 3", "GigabitEthernet1/0/3"),
        (SINGLE, "3", "GigabitEthernet1/0/3"),
        (SINGLE, " 03 ", "GigabitEthernet1/0/3"),
        (SINGLE, "３ 号口", "GigabitEthernet1/0/3"),
        (SINGLE, "端口3", "GigabitEthernet1/0/3"),
        (SINGLE, "１／０／３", "GigabitEthernet1/0/3"),
        (MIXED, "port 0/3", "0/3"),
        (SINGLE, "10GE1/0/13", "XGigabitEthernet1/0/13"),
        (SINGLE, "Te1/0/13", "XGigabitEthernet1/0/13"),
        (SINGLE, "Fa1/0/3", None),
        (SINGLE, "2/0/3", None),
        (SINGLE, "14", None),
        (SINGLE, "1/3", None),
        (SINGLE, "", None),
        (SINGLE, "uplink", None),
        (SINGLE, "3, 4", None),
        (SINGLE, "3.100", None),
        (STACK, "Gi2/0/3", "Gi2/0/3"),
        (STACK, "2/0/3", "Gi2/0/3"),
        (STACK, "0/3", None),
        (STACK, "3", None),
        (STACK, "te1/1/2", "Te1/1/2"),
        (FAST, "0/3", "FastEthernet0/3"),
        (FAST, "0/1", None),
        (FAST, "Fa0/1", "FastEthernet0/1"),
        (FAST, "gi1", "GigabitEthernet0/1"),
        (PLAIN, "3", None),  # a VLAN of that name
        (PLAIN, "port 4", "4"),
        (PLAIN, "Gi1/0/4", "4"),
        (PLAIN, "0/4", "4"),
        (PLAIN, "2/0/4", None),
        (PLAIN, "trk3", "Trk3"),
        (SMALL, "GigabitEthernet1/0/3", "gi3"),
        (SMALL, "3", "gi3"),
        (SMALL, "fa3", None),
        (PORTS, "3", "Port 3"),
        (PORTS, "gi3", "Port 3"),
        (JUNIPER, "0/0/3", "ge-0/0/3"),
        (JUNIPER, "ge-0/0/3.0", "ge-0/0/3.0"),
        (LETTER, "3", "1/g3"),
        (LETTER, "1/3", "1/g3"),
    ],
)
def test_a_port_is_found_by_what_people_write(fleet: Sequence[Port], text: str, name: str | None) -> None:
    """A text finds the one port that it can mean, and none where it could mean two."""
    found = port_named(fleet, text)
    assert (found.name if found else None) == name


def test_an_alias_counts_last() -> None:
    """An administrator's note finds a port only where no name and number does, and only if one port has it."""
    fleet = [Port(1, "Gi0/1", alias="7", physical=True), Port(2, "Gi0/7", alias="east gate", physical=True)]
    assert [found and found.index for found in (port_named(fleet, "7"), port_named(fleet, "East Gate"))] == [2, 2]
    assert port_named([*fleet, Port(3, "Gi0/8", alias="east gate")], "east gate") is None


def test_names_split() -> None:
    """Abbreviations come to the same kind; texts of any length and alphabet are no problem."""
    assert {split_name(text) for text in ("Gi1/0/3", "ge-1/0/3", "GigabitEthernet 1/0/3", "g1/0/3")} == {
        ("gigabit", (1, 0, 3))
    }
    assert split_name("1" * 5000) is split_name("a/" * 5000) is split_name("Vlan") is split_name("\0") is None
