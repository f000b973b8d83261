"""`healthd exempt`: file, list and end exemptions (报备)."""

from __future__ import annotations

import argparse
import getpass
import time
from collections.abc import Sequence
from pathlib import Path

from healthd.commands.choices import known_region
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.figures.exemption_desk import end_exemption, file_exemption
from healthd.filings.exemption_view import as_json, concerning
from healthd.filings.exemptions import standing
from healthd.filings.filing import EndingSaid, Said
from healthd.model import Camera, Device, Exemption, ExemptReason, Inventory, Moment, Region, ScopeKind
from healthd.periods import iso, local, parse_moment
from healthd.problems import Wrong
from healthd.rates.timeline import FOREVER
from healthd.setup import Setup, rate_terms, read_setup
from healthd.store import Store
from healthd.store.evidence_files import read_evidence


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "exempt",
        help="file, list and end exemptions (报备)",
        description="Seconds that are exempt are not assessed, and alerts stay silent. Every record is kept for "
        "ever and listed in the reports: nothing edits or deletes one, corrections are new records. Works with "
        "the daemon running, which takes a new record up within seconds, and without it.",
    )
    add_config(parser)
    actions = parser.add_subparsers(title="actions", metavar="add | list | end", required=True)
    _add_add(actions)
    _add_list(actions)
    _add_end(actions)


def _add_add(actions: Commands) -> None:
    parser = actions.add_parser("add", help="file an exemption", description="File an exemption.")
    add_config(parser, argparse.SUPPRESS)
    parser.add_argument(
        "--scope",
        required=True,
        metavar="S",
        help="camera:ID, region:CODE or device:ID, with all below it",
    )
    parser.add_argument(
        "--from", dest="start", default="", metavar="T", help="2026-07-01 or 2026-07-01T08:00; left out: now"
    )
    parser.add_argument("--to", dest="end", required=True, metavar="T", help="the first moment that counts again")
    parser.add_argument("--reason", required=True, metavar="CODE", help=", ".join(ExemptReason))
    _add_people(parser)
    parser.add_argument("--evidence", type=Path, metavar="FILE", help="a document that proves it; a copy is kept")
    parser.add_argument("--everything", action="store_true", help="every camera in service is meant")
    parser.add_argument("--corrects", default="", metavar="ID", help="stands in the place of this exemption")
    parser.set_defaults(work=_add)


def _add_list(actions: Commands) -> None:
    parser = actions.add_parser("list", help="list exemptions", description="List exemptions by their start.")
    add_config(parser, argparse.SUPPRESS)
    parser.add_argument("--open", action="store_true", dest="only_open", help="only in force or planned ones")
    parser.add_argument("--from", dest="start", metavar="T", help="only those for a moment after this")
    parser.add_argument("--to", dest="end", metavar="T", help="only those for a moment before this")
    parser.add_argument("--region", metavar="CODE", help="only those that concern cameras in or below this region")
    add_json(parser, argparse.SUPPRESS)
    parser.set_defaults(work=_list, json=False)


def _add_end(actions: Commands) -> None:
    parser = actions.add_parser(
        "end",
        help="end an exemption before its time",
        description="End an exemption before its time, or before it begins: then it covers nothing.",
    )
    add_config(parser, argparse.SUPPRESS)
    parser.add_argument("exemption", metavar="ID")
    parser.add_argument("--at", default="", metavar="T", help="the first moment that counts again; left out: now")
    _add_people(parser)
    parser.set_defaults(work=_end)


