"""What the tests of ping share: silenced addresses, forged answers, network namespaces of their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest

from probes.icmp import BUFFER_BYTES, TICK_SECONDS, EchoEngine
from probes.icmp_lane import Ending, Packet

ROOT = Path(__file__).parent.parent
DEAD = "127.251.0.0/16"
DEAD_ADDRESSES = [f"127.251.{number >> 8}.{number & 255}" for number in range(1, 2001)]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: raw sockets, packet filters and forgery")


def live(count: int) -> list[str]:
    """Addresses at which the kernel's own echo responder answers."""
    return [f"127.7.{number >> 8}.{number & 255}" for number in range(1, count + 1)]


@contextmanager
def filtered(*rules: str) -> Iterator[None]:
    """Rules for what arrives by IPv4, in an nft table of our own; skips the test where these are not allowed."""
    if shutil.which("nft") is None or os.geteuid() != 0:
        pytest.skip("needs nft and root to silence addresses")
    table = f"healthd_test_{os.getpid()}_{time.monotonic_ns()}"
    chain = "; ".join(["type filter hook input priority 0", *rules])
    subprocess.run(["nft", f"table ip {table} {{ chain input {{ {chain}; }}; }}"], check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "ip", table], check=True)


class NewEngine(Protocol):
    """Makes an engine that is closed later."""

    def __call__(
        self, timeout: float, spacing_seconds: float = TICK_SECONDS, buffer_bytes: int = BUFFER_BYTES
    ) -> EchoEngine: ...


@contextmanager
def engines() -> Iterator[NewEngine]:
    """A maker of engines, all of which are closed at the end."""
    made: list[EchoEngine] = []

    def make(
        timeout: float, spacing_seconds: float = TICK_SECONDS, buffer_bytes: int = BUFFER_BYTES
    ) -> EchoEngine:
        made.append(EchoEngine(timeout, spacing_seconds, buffer_bytes))
        return made[-1]

    try:
        yield make
    finally:
        for engine in made:
            engine.close()


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
