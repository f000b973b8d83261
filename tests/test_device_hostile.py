"""The device probe against agents with bad manners: every walk ends, and what it left out is told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from typing import Any

import pytest

from probes import ports, tables, walk
from probes.base import Outcome, Reason
from probes.snmp_exchange import Logins
from probes.snmp_rows import WalkProblem
from probes.walk import Walk
from tests.snmpd import V2C, at
from tests.test_snmp_session import damage, responder
from tests.walkagent import (
    UPTIME,
    Agent,
    Oid,
    Row,
    ask,
    below,
    integer,
    interfaces,
    load,
    make,
    named,
    octets,
    oid,
    serve,
    tlv,
)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for lost answers are tenths of a second."""
    monkeypatch.setattr(walk, "_WAITS_SECONDS", (0.1, 0.2))


def loop(agent: Agent, column: str, after: int) -> Callable[[Oid], Row | None]:
    """GETNEXT comes back to the column's start after that many of its rows."""
    rows = below(agent.rows, column)
    return lambda name: rows[0] if name == rows[after][0] else agent.after(name)


def stuck(agent: Agent, column: str, after: int) -> Callable[[Oid], Row | None]:
    """GETNEXT stays at one row."""
    rows = below(agent.rows, column)
    return lambda name: rows[after] if name == rows[after][0] else agent.after(name)


def shuffled(agent: Agent, column: str, after: int) -> Callable[[Oid], Row | None]:
    """The rows come in another order from one on."""
    rows = below(agent.rows, column)
    rows[after:] = rows[: after - 1 : -1]
    following = {row[0]: behind for row, behind in pairwise(rows)}
    return lambda name: following.get(name) or agent.after(name)


@pytest.mark.parametrize("at_once", [1000, 3])
@pytest.mark.parametrize(
    ("manner", "problem"),
    [(loop, WalkProblem.LOOP), (stuck, WalkProblem.LOOP), (shuffled, WalkProblem.OUT_OF_ORDER)],
)
async def test_an_endless_column_ends(manner: Any, problem: WalkProblem, at_once: int) -> None:
    """Rows that do not increase end their column with what came before; every other table is read as always."""
    agent = Agent(load("stack"), max_rows=at_once)
    whole = (await ask(Agent(agent.rows))).values
    agent.following = manner(agent, tables.BRIDGE_FDB_PORT, 5)
    values = (await ask(agent, seconds=20.0)).values
    assert (values["problems"], values["incomplete"]) == ((problem,), ("BRIDGE-MIB",))
    assert 0 < len(values["macs"]) <= 6
    assert (values["ports"], values["arp"]) == (whole["ports"], whole["arp"])


async def test_every_column_may_loop() -> None:
    """An agent that repeats itself everywhere gives one row a column at most, and the walk is as short as ever."""
    agent = Agent(load("numbers"))
    agent.following = lambda name: (name, integer(1)) if name in dict(agent.rows) else agent.after(name)
    result = await ask(agent)
    assert (result.outcome, WalkProblem.LOOP in result.values["problems"]) == (Outcome.OK, True)
    assert (len(result.values["ports"]), len(agent.asked) < 40) == (1, True)


async def test_lies_about_names_give_nothing() -> None:
    """Rows under other names than asked for are not taken for what was asked."""
    agent = Agent(load("stack"))
    agent.bend = lambda rows: [((*name[:-1], name[-1] + 1, 1), value) for name, value in rows]
    agent.following = lambda name: (oid("1.3.9.1"), integer(1))
    result = await ask(agent)
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.PROTOCOL)
    assert "has nothing that was asked for" in result.detail


async def test_ten_thousand_interfaces() -> None:
    """A device that claims 10,000 interfaces gives a twentieth of the rows a column; all else is read."""
    rows = interfaces(10_000) + [row for row in load("numbers") if row[0][6] not in (2, 31)]
    result = await ask(Agent(rows), seconds=20.0)
    values = result.values
    assert (values["problems"], values["incomplete"]) == (
        (WalkProblem.POE_UNMAPPED, WalkProblem.TOO_MANY_ROWS),
        ("IF-MIB",),
    )
    assert (len(values["ports"]), len(values["macs"]), values["cpu_ratio"]) == (1000, 4, 0.08)
    assert values["requests"] < 400


