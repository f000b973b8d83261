"""What is given up when the store is away for so long that what waits for it would fill the memory.

Nothing is invented and nothing goes silently: where a camera flipped to and fro, its first and its last flip stay
and the time between them becomes unknown, which lowers coverage and no rate; of an incident the steps between go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from healthd.incidents.incident import Happening, What
from healthd.model import Axis, Flip, State
from probes.base import Reason

_STEPS = frozenset(
    {What.GROWN, What.CAUSE, What.DUE}
)  # each entry of the feed has the whole incident as it stands


def thin_flips(flips: Sequence[Flip]) -> list[Flip]:
    """The same with at most three of each camera and axis: the first; unknown from the second on; the last."""
    places: dict[tuple[str, Axis], list[int]] = {}
    for place, flip in enumerate(flips):
        places.setdefault((flip.camera, flip.axis), []).append(place)
    kept: dict[int, Flip] = {}
    for found in places.values():
        first, *between, last = found if len(found) > 1 else (found[0], found[0])
        kept[first] = flips[first]
        if len(between) < 2:
            kept.update((place, flips[place]) for place in (*between, last))
            continue
        kept[between[0]] = _unknown(flips[first], flips[between[0]], len(between))
        if flips[last].state is not State.UNKNOWN:
            kept[last] = _after_unknown(flips[last])
    return [kept[place] for place in sorted(kept)]


def _unknown(before: Flip, first: Flip, given_up: int) -> Flip:
    return Flip(
        first.camera,
        first.axis,
        first.at,
        State.UNKNOWN,
        before.state,
        reason=str(Reason.LOCAL),
        decided=first.decided,
        evidence=({"flips_given_up": given_up},),
    )


def _after_unknown(last: Flip) -> Flip:
    return Flip(
        last.camera,
        last.axis,
        last.at,
        last.state,
        State.UNKNOWN,
        last.faults,
        last.reason,
        last.decided,
        last.evidence,
    )


def thin_happenings(happenings: Iterable[Happening]) -> list[Happening]:
    """The same without steps of an incident that a later one of the same kind has overtaken."""
    kept: dict[tuple[str, What] | int, Happening] = {}
    for place, happening in enumerate(happenings):
        key = (happening.incident.id, happening.what) if happening.what in _STEPS else place
        kept.pop(key, None)  # the later one stands at its own place
        kept[key] = happening
    return [*kept.values()]
