"""How far the event loop is behind, and how much of what can wait it is to take on.

A machine that is too small must not show in the states of cameras: pings keep their interval, the askings that are
heavy and can wait share what is left, and what was timed while the loop stood still is not held against a camera.
Pure: times come in as seconds of the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

TOO_LATE_SECONDS = 0.08  # so much behind, and what can wait is halved
ON_TIME_SECONDS = 0.03  # no more behind than this, and it grows again
_HALVING_SECONDS = 0.5  # the shortest time between two halvings: what was let in before must work off first
_GROWTH_A_SECOND = 0.1  # of all seats
_LEAST = 1 / 64
_REMEMBERED_SECONDS = 60.0


@dataclass(slots=True)
class Pace:
    """Told by a task of the loop when it lies down and when it got up; mutable, as it moves with every tick."""

    share: float = 1.0
    """Of the seats for askings that can wait."""

    _expected: float = 0.0  # when the task is to be awake again
    _awake: float = 0.0  # when it was last
    _lost: float = 0.0  # seconds by which it was late, summed up
    _halved: float = float("-inf")
    _behind: float = float("-inf")  # when a turn last was left out or not timed fairly

    def sleeps(self, now: float, until: float) -> None:
        """The task sleeps from now until then."""
        self._lost += max(0.0, now - self._awake - ON_TIME_SECONDS) if self._awake else 0.0
        self._expected = until

    def wakes(self, now: float) -> float:
        """It is awake again; returns by how many seconds too late."""
        late = max(0.0, now - self._expected) if self._expected else 0.0
        self._lost += late
        slept, self._awake, self._expected = now - self._awake, now, 0.0
        if late > TOO_LATE_SECONDS and now - self._halved >= _HALVING_SECONDS:
            self._halved = now
            self.share = max(_LEAST, self.share / 2)
        elif late <= ON_TIME_SECONDS:
            self.share = min(1.0, self.share + _GROWTH_A_SECOND * min(slept, 1.0))
        return late

    def fell_behind(self, now: float) -> None:
        """A turn was left out, or could not be timed fairly."""
        self._behind = now

    def overloaded(self, now: float) -> bool:
        """Whether it did not keep up at some moment of the last minute."""
        return self.share < 0.5 or now - self._behind < _REMEMBERED_SECONDS

    def lost(self, now: float) -> float:
        """Seconds that the loop has stood still in all, what is going on included: twice asked, the difference is
        what was lost in between."""
        return self._lost + (max(0.0, now - self._expected) if self._expected else 0.0)

    def seats(self, all_of_them: int) -> int:
        """How many askings that can wait may be under way; one at least."""
        return max(1, round(self.share * all_of_them))
