"""The echo engine against the kernel's own echo responder on 127.0.0.0/8 and ::1, dead addresses and routes."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from probes.icmp_lane import BURST, Ending, Flight, Lane, Packet
from tests.echoes import (
    DEAD,
    DEAD_ADDRESSES,
    NewEngine,
    ask,
    endings,
    engines,
    filtered,
    in_namespace,
    live,
    root_only,
)


@pytest.fixture
def new_engine() -> Iterator[NewEngine]:
    """Makes engines, and closes them when the test is over."""
    with engines() as make:
        yield make


@pytest.fixture
def dead() -> Iterator[list[str]]:
    """2,000 addresses that never answer a ping, nor does anything say that they are unreachable."""
    with filtered(f"ip daddr {DEAD} icmp type echo-request drop"):
        yield DEAD_ADDRESSES


@root_only
async def test_tells_dead_from_live(new_engine: NewEngine, dead: list[str]) -> None:
    """Of 2,000 addresses, 2 % of them dead, none is told wrong, neither way, and every index comes once."""
    addresses = live(2000)
    addresses[::50] = dead[:40]
    engine = new_engine(0.5)
    answers = await ask(engine, addresses)
    wrong = [a for a, (p,) in zip(addresses, answers, strict=True) if (p.ending is Ending.ANSWERED) == (a in dead)]
    assert wrong == []
    assert endings(answers) == {Ending.ANSWERED: 1960, Ending.TIMEOUT: 40}
    assert all(0 <= packet.rtt_seconds < 0.1 for (packet,) in answers)


@root_only
async def test_thousands_of_dead_hold_nobody_up(new_engine: NewEngine, dead: list[str]) -> None:
    """A whole street going silent is told within the timeout and a few ticks, and the living beside it are not."""
    engine = new_engine(0.4)
    began = time.monotonic()
    answers = await ask(engine, dead + live(500))
    assert endings(answers) == {Ending.TIMEOUT: 2000, Ending.ANSWERED: 500}
    assert time.monotonic() - began < 1.5


@root_only
async def test_several_packets(new_engine: NewEngine, dead: list[str]) -> None:
    """Each of n packets has its own fate and round trip, and they are spaced as asked."""
    engine = new_engine(0.2, spacing_seconds=0.04)
    began = time.monotonic()
    alive, silent = await ask(engine, ["127.0.0.1", dead[0]], packets=4)
    assert [packet.ending for packet in alive] == [Ending.ANSWERED] * 4
    assert len({packet.rtt_seconds for packet in alive}) > 1
    assert [packet.ending for packet in silent] == [Ending.TIMEOUT] * 4
    assert 3 * 0.04 + 0.2 <= time.monotonic() - began < 1


@root_only
@pytest.mark.parametrize("address", ["::1", "127.0.0.1"])
async def test_both_families(new_engine: NewEngine, address: str) -> None:
    """IPv6 is asked as IPv4 is."""
    engine = new_engine(1.0)
    answers = await ask(engine, [address] * 100, packets=2)
    assert endings(answers) == {Ending.ANSWERED: 200}
    assert max(packet.rtt_seconds for packets in answers for packet in packets) < 0.1


@root_only
async def test_router_says_unreachable(new_engine: NewEngine) -> None:
    """An ICMP error about our own packet decides at once, and says who sent it."""
    engine = new_engine(10.0)
    with filtered("ip daddr 127.252.0.1 icmp type echo-request reject with icmp type host-unreachable"):
        ((packet,),) = await ask(engine, ["127.252.0.1"])
    assert packet.ending is Ending.UNREACHABLE
    assert "ICMP type 3, code 1" in packet.detail


@root_only
async def test_full_buffer_is_our_fault(new_engine: NewEngine) -> None:
    """Where the kernel dropped packets, an unanswered camera is unknown, not down; the drops are counted."""
    engine = new_engine(0.2, buffer_bytes=1)  # the kernel's least: room for two or three answers
    answers = endings(await ask(engine, live(400)))
    assert answers[Ending.TIMEOUT] == 0
    assert answers[Ending.OVERLOAD] > 0
    assert answers[Ending.ANSWERED] > 0
    assert engine.dropped["kernel"] >= answers[Ending.OVERLOAD]


@root_only
async def test_overload_ends(new_engine: NewEngine, dead: list[str]) -> None:
    """Once the kernel drops nothing more, silence is silence again."""
    engine = new_engine(0.2, buffer_bytes=1)
    await ask(engine, live(400))
    assert endings(await ask(engine, dead[:1])) == {Ending.TIMEOUT: 1}


@root_only
async def test_more_than_there_are_sequence_numbers(new_engine: NewEngine, dead: list[str]) -> None:
    """With 66,000 packets out at once the last wait for a free number; no answer is taken for another's."""
    engine = new_engine(4.0)
    answers = await ask(engine, dead * 33 + live(100))
    assert endings(answers) == {Ending.TIMEOUT: 66_000, Ending.ANSWERED: 100}
    assert all(packet.ending is Ending.ANSWERED for (packet,) in answers[-100:])


@root_only
async def test_burst_lets_others_run(new_engine: NewEngine) -> None:
    """Thousands of packets leave without a pause, yet other work of the loop has its turn after each 128."""
    turns, delivered, complete = 0, [(0, 0)], asyncio.Event()

    def other_work() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(other_work)

    def deliver(answers: list[tuple[int, tuple[Packet, ...]]]) -> None:
        delivered.append((turns, delivered[-1][1] + len(answers)))
        if delivered[-1][1] == 5000:
            complete.set()

    new_engine(2.0).ping(live(5000), 1, deliver)
    other_work()
    await asyncio.wait_for(complete.wait(), 20)
    steps = [(now - before, more - had) for (before, had), (now, more) in pairwise(delivered)]
    assert min(turned for turned, _ in steps) >= 1
    assert max(answers for _, answers in steps) <= BURST


