"""The one clock that dates results: UTC in whole milliseconds, and it never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from healthd.model import Moment


@dataclass
class Clock:
    """Wall time that follows steps forward at once and steps back by running at half speed until caught up.

    A clock set back would else date results before those already folded, and they would be dropped as late.
    """

    wall: Callable[[], int] = time.time_ns
    monotonic: Callable[[], int] = time.monotonic_ns
    _said: int = field(default=0, init=False)
    _at: int = field(default=0, init=False)

    def now(self) -> Moment:
        """The current moment."""
        wall, at = self.wall(), self.monotonic()
        if wall < self._said:
            wall = self._said + (at - self._at) // 2
        self._said, self._at = wall, at
        return wall // 1_000_000

    def seconds(self) -> float:
        """The same in seconds, for probes."""
        return self.now() / 1000
