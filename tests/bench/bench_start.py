"""Reading and checking the inventory, and a reload: `python -m tests.bench start`.

The inventory is a simulated city's of 100,000 cameras; the peer is Python's csv module reading the same file into
lists.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

from healthd.setup import read_setup
from tests.bench.table import Row, against, own_cpu
from tests.running import city

CAMERAS = 100_000
ROUNDS = 5


def by_csv(path: Path) -> int:
    """How many rows there are."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for _ in csv.reader(file))


def rows() -> Iterator[Row]:
    """The table's rows."""
    with tempfile.TemporaryDirectory() as directory:
        with city(Path(directory), CAMERAS):
            pass
        config, cameras = Path(directory) / "healthd.yml", Path(directory) / "cameras.csv"
        mine, theirs, read = [], [], 0
        for _ in range(ROUNDS):
            with own_cpu() as spent:
                read = len(read_setup(config).inventory.cameras)
            mine.append(spent.seconds)
            with own_cpu() as spent:
                by_csv(cameras)
            theirs.append(spent.seconds)
    what = f"reading and checking {CAMERAS:,} cameras, CPU"
    other = Row(what, "csv module", theirs, "s", note="rows into lists, nothing checked")
    yield against(Row(what, "healthd", mine, "s", note=f"{read:,} read"), other, 10, "≤ 10 × csv")
    yield other
