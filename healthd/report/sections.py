"""The parts of a report: each makes one section out of what was read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from healthd.figures.period import Figures
from healthd.model import CLASSES
from healthd.rates.pool import RATES
from healthd.rates.profiles import Profile
from healthd.rates.rows import Row
from healthd.report.document import Cell, Tone
from healthd.report.material import Material
from healthd.report.scribe import Scribe

Key = tuple[str, str, str, str]
"""(profile, rate, class, region or other key) of a row."""


@dataclass(frozen=True)
class Context:
    """What every part takes: what was read, and the language to write it in."""

    material: Material
    scribe: Scribe

    @cached_property
    def rows(self) -> Mapping[Key, Row]:
        return keyed(self.material.figures)

    @cached_property
    def further(self) -> Mapping[Key, Row]:
        return keyed(self.material.further) if self.material.further else {}

    @cached_property
    def before(self) -> Mapping[Key, Row]:
        return keyed(self.material.before) if self.material.before else {}

    @property
    def main_rate(self) -> str:
        """The rate that ranks: intact, where pictures are judged."""
        return self.material.rates[-1]

    @cached_property
    def place(self) -> str:
        """What the report is about, by name."""
        tops = self.material.tops
        return self.scribe.region(tops[0]) if len(tops) == 1 else self.scribe("all_places")

    @property
    def before_word(self) -> str:
        return self.scribe(f"before_{self.material.period.kind}")

    @cached_property
    def classes(self) -> Sequence[str]:
        """The classes that occur, `all` first."""
        seen = {row.class_ for row in self.material.figures.rows}
        return [class_ for class_ in ("all", *CLASSES) if class_ in seen]

    @property
    def rates(self) -> Sequence[str]:
        return [rate for rate in RATES if rate in self.material.rates]

    def row(self, profile: str, rate: str, class_: str, key: str) -> Row | None:
        return self.rows.get((profile, rate, class_, key))

    def change(self, profile: str, rate: str, class_: str, key: str) -> Fraction | None:
        """The ratio's change on the period before; None where one of the two is missing."""
        now, then = self.rows.get((profile, rate, class_, key)), self.before.get((profile, rate, class_, key))
        if now is None or then is None or now.ratio is None or then.ratio is None:
            return None
        return now.ratio - then.ratio

    def depth(self, code: str) -> int:
        """How far below the root a region stands; one that is gone from the tree comes last."""
        return self.material.inventory.paths.get(code, "/" * 99).count("/")

    def line(self, code: str) -> Sequence[str]:
        """A region and those above it."""
        inventory = self.material.inventory
        return [*inventory.line_of(code)] if code in inventory.regions else []

    def by_level(self) -> Iterator[tuple[str, list[str]]]:
        """(level, codes) of the regions that have rows, below the top one, from the top of the tree down."""
        codes = dict.fromkeys(row.key for row in self.material.figures.rows)
        levels: dict[tuple[int, str], list[str]] = {}
        for code in codes:
            region = self.material.inventory.regions.get(code)
            levels.setdefault((self.depth(code), region.level if region else ""), []).append(code)
        for (_, level), found in sorted(levels.items()):
            if len(found) > 1 or len(levels) == 1:
                yield level, found

    def rate_cell(self, row: Row | None) -> Cell:
        """A row's ratio; what falls short of its target stands out."""
        if row is None:
            return self.scribe.ratio(None)
        tones = {"fail": Tone.BAD, "insufficient": Tone.WARN}
        return self.scribe.ratio(row.ratio, tones.get(row.verdict, Tone.PLAIN))

    def overall(self, profile: Profile, key: str) -> str:
        """One verdict out of those of all rows of a region: fail before insufficient before pass."""
        verdicts = {
            row.verdict for (name, _, _, code), row in self.rows.items() if (name, code) == (profile.name, key)
        }
        return next((verdict for verdict in ("fail", "insufficient", "pass") if verdict in verdicts), "none")


def keyed(figures: Figures) -> dict[Key, Row]:
    return {(row.profile, row.rate, row.class_, row.key): row for row in figures.rows}


def ranked(rows: Iterable[Row]) -> list[tuple[int | None, Row]]:
    """(rank, row), best first; equal ratios share a rank. Without a rank, last: too little was seen, or nothing
    assessed."""
    known = [row for row in rows if rankable(row)]
    rest = [row for row in rows if not rankable(row)]
    known.sort(key=lambda row: (-(row.ratio or 0), row.key))
    found: list[tuple[int | None, Row]] = []
    for place, row in enumerate(known, 1):
        same = found and found[-1][1].ratio == row.ratio
        found.append((found[-1][0] if same else place, row))
    return found + [(None, row) for row in sorted(rest, key=lambda row: row.key)]


def rankable(row: Row) -> bool:
    coverage = row.coverage
    return row.ratio is not None and coverage is not None and coverage >= Fraction(95, 100)
