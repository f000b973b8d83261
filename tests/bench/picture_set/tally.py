"""What came out of judging the set."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from probes.picture.verdict import Fault
from tests.bench.picture_set.counts import Count
from tests.bench.picture_set.degrade import Broken
from tests.bench.picture_set.live import Benign


def _counts() -> defaultdict[Any, Count]:
    return defaultdict(Count)


@dataclass(slots=True)
class Tally:
    """What came out. Mutable: it is filled frame by frame."""

    found: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=_counts)
    bare: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=_counts)
    any_fault: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=_counts)
    held: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=_counts)
    not_checked: Counter[tuple[Broken, int, bool]] = field(default_factory=Counter)
    alarms: defaultdict[Benign, Count] = field(default_factory=_counts)
    bare_alarms: defaultdict[Benign, Count] = field(default_factory=_counts)
    accused: defaultdict[Benign, Counter[Fault]] = field(default_factory=partial(defaultdict, Counter))
    pool: defaultdict[tuple[str, Benign], list[frozenset[Fault]]] = field(
        default_factory=partial(defaultdict, list)
    )
    missed: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """What came out of other scenes."""
        for mine, theirs in (
            (self.found, other.found),
            (self.bare, other.bare),
            (self.any_fault, other.any_fault),
            (self.held, other.held),
        ):
            for key, count in theirs.items():
                mine[key] = mine[key].and_(count)
        for ours, more in ((self.alarms, other.alarms), (self.bare_alarms, other.bare_alarms)):
            for kind, count in more.items():
                ours[kind] = ours[kind].and_(count)
        for kind, faults in other.accused.items():
            self.accused[kind].update(faults)
        for place, frames in other.pool.items():
            self.pool[place] += frames
        self.not_checked.update(other.not_checked)
        self.missed += other.missed
