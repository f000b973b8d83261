"""A report as a workbook: real numbers with formats, a sheet for each set of like tables, frozen heads, charts.

Percentages are stored cut off at two decimals, as they are printed: a spreadsheet would round what it is given.
The sheet with the raw numbers has them whole.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from healthd.report.document import Cell, Chart, Kind, Report, Section, Table, Tone
from healthd.report.formats import Options
from healthd.report.numbers import cut_points

_FONT = {"zh": "宋体", "en": "Calibri"}
_COLOURS = {Tone.BAD: "#A9211B", Tone.GOOD: "#1A6B3C", Tone.WARN: "#7D5200", Tone.QUIET: "#5C6875"}
_LINES = ("#1D5FA8", "#B4531A", "#2C7A4B", "#7A3B8F", "#8A6D00")
_NUMBERS = {
    Kind.COUNT: "#,##0",
    Kind.RATIO: "0.00%",
    Kind.POINTS: "+0.00;-0.00;0.00",
    Kind.NUMBER: "0.00",
    Kind.SECONDS: "#,##0.000",
    Kind.DURATION: "[h]:mm",
    Kind.HOURS: "#,##0.00",
    Kind.TIME: "yyyy-mm-dd hh:mm",
}
_EXACT_RATIO = "0.0000000000"
_PAGE_POINTS, _COLUMN_POINTS, _ROW_POINTS = (740, 440), 5.6, 15.0  # of a page on its side, a character, a row
_NARROWEST, _WIDEST = 8, 36
_MOST_ROWS = 1_048_000  # of a sheet
_SHORT_ROWS = 25  # fits a page: a longer table has a sheet, and heads on every page, of its own
_SECONDS_A_DAY = 86_400
_LINE_POINTS, _MOST_LINES = 14, 20
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Short tables with the same heads stand below one another, so that the frozen head holds for all of them."""

    name: str
    section: Section
    tables: Sequence[Table]
    charts: Sequence[Chart]


def render(report: Report, name: str, _: Options) -> Mapping[str, bytes]:
    """`name.xlsx`."""
    target = io.BytesIO()
    # Foreign text is text: never a formula, a link or a number.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        _Writer(book, report).write()
    return {f"{name}.xlsx": target.getvalue()}


