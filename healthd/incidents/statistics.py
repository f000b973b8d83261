"""Repair statistics of a period: what was opened, closed and overdue, how fast repairs were, what came back. Pure.

All counts are whole and all times whole milliseconds, so means, medians and rates are exact fractions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from healthd.incidents.incident import Incident
from healthd.model import Inventory, Moment
from healthd.periods import iso

BY = ("region", "unit", "maintainer", "cause")
REPEAT: Moment = 30 * 24 * 3600 * 1000
"""A subject that fails again so soon after its repair is a repeat."""


@dataclass(frozen=True, slots=True)
class RepairRow:
    """One line of the statistics of [start, end), as known at `end`.

    Open before + `opened` − `closed` − `merged` = `open`. An incident that was merged into another is no repair of
    its own: it counts as opened and as merged, and nowhere else. `unverified`: those of `closed` whose end nobody
    measured (the camera left the inventory, say). `overdue`: those of `open` whose limit has passed. `due`:
    incidents whose limit fell into the period, `timely` those of them that were closed by then. `repairs`: from
    the first flip to the closing, one a closed incident, ascending. `repeats`: those of `opened` whose subject had
    been repaired within the 30 days before.
    """

    by: str  # region | unit | maintainer | cause
    key: str
    name: str
    start: Moment
    end: Moment
    opened: int
    merged: int
    closed: int
    unverified: int
    open: int
    overdue: int
    due: int
    timely: int
    repeats: int
    repairs: Sequence[Moment]

    @property
    def timely_ratio(self) -> Fraction | None:
        """None where nothing was due."""
        return Fraction(self.timely, self.due) if self.due else None

    @property
    def mean_repair(self) -> Fraction | None:
        """Milliseconds; None where nothing was closed."""
        return Fraction(sum(self.repairs), len(self.repairs)) if self.repairs else None

    @property
    def median_repair(self) -> Fraction | None:
        """Milliseconds; of an even number the middle of the two in the middle."""
        if not self.repairs:
            return None
        middle = len(self.repairs) // 2
        return Fraction(self.repairs[middle] + self.repairs[-1 - middle], 2)

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """By the public names; times in seconds, moments as ISO 8601 in `zone`, absent figures null."""
        ratio, mean, median = self.timely_ratio, self.mean_repair, self.median_repair
        return {
            "by": self.by,
            "key": self.key,
            "name": self.name,
            "from": iso(self.start, zone),
            "to": iso(self.end, zone),
            "opened": self.opened,
            "merged": self.merged,
            "closed": self.closed,
            "unverified": self.unverified,
            "open": self.open,
            "overdue": self.overdue,
            "due": self.due,
            "timely": self.timely,
            "timely_ratio": None if ratio is None else float(ratio),
            "mean_repair_seconds": None if mean is None else float(mean / 1000),
            "median_repair_seconds": None if median is None else float(median / 1000),
            "repeats": self.repeats,
        }


def statistics(
    incidents: Iterable[Incident], start: Moment, end: Moment, inventory: Inventory, *, by: str, region: str = ""
) -> list[RepairRow]:
    """Rows of [start, end) by region (each with all that lies below it), unit, maintainer or cause, sorted.

    `incidents`: all that were opened before `end` and not closed before `start` − REPEAT (what was closed earlier
    still than that, with its limit in the period, is not among those due). `end` is not later than what is
    known. `region`: only incidents in or below it; "" for all. Keys without anything to tell have no row.
    """
    lines = {code: tuple(inventory.line_of(code)) for code in inventory.regions}
    here = [one for one in incidents if not region or region in lines.get(one.region, (one.region,))]
    repeats = _repeats(here, start, end)
    keys: Callable[[Incident], tuple[str, ...]] = {
        "region": lambda one: lines.get(one.region, (one.region,)),
        "unit": lambda one: (one.unit,),
        "maintainer": lambda one: (one.maintainer,),
        "cause": lambda one: (str(one.cause),),
    }[by]
    groups: dict[str, list[Incident]] = defaultdict(list)
    for one in here:
        if one.opened < end and (one.open or one.closed >= start or _falls_due(one, start, end)):
            for key in keys(one):
                groups[key].append(one)
    names = _names(inventory, by)
    rows = [_row((by, key, names.get(key, key)), group, start, end, repeats) for key, group in groups.items()]
    paths = inventory.paths if by == "region" else {}
    return sorted(rows, key=lambda row: paths.get(row.key, row.key))


def _falls_due(incident: Incident, start: Moment, end: Moment) -> bool:
    """Whether it is to be judged in the period; it may have been closed long before."""
    return start <= incident.due < end and not incident.merged_into


def _names(inventory: Inventory, by: str) -> Mapping[str, str]:
    if by == "region":
        return {code: region.name for code, region in inventory.regions.items()}
    return {key: crew.name for key, crew in inventory.maintainers.items()} if by == "maintainer" else {}


def _repeats(incidents: Sequence[Incident], start: Moment, end: Moment) -> frozenset[str]:
    """The ids of incidents opened in the period whose subject had been repaired within REPEAT before."""
    repaired: dict[str, list[Moment]] = defaultdict(list)
    for one in incidents:
        if not one.open and not one.merged_into:
            repaired[one.subject].append(one.closed)
    for moments in repaired.values():
        moments.sort()
    found = set()
    for one in incidents:
        if start <= one.opened < end and not one.merged_into:
            moments = repaired.get(one.subject, [])
            place = bisect_left(moments, one.opened - REPEAT)
            if place < len(moments) and moments[place] < one.opened:
                found.add(one.id)
    return frozenset(found)


def _row(
    head: tuple[str, str, str], group: Sequence[Incident], start: Moment, end: Moment, repeats: frozenset[str]
) -> RepairRow:
    ended = [one for one in group if start <= one.closed < end]
    closed = [one for one in ended if not one.merged_into]
    going_on = [one for one in group if one.open or one.closed >= end]
    due = [one for one in group if _falls_due(one, start, end)]
    by, key, name = head
    return RepairRow(
        by,
        key,
        name,
        start,
        end,
        opened=sum(start <= one.opened for one in group),
        merged=len(ended) - len(closed),
        closed=len(closed),
        unverified=sum(not one.verified for one in closed),
        open=len(going_on),
        overdue=sum(bool(one.due) and one.due < end for one in going_on),
        due=len(due),
        timely=sum(not one.open and one.closed <= one.due for one in due),
        repeats=sum(one.id in repeats for one in group),
        repairs=sorted(one.took for one in closed),
    )
