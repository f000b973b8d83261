"""The device probe against replayed walks and a real snmpd: what it reads, and what is no answer."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import socket
import tracemalloc
from dataclasses import replace

import pytest

from probes import ports
from probes.base import Credential, Memory, Outcome, Reason
from probes.device import MIBS
from probes.port_names import port_named
from probes.ports import Poe, PoeSupply
from probes.snmp_rows import WalkProblem
from tests.snmpd import NAME, NOW, V2C, V3, Snmpd, at
from tests.walkagent import (
    UPTIME,
    WALKS,
    Agent,
    ask,
    below,
    integer,
    load,
    make,
    named,
    serve,
)

SHAPES = sorted(path.stem for path in WALKS.glob("*.snmpwalk"))


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_is_read_whole(shape: str) -> None:
    """Whatever the vendor's way, all interfaces come, nothing is left out or odd, each MAC is at a real port."""
    rows = load(shape)
    result = await ask(Agent(rows))
    values = result.values
    assert (result.outcome, values["incomplete"]) == (Outcome.OK, ())
    assert values["problems"] == ((WalkProblem.PORT_MAP_ASSUMED,) if shape == "plain" else ())
    assert [port.index for port in values["ports"]] == [row[0][-1] for row in below(rows, ports.IF_DESCR)]
    assert all(port.oper_up is not None and port.name for port in values["ports"])
    indexes = {port.index for port in values["ports"]}
    assert {index for _, index in values["macs"]} <= indexes
    assert {neighbour.port for neighbour in values["neighbours"]} <= indexes
    there = {mib for mib, columns in MIBS.items() if any(below(rows, column) for column in columns)}
    asked_for_nothing = {"BRIDGE-MIB"} if values["macs"] and "Q-BRIDGE-MIB" in there else set()
    assert set(values["missing"]) | asked_for_nothing >= set(MIBS) - there
    assert not set(values["missing"]) & there


async def test_a_stack() -> None:
    """Ports, power, MACs and neighbours of a stack are put together over indexes that all differ."""
    result = await ask(Agent(load("stack")))
    values = result.values
    camera, dark, broken, off = (named(result, text) for text in ("Gi1/0/5", "2/0/7", "Gi2/0/13", "Gi1/0/24"))
    assert (camera.index, camera.alias, camera.speed_bps) == (10105, "cam-1-05", 10**8)
    assert (camera.oper_up, camera.in_errors, dark.oper_up, off.admin_up) == (True, 1200, False, False)
    assert camera.poe == Poe("delivering", 3, True, 0, 0, 0, 0)
    assert dark.poe == Poe("searching", 3, True, 3, 0, 0, 0)
    assert broken.poe == Poe("fault", 3, True, 0, 0, 2, 0)
    assert off.poe == Poe("disabled", 0, False, 0, 0, 0, 0)
    assert named(result, "Gi1/0/7").last_change_seconds == 123.45
    assert (named(result, "Gi1/1/1").poe, port_named(values["ports"], "5")) == (None, None)
    assert ("02:1b:c5:a0:00:cd", named(result, "Gi2/0/5").index) in values["macs"]
    assert {port for mac, port in values["macs"] if mac.startswith("02:1b:c5:a0:04")} == {5001}
    assert [(n.port, n.name) for n in values["neighbours"]] == [(10103, "IPC"), (10121, "sw-core")]
    assert values["poe_supplies"][0] == PoeSupply(1, "on", 370, 214)
    assert ("02:1b:c5:a0:07:d0", "10.1.0.1") in values["arp"]
    assert values["bridge_mac"] == values["chassis_id"] == "02:1b:c5:a0:03:84"
    assert values["missing"] == ("ENTITY-SENSOR-MIB", "HOST-RESOURCES-MIB", "Q-BRIDGE-MIB")


async def test_other_shapes() -> None:
    """Power by ifIndex or by printed number, VLAN tables, names that are numbers and sensors come out right."""
    found = {shape: await ask(Agent(load(shape))) for shape in SHAPES}
    by_index, printed = found["vlan-bridge"], found["shifted"]
    assert [bool(port.poe) for port in by_index.values["ports"][:6]] == [False] * 4 + [True] * 2
    assert dict(by_index.values["macs"])["02:1b:c5:a0:0b:b9"] == named(by_index, "GE0/0/1").index == 5
    assert [port.name for port in printed.values["ports"] if port.poe] == [f"Gi0/{n}" for n in range(1, 9)]
    assert dict(printed.values["macs"])["02:1b:c5:a0:1b:59"] == named(printed, "gi1").index == 2
    assert found["numbers"].values["ports"][0].alias == "东门枪机"
    states = [port.poe.detection for port in found["numbers"].values["ports"][:6]]
    assert states == ["delivering", "delivering", "other_fault", "fault", "test", "searching"]
    small = found["small-business"].values
    assert (small["temperature_celsius"], small["cpu_ratio"]) == (51.5, 0.12)
    assert [n.chassis_id for n in small["neighbours"]] == ["10.0.0.7", "02:1b:c5:a0:07:d2"]
    assert [port.speed_bps for port in found["plain"].values["ports"][23:25]] == [10**8, 10**9]
    assert found["router"].values["arp"][0] == ("02:1b:c5:a0:1f:41", "192.0.2.1")


