"""The tables, and how states, evidence and memories look in them.

A change here needs a step in `migrations.STEPS`; a test compares a migrated store with a fresh one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

from healthd.model import Axis, State
from probes.base import Memory

AXES = (Axis.ONLINE, Axis.PICTURE)
STATES = (State.ONLINE, State.OFFLINE, State.GOOD, State.FAULTY, State.NO_PICTURE, State.UNKNOWN)
"""A stored axis or state is the place in its tuple: never reorder them, only append."""

AXIS_CODES = {axis: code for code, axis in enumerate(AXES)}
STATE_CODES = {state: code for code, state in enumerate(STATES)}

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite gives numbers to INTEGER keys only

versions = Table(
    "schema_versions",
    metadata,
    Column("version", Integer, primary_key=True),
)

cameras = Table(
    # Every camera that was ever known: a small number stands for the id in the big tables.
    "cameras",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("first_reached", BigInteger),  # Moment of the first reach that was answered
    Column("reboots", Integer, nullable=False, server_default="0"),
)

flips = Table(
    # Rows stand in the order they were decided, evidence and all: a storm appends, it does not scatter.
    "flips",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("camera", Integer, ForeignKey("cameras.key"), nullable=False),
    Column("axis", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("was", SmallInteger, nullable=False),
    Column("decided", BigInteger, nullable=False),
    Column("faults", Text, nullable=False),  # comma between them
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    # Histories are read from this index alone. Unique: writing a flip twice changes nothing.
    Index("flips_of_camera", "camera", "axis", "at", "state", "was", "faults", unique=True),
)

courses = Table(
    # A camera's changes of state over one calendar month (UTC), without evidence: see `courses`.
    "courses",
    metadata,
    Column("camera", Integer, ForeignKey("cameras.key"), primary_key=True),
    Column("month", Integer, primary_key=True),  # months since year 0
    Column("before", LargeBinary, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

meanings = Table(
    # What the codes in courses stand for.
    "meanings",
    metadata,
    Column("code", Integer, primary_key=True, autoincrement=False),
    Column("axis", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("faults", Text, nullable=False),
)

marks = Table(
    # Numbers that work goes on from.
    "marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

period_copies = Table(
    # Frozen copies of months: see `period_rows`.
    "period_copies",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("month", String(7), nullable=False),
    Column("standing", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("inventory", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

heartbeats = Table(
    # healthd ran and saw from start to end. One row a run; its end moves.
    "heartbeats",
    metadata,
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("end", BigInteger, nullable=False),
)

placements = Table(
    # Where a camera's seconds are booked from `at` on. region NULL: gone from the inventory.
    "placements",
    metadata,
    Column("camera", Integer, ForeignKey("cameras.key"), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("recorded", BigInteger, primary_key=True),  # when it was written down: shows back-dating
    Column("region", Text),
    Column("class", Text),
    Column("unit", Text),
    Column("maintainer", Text),
    Column("lifecycle", Text),
    Column("upstream", Text),
    Column("service_hours", Text),
    Column("picture", Boolean),
    Column("author", Text, nullable=False),
    Index("placements_by_region", "region", "camera"),
    sqlite_with_rowid=False,
)

regions = Table(
    # Every region that was ever known: old periods are booked on regions that have gone since.
    "regions",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),  # Moment of the last inventory that had it
    sqlite_with_rowid=False,
)

memories = Table(
    "memories",
    metadata,
    Column("camera", Integer, ForeignKey("cameras.key"), primary_key=True),
    Column("fields", Text, nullable=False),  # JSON
)

picture_references = Table(
    # What each camera usually sees, by day (lit 0) and by night (1): fingerprints, no picture can be made of them.
    "picture_references",
    metadata,
    Column("camera", Integer, ForeignKey("cameras.key"), primary_key=True),
    Column("lit", SmallInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),  # when the frame was asked that it last took in
    Column("fingerprint", LargeBinary, nullable=False),
)

incidents = Table(
    # One row an incident, as it stands after the last that happened to it.
    "incidents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("opened", BigInteger, nullable=False),
    Column("closed", BigInteger, nullable=False),  # 0: open
    Column("region", Text, nullable=False),
    Column("maintainer", Text, nullable=False),
    Column("fields", Text, nullable=False),  # JSON, `incident.stored`
    Index("incidents_by_end", "closed", "opened"),
)

happenings = Table(
    # The feed: only ever appended. A number is never given twice, not even after the newest row was forgotten.
    "happenings",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("incident", String(64), nullable=False),
    Column("what", Text, nullable=False),
    Column("digest", String(32), nullable=False, unique=True),  # of the whole: writing it twice changes nothing
    Column("detail", Text, nullable=False),
    Column("fields", Text, nullable=False),  # JSON: the incident as it stood after this
    Index("happenings_by_time", "at"),
    sqlite_autoincrement=True,
)

exemptions = Table(
    # Records of exemptions and of what ends them: only ever appended. Nothing edits or deletes a row.
    "exemptions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("refers", String(64), nullable=False),  # the record that it corrects or ends; "": none
    Column("scope", Text, nullable=False),  # "": an ending
    Column("start", BigInteger, nullable=False),  # of an ending: when it ends the other, as `end`
    Column("end", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("filed", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("evidence_name", Text),
    Column("evidence_sha256", String(64)),
    Column("evidence_bytes", BigInteger),
)

device_links = Table(
    # What a device hangs on from `at` on. upstream NULL: gone from the inventory.
    "device_links",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("recorded", BigInteger, primary_key=True),
    Column("upstream", Text),
    Column("author", Text, nullable=False),
    sqlite_with_rowid=False,
)

lever_changes = Table(
    # Dated changes of rules, thresholds and marks that move figures: only ever appended.
    "lever_changes",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("lever", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("author", Text, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("approver", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("lever_changes_once", "at", "lever", "subject", "recorded", unique=True),
)

disagreements = Table(
    # Contradictions between levels of evidence; `until` 0: it holds.
    "disagreements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("camera", Integer, ForeignKey("cameras.key"), nullable=False),
    Column("finding", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Index("disagreements_once", "camera", "finding", "since", unique=True),
    Index("disagreements_by_end", "until", "since"),
)

examined_days = Table(
    # What each camera counted as on a day for the further rates, with that day's attributes: see `examined_rows`.
    "examined_days",
    metadata,
    Column("start", BigInteger, primary_key=True, autoincrement=False),  # Moment of the local day's begin
    Column("at", BigInteger, nullable=False),  # when it was examined last
    Column("content", LargeBinary, nullable=False),
)

PLACEMENT_COLUMNS = ("region", "class", "unit", "maintainer", "lifecycle", "upstream", "service_hours", "picture")
"""In the order of `model.Placement`'s fields."""


