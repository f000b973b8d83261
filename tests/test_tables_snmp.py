"""Tables out of walked rows: pure, with literals."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest
from gufo.snmp import ValueType

from probes import ports, tables
from probes.port_names import port_named
from probes.ports import Poe, Port, half_table, read_ports, read_supplies
from probes.snmp_rows import Index, Rows, WalkProblem
from probes.tables import (
    Neighbour,
    normal_mac,
    read_arp,
    read_cpu_ratio,
    read_macs,
    read_neighbours,
    read_temperature,
)

MAC = b"\x02\x1b\xc5\xa0\x00\x01"
SHOWN = "02:1b:c5:a0:00:01"
TWELVE = range(1, 13)


def named(*names: str, first: int = 1) -> list[Port]:
    """Ethernet ports with those names and consecutive indexes."""
    return [Port(index, name, name, physical=True) for index, name in enumerate(names, first)]


STACK = named(*(f"Gi{unit}/0/{port}" for unit in (1, 2) for port in TWELVE), "Te1/1/1", "Te1/1/2")
SINGLE = named(*(f"GigabitEthernet1/0/{port}" for port in TWELVE), "XGigabitEthernet1/0/13")
FAST = named(*(f"FastEthernet0/{port}" for port in TWELVE), "GigabitEthernet0/1", "GigabitEthernet0/2")


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        (MAC, SHOWN),
        ("02:1B:C5:A0:00:01", SHOWN),
        ("02-1b-c5-a0-00-01", SHOWN),
        ("021b.c5a0.0001", SHOWN),
        ("021B-C5A0-0001", SHOWN),
        (" 021bc5a00001 ", SHOWN),
        ("2:1b:c5:a0:0:1", SHOWN),
        (b"\x02\x1b", None),
        ("", None),
        ("02:1b-c5:a0:00:01", None),
        ("02:1b:c5:a0:00", None),
        ("02:1b:c5:a0:00:01:02", None),
        ("10.0.0.1", None),
        ("GigabitEth1", None),
    ],
)
def test_macs_have_one_form(address: str | bytes, wanted: str | None) -> None:
    """Every usual way to write a MAC comes to one; what is none is None."""
    assert normal_mac(address) == wanted


Cells = dict[str, Mapping[Index, ValueType]]


def interfaces(fleet: Sequence[Port], more: Cells | None = None) -> Rows:
    """Rows of interfaces, all up, and what else there is."""
    cells: Cells = {
        ports.IF_DESCR: {(port.index,): port.descr.encode() for port in fleet},
        ports.IF_TYPE: {(port.index,): 6 if port.physical else 53 for port in fleet},
        ports.IF_ADMIN: {(port.index,): 1 for port in fleet},
        ports.IF_OPER: {(port.index,): 1 for port in fleet},
    }
    return Rows(cells | (more or {}))


def power_of(fleet: Sequence[Port], numbers: Sequence[Index]) -> tuple[dict[str, int], set[WalkProblem]]:
    """Port name -> power class, where the power port with number n has class n % 5; and the problems."""
    rows = interfaces(
        fleet,
        {
            ports.POE_DETECTION: dict.fromkeys(numbers, 3),
            ports.POE_CLASS: {index: index[1] % 5 + 1 for index in numbers},
        },
    )
    found = read_ports(rows, None)
    return {
        port.name: port.poe.class_ for port in found if port.poe and port.poe.class_ is not None
    }, rows.problems


def test_power_ports_by_printed_number() -> None:
    """Numbers from 1 on are those printed on the switch, also where ifIndexes are other Ethernet ports."""
    shifted = [*named("mgmt0"), *named("Gi0/1", "Gi0/2", "Gi0/3", first=2)]
    assert power_of(shifted, [(1, 1), (1, 2), (1, 3)]) == ({"Gi0/1": 1, "Gi0/2": 2, "Gi0/3": 3}, set())


def test_power_ports_by_ifindex() -> None:
    """Numbers that are ifIndexes and no printed ones are ifIndexes."""
    fleet = named(*(f"GigabitEthernet0/0/{port}" for port in range(1, 5)), first=5)
    wanted = {f"GigabitEthernet0/0/{port}": (port + 4) % 5 for port in range(1, 5)}
    assert power_of(fleet, [(4, index) for index in range(5, 9)]) == (wanted, set())


_UPLINKS = tuple(f"xe-0/2/{port}" for port in range(4))


def test_power_ports_of_names_that_begin_at_0() -> None:
    """Juniper counts units and ports from 0 and their power from 1; eight fed ports of 24 are the first eight."""
    first = [*named(*(f"ge-0/0/{port}" for port in range(24)), first=510), *named(*_UPLINKS, first=600)]
    found, problems = power_of(first, [(1, port) for port in range(1, 9)])
    assert (found, problems) == ({f"ge-0/0/{port}": (port + 1) % 5 for port in range(8)}, set())
    both = [*first, *named(*(f"ge-1/0/{port}" for port in range(24)), first=700)]
    found, problems = power_of(both, [(unit, port) for unit in (1, 2) for port in range(1, 25)])
    assert found == {f"ge-{unit}/0/{port}": (port + 1) % 5 for unit in (0, 1) for port in range(24)}
    assert problems == set()


def test_power_ports_of_a_stack() -> None:
    """Each power group is the unit of its number; uplink slots with the same numbers do not confuse it."""
    found, problems = power_of(STACK, [(unit, port) for unit in (1, 2) for port in TWELVE])
    assert found == {f"Gi{unit}/0/{port}": port % 5 for unit in (1, 2) for port in TWELVE}
    assert problems == set()


@pytest.mark.parametrize(
    ("fleet", "numbers"),
    [
        (
            named(*(f"Gi0/{port}" for port in range(1, 25)), first=5),
            [(1, port) for port in range(9, 13)],
        ),  # either
        (STACK, [(unit, port) for unit in (3, 4) for port in TWELVE]),  # no such unit
        (SINGLE, [(1, port) for port in range(10, 20)]),  # more than there are
        ([*named("mgmt0"), *named("Gi0/1", "Te0/1", first=2)], [(1, 1)]),  # either 0/1, and not the first port
    ],
)
def test_power_that_could_be_anywhere_is_nowhere(fleet: Sequence[Port], numbers: Sequence[Index]) -> None:
    """Power is not put on a port that it may not belong to, and the problem is told."""
    found, problems = power_of(fleet, numbers)
    assert (found, problems) == ({}, {WalkProblem.POE_UNMAPPED})


def test_an_ifindex_decides_between_names() -> None:
    """Where two series of names have the power ports' numbers, the one whose ifIndexes they are is meant."""
    assert power_of(FAST, [(1, 1), (1, 2)]) == ({"FastEthernet0/1": 1, "FastEthernet0/2": 2}, set())


