"""The frozen copy of a period: per camera and place what every rate counted, and the terms it was judged by. Pure.

Judged sums are kept rather than states: neither a later configuration, inventory or record nor a later program can
change a figure of it. Rows by anything, of any subtree, are pooled from it by the same code as from live data.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, TypeAlias

from healthd.model import Camera, CameraHistory, Department, Inventory, Maintainer, Moment, Placement, Region
from healthd.rates.pool import Column, Pool, Tally, Terms, Vector
from healthd.rates.profiles import Method, Profile
from healthd.rates.rows import Row, tabulate, tallies
from healthd.rates.timeline import Watch

Outcome: TypeAlias = tuple[tuple[int, ...] | None, ...]
"""A vector for each column; None where the column's method counted nothing."""

Share: TypeAlias = tuple[int, int, bool]
"""(place, outcome, whether the camera was in service there): numbers of `Copy.places` and `Copy.outcomes`."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Copy:
    """All figures of one period. `shares`: camera -> its shares, the one where it was last at
    the end; ids sorted."""

    start: Moment
    end: Moment  # that was asked for
    until: Moment  # where what is known ends
    terms: Terms
    columns: Sequence[tuple[str, str]]  # rate, profile
    places: Sequence[Placement]
    outcomes: Sequence[Outcome]
    shares: Mapping[str, Sequence[Share]]

    def rows(self, *, by: str = "region", region: str = "", camera: str = "") -> Iterator[Row]:
        """Rows as `rates.rows` made them when the copy was taken."""
        pool = Pool(self.terms, by, region, [*self._kept()])
        clipped = self.until < self.end
        counted = self._counted(pool)
        tally = Tally(counts={method: {} for method in counted})
        for one in [camera] if camera else self.shares:
            shares = self.shares.get(one, ())
            self._add(tally, pool, one, shares, counted)
            if by == "camera" and shares:
                last = self.places[shares[-1][0]].region
                yield from tabulate(pool, tally, self.start, self.until, clipped=clipped, region=last)
                tally = Tally(counts={method: {} for method in counted})
        yield from tabulate(pool, tally, self.start, self.until, clipped=clipped, region=region)

    def _kept(self) -> Iterator[Column]:
        profiles = {profile.name: profile for profile in self.terms.profiles}
        for number, (rate, profile) in enumerate(self.columns):
            yield _Kept(rate, profiles[profile], self.outcomes, number)

    @staticmethod
    def _counted(pool: Pool) -> dict[Method, list[int]]:
        """The methods that count instead of timing, and the numbers of their columns."""
        found: dict[Method, list[int]] = {}
        for number, column in enumerate(pool.columns):
            if not column.method.timed:
                found.setdefault(column.method, []).append(number)
        return found

    def _add(
        self,
        tally: Tally,
        pool: Pool,
        camera: str,
        shares: Sequence[Share],
        counted: Mapping[Method, Sequence[int]],
    ) -> None:
        served = set()
        for place, outcome, in_service in shares:
            group = pool.group(camera, self.places[place])
            if group is None:
                continue
            _count(tally.amounts.setdefault(group, {}), outcome)
            for method, columns in counted.items():
                if any(self.outcomes[outcome][column] is not None for column in columns):
                    _count(tally.counts[method].setdefault(group, {}), outcome)
            if in_service:
                served.add(group)
        if served:
            tally.members[frozenset(served)] += 1


class _Kept(Column):
    """A column whose sums were judged when the copy was taken."""

    def __init__(self, rate: str, profile: Profile, outcomes: Sequence[Outcome], number: int) -> None:
        super().__init__(rate, profile)
        self._outcomes = outcomes
        self._number = number

    def vector(self, amounts: Mapping[Any, int]) -> Vector:
        sums: Vector = []
        for outcome, times in amounts.items():
            vector = self._outcomes[outcome][self._number] or ()
            sums = sums or [0] * len(vector)
            for place, amount in enumerate(vector):
                sums[place] += amount * times
        return sums


def _count(sums: dict[Any, int], mark: int) -> None:
    sums[mark] = sums.get(mark, 0) + 1


def freeze(histories: Iterable[CameraHistory], watch: Watch, terms: Terms) -> Copy:
    """The copy of the watch's period, from one pass over `histories`."""
    pool = _Places(terms)
    outcomes: dict[Outcome, int] = {}
    shares: dict[str, Sequence[Share]] = {}
    for camera, found, tally in tallies(histories, watch, pool):
        if not found:
            continue
        served = frozenset[Any]().union(*tally.members)
        last = pool.group(camera, found[-1].placement)
        of_camera = []
        for group in (*(group for group in tally.amounts if group != last), last):
            outcome = _outcome(pool, tally, group)
            number = outcomes.setdefault(outcome, len(outcomes))
            of_camera.append((int(group[0]), number, group in served))
        shares[camera] = of_camera
    columns = [(column.rate, column.profile.name) for column in pool.columns]
    return Copy(
        watch.start,
        watch.end,
        watch.until,
        terms,
        columns,
        [*pool.places],
        [*outcomes],
        dict(sorted(shares.items())),
    )


