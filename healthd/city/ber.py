"""BER as SNMP v2c uses it: what the simulated agents read of requests, and how they write their values."""

from __future__ import annotations

Oid = tuple[int, ...]


class SnmpError(ValueError):
    """A message that is no SNMP v2c request; it gets no answer."""


def integer(value: int) -> bytes:
    """INTEGER, also of the enumerations and TruthValue."""
    return wrap(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def text(value: str) -> bytes:
    """OCTET STRING."""
    return wrap(0x04, value.encode())


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return wrap(0x04, value)


def object_id(oid: Oid) -> bytes:
    return wrap(0x06, encode_oid(oid))


def address(dotted: str) -> bytes:
    """IpAddress."""
    return wrap(0x40, bytes(int(part) for part in dotted.split(".")))


def counter(value: int) -> bytes:
    """Counter32."""
    return wrap(0x41, _unsigned(value % 2**32))


def gauge(value: int) -> bytes:
    """Gauge32: what does not fit is its maximum (RFC 2578 7.1.7)."""
    return wrap(0x42, _unsigned(min(value, 2**32 - 1)))


def ticks(seconds: float) -> bytes:
    """TimeTicks: hundredths of a second, which start again at 0 after 497 days."""
    return wrap(0x43, _unsigned(int(seconds * 100) % 2**32))


def _unsigned(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")  # its highest bit is no sign


def wrap(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def encode_oid(oid: Oid) -> bytes:
    return encode_index((oid[0] * 40 + sum(oid[1:2]), *oid[2:]))  # X.690 8.19.4: the first two make one


def encode_index(parts: Oid) -> bytes:
    """The tail of an object identifier."""
    encoded = bytearray()
    for part in parts:
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(part & 0x7F | 0x80)
        encoded += bytes(reversed(digits))
    return bytes(encoded)


def decode_oid(encoded: bytes) -> Oid:
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


class Reader:
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
