"""Whether a picture stands still: a signature of its blocks, to be held against the next frame's."""

from __future__ import annotations

import struct
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from probes.picture.blocks import block_means

COLUMNS, ROWS = 32, 18
_BAND = 3  # rows of blocks above and below in which captions and clocks stand
_ALIVE = 6  # mean step from pixel to pixel, in sixteenths of a level: less is burnt out, black or drawn, and equal
# in live frames, too
_FEWEST = 24  # blocks that must be alive for an opinion
_HEAD = struct.Struct("<BHH")
_VERSION = 3
_BYTES = _HEAD.size + COLUMNS * ROWS + COLUMNS * ROWS // 8


def signature(grey: NDArray[np.uint8]) -> bytes:
    """653 bytes that tell which blocks of `grey` (rows, columns; at least 1 x 1) change; no picture can be made of
    them. Frames of another size have another signature. A block has one byte: of 256 that changed, one looks the
    same, which no share of blocks notices, and a fleet of 100,000 fits into memory."""
    high, wide = grey.shape[0] // ROWS, grey.shape[1] // COLUMNS
    if not high or not wide:
        return b""
    whole = np.ascontiguousarray(grey[: high * ROWS, : wide * COLUMNS])
    # Overflow is meant: each weight is odd, so that no single change of a pixel leaves its block's sum as it was.
    columns = np.add.reduce((whole * _weights(high, wide)).reshape(ROWS, high, -1), axis=1, dtype=np.uint16)
    sums = columns.reshape(ROWS, COLUMNS, wide).sum(axis=-1, dtype=np.uint16)
    steps = np.zeros_like(whole)
    cv2.absdiff(whole[:, 1:], whole[:, :-1], dst=steps[:, 1:])
    alive = block_means(steps.astype(np.uint16) * np.uint16(16), (COLUMNS, ROWS)) >= _ALIVE
    head: bytes = _HEAD.pack(_VERSION, high, wide)
    marks = (sums * np.uint16(40_503)) >> np.uint16(8)
    return b"".join((head, marks.astype(np.uint8).tobytes(), np.packbits(alive).tobytes()))


def identical_ratio(one: bytes, other: bytes, whole: bool) -> float | None:
    """Share of the blocks that are alive in both and the same to the last level; None where too few are alive, or
    the frames differ in size. `whole`: with the captions' blocks, else only the middle's."""
    if len(one) != _BYTES or len(other) != _BYTES or one[: _HEAD.size] != other[: _HEAD.size]:
        return None
    (marks, alive), (others, also) = _parts(one), _parts(other)
    counted = alive & also
    if not whole:
        counted[:_BAND] = counted[-_BAND:] = False
    total = int(np.count_nonzero(counted))
    return int(np.count_nonzero(counted & (marks == others))) / total if total >= _FEWEST else None


def _parts(signed: bytes) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    end = _HEAD.size + COLUMNS * ROWS
    marks = np.frombuffer(signed[_HEAD.size : end], np.uint8).reshape(ROWS, COLUMNS)
    alive = np.unpackbits(np.frombuffer(signed[end:], np.uint8)).astype(np.bool_).reshape(ROWS, COLUMNS)
    return marks, alive


@lru_cache(maxsize=8)
def _weights(high: int, wide: int) -> NDArray[np.uint16]:
    """A weight for each pixel of a frame, the same in every block, so that the same levels in another order give
    another sum."""
    spots = np.arange(1, high * wide + 1, dtype=np.uint32)
    block = ((spots * np.uint32(2_654_435_761)) >> np.uint32(7) | np.uint32(1)).reshape(high, wide)
    return np.tile(block.astype(np.uint16), (ROWS, COLUMNS))
