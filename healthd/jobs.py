"""The few calendar jobs, by APScheduler: coalesced, with an explicit grace, and every failure counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

log = logging.getLogger("healthd.jobs")

_GRACE_SECONDS = 6 * 3600  # a machine that slept over the hour still does it when it wakes


class Jobs:
    """Runs `work` of each job at its hour in the site's zone. `failed` is told the job's name."""

    def __init__(self, zone: ZoneInfo, failed: Callable[[str], None]) -> None:
        self._zone = zone
        self._failed = failed
        self._scheduler = AsyncIOScheduler(
            timezone=zone,
            job_defaults={"coalesce": True, "misfire_grace_time": _GRACE_SECONDS, "max_instances": 1},
        )
        self._scheduler.add_listener(self._ended, EVENT_JOB_ERROR | EVENT_JOB_MISSED)

    def daily(self, name: str, at: str, work: Callable[[], object]) -> None:
        """`work` (a function run in a thread, or a coroutine function) daily at `HH:MM:SS`."""
        hour, minute, second = at.split(":")
        trigger = CronTrigger(hour=hour, minute=minute, second=second, timezone=self._zone)
        self._scheduler.add_job(work, trigger, id=name, name=name)

    def hourly(self, name: str, at: str, work: Callable[[], object]) -> None:
        """The same every hour at `MM:SS`, and once as soon as the jobs are started."""
        minute, second = at.split(":")
        trigger = CronTrigger(minute=minute, second=second, timezone=self._zone)
        self._scheduler.add_job(work, trigger, id=name, name=name, next_run_time=datetime.now(self._zone))

    def calendar(
        self,
        name: str,
        at: str,
        work: Callable[[], object],
        *,
        day: int | None = None,
        weekday: str | None = None,
    ) -> None:
        """The same at `HH:MM`, on one day of each month (1 to 28) or of each week (mon to sun), else daily."""
        hour, minute = at.split(":")
        trigger = CronTrigger(day=day, day_of_week=weekday, hour=hour, minute=minute, timezone=self._zone)
        self._scheduler.add_job(work, trigger, id=name, name=name)

    def drop(self, prefix: str) -> None:
        """Take the jobs out of the calendar whose names begin so."""
        for job in self._scheduler.get_jobs():
            if job.id.startswith(prefix):
                self._scheduler.remove_job(job.id)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    def _ended(self, event: JobExecutionEvent) -> None:
        if event.exception is not None:
            log.error("job failed name=%s error=%r", event.job_id, event.exception)
        else:
            log.warning("job came too late and was left out name=%s", event.job_id)
        self._failed(event.job_id)
