"""What days cost: `python -m tests.bench.bench_courses [CAMERAS] [FLIPS_EACH]` (defaults 100000, 12).

One month of a fleet is written, rolled over and read as rates read it, before and after its flips are forgotten.
Half of the flips are of reach, half of pictures. Beside it: the same rates from one sample a minute and camera.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from healthd.model import Axis, Change, Flip, Inventory, State
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN
from healthd.rates.rows import rows
from healthd.rates.timeline import Watch
from healthd.store import Batch, Store
from tests.bench.rates_bench import DAY, MONTH, ZONE, fleet, tree


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print CPU and wall seconds of the block, and the peak of memory so far."""
    cpu, wall = time.process_time(), time.monotonic()
    yield
    spent, took = time.process_time() - cpu, time.monotonic() - wall
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:58} cpu {spent:7.2f} s  wall {took:7.2f} s  peak {peak:5.0f} MB", flush=True)


def write(store: Store, cameras: int, each: int, leaves: list[str]) -> None:
    """A month of flips with their evidence, by time, as a daemon writes them."""
    flips: list[Flip] = []
    changes: list[Change] = []
    for history in fleet(cameras, each, leaves):
        [(at, placement)] = history.placements
        changes.append(Change(history.camera, at, placement, "bench"))
        for axis, entries in ((Axis.ONLINE, history.online), (Axis.PICTURE, history.picture)):
            was = State.UNKNOWN
            for moment, state, faults in entries:
                rows_ = tuple(
                    {"asked": moment + step * 15_000, "state": str(state), "reason": "ok", "took_seconds": 0.0123}
                    for step in range(2)
                )
                flips.append(Flip(history.camera, axis, moment, state, was, faults, "ok", moment + 30_000, rows_))
                was = state
    flips.sort(key=lambda flip: flip.at)
    store.write(Batch(changes=changes, recorded=1))
    for first in range(0, len(flips), 2000):
        store.write(Batch(flips=flips[first : first + 2000]))
    print(f"{len(flips)} flips")


def read(store: Store, terms: Terms) -> int:
    """All rates of all regions for the month."""
    watch = Watch([(MONTH.start - 90 * DAY, MONTH.end)], ZONE, MONTH.start, MONTH.end)
    return sum(1 for _ in rows(store.histories(MONTH.start, MONTH.end), watch, terms))


def size(directory: str) -> str:
    return f"{sum(path.stat().st_size for path in Path(directory).iterdir()) / 1e6:.0f} MB"


def main(cameras: int, each: int) -> None:
    """Build, measure, print."""
    regions = tree(1000)
    leaves = [code for code, region in regions.items() if region.level == "township"]
    terms = Terms(Inventory(regions, {}, {}), [BUILT_IN["default"], BUILT_IN["ningxia-2014"]])
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        store = Store.open(f"sqlite:///{directory}/bench.db", writer=True)
        with measured("writing a month"):
            write(store, cameras, each, leaves)
        print("size", size(directory))
        with measured("rates of all regions from flips"):
            read(store, terms)
        with measured("roll-over of the month"):
            store.roll_over(MONTH.end)
        print("size", size(directory))
        with measured("rates of all regions from courses"):
            read(store, terms)
        with measured("histories alone"):
            sum(1 for _ in store.histories(MONTH.start, MONTH.end))
        with measured("one camera's month"):
            [*store.histories(MONTH.start, MONTH.end, cameras={"camera-7"})]
        with measured("a day of flips rolled over"):
            day = [
                Flip(f"camera-{n % cameras}", Axis.ONLINE, MONTH.end + n, State.OFFLINE, State.ONLINE)
                for n in range(cameras * each // 30)
            ]
            store.write(Batch(flips=day))
            store.roll_over()
        with measured("forgetting all flips of the month"):
            store.prune(MONTH.end)
        with measured("rates of all regions, flips forgotten"):
            read(store, terms)
        store.close()


if __name__ == "__main__":
    sizes = [int(text) for text in sys.argv[1:]]
    main(*(sizes + [100_000, 12][len(sizes) :]))
