"""A report as a frozen document: sections of paragraphs, tables with typed cells, and charts.

What renderers need and nothing else: they know neither cameras nor rates. A cell carries the exact value, for
formats that compute, and the text that people read, for those that print.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias


class Kind(enum.StrEnum):
    """What a cell's value is."""

    TEXT = "text"  # str
    COUNT = "count"  # int
    RATIO = "ratio"  # Fraction, 1 = 100 %
    POINTS = "points"  # Fraction: a difference of ratios, 1 = 100 percentage points
    SECONDS = "seconds"  # Fraction: exact seconds
    DURATION = "duration"  # Fraction: seconds, told in words
    NUMBER = "number"  # Fraction: two decimals, cut off
    HOURS = "hours"  # Fraction: seconds, a sum told in hours
    TIME = "time"  # str: ISO 8601 with the zone's offset


class Tone(enum.StrEnum):
    """How a cell is meant; printed as colour, never as colour alone: its text says it too."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    QUIET = "quiet"


Value: TypeAlias = str | int | Fraction | None
"""None: there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` is the value in the report's language, percentages cut off and never rounded up."""

    kind: Kind
    value: Value
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Column:
    """`key`: its name in CSV and JSON. `weight`: the share of the page's width that it would like. `centred`: for
    short words and ranks; else numbers are set flush right, all others flush left."""

    key: str
    title: str
    kind: Kind = Kind.TEXT
    weight: int = 6
    centred: bool = False

    @property
    def share(self) -> float:
        """`weight`, or more where its longest word would not fit."""
        longest = max((len(word) for word in self.title.split() if word.isascii()), default=0)
        return max(self.weight, 1 + 0.75 * longest)

    @property
    def numeric(self) -> bool:
        """Whether it is set flush right."""
        return self.kind not in (Kind.TEXT, Kind.TIME)

    @property
    def align(self) -> str:
        """left | center | right."""
        return "center" if self.centred else "right" if self.numeric else "left"


@dataclass(frozen=True, slots=True)
class Table:
    """`empty`: the sentence that stands in place of a table without rows. `shown`: how many rows formats to read
    print, the data formats have them all; `more`: the sentence that says so. `paper`: False for what only the
    data formats have. `total`: a last line about all rows together, which is none of them: whoever adds up the
    rows must not meet it there."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str
    note: str = ""
    shown: int = 100
    more: str = ""
    paper: bool = True
    total: Sequence[Cell] = ()

    @property
    def closing(self) -> Sequence[Sequence[Cell]]:
        """The line below the rows, where there is one."""
        return [self.total] if self.total else []

    @property
    def printed(self) -> Sequence[Sequence[Cell]]:
        return self.rows[: self.shown]

    @property
    def cut(self) -> bool:
        return len(self.rows) > self.shown

    @property
    def wide(self) -> bool:
        """Whether it wants a page on its side."""
        return sum(column.weight for column in self.columns) > 80


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart, a value for each of its labels; None leaves a gap. `level`: a target, the same all
    along."""

    name: str
    values: Sequence[Fraction | None]
    level: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Ratios over time. `describes`: the sentence that says in words what is to be seen."""

    key: str
    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    describes: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


Block: TypeAlias = Paragraph | Table | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """`number` as it is printed before the title, with what separates the two."""

    key: str
    number: str
    title: str
    blocks: Sequence[Block]

    @property
    def paper(self) -> bool:
        """Whether formats to read print it."""
        return any(not isinstance(block, Table) or block.paper for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole. `facts`: (name, value) lines under the title. `banner`: a warning that every page carries, or "".
    `footer`: what stands beside the page number. `words`: the few that renderers themselves need (see texts).
    `data`: gives what the JSON document has beside the sections, (key, value) by turns, rows as iterators."""

    kind: str
    lang: str  # zh | en
    title: str
    subtitle: str
    banner: str
    footer: str
    facts: Sequence[tuple[str, str]]
    narrative: Sequence[str]
    sections: Sequence[Section]
    words: Words
    data: Callable[[], Iterable[tuple[str, object]]] = tuple

    def tables(self) -> Iterator[tuple[Section, Table]]:
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield section, block


@dataclass(frozen=True, slots=True)
class Words:
    """What renderers say of their own, in the report's language."""

    tag: str  # BCP 47
    table: str  # "Table {n}"
    page: str  # "Page {n} of {total}"
    contents: str
    summary: str
    chart_data: str
    semicolon: str
    colon: str
