"""Asks a device (switch, router, NVR) by one SNMP walk for its ports, their power and who is heard at them.

Only GET and GETBULK: nothing is ever written to a device. One socket per asking, closed when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any

from gufo.snmp import ValueType
from pydantic import Field

from probes import ports, tables
from probes.base import CheckOptions, Credential, Duration, Outcome, ProbeKind, Reason, Resources, Result, Target
from probes.snmp_exchange import EXPECTED, Logins, failure, rebooted, silence, text
from probes.snmp_rows import Rows, WalkProblem
from probes.snmp_session import Session, missing
from probes.walk import MAX_REPETITIONS, OutOfTimeError, SilentError, Walk

IF, POE, BRIDGE, VLAN_BRIDGE = "IF-MIB", "POWER-ETHERNET-MIB", "BRIDGE-MIB", "Q-BRIDGE-MIB"
LLDP, IP, SENSORS, HOST = "LLDP-MIB", "IP-MIB", "ENTITY-SENSOR-MIB", "HOST-RESOURCES-MIB"
MIBS: Mapping[str, tuple[str, ...]] = {
    IF: (ports.IF_DESCR, ports.IF_NAME),
    POE: (ports.POE_ADMIN, ports.POE_DETECTION, ports.SUPPLY_POWER),
    SENSORS: (tables.SENSOR_TYPE,),
    HOST: (tables.PROCESSOR_LOAD,),
    LLDP: (tables.REMOTE_CHASSIS,),
    BRIDGE: (tables.BASE_PORT_IFINDEX, tables.BRIDGE_FDB_PORT),
    VLAN_BRIDGE: (tables.VLAN_FDB_PORT,),
    IP: (tables.ARP_MAC,),
}
"""MIB -> the columns of which one at least has a row if the device has the MIB and anything in it."""

_UPTIME = "1.3.6.1.2.1.1.3.0"
_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
_NAME = "1.3.6.1.2.1.1.5.0"
_DESCR = "1.3.6.1.2.1.1.1.0"
_BRIDGE_ADDRESS = "1.3.6.1.2.1.17.1.1.0"
_CHASSIS_KIND, _CHASSIS = "1.0.8802.1.1.2.1.3.1.0", "1.0.8802.1.1.2.1.3.2.0"
_IDENTITY = (_OBJECT_ID, _NAME, _UPTIME)
_TEXTS_AT_ONCE = 64
_ROWS_AT_ONCE = 64  # where nothing tells yet how many there are
_MAX_SENSORS = 16


class DeviceOptions(CheckOptions):
    """`checks: device:`. `timeout` is for the whole walk; `max_rows` for all its tables together."""

    interval: Duration = 300.0
    timeout: Duration = 30.0
    port: Annotated[int, Field(ge=1, le=65535)] = 161
    max_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 20_000


@dataclass(frozen=True, slots=True)
class _Identity:
    """Who answered, and when it started: `booted_at` on the loop's clock, None if it does not tell."""

    object_id: str
    name: str
    uptime_seconds: float | None
    booted_at: float | None


