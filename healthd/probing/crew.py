"""Several probing processes: each is given its share, steered, listened to, and started anew when it ends."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from healthd.config import Config
from healthd.model import Asked, Camera, Inventory
from healthd.prober import Prober
from healthd.probing.share import Split
from healthd.probing.wire import Fleet, Known, Orders, Told, Wanted, receive, send
from healthd.selfmetrics import ProberMetrics
from probes.base import Memory, Probe, Result, Target

if TYPE_CHECKING:  # a daemon without the frame check loads no picture code
    from probes.picture.context import Context

log = logging.getLogger("healthd.probing")

_STOP_SECONDS = 2.0
_SILENT_SECONDS = 60.0  # a process tells something every second; one that does not any more is ended
_PAUSES = (1.0, 30.0)  # before another is started: the first, and the longest
_LIVED_SECONDS = 300.0  # who ran for so long begins with the first pause again


@dataclass(frozen=True, slots=True)
class CoreSide:
    """What the crew gives to, and asks of the core. `restarted`: a process begins anew, and knows of no hold."""

    hand_over: Callable[[list[Asked]], None]
    memory: Callable[[str], Memory]
    picture: Callable[[Camera], Callable[[], Context]]
    restarted: Callable[[], None]


@dataclass
class _Member:
    """One place in the crew, whoever sits there; mutable, as processes come and go."""

    place: int
    metrics: ProberMetrics
    process: asyncio.subprocess.Process | None = None
    orders: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    dropped: Mapping[str, int] = field(default_factory=dict)
    scheduled: Mapping[str, int] = field(default_factory=dict)
    overloaded: bool = False

    @property
    def writer(self) -> asyncio.StreamWriter | None:
        return self.process.stdin if self.process is not None and self.process.returncode is None else None


class Crew:
    """Stands where a `Prober` stands. `local` asks nobody by turns: it is for askings out of the order, which are
    made in this process."""

    def __init__(self, local: Prober, metrics: Sequence[ProberMetrics], core: CoreSide) -> None:
        self.local = local
        self.targets = local.targets
        self._core = core
        self._members = [_Member(place, one) for place, one in enumerate(metrics)]
        for member in self._members:
            member.metrics.icmp_dropped_from(lambda member=member: member.dropped)  # type: ignore[misc]
        self._stopping = False
        self._contexts: set[asyncio.Task[None]] = set()
        self._config: Config
        self._inventory: Inventory
        self._split: Split

    # --- as a Prober has it --------------------------------------------------------------------------------

    def start(self, config: Config, inventory: Inventory) -> None:
        """Split the fleet; `run` starts the processes."""
        self._config, self._inventory = config, inventory
        self._split = Split(inventory, len(self._members))

    def replace(self, config: Config, inventory: Inventory) -> Sequence[Probe]:
        """Swap after a reload, as `Prober.replace`."""
        self.start(config, inventory)
        for member in self._members:
            if member.writer is not None:
                send(member.writer, self._fleet_of(member))
        return self.local.replace_probes(config, inventory)

    @property
    def longest_timeout(self) -> float:
        return self.local.longest_timeout

    @property
    def overloaded(self) -> bool:
        return any(member.overloaded for member in self._members)

    def counts(self) -> Mapping[str, int]:
        """None in this process: each member tells its own."""
        return {}

    async def ask(self, target: Target, check: str) -> Result:
        """One asking out of the order, from this process."""
        return await self.local.ask(target, check)

    def ask_again(self, subject: str, check: str, after_seconds: float) -> None:
        self._order("ask_again", subject, check, after_seconds)

    def hold(self, subject: str, check: str) -> None:
        self._order("hold", subject, check)

    def release(self, subject: str, check: str) -> None:
        self._order("release", subject, check)

    def look(self, subject: str, check: str) -> None:
        self._order("look", subject, check)

    async def run(self) -> None:
        """Keep all processes running until `stop`."""
        await asyncio.gather(*(self._keep_running(member) for member in self._members))

    async def stop(self) -> None:
        """Have them stop, take their last results; who does not end in time is killed."""
        self._stopping = True
        processes = [member.process for member in self._members if member.process is not None]
        for member in self._members:
            if member.writer is not None:
                member.writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.gather(*(process.wait() for process in processes))
        for process in processes:
            _kill(process)
        await self.local.stop()

    # --- the processes -------------------------------------------------------------------------------------

    async def _keep_running(self, member: _Member) -> None:
        pause = _PAUSES[0]
        while not self._stopping:
            begun = time.monotonic()
            try:
                await self._run_once(member)
            finally:
                if member.process is not None:
                    _kill(member.process)
            if self._stopping:
                return
            code = await member.process.wait() if member.process is not None else None
            log.error("a probing process ended; another takes its place prober=%s code=%s", member.place + 1, code)
            member.metrics.restarted()
            pause = _PAUSES[0] if time.monotonic() - begun > _LIVED_SECONDS else min(2 * pause, _PAUSES[1])
            await asyncio.sleep(pause)

    async def _run_once(self, member: _Member) -> None:
        member.orders.clear()
        member.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "healthd.probing.child",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert member.process.stdin is not None  # noqa: S101 (asked for above)
        assert member.process.stdout is not None  # noqa: S101
        send(member.process.stdin, self._fleet_of(member))
        self._core.restarted()
        with suppress(TimeoutError):
            while not self._stopping or not member.process.stdout.at_eof():
                async with asyncio.timeout(_SILENT_SECONDS):
                    message = await receive(member.process.stdout)
                if message is None:
                    return
                self._take(member, message)

    def _fleet_of(self, member: _Member) -> Fleet:
        inventory = self._split.inventory(member.place)
        subjects = [*inventory.cameras, *inventory.devices]
        memories = {subject: self._core.memory(subject) for subject in subjects}
        return Fleet(self._config, inventory, memories, logging.getLogger().level)

    def _take(self, member: _Member, message: object) -> None:
        if isinstance(message, Told):
            member.dropped, member.overloaded = message.dropped, message.overloaded
            for check, seconds in message.lags:
                member.metrics.lags(check, seconds)
            for check, turns in message.skipped.items():
                member.metrics.skipped(check, turns)
            if message.scheduled != member.scheduled:
                member.scheduled = message.scheduled
                member.metrics.scheduled(message.scheduled)
            member.metrics.set_overloaded(message.overloaded)
            if message.answers:
                member.metrics.results(message.answers)
                self._core.hand_over([*message.answers])
        elif isinstance(message, Wanted):
            task = asyncio.get_running_loop().create_task(self._tell_context(member, message))
            self._contexts.add(task)
            task.add_done_callback(self._contexts.discard)

    async def _tell_context(self, member: _Member, wanted: Wanted) -> None:
        camera = self._inventory.cameras.get(wanted.camera)
        if camera is None:
            return  # it has just left the inventory: nobody waits for the verdict
        context = await asyncio.to_thread(self._core.picture(camera))
        if member.writer is not None:
            send(member.writer, Known(wanted.number, context))

    def _order(self, name: str, subject: str, *arguments: object) -> None:
        for place in self._split.of(subject):
            member = self._members[place]
            if not member.orders:  # all of one turn of the loop go together
                asyncio.get_running_loop().call_soon(self._give_orders, member)
            member.orders.append((name, (subject, *arguments)))

    @staticmethod
    def _give_orders(member: _Member) -> None:
        orders, member.orders = member.orders, []
        if member.writer is not None and orders:
            send(member.writer, Orders(orders))


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
