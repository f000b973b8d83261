"""The repair plan: the shortest list of repairs that lifts a region to its target. Pure, in whole numbers.

A rate good ÷ assessed reaches the target n ÷ d once d·good − n·assessed is not below zero. What a repaired camera
adds to that is its *lift*, so the plan is: the fewest incidents whose cameras together lift by what is missing.
"""

from __future__ import annotations

import enum
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

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


class Step(NamedTuple):
    """One repair: how many cameras it turns good, and how many are good of how many assessed after it. A tuple, as
    a dying city has hundreds of thousands of them."""

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
    known, needs = Needs(incidents), Counter[Bundle]()
    for camera, one in lifts.items():
        needs[known.bundle(camera, one)] += 1
    return plan_of(known, needs, good, assessed, target)


class Bundle(NamedTuple):
    """Cameras that are alike: good once the same incidents are repaired, each then with the same lift."""

    needed: frozenset[str]  # ids of incidents; empty: none explains why the camera is bad
    good: int
    assessed: int


Bundles = Mapping[Bundle, int]
"""How many cameras there are of each bundle: a line that took 20,000 along is one, in every region."""


class Needs:
    """Which open incidents must be repaired before a camera is good: worked out once for many plans."""

    def __init__(self, incidents: Iterable[Incident]) -> None:
        self.incidents: Mapping[str, Incident] = {one.id: one for one in incidents}
        self._holders: dict[str, list[Incident]] = defaultdict(list)
        self._equal: dict[frozenset[str], frozenset[str]] = {}  # equal ones are one value, and are hashed once
        for incident in self.incidents.values():
            for camera in incident.camera_ids:
                self._holders[camera].append(incident)

    def bundle(self, camera: str, one: Lift) -> Bundle:
        """Where a camera belongs."""
        needed = frozenset([held.id for held in self._holders.get(camera, ()) if held.kind in one.kinds])
        return Bundle(self._equal.setdefault(needed, needed), one.good, one.assessed)


def plan_of(needs: Needs, bundles: Bundles, good: int, assessed: int, target: Fraction | None) -> Plan:
    """As `make_plan`."""
    unexplained = sum(count for one, count in bundles.items() if not one.needed and one.assessed <= 0)
    if target is None or not assessed:
        outcome = Outcome.NO_TARGET if target is None else Outcome.NOTHING_ASSESSED
        return Plan(outcome, good, assessed, target, (), unexplained)
    n, d = target.numerator, target.denominator
    missing = n * assessed - d * good
    if missing <= 0:
        return Plan(Outcome.REACHED, good, assessed, target, (), unexplained)
    cost = _Cost(bundles, n, d)
    chosen = fewest(cost.groups(), missing)
    outcome = Outcome.REACHABLE if chosen is not None else Outcome.OUT_OF_REACH
    order = cost.in_order(cost.cameras.keys() if chosen is None else chosen)
    steps = tuple(_steps(order, needs.incidents, bundles, (good, assessed)))
    return Plan(outcome, good, assessed, target, steps, unexplained)


class _Cost:
    """What the repairs of some bundles gain towards a target of n ÷ d, in units of 1 ÷ d of a camera."""

    def __init__(self, bundles: Bundles, n: int, d: int) -> None:
        self.cameras: Counter[str] = Counter()  # incident -> those that need it
        self.alone: Counter[str] = Counter()  # incident -> gain of the bundles that need nothing else
        self.several: dict[frozenset[str], int] = defaultdict(int)  # incidents that are needed together -> gain
        for (needed, good, assessed), count in bundles.items():
            gain = (d * good - n * assessed) * count
            for incident in needed:
                self.cameras[incident] += count
            if len(needed) == 1:
                self.alone[next(iter(needed))] += gain
            elif needed:
                self.several[needed] += gain

    def groups(self) -> Sequence[Group]:
        """Each camera goes with the largest incident that it is in; the others are further repairs for it."""
        further: dict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
        for needed, gain in self.several.items():
            hub = min(needed, key=lambda incident: (-self.cameras[incident], incident))
            further[hub].append((gain, needed - {hub}))
        names = sorted(self.alone.keys() | further.keys()) if further else self.alone
        return [Group(hub, self.alone[hub], further.get(hub, ())) for hub in names]

    def in_order(self, chosen: Set[str]) -> Sequence[str]:
        """The chosen repairs, always next the one that lifts most after those before it."""
        waiting = [(set(needed), gain) for needed, gain in self.several.items() if needed <= chosen]
        held: dict[str, list[int]] = defaultdict(list)
        for number, (needed, _) in enumerate(waiting):
            for incident in needed:
                held[incident].append(number)
        gain = {incident: self.alone[incident] for incident in chosen}
        heap = [(-gain[incident], -self.cameras[incident], incident) for incident in chosen]
        if not waiting:
            return [incident for _, _, incident in sorted(heap)]
        heapq.heapify(heap)
        order: dict[str, None] = {}
        while heap:
            lifted, _, incident = heapq.heappop(heap)
            if incident in order or -lifted != gain[incident]:
                continue
            order[incident] = None
            for number in held[incident]:
                needed, more = waiting[number]
                needed.discard(incident)
                if len(needed) == 1:
                    last = min(needed)
                    gain[last] += more
                    heapq.heappush(heap, (-gain[last], -self.cameras[last], last))
        return [*order]


def _steps(
    order: Sequence[str], known: Mapping[str, Incident], bundles: Bundles, now: tuple[int, int]
) -> Iterator[Step]:
    """The figures after each repair; `now`: (good, assessed) before the first."""
    good, assessed = now
    place = {incident: number for number, incident in enumerate(order)}
    turned, entered = [0] * len(order), [0] * len(order)  # by the last repair that a bundle needs
    for (needed, more_good, more_assessed), count in bundles.items():
        if needed and needed <= place.keys():
            last = max(map(place.__getitem__, needed))
            turned[last] += more_good * count
            entered[last] += more_assessed * count
    for incident, cameras, more in zip(order, turned, entered, strict=True):
        good += cameras
        assessed += more
        yield Step(known[incident], cameras, good, assessed)