class DeviceProbe:
    """Values, all always there (None, an empty text or tuple: not told):

    - `descr`, `object_id`, `name`: texts; `bridge_mac`, `chassis_id`: what the device is called in others' tables
    - `uptime_seconds`, `booted_at` (seconds since the epoch), `rebooted` (since `Memory.booted_at`)
    - `ports`: tuple of Port, by ifIndex; `poe_supplies`: tuple of PoeSupply
    - `macs`: tuple of (MAC, ifIndex) from the bridge tables; `neighbours`: tuple of Neighbour; `arp`: tuple of
      (MAC, IPv4 address)
    - `temperature_celsius` (of the hottest sensor), `cpu_ratio` (0 to 1)
    - `missing`: MIBs that gave nothing; `incomplete`: MIBs of which something is left out, so that an absent row
      proves nothing; `problems`: words of WalkProblem
    - `requests`, `bytes`: what the walk took

    Counters are readings: what is made of two of them is the caller's. Learns `booted_at`. It is a fail if the end
    of the walk finds another device than its start did, or one that restarted: such a mixture is not used.
    Cisco's per-VLAN bridge tables (a community for each VLAN) are not asked for.
    """

    def __init__(self, options: DeviceOptions, resources: Resources) -> None:
        # The walk ends by itself before the caller's deadline cuts it off, and what it read is not lost.
        self._seconds = options.timeout - min(1.0, options.timeout / 10)
        self._max_rows = options.max_rows
        self._clock = resources.clock
        self._logins = Logins()

    async def ask(self, target: Target) -> Result:
        credential = target.credential or Credential()
        lacking = missing(credential)
        if lacking:
            return Result.fail(Reason.AUTH, lacking)
        began = asyncio.get_running_loop().time()
        try:
            with closing(self._logins.session(target, credential)) as session:
                try:
                    return await self._walk(session, target)
                except (SilentError, OutOfTimeError):
                    waited = asyncio.get_running_loop().time() - began
                    return silence(session, credential, round(waited, 1))
        except EXPECTED as error:
            return failure(error, credential)

    async def close(self) -> None:
        """Nothing is open of any device between askings."""
        self._logins.close()

    async def _walk(self, session: Session, target: Target) -> Result:
        walk = Walk(session, self._seconds, self._max_rows)
        first = await walk.start([_DESCR, *_IDENTITY, _BRIDGE_ADDRESS, _CHASSIS_KIND, _CHASSIS])
        before, now = _identity(first), self._clock()
        await _read(walk, self._max_rows)
        last = await walk.get("", _IDENTITY)
        if last and _is_other(before, _identity(last)):
            return Result.fail(
                Reason.PROTOCOL, "the device restarted during the walk, or more than one answers at its address"
            )
        values = read(walk, before.uptime_seconds)
        if not first and values["missing"] == (*MIBS,):
            return Result.fail(
                Reason.PROTOCOL,
                "the agent has nothing that was asked for: check the view it gives to this credential",
            )
        booted_at = None if before.uptime_seconds is None else now - before.uptime_seconds
        system = {
            "descr": text(first.get(_DESCR, "")),
            "object_id": before.object_id,
            "name": before.name,
            "bridge_mac": tables.chassis_identity(4, first.get(_BRIDGE_ADDRESS)),
            "chassis_id": tables.chassis_identity(first.get(_CHASSIS_KIND), first.get(_CHASSIS)),
            "uptime_seconds": before.uptime_seconds,
            "booted_at": booted_at,
            "rebooted": before.uptime_seconds is not None
            and rebooted(before.uptime_seconds, now, target.memory.booted_at),
        }
        effort = {"requests": session.requests, "bytes": session.received_bytes}
        learnt = {} if booted_at is None else {"booted_at": booted_at}
        steps = _steps(values, effort)
        return Result(Outcome.OK, Reason.OK, values=system | values | effort, learnt=learnt, steps=steps)


