"""`healthd report`: the report of a month, week or day, or the work list of this morning, as files."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from healthd.commands.choices import known_region
from healthd.commands.common import Commands, add_config, add_json, print_json
from healthd.commands.progress import Progress
from healthd.config import Config
from healthd.figures.period import month_span
from healthd.kept import Kept, keep, write_files
from healthd.model import Moment
from healthd.problems import Wrong, did_you_mean
from healthd.report.formats import FORMATS
from healthd.report.make import Made, Order, make
from healthd.report.material import Period, ReportKind
from healthd.report.scribe import LANGUAGES
from healthd.report.spans import day_period, last_period, month_period, week_period
from healthd.setup import Setup, rate_terms, read_setup
from healthd.store import Store


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "report",
        help="the report of a month, week or day, as files",
        description="The report of a month, week or day in every format, or the list of repairs to be done now. "
        "Figures are those of `healthd rates`; percentages are cut off, not rounded.",
    )
    add_config(parser)
    parser.add_argument("--month", metavar="YYYY-MM", help="a month as month_starts_on begins it")
    parser.add_argument("--week", metavar="YYYY-Www", help="an ISO week, Monday to Sunday")
    parser.add_argument("--day", metavar="YYYY-MM-DD")
    parser.add_argument("--worklist", action="store_true", help="what is to be repaired now, by maintainer")
    parser.add_argument("--region", metavar="CODE", default="", help="only this region and what lies below it")
    parser.add_argument("--maintainer", metavar="M", default="", help="with --worklist: only this one's repairs")
    parser.add_argument("--lang", choices=LANGUAGES, default="zh", help="default: zh")
    parser.add_argument(
        "--format", type=_formats, metavar="F,F", help=f"of {','.join(FORMATS)}; default: all of them"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="DIR", help="default: here")
    parser.add_argument(
        "--write-template",
        type=Path,
        metavar="FILE.docx",
        help="write the .docx template to edit, and nothing else",
    )
    parser.add_argument(
        "--keep", action="store_true", help="put it into reports_dir, with checksums, as scheduled reports are"
    )
    parser.add_argument(
        "--mail", action="append", default=[], metavar="ADDRESS", help="with --keep: the daemon mails it there"
    )
    parser.add_argument("--scheduled", default="", help=argparse.SUPPRESS)  # by the daemon: which order this is
    add_json(parser)
    parser.set_defaults(work=_report)


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f'"{name}": there are {", ".join(FORMATS)}')
    return names


def _report(arguments: argparse.Namespace) -> int:
    if arguments.write_template:
        return _write_template(arguments.write_template, arguments.lang)
    setup, now = read_setup(arguments.config), time.time_ns() // 1_000_000
    if arguments.mail and (not arguments.keep or setup.config.mail is None):
        raise Wrong("--mail needs --keep and a mail server", "add --keep, and mail: to the configuration")
    _fits(arguments)
    store = Store.open(setup.config.store.url, writer=False)
    try:
        period = _period(arguments, setup.config, store, now)
        formats = arguments.format or FORMATS
        order = Order(period, arguments.lang, formats, arguments.region, _maintainer(arguments, setup))
        known_region(arguments.region or None, rate_terms(setup, store.regions()).inventory)
        with Progress() as progress:
            made = make(store, setup, order, now, progress.step)
    finally:
        store.close()
    if arguments.keep:
        described = replace(about(made, order, now), mail=tuple(arguments.mail), scheduled=arguments.scheduled)
        kept = keep(setup.config.reports_dir, described, made.files)
        paths = {name: setup.config.reports_dir / kept.id / name for name in made.files}
    else:
        paths = dict(zip(made.files, write_files(arguments.output, made.files), strict=True))
        kept = None
    for one, why in made.refused.items():
        print(f"healthd: {one} was not made: {why}", file=sys.stderr)
    _say(made, order, paths, kept, as_json=arguments.json)
    return 1 if made.refused and (arguments.format or not made.files) else 0


def _write_template(path: Path, lang: str) -> int:
    """Our own template, to be edited and named as `report_template`."""
    from healthd.report.formats.docx import template

    if path.exists():
        raise Wrong(f"{path}: is there already", "choose another name, or remove it first")
    write_files(path.parent, {path.name: template(lang)})
    print(path)
    return 0


def about(made: Made, order: Order, now: Moment) -> Kept:
    """What a kept report is called and says of itself."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now / 1000)) + f"{now % 1000:03d}"
    period = order.period
    return Kept(
        f"{made.name}-{stamp}",
        str(period.kind),
        period.name,
        order.region,
        order.lang,
        f"{made.report.title} {made.report.subtitle}",
        now,
        {},
    )


def _fits(arguments: argparse.Namespace) -> None:
    """Raise Wrong where options don't go together."""
    given = [arguments.month, arguments.week, arguments.day, arguments.worklist or None]
    if sum(one is not None for one in given) != 1:
        raise Wrong("which period?", "give one of --month YYYY-MM, --week YYYY-Www, --day YYYY-MM-DD, --worklist")
    if arguments.maintainer and not arguments.worklist:
        raise Wrong("--maintainer goes with --worklist", "reports name all maintainers")


def _period(arguments: argparse.Namespace, config: Config, store: Store, now: Moment) -> Period:
    try:
        if arguments.month:
            period = month_period(arguments.month, lambda name: month_span(store, config, name))
        elif arguments.week:
            period = week_period(arguments.week, config.timezone)
        elif arguments.day:
            period = day_period(arguments.day, config.timezone)
        else:
            period = last_period(ReportKind.WORKLIST, now, config.timezone)
    except ValueError as error:
        raise Wrong(str(error)) from error
    if period.span.start > now:
        raise Wrong("the period lies in the future", "nothing is known of it yet")
    return period


def _maintainer(arguments: argparse.Namespace, setup: Setup) -> str:
    """The id of the maintainer that was named by id or name."""
    wanted, known = arguments.maintainer, setup.inventory.maintainers
    if not wanted or wanted in known:
        return str(wanted)
    for key, crew in known.items():
        if crew.name == wanted:
            return key
    used = {camera.placement.maintainer for camera in setup.inventory.cameras.values()}
    if wanted in used:
        return str(wanted)
    names = [*known, *(crew.name for crew in known.values()), *used]
    raise Wrong(f'--maintainer "{wanted}": unknown', did_you_mean(wanted, names))


def _say(made: Made, order: Order, paths: Mapping[str, Path], kept: Kept | None, *, as_json: bool) -> None:
    if not as_json:
        for path in paths.values():
            print(path)
        return
    print_json(
        {
            "kind": order.period.kind,
            "period": order.period.name,
            "region": order.region or None,
            "lang": order.lang,
            "title": made.report.title,
            "report": kept.id if kept else None,
            "files": [
                {
                    "file": str(paths[name]),
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
                for name, content in made.files.items()
            ],
            "refused": [{"format": one, "why": why} for one, why in made.refused.items()],
        }
    )
