"""Has what the core leaves stored, shows it once it is, and keeps the live windows in step with the store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from healthd.core import Core, Outbox
from healthd.figures.period import live_windows
from healthd.heap import give_back
from healthd.live import Live
from healthd.model import Moment
from healthd.selfmetrics import SelfMetrics
from healthd.setup import Setup
from healthd.store import Batch, Store, Writer

log = logging.getLogger("healthd.store")

_WAITING_BATCHES = 200  # some minutes; HealthdStoreFailing fires at half of it
_FLIPS_AT_ONCE = 500  # shown in one go: 20 ms of the event loop


@dataclass
class Keeper:
    """`setup`: the one that holds now. `placed_at`: when the latest changes of placement were dated."""

    store: Store
    writer: Writer
    core: Core
    live: Live
    metrics: SelfMetrics
    setup: Callable[[], Setup]
    now: Callable[[], Moment]
    placed_at: Moment = 0
    _to_show: deque[Outbox | asyncio.Event] = field(default_factory=deque, init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _rebuild: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _beating_since: Moment = field(default=0, init=False)
    _errors: int = field(default=0, init=False)  # of the writer, as far as they were counted

    def keep(self, *, at_last: bool = False) -> None:
        """Have stored what the core has to say by now. While the writer is far behind, the core keeps it, where it
        grows less; `at_last`: nobody will ask again."""
        if self.writer.pending >= _WAITING_BATCHES and not at_last:
            if given_up := self.core.thin_out():
                self.metrics.flips_given_up(given_up)
                log.error(
                    "the store takes nothing and memory is short: flips became unknown time flips=%d", given_up
                )
            return
        self._submit(self.core.take(_FLIPS_AT_ONCE))
        while self.core.has_flips:
            self._submit(self.core.take(_FLIPS_AT_ONCE))

    def _submit(self, outbox: Outbox) -> None:
        batch = Batch(
            flips=outbox.flips,
            heartbeat=outbox.heartbeat,
            memories=outbox.memories,
            reached=outbox.reached,
            reboots=outbox.reboots,
            happenings=outbox.happenings,
            references=outbox.references,
            forgotten=outbox.forgotten,
            disagreements=outbox.disagreements,
            recorded=self.now(),
        )
        loop = asyncio.get_running_loop()
        self.writer.submit(batch, lambda: _call_soon(loop, self._written, outbox))

    def _written(self, outbox: Outbox | asyncio.Event) -> None:
        self._to_show.append(outbox)
        self._woken.set()

    async def show(self) -> None:
        """Show what was stored, piece by piece: one transaction may hold the flips of half a city."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._to_show:
                outbox = self._to_show.popleft()
                if isinstance(outbox, asyncio.Event):
                    outbox.set()
                else:
                    self._show(outbox)
                    await asyncio.sleep(0)

    def _show(self, outbox: Outbox) -> None:
        self.metrics.store_written(self.writer.last_write_seconds)
        if outbox.heartbeat is not None:
            start, end = outbox.heartbeat
            if start != self._beating_since:
                self._beating_since = start
                self.rebuild_windows()  # a gap lies between: everybody's seconds in it are unknown
            self.live.seen_until = end
        self.core.gallery.stored(outbox.references, outbox.forgotten)
        self.live.committed(outbox.flips)
        self.live.happened(outbox.happenings)
        self.live.disagreed(outbox.disagreements)

    def report(self) -> None:
        """Bring the metrics of the writer up to date."""
        self.metrics.set_store_pending(self.writer.pending)
        for _ in range(self.writer.errors - self._errors):
            self.metrics.store_failed()
            self._errors += 1

    async def flushed(self) -> None:
        """Until everything submitted so far is on the disk and was shown."""
        flushed, loop = asyncio.Event(), asyncio.get_running_loop()
        self.writer.submit(Batch(), lambda: _call_soon(loop, self._written, flushed))
        await flushed.wait()

    def rebuild_windows(self) -> None:
        """Have the live windows made anew out of the store: something in the past counts otherwise."""
        self.live.begin_rebuild()
        self._rebuild.set()

    def fleet_changed(self) -> None:
        """After a reload: cameras may stand elsewhere."""
        if self._beating_since:
            self.rebuild_windows()

    async def keep_windows(self) -> None:
        """Make windows anew whenever that was asked for, off the loop."""
        while True:
            await self._rebuild.wait()
            self._rebuild.clear()
            await self.flushed()
            booked = self.live.begin_rebuild()
            until = max(self.live.seen_until, self.placed_at + 1)
            windows = await asyncio.to_thread(live_windows, self.setup(), self.store, until, booked)
            if not self._rebuild.is_set():
                self.live.finish_rebuild(windows)
            del windows
            await asyncio.to_thread(give_back)


def _call_soon(loop: asyncio.AbstractEventLoop, work: Callable[..., None], *arguments: object) -> None:
    """From another thread; a loop that has ended needs to hear no more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(work, *arguments)
