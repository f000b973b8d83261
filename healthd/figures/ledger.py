"""The ledger of one camera: every interval, what it counts as, why, and the results that decided it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from healthd.figures.period import frozen_terms, watch_of
from healthd.model import Axis, Flip, Moment
from healthd.periods import Span, iso
from healthd.rates.buckets import Bucket
from healthd.rates.profiles import Profile
from healthd.rates.rows import Entry, explain
from healthd.setup import Setup, rate_terms
from healthd.store import Store


@dataclass(frozen=True, slots=True)
class Line:
    """One interval. `flips`: the changes of state that began in it, with the results that decided each; of the
    first one those that held when the period began. `good`, `assessed`: running sums up to its end, in ms."""

    entry: Entry
    flips: Sequence[Flip]
    good: Moment
    assessed: Moment

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """By public names; times as ISO-8601 in `zone`."""
        return {
            **self.entry.as_json(zone),
            "good_seconds": self.good / 1000,
            "assessed_seconds": self.assessed / 1000,
            "decided_by": [flip_json(flip, zone) for flip in self.flips],
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """All intervals behind one figure of a camera; the last line's sums are the figure's."""

    camera: str
    rate: str
    profile: Profile
    lines: Sequence[Line]

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """By public names."""
        return {
            "camera": self.camera,
            "rate": self.rate,
            "profile": self.profile.name,
            "entries": [line.as_json(zone) for line in self.lines],
        }


def ledgers(store: Store, setup: Setup, span: Span, camera: str) -> list[Ledger]:
    """The ledgers of a camera for each profile and rate; of a final month by the profiles that were frozen.

    They are always made from what is recorded now. Raises StoreError."""
    terms = frozen_terms(store, span) or rate_terms(setup, store.regions())
    watch = watch_of(store, setup.config.timezone, span)
    [history] = store.histories(span.start, span.end, cameras={camera})
    flips = _flips(store, span, camera)
    return [
        Ledger(camera, rate, profile, lines_of(explain(history, watch, rate, profile), flips))
        for profile in terms.profiles
        for rate in terms.rates
    ]


def lines_of(entries: Sequence[Entry], flips: Sequence[Flip]) -> list[Line]:
    """Entries in order, with the flips (sorted by time) that began in each, and the running sums."""
    lines: list[Line] = []
    good: Moment = 0
    assessed: Moment = 0
    place = 0
    for entry in entries:
        took = entry.end - entry.start
        good += took if entry.bucket is Bucket.GOOD else 0
        assessed += took if entry.bucket <= Bucket.BAD else 0
        first = place
        while place < len(flips) and flips[place].at < entry.end:
            place += 1
        lines.append(Line(entry, flips[first:place], good, assessed))
    return lines


def _flips(store: Store, span: Span, camera: str) -> list[Flip]:
    """The camera's flips in the period, after the last one of each axis before it."""
    before = {flip.axis: flip for flip in store.flips(camera, 0, span.start)}
    standing = [before[axis] for axis in Axis if axis in before]
    return sorted([*standing, *store.flips(camera, span.start, span.end)], key=lambda flip: flip.at)


def flip_json(flip: Flip, zone: ZoneInfo) -> dict[str, Any]:
    """A change of state and its results by public names."""
    return {
        "axis": str(flip.axis),
        "at": iso(flip.at, zone),
        "decided": iso(flip.decided, zone),
        "state": str(flip.state),
        "was": str(flip.was),
        "reason": flip.reason,
        "faults": [*flip.faults],
        "results": [_result_json(result, zone) for result in flip.evidence],
    }


def _result_json(result: Mapping[str, object], zone: ZoneInfo) -> dict[str, object]:
    asked = result.get("asked")
    return {**result, "asked": iso(asked, zone)} if isinstance(asked, int) else dict(result)


def told(flip: Flip, zone: ZoneInfo) -> str:
    """A change of state in one line: what was asked when, and what came of it."""
    line = f"{flip.axis} {flip.state}, was {flip.was}, at {iso(flip.at, zone)}"
    if flip.faults:
        line += f" ({', '.join(flip.faults)})"
    if not flip.evidence:
        return f"{line}: {flip.reason or 'no results kept'}"
    results = [_told(result, zone) for result in flip.evidence]
    return f"{line}: {'; '.join(results)}"


def _told(result: Mapping[str, object], zone: ZoneInfo) -> str:
    if "siblings" in result:
        return f"{result.get('siblings_answered', 0)} of {result['siblings']} siblings answered"
    asked = result.get("asked")
    when = iso(asked, zone)[11:23].split("+")[0] if isinstance(asked, int) else "?"
    words = [str(result[name]) for name in ("reason", "state") if result.get(name) not in (None, "")]
    return " ".join([when, *words])
