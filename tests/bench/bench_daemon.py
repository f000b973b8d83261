"""The whole daemon over a simulated city: `python -m tests.bench daemon`, a quarter of an hour.

Ping every 60 s, SNMP every 5 min, ONVIF every hour, at 1,000, 10,000 and 100,000 cameras; then 100,000 with a
frame every 15 min. CPU is user and system of the daemon's process without its start, lag is asked − due from its
own histogram, and wrong answers are counted in the same run: nobody in the city is dead.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.table import Row, cpu_of, memory_megabytes
from tests.running import Daemon, city, daemon, edit_config

CHECKS: Mapping[str, Mapping[str, Any]] = {
    "ping": {"interval": "60s", "timeout": "1s"},
    "snmp": {"interval": "5m", "timeout": "2s"},
    "onvif": {"interval": "1h", "timeout": "5s"},
}
FRAMES = {"frame": {"interval": "15m", "timeout": "10s"}}
SECONDS = 120.0
SIZES = (1_000, 10_000, 100_000)


@dataclass(frozen=True, slots=True)
class Measured:
    """Share of a core, memory, the lag's 99th percentile (upper edge of its bucket) and what went wrong."""

    cpu_percent: float
    megabytes: float
    lag_seconds: float
    note: str


def lag_p99(running: Daemon) -> float:
    """The upper edge of the bucket that holds 99 % of the lags of pings."""
    counts = running.samples("healthd_check_lag_seconds_bucket", check="ping")
    buckets = sorted((float(dict(labels)["le"]), count) for labels, count in counts.items())
    return next(edge for edge, count in buckets if count >= 0.99 * buckets[-1][1])


def wrong(running: Daemon) -> str:
    results = {
        tuple(dict(labels).values()): count
        for labels, count in running.samples("healthd_check_results_total").items()
    }
    bad = sum(count for labels, count in results.items() if "ok" not in labels)
    skipped = sum(running.samples("healthd_check_turns_skipped_total").values())
    return f"{sum(results.values()):,.0f} askings, {bad:,.0f} not ok, {skipped:,.0f} skipped"


def measured(cameras: int, checks: Mapping[str, Any]) -> Measured:
    """One run of a new daemon over a new city."""
    with tempfile.TemporaryDirectory() as directory, city(Path(directory), cameras, "--pictures", "pool"):
        config = Path(directory) / "healthd.yml"
        edit_config(config, checks=checks, reference_targets=["127.0.0.1"])
        with daemon(config) as running:
            pid = running.program.process.pid
            running.ready(300)
            begun = time.monotonic()
            with cpu_of(pid) as spent:
                time.sleep(SECONDS)
            share = 100 * spent.seconds / (time.monotonic() - begun)
            return Measured(share, memory_megabytes(pid), lag_p99(running), wrong(running))


def rows() -> Iterator[Row]:
    """The table's rows."""
    found = {}
    for size in SIZES:
        one = found[size] = measured(size, CHECKS)
        limits = (40.0, 600.0) if size == SIZES[-1] else None
        yield from figures(f"the whole daemon, {size:,} cameras, no frames", one, limits)
    middle, last = found[SIZES[-2]], found[SIZES[-1]]
    for what, ratio in (
        ("CPU", last.cpu_percent / middle.cpu_percent),
        ("memory", last.megabytes / middle.megabytes),
    ):
        exponent = math.log10(ratio)
        name = f"growth of {what} from 10,000 to 100,000 cameras, exponent"
        yield Row(name, "healthd", [exponent], "", "≤ 1.1", exponent <= 1.1)
    one = measured(SIZES[-1], {**CHECKS, **FRAMES})
    yield from figures(f"the whole daemon, {SIZES[-1]:,} cameras, a frame every 15 min", one, (130.0, 1000.0))


def figures(what: str, one: Measured, limits: tuple[float, float] | None) -> Iterator[Row]:
    """`limits`: the most that CPU (% of a core) and memory (MB) may be; None: nothing is asked."""
    cpu, memory, lag = f"{what}, CPU", f"{what}, memory", 1000 * one.lag_seconds
    if limits is None:
        yield Row(cpu, "healthd", [one.cpu_percent], "% of a core", note=one.note)
        yield Row(memory, "healthd", [one.megabytes], "MB")
        return
    percent, megabytes = limits
    held = one.cpu_percent <= percent
    yield Row(cpu, "healthd", [one.cpu_percent], "% of a core", f"≤ {percent:g} %", held, one.note)
    held = one.megabytes <= megabytes
    yield Row(memory, "healthd", [one.megabytes], "MB", f"≤ {megabytes:g} MB", held)
    yield Row(f"{what}, p99 of lag", "healthd", [lag], "ms", "≤ 100 ms", lag <= 100, "upper edge of a bucket")
