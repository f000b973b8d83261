"""Lists of cameras: offline for long, come, moved and gone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from healthd.model import Lifecycle, Placement
from healthd.report.document import Block, Cell, Kind, Paragraph, Table, Tone
from healthd.report.material import Move, Outage
from healthd.report.sections import Context

_HOURS = (24, 48, 72)
_HOUR = 3_600_000


def longer(outages: Sequence[Outage], hours: int) -> int:
    """How many outages lasted longer than that."""
    return sum(one.counted > hours * _HOUR for one in outages)


def outages(context: Context) -> list[Block]:
    """Cameras that were offline for more than 24, 48, 72 hours without a break."""
    scribe, found = context.scribe, context.material.outages
    counts = Table(
        "outages-counts",
        scribe("outages_counts"),
        [scribe.column(f"over_{hours}", Kind.COUNT, 10, scribe("longer_than", n=hours)) for hours in _HOURS],
        [[scribe.count(longer(found, hours)) for hours in _HOURS]],
        scribe("outages_empty"),
    )
    listed = Table(
        "outages",
        scribe("outages_table"),
        [
            scribe.column("camera", weight=18),
            scribe.column("camera_id", weight=16),
            scribe.column("place", weight=9),
            scribe.column("class", weight=6),
            scribe.column("since", Kind.TIME, 11),
            scribe.column("back", Kind.TIME, 11),
            scribe.column("counted", Kind.DURATION, 10),
            scribe.column("unit", weight=10),
            scribe.column("maintainer", weight=11),
        ],
        [_outage(context, one) for one in found],
        scribe("outages_empty"),
    )
    return [Paragraph(scribe("outages_intro")), *([counts] if found else []), listed]


def _outage(context: Context, one: Outage) -> list[Cell]:
    scribe, place = context.scribe, one.placement
    return [
        scribe.text(scribe.camera(one.camera)),
        scribe.text(one.camera),
        scribe.text(scribe.region(place.region)),
        scribe.text(scribe.class_(place.class_)),
        scribe.time(one.since),
        scribe.time(one.until) if one.until else Cell(Kind.TIME, None, scribe("not_back"), Tone.BAD),
        scribe.lasted(one.counted, Tone.BAD if one.counted > _HOURS[-1] * _HOUR else Tone.PLAIN),
        scribe.text(scribe.unit(place.unit)),
        scribe.text(scribe.maintainer(place.maintainer)),
    ]


def moves(context: Context) -> list[Block]:
    """Cameras that came, moved or went."""
    scribe, found = context.scribe, context.material.moves
    new = sum(move.old is None for move in found)
    gone = sum(move.new is None for move in found)
    suspended = sum(_stopped(move) for move in found)
    intro = scribe(
        "moves_intro", new=new, gone=gone, suspended=suspended, moved=len(found) - new - gone - suspended
    )
    table = Table(
        "moves",
        scribe("moves_table"),
        [
            scribe.column("at", Kind.TIME, 11),
            scribe.column("camera", weight=18),
            scribe.column("camera_id", weight=16),
            scribe.column("place", weight=10),
            scribe.column("what", weight=30),
        ],
        [
            [
                scribe.time(move.at),
                scribe.text(scribe.camera(move.camera)),
                scribe.text(move.camera),
                scribe.text(scribe.region((move.new or move.old or _NOWHERE).region)),
                scribe.text(scribe("semicolon").join(changed(context, move))),
            ]
            for move in found
        ],
        scribe("moves_empty"),
    )
    return [*([Paragraph(intro)] if found else []), table]


_NOWHERE = Placement("", "")


def _stopped(move: Move) -> bool:
    return (
        move.old is not None
        and move.new is not None
        and move.old.lifecycle is Lifecycle.IN_SERVICE
        and move.new.lifecycle in (Lifecycle.SUSPENDED, Lifecycle.RETIRED)
    )


def changed(context: Context, move: Move) -> Iterator[str]:
    """What changed, a phrase each."""
    scribe, old, new = context.scribe, move.old, move.new
    if old is None or new is None:
        yield scribe("move_new" if old is None else "move_gone")
        return
    pairs = {
        "lifecycle": (scribe(f"lifecycle_{old.lifecycle}"), scribe(f"lifecycle_{new.lifecycle}")),
        "region": (scribe.region(old.region), scribe.region(new.region)),
        "class": (scribe.class_(old.class_), scribe.class_(new.class_)),
        "unit": (scribe.unit(old.unit), scribe.unit(new.unit)),
        "maintainer": (scribe.maintainer(old.maintainer), scribe.maintainer(new.maintainer)),
        "upstream": (scribe.subject(old.upstream), scribe.subject(new.upstream)),
        "service_hours": (old.service_hours or scribe("always"), new.service_hours or scribe("always")),
        "picture": tuple(scribe("picture_yes" if place.picture else "picture_no") for place in (old, new)),
    }
    for key, (before, after) in pairs.items():
        if before != after:
            yield scribe(f"move_{key}", old=before, new=after)
