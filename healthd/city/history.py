"""A believable past for a simulated city, so that a demo and last month's report have something to show. Pure.

Good on the whole (about 98 % online), with what makes a report worth reading: one contractor who repairs late, one
county that fails often, a few cameras that never get well, one evening when a county's link was down, and an hour
in which nobody watched.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from healthd.city.plan import Plan
from healthd.model import Axis, Camera, Change, Flip, Moment, State

AUTHOR = "simulated history"
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_QUIET = 10 * _MINUTE  # everything is well by then, so that the live city takes over without a jump
_OUTAGES_PER_DAY, _REPAIR_HOURS = 0.12, 2.0
_PICTURES_PER_DAY, _PICTURE_HOURS = 0.03, 7.0
_FRESH = 60 * _SECOND  # until the first picture after an outage
_CAUSES = (
    (State.FAULTY, ("no_signal",)),
    (State.FAULTY, ("dark",)),
    (State.FAULTY, ("bright",)),
    (State.FAULTY, ("corrupt",)),
    (State.NO_PICTURE, ()),
)

_MEASURED = {"no_signal": (0.99, 0.97), "dark": (11.0, 28.0), "bright": (0.71, 0.42), "corrupt": (1.0, 1.0)}
"""Fault -> (what could have been measured, its threshold), so that a finding of the past can be disputed, too."""

Span: TypeAlias = tuple[Moment, Moment]
_Seen: TypeAlias = tuple[State, tuple[str, ...]]
"""A state and the faults of a picture."""
History: TypeAlias = tuple[list[Span], list[Change], list[Flip]]


@dataclass(frozen=True, slots=True)
class _Past:
    """What the whole city went through."""

    start: Moment
    end: Moment
    gap: Span  # nobody watched
    link: Span  # a county's link was down
    county: str  # that county
    weak_county: str
    weak_maintainer: str


def simulate_history(plan: Plan, days: int, seed: int, end: Moment) -> History:
    """`days` days that end at `end`: (spans in which healthd watched, placement changes, flips), each by time."""
    past = _past(plan, days, end)
    changes: list[Change] = []
    flips: list[Flip] = []
    for camera in plan.cameras.values():
        rng = random.Random(f"{seed} history {camera.id}")
        changes += _placements(plan, camera, past, rng)
        flips += _flips(camera, past, rng)
    changes.sort(key=lambda change: change.at)
    flips.sort(key=lambda flip: flip.at)
    return [(past.start, past.gap[0]), (past.gap[1], past.end)], changes, flips


def _past(plan: Plan, days: int, end: Moment) -> _Past:
    length = days * _DAY
    counties = sorted(region.code for region in plan.regions.values() if region.level == "county") or [""]
    gap, link = end - length * 2 // 5, end - length // 4
    return _Past(
        end - length,
        end,
        (gap, gap + min(_HOUR, length // 24)),
        (link, link + min(3 * _HOUR, length // 12)),
        counties[0],
        counties[-1],
        max(plan.maintainers),
    )


def _placements(plan: Plan, camera: Camera, past: _Past, rng: random.Random) -> Iterator[Change]:
    """Where the camera was booked; one in fifty changed its maintainer halfway."""
    others = [key for key in plan.maintainers if key != camera.placement.maintainer]
    if others and rng.random() < 0.02:
        yield Change(camera.id, past.start, replace(camera.placement, maintainer=rng.choice(others)), AUTHOR)
        yield Change(camera.id, (past.start + past.end) // 2, camera.placement, AUTHOR)
    else:
        yield Change(camera.id, past.start, camera.placement, AUTHOR)


def _flips(camera: Camera, past: _Past, rng: random.Random) -> Iterator[Flip]:
    place = camera.placement
    weak = place.maintainer == past.weak_maintainer
    often = 6.0 if rng.random() < 0.03 else 2.0 if place.region.startswith(past.weak_county) else 1.0
    outages = _spans(past, rng, _OUTAGES_PER_DAY * often, _REPAIR_HOURS * (4 if weak else 1))
    if place.region.startswith(past.county):
        outages = _united([*outages, past.link])
    pictures = [
        (span, *rng.choice(_CAUSES))
        for span in _spans(past, rng, _PICTURES_PER_DAY * often**0.5, _PICTURE_HOURS * (5 if weak else 1))
    ]
    first = past.start + rng.randrange(_MINUTE)
    yield _flip(camera, Axis.ONLINE, first, (State.ONLINE, ()), State.UNKNOWN)
    for start, end in outages:
        yield _flip(camera, Axis.ONLINE, start, (State.OFFLINE, ()), State.ONLINE)
        yield _flip(camera, Axis.ONLINE, end, (State.ONLINE, ()), State.OFFLINE)
    yield from _picture_flips(camera, first, [*outages, past.gap], pictures)


def _picture_flips(
    camera: Camera, first: Moment, unseen: Sequence[Span], faults: Sequence[tuple[Span, State, tuple[str, ...]]]
) -> Iterator[Flip]:
    """What was known of the picture: nothing while offline or unwatched, nor until the first picture after."""
    blind = _united([(start, end + _FRESH) for start, end in unseen])
    moments = {
        first + _FRESH,
        *(at for span in blind for at in span),
        *(at for span, _, _ in faults for at in span),
    }
    was: _Seen = (State.UNKNOWN, ())
    for at in sorted(moments):
        now: _Seen = (State.GOOD, ())
        if any(start <= at < end for start, end in blind):
            now = (State.UNKNOWN, ())
        else:
            now = next(((state, names) for (start, end), state, names in faults if start <= at < end), now)
        if now != was:
            yield _flip(camera, Axis.PICTURE, at, now, was[0])
        was = now


def _spans(past: _Past, rng: random.Random, per_day: float, mean_hours: float) -> list[Span]:
    """Spans in order that don't touch each other, the gap or the end."""
    spans: list[Span] = []
    at = past.start + _HOUR
    while True:
        at += int(rng.expovariate(per_day) * _DAY)
        end = at + 3 * _MINUTE + int(rng.expovariate(1 / mean_hours) * _HOUR)
        if at >= past.end - _QUIET:
            return spans
        end = min(end, past.end - _QUIET)
        if end < past.gap[0] - _QUIET or at > past.gap[1] + _QUIET:
            spans.append((at, end))
        at = end + _QUIET


def _united(spans: Sequence[Span]) -> list[Span]:
    """The same seconds as spans that neither overlap nor touch, in order."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _flip(camera: Camera, axis: Axis, at: Moment, seen: _Seen, was: State) -> Flip:
    state, faults = seen
    if state is State.UNKNOWN:  # no result decides that nobody knows
        return Flip(camera.id, axis, at, state, was, decided=at)
    bad = state in (State.OFFLINE, State.FAULTY, State.NO_PICTURE)
    reason = {State.OFFLINE: "timeout", State.NO_PICTURE: "refused"}.get(state, "ok")
    count = 3 if bad else 2 if was is not State.UNKNOWN else 1
    asked = [at + number * 15 * _SECOND for number in range(count)]
    row: dict[str, object] = {"state": str(state), "reason": reason, "simulated": True}
    if faults:
        row["faults"] = list(faults)
        row["findings"] = [
            {"fault": fault, "value": _MEASURED[fault][0], "threshold": _MEASURED[fault][1]} for fault in faults
        ]
    evidence = tuple({"asked": one, **row} for one in asked)
    return Flip(camera.id, axis, at, state, was, faults, reason, asked[-1], evidence)
