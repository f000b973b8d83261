"""What it costs to know who is due: `python -m tests.bench schedule`.

100,000 turns a minute over a probe that answers at once, with the hand-over of results to somebody who does
nothing with them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

from healthd.model import Asked
from healthd.schedule import Check, Observers, Schedule, TurnSpec, UplinkLimits
from probes.base import Result, Target
from tests.bench.table import Row, own_cpu

CAMERAS = 100_000
INTERVAL = 60.0
WARM_SECONDS, ROUND_SECONDS, ROUNDS = 2.0, 5.0, 5

OK = Result.ok()


class AtOnce:
    """A batch probe whose cameras all answer in the next turn of the loop."""

    async def ask(self, target: Target) -> Result:
        return OK

    def ask_batch(self, targets: Sequence[Target], deliver: Callable[[list[tuple[int, Result]]], None]) -> None:
        asyncio.get_running_loop().call_soon(deliver, [(index, OK) for index in range(len(targets))])

    async def close(self) -> None:
        """Nothing is open."""


async def ours() -> tuple[list[float], list[float], int]:
    """Shares of a core, lags in seconds, and how many turns were taken."""
    taken, lags = 0, [0.0]

    def count(batch: list[Asked]) -> None:
        nonlocal taken
        taken += len(batch)

    check = Check("ping", AtOnce(), INTERVAL, 1.0, 64)
    observers = Observers(count, lambda _, late: lags.extend(late), lambda *_: None)
    target = Target("127.0.0.1")
    schedule = Schedule(
        {"ping": check}, UplinkLimits(16, 1), lambda *_: target, lambda: round(time.time() * 1000), observers
    )
    schedule.plan(TurnSpec(f"127.{n >> 16}.{n >> 8 & 255}.{n & 255}", "ping") for n in range(CAMERAS))
    running = asyncio.create_task(schedule.run())
    await asyncio.sleep(WARM_SECONDS)
    lags.clear()
    taken, shares = 0, []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        with own_cpu() as spent:
            await asyncio.sleep(ROUND_SECONDS)
        shares.append(100 * spent.seconds / (time.monotonic() - begun))
    await schedule.stop()
    await running
    return shares, lags, taken


def rows() -> Iterator[Row]:
    """The table's rows."""
    shares, lags, taken = asyncio.run(ours())
    what = "schedule of 100,000 turns a minute with hand-over"
    expected = CAMERAS * ROUND_SECONDS * ROUNDS / INTERVAL
    yield Row(
        what,
        "healthd",
        shares,
        "% of a core",
        "≤ 1.5 %",
        statistics.median(shares) <= 1.5,
        f"{taken:,} turns, {expected:,.0f} expected",
    )
    p99 = 1000 * statistics.quantiles(lags, n=100)[98]
    yield Row("the same, p99 of lag", "healthd", [p99], "ms", "≤ 100 ms", p99 <= 100)
