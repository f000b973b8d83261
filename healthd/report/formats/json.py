"""A report as one JSON document: exact values for programs, the printed text beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from healthd.report.document import Block, Cell, Chart, Paragraph, Report, Table
from healthd.report.formats import Options


def render(report: Report, name: str, _: Options) -> Mapping[str, bytes]:
    """`name.json`. Numbers are JSON numbers, absent ones null; times ISO 8601; durations seconds."""
    return {f"{name}.json": (json.dumps(as_json(report), ensure_ascii=False, indent=1) + "\n").encode()}


def as_json(report: Report) -> dict[str, Any]:
    """The document as JSON-able values."""
    return {
        "kind": report.kind,
        "lang": report.lang,
        "title": report.title,
        "subtitle": report.subtitle,
        **report.data,
        "facts": dict(report.facts),
        "narrative": [*report.narrative],
        "sections": [
            {"key": section.key, "title": section.title, "blocks": [_block(block) for block in section.blocks]}
            for section in report.sections
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph():
            return {"text": block.text}
        case Chart():
            series = [
                {"name": one.name, "values": [_number(value) for value in one.values]} for one in block.series
            ]
            return {"chart": block.key, "title": block.title, "labels": [*block.labels], "series": series}
        case Table():
            return {
                "table": block.key,
                "title": block.title,
                "note": block.note or None,
                "columns": [
                    {"key": column.key, "title": column.title, "kind": column.kind} for column in block.columns
                ],
                "rows": [_line(block, row) for row in block.rows],
                "total": _line(block, block.total) if block.total else None,
            }


def _line(table: Table, row: Sequence[Cell]) -> dict[str, str | float | None]:
    return {column.key: _value(cell) for column, cell in zip(table.columns, row, strict=True)}


def _value(cell: Cell) -> str | float | None:
    return _number(cell.value) if isinstance(cell.value, Fraction) else cell.value


def _number(value: Fraction | None) -> float | int | None:
    if value is None:
        return None
    return value.numerator if value.denominator == 1 else float(value)
