"""`healthd changes`: every lever that moved a denominator in a period, by whom, and its effect."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from healthd.commands.choices import add_period, chosen_period, known_region, stored_period
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.commands.progress import cameras_counted
from healthd.config import Config
from healthd.figures.change_list import changes
from healthd.filings.levers import Line
from healthd.periods import iso, local
from healthd.setup import rate_terms, read_setup
from healthd.store import Store


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "changes",
        help="what moved the denominators of a period, and by whose hand",
        description="List every exemption, change of the inventory, of a profile, a threshold or a check, and "
        "false-alarm mark that moved figures, with date, author, approver and its effect in camera-hours.",
    )
    add_config(parser)
    add_period(parser)
    parser.add_argument("--region", metavar="CODE", help="only what concerns cameras in or below this region")
    add_json(parser)
    parser.set_defaults(work=_changes)


def _changes(arguments: argparse.Namespace) -> int:
    setup = read_setup(arguments.config)
    chosen_period(arguments, setup.config)
    store = Store.open(setup.config.store.url, writer=False)
    try:
        span = stored_period(arguments, store, setup.config)
        known_region(arguments.region, rate_terms(setup, store.regions()).inventory)
        with cameras_counted() as each:
            found = changes(store, setup, span, region=arguments.region or "", each=each)
    finally:
        store.close()
    if arguments.json:
        print_json([line.as_json(setup.config.timezone) for line in found])
    else:
        _print(found, setup.config, iso(span.start, setup.config.timezone), iso(span.end, setup.config.timezone))
    return 0


def _print(found: Sequence[Line], config: Config, start: str, end: str) -> None:
    print(f"{config.site}, {start} to {end}")
    if config.simulated:
        print("SIMULATED DATA")
    if not found:
        print("Nothing moved a denominator.")
        return
    lines: list[tuple[str, ...]] = [
        ("from", "lever", "what", "before", "after", "cameras", "effect", "camera-hours", "by", "approver", "note")
    ]
    for line in found:
        what = line.subject or ", ".join(line.camera_ids[:3]) + (" ..." if line.cameras > 3 else "")
        lines.append(
            (
                local(line.at, config.timezone).strftime("%Y-%m-%d %H:%M"),
                line.lever + (" late" if line.late else ""),
                what,
                _short(line.before),
                _short(line.after),
                f"{line.cameras:,}",
                str(line.effect),
                "-" if line.camera_ms is None else _hours(line.camera_ms),
                line.author,
                line.approver or "-",
                _short(" ".join(line.note.split())),
            )
        )
    print(table(lines, frozenset({5, 7})))


def _hours(milliseconds: int) -> str:
    """Cut off, as all that is printed."""
    return f"{milliseconds // 3_600_000:,}.{milliseconds % 3_600_000 // 36_000:02d}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