async def test_a_walk_is_cheap_and_writes_nothing() -> None:
    """48 ports with power, MACs and neighbours take at most 40 requests, and every one is a GET or GETBULK."""
    agent = Agent(load("stack"))
    result = await ask(agent)
    assert result.values["requests"] == len(agent.asked) <= 40
    assert {kind for kind, _ in agent.asked} == {0xA0, 0xA5}
    assert 20_000 < result.values["bytes"] < 60_000


@pytest.mark.parametrize("credential", [V2C, V3], ids=["v2c", "v3"])
async def test_a_real_agent(snmpd: Snmpd, credential: Credential) -> None:
    """A real snmpd's interfaces are those that the kernel has, by index and name; the loopback is up."""
    result = await make(10.0).ask(at(snmpd.port, credential))
    assert (result.outcome, result.values["problems"], result.values["name"]) == (Outcome.OK, (), NAME)
    assert {(port.index, port.name) for port in result.values["ports"]} == {*socket.if_nameindex()}
    loopback = next(port for port in result.values["ports"] if port.name == "lo")
    assert (loopback.oper_up, loopback.admin_up, loopback.physical) == (True, True, False)
    assert (loopback.in_octets or 0) > 0
    assert {"POWER-ETHERNET-MIB", "LLDP-MIB", "Q-BRIDGE-MIB", "BRIDGE-MIB"} <= {*result.values["missing"]}
    assert result.learnt["booted_at"] == result.values["booted_at"] == NOW - result.values["uptime_seconds"]


async def test_a_reboot_is_found() -> None:
    """A device whose uptime went back since the last walk has rebooted."""
    agent = Agent(load("shifted"))
    first = await ask(agent)
    same = await ask(agent, memory=Memory(**first.learnt))
    agent.replace([(name, value) if name != UPTIME else (name, integer(9000, 0x43)) for name, value in agent.rows])
    again = await ask(agent, memory=Memory(**first.learnt))
    assert [result.values["rebooted"] for result in (first, same, again)] == [False, False, True]


async def test_no_agent() -> None:
    """A dead port is refused, silence a timeout that names the community, a useless credential told at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        silent = await make(0.3).ask(at(port))
        lacking = await make(0.3).ask(at(port, None))
    dead = await make().ask(at(port))
    assert [result.reason for result in (silent, lacking, dead)] == [Reason.TIMEOUT, Reason.AUTH, Reason.REFUSED]
    assert "another community" in silent.detail
    assert "credentials.default has no SNMP community" in lacking.detail


async def test_a_wrong_v3_password_is_auth(snmpd: Snmpd) -> None:
    """A refused SNMPv3 credential is auth, as for cameras."""
    result = await make(1.0).ask(at(snmpd.port, replace(V3, auth_password="wrong-secret")))
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.AUTH)


async def test_an_empty_view() -> None:
    """An agent that shows nothing to this credential is told from a device without tables."""
    nothing, system = await ask(Agent([])), await ask(Agent([row for row in load("plain") if row[0][6] == 1]))
    assert (nothing.outcome, nothing.reason) == (Outcome.FAIL, Reason.PROTOCOL)
    assert (system.outcome, system.values["missing"]) == (Outcome.OK, (*MIBS,))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_nothing_is_left_behind() -> None:
    """Finished, silent and cancelled walks close their sockets at once, and memory does not grow with walks."""
    agent = Agent(load("shifted"))
    probe = make()
    async with serve(agent) as port:
        await probe.ask(at(port))
        gc.collect()
        before = open_files()
        tracemalloc.start()
        try:
            for _ in range(60):
                assert (await probe.ask(at(port))).outcome is Outcome.OK
                agent.asked.clear()
            gc.collect()
            traced = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        agent.delay = 1.0
        gc.disable()
        try:
            asking = [asyncio.create_task(probe.ask(at(port))) for _ in range(20)]
            await asyncio.sleep(0.05)
            assert open_files() == before + 20
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
            assert open_files() == before
        finally:
            gc.enable()
    assert traced < 100_000


def test_the_walks_are_made_up() -> None:
    """The replayed walks name no vendor: the only enterprise number is the one kept for examples (RFC 5612)."""
    for shape in SHAPES:
        text = (WALKS / f"{shape}.snmpwalk").read_text("utf-8")
        assert {*re.findall(r"1\.3\.6\.1\.4\.1\.(\d+)", text)} <= {"32473"}
