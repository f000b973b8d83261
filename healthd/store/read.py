"""What the store tells of cameras: histories for rates, states for a restart, evidence for a dispute."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Connection, Select, and_, bindparam, func, select

from healthd.false_alarms import FalseAlarm, given_back
from healthd.filings.exemptions import Cover
from healthd.model import Axis, CameraHistory, Flip, Moment, Placement, Region, State
from healthd.periods import Span
from healthd.rates.timeline import FOREVER, entries_since
from healthd.store import schema
from healthd.store.courses import SETTLED, Courses, Timeline, mark
from healthd.store.errors import damaged
from healthd.store.flip_rows import judged
from healthd.store.lever_reader import UNDECODABLE
from healthd.store.placement_rows import PLACED, placement
from healthd.store.record_reader import RecordReader
from probes.base import Memory

Standing: TypeAlias = tuple[State, Moment, tuple[str, ...], str]
"""Where an axis stands: state, since, faults, reason."""

_PART = 500  # cameras a query: bounds memory and the number of SQL parameters

_cameras, _flips, _beats, _placements = schema.cameras.c, schema.flips.c, schema.heartbeats.c, schema.placements.c


class Reader(RecordReader):
    """Read access to one store; any thread may call any method, all raise StoreError for what the disk does."""

    def histories(
        self,
        start: Moment,
        end: Moment,
        cameras: Collection[str] | None = None,
        regions: Collection[str] | None = None,
        *,
        as_found: bool = False,
    ) -> Iterator[CameraHistory]:
        """Histories over [start, end), sorted by camera id, all of one moment of the store.

        Findings of the picture that were marked as false are left out, unless they are asked for `as_found`.

        `cameras`: only these. `regions`: only cameras that ever stood in one of these codes (their children are
        not implied); a history is always whole, so its seconds elsewhere are in it too. A camera that came only
        after the period has an empty history.
        """
        with self._reading() as connection:
            keys = _chosen(connection, cameras, regions)
            cover = self._cover(connection)
            alarms = {} if as_found else self._false_alarms(connection, end)
            courses = Courses(connection) if Courses.worth_it(connection) else None
            for first in range(0, len(keys), _PART):
                part = keys[first : first + _PART]
                try:
                    yield from _histories(connection, cover, part, Span(start, end), courses, alarms=alarms)
                except (*UNDECODABLE, struct.error) as error:
                    raise damaged(self.name, f"history of {part[0][0]} to {part[-1][0]}: {error!r}") from error

    def heartbeats(self, start: Moment, end: Moment) -> list[tuple[Moment, Moment]]:
        """When healthd ran and saw within [start, end): sorted spans that neither touch nor overlap."""
        query = (
            select(_beats.start, _beats.end).where(_beats.end > start, _beats.start < end).order_by(_beats.start)
        )
        spans: list[tuple[Moment, Moment]] = []
        with self._reading() as connection:
            for row in connection.execute(query):
                begun, ended = max(row.start, start), min(row.end, end)
                if spans and begun <= spans[-1][1]:  # a clock that was set back makes runs overlap
                    begun, until = spans.pop()
                    ended = max(ended, until)
                if begun < ended:
                    spans.append((begun, ended))
        return spans

    def first_heartbeat(self) -> Moment | None:
        """When healthd first ran; None before it ever did."""
        with self._reading() as connection:
            return connection.execute(select(func.min(_beats.start))).scalar()

    def last_heartbeat(self) -> Moment | None:
        """Up to when healthd is known to have seen; None before it ever did."""
        with self._reading() as connection:
            return connection.execute(select(func.max(_beats.end))).scalar()

    def settled(self) -> Moment:
        """Up to when everything is decided and packed: no flip will be dated before it; 0 before the first
        roll-over."""
        with self._reading() as connection:
            return mark(connection, SETTLED)

    def states(self) -> dict[tuple[str, Axis], Standing]:
        """The last flip's outcome for every camera and axis that ever had one."""
        found: dict[tuple[str, Axis], Standing] = {}
        with self._reading() as connection:
            keys = _chosen(connection, None, None)
            for first in range(0, len(keys), _PART):
                numbers = [key for _, key in keys[first : first + _PART]]
                for code, axis in enumerate(schema.AXES):
                    rows = connection.execute(_LATEST, {"axis": code, "keys": numbers}).all()
                    for camera, state, at, faults, reason in rows:
                        # Flips of one moment come in the order they were decided: the last one holds.
                        found[camera, axis] = (self._state(state), at, schema.decode_faults(faults), reason)
        return found

    def flips(self, camera: str, start: Moment, end: Moment) -> list[Flip]:
        """One camera's flips within [start, end) with their evidence, oldest first."""
        query = _whole_flips().where(_cameras.id == camera, _flips.at >= start, _flips.at < end)
        return self._read_flips(query.order_by(_flips.at, _flips.id))

    def recent_flips(self, limit: int) -> list[Flip]:
        """The flips written last, of all cameras, newest first."""
        return self._read_flips(_whole_flips().order_by(_flips.id.desc()).limit(limit))

    def placements_at(self, at: Moment = FOREVER) -> dict[str, Placement]:
        """Where each camera stood just before `at`, or stands now; cameras that were gone are left out."""
        query = select(_cameras.id, *PLACED).join(schema.placements, _placements.camera == _cameras.key)
        query = query.where(_placements.at < at)
        query = query.order_by(_placements.camera, _placements.at, _placements.recorded)
        found: dict[str, Placement] = {}
        with self._reading() as connection:
            for camera, *row in connection.execute(query).all():
                placement = self._placement(tuple(row))
                if placement is None:
                    found.pop(camera, None)
                else:
                    found[camera] = placement
        return found

    def regions(self) -> dict[str, Region]:
        """Every region that was ever known, as it was named last."""
        columns = schema.regions.c
        query = select(columns.code, columns.name, columns.level, columns.parent).order_by(columns.code)
        with self._reading() as connection:
            return {row.code: Region(*row) for row in connection.execute(query)}

    def memories(self) -> dict[str, Memory]:
        """What earlier askings learnt, by camera."""
        query = select(_cameras.id, schema.memories.c.fields).join(schema.memories)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        try:
            return {camera: schema.decode_memory(text) for camera, text in rows}
        except UNDECODABLE as error:
            raise damaged(self.name, f"memories: {error!r}") from error

    def names(self) -> dict[str, str]:
        """The name last known of every camera that was ever known."""
        with self._reading() as connection:
            return dict(connection.execute(select(_cameras.id, _cameras.name)).all())

    def reached(self) -> dict[str, Moment]:
        """When each camera's reach was first answered; a camera that never answered is absent."""
        query = select(_cameras.id, _cameras.first_reached).where(_cameras.first_reached.is_not(None))
        with self._reading() as connection:
            return dict(connection.execute(query).all())

    def reboots(self) -> dict[str, int]:
        """How often each camera was seen to reboot; a camera that never did is absent."""
        with self._reading() as connection:
            rows = connection.execute(select(_cameras.id, _cameras.reboots).where(_cameras.reboots > 0))
            return dict(rows.all())

    def _read_flips(self, query: Select[Any]) -> list[Flip]:
        with self._reading() as connection:
            rows = connection.execute(query).all()
        try:
            return [_flip(tuple(row)) for row in rows]
        except UNDECODABLE as error:
            raise damaged(self.name, f"flips: {error!r}") from error

    def _state(self, code: int) -> State:
        try:
            return schema.STATES[code]
        except UNDECODABLE as error:
            raise damaged(self.name, f"state {code!r}") from error

    def _placement(self, row: tuple[Any, ...]) -> Placement | None:
        try:
            return placement(row)
        except UNDECODABLE as error:
            raise damaged(self.name, f"placement {row!r}") from error


