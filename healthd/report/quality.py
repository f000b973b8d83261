"""How good the data are, what the figures mean, and the raw numbers to check them by. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from healthd.figures.period import Figures
from healthd.rates.profile_words import describe
from healthd.rates.rows import Row
from healthd.report.document import Block, Cell, Column, Kind, Paragraph, Table
from healthd.report.sections import Context, keyed
from healthd.words import FAULTS


def quality(context: Context) -> list[Block]:
    """What the time was, when nothing was seen, who was never reached."""
    scribe, figures = context.scribe, context.material.figures
    standing = scribe(f"standing_{figures.standing}", version=figures.version)
    return [
        Paragraph(scribe("quality_intro", standing=standing)),
        *([_versions(context)] if context.material.versions else []),
        _time(context),
        _gaps(context),
        _not_reached(context),
    ]


def _time(context: Context) -> Table:
    scribe, tops = context.scribe, context.material.tops
    rows = [
        row
        for profile in context.material.profiles
        for rate in context.rates
        for top in tops
        if (row := context.row(profile.name, rate, "all", top))
    ]
    kinds = ("good", "bad", "undiagnosed", "unknown", "exempt", "out")
    return Table(
        "time",
        scribe("quality_table"),
        [
            *([scribe.column("region", weight=10)] if len(tops) > 1 else []),
            scribe.column("profile", weight=12),
            scribe.column("rate", weight=8),
            *(scribe.column(f"{kind}_time", Kind.HOURS, 10) for kind in kinds),
            scribe.column("coverage", Kind.RATIO, 8),
        ],
        [
            [
                *([scribe.text(scribe.region(row.key))] if len(tops) > 1 else []),
                scribe.text(row.profile),
                scribe.text(scribe(row.rate)),
                *(
                    scribe.amount(amount, timed=row.timed)
                    for amount in (row.good, row.bad, row.undiagnosed, row.unknown, row.exempt, row.out_of_service)
                ),
                scribe.ratio(row.coverage),
            ]
            for row in rows
        ],
        scribe("quality_empty"),
        note="" if all(row.timed for row in rows) else scribe("count_note"),
    )


def _versions(context: Context) -> Table:
    """A final month: every frozen copy, who made it and why, and the top region's figures by each."""
    scribe, material = context.scribe, context.material
    profile, top = material.profiles[0].name, material.tops[0]
    rows = []
    for found in material.versions:
        copy = next(one for one in found.versions if one.version == found.version)
        told = keyed(found)
        rows.append(
            [
                scribe.count(found.version),
                scribe.time(copy.at),
                scribe.text(copy.author),
                scribe.text(copy.note),
                *(context.rate_cell(told.get((profile, rate, "all", top))) for rate in context.rates),
                scribe.text(found.inventory[:16]),
                scribe.text(found.program),
            ]
        )
    columns = [
        scribe.column("version_number", Kind.COUNT, 5),
        scribe.column("version_at", Kind.TIME, 10),
        scribe.column("version_by", weight=8),
        scribe.column("version_note", weight=18),
        *(scribe.column(rate, Kind.RATIO, 8) for rate in context.rates),
        scribe.column("fact_inventory", weight=12),
        scribe.column("fact_program", weight=8),
    ]
    note = scribe("versions_note", version=material.figures.version)
    return Table("versions", scribe("versions_table"), columns, rows, scribe("versions_empty"), note)


def _gaps(context: Context) -> Table:
    scribe = context.scribe
    return Table(
        "gaps",
        scribe("gaps_table"),
        [
            scribe.column("from", Kind.TIME, 12),
            scribe.column("to", Kind.TIME, 12),
            scribe.column("lasted", Kind.DURATION, 12),
        ],
        [
            [scribe.time(gap.start), scribe.time(gap.end), scribe.lasted(gap.end - gap.start)]
            for gap in context.material.gaps
        ],
        scribe("gaps_empty"),
        note=scribe("gaps_note"),
    )


