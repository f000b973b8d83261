"""Tables of the text document, as text that is parsed at once: python-docx walks the whole table for each cell,
which takes minutes for long ones, and an element made by itself takes ten times the memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from healthd.report.document import Tone

_COLOURS = {Tone.BAD: "A9211B", Tone.GOOD: "1A6B3C", Tone.WARN: "7D5200", Tone.QUIET: "5C6875"}
_HEAD_FILL, _TOTAL_FILL = "E8EDF3", "EEF2F7"
_MARGIN = 40  # beside the text of a cell, twentieths of a point
_EMU = 635  # of a twentieth of a point


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its cells as (text, left | center | right, tone). `head`: the titles of the columns, on every
    page; `total`: the last line, about all rows. `tied`: on the same page as the line after it, so that no row and
    no note stands alone."""

    cells: Sequence[tuple[str, str, Tone]]
    head: bool = False
    total: bool = False
    tied: bool = False


def fill(table: Any, widths: Sequence[int], lines: Iterable[Line]) -> None:
    """Gives a table of python-docx without rows its lines, its columns' widths (EMU), and little room beside the
    text: tables are wide."""
    inner = table._tbl
    margins = "".join(f'<w:{side} w:w="{_MARGIN}" w:type="dxa"/>' for side in ("left", "right"))
    [room] = _parsed(f"<w:tblCellMar>{margins}</w:tblCellMar>")
    look = inner.tblPr.find(qn("w:tblLook"))
    look.addprevious(room) if look is not None else inner.tblPr.append(room)
    narrow = [width // _EMU for width in widths]
    for column, width in zip(inner.tblGrid.findall(qn("w:gridCol")), narrow, strict=True):
        column.set(qn("w:w"), str(width))
    for row in _parsed("".join(_row(line, narrow) for line in lines)):
        inner.append(row)


def _parsed(text: str) -> list[Any]:
    return [*parse_xml(f"<w:tbl {nsdecls('w')}>{text}</w:tbl>")]


def _row(line: Line, widths: Sequence[int]) -> str:
    repeated = "<w:tblHeader/>" if line.head else ""
    cells = "".join(_cell(line, cell, width) for cell, width in zip(line.cells, widths, strict=True))
    return f"<w:tr><w:trPr><w:cantSplit/>{repeated}</w:trPr>{cells}</w:tr>"


def _cell(line: Line, cell: tuple[str, str, Tone], width: int) -> str:
    text, align, tone = cell
    fill = _HEAD_FILL if line.head else _TOTAL_FILL if line.total else ""
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
    bold = "<w:b/>" if tone is Tone.BAD or line.total else ""
    colour = f'<w:color w:val="{_COLOURS[tone]}"/>' if tone in _COLOURS else ""
    look = f"<w:rPr>{bold}{colour}</w:rPr>" if bold or colour else ""
    style = "TableHead" if line.head else "TableText"
    tied = "<w:keepNext/>" if line.tied else ""
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{shade}<w:vAlign w:val="center"/></w:tcPr>'
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{tied}<w:jc w:val="{align}"/></w:pPr>'
        f'<w:r>{look}<w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p></w:tc>'
    )
