"""The ledger behind one camera's row, by every method: what each interval, each head and each day counted as, and
why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from healthd.model import CameraHistory, Moment, State
from healthd.periods import iso
from healthd.rates.buckets import Bucket, judge
from healthd.rates.methods import DailyPass, HeadCount
from healthd.rates.pool import Column
from healthd.rates.profiles import Profile
from healthd.rates.timeline import Piece, Watch, pieces

_KINDS = ("good", "bad", "undiagnosed", "unknown", "exempt", "out of service")  # by Bucket


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a camera's ledger: what [start, end) counts as, and why. A head has `start` == `end`, a day its
    `parts`. States are `unknown` where healthd did not see or the camera was not in service, and of a day."""

    start: Moment
    end: Moment
    bucket: Bucket
    online: State
    picture: State
    faults: tuple[str, ...]
    why: str
    parts: tuple[Entry, ...] = ()

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """The line by public names; times as ISO-8601 in `zone`."""
        found: dict[str, Any] = {
            "from": iso(self.start, zone),
            "to": iso(self.end, zone),
            "seconds": (self.end - self.start) / 1000,
            "bucket": self.bucket.name.lower(),
            "online": str(self.online),
            "picture": str(self.picture),
            "faults": [*self.faults],
            "why": self.why,
        }
        return {**found, "parts": [part.as_json(zone) for part in self.parts]} if self.parts else found


def explain(history: CameraHistory, watch: Watch, rate: str, profile: Profile) -> list[Entry]:
    """Over the watch's period up to the last heartbeat, in order: intervals, or by the profile's method the heads
    or the days that were counted."""
    watch = watch.judging([profile])
    found = [*pieces(history, watch, watch.start, watch.until)]
    match profile.method.kind:
        case "head_count":
            return [*_heads(found, HeadCount(profile.method, watch), rate, profile)]
        case "daily_pass":
            return [*_days(found, DailyPass(profile.method, [Column(rate, profile)], watch), rate, profile)]
    return _joined(found, rate, profile)


def _joined(found: Sequence[Piece], rate: str, profile: Profile) -> list[Entry]:
    """Pieces in which the same holds, as one."""
    ledger: list[Entry] = []
    for piece in found:
        entry = _entry(piece, rate, profile)
        if ledger and replace(ledger[-1], start=entry.start, end=entry.end) == entry:
            entry = replace(entry, start=ledger.pop().start)
        ledger.append(entry)
    return ledger


def _entry(piece: Piece, rate: str, profile: Profile) -> Entry:
    start, end, _, situation = piece
    bucket, why = judge(situation, rate, profile)
    return Entry(start, end, bucket, situation.online, situation.picture, situation.faults, why)


def _heads(found: Sequence[Piece], counter: HeadCount, rate: str, profile: Profile) -> Iterator[Entry]:
    for moment, piece in counter.heads(found):
        yield replace(_entry(piece, rate, profile), start=moment, end=moment)


def _days(found: Sequence[Piece], counter: DailyPass, rate: str, profile: Profile) -> Iterator[Entry]:
    for one, parts, [(bucket, _)] in counter.days(found):
        entries = _joined(parts, rate, profile)
        took = [0] * len(Bucket)
        for entry in entries:
            took[entry.bucket] += entry.end - entry.start
        amounts = ", ".join(f"{took[kind] / 1000:,.3f} s {_KINDS[kind]}" for kind in Bucket if took[kind])
        share = profile.method.pass_at
        why = f"{amounts}; passes at {float(share):.4g} of what was assessed"
        yield Entry(one.start, one.end, bucket, State.UNKNOWN, State.UNKNOWN, (), why, tuple(entries))
