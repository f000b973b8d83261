"""A TCP listener that may close at any moment.

`asyncio.Server` of Python 3.11 leaks a connection that is being accepted while its server closes; closing
listeners in full traffic is what a simulated city does all day.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TypeAlias

_PAUSE_SECONDS = 0.5
_AT_ONCE = 256  # accepted in one turn of the loop

Factory: TypeAlias = Callable[[], asyncio.Protocol]


class Listener:
    """Accepts on a listening, non-blocking socket, which it owns, until `close`."""

    def __init__(self, sock: socket.socket, factory: Factory) -> None:
        self._sock, self._factory = sock, factory
        self._loop = asyncio.get_running_loop()
        self._accepting: set[asyncio.Task[object]] = set()  # a task that nobody holds may vanish
        self._resume()

    def close(self) -> None:
        """Takes no further connection; those accepted live on."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _resume(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:  # out of file descriptors or memory: asking again at once would only spin
                self._loop.remove_reader(self._sock.fileno())
                self._loop.call_later(_PAUSE_SECONDS, self._resume)
                return
            connection.setblocking(False)
            task: asyncio.Task[object] = self._loop.create_task(self._adopt(connection))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    async def _adopt(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, connection)
        except OSError:  # it went away again
            connection.close()
