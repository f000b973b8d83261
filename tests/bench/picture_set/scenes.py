"""Scenes: what a camera looks at, wider than its view, so that the view can be moved."""

from __future__ import annotations

import enum
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from healthd.city.pictures import View, draw
from tests.bench.picture_set.photographs import PHOTOGRAPHS, Photograph, photograph_path

Frame: TypeAlias = NDArray[np.uint8]
"""(rows, columns, 3) BGR."""

MARGIN = 0.25  # of the view, on each side
_NOON = 1_763_697_600.0  # 2025-11-21 12:00 in China: full daylight
_STREET_SIZE = (1280, 720)  # cut out of a street drawn at 1920x1080
_STREETS = 24


class Half(enum.StrEnum):
    """Thresholds are set on one half; the table is made on the other."""

    TUNING = "tuning"
    TESTING = "testing"


@dataclass(frozen=True, slots=True)
class Scene:
    """`photograph` None: a street of the simulated city; `grain`: with a surface of its own on everything.

    `size`: (width, height) of the view in pixels. `zoom`: how much narrower than the photograph the view is.
    """

    name: str
    half: Half
    size: tuple[int, int]
    photograph: Photograph | None = None
    zoom: float = 1.0
    grain: bool = False

    @property
    def seed(self) -> int:
        return zlib.crc32(self.name.encode())

    def view(self, moment: int, shift: tuple[float, float] = (0.0, 0.0), turn: float = 0.0) -> Frame:
        """What the camera sees, `shift` in shares of the view's width and height, `turn` in degrees.

        A street's traffic follows `moment` (seconds); a photograph stands still."""
        wide = _wide_photograph(self) if self.photograph else _wide_street(self.name, self.grain, moment % 3600)
        width, height = self.size
        left, top = (
            (wide.shape[1] - width) / 2 + shift[0] * width,
            (wide.shape[0] - height) / 2 + shift[1] * height,
        )
        turned = cv2.getRotationMatrix2D((wide.shape[1] / 2, wide.shape[0] / 2), turn, 1.0)
        turned[:, 2] -= (left, top)
        frame = cv2.warpAffine(wide, turned, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return frame.astype(np.uint8, copy=False)


def all_scenes() -> Sequence[Scene]:
    """Every scene; all views of one photograph are in the same half."""
    scenes = []
    for number, photograph in enumerate(PHOTOGRAPHS):
        half = tuple(Half)[number % 2]
        size = (640, 360) if photograph.package == "scikit-learn" else ((1920, 1080), (1280, 720))[number // 2 % 2]
        scenes.append(Scene(photograph.name, half, size, photograph))
        if photograph.crop:
            scenes.append(Scene(f"{photograph.name}, part", half, (1280, 720), photograph, 1.5))
    for number in range(_STREETS):
        half = tuple(Half)[number % 2]
        scenes.append(Scene(f"street {number}", half, _STREET_SIZE, grain=number % 4 > 1))
    return scenes


@lru_cache(maxsize=4)
def _wide_photograph(scene: Scene) -> Frame:
    """The photograph with the view in its middle and the margins around that."""
    assert scene.photograph is not None
    loaded = cv2.imread(str(photograph_path(scene.photograph)), cv2.IMREAD_COLOR)
    assert loaded is not None, scene.photograph.path
    width, height = (round(side * (1 + 2 * MARGIN)) for side in scene.size)
    scale = max(width / loaded.shape[1], height / loaded.shape[0]) * scene.zoom
    smaller = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(loaded, None, fx=scale, fy=scale, interpolation=smaller)
    aside = 0.5 if scene.zoom == 1 else 0.8  # a part is cut out below and to the right: skies are above
    left, top = (
        round((side - kept) * aside) for side, kept in zip(resized.shape[1::-1], (width, height), strict=True)
    )
    return np.ascontiguousarray(resized[max(0, top) :, max(0, left) :][:height, :width], dtype=np.uint8)


@lru_cache(maxsize=4)
def _wide_street(name: str, grain: bool, moment: int) -> Frame:
    jpeg = draw(View(name, _NOON + moment, _NOON, 1920, 1080))
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    if not grain:
        return decoded.astype(np.uint8, copy=False)
    surface = _surface(zlib.crc32(name.encode()))
    grained: Frame = np.clip(decoded * surface[:, :, None], 0, 255).astype(np.uint8)
    return grained


@lru_cache(maxsize=2)
def _surface(seed: int) -> NDArray[np.float32]:
    """How light asphalt, plaster and leaves are from spot to spot: coarse and fine spots of equal weight."""
    random = np.random.default_rng(seed)
    total = np.zeros((1080, 1920), np.float32)
    for step in (1, 2, 4, 8, 16, 32):
        spots = random.normal(0, 1, (1080 // step + 1, 1920 // step + 1)).astype(np.float32)
        total += cv2.resize(spots, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)[:1080, :1920]
    surface: NDArray[np.float32] = (1 + 0.04 * total).astype(np.float32)
    return surface
