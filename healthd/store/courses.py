"""Days without evidence: what rates need of flips, packed, for when the flips themselves are forgotten.

A course is one camera's changes of state over one calendar month (UTC), six bytes each, and how it stood before.
The roll-over packs flips in the order in which they were written, so that courses hold all flips up to a mark; a
history is what its courses say and the flips after the mark. No day is ever half packed, a roll-over that was cut
short goes on where it stopped, and a flip that is dated back into a packed day is packed like any other.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, select, update

from healthd.model import Axis, Moment, State
from healthd.rates.timeline import FOREVER, entries_since
from healthd.store import schema
from healthd.store.sql import replace_rows

Code: TypeAlias = int
"""What a change led to: a row of `meanings`."""

Meaning: TypeAlias = tuple[int, State, tuple[str, ...]]
"""Axis code, state, faults."""

Steps: TypeAlias = list[tuple[Moment, Code]]
"""(at, what it led to) of one axis, sorted by time; one entry a moment."""

Timeline: TypeAlias = list[tuple[Moment, State, tuple[str, ...]]]

PACKED = "packed"
"""Mark: the id of the last flip that is in the courses."""

FORGOTTEN = "forgotten"
"""Mark: flips before this moment may be gone; it is 0 while all are there."""

SETTLED = "settled"
"""Mark: no flip will be dated before this moment any more."""

_BEFORE = struct.Struct("<qH")  # a moment, a code
_CHANGE = struct.Struct("<IH")  # ms since the month began, a code
_DAY_MS = 86_400_000
_LAST_DAY = 2_932_896  # 9999-12-31
_LAST_MONTH = 12 * 10_000
_PART = 500
_LONG_TAIL = 100_000  # flips; a store that was never rolled over is read the old way

_flips, _courses, _meanings, _marks = schema.flips.c, schema.courses.c, schema.meanings.c, schema.marks.c
_at = itemgetter(0)


def month_of(at: Moment) -> int:
    """The calendar month, in UTC, as months since year 0; what lies beyond the calendar is in its last month."""
    return _month_of_day(max(0, min(at // _DAY_MS, _LAST_DAY)))


@lru_cache(maxsize=8192)
def _month_of_day(day: int) -> int:
    when = datetime.fromtimestamp(day * 86_400, UTC)
    return when.year * 12 + when.month - 1


@lru_cache(maxsize=1024)
def begin_of(month: int) -> Moment:
    """The first moment of a month."""
    return round(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def mark(connection: Connection, name: str) -> int:
    """A number that was kept under a name; 0 where there is none yet."""
    value: int | None = connection.execute(select(_marks.value).where(_marks.name == name)).scalar()
    return value or 0


def set_mark(connection: Connection, name: str, value: int) -> None:
    """Keep a number under a name."""
    moved = connection.execute(update(schema.marks).where(_marks.name == name).values(value=value))
    if not moved.rowcount:
        connection.execute(insert(schema.marks), {"name": name, "value": value})


# --- reading ------------------------------------------------------------------------------------------------


def meanings(connection: Connection) -> dict[Code, Meaning]:
    """What the codes stand for; raises LookupError or TypeError where healthd did not write them."""
    query = select(_meanings.code, _meanings.axis, _meanings.state, _meanings.faults)
    return {
        code: (axis, schema.STATES[state], schema.decode_faults(faults))
        for code, axis, state, faults in connection.execute(query).all()
    }


def _first_needed() -> Any:
    """The month of the last course that began before :month ended."""
    other = schema.courses.alias()
    last = select(func.max(other.c.month)).where(
        other.c.camera == _courses.camera, other.c.month <= bindparam("month")
    )
    return func.coalesce(last.scalar_subquery(), bindparam("month"))


_WITHIN = (
    select(_courses.camera, _courses.month, _courses.before, _courses.changes)
    .where(
        _courses.camera.in_(bindparam("keys", expanding=True)),
        _courses.month >= _first_needed(),
        _courses.month <= bindparam("last"),
    )
    .order_by(_courses.camera, _courses.month)
)


def packed_steps(
    connection: Connection, keys: Sequence[int], start: Moment, end: Moment, code: Mapping[Code, Meaning]
) -> dict[int, list[Timeline]]:
    """camera key -> per axis what the courses say of [start, end), with all that came before it in them.

    Raises LookupError or struct.error where a course was not written by healthd.
    """
    found: dict[int, list[Timeline]] = {}
    parameters = {"keys": keys, "month": month_of(start), "last": month_of(max(start, end - 1))}
    for camera, month, before, changes in connection.execute(_WITHIN, parameters).all():
        axes = found.get(camera)
        if axes is None:
            axes = found[camera] = [[] for _ in schema.AXES]
            for at, number in _BEFORE.iter_unpack(before):
                axis, state, faults = code[number]
                axes[axis].append((at, state, faults))
        begun = begin_of(month)
        for since, number in _CHANGE.iter_unpack(changes):
            axis, state, faults = code[number]
            axes[axis].append((begun + since, state, faults))
    return found


_TAIL = (
    select(_flips.camera, _flips.at, _flips.state, _flips.faults)
    .where(
        _flips.camera.in_(bindparam("keys", expanding=True)),
        _flips.axis == bindparam("axis"),
        _flips.at >= bindparam("since"),
        _flips.at < bindparam("end"),
        _flips.id > bindparam("packed"),
    )
    .order_by(_flips.camera, _flips.at, _flips.id)
)


class Courses:
    """Reads timelines out of courses and of the flips after them, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._packed = mark(connection, PACKED)
        tail = select(func.min(_flips.at)).where(_flips.id > self._packed)
        self._tail_from: Moment | None = connection.execute(tail).scalar()
        self._code = meanings(connection)

    @staticmethod
    def worth_it(connection: Connection) -> bool:
        """Whether the courses hold so much that what is left to be read from flips is little."""
        packed = mark(connection, PACKED)
        if not packed:
            return False
        last = int(connection.execute(select(func.max(_flips.id))).scalar() or 0)
        return last - packed < _LONG_TAIL or mark(connection, FORGOTTEN) > 0

    def timelines(self, keys: Sequence[int], start: Moment, end: Moment) -> dict[int, list[Timeline]]:
        """camera key -> per axis its states up to `end`: of online from the last one before `start`, of pictures
        as far back as the grace of a missing one may count."""
        # What a course knows of the time before it is a summary: a flip dated before it finds its place in the
        # course of its own month only.
        since = start if self._tail_from is None else min(start, self._tail_from)
        found = packed_steps(self._connection, keys, since, end, self._code)
        if self._tail_from is not None and self._tail_from < end:
            for axis in range(len(schema.AXES)):
                self._add_tail(found, keys, axis, end)
        for axes in found.values():
            for timeline in axes:
                del timeline[bisect_left(timeline, end, key=_at) :]
            online = axes[schema.AXIS_CODES[Axis.ONLINE]]
            del online[: max(0, bisect_left(online, start, key=_at) - 1)]
        return found

    def _add_tail(self, found: dict[int, list[Timeline]], keys: Sequence[int], axis: int, end: Moment) -> None:
        parameters = {"keys": keys, "axis": axis, "since": self._tail_from, "end": end, "packed": self._packed}
        for camera, at, state, faults in self._connection.execute(_TAIL, parameters).all():
            axes = found.get(camera)
            if axes is None:
                axes = found[camera] = [[] for _ in schema.AXES]
            _put(axes[axis], (at, schema.STATES[state], schema.decode_faults(faults)))


