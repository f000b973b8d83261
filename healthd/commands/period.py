"""`healthd period`: a month is provisional, then published, then final; a later correction is an amendment."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import time
from collections.abc import Mapping
from typing import Any

from healthd import __version__
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.commands.progress import cameras_counted
from healthd.figures.freezing import take_copy
from healthd.figures.period import copy_of, month_span
from healthd.figures.period_rules import STEPS, Standing, check, standing_after
from healthd.model import Moment
from healthd.periods import iso
from healthd.problems import Wrong
from healthd.rates.frozen import Copy
from healthd.rates.frozen_bytes import digest_of, pack
from healthd.rates.pool import Terms
from healthd.setup import Setup, rate_terms, read_setup
from healthd.store import PeriodCopy, Store
from healthd.store.period_rows import FINAL, PUBLISHED

_HELP = {
    "provisional": "keep a copy of a month's figures as they are now",
    "publish": "publish a month; from then on it can be appealed against (periods.appeal)",
    "finalise": "freeze a published month, once its appeal window is over",
    "amend": "correct a final month: a new version, with reason and author; the old one stays",
}


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "period",
        help="publish a month's figures, freeze them, amend them",
        description="A month is provisional, then published, then final. A final month is answered from its "
        "frozen copy: neither configuration nor inventory nor later records change a figure of it.",
    )
    add_config(parser)
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)
    for step in STEPS:
        one = steps.add_parser(step, help=_HELP[step], description=_HELP[step])
        add_config(one, argparse.SUPPRESS)
        one.add_argument("--month", required=True, metavar="YYYY-MM")
        one.add_argument("--by", metavar="NAME", help="who does this; default: the login name")
        one.add_argument("--note", default="", metavar="TEXT", help="why; an amendment needs it")
        add_json(one)
        one.set_defaults(work=_step, step=step)
    listing = steps.add_parser("list", help="where the months stand", description="All copies, oldest first.")
    add_config(listing, argparse.SUPPRESS)
    listing.add_argument("--month", metavar="YYYY-MM", help="only this one")
    add_json(listing)
    listing.set_defaults(work=_list)


def _step(arguments: argparse.Namespace) -> int:
    setup, step = read_setup(arguments.config), arguments.step
    author, note = _author(arguments), arguments.note.strip()
    if step == "amend" and not (arguments.by and note):
        raise Wrong("an amendment needs --by NAME and --note REASON", "both stand beside the new figures")
    store = Store.open_beside(setup.config.store.url)
    try:
        month = _standing(store, setup, arguments.month)
        check(step, month)
        copy = _taken(store, setup, month, step)
        content = pack(copy)
        digest = digest_of(content)
        if step == "amend" and digest == month.copies[-1].digest:
            raise Wrong(f"{month.month} needs no amendment", "its figures are those of the newest version")
        standing = standing_after(step)
        kept = PeriodCopy(
            seq=0,
            month=month.month,
            standing=standing,
            version=month.version + 1 if standing == FINAL else 0,
            at=month.now,
            author=author,
            note=note,
            start=month.span.start,
            end=month.span.end,
            until=copy.until,
            inventory=copy.terms.inventory.digest,
            program=__version__,
            digest=digest,
        )
        store.keep_period(kept, content)
    finally:
        store.close()
    if arguments.json:
        print_json(_as_json(kept, month))
    else:
        print(_told(kept, month))
    return 0


def _author(arguments: argparse.Namespace) -> str:
    if arguments.by is not None:
        name = str(arguments.by).strip()
        if not name or len(name) > 64 or not name.isprintable():
            raise Wrong(f"--by {arguments.by!r}: must be 1 to 64 printable characters")
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise Wrong("nobody knows who you are", "add --by NAME") from error


def _standing(store: Store, setup: Setup, name: str) -> Standing:
    config = setup.config
    try:
        span = month_span(store, config, name)
    except ValueError as error:
        raise Wrong(str(error)) from error
    copies = [copy for copy in store.period_copies() if copy.month == name.strip()]
    now = time.time_ns() // 1_000_000
    settled = store.settled()
    if not store.in_use():
        settled = max(settled, store.last_heartbeat() or 0)  # streaks end with the daemon: nothing is undecided
    if not settled:
        raise Wrong(f"nothing is known of {name.strip()}", "the store has seen nothing yet: start `healthd run`")
    appeal: Moment = round(1000 * config.periods.appeal)
    return Standing(name.strip(), span, copies, now, settled, appeal, config.timezone)


def _taken(store: Store, setup: Setup, month: Standing, step: str) -> Copy:
    """The copy to be kept; an amendment is judged by the terms that were frozen."""
    terms = rate_terms(setup, store.regions())
    if step == "amend":
        terms = _frozen_terms(copy_of(store, month.copies[-1]).terms, terms)
    begun = store.first_heartbeat()
    if begun is None or begun >= month.span.end:
        raise Wrong(f"nothing is known of {month.month}", "healthd began to watch only after it")
    with cameras_counted() as each:
        return take_copy(store, setup, month.span, terms, each)


def _frozen_terms(frozen: Terms, current: Terms) -> Terms:
    """The frozen terms, with the names of what was not known then."""
    old, new = frozen.inventory, current.inventory
    inventory = dataclasses.replace(
        old,
        regions={**new.regions, **old.regions},
        cameras={**new.cameras, **old.cameras},
        maintainers={**new.maintainers, **old.maintainers},
        departments={**new.departments, **old.departments},
    )
    return dataclasses.replace(frozen, inventory=inventory)


def _told(kept: PeriodCopy, month: Standing) -> str:
    what = f"{kept.month} is {kept.standing}"
    if kept.standing == FINAL:
        what += f", version {kept.version}"
    if kept.standing == PUBLISHED:
        what += f", open to appeals until {iso(kept.at + month.appeal, month.zone)}"
    return f"{what}; sha256 {kept.digest}"


def _list(arguments: argparse.Namespace) -> int:
    setup = read_setup(arguments.config)
    store = Store.open(setup.config.store.url, writer=False)
    try:
        copies = [copy for copy in store.period_copies() if arguments.month in (None, copy.month)]
        months = {copy.month: _standing(store, setup, copy.month) for copy in copies}
    finally:
        store.close()
    if arguments.json:
        print_json([_as_json(copy, months[copy.month]) for copy in copies])
        return 0
    if not copies:
        print("No month was published yet; all figures are provisional.")
        return 0
    zone = setup.config.timezone
    lines = [("month", "standing", "version", "at", "by", "known until", "sha256", "note")]
    lines += [
        (
            copy.month,
            copy.standing,
            str(copy.version or "-"),
            iso(copy.at, zone),
            copy.author,
            iso(copy.until, zone),
            copy.digest[:12],
            copy.note,
        )
        for copy in copies
    ]
    print(table(lines))
    return 0


def _as_json(copy: PeriodCopy, month: Standing) -> Mapping[str, Any]:
    zone = month.zone
    return {
        "month": copy.month,
        "standing": copy.standing,
        "version": copy.version,
        "at": iso(copy.at, zone),
        "by": copy.author,
        "note": copy.note,
        "from": iso(copy.start, zone),
        "to": iso(copy.end, zone),
        "until": iso(copy.until, zone),
        "appeals_until": iso(copy.at + month.appeal, zone) if copy.standing == PUBLISHED else None,
        "inventory": copy.inventory,
        "program": copy.program,
        "sha256": copy.digest,
    }