def test_a_port_says_what_the_agent_said() -> None:
    """States, speeds, times and counters are read as their MIB means them; what is odd is None and told."""
    rows = interfaces(
        named("Gi0/1", "Gi0/2", "Gi0/3"),
        {
            ports.IF_ADMIN: {(1,): 1, (2,): 2, (3,): 3},
            ports.IF_OPER: {(1,): 1, (2,): 7, (3,): 4},
            ports.IF_SPEED: {(1,): 2**32 - 1, (2,): 100_000_000, (3,): 0},
            ports.IF_HIGH_SPEED: {(1,): 10_000, (2,): 0},
            ports.IF_LAST_CHANGE: {(1,): 1000, (2,): 0, (3,): 100_001},
            ports.IF_IN_ERRORS: {(1,): 7, (2,): -1, (3,): b"many"},
            ports.IF_OUT_OCTETS: {(1,): 2**63},
            ports.IF_ALIAS: {(1,): "东门\n1".encode(), (2,): "东门".encode("gb18030"), (3,): b"x\x1b[2J\0\0"},
        },
    )
    one, two, three = read_ports(rows, 1000.0)
    assert (one.admin_up, two.admin_up, three.admin_up) == (True, False, None)
    assert (one.oper_up, two.oper_up, three.oper_up) == (True, False, None)
    assert (one.speed_bps, two.speed_bps, three.speed_bps) == (10**10, 10**8, None)
    assert (one.last_change_seconds, two.last_change_seconds, three.last_change_seconds) == (990.0, 1000.0, None)
    assert (one.in_errors, two.in_errors, three.in_errors, one.out_octets) == (7, None, None, 2**63)
    assert (one.alias, two.alias, three.alias) == ("东门 1", "东门", "x[2J")
    assert rows.problems == {WalkProblem.BAD_VALUE}
    assert read_ports(interfaces(named("Te0/1"), {ports.IF_SPEED: {(1,): 2**32 - 1}}), None)[0].speed_bps is None


