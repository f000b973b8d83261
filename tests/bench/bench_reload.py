"""A reload with 1,000 changed rows of 100,000: `python -m tests.bench reload`, some minutes.

How long the event loop stands still is seen from outside, by a page that needs nothing but the loop.
"""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.load import loaded, timed_pages
from tests.bench.table import Row
from tests.running import wait_until

CAMERAS, CHANGED = 100_000, 1_000
CHECKS = {"ping": {"interval": "60s", "timeout": "1s"}, "snmp": {"interval": "5m", "timeout": "2s"}}


def change(path: Path) -> None:
    """Give 1,000 cameras other names."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.reader(file)]
    name = rows[0].index("name")
    for row in rows[1 :: CAMERAS // CHANGED]:
        row[name] += "'"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def rows() -> Iterator[Row]:
    """The table's rows."""
    with loaded(CAMERAS, CHECKS) as running:
        with timed_pages(running, "/-/healthy", 0.02) as calm:
            time.sleep(5)
        change(running.config.parent / "cameras.csv")
        with timed_pages(running, "/-/healthy", 0.02) as during:
            os.kill(running.program.process.pid, signal.SIGHUP)
            wait_until(lambda: "reloaded cameras" in running.program.text, 60)
        longest = 1000 * max(during)
        yield Row(
            f"a reload with {CHANGED:,} of {CAMERAS:,} rows changed, longest delay of the loop",
            "healthd",
            [longest],
            "ms",
            "≤ 50 ms",
            longest <= 50,
            f"seen from outside; {1000 * max(calm, default=0):.0f} ms without a reload",
        )
