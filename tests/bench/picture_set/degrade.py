"""Faults by own code, at five strengths; from the third on a person would call the picture unusable."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from probes.picture.context import Light
from tests.bench.picture_set.live import (
    Benign,
    Random,
    encoded,
    levels,
    light_of,
    optics,
    sensor,
    with_captions,
    with_noise,
)
from tests.bench.picture_set.scenes import Frame, Scene

STRENGTHS = (1, 2, 3, 4, 5)
UNUSABLE = 3  # and stronger


class Broken(enum.StrEnum):
    """Kinds of faulty frames; each names the fault that is to be found, and where there are several ways,
    which."""

    NO_SIGNAL = "no_signal"
    DARK = "dark"
    BRIGHT = "bright"
    LOW_CONTRAST = "low_contrast"
    BLUR = "blur"
    BLUR_BY_MOTION = "blur (motion)"
    NOISE = "noise"
    NOISE_OF_DOTS = "noise (dots)"
    STRIPES = "stripes"
    COLOUR_CAST = "colour_cast"
    GREYSCALE = "greyscale"
    OCCLUDED = "occluded"
    FROZEN = "frozen"
    MOVED = "moved"
    CORRUPT = "corrupt"
    RESOLUTION = "resolution"

    @property
    def fault(self) -> str:
        return self.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame to judge. `previous`: the frame before it; `expect`: the promised size; `light` when it was
    taken."""

    data: bytes
    light: Light
    previous: bytes | None = None
    expect: tuple[int, int] | None = None


def broken_shot(scene: Scene, random: Random, kind: Broken, strength: int, night: bool = False) -> Shot:
    """One faulty frame. The fault acts where it does in a camera: before, in or after the sensor."""
    shown = Benign.INFRARED_NIGHT if night else Benign.DAY
    taken = sensor(random, shown)
    light = light_of(shown)
    if kind is Broken.FROZEN:
        return _frozen(scene, random, strength, shown)
    shift = _SHIFTS[strength - 1] if kind is Broken.MOVED else 0.0
    frame = optics(scene, random, shown, _aside(random, shift))
    if kind in _BEFORE:
        frame = _BEFORE[kind](frame, strength, random)
        if night:  # a cover is as grey as all else
            frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(np.uint8)
    if kind is not Broken.NO_SIGNAL:
        frame = with_noise(frame, taken.sigma, random, night)
    if kind in _AFTER:
        frame = _AFTER[kind](frame, strength, random)
    expect = None
    if kind is Broken.RESOLUTION:
        expect = scene.size
        share = (0.95, 0.9, 0.67, 0.5, 0.33)[strength - 1]
        frame = cv2.resize(frame, None, fx=share, fy=share, interpolation=cv2.INTER_AREA).astype(np.uint8)
    frame = with_captions(frame, random)
    if kind is Broken.CORRUPT:
        return Shot(_corrupt(frame, strength, random, taken.quality), light)
    return Shot(encoded(frame, taken.quality), light, expect=expect)


_SHIFTS = (0.03, 0.06, 0.10, 0.16, 0.24)


def _aside(random: Random, shift: float) -> tuple[float, float]:
    """`shift` along one axis, up to as much along the other."""
    other = float(random.uniform(-shift, shift))
    signed = shift * (1 if random.random() < 0.5 else -1)
    return (signed, other) if random.random() < 0.7 else (other, signed)


