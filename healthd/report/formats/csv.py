"""A report as a folder of CSV files, one a table: UTF-8 with a byte order mark, as Excel and WPS want it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from fractions import Fraction

from healthd.report.document import Cell, Kind, Report, Table
from healthd.report.formats import Options
from healthd.report.numbers import cut_points, percent

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


def _value(cell: Cell) -> str:
    """Numbers as a spreadsheet takes them: percentages as printed, points, seconds and hours as decimals."""
    value = cell.value
    if cell.kind is Kind.TEXT:
        return inert(cell.text)
    if not isinstance(value, Fraction):
        return "" if value is None else cell.text.replace(",", "")
    return _FRACTIONS[cell.kind](value)


_FRACTIONS: Mapping[Kind, Callable[[Fraction], str]] = {
    Kind.RATIO: percent,
    Kind.POINTS: lambda value: f"{cut_points(value) / 100:.2f}",
    Kind.NUMBER: lambda value: f"{int(value * 100) / 100:.2f}",
    Kind.SECONDS: lambda value: f"{int(value * 1000) / 1000:.3f}",
    Kind.HOURS: lambda value: f"{int(value / 36) / 100:.2f}",
    Kind.DURATION: lambda value: clock(int(value)),
}


def clock(seconds: int) -> str:
    """`76:12:05`, which spreadsheets take for a duration."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
