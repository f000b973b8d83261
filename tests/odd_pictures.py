"""Frames that are odd, and good or bad all the same: what a person would say of each is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from healthd.city.pictures import View, at_noon, draw

Frame: TypeAlias = NDArray[np.uint8]
"""(rows, columns, 3) BGR."""
Change: TypeAlias = Callable[[Frame], Frame]

WIDTH, HEIGHT = 1280, 720
_NOON = at_noon(1_795_190_400)


def street(name: str, later: float = 0.0) -> Frame:
    """A drawn street as a camera sees it: with a sensor's noise."""
    jpeg = draw(View(name, _NOON + later, _NOON, WIDTH, HEIGHT))
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return noisy(decoded.astype(np.uint8, copy=False), 2.5)


def noisy(frame: Frame, sigma: float) -> Frame:
    noise = np.random.default_rng(int(frame[::7, ::7].sum())).normal(0, sigma, frame.shape)
    return _clipped(frame + noise)


def infrared(frame: Frame) -> Frame:
    """Grey, lit from the camera."""
    x, y = _coordinates()
    lit = np.exp(-((x - 0.5) ** 2) * 4.4 - (y - 0.5) ** 2 * 4.8) * 0.8 + 0.1
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) * lit
    return noisy(cv2.merge([_clipped(grey)] * 3).astype(np.uint8), 3.0)


def encoded(frame: Frame, quality: int = 80) -> bytes:
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _clipped(levels: NDArray[Any]) -> Frame:
    clipped: Frame = np.clip(levels, 0, 255).astype(np.uint8)
    return clipped


