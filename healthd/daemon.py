"""The daemon: wiring, start, main loop and stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from healthd import __version__, recording
from healthd.alerting.watch import RoutesWatch
from healthd.clock import Clock
from healthd.collector import look_seldom
from healthd.config import Config
from healthd.core import Core, Past, Steering
from healthd.exempting import Exempting
from healthd.figures.assessed import keep_assessed, keep_day
from healthd.figures.final_window import keep_final
from healthd.folding.gallery import Gallery
from healthd.front import Front
from healthd.heap import few_heaps, give_back
from healthd.incidents.board import Board
from healthd.incidents.desk import Desk
from healthd.incidents.fleet import Fleet
from healthd.incidents.statistics import REPEAT
from healthd.jobs import Jobs
from healthd.keeping import Keeper
from healthd.live import Live
from healthd.model import Asked, Camera, Moment
from healthd.picture_desk import own_thresholds
from healthd.picture_evidence import PictureEvidence
from healthd.platforms.watch import PlatformWatch
from healthd.prober import PING, Prober, ProberSide, Targets
from healthd.probing.crew import CoreSide, Crew
from healthd.problems import BadInput, Problem
from healthd.report.desk import ReportDesk
from healthd.schedule import Observers
from healthd.selfmetrics import SelfMetrics
from healthd.settings import core_rules, gated_checks, incident_policy, judgement, naming, references
from healthd.setup import Setup, guard, keep_what_stays, read_setup
from healthd.store import Batch, Store, Writer
from healthd.upkeep import Upkeep
from probes.base import Memory, Probe, Resources

if TYPE_CHECKING:  # loaded with the frame check only
    from probes.picture.context import Context

log = logging.getLogger("healthd")

_TICK_SECONDS = 1.0
_BREATH_SECONDS = 0.01  # between pieces of long work: others get their turn
_STALL: Moment = 5_000  # ms without a tick: healthd itself stood still
_AGE_TICKS = 10
_STOP_SECONDS = 3.0
_PROBER = "local"


async def run(path: Path) -> bool:
    """Run until SIGTERM or SIGINT; False if a part of it failed. Raises BadInput, StoreError or OSError when it
    cannot start."""
    few_heaps()
    setup = await asyncio.to_thread(read_setup, path)
    store = Store.open(setup.config.store.url, writer=True)
    try:
        daemon = Daemon(path, setup, store)
        try:
            await daemon.start()
            await daemon.stopping.wait()
        finally:
            await daemon.stop()
        return not daemon.failed
    finally:
        store.close()


class Daemon:
    """One running healthd: the prober side, the core side, the store, the pages."""

    def __init__(self, path: Path, setup: Setup, store: Store) -> None:
        self.path = path
        self.setup = setup
        self.store = store
        self.stopping = asyncio.Event()
        self.clock = Clock()
        self.writer = Writer(store)
        self.registry = CollectorRegistry()
        self.metrics = SelfMetrics(self.registry, __version__)
        self.prober_metrics = self.metrics.prober(_PROBER)
        self.routes = RoutesWatch(self.registry, lambda: (self.setup.config, self.setup.inventory))
        self.live = Live(naming(setup.config), setup.inventory)
        self.executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="picture")
        beside = path.absolute().parent / "picture-evidence"
        self.pictures = PictureEvidence(beside, lambda: self.setup.config.picture.evidence)
        marked = own_thresholds(store)
        self.gallery = Gallery(judgement(setup), store.picture_references, marked, self._keep_picture)
        self.prober = self._make_prober(setup)
        self.core = self._make_core(setup)
        self.keeper = Keeper(
            store, self.writer, self.core, self.live, self.metrics, lambda: self.setup, self.clock.now
        )
        fleet, inventory = self.core.desk.fleet, lambda: self.setup.inventory
        self.exempting = Exempting(store, self.live, fleet, inventory, self.clock.now, self.keeper.rebuild_windows)
        self.platforms = self._make_platforms()
        self.jobs = Jobs(setup.config.timezone, self.metrics.job_failed)
        self.reports = ReportDesk(
            lambda: self.setup.config,
            self.clock.now,
            self.registry,
            store.heartbeats,
        )
        self.failed = False
        self.front = Front(
            setup=lambda: self.setup,
            now=self.clock.now,
            live=self.live,
            core=self.core,
            prober=self.prober,
            store=store,
            registry=self.registry,
            keep=self.keeper.keep,
            reload=self.reload,
            healthy=lambda: "The store's writer has ended: see the log." if self.writer.failed else "",
            ready=self._not_ready,
            filed=self.exempting.look_now,
            regraded=self.keeper.rebuild_windows,
            pictures=self.pictures,
            platforms=lambda: self.platforms.standings,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._background: set[asyncio.Task[object]] = set()
        self._unasked: set[str] = set()
        self._reloading = asyncio.Lock()

    def _make_prober(self, setup: Setup) -> ProberSide:
        observers = Observers(self._fold, self.prober_metrics.lags, self.prober_metrics.skipped)
        targets = Targets(setup.config, setup.inventory, self._memory, self._picture)
        resources = Resources(self.executor, self.clock.seconds)
        prober = Prober(setup.config, targets, observers, resources, self.clock.now)
        processes = setup.config.probing.processes
        if processes == 1:
            self.prober_metrics.icmp_dropped_from(prober.icmp_dropped)
            return prober
        core = CoreSide(self._fold_only, self._memory, self._picture, self._hold_again)
        return Crew(prober, [self.metrics.prober(str(place)) for place in range(1, processes + 1)], core)

    def _hold_again(self) -> None:
        self.core.hold_again()

    def _memory(self, camera: str) -> Memory:
        return self.core.memory(camera)

    def _keep_picture(self, camera: str, at: Moment, jpeg: bytes) -> None:
        self.executor.submit(self.pictures.keep, camera, at, jpeg)

    def _picture(self, camera: Camera) -> Callable[[], Context]:
        return self.gallery.recall(camera, self.clock.now())

    def _make_core(self, setup: Setup) -> Core:
        prober = self.prober
        steering = Steering(prober.ask_again, prober.hold, prober.release, prober.look)
        rules, gated = core_rules(setup.config), gated_checks(setup.config)
        board = Board(Fleet(setup.inventory), incident_policy(setup.config), self.store.open_incidents())
        desk = Desk(board, rules.online, rules.retry_seconds, prober.ask_again)
        return Core(rules, gated, references(setup.config), steering, self.live.noticed, desk, self.gallery)

    def _make_platforms(self) -> PlatformWatch:
        return PlatformWatch(
            self.registry,
            lambda: (self.setup.config, self.setup.inventory),
            lambda sayings: self.core.platforms_say(sayings, self.clock.now()),
            lambda: self.core.disagreements.by_platform,
            self.clock.now,
        )

    # --- start and stop ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up where the last run left off, then ask and serve."""
        now = self.clock.now()
        config, inventory = self.setup.config, self.setup.inventory
        self._report(self.setup.warnings)
        self._take_up(now)
        await self.front.start()
        self.prober.start(config, inventory)
        self.core.hold_again()
        self._unasked = {c.reach for c in inventory.cameras.values() if c.in_service and PING in config.checks}
        self._loaded(now)
        # The fleet stays for good: the collector need not walk it again and again, with the loop standing still.
        gc.collect()
        gc.freeze()
        look_seldom()
        self._start_jobs(config)
        self._tasks = [
            asyncio.create_task(self.prober.run(), name="prober"),
            asyncio.create_task(self._tick(), name="tick"),
            asyncio.create_task(self.keeper.show(), name="showing"),
            asyncio.create_task(self.keeper.keep_windows(), name="windows"),
            asyncio.create_task(self.routes.run(), name="routes"),
            asyncio.create_task(self.reports.keep_mailing(), name="mail"),
            asyncio.create_task(self.reports.catch_up(), name="missed reports"),
            asyncio.create_task(self.exempting.run(), name="exemptions"),
            asyncio.create_task(self.platforms.run(), name="platforms"),
            asyncio.create_task(
                keep_assessed(self.store, lambda: self.setup, self.clock.now, self.live.assess), name="assessments"
            ),
            asyncio.create_task(
                keep_final(self.store, lambda: self.setup, self.clock.now, self.live), name="final month"
            ),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        log.info(
            "healthd runs version=%s cameras=%d page=%s", __version__, len(inventory.cameras), config.web.listen
        )

    def _take_up(self, now: Moment) -> None:
        inventory, store = self.setup.inventory, self.store
        store.write(recording.from_store(store, self.setup, now))
        states, reboots = store.states(), store.reboots()
        past = Past(store.last_heartbeat() or 0, states, store.memories(), store.reached().keys(), reboots)
        self.live.restore(states, reboots)
        self.live.incidents = {incident.id: incident for incident in store.open_incidents()}
        closed = (one for one in store.incidents(now - REPEAT, now + 1) if not one.open and not one.merged_into)
        self.live.repaired = {one.subject: one.closed for one in sorted(closed, key=lambda one: one.closed)}
        holding = [one for one in store.disagreements(now, now + 1) if not one.until]
        self.live.disagreed(holding)
        self.core.disagreements.restore(holding)
        self.core.restore(inventory, past, now)
        self.exempting.take_up()

    def _start_jobs(self, config: Config) -> None:
        upkeep = Upkeep(self.store, lambda: self.setup.config, self.clock.now, self._settled, self.keeper.flushed)
        self.jobs.daily("midnight", "00:00:05", self._midnight)
        self.jobs.hourly("roll-over", "00:10", upkeep.roll_over)
        self.jobs.hourly("examination", "00:20", lambda: keep_day(self.store, self.setup, self.clock.now()))
        self.jobs.daily("clean-up", "03:30:00", upkeep.clean_up)
        self.jobs.daily("pictures", "03:40:00", lambda: self.pictures.clean(self.clock.now()))
        self.jobs.start()

    async def _midnight(self) -> None:
        self.live.advance()

    def _settled(self) -> Moment:
        seen = self.live.seen_until or self.store.last_heartbeat() or 0  # what an earlier run saw is decided
        return min(self.front.decided_until(), seen)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("part of healthd failed task=%s", task.get_name(), exc_info=task.exception())
            self.failed = True
            self.stopping.set()

    async def stop(self) -> None:
        """Stop asking, keep what was seen, stop serving: within five seconds."""
        for task in (*self._tasks[1:], *self._background):
            task.cancel()
        if self._tasks:
            await self.prober.stop()
            self.keeper.keep(at_last=True)
            self.jobs.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.front.stop()
        if not await asyncio.to_thread(self.writer.stop, _STOP_SECONDS):
            log.error("not everything could be stored pending=%d", self.writer.pending)
        self.executor.shutdown(wait=False, cancel_futures=True)
        log.info("healthd has stopped")

    # --- results, ticks, store -----------------------------------------------------------------------------

    def _fold(self, answers: list[Asked]) -> None:
        self.prober_metrics.results(answers)
        self._fold_only(answers)

    def _fold_only(self, answers: list[Asked]) -> None:
        self.core.fold(answers, self.clock.now())
        if self._unasked:
            self._unasked.difference_update(answer.subject for answer in answers)
            if not self._unasked:
                self._in_background(self._become_ready())
        if self.core.has_flips:
            self.keeper.keep()

    def _not_ready(self) -> str:
        return "" if self.live.ready else f"Not ready: {len(self._unasked)} addresses were not asked yet."

    async def _become_ready(self) -> None:
        self.keeper.keep()
        await self.keeper.flushed()
        self.live.ready = True
        await asyncio.to_thread(give_back)  # a first start makes a flip of every camera

    async def _tick(self) -> None:
        last, ticks = self.clock.now(), 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = self.clock.now()
            if now - last > _STALL:
                self.core.lost_time(now)
            last = now
            ticks += 1
            if ticks % _AGE_TICKS == 0:
                self.core.tick(now)
            self.core.judge(now)
            while self.core.behind:
                await asyncio.sleep(_BREATH_SECONDS)
                self.core.judge(self.clock.now())
            self.keeper.keep()
            self.live.blind = self.core.seeing.blind
            self.prober_metrics.set_blind(self.core.seeing.blind)
            self.prober_metrics.set_overloaded(self.prober.overloaded)
            self.metrics.set_ready(self.live.ready)
            self.keeper.report()

    # --- reload --------------------------------------------------------------------------------------------

    def _hang_up(self) -> None:
        self._in_background(self.reload(force=False))

    def _in_background(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def reload(self, force: bool) -> Sequence[str]:
        """Read everything anew; if anything is wrong keep running as before and say what. [] = taken."""
        async with self._reloading:
            try:
                setup = await asyncio.to_thread(lambda: keep_what_stays(self.setup, read_setup(self.path)))
                if not force:
                    guard(self.setup, setup)
            except BadInput as error:
                self.metrics.reload_refused()
                for problem in error.problems:
                    log.error("reload refused: %s", problem)  # noqa: TRY400 (the user's mistake, not a bug)
                return [str(problem) for problem in error.problems]
            now = self.clock.now()
            batch = await asyncio.to_thread(recording.from_setup, self.setup, setup, now)
            await self._apply(setup, batch, now)
            return []

    async def _apply(self, setup: Setup, batch: Batch, now: Moment) -> None:
        """In pieces, between which others get their turn; what is asked meanwhile of who left is ignored."""
        old, self.setup = self.setup, setup
        _warn_of_restart(old.config, setup.config)
        self._report(setup.warnings)
        self.core.rules = core_rules(setup.config)
        self.gallery.judgement = judgement(setup)
        self.core.desk.board.policy = incident_policy(setup.config)
        self.core.gated = gated_checks(setup.config)
        self.core.references = references(setup.config)
        self.core.replace(setup.inventory, now)
        self.keeper.keep()
        self.writer.submit(batch)
        await asyncio.sleep(0)
        self.live.replace(naming(setup.config), setup.inventory)
        self.front.reloaded()
        await asyncio.sleep(0)
        longest = self.prober.longest_timeout
        self._in_background(_close_later(self.prober.replace(setup.config, setup.inventory), longest))
        self.core.hold_again()
        self._loaded(now)
        self.exempting.inventory_changed()
        self.keeper.fleet_changed()
        log.info("reloaded cameras=%d changed=%d", len(setup.inventory.cameras), len(batch.changes))

    def _loaded(self, now: Moment) -> None:
        self.reports.schedule(self.jobs)
        lifecycles = [camera.placement.lifecycle for camera in self.setup.inventory.cameras.values()]
        self.keeper.placed_at = now
        self.metrics.reloaded(now, lifecycles)
        self.prober_metrics.scheduled(self.prober.counts())

    def _report(self, warnings: Sequence[Problem]) -> None:
        for warning in warnings:
            log.warning("%s", warning)
        if PING in self.setup.config.checks and not self.setup.config.reference_targets:
            log.warning(
                "no reference_targets: if all cameras fail at once, healthd cannot tell a dead city from its own "
                "outage and calls everybody unknown remedy=name one or two addresses that are always up"
            )


_NEEDS_RESTART = ("timezone", "store", "web", "probing")


def _warn_of_restart(old: Config, new: Config) -> None:
    for name in _NEEDS_RESTART:
        if getattr(old, name) != getattr(new, name):
            log.warning("a change of `%s` takes effect at the next start", name)


async def _close_later(probes: Sequence[Probe], seconds: float) -> None:
    if probes:
        await asyncio.sleep(seconds)
    for probe in probes:
        await probe.close()
