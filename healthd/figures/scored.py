"""Scores of a period, from the store. Takes as long as all the rates that they are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from healthd.assessing.scores import Score, deducted, weighted
from healthd.figures.assessed import assessed_figures
from healthd.figures.attributed import attributed_figures
from healthd.figures.period import figures
from healthd.figures.repairs import repair_statistics
from healthd.incidents.attribution import ATTRIBUTED
from healthd.periods import Span
from healthd.rates.pool import RATES
from healthd.rates.rows import Row
from healthd.setup import Setup
from healthd.store import Store


def region_scores(store: Store, setup: Setup, span: Span, region: str = "") -> list[Score]:
    """Each region's weighted score by each profile; [] where no weights are configured. Raises StoreError."""
    weights = setup.config.scores.weights
    if not weights:
        return []
    return weighted(_rows(store, setup, span, weights, by="region", region=region), weights)


def maintainer_scores(store: Store, setup: Setup, span: Span, region: str = "") -> list[Score]:
    """Each maintainer's contract score by each profile; [] where no deductions are configured."""
    options = setup.config.scores
    if not options.deductions:
        return []
    # One rate at least is read: it tells which maintainers there are.
    rates = {line.rate for line in options.deductions if line.rate} or {"online"}
    statistics = repair_statistics(store, setup, span, by="maintainer", region=region)
    known = statistics.rows if statistics else ()
    counts = {row.key: {"overdue": row.overdue, "repeats": row.repeats} for row in known}
    names = {key: one.name for key, one in setup.inventory.maintainers.items()}
    rows = _rows(store, setup, span, rates, by="maintainer", region=region)
    return deducted(rows, counts, options, names)


def _rows(store: Store, setup: Setup, span: Span, rates: Collection[str], **chosen: Any) -> Iterator[Row]:
    """The rows of these rates; what is read together is read once. `chosen`: by, region."""
    wanted = {*rates}
    if wanted & {*RATES}:
        yield from (row for row in figures(store, setup, span, **chosen).rows if row.rate in wanted)
    if wanted & {*ATTRIBUTED}:
        yield from attributed_figures(store, setup, span, **chosen).rows
    for rate in sorted(wanted - {*RATES} - {*ATTRIBUTED}):
        yield from assessed_figures(store, setup, span, rate, **chosen).rows
