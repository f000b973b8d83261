"""Frozen copies of periods as rows: only ever appended, but for a provisional one, which the next replaces."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sqlalchemy import Connection, delete, func, insert, select

from healthd.model import Moment
from healthd.store import schema

PROVISIONAL, PUBLISHED, FINAL = "provisional", "published", "final"

_TABLE = schema.period_copies
_columns = _TABLE.c


@dataclass(frozen=True, slots=True)
class PeriodCopy:
    """What is known of a frozen copy without reading it.

    `month`: its name, YYYY-MM. `standing`: provisional | published | final. `version`: 0 while not final, 1 when
    made final, more for each amendment. `at`, `author`, `note`: when, by whom and why. `start`, `end`: the span
    that the month was then; `until`: where what was known ended. `inventory`: digest of the inventory files;
    `program`: version of healthd; `digest`: SHA-256 of the content. `seq` orders copies as they were made.
    """

    seq: int
    month: str
    standing: str
    version: int
    at: Moment
    author: str
    note: str
    start: Moment
    end: Moment
    until: Moment
    inventory: str
    program: str
    digest: str


_KNOWN = [_columns[field.name] for field in fields(PeriodCopy)]


def copies(connection: Connection) -> list[PeriodCopy]:
    """All copies in the order in which they were made."""
    return [PeriodCopy(*row) for row in connection.execute(select(*_KNOWN).order_by(_columns.seq))]


def content(connection: Connection, seq: int) -> bytes | None:
    """What is frozen in a copy; None where there is none of this number."""
    found = connection.execute(select(_columns.content).where(_columns.seq == seq)).scalar()
    return None if found is None else bytes(found)


def keep(connection: Connection, copy: PeriodCopy, frozen: bytes) -> int:
    """Append a copy, whatever its `seq`; returns the number it got. A provisional one replaces the one before."""
    if copy.standing == PROVISIONAL:
        old = (_columns.month == copy.month, _columns.standing == PROVISIONAL)
        connection.execute(delete(_TABLE).where(*old))
    row = {field.name: getattr(copy, field.name) for field in fields(PeriodCopy)}
    row["seq"] = seq = int(connection.execute(select(func.max(_columns.seq))).scalar() or 0) + 1
    connection.execute(insert(_TABLE), {**row, "content": frozen})
    return seq
