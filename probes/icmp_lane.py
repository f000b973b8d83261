"""One address family's ICMP socket and the packets on their way through it. The engine (`probes.icmp`) turns it.

A reply counts only if its source address, id, sequence number and unguessable cookie (with its complement) all fit
a packet in flight. A packet is given up only once everything that had arrived after its deadline has been read.
"""

from __future__ import annotations

import enum
import errno
import os
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from probes.icmp_socket import (
    CONTROL_BYTES,
    ERRORS,
    NAME_BYTES,
    REPLY,
    REQUEST,
    SOURCE,
    Vector,
    kernel_drops,
    open_icmp,
)

BURST = 128  # packets between two readings: fewer answers than the least of receive buffers (208 kB) holds
SEND_BATCH = 4  # packets a call: their send times are as true as the call is short
KEPT_SECONDS = 5.0  # past its deadline a packet is remembered so long, and its answer known as late
RECEIVE_BATCH = 64
RECEIVE_BYTES = 160  # an ICMP error with two IP headers: its own and that of the packet which it quotes

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


class Batch:
    """One call of `EchoEngine.ping`: a key of its own, since several calls may give the same function."""

    __slots__ = ("deliver",)

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver


class Flight:
    """One packet, waiting or on its way; mutable and slotted, for there are thousands a second.

    `fates`: of all packets to this address, shared by their flights, None until decided. `spent`: what a further
    answer counts as; empty while the packet waits for one.
    """

    __slots__ = ("batch", "cookie", "fates", "index", "name", "position", "sent", "spent")

    def __init__(
        self, batch: Batch, index: int, name: bytes, fates: list[Packet | None], position: int = 0
    ) -> None:
        self.batch = batch
        self.index = index
        self.name = name  # struct sockaddr
        self.fates = fates
        self.position = position
        self.cookie = 0
        self.sent = 0.0
        self.spent = ""

    def following(self) -> Flight:
        """The next packet to the same address."""
        return Flight(self.batch, self.index, self.name, self.fates, self.position + 1)