def _put(steps: list[Any], step: tuple[Any, ...]) -> None:
    """Take in a step that was written after all others in there: of two at one moment it holds."""
    place = bisect_right(steps, step[0], key=_at)
    if place and steps[place - 1][0] == step[0]:
        steps[place - 1] = step
    else:
        steps.insert(place, step)


# --- packing ------------------------------------------------------------------------------------------------


def pack(connection: Connection, limit: int) -> int:
    """Pack up to `limit` flips into courses; returns how many. The caller commits."""
    columns = (_flips.id, _flips.camera, _flips.axis, _flips.at, _flips.state, _flips.faults)
    since = mark(connection, PACKED)
    rows = connection.execute(select(*columns).where(_flips.id > since).order_by(_flips.id).limit(limit)).all()
    if not rows:
        return 0
    codes = _Codes(connection)
    changes: dict[int, list[tuple[Moment, Code]]] = {}
    for row in rows:
        changes.setdefault(row.camera, []).append((row.at, codes.of((row.axis, row.state, row.faults))))
    cameras = [*changes]
    for first in range(0, len(cameras), _PART):
        part = cameras[first : first + _PART]
        _pack_cameras(connection, {camera: changes[camera] for camera in part}, codes)
    set_mark(connection, PACKED, rows[-1].id)
    return len(rows)


