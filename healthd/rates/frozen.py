"""The frozen copy of a period: per camera and place what every rate counted, and the terms it was judged by. Pure.

Judged sums are kept rather than states: neither a later configuration, inventory or record nor a later program can
change a figure of it. Rows by anything, of any subtree, are pooled from it by the same code as from live data.
What is no sum of pieces (the further rates, incidents) is kept beside them as text; `figures` knows what it says.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from itertools import islice
from typing import Any, TypeAlias

from healthd.model import Camera, CameraHistory, Department, Inventory, Maintainer, Moment, Placement, Region
from healthd.rates.pool import RATES, Column, Pool, Tally, Terms, Vector
from healthd.rates.profiles import Method, Profile
from healthd.rates.rows import Row, Split, Summing, tabulate
from healthd.rates.timeline import Watch, pieces

Outcome: TypeAlias = tuple[tuple[int, ...] | None, ...]
"""A vector for each column; None where the column's method counted nothing."""

Share: TypeAlias = tuple[int, Outcome, bool]
"""(place, outcome, whether the camera was in service there); places are numbers of `Copy.places`."""

Beside: TypeAlias = tuple[Sequence[Column], Split]
"""More that is judged of the same histories, and how it splits them."""

_MAGIC = b"healthd copy 2\n"
_SIZE = struct.Struct(">I")  # bytes of the block that follows
_AT_ONCE = 500  # cameras a block: so that reading one camera, or letting others have their turn, costs little
_INCIDENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Copy:
    """All figures of one period. `shares`: camera -> its shares, the one where it was last at
    the end; ids sorted. `examined`: camera -> its place then and its verdicts by the further rates, as
    `examined.written` writes them. `incidents`: what repairs are counted from, as the store keeps them."""

    start: Moment
    end: Moment  # that was asked for
    until: Moment  # where what is known ends
    terms: Terms
    columns: Sequence[tuple[str, str]]  # rate, profile
    places: Sequence[Placement]
    shares: Mapping[str, Sequence[Share]]
    examined: Mapping[str, tuple[Placement, str]] = field(default_factory=dict)
    incidents: Sequence[str] = ()

    def rows(
        self, *, by: str = "region", region: str = "", camera: str = "", rates: Collection[str] = RATES
    ) -> Iterator[Row]:
        """Rows as `rates.rows` made them when the copy was taken."""
        pool = Pool(self.terms, by, region, [*self._kept(rates)])
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

    def _kept(self, rates: Collection[str]) -> Iterator[_Kept]:
        profiles = {profile.name: profile for profile in self.terms.profiles}
        for number, (rate, profile) in enumerate(self.columns):
            if rate in rates:
                yield _Kept(rate, profiles[profile], number)

    @staticmethod
    def _counted(pool: Pool) -> dict[Method, list[int]]:
        """The methods that count instead of timing, and the numbers of their columns."""
        found: dict[Method, list[int]] = {}
        for column in pool.columns:
            if isinstance(column, _Kept) and not column.method.timed:
                found.setdefault(column.method, []).append(column.number)
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
                if any(outcome[column] is not None for column in columns):
                    _count(tally.counts[method].setdefault(group, {}), outcome)
            if in_service:
                served.add(group)
        if served:
            tally.members[frozenset(served)] += 1


class _Kept(Column):
    """A column whose sums were judged when the copy was taken; `number`: its place in an outcome."""

    def __init__(self, rate: str, profile: Profile, number: int) -> None:
        super().__init__(rate, profile)
        self.number = number
        if rate not in RATES:
            self.method = Method()  # usage and attributable are always time

    def vector(self, amounts: Mapping[Any, int]) -> Vector:
        sums: Vector = []
        for outcome, times in amounts.items():
            vector = outcome[self.number] or ()
            sums = sums or [0] * len(vector)
            for place, amount in enumerate(vector):
                sums[place] += amount * times
        return sums


def _count(sums: dict[Any, int], mark: Outcome) -> None:
    sums[mark] = sums.get(mark, 0) + 1


