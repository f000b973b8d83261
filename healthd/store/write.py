"""What is written in one transaction, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select

from healthd.folding.disagreements import Disagreement
from healthd.incidents.incident import Happening
from healthd.model import (
    Change,
    DeviceLink,
    Flip,
    LeverChange,
    Moment,
    PictureReference,
    Placement,
    Region,
)
from healthd.store import schema
from healthd.store.disagreement_rows import write_disagreements
from healthd.store.exemption_rows import write_levers, write_links
from healthd.store.incident_rows import write_happenings
from healthd.store.picture_rows import write_references
from healthd.store.sql import greater, insert, replace_rows
from probes.base import Memory


@dataclass(frozen=True, slots=True)
class Batch:
    """What belongs together: all of it is stored, or nothing. Empty fields change nothing.

    `heartbeat`: (start of this run, end): healthd ran and saw from start to end. The same start moves that row's
    end on; another start begins a new row. `regions`: the whole tree of the inventory just loaded. `recorded`:
    when changes and regions were written down. `reached`: first answers; an earlier one in the store stays.
    `reboots`: the new total of each camera that rebooted. `happenings`: in the order in which they happened; each
    goes into the feed, and its incident is kept as it stood after the last of them. `references`: what cameras
    usually see, as learnt last; `forgotten`: the cameras whose older ones go. `links`: where devices hang from
    now on. `levers`: changes of rules, thresholds and marks, each with its own `recorded`. `disagreements`: those
    that began or ended.
    """

    flips: Sequence[Flip] = ()
    heartbeat: tuple[Moment, Moment] | None = None
    changes: Sequence[Change] = ()
    memories: Mapping[str, Memory] = field(default_factory=dict)
    reached: Mapping[str, Moment] = field(default_factory=dict)
    reboots: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    regions: Sequence[Region] = ()
    recorded: Moment = 0
    happenings: Sequence[Happening] = ()
    references: Sequence[PictureReference] = ()
    forgotten: Sequence[str] = ()
    links: Sequence[DeviceLink] = ()
    levers: Sequence[LeverChange] = ()
    disagreements: Sequence[Disagreement] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where a caller broke a promise that later reading relies on."""
        if (self.changes or self.regions or self.links) and not self.recorded:
            raise ValueError("a batch with changes, regions or links needs `recorded`")
        if self.heartbeat is None:
            return
        start, end = self.heartbeat
        if start > end:
            raise ValueError(f"heartbeat ends before it starts: {self.heartbeat}")
        late = next((flip for flip in self.flips if flip.at > end), None)
        if late is not None:
            raise ValueError(f"{late.camera} flips at {late.at}, after the heartbeat's end {end}")


class Bundle:
    """Batches on their way into one transaction, in order. Mutable: while the disk is full it takes up what comes,
    and only flips, changes and happenings make it grow."""

    def __init__(self) -> None:
        self.flips: list[Flip] = []
        self.heartbeats: dict[Moment, Moment] = {}
        self.changes: list[tuple[Change, Moment]] = []
        self.memories: dict[str, Memory] = {}
        self.reached: dict[str, Moment] = {}
        self.reboots: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.regions: dict[str, tuple[Region, Moment]] = {}
        self.happenings: list[Happening] = []
        self.references: dict[tuple[str, int], PictureReference] = {}
        self.forgotten: set[str] = set()
        self.links: list[tuple[DeviceLink, Moment]] = []
        self.levers: list[LeverChange] = []
        self.disagreements: list[Disagreement] = []

    def add(self, batch: Batch) -> None:
        """Append one batch."""
        self.flips.extend(batch.flips)
        if batch.heartbeat is not None:
            start, end = batch.heartbeat
            self.heartbeats[start] = max(end, self.heartbeats.get(start, end))
        self.changes.extend((change, batch.recorded) for change in batch.changes)
        self.memories.update(batch.memories)
        for camera, at in batch.reached.items():
            self.reached.setdefault(camera, at)
        self.reboots.update(batch.reboots)
        self.names.update(batch.names)
        self.regions.update((region.code, (region, batch.recorded)) for region in batch.regions)
        self.happenings.extend(batch.happenings)
        for camera in batch.forgotten:
            self.forgotten.add(camera)
            self.references = {key: one for key, one in self.references.items() if one.camera != camera}
        self.references.update(((one.camera, one.lit), one) for one in batch.references)
        self.links.extend((link, batch.recorded) for link in batch.links)
        self.levers.extend(batch.levers)
        self.disagreements.extend(batch.disagreements)

    def cameras(self) -> Iterable[str]:
        """Every camera id in it, some more than once."""
        yield from (flip.camera for flip in self.flips)
        yield from (change.camera for change, _ in self.changes)
        for named in (self.memories, self.reached, self.reboots, self.names, self.forgotten):
            yield from named
        yield from (camera for camera, _ in self.references)
        yield from (one.camera for one in self.disagreements)


_ROWS_AT_ONCE = 1000

_CAMERAS, _FLIPS, _BEATS = schema.cameras, schema.flips, schema.heartbeats

