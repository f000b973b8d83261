"""Rates the slow and obvious way, from docs/rates.md alone: a second opinion on rates and windows.

Time is cut wherever anything at all changes for anybody; each slice of each camera is looked up by itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from healthd.model import CameraHistory, Inventory, Lifecycle, Placement, State
from healthd.rates.profiles import Profile
from healthd.rates.rows import Row
from healthd.service_hours import parse_service_hours
from tests.rates_fleets import INVENTORY

DAY = 24 * 3600 * 1000
KINDS = ("good", "bad", "undiagnosed", "unknown", "exempt", "out_of_service")


@dataclass
class Sums:
    kinds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    raw: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    cameras: set[str] = field(default_factory=set)


@dataclass
class Question:
    """What is asked; one of them answers for many cameras."""

    heartbeats: Sequence[tuple[int, int]]
    zone: ZoneInfo
    start: int
    end: int
    inventory: Inventory
    profiles: Sequence[Profile]
    by: str = "region"
    region: str = ""
    rates: Sequence[str] = ("online", "intact")


def holding(entries: Iterable[tuple[Any, ...]], at: int) -> tuple[Any, ...] | None:
    found = None
    for entry in entries:
        if entry[0] <= at:
            found = entry
    return found


def within(spans: Iterable[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in spans)


@cache
def open_spans(text: str, week: int, zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
    return tuple(parse_service_hours(text).spans(week * 7 * DAY, (week + 1) * 7 * DAY, zone))


def is_open(placement: Placement, at: int, zone: ZoneInfo) -> bool:
    return within(open_spans(placement.service_hours, at // (7 * DAY), zone), at)


def missing_since(history: CameraHistory, at: int) -> int:
    """The first missing picture since one was judged."""
    since = 0
    for when, state, _ in history.picture:
        if when <= at and state in (State.GOOD, State.FAULTY):
            since = 0
        elif when <= at and state is State.NO_PICTURE:
            since = since or when
    return since


def kind_of(history: CameraHistory, at: int, rate: str, profile: Profile, asked: Question, *, raw: bool) -> str:
    placed = holding(history.placements, at)
    placement = placed[1] if placed else None
    if placement is None:
        return "out_of_service"
    online = (holding(history.online, at) or (0, State.UNKNOWN))[1]
    _, picture, faults = holding(history.picture, at) or (0, State.UNKNOWN, ())
    counted = profile.faults is None or set(faults) & profile.faults
    missing = "bad" if at - missing_since(history, at) >= profile.grace else "undiagnosed"
    proof = profile.online_needs_picture and placement.picture
    first_that_holds = [
        (placement.lifecycle is not Lifecycle.IN_SERVICE, "out_of_service"),
        (not asked.heartbeats or at < asked.heartbeats[0][0], "out_of_service"),
        (not is_open(placement, at, asked.zone), "out_of_service"),
        (within(history.exempt, at) and not raw, "exempt"),
        (not within(asked.heartbeats, at), "unknown"),
        (online is State.UNKNOWN, "unknown"),
        (rate == "online" and online is State.OFFLINE, "bad"),
        (rate == "online" and proof and picture is State.UNKNOWN, "unknown"),
        (rate == "online" and proof and picture is State.NO_PICTURE, missing),
        (rate == "online", "good"),
        (online is State.OFFLINE, "bad" if profile.offline_is_bad else "undiagnosed"),
        (not placement.picture, "undiagnosed"),
        (picture is State.UNKNOWN, "unknown"),
        (picture is State.NO_PICTURE, missing),
        (picture is State.FAULTY and counted, "bad"),
        (True, "good"),
    ]
    return next(kind for holds, kind in first_that_holds if holds)


def cuts_of(histories: Sequence[CameraHistory], asked: Question) -> list[int]:
    cuts = {asked.start, asked.end}
    for start, end in asked.heartbeats:
        cuts |= {start, end}
    for history in histories:
        cuts |= {at for at, _ in history.placements}
        cuts |= {at for at, *_ in (*history.online, *history.picture)}
        cuts |= {at + profile.grace for at, *_ in history.picture for profile in asked.profiles}
        cuts |= {at for span in history.exempt for at in span}
        for _, placement in history.placements:
            if placement:
                hours = parse_service_hours(placement.service_hours)
                cuts |= {at for span in hours.spans(asked.start, asked.end, asked.zone) for at in span}
    return sorted(cut for cut in cuts if asked.start <= cut <= asked.end)


def where(history: CameraHistory, at: int, asked: Question) -> Placement | None:
    """Its placement; before it came the first of the period, after it left the last."""
    inside = [
        (since, placement)
        for number, (since, placement) in enumerate(history.placements)
        if placement
        and since < asked.end
        and (number + 1 == len(history.placements) or history.placements[number + 1][0] > asked.start)
        and (number + 1 == len(history.placements) or history.placements[number + 1][0] > since)
    ]
    if not inside:
        return None
    found = holding(inside, at) or inside[0]
    placement: Placement = found[1]
    return placement


def keys_of(history: CameraHistory, placement: Placement, asked: Question) -> list[str]:
    line = []
    code = placement.region
    while code:
        line.append(code)
        region = asked.inventory.regions.get(code)
        code = region.parent if region else ""
    if asked.region and asked.region not in line:
        return []
    if asked.by == "region":
        return line[: line.index(asked.region) + 1] if asked.region else line
    if asked.by == "department":
        return [*asked.inventory.departments_above(placement.unit)]
    if asked.by == "tag:pole":
        known = asked.inventory.cameras.get(history.camera)
        return [known.tags["pole"] if known else ""]
    return [{"unit": placement.unit, "maintainer": placement.maintainer, "camera": history.camera}[asked.by]]


def sums_of(histories: Sequence[CameraHistory], asked: Question) -> dict[tuple[str, str, str, str], Sums]:
    """(key, class, rate, profile) -> sums over [start, end)."""
    found: dict[tuple[str, str, str, str], Sums] = defaultdict(Sums)
    cuts = cuts_of(histories, asked)
    for history in histories:
        for at, until in pairwise(cuts):
            placement = where(history, at, asked)
            if placement:
                _add(found, asked, history, placement, at=at, amount=until - at)
    return found


def heads_of(
    histories: Sequence[CameraHistory], at: int, asked: Question
) -> dict[tuple[str, str, str, str], Sums]:
    """The same for one moment, in cameras."""
    found: dict[tuple[str, str, str, str], Sums] = defaultdict(Sums)
    for history in histories:
        placed = holding(history.placements, at)
        if placed and placed[1]:
            _add(found, asked, history, placed[1], at=at, amount=1)
    return found


def _add(
    found: dict[tuple[str, str, str, str], Sums],
    asked: Question,
    history: CameraHistory,
    placement: Placement,
    *,
    at: int,
    amount: int,
) -> None:
    for profile in asked.profiles:
        classes = [placement.class_] + (["all"] if placement.class_ in profile.classes_of_all else [])
        for rate in asked.rates:
            kind = kind_of(history, at, rate, profile, asked, raw=False)
            raw = kind_of(history, at, rate, profile, asked, raw=True)
            for key in keys_of(history, placement, asked):
                for class_ in classes:
                    sums = found[key, class_, rate, profile.name]
                    sums.kinds[kind] += amount
                    sums.raw[raw] += amount
                    if kind != "out_of_service":
                        sums.cameras.add(history.camera)


def judged(sums: Sums, target: Fraction | None, *, instant: bool) -> tuple[object, ...]:
    """(ratio, raw ratio, coverage, verdict, gap)."""
    good, known = sums.kinds["good"], sums.kinds["good"] + sums.kinds["bad"]
    raw_known = sums.raw["good"] + sums.raw["bad"]
    ratio = Fraction(good, known) if known else None
    raw = Fraction(sums.raw["good"], raw_known) if raw_known else None
    seen = known + sums.kinds["unknown"]
    coverage = Fraction(known, seen) if seen else None
    if target is None:
        return ratio, raw, coverage, "none", None
    gap: int | None
    if instant:
        gap = max(0, math.ceil(target * known) - good)
    else:
        gap = None if ratio is None else max(0, math.ceil(len(sums.cameras) * (target - ratio)))
    if coverage is None or ratio is None or coverage < Fraction(95, 100):
        return ratio, raw, coverage, "insufficient", gap
    return ratio, raw, coverage, "pass" if ratio >= target else "fail", gap


def target_of(profile: Profile, row: Row, inventory: Inventory) -> Fraction | None:
    """The nearest region's own target, upward from the row's; else the class's."""
    code = row.region if row.by in ("region", "camera") else ""
    while code in inventory.regions:
        if (code, row.rate, row.class_) in profile.region_targets:
            return profile.region_targets[code, row.rate, row.class_]
        code = inventory.regions[code].parent
    return profile.targets.get((row.rate, row.class_))


def agree(
    rows: Iterable[Row],
    slow: dict[tuple[str, str, str, str], Sums],
    profiles: Sequence[Profile],
    inventory: Inventory = INVENTORY,
) -> None:
    """Asserts that the rows are just those of the slow sums, with the same figures."""
    known = {profile.name: profile for profile in profiles}
    rows = [*rows]
    assert len({(row.key, row.class_, row.rate, row.profile) for row in rows}) == len(rows)
    assert {(row.key, row.class_, row.rate, row.profile) for row in rows} == set(slow)
    for row in rows:
        sums = slow[row.key, row.class_, row.rate, row.profile]
        assert {kind: getattr(row, kind) for kind in KINDS} == sums.kinds, row
        assert row.cameras == len(sums.cameras), row
        target = target_of(known[row.profile], row, inventory)
        figures = (row.ratio, row.raw_ratio, row.coverage, row.verdict, row.gap_cameras)
        assert figures == judged(sums, target, instant=row.instant), row
