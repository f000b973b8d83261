"""What the core is given and what it leaves: its rules, its past, how it steers, and what is to be stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from healthd.core.thinning import thin_flips, thin_happenings
from healthd.folding.disagreements import Disagreement
from healthd.folding.picture_state import PictureRules
from healthd.folding.state import Rules
from healthd.incidents.incident import Happening
from healthd.model import Axis, Flip, Moment, PictureReference, State
from probes.base import Memory

_WAITING_LEAST = 20_000  # flips and happenings that may always wait; some 1 kB each


@dataclass(frozen=True, slots=True)
class Steering:
    """How the core side asks the prober side for something."""

    ask_again: Callable[[str, str, float], None]
    hold: Callable[[str, str], None]
    release: Callable[[str, str], None]
    look: Callable[[str, str], None] = lambda subject, check: None  # ask once what is held


@dataclass(frozen=True, slots=True)
class CoreRules:
    """The rules of both axes and their pauses, in ms; `picture` None: no frame check is configured."""

    online: Rules
    picture: PictureRules | None
    retry_seconds: float
    picture_retry_seconds: float  # after a frame that shows a fault, or none any more
    online_max_age: Moment
    picture_max_age: Moment


@dataclass(frozen=True, slots=True)
class Outbox:
    """What one step of the core leaves to be stored; `heartbeat` is (start, end) of the current sight."""

    flips: tuple[Flip, ...]
    heartbeat: tuple[Moment, Moment] | None
    memories: Mapping[str, Memory]
    reached: Mapping[str, Moment]
    reboots: Mapping[str, int]  # the new totals
    happenings: tuple[Happening, ...]
    references: Sequence[PictureReference] = ()
    forgotten: Sequence[str] = ()  # cameras whose older references go
    disagreements: tuple[Disagreement, ...] = ()  # that began or ended


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of earlier runs; `last_seen` is the end of the last heartbeat (0: none)."""

    last_seen: Moment
    states: Mapping[tuple[str, Axis], tuple[State, Moment, tuple[str, ...], str]]  # state, since, faults, reason
    memories: Mapping[str, Memory]
    reached: Set[str]  # cameras that ever answered
    reboots: Mapping[str, int]


@dataclass(slots=True)
class Unstored:
    """What the core has to say since it was last asked; mutable, for every result may add to it."""

    flips: list[Flip] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    memories: dict[str, Memory] = field(default_factory=dict)
    reached: dict[str, Moment] = field(default_factory=dict)
    reboots: dict[str, int] = field(default_factory=dict)
    _enough: int = 0  # flips and happenings below which nothing is thinned out

    def thin_out(self, cameras: int) -> int:
        """To be called while the store takes nothing: keep what waits in proportion to the fleet. Returns how many
        flips were given up (see `thinning`). All else grows no further by itself."""
        waiting = len(self.flips) + len(self.happenings)
        if waiting <= max(self._enough, _WAITING_LEAST, cameras):
            return 0
        before, self.flips = len(self.flips), thin_flips(self.flips)
        self.happenings = thin_happenings(self.happenings)
        self._enough = 2 * (len(self.flips) + len(self.happenings))  # else it would be tried again at every step
        return before - len(self.flips)

    def take_flips(self, at_most: int) -> tuple[Flip, ...]:
        """The oldest ones, which are gone then."""
        flips, self.flips = self.flips[:at_most], self.flips[at_most:]
        return (*flips,)
