"""What came out of judging the set."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from probes.picture.verdict import Fault
from tests.bench.picture_set.counts import Count
from tests.bench.picture_set.degrade import Broken
from tests.bench.picture_set.live import Benign


@dataclass(slots=True)
class Tally:
    """What came out. Mutable: it is filled frame by frame."""

    found: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=lambda: defaultdict(Count))
    bare: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=lambda: defaultdict(Count))
    any_fault: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=lambda: defaultdict(Count))
    held: defaultdict[tuple[Broken, int, bool], Count] = field(default_factory=lambda: defaultdict(Count))
    not_checked: Counter[tuple[Broken, int, bool]] = field(default_factory=Counter)
    alarms: defaultdict[Benign, Count] = field(default_factory=lambda: defaultdict(Count))
    bare_alarms: defaultdict[Benign, Count] = field(default_factory=lambda: defaultdict(Count))
    accused: defaultdict[Benign, Counter[Fault]] = field(default_factory=lambda: defaultdict(Counter))
    pool: defaultdict[tuple[str, Benign], list[frozenset[Fault]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    missed: list[str] = field(default_factory=list)