def forget(connection: Connection, before: Moment, limit: int) -> int:
    """Delete up to `limit` courses of months that ended before `before`, but for each camera's last one before it:
    it says how the camera stood then. Returns how many went."""
    month, later = month_of(before), schema.courses.alias()
    follows = exists().where(
        later.c.camera == _courses.camera, later.c.month > _courses.month, later.c.month <= month
    )
    old = select(_courses.camera, _courses.month).where(_courses.month < month, follows).limit(limit)
    rows = [{"b_camera": row.camera, "b_month": row.month} for row in connection.execute(old).all()]
    if rows:
        connection.execute(delete(schema.courses).where(_ONE), rows)
    return len(rows)


_ONE = and_(_courses.camera == bindparam("b_camera"), _courses.month == bindparam("b_month"))


class _Codes:
    """The codes of all meanings; new ones are written as they are met."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        query = select(_meanings.axis, _meanings.state, _meanings.faults, _meanings.code)
        rows = connection.execute(query).all()
        self._codes: dict[tuple[int, int, str], Code] = {
            (row.axis, row.state, row.faults): row.code for row in rows
        }
        self._meanings = {code: key for key, code in self._codes.items()}

    def of(self, key: tuple[int, int, str]) -> Code:
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = max(self._meanings, default=-1) + 1
            self._meanings[code] = key
            row = dict(zip(("code", "axis", "state", "faults"), (code, *key), strict=True))
            self._connection.execute(insert(schema.meanings), row)
        return code

    def axis(self, code: Code) -> int:
        return self._meanings[code][0]

    def carried(self, steps: Steps) -> Steps:
        """What of an axis' past has to be known to go on from it."""
        entries = []
        for at, code in steps:
            _, state, faults = self._meanings[code]
            entries.append((at, schema.STATES[state], schema.decode_faults(faults)))
        needed = {at for at, *_ in entries_since(entries, FOREVER)}
        return [step for step in steps if step[0] in needed]


@dataclass(slots=True)
class _Course:
    """One row while it is changed; each list has one entry an axis."""

    month: int
    before: list[Steps] = field(default_factory=lambda: [[] for _ in schema.AXES])
    changes: list[Steps] = field(default_factory=lambda: [[] for _ in schema.AXES])
    changed: bool = False

    @classmethod
    def read(cls, month: int, before: bytes, changes: bytes, codes: _Codes) -> _Course:
        course, begun = cls(month), begin_of(month)
        for at, code in _BEFORE.iter_unpack(before):
            course.before[codes.axis(code)].append((at, code))
        for since, code in _CHANGE.iter_unpack(changes):
            course.changes[codes.axis(code)].append((begun + since, code))
        return course

    def row(self, camera: int) -> dict[str, Any]:
        begun = begin_of(self.month)
        before = b"".join(_BEFORE.pack(*step) for steps in self.before for step in steps)
        changes = b"".join(_CHANGE.pack(at - begun, code) for steps in self.changes for at, code in steps)
        return {"camera": camera, "month": self.month, "before": before, "changes": changes}

    def put(self, axis: int, at: Moment, code: Code) -> None:
        """Take in the next flip that was written."""
        _put(self.changes[axis], (at, code))
        self.changed = True

    def follow(self, earlier: _Course, codes: _Codes) -> None:
        """Stand at the month's begin as `earlier` ends."""
        before = [
            codes.carried([*past, *steps]) for past, steps in zip(earlier.before, earlier.changes, strict=True)
        ]
        if before != self.before:
            self.before, self.changed = before, True


def _pack_cameras(
    connection: Connection, flips: Mapping[int, Sequence[tuple[Moment, Code]]], codes: _Codes
) -> None:
    """Put the flips of some cameras, in the order in which they were written, into their courses."""
    first = min(month_of(at) for changes in flips.values() for at, _ in changes)
    parameters = {"keys": [*flips], "month": first, "last": _LAST_MONTH}
    courses: dict[int, dict[int, _Course]] = {camera: {} for camera in flips}
    for camera, month, before, changes in connection.execute(_WITHIN, parameters).all():
        courses[camera][month] = _Course.read(month, before, changes, codes)
    for camera, steps in flips.items():
        mine = courses[camera]
        for at, code in steps:
            month = month_of(at)
            if month not in mine:
                mine[month] = _Course(month)
            mine[month].put(codes.axis(code), at, code)
        in_order = [mine[month] for month in sorted(mine)]
        for earlier, later in pairwise(in_order):
            later.follow(earlier, codes)
    changed = [(camera, course) for camera, mine in courses.items() for course in mine.values() if course.changed]
    replace_rows(connection, schema.courses, [course.row(camera) for camera, course in changed])
