"""The ICMP echo engine: one socket per address family, shared by all pings of the process.

A reply counts only if its source address, id, sequence number and unguessable cookie (with its complement) all fit
a packet in flight. Packets leave in small batches, so that their send times stay true; replies carry the kernel's
receive time, so they are read on a timer, and a loop that is late costs neither truth nor accuracy. A packet is
given up only once everything that had arrived after its deadline has been read.
"""

from __future__ import annotations

import asyncio
import enum
import errno
import os
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from probes.icmp_socket import (
    CONTROL_BYTES,
    ERRORS,
    NAME_BYTES,
    REPLY,
    REQUEST,
    Vector,
    kernel_drops,
    open_icmp,
    resolve,
    source_of,
)

TICK_SECONDS = 0.02  # how often replies are read and packets sent, while any are in flight
BURST = 512  # packets per tick and family: bounds the packet rate (25,600/s) and how long a tick holds the loop
SEND_BATCH = 16
RECEIVE_BATCH = 64
RECEIVE_BYTES = 160  # an ICMP error with the headers of the packet that it quotes
BUFFER_BYTES = 8 << 20  # the usual 208 kB hold some 256 replies

DROP_REASONS = ("kernel", "truncated", "foreign", "cookie", "source", "duplicate", "late")
"""Why a packet was dropped: the kernel's receive buffer was full; too short to tell; nothing that we sent lately;
a wrong cookie; from another address; its packet was decided before; after its deadline."""

# Send errors by which the routing table says that this address is cut off (EINVAL: a blackhole route). All others
# are our own trouble; ENETUNREACH too: where no route leads anywhere, it is our network that is gone.
ROUTE_ERRORS = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EINVAL})

# type, code, checksum, id, sequence number; then cookie and ~cookie. In native byte order: nobody else reads them.
_HEADER = struct.Struct("=BBHHH")
_ECHO = struct.Struct("=BBHHHQQ")
_ALL_ONES = (1 << 64) - 1
_RING = 1 << 16


class Ending(enum.Enum):
    """How one packet ended."""

    ANSWERED = "answered"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"  # a route or a router says so
    LOCAL = "local"  # this machine could not send it
    FORBIDDEN = "forbidden"  # we lack the privilege for an ICMP socket
    OVERLOAD = "overload"  # this machine dropped packets meanwhile: perhaps the answer


class Packet(NamedTuple):
    """One packet's fate. `rtt_seconds` is 0.0 unless answered; `detail` says more about some failures."""

    ending: Ending
    rtt_seconds: float = 0.0
    detail: str = ""


Deliver: TypeAlias = Callable[[list[tuple[int, tuple[Packet, ...]]]], None]

_TIMED_OUT = Packet(Ending.TIMEOUT)
_OVERLOADED = Packet(Ending.OVERLOAD, detail="the receive buffer was full: an answer may have been dropped")


class _Batch:
    """One call of `ping`: a key of its own, since several calls may give the same function."""

    __slots__ = ("deliver",)

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver


class _Request:
    """One address to ping, with its packets; mutable and slotted, for there are thousands a second."""

    __slots__ = ("address", "batch", "index", "name", "packets", "position", "undecided")

    def __init__(self, batch: _Batch, index: int, name: bytes, address: bytes, packets: int) -> None:
        self.batch = batch
        self.index = index
        self.name = name  # struct sockaddr
        self.address = address  # packed
        self.packets = [_TIMED_OUT] * packets
        self.position = 0  # of the next packet to send
        self.undecided = packets


class _Flight:
    """One packet on its way. `spent`: what a further answer counts as; empty while it waits for one."""

    __slots__ = ("cookie", "position", "request", "sent", "spent")

    def __init__(self, request: _Request, cookie: int) -> None:
        self.request = request
        self.position = request.position
        self.cookie = cookie
        self.sent = 0.0
        self.spent = ""


