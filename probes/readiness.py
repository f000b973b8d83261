"""Waiting for many short-lived sockets: an epoll of our own, of which the event loop knows one descriptor only.

An asking over UDP opens a socket, waits and closes it. The loop's `add_reader` and `remove_reader` cost more of
that than sending and receiving, and wake it for every datagram; here those that are ready together wake it once.
"""

from __future__ import annotations

import asyncio
import select


class Readiness:
    """Tells when sockets have something to read; opened by the first wait, in whose event loop it stays."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[None]] = {}  # by descriptor
        self._opened: tuple[asyncio.AbstractEventLoop, select.epoll] | None = None

    async def readable(self, fd: int) -> None:
        """Return when there is something to read, or an error, at `fd`, which stays open meanwhile. Raises OSError
        where this process may open no more files."""
        loop, epoll = self._opened or self._open()
        self._waiting[fd] = ready = loop.create_future()
        epoll.register(fd, select.EPOLLIN)
        try:
            await ready
        finally:
            epoll.unregister(fd)
            del self._waiting[fd]

    def _open(self) -> tuple[asyncio.AbstractEventLoop, select.epoll]:
        loop, epoll = asyncio.get_running_loop(), select.epoll()
        loop.add_reader(epoll, self._wake, epoll)
        self._opened = loop, epoll
        return self._opened

    def _wake(self, epoll: select.epoll) -> None:
        for fd, _ in epoll.poll(0):
            ready = self._waiting[fd]
            if not ready.done():  # else it was cancelled, or woken and had no turn yet
                ready.set_result(None)

    def close(self) -> None:
        """Tell nobody any more; for when nobody waits."""
        if self._opened is not None:
            loop, epoll = self._opened
            loop.remove_reader(epoll)
            epoll.close()
            self._opened = None
