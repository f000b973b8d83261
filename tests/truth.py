"""An independent reading of a city's truth.jsonl: who was up when, and how long. It shares nothing with rates."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Truth:
    """(camera, axis) -> [(second since the epoch, good)], by time."""

    changes: dict[tuple[str, str], list[tuple[float, bool]]]

    def good_at(self, camera: str, axis: str, moment: float, slack: float = 0.0) -> set[bool]:
        """Every state that held within `slack` seconds of the moment."""
        line = self.changes[camera, axis]
        first = max(0, bisect_right(line, (moment - slack, True)) - 1)
        return {good for at, good in line[first:] if at <= moment + slack}

    def good_seconds(self, camera: str, axis: str, start: float, end: float) -> float:
        """How long it was good within [start, end)."""
        total, since, good = 0.0, start, False
        for at, state in [*self.changes[camera, axis], (end, False)]:
            if at >= end:
                return total + (end - since if good else 0.0)
            if at > since:
                total += at - since if good else 0.0
                since = at
            good = state
        return total

    def flips(self, camera: str, axis: str, start: float, end: float) -> int:
        """Changes within [start, end)."""
        return sum(1 for at, _ in self.changes[camera, axis][1:] if start <= at < end)

    def cameras(self) -> list[str]:
        return sorted({camera for camera, _ in self.changes})


def read_truth(path: Path) -> Truth:
    """The whole file; device lines are left out."""
    changes: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for text in path.read_text("utf-8").splitlines():
        line = json.loads(text)
        if "camera" in line:
            at = datetime.fromisoformat(line["at"]).timestamp()
            changes[line["camera"], line["axis"]].append((at, line["good"]))
    return Truth(dict(changes))
