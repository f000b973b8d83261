"""The echo engine against the kernel's own echo responder on 127.0.0.0/8 and ::1, dead addresses, and forgers."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest

from probes.icmp import DROP_REASONS, EchoEngine, Ending, Packet

ROOT = Path(__file__).parent.parent
DEAD = "127.251.0.0/16"  # `dead` drops what is sent there
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: raw sockets, packet forging")


def live(count: int) -> list[str]:
    return [f"127.7.{number >> 8}.{number & 255}" for number in range(1, count + 1)]


class NewEngine(Protocol):
    def __call__(
        self, timeout: float, spacing_seconds: float = 0.02, buffer_bytes: int = 8 << 20
    ) -> EchoEngine: ...


@pytest.fixture
async def new_engine() -> AsyncIterator[NewEngine]:
    """Makes engines, and closes them when the test is over."""
    engines: list[EchoEngine] = []

    def make(timeout: float, spacing_seconds: float = 0.02, buffer_bytes: int = 8 << 20) -> EchoEngine:
        engines.append(EchoEngine(timeout, spacing_seconds, buffer_bytes))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def dead() -> Iterator[list[str]]:
    """2,000 addresses that never answer, nor does anything say that they are unreachable."""
    if shutil.which("nft") is None or os.geteuid() != 0:
        pytest.skip("needs nft and root to silence addresses")
    table = f"healthd_test_icmp_{os.getpid()}"
    rules = f"""table ip {table} {{
        chain input {{
            type filter hook input priority 0;
            ip daddr {DEAD} icmp type echo-request drop
            ip daddr 127.252.0.0/16 icmp type echo-request reject with icmp type host-unreachable
        }}
    }}"""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        yield [f"127.251.{number >> 8}.{number & 255}" for number in range(1, 2001)]
    finally:
        subprocess.run(["nft", "delete", "table", "ip", table], check=True)


async def ask(engine: EchoEngine, addresses: Sequence[str], packets: int = 1) -> list[tuple[Packet, ...]]:
    """The fates of all, in order; fails if an index is delivered twice."""
    answers: dict[int, tuple[Packet, ...]] = {}
    complete = asyncio.Event()

    def deliver(decided: list[tuple[int, tuple[Packet, ...]]]) -> None:
        for index, fates in decided:
            assert index not in answers
            answers[index] = fates
        if len(answers) == len(addresses):
            complete.set()

    engine.ping(addresses, packets, deliver)
    await asyncio.wait_for(complete.wait(), 20)
    return [answers[index] for index in range(len(addresses))]


def endings(answers: Sequence[tuple[Packet, ...]]) -> Counter[Ending]:
    return Counter(packet.ending for packets in answers for packet in packets)


def in_namespace(prepare: str, script: str, without: str = "") -> list[str]:
    """Lines printed by `script` in an own network namespace, after `prepare` and without some capabilities."""
    drop = f"os.execvp('setpriv', ['setpriv', '--bounding-set=-{without}', sys.executable, '-c', sys.argv[1]])"
    go_on = drop if without else "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    command = [sys.executable, "-c", PREPARE + dedent(prepare) + "\n" + go_on, ASKING + dedent(script)]
    run = ["unshare", "-rn", *command]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if done.stderr.startswith("unshare:"):
        pytest.skip(f"no network namespace of our own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


PREPARE = dedent("""
    import fcntl, os, socket, struct, sys

    def allow_datagram_icmp():
        with open("/proc/sys/net/ipv4/ping_group_range", "w") as setting:
            setting.write("0 0")

    def add_route(network, length, kind):
        route = struct.pack("=BBBBBBBBIHH4s", 2, length, 0, 0, 254, 4, 0, kind, 0, 8, 1, socket.inet_aton(network))
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
            link.send(struct.pack("=IHHII", 16 + len(route), 24, 0x605, 1, 0) + route)  # RTM_NEWROUTE
            assert struct.unpack_from("=i", link.recv(4096), 16)[0] == 0

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
""")
ASKING = dedent("""
    import asyncio, socket, warnings
    warnings.simplefilter("error")
    from probes.icmp import EchoEngine

    async def ask(*addresses, packets=1):
        engine, got, done = EchoEngine(0.3), {}, asyncio.Event()
        def deliver(answers):
            got.update(answers)
            if len(got) == len(addresses):
                done.set()
        engine.ping(addresses, packets, deliver)
        await asyncio.wait_for(done.wait(), 10)
        engine.close()
        for index in sorted(got):
            print(*(packet.ending.name for packet in got[index]), got[index][0].detail)
        assert all(packet.rtt_seconds < 0.1 for packets in got.values() for packet in packets)
