"""A real Prometheus scrapes the real daemon."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.running import city, daemon, edit_config, free_port, wait_until

CHECKS = {"ping": {"interval": "2s", "timeout": "500ms"}, "frame": {"interval": "4s", "timeout": "2s"}}

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="Debian's package prometheus is not installed (make test does, as root)",
)


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        url = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                result: list[dict[str, Any]] = json.load(response)["data"]["result"]
                return result
        except OSError:
            return []


@needs_prometheus
def test_prometheus_scrapes_rates_of_every_region(tmp_path: Path) -> None:
    """The scrape succeeds in OpenMetrics, with rates of every region, and joins names by region."""
    with city(tmp_path, 20):
        config = tmp_path / "healthd.yml"
        edit_config(config, checks=CHECKS, reference_targets=["127.0.0.1"])
        with daemon(config) as running:
            running.ready()
            port = free_port()
            target = yaml.safe_load(config.read_text("utf-8"))["web"]["listen"]
            (tmp_path / "prometheus.yml").write_text(
                yaml.safe_dump(
                    {
                        "global": {"scrape_interval": "1s"},
                        "scrape_configs": [{"job_name": "healthd", "static_configs": [{"targets": [target]}]}],
                    }
                )
            )
            with (tmp_path / "prometheus.log").open("wb") as log:
                server = subprocess.Popen(
                    [
                        "prometheus",
                        f"--config.file={tmp_path / 'prometheus.yml'}",
                        f"--storage.tsdb.path={tmp_path / 'data'}",
                        f"--web.listen-address=127.0.0.1:{port}",
                    ],
                    stdout=log,
                    stderr=log,
                )
            try:
                prometheus = Prometheus(port)
                wait_until(lambda: prometheus.query('up{job="healthd"} == 1'), 60)
                named = wait_until(
                    lambda: prometheus.query(
                        'healthd_region_rate_ratio{class="all",rate="online",window="now"}'
                        " * on(region) group_left(name, level) healthd_region_info"
                    ),
                    30,
                )
                assert {row["metric"]["level"] for row in named} == {"city", "county", "township"}
                assert {row["value"][1] for row in named} == {"1"}
                assert prometheus.query("scrape_samples_scraped")[0]["value"][1] > "100"
                counted = 'sum(healthd_region_cameras{class="all",axis="online"}) by (region)'
                assert {row["value"][1] for row in prometheus.query(f"{counted} == 20")} == {"20"}
            finally:
                server.terminate()
                server.wait(20)


@needs_prometheus
def test_promtool_finds_nothing_to_mend(tmp_path: Path) -> None:
    """The text page passes `promtool check metrics` clean."""
    with city(tmp_path, 20):
        config = tmp_path / "healthd.yml"
        edit_config(config, checks=CHECKS, reference_targets=["127.0.0.1"])
        with daemon(config) as running:
            running.ready()
            _, page = running.get("/metrics")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
