"""`healthd incidents findings`: where the levels of evidence contradict each other."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from healthd.commands.choices import known_region, region_and_below
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.commands.names import region_name
from healthd.folding.disagreements import Disagreement
from healthd.model import Inventory, Moment
from healthd.periods import iso, local
from healthd.problems import Wrong
from healthd.setup import rate_terms, read_setup
from healthd.store import Store

_DAY: Moment = 24 * 3600 * 1000


def add_to(actions: Commands) -> None:
    parser = actions.add_parser(
        "findings",
        help="cameras whose levels of evidence contradict each other",
        description="Cameras that are reached but give no picture, or answer a protocol or give a picture though "
        "their reach does not answer. Those that hold now; with --days also those that ended since.",
    )
    add_config(parser, argparse.SUPPRESS)
    parser.add_argument("--region", metavar="CODE", default=argparse.SUPPRESS, help="only in or below this region")
    parser.add_argument(
        "--days", type=int, default=0, metavar="N", help="also those that ended in the last N days"
    )
    add_json(parser, argparse.SUPPRESS)
    parser.set_defaults(work=_findings)


def _findings(arguments: argparse.Namespace) -> int:
    if arguments.days < 0:
        raise Wrong("--days must not be negative", "write a number of days")
    setup, now = read_setup(arguments.config), time.time_ns() // 1_000_000
    store = Store.open(setup.config.store.url, writer=False)
    try:
        inventory = rate_terms(setup, store.regions()).inventory
        known_region(arguments.region, inventory)
        found = store.disagreements(now - arguments.days * _DAY, now + _DAY)
    finally:
        store.close()
    chosen = _chosen(found, inventory, region_and_below(arguments.region, inventory), ended=arguments.days > 0)
    zone = setup.config.timezone
    if arguments.json:
        print_json([_as_json(one, inventory, zone) for one in chosen])
        return 0
    if setup.config.simulated:
        print("SIMULATED DATA")
    _print(chosen, inventory, zone)
    return 0


def _chosen(
    found: Sequence[Disagreement], inventory: Inventory, inside: frozenset[str] | None, *, ended: bool
) -> list[Disagreement]:
    """Of cameras in service, as the inventory has them now."""
    chosen = []
    for one in found:
        camera = inventory.cameras.get(one.camera)
        if camera is None or not camera.in_service or (one.until and not ended):
            continue
        if inside is None or camera.placement.region in inside:
            chosen.append(one)
    return chosen


def _as_json(one: Disagreement, inventory: Inventory, zone: ZoneInfo) -> dict[str, Any]:
    camera = inventory.cameras[one.camera]
    return {
        "camera": one.camera,
        "name": camera.name,
        "region": camera.placement.region,
        "class": camera.placement.class_,
        "finding": str(one.finding),
        "since": iso(one.since, zone),
        "until": iso(one.until, zone) if one.until else None,
        "detail": one.detail,
    }


def _print(found: Sequence[Disagreement], inventory: Inventory, zone: ZoneInfo) -> None:
    if not found:
        print("No contradictions.")
        return
    lines = [("finding", "since", "until", "camera", "name", "region", "")]
    for one in found:
        camera = inventory.cameras[one.camera]
        since, until = (local(at, zone).strftime("%m-%d %H:%M") if at else "-" for at in (one.since, one.until))
        region = region_name(camera.placement.region, inventory)
        lines.append((str(one.finding), since, until, one.camera, camera.name, region, one.detail))
    print(table(lines, frozenset()))
    for finding, count in Counter(one.finding for one in found if not one.until).most_common():
        print(f"{finding}: {count:,} now")
