"""Pixels to a few numbers that rules can be explained with; whole-number arithmetic on the reduced frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from probes.picture.detail import Detail, Grey, measure_detail

BLOCK = 16  # pixels of the reduced frame
SATURATED = 245  # luma
_FLAT = 3  # levels within a block, per channel: a drawn card has none, a sensor's noise passes it
_SAME = 2  # levels between blocks of one colour, per channel
_MID_GREY, _FILL_NEAR = 128, 4  # what decoders put where nothing came, and how exactly
_FILL_GREEN = ((0, 100, 0), (12, 165, 12))  # BGR, from and to: chroma of zero


Channels: TypeAlias = tuple[int, int, int]
"""Blue, green, red, in sixteenths of a level."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the middle three quarters of the rows, but for `filled_ratio`: captions and clocks stand above and below.

    `luma_p99`: 99 % of the pixels are no lighter (0-255). `saturated_ratio`: share of pixels of luma 245 or
    more. `uniform_ratio`: share of blocks that are flat and all of one colour, 0 where that is less than half;
    `uniform_luma`: its luma. `filled_ratio`: share of rows, from the lowest up, that a decoder filled.
    `chroma_p5`, `chroma_p95`, `chroma_p99`: distance from grey (0-181) that 5, 95, 99 % of the small frame's
    pixels do not pass. `channels`: mean level of blue, green and red, in sixteenths; `lights`: the same of the
    lightest twentieth; `tops`: what 98 % do not pass of each.
    """

    luma_p1: int
    luma_p10: int
    luma_p50: int
    luma_p99: int
    saturated_ratio: float
    uniform_ratio: float
    uniform_luma: int
    filled_ratio: float
    chroma_p5: float
    chroma_p95: float
    chroma_p99: float
    channels: Channels
    lights: Channels
    tops: Channels
    detail: Detail


def grey_of(pixels: NDArray[np.uint8]) -> Grey:
    """Luma of BGR."""
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)


def measure(pixels: NDArray[np.uint8], grey: Grey) -> Measures:
    """`pixels`: (rows, columns, 3) BGR, at least 1 x 1; `grey`: its luma."""
    rows = pixels.shape[0]
    middle = pixels[rows // 8 : rows - rows // 8]
    luma = np.ascontiguousarray(grey[rows // 8 : rows - rows // 8])
    below = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.int64).cumsum()
    total = int(below[-1])
    small = _small(middle)
    ratio, uniform_luma = _uniform(middle, below)
    chroma = _chroma(small)
    channels, lights, tops = _channels(small)
    return Measures(
        luma_p1=int(np.searchsorted(below, -(-total // 100))),
        luma_p10=int(np.searchsorted(below, -(-total * 10 // 100))),
        luma_p50=int(np.searchsorted(below, -(-total // 2))),
        luma_p99=int(np.searchsorted(below, -(-total * 99 // 100))),
        saturated_ratio=(total - int(below[SATURATED - 1])) / total,
        uniform_ratio=ratio,
        uniform_luma=uniform_luma,
        filled_ratio=_filled(pixels),
        chroma_p5=chroma[0],
        chroma_p95=chroma[1],
        chroma_p99=chroma[2],
        channels=channels,
        lights=lights,
        tops=tops,
        detail=measure_detail(luma),
    )


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A quarter of it each way, without its noise."""
    size = max(1, pixels.shape[1] // 4), max(1, pixels.shape[0] // 4)
    whole = pixels[: size[1] * 4, : size[0] * 4]  # whole factors are several times faster
    return cv2.resize(whole, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _chroma(small: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Distances from grey of a small frame's pixels."""
    chroma = cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb)[..., 1:].astype(np.int32) - 128
    squares = (chroma * chroma).sum(axis=-1).ravel()
    places = [(len(squares) - 1) * share // 100 for share in (5, 95, 99)]
    low, high, top = (float(square) ** 0.5 for square in np.partition(squares, places)[places])
    return low, high, top


def _channels(small: NDArray[np.uint8]) -> tuple[Channels, Channels, Channels]:
    """Mean levels of all, of the lightest twentieth, and the level that 98 % do not pass."""
    levels = small.reshape(-1, 3)
    sums = levels.sum(axis=1, dtype=np.uint16)
    count = max(1, len(levels) // 20)
    lightest = levels[np.argpartition(sums, len(sums) - count)[len(sums) - count :]]
    within = (len(levels) - 1) * 98 // 100 + 1
    blue, green, red = (16 * _level_of(small, channel, within) for channel in range(3))
    return _mean(levels), _mean(lightest), (blue, green, red)


def _level_of(small: NDArray[np.uint8], channel: int, within: int) -> int:
    """The level that so many pixels of a channel do not pass."""
    below = cv2.calcHist([small], [channel], None, [256], [0, 256]).ravel().cumsum()
    return int(np.searchsorted(below, within))


def _mean(levels: NDArray[np.uint8]) -> Channels:
    blue, green, red = (int(16 * total) // len(levels) for total in levels.sum(axis=0, dtype=np.int64))
    return blue, green, red


def _filled(pixels: NDArray[np.uint8]) -> float:
    """From the lowest row up, so that frames which are whole cost one row."""
    rows = 0
    for row in pixels[::-1]:
        lowest, highest = row.min(axis=0).astype(np.int16), row.max(axis=0).astype(np.int16)
        grey = (lowest >= _MID_GREY - _FILL_NEAR).all() and (highest <= _MID_GREY + _FILL_NEAR).all()
        if not grey and not ((lowest >= _FILL_GREEN[0]).all() and (highest <= _FILL_GREEN[1]).all()):
            break
        rows += 1
    return rows / len(pixels)


def _uniform(pixels: NDArray[np.uint8], below: NDArray[np.int64]) -> tuple[float, int]:
    """`below`: how many pixels have each luma or less."""
    wide = 2 * (_FLAT + _SAME) + 1
    if 2 * int((below[wide:] - below[:-wide]).max()) < int(below[-1]) > 2 * int(below[wide - 1]):
        return 0.0, 0  # no luma has half of the frame, so no colour has: the blocks need not be looked at
    lowest, highest, mean = _blocks(pixels)
    flat = ((highest - lowest) <= _FLAT).all(axis=1)
    if not flat.any():
        return 0.0, 0
    # Where one colour covers most of the flat blocks, the median of them is that colour.
    colour = np.median(mean[flat], axis=0).astype(np.int32)
    same = flat & (np.abs(mean - colour) <= _SAME).all(axis=1)
    blue, green, red = (int(level) for level in colour)
    return int(np.count_nonzero(same)) / len(mean), (29 * blue + 150 * green + 77 * red) >> 8


def _blocks(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Lowest, highest and mean level of every block: (blocks, 3) each. Rests at right and bottom are left out."""
    rows, columns = pixels.shape[:2]
    side = max(1, min(BLOCK, rows, columns))
    down, across = rows // side, columns // side
    # Rows first: that way each step runs over contiguous memory.
    strips = np.ascontiguousarray(pixels[: down * side, : across * side]).reshape(down, side, across * side * 3)

    def squared(strip: NDArray[np.integer]) -> NDArray[np.integer]:
        return strip.reshape(down * across, side, 3)

    lowest = squared(strips.min(axis=1)).min(axis=1).astype(np.int32)
    highest = squared(strips.max(axis=1)).max(axis=1).astype(np.int32)
    sums = squared(strips.sum(axis=1, dtype=np.int32)).sum(axis=1, dtype=np.int32)
    return lowest, highest, sums // (side * side)
