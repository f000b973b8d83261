"""What benchmarks share: a row of the table in docs/benchmarks.md, and CPU times of processes."""

from __future__ import annotations

import os
import resource
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, measured several times in one run. `target`: what it ought to be, in words; `holds`: whether it
    is (None: no target). `note`: what was counted in the same run, or what limits the comparison."""

    what: str
    who: str
    values: Sequence[float]
    unit: str
    target: str = ""
    holds: bool | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def as_markdown(self) -> str:
        """The row of the table: median, smallest and largest, number of rounds."""
        low, high = min(self.values), max(self.values)
        spread = f" ({low:.3g}–{high:.3g})" if len(self.values) > 1 else ""
        verdict = {None: "", True: "yes", False: "**no**"}[self.holds]
        cells = (self.what, self.who, f"{self.median:.3g}{spread} {self.unit}", str(len(self.values)))
        return f"| {' | '.join((*cells, self.target, verdict, self.note))} |"


HEAD = "| what | who | median (least–most) | n | target | holds | in the same run |\n|---|---|---|---|---|---|---|"


def against(row: Row, peer: Row, most: float, words: str) -> Row:
    """`row` with its target towards `peer`: at most so many times its median."""
    ratio = row.median / peer.median
    return Row(row.what, row.who, row.values, row.unit, f"{words} (is {ratio:.2f})", ratio <= most, row.note)


@dataclass
class Spent:
    """CPU seconds, user and system, of the block."""

    seconds: float = field(default=0.0)


@contextmanager
def own_cpu() -> Iterator[Spent]:
    """CPU of this process and of children that ended within the block."""

    def used() -> float:
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))

    spent, before = Spent(), used()
    yield spent
    spent.seconds = used() - before


@contextmanager
def cpu_of(pid: int) -> Iterator[Spent]:
    """CPU of another process, to a hundredth of a second."""
    spent, before = Spent(), cpu_seconds(pid)
    yield spent
    spent.seconds = cpu_seconds(pid) - before


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0
