"""A small SNMP v2c agent for every simulated address: the system group, by GET, GETNEXT and GETBULK.

A fixed tree and a hand-made BER codec, because a general SNMP library answers from the wrong 127.x address and
costs milliseconds a request. SNMP v3 is not spoken here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from healthd.city.ground import PKTINFO

_GET, _NEXT, _RESPONSE, _BULK = 0xA0, 0xA1, 0xA2, 0xA5
_NULL = b"\x05\x00"
_NO_SUCH_OBJECT, _NO_SUCH_INSTANCE, _END = b"\x80\x00", b"\x81\x00", b"\x82\x00"
_MAX_BINDINGS = 64
_MAX_READS = 256  # of one wake-up, so that a flood leaves the loop to others

Oid = tuple[int, ...]
_SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
_ENTERPRISE: Oid = (1, 3, 6, 1, 4, 1, 32473, 1)  # RFC 5612: the number kept for examples


@dataclass(frozen=True, slots=True)
class SystemGroup:
    """What a device says of itself (RFC 3418); `uptime_seconds` since its agent started."""

    description: str
    contact: str
    name: str
    location: str
    uptime_seconds: float


class SnmpError(ValueError):
    """A message that is no SNMP v2c request; it gets no answer."""


def respond(message: bytes, community: bytes, system: Callable[[], SystemGroup]) -> bytes:
    """The response to one request; raises SnmpError where a real agent would stay mute."""
    reader = _Reader(_Reader(message).take(0x30))
    if reader.integer() != 1:
        raise SnmpError("not version 2c")
    if not hmac.compare_digest(reader.take(0x04), community):
        raise SnmpError("wrong community")
    kind, body = reader.any()
    if kind not in (_GET, _NEXT, _BULK):
        raise SnmpError(f"request type {kind:#x}")
    request = _Reader(body)
    request_id, first, second = request.take(0x02), request.integer(), request.integer()
    oids = _oids(_Reader(request.take(0x30)))
    tree = _tree(system())
    if kind == _GET:
        bindings = [_get(tree, oid) for oid in oids]
    elif kind == _NEXT:
        bindings = [_next(tree, oid) for oid in oids]
    else:
        bindings = _bulk(tree, oids, max(0, first), max(0, second))
    pdu = _wrap(0x02, request_id) + b"\x02\x01\x00\x02\x01\x00" + _wrap(0x30, b"".join(bindings))
    return _wrap(0x30, b"\x02\x01\x01" + _wrap(0x04, community) + _wrap(_RESPONSE, pdu))


def _oids(reader: _Reader) -> list[Oid]:
    oids: list[Oid] = []
    while reader.left:
        if len(oids) == _MAX_BINDINGS:
            raise SnmpError("too many variables")
        oids.append(_decode_oid(_Reader(reader.take(0x30)).take(0x06)))
    return oids


def _tree(system: SystemGroup) -> dict[Oid, bytes]:
    """Instance -> encoded value, in lexicographic order."""
    ticks = int(system.uptime_seconds * 100) % 2**32
    values = (
        (1, _wrap(0x04, system.description.encode())),
        (2, _wrap(0x06, _encode_oid(_ENTERPRISE))),
        (3, _wrap(0x43, ticks.to_bytes(ticks.bit_length() // 8 + 1, "big"))),  # its highest bit is no sign
        (4, _wrap(0x04, system.contact.encode())),
        (5, _wrap(0x04, system.name.encode())),
        (6, _wrap(0x04, system.location.encode())),
        (7, b"\x02\x01\x48"),  # applications and end-to-end services
    )
    return {(*_SYSTEM, number, 0): value for number, value in values}


def _get(tree: dict[Oid, bytes], oid: Oid) -> bytes:
    value = tree.get(oid)
    if value is None:
        value = _NO_SUCH_INSTANCE if any(oid[:8] == known[:8] for known in tree) else _NO_SUCH_OBJECT
    return _binding(oid, value)


def _next(tree: dict[Oid, bytes], oid: Oid) -> bytes:
    known = [*tree]
    index = bisect_right(known, oid)
    return _binding(known[index], tree[known[index]]) if index < len(known) else _binding(oid, _END)


def _bulk(tree: dict[Oid, bytes], oids: list[Oid], single: int, repetitions: int) -> list[bytes]:
    """RFC 3416 4.2.3; ends early when every column has, or when the answer is long enough."""
    bindings = [_next(tree, oid) for oid in oids[:single]]
    known = [*tree]
    columns = oids[single:]
    for _ in range(repetitions):
        if not columns or len(bindings) + len(columns) > _MAX_BINDINGS:
            break
        bindings += [_next(tree, oid) for oid in columns]
        following = [bisect_right(known, oid) for oid in columns]
        if all(index == len(known) for index in following):
            break
        columns = [
            known[index] if index < len(known) else oid for index, oid in zip(following, columns, strict=True)
        ]
    return bindings


def _binding(oid: Oid, value: bytes) -> bytes:
    return _wrap(0x30, _wrap(0x06, _encode_oid(oid)) + value)


def _wrap(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _encode_oid(oid: Oid) -> bytes:
    encoded = bytearray((oid[0] * 40 + oid[1],)) if len(oid) > 1 else bytearray((oid[0] * 40,))
    for part in oid[2:]:
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(part & 0x7F | 0x80)
        encoded += bytes(reversed(digits))
    return bytes(encoded)


def _decode_oid(encoded: bytes) -> Oid:
    if not encoded or encoded[-1] & 0x80:
        raise SnmpError("broken object identifier")
    parts, value = [], 0
    for byte in encoded:
        value = value << 7 | byte & 0x7F
        if value >= 2**32:
            raise SnmpError("object identifier out of range")
        if not byte & 0x80:
            parts.append(value)
            value = 0
    first = min(parts[0] // 40, 2)
    return (first, parts[0] - 40 * first, *parts[1:])


class _Reader:
    """Reads BER elements one after another; raises SnmpError at whatever does not fit."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def any(self) -> tuple[int, bytes]:
        if self.left < 2:
            raise SnmpError("cut short")
        tag, size = self._data[self._at], self._data[self._at + 1]
        self._at += 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4 or self.left < count:
                raise SnmpError("broken length")
            size = int.from_bytes(self._data[self._at : self._at + count], "big")
            self._at += count
        if self.left < size:
            raise SnmpError("cut short")
        body = self._data[self._at : self._at + size]
        self._at += size
        return tag, body

    def take(self, tag: int) -> bytes:
        found, body = self.any()
        if found != tag:
            raise SnmpError(f"expected {tag:#x}, found {found:#x}")
        return body

    def integer(self) -> int:
        body = self.take(0x02)
        if not 1 <= len(body) <= 8:
            raise SnmpError("broken integer")
        return int.from_bytes(body, "big", signed=True)


