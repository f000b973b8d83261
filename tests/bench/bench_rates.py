"""Rates of a month out of a store, and what keeps them cheap: `python -m tests.bench rates`.

100,000 cameras (`BENCH_CAMERAS`: fewer) with twelve changes of state each, half of reach and half of pictures, are
written as a daemon writes them. The peer is the naive way: a sample a minute and camera, counted; it is measured
on a few cameras and told for all. Each reading has a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from multiprocessing.connection import Connection
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from healthd.collector import look_seldom
from healthd.figures.ledger import lines_of
from healthd.incidents.attribution import attributed
from healthd.model import Axis, CameraHistory, Change, Flip, Inventory, State
from healthd.rates.explain import explain
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN, Method
from healthd.rates.rows import rows as rate_rows
from healthd.rates.timeline import Watch
from healthd.store import Batch, Store
from tests.bench.rates_bench import DAY, MONTH, ZONE, fleet, tree
from tests.bench.table import Row, against

CAMERAS = int(os.environ.get("BENCH_CAMERAS", "100000"))
FLIPS = 12
SAMPLED = 20  # cameras of which the naive way is measured
MINUTE = 60_000
ROUNDS = 3
_Step: TypeAlias = tuple[int, str, Axis, State, State, tuple[str, ...]]
"""When, camera, axis, state, what it was, faults."""

PROFILES = (BUILT_IN["default"], BUILT_IN["ningxia-2014"])


def write_month(store: Store, cameras: int, begun: Callable[[], None] = lambda: None) -> int:
    """A month of flips with their evidence, by time, as a daemon writes them; returns how many. `begun` is called
    once all that was before the month is in: the fleet, and how it stood."""
    regions = tree(1000)
    leaves = [code for code, region in regions.items() if region.level == "township"]
    steps: list[_Step] = []
    changes: list[Change] = []
    for history in fleet(cameras, FLIPS, leaves):
        [(at, placement)] = history.placements
        changes.append(Change(history.camera, at, placement, "bench"))
        for axis, entries in ((Axis.ONLINE, history.online), (Axis.PICTURE, history.picture)):
            was = State.UNKNOWN
            for moment, state, faults in entries:
                steps.append((moment, history.camera, axis, state, was, faults))
                was = state
    steps.sort(key=itemgetter(0))
    heartbeat = (MONTH.start - 90 * DAY, MONTH.end)
    store.write(Batch(changes=changes, regions=[*regions.values()], heartbeat=heartbeat, recorded=1))
    before = bisect_left(steps, MONTH.start, key=itemgetter(0))
    _write(store, steps[:before])
    begun()
    _write(store, steps[before:])
    return len(steps) - before


def _write(store: Store, steps: Sequence[_Step]) -> None:
    for first in range(0, len(steps), 2000):
        store.write(Batch(flips=[_flip(step) for step in steps[first : first + 2000]]))


def _flip(step: _Step) -> Flip:
    at, camera, axis, state, was, faults = step
    asked = (at, at + 15_000)
    evidence = tuple({"asked": one, "state": str(state), "reason": "ok", "took_seconds": 0.0123} for one in asked)
    return Flip(camera, axis, at, state, was, faults, "ok", at + 30_000, evidence)


# --- what is measured, each in a process of its own ---------------------------------------------------------


def _terms(method: Method = Method()) -> Terms:  # noqa: B008 (a frozen value)
    profiles = PROFILES if method.timed else [replace(PROFILES[0], method=method)]
    return Terms(Inventory(tree(1000), {}, {}), profiles)


def _watch(store: Store) -> Watch:
    return Watch(store.heartbeats(0, MONTH.end), ZONE, MONTH.start, MONTH.end)


def _read(store: Store, terms: Terms, by: str = "region") -> int:
    return sum(1 for _ in rate_rows(store.histories(MONTH.start, MONTH.end), _watch(store), terms, by=by))


def _doors(store: Store) -> int:
    return sum(1 for _ in attributed(store.histories(MONTH.start, MONTH.end), _watch(store), _terms(), {}))


def _one(store: Store) -> int:
    """The rows and the ledger of one camera."""
    [history] = store.histories(MONTH.start, MONTH.end, cameras={"camera-7"})
    terms = _terms()
    found = [*rate_rows([history], _watch(store), terms, by="camera")]
    flips = store.flips("camera-7", 0, MONTH.end)
    return len(found) + len(lines_of(explain(history, _watch(store), "intact", PROFILES[0]), flips))


def naive(histories: list[CameraHistory]) -> dict[tuple[str, str], list[int]]:
    """Good and assessed samples of each region and class: every minute of every camera is looked at."""
    counts: dict[tuple[str, str], list[int]] = {}
    for history in histories:
        [(_, placement)] = history.placements
        assert placement
        online, picture = [*history.online], [*history.picture]
        for at in range(MONTH.start, MONTH.end, MINUTE):
            while len(online) > 1 and online[1][0] <= at:
                online.pop(0)
            while len(picture) > 1 and picture[1][0] <= at:
                picture.pop(0)
            sums = counts.setdefault((placement.region, placement.class_), [0, 0, 0])
            up = online[0][1] is State.ONLINE
            sums[0] += up
            sums[1] += up and picture[0][1] is State.GOOD
            sums[2] += 1
    return counts


def _naive(store: Store) -> int:
    some = [*store.histories(MONTH.start, MONTH.end, cameras={f"camera-{n}" for n in range(SAMPLED)})]
    return len(naive(some))


WORK: dict[str, Callable[[Store], int]] = {
    "regions": lambda store: _read(store, _terms()),
    "cameras": lambda store: _read(store, _terms(), by="camera"),
    "heads": lambda store: _read(store, _terms(Method("head_count", ("10:00", "22:00")))),
    "days": lambda store: _read(store, _terms(Method("daily_pass", pass_at=Fraction(9, 10)))),
    "doors": _doors,
    "one": _one,
    "naive": _naive,
}


def _measure(path: str, name: str, rounds: int, pipe: Connection) -> None:
    look_seldom()  # as every command does
    store = Store.open(f"sqlite:///{path}", writer=False)
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        WORK[name](store)
        spent.append(time.process_time() - began)
    store.close()
    pipe.send((spent, _peak_megabytes()))


def _peak_megabytes() -> float:
    """Of this process alone: what getrusage(2) tells begins with the memory of the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measured(path: Path, name: str, rounds: int = ROUNDS) -> tuple[list[float], float]:
    """(CPU seconds of each round, peak megabytes) of one piece of work in a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(str(path), name, rounds, theirs))
    process.start()
    found: tuple[list[float], float] = ours.recv()
    process.join()
    return found


# --- the roll-over beside a loop ----------------------------------------------------------------------------


async def _rolled_over_beside_a_loop(store: Store) -> tuple[float, float, float]:
    """Seconds: the loop's longest delay while a day is packed, while nothing is done; CPU of the packing."""
    quiet = await _longest_delay(asyncio.sleep(3.0))
    cpu = time.process_time()
    busy = await _longest_delay(asyncio.to_thread(store.roll_over, MONTH.end + DAY))
    return busy, quiet, time.process_time() - cpu