class _Places(Pool):
    """Books every camera under the number of its place, so that rows by anything can be made of it later."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self.places: dict[Placement, int] = {}

    def group(self, camera: str, placement: Placement) -> tuple[str, str]:
        place = Placement(placement.region, placement.class_, placement.unit, placement.maintainer)
        return str(self.places.setdefault(place, len(self.places))), place.class_


def _outcome(pool: Pool, tally: Tally, group: tuple[str, str]) -> Outcome:
    vectors = []
    for column in pool.columns:
        amounts = (tally.of(column.method, instant=False) or {}).get(group)
        vectors.append(None if amounts is None else tuple(column.vector(amounts)))
    return tuple(vectors)


# --- as bytes -----------------------------------------------------------------------------------------------


def pack(copy: Copy) -> bytes:
    """The copy as bytes: compressed JSON, the same for the same copy."""
    inventory = copy.terms.inventory
    cameras = []
    for camera, shares in copy.shares.items():
        known = inventory.cameras.get(camera)
        named = [known.name, dict(sorted(known.tags.items()))] if known else ["", {}]
        cameras.append([camera, *named, [[place, outcome, int(served)] for place, outcome, served in shares]])
    document = {
        "format": _FORMAT,
        "start": copy.start,
        "end": copy.end,
        "until": copy.until,
        "rates": [*copy.terms.rates],
        "small_region": copy.terms.small_region,
        "profiles": [_packed(profile) for profile in copy.terms.profiles],
        "regions": [[r.code, r.name, r.level, r.parent] for _, r in sorted(inventory.regions.items())],
        "departments": [_packed(one) for _, one in sorted(inventory.departments.items())],
        "maintainers": [[one.id, one.name] for _, one in sorted(inventory.maintainers.items())],
        "columns": [[*column] for column in copy.columns],
        "places": [[p.region, p.class_, p.unit, p.maintainer] for p in copy.places],
        "outcomes": copy.outcomes,
        "cameras": cameras,
        "inventory": inventory.digest,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode(), 6)


def unpack(content: bytes) -> Copy:
    """The copy again. Raises ValueError, LookupError, TypeError or zlib.error where `pack` did not write it."""
    document = json.loads(zlib.decompress(content))
    if document["format"] != _FORMAT:
        raise ValueError(f"format {document['format']!r}")
    places = [Placement(*fields_) for fields_ in document["places"]]
    cameras = document["cameras"]
    inventory = Inventory(
        {code: Region(code, *rest) for code, *rest in document["regions"]},
        {},
        {
            camera: Camera(camera, name, "", places[shares[-1][0]], tags=tags)
            for camera, name, tags, shares in cameras
            if name or tags
        },
        {id_: Maintainer(id_, name) for id_, name in document["maintainers"]},
        departments={one.id: one for one in (_unpacked(Department, text) for text in document["departments"])},
        digest=document["inventory"],
    )
    profiles = [_unpacked(Profile, text) for text in document["profiles"]]
    terms = Terms(inventory, profiles, document["rates"], document["small_region"])
    return Copy(
        document["start"],
        document["end"],
        document["until"],
        terms,
        [(rate, profile) for rate, profile in document["columns"]],
        places,
        [tuple(None if v is None else tuple(v) for v in outcome) for outcome in document["outcomes"]],
        {
            camera: [(place, outcome, bool(served)) for place, outcome, served in shares]
            for camera, _, _, shares in cameras
        },
    )


def digest_of(content: bytes) -> str:
    """SHA-256 of what is in a packed copy, whatever compressed it."""
    return hashlib.sha256(zlib.decompress(content)).hexdigest()


def _packed(value: Any) -> Any:
    """A frozen value of ours as JSON; what JSON has no word for is an object with one key."""
    match value:
        case Fraction():
            return {"fraction": [value.numerator, value.denominator]}
        case frozenset():
            return {"set": sorted(value)}
        case tuple():
            return {"tuple": [_packed(one) for one in value]}
        case Mapping():
            return {"map": [[_packed(key), _packed(value[key])] for key in sorted(value)]}
        case Method() | Profile() | Department():
            return {"fields": {field.name: _packed(getattr(value, field.name)) for field in fields(value)}}
    return value


def _unpacked(kind: type[Any], document: Any) -> Any:
    """The value again; fields that this version does not know are left out."""
    known = {field.name for field in fields(kind)}
    return kind(**{name: _value(text) for name, text in document["fields"].items() if name in known})


def _value(document: Any) -> Any:
    if not isinstance(document, dict):
        return document
    [(word, content)] = document.items()
    match word:
        case "fraction":
            return Fraction(*content)
        case "set":
            return frozenset(content)
        case "tuple":
            return tuple(_value(one) for one in content)
        case "map":
            return {_value(key): _value(value) for key, value in content}
    return _unpacked(Method, document)
