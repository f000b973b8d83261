"""The one place that says which parts each kind of report has, in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from healthd.periods import iso
from healthd.report import assessment, cover, filings, lists, people, quality, repairs
from healthd.report.document import Block, Report, Section, Table
from healthd.report.material import Material, ReportKind
from healthd.report.scribe import Scribe, clean
from healthd.report.sections import Context

Part = Callable[[Context], Iterable[Block]]

_REPAIRS = (repairs.repairs, repairs.overdue, repairs.repeats, repairs.plans)
PARTS: dict[ReportKind, Sequence[tuple[str, Sequence[Part]]]] = {
    ReportKind.MONTHLY: (
        ("assessment", (assessment.assessment,)),
        ("classes", (assessment.classes,)),
        ("further", (assessment.further,)),
        ("trend", (assessment.trend,)),
        ("units", (people.units,)),
        ("maintainers", (people.maintainers,)),
        ("scores", (people.scores,)),
        ("repairs", _REPAIRS),
        ("outages", (lists.outages,)),
        ("moves", (lists.moves,)),
        ("filings", (filings.filings,)),
        ("quality", (quality.quality,)),
        ("definitions", (quality.definitions,)),
        ("raw", (quality.raw,)),
    ),
    ReportKind.WEEKLY: (
        ("assessment", (assessment.assessment,)),
        ("classes", (assessment.classes,)),
        ("units", (people.units,)),
        ("maintainers", (people.maintainers,)),
        ("repairs", _REPAIRS[:3]),
        ("outages", (lists.outages,)),
        ("moves", (lists.moves,)),
        ("filings", (filings.filings,)),
        ("quality", (quality.quality,)),
        ("definitions", (quality.definitions,)),
        ("raw", (quality.raw,)),
    ),
    ReportKind.DAILY: (
        ("assessment", (assessment.assessment,)),
        ("classes", (assessment.classes,)),
        ("repairs", _REPAIRS[:2]),
        ("moves", (lists.moves,)),
        ("filings", (filings.filings,)),
        ("quality", (quality.quality,)),
        ("definitions", (quality.definitions,)),
        ("raw", (quality.raw,)),
    ),
}
_NUMERALS = "一二三四五六七八九十"


def build(material: Material, lang: str) -> Report:
    """The report in one language (zh | en)."""
    scribe = Scribe(lang, material.zone, material.inventory, material.names)
    context = Context(material, scribe)
    when = cover.when_words(context)
    kind = material.period.kind
    title = scribe(f"title_{kind}", place=context.place)
    sections: list[Section] = []
    for key, parts in PARTS[kind]:
        blocks = [_numbered(scribe, block) for part in parts for block in part(context)]
        if not blocks:
            continue
        number = len(sections) + 1
        said = scribe("section_number", n=numeral(number) if lang == "zh" else number)
        sections.append(Section(key, said, scribe(key), blocks))
    return Report(
        kind=str(kind),
        lang=lang,
        title=title,
        subtitle=scribe(f"subtitle_{kind}", **when),
        banner=scribe("banner") if material.simulated else "",
        footer=scribe("footer", site=clean(material.site), title=title),
        facts=cover.facts(context),
        narrative=cover.narrative(context),
        sections=sections,
        words=scribe.words,
        data=partial(head, material),
    )


def head(material: Material) -> Iterator[tuple[str, object]]:
    """What the JSON document says beside its sections: what it is about, and the rows by their public names."""
    span, zone, figures = material.period.span, material.zone, material.figures
    yield "site", material.site
    yield "simulated", material.simulated
    yield "period", material.period.name
    yield "region", material.region or None
    yield "from", iso(span.start, zone)
    yield "to", iso(figures.until, zone)
    yield "clipped", figures.clipped
    yield "standing", figures.standing
    yield "version", figures.version
    yield "made", iso(material.made, zone)
    yield "profiles", [profile.name for profile in material.profiles]
    firm = {"standing": figures.standing, "version": figures.version}
    sets = (figures, material.units, material.maintainers)
    yield "rows", ({**row.as_json(zone), **firm} for found in sets for row in found.rows)
    for key, found in (("further", material.further), ("attributed", material.attributed)):
        yield key, (row for row in found.as_json(zone)) if found else []
    yield "scores", [score.as_json() for score in material.scores]
    yield "changes", [line.as_json(zone) for line in material.changes]


def numeral(number: int) -> str:
    """1 to 99 in Chinese: 一, 十, 十一, 二十."""
    tens, ones = divmod(number, 10)
    said = ("" if tens < 2 else _NUMERALS[tens - 1]) + ("十" if tens else "")
    return said + (_NUMERALS[ones - 1] if ones else "")


def _numbered(scribe: Scribe, block: Block) -> Block:
    """A table says how many rows formats to read leave out."""
    if isinstance(block, Table) and block.cut:
        return replace(block, more=scribe("more", n=f"{len(block.rows):,}", shown=block.shown))
    return block
