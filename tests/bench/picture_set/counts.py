"""Counts with what they allow to be said: exact (Clopper-Pearson) intervals, and a Markdown table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Count:
    """`hits` of `of`."""

    hits: int = 0
    of: int = 0

    def plus(self, hit: bool) -> Count:
        return Count(self.hits + hit, self.of + 1)

    def and_(self, other: Count) -> Count:
        return Count(self.hits + other.hits, self.of + other.of)

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The shares that 95 % confidence leaves: Clopper and Pearson 1934."""
        tail = (1 - _CONFIDENCE) / 2
        lowest = 0.0 if self.hits == 0 else _where(lambda share: 1 - self._at_most(self.hits - 1, share) > tail)
        highest = 1.0 if self.hits == self.of else _where(lambda share: self._at_most(self.hits, share) < tail)
        return lowest, highest

    def _at_most(self, hits: int, share: float) -> float:
        """The chance of `hits` or fewer."""
        if share in (0.0, 1.0):
            return 1.0 - share if hits < self.of else 1.0
        if 2 * hits > self.of:  # the shorter sum
            return 1 - Count(0, self.of)._at_most(self.of - hits - 1, 1 - share)
        return sum(
            exp(lgamma(self.of + 1) - lgamma(k + 1) - lgamma(self.of - k + 1) + k * log(share)
                + (self.of - k) * log1p(-share))
            for k in range(hits + 1)
        )  # fmt: skip

    def shown(self) -> str:
        """`0.957 (22 of 23; 0.78-1.00)`."""
        low, high = self.interval
        return f"{self.share:.3f} ({self.hits} of {self.of}; {low:.3f}-{high:.3f})"


def _where(passed: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if passed(middle) else (middle, high)
    return (low + high) / 2


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)
