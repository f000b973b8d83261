"""`healthd inventory platforms`: read the catalogues of platforms now, and hold them against the inventory."""

from __future__ import annotations

import argparse
import time
from zoneinfo import ZoneInfo

from healthd.commands.common import add_config, add_json, print_json, table
from healthd.model import Moment
from healthd.periods import iso, local
from healthd.platforms.catalogue import Catalogue
from healthd.platforms.watch import Standing, read_now, standing
from healthd.problems import Wrong
from healthd.setup import read_setup

_HEAD = ("platform", "written", "on", "off", "neither", "stale", "absent", "unknown ids", "doubled", "malformed")
_PROBLEMS = 20


def add_to(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = parts.add_parser(
        "platforms",
        help="what the catalogues of video platforms say of the cameras",
        description="Read every catalogue that `platforms:` names, now, and tell how it fits the inventory: "
        "cameras that it calls on and off, those it does not know, ids that no camera has, rows that cannot be "
        "read. Where it contradicts what healthd sees is told by `healthd incidents findings`.",
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(work=_platforms)


def _platforms(arguments: argparse.Namespace) -> int:
    setup, now = read_setup(arguments.config), time.time_ns() // 1_000_000
    config, inventory = setup.config, setup.inventory
    if not config.platforms:
        raise Wrong(
            f"{config.path.name}: no platforms are configured", "add platforms: [{name: ..., catalogue: ...}]"
        )
    in_service = [camera.id for camera in inventory.cameras.values() if camera.in_service]
    found = []
    for options in config.platforms:
        catalogue, error = read_now(options, config, inventory)
        shown, _ = standing(options, catalogue, error, in_service, now)
        found.append((shown, catalogue))
    if arguments.json:
        print_json([one.as_json(lambda at: iso(at, config.timezone)) for one, _ in found])
    else:
        print(_as_text([one for one, _ in found], config.timezone))
        for one, catalogue in found:
            _explain(one, catalogue)
    return 1 if any(one.error for one, _ in found) else 0


def _as_text(found: list[Standing], zone: ZoneInfo) -> str:
    rows = [
        (
            one.platform,
            _clock(one.written, zone),
            *(f"{one.cameras.get(says, 0):,}" for says in ("on", "off", "neither", "stale", "absent")),
            *(f"{one.ignored.get(why, 0):,}" for why in ("unknown_id", "doubled", "malformed")),
        )
        for one in found
    ]
    return table([_HEAD, *rows], frozenset(range(2, len(_HEAD))))


def _clock(at: Moment, zone: ZoneInfo) -> str:
    return local(at, zone).strftime("%m-%d %H:%M:%S") if at else "-"


def _explain(one: Standing, catalogue: Catalogue | None) -> None:
    """What of a catalogue is of no use, a line each."""
    if one.error:
        print(f"{one.platform}: {one.error}")
    if one.examples:
        print(f"{one.platform}: no camera has the id {', '.join(one.examples)}")
    for problem in (catalogue.problems if catalogue else ())[:_PROBLEMS]:
        print(problem)
