"""Incidents end to end: a real daemon over a city whose switches, feeds and lines fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.running import Daemon, city, daemon, edit_checks, edit_config, healthd, wait_until

CHECKS = {
    "ping": {"interval": "2s", "timeout": "500ms"},
    "device": {"interval": "5s", "timeout": "3s"},
}
STATE = {"fail_after": 3, "ok_after": 2, "retry_interval": "1s"}


def of_many(running: Daemon) -> list[dict[str, Any]]:
    """Open incidents with several cameras, as the API gives them."""
    status, text = running.get("/api/v1/incidents?open=1")
    assert status == 200
    incidents: list[dict[str, Any]] = json.loads(text)
    return [incident for incident in incidents if incident["cameras"] > 3]


def test_upstream_fault_is_one_incident_everywhere(tmp_path: Path) -> None:
    """A dead switch, feed or line is one incident on the page, in the API, the command and on /metrics."""
    with city(tmp_path, 120, "--upstream-faults-per-hour", "240", "--seed", "2"):
        config = tmp_path / "healthd.yml"
        edit_checks(config, **CHECKS)
        edit_config(config, state=STATE, incidents={"settle": "2s"})
        with daemon(config) as running:
            running.ready()
            incident = wait_until(lambda: of_many(running), 90)[0]
            assert incident["kind"] == "offline"
            assert incident["cause"] in ("upstream", "device", "power", "link", "region_link")
            assert incident["evidence"]
            assert incident["region"]
            name = incident["incident"]
            page = running.get("/?lang=en")[1]
            assert name in page
            status, _ = running.get(f"/incidents/{name}")
            assert status == 200
            wait_until(lambda: running.samples("healthd_incident_cameras", incident=name), 10)
            listed = json.loads(healthd("incidents", "-c", str(config), "--json").stdout)
            assert name in {row["incident"] for row in listed}
            feed = json.loads(running.get("/api/v1/incidents?since=0")[1])["feed"]
            opened = [entry for entry in feed if entry["incident"]["incident"] == name]
            assert opened[0]["what"] in ("opened", "split")
            assert len(running.samples("healthd_device_info", kind="switch")) > 3
            assert len(running.samples("healthd_device_read_timestamp_seconds")) > 3
            assert set(running.samples("healthd_device_up").values()) <= {0.0, 1.0}
            assert sum(running.samples("healthd_device_ports", state="up").values()) > 50
            assert running.samples("healthd_device_power_ports", detection="delivering")
            assert running.program.stop() == 0
            assert "Traceback" not in running.program.text


def test_incidents_survive_kill_and_restart(tmp_path: Path) -> None:
    """An incident that was open when healthd was killed goes on under its id."""
    with city(tmp_path, 60, "--outages-per-hour", "1800", "--seed", "4"):
        config = tmp_path / "healthd.yml"
        edit_checks(config, **CHECKS)
        edit_config(config, state=STATE, incidents={"settle": "1s"})
        with daemon(config) as running:
            running.ready()
            wait_until(lambda: json.loads(running.get("/api/v1/incidents?open=1")[1]), 60)
            running.program.process.kill()
            running.program.process.wait()
        before = still_open(config)
        assert before
        with daemon(config) as running:
            running.ready()
            after = still_open(config)
            for about, name in before.items():
                assert after.get(about, name) == name, f"{about} was opened anew"


def still_open(config: Path) -> dict[tuple[str, str], str]:
    """(kind, subject) -> id of what is open, out of the store."""
    rows = json.loads(healthd("incidents", "-c", str(config), "--open", "--json").stdout)
    return {(row["kind"], row["subject"]): row["incident"] for row in rows}
