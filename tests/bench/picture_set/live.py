"""How a working camera's frames of one scene differ: light, white balance, noise, jitter, passers-by, weather,
night.

No two frames share a pixel: each has its own draw of all of it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from probes.picture.context import Light
from tests.bench.picture_set.scenes import Frame, Scene

Random = np.random.Generator


class Benign(enum.StrEnum):
    """Kinds of good frames."""

    DAY = "day"
    BRIGHTNESS_STEPS = "brightness steps"
    DUSK = "dusk"
    INFRARED_NIGHT = "infrared night"
    HEADLIGHTS = "headlights at night"
    FOG = "fog"
    MIST = "thick mist"
    RAIN = "rain and drops on the lens"
    SNOW = "snowfall"
    SNOW_FIELD = "snow on the ground"
    LOW_TEXTURE = "low texture"
    HEAVY_JPEG = "JPEG quality 20 to 40"
    CAPTIONS = "captions"
    PRIVACY_MASK = "privacy mask"


NIGHT = frozenset({Benign.INFRARED_NIGHT, Benign.HEADLIGHTS})


@dataclass(frozen=True, slots=True)
class Sensor:
    """How this frame is taken: `sigma` of the noise in levels, the JPEG's quality."""

    sigma: float
    quality: int


def optics(
    scene: Scene, random: Random, kind: Benign, shift: tuple[float, float] = (0.0, 0.0), turn: float = 0.0
) -> Frame:
    """The frame as light makes it, before the sensor's noise: the scene, what passes, the weather, exposure."""
    jitter = random.uniform(-0.003, 0.003, 2)
    frame = scene.view(
        int(random.integers(0, 3600)),
        (shift[0] + float(jitter[0]), shift[1] + float(jitter[1])),
        turn + float(random.uniform(-0.15, 0.15)),
    )
    if kind is Benign.LOW_TEXTURE:
        frame = _wall(frame, np.random.default_rng(scene.seed))
    frame = _passers_by(frame, random)
    frame = _infrared(frame, random) if kind in NIGHT else _daylight(frame, random, kind)
    weather = _WEATHER.get(kind)
    return weather(frame, random) if weather else frame


def sensor(random: Random, kind: Benign) -> Sensor:
    """The noise grows where light is short."""
    lowest, highest = (3.0, 7.0) if kind in NIGHT or kind is Benign.DUSK else (1.0, 4.0)
    quality = (20, 41) if kind is Benign.HEAVY_JPEG else (70, 91)
    return Sensor(float(random.uniform(lowest, highest)), int(random.integers(*quality)))


def with_noise(frame: Frame, sigma: float, random: Random, grey: bool = False) -> Frame:
    """`grey`: the same noise on every channel, as infrared frames have it."""
    if sigma < 0.3:
        return frame
    bank = _noise_bank()
    height, width = frame.shape[:2]
    top, left = (
        int(random.integers(0, side - wanted + 1))
        for side, wanted in zip(bank.shape, (height, width), strict=False)
    )
    noise = bank[top : top + height, left : left + width]
    flips = random.integers(0, 2, 2)
    noise = noise[:: 1 - 2 * int(flips[0]), :: 1 - 2 * int(flips[1])]
    noise = noise[..., :1].repeat(3, axis=2) if grey else noise
    return cv2.addWeighted(frame, 1.0, noise, sigma / _BANK_SIGMA, 0.0, dtype=cv2.CV_8U).astype(
        np.uint8, copy=False
    )


