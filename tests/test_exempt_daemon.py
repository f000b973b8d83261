"""Exemptions end to end: a real daemon takes up what another process files, and falls silent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from healthd.setup import read_setup
from tests.running import Daemon, city, daemon, edit_config, healthd, rates, wait_until

CHECKS = {"ping": {"interval": "2s", "timeout": "500ms"}}
STATE = {"fail_after": 3, "ok_after": 2, "retry_interval": "1s"}
PEOPLE = ("--approver", "王科长", "--by", "ops", "--json")


def hence(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def exempt(config: Path, scope: str, seconds: float) -> dict[str, Any]:
    times = ("--from", hence(-5), "--to", hence(seconds))
    words = ("add", "-c", str(config), "--scope", scope, *times, "--reason", "power_works", *PEOPLE)
    record: dict[str, Any] = json.loads(healthd("exempt", *words).stdout)
    return record


def heads(running: Daemon, region: str) -> float | None:
    return running.value(
        "healthd_region_cameras", region=region, **{"class": "all"}, axis="online", state="exempt"
    )


def test_a_running_daemon_takes_exemptions_up(tmp_path: Path) -> None:
    """What another process files shows on /metrics, pages and in the API within seconds, counts from then on as
    exempt in the live windows just as in `healthd rates`, and goes when it is ended or its time is over."""
    with city(tmp_path, 24, "--seed", "3"):
        config = tmp_path / "healthd.yml"
        edit_config(config, checks=CHECKS, state=STATE)
        inventory = read_setup(config).inventory
        camera = next(one for one in inventory.cameras.values() if one.in_service)
        region = camera.placement.region
        mates = [one.id for one in inventory.cameras.values() if one.in_service and one.placement.region == region]
        with daemon(config) as running:
            running.ready()
            assert running.value("healthd_camera_exempt", camera=camera.id) == 0
            record = exempt(config, f"region:{region}", 3600)
            wait_until(lambda: running.value("healthd_camera_exempt", camera=camera.id) == 1, 10)
            wait_until(lambda: heads(running, region) == len(mates), 10)
            assert json.loads(running.get(f"/api/v1/cameras/{camera.id}")[1])["exempt"] is True
            assert "已报备" in running.get(f"/cameras/{camera.id}?lang=zh")[1]
            healthd("exempt", "end", record["exemption"], "-c", str(config), *PEOPLE)
            wait_until(lambda: running.value("healthd_camera_exempt", camera=camera.id) == 0, 10)
            wait_until(lambda: not heads(running, region), 10)
            live = running.samples("healthd_region_camera_seconds", region=region, window="today", kind="exempt")
            exempt(config, f"camera:{camera.id}", 15)  # long enough for a busy machine
            wait_until(lambda: running.value("healthd_camera_exempt", camera=camera.id) == 1, 15)
            wait_until(lambda: running.value("healthd_camera_exempt", camera=camera.id) == 0, 30)
            assert running.program.stop() == 0
            assert "Traceback" not in running.program.text
        assert min(live.values()) > 0
        rows = rates(config, "--from", hence(-3600), "--by", "camera")
        seconds = {
            row["key"]: row["exempt_seconds"] for row in rows if (row["class"], row["rate"]) == ("all", "online")
        }
        assert {key for key, value in seconds.items() if value} == {*mates}
        assert all(seconds[camera.id] >= 2 + seconds[mate] for mate in mates if mate != camera.id)


def test_a_changed_rule_is_recorded_with_its_author(tmp_path: Path) -> None:
    """What a reload, or a start, with another configuration changes of the rules stands in the change list under
    the configured name; the first start and a start without a change record nothing."""
    with city(tmp_path, 8, "--seed", "3"):
        config = tmp_path / "healthd.yml"
        edit_config(config, checks=CHECKS, state=STATE, author="张工")
        begun = hence(-5)
        with daemon(config) as running:
            running.ready()
            assert changed(config, begun) == []
            edit_config(config, state={**STATE, "fail_after": 4})
            assert running.post("/-/reload")[0] == 200
            wait_until(lambda: changed(config, begun), 10)
            assert running.program.stop() == 0
        edit_config(config, checks={"ping": {"interval": "2s", "timeout": "400ms"}})
        with daemon(config) as running:
            running.ready()
        assert changed(config, begun) == [
            ("state", "fail_after", "3", "4", "张工"),
            ("check", "ping.timeout", "0.5", "0.4", "张工"),
        ]


def changed(config: Path, begun: str) -> list[tuple[str, ...]]:
    """What stands in the change list since the first start."""
    lines = json.loads(healthd("changes", "-c", str(config), "--from", begun, "--json").stdout)
    return [tuple(line[name] for name in ("lever", "subject", "before", "after", "author")) for line in lines]
