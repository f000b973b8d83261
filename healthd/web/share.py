"""Rendering big pages off the event loop: one at a time, shared by all who ask for the same meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable

_FRESH_SECONDS = 0.2  # askers of one moment get the same page; nobody gets a page that a reload outdated


class Shared:
    """Pages by key, each made in a thread and kept for a moment."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._pages: dict[Hashable, tuple[float, asyncio.Task[bytes]]] = {}

    async def get(self, key: Hashable, begin: Callable[[], Callable[[], bytes]]) -> bytes:
        """The page of this key: the one made a moment ago, or being made, or a new one.

        `begin` runs on the event loop when it is this page's turn, and returns what makes the page in a thread.
        What either raises is raised to everybody who waits for that page; the next asking makes it anew.
        """
        self._forget_stale()
        if key not in self._pages:
            # The task outlives the request that began it: others may wait for the same page.
            self._pages[key] = (float("inf"), asyncio.create_task(self._make(key, begin)))
        return await asyncio.shield(self._pages[key][1])

    async def _make(self, key: Hashable, begin: Callable[[], Callable[[], bytes]]) -> bytes:
        until = 0.0
        try:
            async with self._turn:
                page = await asyncio.to_thread(begin())
            until = time.monotonic() + _FRESH_SECONDS
            return page
        finally:
            self._pages[key] = (until, self._pages[key][1])

    def _forget_stale(self) -> None:
        now = time.monotonic()
        for key in [key for key, (until, _) in self._pages.items() if until < now]:
            del self._pages[key]
