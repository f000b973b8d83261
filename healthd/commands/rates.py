"""`healthd rates`: rates out of the store, by region, unit, maintainer or camera."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from healthd.commands.choices import (
    add_by,
    add_period,
    chosen_period,
    known_by,
    known_period,
    known_region,
    stored_period,
    with_profile,
)
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.commands.progress import cameras_counted
from healthd.commands.rate_definitions import print_definitions
from healthd.commands.scores import print_scores
from healthd.config import Config
from healthd.figures.assessed import assessed_figures, found_against
from healthd.figures.attributed import attributed_figures
from healthd.figures.ledger import Ledger, ledgers, told, told_mark
from healthd.figures.period import Figures, figures, standing_of
from healthd.incidents.attribution import ATTRIBUTED, DOORS
from healthd.model import CLASSES, Moment
from healthd.periods import Span, iso
from healthd.problems import Wrong, did_you_mean
from healthd.rates.buckets import Bucket
from healthd.rates.pool import RATES
from healthd.rates.profiles import FURTHER
from healthd.rates.rows import Row, percent
from healthd.setup import Setup, rate_terms, read_setup
from healthd.store import Store
from healthd.store.period_rows import PROVISIONAL

RATES_TOLD = (*RATES, *ATTRIBUTED, *FURTHER, "timely")
_ASSESSED = (*FURTHER, "timely")
_VERDICTS = {"pass": "32", "fail": "31", "insufficient": "33"}


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "rates",
        help="rates of a month or any period",
        description="Online and intact rates out of the store. Every figure is exact; percentages are cut "
        "off, not rounded: 97.999 % is printed as 97.99 %.",
    )
    add_config(parser)
    add_period(parser)
    add_by(parser)
    parser.add_argument("--region", metavar="CODE", help="only cameras in or below this region")
    parser.add_argument("--camera", metavar="ID", help="only this camera")
    parser.add_argument("--class", dest="class_", choices=["all", *CLASSES], help="only rows of this class")
    parser.add_argument(
        "--rate", choices=RATES_TOLD, metavar="NAME", help=f"only this rate: {', '.join(RATES_TOLD)}"
    )
    parser.add_argument("--profile", metavar="NAME", help="a built-in or own one; default: those configured")
    parser.add_argument(
        "--explain", action="store_true", help="with --camera: every interval, its state, and why it counts so"
    )
    parser.add_argument(
        "--findings", action="store_true", help="with --rate NAME of cameras: which camera fails it, and why"
    )
    parser.add_argument(
        "--scores", action="store_true", help="weighted scores of regions, or with --by maintainer contract scores"
    )
    parser.add_argument(
        "--definitions", action="store_true", help="no figures: what each profile in use means, in words"
    )
    parser.add_argument("--lang", choices=["zh", "en"], default="en", help="of --definitions; default: en")
    parser.add_argument(
        "--version", type=int, metavar="N", help="of a month that is final: this version, not the newest"
    )
    add_json(parser)
    parser.set_defaults(work=_rates)


def _rates(arguments: argparse.Namespace) -> int:
    setup = with_profile(read_setup(arguments.config), arguments.profile)
    known_by(arguments.by, setup.inventory)
    if arguments.definitions:
        return print_definitions(setup, arguments.lang, as_json=arguments.json)
    chosen_period(arguments, setup.config)
    store = Store.open(setup.config.store.url, writer=False)
    try:
        span = stored_period(arguments, store, setup.config)
        if standing_of(store, span) == PROVISIONAL:
            known_period(store, span, setup.config.timezone)
        if arguments.explain:
            return _print_ledger(arguments, setup, store, span)
        if arguments.scores:
            region = arguments.region or ""
            known_region(region, rate_terms(setup, store.regions()).inventory)
            return print_scores(store, setup, span, arguments.by, region, as_json=arguments.json)
        if arguments.findings:
            return _print_findings(arguments, setup, store, span)
        found = _read(arguments, setup, store, span)
        begun = store.first_heartbeat() or 0
    finally:
        store.close()
    if arguments.json:
        print_json(found.as_json(setup.config.timezone))
    else:
        _print(found, setup.config, begun)
    return 0


def _read(arguments: argparse.Namespace, setup: Setup, store: Store, span: Span) -> Figures:
    known_region(arguments.region, rate_terms(setup, store.regions()).inventory)
    if arguments.camera:
        _known_camera(arguments.camera, store)
    with cameras_counted() as each:
        found = _figures(
            arguments.rate,
            store,
            setup,
            span,
            by=arguments.by,
            region=arguments.region or "",
            camera=arguments.camera or "",
            version=arguments.version or 0,
            each=each,
        )
    _check_frozen(arguments, found)
    wanted = [
        row for row in found.rows if arguments.class_ in (None, row.class_) and arguments.rate in (None, row.rate)
    ]
    return replace(found, rows=wanted)


def _check_frozen(arguments: argparse.Namespace, found: Figures) -> None:
    """Raise Wrong where something was named that a final month does not hold, or that only a final one has."""
    if arguments.version and not any(copy.version == arguments.version for copy in found.versions):
        known = ", ".join(str(copy.version) for copy in found.versions)
        raise Wrong(
            f"--version {arguments.version}: there is none of this period",
            f"versions: {known}" if known else "only a month that was made final has versions",
        )
    if arguments.profile and found.versions and found.rows:
        names = list(dict.fromkeys(row.profile for row in found.rows))
        if arguments.profile not in names:
            raise Wrong(
                f'--profile "{arguments.profile}": the month was made final without it',
                f"frozen with it: {', '.join(names)}",
            )


def _figures(rate: str | None, store: Store, setup: Setup, span: Span, **chosen: Any) -> Figures:
    """The figures of one rate, or of those that are told where none is named."""
    if rate in _ASSESSED:
        camera = chosen["camera"]
        wanted = {name: chosen[name] for name in ("by", "region", "version")}
        told = assessed_figures(store, setup, span, str(rate), **wanted)
        return replace(told, rows=[row for row in told.rows if row.key == camera]) if camera else told
    return (attributed_figures if rate in ATTRIBUTED else figures)(store, setup, span, **chosen)


def _known_camera(camera: str, store: Store) -> None:
    names = store.names()
    if camera not in names:
        raise Wrong(f'--camera "{camera}": never seen', did_you_mean(camera, list(names)))


def _print(found: Figures, config: Config, begun: Moment) -> None:
    if not found.rows:
        print("Nothing was assessed in this period.")
        return
    first = found.rows[0]
    clipped = ": nothing is known after the last heartbeat" if first.clipped else ""
    print(f"{config.site}, {iso(first.start, config.timezone)} to {iso(first.end, config.timezone)}{clipped}")
    print(_firmness(found, config))
    if config.simulated:
        print("SIMULATED DATA")
    if begun > first.start:
        print(f"healthd first ran {iso(begun, config.timezone)}: what was before is out of service")
    header = (
        first.by,
        "name",
        "class",
        "rate",
        "profile",
        "cameras",
        "rate",
        "target",
        "verdict",
        "coverage",
        "gap",
        *(DOORS if first.doors else ()),
    )
    lines = [header, *(_cells(row) for row in found.rows)]
    text = table(lines, frozenset({5, 6, 7, 9, *range(10, len(header))})).splitlines()
    print(text[0])
    for line, row in zip(text[1:], found.rows, strict=True):
        colour = _VERDICTS.get(row.verdict) if sys.stdout.isatty() else None
        print(f"\033[{colour}m{line}\033[0m" if colour else line)


def _firmness(found: Figures, config: Config) -> str:
    """How firm the figures are; of an amended month, why and by whom."""
    if not found.version:
        return found.standing
    text = f"{found.standing}, version {found.version} of {len(found.versions)}"
    [copy] = [copy for copy in found.versions if copy.version == found.version]
    if copy.version > 1:
        return f"{text}: amended at {iso(copy.at, config.timezone)} by {copy.author}: {copy.note}"
    return f"{text}: frozen at {iso(copy.at, config.timezone)} by {copy.author}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.key or "-",
        row.name if row.name != row.key else "",
        row.class_,
        row.rate,
        row.profile,
        f"{row.cameras:,}",
        percent(row.good, row.assessed) if row.assessed else "-",
        percent(row.target.numerator, row.target.denominator) if row.target is not None else "-",
        row.verdict,
        percent(row.assessed, row.assessed + row.unknown) if row.assessed + row.unknown else "-",
        "-" if row.gap_cameras is None else str(row.gap_cameras),
        *(percent(time, row.assessed) if row.assessed else "-" for time in row.doors),
    )


def _print_findings(arguments: argparse.Namespace, setup: Setup, store: Store, span: Span) -> int:
    if arguments.rate not in FURTHER:
        raise Wrong("--findings needs a rate of cameras", f"give --rate with one of {', '.join(FURTHER)}")
    known_region(arguments.region, setup.inventory)
    found = found_against(store, setup, span, arguments.rate, arguments.region or "")
    words = {Bucket.BAD: "bad", Bucket.UNKNOWN: "not checked", Bucket.GOOD: "warning"}
    cameras = setup.inventory.cameras
    if arguments.json:
        names = ("camera", "rate", "finding", "why")
        print_json(
            [dict(zip(names, (one.camera, one.rate, words[one.bucket], one.why), strict=True)) for one in found]
        )
        return 0
    lines = [("camera", "name", "region", "finding", "why")]
    for one in found:
        name = cameras[one.camera].name if one.camera in cameras else ""  # it may have left since
        lines.append((one.camera, name, one.region, words[one.bucket], one.why))
    print(table(lines))
    return 0


def _print_ledger(arguments: argparse.Namespace, setup: Setup, store: Store, span: Span) -> int:
    if not arguments.camera:
        raise Wrong("--explain needs --camera ID", "a ledger is of one camera")
    _known_camera(arguments.camera, store)
    wanted = [
        ledger
        for ledger in ledgers(store, setup, span, arguments.camera)
        if arguments.rate in (None, ledger.rate) and arguments.profile in (None, ledger.profile.name)
    ]
    if arguments.json:
        print_json([ledger.as_json(setup.config.timezone) for ledger in wanted])
    else:
        for ledger in wanted:
            _tell(ledger, setup.config.timezone)
    return 0


_COUNTED = {"duration": "seconds", "head_count": "heads", "daily_pass": "days"}


def _tell(ledger: Ledger, zone: ZoneInfo) -> None:
    """Intervals, heads or days as a table, and under each what it is made of and what decided it."""
    method = ledger.profile.method
    how = "" if method.timed else f", counted in {_COUNTED[method.kind]}"
    print(f"\n{ledger.camera}, {ledger.rate} rate, profile {ledger.profile.name}{how}")
    rows = [("from", "to", "seconds", "counts as", "why", "running")]
    for line in ledger.lines:
        entry = line.entry
        running = percent(line.good, line.assessed) if line.assessed else "-"
        seconds = f"{(entry.end - entry.start) / 1000:.3f}"
        name = entry.bucket.name.lower()
        rows.append((iso(entry.start, zone), iso(entry.end, zone), seconds, name, entry.why, running))
    header, *texts = table(rows, frozenset({2, 5})).splitlines()
    print(header)
    for text, line in zip(texts, ledger.lines, strict=True):
        print(text)
        for part in line.entry.parts if len(line.entry.parts) > 1 else ():
            print(f"    {iso(part.start, zone)} to {iso(part.end, zone)} {part.bucket.name.lower()}: {part.why}")
        for flip in line.flips:
            print(f"    {told(flip, zone)}")
        for mark in line.marks:
            print(f"    {told_mark(mark, zone)}")
    _tell_frozen(ledger)


def _tell_frozen(ledger: Ledger) -> None:
    """Of a final month: what was frozen, and whether what is recorded now still adds up to it."""
    if ledger.frozen is None:
        return
    version, good, assessed = ledger.frozen
    frozen = f"final, version {version}: {percent(good, assessed)} ({_amounts(ledger, good, assessed)})"
    if ledger.agrees:
        print(f"{frozen}; this ledger adds up to it")
        return
    print(
        f"{frozen}. The ledger above follows what is recorded now and adds up to {percent(*ledger.sums)} "
        f"({_amounts(ledger, *ledger.sums)}): something was recorded after the month was frozen. "
        "The frozen figure holds."
    )


def _amounts(ledger: Ledger, good: int, assessed: int) -> str:
    if ledger.profile.method.timed:
        return f"{good / 1000:.3f} of {assessed / 1000:.3f} seconds"
    return f"{good} of {assessed} {_COUNTED[ledger.profile.method.kind]}"
