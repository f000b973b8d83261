"""The front desk: what pages and API ask of the running daemon, and what people tell it there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from aiohttp import web
from prometheus_client import CollectorRegistry

from healthd.child import Ended, run_command
from healthd.core import Core
from healthd.false_alarms import FalseAlarm
from healthd.figures.exemption_desk import end_exemption, exemption_evidence, file_exemption
from healthd.filings.filing import EndingSaid, Said
from healthd.hooks.bridge import Bridge, Reply
from healthd.hooks.facts import Known
from healthd.hooks.metrics import HookMetrics
from healthd.incidents.evidence import Clue, clue
from healthd.kept import kept_file, kept_reports
from healthd.live import Live, Page
from healthd.metrics import MetricsPage
from healthd.model import Camera, Device, EvidenceFile, Exemption, Flip, Moment
from healthd.picture_desk import mark_false, note_rebase, thresholds_of, withdraw_mark
from healthd.picture_evidence import PictureEvidence
from healthd.platforms.watch import Standing
from healthd.prober import PING, ProberSide
from healthd.problems import Wrong
from healthd.settings import per_camera, web_settings
from healthd.setup import Setup
from healthd.store import Store, StoreError
from healthd.web.deps import Subject, WebDeps
from healthd.web.server import make_app
from probes.base import Result
from probes.picture.verdict import Fault

_LAST_MESSAGES_SECONDS = 1.0  # what a stop leaves for messages that wait
_LONGEST_RATES_SECONDS = 120.0
_SOMEBODY_WAITS = 5  # steps below this process, for what a person or a script waits for
_CLOSE_SECONDS = 20.0  # how long closing by hand waits for what it asked again
_RECENT: Moment = 7 * 86_400_000  # flips on a camera's page


@dataclass
class Front:
    """`setup`: the one that holds now. `keep`: have stored what the core has to store. `healthy`, `ready`: "" or
    what is wrong. `filed`: an exemption was; called in a thread. `regraded`: the past counts otherwise."""

    setup: Callable[[], Setup]
    now: Callable[[], Moment]
    live: Live
    core: Core
    prober: ProberSide
    store: Store
    registry: CollectorRegistry
    keep: Callable[[], None]
    reload: Callable[[bool], Awaitable[Sequence[str]]]
    healthy: Callable[[], str]
    ready: Callable[[], str]
    filed: Callable[[], None]
    regraded: Callable[[], None]
    pictures: PictureEvidence
    platforms: Callable[[], Sequence[Standing]] = tuple
    _runner: web.AppRunner | None = field(default=None, init=False)
    _bridge: Bridge = field(init=False)

    def __post_init__(self) -> None:
        self._bridge = Bridge(HookMetrics(self.registry), self._known, lambda: self.now() / 1000)

    async def start(self) -> None:
        """Listen. Raises OSError when the address can't be had."""
        web_options = self.setup().config.web
        self.reloaded()
        rendered = MetricsPage(
            self.registry,
            lambda: per_camera(self.setup().config),
            lambda: self.setup().config.incidents.shown,
        )
        deps = WebDeps(
            page=self.page,
            settings=lambda: web_settings(self.setup().config),
            metrics=rendered.render,
            camera_metrics=rendered.cameras,
            healthy=self.healthy,
            ready=self.ready,
            reload=self.reload,
            ask=self._ask,
            incident=self.store.incident,
            incidents=self.store.incidents,
            feed=self.store.feed,
            flips=self._recent_flips,
            acknowledge=self._acknowledge,
            close=self._close,
            exemptions=self.store.exemptions,
            file_exemption=self._file_exemption,
            end_exemption=self._end_exemption,
            exemption_evidence=self._exemption_evidence,
            mark_false=self._mark_false,
            taken_back=self._taken_back,
            withdraw_mark=self._withdraw_mark,
            withdrawn=self._withdrawn,
            picture_stats=self._picture_stats,
            note_rebase=lambda camera, by, note: note_rebase(self.store, camera, by=by, now=self.now(), note=note),
            begin_anew=self._begin_anew,
            thumbnails=lambda camera: [one.at for one in self.pictures.of_camera(camera)],
            thumbnail=lambda camera, at, by: self.pictures.read(camera, at, by, self.now()),
            reports=lambda: kept_reports(self.setup().config.reports_dir),
            report_file=lambda report, name: kept_file(self.setup().config.reports_dir, report, name),
            hook=self._hook,
            platforms=self.platforms,
            told=partial(self._told, "rates"),
            told_changes=partial(self._told, "changes"),
        )
        tls = None
        if web_options.tls is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(web_options.tls.cert_file, web_options.tls.key_file)
        host, port = web_options.address
        self._runner = web.AppRunner(make_app(deps), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()

    async def stop(self) -> None:
        """Let running requests end, for a moment."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._bridge.stop(_LAST_MESSAGES_SECONDS)

    def reloaded(self) -> None:
        """Another setup holds now."""
        alerting = self.setup().config.alerting
        self._bridge.replace(alerting.hooks if alerting else {})

    async def _told(self, of: str, arguments: Sequence[str]) -> Ended:
        command = [of, "-c", str(self.setup().config.path), *arguments, "--json"]
        return await run_command(command, longest_seconds=_LONGEST_RATES_SECONDS, nice=_SOMEBODY_WAITS)

    async def _picture_stats(self, arguments: Sequence[str]) -> Ended:
        command = ["picture", "stats", "-c", str(self.setup().config.path), *arguments, "--json"]
        return await run_command(command, longest_seconds=_LONGEST_RATES_SECONDS, nice=_SOMEBODY_WAITS)

    async def _hook(self, name: str, body: bytes) -> tuple[int, str]:
        reply: Reply = await self._bridge.take(name, body)
        return reply.status, reply.sentence

    def _known(self) -> Known:
        """What the messages of hooks are made of."""
        setup = self.setup()
        config, alerting = setup.config, setup.config.alerting
        url = alerting.healthd_url if alerting else ""
        return Known(setup.inventory, self.store.incident, config.timezone, config.site, config.simulated, url)

    def _recent_flips(self, camera: str) -> Sequence[Flip]:
        now = self.now()
        return self.store.flips(camera, now - _RECENT, now + 1)

    def _file_exemption(self, said: Said, evidence: tuple[str, bytes] | None) -> Exemption:
        return self._filed(lambda: file_exemption(self.store, self.setup(), said, self.now(), evidence))

    def _exemption_evidence(self, exemption: str, by: str) -> tuple[EvidenceFile, bytes] | None:
        try:
            return exemption_evidence(self.store, exemption, by, self.now())
        except StoreError as error:
            raise Wrong(str(error)) from error

    def _end_exemption(self, said: EndingSaid) -> Exemption:
        return self._filed(lambda: end_exemption(self.store, self.setup(), said, self.now()))

    def _filed(self, work: Callable[[], Exemption]) -> Exemption:
        try:
            one = work()
        except StoreError as error:
            raise Wrong(str(error)) from error
        self.filed()
        return one

    def _mark_false(self, camera: str, fault: str, by: str, note: str, at: Moment | None) -> FalseAlarm:
        try:
            return mark_false(self.store, camera, fault, by=by, now=self.now(), at=at, note=note)
        except StoreError as error:
            raise Wrong(str(error)) from error

    def _taken_back(self, alarm: FalseAlarm) -> None:
        """From now on a stricter threshold holds; what holds of this spell ends, and the windows are made anew."""
        mine = self.core.gallery.marked.setdefault(alarm.camera, {})
        mine[Fault(alarm.fault)] = alarm.threshold
        if alarm.end >= alarm.recorded:
            self.core.take_back(alarm.camera, alarm.fault, alarm.end)
        self.keep()
        self.regraded()

    def _withdraw_mark(self, camera: str, fault: str, by: str, note: str, at: Moment | None) -> FalseAlarm:
        try:
            return withdraw_mark(self.store, camera, fault, by=by, now=self.now(), at=at, note=note)
        except StoreError as error:
            raise Wrong(str(error)) from error

    def _withdrawn(self, alarm: FalseAlarm) -> None:
        """The thresholds of the marks that are left hold, and the windows are made anew."""
        left = thresholds_of(self.store.false_alarms().get(alarm.camera, []))
        self.core.gallery.marked[alarm.camera] = left
        self.regraded()

    def _begin_anew(self, camera: str) -> None:
        self.core.begin_anew(camera, self.now())
        self.keep()

    def _acknowledge(self, incident: str, by: str, note: str) -> Clue | None:
        happenings = self.core.desk.board.acknowledge(incident, by, note, self.now())
        if not happenings:
            return clue("closed_already")
        self.core.tell(happenings)
        self.keep()
        return None

    async def _close(self, incident: str, by: str, note: str) -> Clue | None:
        """Ask its cameras again first: what still fails stays open."""
        board = self.core.desk.board
        known = board.by_id(incident)
        if known is None:
            return clue("closed_already")
        cameras = [self.setup().inventory.cameras.get(camera) for camera in known.camera_ids]
        for camera in cameras:
            if camera is not None:
                self.prober.ask_again(camera.reach, PING, 0.0)
                for check in self.core.gated:
                    self.prober.ask_again(camera.id, check, 0.0)
        device = self.setup().inventory.devices.get(known.subject)
        if device is not None and device.address:
            self.prober.ask_again(device.reach, PING, 0.0)
        rules = self.core.rules
        await asyncio.sleep(min(_CLOSE_SECONDS, rules.retry_seconds * rules.online.ok_after + 1))
        now = self.now()
        self.core.judge(now)
        reason = board.still_fails(incident) if board.by_id(incident) else None
        if reason is None:
            self.core.tell(board.close(incident, f"{by}: {note}" if note else by, now))
        self.keep()
        return reason

    def page(self) -> Page:
        """The fleet now, as pages show it."""
        page = self.live.page(self.now(), self.decided_until())
        return replace(page, devices=self.core.desk.device_views())

    def decided_until(self) -> Moment:
        """What was before this moment can no longer change: no streak is open there, nothing is on its way."""
        in_flight: Moment = round(1000 * self.prober.longest_timeout)
        return self.core.undecided_since(self.now()) - in_flight

    async def _ask(self, subject: Subject, check: str) -> Result:
        targets = self.prober.targets
        if isinstance(subject, Camera):
            return await self.prober.ask(targets.of_camera(subject), check)
        if isinstance(subject, Device):
            return await self.prober.ask(targets.of_device(subject), check)
        return await self.prober.ask(targets.of_stranger(subject), check)
