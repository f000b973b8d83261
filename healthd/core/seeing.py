"""Whether healthd itself sees: who answered last, since when without a gap, and who may bear witness."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from healthd.core.exchange import Steering
from healthd.core.roster import Entry
from healthd.folding.state import Sight
from healthd.model import Flip, Moment, State

log = logging.getLogger("healthd.core")

_WITNESSES = 3
_WITNESS_PAUSE: Moment = 1000  # ask for witnesses at most this often


@dataclass(slots=True)
class Seeing:
    """Moves with every answer, hence mutable. `since`: when the current heartbeat began; 0: none has."""

    blind: bool = False
    since: Moment = 0
    _sight: Sight = field(default_factory=Sight)
    _asked_witnesses: Moment = 0

    def answered(self, address: str, asked: Moment) -> None:
        """Somebody at `address` answered what was asked at `asked`: healthd sees."""
        self._sight.answered(address, asked)
        if self.blind or not self.since:
            if self.blind:
                log.info("healthd sees again at=%s witness=%s", iso(asked), address)
            self.blind = False
            self.since = asked

    def elsewhere(self, address: str) -> Moment:
        """When the latest ok of anybody but `address` was asked."""
        return self._sight.elsewhere(address)

    def went_blind(self, since: Moment) -> None:
        """Nobody at all has answered from `since` on."""
        if not self.blind:
            self.blind = True
            log.error(
                "healthd is blind: nobody answers, so no camera is called offline since=%s "
                "remedy=check this machine's network, and set reference_targets",
                iso(since),
            )

    def lost_time(self, now: Moment) -> None:
        """healthd itself stood still (stopped process, sleeping machine): the next ok begins a new heartbeat."""
        log.warning("healthd stood still; the gap is unknown until=%s", iso(now))
        self.since = 0

    def heartbeat(self, flips: Iterable[Flip]) -> tuple[Moment, Moment] | None:
        """(start, end) of the current sight, which reaches to the latest flip at least; None: there is none."""
        if not self.since or self.blind:
            return None
        return self.since, max([self._sight.latest, self.since, *(flip.at for flip in flips)])

    def ask_witnesses(
        self, entries: Iterable[Entry], references: Iterable[str], steering: Steering, now: Moment
    ) -> None:
        """A fail that nobody corroborates yet: ask some that answered, and the reference targets, right now."""
        if now - self._asked_witnesses < _WITNESS_PAUSE:
            return
        self._asked_witnesses = now
        upstreams: set[str] = set()
        for entry in entries:
            if entry.online.state is State.ONLINE and not entry.online.first_fail:
                upstream = entry.camera.placement.upstream or entry.camera.id
                if upstream not in upstreams:
                    upstreams.add(upstream)
                    steering.ask_again(entry.camera.reach, "ping", 0.0)
                if len(upstreams) >= _WITNESSES:
                    break
        for subject in references:
            steering.ask_again(subject, "ping", 0.0)


def iso(moment: Moment) -> str:
    """A moment as logs have it."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