def _add_people(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--approver", required=True, metavar="NAME", help="who approved it")
    parser.add_argument("--by", default="", metavar="NAME", help="who files it; left out: your login")
    parser.add_argument("--note", default="", metavar="TEXT", help="anything worth knowing")
    parser.add_argument(
        "--late", action="store_true", help="file it although exemptions.back_dating has passed; needs --note"
    )
    add_json(parser)


def _add(arguments: argparse.Namespace) -> int:
    setup, now = read_setup(arguments.config), _now()
    evidence = None
    if arguments.evidence is not None:
        content = read_evidence(arguments.evidence, setup.config.exemptions.evidence_max_bytes)
        evidence = (arguments.evidence.name, content)
    said = Said(
        scope=arguments.scope,
        start=arguments.start,
        end=arguments.end,
        reason=arguments.reason,
        approver=arguments.approver,
        author=arguments.by or _login(),
        note=arguments.note,
        late=arguments.late,
        everything=arguments.everything,
        corrects=arguments.corrects,
    )
    store = Store.open_beside(setup.config.store.url)
    try:
        one = file_exemption(store, setup, said, now, evidence)
    finally:
        store.close()
    zone = setup.config.timezone
    if arguments.json:
        print_json(as_json(one, zone, now))
    else:
        late = ", late" if one.late else ""
        print(f"{one.id}: {one.scope} is exempt from {iso(one.start, zone)} to {iso(one.end, zone)}{late}")
    return 0


def _end(arguments: argparse.Namespace) -> int:
    setup, now = read_setup(arguments.config), _now()
    store = Store.open_beside(setup.config.store.url)
    try:
        said = EndingSaid(
            exemption=arguments.exemption,
            at=arguments.at,
            approver=arguments.approver,
            author=arguments.by or _login(),
            note=arguments.note,
            late=arguments.late,
        )
        one = end_exemption(store, setup, said, now)
    finally:
        store.close()
    zone = setup.config.timezone
    if arguments.json:
        print_json(as_json(one, zone, now))
    elif one.until == one.start:
        print(f"{one.id}: withdrawn, it covers nothing")
    else:
        print(f"{one.id}: ends at {iso(one.until, zone)}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    setup, now = read_setup(arguments.config), _now()
    zone = setup.config.timezone
    try:
        start = parse_moment(arguments.start, zone) if arguments.start else 0
        end = parse_moment(arguments.end, zone) if arguments.end else FOREVER
    except ValueError as error:
        raise Wrong(str(error)) from error
    if start >= end:
        raise Wrong("the period is empty or reversed", "--from must lie before --to")
    store = Store.open(setup.config.store.url, writer=False)
    try:
        found = store.exemptions(start, end)
        inventory = rate_terms(setup, store.regions()).inventory
    finally:
        store.close()
    if arguments.region is not None:
        known_region(arguments.region, inventory)
        found = concerning(found, arguments.region, inventory)
    if arguments.only_open:
        found = [one for one in found if standing(one, now) in ("planned", "in_force")]
    found = sorted(found, key=lambda one: (one.start, one.filed))
    if arguments.json:
        print_json([as_json(one, zone, now) for one in found])
    else:
        _print(found, setup, inventory, now)
    return 0


def _print(found: Sequence[Exemption], setup: Setup, inventory: Inventory, now: Moment) -> None:
    if setup.config.simulated:
        print("SIMULATED DATA")
    if not found:
        print("No exemptions.")
        return

    def shown(moment: Moment) -> str:
        return local(moment, setup.config.timezone).strftime("%Y-%m-%d %H:%M")

    lines: list[tuple[str, ...]] = [
        ("exemption", "scope", "name", "from", "to", "reason", "approver", "by", "filed", "state", "note")
    ]
    lines += [
        (
            one.id,
            str(one.scope),
            _named(one, inventory),
            shown(one.start),
            shown(one.end if one.until == one.start else one.until),
            str(one.reason),
            one.approver,
            one.author,
            shown(one.filed) + (" late" if one.late else ""),
            standing(one, now) + (f" by {one.corrected_by}" if one.corrected_by else ""),
            " ".join(one.note.split()),
        )
        for one in found
    ]
    print(table(lines))


def _named(one: Exemption, inventory: Inventory) -> str:
    key = one.scope.key
    match one.scope.kind:
        case ScopeKind.CAMERA:
            named: Camera | Region | Device | None = inventory.cameras.get(key)
        case ScopeKind.REGION:
            named = inventory.regions.get(key)
        case _:
            named = inventory.devices.get(key)
    return named.name if named is not None else "-"


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        raise Wrong("--by: missing, and your login has no name", "say who files it") from None


def _now() -> Moment:
    return time.time_ns() // 1_000_000
