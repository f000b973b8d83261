"""Where two checks contradict each other: an answer without reach, or a picture without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from healthd.core.roster import Entry
from healthd.folding.disagreements import Disagreements, Discord
from healthd.incidents.fleet import Fleet
from healthd.model import Asked, Moment, State
from probes.base import Outcome, Reason

_LOOK_AGAIN: Moment = 15 * 60_000  # whether what answers without reach still does
_NOBODY_HOME = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE, Reason.REFUSED, Reason.RESET})


@dataclass(slots=True)
class Contradictions:
    """What checks other than reach say of who is there, held against what the reach says. Mutable, as the core."""

    disagreements: Disagreements
    fleet: Fleet
    # camera -> the check that got an answer from it, and when; its reach has not been asked since
    _answered: dict[str, tuple[str, Moment]] = field(default_factory=dict)
    _looked_again: Moment = 0

    def reach_said(self, entry: Entry, reached: bool, asked: Moment) -> None:
        """Whether the reach still fails though another check got an answer since it began to."""
        camera = entry.camera.id
        check, answered = self._answered.get(camera, ("", asked))
        if reached:
            self._answered.pop(camera, None)
        elif check and asked > answered:
            del self._answered[camera]
            self.disagreements.answered(camera, (entry.online.state, entry.online.since), check, answered)
            self.fleet.otherwise_is(camera, check, answers=True)

    def other_said(self, entry: Entry, asked: Asked) -> bool:
        """Take what another check met; whether the reach is to be asked at once, to see whether it agrees."""
        camera = entry.camera.id
        if asked.result.reason in _NOBODY_HOME and asked.result.outcome is Outcome.FAIL:
            self.disagreements.silent(camera, asked.check, asked.asked)
            self.fleet.otherwise_is(camera, asked.check, answers=False)
            return not entry.online.undecided  # an open streak has its own pace: three fails take their time
        if entry.online.state is State.OFFLINE and asked.asked > entry.online.since and _spoke(asked):
            # It may just be coming back: only a reach that fails after this contradicts it.
            self._answered.setdefault(camera, (asked.check, asked.asked))
            return True
        return False

    def compare(self, entry: Entry, at: Moment) -> None:
        """Whether its reach and its picture contradict each other."""
        online, picture = entry.online, entry.picture
        stands = (online.state, online.since), (picture.state, picture.since)
        self.disagreements.stands(entry.camera.id, *stands, picture.reason, at)

    def to_look_at(self, now: Moment) -> Iterator[str]:
        """Cameras that answered without reach, every quarter of an hour: do they still?"""
        if now - self._looked_again >= _LOOK_AGAIN:
            self._looked_again = now
            for camera, finding in self.disagreements.holding:
                if finding in (Discord.PICTURE_WITHOUT_REACH, Discord.PROTOCOL_WITHOUT_REACH):
                    yield camera


def _spoke(asked: Asked) -> bool:
    """Whether it was the camera that answered, if only to refuse the login."""
    return asked.result.outcome is Outcome.OK or asked.result.reason is Reason.AUTH
