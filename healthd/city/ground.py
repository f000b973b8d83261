"""The ground a simulated city stands on: its share of 127.0.0.0/8 and its sockets.

Two cities on one machine must not meet. Each claims whole blocks 127.B.0.0/16 by binding an abstract Unix socket
named after the block: the kernel lets go of it when the process dies, and it lives in the same network
namespace as the addresses.
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator

_FIRST_BLOCK, _LAST_BLOCK = 16, 254  # below: 127.0.0.1 and its kind; 127.255.255.255 is a broadcast address
PKTINFO = getattr(socket, "IPPKTINFO", 8)  # linux/in.h; Python 3.11 does not name it


class CityError(Exception):
    """The city cannot be built here; the text says why and what helps."""


class Ground:
    """The blocks of one city: one from the start, more as addresses are needed; `close` lets go of them."""

    def __init__(self) -> None:
        self._locks: dict[int, socket.socket] = {}
        self.first_block = self._claim_next()

    def addresses(self) -> Iterator[str]:
        """Endless addresses, each once; raises CityError when every block is taken. For one caller."""
        block = self.first_block
        while True:
            for high in range(256):
                for low in range(1, 255):
                    yield f"127.{block}.{high}.{low}"
            block = self._claim_next()

    def close(self) -> None:
        for lock in self._locks.values():
            lock.close()
        self._locks.clear()

    def _claim_next(self) -> int:
        for block in range(_FIRST_BLOCK, _LAST_BLOCK + 1):
            lock = None if block in self._locks else claim(block)
            if lock is not None:
                self._locks[block] = lock
                return block
        raise CityError("no block of 127.0.0.0/8 is free: stop another simulated city first")


def claim(block: int) -> socket.socket | None:
    """Holds 127.`block`.0.0/16 until closed; None where another city holds it."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind(f"\0healthd-city-127.{block}")
    except OSError:
        lock.close()
        return None
    return lock


def raise_file_limit(wanted: int) -> None:
    """Asks for room for `wanted` file descriptors, as far as this user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if room > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, hard))


def open_tcp() -> socket.socket:
    """A listening socket for every 127.x address, on a free port; `getsockname` of a connection tells which."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")  # nobody outside gets in
    sock.bind(("0.0.0.0", 0))
    sock.listen(4096)
    sock.setblocking(False)
    return sock


def open_udp() -> socket.socket:
    """A socket for every 127.x address, on a free port; IPPKTINFO tells which was asked."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    sock.setsockopt(socket.IPPROTO_IP, PKTINFO, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("0.0.0.0", 0))
    sock.setblocking(False)
    return sock
