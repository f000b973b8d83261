"""20,000 cameras go down within one interval and come back: `python -m tests.bench flips`; wants root.

A real daemon over a simulated city; an nftables set of the benchmark's own silences four cameras of five at one
moment and lets them speak again. Right is a flip that is dated within one interval after that moment (and one
retry, when it comes back), for each camera one each way, and none of anybody else.
"""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.load import loaded, timed_pages
from tests.bench.table import Row
from tests.running import Daemon

CAMERAS, DEAD = 25_000, 20_000
INTERVAL, RETRY = 20.0, 5.0
CHECKS = {"ping": {"interval": f"{INTERVAL:g}s", "timeout": "1s"}}
OFFLINE, ONLINE = 1, 0  # as the store has them
_LONGEST_SECONDS = 90.0


@contextmanager
def silencer() -> Iterator[str]:
    """A set of addresses that are dropped on `lo` while they are in it."""
    table = f"ip healthd_bench_{os.getpid()}"
    script = (
        f"add table {table}\nadd set {table} silent {{ type ipv4_addr; }}\n"
        f"add chain {table} input {{ type filter hook input priority -300; policy accept; }}\n"
        f'add rule {table} input iifname "lo" ip daddr @silent drop\n'
    )
    nft(script)
    try:
        yield table
    finally:
        nft(f"delete table {table}\n")


def nft(script: str) -> None:
    subprocess.run(["/usr/sbin/nft", "-f", "-"], input=script, text=True, check=True, capture_output=True)


def victims(directory: Path) -> tuple[Sequence[str], Sequence[str]]:
    """Whom it meets: addresses until enough cameras stand at them, and the ids of those cameras."""
    addresses: dict[str, None] = {}
    cameras: list[str] = []
    with (directory / "cameras.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if len(cameras) < DEAD or row["address"] in addresses:
                addresses[row["address"]] = None
                cameras.append(row["id"])
    return [*addresses], cameras


def flips(directory: Path, state: int, since: float) -> dict[str, list[float]]:
    """Camera -> when it went to this state since then, in seconds after it."""
    store = sqlite3.connect(f"file:{directory / 'healthd.db'}?mode=ro", uri=True)
    try:
        query = (
            "SELECT cameras.id, flips.at FROM flips JOIN cameras ON cameras.key = flips.camera "
            "WHERE axis = 0 AND state = ? AND at >= ?"
        )
        found: dict[str, list[float]] = {}
        for camera, at in store.execute(query, (state, round(1000 * since))):
            found.setdefault(camera, []).append(at / 1000 - since)
        return found
    finally:
        store.close()


def awaited(running: Daemon, state: int, since: float, count: int) -> tuple[dict[str, list[float]], float]:
    """The flips, once there are so many, and how long that took."""
    while True:
        found = flips(running.config.parent, state, since)
        if len(found) >= count or time.time() - since > _LONGEST_SECONDS:
            return found, time.time() - since
        time.sleep(0.5)


def lag(running: Daemon) -> float:
    """The edge of the bucket in which the latest ping was asked."""
    counts = running.samples("healthd_check_lag_seconds_bucket", check="ping")
    total = max(counts.values())
    return min(float(dict(labels)["le"]) for labels, count in counts.items() if count == total)


def rows() -> Iterator[Row]:
    """The table's rows."""
    state = {"retry_interval": f"{RETRY:g}s"}
    with loaded(CAMERAS, CHECKS, state=state) as running, silencer() as table:
        directory = running.config.parent
        addresses, cameras = victims(directory)
        elements = ", ".join(addresses)
        with timed_pages(running, "/") as pages:
            for what, word, wanted, longest in (
                ("go down", "add", OFFLINE, INTERVAL),
                ("come back", "delete", ONLINE, INTERVAL + RETRY),
            ):
                since = time.time()
                nft(f"{word} element {table} silent {{ {elements} }}\n")
                found, took = awaited(running, wanted, since, len(cameras))
                right = sum(
                    len(found.get(camera, ())) == 1 and found[camera][0] <= longest + 1.0 for camera in cameras
                )
                others = len(found.keys() - {*cameras})
                note = f"{right:,} of {len(cameras):,} stored with their right time, {others:,} of others"
                held = right == len(cameras) and not others
                name = f"{len(cameras):,} cameras {what} at once, until all are stored"
                yield Row(name, "healthd", [took], "s", "every flip, rightly dated", held, note)
        yield Row(
            "the same, the longest wait for the first page",
            "healthd",
            [max(pages)],
            "s",
            "≤ 1 s",
            max(pages) <= 1.0,
            f"of {len(pages)}; pings asked at most {lag(running):g} s late",
        )
