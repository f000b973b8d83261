"""Flips as rows: which of them tell since when a picture is missing, and how old ones are forgotten."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, FromClause, and_, delete, exists, tuple_

from healthd.model import Moment, State
from healthd.store import schema

_FLIPS = schema.flips
_JUDGED = tuple(schema.STATE_CODES[state] for state in (State.GOOD, State.FAULTY))


def judged(flips: FromClause) -> ColumnElement[bool]:
    """Whether a flip says that a picture was judged."""
    return and_(flips.c.state.in_(_JUDGED), ~_superseded(flips))


def prune_flips(connection: Connection, before: Moment, packed: int, keys: tuple[int, int]) -> int:
    """Delete flips before `before`, numbered below `packed`, of cameras with keys from..to, but for the last one
    of each camera and axis: it says how the camera stood when what is kept begins. Where pictures were missing
    then, the first of them stays too: their grace counts from it. Returns how many went.

    The flip numbered `packed` stays: SQLite gives the highest number that is there plus one, and a number given
    twice would never be packed.
    """
    other, seen = _FLIPS.alias(), _FLIPS.alias()
    follows = exists().where(*_after(_FLIPS, other), other.c.at < before)
    seen_since = exists().where(*_after(_FLIPS, seen), seen.c.at < before, judged(seen))
    seen_between = exists().where(*_after(other, seen), *_after(seen, _FLIPS), judged(seen))
    preceded = exists().where(*_after(other, _FLIPS), _missing(other), ~seen_between)
    statement = delete(_FLIPS).where(
        _FLIPS.c.camera.between(*keys),
        _FLIPS.c.at < before,
        _FLIPS.c.id < packed,
        follows,
        ~and_(_missing(_FLIPS), ~seen_since, ~preceded),
    )
    return connection.execute(statement).rowcount


def _missing(flips: FromClause) -> ColumnElement[bool]:
    return and_(flips.c.state == schema.STATE_CODES[State.NO_PICTURE], ~_superseded(flips))


def _superseded(flips: FromClause) -> ColumnElement[bool]:
    """Of several flips of one moment the last one holds."""
    later = _FLIPS.alias()
    return exists().where(
        later.c.camera == flips.c.camera,
        later.c.axis == flips.c.axis,
        later.c.at == flips.c.at,
        later.c.id > flips.c.id,
    )


def _after(one: FromClause, other: FromClause) -> tuple[ColumnElement[bool], ...]:
    """`other` is a later flip of the same camera and axis."""
    return (
        other.c.camera == one.c.camera,
        other.c.axis == one.c.axis,
        other.c.at >= one.c.at,  # says no more than the next, but the index knows it
        tuple_(other.c.at, other.c.id) > tuple_(one.c.at, one.c.id),
    )