class Lane:
    """One family's socket and its packets. Times are seconds of the monotonic clock.

    All packets have the same timeout, so they are sent, fall due and are forgotten in one order: three running
    numbers tell where each of these stands, and nothing is ever searched or sorted.
    """

    def __init__(
        self, family: socket.AddressFamily, timeout: float, spacing: float, buffer: int, dropped: dict[str, int]
    ) -> None:
        """`dropped`: counted up by DROP_REASONS. Raises OSError where there is no socket to be had."""
        ident = secrets.token_bytes(2)
        self._sock, self._raw = open_icmp(family, ident, buffer)
        self._family = family
        self._ident: int = struct.unpack("=H", ident)[0]
        self._request, self._reply, self._source = REQUEST[family], REPLY[family], SOURCE[family]
        self._shows_ip = self._raw and family == socket.AF_INET  # what is read begins with the IP header
        self._timeout = timeout
        self._spacing = spacing
        self._dropped = dropped
        self._drops = kernel_drops(self._sock)
        self._out = Vector(SEND_BATCH, NAME_BYTES[family], _ECHO.size)
        self._in = Vector(RECEIVE_BATCH, NAME_BYTES[family], RECEIVE_BYTES, CONTROL_BYTES)
        self._queue: deque[Flight] = deque()
        self._again: deque[tuple[float, Flight]] = deque()  # when, what: the second to last packets
        self._flights: dict[int, Flight] = {}  # by sequence number
        self._next = 0  # number of the next packet to send
        self._due = 0  # of the oldest packet before its deadline
        self._kept = 0  # of the oldest packet remembered, so that a late answer is known as such
        self._doubtful = 0  # the kernel may have dropped answers to packets below this number
        self._finished: list[Flight] = []
        self.open_addresses = 0

    def add(self, flight: Flight) -> None:
        """Take an address's first packet."""
        self._queue.append(flight)
        self.open_addresses += 1

    def close(self) -> None:
        """Give up all of it."""
        self._sock.close()

    @property
    def can_send(self) -> bool:
        """Whether something waits that may leave now."""
        return bool(self._queue) and self._next - self._due <= _RING - SEND_BATCH

    def turn(self) -> list[Flight]:
        """Read what came, give up what is overdue, send up to BURST packets of what waits. A flight of each
        address that is now decided."""
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
        room, batch = BURST, 1  # the first packet after a pause takes ten times as long as the next: it goes alone
        while room > 0 and self.can_send:
            room -= self._send_batch(min(batch, room))
            batch = SEND_BATCH
        finished, self._finished = self._finished, []
        self.open_addresses -= len(finished)
        return finished

    def _decide(self, flight: Flight, packet: Packet, spent: str = "duplicate") -> None:
        flight.spent = spent
        flight.fates[flight.position] = packet
        if None not in flight.fates:
            self._finished.append(flight)

    def _expire(self, now: float) -> None:
        while self._due < self._next:
            flight = self._flights[self._due % _RING]
            if flight.sent + self._timeout > now:
                break
            if not flight.spent:
                self._decide(flight, _OVERLOADED if self._due < self._doubtful else _TIMED_OUT, "late")
            self._due += 1
        forgotten = now - self._timeout - KEPT_SECONDS
        while self._kept < self._due and self._flights[self._kept % _RING].sent <= forgotten:
            del self._flights[self._kept % _RING]
            self._kept += 1

    def _send_batch(self, size: int) -> int:
        """Send up to `size` packets of the queue; how many it took from there."""
        flights = self._load(min(size, len(self._queue)))
        began = time.monotonic()
        first = 0
        while first < len(flights):
            sent = self._out.send(self._sock, first, len(flights))
            if sent < 0:
                self._decide(flights[first], _unsent(-sent))
            first += max(sent, 1)
        step = (time.monotonic() - began) / len(flights)
        for slot, flight in enumerate(flights):
            flight.sent = began + step * (slot + 0.5)  # the middle of its share of the call: never far off
            if flight.position + 1 < len(flight.fates):
                self._again.append((flight.sent + self._spacing, flight.following()))
        return len(flights)

    def _load(self, count: int) -> list[Flight]:
        """Write the next `count` packets into the send buffers."""
        flights = [self._queue.popleft() for _ in range(count)]
        out, request, ident = self._out, self._request, self._ident
        word: int = struct.unpack("=H", bytes([request, 0]))[0] + ident
        at = 0
        for flight, cookie in zip(
            flights, struct.unpack(f"={count}Q", secrets.token_bytes(8 * count)), strict=True
        ):
            flight.cookie = cookie
            sequence = self._next % _RING
            self._flights[sequence] = flight
            self._next += 1
            # A word and its complement add nothing to a ones' complement sum: the cookie does not show in it.
            check = 65535 - (word + sequence) % 65535
            out.records[at : at + len(flight.name)] = flight.name
            _ECHO.pack_into(
                out.records, at + out.data_at, request, 0, check, ident, sequence, cookie, cookie ^ _ALL_ONES
            )
            at += out.stride
        self._kept = max(self._kept, self._next - _RING)
        return flights

    def _drain(self, now: float) -> None:
        """Read everything that had arrived by `now`; a flood that goes on after it is left to the next turn."""
        while True:
            arrivals = self._in.receive(self._sock)
            read = time.monotonic()
            offset = time.time() - read  # asked anew each time: the wall clock may be set meanwhile
            arrived = read
            for at, end, stamp in arrivals:
                arrived = read if stamp is None else min(stamp - offset, read)
                drop = self._take(at, end, arrived)
                if drop:
                    self._dropped[drop] += 1
            if len(arrivals) < RECEIVE_BATCH or arrived > now:
                return

    def _take(self, at: int, end: int, arrived: float) -> str:
        """Judge the message at `at` in the receive buffer, up to `end`; empty, or why it is dropped."""
        records, begin = self._in.records, at + self._in.data_at
        if self._shows_ip and begin < end:
            begin += 4 * (records[begin] & 15)  # past the IP header
        if begin + _ECHO.size > end:
            return "truncated"
        kind, code, _, ident, sequence, cookie, complement = _ECHO.unpack_from(records, begin)
        source = records[at + self._source.start : at + self._source.stop]
        if self._raw and kind in ERRORS[self._family]:
            said = f"{socket.inet_ntop(self._family, source)} says unreachable (ICMP type {kind}, code {code})"
            return self._take_error(bytes(records[begin + _HEADER.size : end]), said)
        flight = self._flights.get(sequence)
        if kind != self._reply or (self._raw and ident != self._ident) or flight is None:
            return "foreign"
        if cookie != flight.cookie or complement != cookie ^ _ALL_ONES:
            return "cookie"
        return self._take_reply(flight, source, arrived)

    def _take_reply(self, flight: Flight, source: bytearray, arrived: float) -> str:
        """Judge a reply that knows the cookie of `flight`; empty, or why it is dropped."""
        if source != flight.name[self._source]:
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
        if kind != self._request or ident != self._ident or flight is None:
            return "foreign"
        if len(quoted) >= begin + _ECHO.size and _ECHO.unpack_from(quoted, begin)[5] != flight.cookie:
            return "cookie"
        if (quoted[16:20] if v4 else quoted[24:40]) != flight.name[self._source]:
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