@root_only
async def test_close_ends_all(new_engine: NewEngine) -> None:
    """After close nothing is delivered, not even what was decided, and no descriptor stays open."""
    before = len(os.listdir("/proc/self/fd"))
    engine = new_engine(0.1)
    delivered: list[object] = []
    engine.ping(["127.0.0.1", "::1"], 1, delivered.append)
    engine.ping(["not an address"], 1, delivered.append)
    engine.close()
    await asyncio.sleep(0.3)
    assert delivered == []
    assert len(os.listdir("/proc/self/fd")) == before


@root_only
async def test_receiver_that_raises_harms_nobody(new_engine: NewEngine) -> None:
    """What one receiver raises goes to the loop's exception handler; other askings get their answers."""
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context.get("exception")))

    def deliver(_: object) -> None:
        raise RuntimeError("a bug of the receiver")

    engine = new_engine(0.5)
    engine.ping(["127.0.0.1"], 1, deliver)
    assert endings(await ask(engine, live(10))) == {Ending.ANSWERED: 10}
    assert [type(error) for error in raised] == [RuntimeError]


@root_only
async def test_bug_met_once_costs_a_tick_and_not_the_fleet(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception where answers are read goes to the loop's exception handler, and the pinging goes on."""
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context.get("exception")))
    turn, turns = Lane.turn, iter(range(1_000_000))

    def turning(lane: Lane) -> list[Flight]:
        if next(turns) == 1:
            raise RuntimeError("a bug of ours")
        return turn(lane)

    monkeypatch.setattr(Lane, "turn", turning)
    assert endings(await ask(new_engine(0.5), live(300))) == {Ending.ANSWERED: 300}
    assert [type(error) for error in raised] == [RuntimeError]


@root_only
async def test_idle_engine_sleeps(new_engine: NewEngine) -> None:
    """Once all is answered no timer is left, so an idle engine costs nothing."""
    engine = new_engine(5.0)
    await ask(engine, live(50))
    await asyncio.sleep(0.05)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    await asyncio.sleep(0.5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before < 10  # 25 ticks would each have waited


def test_datagram_sockets_without_privilege() -> None:
    """Without cap_net_raw and cap_net_admin, ping_group_range suffices, for both families."""
    lines = in_namespace(
        "allow_datagram_icmp()",
        """
        try:
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        except PermissionError:
            print("no raw socket")
        asyncio.run(ask("127.0.0.1", "::1", "127.8.8.8", packets=3))
        asyncio.run(ask(*(f"127.9.{n >> 8}.{n & 255}" for n in range(1000))))
        """,
        without="net_raw,-net_admin",
    )
    assert lines[0] == "no raw socket"
    assert [line.strip() for line in lines[1:4]] == ["ANSWERED ANSWERED ANSWERED"] * 3
    assert {line.strip() for line in lines[4:]} == {"ANSWERED"}


def test_router_says_unreachable_in_ipv6() -> None:
    """ICMPv6 errors about our own packets decide too."""
    if shutil.which("nft") is None:
        pytest.skip("needs nft to refuse an address")
    lines = in_namespace(
        """
        import subprocess
        refuse = "icmpv6 type echo-request reject with icmpv6 type addr-unreachable"
        chain = "type filter hook input priority 0; " + refuse
        subprocess.run(["nft", f"table ip6 t {{ chain c {{ {chain}\\n }}; }}"], check=True)
        """,
        "asyncio.run(ask('::1', '::1'))",
    )
    assert lines == ["UNREACHABLE ::1 says unreachable (ICMP type 1, code 3)"] * 2


def test_no_privilege_at_all() -> None:
    """With neither kind of socket every packet is forbidden, which is our own failure."""
    lines = in_namespace("", "asyncio.run(ask('127.0.0.1', '::1', packets=2))", without="net_raw")
    assert lines == ["FORBIDDEN FORBIDDEN no ICMP socket: Permission denied"] * 2


def test_routes_decide() -> None:
    """Blackhole and unreachable routes mean unreachable; no route, or one that forbids us, is our own failure."""
    lines = in_namespace(
        "add_route('198.51.100.0', 24, 6); add_route('203.0.113.0', 24, 7); add_route('192.0.2.0', 24, 8)",
        "asyncio.run(ask('127.0.0.1', '198.51.100.1', '203.0.113.1', '192.0.2.1', '233.252.0.1', '127.0.0.2'))",
    )
    assert [line.strip() for line in lines] == [
        "ANSWERED",
        "UNREACHABLE not sent: Invalid argument",
        "UNREACHABLE not sent: No route to host",
        "LOCAL not sent: Permission denied",
        "LOCAL not sent: Network is unreachable",
        "ANSWERED",
    ]


@root_only
async def test_what_is_no_address_is_local(new_engine: NewEngine) -> None:
    """An address that does not parse, or names an interface that is not there, harms nobody else."""
    engine = new_engine(0.5)
    answers = await ask(engine, ["127.0.0.1", "127.0.0.1.1", "fe80::1%nowhere", "127.0.0.2"])
    expected = [Ending.ANSWERED, Ending.LOCAL, Ending.LOCAL, Ending.ANSWERED]
    assert [packet.ending for (packet,) in answers] == expected