def freeze(
    histories: Iterable[CameraHistory],
    watch: Watch,
    terms: Terms,
    beside: Sequence[Beside] = (),
    *,
    examined: Mapping[str, tuple[Placement, str]] | None = None,
    incidents: Sequence[str] = (),
) -> Copy:
    """The copy of the watch's period, from one pass over `histories`. `beside`: columns beside those of the
    terms' rates."""
    watch = watch.judging(terms.profiles)
    places: dict[Placement, int] = {}
    judges = [_Judge(watch, terms, places), *(_Judge(watch, terms, places, *one) for one in beside)]
    outcomes: dict[Outcome, Outcome] = {}
    shares: dict[str, Sequence[Share]] = {}
    for history in histories:
        found = [*pieces(history, watch, watch.start, watch.until)]
        if not found:
            continue
        for judge in judges:
            judge.add(history.camera, found)
        tallied = [judge.tally() for judge in judges]
        served = frozenset[Any]().union(*tallied[0].members)
        last = judges[0].pool.group(history.camera, found[-1].placement)
        of_camera = []
        for group in (*(group for group in tallied[0].amounts if group != last), last):
            if group is None:
                continue
            outcome = tuple(
                vector
                for judge, tally in zip(judges, tallied, strict=True)
                for vector in judge.vectors(tally, group)
            )
            of_camera.append((int(group[0]), outcomes.setdefault(outcome, outcome), group in served))
        shares[history.camera] = of_camera
    return Copy(
        watch.start,
        watch.end,
        watch.until,
        terms,
        [(column.rate, column.profile.name) for judge in judges for column in judge.pool.columns],
        [*places],
        dict(sorted(shares.items())),
        dict(sorted((examined or {}).items())),
        tuple(incidents),
    )


class _Judge(Summing):
    """Sums of one camera at a time, by its places, so that rows by anything can be made of them later."""

    def __init__(
        self,
        watch: Watch,
        terms: Terms,
        places: dict[Placement, int],
        columns: Sequence[Column] | None = None,
        split: Split = lambda camera, found: found,
    ) -> None:
        super().__init__(watch, terms, columns=columns, split=split)
        self.pool = _Places(terms, places, self.pool.columns)

    def vectors(self, tally: Tally, group: tuple[str, str]) -> Iterator[tuple[int, ...] | None]:
        for column in self.pool.columns:
            amounts = (tally.of(column.method, instant=False) or {}).get(group)
            yield None if amounts is None else tuple(column.vector(amounts))


class _Places(Pool):
    """Books every camera under the number of its place."""

    def __init__(self, terms: Terms, places: dict[Placement, int], columns: Sequence[Column]) -> None:
        super().__init__(terms, columns=columns)
        self._numbers = places

    def group(self, camera: str, placement: Placement) -> tuple[str, str]:
        place = Placement(placement.region, placement.class_, placement.unit, placement.maintainer)
        return str(self._numbers.setdefault(place, len(self._numbers))), place.class_


# --- as bytes -----------------------------------------------------------------------------------------------


def pack(copy: Copy) -> bytes:
    """The copy as bytes, the same for the same copy: blocks of compressed JSON, the head first."""
    inventory, places = copy.terms.inventory, {place: number for number, place in enumerate(copy.places)}
    known = sorted({*copy.shares, *copy.examined})
    blocks: list[Any] = []
    for part in _parts(known, _AT_ONCE):
        outcomes: dict[Outcome, int] = {}
        cameras = []
        for camera in part:
            named = inventory.cameras.get(camera)
            shares = [
                [place, outcomes.setdefault(outcome, len(outcomes)), int(served)]
                for place, outcome, served in copy.shares.get(camera, ())
            ]
            one: list[Any] = [
                camera,
                named.name if named else "",
                dict(sorted(named.tags.items())) if named else {},
            ]
            one.append(shares)
            if camera in copy.examined:
                place, verdicts = copy.examined[camera]
                one += [places.setdefault(place, len(places)), verdicts]
            cameras.append(one)
        blocks.append({"outcomes": [*outcomes], "cameras": cameras})
    blocks += [{"incidents": part} for part in _parts(copy.incidents, _INCIDENTS_AT_ONCE)]
    head = {
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
        "places": [[p.region, p.class_, p.unit, p.maintainer] for p in places],
        "inventory": inventory.digest,
        "blocks": len(blocks),
        "cameras": [part[0] for part in _parts(known, _AT_ONCE)],  # the first one of each block
    }
    texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in (head, *blocks)]
    packed = [zlib.compress(text, 6) for text in texts]
    return _MAGIC + b"".join(_SIZE.pack(len(block)) + block for block in packed)


