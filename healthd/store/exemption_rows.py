"""Exemptions, where devices hang, and changes of levers as rows. All three are only ever appended to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from healthd.filings.exemptions import Cover, folded
from healthd.model import (
    DeviceLink,
    Ending,
    EvidenceFile,
    Exemption,
    ExemptReason,
    LeverChange,
    Moment,
    Scope,
    ScopeKind,
)
from healthd.store import schema
from healthd.store.sql import insert, replace_rows

_FILED, _LINKS, _LEVERS = schema.exemptions, schema.device_links, schema.lever_changes
_filed, _links, _levers, _regions = _FILED.c, _LINKS.c, _LEVERS.c, schema.regions.c

# An ending is a record with a reference and without a scope.
_IS_ENDING = ""


def write_records(connection: Connection, records: Iterable[Exemption | Ending]) -> None:
    """Append records; one whose id is there already changes nothing."""
    rows = [_exemption_row(one) if isinstance(one, Exemption) else _ending_row(one) for one in records]
    if rows:
        connection.execute(insert(_FILED).on_conflict_do_nothing(), rows)


def _exemption_row(one: Exemption) -> dict[str, Any]:
    evidence = one.evidence
    return {
        "id": one.id,
        "refers": one.corrects,
        "scope": str(one.scope),
        "start": one.start,
        "end": one.end,
        "reason": str(one.reason),
        "approver": one.approver,
        "author": one.author,
        "filed": one.filed,
        "note": one.note,
        "late": one.late,
        "evidence_name": evidence.name if evidence else None,
        "evidence_sha256": evidence.sha256 if evidence else None,
        "evidence_bytes": evidence.size_bytes if evidence else None,
    }


def _ending_row(one: Ending) -> dict[str, Any]:
    return {
        "id": one.id,
        "refers": one.exemption,
        "scope": _IS_ENDING,
        "start": one.at,
        "end": one.at,
        "reason": "",
        "approver": one.approver,
        "author": one.author,
        "filed": one.filed,
        "note": one.note,
        "late": one.late,
        "evidence_name": None,
        "evidence_sha256": None,
        "evidence_bytes": None,
    }


def read_exemptions(connection: Connection) -> list[Exemption]:
    """All exemptions as they stand, in the order in which they were filed. Raises ValueError or TypeError where
    healthd did not write it."""
    filed: list[Exemption] = []
    endings: list[Ending] = []
    for row in connection.execute(select(_FILED).order_by(_filed.seq)):
        if row.scope == _IS_ENDING:
            endings.append(
                Ending(
                    row.id, row.refers, row.start, row.approver, row.author, row.filed, row.note, bool(row.late)
                )
            )
        else:
            filed.append(_exemption(row))
    return folded(filed, endings)


def _exemption(row: Any) -> Exemption:
    kind, _, key = row.scope.partition(":")
    evidence = None
    if row.evidence_sha256 is not None:
        evidence = EvidenceFile(row.evidence_name, row.evidence_sha256, row.evidence_bytes)
    return Exemption(
        id=row.id,
        scope=Scope(ScopeKind(kind), key),
        start=row.start,
        end=row.end,
        reason=ExemptReason(row.reason),
        approver=row.approver,
        author=row.author,
        filed=row.filed,
        note=row.note,
        evidence=evidence,
        late=bool(row.late),
        corrects=row.refers,
    )


def read_cover(connection: Connection) -> Cover:
    """What all exemptions together cover; raises like `read_exemptions`."""
    exemptions = read_exemptions(connection)
    if not exemptions:
        return Cover((), {}, ())
    parents = dict(connection.execute(select(_regions.code, _regions.parent)).all())
    return Cover(exemptions, parents, read_links(connection))


def last_record(connection: Connection) -> int:
    """A number that grows with every record; 0 while there is none."""
    return connection.execute(select(func.max(_filed.seq))).scalar() or 0


def write_links(connection: Connection, links: Iterable[tuple[DeviceLink, Moment]]) -> None:
    """Write where devices hang from a moment on; each with when it was recorded."""
    rows = [
        {
            "device": link.device,
            "at": link.at,
            "recorded": recorded,
            "upstream": link.upstream,
            "author": link.author,
        }
        for link, recorded in links
    ]
    replace_rows(connection, _LINKS, rows)


def read_links(connection: Connection) -> list[DeviceLink]:
    """Every link that was ever known, in the order of time."""
    query = select(_links.device, _links.at, _links.upstream, _links.author)
    return [DeviceLink(*row) for row in connection.execute(query.order_by(_links.at, _links.recorded))]


def write_levers(connection: Connection, changes: Iterable[LeverChange]) -> None:
    """Append changes of levers; one that is there already changes nothing."""
    rows = [{name: getattr(change, name) for name in _LEVER_FIELDS} for change in changes]
    if rows:
        connection.execute(insert(_LEVERS).on_conflict_do_nothing(), rows)


_LEVER_FIELDS = ("at", "lever", "subject", "before", "after", "author", "recorded", "approver", "note")


def read_levers(connection: Connection, start: Moment, end: Moment, lever: str = "") -> list[LeverChange]:
    """The changes dated within [start, end), in the order of time; of one lever, or of all."""
    query = select(*(_levers[name] for name in _LEVER_FIELDS)).where(_levers.at >= start, _levers.at < end)
    query = query.where(_levers.lever == lever) if lever else query
    return [LeverChange(*row) for row in connection.execute(query.order_by(_levers.at, _levers.seq))]


def levers_now(connection: Connection) -> Mapping[tuple[str, str], str]:
    """(lever, subject) -> the value that was recorded last; what is gone is left out."""
    query = select(_levers.lever, _levers.subject, _levers.after).order_by(_levers.at, _levers.seq)
    last = {(lever, subject): after for lever, subject, after in connection.execute(query)}
    return {key: after for key, after in last.items() if after is not None}


def within(exemptions: Sequence[Exemption], start: Moment, end: Moment) -> list[Exemption]:
    """Those that were filed for a moment of [start, end), whatever became of them."""
    return [one for one in exemptions if one.start < end and one.end > start]
