"""A small SNMP v2c agent for every simulated address, by GET, GETNEXT and GETBULK over a `Mib`.

Hand-made, because a general SNMP library answers from the wrong 127.x address and costs milliseconds a request.
SNMP v3 is not spoken here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Callable

from healthd.city.ber import Oid, Reader, SnmpError, decode_oid, wrap
from healthd.city.ground import PKTINFO
from healthd.city.mib import Agent, binding

_GET, _NEXT, _RESPONSE, _BULK = 0xA0, 0xA1, 0xA2, 0xA5
_NO_SUCH_OBJECT, _NO_SUCH_INSTANCE, _END = b"\x80\x00", b"\x81\x00", b"\x82\x00"
_MAX_BINDINGS = 64
_MAX_READS = 256  # of one wake-up, so that a flood leaves the loop to others


def respond(message: bytes, community: bytes, agent: Callable[[], Agent]) -> bytes:
    """The response to one request; raises SnmpError where a real agent would stay mute."""
    reader = Reader(Reader(message).take(0x30))
    if reader.integer() != 1:
        raise SnmpError("not version 2c")
    if not hmac.compare_digest(reader.take(0x04), community):
        raise SnmpError("wrong community")
    kind, body = reader.any()
    if kind not in (_GET, _NEXT, _BULK):
        raise SnmpError(f"request type {kind:#x}")
    request = Reader(body)
    request_id, first, second = request.take(0x02), request.integer(), request.integer()
    oids = _oids(Reader(request.take(0x30)))
    if kind == _GET:
        bindings = [_get(agent(), oid) for oid in oids]
    elif kind == _NEXT:
        bindings = [_next(agent(), oid)[1] for oid in oids]
    else:
        bindings = _bulk(agent(), oids, max(0, first), max(0, second))
    pdu = wrap(0x02, request_id) + b"\x02\x01\x00\x02\x01\x00" + wrap(0x30, b"".join(bindings))
    return wrap(0x30, b"\x02\x01\x01" + wrap(0x04, community) + wrap(_RESPONSE, pdu))


def _oids(reader: Reader) -> list[Oid]:
    oids: list[Oid] = []
    while reader.left:
        if len(oids) == _MAX_BINDINGS:
            raise SnmpError("too many variables")
        oids.append(decode_oid(Reader(reader.take(0x30)).take(0x06)))
    return oids


def _get(agent: Agent, oid: Oid) -> bytes:
    found = agent.get(oid)
    if found is not None:
        return found
    return binding(oid, _NO_SUCH_INSTANCE if agent.has_object(oid) else _NO_SUCH_OBJECT)


def _next(agent: Agent, oid: Oid) -> tuple[Oid | None, bytes]:
    """The next instance and its binding; None and endOfMibView after the last."""
    following = agent.following(oid)
    return (None, binding(oid, _END)) if following is None else following


def _bulk(agent: Agent, oids: list[Oid], single: int, repetitions: int) -> list[bytes]:
    """RFC 3416 4.2.3; ends early when every column has, or when the answer is long enough."""
    bindings = [_next(agent, oid)[1] for oid in oids[:single]]
    columns = oids[single:]
    for _ in range(repetitions):
        if not columns or len(bindings) + len(columns) > _MAX_BINDINGS:
            break
        row = [_next(agent, oid) for oid in columns]
        bindings += [found for _, found in row]
        if all(oid is None for oid, _ in row):
            break
        columns = [oid or last for (oid, _), last in zip(row, columns, strict=True)]
    return bindings


class SnmpAgent:
    """Answers on one UDP socket for every address that `agent` knows (None: it does not, or is silent)."""

    def __init__(
        self, sock: socket.socket, community: str, agent: Callable[[str], Callable[[], Agent] | None]
    ) -> None:
        self._sock, self._community, self._agent = sock, community.encode(), agent
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
        agent = self._agent(socket.inet_ntoa(asked))
        if agent is None:
            return
        try:
            response = respond(message, self._community, agent)
        except SnmpError:
            return
        # in_pktinfo: interface 0 (any), the address to answer from, and one that sending ignores.
        control = [(socket.IPPROTO_IP, PKTINFO, b"\0\0\0\0" + asked + b"\0\0\0\0")]
        with contextlib.suppress(OSError):  # the asker's socket is gone, or its buffer is full: UDP may lose
            self._sock.sendmsg([response], control, 0, peer)
