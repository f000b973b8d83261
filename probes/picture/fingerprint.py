"""What a camera usually sees, in under 3 kB: to tell a moved view, a covered lens and a change of its picture.

Where edges are (a 48 x 27 grid, along and across), how much contrast and light a coarse 12 x 9 grid has, and a few
numbers of the whole frame. A face or a number plate is smaller than one cell: no viewable picture can be made of
it.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from probes.picture.blocks import block_means

COLUMNS, ROWS = 48, 27
TILES = 12, 9  # columns, rows: 4 x 3 cells each
FEWEST_TILES = 14  # with structure in the reference, for an opinion on its loss or its place
AGREED = 3  # frames that must agree before a reference is used
_SLOW = 16  # a settled reference takes over a sixteenth of what it sees
_AGREEMENT = 0.30  # correlation at the same place
_HEAD = struct.Struct("<BBHhHHHHH")
_VERSION = 1
_NO_SHARPNESS = -1


class Lit(enum.IntEnum):
    """Which of a camera's two references a fingerprint belongs to."""

    DAY = 0
    NIGHT = 1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of one frame, or of many (`frames`). `edges`: (2, 27, 48), 0-255, four times the root of the mean step in
    sixteenths of a level; `contrast`, `light`: (9, 12), levels. `sharpness`: see `Detail`. `channels`: mean blue,
    green, red in sixteenths of a level. `colour`: the distance from grey that 95 % do not pass, in hundredths."""

    lit: Lit
    frames: int
    sharpness: int | None
    channels: tuple[int, int, int]
    colour: int
    edges: NDArray[np.uint8]
    contrast: NDArray[np.uint8]
    light: NDArray[np.uint8]

    @property
    def settled(self) -> bool:
        return self.frames >= AGREED

    def to_bytes(self) -> bytes:
        """2,824 bytes."""
        sharpness = _NO_SHARPNESS if self.sharpness is None else min(self.sharpness, 32767)
        frames, colour = min(self.frames, 65535), min(self.colour, 65535)
        head = _HEAD.pack(_VERSION, self.lit, frames, sharpness, *self.channels, colour, 0)
        return head + self.edges.tobytes() + self.contrast.tobytes() + self.light.tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Fingerprint:
        """Raises ValueError for anything but what `to_bytes` wrote."""
        tiles, cells = TILES[0] * TILES[1], ROWS * COLUMNS
        if len(stored) != _HEAD.size + 2 * cells + 2 * tiles or stored[0] != _VERSION:
            raise ValueError("not a fingerprint that this version knows")
        _, lit, frames, sharpness, blue, green, red, colour, _ = _HEAD.unpack_from(stored)
        levels = np.frombuffer(stored, np.uint8, offset=_HEAD.size)
        return cls(
            Lit(lit),
            frames,
            None if sharpness == _NO_SHARPNESS else sharpness,
            (blue, green, red),
            colour,
            levels[: 2 * cells].reshape(2, ROWS, COLUMNS),
            levels[2 * cells : 2 * cells + tiles].reshape(TILES[1], TILES[0]),
            levels[2 * cells + tiles :].reshape(TILES[1], TILES[0]),
        )


def fingerprint(
    grey: NDArray[np.uint8], lit: Lit, sharpness: int | None, channels: tuple[int, int, int], colour: float
) -> Fingerprint:
    """Of one frame's luma (rows, columns), at least 3 x 3."""
    steps = np.zeros((2, *grey.shape), np.uint8)  # as large as the frame: means over whole factors are quick
    cv2.absdiff(grey[:, 2:], grey[:, :-2], dst=steps[0][:, 1:-1])
    cv2.absdiff(grey[2:], grey[:-2], dst=steps[1][1:-1])
    means = [block_means(one.astype(np.uint16) * np.uint16(16), (COLUMNS, ROWS)) for one in steps]
    small = cv2.resize(grey, (TILES[0] * 8, TILES[1] * 6), interpolation=cv2.INTER_AREA)
    # A column a tile: along the first axis numpy is quick.
    tiles = small.reshape(TILES[1], 6, TILES[0], 8).transpose(1, 3, 0, 2).reshape(48, -1)
    lowest, highest = (one.reshape(TILES[1], TILES[0]) for one in (tiles.min(axis=0), tiles.max(axis=0)))
    return Fingerprint(
        lit,
        1,
        sharpness,
        channels,
        round(colour * 100),
        _roots()[np.stack(means)],
        highest - lowest,
        (tiles.sum(axis=0, dtype=np.uint32) // 48).astype(np.uint8).reshape(TILES[1], TILES[0]),
    )


@lru_cache(maxsize=1)
def _roots() -> NDArray[np.uint8]:
    """Four times the root of every mean step: roots, so that one hard edge does not outweigh all others."""
    return np.array([min(255, isqrt(16 * step)) for step in range(255 * 16 + 1)], np.uint8)


def learn(reference: Fingerprint | None, candidate: Fingerprint) -> Fingerprint:
    """The reference after another good frame: the mean of the first that agree, then refreshed slowly.

    Give it only candidates of frames without a fault. While the first frames disagree it begins anew."""
    if reference is None or reference.lit is not candidate.lit:
        return replace(candidate, frames=1)
    if not reference.settled and _disagree(candidate, reference):
        return replace(candidate, frames=1)
    weight = min(reference.frames + 1, _SLOW)

    def nearer(old: NDArray[np.uint8], new: NDArray[np.uint8]) -> NDArray[np.uint8]:
        step = np.round((new.astype(np.int32) - old) / weight).astype(np.int32)
        return (old + step).astype(np.uint8)

    def number(old: int, new: int) -> int:
        return old + round((new - old) / weight)

    one, other = reference.sharpness, candidate.sharpness
    blue, green, red = (number(a, b) for a, b in zip(reference.channels, candidate.channels, strict=True))
    return Fingerprint(
        reference.lit,
        min(reference.frames + 1, 65535),
        number(one, other) if one is not None and other is not None else (other if one is None else one),
        (blue, green, red),
        number(reference.colour, candidate.colour),
        nearer(reference.edges, candidate.edges),
        nearer(reference.contrast, candidate.contrast),
        nearer(reference.light, candidate.light),
    )


def _disagree(one: Fingerprint, other: Fingerprint) -> bool:
    """A wall or the open sky has nothing that could disagree."""
    return _structured(_tiles(one.edges), _tiles(other.edges)) and _fits(one.edges, other.edges)[0] < _AGREEMENT


def trusted(one: Fingerprint) -> Fingerprint:
    """A single frame that a person vouches for, as a settled reference."""
    return replace(one, frames=AGREED)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A frame's fingerprint held against its reference.

    `fits`: both have structure to be looked for; without it the next two are 0. `here`, `elsewhere`: how well
    the edges fit (correlation, -1 to 1) at their place (give or take a cell) and at the best other place, as
    far as both overlap there. `lost_ratio`: of the tiles in which the reference has structure, the share in
    the largest connected part that lost it. `kept`: how much structure the best-kept tiles have left (1: all
    of it). `structure`: tiles in which the reference has any; `present_ratio`: the share of them in which the
    frame has some, of whatever shape. `contrast_ratio`: what is left of the contrast where most of it is left;
    `evenness`: what is left where little is left, as a share of that. `light_ratio`: how light it is, against
    the reference. Values come in
    hundredths, so that no machine rounds a verdict another way.
    """

    fits: bool
    here: float
    elsewhere: float
    lost_ratio: float
    kept: float
    structure: int
    present_ratio: float
    contrast_ratio: float | None
    evenness: float
    light_ratio: float


_ACROSS, _DOWN = COLUMNS // 4, ROWS // 4 + 1  # cells that a view may move and still be found: a quarter
_OVERLAP = 0.25  # of the structure that must overlap at another place: a corner fits anywhere
_CAPTIONS = 3  # rows of cells above and below that stay where they are when the view moves
_LOCAL = 5  # cells: structure is what differs from the mean of so many around
_STRUCTURE = 700  # sum of squared differences in a tile of the reference (24 values of 0-255)
_LOST = 0.25  # a tile that keeps less of its structure, compared with the best-kept ones, has lost it
_SHOWS_THROUGH = 36  # hundredths of a squared correlation: what is faint but where it was lies under snow or fog
_DRAWN = 1  # level of contrast within a tile: a privacy mask is drawn, a cover has noise and shades
_DRAWN_RATIO = 0.2  # of the tiles: larger than that is no mask that anybody planned
_CONTRAST = 30  # levels that a tile of the reference must have for its loss to count


def compare(frame: Fingerprint, reference: Fingerprint) -> Comparison:
    """Pure; about a quarter of a millisecond."""
    mine, theirs = _tiles(frame.edges), _tiles(reference.edges)
    fits = _structured(mine, theirs)
    here, elsewhere = _fits(frame.edges, reference.edges) if fits else (0.0, 0.0)
    lost, kept, structure, present = _losses(frame, mine, theirs)
    contrast, evenness = _contrast_left(frame, reference)
    light = round(_median(frame.light) / max(_median(reference.light), 1.0), 2)
    return Comparison(fits, here, elsewhere, lost, kept, structure, present, contrast, evenness, light)


def _structured(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    """Whether both have something to be looked for: what noise, a JPEG and passers-by make of a wall fits nowhere
    and everywhere."""
    return all(int(np.count_nonzero(_power(tiles)[1:-1] > _STRUCTURE)) >= FEWEST_TILES for tiles in (one, other))


def _fits(edges: NDArray[np.uint8], reference: NDArray[np.uint8]) -> tuple[float, float]:
    frame, other = _local(edges), _local(reference)
    product = cv2.matchTemplate(_widened(cv2.merge(other)), cv2.merge(frame), cv2.TM_CCORR)
    # What of the one lies within the other where it is shifted by so much is what of it lies within its own place
    # when shifted back.
    overlap = np.sqrt(np.maximum(_within(frame)[::-1, ::-1] * _within(other), 1.0))
    fits = np.round(product / overlap * 100).astype(np.int32)
    near = slice(_DOWN - 1, _DOWN + 2), slice(_ACROSS - 1, _ACROSS + 2)
    here = int(fits[near].max())
    fits[overlap < _OVERLAP * overlap[_DOWN, _ACROSS]] = -100
    fits[near] = -100
    return here / 100, int(fits.max()) / 100


def _local(edges: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """What differs from the cells around, without the captions' rows: along and across."""
    found = []
    for one in edges:
        cells = one.astype(np.float32)
        cells -= cv2.blur(cells, (_LOCAL, _LOCAL))
        cells[:_CAPTIONS] = cells[-_CAPTIONS:] = 0
        found.append(cells)
    return found


def _widened(cells: NDArray[np.integer | np.floating]) -> NDArray[np.float32]:
    return cv2.copyMakeBorder(cells, _DOWN, _DOWN, _ACROSS, _ACROSS, cv2.BORDER_CONSTANT).astype(np.float32)


def _within(cells: Sequence[NDArray[np.float32]]) -> NDArray[np.floating]:
    """The sum of squares of what lies within the frame less its captions, for each place of the frame."""
    sums = cv2.integral(cells[0] * cells[0] + cells[1] * cells[1])
    (top, bottom), (left, right) = _edges_of_places()
    found: NDArray[np.floating] = (
        sums[bottom[:, None], right]
        - sums[top[:, None], right]
        - sums[bottom[:, None], left]
        + sums[top[:, None], left]
    )
    return found


@lru_cache(maxsize=1)
def _edges_of_places() -> tuple[
    tuple[NDArray[np.intp], NDArray[np.intp]], tuple[NDArray[np.intp], NDArray[np.intp]]
]:
    """Where the frame less its captions begins and ends, for each place that it may have moved to."""
    down, across = np.arange(-_DOWN, _DOWN + 1), np.arange(-_ACROSS, _ACROSS + 1)
    rows = (down + _CAPTIONS).clip(0, ROWS), (down + ROWS - _CAPTIONS).clip(0, ROWS)
    return rows, (across.clip(0, COLUMNS), (across + COLUMNS).clip(0, COLUMNS))


def _tiles(edges: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(24, 9, 12): each tile's cells of both directions, less their mean, in twelfths. Cells come first: along the
    first axis numpy is quick."""
    cells = edges.reshape(2, TILES[1], 3, TILES[0], 4).transpose(0, 2, 4, 1, 3).astype(np.int32)
    both = cells.reshape(2, 12, TILES[1], TILES[0])
    above: NDArray[np.int32] = both * 12 - both.sum(axis=1, keepdims=True)
    return above.reshape(24, TILES[1], TILES[0])


def _power(tiles: NDArray[np.int32]) -> NDArray[np.int32]:
    squares: NDArray[np.int32] = (tiles * tiles).sum(axis=0) // 144
    return squares


def _losses(
    frame: Fingerprint, mine: NDArray[np.int32], theirs: NDArray[np.int32]
) -> tuple[float, float, int, float]:
    power = _power(theirs)
    drawn = frame.contrast <= _DRAWN
    counted = power > _STRUCTURE
    if np.count_nonzero(drawn & counted) <= _DRAWN_RATIO * np.count_nonzero(counted):
        counted &= ~drawn
    counted[0] = counted[-1] = False  # captions
    structure = int(np.count_nonzero(counted))
    if not structure:
        return 0.0, 0.0, 0, 0.0
    common, own = (mine * theirs).sum(axis=0).astype(np.int64) // 144, _power(mine)
    left = 100 * common // np.maximum(power, 1)
    kept = int(np.sort(left[counted])[structure * 95 // 100])
    shows = (common > 0) & (100 * common * common > _SHOWS_THROUGH * own.astype(np.int64) * power)
    gone = counted & (left < _LOST * min(max(kept, 40), 100)) & ~shows
    largest = _largest(gone, counted)
    present = counted & (own * 4 > power)
    return largest / structure, kept / 100, structure, int(np.count_nonzero(present)) / structure


def _largest(gone: NDArray[np.bool_], counted: NDArray[np.bool_]) -> int:
    """Tiles that are gone in their largest part. What had nothing to lose connects what has lost it."""
    bridges = gone | ~counted
    bridges[0] = bridges[-1] = False
    _, labels = cv2.connectedComponents(bridges.astype(np.uint8), connectivity=4)
    return int(np.bincount(labels[gone], minlength=1).max())


def _median(levels: NDArray[np.uint8]) -> float:
    middle = levels.size // 2
    ordered = np.sort(levels, axis=None)
    return (
        (int(ordered[middle - 1]) + int(ordered[middle])) / 2 if levels.size % 2 == 0 else float(ordered[middle])
    )


def _contrast_left(frame: Fingerprint, reference: Fingerprint) -> tuple[float | None, float]:
    had = reference.contrast.astype(np.int32)
    counted = had >= _CONTRAST
    counted[0] = counted[-1] = False
    if np.count_nonzero(counted) < 6:
        return None, 0.0
    left = np.sort(100 * frame.contrast[counted].astype(np.int32) // had[counted])
    most, little = int(left[len(left) * 9 // 10]), int(left[len(left) * 2 // 10])
    return most / 100, little / max(most, 1)
