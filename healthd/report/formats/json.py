"""A report as one JSON document: exact values for programs, the printed text beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from healthd.report.document import Block, Cell, Chart, Paragraph, Report, Table
from healthd.report.formats import Options


def render(report: Report, name: str, _: Options) -> Mapping[str, bytes]:
    """`name.json`. Numbers are JSON numbers, absent ones null; times ISO 8601; durations seconds."""
    return {f"{name}.json": b"".join(piece.encode() for piece in _pieces(report))}


def _pieces(report: Report) -> Iterator[str]:
    """The document in pieces, a row on a line: for a large fleet the whole of it as objects takes more memory than
    all the rest of the report."""
    head = {"kind": report.kind, "lang": report.lang, "title": report.title, "subtitle": report.subtitle}
    before = "{"
    for key, value in (
        *head.items(),
        *report.data(),
        ("facts", dict(report.facts)),
        ("narrative", report.narrative),
    ):
        yield f"{before}\n{_text(key)}: "
        yield from _value_pieces(value)
        before = ","
    yield ',\n"sections": ['
    for number, section in enumerate(report.sections):
        about = f'"key": {_text(section.key)}, "title": {_text(section.title)}'
        yield f'{"," if number else ""}\n{{{about}, "blocks": ['
        for place, block in enumerate(section.blocks):
            yield ",\n" if place else "\n"
            yield from _block(block)
        yield "\n]}"
    yield "\n]\n}\n"


def _value_pieces(value: object) -> Iterator[str]:
    """A list an entry on a line; all else as it is."""
    if not isinstance(value, Sequence | Iterator) or isinstance(value, str):
        yield _text(value)
        return
    before = "["
    for one in value:
        yield f"{before}\n{_text(one)}"
        before = ","
    yield "[]" if before == "[" else "\n]"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield _text({"text": block.text})
        case Chart():
            series = [
                {"name": one.name, "values": [_number(value) for value in one.values]} for one in block.series
            ]
            yield _text({"chart": block.key, "title": block.title, "labels": [*block.labels], "series": series})
        case Table():
            columns = [{"key": one.key, "title": one.title, "kind": one.kind} for one in block.columns]
            head = {"table": block.key, "title": block.title, "note": block.note or None, "columns": columns}
            yield _text(head)[:-1] + ', "rows": '
            yield from _value_pieces(_line(block, row) for row in block.rows)
            yield f', "total": {_text(_line(block, block.total) if block.total else None)}}}'


def _line(table: Table, row: Sequence[Cell]) -> dict[str, str | float | None]:
    return {column.key: _value(cell) for column, cell in zip(table.columns, row, strict=True)}


def _value(cell: Cell) -> str | float | None:
    return _number(cell.value) if isinstance(cell.value, Fraction) else cell.value


def _number(value: Fraction | None) -> float | int | None:
    if value is None:
        return None
    return value.numerator if value.denominator == 1 else float(value)