def _parts(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    values = iter(values)
    while part := [*islice(values, size)]:
        yield part


def _blocks(content: bytes) -> Iterator[bytes]:
    """The compressed blocks of a copy."""
    if not content.startswith(_MAGIC):
        raise ValueError(f"not a copy that this program knows: it begins with {content[:16]!r}")
    place = len(_MAGIC)
    while place < len(content):
        [size] = _SIZE.unpack_from(content, place)
        place += _SIZE.size
        if place + size > len(content):
            raise ValueError("it is cut short")
        yield content[place : place + size]
        place += size


def unpack(content: bytes, camera: str = "") -> Copy:
    """The copy again; `camera`: with no more of the cameras than the block that this one is in.

    Raises ValueError, LookupError, TypeError, struct.error or zlib.error where `pack` did not write it.
    """
    packed = _blocks(content)
    head = json.loads(zlib.decompress(next(packed, b"")))
    places = [Placement(*fields_) for fields_ in head["places"]]
    firsts: Sequence[str] = head["cameras"]
    shares: dict[str, Sequence[Share]] = {}
    examined: dict[str, tuple[Placement, str]] = {}
    named: dict[str, Camera] = {}
    incidents: list[str] = []
    blocks = [*packed]
    if len(blocks) != head["blocks"]:
        raise ValueError("it is cut short")
    for number, block in enumerate(blocks):
        if camera and number < len(firsts) and not _may_hold(firsts, number, camera):
            continue
        document = json.loads(zlib.decompress(block))
        incidents += document.get("incidents", ())
        outcomes = [tuple(None if v is None else tuple(v) for v in one) for one in document.get("outcomes", ())]
        for name, title, tags, mine, *more in document.get("cameras", ()):
            if mine:
                shares[name] = [(place, outcomes[outcome], bool(served)) for place, outcome, served in mine]
            if more:
                examined[name] = places[more[0]], more[1]
            if title or tags:
                stood = places[mine[-1][0] if mine else more[0]]
                named[name] = Camera(name, title, "", stood, tags=tags)
    profiles = [_unpacked(Profile, text) for text in head["profiles"]]
    inventory = Inventory(
        {code: Region(code, *rest) for code, *rest in head["regions"]},
        {},
        named,
        {id_: Maintainer(id_, name) for id_, name in head["maintainers"]},
        departments={one.id: one for one in (_unpacked(Department, text) for text in head["departments"])},
        digest=head["inventory"],
    )
    return Copy(
        head["start"],
        head["end"],
        head["until"],
        Terms(inventory, profiles, head["rates"], head["small_region"]),
        [(rate, profile) for rate, profile in head["columns"]],
        places,
        shares,
        examined,
        incidents,
    )


def _may_hold(firsts: Sequence[str], number: int, camera: str) -> bool:
    """Whether the camera may be in a block, by the first ids of all blocks."""
    return firsts[number] <= camera and (number + 1 == len(firsts) or camera < firsts[number + 1])


def digest_of(content: bytes) -> str:
    """SHA-256 of what is in a packed copy, whatever compressed it."""
    digest = hashlib.sha256()
    for block in _blocks(content):
        digest.update(zlib.decompress(block))
    return digest.hexdigest()


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
