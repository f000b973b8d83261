"""The ledger of one camera: every interval, head or day, what it counts as, why, and what decided it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from healthd.false_alarms import FalseAlarm
from healthd.figures.period import Final, final_month, watch_of
from healthd.model import Axis, Flip
from healthd.periods import Span, iso
from healthd.rates.buckets import Bucket
from healthd.rates.explain import Entry, explain
from healthd.rates.profiles import Profile
from healthd.setup import Setup, rate_terms
from healthd.store import Store


@dataclass(frozen=True, slots=True)
class Line:
    """One interval, head or day. `flips`: the changes of state that began in it, or since the head before, with
    the results that decided each; of the first line those that held when the period began. `good`, `assessed`:
    running sums up to its end, in ms, heads or days. `marks`: the findings marked as false that
    would have counted in it."""

    entry: Entry
    flips: Sequence[Flip]
    good: int
    assessed: int
    marks: Sequence[FalseAlarm] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is behind one figure of a camera; the last line's sums are the figure's. `frozen`: of a final month
    (version, good, assessed) as they were frozen; what was recorded later moves only the ledger."""

    camera: str
    rate: str
    profile: Profile
    lines: Sequence[Line]
    frozen: tuple[int, int, int] | None = None

    @property
    def sums(self) -> tuple[int, int]:
        """(good, assessed) of all lines."""
        return (self.lines[-1].good, self.lines[-1].assessed) if self.lines else (0, 0)

    @property
    def agrees(self) -> bool:
        """Whether it adds up to what was frozen, if anything was."""
        return self.frozen is None or self.frozen[1:] == self.sums

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """By public names; times as ISO-8601 in `zone`."""
        method = self.profile.method
        timed = method.timed
        found: dict[str, Any] = {
            "camera": self.camera,
            "rate": self.rate,
            "profile": self.profile.name,
            "method": method.kind,
            "entries": [
                {
                    **line.entry.as_json(zone),
                    **_counted(timed, line.good, line.assessed),
                    "decided_by": [flip_json(flip, zone) for flip in line.flips],
                    "marked_false": [_mark_json(mark, zone) for mark in line.marks],
                }
                for line in self.lines
            ],
        }
        if self.frozen is not None:
            version, good, assessed = self.frozen
            found["frozen"] = {"version": version, **_counted(timed, good, assessed), "agrees": self.agrees}
        return found


def _counted(timed: bool, good: int, assessed: int) -> dict[str, Any]:
    if timed:
        return {"good_seconds": good / 1000, "assessed_seconds": assessed / 1000}
    return {"good_count": good, "assessed_count": assessed}


def ledgers(store: Store, setup: Setup, span: Span, camera: str) -> list[Ledger]:
    """The ledgers of a camera for each profile and rate; of a final month by the profiles that were frozen.

    They are always made from what is recorded now. Raises StoreError."""
    final = final_month(store, span, camera=camera)
    terms = final.copy.terms if final else rate_terms(setup, store.regions())
    frozen = _frozen(final, camera) if final else {}
    watch = watch_of(store, setup.config.timezone, span)
    [history] = store.histories(span.start, span.end, cameras={camera})
    flips, marks = _flips(store, span, camera), store.false_alarms().get(camera, [])
    return [
        Ledger(
            camera,
            rate,
            profile,
            lines_of(
                explain(history, watch, rate, profile),
                flips,
                marks if rate != "online" else (),
                timed=profile.method.timed,
            ),
            frozen.get((rate, profile.name), (final.kept.version, 0, 0)) if final else None,
        )
        for profile in terms.profiles
        for rate in terms.rates
    ]


def _frozen(final: Final, camera: str) -> dict[tuple[str, str], tuple[int, int, int]]:
    """(rate, profile) -> (version, good, assessed), of all classes that the camera was in."""
    found: dict[tuple[str, str], tuple[int, int, int]] = {}
    for row in final.copy.rows(by="camera", camera=camera):
        if row.class_ != "all":
            _, good, assessed = found.get((row.rate, row.profile), (0, 0, 0))
            found[row.rate, row.profile] = final.kept.version, good + row.good, assessed + row.assessed
    return found


def lines_of(
    entries: Sequence[Entry], flips: Sequence[Flip], marks: Sequence[FalseAlarm] = (), *, timed: bool = True
) -> list[Line]:
    """Entries in order, with the flips (sorted by time) that began in each, the marks that cover a part of it, and
    the running sums: of time, or else of entries."""
    lines: list[Line] = []
    good = assessed = place = 0
    for entry in entries:
        took = entry.end - entry.start if timed else 1
        good += took if entry.bucket is Bucket.GOOD else 0
        assessed += took if entry.bucket <= Bucket.BAD else 0
        first = place
        while place < len(flips) and flips[place].at < max(entry.end, entry.start + 1):
            place += 1
        given_back = [mark for mark in marks if mark.start < entry.end and mark.end > entry.start]
        lines.append(Line(entry, flips[first:place], good, assessed, given_back))
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


def told_mark(mark: FalseAlarm, zone: ZoneInfo) -> str:
    """A mark in one line."""
    when = f"{iso(mark.start, zone)} to {iso(mark.end, zone)}"
    note = f": {' '.join(mark.note.split())}" if mark.note else ""
    return f"{mark.fault} of {when} marked as false by {mark.author} at {iso(mark.recorded, zone)}{note}"


def _mark_json(mark: FalseAlarm, zone: ZoneInfo) -> dict[str, Any]:
    times = {"from": iso(mark.start, zone), "to": iso(mark.end, zone), "recorded": iso(mark.recorded, zone)}
    return {"fault": mark.fault, **times, "author": mark.author, "note": mark.note or None}


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
    return " ".join([when, *words, *_measured(result.get("findings"))])


def _measured(findings: object) -> list[str]:
    """Every fault with the value that was measured and the threshold that it was held against."""
    if not isinstance(findings, Sequence):
        return []
    return [f"({one['fault']} {one['value']:.4g}, threshold {one['threshold']:.4g})" for one in findings]
