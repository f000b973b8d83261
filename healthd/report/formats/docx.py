"""A report as a text document that an office can edit in Word or WPS; its look is all in styles.

A template of the user's gives styles, page and letterhead; what stands in it comes first. It may have the styles
Title, Subtitle, Heading 1, Body Text, Caption, Table Grid, `Table Text`, `Table Head` and `Note`; for those that
it lacks ours are put in.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from docx import Document
from docx.document import Document as DocumentObject
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.section import Section as Page
from docx.shared import Emu, Mm
from docx.text.paragraph import Paragraph as Line

from healthd.report.document import Block, Chart, Paragraph, Report, Table, Tone
from healthd.report.drawing import picture
from healthd.report.formats import FormatError, Options
from healthd.report.formats.docx_styles import dress
from healthd.report.formats.docx_tables import Line as Row
from healthd.report.formats.docx_tables import fill
from healthd.report.formats.pdf import parts

_WHOLE_ROWS = 16  # tables up to here stay on one page
_LAST_ROWS = 3  # of a longer one: so many go to the next page together
_MARGIN = Mm(20)


def render(report: Report, name: str, options: Options) -> Mapping[str, bytes]:
    """`name.docx`. Raises FormatError for a template that is none."""
    document = _opened(options)
    dress(document, report.lang)
    _Writer(document, report).write()
    target = io.BytesIO()
    document.save(target)
    return {f"{name}.docx": target.getvalue()}


def template(lang: str) -> bytes:
    """An empty document with our styles and page."""
    document, target = Document(), io.BytesIO()
    dress(document, lang)
    document.save(target)
    return target.getvalue()


def _opened(options: Options) -> DocumentObject:
    try:
        return Document(str(options.template)) if options.template else Document()
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise FormatError(f"{options.template} is not a .docx that can be read: {error}") from error


class _Writer:
    """One document while it is written."""

    def __init__(self, document: DocumentObject, report: Report) -> None:
        self._document = document
        self._report = report
        self._tables = 0

    def write(self) -> None:
        report, document = self._report, self._document
        document.core_properties.title = f"{report.title} {report.subtitle}"[:255]
        document.core_properties.author = "healthd"
        document.core_properties.comments = ""
        self._running(document.sections[0])
        document.add_paragraph(report.title, "Title")
        document.add_paragraph(report.subtitle, "Subtitle")
        self._facts()
        document.add_paragraph(report.words.summary, "Heading 1")
        for paragraph in report.narrative:
            document.add_paragraph(paragraph, "Body Text")
        for wide, sections in parts(report):
            self._turn(wide=wide)
            for section in sections:
                document.add_paragraph(section.number + section.title, "Heading 1")
                for block, after in zip_longest(section.blocks, section.blocks[1:]):
                    self._block(block, leads=isinstance(after, Table | Chart))

    # --- pages ---------------------------------------------------------------------------------------------

    def _turn(self, *, wide: bool) -> None:
        """A new page, standing or on its side; a page that is as it should be goes on."""
        last = self._document.sections[-1]
        if (last.orientation == WD_ORIENT.LANDSCAPE) is wide:
            return
        page = self._document.add_section(WD_SECTION.NEW_PAGE)
        page.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
        page.page_width, page.page_height = last.page_height, last.page_width

    def _running(self, page: Page) -> None:
        """The warning above each page, and below it what it is and its number; a template's own stay."""
        report = self._report
        if report.banner:
            line = page.header.paragraphs[0] if page.header.paragraphs else page.header.add_paragraph()
            line = line if not line.text else page.header.add_paragraph()
            line.style = self._document.styles["Note"]
            line.alignment = WD_ALIGN_PARAGRAPH.CENTER
            line.add_run(report.banner)
        if any(line.text for line in page.footer.paragraphs):
            return
        line = page.footer.paragraphs[0] if page.footer.paragraphs else page.footer.add_paragraph()
        line.style = self._document.styles["Note"]
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        before, _, rest = report.words.page.partition("{n}")
        between, _, after = rest.partition("{total}")
        line.add_run(f"{report.footer}　{before}")
        _field(line, "PAGE")
        line.add_run(between)
        _field(line, "NUMPAGES")
        line.add_run(after)

    @property
    def _width(self) -> int:
        """EMU between the margins."""
        page = self._document.sections[-1]
        sides = (page.left_margin or _MARGIN) + (page.right_margin or _MARGIN)
        return int((page.page_width or Mm(210)) - sides)

    # --- blocks --------------------------------------------------------------------------------------------

    def _facts(self) -> None:
        table = self._document.add_table(rows=0, cols=2)
        table.autofit = False
        widths = [int(self._width * 0.18), int(self._width * 0.82)]
        facts = [
            Row([(name, "left", Tone.QUIET), (value, "left", Tone.PLAIN)]) for name, value in self._report.facts
        ]
        fill(table, widths, facts)

    def _block(self, block: Block, *, leads: bool) -> None:
        """`leads`: it stays on the page of what comes after it."""
        match block:
            case Paragraph():
                line = self._document.add_paragraph(block.text, "Body Text")
                line.paragraph_format.keep_with_next = leads or None
            case Chart():
                self._chart(block)
            case Table() if block.paper:
                self._table(block)

    def _chart(self, chart: Chart) -> None:
        drawn = picture(chart)
        if drawn is None:  # no font that could show it; the numbers stand in the table below
            return
        line = self._document.add_paragraph()
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        line.paragraph_format.keep_with_next = True
        shape = line.add_run().add_picture(io.BytesIO(drawn), width=Emu(min(self._width, int(Mm(190)))))
        shape._inline.docPr.set("descr", chart.title)
        self._document.add_paragraph(chart.title, "Caption").alignment = WD_ALIGN_PARAGRAPH.CENTER

    def _table(self, table: Table) -> None:
        self._tables += 1
        gap = "　" if self._report.lang == "zh" else ". "
        title = self._report.words.table.format(n=self._tables) + gap + table.title
        caption = self._document.add_paragraph(title, "Caption")
        if not table.rows:
            caption.add_run(self._report.words.colon + table.empty).bold = False
            caption.paragraph_format.keep_with_next = False
            return
        total = sum(column.share for column in table.columns)
        widths = [int(self._width * column.share / total) for column in table.columns]
        made = self._document.add_table(rows=0, cols=len(table.columns), style="Table Grid")
        made.autofit = False
        fill(made, widths, _lines(table))
        for note in (table.more, table.note):
            if note:
                self._document.add_paragraph(note, "Note")


def _lines(table: Table) -> Iterator[Row]:
    """Heads, rows and total; those of a short table stay together, and the first and last few of a long one."""
    yield Row([(column.title, "center", Tone.PLAIN) for column in table.columns], head=True, tied=True)
    notes = bool(table.more or table.note)
    lines = [*table.printed, *table.closing]
    for place, row in enumerate(lines, 1):
        cells = [(cell.text, column.align, cell.tone) for cell, column in zip(row, table.columns, strict=True)]
        tied = len(lines) <= _WHOLE_ROWS or place == 1 or len(lines) - place < _LAST_ROWS
        ends = place == len(lines) and not notes
        yield Row(cells, total=place > len(table.printed), tied=tied and not ends)


def _made(tag: str, **attributes: object) -> Any:
    element: Any = OxmlElement(tag)
    for name, value in attributes.items():
        element.set(qn(f"w:{name}"), str(value))
    return element


def _field(line: Line, name: str) -> None:
    """A field that the word processor fills in."""
    run = line.add_run()
    for kind in ("begin", "", "end"):
        if kind:
            run._r.append(_made("w:fldChar", fldCharType=kind))
            continue
        instruction = _made("w:instrText")
        instruction.text = name
        run._r.append(instruction)
