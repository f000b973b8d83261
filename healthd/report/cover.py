"""The first page: what, of when, how firm, and the whole in a few sentences. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction

from healthd.rates.profiles import Profile
from healthd.rates.rows import Row
from healthd.report.lists import longer
from healthd.report.material import ReportKind
from healthd.report.numbers import percent, points, target
from healthd.report.sections import Context, rankable, ranked

BEST = 3


def when_words(context: Context) -> dict[str, object]:
    """What the texts about the period may name."""
    period, scribe = context.material.period, context.scribe
    if period.kind is ReportKind.MONTHLY:
        year, month = map(int, period.name.split("-"))
        return {"year": year, "month": month, "month_name": calendar.month_name[month]}
    if period.kind is ReportKind.WEEKLY:
        return {"year": int(period.name[:4]), "week": int(period.name[-2:])}
    when: datetime = scribe.local(period.span.start)
    return {"year": when.year, "month": when.month, "day": when.day, "month_name": calendar.month_name[when.month]}


def facts(context: Context) -> list[tuple[str, str]]:
    """The lines under the title."""
    material, scribe, figures = context.material, context.scribe, context.material.figures
    span, until = figures.span, scribe.stamp(figures.until)
    standing = scribe(f"standing_{figures.standing}", version=figures.version)
    named = {
        "fact_site": material.site,
        "fact_span": scribe("fact_span_value", start=scribe.stamp(span.start), end=scribe.stamp(span.end)),
        "fact_until": scribe("fact_until_clipped", until=until) if figures.clipped else until,
        "fact_standing": standing,
        "fact_profiles": scribe.listed([scribe.profile(profile.name) for profile in material.profiles]),
        "fact_made": scribe.stamp(material.made),
        "fact_program": f"healthd {figures.program}",
        "fact_inventory": figures.inventory[:16],
    }
    return [(scribe(key), value) for key, value in named.items() if value]


def narrative(context: Context) -> list[str]:
    """The period in a few paragraphs."""
    paragraphs = [*_overall(context)]
    standings = [*_standings(context)]
    if standings:
        paragraphs.append(_joined(context, standings))
    paragraphs.append(_joined(context, [*_work(context)]))
    if context.material.figures.clipped:
        paragraphs.append(
            context.scribe("say_clipped", until=context.scribe.stamp(context.material.figures.until))
        )
    return [paragraph for paragraph in paragraphs if paragraph]


def _joined(context: Context, sentences: list[str]) -> str:
    return ("" if context.scribe.lang == "zh" else " ").join(sentences)


def _overall(context: Context) -> Iterator[str]:
    scribe, first = context.scribe, context.material.profiles[0]
    when = scribe(f"when_{context.material.period.kind}", **when_words(context))
    for top in context.material.tops[:BEST]:
        online = context.row(first.name, "online", "all", top)
        if online is None or online.ratio is None:
            continue
        intact = context.row(first.name, "intact", "all", top)
        said = scribe(
            "say_overall_intact" if intact and intact.ratio is not None else "say_overall",
            when=when,
            place=scribe.region(top),
            cameras=f"{online.cameras:,}",
            online=percent(online.ratio),
            online_change=_change(context, first, "online", top),
            intact=percent(intact.ratio) if intact and intact.ratio is not None else "",
            intact_change=_change(context, first, "intact", top),
        )
        yield said
        yield from (_against(context, profile, top) for profile in context.material.profiles)


def _change(context: Context, profile: Profile, rate: str, top: str) -> str:
    change = context.change(profile.name, rate, "all", top)
    if change is None:
        return ""
    said = points(change)
    direction = "up" if said[0] == "+" else "down" if said[0] == "-" else "same"
    return context.scribe(f"change_{direction}", before=context.before_word, points=said.lstrip("+-"))


def _against(context: Context, profile: Profile, top: str) -> str:
    """The sentence that says which targets of a profile were reached."""
    scribe = context.scribe
    rows = [row for (name, _, _, key), row in context.rows.items() if (name, key) == (profile.name, top)]
    items: dict[str, list[str]] = {"pass": [], "fail": [], "insufficient": []}
    for row in sorted(rows, key=lambda row: (row.rate != "online", row.class_ != "all", row.class_)):
        if row.verdict in items:
            items[row.verdict].append(_item(context, row))
    if items["fail"]:
        passed = scribe("say_target_fail_passed", items=scribe.listed(items["pass"])) if items["pass"] else ""
        return scribe(
            "say_target_fail",
            profile=scribe.profile(profile.name),
            failed=scribe.listed(items["fail"]),
            passed=passed,
        )
    for verdict in ("insufficient", "pass"):
        if items[verdict]:
            return scribe(
                f"say_target_{verdict}", profile=scribe.profile(profile.name), items=scribe.listed(items[verdict])
            )
    return scribe("say_target_none", profile=scribe.profile(profile.name))


def _item(context: Context, row: Row) -> str:
    scribe = context.scribe
    rate = scribe(row.rate)
    what = rate if row.class_ == "all" else scribe("rate_of_class", rate=rate, class_=scribe.class_(row.class_))
    if scribe.lang == "en":
        what = what[0].lower() + what[1:]
    ratio = percent(row.ratio) if row.ratio is not None else scribe("none")
    return scribe("target_item", what=what, ratio=ratio, target=target(row.target or Fraction(0)))


def _standings(context: Context) -> Iterator[str]:
    """The best and the last of the first level below the top."""
    scribe, profile = context.scribe, context.material.profiles[0]
    levels = [(level, codes) for level, codes in context.by_level() if not set(codes) & set(context.material.tops)]
    if not levels:
        return
    level, codes = levels[0]
    rows = [row for code in codes if (row := context.row(profile.name, context.main_rate, "all", code))]
    large = [row for row in rows if not row.small]
    places = [row for _, row in ranked(large) if rankable(row)]
    rate = scribe(context.main_rate)
    words = {"level": scribe.level(level), "rate": rate if scribe.lang == "zh" else rate.lower()}
    if len(places) >= 2 * BEST:
        yield scribe("say_best", n=BEST, items=_places(context, places[:BEST]), **words)
        yield scribe("say_worst", n=BEST, items=_places(context, places[-BEST:]))
    elif places:
        yield scribe("say_all_ranked", items=_places(context, places), **words)
    if unranked := sum(not rankable(row) for row in large):
        yield scribe("say_unranked", n=unranked)
    if small := len(rows) - len(large):
        yield scribe("say_small", n=small, small=context.material.small_region)


def _places(context: Context, rows: list[Row]) -> str:
    scribe = context.scribe
    return scribe.listed(
        [
            scribe("ranked_item", name=scribe.region(row.key), ratio=percent(row.ratio or Fraction(0)))
            for row in rows
        ]
    )


def _work(context: Context) -> Iterator[str]:
    scribe, material = context.scribe, context.material
    tops = set(material.tops)
    rows = [row for row in material.repairs.get("region", ()) if row.key in tops]
    total = {
        name: sum(getattr(row, name) for row in rows)
        for name in ("opened", "closed", "due", "timely", "open", "overdue")
    }
    counts = {name: f"{count:,}" for name, count in total.items()}
    if not any(total.values()):
        yield scribe("say_no_repairs")
    elif total["due"]:
        yield scribe("say_repairs", ratio=percent(Fraction(total["timely"], total["due"])), **counts)
    else:
        yield scribe("say_repairs_none_due", **counts)
    if material.outages:
        yield scribe("say_outages", **{f"n{hours}": longer(material.outages, hours) for hours in (24, 48, 72)})
    else:
        yield scribe("outages_empty")