def _whole_flips() -> Select[Any]:
    columns = (_flips.axis, _flips.at, _flips.state, _flips.was, _flips.faults, _flips.reason, _flips.decided)
    return select(_cameras.id, *columns, _flips.evidence).join(_cameras.key.table, _cameras.key == _flips.camera)


def _flip(row: tuple[Any, ...]) -> Flip:
    camera, axis, at, state, was, faults, reason, decided, evidence = row
    return Flip(
        camera,
        schema.AXES[axis],
        at,
        schema.STATES[state],
        schema.STATES[was],
        schema.decode_faults(faults),
        reason,
        decided,
        schema.decode_evidence(evidence),
    )


def _latest() -> Select[Any]:
    """Of :keys the flips at each camera's last moment on :axis; one index look-up a camera."""
    other = schema.flips.alias()
    last = (
        select(func.max(other.c.at))
        .where(other.c.camera == _cameras.key, other.c.axis == bindparam("axis"))
        .scalar_subquery()
    )
    same = and_(_flips.camera == _cameras.key, _flips.axis == bindparam("axis"), _flips.at == last)
    query = select(_cameras.id, _flips.state, _flips.at, _flips.faults, _flips.reason)
    return (
        query.select_from(schema.cameras.join(schema.flips, same))
        .where(_cameras.key.in_(bindparam("keys", expanding=True)))
        .order_by(_cameras.key, _flips.id)
    )


