"""The whole daemon over a simulated city: `python -m tests.bench daemon`, twenty minutes.

Ping every 60 s, SNMP every 5 min, ONVIF every hour, at 1,000, 10,000 and 100,000 cameras; 100,000 with a frame
every 15 min; 500,000 with ping every 5 min. CPU is user and system of the daemon without its start, lag is asked −
due from its own histogram, and wrong answers are counted in the same run: nobody in the city is dead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.load import Measured, loaded, measure
from tests.bench.table import Row

CHECKS: Mapping[str, Mapping[str, Any]] = {
    "ping": {"interval": "60s", "timeout": "1s"},
    "snmp": {"interval": "5m", "timeout": "2s"},
    "onvif": {"interval": "1h", "timeout": "5s"},
}
FRAMES = {"frame": {"interval": "15m", "timeout": "10s"}}
SECONDS = 120.0
SIZES = (1_000, 10_000, 100_000)
LARGEST = 500_000
SELDOM = {"ping": {"interval": "5m", "timeout": "1s"}}


def measured(cameras: int, checks: Mapping[str, Any]) -> Measured:
    """One run of a new daemon over a new city."""
    with loaded(cameras, checks) as running:
        return measure(running, SECONDS)


def rows() -> Iterator[Row]:
    """The table's rows."""
    found = {}
    for size in SIZES:
        one = found[size] = measured(size, CHECKS)
        limits = (0.4, 600.0) if size == SIZES[-1] else None
        yield from figures(f"the whole daemon, {size:,} cameras, no frames", one, limits)
    yield from growth(found[SIZES[-2]], found[SIZES[-1]], SIZES[-1] / SIZES[-2], "from 10,000 to 100,000 cameras")
    one = measured(SIZES[-1], {**CHECKS, **FRAMES})
    yield from figures(f"the whole daemon, {SIZES[-1]:,} cameras, a frame every 15 min", one, (1.3, 1000.0))
    one = measured(LARGEST, SELDOM)
    yield from figures(f"the whole daemon, {LARGEST:,} cameras, ping every 5 min", one, None)


def growth(smaller: Measured, larger: Measured, times: float, words: str) -> Iterator[Row]:
    """By which power of the size CPU and memory grow."""
    for what, ratio in (("CPU", larger.cpu / smaller.cpu), ("memory", larger.megabytes / smaller.megabytes)):
        exponent = math.log(ratio, times)
        name = f"growth of {what} {words}, exponent"
        yield Row(name, "healthd", [exponent], "", "≤ 1.1", exponent <= 1.1)


def figures(what: str, one: Measured, limits: tuple[float, float] | None) -> Iterator[Row]:
    """`limits`: the most that CPU (cores) and memory (MB) may be; None: nothing is asked."""
    cores, megabytes = limits or (math.inf, math.inf)
    right = one.offline == 0
    lag = 1000 * one.lag_p99
    if limits is None:
        yield Row(f"{what}, CPU", "healthd", [one.cpu], "cores", "nobody called offline", right, one.note())
        yield Row(f"{what}, memory", "healthd", [one.megabytes], "MB")
        return
    held = one.cpu <= cores and right
    yield Row(f"{what}, CPU", "healthd", [one.cpu], "cores", f"≤ {cores:g}, 0 called offline", held, one.note())
    held = one.megabytes <= megabytes
    yield Row(f"{what}, memory", "healthd", [one.megabytes], "MB", f"≤ {megabytes:g} MB", held)
    yield Row(f"{what}, p99 of lag", "healthd", [lag], "ms", "≤ 100 ms", lag <= 100, "upper edge of a bucket")
