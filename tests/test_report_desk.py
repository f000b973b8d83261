"""Scheduled reports: made by the calendar in a process of their own, kept whole, listed, and mailed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from prometheus_client import CollectorRegistry

from healthd.config import load_config
from healthd.jobs import Jobs
from healthd.kept import Kept, keep, kept_file, kept_reports
from healthd.options.reports import ScheduledReport
from healthd.problems import Wrong
from healthd.report.desk import ReportDesk
from tests.report_kit import PastCity, city_with_past, healthd_says
from tests.running import daemon, edit_config, free_port, wait_until

Says = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"), cameras=20, days=65)


class Postbox:
    """A real SMTP server on loopback that keeps what it is given, and refuses the first few messages."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.letters: list[tuple[list[str], EmailMessage]] = []
        self.full = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 (its name there)
        if self.refusals:
            self.refusals -= 1
            return "451 come back later"
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=default)
        self.letters.append((envelope.rcpt_tos, letter))
        self._loop.call_soon_threadsafe(self.full.set)
        return "250 taken"


@contextlib.contextmanager
def post_office(box: Postbox) -> Iterator[int]:
    port = free_port()
    office = Controller(box, hostname="127.0.0.1", port=port)
    office.start()
    try:
        yield port
    finally:
        office.stop()


def desk_of(config: Path, now: int | None = None, **more: Any) -> tuple[ReportDesk, CollectorRegistry]:
    registry, loaded = CollectorRegistry(), load_config(config)
    when = now or time.time_ns() // 1_000_000
    return ReportDesk(lambda: loaded, lambda: when, registry, nice=0, **more), registry