""")


class Forger(threading.Thread):
    """Sees the echo requests on loopback and sends, `delay` seconds later, what `plan` makes of each.

    `plan` takes the address that was asked and the request's ICMP bytes; it gives (source address, ICMP bytes).
    """

    def __init__(self, plan: Callable[[str, bytes], list[tuple[str, bytes]]], delay: float = 0.0) -> None:
        super().__init__()
        self._plan, self._delay = plan, delay
        self._stopped = threading.Event()
        self._ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self._ears.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self._ears.bind(("lo", 0x0800))
        self._ears.settimeout(0.001)
        self._mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def __enter__(self) -> Forger:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join()
        self._ears.close()
        self._mouth.close()

    def run(self) -> None:
        waiting: deque[tuple[float, str, bytes]] = deque()
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                packet, origin = self._ears.recvfrom(2048)
                if origin[2] == socket.PACKET_HOST and packet[9] == socket.IPPROTO_ICMP and packet[20] == 8:
                    waiting.append((time.monotonic() + self._delay, socket.inet_ntoa(packet[16:20]), packet[20:]))
            while waiting and waiting[0][0] <= time.monotonic():
                for source, icmp in self._plan(*waiting.popleft()[1:]):
                    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, socket.IPPROTO_ICMP, 0)
                    self._mouth.sendto(
                        head + socket.inet_aton(source) + bytes([127, 0, 0, 1]) + icmp, ("127.0.0.1", 0)
                    )


def reply(request: bytes, cookie: bytes | None = None) -> bytes:
    return b"\0" + request[1:8] + (request[8:] if cookie is None else cookie)


def host_unreachable(address: str, request: bytes) -> bytes:
    quoted = struct.pack("!B8xB2x4s4s", 0x45, 1, bytes([127, 0, 0, 1]), socket.inet_aton(address)) + request
    return struct.pack("!BB6x", 3, 1) + quoted


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


def stand_still(seconds: float) -> None:
    """Block the loop just after the packets have left."""
    asyncio.get_running_loop().call_later(0.03, time.sleep, seconds)


@root_only
async def test_blocked_loop_is_no_outage(new_engine: NewEngine, dead: list[str]) -> None:
    """Answers that came in time count, with their true round trip, though the loop slept past the deadline."""
    engine = new_engine(0.5)
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.1):
        stand_still(0.7)
        answers = await ask(engine, dead[:300])
    assert endings(answers) == {Ending.ANSWERED: 300}
    rtts = [packet.rtt_seconds for (packet,) in answers]
    assert min(rtts) > 0.08  # less than the delay by no more than a preempted batch makes of it
    assert max(rtts) < 0.4
    assert engine.dropped == dict.fromkeys(DROP_REASONS, 0)


@root_only
async def test_blocked_loop_saves_no_late_answer(new_engine: NewEngine, dead: list[str]) -> None:
    """Answers that came too late stay too late, though they are read together with the deadline."""
    engine = new_engine(0.1)
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.2):
        stand_still(0.3)
        answers = await ask(engine, dead[:100])
    assert endings(answers) == {Ending.TIMEOUT: 100}
    assert engine.dropped["late"] == 100


@root_only
async def test_forgeries_change_nothing(new_engine: NewEngine, dead: list[str]) -> None:
    """Whatever does not fit the packet in flight is dropped under its reason, and the camera stays unanswered."""

    def plan(asked: str, request: bytes) -> list[tuple[str, bytes]]:
        wrong_complement = request[8:16] + request[8:16]
        return [
            (asked, reply(request, os.urandom(16))),
            (asked, reply(request, wrong_complement)),
            ("127.77.0.1", reply(request)),
            (asked, reply(request)[:12]),
            (asked, b"\0\0\0\0" + request[4:6] + bytes([request[6] ^ 0x80, request[7] ^ 0x80]) + request[8:]),
            (asked, host_unreachable(asked, request[:8] + os.urandom(16))),
            (asked, host_unreachable("127.77.0.1", request)),
            (asked, host_unreachable(asked, request)[:24]),
            (asked, b"\0\0\0\0" + os.urandom(2)),
        ]

    engine = new_engine(0.3)
    with Forger(plan):
        answers = await ask(engine, dead[:200])
    assert endings(answers) == {Ending.TIMEOUT: 200}
    assert engine.dropped["cookie"] == 600
    assert engine.dropped["source"] == 400
    assert engine.dropped["foreign"] == 200
    assert engine.dropped["truncated"] == 200  # what is too short to show our id, the filter keeps out
    assert engine.dropped["late"] == engine.dropped["duplicate"] == engine.dropped["kernel"] == 0


@root_only
async def test_duplicates_count_once(new_engine: NewEngine, dead: list[str]) -> None:
    """A camera that answers eleven times over was answered once; the rest is counted."""
    engine = new_engine(0.3)
    with Forger(lambda asked, request: [(asked, reply(request))] * 10 if asked not in dead else []):
        # The silent one keeps the engine listening until all has come.
        answers = await ask(engine, [*live(100), dead[0]])
    assert endings(answers) == {Ending.ANSWERED: 100, Ending.TIMEOUT: 1}
    assert engine.dropped["duplicate"] == 1000


@root_only
async def test_garbage_is_harmless(new_engine: NewEngine, dead: list[str]) -> None:
    """Random bytes after the first ones of a reply or an error raise nothing and answer nothing."""

    def plan(asked: str, request: bytes) -> list[tuple[str, bytes]]:
        like_reply = bytes(4) + request[4:6]
        like_error = b"\3\1" + os.urandom(6) + b"\x45" + os.urandom(19) + b"\x08\0\0\0" + request[4:6]
        return [(asked, like + os.urandom(size)) for like in (like_reply, like_error) for size in (2, 9, 40, 300)]

    engine = new_engine(0.3)
    with Forger(plan):
        answers = await ask(engine, dead[:200])
    assert endings(answers) == {Ending.TIMEOUT: 200}
    assert sum(engine.dropped.values()) == 1600
    assert endings(await ask(engine, live(10))) == {Ending.ANSWERED: 10}


@root_only
async def test_router_says_unreachable(new_engine: NewEngine, dead: list[str]) -> None:
    """An ICMP error about our own packet decides at once, and says who sent it."""
    engine = new_engine(10.0)
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
@pytest.mark.parametrize(("buffer_bytes", "expected"), [(106_496, Ending.OVERLOAD), (8 << 20, Ending.ANSWERED)])
async def test_buffer_bridges_a_pause(
    new_engine: NewEngine, dead: list[str], buffer_bytes: int, expected: Ending
) -> None:
    """A thousand answers to a loop that stands still overflow the usual buffer, and fit into ours."""
    engine = new_engine(0.5, buffer_bytes=buffer_bytes)
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.15):
        asyncio.get_running_loop().call_later(0.06, time.sleep, 0.8)
        counts = endings(await ask(engine, dead[:1000]))
    assert counts[expected] > 200
    assert counts[Ending.TIMEOUT] == 0
    assert (engine.dropped["kernel"] > 0) == (expected is Ending.OVERLOAD)


@root_only
async def test_wall_clock_may_be_set(
    new_engine: NewEngine, dead: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting the system's clock by an hour, either way, makes neither an outage nor an odd round trip."""
    engine = new_engine(0.5)
    real = time.time
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.1):
        for jump in (3600, -3600):
            asyncio.get_running_loop().call_later(
                0.05, monkeypatch.setattr, time, "time", lambda j=jump: real() + j
            )
            answers = await ask(engine, dead[:50])
            assert endings(answers) == {Ending.ANSWERED: 50}
            assert all(0 <= packet.rtt_seconds <= 0.5 for (packet,) in answers)


@root_only
async def test_more_than_there_are_sequence_numbers(new_engine: NewEngine, dead: list[str]) -> None:
    """With 66,000 packets out at once the last wait for a free number; no answer is taken for another's."""
    engine = new_engine(4.0)
    answers = await ask(engine, dead * 33 + live(100))
    assert endings(answers) == {Ending.TIMEOUT: 66_000, Ending.ANSWERED: 100}
    assert all(packet.ending is Ending.ANSWERED for (packet,) in answers[-100:])


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
