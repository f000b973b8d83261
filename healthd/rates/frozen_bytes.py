"""A frozen copy as bytes: blocks of compressed JSON, each to be read without the others.

The head holds the terms. After it come the rows by region, which are asked for most, then the cameras, some
hundred a block, and what repairs are counted from. The same copy gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from itertools import islice
from typing import Any

from healthd.model import Camera, Department, Inventory, Maintainer, Placement, Region
from healthd.rates.frozen import Copy, Outcome, Share
from healthd.rates.pool import Terms
from healthd.rates.profiles import Method, Profile
from healthd.rates.rows import Row

_MAGIC = b"healthd copy 3\n"
_SIZE = struct.Struct(">I")  # bytes of the block that follows
_AT_ONCE = 500  # cameras a block: so that reading one camera, or letting others have their turn, costs little
_INCIDENTS_AT_ONCE = 500
_AMOUNTS = (
    "cameras", "good", "bad", "undiagnosed", "unknown", "exempt", "out_of_service", "raw_good", "raw_assessed"
)  # fmt: skip


def pack(copy: Copy) -> bytes:
    """The copy as bytes, the same for the same copy: blocks of compressed JSON, the head first."""
    inventory, places = copy.terms.inventory, {place: number for number, place in enumerate(copy.places)}
    known = sorted({*copy.shares, *copy.examined})
    blocks: list[Any] = [{"by_region": [_packed_row(row) for row in copy.rows()]}]
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
    copy, firsts, blocks = _head(content)
    shares: dict[str, Sequence[Share]] = {}
    examined: dict[str, tuple[Placement, str]] = {}
    named: dict[str, Camera] = {}
    incidents: list[str] = []
    for number, block in enumerate(blocks[1:]):
        if camera and number < len(firsts) and not _may_hold(firsts, number, camera):
            continue
        document = json.loads(zlib.decompress(block))
        incidents += document.get("incidents", ())
        outcomes = [tuple(None if v is None else tuple(v) for v in one) for one in document.get("outcomes", ())]
        for name, title, tags, mine, *more in document.get("cameras", ()):
            if mine:
                shares[name] = [(place, outcomes[outcome], bool(served)) for place, outcome, served in mine]
            if more:
                examined[name] = copy.places[more[0]], more[1]
            if title or tags:
                stood = copy.places[mine[-1][0] if mine else more[0]]
                named[name] = Camera(name, title, "", stood, tags=tags)
    terms = replace(copy.terms, inventory=replace(copy.terms.inventory, cameras=named))
    return replace(copy, terms=terms, shares=shares, examined=examined, incidents=incidents)


def region_rows(content: bytes) -> tuple[Copy, list[Row]]:
    """(the copy without its cameras, what its `rows` by region are): a thousandth of the work of reading it whole.
    Raises like `unpack`."""
    copy, _, blocks = _head(content)
    profiles = {profile.name: profile for profile in copy.terms.profiles}
    inventory = copy.terms.inventory
    found = []
    for key, class_, rate, name, *sums, small in json.loads(zlib.decompress(blocks[0]))["by_region"]:
        region, profile = inventory.regions.get(key), profiles[name]
        amounts: dict[str, Any] = dict(zip(_AMOUNTS, sums, strict=True))
        row = Row(
            by="region",
            key=key,
            region=key,
            name=region.name if region else key,
            level=region.level if region else "",
            class_=class_,
            rate=rate,
            profile=name,
            start=copy.start,
            end=copy.until,
            clipped=copy.until < copy.end,
            target=profile.target(rate, class_, inventory.line_of(key) if region else ()),
            method=profile.method.kind,
            small=bool(small),
            **amounts,
        )
        found.append(row)
    return copy, found


def _packed_row(row: Row) -> list[Any]:
    amounts = [getattr(row, name) for name in _AMOUNTS]
    return [row.key, row.class_, row.rate, row.profile, *amounts, int(row.small)]


def _head(content: bytes) -> tuple[Copy, Sequence[str], Sequence[bytes]]:
    """(the copy without cameras and incidents, the first camera of each block, the blocks after the head)."""
    packed = _blocks(content)
    head = json.loads(zlib.decompress(next(packed, b"")))
    blocks = [*packed]
    if len(blocks) != head["blocks"]:
        raise ValueError("it is cut short")
    inventory = Inventory(
        {code: Region(code, *rest) for code, *rest in head["regions"]},
        {},
        {},
        {id_: Maintainer(id_, name) for id_, name in head["maintainers"]},
        departments={one.id: one for one in (_unpacked(Department, text) for text in head["departments"])},
        digest=head["inventory"],
    )
    profiles = [_unpacked(Profile, text) for text in head["profiles"]]
    copy = Copy(
        head["start"],
        head["end"],
        head["until"],
        Terms(inventory, profiles, head["rates"], head["small_region"]),
        [(rate, profile) for rate, profile in head["columns"]],
        [Placement(*fields_) for fields_ in head["places"]],
        {},
    )
    return copy, head["cameras"], blocks


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
