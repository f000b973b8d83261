"""The incidents that belong to a simulated past: one for each outage and bad picture, with a cause. Pure.

A county's line that was down is one incident. All of them are over: the past ends with everything well.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from healthd.city.plan import Plan
from healthd.incidents.incident import Cause, Happening, Incident, Kind, What
from healthd.model import Axis, Camera, Flip, Moment, State

_SETTLE: Moment = 45_000  # from the first failed result to the incident
_HOUR: Moment = 3_600_000
_TOGETHER = 5  # so many cameras of a county that go down in the same moment lost their line
_CAUSES = {Cause.DEVICE: 45, Cause.POWER: 25, Cause.LINK: 30}
_DOWN = (State.OFFLINE, State.FAULTY, State.NO_PICTURE)


def simulate_repairs(plan: Plan, flips: Iterable[Flip], seed: int) -> list[Happening]:
    """Opened and closed, by time. `flips`: those of the past, by time."""
    rng = random.Random(f"{seed} repairs")
    happenings = [
        happening for incident in _incidents(plan, _spells(plan, flips), rng) for happening in _story(incident)
    ]
    return sorted(happenings, key=lambda one: (one.at, one.incident.id))


_Spell = tuple[Camera, State, Moment, Moment]
"""Who was how, from when to when."""


def _spells(plan: Plan, flips: Iterable[Flip]) -> list[_Spell]:
    since: dict[tuple[str, Axis], tuple[State, Moment]] = {}
    found: list[_Spell] = []
    for flip in flips:
        key = (flip.camera, flip.axis)
        state, begun = since.get(key, (State.UNKNOWN, flip.at))
        if flip.state is State.UNKNOWN and state in _DOWN:
            continue  # offline meanwhile, or not seen: the fault goes on
        if flip.state is state:
            continue
        if state in _DOWN:
            found.append((plan.cameras[flip.camera], state, begun, flip.at))
        since[key] = (flip.state, flip.at)
    return found


def _incidents(plan: Plan, spells: Sequence[_Spell], rng: random.Random) -> Iterator[Incident]:
    together: Mapping[tuple[str, Moment], list[_Spell]] = _by_county(plan, spells)
    for (county, since), group in sorted(together.items()):
        if county and len(group) >= _TOGETHER:
            yield _mass(county, since, group)
            continue
        for camera, state, begun, ended in group:
            yield _single(plan, camera, state, (begun, ended), rng)


def _by_county(plan: Plan, spells: Sequence[_Spell]) -> Mapping[tuple[str, Moment], list[_Spell]]:
    groups: dict[tuple[str, Moment], list[_Spell]] = defaultdict(list)
    for spell in spells:
        camera, state, since, _ = spell
        county = plan.regions[camera.placement.region].parent if state is State.OFFLINE else ""
        groups[county, since].append(spell)
    return groups


def _mass(county: str, since: Moment, group: Sequence[_Spell]) -> Incident:
    cameras = frozenset(camera.id for camera, *_ in group)
    return Incident(
        id=f"sim-{county}-{since}",
        kind=Kind.OFFLINE,
        cause=Cause.REGION_LINK,
        subject=county,
        region=county,
        class_="",
        unit="",
        maintainer="",
        camera_ids=cameras,
        since=since,
        opened=since + _SETTLE,
        due=since + 48 * _HOUR,
        most_cameras=len(cameras),
        closed=max(ended for *_, ended in group),
        verified=True,
    )


def _single(plan: Plan, camera: Camera, state: State, span: tuple[Moment, Moment], rng: random.Random) -> Incident:
    place, (since, ended) = camera.placement, span
    crew = plan.maintainers.get(place.maintainer)
    hours = crew.repair_hours if crew and crew.repair_hours else 24.0
    [cause] = rng.choices([*_CAUSES], [*_CAUSES.values()])
    kind = Kind.OFFLINE
    if state is not State.OFFLINE:
        kind, cause = (Kind.PICTURE, Cause.PICTURE) if state is State.FAULTY else (Kind.ACCOUNT, Cause.ACCOUNT)
    return Incident(
        id=f"sim-{camera.id}-{kind}-{since}",
        kind=kind,
        cause=cause,
        subject=camera.id,
        region=place.region,
        class_=place.class_,
        unit=place.unit,
        maintainer=place.maintainer,
        camera_ids=frozenset([camera.id]),
        since=since,
        opened=since + _SETTLE,
        due=since + round(hours * _HOUR),
        most_cameras=1,
        closed=max(ended, since + _SETTLE + 1),
        verified=True,
    )


def _story(incident: Incident) -> Iterator[Happening]:
    opened = replace(incident, closed=0, verified=False)
    yield Happening(incident.opened, What.OPENED, opened)
    yield Happening(incident.closed, What.CLOSED, replace(incident, camera_ids=frozenset()))
