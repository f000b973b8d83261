"""What a change did with a camera's time, within a period. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from healthd.config_levers import PROFILE
from healthd.model import CameraHistory, LeverChange, Moment, Placement, State
from healthd.rates.buckets import judge
from healthd.rates.profiles import Profile
from healthd.rates.timeline import FOREVER, Watch, pieces

_FAULTS = ".faults"  # of a profile: the picture faults that count


class Sum:
    """What adds up to one line: ms of camera time, the part of it that came into the denominator (negative: went
    out), and whose. Mutable, as cameras come one by one."""

    __slots__ = ("amount", "cameras", "net")

    def __init__(self) -> None:
        self.amount = 0
        self.net = 0
        self.cameras: set[str] = set()

    def add(self, camera: str, amount: int, net: int = 0) -> None:
        self.amount += amount
        self.net += net
        self.cameras.add(camera)


class Regrading:
    """How much time a change of the faults that a profile counts made good or bad."""

    def __init__(self, change: LeverChange, rules: Iterable[LeverChange], profiles: Mapping[str, Profile]) -> None:
        """`rules`: all changes, `change` among them; `profiles`: those in use now, by name."""
        self.change = change
        self.sum = Sum()
        same = (other.at for other in rules if other.subject == change.subject and other.at > change.at)
        self._until = min(same, default=FOREVER)
        self._profile = profiles.get(change.subject.removesuffix(_FAULTS))
        self._faults = _faults(change.before), _faults(change.after)

    def add(self, history: CameraHistory, watch: Watch, inside: Callable[[str], bool]) -> None:
        start, end = max(self.change.at, watch.start), min(self._until, watch.until)
        faulty = any(state is State.FAULTY for _, state, _ in history.picture)
        if self._profile is None or not faulty or start >= end:
            return
        before, after = (replace(self._profile, faults=faults) for faults in self._faults)
        for piece in pieces(history, watch, start, end):
            graded = {judge(piece.situation, "intact", profile)[0] for profile in (before, after)}
            if len(graded) > 1 and inside(piece.placement.region):
                self.sum.add(history.camera, piece.end - piece.start)


def counts_faults(change: LeverChange) -> bool:
    """Whether it changes the picture faults that a profile counts."""
    return change.lever == PROFILE and change.subject.endswith(_FAULTS) and change.before is not None


def _faults(text: str | None) -> frozenset[str] | None:
    named = json.loads(text) if text else None
    return None if named is None else frozenset(named)


def value_of(placement: Placement, lever: str) -> str:
    """A column of the inventory as text."""
    value = placement.class_ if lever == "class" else getattr(placement, lever)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def differs(lever: str, value: str, placement: Placement | None) -> bool:
    """Whether the column has another value, or the camera is gone."""
    return placement is None or value_of(placement, lever) != value


def as_before(lever: str, before: Placement, placement: Placement | None) -> Placement | None:
    """The placement with the column as it was before; None stays None."""
    return placement and replace(placement, **{lever: getattr(before, lever)})


def next_change(history: CameraHistory, at: Moment, ends: Callable[[Placement | None], bool]) -> Moment:
    """The first change after `at` that ends what holds."""
    return next((since for since, placement in history.placements if since > at and ends(placement)), FOREVER)


def with_placements(
    history: CameraHistory, start: Moment, end: Moment, change: Callable[[Placement | None], Placement | None]
) -> CameraHistory:
    """The history as it would be had every placement of [start, end) been another."""
    placements = (
        (at, change(placement) if start <= at < end else placement) for at, placement in history.placements
    )
    return replace(history, placements=tuple(placements))


def served(
    history: CameraHistory,
    watch: Watch,
    start: Moment,
    end: Moment,
    inside: Callable[[str], bool] = lambda region: True,
) -> Moment:
    """The camera's time in service within [start, end), in the regions asked for."""
    if start >= end:
        return 0
    return sum(
        piece.end - piece.start
        for piece in pieces(history, watch, start, end)
        if not piece.situation.out and inside(piece.placement.region)
    )
