"""The kernel's side of ping (Linux): opening an ICMP socket, and moving many packets in one call."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct

REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}  # ICMP types, by family
REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
ERRORS = {socket.AF_INET: (3, 11), socket.AF_INET6: (1, 3)}  # destination unreachable, time exceeded
SOURCE = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}  # the address in a struct sockaddr
NAME_BYTES = {socket.AF_INET: 16, socket.AF_INET6: 28}  # struct sockaddr_in, sockaddr_in6
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}

# From <linux/socket.h> and <linux/filter.h>; Python does not name them.
_SO_ATTACH_FILTER, _SO_SNDBUFFORCE, _SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _SO_MEMINFO = 26, 32, 33, 35, 55
_MEMINFO = struct.Struct("=9I")  # the last one: packets that the socket dropped

_IOVEC = struct.Struct("@PN")
_MMSGHDR = struct.Struct("@PIPNPNi0PI0P")  # name, its size, iovec, count, control, its size, flags; bytes moved
_NAME_V4, _NAME_V6 = struct.Struct("@H2x4s8x"), struct.Struct("@H2x4x16sI")  # family, address; scope
_TIME = struct.Struct("@Niill")  # control message: its size, level, type; seconds, nanoseconds
_NAME_ROOM, CONTROL_BYTES = 32, 64


class Vector:
    """`count` messages over one fixed buffer: many packets move in one call and none needs an object.

    Message i is `records[i * stride:]`: first its struct sockaddr, then, from `data_at` on, its data.
    """

    def __init__(self, count: int, name_bytes: int, data_bytes: int, control_bytes: int = 0) -> None:
        """`control_bytes`: room for the receive time; none is needed for sending."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
        libc.recvmmsg.argtypes = [*libc.sendmmsg.argtypes, ctypes.c_void_p]
        self._sendmmsg, self._recvmmsg = libc.sendmmsg, libc.recvmmsg
        self.count = count
        self.data_at = _NAME_ROOM + control_bytes
        self.stride = self.data_at + data_bytes
        self.records = bytearray(count * self.stride)
        records_at = ctypes.addressof((ctypes.c_char * len(self.records)).from_buffer(self.records))
        self._iovecs = ctypes.create_string_buffer(count * _IOVEC.size)
        self._headers = ctypes.create_string_buffer(count * _MMSGHDR.size)
        for slot in range(count):
            record = records_at + slot * self.stride
            iovec = ctypes.addressof(self._iovecs) + slot * _IOVEC.size
            _IOVEC.pack_into(self._iovecs, slot * _IOVEC.size, record + self.data_at, data_bytes)
            header = (record, name_bytes, iovec, 1, record + _NAME_ROOM, control_bytes, 0, 0)
            _MMSGHDR.pack_into(self._headers, slot * _MMSGHDR.size, *header)
        self._pristine = self._headers.raw

    def send(self, sock: socket.socket, first: int, end: int) -> int:
        """Send the messages first..end-1: how many went out, or minus the errno that the first of them met."""
        headers = ctypes.addressof(self._headers) + first * _MMSGHDR.size
        sent: int = self._sendmmsg(sock.fileno(), headers, end - first, socket.MSG_DONTWAIT)
        return sent if sent > 0 else -ctypes.get_errno()

    def receive(self, sock: socket.socket) -> list[tuple[int, int, float | None]]:
        """Read up to `count` waiting messages: where each one begins and its data ends in `records`, and when the
        kernel got it (UTC seconds)."""
        ctypes.memmove(self._headers, self._pristine, len(self._pristine))  # the kernel writes its sizes into them
        got = self._recvmmsg(sock.fileno(), self._headers, self.count, socket.MSG_DONTWAIT, None)
        if got < 0 and ctypes.get_errno() != errno.EAGAIN:
            # An error pending on the socket is told once, in place of the messages behind it.
            got = self._recvmmsg(sock.fileno(), self._headers, self.count, socket.MSG_DONTWAIT, None)
        arrivals: list[tuple[int, int, float | None]] = []
        at = 0
        for header in _MMSGHDR.iter_unpack(memoryview(self._headers)[: max(got, 0) * _MMSGHDR.size]):
            stamp = None
            if header[5] >= _TIME.size:
                _, _, _, seconds, nanoseconds = _TIME.unpack_from(self.records, at + _NAME_ROOM)
                stamp = seconds + nanoseconds * 1e-9
            arrivals.append((at, at + self.data_at + header[7], stamp))
            at += self.stride
        return arrivals