async def _longest_delay(work: Coroutine[Any, Any, object]) -> float:
    task = asyncio.create_task(work)
    longest, tick = 0.0, 0.002
    while not task.done():
        began = time.monotonic()
        await asyncio.sleep(tick)
        longest = max(longest, time.monotonic() - began - tick)
    return longest


def a_day_more(store: Store, cameras: int) -> int:
    """The flips of one more day, not rolled over yet."""
    count = cameras * FLIPS // 30
    step = DAY // count
    day = [
        Flip(f"camera-{n * 7 % cameras}", Axis.ONLINE, MONTH.end + n * step, State.OFFLINE, State.ONLINE)
        for n in range(count)
    ]
    for first in range(0, count, 2000):
        store.write(Batch(flips=day[first : first + 2000]))
    return count


# --- the table ----------------------------------------------------------------------------------------------


def rows() -> Iterator[Row]:
    """The table's rows."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.db"
        store = Store.open(f"sqlite:///{path}", writer=True)
        sizes: list[float] = []
        count = write_month(store, CAMERAS, lambda: sizes.append(_megabytes(Path(directory))))
        store.roll_over(MONTH.end)
        size = _megabytes(Path(directory)) - sizes[0]
        fleet_of = f"{CAMERAS:,} cameras x 30 days"
        note = f"{count:,} flips with evidence, and their courses; {sizes[0]:.0f} MB were there before"
        yield Row(f"what the store grows by, {fleet_of}", "healthd", [size], "MB", "≤ 250 MB", size <= 250, note)
        yield from _speeds(path, fleet_of)
        day = a_day_more(store, CAMERAS)
        look_seldom()  # as the daemon does
        gc.collect()
        gc.freeze()
        busy, quiet, cpu = asyncio.run(_rolled_over_beside_a_loop(store))
        store.close()
    what = "longest delay of the loop while a day is rolled over"
    told = f"{day:,} flips in {cpu:.2f} CPU s"
    yield Row(what, "healthd", [1000 * busy], "ms", "≤ 50 ms", busy <= 0.05, told)
    yield Row(
        "the same while nothing is done", "asyncio", [1000 * quiet], "ms", note="what the machine itself adds"
    )


def _megabytes(directory: Path) -> float:
    return sum(one.stat().st_size for one in directory.iterdir()) / 1e6


def _speeds(path: Path, fleet_of: str) -> Iterator[Row]:
    seconds, peak = measured(path, "regions")
    sampled, _ = measured(path, "naive", 1)
    what = f"all rates of all regions, {fleet_of}, 2 profiles, CPU"
    told = Row(what, "healthd", seconds, "s", note=f"peak {peak:.0f} MB")
    scaled = [one * CAMERAS / SAMPLED for one in sampled]
    peer = Row(what, "a sample a minute", scaled, "s", note=f"{SAMPLED} cameras measured, told for all")
    yield replace(told, target="≤ 5 s", holds=told.median <= 5)
    yield against(told, peer, 0.05, "≤ 0.05 × naive")
    yield peer
    yield Row("  its peak of memory", "healthd", [peak], "MB", "≤ 500 MB", peak <= 500)
    one, _ = measured(path, "one", 20)
    one = [1000 * spent for spent in one[1:]]  # the first opens the store
    yield Row("one camera's month: rows and ledger, CPU", "healthd", one, "ms", "≤ 50 ms", median(one) <= 50)
    for name, words in (
        ("heads", "by head count at two times a day, 1 profile"),
        ("days", "by daily pass, 1 profile"),
        ("doors", "usage and attributable by maintainer, 2 profiles"),
        ("cameras", "by camera, 2 profiles"),
    ):
        spent, peak = measured(path, name, 1)
        yield Row(f"rates {words}, {fleet_of}, CPU", "healthd", spent, "s", note=f"peak {peak:.0f} MB")
