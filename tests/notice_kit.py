"""How soon a fault of a simulated city is told: truth.jsonl held against the event feed and the first page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.running import Daemon

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Outage:
    """One camera's outage in truth; seconds since the epoch. `end` is infinite while it lasts."""

    camera: str
    cause: str
    start: float
    end: float
    well_since: float  # when the one before was over; 0: there was none


@dataclass(frozen=True)
class Told:
    """An outage and when it was told: by the feed, and on the first page; infinite: never."""

    outage: Outage
    feed_seconds: float
    page_seconds: float
    kind: str


@dataclass
class Listener:
    """Follows the feed of a daemon, and looks at its first page whenever there is something new."""

    running: Daemon
    since: int = 0
    heard: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)  # (when it arrived, entry)
    on_page: dict[str, float] = field(default_factory=dict)  # incident -> when the page first had it

    def listen(self, seconds: float) -> None:
        """For so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()
            time.sleep(_POLL_SECONDS)

    def turn(self) -> None:
        """One look at the feed, and at the page while an incident is still missing there."""
        entries = json.loads(self.running.get(f"/api/v1/incidents?since={self.since}&limit=1000")[1])["feed"]
        now = time.time()
        for entry in entries:
            self.since = max(self.since, entry["seq"])
            self.heard.append((now, entry))
        open_now = {entry["incident"]["incident"]: not entry["incident"]["closed"] for _, entry in self.heard}
        missing = [name for name, is_open in open_now.items() if is_open and name not in self.on_page]
        if missing:
            page, now = self.running.get("/?lang=en")[1], time.time()
            self.on_page.update((name, now) for name in missing if name in page)

    def of_camera(self, camera: str) -> Mapping[str, Any] | None:
        """The latest word of the incident that is about one camera; None: there is none."""
        found = [entry["incident"] for _, entry in self.heard if entry["incident"]["subject"] == camera]
        return found[-1] if found else None


def outages(truth: Path, after: float) -> Iterator[Outage]:
    """The outages of cameras that began after a moment, as far as truth goes."""
    down: dict[str, tuple[float, str]] = {}
    well: dict[str, float] = {}
    for line in truth.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row.get("axis") != "online":
            continue
        at, camera = datetime.fromisoformat(row["at"]).timestamp(), row["camera"]
        if not row["good"]:
            down.setdefault(camera, (at, row["cause"]))
        elif camera in down:
            start, cause = down.pop(camera)
            if start > after:
                yield Outage(camera, cause, start, at, well.get(camera, 0.0))
            well[camera] = at
    for camera, (start, cause) in down.items():
        if start > after:
            yield Outage(camera, cause, start, float("inf"), well.get(camera, 0.0))


def judge(listener: Listener, truth: Path, after: float, until: float, bound: float) -> Sequence[Told]:
    """Outages that lasted for longer than `bound` and began that long before `until`, and when they were told.
    Left out: a camera that had come back so shortly before that nobody can know yet."""
    found = []
    for outage in outages(truth, after):
        lasting = outage.end - outage.start > bound and outage.start + bound < until
        if lasting and outage.start - outage.well_since > 2 * bound:
            found.append(_told(listener, outage))
    return found


def _told(listener: Listener, outage: Outage) -> Told:
    never = float("inf")
    for arrived, entry in listener.heard:
        incident = entry["incident"]
        if outage.camera in incident["camera_ids"] and arrived >= outage.start:
            shown = max(listener.on_page.get(incident["incident"], never), arrived)
            return Told(outage, arrived - outage.start, shown - outage.start, incident["kind"])
    return Told(outage, never, never, "")
