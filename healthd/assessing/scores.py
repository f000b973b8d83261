"""Scores: regions by weighted rates, maintainers by a table of deductions. Pure, in exact fractions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from healthd.options.scores import Deduction, ScoreOptions
from healthd.rates.pool import ENOUGH
from healthd.rates.rows import Row

FULL = Fraction(100)


@dataclass(frozen=True, slots=True)
class Part:
    """What one line adds to a score. `value`: the ratio, or the number of pieces; None: not known, so it neither
    adds nor costs, and the score is not whole. `of`: the most that it can add (a deduction: 0)."""

    what: str
    value: Fraction | None
    points: Fraction
    of: Fraction


@dataclass(frozen=True, slots=True)
class Score:
    """The points of one region or maintainer. `whole`: everything that it is made of is known."""

    by: str  # region | maintainer
    key: str
    name: str
    level: str
    profile: str
    points: Fraction | None
    of: Fraction
    parts: Sequence[Part]

    @property
    def whole(self) -> bool:
        return all(part.value is not None for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """By the public names; absent figures null."""
        return {
            "by": self.by,
            "key": self.key,
            "name": self.name,
            "level": self.level or None,
            "profile": self.profile,
            "points": None if self.points is None else float(self.points),
            "of": float(self.of),
            "whole": self.whole,
            "parts": [
                {
                    "what": part.what,
                    "value": None if part.value is None else float(part.value),
                    "points": float(part.points),
                    "of": float(part.of),
                }
                for part in self.parts
            ],
        }


def weighted(rows: Iterable[Row], weights: Mapping[str, Fraction]) -> list[Score]:
    """A score for each region and profile out of its rows of class `all`: Σ weight × ratio ÷ Σ weight × 100, in
    the order of the rows.

    A rate that is not known (none, or too little coverage for a verdict) takes no part: its weight is left out,
    and the score is not whole.
    """
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if row.class_ == "all" and row.rate in weights:
            found.setdefault((row.key, row.profile), {})[row.rate] = row
    return [_weighted(known, weights) for known in found.values()]


def _weighted(known: Mapping[str, Row], weights: Mapping[str, Fraction]) -> Score:
    some = next(iter(known.values()))
    values = {rate: _known(known.get(rate)) for rate in weights}
    total = sum((weights[rate] for rate, value in values.items() if value is not None), Fraction(0))
    parts = [
        Part(
            rate,
            value,
            Fraction(0) if value is None or not total else FULL * weights[rate] * value / total,
            Fraction(0) if value is None or not total else FULL * weights[rate] / total,
        )
        for rate, value in values.items()
    ]
    points = sum((part.points for part in parts), Fraction(0)) if total else None
    return Score(some.by, some.key, some.name, some.level, some.profile, points, FULL, parts)


def _known(row: Row | None) -> Fraction | None:
    """The ratio, where enough was seen to stand by it."""
    if row is None or row.coverage is None or row.coverage < ENOUGH:
        return None
    return row.ratio


def deducted(
    rows: Iterable[Row], counts: Mapping[str, Mapping[str, int]], options: ScoreOptions, names: Mapping[str, str]
) -> list[Score]:
    """A score for each maintainer and profile: `full`, less what the table takes off, not below 0; by id.

    `rows`: by maintainer, of class `all`; `counts`: maintainer -> overdue and repeats. Cameras and repairs without
    a maintainer have no score.
    """
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if row.class_ == "all" and row.key:
            found.setdefault((row.key, row.profile), {})[row.rate] = row
    scores = []
    for (key, profile), known in sorted(found.items(), key=lambda item: item[0]):
        parts = _deductions(known, counts.get(key, {}), options.deductions)
        points = max(Fraction(0), options.full + sum((part.points for part in parts), Fraction(0)))
        scores.append(Score("maintainer", key, names.get(key, key), "", profile, points, options.full, parts))
    return scores


def _deductions(known: Mapping[str, Row], counts: Mapping[str, int], lines: Sequence[Deduction]) -> list[Part]:
    parts = []
    for line in lines:
        value = _known(known.get(line.rate)) if line.rate else Fraction(counts.get(line.what, 0))
        parts.append(Part(line.what, value, -_cost(line, value), Fraction(0)))
    return parts


def _cost(line: Deduction, value: Fraction | None) -> Fraction:
    """What a line takes off; a begun step costs as a whole one."""
    if value is None:
        return Fraction(0)
    if line.below is not None:
        short = max(Fraction(0), line.below - value)
        cost = line.points * -(-short // line.per)
    else:
        cost = line.points * value
    return min(cost, line.most) if line.most is not None else cost


def printed(points: Fraction | None) -> str:
    """Two decimals, cut off and never rounded up."""
    if points is None:
        return "–"
    hundredths = points.numerator * 100 // points.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d}"
