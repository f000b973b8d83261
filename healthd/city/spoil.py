"""What a camera's faults do to its frames: some to the light before the sensor, some to the signal after. Pure."""

from __future__ import annotations

import zlib
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from healthd.city.faults import Kind

Frame: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 3, blue-green-red."""

_MOVED = 0.2  # of the width and height
_COVERED = 0.7  # of the width
_NOISE_SIGMA, _STRIPE_LEVELS = 45.0, 28


def spoil_scene(frame: Frame, quirk: Kind | None, camera: str) -> Frame:
    """Faults before the sensor, whose noise comes on top of them; the frame itself where there is none."""
    height, width = frame.shape[:2]
    drawn = zlib.crc32(camera.encode())
    match quirk:
        case Kind.DARK:
            changed = cv2.convertScaleAbs(frame, alpha=0.07)
        case Kind.BRIGHT:
            changed = cv2.convertScaleAbs(frame, alpha=0.12, beta=244)
        case Kind.LOW_CONTRAST:
            changed = cv2.convertScaleAbs(frame, alpha=0.1, beta=100)
        case Kind.BLUR:
            changed = cv2.GaussianBlur(frame, (0, 0), 0.014 * height)
        case Kind.COLOUR_CAST:
            gains = [0.35 if drawn % 3 == channel else 1.15 for channel in range(3)]
            changed = np.minimum(frame * np.array(gains, np.float32), 255)
        case Kind.GREYSCALE:
            changed = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        case Kind.MOVED:
            aside = 1 if drawn % 2 else -1
            shift = np.array([[1, 0, aside * _MOVED * width], [0, 1, -_MOVED * height * 0.7]])
            changed = cv2.warpAffine(frame, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
        case Kind.OCCLUDED:
            changed = _covered(frame, drawn)
        case _:
            return frame
    return changed.astype(np.uint8, copy=False)


def spoil_signal(frame: Frame, quirk: Kind | None, key: str) -> Frame:
    """Faults of the sensor and behind it; `key` tells one frame from another."""
    match quirk:
        case Kind.NOISE:
            noise = np.random.default_rng(zlib.crc32(key.encode())).normal(0, _NOISE_SIGMA, frame.shape)
            return np.clip(frame + noise, 0, 255).astype(np.uint8)
        case Kind.STRIPES:
            rows = np.arange(len(frame)) // max(2, len(frame) // 90) % 2 * 2 - 1
            striped = frame.astype(np.int16) + (rows * _STRIPE_LEVELS)[:, None, None].astype(np.int16)
            return np.clip(striped, 0, 255).astype(np.uint8)
        case Kind.SMALL:
            return cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)
        case _:
            return frame


def _covered(frame: Frame, drawn: int) -> Frame:
    """Something dark, close and out of focus hangs in from a side: a bag, a leaf, a nest."""
    height, width = frame.shape[:2]
    cover = np.zeros((height, width), np.float32)
    cover[:, : int(width * _COVERED)] = 1.0
    if drawn % 2:
        cover = np.ascontiguousarray(cover[:, ::-1])
    soft = cv2.GaussianBlur(cover, (0, 0), width / 40)[..., None]
    shade = np.linspace(0.7, 1.2, height, dtype=np.float32)[:, None, None]
    thing = shade * np.array([40 + drawn % 30, 45 + drawn % 40, 50 + drawn % 50], np.float32)
    return np.clip(frame * (1 - soft) + thing * soft, 0, 255).astype(np.uint8)