class _Writer:
    """One workbook while it is written."""

    def __init__(self, book: Workbook, report: Report) -> None:
        self._book = book
        self._report = report
        self._base = {"font_name": _FONT[report.lang], "font_size": 10, "valign": "vcenter"}
        self._formats: dict[tuple[object, ...], Any] = {}

    def write(self) -> None:
        report = self._report
        self._book.set_properties({"title": f"{report.title} {report.subtitle}", "author": "healthd"})
        sheets = [*_sheets(report)]
        self._cover(sheets)
        made = [(sheet, self._book.add_worksheet(sheet.name)) for sheet in sheets]
        for sheet, page in made:
            self._fill(sheet, page)
        self._charts(made)

    # --- sheets --------------------------------------------------------------------------------------------

    def _cover(self, sheets: Sequence[_Sheet]) -> None:
        report, page = self._report, self._book.add_worksheet(self._report.words.summary)
        page.hide_gridlines(2)
        names = [name for name, _ in report.facts] + [sheet.name for sheet in sheets]
        page.set_column(0, 0, max(map(_wide, names)) + 2)
        page.set_column(1, 1, 96)
        row = 0
        if report.banner:
            banner = self._format(font_color="#7D5200", bg_color="#FFF5DC", bold=True, text_wrap=True)
            page.merge_range(row, 0, row, 1, "", banner)
            page.write_string(row, 0, report.banner, banner)
            row += 1
        for text, size in ((report.title, 18), (report.subtitle, 12)):
            page.merge_range(row, 0, row, 1, "", self._format(font_size=size, bold=size > 12, align="center"))
            page.write_string(row, 0, text, self._format(font_size=size, bold=size > 12, align="center"))
            page.set_row(row, size * 2)
            row += 1
        for name, value in report.facts:
            page.write_string(row, 0, name, self._format(font_color="#5C6875"))
            page.write_string(row, 1, value, self._format(text_wrap=True))
            row += 1
        for paragraph in report.narrative:
            row += 1
            page.merge_range(row, 0, row, 1, "", self._format(text_wrap=True, font_size=11))
            page.write_string(row, 0, paragraph, self._format(text_wrap=True, font_size=11))
            page.set_row(row, 17 * (1 + _wide(paragraph) // 112))
        row += 2
        page.write_string(row, 0, report.words.contents, self._format(bold=True))
        for sheet in sheets:
            row += 1
            link = self._format(font_color="#1D5FA8")
            page.write_url(row, 0, f"internal:'{sheet.name}'!A1", link, sheet.name[:255])
            titles = self._report.words.semicolon.join(table.title for table in sheet.tables)[:500]
            page.write_string(row, 1, titles, self._format(text_wrap=True, valign="top"))
            page.set_row(row, 15 * (1 + _wide(titles) // 100))
        self._print(page, landscape=False)

    def _fill(self, sheet: _Sheet, page: Worksheet) -> None:
        first = sheet.tables[0]
        title = f"{sheet.section.number}{sheet.section.title}"
        page.write_string(0, 0, title, self._format(bold=True, font_size=13))
        page.set_row(0, 24)
        widths = _widths(sheet.tables)
        for column, width in enumerate(widths):
            page.set_column(column, column, width)
        row = 1
        for table in sheet.tables:
            row = self._table(page, table, row, widths)
        page.freeze_panes(3, 1 if first.columns[0].kind is Kind.TEXT else 2)
        if len(sheet.tables) > 1:
            page.set_h_pagebreaks(_breaks(sheet.tables, widths))
            page.repeat_rows(0)
        elif first.rows:
            page.repeat_rows(2)
            page.autofilter(2, 0, 2 + min(len(first.rows), _MOST_ROWS), len(first.columns) - 1)
        self._print(page, landscape=True)

    def _table(self, page: Worksheet, table: Table, row: int, widths: Sequence[float]) -> int:
        """Title, heads, rows, note; returns the first row after it, with one left blank."""
        page.write_string(row, 0, table.title, self._format(bold=True))
        page.set_row(row, 20)
        head = self._format(bold=True, bg_color="#E8EDF3", border=1, align="center", text_wrap=True)
        for column, one in enumerate(table.columns):
            page.write_string(row + 1, column, one.title, head)
        page.set_row(row + 1, 15 * _head_lines(table, widths))
        row += 2
        if not table.rows:
            page.write_string(row, 0, table.empty, self._format(font_color=_COLOURS[Tone.QUIET]))
            row += 1
        for line in table.rows[:_MOST_ROWS]:
            self._line(page, row, table, line, widths)
            row += 1
        for line in table.closing:
            self._line(page, row, table, line, widths, total=True)
            row += 1
        if table.note:
            page.write_string(row, 0, table.note, self._format(font_color=_COLOURS[Tone.QUIET], font_size=9))
            row += 1
        return row + 1

    def _line(
        self,
        page: Worksheet,
        row: int,
        table: Table,
        line: Sequence[Cell],
        widths: Sequence[float],
        *,
        total: bool = False,
    ) -> None:
        if (lines := _lines(line, widths)) > 1:
            page.set_row(row, _LINE_POINTS * min(lines, _MOST_LINES))
        for column, cell in enumerate(line):
            style = self._cell_format(cell, table.columns[column].align, exact=not table.paper, total=total)
            _put(page, (row, column), cell, style, exact=not table.paper)

    def _charts(self, made: Sequence[tuple[_Sheet, Worksheet]]) -> None:
        """Their data stand on a sheet of their own, the pictures below the tables that they belong to."""
        charts = [(chart, sheet, page) for sheet, page in made for chart in sheet.charts]
        if not charts:
            return
        data, row = self._book.add_worksheet(self._report.words.chart_data[:31]), 0
        data.set_column(0, 0, 30)
        for chart, sheet, page in charts:
            used = 4 + sum(len(table.rows) + 4 for table in sheet.tables)
            place = sheet.charts.index(chart)
            page.insert_chart(
                used + 22 * place, 0, self._chart(chart, data, row), {"x_scale": 1.9, "y_scale": 1.4}
            )
            row += len(chart.series) + 3

    def _chart(self, chart: Chart, data: Worksheet, row: int) -> Any:
        drawn = self._book.add_chart({"type": "line"})
        data.write_string(row, 0, chart.title, self._format(bold=True))
        for column, label in enumerate(chart.labels, 1):
            data.write_string(row, column, label)
        name, last, lines = data.get_name(), len(chart.labels), -1
        for number, one in enumerate(chart.series, row + 1):
            lines += not one.level
            data.write_string(number, 0, one.name)
            for column, value in enumerate(one.values, 1):
                if value is not None:
                    data.write_number(
                        number, column, _number(Kind.RATIO, value, exact=False), self._format(num_format="0.00%")
                    )
            line = {"color": _LINES[lines % len(_LINES)], "width": 1.0 if one.level else 2.25}
            drawn.add_series(
                {
                    "name": [name, number, 0],
                    "categories": [name, row, 1, row, last],
                    "values": [name, number, 1, number, last],
                    "line": {**line, "dash_type": "dash"} if one.level else line,
                    "marker": {"type": "none" if one.level else "circle", "size": 5},
                }
            )
        lowest = min(
            (value for one in chart.series for value in one.values if value is not None), default=Fraction(1)
        )
        axis = {"num_format": "0%", "min": max(0, int(lowest * 20 - Fraction(1, 5)) / 20), "max": 1}
        drawn.set_y_axis({**axis, "major_gridlines": {"visible": True, "line": {"color": "#D8DDE3"}}})
        # By reference: a title that begins with = would be taken for one.
        drawn.set_title({"name": [name, row, 0], "name_font": {"size": 11}})
        drawn.set_legend({"position": "bottom"})
        drawn.show_blanks_as("gap")
        return drawn

    # --- formats -------------------------------------------------------------------------------------------

    def _cell_format(self, cell: Cell, align: str, *, exact: bool, total: bool) -> Any:
        key = (cell.kind, cell.tone, align, exact, total)
        if key not in self._formats:
            look: dict[str, object] = {"border": 1, "border_color": "#C9D0D8", "align": align}
            if cell.kind in _NUMBERS:
                look["num_format"] = _EXACT_RATIO if exact and cell.kind is Kind.RATIO else _NUMBERS[cell.kind]
            if cell.tone in _COLOURS:
                look |= {"font_color": _COLOURS[cell.tone], "bold": cell.tone is Tone.BAD}
            if cell.kind is Kind.TEXT:
                look["text_wrap"] = True
            if total:
                look |= {"bold": True, "bg_color": "#EEF2F7", "top": 2}
            self._formats[key] = self._book.add_format({**self._base, **look})
        return self._formats[key]

    def _format(self, **look: object) -> Any:
        key = tuple(sorted(look.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format({**self._base, **look})
        return self._formats[key]

    def _print(self, page: Worksheet, *, landscape: bool) -> None:
        page.set_paper(9)  # A4
        if landscape:
            page.set_landscape()
        page.fit_to_pages(1, 0)
        page.set_margins(0.5, 0.5, 0.7, 0.7)
        number = self._report.words.page.format(n="&P", total="&N")
        footer = self._report.footer.replace("&", "&&")[:100]
        page.set_footer(f"&L&8{footer}&R&8{number}")
        if self._report.banner:
            page.set_header(f"&C&8{self._report.banner.replace('&', '&&')[:200]}")


def _put(page: Worksheet, place: tuple[int, int], cell: Cell, style: Any, *, exact: bool) -> None:
    value = cell.value
    if cell.kind is Kind.TEXT or (cell.kind is Kind.TIME and value is None):
        page.write_string(*place, cell.text, style)
    elif value is None:
        page.write_blank(*place, None, style)
    elif isinstance(value, str):
        page.write_datetime(*place, datetime.fromisoformat(value).replace(tzinfo=None), style)
    else:
        page.write_number(*place, _number(cell.kind, Fraction(value), exact=exact), style)


def _sheets(report: Report) -> Iterator[_Sheet]:
    taken = {report.words.summary.casefold(), report.words.chart_data.casefold()}
    for section in report.sections:
        tables = [block for block in section.blocks if isinstance(block, Table)]
        charts = [block for block in section.blocks if isinstance(block, Chart)]
        groups: list[list[Table]] = []
        for table in tables:
            heads = [column.title for column in table.columns]
            short = len(table.rows) <= _SHORT_ROWS and groups and len(groups[-1][-1].rows) <= _SHORT_ROWS
            if short and [column.title for column in groups[-1][0].columns] == heads:
                groups[-1].append(table)
            else:
                groups.append([table])
        for number, group in enumerate(groups):
            # Pictures stand beside the tables that they come before.
            own = charts[number : number + 1] if len(charts) == len(groups) else charts if number == 0 else []
            yield _Sheet(_sheet_name(section.title, taken), section, group, own)


def _breaks(tables: Sequence[Table], widths: Sequence[float]) -> list[int]:
    """Before which rows a page ends, so that none of the tables is torn apart. About: programs differ in fonts."""
    room = _PAGE_POINTS[1] * max(1.0, sum(widths) * _COLUMN_POINTS / _PAGE_POINTS[0])
    row, used = 1, 2.0 * _ROW_POINTS
    found: list[int] = []
    for table in tables:
        lines = [*table.rows, *table.closing]
        taken = sum(max(_ROW_POINTS, _LINE_POINTS * _lines(line, widths)) for line in lines)
        taken += _ROW_POINTS * (_head_lines(table, widths) + 4)
        if row > 1 and used + taken > room:
            found.append(row)
            used = 2.0 * _ROW_POINTS
        row, used = row + 3 + max(1, len(lines)) + bool(table.note), used + taken
    return found


def _sheet_name(title: str, taken: set[str]) -> str:
    """At most 31 characters, none that a sheet's name may not have, and new."""
    base = _FORBIDDEN.sub(" ", title).strip(" '") or "-"
    for number in range(1, 10_000):
        name = base[:31] if number == 1 else f"{base[:26]} {number}"
        if name.casefold() not in taken:
            taken.add(name.casefold())
            return name
    raise AssertionError("a report has fewer sections than that")


def _number(kind: Kind, value: Fraction, *, exact: bool) -> float:
    match kind:
        case Kind.RATIO if not exact:
            return (value.numerator * 10_000 // value.denominator) / 10_000
        case Kind.POINTS:
            return cut_points(value) / 100
        case Kind.DURATION:
            return int(value) / _SECONDS_A_DAY
        case Kind.NUMBER:
            return int(value * 100) / 100
        case Kind.HOURS:
            return int(value / 36) / 100
        case _:
            return float(value)


def _widths(tables: Sequence[Table]) -> list[float]:
    """Of each column, in characters: what its cells need; heads may wrap."""
    widths: list[float] = []
    for column, one in enumerate(tables[0].columns):
        texts = [row[column].text for table in tables for row in (*table.rows[:500], *table.closing)]
        need = max((_wide(text) for text in texts), default=0)
        head = -(-_wide(one.title) // 2)
        widths.append(min(_WIDEST, max(_NARROWEST, need + 2, head + 2)))
    return widths


def _lines(row: Sequence[Cell], widths: Sequence[float]) -> int:
    """How many lines the longest text of a row takes: not every program finds that out by itself."""
    longest = 1
    for cell, width in zip(row, widths, strict=True):
        if cell.kind is Kind.TEXT and len(cell.text) * 2 > width:
            longest = max(longest, -(-_wide(cell.text) // max(1, int(width) - 1)))
    return longest


def _head_lines(table: Table, widths: Sequence[float]) -> int:
    return max(-(-(_wide(one.title) + 1) // int(width)) for one, width in zip(table.columns, widths, strict=True))


def _wide(text: str) -> int:
    """Columns that a text takes; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
