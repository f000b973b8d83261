"""What one examination found out of a fleet: a verdict a camera and rate, with where the camera stood. Pure.

Rows of the further rates are made from it by one function, whether it was found out just now, kept of a day that
has passed, or frozen with a month.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

from healthd.model import Moment, Placement
from healthd.periods import Span
from healthd.rates.buckets import Bucket
from healthd.rates.pool import Column, Group, Mark, Pool, Tally, Terms
from healthd.rates.profiles import FURTHER, Method, Profile
from healthd.rates.rows import Row, tabulate

HEADS = Method("head_count")

READ: frozenset[str] = frozenset({"clock", "resolution", "annotation"})
"""The rates that go by a reading of the camera; the others go by the inventory and by who ever answered."""

Verdicts: TypeAlias = tuple[Bucket, ...]
"""GOOD, BAD, UNKNOWN (not checked) or OUT_OF_SERVICE (not meant) for each rate, in the order of FURTHER."""

_PLACES = {rate: place for place, rate in enumerate(FURTHER)}
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Examined:
    """`cameras`: camera -> (its place, its verdicts), as numbers of `places` and `verdicts`."""

    at: Moment
    places: Sequence[Placement]
    verdicts: Sequence[Verdicts]
    cameras: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, at: Moment, found: Mapping[str, tuple[Placement, Verdicts]]) -> Examined:
        """Of what was found out camera by camera."""
        places: dict[Placement, int] = {}
        verdicts: dict[Verdicts, int] = {}
        cameras = {}
        for camera, (placement, judged) in found.items():
            place = Placement(placement.region, placement.class_, placement.unit, placement.maintainer)
            cameras[camera] = places.setdefault(place, len(places)), verdicts.setdefault(judged, len(verdicts))
        return cls(at, [*places], [*verdicts], cameras)

    def rows(
        self, terms: Terms, rates: Sequence[str], span: Span, *, by: str = "region", region: str = ""
    ) -> list[Row]:
        """Rows of these rates, for each profile; of an empty span those of the instant.

        A row's `cameras` are those that the rate is meant for; there is none where it is meant for nobody.
        """
        columns = [_Column(rate, profile) for profile in terms.profiles for rate in rates]
        pool = Pool(terms, by, region, columns)
        marks: list[Mark] = [tuple((bucket, bucket) for bucket in one) for one in self.verdicts]
        amounts: dict[Group, dict[Mark, int]] = {}
        members: Counter[frozenset[Group]] = Counter()
        for camera, (place, judged) in self.cameras.items():
            group = pool.group(camera, self.places[place])
            if group is None:
                continue
            sums = amounts.setdefault(group, {})
            sums[marks[judged]] = sums.get(marks[judged], 0) + 1
            members[frozenset([group])] += 1
        tally = Tally(amounts, members, {HEADS: amounts})  # type: ignore[arg-type] # judged by outcome, like days
        found = (
            replace(row, cameras=row.good + row.bad + row.unknown)
            for row in tabulate(pool, tally, span.start, span.end, region=region)
        )
        table = [row for row in found if row.cameras]
        if by != "camera":
            return table
        return [replace(row, region=self.places[self.cameras[row.key][0]].region) for row in table]


def combined(newest_first: Iterable[Examined]) -> Examined | None:
    """The newest one; where a rate that is read was not checked then, the last one counts in which it was. None
    where there is none at all. Older ones are looked at only as long as they may add something."""
    newest: Examined | None = None
    found: dict[str, tuple[Placement, Verdicts]] = {}
    wanting: dict[str, Verdicts] = {}
    for one in newest_first:
        if newest is None:
            newest = one
            found = {
                camera: (one.places[at], one.verdicts[judged]) for camera, (at, judged) in one.cameras.items()
            }
            wanting = {camera: judged for camera, (_, judged) in found.items() if _wants(judged)}
        for camera, judged in [*wanting.items()]:
            earlier = one.cameras.get(camera)
            if earlier is None:
                continue
            filled = _filled(judged, one.verdicts[earlier[1]])
            if filled != judged:
                found[camera] = found[camera][0], filled
                wanting[camera] = filled
                if not _wants(filled):
                    del wanting[camera]
        if not wanting:
            break
    return None if newest is None else Examined.of(newest.at, found)


class _Column(Column):
    """One further rate by one profile; `place` is the rate's in FURTHER."""

    def __init__(self, rate: str, profile: Profile) -> None:
        super().__init__(rate, profile)
        self.place = _PLACES[rate]
        self.method = HEADS


@lru_cache(maxsize=1 << 12)
def _wants(verdicts: Verdicts) -> bool:
    """Whether something that is read was not checked."""
    return any(rate in READ and bucket is Bucket.UNKNOWN for rate, bucket in zip(FURTHER, verdicts, strict=True))


@lru_cache(maxsize=1 << 12)
def _filled(now: Verdicts, before: Verdicts) -> Verdicts:
    known = (Bucket.GOOD, Bucket.BAD)
    return tuple(
        earlier if rate in READ and bucket is Bucket.UNKNOWN and earlier in known else bucket
        for rate, bucket, earlier in zip(FURTHER, now, before, strict=True)
    )


# --- as text and bytes --------------------------------------------------------------------------------------


def written(verdicts: Verdicts) -> str:
    """A digit a rate."""
    return "".join(str(int(bucket)) for bucket in verdicts)


def read_verdicts(text: str) -> Verdicts:
    """The verdicts again; rates that came later than the text are not checked. Raises ValueError."""
    buckets = [Bucket(int(digit)) for digit in text]
    return tuple(buckets + [Bucket.UNKNOWN] * (len(FURTHER) - len(buckets)))


def pack_day(examined: Examined, key: Mapping[str, int]) -> bytes:
    """As bytes, with a number for each camera: `key`, ascending; who has none is left out. Few bytes a camera."""
    # Step by step: what does a whole fleet in one call would let nobody else have a turn.
    steps, places, verdicts, last = array("I"), array("I"), array("I"), 0
    for camera, number in key.items():
        known = examined.cameras.get(camera)
        if known is not None:
            steps.append(number - last)  # small numbers pack well
            places.append(known[0])
            verdicts.append(known[1])
            last = number
    head = {
        "format": _FORMAT,
        "at": examined.at,
        "places": [[p.region, p.class_, p.unit, p.maintainer] for p in examined.places],
        "verdicts": [written(one) for one in examined.verdicts],
        "cameras": len(steps),
    }
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(
        text.encode() + b"\n" + b"".join(column.tobytes() for column in (steps, places, verdicts))
    )


def unpack_day(content: bytes, camera: Mapping[int, str]) -> Examined:
    """The same again; `camera`: number -> id. Raises ValueError, LookupError, TypeError or zlib.error where
    `pack_day` did not write it."""
    text, _, packed = zlib.decompress(content).partition(b"\n")
    head = json.loads(text)
    if head["format"] != _FORMAT:
        raise ValueError(f"format {head['format']!r}")
    numbers = array("I")
    numbers.frombytes(packed)
    count = head["cameras"]
    if len(numbers) != 3 * count:
        raise ValueError("it is cut short")
    cameras, key = {}, 0
    for step, place, judged in zip(numbers[:count], numbers[count : 2 * count], numbers[2 * count :], strict=True):
        key += step
        cameras[camera[key]] = place, judged
    places = [Placement(*one) for one in head["places"]]
    verdicts = [read_verdicts(one) for one in head["verdicts"]]
    return Examined(head["at"], places, verdicts, cameras)