def with_captions(frame: Frame, random: Random, lines: int = 2) -> Frame:
    """The clock above and the camera's name below, as rules for annotations ask; more `lines` below the clock."""
    drawn = frame.copy()
    height, width = frame.shape[:2]
    scale = height / 720
    step = int(34 * scale)
    texts = [f"2026-11-{random.integers(10, 30)} {random.integers(10, 24)}:{random.integers(10, 60)}:00"]
    texts += ["Channel 01 EAST GATE", "TEMP 21.5C WIND 3 M/S"][: lines - 2]
    spots = [(int(20 * scale), step * (number + 1)) for number in range(len(texts))]
    for text, spot in [*zip(texts, spots, strict=True), ("Nantong 0631", (int(width * 0.75), height - step // 2))]:
        for colour, thick in (((20, 20, 20), 4), ((240, 240, 240), 1)):
            stroke = max(1, round(thick * scale))
            cv2.putText(drawn, text, spot, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, stroke, cv2.LINE_AA)
    return drawn


def encoded(frame: Frame, quality: int) -> bytes:
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def benign_frame(scene: Scene, random: Random, kind: Benign) -> bytes:
    """One good frame's JPEG."""
    taken = sensor(random, kind)
    frame = with_noise(optics(scene, random, kind), taken.sigma, random, kind in NIGHT)
    frame = with_captions(frame, random, 4) if kind is Benign.CAPTIONS else with_captions(frame, random)
    return encoded(frame, taken.quality)


def light_of(kind: Benign) -> Light:
    return Light.NIGHT if kind in NIGHT else Light.DAY


def kind_of_reference(kind: Benign) -> Benign:
    """What the camera's reference was learnt from: a wall stands there always, weather does not."""
    if kind in NIGHT:
        return Benign.INFRARED_NIGHT
    return kind if kind is Benign.LOW_TEXTURE else Benign.DAY


_BANK_SIGMA = 16.0


@lru_cache(maxsize=1)
def _noise_bank() -> NDArray[np.int8]:
    """Noise of sigma 16 around 0, drawn once; every frame reads another corner of it."""
    drawn = np.random.default_rng(7).normal(0, _BANK_SIGMA, (1400, 2300, 3))
    return np.clip(drawn, -127, 127).round().astype(np.int8)


def _curve(frame: Frame, gains: tuple[float, float, float], gamma: float, lift: float = 0.0) -> Frame:
    """Exposure, white balance (gains of blue, green, red) and gamma by table."""
    levels = np.arange(256) / 255
    tables = [np.clip(255 * (levels**gamma) * gain + lift, 0, 255) for gain in gains]
    return cv2.LUT(frame, np.stack(tables, axis=-1).round().astype(np.uint8)[None]).astype(np.uint8, copy=False)


def _daylight(frame: Frame, random: Random, kind: Benign) -> Frame:
    gain, gamma = random.uniform(0.8, 1.15), random.uniform(0.88, 1.14)
    blue, red = random.uniform(0.94, 1.06, 2)
    if kind is Benign.BRIGHTNESS_STEPS:
        gain *= 1 + 0.05 * int(random.integers(-3, 4))
    if kind is Benign.DUSK:
        gain *= random.uniform(0.3, 0.6)
        blue, red = blue * random.uniform(0.85, 1.15), red * random.uniform(0.9, 1.15)
    frame = _curve(frame, (gain * blue, gain, gain * red), gamma)
    # A cloud's shadow over a part of it.
    shade = cv2.resize(random.uniform(0.85, 1.0, (2, 3)).astype(np.float32), frame.shape[1::-1])
    scaled = (shade * 255).astype(np.uint8)
    return cv2.multiply(frame, cv2.merge([scaled] * 3), scale=1 / 255).astype(np.uint8, copy=False)


def _infrared(frame: Frame, random: Random) -> Frame:
    """Grey, lit from the camera: a bright middle, dark corners, little from afar."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] - np.float32(random.uniform(-0.1, 0.1))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(random.uniform(0.0, 0.3))
    lit = np.exp(-(x**2) * 1.1 - y**2 * 1.3) * np.float32(random.uniform(0.55, 0.95)) + np.float32(0.08)
    dim = cv2.multiply(grey, (np.clip(lit, 0, 1) * 255).astype(np.uint8), scale=1 / 255)
    return cv2.merge([dim] * 3).astype(np.uint8, copy=False)


def _passers_by(frame: Frame, random: Random) -> Frame:
    """Up to five cars or people, together at most an eighth of the frame."""
    drawn = frame.copy()
    height, width = frame.shape[:2]
    for _ in range(int(random.integers(0, 6))):
        w, h = int(width * random.uniform(0.02, 0.16)), int(height * random.uniform(0.04, 0.18))
        x, y = int(random.integers(0, width - w)), int(random.integers(height // 3, height - h))
        colour = random.integers(20, 235, 3).tolist()
        cv2.rectangle(drawn, (x, y), (x + w, y + h), colour, -1)
        cv2.rectangle(drawn, (x + w // 6, y + h // 8), (x + w * 5 // 6, y + h // 2), (60, 55, 50), -1)
        cv2.circle(drawn, (x + w // 5, y + h), max(2, h // 6), (25, 25, 25), -1)
        cv2.circle(drawn, (x + w * 4 // 5, y + h), max(2, h // 6), (25, 25, 25), -1)
    return drawn


def _wall(frame: Frame, random: Random) -> Frame:
    """A wall stands before three quarters of the view, always the same one."""
    height, width = frame.shape[:2]
    left = int(width * random.uniform(0.0, 0.25))
    tone = cv2.resize(random.uniform(120, 190, (2, 2)).astype(np.float32), (int(width * 0.75), height))
    walled = frame.copy()
    walled[:, left : left + tone.shape[1]] = (tone[..., None] * (0.96, 1.0, 1.02)).clip(0, 255).astype(np.uint8)
    return walled


def _veil(frame: Frame, far: float, near: float, air: float) -> Frame:
    """Fog: what is far (above) passes by the share `far`, what is near (below) by `near`; the rest is air."""
    height = frame.shape[0]
    passing = np.interp(np.arange(height), (height * 0.25, height), (far, near)).astype(np.float32)[:, None]
    through = cv2.merge([np.broadcast_to(passing * 255, frame.shape[:2]).astype(np.uint8)] * 3)
    thinned = cv2.multiply(frame, through, scale=1 / 255)
    return cv2.addWeighted(thinned, 1.0, 255 - through, air / 255, 0).astype(np.uint8, copy=False)


def _fog(frame: Frame, random: Random) -> Frame:
    return _veil(frame, random.uniform(0.15, 0.4), random.uniform(0.5, 0.9), random.uniform(170, 215))


def _mist(frame: Frame, random: Random) -> Frame:
    return _veil(frame, random.uniform(0.04, 0.15), random.uniform(0.3, 0.5), random.uniform(170, 215))


def _rain(frame: Frame, random: Random) -> Frame:
    height, width = frame.shape[:2]
    wet = _veil(frame, random.uniform(0.5, 0.8), random.uniform(0.7, 0.95), random.uniform(140, 190))
    streaks = np.zeros((height, width), np.uint8)
    for _ in range(int(random.integers(150, 500))):
        x, y, fall = int(random.integers(0, width)), int(random.integers(0, height)), int(random.integers(10, 45))
        cv2.line(streaks, (x, y), (x + fall // 6, y + fall), int(random.integers(25, 70)), 1)
    wet = cv2.add(wet, cv2.merge([streaks] * 3)).astype(np.uint8, copy=False)
    smeared = cv2.resize(cv2.blur(cv2.resize(wet, None, fx=0.1, fy=0.1), (5, 5)), (width, height))
    drops = np.zeros((height, width), np.uint8)
    for _ in range(int(random.integers(10, 45))):
        spot = int(random.integers(0, width)), int(random.integers(0, height))
        cv2.circle(drops, spot, int(height * random.uniform(0.008, 0.04)), 255, -1)
    wet[drops > 0] = smeared[drops > 0]
    return wet


def _snow(frame: Frame, random: Random) -> Frame:
    height, width = frame.shape[:2]
    snowy = _veil(frame, random.uniform(0.4, 0.7), random.uniform(0.7, 0.95), random.uniform(170, 210))
    flakes = np.zeros((height, width), np.uint8)
    for _ in range(int(random.integers(200, 1200))):
        spot = int(random.integers(0, width)), int(random.integers(0, height))
        size = height * random.uniform(0.001, 0.005) * (3 if random.random() < 0.04 else 1)
        cv2.circle(flakes, spot, max(1, int(size)), int(random.integers(80, 220)), -1)
    flakes = cv2.blur(flakes, (3, 3)).astype(np.uint8, copy=False)
    return cv2.add(snowy, cv2.merge([flakes] * 3)).astype(np.uint8, copy=False)


def _snow_field(frame: Frame, random: Random) -> Frame:
    """Snow has covered the lower half, under a white sky."""
    height = frame.shape[0]
    cover = np.interp(np.arange(height), (height * 0.4, height * 0.6), (0.15, random.uniform(0.75, 0.9)))
    weight = cv2.merge([np.broadcast_to(cover[:, None] * 255, frame.shape[:2]).astype(np.uint8)] * 3)
    snow = np.full_like(frame, int(random.uniform(205, 235)))
    kept = cv2.multiply(frame, 255 - weight, scale=1 / 255)
    return cv2.add(kept, cv2.multiply(snow, weight, scale=1 / 255)).astype(np.uint8, copy=False)


def _headlights(frame: Frame, random: Random) -> Frame:
    height, width = frame.shape[:2]
    glare = np.zeros((height // 8, width // 8), np.float32)
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(0.1, 0.9) * width / 8, random.uniform(0.45, 0.85) * height / 8
        for side in (-1, 1):
            spot = int(x + side * width * 0.004), int(y)
            cv2.circle(glare, spot, max(2, int(height * random.uniform(0.003, 0.008))), 1.0, -1)
    wide = cv2.GaussianBlur(glare, (0, 0), height / 130) * 400 + cv2.GaussianBlur(glare, (0, 0), height / 30) * 500
    large = cv2.resize(np.clip(wide, 0, 255).astype(np.uint8), (width, height))
    return cv2.add(frame, cv2.merge([large] * 3)).astype(np.uint8, copy=False)


def _privacy_mask(frame: Frame, random: Random) -> Frame:
    """One or two windows blacked out, together at most a sixth of the frame."""
    masked = frame.copy()
    height, width = frame.shape[:2]
    for _ in range(int(random.integers(1, 3))):
        w, h = int(width * random.uniform(0.1, 0.25)), int(height * random.uniform(0.1, 0.3))
        x, y = int(random.integers(0, width - w)), int(random.integers(0, height - h))
        masked[y : y + h, x : x + w] = int(random.choice([0, 16, 128]))
    return masked


_WEATHER: MappingProxyType[Benign, Callable[[Frame, Random], Frame]] = MappingProxyType(
    {
        Benign.FOG: _fog,
        Benign.MIST: _mist,
        Benign.RAIN: _rain,
        Benign.SNOW: _snow,
        Benign.SNOW_FIELD: _snow_field,
        Benign.HEADLIGHTS: _headlights,
        Benign.PRIVACY_MASK: _privacy_mask,
    }
)


def levels(frame: Frame, contrast: float, middle: float) -> Frame:
    """Contrast pressed together around `middle`."""
    table = (np.arange(256) - 128) * contrast + middle
    return cv2.LUT(frame, table.clip(0, 255).round().astype(np.uint8)).astype(np.uint8, copy=False)
