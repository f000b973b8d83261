"""A report as a folder of CSV files, one a table: UTF-8 with a byte order mark, as Excel and WPS want it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from fractions import Fraction

from healthd.report.document import Cell, Kind, Report, Table
from healthd.report.formats import Options
from healthd.report.numbers import cut_points

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(report: Report, name: str, _: Options) -> Mapping[str, bytes]:
    """`name-csv/NN-key.csv`; tables without rows have their header only."""
    return {
        f"{name}-csv/{number:02d}-{table.key}.csv": _table(table)
        for number, (_, table) in enumerate(report.tables(), 1)
    }


def _table(table: Table) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([inert(column.title) for column in table.columns])
    writer.writerows([[_value(cell) for cell in row] for row in table.rows])
    return text.getvalue().encode("utf-8-sig")


def _value(cell: Cell) -> str | int | None:
    """Numbers as a spreadsheet takes them: percentages as printed, points and durations as decimals."""
    value = cell.value
    match cell.kind:
        case Kind.TEXT:
            return inert(cell.text)
        case Kind.COUNT:
            return None if value is None else str(value)
        case Kind.RATIO | Kind.TIME:
            return None if value is None else cell.text
        case Kind.POINTS:
            return None if not isinstance(value, Fraction) else f"{cut_points(value) / 100:.2f}"
        case Kind.SECONDS:
            return None if not isinstance(value, Fraction) else f"{int(value * 1000) / 1000:.3f}"


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
