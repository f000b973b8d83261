"""A real daemon that gets too little of its machine: it is late, it says so, and it blames no camera for it."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

from tests.bench.load import called_offline
from tests.running import Daemon, city, daemon, edit_config, wait_until

PULSES = 6
STANDS, GOES = 1.6, 0.4  # seconds; longer than any time-out, and shorter than any interval


def results(running: Daemon) -> Counter[tuple[str, str]]:
    """(check, outcome) -> askings so far."""
    found: Counter[tuple[str, str]] = Counter()
    for labels, count in running.samples("healthd_check_results_total").items():
        one = dict(labels)
        found[one["check"], one["outcome"]] += int(count)
    return found


def reasons(running: Daemon) -> list[str]:
    """For who looks at a failure."""
    return [line for line in running.get("/metrics")[1].splitlines() if "results_total{" in line]


def test_a_daemon_that_stands_still_again_and_again_blames_no_camera(tmp_path: Path) -> None:
    """Four fifths of its time are taken away in pieces longer than a time-out. Pings keep their interval, no check
    calls a camera failing, nobody goes offline, and a metric says that healthd does not keep up."""
    with city(tmp_path / "city", 60) as _:
        config = tmp_path / "city" / "healthd.yml"
        checks = {
            "ping": {"interval": "2s", "timeout": "1s"},
            "snmp": {"interval": "2s", "timeout": "1500ms"},
            "onvif": {"interval": "4s", "timeout": "1500ms"},
            "frame": {"interval": "4s", "timeout": "1500ms"},
        }
        edit_config(config, checks=checks, state={"retry_interval": "1s"})
        with daemon(config) as running:
            running.ready()
            # Until ONVIF has told where a camera's picture is, asking for it fails whatever the load.
            wait_until(lambda: len(running.samples("healthd_camera_picture_good")) == 60, 60)
            before, process = results(running), running.program.process
            for _ in range(PULSES):
                process.send_signal(signal.SIGSTOP)
                time.sleep(STANDS)
                process.send_signal(signal.SIGCONT)
                time.sleep(GOES)
            told = results(running) - before
            assert not {check: count for (check, outcome), count in told.items() if outcome == "fail"}, reasons(
                running
            )
            assert told["ping", "ok"] >= 60 * (PULSES * (STANDS + GOES) / 2 - 2)
            unfair = sum(running.samples("healthd_check_results_total", reason="overload").values())
            assert unfair > 0
            assert running.value("healthd_overloaded", prober="local") == 1
            assert running.program.stop() == 0
        assert called_offline(config.parent) == 0
