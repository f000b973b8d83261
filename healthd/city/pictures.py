"""Draws what a simulated camera sees: a street of its own, its traffic, light, sensor noise and faults. Pure."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from healthd.city.faults import Kind
from healthd.city.spoil import Frame, spoil_scene, spoil_signal

_LOCAL_SECONDS = 8 * 3600
_LOCAL = timezone(timedelta(seconds=_LOCAL_SECONDS))
_QUALITY = 80
_HORIZON = 0.42  # of the height
_NOISE_SIGMA = 2.5


@dataclass(frozen=True, slots=True)
class View:
    """What to draw: whose street, at which moment (seconds since the epoch), how large, with which fault.

    `clock`: what the camera's own clock shows, for the overlay.
    """

    camera: str
    at: float
    clock: float
    width: int
    height: int
    quirk: Kind | None = None


def draw(view: View) -> bytes:
    """A JPEG. The same view makes the same picture; another moment moves traffic and noise."""
    if view.quirk is Kind.BLACK:
        frame = np.full((view.height, view.width, 3), 2, np.uint8)
    elif view.quirk is Kind.BLUE:
        frame = _card(view)
    else:
        frame = spoil_scene(_street(view), view.quirk, view.camera)
        _noise(frame, view)
        frame = spoil_signal(frame, view.quirk, f"{view.camera} {view.at}")
        _overlay(frame, view)
    jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return _damage(jpeg, view.camera) if view.quirk is Kind.CORRUPT else jpeg


def at_noon(at: float) -> float:
    """The moment of the same day that lies as far after noon as `at` lies after its full hour."""
    day = (at + _LOCAL_SECONDS) // 86_400 * 86_400 - _LOCAL_SECONDS
    return day + 12 * 3600 + at % 3600


def daylight(at: float) -> float:
    """0 in the night, 1 by day, between them at dawn (6 to 7) and dusk (18 to 19), China time."""
    local = datetime.fromtimestamp(at, UTC).astimezone(_LOCAL)
    hour = local.hour + local.minute / 60
    return min(max(min(hour - 6, 19 - hour), 0.0), 1.0)


def _street(view: View) -> Frame:
    """The camera's street with its traffic, in the light of the moment; at night as infrared shows it: grey."""
    rng = random.Random(view.camera)
    light = daylight(view.at)
    frame = np.empty((view.height, view.width, 3), np.uint8)
    _ground(frame, rng, light)
    _houses(frame, rng, light)
    _trees(frame, rng)
    _traffic(frame, rng, view.at)
    _people(frame, rng, view.at)
    if light < 1:
        dim = cv2.convertScaleAbs(frame, alpha=0.45 + 0.55 * light, beta=12 * (1 - light))
        frame = dim.astype(np.uint8, copy=False)
    if light == 0:
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        frame = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)
    return frame


