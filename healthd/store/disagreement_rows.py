"""Contradictions between levels of evidence: rows of the store and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Select, delete, or_, select

from healthd.folding.disagreements import Disagreement, Discord
from healthd.model import Moment
from healthd.store import schema
from healthd.store.sql import insert

_TABLE, _CAMERAS = schema.disagreements, schema.cameras
_columns = _TABLE.c
_INSERT = insert(_TABLE)
_KEEP = _INSERT.on_conflict_do_update(
    index_elements=["camera", "finding", "since"], set_={"until": _INSERT.excluded.until}
)


def write_disagreements(
    connection: Connection, changed: Collection[Disagreement], key: Callable[[str], int]
) -> None:
    """Keep each as it stands after the last change of it."""
    latest = {(one.camera, one.finding, one.since): one for one in changed}
    if latest:
        connection.execute(_KEEP, [_row(one, key(one.camera)) for one in latest.values()])


def _row(one: Disagreement, key: int) -> dict[str, Any]:
    return {
        "camera": key,
        "finding": str(one.finding),
        "since": one.since,
        "until": one.until,
        "detail": one.detail,
    }


def within(start: Moment, end: Moment) -> Select[Any]:
    """Those that began before `end` and hold, or ended at `start` or later; in order."""
    return (
        select(_CAMERAS.c.id, _columns.finding, _columns.since, _columns.detail, _columns.until)
        .join(_CAMERAS, _CAMERAS.c.key == _columns.camera)
        .where(_columns.since < end, or_(_columns.until == 0, _columns.until >= start))
        .order_by(_columns.since, _CAMERAS.c.id, _columns.finding)
    )


def disagreements(rows: Iterable[Any]) -> list[Disagreement]:
    """Out of the rows of `within`; raises ValueError for a finding that this version does not know."""
    return [
        Disagreement(camera, Discord(finding), since, detail, until)
        for camera, finding, since, detail, until in rows
    ]


def prune_disagreements(connection: Connection, before: Moment, limit: int) -> int:
    """Delete up to `limit` that ended before `before`; returns how many went."""
    old = select(_columns.id).where(_columns.until > 0, _columns.until < before).limit(limit)
    return connection.execute(delete(_TABLE).where(_columns.id.in_(old))).rowcount
