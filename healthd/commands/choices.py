"""What several commands let the user choose: a period, a profile, a region."""

from __future__ import annotations

import argparse
import dataclasses
import time
from zoneinfo import ZoneInfo

from healthd.config import Config
from healthd.figures.period import month_span
from healthd.model import Inventory
from healthd.periods import Span, iso, parse_moment, parse_month
from healthd.problems import Wrong, did_you_mean
from healthd.setup import Setup
from healthd.store import Store

BY = ("region", "department", "unit", "maintainer", "camera")


def add_period(parser: argparse.ArgumentParser) -> None:
    """`--month`, or `--from` and `--to`."""
    parser.add_argument("--month", metavar="YYYY-MM", help="a month as month_starts_on begins it")
    parser.add_argument("--from", dest="start", metavar="T", help="start: 2026-07-01 or 2026-07-01T08:00")
    parser.add_argument("--to", dest="end", metavar="T", help="end; left out: now")


def chosen_period(arguments: argparse.Namespace, config: Config) -> Span:
    """The period that was asked for; it may end in the future. Raises Wrong where there is none."""
    zone, now = config.timezone, time.time_ns() // 1_000_000
    if bool(arguments.month) == bool(arguments.start or arguments.end) or (arguments.end and not arguments.start):
        raise Wrong("which period?", "give --month YYYY-MM, or --from T and perhaps --to T")
    try:
        if arguments.month:
            span = parse_month(arguments.month, zone, config.month_starts_on)
        else:
            end = parse_moment(arguments.end, zone) if arguments.end else now
            span = Span(parse_moment(arguments.start, zone), end)
    except ValueError as error:
        raise Wrong(str(error)) from error
    if span.start >= now:
        raise Wrong("the period lies in the future", "nothing is known of it yet")
    if span.start >= span.end:
        raise Wrong("the period is empty or reversed", "--from must lie before --to")
    return span


def stored_period(arguments: argparse.Namespace, store: Store, config: Config) -> Span:
    """The same; a month that is final is the one that it was when it was frozen. Raises Wrong, StoreError."""
    if not arguments.month or arguments.start or arguments.end:
        return chosen_period(arguments, config)
    try:
        span = month_span(store, config, arguments.month)
    except ValueError as error:
        raise Wrong(str(error)) from error
    if span.start >= time.time_ns() // 1_000_000:
        raise Wrong("the period lies in the future", "nothing is known of it yet")
    return span


def known_period(store: Store, span: Span, zone: ZoneInfo) -> None:
    """Raise Wrong where nothing is known of a period: healthd did not run yet, or no longer."""
    begun, seen = store.first_heartbeat(), store.last_heartbeat()
    if begun is None or seen is None:
        raise Wrong(f"{store.path}: nothing was seen yet", "start `healthd run` and wait for the first answers")
    if span.end <= begun:
        raise Wrong("the period lies before the first data", f"healthd first ran {iso(begun, zone)}")
    if seen <= span.start:
        raise Wrong("nothing is known of this period", f"the last heartbeat was {iso(seen, zone)}")


def with_profile(setup: Setup, name: str | None) -> Setup:
    """The setup with this profile alone, if one was named; raises Wrong for an unknown one."""
    if name is None:
        return setup
    known = setup.config.definitions
    if name not in known:
        remedy = did_you_mean(name, list(known), f"there are {', '.join(known)}")
        raise Wrong(f'--profile "{name}": there is no such profile', remedy)
    return dataclasses.replace(setup, config=dataclasses.replace(setup.config, profiles=(name,)))


def add_by(parser: argparse.ArgumentParser) -> None:
    """`--by`: what rows are made for."""
    parser.add_argument(
        "--by", type=_by, default="region", metavar="WHAT", help=f"{', '.join(BY)} or tag:NAME; default: region"
    )


def _by(text: str) -> str:
    if text not in BY and not text.startswith("tag:"):
        raise argparse.ArgumentTypeError(f'"{text}" is none of {", ".join(BY)} and tag:NAME')
    return text


def known_by(by: str, inventory: Inventory) -> None:
    """Raise Wrong where this inventory has no such grouping."""
    if by.startswith("tag:"):
        tags = {tag for camera in inventory.cameras.values() for tag in camera.tags}
        if by.removeprefix("tag:") not in tags:
            known = (
                f"tags are {', '.join(sorted(tags))}" if tags else "a tag is a further column of the cameras' file"
            )
            raise Wrong(f'--by "{by}": no camera has this tag', did_you_mean(by.removeprefix("tag:"), tags, known))
    elif by == "department" and not inventory.departments:
        raise Wrong(
            "--by department: there are no departments", "add inventory.departments, a file id,name,parent"
        )


def known_region(code: str | None, inventory: Inventory) -> None:
    """Raise Wrong where a region was named that the inventory does not have and never had."""
    if code and code not in inventory.regions:
        raise Wrong(f'--region "{code}": unknown', did_you_mean(code, list(inventory.regions)))


def region_and_below(code: str | None, inventory: Inventory) -> frozenset[str] | None:
    """The codes of a region and of all below it; None where no region was named."""
    if not code:
        return None
    return frozenset(each for each, path in inventory.paths.items() if f"/{code}/" in path)
