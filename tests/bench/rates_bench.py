"""How long rates take: `python tests/bench/rates_bench.py [CAMERAS] [FLIPS]` prints CPU seconds and peak memory.

A fleet of CAMERAS with FLIPS a month each is made up camera by camera, so that what is measured is the rates
and not the fleet; making it up alone is timed first and taken off.
"""

from __future__ import annotations

import functools
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from zoneinfo import ZoneInfo

from healthd.incidents.attribution import Hold, attributed
from healthd.model import Axis, CameraHistory, Flip, Inventory, Moment, Placement, Region, State
from healthd.periods import parse_month
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN, Method
from healthd.rates.rows import rows
from healthd.rates.timeline import Watch
from healthd.rates.windows import Windows

ZONE = ZoneInfo("Asia/Shanghai")
MONTH = parse_month("2026-06", ZONE)
DAY: Moment = 24 * 3600 * 1000
BEATS = [(MONTH.start - 90 * DAY, MONTH.start + 7 * DAY), (MONTH.start + 7 * DAY + 5000, MONTH.end)]


def tree(leaves: int) -> dict[str, Region]:
    """A city, its districts with 20 townships each."""
    regions = {"32": Region("32", "city", "city")}
    for number in range(leaves):
        district = f"32{number // 20:03d}"
        regions.setdefault(district, Region(district, district, "county", "32"))
        regions[f"{district}{number % 20:03d}"] = Region(f"{district}{number % 20:03d}", "", "township", district)
    return regions


def fleet(cameras: int, flips: int, leaves: list[str], days: int = 30) -> Iterator[CameraHistory]:
    """Half of the flips are of reach, half of the picture."""
    chance = random.Random(1)
    placements = [Placement(leaf, str(1 + n % 3), f"u{n % 40}", f"m{n % 9}") for n, leaf in enumerate(leaves)]
    pictures = [(State.GOOD, ()), (State.FAULTY, ("dark",)), (State.NO_PICTURE, ()), (State.FAULTY, ("blur",))]
    for number in range(cameras):
        times = sorted(MONTH.end - chance.randrange(days * DAY) for _ in range(flips))
        online = [(at, (State.OFFLINE, State.ONLINE)[n % 2], ()) for n, at in enumerate(times[::2])]
        picture = [(at, *pictures[(number + n) % 4]) for n, at in enumerate(times[1::2])]
        yield CameraHistory(
            f"camera-{number}",
            ((MONTH.start - 80 * DAY, placements[number % len(placements)]),),
            ((MONTH.start - 80 * DAY, State.ONLINE, ()), *online),
            ((MONTH.start - 80 * DAY, State.GOOD, ()), *picture),
        )


def timed(name: str, work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:60} {spent:8.3f} CPU s   peak {peak:6.0f} MB", flush=True)
    return spent


def main() -> None:
    cameras, flips = (int(word) for word in [*sys.argv[1:], "100000", "12"][:2])
    regions = tree(1000)
    leaves = [code for code, region in regions.items() if region.level == "township"]
    terms = Terms(Inventory(regions, {}, {}), [*BUILT_IN.values()])
    making = timed(
        f"making up {cameras} cameras x {flips} flips", lambda: sum(1 for _ in fleet(cameras, flips, leaves))
    )
    bench_rates(cameras, flips, leaves, terms, making)
    bench_methods(cameras, flips, leaves, terms, making)
    bench_windows(cameras, flips, leaves, terms, making)


def bench_rates(cameras: int, flips: int, leaves: list[str], terms: Terms, making: float) -> None:
    for by in ("region", "unit", "camera"):

        def read(by: str = by) -> int:
            watch = Watch(BEATS, ZONE, MONTH.start, MONTH.end)
            return sum(1 for _ in rows(fleet(cameras, flips, leaves), watch, terms, by=by))

        spent = timed(f"rates by {by}, {len(terms.profiles)} profiles", read)
        print(f"{'  without making up':60} {spent - making:8.3f} CPU s")


def bench_methods(cameras: int, flips: int, leaves: list[str], terms: Terms, making: float) -> None:
    """What counting heads and days costs, and laying bad seconds at doors."""
    day = Method("daily_pass", pass_at=Fraction(9, 10))
    for method in (Method("head_count", ("10:00", "22:00")), day):
        some = replace(terms, profiles=[replace(BUILT_IN["default"], method=method)])

        def read(some: Terms = some) -> int:
            watch = Watch(BEATS, ZONE, MONTH.start, MONTH.end)
            return sum(1 for _ in rows(fleet(cameras, flips, leaves), watch, some))

        spent = timed(f"rates by region, method {method.kind}", read)
        print(f"{'  without making up':60} {spent - making:8.3f} CPU s")

    def lay() -> int:
        watch = Watch(BEATS, ZONE, MONTH.start, MONTH.end)
        one = replace(terms, profiles=[BUILT_IN["default"]])
        held = {f"camera-{n}": [Hold(MONTH.start + n, MONTH.end, n % 4, True)] for n in range(0, cameras, 2)}
        return sum(1 for _ in attributed(fleet(cameras, flips, leaves), watch, one, held))

    spent = timed("usage and attributable by maintainer", lay)
    print(f"{'  without making up':60} {spent - making:8.3f} CPU s")


def bench_windows(cameras: int, flips: int, leaves: list[str], terms: Terms, making: float) -> None:
    now = MONTH.end - DAY // 2
    beats = [*BEATS[:-1], (BEATS[-1][0], now)]
    built: list[Windows] = []
    spent = timed(
        "building the windows",
        lambda: built.append(Windows.build(fleet(cameras, flips, leaves), beats, terms, ZONE, now)),
    )
    print(f"{'  without making up':60} {spent - making:8.3f} CPU s")
    windows = built[0]
    chance = random.Random(2)
    turns = [State.OFFLINE, State.ONLINE]
    some = [
        Flip(f"camera-{chance.randrange(cameras)}", Axis.ONLINE, now + n - 45_000, turns[n % 2], turns[1 - n % 2])
        for n in range(20_000)
    ]
    spent = timed("applying 20,000 flips", lambda: [windows.apply(flip) for flip in some])
    print(f"{'  a flip':60} {spent / 20_000 * 1e6:8.1f} CPU us")
    later = now + 60_000
    for window in ("now", "today", "yesterday", "month", "previous_month"):
        timed(f"rows of {window}, 1,000 townships", functools.partial(windows.rows, window, later))
    timed("heads and faults", lambda: (windows.heads(), windows.faults()))
    timed("booked", lambda: windows.booked(later - 30_000))
    timed("midnight and a month's end", lambda: windows.advance(MONTH.end + 1))


if __name__ == "__main__":
    main()
