"""An SNMP v2c agent on loopback that replays a walk (`snmpwalk -On` text), well behaved or with bad manners."""

from __future__ import annotations

import asyncio
import json
import re
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from probes import PROBES
from probes.base import Memory, Probe, Resources, Result
from probes.device import KIND
from probes.port_names import port_named
from probes.ports import Port
from tests.snmpd import COMMUNITY, NOW, SECRETS, at

Oid = tuple[int, ...]
Row = tuple[Oid, bytes]
"""A name and its value, encoded."""

UPTIME = (1, 3, 6, 1, 2, 1, 1, 3, 0)
WALKS = Path(__file__).parent / "walks"
_LINE = re.compile(r"\.([\d.]+) = (?:([A-Za-z0-9-]+): ?)?(.*)", re.DOTALL)
_TAGS = {"INTEGER": 0x02, "Counter32": 0x41, "Gauge32": 0x42, "Timeticks": 0x43, "Counter64": 0x46}
_END = b"\x82\x00"
_BULK = 0xA5


def tlv(tag: int, body: bytes) -> bytes:
    """One BER element."""
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    return bytes((tag, 0x82)) + len(body).to_bytes(2) + body


def integer(value: int, tag: int = 0x02) -> bytes:
    """A whole number of any of SNMP's types."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def octets(value: str | bytes) -> bytes:
    return tlv(0x04, value.encode() if isinstance(value, str) else value)


def encode_oid(oid: Oid) -> bytes:
    """The body of an object identifier."""
    out = bytearray([oid[0] * 40 + oid[1]])
    for part in oid[2:]:
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(part & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return bytes(out)


def oid(text: str) -> Oid:
    return tuple(map(int, text.strip(".").split(".")))


def read_walk(text: str) -> list[Row]:
    """The rows of a walk; a text in quotes may have line ends in it."""
    rows: list[Row] = []
    for line in re.split(r"\n(?=\.\d)", text.strip()):
        match = _LINE.fullmatch(line)
        assert match, f"no row of a walk: {line!r}"
        rows.append((oid(match[1]), _value(match[2] or "STRING", match[3])))
    return rows


def _value(kind: str, shown: str) -> bytes:
    if kind in _TAGS:
        number = re.search(r"\((-?\d+)\)", shown) or re.search(r"(-?\d+)", shown)
        assert number, shown
        return integer(int(number[1]), _TAGS[kind])
    if kind == "Hex-STRING":
        return octets(bytes.fromhex(shown))
    if kind == "OID":
        return tlv(0x06, encode_oid(oid(shown)))
    if kind == "IpAddress":
        return tlv(0x40, bytes(map(int, shown.split("."))))
    assert kind == "STRING", kind
    return octets(shown.strip().strip('"'))


def load(name: str) -> list[Row]:
    """The rows of `tests/walks/NAME.snmpwalk`."""
    return read_walk((WALKS / f"{name}.snmpwalk").read_text("utf-8"))


@dataclass
class Agent:
    """What the agent is and how it behaves; tests change it while it runs.

    `following` finds the row after a name (GETNEXT; default: in order); `bend` changes the bindings of an answer;
    `mute` is asked whether a request gets no answer; `delay` is waited before each answer. An answer ends before
    it has more than `max_bytes` or `max_rows`. `asked` has (kind of PDU, first name) of every request.
    """

    rows: list[Row]
    max_bytes: int = 1400
    max_rows: int = 1000
    delay: float = 0.0
    following: Callable[[Oid], Row | None] | None = None
    bend: Callable[[list[Row]], list[Row]] = lambda rows: rows
    mute: Callable[[int, Oid], bool] = lambda kind, name: False
    asked: list[tuple[int, Oid]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.replace(self.rows)

    def replace(self, rows: Iterable[Row]) -> None:
        """From now on the agent is another one."""
        self.rows = sorted(rows)
        self._names = [name for name, _ in self.rows]
        self._values = dict(self.rows)

    def after(self, name: Oid) -> Row | None:
        """The next row in order."""
        at = bisect_right(self._names, name)
        return self.rows[at] if at < len(self.rows) else None

    def answer(self, request: bytes) -> bytes | None:
        """The response to a request; None: silence."""
        kind, number, repetitions, names = _parse(request)
        self.asked.append((kind, names[0] if names else ()))
        if self.mute(kind, names[0] if names else ()):
            return None
        found = self._bulk(names[0], repetitions) if kind == _BULK else [*map(self._get, names)]
        bindings = b"".join(tlv(0x30, tlv(0x06, encode_oid(name)) + value) for name, value in self.bend(found))
        pdu = tlv(0x02, number) + b"\x02\x01\x00\x02\x01\x00" + tlv(0x30, bindings)
        return tlv(0x30, b"\x02\x01\x01" + octets(COMMUNITY) + tlv(0xA2, pdu))

    def _get(self, name: Oid) -> Row:
        return name, self._values.get(name, b"\x81\x00")

    def _bulk(self, name: Oid, repetitions: int) -> list[Row]:
        found: list[Row] = []
        size = 0
        for _ in range(min(repetitions, self.max_rows)):
            row = (self.following or self.after)(name)
            if row is None:
                found.append((name, _END))
                break
            size += len(row[0]) + len(row[1]) + 6
            if size > self.max_bytes and found:
                break
            found.append(row)
            name = row[0]
        return found


def _parse(request: bytes) -> tuple[int, bytes, int, list[Oid]]:
    """(kind of PDU, request id, max-repetitions, names) of a v2c request with the right community."""
    body = _elements(_elements(request)[0][1])
    assert body[1][1] == COMMUNITY.encode()
    kind, pdu = body[2]
    number, _, repetitions, bindings = _elements(pdu)
    names = [_decode_oid(_elements(binding)[0][1]) for _, binding in _elements(bindings[1])]
    return kind, number[1], int.from_bytes(repetitions[1]), names


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        size, start = data[at + 1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[at + 2 : start])
        found.append((data[at], data[start : start + size]))
        at = start + size
    return found


def _decode_oid(encoded: bytes) -> Oid:
    parts, value = [], 0
    for byte in encoded:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            parts.append(value)
            value = 0
    return (parts[0] // 40, parts[0] % 40, *parts[1:])


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._agent.answer(data)
        if answer is not None:
            asyncio.get_running_loop().call_later(self._agent.delay, self._transport.sendto, answer, addr)


@asynccontextmanager
async def serve(agent: Agent) -> AsyncIterator[int]:
    """Serves the agent on a loopback port, which it yields."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(agent), ("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def below(rows: Sequence[Row], column: str) -> list[Row]:
    """The rows of one column."""
    prefix = oid(column)
    return [row for row in rows if row[0][: len(prefix)] == prefix]


