"""Findings of the picture that an operator marked as false: what is given back, and what is stricter from then on.

Nothing stored is changed: a mark is a record of its own, and so is its withdrawal; histories are read with them in
mind. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from healthd.model import Axis, Flip, LeverChange, Moment, State
from healthd.rates.timeline import FOREVER, Entry

LEVER, REBASE = "false_alarm", "rebase"
"""Names in the change list: a finding marked as false; a camera that learns anew what it usually sees."""


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """That `fault` of `camera` within [start, end) was none. `value`: the most extreme that was measured;
    `threshold`: the stricter one that holds for this camera from `recorded` on."""

    camera: str
    fault: str
    start: Moment
    end: Moment
    value: float
    threshold: float
    author: str
    recorded: Moment
    note: str = ""

    def as_change(self) -> LeverChange:
        """The record that is stored and listed."""
        return LeverChange(
            self.start, LEVER, self.camera, None, self._text(), self.author, recorded=self.recorded, note=self.note
        )

    def as_withdrawal(self, author: str, recorded: Moment, note: str = "") -> LeverChange:
        """The record that this mark holds no longer: the finding counts again."""
        return LeverChange(
            self.start, LEVER, self.camera, self._text(), None, author, recorded=recorded, note=note
        )

    def _text(self) -> str:
        said = {
            "fault": self.fault,
            "start": self.start,
            "end": self.end,
            "value": self.value,
            "threshold": self.threshold,
        }
        return json.dumps(said, sort_keys=True)


def false_alarms(changes: Iterable[LeverChange]) -> dict[str, list[FalseAlarm]]:
    """camera -> its marks that hold, out of the records of all levers in the order of time, those of one moment in
    the order in which they were written. Raises ValueError, KeyError or TypeError for a record that healthd did
    not write."""
    found: dict[str, list[FalseAlarm]] = {}
    for change in changes:
        one = alarm_of(change)
        if one is None:
            continue
        mine = found.setdefault(one.camera, [])
        if change.after is None:
            mine[:] = [other for other in mine if (other.fault, other.start) != (one.fault, one.start)]
        else:
            mine.append(one)
    return found


def alarm_of(change: LeverChange) -> FalseAlarm | None:
    """The mark that a record sets or, with nothing after it, withdraws; None for records of other levers. Raises
    like `false_alarms`."""
    text = change.after or change.before
    if change.lever != LEVER or text is None:
        return None
    said: dict[str, Any] = json.loads(text)
    return FalseAlarm(
        change.subject,
        str(said["fault"]),
        int(said["start"]),
        int(said["end"]),
        float(said["value"]),
        float(said["threshold"]),
        change.author,
        change.recorded,
        change.note,
    )


def reaching(changes: Iterable[LeverChange], start: Moment) -> list[LeverChange]:
    """Marks, and withdrawals of marks, whose seconds reach beyond `start`."""
    return [change for change in changes if (one := alarm_of(change)) is not None and one.end > start]


def given_back(timeline: Sequence[Entry], alarms: Sequence[FalseAlarm], end: Moment = FOREVER) -> list[Entry]:
    """A picture's timeline up to `end` without the faults that were none: where no fault is left it was good."""
    if not alarms or not timeline:
        return [*timeline]
    first = timeline[0][0]
    edges = {edge for one in alarms for edge in (one.start, one.end) if first < edge < end}
    result: list[Entry] = []
    place = 0
    for at in sorted(edges | {entry[0] for entry in timeline}):
        while place + 1 < len(timeline) and timeline[place + 1][0] <= at:
            place += 1
        _, state, faults = timeline[place]
        none = {one.fault for one in alarms if one.start <= at < one.end}
        left = tuple(fault for fault in faults if fault not in none)
        if state is State.FAULTY and not left and faults:
            state = State.GOOD
        if not result or result[-1][1:] != (state, left):
            result.append((at, state, left))
    return result


@dataclass(frozen=True, slots=True)
class Spell:
    """How long a fault held without a break; `end` None: it still does. `values`: all that were measured in it."""

    start: Moment
    end: Moment | None
    values: tuple[float, ...]


def spells(flips: Sequence[Flip], fault: str) -> list[Spell]:
    """The spells of a fault in one camera's flips, in the order of time."""
    found: list[Spell] = []
    start: Moment | None = None
    values: list[float] = []
    for flip in flips:
        if flip.axis is not Axis.PICTURE:
            continue
        if fault in flip.faults:
            start = flip.at if start is None else start
            values += _values(flip, fault)
        elif start is not None:
            found.append(Spell(start, flip.at, tuple(values)))
            start, values = None, []
    if start is not None:
        found.append(Spell(start, None, tuple(values)))
    return found


def _values(flip: Flip, fault: str) -> list[float]:
    found: list[float] = []
    for row in flip.evidence:
        findings = row.get("findings")
        if isinstance(findings, list):
            found += [float(one["value"]) for one in findings if one.get("fault") == fault]
    return found


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the findings of a fault in a period, how many were marked as false. What nobody marked counts as true."""

    fault: str
    found: int
    marked: int

    @property
    def ratio(self) -> float | None:
        return None if not self.found else (self.found - self.marked) / self.found


def precisions(
    timelines: Iterable[tuple[str, Sequence[Entry]]],
    alarms: Mapping[str, Sequence[FalseAlarm]],
    start: Moment,
    end: Moment,
) -> list[Precision]:
    """Per fault, of (camera, timeline as it was found): the spells that began within [start, end)."""
    found: dict[str, int] = {}
    marked: dict[str, int] = {}
    for camera, timeline in timelines:
        before: tuple[str, ...] = ()
        for at, _, faults in timeline:
            for fault in set(faults) - set(before) if start <= at < end else ():
                found[fault] = found.get(fault, 0) + 1
                if any(one.fault == fault and one.start <= at < one.end for one in alarms.get(camera, ())):
                    marked[fault] = marked.get(fault, 0) + 1
            before = faults
    return [Precision(fault, count, marked.get(fault, 0)) for fault, count in sorted(found.items())]
