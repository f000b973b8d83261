"""A real daemon over a simulated city for benchmarks: what it costs, how late it asks and what it makes of it."""

from __future__ import annotations

import csv
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healthd.store import Batch, Store
from probes.base import Memory
from tests.bench.table import cpu_seconds, memory_megabytes
from tests.running import HEALTHD, Daemon, city, daemon, edit_config

SCRAPE_SECONDS = 15.0
_READY_SECONDS = 420.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One stretch of one run. `cpu`: cores used; `lag_p99`: seconds, the upper edge of its bucket, of pings;
    `results`: (check, outcome, reason) -> askings; `skipped`: check -> turns."""

    cpu: float
    megabytes: float
    lag_p99: float
    results: Mapping[tuple[str, str, str], int]
    skipped: Mapping[str, int]
    offline: int  # cameras ever called offline

    def note(self) -> str:
        """What was asked, and what of it did not go well, by check and reason."""
        bad = {key: count for key, count in self.results.items() if key[1] != "ok"}
        told = ", ".join(f"{count:,} {check} {reason}" for (check, _, reason), count in sorted(bad.items()))
        skipped = ", ".join(f"{count:,} {check}" for check, count in self.skipped.items() if count)
        return (
            f"{sum(self.results.values()):,} askings, not ok: {told or 'none'}; skipped: {skipped or 'none'}; "
            f"called offline: {self.offline}"
        )


@contextmanager
def loaded(cameras: int, checks: Mapping[str, Any], *, profiled: bool = False, **keys: Any) -> Iterator[Daemon]:
    """A ready daemon over a city in which nobody is dead, as after a restart: what ONVIF told of snapshots is
    known, or for its first hour the daemon would do an hour's work of that kind in a quarter of one."""
    with tempfile.TemporaryDirectory() as directory, city(Path(directory), cameras, "--pictures", "pool"):
        config = Path(directory) / "healthd.yml"
        edit_config(config, checks=checks, reference_targets=["127.0.0.1"], **keys)
        if "frame" in checks:
            _know_snapshots(Path(directory))
        profiler = [sys.executable, "-m", "tests.bench.profiled", str(Path(directory) / "profile.json")]
        with daemon(config, profiler if profiled else HEALTHD) as running:
            running.ready(_READY_SECONDS)
            yield running


def _know_snapshots(directory: Path) -> None:
    with (directory / "cameras.csv").open(encoding="utf-8") as file:
        memories = {}
        for row in csv.DictReader(file):
            path = f"snapshot/{row['channel'] or 1}/sub.jpg"
            uri = f"http://{row['address']}:{row['onvif_port'] or 80}/{path}"
            memories[row["id"]] = Memory(snapshot_uri=uri, snapshot_is_small=True)
    store = Store.open(f"sqlite:///{directory / 'healthd.db'}", writer=True)
    store.write(Batch(memories=memories))
    store.close()


def measure(running: Daemon, seconds: float) -> Measured:
    """What the daemon does from now on for so long, with a scrape now and then."""
    pid = running.program.process.pid
    before, spent, begun = _Counts.of(running), cpu_seconds(pid), time.monotonic()
    while (left := begun + seconds - time.monotonic()) > 0:
        time.sleep(min(left, SCRAPE_SECONDS))
        running.get("/metrics")
    cpu = (cpu_seconds(pid) - spent) / (time.monotonic() - begun)
    after = _Counts.of(running)
    return Measured(
        cpu=cpu,
        megabytes=memory_megabytes(pid),
        lag_p99=_quantile(0.99, after.lags - before.lags),
        results=after.results - before.results,
        skipped=after.skipped - before.skipped,
        offline=called_offline(running.config.parent),
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    results: Counter[tuple[str, str, str]]
    skipped: Counter[str]
    lags: Counter[float]

    @classmethod
    def of(cls, running: Daemon) -> _Counts:
        results: Counter[tuple[str, str, str]] = Counter()
        for labels, count in running.samples("healthd_check_results_total").items():
            one = dict(labels)
            results[one["check"], one["outcome"], one["reason"]] += int(count)
        skipped: Counter[str] = Counter()
        for labels, count in running.samples("healthd_check_turns_skipped_total").items():
            skipped[dict(labels)["check"]] += int(count)
        lags: Counter[float] = Counter()
        for labels, count in running.samples("healthd_check_lag_seconds_bucket", check="ping").items():
            lags[float(dict(labels)["le"])] += int(count)
        return cls(results, skipped, lags)


def _quantile(share: float, cumulative: Mapping[float, int]) -> float:
    buckets = sorted(cumulative.items())
    total = buckets[-1][1] if buckets else 0
    return next((edge for edge, count in buckets if count >= share * total), float("nan"))


def called_offline(directory: Path) -> int:
    """Flips to offline in the store so far."""
    store = sqlite3.connect(f"file:{directory / 'healthd.db'}?mode=ro", uri=True)
    try:
        count: int = store.execute("SELECT count(*) FROM flips WHERE axis = 0 AND state = 1").fetchone()[0]
        return count
    finally:
        store.close()


@contextmanager
def timed_pages(running: Daemon, path: str, pause: float = 0.2) -> Iterator[list[float]]:
    """How long each asking for a page took, one after the other while the block runs, in seconds."""
    took: list[float] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(pause):
            begun = time.monotonic()
            status, _ = running.get(path)
            took.append(time.monotonic() - begun if status == 200 else float("inf"))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield took
    finally:
        done.set()
        asking.join()
