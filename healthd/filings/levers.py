"""The change list: every lever that moved a denominator in a period, by whom, and its effect in camera time. Pure.

The measure is time in service, so it is the same for every rate and profile. Where a rule says what counts as bad
it is the time that is judged otherwise; where pictures would have to be judged again it cannot be told.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from healthd.config_levers import LEVERS
from healthd.false_alarms import alarm_of
from healthd.filings.exemptions import Cover
from healthd.filings.lever_effects import (
    Regrading,
    Sum,
    as_before,
    counts_faults,
    differs,
    next_change,
    served,
    value_of,
    with_placements,
)
from healthd.model import (
    CameraHistory,
    Ending,
    Exemption,
    LeverChange,
    Moment,
    Placement,
    PlacementChange,
)
from healthd.periods import iso
from healthd.rates.profiles import Profile
from healthd.rates.timeline import FOREVER, Watch

EXEMPTION, ENDING, ADDED, REMOVED = "exemption", "exemption_end", "added", "removed"
PLACED = ("lifecycle", "class", "service_hours", "picture", "region", "unit", "maintainer")
"""Levers that are columns of the inventory."""

_SHOWN = 50  # camera ids in a line


class Effect(enum.StrEnum):
    """What a change did with the camera time that it is told with."""

    OUT = "out"  # taken out of the denominator
    IN = "in"  # brought into it
    MOVED = "moved"  # booked on another row of the same table
    REGRADED = "regraded"  # good where it would have been bad, or the other way round
    NONE = "none"  # covers or moves nothing in the period
    UNTOLD = "untold"  # cannot be told from what is kept


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the change list.

    `at`: from when it took effect; `recorded`: when it was written down. `lever`: `exemption`, `exemption_end`, a
    column of the inventory, `added`, `removed`, or as in `LeverChange`. `subject`: the scope of an exemption, the
    key of a rule; "" where `camera_ids` says it. `camera_ids`: at most 50 of the `cameras` concerned, sorted.
    `camera_ms`: the effect within the period in ms of camera time, exact; None: it cannot be told. `record`: the
    id of an exemption.
    """

    at: Moment
    recorded: Moment
    lever: str
    subject: str
    before: str
    after: str
    author: str
    approver: str
    note: str
    cameras: int
    camera_ids: tuple[str, ...]
    effect: Effect
    camera_ms: int | None
    late: bool = False
    record: str = ""

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """The line by its public names; times as ISO-8601 in `zone`."""
        return {
            "at": iso(self.at, zone),
            "recorded": iso(self.recorded, zone),
            "lever": self.lever,
            "subject": self.subject or None,
            "before": self.before or None,
            "after": self.after or None,
            "author": self.author,
            "approver": self.approver or None,
            "note": self.note or None,
            "cameras": self.cameras,
            "camera_ids": [*self.camera_ids],
            "effect": str(self.effect),
            "camera_hours": None if self.camera_ms is None else self.camera_ms / 3_600_000,
            "camera_ms": self.camera_ms,
            "late": self.late,
            "exemption": self.record or None,
        }


@dataclass(frozen=True, slots=True)
class Moves:
    """What was moved in a period, as the store has it. `exemptions`: those filed for a moment of it; `cover`: of
    all exemptions and of what `given_back` makes of them. `profiles`: those in use now, for changes of their
    faults."""

    exemptions: Sequence[Exemption]
    cover: Cover
    placements: Sequence[PlacementChange]
    rules: Sequence[LeverChange]
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    @property
    def marked(self) -> frozenset[str]:
        """The cameras that marks were set on."""
        return frozenset(change.subject for change in self.rules if change.lever not in LEVERS)

    @property
    def cameras(self) -> frozenset[str] | None:
        """The cameras that are needed to tell the effects; None: all."""
        if self.exemptions or any(counts_faults(change) for change in self.rules):
            return None
        return self.marked | {change.camera for change in self.placements}


def given_back(exemptions: Iterable[Exemption]) -> Iterator[Exemption]:
    """For each exemption that was ended before its time, one of the ending's id for the rest of it. It ranks
    behind all others: what one of them covers still was not given back."""
    for one in exemptions:
        if one.ended is not None and not one.corrected_by and one.until < one.end:
            yield replace(one, id=one.ended.id, start=one.until, filed=FOREVER, ended=None)