async def test_a_device_with_little_to_spare() -> None:
    """The rows of all tables together are capped."""
    result = await ask(Agent(load("stack")), max_rows=200)
    assert (result.outcome, len(result.values["ports"])) == (Outcome.OK, 10)
    assert (WalkProblem.TOO_MANY_ROWS in result.values["problems"], result.values["macs"]) == (True, ())


async def test_one_row_at_a_time() -> None:
    """An agent that gives a row a request is left after 2,000 requests, with what it gave."""
    result = await ask(Agent(interfaces(2000), max_rows=1), seconds=30.0)
    assert result.values["problems"] == (WalkProblem.TOO_MANY_REQUESTS, WalkProblem.TOO_MANY_ROWS)
    assert 2000 <= result.values["requests"] <= 2010
    assert {"IF-MIB", "IP-MIB"} <= {*result.values["incomplete"]}


async def test_large_answers_are_asked_for_in_parts() -> None:
    """An agent that sends more than a datagram may have is asked for less at once; a row too large is told."""
    rows = load("stack")
    prefix = oid(ports.IF_ALIAS)
    rows = [(name, octets("x" * 250) if name[: len(prefix)] == prefix else value) for name, value in rows]
    result = await ask(Agent(rows, max_bytes=60_000))
    assert (result.values["problems"], result.values["incomplete"]) == ((), ())
    assert {port.alias for port in result.values["ports"]} == {"x" * 250}
    rows = [(name, octets("x" * 5000) if name == (*prefix, 10105) else value) for name, value in rows]
    result = await ask(Agent(rows, max_bytes=60_000))
    assert (result.values["problems"], result.values["incomplete"]) == ((WalkProblem.TOO_LARGE,), ("IF-MIB",))
    assert len(result.values["ports"]) == 63


async def test_half_a_table_is_told() -> None:
    """States that break off are told, and the ports without one are neither up nor down."""
    rows = [row for row in load("stack") if row[0][:-1] != oid(ports.IF_OPER) or row[0][-1] < 10110]
    result = await ask(Agent(rows))
    assert (result.values["problems"], result.values["incomplete"]) == ((WalkProblem.TRUNCATED,), ("IF-MIB",))
    assert (named(result, "Gi1/0/9").oper_up, named(result, "Gi1/0/10").oper_up) == (True, None)


async def test_a_table_that_hangs_costs_itself(hasty: None) -> None:
    """An agent that is silent to one table gives the others; one that stops for good is left soon."""
    agent = Agent(load("stack"), mute=lambda kind, name: name[:8] == oid("1.3.6.1.2.1.17.4"))
    values = (await ask(agent)).values
    assert (values["problems"], values["incomplete"]) == ((WalkProblem.NO_ANSWER,), ("BRIDGE-MIB",))
    assert (len(values["ports"]), values["macs"], len(values["arp"])) == (63, (), 2)
    both = Agent(
        load("stack"), mute=lambda kind, name: name[:8] == oid("1.3.6.1.2.1.17.4") or name == oid(ports.IF_ALIAS)
    )
    values = (await ask(both)).values
    assert (values["problems"], values["incomplete"]) == ((WalkProblem.NO_ANSWER,), ("IF-MIB", "BRIDGE-MIB"))
    assert (len(values["ports"]), len(values["arp"])) == (63, 2)
    gone = Agent(load("stack"))
    gone.mute = lambda kind, name: len(gone.asked) > 20
    values = (await ask(gone)).values
    assert (values["problems"], len(values["ports"])) == ((WalkProblem.NO_ANSWER,), 63)
    assert ("IF-MIB" in values["incomplete"], "IP-MIB" in values["incomplete"], values["missing"]) == (
        False,
        True,
        (),
    )
    assert len(gone.asked) == 20 + 2 * 2


async def test_lost_datagrams_are_asked_for_again(hasty: None) -> None:
    """Every seventh request being lost changes nothing of what is read."""
    agent = Agent(load("stack"))
    whole = (await ask(agent)).values
    agent.asked.clear()
    agent.mute = lambda kind, name: len(agent.asked) % 7 == 0
    values = (await ask(agent)).values
    assert values["requests"] > whole["requests"]
    assert {**values, "requests": 0, "bytes": 0} == {**whole, "requests": 0, "bytes": 0}


