"""What the repair plans of all regions cost in a storm: CPU seconds of one working out.

`python -m tests.bench.bench_plans [CAMERAS]`: 211 regions, two profiles. `link`: a county's line took a fifth of
the cameras, beside 2 % with single faults; `singles`: a fifth of the cameras, each with an incident of its own.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from healthd.incidents.gains import RegionPlan, Standing, region_plans
from healthd.incidents.incident import Cause, Incident, Kind
from healthd.model import Inventory, Region, State
from healthd.rates.profiles import BUILT_IN
from healthd.rates.rows import Row
from healthd.rates.timeline import Situation
from tests import pages

PROFILES = [BUILT_IN["default"], BUILT_IN["nantong-2017"]]
WELL = Situation("", False, True, State.ONLINE, State.GOOD, (), -1, True)
DEAD = WELL._replace(online=State.OFFLINE, picture=State.UNKNOWN)
DIRTY = WELL._replace(picture=State.FAULTY, faults=("blur",))
COUNTIES, TOWNS = 10, 20


def tree() -> dict[str, Region]:
    """One city, ten counties, twenty towns in each."""
    found = {"32": Region("32", "city", "city")}
    for county in range(COUNTIES):
        found[f"32{county:02}"] = Region(f"32{county:02}", "county", "county", "32")
        for town in range(TOWNS):
            code = f"32{county:02}{town:02}"
            found[code] = Region(code, "town", "township", f"32{county:02}")
    return found


def incident(name: str, kind: Kind, cameras: Sequence[str]) -> Incident:
    return Incident(name, kind, Cause.UNKNOWN, name, "32", "1", "", "m", frozenset(cameras), 1, 1)


def storm(cameras: int, singles: bool) -> tuple[Standing, list[Incident]]:
    """The cameras that are bad, and their incidents."""
    names = [f"c{number:06}" for number in range(cameras)]
    towns = [code for code in tree() if len(code) == 6]
    group = {name: (towns[number * len(towns) // cameras], "123"[number % 3]) for number, name in enumerate(names)}
    dead, ill = names[: cameras // 5], names[cameras // 10 :: 50]
    standing: dict[str, tuple[tuple[str, str], Situation]] = {name: (group[name], DEAD) for name in dead}
    incidents = [incident(f"P{name}", Kind.PICTURE, [name]) for name in ill]
    standing |= {name: (group[name], DIRTY) for name in ill if name not in standing}
    if singles:
        return standing, [*incidents, *(incident(f"I{name}", Kind.OFFLINE, [name]) for name in dead)]
    return standing, [*incidents, incident("LINK", Kind.OFFLINE, dead)]


def rows(cameras: int, standing: Standing, regions: dict[str, Region]) -> Iterator[Row]:
    """A row for every region, class, rate and profile with a target."""
    bad: Counter[tuple[str, str]] = Counter()
    for (town, class_), _ in standing.values():
        for code in (town, town[:4], "32"):
            bad[code, class_] += 1
            bad[code, "all"] += 1
    for code in regions:
        below = {2: 1, 4: COUNTIES, 6: COUNTIES * TOWNS}[len(code)]
        for class_, share in (("all", 1), ("1", 3), ("2", 3), ("3", 3)):
            whole, down = cameras // below // share, bad[code, class_]
            for profile in PROFILES:
                for rate in ("online", "intact"):
                    target = Fraction(95, 100)
                    row = pages.row(code, class_, rate, (1, 1))
                    good = max(whole - down, 0)
                    yield replace(
                        row, profile=profile.name, cameras=good + down, good=good, bad=down, target=target
                    )


def timed(cameras: int, singles: bool) -> tuple[float, list[RegionPlan]]:
    """CPU seconds, and the plans."""
    regions = tree()
    standing, incidents = storm(cameras, singles)
    inventory = Inventory(regions, {}, {})
    judged = [*rows(cameras, standing, regions)]
    begun = time.process_time()
    plans = region_plans(judged, standing, incidents, PROFILES, inventory)
    return time.process_time() - begun, plans


def main(arguments: list[str]) -> None:
    cameras = int(arguments[0]) if arguments else 100_000
    for name, singles in (("link", False), ("singles", True)):
        took, plans = timed(cameras, singles)
        steps = sum(len(one.plan.steps) for one in plans)
        outcomes = Counter(str(one.plan.outcome) for one in plans)
        print(
            f"{cameras} cameras, {name}: {took:.2f} s of CPU for {len(plans)} plans of {steps} repairs {outcomes}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
