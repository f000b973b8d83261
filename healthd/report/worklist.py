"""The work list: what is to be repaired now, a section for each maintainer, what gains most first. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

from healthd import __version__
from healthd.incidents.incident import Incident
from healthd.model import Inventory, Moment
from healthd.report.build import numeral
from healthd.report.document import Block, Cell, Kind, Paragraph, Report, Section, Table, Tone
from healthd.report.material import Period
from healthd.report.scribe import Scribe, clean

_SOON: Moment = 24 * 3_600_000


@dataclass(frozen=True)
class Work:
    """What a work list is made from. `at`: when it holds; `maintainer`: whose, "" for all."""

    site: str
    simulated: bool
    zone: ZoneInfo
    period: Period
    at: Moment
    region: str
    maintainer: str
    inventory: Inventory
    incidents: Sequence[Incident]
    names: Mapping[str, str] = field(default_factory=dict)


def build_worklist(work: Work, lang: str) -> Report:
    """The work list in one language (zh | en)."""
    scribe = Scribe(lang, work.zone, work.inventory, work.names)
    groups: dict[str, list[Incident]] = defaultdict(list)
    for one in sorted(work.incidents, key=lambda one: (-len(one.camera_ids), one.due or one.since, one.id)):
        groups[one.maintainer].append(one)
    keys = sorted(groups, key=lambda key: (not key, scribe.maintainer(key)))
    sections = [_section(scribe, work, number, key, groups[key]) for number, key in enumerate(keys, 1)]
    when = scribe.local(work.at)
    place = scribe.region(work.region) if work.region else _root(scribe, work)
    if work.maintainer:
        place = scribe.maintainer(work.maintainer)
    title = scribe("title_worklist", place=place)
    words = {"year": when.year, "month": when.month, "day": when.day, "month_name": f"{when:%B}"}
    facts = {
        "fact_site": clean(work.site),
        "fact_until": scribe.stamp(work.at),
        "fact_program": f"healthd {__version__}",
    }
    return Report(
        kind=str(work.period.kind),
        lang=lang,
        title=title,
        subtitle=scribe("subtitle_worklist", **words),
        banner=scribe("banner") if work.simulated else "",
        footer=scribe("footer", site=clean(work.site), title=title),
        facts=[(scribe(key), value) for key, value in facts.items()],
        narrative=[_summary(scribe, work)],
        sections=sections,
        words=scribe.words,
        data=partial(_data, scribe, work),
    )


def _data(scribe: Scribe, work: Work) -> Iterator[tuple[str, object]]:
    yield "site", work.site
    yield "simulated", work.simulated
    yield "period", work.period.name
    yield "region", work.region or None
    yield "maintainer", work.maintainer or None
    yield "at", scribe.time(work.at).value
    yield "incidents", [one.as_json(work.at) for one in work.incidents]


def _root(scribe: Scribe, work: Work) -> str:
    roots = [code for code, region in work.inventory.regions.items() if not region.parent]
    return scribe.region(roots[0]) if len(roots) == 1 else scribe("all_places")


def _summary(scribe: Scribe, work: Work) -> str:
    states = [_state(one, work.at) for one in work.incidents]
    if not states:
        return scribe("worklist_none", at=scribe.stamp(work.at))
    counts = {"n": len(states), "overdue": states.count("overdue"), "soon": states.count("soon")}
    return scribe("worklist_intro", at=scribe.stamp(work.at), **counts)


def _state(one: Incident, at: Moment) -> str:
    """overdue | soon | open."""
    if one.overdue(at):
        return "overdue"
    return "soon" if one.due and one.due - at <= _SOON else "open"


def _section(scribe: Scribe, work: Work, number: int, key: str, incidents: Sequence[Incident]) -> Section:
    crew = work.inventory.maintainers.get(key)
    blocks: list[Block] = []
    if crew is not None and crew.contact:
        blocks.append(Paragraph(scribe("contact", contact=clean(crew.contact))))
    columns = [
        scribe.column("step", Kind.COUNT, 4),
        scribe.column("state", weight=8),
        scribe.column("subject", weight=16),
        scribe.column("place", weight=10),
        scribe.column("address", weight=12),
        scribe.column("cause", weight=11),
        scribe.column("cameras_down", Kind.COUNT, 5),
        scribe.column("since", Kind.TIME, 10),
        scribe.column("due", Kind.TIME, 10),
        scribe.column("left", weight=10),
        scribe.column("evidence", weight=22),
        scribe.column("acknowledged", weight=8),
    ]
    rows = [_line(scribe, work, place, one) for place, one in enumerate(incidents, 1)]
    table = Table(
        f"worklist-{number:02d}", scribe("worklist_table"), columns, rows, scribe("worklist_empty"), shown=500
    )
    said = scribe("section_number", n=numeral(number) if scribe.lang == "zh" else number)
    return Section(f"maintainer-{number:02d}", said, scribe.maintainer(key), [*blocks, table])


def _line(scribe: Scribe, work: Work, place: int, one: Incident) -> list[Cell]:
    state = _state(one, work.at)
    tone = {"overdue": Tone.BAD, "soon": Tone.WARN}.get(state, Tone.PLAIN)
    camera = work.inventory.cameras.get(one.subject)
    left = scribe("no_limit")
    if one.due:
        span = scribe.span(abs(one.due - work.at))
        left = scribe("left_overdue", span=span) if state == "overdue" else span
    return [
        scribe.count(place),
        scribe.text(scribe(f"state_{state}"), tone),
        scribe.text(scribe.subject(one.subject)),
        scribe.text(scribe.region(one.region)),
        scribe.text(camera.address_text if camera else ""),
        scribe.text(scribe(f"cause_{one.cause}")),
        scribe.count(max(1, len(one.camera_ids))),
        scribe.time(one.since),
        scribe.time(one.due),
        scribe.text(left, tone),
        scribe.text(scribe("semicolon").join(said.text(scribe.lang) for said in one.evidence[:2])),
        scribe.text(one.acknowledged.by if one.acknowledged else ""),
    ]
