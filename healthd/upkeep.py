"""What the daemon does to its store by the calendar: days are rolled over, and what is too old is forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from healthd.config import Config
from healthd.model import Moment
from healthd.store import Store

log = logging.getLogger("healthd.upkeep")

_MARGIN: Moment = 60_000  # ms; what is too old is noticed some seconds late, and dated back


@dataclass(frozen=True, slots=True)
class Upkeep:
    """`decided_until`: the earliest moment that a flip may still be dated at, as of now. `flushed`: returns once
    all that was decided so far is in the store."""

    store: Store
    config: Callable[[], Config]
    now: Callable[[], Moment]
    decided_until: Callable[[], Moment]
    flushed: Callable[[], Awaitable[None]]

    async def roll_over(self) -> None:
        """Pack what was decided since the last time, in a thread; it catches up by itself after a standstill."""
        settled = self.decided_until() - _MARGIN
        await self.flushed()
        packed = await asyncio.to_thread(self.store.roll_over, settled)
        log.debug("roll-over flips=%d settled=%d", packed, settled)

    def clean_up(self) -> None:
        """Forget what is older than its retention; for a thread."""
        now, keep = self.now(), self.config().store.retention
        gone = self.store.prune(now - round(1000 * keep.flips), now - round(1000 * max(keep.days, keep.flips)))
        log.info("clean-up flips=%d", gone)
