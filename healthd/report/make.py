"""From a request to files: reads, builds, and has every format rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from healthd.kept import slug
from healthd.model import Moment
from healthd.report.build import build
from healthd.report.document import Report
from healthd.report.formats import FormatError, Options, renderer
from healthd.report.gather import Step, gather, gather_work
from healthd.report.material import Period, ReportKind
from healthd.report.worklist import build_worklist
from healthd.setup import Setup
from healthd.store import Store


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants. `region`, `maintainer`: "" for all."""

    period: Period
    lang: str
    formats: Sequence[str]
    region: str = ""
    maintainer: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """`files`: relative path -> content; `refused`: format -> why it could not be made here."""

    name: str
    report: Report
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def make(store: Store, setup: Setup, order: Order, made: Moment, step: Step = lambda what, count: None) -> Made:
    """The report with all its files. Raises Wrong where nothing is known of the period."""
    if order.period.kind is ReportKind.WORKLIST:
        work = gather_work(store, setup, order.period, order.region, order.maintainer)
        report = build_worklist(work, order.lang)
    else:
        report = build(gather(store, setup, order.period, order.region, made, step=step), order.lang)
    options = Options(template=setup.config.report_template)
    name = file_name(setup.config.site, order)
    files: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for one in order.formats:
        step(one, 0)
        try:
            files |= renderer(one)(report, name, options)
        except FormatError as error:
            refused[one] = str(error)
    return Made(name, report, files, refused)


def file_name(site: str, order: Order) -> str:
    """`nantong-monthly-2026-10-zh`, with region and maintainer where they narrow it."""
    parts = [site, order.period.kind, order.period.name, order.region, order.maintainer, order.lang]
    return "-".join(slug(part) for part in parts if part)
