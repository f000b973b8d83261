"""Means over the blocks of an image: what every measure begins with, and where its time goes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def block_means(image: NDArray[np.uint16], size: tuple[int, int]) -> NDArray[np.uint16]:
    """The mean of each of `size` (columns, rows) blocks of `image` (rows, columns), rounded.

    Halving is done in vector instructions, so where a block has an even number of pixels each way it comes first.
    """
    columns, rows = size
    if image.shape[0] % (2 * rows) == 0 and image.shape[1] % (2 * columns) == 0:
        half = image.shape[1] // 2, image.shape[0] // 2
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA).astype(np.uint16, copy=False)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint16, copy=False)
