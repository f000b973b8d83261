"""Incidents and their feed as rows: how they are written, chosen, read and forgotten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, delete, or_, select

from healthd.incidents.incident import Happening, Incident, What, restored, stored
from healthd.model import Moment
from healthd.store import schema
from healthd.store.sql import insert, one_of, replace_rows

_INCIDENTS, _HAPPENINGS = schema.incidents, schema.happenings
_incidents, _happenings = _INCIDENTS.c, _HAPPENINGS.c

_PART = 500  # digests a query: bounds the number of SQL parameters


def write_happenings(connection: Connection, happenings: Iterable[Happening]) -> None:
    """Append to the feed what is not in it yet, and keep each incident as it stood after the last of these.

    What is in the feed already moves nothing: an old batch that comes again does not bring an old incident back.
    """
    rows: dict[str, tuple[dict[str, Any], Incident]] = {}
    for happening in happenings:
        row = _row(happening)
        rows.pop(row["digest"], None)  # of two alike the later place counts: the last entry is how it stands
        rows[row["digest"]] = row, happening.incident
    digests = [*rows]
    for first in range(0, len(digests), _PART):
        part = digests[first : first + _PART]
        for digest in connection.scalars(select(_happenings.digest).where(_happenings.digest.in_(part))).all():
            del rows[digest]
    if not rows:
        return
    connection.execute(insert(_HAPPENINGS), [row for row, _ in rows.values()])
    latest = {incident.id: _incident_row(incident, row["fields"]) for row, incident in rows.values()}
    replace_rows(connection, _INCIDENTS, latest.values())


def _row(happening: Happening) -> dict[str, Any]:
    fields = schema.compact(stored(happening.incident))
    row = {"at": happening.at, "incident": happening.incident.id, "what": str(happening.what)}
    row |= {"detail": happening.detail, "fields": fields}
    digest = hashlib.blake2b(schema.compact([*row.values()]).encode(), digest_size=16).hexdigest()
    return {**row, "digest": digest}


def _incident_row(incident: Incident, fields: str) -> Mapping[str, Any]:
    return {
        "id": incident.id,
        "opened": incident.opened,
        "closed": incident.closed,
        "region": incident.region,
        "maintainer": incident.maintainer,
        "fields": fields,
    }


_IN_ORDER = select(_incidents.fields).order_by(_incidents.opened, _incidents.id)
OPEN = _IN_ORDER.where(_incidents.closed == 0)
"""The JSON of every open incident."""


def within(start: Moment, end: Moment, regions: Collection[str] | None, maintainer: str | None) -> Select[Any]:
    """The JSON of incidents opened before `end` and not closed before `start`."""
    query = _IN_ORDER.where(_incidents.opened < end, or_(_incidents.closed == 0, _incidents.closed >= start))
    if regions is not None:
        query = query.where(one_of(_incidents.region, regions))
    return query if maintainer is None else query.where(_incidents.maintainer == maintainer)


def one(key: str) -> Select[Any]:
    """The JSON of one incident."""
    return select(_incidents.fields).where(_incidents.id == key)


def after(since_seq: int, limit: int) -> Select[Any]:
    """The rows of the feed after `since_seq`."""
    columns = (_happenings.seq, _happenings.at, _happenings.what, _happenings.detail, _happenings.fields)
    return select(*columns).where(_happenings.seq > since_seq).order_by(_happenings.seq).limit(limit)


def feed_of(start: Moment, end: Moment) -> Select[Any]:
    """The rows of the feed, as of `after`, of the incidents opened before `end` and not closed before `start`."""
    chosen = select(_incidents.id).where(
        _incidents.opened < end, or_(_incidents.closed == 0, _incidents.closed >= start)
    )
    columns = (_happenings.seq, _happenings.at, _happenings.what, _happenings.detail, _happenings.fields)
    return select(*columns).where(_happenings.incident.in_(chosen)).order_by(_happenings.seq)


def incident(text: str) -> Incident:
    """The incident of its JSON; raises ValueError, LookupError or TypeError where healthd did not write it."""
    return restored(json.loads(text))


def happening(row: tuple[Any, ...]) -> tuple[int, Happening]:
    """(number, entry) of a row of `after`; raises like `incident`."""
    seq, at, what, detail, fields = row
    return seq, Happening(at, What(what), incident(fields), detail)


def prune_incidents(connection: Connection, before: Moment, limit: int) -> int:
    """Delete up to `limit` incidents that were closed before `before`; returns how many went."""
    old = select(_incidents.id).where(_incidents.closed > 0, _incidents.closed < before).limit(limit)
    return connection.execute(delete(_INCIDENTS).where(_incidents.id.in_(old))).rowcount


def prune_happenings(connection: Connection, before: Moment, limit: int) -> int:
    """Delete up to `limit` entries of the feed from before `before`; returns how many went."""
    old = select(_happenings.seq).where(_happenings.at < before).limit(limit)
    return connection.execute(delete(_HAPPENINGS).where(_happenings.seq.in_(old))).rowcount
