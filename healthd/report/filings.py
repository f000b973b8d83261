"""What was filed and what moved a denominator: exemptions and the change list. Pure."""

from __future__ import annotations

from collections.abc import Callable

from healthd.filings.levers import ENDING, EXEMPTION, Line
from healthd.model import CLASSES, Exemption, Lifecycle, ScopeKind
from healthd.report.document import Block, Cell, Kind, Paragraph, Table, Tone
from healthd.report.numbers import percent
from healthd.report.sections import Context
from healthd.words import EFFECTS, EXEMPT_REASONS, LEVERS

_SHOWN_IDS = 3


def filings(context: Context) -> list[Block]:
    """Exemptions and the change list."""
    scribe = context.scribe
    said = scribe("filings_intro")
    shares = [
        scribe("filings_share", place=scribe.region(top), share=percent(share))
        for top in context.material.tops
        if (row := context.row(context.material.profiles[0].name, "online", "all", top))
        and (share := row.exempt_share)
    ]
    joined = ("" if scribe.lang == "zh" else " ").join([said, *shares])
    return [Paragraph(joined), _exemptions(context), _changes(context)]


def _exemptions(context: Context) -> Table:
    scribe = context.scribe
    effects = {line.record: line for line in context.material.changes if line.lever == EXEMPTION}
    rows = [_exemption(context, one, effects[one.id]) for one in context.material.exemptions if one.id in effects]
    return Table(
        "exemptions",
        scribe("exemptions_table"),
        [
            scribe.column("record", weight=12),
            scribe.column("scope", weight=15),
            scribe.column("reason", weight=11),
            scribe.column("from", Kind.TIME, 10),
            scribe.column("to", Kind.TIME, 10),
            scribe.column("exempted_cameras", Kind.COUNT, 7),
            scribe.column("camera_hours", Kind.HOURS, 9),
            scribe.column("filed", Kind.TIME, 10),
            scribe.column("author", weight=8),
            scribe.column("approver", weight=8),
            scribe.column("note", weight=14),
        ],
        rows,
        scribe("exemptions_empty"),
        note=scribe("exemptions_note"),
    )


def _exemption(context: Context, one: Exemption, line: Line) -> list[Cell]:
    scribe = context.scribe
    notes = [scribe("filed_late")] if one.late else []
    notes += [scribe("ended_early")] if one.ended and one.ended.at < one.end else []
    notes += [scribe("corrected_by", id=one.corrected_by)] if one.corrected_by else []
    notes += [one.note] if one.note else []
    return [
        scribe.text(one.id),
        scribe.text(scope_words(context, one)),
        scribe.text(EXEMPT_REASONS[scribe.lang].get(str(one.reason), str(one.reason))),
        scribe.time(one.start),
        scribe.time(one.until if one.until > one.start else one.end),
        scribe.count(line.cameras),
        scribe.hours(line.camera_ms or 0),
        scribe.time(one.filed),
        scribe.text(one.author),
        scribe.text(one.approver),
        scribe.text(scribe("semicolon").join(notes), Tone.WARN if one.late else Tone.PLAIN),
    ]


def scope_words(context: Context, one: Exemption) -> str:
    """What an exemption was filed for, by name."""
    scribe, key = context.scribe, one.scope.key
    if one.scope.kind is ScopeKind.REGION:
        return scribe("scope_region", name=scribe.region(key))
    if one.scope.kind is ScopeKind.DEVICE:
        return scribe("scope_device", name=scribe.subject(key))
    return scribe.camera(key)


def _changes(context: Context) -> Table:
    scribe = context.scribe
    return Table(
        "changes",
        scribe("changes_table"),
        [
            scribe.column("at", Kind.TIME, 10),
            scribe.column("lever", weight=9),
            scribe.column("what_changed", weight=16),
            scribe.column("before_value", weight=11),
            scribe.column("after_value", weight=11),
            scribe.column("changed_cameras", Kind.COUNT, 7),
            scribe.column("effect", weight=8),
            scribe.column("camera_hours", Kind.HOURS, 8),
            scribe.column("author", weight=8),
            scribe.column("approver", weight=8),
            scribe.column("note", weight=12),
        ],
        [_change(context, line) for line in context.material.changes],
        scribe("changes_empty"),
        note=scribe("changes_note"),
    )


def _change(context: Context, line: Line) -> list[Cell]:
    scribe = context.scribe
    untold = line.camera_ms is None
    return [
        scribe.time(line.at),
        scribe.text(LEVERS[scribe.lang].get(line.lever, line.lever)),
        scribe.text(_subject(context, line)),
        scribe.text(_value(context, line.lever, line.before)),
        scribe.text(_value(context, line.lever, line.after)),
        scribe.count(line.cameras),
        scribe.text(EFFECTS[scribe.lang].get(str(line.effect), str(line.effect))),
        Cell(Kind.HOURS, None, scribe("none"), Tone.QUIET) if untold else scribe.hours(line.camera_ms or 0),
        scribe.text(line.author),
        scribe.text(line.approver),
        scribe.text(line.note, Tone.WARN if line.late else Tone.PLAIN),
    ]


def _subject(context: Context, line: Line) -> str:
    scribe = context.scribe
    kind, colon, key = line.subject.partition(":")
    if colon and kind == ScopeKind.REGION:
        return scribe("scope_region", name=scribe.region(key))
    if colon and kind == ScopeKind.DEVICE:
        return scribe("scope_device", name=scribe.subject(key))
    if colon and kind == ScopeKind.CAMERA:
        return scribe.camera(key)
    names = [scribe.camera(camera) for camera in line.camera_ids[:_SHOWN_IDS]]
    if not names:
        return scribe.camera(line.subject)
    listed = scribe.listed(names)
    return listed if line.cameras <= _SHOWN_IDS else scribe("and_more", listed=listed, n=line.cameras)


def _value(context: Context, lever: str, value: str) -> str:
    """A value of the inventory by its name."""
    scribe = context.scribe
    words: dict[str, Callable[[], str]] = {
        "region": lambda: scribe.region(value),
        "maintainer": lambda: scribe.maintainer(value),
        "lifecycle": lambda: scribe(f"lifecycle_{value}") if value in {*Lifecycle} else value,
        "class": lambda: scribe.class_(value) if value in CLASSES else value,
        **dict.fromkeys((EXEMPTION, ENDING), lambda: EXEMPT_REASONS[scribe.lang].get(value, value)),
    }
    return words[lever]() if value and lever in words else value
