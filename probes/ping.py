"""Does the camera answer at all? By ICMP echo, or by a TCP connect where the inventory says `tcp:PORT`.

Values: `sent` (packets whose fate is known), `received`, `loss_ratio` (1 - received/sent); with an answer also
`rtt_min_seconds`, `rtt_avg_seconds`, `rtt_max_seconds` and `jitter_seconds`, the mean absolute difference between
the round trips of successive answers (0 for a single one). An unknown result has no values.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

from pydantic import Field

from probes.base import CheckOptions, Duration, Outcome, ProbeKind, Reason, Resources, Result, Target
from probes.icmp import EchoEngine
from probes.icmp_lane import ROUTE_ERRORS, Ending, Packet

log = logging.getLogger("probes.ping")

REMEDY = "sysctl -w net.ipv4.ping_group_range='0 2147483647', or grant the program cap_net_raw"

CONNECTS_AT_ONCE = 256  # each holds a file descriptor: a quarter of the usual limit of 1,024

_TCP_RTT = struct.Struct("=68xI")  # struct tcp_info up to tcpi_rtt, microseconds

Deliver: TypeAlias = Callable[[list[tuple[int, Result]]], None]


class PingOptions(CheckOptions):
    """The keys of `checks: ping:`.

    `timeout` is how long each packet's answer is waited for. `packets` and `packet_spacing` are for ICMP; by TCP
    one connect is tried, in which the kernel repeats lost packets by itself.
    """

    interval: Duration = 60.0
    timeout: Duration = 1.0
    packets: int = Field(default=1, ge=1, le=20, strict=True)
    packet_spacing: Duration = 0.02


class PingProbe:
    """ICMP goes over one shared socket per address family, without a task per camera.

    An asking takes at most `timeout` + (packets - 1) x `packet_spacing` and two ticks of the engine, after waiting
    for its place: packets leave as fast as this machine sends, and CONNECTS_AT_ONCE connects are open at a time.
    """

    def __init__(self, options: PingOptions) -> None:
        self._options = options
        self._engine = EchoEngine(options.timeout, options.packet_spacing)
        self._asking: set[asyncio.Future[tuple[Packet, ...]]] = set()
        self._line: deque[tuple[Target, int, int, Deliver]] = deque()  # target, its port and index, for whom
        self._connectors: set[asyncio.Task[None]] = set()
        self._told = False  # the missing privilege was logged

    @property
    def dropped(self) -> Mapping[str, int]:
        """ICMP packets dropped so far, by reason (`probes.icmp.DROP_REASONS`)."""
        return self._engine.dropped

    async def ask(self, target: Target) -> Result:
        """One asking; `steps` tells of each packet."""
        if target.reach_port is not None:
            result = await connect(target.address, target.reach_port, self._options.timeout)
            return replace(result, steps=(_connect_sentence(target, result),))
        packets = await self._echo(target.address)
        steps = (_packet_sentence(number, packet, self._options) for number, packet in enumerate(packets, start=1))
        return replace(self._judge(packets), steps=tuple(steps))

    def ask_batch(self, targets: Sequence[Target], deliver: Deliver) -> None:
        """As `BatchProbe` has it; `steps` stay empty."""
        pinged = [index for index, target in enumerate(targets) if target.reach_port is None]

        def judge_and_deliver(answers: list[tuple[int, tuple[Packet, ...]]]) -> None:
            deliver([(pinged[index], self._judge(packets)) for index, packets in answers])

        if pinged:
            self._engine.ping(
                [targets[index].address for index in pinged], self._options.packets, judge_and_deliver
            )
        for index, target in enumerate(targets):
            if target.reach_port is not None:
                self._line.append((target, target.reach_port, index, deliver))
        for _ in range(min(len(self._line), CONNECTS_AT_ONCE - len(self._connectors))):
            connector = asyncio.get_running_loop().create_task(self._work_line())
            self._connectors.add(connector)
            connector.add_done_callback(self._connectors.discard)

    async def close(self) -> None:
        """Give up whatever is being asked: nothing is delivered any more, and each waiting `ask` is cancelled."""
        self._engine.close()
        for answer in self._asking:
            answer.cancel()
        for connector in self._connectors:
            connector.cancel()
        await asyncio.gather(*self._connectors, return_exceptions=True)

    async def _echo(self, address: str) -> tuple[Packet, ...]:
        answer: asyncio.Future[tuple[Packet, ...]] = asyncio.get_running_loop().create_future()

        def deliver(answers: list[tuple[int, tuple[Packet, ...]]]) -> None:
            if not answer.done():  # it was cancelled
                answer.set_result(answers[0][1])

        self._asking.add(answer)
        try:
            self._engine.ping([address], self._options.packets, deliver)
            return await answer
        finally:
            self._asking.discard(answer)

    async def _work_line(self) -> None:
        while self._line:
            target, port, index, deliver = self._line.popleft()
            deliver([(index, await connect(target.address, port, self._options.timeout))])

    def _judge(self, packets: Sequence[Packet]) -> Result:
        if packets[0].ending is Ending.FORBIDDEN and not self._told:
            self._told = True
            log.error('cameras cannot be pinged: error="%s" remedy="%s"', packets[0].detail, REMEDY)
        return judge(packets)


def judge(packets: Sequence[Packet]) -> Result:
    """The result of at least one packet to a camera.

    Any answer makes it ok. Otherwise one packet that this machine did not send, or whose answer it may have
    dropped, leaves it unknown: that packet could have been the one to be answered.
    """
    if len(packets) == 1 and packets[0].ending is Ending.ANSWERED:
        rtt = packets[0].rtt_seconds
        values = {**_ONE_ANSWER, "rtt_min_seconds": rtt, "rtt_avg_seconds": rtt, "rtt_max_seconds": rtt}
        return Result(Outcome.OK, Reason.OK, values=values)
    rtts = [packet.rtt_seconds for packet in packets if packet.ending is Ending.ANSWERED]
    ours = [packet for packet in packets if packet.ending in _OUR_FAULT]
    if ours and not rtts:
        return Result.unknown(_OUR_FAULT[ours[0].ending], ours[0].detail)
    sent = len(packets) - len(ours)
    if rtts:
        return _answered(sent, rtts)
    values = {"sent": sent, "received": 0, "loss_ratio": 1.0}
    for packet in packets:
        if packet.ending is Ending.UNREACHABLE:
            return Result.fail(Reason.UNREACHABLE, packet.detail, **values)
    return Result.fail(Reason.TIMEOUT, f"packets unanswered: {sent}", **values)


_OUR_FAULT = {
    Ending.LOCAL: Reason.LOCAL,
    Ending.FORBIDDEN: Reason.LOCAL,
    Ending.OVERLOAD: Reason.OVERLOAD,
}

# Nearly all results are of one packet that was answered: what these have in common, made once.
_ONE_ANSWER = {"sent": 1, "received": 1, "loss_ratio": 0.0, "jitter_seconds": 0.0}


def _answered(sent: int, rtts: Sequence[float]) -> Result:
    changes = [abs(later - earlier) for earlier, later in pairwise(rtts)]
    values: dict[str, Any] = {
        "sent": sent,
        "received": len(rtts),
        "loss_ratio": (sent - len(rtts)) / sent,
        "rtt_min_seconds": min(rtts),
        "rtt_avg_seconds": sum(rtts) / len(rtts),
        "rtt_max_seconds": max(rtts),
        "jitter_seconds": sum(changes) / len(changes) if changes else 0.0,
    }
    return Result.ok(**values)


async def connect(address: str, port: int, timeout_seconds: float) -> Result:
    """Try one TCP connect, and close it at once if it succeeds; a refusal is `refused`: it was not answered."""
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        return Result.unknown(Reason.LOCAL, f"no TCP socket: {error.strerror}")
    with sock:
        sock.setblocking(False)
        began = time.monotonic()
        number = sock.connect_ex((address, port))
        at_once = number != errno.EINPROGRESS
        if not at_once:
            await _writable(sock, timeout_seconds)
            number = _connect_error(sock)
        if number:
            return _not_connected(number, at_once)
        # The kernel's own measurement of the handshake: a busy loop does not show in it.
        measured: int = _TCP_RTT.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_RTT.size))[0]
        rtt = measured * 1e-6 if measured else time.monotonic() - began
        return _answered(1, [rtt]) if rtt <= timeout_seconds else _not_connected(errno.ETIMEDOUT, at_once=False)


async def _writable(sock: socket.socket, timeout_seconds: float) -> None:
    """Wait until a connect is decided, or for the time given; the socket itself then tells which it was."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(sock, ready.set)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await ready.wait()
    finally:
        loop.remove_writer(sock)


