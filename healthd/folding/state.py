"""Results in, flips out: a pure fold per camera and axis, and the question whether healthd itself can see.

The rules (all times are when a result was *asked*):

- The picture axis has a fold of its own in `picture_state`, over the same values.
- From unknown, one ok decides. `fail_after` consecutive fails make an axis bad, `ok_after` consecutive oks make a
  bad one good again; either flip is dated at the first result of its streak.
- Unknown results move nothing, and a streak does not span more than two intervals without a known result.
- A fail of the online axis counts only once somebody else has answered at or after it: a reference target or a
  camera at another address. When `fail_after` fails in a row saw nobody else answer, healthd is blind: the
  camera is unknown from the first of them on. Our own outage is never booked on a camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from healthd.model import Asked, Axis, Flip, Moment, State
from probes.base import Outcome

GOOD_STATES = frozenset({State.ONLINE, State.GOOD})
_KEPT_EVIDENCE = 8  # a streak that waits to be corroborated must not grow without end


@dataclass(frozen=True, slots=True)
class Rules:
    """When an axis flips. `span` is the longest pause between two results of one streak, in ms."""

    fail_after: int
    ok_after: int
    span: Moment


@dataclass(frozen=True, slots=True)
class Reading:
    """What one known result says about an axis. Of a picture: `findings` (fault, value, threshold) and the faults
    that were `not_checked`."""

    asked: Moment
    state: State
    faults: tuple[str, ...] = ()
    reason: str = ""
    took_seconds: float = 0.0
    findings: tuple[tuple[str, float, float], ...] = ()
    not_checked: frozenset[str] = frozenset()

    @property
    def good(self) -> bool:
        return self.state in GOOD_STATES

    def as_evidence(self) -> Mapping[str, object]:
        """The JSON-able form that a flip keeps."""
        row: dict[str, object] = {
            "asked": self.asked,
            "state": str(self.state),
            "reason": self.reason,
            "took_seconds": round(self.took_seconds, 4),
        }
        if self.faults:
            row["faults"] = list(self.faults)
        if self.findings:
            row["findings"] = [
                {"fault": fault, "value": round(value, 4), "threshold": round(threshold, 4)}
                for fault, value, threshold in self.findings
            ]
        return row


@dataclass(frozen=True, slots=True)
class Holding:
    """Where one axis of one camera stands, and its streak.

    `last` is when the latest known result was asked. The streak's final fail may be `pending`: nobody else has
    answered since it. `blind` counts the fails in a row that were dropped because nobody else answered.
    `first_fail` is the first fail since the last ok, dropped ones included (0: none).
    """

    state: State = State.UNKNOWN
    since: Moment = 0
    faults: tuple[str, ...] = ()
    reason: str = ""
    last: Moment = 0
    streak: tuple[Reading, ...] = ()
    pending: bool = False
    blind: int = 0
    first_fail: Moment = 0

    @property
    def undecided(self) -> bool:
        return bool(self.streak) or self.blind > 0


def online_reading(asked: Asked) -> Reading | None:
    """What a reach result says; None when it says nothing about the camera."""
    result = asked.result
    if result.outcome is Outcome.UNKNOWN:
        return None
    state = State.ONLINE if result.outcome is Outcome.OK else State.OFFLINE
    return Reading(asked.asked, state, (), str(result.reason), asked.took_seconds)


def retry_after(asked: Asked, retry_seconds: float) -> float:
    """In how many seconds to ask again: counted from asking to asking, for an answer is waited for up to a timeout
    each time, and a page must not be that much later."""
    return max(0.0, retry_seconds - asked.took_seconds)


def _needed(holding: Holding, reading: Reading, rules: Rules) -> int:
    if reading.good:
        return 1 if holding.state is State.UNKNOWN else rules.ok_after
    return rules.fail_after


def _flipped(holding: Holding, streak: tuple[Reading, ...], last: Moment) -> tuple[Holding, Flip]:
    final = streak[-1]
    flip = Flip(
        camera="",
        axis=Axis.ONLINE,
        at=streak[0].asked,
        state=final.state,
        was=holding.state,
        faults=final.faults,
        reason=final.reason,
        decided=final.asked,
        evidence=tuple(reading.as_evidence() for reading in streak),
    )
    return Holding(final.state, flip.at, final.faults, final.reason, last), flip


def advance(holding: Holding, reading: Reading, rules: Rules) -> tuple[Holding, Flip | None]:
    """Fold one reading of the online axis that needs no corroboration.

    A reading asked at or before the latest one changes nothing. The flip's `camera` is left to the caller.
    """
    if reading.asked <= holding.last:
        return holding, None
    if reading.asked - holding.last > rules.span:
        holding = without_streak(holding)
    if holding.state is reading.state:
        return replace(without_streak(holding), last=reading.asked), None
    goes_on = holding.streak and holding.streak[-1].good == reading.good
    streak = (*holding.streak, reading) if goes_on else (reading,)
    if len(streak) >= _needed(holding, reading, rules):
        return _flipped(holding, streak, reading.asked)
    kept = replace(without_streak(holding), streak=streak[-_KEPT_EVIDENCE:], last=reading.asked)
    return kept, None


def advance_online(
    holding: Holding, reading: Reading, rules: Rules, elsewhere: Moment
) -> tuple[Holding, Flip | None]:
    """Fold one reading of the online axis.

    `elsewhere` is when the latest ok of anybody else was asked. A flip to `unknown` says that healthd is blind.
    """
    if reading.good or reading.asked <= holding.last:
        return advance(holding, reading, rules)
    if reading.asked - holding.last > rules.span or (holding.streak and holding.streak[-1].good):
        holding = without_streak(holding)
    if holding.state is State.OFFLINE:
        return replace(without_streak(holding), last=reading.asked), None
    holding, flip = settle(holding, rules, elsewhere)
    if flip is not None:
        return replace(holding, last=reading.asked), flip
    if holding.pending:  # a whole retry has passed, and nobody else answered: that fail proves nothing
        holding = replace(holding, streak=holding.streak[:-1], pending=False, blind=holding.blind + 1)
    holding = replace(
        holding,
        streak=(*holding.streak, reading)[-_KEPT_EVIDENCE:],
        pending=True,
        last=reading.asked,
        first_fail=holding.first_fail or reading.asked,
    )
    holding, flip = settle(holding, rules, elsewhere)
    if flip is None and holding.pending and holding.blind + 1 >= rules.fail_after:
        return _blinded(holding)
    return holding, flip


def settle(holding: Holding, rules: Rules, elsewhere: Moment) -> tuple[Holding, Flip | None]:
    """Confirm a pending fail once somebody else has answered since; flips when it was the deciding one."""
    if not holding.pending or elsewhere < holding.streak[-1].asked:
        return holding, None
    if len(holding.streak) >= rules.fail_after:
        return _flipped(holding, holding.streak, holding.last)
    return replace(holding, pending=False, blind=0), None


def _blinded(holding: Holding) -> tuple[Holding, Flip | None]:
    blank = Holding(State.UNKNOWN, holding.first_fail, (), "local", holding.last)
    if holding.state is State.UNKNOWN:
        return replace(blank, since=holding.since), None
    flip = Flip(
        camera="",
        axis=Axis.ONLINE,
        at=holding.first_fail,
        state=State.UNKNOWN,
        was=holding.state,
        reason="local",
        decided=holding.last,
        evidence=tuple(reading.as_evidence() for reading in holding.streak),
    )
    return blank, flip


def forget(holding: Holding, axis: Axis, at: Moment, reason: str) -> tuple[Holding, Flip | None]:
    """The axis becomes unknown at `at` (not before its last flip): asked no more, too old, or offline."""
    if holding.state is State.UNKNOWN:
        return replace(without_streak(holding), since=holding.since), None
    at = max(at, holding.since)
    flip = Flip("", axis, at, State.UNKNOWN, holding.state, reason=reason, decided=at)
    return Holding(State.UNKNOWN, at, (), reason, holding.last), flip


def without_streak(holding: Holding) -> Holding:
    """The same state with nothing under way."""
    if not holding.undecided and not holding.first_fail:
        return holding
    return replace(holding, streak=(), pending=False, blind=0, first_fail=0)


@dataclass(slots=True)
class Sight:
    """Who answered last: proof that healthd itself can see. Mutable: it moves with every single ok.

    It remembers the latest ok and the latest at another address, so that no camera vouches for itself.
    """

    latest: Moment = 0
    address: str = ""
    other: Moment = 0

    def answered(self, address: str, asked: Moment) -> None:
        """Somebody at `address` answered what was asked at `asked`."""
        if address == self.address:
            self.latest = max(self.latest, asked)
        elif asked >= self.latest:
            self.latest, self.other, self.address = asked, self.latest, address
        else:
            self.other = max(self.other, asked)

    def elsewhere(self, address: str) -> Moment:
        """When the latest ok of anybody but `address` was asked."""
        return self.other if address == self.address else self.latest