def metric(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def configured(city: PastCity, **changes: Any) -> Path:
    edit_config(city.config, **changes)
    return city.config


def mail_to(port: int) -> dict[str, Any]:
    return {"server": "127.0.0.1", "port": port, "sender": "运行监测 <healthd@example.org>"}


async def test_a_scheduled_report_is_made_kept_and_mailed(city: PastCity, tmp_path: Path) -> None:
    """The month's report lands in the folder with checksums that hold, reaches every recipient with its files as
    they are on the disk, and the metrics say so."""
    box = Postbox(refusals=2)
    with post_office(box) as port:
        entry = {
            "kind": "monthly",
            "day": 25,
            "at": "06:00",
            "formats": ["xlsx", "csv"],
            "mail": ["a@example.org", "局长 <b@example.org>"],
        }
        config = configured(city, reports=[entry], reports_dir=str(tmp_path / "kept"), mail=mail_to(port))
        desk, registry = desk_of(config, mail_pause_seconds=0.05)
        assert await desk.make(load_config(config).reports[0])
        mailing = asyncio.create_task(desk.keep_mailing())
        await asyncio.wait_for(box.full.wait(), 30)
        await asyncio.sleep(0.3)  # were it sent twice, it would be within this
        mailing.cancel()
    [kept] = kept_reports(tmp_path / "kept")
    assert (kept.kind, kept.period, kept.lang, kept.tries) == ("monthly", city.month, "zh", 2)
    assert kept.mailed > 0
    checked = await asyncio.to_thread(check_sums, tmp_path / "kept" / kept.id)
    assert checked.count("OK") == len(kept.files)
    [(recipients, letter)] = box.letters
    assert recipients == ["a@example.org", "b@example.org"]
    assert str(letter["Subject"]) == kept.title
    assert "考核月度通报" in kept.title
    attached = {part.get_filename(): part.get_content() for part in letter.iter_attachments()}
    [workbook] = [name for name in kept.files if name.endswith(".xlsx")]
    assert hashlib.sha256(attached[workbook]).hexdigest() == kept.files[workbook][1]
    assert sorted(Path(str(name)).suffix for name in attached) == [".xlsx", ".zip"]
    assert metric(registry, "healthd_reports_total", kind="monthly", outcome="ok") == 1
    assert metric(registry, "healthd_report_mails_total", outcome="failed") == 2
    assert metric(registry, "healthd_report_mails_total", outcome="ok") == 1
    last = metric(registry, "healthd_report_last_success_timestamp_seconds", kind="monthly")
    assert last == pytest.approx(time.time(), abs=60)


def check_sums(folder: Path) -> str:
    command = ["sha256sum", "-c", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True).stdout


async def test_a_report_that_fails_is_tried_again_and_counted(city: PastCity, tmp_path: Path) -> None:
    """Where the folder can't be written each try is counted as failed, then the job itself fails."""
    (tmp_path / "kept").write_text("a file stands where the folder should be")
    config = configured(city, reports_dir=str(tmp_path / "kept"), reports=None, mail=None)
    desk, registry = desk_of(config, pauses=(0.0,))
    with pytest.raises(RuntimeError, match="daily report could not be made"):
        await desk.make(ScheduledReport(kind="daily", formats=("json",)))
    assert metric(registry, "healthd_reports_total", kind="daily", outcome="failed") == 2
    assert not metric(registry, "healthd_reports_total", kind="daily", outcome="ok")
    assert metric(registry, "healthd_report_last_success_timestamp_seconds", kind="daily") is None


async def test_the_calendar_follows_the_configuration(city: PastCity) -> None:
    """Each report has its day and hour in the site's zone; a changed configuration takes the old ones out."""
    entries = [
        {"kind": "monthly", "day": 25},
        {"kind": "weekly", "weekday": "tuesday", "at": "07:30"},
        {"kind": "worklist", "at": "08:00"},
    ]
    config = configured(city, reports=entries, mail=None)
    desk, _ = desk_of(config)
    jobs = Jobs(ZoneInfo("Asia/Shanghai"), lambda name: None)
    desk.schedule(jobs)
    planned = {job.id: str(job.trigger) for job in jobs._scheduler.get_jobs()}
    assert planned == {
        "report 0 monthly": "cron[day='25', hour='6', minute='0']",
        "report 1 weekly": "cron[day_of_week='tue', hour='7', minute='30']",
        "report 2 worklist": "cron[hour='8', minute='0']",
    }
    changed, _ = desk_of(configured(city, reports=[{"kind": "daily"}]))
    changed.schedule(jobs)
    assert [job.id for job in jobs._scheduler.get_jobs()] == ["report 0 daily"]


def a_report(name: str, made: int = 1) -> Kept:
    return Kept(name, "daily", "2026-10-01", "", "zh", "日报", made, {})


def test_a_full_disk_leaves_older_reports_as_they_were(tmp_path: Path) -> None:
    """Without space the error says so, the older report is untouched and no half of the new one stays."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to mount a small disk")
    try:
        keep(disk, a_report("old"), {"old.json": b"x" * 1000})
        before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        with pytest.raises(Wrong, match="No space left on device") as refused:
            keep(disk, a_report("new", 2), {"new.json": b"y" * 200_000})
        assert refused.value.remedy == "free space or choose another folder; older reports are as they were"
        assert {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()} == before
        assert [one.id for one in kept_reports(disk)] == ["old"]
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "x/../../secret", "report.json", "", "x.json\x00"])
def test_only_files_of_reports_are_handed_out(tmp_path: Path, name: str) -> None:
    """Nothing but the files that a report names can be had, whatever the path tries."""
    (tmp_path / "secret").write_text("s")
    keep(tmp_path / "kept", a_report("one"), {"x.json": b"{}"})
    assert kept_file(tmp_path / "kept", "one", "x.json") == tmp_path / "kept" / "one" / "x.json"
    assert kept_file(tmp_path / "kept", "one", name) is None
    assert kept_file(tmp_path / "kept", "../kept/one", "x.json") is None


def test_kept_reports_are_listed_and_downloaded(city: PastCity, tmp_path: Path, capsys: Says) -> None:
    """The page in both languages, the API and the download show what the folder has; a path outside is a 404."""
    kept = str(tmp_path / "kept")
    configured(city, reports=None, mail=None, reports_dir=kept, web={"listen": f"127.0.0.1:{free_port()}"})
    code, out, _ = healthd_says(
        capsys, "report", "-c", city.config, "--month", city.month, "--format", "html,csv", "--keep", "--json"
    )
    assert code == 0
    made = json.loads(out)["report"]
    with daemon(city.config) as running:
        wait_until(lambda: running.get("/-/healthy")[0] == 200, 60)
        [listed] = json.loads(running.get("/api/v1/reports")[1])
        assert (listed["report"], listed["kind"], listed["mailed"]) == (made, "monthly", None)
        schema = json.loads(running.get("/openapi.json")[1])["components"]["schemas"]["Report"]
        assert set(listed) == set(schema["properties"]) == set(schema["required"])
        for one in listed["files"]:
            status, content = running.get(one["url"])
            assert (status, hashlib.sha256(content.encode()).hexdigest()) == (200, one["sha256"])
        page = running.get("/reports?lang=zh")[1]
        assert "考核月度通报" in page
        assert urllib.parse.quote(made) in page
        assert "monthly" in running.get("/reports?lang=en")[1]
        assert running.get("/reports/" + urllib.parse.quote(made) + "/..%2f..%2fhealthd.yml")[0] == 404
        assert running.get("/reports/nothing/x.html")[0] == 404
        assert running.value("healthd_report_mails_total", outcome="ok") == 0
