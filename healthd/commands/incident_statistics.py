"""`healthd incidents stats`: how repairs went in a period."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction

from healthd.commands.choices import add_period, chosen_period, known_region, stored_period
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.figures.repairs import repair_statistics
from healthd.incidents.statistics import BY, RepairRow
from healthd.periods import Span, iso
from healthd.problems import Wrong
from healthd.rates.rows import percent
from healthd.setup import Setup, rate_terms, read_setup
from healthd.store import Store


def add_to(actions: Commands) -> None:
    parser = actions.add_parser(
        "stats",
        help="how repairs went",
        description="Opened, closed, open and overdue incidents of a period, how many were closed in time, how "
        "long repairs took, and what failed again within 30 days of its repair.",
    )
    add_config(parser, argparse.SUPPRESS)
    add_period(parser)
    parser.add_argument("--by", choices=BY, default="region")
    parser.add_argument(
        "--region", metavar="CODE", default=argparse.SUPPRESS, help="only incidents in or below this region"
    )
    add_json(parser, argparse.SUPPRESS)
    parser.set_defaults(work=_stats)


def _stats(arguments: argparse.Namespace) -> int:
    setup = read_setup(arguments.config)
    chosen_period(arguments, setup.config)
    store = Store.open(setup.config.store.url, writer=False)
    try:
        asked = stored_period(arguments, store, setup.config)
        known_region(arguments.region, rate_terms(setup, store.regions()).inventory)
        found = repair_statistics(store, setup, asked, by=arguments.by, region=arguments.region or "")
    finally:
        store.close()
    if found is None:
        raise Wrong("nothing is known of this period", "healthd has not seen anything since it began")
    if arguments.json:
        print_json([row.as_json(setup.config.timezone) for row in found.rows])
    else:
        _print(found.rows, setup, found.span)
    return 0


def _print(rows: Sequence[RepairRow], setup: Setup, span: Span) -> None:
    zone = setup.config.timezone
    print(f"{setup.config.site}, {iso(span.start, zone)} to {iso(span.end, zone)}")
    if setup.config.simulated:
        print("SIMULATED DATA")
    if not rows:
        print("No incidents in this period.")
        return
    header = (rows[0].by, "name", "opened", "merged", "closed", "open", "overdue", "in time", "mean", "median")
    lines = [(*header, "repeats"), *(_cells(row) for row in rows)]
    print(table(lines, frozenset(range(2, len(lines[0])))))


def _cells(row: RepairRow) -> tuple[str, ...]:
    return (
        row.key or "-",
        row.name if row.name != row.key else "",
        *(f"{count:,}" for count in (row.opened, row.merged, row.closed, row.open, row.overdue)),
        f"{row.timely}/{row.due} {percent(row.timely, row.due)}" if row.due else "-",
        _hours(row.mean_repair),
        _hours(row.median_repair),
        f"{row.repeats:,}",
    )


def _hours(time: Fraction | None) -> str:
    """Hours and minutes, cut off."""
    if time is None:
        return "-"
    minutes = int(time // 60_000)
    return f"{minutes // 60}:{minutes % 60:02d} h"
