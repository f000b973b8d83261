"""The ports of a switch out of its walk: IF-MIB (RFC 2863) and POWER-ETHERNET-MIB (RFC 3621)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from probes.port_names import split_name
from probes.snmp_rows import Index, Rows, WalkProblem

_IF = "1.3.6.1.2.1.2.2.1."
_IFX = "1.3.6.1.2.1.31.1.1.1."
IF_DESCR, IF_TYPE, IF_SPEED, IF_ADMIN, IF_OPER = (f"{_IF}{column}" for column in (2, 3, 5, 7, 8))
IF_LAST_CHANGE, IF_IN_ERRORS, IF_OUT_ERRORS = (f"{_IF}{column}" for column in (9, 14, 20))
IF_NAME, IF_IN_OCTETS, IF_OUT_OCTETS = (f"{_IFX}{column}" for column in (1, 6, 10))
IF_HIGH_SPEED, IF_ALIAS = (f"{_IFX}{column}" for column in (15, 18))
_POE = "1.3.6.1.2.1.105.1.1.1."
POE_ADMIN, POE_DETECTION, POE_ABSENT, POE_CLASS = (f"{_POE}{column}" for column in (3, 6, 8, 10))
POE_DENIED, POE_OVERLOADS, POE_SHORTS = (f"{_POE}{column}" for column in (12, 13, 14))
_SUPPLY = "1.3.6.1.2.1.105.1.3.1.1."
SUPPLY_POWER, SUPPLY_STATUS, SUPPLY_CONSUMPTION = (f"{_SUPPLY}{column}" for column in (2, 3, 4))

_ETHERNET = frozenset({6, 62, 69, 117})  # ethernetCsmacd and the three that RFC 3635 retired
_OPER = {1: True, 2: False, 5: False, 6: False, 7: False}  # testing and unknown say neither
_ADMIN = {1: True, 2: False}
_TRUTH = {1: True, 2: False}
_DETECTION = {1: "disabled", 2: "searching", 3: "delivering", 4: "fault", 5: "test", 6: "other_fault"}
_SUPPLY_STATUS = {1: "on", 2: "off", 3: "faulty"}
_COUNTER32 = 2**32 - 1
_MAX_INDEX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Poe:
    """Power over Ethernet of a port. The MIB has no power per port: `delivering` means that it draws some.

    `detection`: disabled, searching, delivering, fault, test or other_fault; None if not told. `class_`: 0 to 4,
    meaningful while delivering. The counters (of endings: device gone, overload, short circuit; and of refusals)
    are readings since the switch started.
    """

    detection: str | None = None
    class_: int | None = None
    admin_on: bool | None = None
    absences: int | None = None
    denials: int | None = None
    overloads: int | None = None
    shorts: int | None = None


@dataclass(frozen=True, slots=True)
class PoeSupply:
    """What feeds a group of power ports; `status`: on, off, faulty or None."""

    group: int
    status: str | None
    power_watts: int | None
    consumption_watts: int | None


@dataclass(frozen=True, slots=True)
class Port:
    """An interface, also of a VLAN or aggregate; `index` is its ifIndex, which may change at a restart.

    What the agent does not tell is None or an empty text. `last_change_seconds`: how long before the walk it
    last went up or down. Errors and octets are readings since the switch (or its counters) started: one that is
    lower than the last was reset.
    """

    index: int
    name: str = ""  # ifName, else ifDescr
    descr: str = ""
    alias: str = ""  # what the administrator wrote
    physical: bool = False  # an Ethernet port
    admin_up: bool | None = None
    oper_up: bool | None = None
    speed_bps: int | None = None
    last_change_seconds: float | None = None
    in_errors: int | None = None
    out_errors: int | None = None
    in_octets: int | None = None
    out_octets: int | None = None
    poe: Poe | None = None


def read_ports(rows: Rows, uptime_seconds: float | None) -> tuple[Port, ...]:
    """All interfaces by index, with their power."""
    indexes = {index for oid in (IF_DESCR, IF_NAME, IF_OPER) for index in rows.indexes(oid, 1)}
    ports = [_port(rows, index, uptime_seconds) for index in sorted(indexes) if 0 < index[0] <= _MAX_INDEX]
    power = _power(rows, ports)
    return tuple(replace(port, poe=power[port.index]) if port.index in power else port for port in ports)


def half_table(rows: Rows) -> bool:
    """Whether the states end before the interfaces do: the agent stopped in the middle."""
    last = max(rows.column(IF_DESCR), default=())
    return any(max(column, default=()) < last for column in (rows.column(IF_ADMIN), rows.column(IF_OPER)))


def _port(rows: Rows, index: Index, uptime_seconds: float | None) -> Port:
    descr = rows.text(IF_DESCR, index)
    return Port(
        index=index[0],
        name=rows.text(IF_NAME, index) or descr,
        descr=descr,
        alias=rows.text(IF_ALIAS, index),
        physical=rows.number(IF_TYPE, index) in _ETHERNET,
        admin_up=_ADMIN.get(rows.number(IF_ADMIN, index) or 0),
        oper_up=_OPER.get(rows.number(IF_OPER, index) or 0),
        speed_bps=_speed(rows, index),
        last_change_seconds=_since(rows.number(IF_LAST_CHANGE, index, high=_COUNTER32), uptime_seconds),
        in_errors=rows.number(IF_IN_ERRORS, index),
        out_errors=rows.number(IF_OUT_ERRORS, index),
        in_octets=rows.number(IF_IN_OCTETS, index),
        out_octets=rows.number(IF_OUT_OCTETS, index),
    )


def _speed(rows: Rows, index: Index) -> int | None:
    """ifHighSpeed is in megabits; ifSpeed is full at 4.3 Gbit/s, and 0 where nothing is known."""
    high = rows.number(IF_HIGH_SPEED, index, high=10_000_000)
    low = rows.number(IF_SPEED, index, high=_COUNTER32)
    if high:
        return high * 1_000_000
    return low if low and low < _COUNTER32 else None


def _since(changed_ticks: int | None, uptime_seconds: float | None) -> float | None:
    """ifLastChange is what sysUpTime was then; one in the future says nothing."""
    if changed_ticks is None or uptime_seconds is None or changed_ticks / 100 > uptime_seconds:
        return None
    return round(uptime_seconds - changed_ticks / 100, 2)


def read_supplies(rows: Rows) -> tuple[PoeSupply, ...]:
    """The power supplies of pethMainPseTable, by group."""
    return tuple(
        PoeSupply(
            group=index[0],
            status=_SUPPLY_STATUS.get(rows.number(SUPPLY_STATUS, index) or 0),
            power_watts=rows.number(SUPPLY_POWER, index, high=_COUNTER32),
            consumption_watts=rows.number(SUPPLY_CONSUMPTION, index, high=_COUNTER32),
        )
        for index in sorted(rows.indexes(SUPPLY_POWER, 1))
    )


def _power(rows: Rows, ports: Sequence[Port]) -> dict[int, Poe]:
    """ifIndex -> power, of every group whose ports could be told."""
    groups: dict[int, list[int]] = defaultdict(list)
    for group, number in {index for oid in (POE_ADMIN, POE_DETECTION) for index in rows.indexes(oid, 2)}:
        groups[group].append(number)
    several = sum(map(len, groups.values())) > len({number for numbers in groups.values() for number in numbers})
    found: dict[int, Poe] = {}
    for group, numbers in groups.items():
        series = [*_series(ports, group, alone=len(groups) == 1)]
        mapped = _mapped(set(numbers), series, [] if several else ports)
        if mapped is None or found.keys() & set(mapped.values()):
            rows.problems.add(WalkProblem.POE_UNMAPPED)
        else:
            found |= {ifindex: _poe(rows, (group, number)) for number, ifindex in mapped.items()}
    return found


def _mapped(
    wanted: set[int], series: Sequence[Mapping[int, int]], ports: Iterable[Port]
) -> Mapping[int, int] | None:
    """Power port number -> ifIndex. RFC 3621 leaves open what the number is: vendors take the number printed on
    the switch, which one series of names has, or the ifIndex of one of `ports`. Where both are possible and
    differ, numbers that begin at 1 are printed ones; others could be either."""
    printed = [{number: names[number] for number in wanted} for names in series if wanted <= names.keys()]
    same = {port.index: port.index for port in ports if port.physical and port.index in wanted}
    if same.keys() == wanted and (not printed or same in printed):
        return same
    return printed[0] if len(printed) == 1 and (1 in wanted or same.keys() != wanted) else None


def _series(ports: Iterable[Port], group: int, *, alone: bool) -> Iterator[Mapping[int, int]]:
    """Power port number -> ifIndex, of each series of names such as `Gi1/0/`; of the unit that the group stands
    for, or of any where there is no other group.

    Juniper counts units and ports from 0 and power ports from 1: `ge-0/0/0` is 1.1, `ge-1/0/2` is 2.3.
    """
    series: dict[tuple[str, tuple[int, ...]], dict[int, int]] = defaultdict(dict)
    for port in ports:
        split = (split_name(port.name) or split_name(port.descr)) if port.physical else None
        if split:
            series[split[0], split[1][:-1]][split[1][-1]] = port.index
    for (_, units), names in series.items():
        if units and units[0] == group - 1 and 0 in names and len(names) > 1:
            yield {number + 1: index for number, index in names.items()}
        elif (0 not in names or not units) and (alone or not units or units[0] == group):
            yield names


def _poe(rows: Rows, index: Index) -> Poe:
    class_ = rows.number(POE_CLASS, index, 1, 5)
    return Poe(
        detection=_DETECTION.get(rows.number(POE_DETECTION, index) or 0),
        class_=class_ - 1 if class_ else None,
        admin_on=_TRUTH.get(rows.number(POE_ADMIN, index) or 0),
        absences=rows.number(POE_ABSENT, index),
        denials=rows.number(POE_DENIED, index),
        overloads=rows.number(POE_OVERLOADS, index),
        shorts=rows.number(POE_SHORTS, index),
    )