def encode_evidence(evidence: Sequence[Mapping[str, object]]) -> str:
    """Compact JSON; no evidence: the empty text.

    One object: under each key a list with one value a result, or the plain value that all results share. Results
    that don't have the same keys, or don't differ at all, stay a list of objects.
    """
    if not evidence:
        return ""
    columns = {key: [row.get(key) for row in evidence] for key in evidence[0]}
    packed = {key: values[0] if _shared(values) else values for key, values in columns.items()}
    alike = all(row.keys() == columns.keys() for row in evidence)
    return compact(packed if alike and any(isinstance(value, list) for value in packed.values()) else [*evidence])


def decode_evidence(text: str) -> tuple[Mapping[str, object], ...]:
    """The results again; raises ValueError or TypeError where the text was not written by healthd."""
    document = json.loads(text) if text else []
    if isinstance(document, list):
        return tuple(document)
    count = max(len(value) for value in document.values() if isinstance(value, list))
    columns = [value if isinstance(value, list) else [value] * count for value in document.values()]
    return tuple(dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True))


def _shared(values: list[object]) -> bool:
    """Whether one value stands for all. A list never does: it would read as a column."""
    return not isinstance(values[0], list) and all(value == values[0] for value in values)


def encode_memory(memory: Memory) -> str:
    """JSON of the fields that are not at their default."""
    blank = Memory()
    values = {field.name: getattr(memory, field.name) for field in fields(Memory)}
    known = {name: value for name, value in values.items() if value != getattr(blank, name)}
    return compact(known)


def decode_memory(text: str) -> Memory:
    """The memory again, without fields that this version does not know; raises ValueError or TypeError."""
    names = {field.name for field in fields(Memory)}
    known: dict[str, Any] = {name: value for name, value in dict(json.loads(text)).items() if name in names}
    return Memory(**known)


@lru_cache(maxsize=4096)
def decode_faults(text: str) -> tuple[str, ...]:
    """The fault set of a flip."""
    return tuple(text.split(",")) if text else ()


def compact(document: object) -> str:
    """JSON without a needless byte, Chinese as it is."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