_INSERT_FLIP = insert(_FLIPS).on_conflict_do_nothing()
_INSERT_BEAT = insert(_BEATS)
_MOVE_BEAT = _INSERT_BEAT.on_conflict_do_update(
    index_elements=["start"], set_={"end": greater(_BEATS.c.end, _INSERT_BEAT.excluded.end)}
)
_INSERT_CAMERA = insert(_CAMERAS)
_KNOWN_CAMERA = _INSERT_CAMERA.excluded
_SETTERS = {
    # Every camera is there already: each row only sets one value of it.
    "first_reached": _INSERT_CAMERA.on_conflict_do_update(
        index_elements=["key"],
        set_={"first_reached": func.coalesce(_CAMERAS.c.first_reached, _KNOWN_CAMERA.first_reached)},
    ),
    "reboots": _INSERT_CAMERA.on_conflict_do_update(
        index_elements=["key"], set_={"reboots": _KNOWN_CAMERA.reboots}
    ),
    "name": _INSERT_CAMERA.on_conflict_do_update(index_elements=["key"], set_={"name": _KNOWN_CAMERA.name}),
}


def known_keys(connection: Connection) -> dict[str, int]:
    """id -> key of every camera in the store."""
    return dict(connection.execute(select(_CAMERAS.c.id, _CAMERAS.c.key)).all())


def write_rows(connection: Connection, bundle: Bundle, keys: Mapping[str, int]) -> dict[str, int]:
    """Write everything; returns the keys of cameras that were new. The caller commits."""
    fresh = _new_keys(bundle, keys)
    _many(connection, insert(_CAMERAS), ({"id": camera, "key": key} for camera, key in fresh.items()))
    key = {**keys, **fresh}.__getitem__ if fresh else keys.__getitem__
    _many(connection, _INSERT_FLIP, (_flip_row(flip, key(flip.camera)) for flip in bundle.flips))
    _many(connection, _MOVE_BEAT, ({"start": start, "end": end} for start, end in bundle.heartbeats.items()))
    rows = (_placement_row(change, recorded, key(change.camera)) for change, recorded in bundle.changes)
    _replace(connection, schema.placements, rows)
    rows = (_region_row(region, seen) for region, seen in bundle.regions.values())
    _replace(connection, schema.regions, rows)
    rows = ({"camera": key(camera), "fields": schema.encode_memory(m)} for camera, m in bundle.memories.items())
    _replace(connection, schema.memories, rows)
    named: Mapping[str, Mapping[str, Any]] = {
        "first_reached": bundle.reached,
        "reboots": bundle.reboots,
        "name": bundle.names,
    }
    for name, values in named.items():
        rows = ({"key": key(camera), "id": camera, name: value} for camera, value in values.items())
        _many(connection, _SETTERS[name], rows)
    write_happenings(connection, bundle.happenings)
    write_references(connection, bundle.references.values(), bundle.forgotten, key)
    write_links(connection, bundle.links)
    write_levers(connection, bundle.levers)
    write_disagreements(connection, bundle.disagreements, key)
    return fresh


def _new_keys(bundle: Bundle, keys: Mapping[str, int]) -> dict[str, int]:
    unknown = dict.fromkeys(camera for camera in bundle.cameras() if camera not in keys)
    if not unknown:
        return {}
    highest = max(keys.values(), default=0)
    return {camera: highest + place for place, camera in enumerate(unknown, 1)}


def _replace(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    rows = iter(rows)
    while piece := [*islice(rows, _ROWS_AT_ONCE)]:
        replace_rows(connection, table, piece)


def _many(connection: Connection, statement: Any, rows: Iterable[dict[str, Any]]) -> None:
    """By pieces: the rows of a whole fleet at once, as parameters, would be most of the daemon's memory."""
    rows = iter(rows)
    while piece := [*islice(rows, _ROWS_AT_ONCE)]:
        connection.execute(statement, piece)


def _flip_row(flip: Flip, key: int) -> dict[str, Any]:
    return {
        "camera": key,
        "axis": schema.AXIS_CODES[flip.axis],
        "at": flip.at,
        "state": schema.STATE_CODES[flip.state],
        "was": schema.STATE_CODES[flip.was],
        "decided": flip.decided,
        "faults": ",".join(flip.faults),
        "reason": flip.reason,
        "evidence": schema.encode_evidence(flip.evidence),
    }


def _placement_row(change: Change, recorded: Moment, key: int) -> dict[str, Any]:
    values = _placement_values(change.placement)
    row = dict(zip(schema.PLACEMENT_COLUMNS, values, strict=True))
    return {"camera": key, "at": change.at, "recorded": recorded, "author": change.author, **row}


def _placement_values(placement: Placement | None) -> tuple[Any, ...]:
    if placement is None:
        return (None,) * len(schema.PLACEMENT_COLUMNS)
    return (
        placement.region,
        placement.class_,
        placement.unit,
        placement.maintainer,
        str(placement.lifecycle),
        placement.upstream,
        placement.service_hours,
        placement.picture,
    )


def _region_row(region: Region, seen: Moment) -> dict[str, Any]:
    return {
        "code": region.code,
        "name": region.name,
        "level": region.level,
        "parent": region.parent,
        "seen": seen,
    }


def prune_heartbeats(connection: Connection, before: Moment) -> None:
    """Delete runs that ended before `before`, but for the first (what follows it is unknown, not unborn) and the
    last (up to it was seen)."""
    first = select(func.min(_BEATS.c.start)).scalar_subquery()
    last = select(func.max(_BEATS.c.end)).scalar_subquery()
    connection.execute(delete(_BEATS).where(_BEATS.c.end < before, _BEATS.c.start > first, _BEATS.c.end < last))
