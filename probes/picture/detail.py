"""How sharp, how noisy and how striped a frame is; whole-number arithmetic, integer images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from probes.picture.blocks import block_means

Grey: TypeAlias = NDArray[np.uint8]
"""(rows, columns) luma."""

_BLOCK = 16
_NEAR, _FAR = 2, 8  # pixels between which an edge's step is taken
_EDGE = 100  # squared levels across _FAR that a block must have on average to hold an edge
_OVER_NOISE = 20  # times the noise's variance that it must have, too
_FEWEST = 16  # blocks with an edge, for an opinion
_SHARPEST = 95  # percent: the sharpest blocks decide, for much in a frame may be out of focus or smooth
_GRAIN = np.array([1, -2, 1], np.float32)  # along rows and columns: Immerkaer 1996, blind to edges and slopes
_CLIPPED = (12, 243)  # mean luma of blocks whose noise is cut off
_STRIPS = 6
_SPANS = (1, 2, 4)
_UNEVEN, _SLACK = 3, 2 * 64  # times the least height, and 64ths of a level, that a line may rise to: interference
# adds the same to all that it crosses, a grille before a view does not
_TALLEST = 20 * 64  # of a line, in 64ths of a level: one black bar is one line, not twenty


@dataclass(frozen=True, slots=True)
class Detail:
    """`sharpness`: of the sharpest edges, how much of the step that they make over 8 pixels is made within 2, as
    percentages of squares (a clean step has about 100, a sharp picture 35 and more); None where too few blocks
    hold an edge. `grain`: in levels, the response to noise where the frame is calmest; None where all is clipped.
    `grain_loss`: how much smaller it is in the frame of half the size, in hundredths: noise loses (140 and more),
    texture does not. `stripes`: mean height, in levels, of lines that run from edge to edge. `clean_ratio`: share
    of the pixels that do not differ from what lies around them: a sensor leaves few such, a drawing most.
    """

    sharpness: int | None
    grain: float | None
    grain_loss: int
    stripes: float
    clean_ratio: float = 0.0


def measure_detail(luma: Grey) -> Detail:
    """Of `luma` (rows, columns), at least 1 x 1; frames too small for an opinion have the values of calm ones."""
    rows, columns = luma.shape
    if min(rows, columns) < 4 * _BLOCK:
        return Detail(None, None, 0, 0.0)
    # Whole blocks only: means over whole factors are several times faster.
    luma = np.ascontiguousarray(luma[: rows // _BLOCK * _BLOCK, : columns // _BLOCK * _BLOCK])
    answers = _noise(luma)
    grain, loss = _grain(luma, answers)
    clean = int(np.count_nonzero(answers <= 16)) / answers.size  # a level: what a shade's steps make
    return Detail(_sharpness(luma, grain or 0.0), grain, loss, _stripes(luma), clean)


def _mean_of_blocks(image: NDArray[np.uint16], size: tuple[int, int]) -> NDArray[np.int32]:
    return block_means(image, size).astype(np.int32)


def _grain(luma: Grey, answers: NDArray[np.uint16]) -> tuple[float | None, int]:
    rows, columns = luma.shape
    size = columns // _BLOCK, rows // _BLOCK
    half = cv2.resize(luma, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    level = cv2.resize(half, size, interpolation=cv2.INTER_AREA)
    counted = (level > _CLIPPED[0]) & (level < _CLIPPED[1])
    full, halved = (_mean_of_blocks(one, size)[counted] for one in (answers, _noise(half)))
    if len(full) < _FEWEST:
        return None, 0
    calmest = np.argsort(full, kind="stable")[: max(1, len(full) // 10)]
    loss = 100 * (int(full[calmest].sum()) + 16) // (int(halved[calmest].sum()) + 16)
    return int(full[calmest[-1]]) / 16, loss


def _noise(image: NDArray[Any]) -> NDArray[np.uint16]:
    """How strongly each pixel answers to noise, in sixteenths of a level."""
    answer = cv2.sepFilter2D(image, cv2.CV_16S, _GRAIN, _GRAIN)
    sixteenths: NDArray[np.uint16] = np.abs(answer).astype(np.uint16) * np.uint16(16)
    return sixteenths


def _sharpness(luma: Grey, grain: float) -> int | None:
    # The grain filter answers white noise of variance v with a mean of about 4.8 * sqrt(v).
    noise = int(grain * grain * 16) // 368
    shares = []
    rows, columns = luma.shape
    size = columns // _BLOCK, rows // _BLOCK
    every_second = np.ascontiguousarray(luma[::2])  # says as much, for half of the work
    for axis in (0, 1):
        near, far = (
            _mean_of_blocks(_squared_steps(every_second, span // 2 if axis == 0 else span, axis), size) - 2 * noise
            for span in (_NEAR, _FAR)
        )
        holds = (far > _EDGE) & (far > _OVER_NOISE * noise)
        shares.append(100 * near[holds] // far[holds])
    ordered = np.sort(np.concatenate(shares))
    return max(0, int(ordered[len(ordered) * _SHARPEST // 100])) if len(ordered) >= _FEWEST else None


def _squared_steps(luma: Grey, span: int, axis: int) -> NDArray[np.uint16]:
    """As large as `luma`: where no pixel lies `span` further on, the step is 0."""
    steps = np.zeros_like(luma)
    if axis == 0:
        cv2.absdiff(luma[span:], luma[:-span], dst=steps[:-span])
    else:
        cv2.absdiff(luma[:, span:], luma[:, :-span], dst=steps[:, :-span])
    wide: NDArray[np.uint16] = steps.astype(np.uint16)
    return wide * wide


def _stripes(luma: Grey) -> float:
    """The greater of rows and columns. A line counts by how far it stands off both sides in the strip where it
    does so least: what does not cross the whole frame, about equally high everywhere, counts nothing."""
    found = 0
    for image in (luma, cv2.transpose(luma)):
        length, across = image.shape[0], image.shape[1] // _STRIPS * _STRIPS
        # Each strip's levels in 64ths, a row a strip: sums over the first axis are several times faster.
        strips = cv2.transpose(image)[:across].reshape(_STRIPS, across // _STRIPS, length)
        profile = np.add.reduce(strips, axis=1, dtype=np.uint32).astype(np.int32) * 64 * _STRIPS // across
        tallest = np.zeros(length, np.int32)
        for span in _SPANS:
            off = 2 * profile[:, span:-span] - profile[:, : -2 * span] - profile[:, 2 * span :]
            low, high = off.min(axis=0), off.max(axis=0)
            least = np.maximum(low, -high)  # negative where strips disagree
            least[np.maximum(high, -low) > _UNEVEN * least + _SLACK] = 0
            np.maximum(tallest[span:-span], least, out=tallest[span:-span])
        found = max(found, int(np.minimum(tallest, _TALLEST).sum()) // length)
    return found / 64