class _Lane:
    """One family's socket and its packets. Times are seconds of the monotonic clock.

    All packets have the same timeout, so they are sent, fall due and are forgotten in one order: three running
    numbers tell where each of these stands, and nothing is ever searched or sorted.
    """

    def __init__(
        self, family: socket.AddressFamily, timeout: float, spacing: float, buffer: int, dropped: dict[str, int]
    ) -> None:
        ident = secrets.token_bytes(2)
        self._sock, self._raw = open_icmp(family, ident, buffer)
        self._family = family
        self._ident: int = struct.unpack("=H", ident)[0]
        self._timeout = timeout
        self._spacing = spacing
        self._dropped = dropped
        self._drops = kernel_drops(self._sock)
        self._out = Vector(SEND_BATCH, NAME_BYTES[family], _ECHO.size)
        self._in = Vector(
            RECEIVE_BATCH, NAME_BYTES[family], 160, CONTROL_BYTES
        )  # 160: an error with two IP headers
        self._queue: deque[_Request] = deque()
        self._again: deque[tuple[float, _Request]] = deque()  # when, whom: the second to last packets
        self._flights: dict[int, _Flight] = {}  # by sequence number
        self._next = 0  # number of the next packet to send
        self._due = 0  # of the oldest packet before its deadline
        self._kept = 0  # of the oldest packet remembered, so that a late answer is known as such
        self._doubtful = 0  # the kernel may have dropped answers to packets below this number
        self._finished: list[_Request] = []
        self.open_requests = 0

    def add(self, request: _Request) -> None:
        self._queue.append(request)
        self.open_requests += 1

    def close(self) -> None:
        self._sock.close()

    def turn(self) -> list[_Request]:
        """Read what came, give up what is overdue, send what waits; the requests that are now decided."""
        now = time.monotonic()
        self._drain(now)
        drops = kernel_drops(self._sock)
        if drops != self._drops:
            self._dropped["kernel"] += (drops - self._drops) % (1 << 32)
            self._drops = drops
            self._doubtful = self._next
        self._expire(now)
        while self._again and self._again[0][0] <= now:
            self._queue.append(self._again.popleft()[1])
        room = BURST
        while self._queue and room > 0 and self._next - self._due <= _RING - SEND_BATCH:
            room -= self._send_batch()
            self._drain(time.monotonic())
        finished, self._finished = self._finished, []
        self.open_requests -= len(finished)
        return finished

    def _decide(self, flight: _Flight, packet: Packet, spent: str = "duplicate") -> None:
        flight.spent = spent
        request = flight.request
        request.packets[flight.position] = packet
        request.undecided -= 1
        if not request.undecided:
            self._finished.append(request)

    def _expire(self, now: float) -> None:
        while self._due < self._next:
            flight = self._flights[self._due % _RING]
            if flight.sent + self._timeout > now:
                break
            if not flight.spent:
                self._decide(flight, _OVERLOADED if self._due < self._doubtful else _TIMED_OUT, "late")
            self._due += 1
        while self._kept < self._due and self._flights[self._kept % _RING].sent + 2 * self._timeout <= now:
            del self._flights[self._kept % _RING]
            self._kept += 1

    def _send_batch(self) -> int:
        """Send up to SEND_BATCH packets of the queue; how many it took from there."""
        flights = self._load(min(SEND_BATCH, len(self._queue)))
        began = time.monotonic()
        first = 0
        while first < len(flights):
            sent = self._out.send(self._sock, first, len(flights))
            if sent < 0:
                self._decide(flights[first], _unsent(-sent))
            first += max(sent, 1)
        step = (time.monotonic() - began) / len(flights)
        for slot, flight in enumerate(flights):
            flight.sent = began + step * slot  # true to within the call, mostly 0.1 ms
            request = flight.request
            request.position += 1
            if request.position < len(request.packets):
                self._again.append((flight.sent + self._spacing, request))
        return len(flights)

    def _load(self, count: int) -> list[_Flight]:
        """Write the next `count` packets into the send buffers."""
        flights = []
        kind, out = REQUEST[self._family], self._out
        word: int = struct.unpack("=H", bytes([kind, 0]))[0]
        for slot, cookie in enumerate(struct.unpack(f"={count}Q", secrets.token_bytes(8 * count))):
            flight = _Flight(self._queue.popleft(), cookie)
            sequence = self._next % _RING
            self._flights[sequence] = flight
            self._next += 1
            # A word and its complement add nothing to a ones' complement sum: the cookie does not show in it.
            check = 65535 - (word + self._ident + sequence) % 65535
            at = slot * out.stride
            out.records[at : at + len(flight.request.name)] = flight.request.name
            echo = (kind, 0, check, self._ident, sequence, cookie, cookie ^ _ALL_ONES)
            _ECHO.pack_into(out.records, at + out.data_at, *echo)
            flights.append(flight)
        self._kept = max(self._kept, self._next - _RING)
        return flights

    def _drain(self, now: float) -> None:
        """Read everything that had arrived by `now`; a flood that goes on after it is left to the next turn."""
        while True:
            arrivals = self._in.receive(self._sock)
            read = time.monotonic()
            offset = time.time() - read  # asked anew each time: the wall clock may be set meanwhile
            arrived = read
            for slot, (length, stamp) in enumerate(arrivals):
                arrived = read if stamp is None else min(stamp - offset, read)
                drop = self._take(slot * self._in.stride, length, arrived)
                if drop:
                    self._dropped[drop] += 1
            if len(arrivals) < RECEIVE_BATCH or arrived > now:
                return

    def _take(self, at: int, length: int, arrived: float) -> str:
        """Judge the packet at `at` in the receive buffer; empty, or why it is dropped."""
        records, begin, end = self._in.records, at + self._in.data_at, at + self._in.data_at + length
        if self._raw and self._family == socket.AF_INET and length:
            begin += 4 * (records[begin] & 15)  # past the IP header
        if begin + _HEADER.size > end:
            return "truncated"
        kind, code, _, ident, sequence = _HEADER.unpack_from(records, begin)
        source = source_of(records, at, self._family)
        if self._raw and kind in ERRORS[self._family]:
            said = f"{socket.inet_ntop(self._family, source)} says unreachable (ICMP type {kind}, code {code})"
            return self._take_error(bytes(records[begin + _HEADER.size : end]), said)
        flight = self._flights.get(sequence)
        if kind != REPLY[self._family] or (self._raw and ident != self._ident) or flight is None:
            return "foreign"
        if begin + _ECHO.size > end:
            return "truncated"
        return self._take_reply(flight, _ECHO.unpack_from(records, begin)[5:], source, arrived)

    def _take_reply(self, flight: _Flight, cookies: tuple[int, int], source: bytearray, arrived: float) -> str:
        """Judge a reply to `flight`; empty, or why it is dropped."""
        if cookies != (flight.cookie, flight.cookie ^ _ALL_ONES):
            return "cookie"
        if source != flight.request.address:
            return "source"
        if flight.spent:
            return flight.spent
        if arrived > flight.sent + self._timeout:
            return "late"
        # Send times are interpolated: a quick answer can seem to come before its packet left. It is an answer.
        self._decide(flight, Packet(Ending.ANSWERED, max(arrived - flight.sent, 0.0)))
        return ""

    def _take_error(self, quoted: bytes, said: str) -> str:
        """Judge an ICMP error by the packet that it quotes; empty, or why it is dropped."""
        v4 = self._family == socket.AF_INET
        begin = 4 * (quoted[0] & 15) if v4 and quoted else 40
        if len(quoted) < begin + _HEADER.size or begin < 20:
            return "truncated"
        kind, _, _, ident, sequence = _HEADER.unpack_from(quoted, begin)
        flight = self._flights.get(sequence)
        if kind != REQUEST[self._family] or ident != self._ident or flight is None:
            return "foreign"
        if len(quoted) >= begin + _ECHO.size and _ECHO.unpack_from(quoted, begin)[5] != flight.cookie:
            return "cookie"
        if (quoted[16:20] if v4 else quoted[24:40]) != flight.request.address:
            return "source"
        if flight.spent:
            return flight.spent
        self._decide(flight, Packet(Ending.UNREACHABLE, detail=said))
        return ""


