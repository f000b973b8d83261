"""A small picture of a bad frame, for whoever is to be shown what was found."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH = 320
_BLUR = 7.0  # pixels of the thumbnail: no face, no number plate, but a covered lens or a cast is still seen
_QUALITY = 75


def thumbnail(pixels: NDArray[np.uint8], kind: str) -> bytes:
    """A JPEG of `pixels` (rows, columns, 3), at most 320 wide; `kind` blurred or clear."""
    scale = min(1.0, _WIDTH / pixels.shape[1])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if kind != "clear":
        small = cv2.GaussianBlur(small, (0, 0), _BLUR)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
