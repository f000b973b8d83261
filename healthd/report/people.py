"""Who answers: units and maintainers. Pure."""

from __future__ import annotations

from healthd.rates import Row
from healthd.report.document import Block, Cell, Kind, Paragraph, Table
from healthd.report.sections import Context, keyed, rankable

WORST = 10


def units(context: Context) -> list[Block]:
    """The ten units with the lowest rate, for each profile."""
    scribe = context.scribe
    rate = scribe(context.main_rate)
    intro = scribe("units_intro", rate=rate if scribe.lang == "zh" else rate.lower())
    return [Paragraph(intro), *(_units(context, profile.name) for profile in context.material.profiles)]


def _units(context: Context, profile: str) -> Table:
    scribe = context.scribe
    rows = keyed(context.material.units)
    found = [
        row for (name, rate, class_, _), row in rows.items() if (name, rate, class_) == _main(context, profile)
    ]
    worst = sorted((row for row in found if rankable(row)), key=lambda row: (row.ratio or 0, row.key))[:WORST]
    return Table(
        f"units-{profile}",
        scribe("under_profile", title=scribe("units_table"), profile=profile),
        [
            scribe.column("rank", Kind.COUNT, 5),
            scribe.column("unit", weight=24),
            scribe.column("cameras", Kind.COUNT, 8),
            *(scribe.column(rate, Kind.RATIO, 9) for rate in context.rates),
            scribe.column("bad_hours", Kind.HOURS, 10),
            scribe.column("verdict", weight=8),
        ],
        [
            [
                scribe.count(place),
                scribe.text(scribe.unit(row.key)),
                scribe.count(row.cameras),
                *(context.rate_cell(rows.get((profile, rate, "all", row.key))) for rate in context.rates),
                scribe.amount(row.bad, timed=row.timed),
                scribe.verdict(row.verdict),
            ]
            for place, row in enumerate(worst, 1)
        ],
        scribe("units_empty"),
    )


def _main(context: Context, profile: str) -> tuple[str, str, str]:
    return profile, context.main_rate, "all"


def maintainers(context: Context) -> list[Block]:
    """Each maintainer's rates and repairs."""
    scribe = context.scribe
    told = "maintainers_intro" if context.material.attributed else "maintainers_intro_plain"
    return [Paragraph(scribe(told)), *(_maintainers(context, one.name) for one in context.material.profiles)]


def _maintainers(context: Context, profile: str) -> Table:
    scribe, attributed = context.scribe, context.material.attributed
    rows = keyed(context.material.maintainers)
    shared = keyed(attributed) if attributed else {}
    # The usage rate is the main rate by its name in contracts.
    pair = ("usage", "attributable") if attributed else ()
    rates = [rate for rate in context.rates if not attributed or rate != context.main_rate]
    repairs = {row.key: row for row in context.material.repairs.get("maintainer", ())}
    keys = sorted({key for _, _, _, key in rows} | {*repairs} | {*context.material.inventory.maintainers})
    keys = [key for key in keys if key in repairs or any(code[3] == key for code in rows)]

    def line(key: str) -> list[Cell]:
        repair = repairs.get(key)
        row: Row | None = rows.get((profile, "online", "all", key))
        return [
            scribe.text(scribe.maintainer(key)),
            scribe.count(row.cameras if row else 0),
            *(context.rate_cell(rows.get((profile, rate, "all", key))) for rate in rates),
            *(context.rate_cell(shared.get((profile, rate, "all", key))) for rate in pair),
            scribe.count(repair.opened if repair else 0),
            scribe.count(repair.closed if repair else 0),
            scribe.count(repair.due if repair else 0),
            scribe.count(repair.timely if repair else 0),
            scribe.ratio(repair.timely_ratio if repair else None),
            scribe.count(repair.overdue if repair else 0),
            scribe.lasted(repair.mean_repair if repair else None),
            scribe.count(repair.repeats if repair else 0),
        ]

    return Table(
        f"maintainers-{profile}",
        scribe("under_profile", title=scribe("maintainers_table"), profile=profile),
        [
            scribe.column("maintainer", weight=18),
            scribe.column("cameras", Kind.COUNT, 7),
            *(scribe.column(rate, Kind.RATIO, 9) for rate in (*rates, *pair)),
            scribe.column("opened", Kind.COUNT, 6),
            scribe.column("closed", Kind.COUNT, 6),
            scribe.column("due_in", Kind.COUNT, 6),
            scribe.column("timely", Kind.COUNT, 6),
            scribe.column("timely_ratio", Kind.RATIO, 8),
            scribe.column("overdue_open", Kind.COUNT, 7),
            scribe.column("mean_repair", Kind.DURATION, 10),
            scribe.column("repeats", Kind.COUNT, 6),
        ],
        [line(key) for key in keys],
        scribe("maintainers_empty"),
        shown=200,
    )