async def _read(walk: Walk, max_rows: int) -> None:
    """All tables, the most wanted first: time or rows may not last for all."""
    await _read_ports(walk, max_rows // 20)  # a column: a device with 10,000 interfaces must not eat up the rest
    await _read_power(walk, max_rows // 20)
    sensors = await walk.column(SENSORS, tables.SENSOR_TYPE, 25, max_rows // 20)
    warm = [index for index, kind in sensors.items() if kind == tables.CELSIUS][:_MAX_SENSORS]
    details = (tables.SENSOR_SCALE, tables.SENSOR_PRECISION, tables.SENSOR_VALUE, tables.SENSOR_STATUS)
    await walk.cells(SENSORS, details, warm)
    await walk.column(HOST, tables.PROCESSOR_LOAD, 5, max_rows // 20)
    await _read_neighbours(walk, max_rows // 20)
    await walk.column(BRIDGE, tables.BASE_PORT_IFINDEX, _ROWS_AT_ONCE, max_rows // 20)
    # Both name the same devices; a switch that knows VLANs gives all of them in the second one only.
    if not await walk.column(VLAN_BRIDGE, tables.VLAN_FDB_PORT, _ROWS_AT_ONCE, max_rows):
        await walk.column(BRIDGE, tables.BRIDGE_FDB_PORT, _ROWS_AT_ONCE, max_rows)
    await walk.column(IP, tables.ARP_MAC, 25, max_rows)


async def _read_ports(walk: Walk, cap: int) -> None:
    descriptions = await walk.column(IF, ports.IF_DESCR, _TEXTS_AT_ONCE, cap)
    names = await walk.column(IF, ports.IF_NAME, _expected(descriptions, _TEXTS_AT_ONCE), cap)
    interfaces = descriptions or names
    if not interfaces:
        return
    await walk.column(IF, ports.IF_ALIAS, _expected(interfaces, _TEXTS_AT_ONCE), cap)
    many = _expected(interfaces)
    for oid in (ports.IF_TYPE, ports.IF_ADMIN, ports.IF_OPER, ports.IF_LAST_CHANGE):
        await walk.column(IF, oid, many, cap)
    if not await walk.column(IF, ports.IF_HIGH_SPEED, many, cap):
        await walk.column(IF, ports.IF_SPEED, many, cap)
    for oid in (ports.IF_IN_ERRORS, ports.IF_OUT_ERRORS, ports.IF_IN_OCTETS, ports.IF_OUT_OCTETS):
        await walk.column(IF, oid, many, cap)


async def _read_power(walk: Walk, cap: int) -> None:
    detection = await walk.column(POE, ports.POE_DETECTION, _ROWS_AT_ONCE, cap)
    if detection:
        many = _expected(detection)
        for oid in (ports.POE_ADMIN, ports.POE_CLASS, ports.POE_ABSENT, ports.POE_DENIED):
            await walk.column(POE, oid, many, cap)
        for oid in (ports.POE_OVERLOADS, ports.POE_SHORTS):
            await walk.column(POE, oid, many, cap)
    supplies = await walk.column(POE, ports.SUPPLY_POWER, 4, cap)
    await walk.cells(POE, (ports.SUPPLY_STATUS, ports.SUPPLY_CONSUMPTION), supplies)


async def _read_neighbours(walk: Walk, cap: int) -> None:
    remote = await walk.column(LLDP, tables.REMOTE_CHASSIS, 10, cap)
    kinds = (tables.REMOTE_CHASSIS_KIND, tables.REMOTE_PORT_KIND)
    texts = (tables.REMOTE_PORT, tables.REMOTE_PORT_DESCR, tables.REMOTE_NAME)
    await walk.cells(LLDP, (*kinds, *texts), remote)
    local = sorted({index[1:2] for index in remote if len(index) == 3})
    await walk.cells(LLDP, (tables.LOCAL_PORT, tables.LOCAL_PORT_DESCR), local)


def _expected(like: Mapping[Any, Any], most: int = MAX_REPETITIONS) -> int:
    """Rows to ask for at once of a column that is as long as another: one more shows that it ends."""
    return min(max(len(like) + 1, 10), most)


def read(walk: Walk, uptime_seconds: float | None) -> dict[str, Any]:
    """The tables' values out of what the walk read."""
    rows = Rows(walk.columns)
    found = ports.read_ports(rows, uptime_seconds)
    values: dict[str, Any] = {
        "ports": found,
        "poe_supplies": ports.read_supplies(rows),
        "macs": tables.read_macs(rows, found),
        "neighbours": tables.read_neighbours(rows, found),
        "arp": tables.read_arp(rows),
        "temperature_celsius": tables.read_temperature(rows),
        "cpu_ratio": tables.read_cpu_ratio(rows),
    }
    incomplete = set(walk.incomplete)
    if IF not in incomplete and ports.half_table(rows):
        rows.problems.add(WalkProblem.TRUNCATED)
        incomplete.add(IF)
    empty = (mib for mib, columns in MIBS.items() if not any(map(rows.column, columns)))
    values["missing"] = tuple(mib for mib in empty if mib not in incomplete)
    values["incomplete"] = tuple(mib for mib in MIBS if mib in incomplete)
    values["problems"] = tuple(sorted(walk.problems | rows.problems))
    return values


def _identity(answer: Mapping[str, ValueType]) -> _Identity:
    ticks = answer.get(_UPTIME)
    uptime = ticks / 100 if type(ticks) is int and 0 <= ticks < 2**32 else None
    booted_at = None if uptime is None else asyncio.get_running_loop().time() - uptime
    return _Identity(text(answer.get(_OBJECT_ID, "")), text(answer.get(_NAME, "")), uptime, booted_at)


def _is_other(before: _Identity, after: _Identity) -> bool:
    """Whether two devices answered, or one that restarted in between."""
    if (before.object_id, before.name) != (after.object_id, after.name):
        return True
    if before.uptime_seconds is None or after.uptime_seconds is None or before.booted_at is None:
        return (before.uptime_seconds is None) != (after.uptime_seconds is None)
    now = asyncio.get_running_loop().time()
    forward = rebooted(after.uptime_seconds, now, before.booted_at)
    return forward or rebooted(before.uptime_seconds, before.booted_at + before.uptime_seconds, after.booted_at)


def _steps(values: Mapping[str, Any], effort: Mapping[str, int]) -> tuple[str, ...]:
    """What the walk gave, for `healthd probe`."""
    tell = {
        "walked by SNMP in {requests} requests": effort,
        "not there: {missing}": {"missing": ", ".join(values["missing"])},
        "left out in part: {incomplete}": {"incomplete": ", ".join(values["incomplete"])},
    }
    return tuple(sentence.format(**words) for sentence, words in tell.items() if all(words.values()))


KIND = ProbeKind("device", DeviceOptions, DeviceProbe)