def _period(axis: Axis) -> Select[Any]:
    """Flips of :keys on the axis within [:start, :end), and those from the last one before :start on. Of pictures
    from the last one that was judged: the grace of a missing picture counts from there."""
    other = schema.flips.alias()
    code, start = schema.AXIS_CODES[axis], bindparam("start", type_=BigInteger())
    earlier = (other.c.camera == _cameras.key, other.c.axis == code, other.c.at < start)
    last = select(func.max(other.c.at)).where(*earlier)
    candidates = [last.scalar_subquery(), start]
    if axis is Axis.PICTURE:
        candidates[:1] = [
            last.where(judged(other)).scalar_subquery(),
            select(func.min(other.c.at)).where(*earlier).scalar_subquery(),
        ]
    before = func.coalesce(*candidates)
    same = and_(_flips.camera == _cameras.key, _flips.axis == code, _flips.at >= before)
    query = select(_flips.camera, _flips.at, _flips.state, _flips.faults)
    return (
        query.select_from(schema.cameras.join(schema.flips, same))
        .where(_cameras.key.in_(bindparam("keys", expanding=True)), _flips.at < bindparam("end"))
        .order_by(_flips.camera, _flips.at, _flips.id)
    )


_LATEST = _latest()
_PERIOD = {axis: _period(axis) for axis in Axis}
_PLACEMENTS = (
    select(_placements.camera, _placements.at, *PLACED)
    .where(_placements.camera.in_(bindparam("keys", expanding=True)), _placements.at < bindparam("end"))
    .order_by(_placements.camera, _placements.at, _placements.recorded)
)


def _chosen(
    connection: Connection, cameras: Collection[str] | None, regions: Collection[str] | None
) -> list[tuple[str, int]]:
    """(id, key) of the cameras that are asked for, sorted by id."""
    query = select(_cameras.id, _cameras.key).order_by(_cameras.id)
    if cameras is not None and len(cameras) <= _PART:
        query = query.where(_cameras.id.in_(cameras))
    keys = [(camera, key) for camera, key in connection.execute(query).all()]
    if cameras is not None:
        wanted = frozenset(cameras)
        keys = [(camera, key) for camera, key in keys if camera in wanted]
    if regions is not None:
        inside: set[int] = set()
        codes = sorted(regions)
        for first in range(0, len(codes), _PART):
            part = codes[first : first + _PART]
            inside.update(connection.scalars(select(_placements.camera).where(_placements.region.in_(part))))
        keys = [(camera, key) for camera, key in keys if key in inside]
    return keys


def _histories(
    connection: Connection,
    cover: Cover,
    part: Sequence[tuple[str, int]],
    span: Span,
    courses: Courses | None,
    *,
    alarms: Mapping[str, Sequence[FalseAlarm]],
) -> Iterator[CameraHistory]:
    numbers = [key for _, key in part]
    if courses is None:
        states = _all_timelines(connection, numbers, span.start, span.end)
    else:
        states = courses.timelines(numbers, span.start, span.end)
    placed = _placed(connection, {"keys": numbers, "end": span.end}, span.start)
    for camera, key in part:
        placements = tuple(placed.get(key, ()))
        online, picture = states.get(key, _NOTHING)
        picture = given_back(picture, alarms.get(camera, ()), span.end)
        exempt = cover.spans(camera, placements) if cover else ()
        yield CameraHistory(camera, placements, tuple(online), entries_since(picture, span.start - 1), exempt)


_NOTHING: tuple[Timeline, Timeline] = ([], [])


def _all_timelines(
    connection: Connection, keys: Sequence[int], start: Moment, end: Moment
) -> dict[int, list[Timeline]]:
    """The same from the flips alone: for a store that was not rolled over yet."""
    parameters = {"keys": keys, "start": start, "end": end}
    online, picture = (_timelines(connection, axis, parameters) for axis in schema.AXES)
    return {key: [online.get(key, []), picture.get(key, [])] for key in online.keys() | picture.keys()}


def _timelines(connection: Connection, axis: Axis, parameters: Mapping[str, Any]) -> dict[int, Timeline]:
    """key -> its timeline; of several flips at one moment the last one decided holds."""
    found: dict[int, Timeline] = {}
    states, decode = schema.STATES, schema.decode_faults
    for camera, at, state, faults in connection.execute(_PERIOD[axis], parameters).all():
        timeline = found.get(camera)
        if timeline is None:
            timeline = found[camera] = []
        elif timeline[-1][0] == at:
            timeline.pop()
        timeline.append((at, states[state], decode(faults)))
    return found


def _placed(
    connection: Connection, parameters: Mapping[str, Any], start: Moment
) -> dict[int, list[tuple[Moment, Placement | None]]]:
    """key -> its dated placements; one that was superseded before `start`, or at its own moment, is left out."""
    found: dict[int, list[tuple[Moment, Placement | None]]] = {}
    for camera, at, *row in connection.execute(_PLACEMENTS, parameters).all():
        entries = found.setdefault(camera, [])
        if entries and (at <= start or entries[-1][0] == at):
            entries.pop()
        entries.append((at, placement(tuple(row))))
    return found
