"""Pixels to a few numbers that rules can be explained with; whole-number arithmetic on the reduced frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK = 16  # pixels of the reduced frame
SATURATED = 245  # luma
_FLAT = 3  # levels within a block, per channel: a drawn card has none, a sensor's noise passes it
_SAME = 2  # levels between blocks of one colour, per channel


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the middle three quarters of the rows: captions and clocks stand above and below.

    `luma_p99`: 99 % of the pixels are no lighter (0-255). `saturated_ratio`: share of pixels of luma 245 or
    more. `uniform_ratio`: share of blocks that are flat and all of one colour; `uniform_luma`: its luma.
    """

    luma_p99: int
    saturated_ratio: float
    uniform_ratio: float
    uniform_luma: int


def measure(pixels: NDArray[np.uint8]) -> Measures:
    """`pixels`: (rows, columns, 3) BGR, at least 1 x 1."""
    rows = pixels.shape[0]
    middle = np.ascontiguousarray(pixels[rows // 8 : rows - rows // 8])
    grey = cv2.cvtColor(middle, cv2.COLOR_BGR2GRAY)
    below = np.bincount(grey.ravel(), minlength=256).cumsum()
    total = int(below[-1])
    ratio, luma = _uniform(middle)
    return Measures(
        luma_p99=int(np.searchsorted(below, -(-total * 99 // 100))),
        saturated_ratio=(total - int(below[SATURATED - 1])) / total,
        uniform_ratio=ratio,
        uniform_luma=luma,
    )


def _uniform(pixels: NDArray[np.uint8]) -> tuple[float, int]:
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
