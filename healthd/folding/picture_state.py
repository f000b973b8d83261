"""Judged frames in, flips of the picture axis out: a pure fold per camera.

The rules (all times are when a frame was *asked*):

- Every fault is confirmed for itself: by several frames in a row, spread over minutes, and then dated at the first
  of them. A frame that could not judge a fault counts neither for nor against it.
- A picture is good again after `ok_after` frames in a row that show no fault and could judge those that hold; from
  unknown one is enough. A fault that is gone while another holds is taken out of the set in the same way.
- What holds stays while it cannot be judged: *not checked* is never *normal*.
- `fail_after` askings in a row without a picture to judge are `no_picture`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from healthd.folding.state import Holding, Reading, Rules, without_streak
from healthd.model import Asked, Axis, Flip, Moment, State
from probes.base import Outcome
from probes.picture.confirm import CONFIRMATIONS, Confirmation, Seen, confirmed
from probes.picture.verdict import SWITCHED_OFF, Fault

_KEPT = 16  # frames under suspicion: a fault that nothing decides for so long is begun anew


@dataclass(frozen=True, slots=True)
class PictureRules:
    """`axis`: when a picture is missing or good again. `confirmations`: when a fault holds."""

    axis: Rules
    confirmations: Mapping[Fault, Confirmation] = field(default_factory=lambda: CONFIRMATIONS)


def picture_reading(asked: Asked) -> Reading | None:
    """What a frame result says; None when it says nothing about the camera."""
    result = asked.result
    if result.outcome is Outcome.UNKNOWN:
        return None
    if result.outcome is Outcome.FAIL:
        return Reading(asked.asked, State.NO_PICTURE, (), str(result.reason), asked.took_seconds)
    values = result.values
    faults = tuple(sorted(values.get("faults", ())))
    return Reading(
        asked.asked,
        State.FAULTY if faults else State.GOOD,
        faults,
        str(result.reason),
        asked.took_seconds,
        tuple((one["fault"], one["value"], one["threshold"]) for one in values.get("findings", ())),
        # What is switched off is looked at no more: it must not hold for ever.
        frozenset(one["fault"] for one in values.get("not_checked", ()) if one["why"] != SWITCHED_OFF),
    )


def advance_picture(holding: Holding, reading: Reading, rules: PictureRules) -> tuple[Holding, Flip | None]:
    """Fold one reading. One asked at or before the latest changes nothing. The flip's `camera` is left to the
    caller."""
    if reading.asked <= holding.last:
        return holding, None
    if reading.asked - holding.last > rules.axis.span:
        holding = without_streak(holding)
    streak = (*holding.streak, reading)[-_KEPT:]
    if reading.state is State.NO_PICTURE:
        return _missing(holding, streak, rules.axis)
    frames = [one for one in streak if one.state is not State.NO_PICTURE]
    flip = _decided(holding, frames, rules)
    if flip is not None:
        holding = Holding(flip.state, flip.at, flip.faults, flip.reason)
    left = streak if _is_open(holding, frames) else ()
    return replace(without_streak(holding), streak=left, last=reading.asked), flip


def without_faults(
    holding: Holding, gone: Collection[str], at: Moment, reason: str
) -> tuple[Holding, Flip | None]:
    """The axis without the faults that somebody took back at `at`; good where none is left."""
    left = tuple(fault for fault in holding.faults if fault not in gone)
    kept = tuple(_taken_back(one, gone) for one in holding.streak)
    if holding.state is not State.FAULTY or left == holding.faults:
        return replace(holding, streak=kept), None
    state = State.FAULTY if left else State.GOOD
    at = max(at, holding.since)
    flip = Flip("", Axis.PICTURE, at, state, holding.state, left, reason, decided=at)
    return Holding(state, at, left, reason, holding.last, kept), flip


def _taken_back(one: Reading, gone: Collection[str]) -> Reading:
    faults = tuple(fault for fault in one.faults if fault not in gone)
    if one.state is not State.FAULTY or faults == one.faults:
        return one
    findings = tuple(finding for finding in one.findings if finding[0] not in gone)
    return replace(one, faults=faults, findings=findings, state=State.FAULTY if faults else State.GOOD)


def _missing(holding: Holding, streak: tuple[Reading, ...], rules: Rules) -> tuple[Holding, Flip | None]:
    last = streak[-1].asked
    if holding.state is State.NO_PICTURE:
        return replace(without_streak(holding), last=last), None
    run = _trailing(streak, lambda one: one.state is State.NO_PICTURE)
    if len(run) < rules.fail_after:
        return replace(without_streak(holding), streak=streak, last=last), None
    flip = _flip(holding, State.NO_PICTURE, run[0].asked, (), run)
    return Holding(State.NO_PICTURE, flip.at, (), flip.reason, last), flip


def _decided(holding: Holding, frames: Sequence[Reading], rules: PictureRules) -> Flip | None:
    had = frozenset(holding.faults)
    seen = [Seen(one.asked, frozenset(Fault(f) for f in one.faults), one.not_checked) for one in frames]
    found = {str(fault): at for fault, at in confirmed(seen, rules.confirmations).items()}
    gone = {
        fault: run[0].asked
        for fault in had - found.keys()
        if len(run := _run_without(fault, frames)) >= rules.axis.ok_after
    }
    faults = (had - gone.keys()) | found.keys()
    fresh = found.keys() - had
    if faults and faults != had:
        at = min(found[fault] for fault in fresh) if fresh else min(gone.values())
        return _flip(holding, State.FAULTY, at, faults, frames)
    clean = _trailing(frames, lambda one: one.good and not had & one.not_checked)
    needed = 1 if holding.state is State.UNKNOWN else rules.axis.ok_after
    if holding.state is not State.GOOD and len(clean) >= needed:
        return _flip(holding, State.GOOD, clean[0].asked, (), clean)
    return None


def _is_open(holding: Holding, frames: Sequence[Reading]) -> bool:
    """Whether something is suspected, or on its way back, that the next frames decide."""
    if holding.state is State.NO_PICTURE:
        return True
    held = frozenset(holding.faults)
    latest: dict[str, bool] = {}  # fault -> whether the last frame that could judge it showed it
    for one in frames:
        for fault in Fault:
            if fault not in one.not_checked:
                latest[fault] = fault in one.faults
    return any(shown != (fault in held) for fault, shown in latest.items())


def _run_without(fault: str, frames: Sequence[Reading]) -> Sequence[Reading]:
    """The last frames in a row that could judge the fault and do not show it."""
    judged = [one for one in frames if fault not in one.not_checked]
    return _trailing(judged, lambda one: fault not in one.faults)


def _trailing(readings: Sequence[Reading], holds: Callable[[Reading], bool]) -> Sequence[Reading]:
    return [*takewhile(holds, reversed(readings))][::-1]


def _flip(
    holding: Holding, state: State, at: Moment, faults: Collection[str], readings: Sequence[Reading]
) -> Flip:
    final = readings[-1]
    return Flip(
        camera="",
        axis=Axis.PICTURE,
        # A second fault may have shown before the first was dated: nothing is dated before what is stored.
        at=max(at, holding.since),
        state=state,
        was=holding.state,
        faults=tuple(sorted(faults)),
        reason=final.reason,
        decided=final.asked,
        evidence=tuple(one.as_evidence() for one in readings if one.asked >= at),
    )
