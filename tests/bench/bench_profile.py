"""Where the time of the whole load goes: `python -m tests.bench profile`, some minutes.

100,000 cameras as in `daemon`, with frames; the fifteen functions in which most CPU was spent, own time, from the
start on. The figures of a profiled daemon are no figures of the daemon: only the shares count.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from tests.bench.bench_daemon import CHECKS, FRAMES, SECONDS
from tests.bench.load import loaded
from tests.bench.table import Row

CAMERAS = 100_000
TOP = 15


def rows() -> Iterator[Row]:
    """The table's rows."""
    with loaded(CAMERAS, {**CHECKS, **FRAMES}, profiled=True) as running:
        time.sleep(SECONDS)
        running.program.stop(timeout=60)
        spent = json.loads((running.config.parent / "profile.json").read_text("utf-8"))
    total = sum(used for _, used in spent)
    for place, (function, used) in enumerate(spent[:TOP], 1):
        yield Row(f"CPU of the whole load, place {place}: `{function}`", "healthd", [100 * used / total], "%")