def _unsent(number: int) -> Packet:
    """The fate of a packet that the kernel refused with this errno."""
    detail = f"not sent: {os.strerror(number)}"
    if number in ROUTE_ERRORS:
        return Packet(Ending.UNREACHABLE, detail=detail)
    full = number in (errno.EAGAIN, errno.ENOBUFS)
    return Packet(Ending.OVERLOAD if full else Ending.LOCAL, detail=detail)


class EchoEngine:
    """Pings any number of addresses at once, in the event loop it was made in.

    No task, timer or object of asyncio belongs to a single ping: one timer ticks while any are in flight.
    """

    def __init__(
        self, timeout_seconds: float, spacing_seconds: float = TICK_SECONDS, buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        """`timeout_seconds`: how long each packet's answer is waited for; `spacing_seconds`: between the packets
        to one address, rounded up to ticks; `buffer_bytes`: of each socket, as far as the kernel allows."""
        self._loop = asyncio.get_running_loop()
        self._settings = (timeout_seconds, spacing_seconds, buffer_bytes)
        self._dropped = dict.fromkeys(DROP_REASONS, 0)
        self._lanes: dict[socket.AddressFamily, _Lane] = {}
        self._timer: asyncio.Handle | None = None
        self._closed = False

    @property
    def dropped(self) -> Mapping[str, int]:
        """Packets dropped so far, by DROP_REASONS."""
        return MappingProxyType(self._dropped)

    def ping(self, addresses: Sequence[str], packets: int, deliver: Deliver) -> None:
        """Send `packets` to each address; returns at once.

        `deliver` gets lists of (index into `addresses`, fate of each packet) as decided, every index once.
        """
        batch = _Batch(deliver)
        failed: list[tuple[int, tuple[Packet, ...]]] = []
        closed_to: dict[socket.AddressFamily, Packet] = {}  # asked of the kernel once per call, not per address
        for index, address in enumerate(addresses):
            try:
                family, name, packed = resolve(address)
            except OSError as error:
                failed.append((index, (Packet(Ending.LOCAL, detail=f"{address}: {error}"),) * packets))
                continue
            if family not in self._lanes and family not in closed_to:
                try:
                    self._lanes[family] = _Lane(family, *self._settings, self._dropped)
                except OSError as error:
                    ending = Ending.FORBIDDEN if isinstance(error, PermissionError) else Ending.LOCAL
                    closed_to[family] = Packet(ending, detail=f"no ICMP socket: {error.strerror}")
            if family in closed_to:
                failed.append((index, (closed_to[family],) * packets))
            else:
                self._lanes[family].add(_Request(batch, index, name, packed, packets))
        if failed:
            self._loop.call_soon(self._hand_over, batch, failed)
        if self._timer is None:
            self._timer = self._loop.call_soon(self._tick)

    def close(self) -> None:
        """Drop everything in flight; nothing is delivered any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for lane in self._lanes.values():
            lane.close()

    def _tick(self) -> None:
        self._timer = None
        decided: dict[_Batch, list[tuple[int, tuple[Packet, ...]]]] = {}
        for lane in self._lanes.values():
            for request in lane.turn() if lane.open_requests else ():
                decided.setdefault(request.batch, []).append((request.index, tuple(request.packets)))
        for batch, answers in decided.items():
            # In a callback of its own, so that what one receiver raises harms nobody else.
            self._loop.call_soon(self._hand_over, batch, answers)
        if any(lane.open_requests for lane in self._lanes.values()):
            self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def _hand_over(self, batch: _Batch, answers: list[tuple[int, tuple[Packet, ...]]]) -> None:
        if not self._closed:
            batch.deliver(answers)