class SnmpAgent:
    """Answers on one UDP socket for every address that `system` knows (None: it does not, or is silent)."""

    def __init__(
        self, sock: socket.socket, community: str, system: Callable[[str], Callable[[], SystemGroup] | None]
    ) -> None:
        self._sock, self._community, self._system = sock, community.encode(), system
        asyncio.get_running_loop().add_reader(sock.fileno(), self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()

    def _read(self) -> None:
        for _ in range(_MAX_READS):
            try:
                message, ancillary, _, peer = self._sock.recvmsg(4096, 64)
            except OSError:  # nothing left, or an ICMP error of an earlier answer
                return
            self._answer(message, ancillary, peer)

    def _answer(self, message: bytes, ancillary: list[tuple[int, int, bytes]], peer: tuple[str, int]) -> None:
        asked = next((data[8:12] for level, kind, data in ancillary if kind == PKTINFO and level == 0), None)
        if asked is None or not peer[0].startswith("127."):
            return
        system = self._system(socket.inet_ntoa(asked))
        if system is None:
            return
        try:
            response = respond(message, self._community, system)
        except SnmpError:
            return
        # in_pktinfo: interface 0 (any), the address to answer from, and one that sending ignores.
        control = [(socket.IPPROTO_IP, PKTINFO, b"\0\0\0\0" + asked + b"\0\0\0\0")]
        with contextlib.suppress(OSError):  # the asker's socket is gone, or its buffer is full: UDP may lose
            self._sock.sendmsg([response], control, 0, peer)
