"""What leaves when: a queue by time for hundreds of thousands of items, each of which comes back all the time."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Generic, Protocol, TypeVar


class Leaving(Protocol):
    """Something that leaves at a time, in seconds of the monotonic clock."""

    leaves: float


T = TypeVar("T", bound=Leaving)

_GONE = -1.0  # no time of the monotonic clock


class Agenda(Generic[T]):
    """Items of the second that is going on are sorted, once, when it begins; those of later seconds wait in a list
    each, which takes an eighth of the memory of sorted entries and needs no order until its second comes."""

    def __init__(self) -> None:
        self._later: dict[int, list[T]] = {}
        self._soon: list[tuple[float, T]] = []  # the last one leaves first
        self._until = 0  # _soon holds what leaves before this second

    def put(self, item: T, leaves: float) -> None:
        """Has an item leave at `leaves`, and not at the time that it had before."""
        item.leaves = leaves
        if leaves < self._until:
            insort(self._soon, (leaves, item), key=_latest_first)
        else:
            self._later.setdefault(int(leaves), []).append(item)

    def leaving(self, now: float) -> Iterator[T]:
        """Takes out the items whose time has come, in order; each once, however often it was put in."""
        if now >= self._until:
            self._begin(int(now) + 1)
        while self._soon and self._soon[-1][0] <= now:
            leaves, item = self._soon.pop()
            if leaves == item.leaves:
                item.leaves = _GONE  # a second entry for the same moment is not valid any more
                yield item

    def _begin(self, until: int) -> None:
        """Takes up what leaves before the second `until`."""
        seconds: Sequence[int] = range(self._until, until)
        if len(seconds) > len(self._later):  # at the start, or after the machine slept
            seconds = sorted(second for second in self._later if second < until)
        self._until = until
        for second in seconds:
            # Without those that were put elsewhere since.
            self._soon += [
                (item.leaves, item) for item in self._later.pop(second, ()) if int(item.leaves) == second
            ]
        self._soon.sort(key=itemgetter(0), reverse=True)

    def wait(self, now: float, at_most: float) -> float:
        """Seconds until an item may leave or another second begins."""
        following = self._soon[-1][0] if self._soon else float(self._until)
        return min(at_most, max(following - now, 0.0))


def _latest_first(entry: tuple[float, Leaving]) -> float:
    return -entry[0]