def _ground(frame: Frame, rng: random.Random, light: float) -> None:
    """Sky, pavement and the road that runs to the horizon."""
    height, width = frame.shape[:2]
    horizon = int(height * _HORIZON)
    shade = np.linspace(0.75, 1.0, horizon)[:, None, None]
    sky = np.array([235, 205, 170] if rng.random() < 0.6 else [205, 205, 200]) * (0.35 + 0.65 * light)
    frame[:horizon] = (shade * sky).astype(np.uint8)
    frame[horizon:] = (110 + rng.randint(-10, 25), 120 + rng.randint(-10, 25), 125)
    vanish = int(width * rng.uniform(0.4, 0.6))
    left, right = int(width * rng.uniform(0.0, 0.15)), int(width * rng.uniform(0.85, 1.0))
    road = np.array(
        [[vanish - width // 40, horizon], [vanish + width // 40, horizon], [right, height], [left, height]]
    )
    cv2.fillPoly(frame, [road], (78, 76, 74))
    for number in range(10):  # dashes grow towards us, as the road does
        near, far = ((number + 0.55) / 10) ** 2, (number / 10) ** 2
        ends = [
            (int(vanish + ((left + right) / 2 - vanish) * part), int(horizon + (height - horizon) * part))
            for part in (far, near)
        ]
        cv2.line(frame, ends[0], ends[1], (215, 220, 220), max(1, int(width * 0.006 * near)))


def _houses(frame: Frame, rng: random.Random, light: float) -> None:
    height, width = frame.shape[:2]
    horizon = int(height * _HORIZON)
    left = 0
    while left < width:
        right = left + int(width * rng.uniform(0.08, 0.2))
        top = int(horizon * rng.uniform(0.1, 0.7))
        grey = rng.randint(95, 185)
        colour = [grey + rng.randint(-25, 25) for _ in range(3)]
        cv2.rectangle(frame, (left, top), (right, horizon + height // 25), colour, -1)
        step = max(6, height // 36)
        for x in range(left + step // 2, right - step, step * 2):
            for y in range(top + step // 2, horizon - step, step * 2):
                lit = rng.random() < 0.4 and light < 0.5
                cv2.rectangle(frame, (x, y), (x + step, y + step), (140, 230, 250) if lit else (70, 60, 50), -1)
        left = right + int(width * rng.uniform(0.0, 0.03))


def _trees(frame: Frame, rng: random.Random) -> None:
    height, width = frame.shape[:2]
    for side in (-1, 1):
        for _ in range(rng.randint(2, 4)):
            depth = rng.uniform(0.15, 0.8)
            x = int(width * (0.5 + side * (0.12 + 0.36 * depth)))
            y = int(height * (_HORIZON + (1 - _HORIZON) * depth * 0.8))
            size = int(height * (0.04 + 0.1 * depth))
            cv2.line(frame, (x, y), (x, y - size * 2), (40, 60, 80), max(1, size // 6))
            green = (30 + rng.randint(0, 30), 95 + rng.randint(0, 50), 40 + rng.randint(0, 30))
            for _ in range(5):
                spot = (x + rng.randint(-size, size) // 2, y - size * 2 + rng.randint(-size, size) // 2)
                cv2.circle(frame, spot, max(1, size // 2), green, -1)


def _traffic(frame: Frame, rng: random.Random, at: float) -> None:
    """Cars that come nearer or drive away, each at its own pace."""
    height, width = frame.shape[:2]
    for _ in range(rng.randint(3, 7)):
        side, pace = rng.choice((-1, 1)), rng.uniform(0.04, 0.12)
        colour = [rng.randint(20, 235) for _ in range(3)]
        part = (rng.random() + at % 100_000 * pace) % 1
        part = (part if side > 0 else 1 - part) ** 2
        x = int(width * (0.5 + side * (0.012 + 0.2 * part)))
        y = int(height * (_HORIZON + (1 - _HORIZON) * part))
        wide, high = int(width * 0.13 * part) + 2, int(height * 0.15 * part) + 2
        cv2.rectangle(frame, (x - wide // 2, y - high), (x + wide // 2, y), colour, -1)
        glass = (x - wide // 3, y - int(high * 0.9)), (x + wide // 3, y - int(high * 0.55))
        cv2.rectangle(frame, *glass, (60, 50, 45), -1)
        for lamp in (-1, 1):
            cv2.circle(frame, (x + lamp * wide // 3, y - high // 4), max(1, wide // 14), (210, 245, 255), -1)


def _people(frame: Frame, rng: random.Random, at: float) -> None:
    height, width = frame.shape[:2]
    for _ in range(rng.randint(2, 6)):
        side, pace, depth = rng.choice((-1, 1)), rng.uniform(0.004, 0.01), rng.uniform(0.2, 0.9)
        colour = [rng.randint(20, 200) for _ in range(3)]
        stray = (rng.random() + at % 100_000 * pace) % 1 * 0.12
        x = int(width * (0.5 + side * (0.1 + 0.34 * depth + stray)))
        y = int(height * (_HORIZON + (1 - _HORIZON) * depth))
        size = max(3, int(height * 0.09 * depth))
        cv2.rectangle(frame, (x - size // 6, y - size), (x + size // 6, y), colour, -1)
        cv2.circle(frame, (x, y - size - size // 6), max(1, size // 6), (150, 175, 215), -1)


def _card(view: View) -> Frame:
    """What an encoder shows when its camera gives no signal."""
    frame = np.empty((view.height, view.width, 3), np.uint8)
    frame[:] = (190, 50, 10)
    scale = view.height / 300
    spot = view.width // 3, view.height // 2
    cv2.putText(frame, "NO SIGNAL", spot, cv2.FONT_HERSHEY_SIMPLEX, scale, (230, 230, 230), 2)
    return frame


@lru_cache(maxsize=1)
def _noise_bank() -> npt.NDArray[np.int8]:
    """Sensor noise, drawn once and read from another corner for every frame."""
    drawn = np.random.default_rng(0).normal(0, _NOISE_SIGMA, (1080 + 128, 1920 + 128, 3))
    return drawn.round().astype(np.int8)


def _noise(frame: Frame, view: View) -> None:
    """In place. Live frames of a still scene differ by it: without noise they would look frozen."""
    seed = zlib.crc32(f"{view.camera} {view.at}".encode())
    top, left = seed % 128, seed // 128 % 128
    bank = _noise_bank()[top : top + view.height, left : left + view.width]
    cv2.add(frame, bank, dst=frame, dtype=cv2.CV_8U)


def _overlay(frame: Frame, view: View) -> None:
    """The camera's clock and its id, as GA/T 751 asks for, and that all of it is simulated."""
    local = datetime.fromtimestamp(view.clock, UTC).astimezone(_LOCAL)
    scale = view.height / 720
    margin = int(20 * scale) + 4
    lines = (
        (f"{local:%Y-%m-%d %H:%M:%S}", margin + int(24 * scale)),
        (f"{view.camera}  SIMULATED", view.height - margin),
    )
    for text, y in lines:
        for colour, thick in (((20, 20, 20), 4), ((240, 240, 240), 1)):
            stroke = max(1, round(thick * scale))
            cv2.putText(frame, text, (margin, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, stroke, cv2.LINE_AA)


def _damage(jpeg: bytes, camera: str) -> bytes:
    """What a bad line makes of a JPEG: cut short, cut and closed again, or with a packet of it lost."""
    way = zlib.crc32(camera.encode()) % 3
    cut = len(jpeg) * 3 // 5
    if way == 0:
        return jpeg[:cut]
    if way == 1:
        return jpeg[:cut] + b"\xff\xd9"
    return jpeg[:cut] + bytes(1400) + jpeg[cut + 1400 :]
