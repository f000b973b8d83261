"""The whole daemon over a simulated city: `python -m tests.bench.bench_daemon [CAMERAS] [SECONDS]`.

CPU is user + system of the daemon's process, without its start; lag is asked − due, from its own histogram; the
counts of wrong answers come from the same run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.running import Daemon, city, daemon, edit_config

CHECKS = {
    "ping": {"interval": "60s", "timeout": "1s"},
    "snmp": {"interval": "5m", "timeout": "2s"},
}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def lag_quantile(running: Daemon, check: str, share: float) -> float:
    """The upper edge of the bucket that holds this share of lags."""
    buckets = sorted(
        (float(dict(labels)["le"]), count)
        for labels, count in running.samples("healthd_check_lag_seconds_bucket", check=check).items()
    )
    return next(edge for edge, count in buckets if count >= share * buckets[-1][1])


def main(cameras: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as directory, city(Path(directory), cameras):
        config = Path(directory) / "healthd.yml"
        edit_config(config, checks=CHECKS, reference_targets=["127.0.0.1"])
        begun = time.monotonic()
        with daemon(config) as running:
            pid = running.program.process.pid
            running.ready(180)
            print(f"ready after {time.monotonic() - begun:.1f} s")
            cpu, since = cpu_seconds(pid), time.monotonic()
            time.sleep(seconds)
            used, took = cpu_seconds(pid) - cpu, time.monotonic() - since
            scrape = time.monotonic()
            _, page = running.get("/metrics")
            scrape = time.monotonic() - scrape
            print(f"cameras {cameras}, {took:.0f} s: {used / took:.1%} of a core, {memory_megabytes(pid):.0f} MB")
            for check in CHECKS:
                edges = ", ".join(
                    f"p{share:g} <= {lag_quantile(running, check, share / 100):g} s" for share in (50, 99)
                )
                print(f"lag of {check}: {edges}")
            print(f"/metrics: {len(page) / 1e6:.1f} MB in {scrape:.2f} s")
            for labels, count in sorted(running.samples("healthd_check_results_total").items()):
                pairs = dict(labels)
                print(f"  {pairs['check']} {pairs['outcome']} {pairs['reason']}: {count:.0f}")
            print(f"skipped: {sum(running.samples('healthd_check_turns_skipped_total').values()):.0f}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(int(arguments[0]) if arguments else 10_000, float(arguments[1]) if arguments[1:] else 120.0)
