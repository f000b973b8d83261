"""What the store costs: `python -m tests.bench.bench_store [CAMERAS] [FLIPS_EACH]` (defaults 100000, 12).

One month of a fleet is written batch by batch, then read as rates and a restart read it. CPU seconds count; wall
time depends on the disk.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from healthd.model import Axis, Change, Flip, Placement, State
from healthd.store import Batch, Store
from probes.base import Memory

MONTH = 30 * 86_400_000
BEGIN = 1_790_000_000_000


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print CPU and wall seconds of the block."""
    cpu, wall = time.process_time(), time.monotonic()
    yield
    print(f"{what:58} cpu {time.process_time() - cpu:7.2f} s  wall {time.monotonic() - wall:7.2f} s", flush=True)


def flips(cameras: int, each: int, seed: int) -> list[Flip]:
    """Alternating online flips of every camera over a month, as a daemon would write them: by time."""
    draw = random.Random(seed)
    found = []
    for number in range(cameras):
        moments = sorted(draw.randrange(BEGIN, BEGIN + MONTH) for _ in range(each))
        for turn, at in enumerate(moments):
            good = turn % 2 == 0
            state, was = (State.ONLINE, State.OFFLINE) if good else (State.OFFLINE, State.ONLINE)
            reason = "ok" if good else "timeout"
            rows = tuple(
                {"asked": at + step * 15_000, "state": str(state), "reason": reason, "took_seconds": 0.0123 + step}
                for step in range(2 if good else 3)
            )
            found.append(
                Flip(f"3206{number:016d}", Axis.ONLINE, at, state, was, (), reason, at + 30_000, evidence=rows)
            )
    found.sort(key=lambda flip: flip.decided)
    return found


def main(cameras: int, each: int) -> None:
    """Build, measure, print."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        url = f"sqlite:///{directory}/bench.db"
        store = Store.open(url, writer=True)
        ids = [f"3206{number:016d}" for number in range(cameras)]
        placed = Placement("320602", "1", "police", "m1")
        with measured(f"inventory of {cameras}"):
            store.write(Batch(changes=[Change(c, BEGIN, placed, "inventory") for c in ids], recorded=BEGIN))
        month = flips(cameras, each, 1)
        with measured(f"{len(month)} flips, 1,000 a commit"):
            for first in range(0, len(month), 1000):
                part = month[first : first + 1000]
                store.write(Batch(flips=part, heartbeat=(BEGIN, part[-1].decided)))
        size = (Path(directory) / "bench.db").stat().st_size
        print(f"size {size / 1e6:.0f} MB, {size / max(1, len(month)):.0f} bytes a flip")
        with measured("memories of every camera"):
            store.write(
                Batch(memories={c: Memory(f"http://10.0.0.1/snap?{c}", clock_offset_seconds=0.5) for c in ids})
            )
        read(store, month[0].camera)
        storm = [Flip(c, Axis.ONLINE, BEGIN + MONTH, State.UNKNOWN, State.ONLINE, reason="local") for c in ids]
        with measured("storm: every camera flips in one commit"):
            store.write(Batch(flips=storm))
        with measured("28 flips a commit, 200 commits"):
            for first in range(200):
                at = BEGIN + MONTH + 1 + first
                part = [
                    Flip(c, Axis.ONLINE, at, State.ONLINE, State.UNKNOWN)
                    for c in ids[first * 28 : first * 28 + 28]
                ]
                store.write(Batch(flips=part, heartbeat=(BEGIN, at)))
        with measured("prune half a month"):
            print("pruned", store.prune(BEGIN + MONTH // 2))
        store.close()


def read(store: Store, camera: str) -> None:
    """What rates, a restart and a dispute read."""
    with measured("histories: whole fleet, month"):
        print(sum(len(history.online) for history in store.histories(BEGIN, BEGIN + MONTH)), "entries")
    with measured("histories: whole fleet, last day"):
        list(store.histories(BEGIN + 29 * 86_400_000, BEGIN + MONTH))
    with measured("histories: one camera"):
        list(store.histories(BEGIN, BEGIN + MONTH, cameras={camera}))
    with measured("states"):
        store.states()
    with measured("memories and placements"):
        store.memories()
        store.placements_at()
    with measured("one camera's flips with evidence; 50 recent ones"):
        store.flips(camera, BEGIN, BEGIN + MONTH)
        store.recent_flips(50)


if __name__ == "__main__":
    sizes = [int(text) for text in sys.argv[1:]]
    main(*(sizes + [100_000, 12][len(sizes) :]))
