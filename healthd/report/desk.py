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
from healthd.problems import Wrong
from healthd.report.mail import compose, send
from healthd.report.material import ReportKind
from healthd.report.metrics import ReportMetrics
from healthd.report.spans import last_period

log = logging.getLogger("healthd.reports")

JOB = "report"
_PAUSES_SECONDS = (60.0, 300.0, 1500.0)  # before a report that failed is tried again
_LONGEST_SECONDS = 3600.0
_MAIL_PAUSE_SECONDS, _LONGEST_MAIL_PAUSE_SECONDS = 60.0, 3600.0
_MOST_TRIES = 30  # somewhat more than a day of them
_OPTION = {ReportKind.MONTHLY: "--month", ReportKind.WEEKLY: "--week", ReportKind.DAILY: "--day"}


@dataclass
class ReportDesk:
    """`config`: the one that holds now. `registry`: where its metrics go. `pauses`: seconds before each further
    try of a report that failed; `nice`: how far below others its process stands."""

    config: Callable[[], Config]
    now: Callable[[], Moment]
    registry: InitVar[CollectorRegistry]
    pauses: Sequence[float] = _PAUSES_SECONDS
    mail_pause_seconds: float = _MAIL_PAUSE_SECONDS
    nice: int = NICE
    metrics: ReportMetrics = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)

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

    async def make(self, report: ScheduledReport) -> bool:
        """One scheduled report, tried again after each of the pauses; whether it was made."""
        for pause in (*self.pauses, None):
            made = await self._try(report)
            self.metrics.made(report.kind, self.now(), fine=made)
            if made:
                self._wake.set()
                return True
            if pause is not None:
                await asyncio.sleep(pause)
        raise RuntimeError(f"the {report.kind} report could not be made; see the log")

    async def _try(self, report: ScheduledReport) -> bool:
        try:
            ended = await run_command(self._arguments(report), longest_seconds=_LONGEST_SECONDS, nice=self.nice)
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

    def _arguments(self, report: ScheduledReport) -> list[str]:
        config, kind = self.config(), ReportKind(report.kind)
        found = ["report", "-c", str(config.path), "--lang", report.lang, "--format", ",".join(report.formats)]
        if kind is ReportKind.WORKLIST:
            found.append("--worklist")
        else:
            period = last_period(kind, self.now(), config.timezone, config.month_starts_on)
            found += [_OPTION[kind], period.name]
        for option, value in (("--region", report.region), ("--maintainer", report.maintainer)):
            found += [option, value] if value else []
        for address in report.mail:
            found += ["--mail", address]
        return [*found, "--keep", "--json"]

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
            pause = _LONGEST_MAIL_PAUSE_SECONDS if next_due is None else max(0.05, next_due - loop.time())
            self._wake.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _unmailed(self) -> list[Kept]:
        found = kept_reports(self.config().reports_dir)
        return [one for one in found if one.mail and not one.mailed and one.tries < _MOST_TRIES]

    def _mail(self, kept: Kept) -> int:
        """Try once; returns how often it has failed, and writes down how it ended."""
        config = self.config()
        try:
            _send(kept, config)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            noted = replace(kept, tries=kept.tries + 1)
            log.error("report was not mailed id=%s tries=%d error=%r", kept.id, noted.tries, str(error))  # noqa: TRY400 (the server's failure, not a bug)
        else:
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
