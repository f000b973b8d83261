"""One probing process: asks its share of the fleet, hands results over, and knows nothing of the store.

`python -m healthd.probing.child`, started by `crew` with its pipes as standard input and output. It ends when its
input does, so that it never outlives the core process, however that ended.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from healthd.clock import Clock
from healthd.folding.learning import learnt_fields
from healthd.heap import few_heaps
from healthd.model import Asked, Camera, Inventory
from healthd.prober import Prober, Targets
from healthd.probing.wire import Fleet, Known, Orders, Told, Wanted, receive, send
from healthd.schedule import Observers
from probes.base import Memory, Probe, Resources

if TYPE_CHECKING:  # a daemon without the frame check loads no picture code
    from probes.picture.context import Context

log = logging.getLogger("healthd.probing")

_TELL_SECONDS = 1.0
_CONTEXT_SECONDS = 10.0
_UNREAD_BYTES = 32 << 20  # results that the core process has not taken; more are dropped, as if not asked
_LAST_TRIES, _LAST_PAUSE_SECONDS = 100, 0.01
_GC_THRESHOLDS = (50_000, 50, 1000)


class Memories:
    """What was learnt of each camera and device of this share, as the core learns it: it starts with what the core
    knows, and the same results move both."""

    def __init__(self) -> None:
        self._known: dict[str, Memory] = {}
        self._channels: dict[str, list[str]] = {}  # camera -> all at its address
        self._nothing = Memory()

    def replace(self, inventory: Inventory, known: Mapping[str, Memory]) -> None:
        """Take another share. Of who stays, what was learnt here is the newest."""
        self._known = {**known, **{key: one for key, one in self._known.items() if key in known}}
        at: dict[str, list[str]] = {}
        for camera in inventory.cameras.values():
            at.setdefault(camera.address, []).append(camera.id)
        self._channels = {camera: channels for channels in at.values() if len(channels) > 1 for camera in channels}

    def of(self, subject: str) -> Memory:
        return self._known.get(subject, self._nothing)

    def learn(self, asked: Asked) -> None:
        """Take what a result says."""
        own, login = learnt_fields(asked.result.learnt)
        for other in self._channels.get(asked.subject, ()) if login else ():
            self._known[other] = replace(self.of(other), **login)
        if own:
            self._known[asked.subject] = replace(self.of(asked.subject), **own)


@dataclass
class Child:
    """The process, from its first fleet on; `writer` leads to the core process."""

    writer: asyncio.StreamWriter
    clock: Clock = field(default_factory=Clock)
    memories: Memories = field(default_factory=Memories)
    executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "picture"))
    _answers: list[Asked] = field(default_factory=list)
    _lags: list[tuple[str, Sequence[float]]] = field(default_factory=list)
    _skipped: Counter[str] = field(default_factory=Counter)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _wanted: dict[int, asyncio.Future[Context]] = field(default_factory=dict)
    _prober: Prober | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Until the core process says no more."""
        first = await receive(reader)
        if not isinstance(first, Fleet):
            return
        logging.getLogger().setLevel(first.log_level)
        prober = self._prober = self._begin(first)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        tasks = [asyncio.create_task(work) for work in (self._listen(reader), prober.run(), self._keep_telling())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what it died of: the core process starts another of us
        finally:
            await prober.stop()
            self._tell()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.executor.shutdown(wait=False, cancel_futures=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (message := await receive(reader)) is not None:
            self._take(message)

    def _begin(self, fleet: Fleet) -> Prober:
        self.memories.replace(fleet.inventory, fleet.memories)
        targets = Targets(fleet.config, fleet.inventory, self.memories.of, self._picture)
        observers = Observers(self._hand_over, lambda *lag: self._lags.append(lag), self._skip)
        resources = Resources(self.executor, self.clock.seconds)
        prober = Prober(fleet.config, targets, observers, resources, self.clock.now)
        prober.start(fleet.config, fleet.inventory)
        return prober

    def _take(self, message: object) -> None:
        assert self._prober is not None  # noqa: S101 (the first fleet made it)
        if isinstance(message, Orders):
            for name, arguments in message.orders:
                getattr(self._prober, name)(*arguments)
        elif isinstance(message, Known):
            wanted = self._wanted.pop(message.number, None)
            if wanted is not None and not wanted.done():
                wanted.set_result(message.context)
        elif isinstance(message, Fleet):
            self.memories.replace(message.inventory, message.memories)
            old = self._prober.replace(message.config, message.inventory)
            asyncio.get_running_loop().call_later(self._prober.longest_timeout, self._close, old)

    def _close(self, probes: Sequence[Probe]) -> None:
        for probe in probes:
            closing = asyncio.ensure_future(probe.close())
            closing.add_done_callback(lambda done: done.exception())

    # --- towards the core process --------------------------------------------------------------------------

    def _hand_over(self, answers: list[Asked]) -> None:
        for asked in answers:
            if asked.result.learnt:
                self.memories.learn(asked)
        self._answers += answers
        self._tell()

    def _skip(self, check: str, turns: int) -> None:
        self._skipped[check] += turns

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            self._tell()

    def _tell(self) -> None:
        prober = self._prober
        if prober is None:
            return
        if self.writer.transport.get_write_buffer_size() > _UNREAD_BYTES:
            self._skipped.update(asked.check for asked in self._answers)
            self._answers, self._lags = [], []
            return
        answers, self._answers = self._answers, []
        lags, self._lags = self._lags, []
        skipped, self._skipped = dict(self._skipped), Counter()
        dropped = dict(prober.icmp_dropped())
        send(self.writer, Told(answers, lags, skipped, prober.counts(), dropped, prober.overloaded))

    def _picture(self, camera: Camera) -> Callable[[], Context]:
        """What its next frame is judged with is the core's to know; asked for in a worker, which waits."""
        loop = asyncio.get_running_loop()

        async def ask() -> Context:
            number = next(self._numbers)
            answer = self._wanted[number] = loop.create_future()
            send(self.writer, Wanted(number, camera.id))
            try:
                async with asyncio.timeout(_CONTEXT_SECONDS):
                    context: Context = await answer
            finally:
                self._wanted.pop(number, None)
            return context

        def wait() -> Context:
            context: Context = asyncio.run_coroutine_threadsafe(ask(), loop).result(_CONTEXT_SECONDS + 1.0)
            return context

        return wait


async def main() -> None:
    """Join the pipes to the loop, and work."""
    few_heaps()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)  # the core process says when to end
    # Whatever prints must not get among the messages.
    ours = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop), os.fdopen(ours, "wb")
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    await Child(writer).run(reader)
    for _ in range(_LAST_TRIES):  # what is still to be read goes with the loop
        if not transport.get_write_buffer_size():
            break
        await asyncio.sleep(_LAST_PAUSE_SECONDS)
    transport.close()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(main())