def _coordinates() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Shares of the width and of the height."""
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :]
    return x, np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]


def card(*colour: int) -> Change:
    """A vendor's card: a logo and two lines on one colour (blue, green, red)."""

    def drawn(_: Frame) -> Frame:
        frame = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
        cv2.circle(frame, (WIDTH // 2, HEIGHT // 2 - 40), HEIGHT // 9, (40, 160, 240), -1)
        cv2.rectangle(
            frame, (WIDTH // 2 - 140, HEIGHT // 2 + 55), (WIDTH // 2 + 140, HEIGHT // 2 + 95), (40, 160, 240), -1
        )
        for line, text in enumerate(("NO VIDEO", "channel 7")):
            cv2.putText(
                frame, text, (WIDTH // 3, HEIGHT * 3 // 4 + 40 * line), 0, 1.3, (255, 255, 255), 2, cv2.LINE_AA
            )
        return frame

    return drawn


def colour_bars(_: Frame) -> Frame:
    levels = [(192, 192, 192), (0, 192, 192), (192, 192, 0), (0, 192, 0), (192, 0, 192), (0, 0, 192), (192, 0, 0)]
    bars = np.repeat(np.array(levels, np.uint8), WIDTH // 7 + 1, axis=0)[:WIDTH]
    return np.ascontiguousarray(np.broadcast_to(bars, (HEIGHT, WIDTH, 3)))


def covered(share: float, *colour: int) -> Change:
    """A hand, a bag or tape, out of focus and unevenly lit, over `share` of the frame."""

    def cover(frame: Frame) -> Frame:
        x, y = _coordinates()
        reach = x * 0.9 + y * 0.5 + 0.03 * np.sin(y * 11) + 0.02 * np.sin(x * 27)
        edge = cv2.GaussianBlur((reach < np.quantile(reach, share)).astype(np.float32), (0, 0), 12)[..., None]
        shades = 1 + 0.12 * np.sin(5 * x + 3 * y)[..., None]
        return noisy(_clipped(frame * (1 - edge) + np.array(colour) * shades * edge), 1.5)

    return cover


def leaves(frame: Frame) -> Frame:
    """Leaves before the lens, out of focus, over three fifths."""
    spots = np.random.default_rng(3).uniform(0, 255, (30, 50, 3)).astype(np.float32)
    green = cv2.GaussianBlur(cv2.resize(spots, (WIDTH, HEIGHT)), (0, 0), 14) * np.array([0.3, 0.7, 0.3])
    x, y = _coordinates()
    edge = cv2.GaussianBlur((x * 0.4 + y < 0.72).astype(np.float32), (0, 0), 12)[..., None]
    return noisy(_clipped(frame * (1 - edge) + green * edge), 1.5)


def snow_on_the_ground(frame: Frame) -> Frame:
    _, y = _coordinates()
    lying = np.where(y > 0.45, 0.8, 0.0)[..., None]
    return noisy(_clipped(frame * (1 - lying) + np.array([235, 232, 228]) * lying), 2.0)


def low_sun(frame: Frame) -> Frame:
    x, y = _coordinates()
    far = ((x - 0.7) * 1.78) ** 2 + (y - 0.23) ** 2
    return _clipped(frame * 0.9 + (280 * np.exp(-far * 90) + 90 * np.exp(-far * 9))[..., None])


def rain_at_night(frame: Frame) -> Frame:
    random, wet = np.random.default_rng(4), frame.copy()
    for _ in range(500):
        x, y, fall = (int(random.integers(0, limit)) for limit in (WIDTH, HEIGHT, 70))
        level = int(random.integers(60, 190))
        cv2.line(wet, (x, y), (x + fall // 8, y + 10 + fall), (level,) * 3, 1, cv2.LINE_AA)
    return wet


def insects_at_night(frame: Frame) -> Frame:
    random, swarm = np.random.default_rng(5), frame.copy()
    for _ in range(12):
        path = np.cumsum(random.integers(-35, 40, (6, 2)), 0) + random.integers(100, 600, 2) * np.array([2, 1])
        cv2.polylines(
            swarm, [path.astype(np.int32)], False, (250, 250, 250), int(random.integers(4, 15)), cv2.LINE_AA
        )
    return cv2.GaussianBlur(swarm, (0, 0), 1.2).astype(np.uint8)


def web_at_night(frame: Frame) -> Frame:
    """A spider's web before the infrared lamp."""
    webbed, middle = frame.copy(), (WIDTH // 4, HEIGHT // 3)
    for angle in np.linspace(0, 2 * np.pi, 13)[:-1]:
        end = middle[0] + int(1000 * np.cos(angle)), middle[1] + int(1000 * np.sin(angle))
        cv2.line(webbed, middle, end, (200, 200, 200), 2, cv2.LINE_AA)
    for radius in range(40, 600, 50):
        cv2.circle(webbed, middle, radius, (190, 190, 190), 1, cv2.LINE_AA)
    return webbed


def corridor(_: Frame) -> Frame:
    """White walls, a door at the end, lamps."""
    frame = np.full((HEIGHT, WIDTH, 3), (205, 208, 214), np.uint8)
    end, near = ((470, 280), (810, 400)), ((0, 0), (WIDTH, HEIGHT))
    cv2.fillPoly(frame, [np.array([(0, HEIGHT), (470, 400), (810, 400), (WIDTH, HEIGHT)])], (146, 155, 164))
    cv2.fillPoly(frame, [np.array([(0, 0), (470, 280), (810, 280), (WIDTH, 0)])], (222, 228, 230))
    cv2.rectangle(frame, *end, (186, 192, 197), -1)
    cv2.rectangle(frame, (590, 300), (690, 400), (80, 100, 130), -1)
    for far, close in (
        ((470, 280), near[0]),
        ((810, 280), (WIDTH, 0)),
        ((470, 400), (0, HEIGHT)),
        ((810, 400), near[1]),
    ):
        cv2.line(frame, far, close, (130, 135, 140), 3)
    cv2.rectangle(frame, (570, 100), (710, 125), (255, 255, 255), -1)
    return noisy(cv2.GaussianBlur(frame, (0, 0), 1).astype(np.uint8), 2.5)


def behind_a_grille(frame: Frame) -> Frame:
    """Bars from edge to edge before a view that lies half in the shadow: no interference."""
    _, y = _coordinates()
    barred = _clipped(frame * np.where(y > 0.5, 0.35, 1.1)[..., None])
    for x in range(0, WIDTH, 40):
        cv2.line(barred, (x, 0), (x, HEIGHT), (60, 60, 60), 7)
    return noisy(barred, 1.5)


def fisheye(frame: Frame) -> Frame:
    x, y = np.meshgrid(np.linspace(-1, 1, HEIGHT, dtype=np.float32), np.linspace(-1, 1, HEIGHT, dtype=np.float32))
    away = np.sqrt(x * x + y * y)
    stretch = np.tan(away * 1.1) / np.maximum(away, 1e-6) * 250
    round_ = cv2.remap(
        frame, (x * stretch + WIDTH / 2).astype(np.float32), (y * stretch + HEIGHT / 2).astype(np.float32), 1
    ).astype(np.uint8)
    round_[away > 0.98] = 0
    return round_


def interlaced(frame: Frame) -> Frame:
    """D1, its two fields a moment apart."""
    combed = cv2.resize(frame, (704, 576), interpolation=cv2.INTER_AREA).astype(np.uint8)
    combed[::2] = np.roll(combed[::2], 5, axis=1)
    return combed


def upside_down(frame: Frame) -> Frame:
    return np.ascontiguousarray(frame[::-1, ::-1])


def four_in_one(frame: Frame) -> Frame:
    parts = [
        cv2.resize(one, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA) for one in (frame, street("q1"))
    ]
    return np.vstack([np.hstack(parts), np.hstack(parts[::-1])]).astype(np.uint8)


def magenta(frame: Frame) -> Frame:
    """The infrared filter stays away by day."""
    return _clipped(frame * np.array([1.15, 0.62, 1.25]))


def green_below(frame: Frame) -> Frame:
    filled = frame.copy()
    filled[HEIGHT * 2 // 3 :] = (0, 135, 0)
    return filled


def as_it_is(frame: Frame) -> Frame:
    return frame