class _Group(NamedTuple):
    """Changes of placement that are one line: the same thing at the same time by the same hand."""

    at: Moment
    recorded: Moment
    lever: str
    before: str
    after: str
    author: str


def lines(
    moves: Moves,
    histories: Iterable[CameraHistory],
    watch: Watch,
    inside: Callable[[str], bool] = lambda region: True,
) -> list[Line]:
    """The change list of the watch's period up to the last heartbeat, by time, from one pass over `histories`.

    `histories`: of `moves.cameras` at least. `inside`: whether a region is among those asked for; what happened to
    cameras elsewhere is left out, rules are not.
    """
    return _Lister(moves, watch, inside).list(histories)


class _Lister:
    def __init__(self, moves: Moves, watch: Watch, inside: Callable[[str], bool]) -> None:
        self._moves = moves
        self._watch = watch.judging(moves.profiles.values())
        self._inside = inside
        self._exempt: dict[str, Sum] = defaultdict(Sum)
        self._placed: dict[_Group, Sum] = defaultdict(Sum)
        self._faults = [
            Regrading(change, moves.rules, moves.profiles) for change in moves.rules if counts_faults(change)
        ]
        self._marked = dict.fromkeys(moves.marked, False)  # camera -> whether it ever stood in the regions
        self._marks: dict[int, Sum] = {}  # by the mark
        self._by_camera: dict[str, list[PlacementChange]] = defaultdict(list)
        for change in moves.placements:
            if any(side is not None and inside(side.region) for side in (change.before, change.after)):
                self._by_camera[change.camera].append(change)

    def list(self, histories: Iterable[CameraHistory]) -> list[Line]:
        for history in histories:
            self._add_exempt(history)
            for change in self._by_camera.get(history.camera, ()):
                self._add_placed(history, change)
            if history.camera in self._marked:
                stood = (placement for _, placement in history.placements if placement)
                self._marked[history.camera] = any(self._inside(placement.region) for placement in stood)
                self._add_marks(history)
            for regrading in self._faults:
                regrading.add(history, self._watch, self._inside)
        found = [*self._of_exemptions(), *self._of_placements(), *self._of_rules()]
        return sorted(found, key=lambda line: (line.at, line.recorded, line.lever, line.subject, line.before))

    # --- exemptions ----------------------------------------------------------------------------------------

    def _add_exempt(self, history: CameraHistory) -> None:
        cover = self._moves.cover
        for start, end, one in cover.shares(history.camera, history.placements) if cover else ():
            since, until = max(start, self._watch.start), min(end, self._watch.until)
            if since < until:
                amount = served(history, self._watch, since, until, self._inside)
                if amount:
                    self._exempt[one.id].add(history.camera, amount)

    def _of_exemptions(self) -> Iterator[Line]:
        for one in self._moves.exemptions:
            found = self._exempt.get(one.id, Sum())
            yield Line(
                at=one.start,
                recorded=one.filed,
                lever=EXEMPTION,
                subject=str(one.scope),
                before="",
                after=str(one.reason),
                author=one.author,
                approver=one.approver,
                note=one.note,
                cameras=len(found.cameras),
                camera_ids=_shown(found.cameras),
                effect=Effect.OUT if found.amount else Effect.NONE,
                camera_ms=found.amount,
                late=one.late,
                record=one.id,
            )
            if one.ended is not None and self._watch.start <= one.ended.at < min(one.end, self._watch.end):
                yield self._of_ending(one, one.ended)

    def _of_ending(self, one: Exemption, ending: Ending) -> Line:
        found = self._exempt.get(ending.id, Sum())
        return Line(
            at=ending.at,
            recorded=ending.filed,
            lever=ENDING,
            subject=str(one.scope),
            before=str(one.reason),
            after="",
            author=ending.author,
            approver=ending.approver,
            note=ending.note,
            cameras=len(found.cameras),
            camera_ids=_shown(found.cameras),
            effect=Effect.IN if found.amount else Effect.NONE,
            camera_ms=found.amount,
            late=ending.late,
            record=one.id,
        )

    # --- placements ----------------------------------------------------------------------------------------

    def _add_placed(self, history: CameraHistory, change: PlacementChange) -> None:
        if change.before is None or change.after is None:
            self._add_presence(history, change)
            return
        until = self._watch.until
        for lever in PLACED:
            before, after = value_of(change.before, lever), value_of(change.after, lever)
            if before != after:
                group = _Group(change.at, change.recorded, lever, before, after, change.author)
                end = min(until, next_change(history, change.at, partial(differs, lever, after)))
                amount, net = self._effect(history, change.at, end, lever, change.before)
                self._placed[group].add(history.camera, amount, net)

    def _add_presence(self, history: CameraHistory, change: PlacementChange) -> None:
        """The camera came into the inventory, or left it."""
        came = change.before is None
        group = _Group(change.at, change.recorded, ADDED if came else REMOVED, "", "", change.author)
        ends = next_change(history, change.at, lambda placement: (placement is None) == came)
        end = min(self._watch.until, ends)
        there = history if came else with_placements(history, change.at, end, lambda _: change.before)
        amount = served(there, self._watch, change.at, end)
        self._placed[group].add(history.camera, amount, amount if came else -amount)

    def _effect(
        self, history: CameraHistory, at: Moment, end: Moment, lever: str, before: Placement
    ) -> tuple[int, int]:
        """(camera time concerned, what of it came into the denominator) over [at, end), as long as the new value
        held."""
        kept = served(history, self._watch, at, end)
        if lever in ("lifecycle", "service_hours"):
            old = with_placements(history, at, end, partial(as_before, lever, before))
            net = kept - served(old, self._watch, at, end)
            return abs(net), net
        if lever == "picture":
            return kept, -kept if before.picture else kept
        return kept, 0

    def _of_placements(self) -> Iterator[Line]:
        for group, found in self._placed.items():
            if group.lever in ("class", "region", "unit", "maintainer"):
                effect = Effect.MOVED if found.amount else Effect.NONE
            else:
                effect = Effect.OUT if found.net < 0 else Effect.IN if found.net else Effect.NONE
            yield Line(
                at=group.at,
                recorded=group.recorded,
                lever=group.lever,
                subject="",
                before=group.before,
                after=group.after,
                author=group.author,
                approver="",
                note="",
                cameras=len(found.cameras),
                camera_ids=_shown(found.cameras),
                effect=effect,
                camera_ms=abs(found.net) if group.lever in ("lifecycle", "service_hours") else found.amount,
            )

    # --- rules and marks -----------------------------------------------------------------------------------

    def _add_marks(self, history: CameraHistory) -> None:
        """The time in service of a finding that was marked as false, or whose mark was withdrawn."""
        for change in self._moves.rules:
            alarm = alarm_of(change) if change.subject == history.camera else None
            if alarm is not None:
                start, end = max(alarm.start, self._watch.start), min(alarm.end, self._watch.until)
                amount = served(history, self._watch, start, end, self._inside) if start < end else 0
                self._marks.setdefault(id(change), Sum()).add(history.camera, amount)

    def _of_rules(self) -> Iterator[Line]:
        sums = {id(regrading.change): regrading.sum for regrading in self._faults} | self._marks
        for change in self._moves.rules:
            if change.before is None and change.lever in LEVERS:
                continue  # found first: nothing changed
            marked = self._marked.get(change.subject, False) if change.lever not in LEVERS else None
            if marked is False:
                continue  # a mark on a camera that was never in the regions asked for
            found = sums.get(id(change))
            cameras = found.cameras if found else {change.subject} if marked else set()
            yield Line(
                at=change.at,
                recorded=change.recorded,
                lever=change.lever,
                subject=change.subject,
                before=_told(change, change.before),
                after=_told(change, change.after),
                author=change.author,
                approver=change.approver,
                note=change.note,
                cameras=len(cameras),
                camera_ids=_shown(cameras),
                effect=Effect.UNTOLD if found is None else Effect.REGRADED if found.amount else Effect.NONE,
                camera_ms=found.amount if found else None,
            )


def _shown(cameras: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(cameras)[:_SHOWN])


def _told(change: LeverChange, value: str | None) -> str:
    """What a lever stood on, or was moved to; of a false alarm the fault, which is stored with its span and
    values."""
    alarm = alarm_of(change) if value is not None else None
    return alarm.fault if alarm is not None else value or ""
