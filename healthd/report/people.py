"""Who answers: units and maintainers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from healthd.assessing.scores import Score
from healthd.rates.profile_words import rate_name
from healthd.rates.rows import Row
from healthd.report.document import Block, Cell, Column, Kind, Paragraph, Table
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


def scores(context: Context) -> list[Block]:
    """Scores of regions and maintainers by each profile; nothing where none are configured."""
    found = context.material.scores
    return [
        table
        for by in ("region", "maintainer")
        for profile in context.material.profiles
        if (table := _scores(context, by, [one for one in found if (one.by, one.profile) == (by, profile.name)]))
    ]


def _scores(context: Context, by: str, found: Sequence[Score]) -> Table | None:
    scribe = context.scribe
    if not found:
        return None
    profile, parts = found[0].profile, found[0].parts
    places = sorted(found, key=lambda one: (-(one.points or 0), one.key))
    name = scribe.region if by == "region" else scribe.maintainer
    columns = [
        scribe.column(by, weight=14),
        scribe.column("score", Kind.NUMBER, 8),
        scribe.column("of_points", Kind.NUMBER, 8),
        *(
            Column(f"part_{number}", _part_name(context, one.what), Kind.NUMBER, 9)
            for number, one in enumerate(parts)
        ),
        scribe.column("note", weight=10),
    ]
    rows = [
        [
            scribe.text(name(one.key)),
            scribe.number(one.points),
            scribe.number(one.of),
            *(scribe.number(None if part.value is None else part.points) for part in one.parts),
            scribe.text("" if one.whole else scribe("not_whole")),
        ]
        for one in places
    ]
    title = scribe("under_profile", title=scribe(f"scores_{by}"), profile=profile)
    note = scribe(f"scores_{by}_note")
    return Table(f"scores-{by}-{profile}", title, columns, rows, scribe("assessment_empty"), note, shown=200)


def _part_name(context: Context, what: str) -> str:
    scribe = context.scribe
    if what in ("overdue", "repeats"):
        return scribe("overdue_open" if what == "overdue" else "repeats")
    name = rate_name(what, scribe.lang)
    return name[0].upper() + name[1:]