def _not_reached(context: Context) -> Table:
    scribe, material = context.scribe, context.material
    inside = {
        code
        for code, path in material.inventory.paths.items()
        if not material.region or f"/{material.region}/" in path
    }
    silent = [
        camera
        for camera in material.inventory.cameras.values()
        if camera.in_service and camera.id not in material.reached and camera.placement.region in inside
    ]
    return Table(
        "not-reached",
        scribe("not_reached_table"),
        [
            scribe.column("camera", weight=18),
            scribe.column("camera_id", weight=14),
            scribe.column("place", weight=10),
            scribe.column("unit", weight=12),
            scribe.column("maintainer", weight=12),
        ],
        [
            [
                scribe.text(camera.name),
                scribe.text(camera.id),
                scribe.text(scribe.region(camera.placement.region)),
                scribe.text(scribe.unit(camera.placement.unit)),
                scribe.text(scribe.maintainer(camera.placement.maintainer)),
            ]
            for camera in silent
        ],
        scribe("not_reached_empty"),
        shown=30,
    )


# --- definitions -------------------------------------------------------------------------------------------


def definitions(context: Context) -> list[Block]:
    """What every figure means, and the profiles."""
    scribe = context.scribe
    said = [
        "seconds",
        "ratio",
        "online",
        *(["intact"] if "intact" in context.rates else []),
        *(["usage"] if context.material.attributed else []),
        *(["further"] if context.material.further else ["networked"]),
        "verdict",
    ]
    return [
        *(Paragraph(scribe(f"def_{key}")) for key in (*said, "change")),
        Paragraph(scribe("def_small", small=context.material.small_region)),
        _profiles(context),
    ]


def _profiles(context: Context) -> Table:
    """Each profile in words, line by line."""
    scribe = context.scribe
    return Table(
        "profiles",
        scribe("profiles_table"),
        [
            scribe.column("profile", weight=12),
            scribe.column("profile_item", weight=14),
            scribe.column("profile_means", weight=48),
        ],
        [
            [scribe.text(profile.name), scribe.text(item), scribe.text(means)]
            for profile in context.material.profiles
            for item, means in describe(profile, scribe.lang, _names(context))
        ],
        scribe("none"),
    )


def _names(context: Context) -> dict[str, str]:
    regions = {code: context.scribe.region(code) for code in context.material.inventory.regions}
    return {**regions, **FAULTS[context.scribe.lang]}


# --- raw ---------------------------------------------------------------------------------------------------


def raw(context: Context) -> list[Block]:
    """Numerators and denominators of every row and class, for those who compute."""
    scribe, material = context.scribe, context.material
    seconds = ("good", "assessed", "undiagnosed", "unknown", "exempt", "out_of_service")
    columns = [
        scribe.column("by", weight=8),
        scribe.column("key", weight=12),
        scribe.column("name", weight=14),
        scribe.column("class", weight=5),
        scribe.column("rate", weight=8),
        scribe.column("profile", weight=10),
        scribe.column("cameras", Kind.COUNT, 8),
        *(Column(f"{name}_seconds", scribe(f"{name}_seconds"), Kind.SECONDS, 14) for name in seconds),
        scribe.column("ratio", Kind.RATIO, 8),
        scribe.column("raw_ratio", Kind.RATIO, 8),
        scribe.column("coverage", Kind.RATIO, 8),
        scribe.column("target", Kind.RATIO, 8),
        scribe.column("verdict", weight=8, title=scribe("one_verdict")),
        scribe.column("gap_cameras", Kind.COUNT, 8),
    ]
    rows = [
        _raw(context, row)
        for found in (material.figures, material.units, material.maintainers)
        for row in _of(found)
    ]
    table = Table(
        "raw", scribe("raw_table"), columns, rows, scribe("quality_empty"), scribe("raw_intro"), paper=False
    )
    return [table]


def _of(figures: Figures) -> Iterator[Row]:
    yield from figures.rows


def _raw(context: Context, row: Row) -> list[Cell]:
    scribe = context.scribe
    name = {"region": scribe.region, "unit": scribe.unit, "maintainer": scribe.maintainer}[row.by](row.key)
    return [
        scribe.text(scribe(f"by_{row.by}")),
        scribe.text(row.key),
        scribe.text(name),
        scribe.text(scribe.class_(row.class_)),
        scribe.text(scribe(row.rate)),
        scribe.text(row.profile),
        scribe.count(row.cameras),
        *(
            scribe.seconds(amount if row.timed else 1000 * amount)
            for amount in (row.good, row.assessed, row.undiagnosed, row.unknown, row.exempt, row.out_of_service)
        ),
        scribe.ratio(row.ratio),
        scribe.ratio(row.raw_ratio),
        scribe.ratio(row.coverage),
        scribe.ratio(row.target),
        scribe.verdict(row.verdict),
        scribe.count(row.gap_cameras),
    ]
