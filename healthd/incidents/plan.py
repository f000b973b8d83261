"""The repair plan: the shortest list of repairs that lifts a region to its target. Pure, in whole numbers.

A rate good ÷ assessed reaches the target n ÷ d once d·good − n·assessed is not below zero. What a repaired camera
adds to that is its *lift*, so the plan is: the fewest incidents whose cameras together lift by what is missing.
"""

from __future__ import annotations

import enum
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from healthd.incidents.choice import Group, fewest
from healthd.incidents.incident import Incident, Kind
from healthd.model import State
from healthd.rates.buckets import Bucket, judge
from healthd.rates.profiles import Profile
from healthd.rates.timeline import Situation

_DOWN = frozenset({Kind.OFFLINE, Kind.FLAPPING})
_PICTURE = frozenset({Kind.PICTURE, Kind.ACCOUNT})  # a wrong clock alone makes no rate worse


class Outcome(enum.StrEnum):
    """What can be said of a target."""

    REACHED = "reached"
    REACHABLE = "reachable"
    OUT_OF_REACH = "out_of_reach"  # not even with all repairs that are known
    NO_TARGET = "no_target"  # the profile sets none for this rate and class
    NOTHING_ASSESSED = "nothing_assessed"


@dataclass(frozen=True, slots=True)
class Lift:
    """What changes in the rate's figures once the camera is repaired, and what kinds of incident keep it from
    that: all of them that it is in have to be repaired first."""

    good: int
    assessed: int
    kinds: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Step:
    """One repair: how many cameras it turns good, and how many are good of how many assessed after it."""

    incident: Incident
    cameras: int
    good: int
    assessed: int

    @property
    def ratio(self) -> Fraction:
        return Fraction(self.good, self.assessed)


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps`: the repairs, those that lift the most first; with OUT_OF_REACH all that help. `good`, `assessed`:
    cameras now. `unexplained`: cameras that are bad now and in no open incident that says why."""

    outcome: Outcome
    good: int
    assessed: int
    target: Fraction | None
    steps: Sequence[Step]
    unexplained: int

    def as_json(self) -> dict[str, Any]:
        """By the public names; absent figures null."""
        return {
            "outcome": str(self.outcome),
            "good": self.good,
            "assessed": self.assessed,
            "ratio": self.good / self.assessed if self.assessed else None,
            "target": None if self.target is None else float(self.target),
            "unexplained": self.unexplained,
            "steps": [
                {
                    "incident": step.incident.id,
                    "kind": str(step.incident.kind),
                    "cause": str(step.incident.cause),
                    "subject": step.incident.subject,
                    "region": step.incident.region,
                    "unit": step.incident.unit,
                    "maintainer": step.incident.maintainer,
                    "cameras": step.cameras,
                    "good": step.good,
                    "assessed": step.assessed,
                    "ratio": float(step.ratio),
                }
                for step in self.steps
            ],
        }


def lift(situation: Situation, rate: str, profile: Profile) -> Lift | None:
    """What the repair of a camera that stands so would change; None where it is not bad, or nobody knows.

    It is taken to be online with a good picture after it, if a picture is expected of it.
    """
    before, _ = judge(situation, rate, profile)
    if before not in (Bucket.BAD, Bucket.UNDIAGNOSED):
        return None
    mended = situation._replace(online=State.ONLINE, picture=State.GOOD, faults=(), overdue=-1)
    after, _ = judge(mended, rate, profile)
    if after is before:
        return None
    kinds = _DOWN if situation.online is State.OFFLINE else frozenset()
    assessed = (after <= Bucket.BAD) - (before <= Bucket.BAD)
    return Lift(int(after is Bucket.GOOD), assessed, kinds if rate == "online" else kinds | _PICTURE)


def make_plan(
    incidents: Iterable[Incident], lifts: Mapping[str, Lift], good: int, assessed: int, target: Fraction | None
) -> Plan:
    """The plan for one region, class, rate and profile.

    `incidents`: the open ones. `lifts`: by camera, only of the cameras that `good` and `assessed` are counted
    over. The list is the shortest there is as long as no camera is in two incidents that each hold several; else
    it still reaches the target.
    """
    return plan_of(holders_of(incidents), lifts, good, assessed, target)


Holders = Mapping[str, Sequence[Incident]]
"""Camera -> the open incidents that it is in."""


def holders_of(incidents: Iterable[Incident]) -> Holders:
    """Who holds each camera: worked out once for many plans."""
    holders: dict[str, list[Incident]] = defaultdict(list)
    for incident in {one.id: one for one in incidents}.values():
        for camera in incident.camera_ids:
            holders[camera].append(incident)
    return holders


def plan_of(
    holders: Holders, lifts: Mapping[str, Lift], good: int, assessed: int, target: Fraction | None
) -> Plan:
    """As `make_plan`."""
    known, needs = _needs(holders, lifts)
    unexplained = sum(1 for camera, one in lifts.items() if one.assessed <= 0 and camera not in needs)
    if target is None or not assessed:
        outcome = Outcome.NO_TARGET if target is None else Outcome.NOTHING_ASSESSED
        return Plan(outcome, good, assessed, target, (), unexplained)
    n, d = target.numerator, target.denominator
    missing = n * assessed - d * good
    if missing <= 0:
        return Plan(Outcome.REACHED, good, assessed, target, (), unexplained)
    gains = {camera: d * lifts[camera].good - n * lifts[camera].assessed for camera in needs}
    chosen = fewest(_groups(needs, gains), missing)
    outcome = Outcome.REACHABLE if chosen is not None else Outcome.OUT_OF_REACH
    if chosen is None:
        chosen = frozenset(incident for needed in needs.values() for incident in needed)
    order = _in_order(chosen, needs, gains)
    steps = tuple(_steps(order, known, needs, lifts, (good, assessed)))
    return Plan(outcome, good, assessed, target, steps, unexplained)


_Needs = Mapping[str, frozenset[str]]
"""Camera -> the incidents that must all be repaired before it is good."""


def _needs(holders: Holders, lifts: Mapping[str, Lift]) -> tuple[Mapping[str, Incident], _Needs]:
    """The incidents by id that these cameras need, and who needs which."""
    known: dict[str, Incident] = {}
    needs = {}
    for camera, one in lifts.items():
        needed = [incident for incident in holders.get(camera, ()) if incident.kind in one.kinds]
        if needed:
            needs[camera] = frozenset(incident.id for incident in needed)
            known.update((incident.id, incident) for incident in needed)
    return known, needs


def _groups(needs: _Needs, gains: Mapping[str, int]) -> list[Group]:
    """Each camera goes with the largest incident that it is in; the others are further repairs for it alone."""
    sizes = Counter(incident for needed in needs.values() for incident in needed)
    own: Counter[str] = Counter()
    further: dict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
    for camera, needed in needs.items():
        hub = min(needed, key=lambda incident: (-sizes[incident], incident))
        if len(needed) == 1:
            own[hub] += gains[camera]
        else:
            further[hub].append((gains[camera], needed - {hub}))
    return [Group(hub, own[hub], further.get(hub, ())) for hub in sorted(own.keys() | further.keys())]


def _in_order(chosen: frozenset[str], needs: _Needs, gains: Mapping[str, int]) -> list[str]:
    """The chosen repairs, always next the one that lifts most after those before it."""
    waiting = {camera: set(needed) for camera, needed in needs.items() if needed <= chosen}
    held: dict[str, list[str]] = defaultdict(list)
    gain: Counter[str] = Counter()
    for camera, needed in waiting.items():
        for incident in needed:
            held[incident].append(camera)
        if len(needed) == 1:
            gain[min(needed)] += gains[camera]
    heap = [(-gain[incident], -len(held[incident]), incident) for incident in chosen]
    heapq.heapify(heap)
    order: list[str] = []
    done: set[str] = set()
    while heap:
        lifted, _, incident = heapq.heappop(heap)
        if incident in done or -lifted != gain[incident]:
            continue
        order.append(incident)
        done.add(incident)
        for camera in held[incident]:
            waiting[camera].discard(incident)
            if len(waiting[camera]) == 1:
                last = min(waiting[camera])
                gain[last] += gains[camera]
                heapq.heappush(heap, (-gain[last], -len(held[last]), last))
    return order


def _steps(
    order: Sequence[str],
    known: Mapping[str, Incident],
    needs: _Needs,
    lifts: Mapping[str, Lift],
    now: tuple[int, int],
) -> Iterator[Step]:
    """The figures after each repair; `now`: (good, assessed) before the first."""
    good, assessed = now
    place = {incident: number for number, incident in enumerate(order)}
    turning: dict[str, list[str]] = defaultdict(list)  # by the last repair that a camera needs
    for camera, needed in needs.items():
        if needed <= place.keys():
            turning[max(needed, key=place.__getitem__)].append(camera)
    for incident in order:
        turned = sum(lifts[camera].good for camera in turning[incident])
        good += turned
        assessed += sum(lifts[camera].assessed for camera in turning[incident])
        yield Step(known[incident], turned, good, assessed)
