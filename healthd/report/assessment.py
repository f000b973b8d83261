"""The assessment: the ranked table of each level, the table by class, the trend. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from healthd.rates.profile_words import rate_name
from healthd.rates.profiles import FURTHER, Profile
from healthd.rates.rows import Row
from healthd.report.document import Block, Cell, Chart, Column, Kind, Paragraph, Series, Table
from healthd.report.numbers import target
from healthd.report.sections import Context, ranked

_RANKED_CLASSES = ("all", "1", "2")
"""The classes that some document sets a target for."""
_SHOWN = 200
_FEWEST_MONTHS = 6
"""So many months a chart has at least; those before the first data it leaves out."""


def assessment(context: Context) -> list[Block]:
    """For each profile and level the regions by rank."""
    scribe = context.scribe
    rate = scribe(context.main_rate)
    blocks: list[Block] = [
        Paragraph(scribe("assessment_intro", rate=rate if scribe.lang == "zh" else rate.lower()))
    ]
    for profile in context.material.profiles:
        for level, codes in context.by_level():
            blocks += _level(context, profile, level, codes)
    if len(blocks) == 1:
        blocks.append(_ranking(context, context.material.profiles[0], ("", ""), []))
    return blocks


def _level(context: Context, profile: Profile, level: str, codes: Sequence[str]) -> Iterator[Table]:
    scribe = context.scribe
    rows = [row for code in codes if (row := context.row(profile.name, context.main_rate, "all", code))]
    large, small = [r for r in rows if not r.small], [r for r in rows if r.small]
    name = scribe.level(level)
    if large or not small:
        title = scribe("assessment_table", level=name)
        yield _ranking(context, profile, (f"{level}", title), large, total=_top(context, profile, codes))
    if small:
        title = scribe("assessment_table_small", level=name, small=context.material.small_region)
        yield _ranking(context, profile, (f"{level}-small", title), small)


def _top(context: Context, profile: Profile, codes: Sequence[str]) -> Row | None:
    """The row of everything below the top region, pooled by the same function as all rows; None where the table
    is about that region itself."""
    tops = context.material.tops
    if len(tops) != 1 or tops[0] in codes:
        return None
    return context.row(profile.name, context.main_rate, "all", tops[0])


def _ranking(
    context: Context, profile: Profile, name: tuple[str, str], rows: Sequence[Row], *, total: Row | None = None
) -> Table:
    scribe, (key, title) = context.scribe, name
    shown = [
        (rate, class_) for rate in context.rates for class_ in _RANKED_CLASSES if _occurs(context, rate, class_)
    ]
    columns = [
        scribe.column("rank", Kind.COUNT, 5),
        scribe.column("region", weight=12),
        scribe.column("region_code", weight=8),
        scribe.column("cameras", Kind.COUNT, 7),
        scribe.column("networked", Kind.RATIO, 7),
        *(_rate_column(context, profile, rate, class_) for rate, class_ in shown),
        scribe.column("change", Kind.POINTS, 8, scribe("change", before=context.before_word)),
        scribe.column("coverage", Kind.RATIO, 7),
        scribe.column("verdict", weight=8),
    ]
    return Table(
        f"assessment-{profile.name}-{key}",
        scribe("under_profile", title=title, profile=profile.name),
        columns,
        [_ranked_line(context, profile, rank, row, shown) for rank, row in ranked(rows)],
        scribe("assessment_empty"),
        note=scribe("assessment_note"),
        shown=_SHOWN,
        total=_total_line(context, profile, total, shown) if total and rows else (),
    )


def _occurs(context: Context, rate: str, class_: str) -> bool:
    """Online by class is told in the table by class."""
    return class_ in context.classes and (rate == "intact" or class_ == "all" or "intact" not in context.rates)


def _rate_column(context: Context, profile: Profile, rate: str, class_: str) -> Column:
    scribe = context.scribe
    title = scribe(rate)
    if class_ != "all":
        title = scribe("rate_of_class", rate=title, class_=scribe.class_(class_))
    goal = profile.targets.get((rate, class_))
    if goal is not None and not any(key[1:] == (rate, class_) for key in profile.region_targets):
        title = scribe("with_target", title=title, target=target(goal))
    return Column(f"{rate}_{class_}", title, Kind.RATIO, 9)


def _ranked_line(
    context: Context, profile: Profile, rank: int | None, row: Row, shown: Sequence[tuple[str, str]]
) -> list[Cell]:
    scribe, code = context.scribe, row.key
    return [
        scribe.count(rank),
        scribe.text(scribe.region(code)),
        scribe.text(code),
        scribe.count(row.cameras),
        context.rate_cell(context.further.get((profile.name, "networked", "all", code))),
        *(context.rate_cell(context.row(profile.name, rate, class_, code)) for rate, class_ in shown),
        scribe.points(context.change(profile.name, context.main_rate, "all", code)),
        scribe.ratio(row.coverage),
        scribe.verdict(context.overall(profile, code)),
    ]


def _total_line(context: Context, profile: Profile, row: Row, shown: Sequence[tuple[str, str]]) -> Sequence[Cell]:
    _, *rest = _ranked_line(context, profile, None, row, shown)
    return [context.scribe.text(context.scribe("total")), *rest]


def classes(context: Context) -> list[Block]:
    """Every region, class and rate, each with its own target and verdict."""
    scribe = context.scribe
    return [
        Paragraph(scribe("classes_intro")),
        *(_class_table(context, profile) for profile in context.material.profiles),
    ]


def _class_table(context: Context, profile: Profile) -> Table:
    scribe = context.scribe
    columns = [
        scribe.column("region", weight=12),
        scribe.column("region_code", weight=8),
        scribe.column("class", weight=6),
        scribe.column("cameras", Kind.COUNT, 7),
    ]
    for rate in context.rates:
        columns += [
            Column(rate, scribe(rate), Kind.RATIO, 7),
            Column(f"{rate}_verdict", scribe("one_verdict"), weight=8, centred=True),
            Column(f"{rate}_gap", scribe("gap"), Kind.COUNT, 7),
            Column(f"{rate}_coverage", scribe("coverage"), Kind.RATIO, 7),
            Column(f"raw_{rate}", scribe(f"raw_{rate}"), Kind.RATIO, 8),
        ]
    codes = sorted(
        dict.fromkeys(row.key for row in context.material.figures.rows),
        key=lambda code: (context.depth(code), context.material.inventory.paths.get(code, code)),
    )
    return Table(
        f"classes-{profile.name}",
        scribe("under_profile", title=scribe("classes_table"), profile=profile.name),
        columns,
        [
            line
            for code in codes
            for class_ in context.classes
            if (line := _class_line(context, profile, code, class_))
        ],
        scribe("assessment_empty"),
        shown=_SHOWN,
    )


def _class_line(context: Context, profile: Profile, code: str, class_: str) -> list[Cell]:
    scribe = context.scribe
    rows = [context.row(profile.name, rate, class_, code) for rate in context.rates]
    first = next((row for row in rows if row), None)
    if first is None:
        return []
    line = [
        scribe.text(scribe.region(code)),
        scribe.text(code),
        scribe.text(scribe.class_(class_)),
        scribe.count(first.cameras),
    ]
    for row in rows:
        line += [
            context.rate_cell(row),
            scribe.verdict(row.verdict if row else "none"),
            scribe.count(row.gap_cameras if row else None),
            scribe.ratio(row.coverage if row else None),
            scribe.ratio(row.raw_ratio if row else None),
        ]
    return line


def trend(context: Context) -> list[Block]:
    """The last 13 months of the top region: a picture and the numbers, for each profile."""
    scribe, tops = context.scribe, context.material.tops
    blocks: list[Block] = [Paragraph(scribe("trend_intro", place=context.place))]
    for profile in context.material.profiles:
        for top in tops[:1]:
            blocks += _trend_of(context, profile, top)
    return blocks


def _trend_of(context: Context, profile: Profile, top: str) -> Iterator[Block]:
    scribe = context.scribe
    lines = [
        (rate, class_)
        for rate in context.rates
        for class_ in context.classes
        if class_ in _RANKED_CLASSES and _occurs(context, rate, class_)
    ]
    months = [
        (
            past.name,
            {(r.rate, r.class_): r for r in past.figures.rows if (r.profile, r.key) == (profile.name, top)},
        )
        for past in context.material.trend
        if past.figures is not None
    ]
    known = {name for name, found in months if any(row.ratio is not None for row in found.values())}
    if len(known) > 1:
        yield _chart(context, profile, lines, months)
    yield Table(
        f"trend-{profile.name}",
        scribe("under_profile", title=scribe("trend_table"), profile=profile.name),
        [
            scribe.column("month", weight=8),
            scribe.column("cameras", Kind.COUNT, 8),
            *(_rate_column(context, profile, rate, class_) for rate, class_ in lines),
        ],
        [
            [
                scribe.text(name),
                scribe.count(next((row.cameras for key, row in found.items() if key[1] == "all"), None)),
                *(context.rate_cell(found.get(line)) for line in lines),
            ]
            for name, found in months
            if name in known
        ],
        scribe("trend_empty"),
    )


def _chart(
    context: Context,
    profile: Profile,
    lines: Sequence[tuple[str, str]],
    months: Sequence[tuple[str, dict[tuple[str, str], Row]]],
) -> Chart:
    scribe = context.scribe
    known = dict(months)
    names = [past.name for past in context.material.trend]
    begun = next((place for place, name in enumerate(names) if name in known), 0)
    labels = names[min(begun, len(names) - _FEWEST_MONTHS) :]
    series: list[Series] = []
    for rate, class_ in lines:
        name = scribe(rate)
        if class_ != "all":
            name = scribe("rate_of_class", rate=name, class_=scribe.class_(class_))
        found = [known.get(label, {}).get((rate, class_)) for label in labels]
        series.append(Series(name, [row.ratio if row else None for row in found]))
        goal = profile.target(rate, class_, context.line(context.material.tops[0]))
        if goal is not None:
            title = scribe("target_line", rate=name, target=target(goal))
            series.append(Series(title, [goal] * len(labels), level=True))
    title = scribe("trend_chart", place=context.place, profile=profile.name)
    return Chart(f"trend-chart-{profile.name}", title, labels, series)


def further(context: Context) -> list[Block]:
    """The rates that count cameras: networked, built, HD, clock, resolution, archive, annotation."""
    scribe = context.scribe
    profiles = context.material.profiles
    shown = [one for one in profiles if any(rate in FURTHER for rate, _ in one.targets)] or profiles[:1]
    return [Paragraph(scribe("further_intro")), *(_further(context, profile) for profile in shown)]


def _further(context: Context, profile: Profile) -> Table:
    scribe = context.scribe
    rates = [rate for rate in FURTHER if any(key[1] == rate for key in context.further)]
    codes = dict.fromkeys(key[3] for key in context.further)
    order = sorted(codes, key=lambda code: (context.depth(code), context.material.inventory.paths.get(code, code)))
    columns = [scribe.column("region", weight=12), scribe.column("region_code", weight=8)]
    for rate in rates:
        title, goal = rate_name(rate, scribe.lang), profile.targets.get((rate, "all"))
        title = title[0].upper() + title[1:]
        if goal is not None:
            title = scribe("with_target", title=title, target=target(goal))
        columns.append(Column(rate, title, Kind.RATIO, 10))
        columns.append(Column(f"{rate}_unchecked", scribe("unchecked"), Kind.COUNT, 6))
    rows = []
    for code in order:
        line = [scribe.text(scribe.region(code)), scribe.text(code)]
        for rate in rates:
            row = context.further.get((profile.name, rate, "all", code))
            line += [context.rate_cell(row), scribe.count(row.unknown if row else None)]
        rows.append(line)
    title = scribe("under_profile", title=scribe("further_table"), profile=profile.name)
    return Table(f"further-{profile.name}", title, columns, rows, scribe("assessment_empty"), shown=_SHOWN)