def test_power_says_what_the_agent_said() -> None:
    """Detection, class, switch and counters keep their meaning; a supply its state and watts."""
    rows = interfaces(
        named("Gi0/1"),
        {
            ports.POE_DETECTION: {(1, 1): 4},
            ports.POE_CLASS: {(1, 1): 5},
            ports.POE_ADMIN: {(1, 1): 2},
            ports.POE_ABSENT: {(1, 1): 1},
            ports.POE_DENIED: {(1, 1): 2},
            ports.POE_OVERLOADS: {(1, 1): 3},
            ports.POE_SHORTS: {(1, 1): 4},
            ports.SUPPLY_POWER: {(1,): 370},
            ports.SUPPLY_STATUS: {(1,): 3},
        },
    )
    assert read_ports(rows, None)[0].poe == Poe("fault", 4, False, 1, 2, 3, 4)
    assert read_supplies(rows) == (ports.PoeSupply(1, "faulty", 370, None),)


def test_half_a_table_is_seen() -> None:
    """States that end before the interfaces do are told from a device that has none missing at the end."""
    fleet = named("a", "b", "c")
    assert not half_table(interfaces(fleet))
    assert not half_table(interfaces(fleet, {ports.IF_OPER: {(1,): 1, (3,): 1}}))
    assert half_table(interfaces(fleet, {ports.IF_OPER: {(1,): 1, (2,): 1}}))


BASE: Cells = {tables.BASE_PORT_IFINDEX: {(1,): 11, (2,): 12}}


def test_bridge_ports_are_not_ifindexes() -> None:
    """A MAC is at the interface that its bridge port stands for; VLANs, unknown ports and groups add nothing."""
    rows = Rows(
        {
            **BASE,
            tables.VLAN_FDB_PORT: {
                (1, *MAC): 2,
                (100, *MAC): 2,
                (100, 2, 0, 0, 0, 0, 9): 0,
                (100, 1, 0, 94, 0, 0, 1): 1,
                (100, 2, 0, 0, 0, 0, 256): 1,
                (5, 5): 1,
            },
            tables.BRIDGE_FDB_PORT: {(*MAC,): 1},
        }
    )
    assert read_macs(rows, named("a", "b")) == ((SHOWN, 11), (SHOWN, 12))
    assert rows.problems == {WalkProblem.BAD_VALUE}  # an index of two parts


def test_without_a_port_map_only_what_can_be_meant() -> None:
    """Bridge ports without a map are ifIndexes only where all of them are Ethernet ports, and that is told."""
    rows = Rows({tables.BRIDGE_FDB_PORT: {(*MAC,): 2}})
    assert read_macs(rows, named("a", "b")) == ((SHOWN, 2),)
    assert rows.problems == {WalkProblem.PORT_MAP_ASSUMED}
    rows = Rows({tables.BRIDGE_FDB_PORT: {(*MAC,): 2, (*MAC[:5], 2): 3}})
    assert read_macs(rows, named("a", "b")) == ()
    assert rows.problems == {WalkProblem.NO_PORT_MAP}
    rows = Rows({**BASE, tables.BRIDGE_FDB_PORT: {(*MAC,): 2, (*MAC[:5], 2): 3}})
    assert read_macs(rows, []) == ((SHOWN, 12),)
    assert rows.problems == {WalkProblem.NO_PORT_MAP}


def neighbour(number: int, local: Mapping[str, ValueType], base: bool = False) -> int | None:
    """The ifIndex of what is heard at LLDP port `number`, which the agent describes as `local`."""
    fleet = [Port(index, f"Gi0/{index - 10}", "copper", "east" * (index == 11), True) for index in (11, 12)]
    cells: Cells = {oid: {(number,): value} for oid, value in local.items()}
    cells[tables.REMOTE_CHASSIS] = {(0, number, 1): b"x"}
    rows = Rows(cells | (BASE if base else {}))
    return read_neighbours(rows, fleet)[0].port


def test_the_local_port_of_a_neighbour() -> None:
    """An LLDP port is the interface of its name, else a bridge port, else an Ethernet ifIndex, else not known."""
    assert neighbour(7, {tables.LOCAL_PORT: b"Gi0/2"}) == 12
    assert neighbour(7, {tables.LOCAL_PORT: b"gi0/1"}) == 11
    assert neighbour(7, {tables.LOCAL_PORT: b"east"}) == 11
    assert neighbour(7, {tables.LOCAL_PORT: MAC, tables.LOCAL_PORT_DESCR: b"Gi0/2"}) == 12
    assert neighbour(7, {tables.LOCAL_PORT: b"copper"}) is None  # both are called so
    assert neighbour(2, {}, base=True) == 12
    assert neighbour(12, {}, base=True) is None
    assert neighbour(12, {}) == 12
    assert neighbour(7, {}) is None