def interfaces(count: int) -> list[Row]:
    """Rows of a device with that many interfaces: description, name, type, states and a counter of each."""
    entry, extended = oid("1.3.6.1.2.1.2.2.1"), oid("1.3.6.1.2.1.31.1.1.1")
    found: list[Row] = []
    for number in range(1, count + 1):
        found += [
            ((*entry, 2, number), octets(f"Vlan-interface{number}")),
            ((*entry, 3, number), integer(136)),
            ((*entry, 7, number), integer(1)),
            ((*entry, 8, number), integer(1)),
            ((*entry, 14, number), integer(number, 0x41)),
            ((*extended, 1, number), octets(f"Vl{number}")),
        ]
    return found


def make(seconds: float = 5.0, **options: Any) -> Probe:
    """The device probe with that timeout."""
    chosen = PROBES["device"].options.model_validate({"timeout": seconds, **options})
    return KIND.build(chosen, Resources(ThreadPoolExecutor(1), lambda: NOW))


async def ask(agent: Agent, seconds: float = 5.0, memory: Memory = Memory(), **options: Any) -> Result:  # noqa: B008
    """One walk of the agent; what it says can be written as JSON, and holds no secret."""
    async with serve(agent) as port:
        result = await make(seconds, **options).ask(replace(at(port), memory=memory))
    text = json.dumps(dict(result.values), default=asdict) + repr(result)
    assert not [secret for secret in SECRETS if secret in text]
    return result


def named(result: Result, text: str) -> Port:
    """The port that an inventory's text means."""
    found: tuple[Port, ...] = result.values["ports"]
    port = port_named(found, text)
    assert port is not None
    return port
