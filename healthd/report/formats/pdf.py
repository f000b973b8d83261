"""A report as PDF, typeset by typst. Everything foreign goes in as data, never as markup."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from itertools import pairwise
from typing import Any

from healthd.report.chart import svg
from healthd.report.document import Block, Chart, Paragraph, Report, Section, Table
from healthd.report.fonts import chosen, installed
from healthd.report.formats import Options
from healthd.report.typesetting import typeset_apart


def render(report: Report, name: str, _: Options) -> Mapping[str, bytes]:
    """`name.pdf`. Raises FormatError where no installed font can show the text."""
    return {f"{name}.pdf": typeset(report, installed())}


def typeset(report: Report, families: frozenset[str]) -> bytes:
    """The PDF, set in what is fit of these font families."""
    body, heads = chosen(json.dumps(_document(report, ""), ensure_ascii=False), families, report.lang)
    document = {**_document(report, ", ".join(f"'{font}'" for font in heads)), "fonts": body, "heads": heads}
    source = resources.files("healthd.report").joinpath("templates", "report.typ").read_bytes()
    return typeset_apart(source, {"report": json.dumps(document, ensure_ascii=False)})


def _document(report: Report, fonts: str) -> dict[str, Any]:
    before, _, rest = report.words.page.partition("{n}")
    between, _, after = rest.partition("{total}")
    numbers = iter(range(1, 1000))
    return {
        "lang": report.lang,
        "title": report.title,
        "subtitle": report.subtitle,
        "banner": report.banner,
        "footer": report.footer,
        "page": [before, between, after],
        "summary": report.words.summary,
        "colon": report.words.colon,
        "contents": report.words.contents,
        "facts": report.facts,
        "narrative": report.narrative,
        "parts": [
            {"wide": wide, "sections": [_section(report, section, numbers, fonts) for section in sections]}
            for wide, sections in parts(report)
        ],
    }


def parts(report: Report) -> Iterator[tuple[bool, list[Section]]]:
    """Sections on pages that stand, and on pages that lie on their side: all from the first wide one to the
    last, since a page that is turned in between leaves the one before it half empty."""
    sections = [section for section in report.sections if section.paper]
    wide = [place for place, section in enumerate(sections) if _is_wide(section)]
    begun, ended = (wide[0], wide[-1] + 1) if wide else (0, 0)
    for lying, group in ((False, sections[:begun]), (True, sections[begun:ended]), (False, sections[ended:])):
        if group:
            yield lying, group


def _is_wide(section: Section) -> bool:
    return any(isinstance(block, Table) and block.wide and block.rows for block in section.blocks)


def _section(report: Report, section: Section, numbers: Iterator[int], fonts: str) -> dict[str, Any]:
    blocks = [made for block in section.blocks if (made := _block(report, block, numbers, fonts))]
    for one, after in pairwise(blocks):
        one["leads"] = after["is"] != "paragraph"
    return {"title": section.number + section.title, "blocks": blocks}


def _block(report: Report, block: Block, numbers: Iterator[int], fonts: str) -> dict[str, Any] | None:
    match block:
        case Paragraph():
            return {"is": "paragraph", "text": block.text, "leads": False}
        case Chart():
            return {"is": "chart", "svg": svg(block, fonts), "title": block.title}
        case Table() if block.paper:
            gap = "　" if report.lang == "zh" else ". "
            return {
                "is": "table",
                "title": report.words.table.format(n=next(numbers)) + gap + block.title,
                "columns": [
                    {"title": column.title, "weight": column.share, "align": column.align}
                    for column in block.columns
                ],
                "rows": [[[cell.text, cell.tone] for cell in row] for row in block.printed],
                "total": [[cell.text, cell.tone] for cell in block.total],
                "empty": block.empty,
                "notes": [note for note in (block.more, block.note) if note],
            }
        case _:
            return None
