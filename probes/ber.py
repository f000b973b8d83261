"""Whether a datagram is whole BER: every length inside what holds it, nothing left over.

Devices send anything, and a decoder that indexes by a length which the device chose must not be the first to
look at it. This walk reads tags and lengths only; what the values mean is the decoder's business.
"""

from __future__ import annotations

_MAX_DEPTH = 8  # an SNMP message nests 5 deep
_MAX_ITEMS = 1024  # in one datagram
_CONSTRUCTED = 0x20
_CLASS, _PDU = 0xC0, 0x80  # the PDUs are the context class of SNMP
_OCTET_STRING = 0x04
_OBJECT_ID = 0x06
_IP_ADDRESS = 0x40
_NUMBERS = frozenset({0x01, 0x02, 0x41, 0x42, 0x43, 0x46, 0x47})  # BOOLEAN, INTEGER, Counter32 ... UInteger32
_MAX_NUMBER_BYTES = 9  # a Counter64 with its leading zero


class NotBerError(ValueError):
    """The bytes are not whole BER; the text says what is wrong and where, and quotes none of them."""


def check_message(data: bytes) -> None:
    """Raises NotBerError unless `data` is one whole SNMP message (RFC 3417 §8, RFC 3412 §6)."""
    items = [0]
    outer = _walk(data, 0, len(data), 0, items)
    if len(outer) != 1 or not outer[0][0] & _CONSTRUCTED:
        raise NotBerError("the message is not one sequence")
    _, start, end = outer[0]
    parts = _walk(data, start, end, _MAX_DEPTH, items)  # the children once more, without descending
    if len(parts) == 4 and parts[2][0] == _OCTET_STRING:  # v3: version, header, security parameters, data
        _check_security(data, parts[2][1], parts[2][2], items)


def _check_security(data: bytes, start: int, end: int, items: list[int]) -> None:
    """The user-based security parameters (RFC 3414 §2.4): BER inside an octet string."""
    wrapper = _walk(data, start, end, 1, items)
    if len(wrapper) != 1 or not wrapper[0][0] & _CONSTRUCTED:
        raise NotBerError("the security parameters are not one sequence")
    fields = _walk(data, wrapper[0][1], wrapper[0][2], _MAX_DEPTH, items)
    salt = fields[5][2] - fields[5][1] if len(fields) == 6 else -1
    if salt not in (0, 8):
        raise NotBerError("the security parameters have no salt of 0 or 8 bytes")


def _walk(data: bytes, at: int, end: int, depth: int, items: list[int]) -> list[tuple[int, int, int]]:
    """(tag, start, end) of the values between `at` and `end`, after a look at all that they hold.

    `items` counts the values seen in the datagram. At `_MAX_DEPTH` nothing is descended into.
    """
    found: list[tuple[int, int, int]] = []
    while at < end:
        items[0] += 1
        if items[0] > _MAX_ITEMS:
            raise NotBerError(f"more than {_MAX_ITEMS} values")
        tag = data[at]
        start, stop = _value(data, at + 1, end)
        if tag & _CONSTRUCTED:
            inner = _walk(data, start, stop, depth + 1, items) if depth < _MAX_DEPTH else []
            if tag & _CLASS == _PDU and inner:
                _check_bindings(data, inner[-1][1], inner[-1][2], items)
        else:
            _check_size(tag, stop - start, at)
        found.append((tag, start, stop))
        at = stop
    return found


def _check_bindings(data: bytes, start: int, end: int, items: list[int]) -> None:
    """A PDU ends with its list of (object identifier, value)."""
    for _, first, last in _walk(data, start, end, _MAX_DEPTH, items):
        if first == last:
            raise NotBerError(f"an empty binding at byte {first}")


def _value(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Start and end of the value whose length field begins at `at`."""
    if at >= end:
        raise NotBerError(f"cut off at byte {at}")
    length = data[at]
    at += 1
    if length >= 0x80:
        more = length & 0x7F
        if not 1 <= more <= 4 or at + more > end:
            raise NotBerError(f"no length at byte {at}")
        length = int.from_bytes(data[at : at + more])
        at += more
    if at + length > end:
        raise NotBerError(f"a length at byte {at} passes the end")
    return at, at + length


def _check_size(tag: int, size: int, at: int) -> None:
    if tag & 0x1F == 0x1F:
        raise NotBerError(f"a long tag at byte {at}")
    if tag in _NUMBERS and not 1 <= size <= _MAX_NUMBER_BYTES:
        raise NotBerError(f"a number of {size} bytes at byte {at}")
    if tag == _OBJECT_ID and size == 0:
        raise NotBerError(f"an empty object identifier at byte {at}")
    if tag == _IP_ADDRESS and size != 4:
        raise NotBerError(f"an address of {size} bytes at byte {at}")
