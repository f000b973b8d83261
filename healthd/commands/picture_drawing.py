"""The picture and every rule's answer side by side, as one PNG for people."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from probes.picture.decode import Damage, Picture, decode
from probes.picture.judge import Answer
from probes.picture.verdict import Fault

_WIDTH, _HEIGHT = 960, 600  # of the picture, and of the panel beside it
_ROW, _BAR = 40, 300
_TEXT, _GOOD, _BAD, _UNSAID, _LINE = (30, 30, 30), (90, 160, 60), (50, 50, 210), (150, 150, 150), (0, 0, 0)
_LONGEST = 74  # letters of a sentence that fit


def explain(data: bytes, said: Mapping[Fault, Answer]) -> bytes:
    """A PNG: the frame at the left (grey where it cannot be decoded), at the right a row a fault with a bar from
    0 to twice the threshold, which stands in its middle, or the sentence why it was not checked."""
    picture = decode(data)
    canvas = np.full((max(_HEIGHT, _ROW * (len(said) + 1)), 2 * _WIDTH, 3), 255, np.uint8)
    _show(canvas, picture)
    for number, (fault, answer) in enumerate(said.items()):
        _row(canvas, _ROW * (number + 1), fault, answer)
    return cv2.imencode(".png", canvas)[1].tobytes()


def _show(canvas: NDArray[np.uint8], picture: Picture | Damage) -> None:
    room = canvas[: canvas.shape[0], :_WIDTH]
    room[:] = 128
    if isinstance(picture, Damage):
        _write(canvas, picture.why, (20, 40))
        return
    pixels = picture.pixels
    scale = min(room.shape[1] / pixels.shape[1], room.shape[0] / pixels.shape[0])
    size = max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale))
    room[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _row(canvas: NDArray[np.uint8], y: int, fault: Fault, answer: Answer) -> None:
    left = _WIDTH + 20
    if isinstance(answer, str):
        _write(canvas, fault, (left, y), _UNSAID)
        _write(canvas, answer, (left + 160, y), _UNSAID)
        return
    colour = _BAD if answer.found else _GOOD
    _write(canvas, fault, (left, y), colour)
    share = min(max(answer.value / (2 * answer.threshold), 0.0), 1.0) if answer.threshold else 1.0
    start = left + 160
    cv2.rectangle(canvas, (start, y - 16), (start + round(_BAR * share), y), colour, -1)
    cv2.rectangle(canvas, (start, y - 16), (start + _BAR, y), _UNSAID, 1)
    cv2.line(canvas, (start + _BAR // 2, y - 22), (start + _BAR // 2, y + 6), _LINE, 2)
    side = "below" if answer.below else "from"
    _write(canvas, f"{answer.value:.3g}; fault {side} {answer.threshold:.3g}", (start + _BAR + 15, y), _TEXT)


def _write(
    canvas: NDArray[np.uint8], text: str, at: tuple[int, int], colour: tuple[int, int, int] = _TEXT
) -> None:
    plain = text[:_LONGEST].encode("ascii", "replace").decode()  # the drawn font knows no other letters
    cv2.putText(canvas, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
