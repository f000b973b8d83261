"""Reports at the limits of a machine: a disk that is full, a typesetter that dies, and what people wait for."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from healthd.commands.progress import Progress
from healthd.kept import kept_reports
from healthd.report.formats import FormatError
from healthd.report.typesetting import typeset_apart
from tests.report_kit import PastCity, city_with_past
from tests.running import HEALTHD, edit_config

_LEAST = 40_000  # bytes that a file may have: enough for SQLite to open a store, too few for a report


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"), cameras=20, days=40)


def report(city: PastCity, *options: object, limited: bool = False) -> subprocess.CompletedProcess[str]:
    """`healthd report` of the month as HTML and JSON, `limited`: by a process that may write small files only."""
    limit = ["prlimit", f"--fsize={_LEAST}"] if limited else []
    command = [*limit, *HEALTHD, "report", "-c", str(city.config), "--month", city.month, "--format", "html,json"]
    return subprocess.run([*command, *map(str, options)], capture_output=True, text=True, timeout=120, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_report_that_does_not_fit_leaves_the_older_one(city: PastCity, tmp_path: Path) -> None:
    """Where the disk refuses in the middle of a file, all older files are as they were, none is half written, and
    the message has the remedy."""
    assert report(city, "-o", tmp_path).returncode == 0
    before = contents(tmp_path)
    assert max(map(len, before.values())) > _LEAST
    refused = report(city, "-o", tmp_path, limited=True)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert f"{tmp_path}: the report cannot be written: File too large" in refused.stderr
    assert "free space or choose another folder; older reports are as they were" in refused.stderr
    assert contents(tmp_path) == before


def test_a_kept_report_that_does_not_fit_is_not_listed(city: PastCity, tmp_path: Path) -> None:
    """The folder of kept reports has the older one, whole, and no trace of the other."""
    edit_config(city.config, reports_dir=str(tmp_path / "kept"))
    assert report(city, "--keep").returncode == 0
    before = contents(tmp_path / "kept")
    refused = report(city, "--keep", limited=True)
    assert (refused.returncode, "cannot be written: File too large" in refused.stderr) == (1, True)
    assert contents(tmp_path / "kept") == before
    assert len([*kept_reports(tmp_path / "kept")]) == 1


def test_a_typesetter_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What typst refuses is told in its words; a process that is killed, as for want of memory, is told too."""
    with pytest.raises(FormatError, match="no such thing"):
        typeset_apart(b'#panic("no such thing")', {})
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    with pytest.raises(FormatError, match="ended with exit code -9: is there enough memory"):
        typeset_apart(b"text", {})


class Terminal(io.StringIO):
    """What stands on stderr, which is a terminal here."""

    def isatty(self) -> bool:
        return True


def test_who_waits_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two seconds a bar says what is being read or written and grows; at the end it is wiped away; without a
    terminal there is none."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress() as progress:
        progress.step("period", 500)
        assert screen.getvalue() == ""
        shares = []
        for stage, count in (("period", 12_000), ("trend", 99_000), ("xlsx", 0), ("json", 0)):
            now[0] += 3.0
            progress.step(stage, count)
            line = screen.getvalue().rpartition("\r\x1b[K")[2]
            shares.append(line.count("#"))
            assert (f"reading {stage}, {count:,} cameras" if count else f"writing {stage}") in line
    assert shares == sorted(set(shares))
    assert screen.getvalue().endswith("\r\x1b[K")
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with Progress() as progress:
        now[0] += 9.0
        progress.step("trend", 1)
        assert log.getvalue() == ""


def test_the_typesetter_starts_without_the_rest_of_healthd() -> None:
    """Its process imports typst and nothing of ours, so that a chart costs a tenth of a second."""
    code = "import sys, healthd.report.typesetter; print([m for m in sys.modules if m[:7] == 'healthd'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == str(["healthd", "healthd.report", "healthd.report.typesetter"])
