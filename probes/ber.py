"""Whether a datagram is whole BER: every length inside what holds it, nothing left over.

Devices send anything, and a decoder that indexes by a length which the device chose must not be the first to
look at it. This walk reads tags and lengths only; what the values mean is the decoder's business.
"""

from __future__ import annotations

_MAX_DEPTH = 8  # an SNMP message nests 5 deep; nothing deeper is descended into
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
    parts = _sequence(data, 0, len(data), "the message is")
    if len(parts) == 4 and parts[2][0] == _OCTET_STRING:  # v3: version, header, security parameters, data
        _check_security(data, parts[2][1], parts[2][2])


def _check_security(data: bytes, start: int, end: int) -> None:
    """The user-based security parameters (RFC 3414 §2.4): BER inside an octet string."""
    fields = _sequence(data, start, end, "the security parameters are")
    salt = fields[5][2] - fields[5][1] if len(fields) == 6 else -1
    if salt not in (0, 8):
        raise NotBerError("the security parameters have no salt of 0 or 8 bytes")


def _sequence(data: bytes, at: int, end: int, what: str) -> list[tuple[int, int, int]]:
    """(tag, start, end) of each part of the one sequence from `at` to `end`, after a look at all that they hold.

    One loop over the whole of it, however deep: this is done for every datagram of every camera.
    """
    if at == end or not data[at] & _CONSTRUCTED or _value(data, at + 1, end)[1] != end:
        raise NotBerError(f"{what} not one sequence")
    parts: list[tuple[int, int, int]] = []
    ends = [end]  # of the values that `at` is inside of
    bindings = 0  # how many of these there are in the list with which the PDU ends; 0: no PDU so far
    for _ in range(_MAX_ITEMS):
        depth, limit = len(ends), ends[-1]
        tag = data[at]
        start = at + 2
        if start > limit or (stop := start + data[at + 1]) > limit or data[at + 1] >= 0x80:
            start, stop = _value(data, at + 1, limit)  # a long length, or a wrong one
        if depth == 2:
            parts.append((tag, start, stop))
        if start == stop and depth == bindings:
            raise NotBerError(f"an empty binding at byte {start}")
        if not tag & _CONSTRUCTED:
            _check_size(tag, stop - start, at)
            at = stop
        elif depth > _MAX_DEPTH:
            at = stop
        else:
            ends.append(stop)
            at = start
            if tag & _CLASS == _PDU and not bindings:
                bindings = depth + 2
        while at == ends[-1]:
            ends.pop()
            if not ends:
                return parts
    raise NotBerError(f"more than {_MAX_ITEMS} values")


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
