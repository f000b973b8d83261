"""`healthd demo --stack`: from an alert to the message that on-call people read, through real programs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.running import free_port, healthd, started, wait_until


def read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_stack_from_camera_to_message(tmp_path: Path) -> None:
    """Prometheus scrapes the demo and evaluates the rules, Alertmanager gets alerts without the links' labels, a
    message with place, cause and link arrives by healthd's hook; Ctrl-C ends all of it."""
    port, directory = free_port(), tmp_path / "d"
    arguments = ["demo", "--stack", "--cameras", "150", "--history", "2", "--dir", str(directory), "--seed", "3"]
    with started([*arguments, "--listen", f"127.0.0.1:{port}"], tmp_path / "log") as program:
        wait_until(lambda: "Open http" in program.text or program.process.poll() is not None, 120)
        assert program.process.poll() is None, program.text
        found = re.search(r"Prometheus: (\S+)/alerts - Alertmanager: (\S+)/\n", program.text)
        assert found is not None
        prometheus, alertmanager = found[1], found[2]

        def watched() -> bool:
            rows = read(f"{prometheus}/api/v1/query?query=healthd_ready")["data"]["result"]
            return bool(rows) and rows[0]["value"][1] == "1"

        wait_until(watched, 120, 1)
        group = {
            "labels": {
                "alertname": "HealthdMassIncident",
                "topic": "incidents",
                "severity": "critical",
                "incident": "x",
            },
            "annotations": {"summary": "made for the test", "summary_zh": "测试事件"},
        }
        request = urllib.request.Request(
            f"{alertmanager}/api/v2/alerts", json.dumps([group]).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()
        alerts = wait_until(lambda: read(f"{alertmanager}/api/v2/alerts"), 150, 1)
        watchdog = wait_until(
            lambda: [
                one
                for one in read(f"{alertmanager}/api/v2/alerts")
                if one["labels"]["alertname"] == "HealthdWatchdog"
            ],
            150,
            1,
        )
        assert set(watchdog[0]["labels"]) == {"alertname", "severity", "topic", "site"}
        assert watchdog[0]["annotations"]["runbook_url"] == f"http://127.0.0.1:{port}/runbooks/HealthdWatchdog"
        messages = directory / "stack" / "messages.txt"
        wait_until(lambda: messages.exists() and "测试事件" in messages.read_text("utf-8"), 150, 1)
        assert "【模拟数据】【告警】测试事件" in messages.read_text("utf-8")
        rows = read(f"http://127.0.0.1:{port}/api/v1/regions")
        assert rows
        assert alerts
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        assert "healthd_alerting_routes_current 1.0" in metrics
        assert re.search(r'healthd_hook_messages_sent_total\{hook="group"\} [1-9]', metrics)
        assert program.stop(signal.SIGINT, timeout=30) == 0
    for address in (prometheus, alertmanager):
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(address, timeout=2)


def test_stack_without_the_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install; nothing is started."""
    (tmp_path / "bin").mkdir()
    for program in ("prometheus",):
        real = shutil.which(program)
        assert real is not None
        (tmp_path / "bin" / program).symlink_to(real)
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path / "bin"))
    done = healthd("demo", "--stack", "--dir", str(tmp_path / "d"), check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "--stack needs the program prometheus-alertmanager, which is not installed (apt-get install "
        "prometheus-alertmanager on Debian and Ubuntu, or leave --stack out)\n"
    )
    assert not (tmp_path / "d").exists()
