"""Where cameras stood, as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select

from healthd.model import Lifecycle, Moment, Placement, PlacementChange
from healthd.store import schema
from healthd.store.sql import one_of

_cameras, _placements = schema.cameras.c, schema.placements.c

PLACED = tuple(_placements[name] for name in schema.PLACEMENT_COLUMNS)
"""The columns of a placement, as `placement` takes them."""


@lru_cache(maxsize=65536)  # a street's cameras share one value, so a fleet in memory stays small
def placement(row: tuple[Any, ...]) -> Placement | None:
    """The placement of a row; None: gone from the inventory. Raises ValueError where healthd did not write it."""
    region, class_, unit, maintainer, lifecycle, upstream, service_hours, picture = row
    if region is None:
        return None
    return Placement(
        region, class_, unit, maintainer, Lifecycle(lifecycle), upstream, service_hours, bool(picture)
    )


def changes_within(
    connection: Connection, start: Moment, end: Moment, cameras: Collection[str] | None
) -> Iterator[PlacementChange]:
    """The changes dated within [start, end), by camera and time; of several of one moment the last recorded."""
    touched = select(_placements.camera).where(_placements.at >= start, _placements.at < end)
    query = (
        select(_cameras.id, _placements.at, _placements.recorded, _placements.author, *PLACED)
        .join(_cameras.key.table, _cameras.key == _placements.camera)
        .where(_placements.camera.in_(touched), _placements.at < end)
        .order_by(_cameras.id, _placements.at, _placements.recorded)
    )
    if cameras is not None:
        query = query.where(one_of(_cameras.id, cameras))
    for camera, rows in groupby(connection.execute(query), key=itemgetter(0)):
        last = {at: (recorded, author, placement(tuple(rest))) for _, at, recorded, author, *rest in rows}
        entries = [(start, (0, "", None)), *last.items()] if min(last) >= start else [*last.items()]
        for (_, (_, _, before)), (at, (recorded, author, after)) in pairwise(entries):
            if at >= start and before != after:
                yield PlacementChange(camera, at, before, after, author, recorded)