def _connect_error(sock: socket.socket) -> int:
    """The errno that a connect came to; ETIMEDOUT while it has come to nothing. Asked of the socket and not of the
    timer, since a loop that was busy may see both at once."""
    number: int = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        return number
    try:
        sock.getpeername()
    except OSError:
        return errno.ETIMEDOUT
    return 0


def _not_connected(number: int, at_once: bool) -> Result:
    """`at_once`: the errno is this machine's word, not the network's."""
    values = {"sent": 1, "received": 0, "loss_ratio": 1.0}
    detail = os.strerror(number)
    if number == errno.ETIMEDOUT:
        return Result.fail(Reason.TIMEOUT, detail, **values)
    if number == errno.ECONNREFUSED:
        return Result.fail(Reason.REFUSED, detail, **values)
    if number == errno.ECONNRESET:
        return Result.fail(Reason.RESET, detail, **values)
    if at_once and number not in ROUTE_ERRORS:
        return Result.unknown(Reason.LOCAL, detail)
    return Result.fail(Reason.UNREACHABLE, detail, **values)


def _packet_sentence(number: int, packet: Packet, options: PingOptions) -> str:
    start = f"ICMP packet {number} of {options.packets}: "
    if packet.ending is Ending.ANSWERED:
        return start + f"answered after {packet.rtt_seconds * 1000:.3f} ms."
    if packet.ending is Ending.TIMEOUT:
        return start + f"no answer within {options.timeout:g} s."
    return start + packet.detail + "."


def _connect_sentence(target: Target, result: Result) -> str:
    start = f"TCP connect to port {target.reach_port}: "
    rtt = result.values.get("rtt_avg_seconds")
    return start + (f"answered after {rtt * 1000:.3f} ms." if rtt is not None else f"{result.detail}.")


def _build(options: PingOptions, _: Resources) -> PingProbe:
    return PingProbe(options)


KIND = ProbeKind("ping", PingOptions, _build)
