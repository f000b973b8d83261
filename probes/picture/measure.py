"""Pixels to a few numbers that rules can be explained with; whole-number arithmetic on the reduced frame."""

from __future__ import annotations

from collections.abc import Sequence
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
# What decoders put where nothing came, BGR, from and to: middle grey, or the green that is chroma of zero.
_FILLS = (((124, 124, 124), (132, 132, 132)), ((0, 100, 0), (12, 165, 12)))


Channels: TypeAlias = tuple[int, int, int]
"""Blue, green, red, in sixteenths of a level."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the middle three quarters of the rows, but for `filled_ratio`: captions and clocks stand above and below.

    `luma_p99`: 99 % of the pixels are no lighter (0-255). `saturated_ratio`: share of pixels of luma 245 or
    more. `uniform_ratio`: share of blocks that are flat and all of one colour, 0 where that is less than half;
    `uniform_luma`: its luma; `uniform_peak`: its highest channel. `filled_ratio`: share of rows, from the lowest
    up, that a decoder filled.
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
    uniform_peak: int
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
    ratio, uniform_luma, uniform_peak = _uniform(middle, below)
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
        uniform_peak=uniform_peak,
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
    rows, columns = pixels.shape[:2]
    if min(rows, columns) >= 4:  # two halvings are several times faster than a quartering
        whole = pixels[: rows // 4 * 4, : columns // 4 * 4]
        half = columns // 4 * 2, rows // 4 * 2
        pixels = cv2.resize(whole, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    size = max(1, columns // 4), max(1, rows // 4)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


_SQUARES = (np.arange(256, dtype=np.int32) - 128) ** 2


def _chroma(small: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Distances from grey of a small frame's pixels."""
    _, red, blue = cv2.split(cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb))
    squares = (_SQUARES[red] + _SQUARES[blue]).ravel()
    places = [(len(squares) - 1) * share // 100 for share in (5, 95, 99)]
    low, high, top = (float(square) ** 0.5 for square in np.partition(squares, places)[places])
    return low, high, top


def _channels(small: NDArray[np.uint8]) -> tuple[Channels, Channels, Channels]:
    """Mean levels of all, of the lightest twentieth, and the level that 98 % do not pass."""
    planes = [plane.ravel() for plane in cv2.split(small)]
    sums = planes[0].astype(np.uint16) + planes[1] + planes[2]
    count = max(1, len(sums) // 20)
    lightest = sums >= np.partition(sums, len(sums) - count)[len(sums) - count]
    within = (len(sums) - 1) * 98 // 100
    tops = [16 * int(np.partition(plane, within)[within]) for plane in planes]
    return _mean(planes), _mean([plane[lightest] for plane in planes]), (tops[0], tops[1], tops[2])


def _mean(planes: Sequence[NDArray[np.integer | np.floating]]) -> Channels:
    blue, green, red = (16 * int(plane.sum(dtype=np.int64)) // len(plane) for plane in planes)
    return blue, green, red


def _filled(pixels: NDArray[np.uint8]) -> float:
    """From the lowest row up, so that frames which are whole cost one pixel."""
    rows = 0
    for row in pixels[::-1]:
        if not _like_fill(row[0].tolist(), row[0].tolist()):
            break
        if not _like_fill(row.min(axis=0).tolist(), row.max(axis=0).tolist()):
            break
        rows += 1
    return rows / len(pixels)


def _like_fill(lowest: Sequence[int], highest: Sequence[int]) -> bool:
    """Whether everything between these two colours is what a decoder puts where nothing came."""
    return any(
        all(least <= low and high <= most for low, high, least, most in zip(lowest, highest, *fill, strict=True))
        for fill in _FILLS
    )


def _uniform(pixels: NDArray[np.uint8], below: NDArray[np.int64]) -> tuple[float, int, int]:
    """`below`: how many pixels have each luma or less."""
    wide = 2 * (_FLAT + _SAME) + 1
    if 2 * int((below[wide:] - below[:-wide]).max()) < int(below[-1]) > 2 * int(below[wide - 1]):
        return 0.0, 0, 0  # no luma has half of the frame, so no colour has: the blocks need not be looked at
    lowest, highest, mean = _blocks(pixels)
    flat = ((highest - lowest) <= _FLAT).all(axis=1)
    if not flat.any():
        return 0.0, 0, 0
    # Where one colour covers most of the flat blocks, the median of them is that colour.
    colour = np.median(mean[flat], axis=0).astype(np.int32)
    same = flat & (np.abs(mean - colour) <= _SAME).all(axis=1)
    blue, green, red = (int(level) for level in colour)
    luma = (29 * blue + 150 * green + 77 * red) >> 8
    return int(np.count_nonzero(same)) / len(mean), luma, max(blue, green, red)


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