def test_who_a_neighbour_is() -> None:
    """Chassis and port ids come in the form of their kind, MACs in the one form."""
    rows = Rows(
        {
            tables.REMOTE_CHASSIS: {
                (0, 1, 1): MAC,
                (0, 1, 2): b"\1\x0a\0\0\7",
                (0, 1, 3): b"sw-1",
                (9, 1): b"odd",
            },
            tables.REMOTE_CHASSIS_KIND: {(0, 1, 1): 4, (0, 1, 2): 5, (0, 1, 3): 7},
            tables.REMOTE_PORT: {(0, 1, 1): b"Gi0/1", (0, 1, 2): MAC, (0, 1, 3): b"02:1B:c5:a0:00:01"},
            tables.REMOTE_PORT_KIND: {(0, 1, 1): 5, (0, 1, 2): 3, (0, 1, 3): 7},
            tables.REMOTE_NAME: {(0, 1, 1): b"core\n"},
        }
    )
    assert read_neighbours(rows, []) == (
        Neighbour(None, SHOWN, "Gi0/1", "core"),
        Neighbour(None, "10.0.0.7", SHOWN),
        Neighbour(None, "sw-1", SHOWN),
    )


def test_temperature_and_load() -> None:
    """Scales and precisions are honoured, broken and absurd sensors are not; processors are averaged."""
    sensors = {1: (8, 9, 1, 470, 1), 2: (8, 8, 0, 51500, 1), 3: (8, 9, 1, 990, 2), 4: (10, 9, 0, 90, 1)}
    columns = [tables.SENSOR_TYPE, tables.SENSOR_SCALE, tables.SENSOR_PRECISION, tables.SENSOR_VALUE]
    columns.append(tables.SENSOR_STATUS)
    cells: dict[str, dict[Index, ValueType]] = {
        oid: {(number,): sensor[at] for number, sensor in sensors.items()} for at, oid in enumerate(columns)
    }
    rows = Rows(cells)
    assert (read_temperature(rows), rows.problems) == (51.5, set())
    cells[tables.SENSOR_VALUE][2,] = 10**9
    assert (read_temperature(rows), rows.problems) == (47.0, {WalkProblem.BAD_VALUE})
    assert read_temperature(Rows({})) is read_cpu_ratio(Rows({})) is None
    assert read_cpu_ratio(Rows({tables.PROCESSOR_LOAD: {(1,): 10, (2,): 21, (3,): 101}})) == 0.155


def test_arp() -> None:
    """Pairs of MAC and address; entries that wait for an answer have none."""
    cells: dict[Index, ValueType] = {(3, 10, 0, 0, 1): MAC, (3, 10, 0, 0, 2): bytes(6), (3, 10, 0, 0, 3): b""}
    assert read_arp(Rows({tables.ARP_MAC: cells | {(3, 10, 0, 0, 300): MAC, (1,): MAC}})) == ((SHOWN, "10.0.0.1"),)


def test_any_rows_are_survived() -> None:
    """Whatever an agent puts in whichever column, the tables come out, and as what they promise to be."""
    dice = random.Random(4)
    columns = [
        value for module in (ports, tables) for value in vars(module).values() if str(value).startswith("1.")
    ]
    columns = [oid for oid in columns if not oid.endswith(".")]
    values = (
        None,
        -1,
        0,
        1,
        3,
        6,
        8,
        2**64 - 1,
        -(2**63),
        1.5,
        "1.3.6",
        b"",
        b"\xff\0",
        MAC,
        b"Gi1/0/3",
        b"9" * 255,
    )
    assert len(columns) > 30
    for _ in range(300):
        rows = Rows(
            {
                oid: {
                    tuple(
                        dice.choice((0, 1, 2, 255, 256, 2**32 - 1)) for _ in range(dice.randrange(8))
                    ): dice.choice(values)
                    for _ in range(dice.randrange(12))
                }
                for oid in columns
            }
        )
        found = read_ports(rows, dice.choice((None, 0.0, 1e6)))
        assert all(port.index > 0 and port.name.isprintable() for port in found)
        assert all(normal_mac(mac) == mac for mac, _ in read_macs(rows, found))
        assert all(item.chassis_id.isprintable() for item in read_neighbours(rows, found))
        assert all(normal_mac(mac) == mac for mac, _ in read_arp(rows))
        assert 0 <= (read_cpu_ratio(rows) or 0) <= 1
        assert -60 <= (read_temperature(rows) or 0) <= 200
        assert len(read_supplies(rows)) <= 12
        assert half_table(rows) in (True, False)
        port_named(found, dice.choice([port.name for port in found] or [""]))
