"""Days of the further rates as rows: one a day, which later examinations of the day add to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sqlalchemy import Connection, delete, insert, select

from healthd.assessing.examined import Examined, combined, pack_day, unpack_day
from healthd.model import Moment
from healthd.store import schema

UNREADABLE = (ValueError, LookupError, TypeError, zlib.error)
"""What `days` raises for a row that healthd cannot have written."""

_TABLE = schema.examined_days
_columns = _TABLE.c


def days(connection: Connection, start: Moment, end: Moment) -> Iterator[Examined]:
    """Those that began within [start, end), the newest first."""
    keys = {key: camera for camera, key in connection.execute(_KEYS).all()}
    within = (_columns.start >= start, _columns.start < end)
    starts = connection.scalars(select(_columns.start).where(*within).order_by(_columns.start.desc())).all()
    for one in starts:
        content = connection.execute(select(_columns.content).where(_columns.start == one)).scalar()
        if content is not None:  # it may just have been forgotten
            yield unpack_day(bytes(content), keys)


def keep(connection: Connection, start: Moment, examined: Examined) -> None:
    """Add an examination to the day that begins at `start`: what was read earlier in it stays known. One that is
    older than what is there changes nothing."""
    keys = dict(connection.execute(_KEYS).all())
    row = connection.execute(select(_columns.at, _columns.content).where(_columns.start == start)).first()
    if row is not None:
        if row.at > examined.at:
            return
        names = {key: camera for camera, key in keys.items()}
        examined = combined([examined, unpack_day(bytes(row.content), names)]) or examined
        connection.execute(delete(_TABLE).where(_columns.start == start))
    connection.execute(insert(_TABLE), {"start": start, "at": examined.at, "content": pack_day(examined, keys)})


def prune(connection: Connection, before: Moment) -> None:
    """Forget the days that began before `before`."""
    connection.execute(delete(_TABLE).where(_columns.start < before))


_KEYS = select(schema.cameras.c.id, schema.cameras.c.key).order_by(schema.cameras.c.key)
