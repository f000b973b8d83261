"""What leaves when: a queue by time for hundreds of thousands of items, each of which comes back all the time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar


class Leaving(Protocol):
    """Something that leaves at a time, in seconds of the monotonic clock."""

    leaves: float


T = TypeVar("T", bound=Leaving)

_GONE = -1.0  # no time of the monotonic clock


class Agenda(Generic[T]):
    """Items of the second that is going on are in a heap; those of later seconds wait in a list each, which takes
    an eighth of the memory of heap entries and needs no sorting until its second comes."""

    def __init__(self) -> None:
        self._later: dict[int, list[T]] = {}
        self._heap: list[tuple[float, int, T]] = []
        self._until = 0  # the heap holds what leaves before this second
        self._order = itertools.count()  # items of one moment leave in the order in which they were put in

    def put(self, item: T, leaves: float) -> None:
        """Has an item leave at `leaves`, and not at the time that it had before."""
        item.leaves = leaves
        if leaves < self._until:
            heapq.heappush(self._heap, (leaves, next(self._order), item))
        else:
            self._later.setdefault(int(leaves), []).append(item)

    def leaving(self, now: float) -> Iterator[T]:
        """Takes out the items whose time has come, in order; each once, however often it was put in."""
        if now >= self._until:
            self._begin(int(now) + 1)
        while self._heap and self._heap[0][0] <= now:
            leaves, _, item = heapq.heappop(self._heap)
            if leaves == item.leaves:
                item.leaves = _GONE  # a second entry for the same moment is not valid any more
                yield item

    def _begin(self, until: int) -> None:
        """Moves what leaves before the second `until` into the heap."""
        seconds: Sequence[int] = range(self._until, until)
        if len(seconds) > len(self._later):  # at the start, or after the machine slept
            seconds = sorted(second for second in self._later if second < until)
        self._until = until
        for second in seconds:
            for item in self._later.pop(second, ()):
                if int(item.leaves) != second:
                    continue  # it was put elsewhere since
                heapq.heappush(self._heap, (item.leaves, next(self._order), item))

    def wait(self, now: float, at_most: float) -> float:
        """Seconds until an item may leave or another second begins."""
        following = self._heap[0][0] if self._heap else float(self._until)
        return min(at_most, max(following - now, 0.0))
