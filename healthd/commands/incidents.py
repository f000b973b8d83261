"""`healthd incidents`: what has to be repaired, in which order, how repairs went, and the operator's two acts."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from urllib.parse import quote

from healthd.commands import incident_findings, incident_plan, incident_statistics
from healthd.commands.ask_daemon import post
from healthd.commands.choices import known_region, region_and_below
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.commands.names import region_name, subject_name
from healthd.config import load_config
from healthd.incidents.evidence import SENTENCES
from healthd.incidents.incident import Incident
from healthd.model import Inventory, Moment
from healthd.periods import local
from healthd.problems import Wrong, did_you_mean
from healthd.setup import Setup, rate_terms, read_setup
from healthd.store import Store

_DAY: Moment = 24 * 3600 * 1000
_PAST_TENSE = {"acknowledge": "acknowledged", "close": "closed"}


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "incidents",
        help="what has to be repaired, and by whom",
        description="List incidents, those opened last at the end. `plan` tells what to repair first, `stats` how "
        "repairs went, `findings` where reach and picture contradict each other; `ack` and `close` tell the "
        "running daemon (its token, if it needs one, in HEALTHD_TOKEN).",
    )
    add_config(parser)
    parser.add_argument("--open", action="store_true", dest="only_open", help="only those that are open")
    parser.add_argument("--region", metavar="CODE", help="only those in or below this region")
    parser.add_argument("--maintainer", metavar="M", help="only those that this maintainer answers for")
    parser.add_argument(
        "--days", type=int, default=30, metavar="N", help="closed ones of the last N days; default: 30"
    )
    parser.add_argument("--lang", choices=[*SENTENCES], default="en", help="of the evidence; default: en")
    add_json(parser)
    parser.set_defaults(work=_list)
    # `-c FILE` may stand before or after the word: what is left out after it must not hide what stood before.
    actions = parser.add_subparsers(title="actions", metavar="plan | stats | findings | ack | close")
    incident_plan.add_to(actions)
    incident_statistics.add_to(actions)
    incident_findings.add_to(actions)
    _add_act(actions, "ack", "acknowledge", "say that somebody has taken an incident on")
    _add_act(actions, "close", "close", "close an incident: its subject is asked again first, and must answer")


def _add_act(actions: Commands, word: str, act: str, says: str) -> None:
    parser = actions.add_parser(word, help=says, description=says[0].upper() + says[1:] + ".")
    parser.add_argument("incident", metavar="ID")
    add_config(parser, argparse.SUPPRESS)
    parser.add_argument("--by", required=True, metavar="NAME", help="who says so")
    parser.add_argument("--note", default="", metavar="TEXT", help="anything worth knowing")
    parser.set_defaults(work=_act, act=act)


def _act(arguments: argparse.Namespace) -> int:
    options = load_config(arguments.config).web
    path = f"/api/v1/incidents/{quote(arguments.incident, safe='')}/{arguments.act}"
    post(options, path, {"by": arguments.by, "note": arguments.note})
    print(f"{arguments.incident}: {_PAST_TENSE[arguments.act]}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    if arguments.days < 0:
        raise Wrong("--days must not be negative", "write a number of days")
    setup, now = read_setup(arguments.config), time.time_ns() // 1_000_000
    store = Store.open(setup.config.store.url, writer=False)
    try:
        found, inventory = _read(arguments, setup, store, now)
    finally:
        store.close()
    if arguments.json:
        print_json([incident.as_json(now, arguments.lang) for incident in found])
    else:
        _print(found, setup, inventory, now, arguments.lang)
    return 0


def _read(
    arguments: argparse.Namespace, setup: Setup, store: Store, now: Moment
) -> tuple[Sequence[Incident], Inventory]:
    """What was asked for, and the inventory with every region that was ever known."""
    inventory = rate_terms(setup, store.regions()).inventory
    known_region(arguments.region, inventory)
    # Closed an instant from now: another machine's clock, or ours set back, hides nothing.
    found = store.incidents(
        now - arguments.days * _DAY,
        now + _DAY,
        region_and_below(arguments.region, inventory),
        arguments.maintainer,
    )
    if arguments.maintainer is not None and not found:
        _known_maintainer(arguments.maintainer, inventory)
    return [incident for incident in found if incident.open or not arguments.only_open], inventory


def _known_maintainer(name: str, inventory: Inventory) -> None:
    """Raise Wrong for a maintainer that nobody has: an empty list would say that all is well."""
    names = {camera.placement.maintainer for camera in inventory.cameras.values()}
    names |= {device.maintainer for device in inventory.devices.values()} | inventory.maintainers.keys()
    if name not in names:
        raise Wrong(f'--maintainer "{name}": unknown', did_you_mean(name, sorted(names - {""})))


def _print(found: Sequence[Incident], setup: Setup, inventory: Inventory, now: Moment, language: str) -> None:
    if setup.config.simulated:
        print("SIMULATED DATA")
    if not found:
        print("No incidents.")
        return
    zone = setup.config.timezone

    def shown(moment: Moment) -> str:
        return local(moment, zone).strftime("%m-%d %H:%M") if moment else "-"

    lines = [
        ("incident", "since", "kind", "cause", "subject", "region", "cameras", "maintainer", "due", "state", "")
    ]
    for incident in found:
        evidence = incident.evidence[0].text(language) if incident.evidence else ""
        lines.append(
            (
                incident.id,
                shown(incident.since),
                str(incident.kind),
                str(incident.cause),
                subject_name(incident.subject, inventory),
                region_name(incident.region, inventory),
                f"{len(incident.camera_ids) if incident.open else incident.most_cameras:,}",
                incident.maintainer or "-",
                shown(incident.due),
                _state(incident, now),
                evidence,
            )
        )
    text = table(lines, frozenset({6})).splitlines()
    for line, overdue in zip(text, (False, *(one.open and one.overdue(now) for one in found)), strict=True):
        print(f"\033[31m{line}\033[0m" if overdue and sys.stdout.isatty() else line)


def _state(incident: Incident, now: Moment) -> str:
    if incident.merged_into:
        return f"merged into {incident.merged_into}"
    if not incident.open:
        return "closed" if incident.verified else "closed, not verified"
    taken = f", {incident.acknowledged.by}" if incident.acknowledged else ""
    return ("overdue" if incident.overdue(now) else "open") + taken
