"""Takes up what is filed as exempt, by whatever process, and has pages, metrics and incidents go by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from healthd.filings.exemptions import cover_now
from healthd.incidents.exempt import Exempt
from healthd.incidents.fleet import Fleet
from healthd.live import Live
from healthd.model import Inventory, Moment
from healthd.store import Store, StoreError

log = logging.getLogger("healthd.filings.exemptions")

_TURN_SECONDS = 1.0  # between two looks at who begins or ceases to be exempt


@dataclass
class Exempting:
    """`inventory`: the one that holds now. `rebuild`: have the live windows made anew out of the store."""

    store: Store
    live: Live
    fleet: Fleet
    inventory: Callable[[], Inventory]
    now: Callable[[], Moment]
    rebuild: Callable[[], None]
    _taken: int = field(default=-1, init=False)  # the last record that was taken up
    _stale: bool = field(default=False, init=False)  # the inventory has changed since
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def take_up(self) -> None:
        """Take what is filed, at once: blocking, for the start."""
        self._taken, exempt = self._read()
        self.fleet.exempt_are(exempt)
        self._show()

    def inventory_changed(self) -> None:
        """Who is exempt is to be worked out again; whoever says so has the windows rebuilt, too."""
        self._stale = True
        self._woken.set()

    def look_now(self) -> None:
        """Somebody has filed something: do not wait for the next turn. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Look for records that other processes wrote, and at the time, every second."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                await self._look()
            except StoreError as error:
                log.warning("exemptions cannot be read for now: %s", error)
            self._show()
            self._woken.clear()
            try:
                async with asyncio.timeout(_TURN_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        last = await asyncio.to_thread(self.store.last_exemption_record)
        if last == self._taken and not self._stale:
            return
        self._stale, before = False, self._taken
        self._taken, exempt = await asyncio.to_thread(self._read)
        self.fleet.exempt_are(exempt)
        if self._taken != before:
            self.rebuild()
            log.info("exemptions taken up record=%d cameras=%d", self._taken, len(exempt.cameras))

    def _read(self) -> tuple[int, Exempt]:
        last = self.store.last_exemption_record()  # first: what comes after is looked for again
        inventory = self.inventory()
        return last, Exempt.of(cover_now(self.store.exemptions(), inventory), inventory)

    def _show(self) -> None:
        self.fleet.exempt_at(self.now())
        self.live.exempt_are(self.fleet.filed.cameras)
