"""The daemon's side of reports: makes those that are scheduled, in a process of their own, and mails them."""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field, replace

from prometheus_client import CollectorRegistry

from healthd.child import NICE, run_command
from healthd.config import Config
from healthd.jobs import Jobs
from healthd.kept import Kept, kept_reports, note
from healthd.model import Moment
from healthd.options.reports import ScheduledReport
from healthd.periods import iso
from healthd.problems import Wrong
from healthd.report.due import last_due, missed, order
from healthd.report.mail import compose, explained, send
from healthd.report.material import ReportKind
from healthd.report.metrics import ReportMetrics
from healthd.report.spans import last_period
from healthd.store import StoreError

log = logging.getLogger("healthd.reports")

JOB = "report"
_PAUSES_SECONDS = (60.0, 300.0, 1500.0)  # before a report that failed is tried again
_LONGEST_SECONDS = 3600.0
_MAIL_PAUSE_SECONDS, _LONGEST_MAIL_PAUSE_SECONDS = 60.0, 3600.0
_SETTLE_SECONDS = 60.0  # after the start, before what was missed is made
_LOOK_BACK: Moment = 70 * 86_400_000  # whatever may have been missed, and the month that it is about
_MOST_TRIES = 30  # somewhat more than a day of them
_OPTION = {ReportKind.MONTHLY: "--month", ReportKind.WEEKLY: "--week", ReportKind.DAILY: "--day"}


