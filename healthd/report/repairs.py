"""Faults and repairs: statistics, what is overdue, what keeps failing, and what to repair first. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from healthd.incidents.incident import Incident
from healthd.incidents.plan import Outcome
from healthd.incidents.statistics import RepairRow
from healthd.report.document import Block, Cell, Kind, Paragraph, Table, Tone
from healthd.report.material import PlanOf
from healthd.report.numbers import target
from healthd.report.sections import Context

REPEATS = 3
"""So many faults in a period make a repeat offender."""


def repairs(context: Context) -> list[Block]:
    """How repairs went, by region and by cause."""
    return [_statistics(context, "region"), _statistics(context, "cause")]


def _statistics(context: Context, by: str) -> Table:
    scribe = context.scribe
    rows = context.material.repairs.get(by, ())

    def name(row: RepairRow) -> str:
        return scribe.region(row.key) if by == "region" else scribe(f"cause_{row.key}")

    return Table(
        f"repairs-by-{by}",
        scribe(f"repairs_by_{by}"),
        [
            scribe.column(by, weight=14),
            scribe.column("opened", Kind.COUNT, 7),
            scribe.column("closed", Kind.COUNT, 7),
            scribe.column("due_in", Kind.COUNT, 7),
            scribe.column("timely", Kind.COUNT, 7),
            scribe.column("timely_ratio", Kind.RATIO, 8),
            scribe.column("open", Kind.COUNT, 7),
            scribe.column("overdue_open", Kind.COUNT, 7),
            scribe.column("mean_repair", Kind.DURATION, 11),
            scribe.column("median_repair", Kind.DURATION, 11),
            scribe.column("repeats", Kind.COUNT, 7),
        ],
        [
            [
                scribe.text(name(row)),
                scribe.count(row.opened),
                scribe.count(row.closed),
                scribe.count(row.due),
                scribe.count(row.timely),
                scribe.ratio(row.timely_ratio),
                scribe.count(row.open),
                scribe.count(row.overdue, Tone.BAD if row.overdue else Tone.PLAIN),
                scribe.lasted(row.mean_repair),
                scribe.lasted(row.median_repair),
                scribe.count(row.repeats),
            ]
            for row in rows
        ],
        scribe("repairs_empty"),
        note=scribe("repairs_note") if by == "region" else "",
    )


def overdue(context: Context) -> list[Block]:
    """What was open past its limit when the period ended, the latest limit last."""
    scribe, end = context.scribe, context.material.figures.until
    late = [one for one in context.material.incidents if _open_at(one, end) and one.due and one.due < end]
    late.sort(key=lambda one: (one.due, one.id))
    columns = [
        scribe.column("subject", weight=14),
        scribe.column("place", weight=9),
        scribe.column("cause", weight=11),
        scribe.column("cameras_down", Kind.COUNT, 5),
        scribe.column("since", Kind.TIME, 10),
        scribe.column("due", Kind.TIME, 10),
        scribe.column("late", Kind.DURATION, 9),
        scribe.column("unit", weight=10),
        scribe.column("maintainer", weight=11),
        scribe.column("answerable", weight=8),
    ]
    rows = [
        [
            scribe.text(scribe.subject(one.subject)),
            scribe.text(scribe.region(one.region)),
            scribe.text(scribe(f"cause_{one.cause}")),
            scribe.count(max(1, one.most_cameras)),
            scribe.time(one.since),
            scribe.time(one.due),
            scribe.lasted(end - one.due, Tone.BAD),
            scribe.text(scribe.unit(one.unit)),
            scribe.text(scribe.maintainer(one.maintainer)),
            scribe.text(scribe(f"counts_for_{one.counts_for}")),
        ]
        for one in late
    ]
    return [Table("overdue", scribe("overdue_table"), columns, rows, scribe("overdue_empty"))]


def _open_at(incident: Incident, at: int) -> bool:
    return incident.opened < at and (incident.open or incident.closed >= at)


def repeats(context: Context) -> list[Block]:
    """Subjects with REPEATS faults or more that were opened in the period."""
    scribe, span = context.scribe, context.material.figures.span
    found: dict[str, list[Incident]] = defaultdict(list)
    for one in context.material.incidents:
        if span.start <= one.opened < span.end and not one.merged_into:
            found[one.subject].append(one)
    often = sorted(
        (ones for ones in found.values() if len(ones) >= REPEATS), key=lambda ones: (-len(ones), ones[0].subject)
    )

    def line(ones: Sequence[Incident]) -> list[Cell]:
        last = max(ones, key=lambda one: one.since)
        causes = dict.fromkeys(scribe(f"cause_{one.cause}") for one in ones)
        return [
            scribe.text(scribe.subject(last.subject)),
            scribe.text(scribe.region(last.region)),
            scribe.count(len(ones)),
            scribe.text(scribe.listed([*causes])),
            scribe.time(last.since),
            scribe.text(scribe.unit(last.unit)),
            scribe.text(scribe.maintainer(last.maintainer)),
        ]

    return [
        Table(
            "repeats",
            scribe("repeat_table"),
            [
                scribe.column("subject", weight=14),
                scribe.column("place", weight=9),
                scribe.column("times", Kind.COUNT, 5),
                scribe.column("cause", weight=12),
                scribe.column("last_since", Kind.TIME, 10),
                scribe.column("unit", weight=12),
                scribe.column("maintainer", weight=12),
            ],
            [line(ones) for ones in often],
            scribe("repeat_empty", n=REPEATS),
            note=scribe("repeat_note", n=REPEATS),
            shown=30,
        )
    ]


def plans(context: Context) -> Iterator[Block]:
    """For each target of the top region the fewest repairs that reach it."""
    for plan in context.material.plans:
        yield from _plan(context, plan)


def _plan(context: Context, made: PlanOf) -> Iterator[Block]:
    scribe, plan = context.scribe, made.plan
    rate = scribe(made.rate)
    words = {
        "at": scribe.stamp(made.at),
        "place": context.place,
        "rate": rate if scribe.lang == "zh" else rate.lower(),
        "ratio": scribe.ratio(Fraction(plan.good, plan.assessed) if plan.assessed else None).text,
        "target": target(plan.target) if plan.target is not None else "",
        "n": len(plan.steps),
    }
    said = scribe("plan_by", profile=scribe.profile(made.profile)) + scribe(f"plan_{plan.outcome}", **words)
    if plan.unexplained and plan.outcome is not Outcome.REACHED:
        said += ("" if scribe.lang == "zh" else " ") + scribe("plan_unexplained", n=plan.unexplained)
    yield Paragraph(said)
    if not plan.steps:
        return
    yield Table(
        f"plan-{made.profile}-{made.rate}",
        scribe("plan_table", profile=made.profile, rate=rate),
        [
            scribe.column("step", Kind.COUNT, 5),
            scribe.column("subject", weight=16),
            scribe.column("place", weight=10),
            scribe.column("cause", weight=12),
            scribe.column("maintainer", weight=13),
            scribe.column("gained", Kind.COUNT, 6),
            scribe.column("then", Kind.RATIO, 8),
        ],
        [
            [
                scribe.count(number),
                scribe.text(scribe.subject(step.incident.subject)),
                scribe.text(scribe.region(step.incident.region)),
                scribe.text(scribe(f"cause_{step.incident.cause}")),
                scribe.text(scribe.maintainer(step.incident.maintainer)),
                scribe.count(step.cameras),
                scribe.ratio(step.ratio),
            ]
            for number, step in enumerate(plan.steps, 1)
        ],
        scribe("plan_empty"),
        note=scribe("plan_note", **words),
        shown=50,
    )