def resolve(address: str) -> tuple[socket.AddressFamily, bytes]:
    """Family and struct sockaddr of an address literal; raises OSError."""
    if ":" not in address:
        return socket.AF_INET, _NAME_V4.pack(socket.AF_INET, socket.inet_pton(socket.AF_INET, address))
    host, _, zone = address.partition("%")
    scope = (int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)) if zone else 0
    return socket.AF_INET6, _NAME_V6.pack(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host), scope)


def open_icmp(family: socket.AddressFamily, ident: bytes, buffer_bytes: int) -> tuple[socket.socket, bool]:
    """A non-blocking ICMP socket and whether it is a raw one; raises OSError if neither kind is to be had.

    A raw socket sees only replies and errors with the 2-byte id `ident`, and shows the IP header (IPv4 only). On a
    datagram socket the kernel writes an id of its own, passes replies to it alone, and no errors.
    """
    try:
        sock, raw = socket.socket(family, socket.SOCK_RAW, _PROTOCOL[family]), True
    except PermissionError:
        sock, raw = socket.socket(family, socket.SOCK_DGRAM, _PROTOCOL[family]), False
    try:
        sock.setblocking(False)
        if raw:
            _attach_filter(sock, family, ident)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        _set_buffer(sock, _SO_RCVBUFFORCE, socket.SO_RCVBUF, buffer_bytes)
        _set_buffer(
            sock, _SO_SNDBUFFORCE, socket.SO_SNDBUF, buffer_bytes
        )  # packets to silent neighbours wait there
        kernel_drops(sock)
    except OSError:
        sock.close()
        raise
    return sock, raw


def kernel_drops(sock: socket.socket) -> int:
    """Packets that the kernel dropped so far because the receive buffer was full, modulo 2^32.

    SO_RXQ_OVFL tells the same number, but only with the next packet that gets through: too late for a verdict.
    """
    drops: int = _MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1]
    return drops


def _set_buffer(sock: socket.socket, forced: int, polite: int, size: int) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, forced, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, polite, size)  # the kernel cuts it to net.core.rmem_max, wmem_max


def _attach_filter(sock: socket.socket, family: socket.AddressFamily, ident: bytes) -> None:
    program = _filter(family, ident)
    code = ctypes.create_string_buffer(program, len(program))
    descriptor = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, descriptor)


def _filter(family: socket.AddressFamily, ident: bytes) -> bytes:
    """A classic BPF program: pass echo replies with our id, and errors about packets with our id."""
    if family == socket.AF_INET:
        start = (0xB1, 0, 0, 0)  # X = length of the IP header
        inner = [
            (0x50, 0, 0, 8),  # A = first byte of the IP header inside the error
            (0x54, 0, 0, 15),
            (0x64, 0, 0, 2),  # ... the length of that header
            (0x0C, 0, 0, 0),
            (0x07, 0, 0, 0),  # X += A
            (0x48, 0, 0, 8 + 4),  # A = the id inside the error
        ]
    else:
        start = (0x01, 0, 0, 0)  # X = 0: no IP header is shown
        inner = [(0x48, 0, 0, 8 + 40 + 4)]
    error_1, error_2 = ERRORS[family]
    program = [
        start,
        (0x50, 0, 0, 0),  # A = type
        (0x15, len(inner) + 3, 0, REPLY[family]),  # (jumps count from the next step)
        (0x15, 1, 0, error_1),
        (0x15, 0, len(inner) + 4, error_2),
        *inner,
        (0x05, 0, 0, 1),
        (0x48, 0, 0, 4),  # A = the id of a reply
        (0x15, 0, 1, int.from_bytes(ident, "big")),
        (0x06, 0, 0, 0xFFFF),  # pass
        (0x06, 0, 0, 0),  # drop
    ]
    return b"".join(struct.pack("@HBBI", *step) for step in program)