@dataclass
class ReportDesk:
    """`config`: the one that holds now. `registry`: where its metrics go. `seen`: the spans within [start, end) in
    which healthd ran, read from the store. `pauses`: seconds before each further try of a report that failed;
    `nice`: how far below others its process stands."""

    config: Callable[[], Config]
    now: Callable[[], Moment]
    registry: InitVar[CollectorRegistry]
    seen: Callable[[Moment, Moment], Sequence[tuple[Moment, Moment]]] = lambda start, end: ()
    pauses: Sequence[float] = _PAUSES_SECONDS
    mail_pause_seconds: float = _MAIL_PAUSE_SECONDS
    nice: int = NICE
    metrics: ReportMetrics = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _sent: set[str] = field(default_factory=set, init=False)  # mailed, whatever the disk says of it

    def __post_init__(self, registry: CollectorRegistry) -> None:
        self.metrics = ReportMetrics(registry)

    def schedule(self, jobs: Jobs) -> None:
        """Put the configured reports into the calendar, instead of those that were there."""
        jobs.drop(JOB)
        self.metrics.expect([report.kind for report in self.config().reports])
        for number, report in enumerate(self.config().reports):
            day = (report.day or 1) if report.kind == ReportKind.MONTHLY else None
            weekday = (report.weekday or "monday")[:3] if report.kind == ReportKind.WEEKLY else None
            name = f"{JOB} {number} {report.kind}"
            jobs.calendar(name, report.at, _making(self, report), day=day, weekday=weekday)

    # --- making --------------------------------------------------------------------------------------------

    async def catch_up(self, after_seconds: float = _SETTLE_SECONDS) -> None:
        """Make what was due while no daemon ran, a while after the start; again until the store says when
        one ran."""
        seen = None
        while seen is None:
            await asyncio.sleep(after_seconds)
            config, now = self.config(), self.now()
            try:
                seen = await asyncio.to_thread(self.seen, now - _LOOK_BACK, now)
            except StoreError as error:
                log.warning("whether reports were missed cannot be told for now: %s", error)
        made = await asyncio.to_thread(self._orders)
        for report in config.reports:
            for due in missed(report, now, config.timezone, seen, made):
                log.info(
                    "report was missed and is made now kind=%s due=%s", report.kind, iso(due, config.timezone)
                )
                try:
                    await self.make(report, due)
                except RuntimeError as error:
                    log.error("%s", error)  # noqa: TRY400 (each try is in the log already)

    async def make(self, report: ScheduledReport, due: Moment = 0) -> bool:
        """One scheduled report, tried again after each of the pauses; whether it was made. `due`: when the
        calendar wanted it; 0: the last time that it did. What is kept for that moment is not made again."""
        zone = self.config().timezone
        due = due or last_due(report, self.now(), zone)
        if order(report, due, zone) in await asyncio.to_thread(self._orders):
            log.info("report is there already kind=%s due=%s", report.kind, iso(due, zone))
            return True
        for pause in (*self.pauses, None):
            made = await self._try(report, due)
            self.metrics.made(report.kind, self.now(), fine=made)
            if made:
                self._wake.set()
                return True
            if pause is not None:
                await asyncio.sleep(pause)
        raise RuntimeError(f"the {report.kind} report could not be made; see the log")

    def _orders(self) -> frozenset[str]:
        return frozenset(one.scheduled for one in kept_reports(self.config().reports_dir) if one.scheduled)

    async def _try(self, report: ScheduledReport, due: Moment) -> bool:
        try:
            ended = await run_command(
                self._arguments(report, due), longest_seconds=_LONGEST_SECONDS, nice=self.nice
            )
        except TimeoutError:
            log.error("report took too long and was stopped kind=%s", report.kind)  # noqa: TRY400 (no bug)
            return False
        said = _read(ended.out)
        for line in ended.err.splitlines():
            log.warning("report kind=%s said=%r", report.kind, line)
        if not said or not said.get("files"):
            log.error("report failed kind=%s exit=%s", report.kind, ended.code)
            return False
        log.info("report made id=%s files=%d", said["report"], len(said["files"]))
        return True

    def _arguments(self, report: ScheduledReport, due: Moment) -> list[str]:
        config, kind = self.config(), ReportKind(report.kind)
        found = ["report", "-c", str(config.path), "--lang", report.lang, "--format", ",".join(report.formats)]
        if kind is ReportKind.WORKLIST:
            found.append("--worklist")
        else:
            period = last_period(kind, due, config.timezone, config.month_starts_on)
            found += [_OPTION[kind], period.name]
        for option, value in (("--region", report.region), ("--maintainer", report.maintainer)):
            found += [option, value] if value else []
        for address in report.mail:
            found += ["--mail", address]
        return [*found, "--scheduled", order(report, due, config.timezone), "--keep", "--json"]

    # --- mailing -------------------------------------------------------------------------------------------

    async def keep_mailing(self) -> None:
        """Mail what is kept and not mailed yet, for ever; a server that is away is tried ever more seldom."""
        due: dict[str, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            waiting = await asyncio.to_thread(self._unmailed)
            for kept in waiting:
                if due.get(kept.id, 0.0) <= loop.time():
                    tries = await asyncio.to_thread(self._mail, kept)
                    pause = min(_LONGEST_MAIL_PAUSE_SECONDS, self.mail_pause_seconds * 2 ** max(0, tries - 1))
                    due[kept.id] = loop.time() + pause
            next_due = min((due[one.id] for one in waiting if one.id in due), default=None)
            # Never longer than that: `healthd report --keep --mail` may leave one here any time.
            pause = self.mail_pause_seconds if next_due is None else max(0.05, next_due - loop.time())
            pause = min(pause, self.mail_pause_seconds)
            self._wake.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _unmailed(self) -> list[Kept]:
        found = kept_reports(self.config().reports_dir)
        waiting = [one for one in found if one.mail and not one.mailed and one.id not in self._sent]
        return [one for one in waiting if one.tries < _MOST_TRIES]

    def _mail(self, kept: Kept) -> int:
        """Try once; returns how often it has failed, and writes down how it ended."""
        config = self.config()
        try:
            _send(kept, config)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            noted = replace(kept, tries=kept.tries + 1)
            why = explained(error, config.mail)
            log.error("report was not mailed id=%s tries=%d error=%r", kept.id, noted.tries, why)  # noqa: TRY400 (the server's failure, not a bug)
        else:
            self._sent.add(kept.id)
            noted = replace(kept, mailed=self.now())
            log.info("report mailed id=%s to=%d", kept.id, len(kept.mail))
        self.metrics.mailed(fine=bool(noted.mailed))
        try:
            note(config.reports_dir, noted)
        except Wrong as wrong:
            log.error("%s", wrong)  # noqa: TRY400 (the disk's failure, not a bug)
        return noted.tries


def _send(kept: Kept, config: Config) -> None:
    if config.mail is None:
        raise OSError("no mail server is configured any more")
    send(compose(kept, config.reports_dir, config.mail), config.mail)


def _making(desk: ReportDesk, report: ScheduledReport) -> Callable[[], object]:
    async def work() -> None:
        await desk.make(report)

    return work


def _read(out: bytes) -> dict[str, list[object]] | None:
    try:
        document = json.loads(out)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