def _no_signal(frame: Frame, strength: int, random: Random) -> Frame:
    """What stands in for a lost signal, with the less drawn on it the stronger: text on black, a logo on
    colours."""
    height, width = frame.shape[:2]
    way = int(random.integers(0, 5))
    card = np.empty_like(frame)
    card[:] = ((2, 2, 2), (16, 16, 16), (190, 50, 10), (128, 128, 128), (30, 30, 90))[way]
    black = way < 2
    share = (0.4, 0.28, 0.16, 0.08, 0.0)[strength - 1]
    if share and not black:
        h, w = int(height * share**0.5 * 0.8), int(width * share**0.5)
        top, left = (height - h) // 2, (width - w) // 2
        colours = random.integers(0, 255, (2, 3)).tolist()
        cv2.rectangle(card, (left, top), (left + w, top + h), colours[0], -1)
        cv2.circle(card, (width // 2, height // 2), h // 3, colours[1], -1)
    for line in range((8, 5, 2, 1, 1)[strength - 1] if black else 1):
        spot = width // 3, height // 5 + line * height // 12
        cv2.putText(card, "NO SIGNAL", spot, 0, height / 400, (220, 220, 220), 2)
    return card


def _dark(frame: Frame, strength: int, random: Random) -> Frame:
    gain = (0.30, 0.20, 0.11, 0.07, 0.04)[strength - 1] * random.uniform(0.9, 1.1)
    return cv2.convertScaleAbs(frame, alpha=gain).astype(np.uint8)


def _bright(frame: Frame, strength: int, random: Random) -> Frame:
    """Exposed until a fifth, two, three, four or all but a twentieth of the frame are burnt out."""
    share = (0.2, 0.4, 0.6, 0.8, 0.95)[strength - 1]
    small, gain = frame[::8, ::8], 1.0
    while _burnt(small, gain) < share and gain < 60:
        gain *= 1.05
    return cv2.convertScaleAbs(frame, alpha=gain).astype(np.uint8)


def _burnt(frame: Frame, gain: float) -> float:
    luma = cv2.cvtColor(cv2.convertScaleAbs(frame, alpha=gain), cv2.COLOR_BGR2GRAY)
    return int(np.count_nonzero(luma >= 250)) / luma.size


def _low_contrast(frame: Frame, strength: int, random: Random) -> Frame:
    """A film over the whole window: near and far alike."""
    return levels(frame, (0.4, 0.28, 0.16, 0.10, 0.06)[strength - 1], float(random.uniform(90, 170)))


def _defocus(frame: Frame, strength: int, random: Random) -> Frame:
    radius = (3, 6, 11, 17, 26)[strength - 1] * frame.shape[0] / 1080 * random.uniform(0.9, 1.1)
    side = 2 * int(np.ceil(radius)) + 1
    y, x = np.mgrid[:side, :side] - side // 2
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return cv2.filter2D(frame, -1, disc / disc.sum()).astype(np.uint8)


def _motion(frame: Frame, strength: int, random: Random) -> Frame:
    length = (8, 16, 28, 44, 64)[strength - 1] * frame.shape[0] / 1080
    angle = random.uniform(0, np.pi)
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = [tuple(int(v) for v in np.round(side // 2 + sign * reach)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return cv2.filter2D(frame, -1, kernel / kernel.sum()).astype(np.uint8)


def _noise(frame: Frame, strength: int, random: Random) -> Frame:
    return with_noise(frame, (10, 18, 32, 48, 70)[strength - 1], random, random.random() < 0.5)


def _dots(frame: Frame, strength: int, random: Random) -> Frame:
    share = (0.005, 0.015, 0.05, 0.12, 0.25)[strength - 1]
    rolled = random.integers(0, 65536, frame.shape[:2], dtype=np.uint16)
    noisy = frame.copy()
    noisy[rolled < 65536 * share / 2] = 0
    noisy[rolled > 65536 * (1 - share / 2)] = 255
    return noisy


def _stripes(frame: Frame, strength: int, random: Random) -> Frame:
    """Waves or single lines, from edge to edge, along rows or columns."""
    amplitude = (4, 8, 16, 28, 45)[strength - 1]
    along = int(random.integers(0, 2))
    length = frame.shape[along]
    if random.random() < 0.5:
        period = random.uniform(14, 60) * frame.shape[0] / 1080
        profile = amplitude * np.sign(np.sin(2 * np.pi * np.arange(length) / period + random.uniform(0, 6)))
    else:
        profile = np.zeros(length)
        for at in random.integers(0, length, length // 24):
            profile[at : at + max(2, length // 270)] = random.choice([-2, 2]) * amplitude
    lines = np.round(profile).astype(np.int16)
    spread = lines[:, None, None] if along == 0 else lines[None, :, None]
    striped: Frame = np.clip(frame.astype(np.int16) + spread, 0, 255).astype(np.uint8)
    return striped


def _cast(frame: Frame, strength: int, random: Random) -> Frame:
    """One or two channels fail."""
    lost = (0.1, 0.2, 0.35, 0.5, 0.65)[strength - 1]
    weak = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]][int(random.integers(0, 6))]
    gains = [(1 - lost) if one else (1 + lost * 0.3) for one in weak]
    tables = np.stack([np.clip(np.arange(256) * gain, 0, 255) for gain in gains], axis=-1)
    return cv2.LUT(frame, tables.round().astype(np.uint8)[None]).astype(np.uint8)


def _grey(frame: Frame, strength: int, random: Random) -> Frame:
    """The filter before the sensor stays away: no colour is left, or next to none."""
    left = (0.4, 0.2, 0.04, 0.0, 0.0)[strength - 1]
    grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(frame, left, grey, 1 - left, 0).astype(np.uint8)


def _occluder(frame: Frame, strength: int, random: Random) -> Frame:
    """Something close, out of focus: a leaf, a bag, paint, a hand. It comes in from a side and covers a share."""
    share = (0.15, 0.30, 0.50, 0.70, 0.90)[strength - 1]
    height, width = frame.shape[0] // 8, frame.shape[1] // 8
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width]
    wave = random.uniform(0.02, 0.1) * width * np.sin(x / width * random.uniform(3, 9) + y / height * 5)
    reach = x * np.cos(angle) + y * np.sin(angle) * width / height + wave
    cover = (reach < np.quantile(reach, share)).astype(np.float32)
    soft = cv2.GaussianBlur(cover, (0, 0), random.uniform(0.5, 4))
    tone = random.integers(15, 200) * random.uniform(0.8, 1.2, 3)
    spots = cv2.resize(random.uniform(0.75, 1.25, (3, 5)).astype(np.float32), (width, height))
    thing = np.clip(spots[..., None] * tone, 0, 255).astype(np.uint8)
    weight = cv2.merge([(cv2.resize(soft, frame.shape[1::-1]) * 255).astype(np.uint8)] * 3)
    large = cv2.resize(thing, frame.shape[1::-1])
    kept = cv2.multiply(frame, 255 - weight, scale=1 / 255)
    return cv2.add(kept, cv2.multiply(large, weight, scale=1 / 255)).astype(np.uint8)


def _frozen(scene: Scene, random: Random, strength: int, shown: Benign) -> Shot:
    """The same picture again: encoded anew (1, 2), with a ticking clock (3, 4), to the byte (5)."""
    taken = sensor(random, shown)
    still = with_noise(optics(scene, random, shown), taken.sigma, random, light_of(shown) is Light.NIGHT)
    first, second = (with_captions(still, random) for _ in range(2))
    earlier = encoded(first, taken.quality)
    if strength == 5:
        return Shot(earlier, light_of(shown), earlier)
    quality = taken.quality - (15, 5, 0, 0)[strength - 1]
    return Shot(encoded(second, quality), light_of(shown), earlier)


def _corrupt(frame: Frame, strength: int, random: Random, quality: int) -> bytes:
    """A bit, ten bits, a lost packet, a cut file that was closed again, a frame whose rest the encoder filled."""
    whole = bytearray(encoded(frame, quality))
    scan = whole.index(b"\xff\xda") + 14
    if strength <= 2:
        for at in random.integers(scan, len(whole) - 2, (1, 10)[strength - 1]):
            whole[at] ^= 1 << int(random.integers(0, 8))
        return bytes(whole)
    if strength == 3:
        at = int(random.integers(scan, len(whole) - 1402))
        whole[at : at + 1400] = bytes(1400)
        return bytes(whole)
    if strength == 4:
        return bytes(whole[: scan + int((len(whole) - scan) * random.uniform(0.2, 0.9))]) + b"\xff\xd9"
    filled = frame.copy()
    filled[int(frame.shape[0] * random.uniform(0.3, 0.8)) // 16 * 16 :] = ((128, 128, 128), (0, 135, 0))[
        int(random.integers(0, 2))
    ]
    return encoded(filled, quality)


_Change = Callable[[Frame, int, Random], Frame]
_BEFORE: MappingProxyType[Broken, _Change] = MappingProxyType(
    {
        Broken.NO_SIGNAL: _no_signal,
        Broken.DARK: _dark,
        Broken.BRIGHT: _bright,
        Broken.LOW_CONTRAST: _low_contrast,
        Broken.BLUR: _defocus,
        Broken.BLUR_BY_MOTION: _motion,
        Broken.COLOUR_CAST: _cast,
        Broken.OCCLUDED: _occluder,
    }
)
_AFTER: MappingProxyType[Broken, _Change] = MappingProxyType(
    {
        Broken.NOISE: _noise,
        Broken.NOISE_OF_DOTS: _dots,
        Broken.STRIPES: _stripes,
        Broken.GREYSCALE: _grey,
    }
)