async def test_a_slow_agent_gives_what_it_can() -> None:
    """When the time is over the walk ends before its deadline, and what was read counts."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    result = await ask(Agent(load("stack"), delay=0.06), seconds=1.5)
    took = loop.time() - began
    assert (result.outcome, result.values["problems"]) == (Outcome.OK, (WalkProblem.OUT_OF_TIME,))
    assert (len(result.values["ports"]), result.values["missing"]) == (63, ())
    assert {"BRIDGE-MIB", "IP-MIB"} <= {*result.values["incomplete"]}
    assert took < 1.5


@pytest.mark.parametrize("changed", ["another device", "restarted"])
async def test_two_devices_are_not_mixed(changed: str) -> None:
    """A walk that ends at another device than it began, or at one that restarted meanwhile, is thrown away."""
    agent = Agent(load("stack"))
    other = load("vlan-bridge")
    if changed == "restarted":
        other = [(name, value if name != UPTIME else integer(500, 0x43)) for name, value in agent.rows]

    def change(kind: int, name: Oid) -> bool:
        if len(agent.asked) == 15:
            agent.replace(other)
        return False

    agent.mute = change
    result = await ask(agent)
    assert (result.outcome, result.reason, dict(result.values)) == (Outcome.FAIL, Reason.PROTOCOL, {})
    assert "restarted during the walk, or more than one" in result.detail


async def test_counters_that_are_reset_are_readings() -> None:
    """A counter that was reset is given as it stands now: what a lower one means is not the probe's to say."""
    agent = Agent(load("stack"))
    before = named(await ask(agent), "Gi1/0/5")
    name = (*oid(ports.IF_IN_ERRORS), 10105)
    agent.replace((row[0], integer(3, 0x41)) if row[0] == name else row for row in agent.rows)
    assert (before.in_errors, named(await ask(agent), "Gi1/0/5").in_errors) == (1200, 3)


async def test_wrong_types_are_absent() -> None:
    """Values of another type than their column's are None and counted, never a guess and never an exception."""
    wrong = (octets("up"), integer(-5), tlv(0x06, b"\x2b\x06"), tlv(0x40, b"\1\2\3\4"), octets(b"\xff\xfe\0"))
    rows = [(name, wrong[name[-1] % len(wrong)] if name != UPTIME else value) for name, value in load("stack")]
    result = await ask(Agent(rows))
    assert (result.outcome, WalkProblem.BAD_VALUE in result.values["problems"]) == (Outcome.OK, True)
    assert {port.oper_up for port in result.values["ports"]} == {None}
    assert (result.values["macs"], result.values["uptime_seconds"]) == ((), 3456123.45)


async def test_damaged_answers_never_raise(capfd: pytest.CaptureFixture[str], hasty: None) -> None:
    """Answers damaged in hundreds of ways at every step all come to a result, without a word on stderr."""
    dice = random.Random(11)
    agent = Agent([row for shape in ("small-business", "shifted") for row in load(shape)])

    def relay(request: bytes) -> list[bytes]:
        answer = agent.answer(request)
        return [damage(answer, dice) if dice.random() < 0.2 else answer] if answer else []

    async with responder(relay) as port:
        results = await asyncio.gather(*(make(3.0).ask(at(port)) for _ in range(60)))
    assert {result.outcome for result in results} == {Outcome.OK, Outcome.FAIL}
    for result in results:
        assert all(each.name.isprintable() for each in result.values.get("ports", ()))
    assert capfd.readouterr().err == ""


async def test_an_agent_that_dies_during_the_walk(hasty: None) -> None:
    """A device that stops answering with an ICMP refusal in the middle is refused, not half read."""
    half_way = asyncio.Event()

    def stop(kind: int, name: Oid) -> bool:
        if len(agent.asked) == 10:
            half_way.set()
        return half_way.is_set()

    agent = Agent(load("stack"), mute=stop)
    async with serve(agent) as port:
        asking = asyncio.create_task(make().ask(at(port)))
        await half_way.wait()
    result = await asking
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.REFUSED)


async def test_what_is_kept_is_small() -> None:
    """Long values are cut and long indexes dropped as they come, so that the cap on rows is one on memory."""
    column = oid(ports.IF_DESCR)
    rows = [
        ((*column, 1), octets("x" * 3000)),
        ((*column, *range(1, 100)), octets("y")),
        ((*column, 2), octets("z")),
    ]
    async with serve(Agent(rows)) as port:
        with closing(Logins().session(at(port), V2C)) as session:
            asked = Walk(session, 5.0, 1000)
            found = await asked.column("IF-MIB", ports.IF_DESCR, 10, 100)
    assert found == {(1,): b"x" * 255, (2,): b"z"}
    assert (asked.problems, asked.incomplete) == ({WalkProblem.BAD_VALUE}, set())
