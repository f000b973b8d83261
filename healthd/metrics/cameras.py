"""Cameras on the page that Prometheus reads: most of its series, so their text is put together by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

from healthd.exposition import Family, Format, escape, number
from healthd.live import CameraView
from healthd.model import Camera, Moment, State

_CAMERA_ONLINE = Family("healthd_camera_online", "gauge", "1 online, 0 offline; absent while unknown.")
_CAMERA_PICTURE = Family(
    "healthd_camera_picture_good", "gauge", "1 good, 0 faulty or no picture; absent while unknown."
)
_CAMERA_SINCE = Family(
    "healthd_camera_state_since_timestamp_seconds", "gauge", "When the axis took its state; absent while unknown."
)
_CAMERA_FAULT = Family("healthd_camera_picture_fault", "gauge", "1 for each fault that the picture has now.")
_CAMERA_EXEMPT = Family("healthd_camera_exempt", "gauge", "1 while an exemption covers the camera, else 0.")
_CAMERA_RTT = Family(
    "healthd_camera_rtt_seconds", "gauge", "Round trip time of the last ping; absent without reply."
)
_CAMERA_LOSS = Family("healthd_camera_packet_loss_ratio", "gauge", "Lost over sent packets of the last ping.")
_CAMERA_CLOCK = Family(
    "healthd_camera_clock_offset_seconds", "gauge", "The camera's clock minus ours, when last read."
)
_CAMERA_REBOOTS = Family("healthd_camera_reboots_total", "counter", "Reboots seen since the start of the process.")
_CAMERA_INFO = Family("healthd_camera_info", "info", "What the camera is and who answers for it.")


Lines: TypeAlias = Callable[[Sequence[Any], Sequence[str]], list[str]]
"""(what was read of each camera, its label text without braces) -> sample lines."""


@dataclass(frozen=True, slots=True)
class _Series:
    """A family, what it shows of a camera, and how."""

    family: Family
    read: Callable[[CameraView], Any]
    lines: Lines


class CameraSeries:
    """Writes all families of a fleet, 1,000 cameras at a time: joining megabytes at once would keep the event loop
    waiting for the lock.

    It keeps the text of the last page, and writes a piece anew only where something in it changed: between two
    scrapes that is the round trip times and little else. For one thread at a time.
    """

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def blocks(self, views: Sequence[CameraView], form: Format) -> Iterator[bytes]:
        """The text of the page, in pieces."""
        parts = [views[start : start + _PIECE] for start in range(0, len(views), _PIECE)]
        del self._pieces[len(parts) :]
        for place, part in enumerate(parts):
            cameras = [view.camera for view in part]
            if place == len(self._pieces):
                self._pieces.append(_Piece(cameras))
            elif self._pieces[place].cameras != cameras:
                self._pieces[place] = _Piece(cameras)
        for series in _SERIES:
            head = series.family.head(form).encode()
            for piece, part in zip(self._pieces, parts, strict=True):
                text = piece.text(series, part)
                if text:
                    yield head
                    yield text
                    head = b""


class _Piece:
    """Some cameras, and what was last written of them."""

    __slots__ = ("_labels", "_written", "cameras")

    def __init__(self, cameras: list[Camera]) -> None:
        self.cameras = cameras
        self._labels = [
            f'camera="{escape(camera.id)}",region="{escape(camera.placement.region)}",'
            f'class="{escape(camera.placement.class_)}"'
            for camera in cameras
        ]
        self._written: dict[str, tuple[list[Any], bytes]] = {}  # family -> what was read, its text

    def text(self, series: _Series, views: Sequence[CameraView]) -> bytes:
        values = [*map(series.read, views)]
        known = self._written.get(series.family.name)
        if known is not None and known[0] == values:
            return known[1]
        # Half a surrogate pair in a name becomes `?`, as everywhere on the page.
        text = "".join(series.lines(values, self._labels)).encode("utf-8", "replace")
        self._written[series.family.name] = values, text
        return text


def _online_lines(states: Sequence[State], labels: Sequence[str]) -> list[str]:
    name, unknown, online = _CAMERA_ONLINE.name, State.UNKNOWN, State.ONLINE
    return [
        f"{name}{{{inner}}} {'1' if state is online else '0'}\n"
        for state, inner in zip(states, labels, strict=True)
        if state is not unknown
    ]


def _picture_lines(states: Sequence[State], labels: Sequence[str]) -> list[str]:
    name, unknown, good = _CAMERA_PICTURE.name, State.UNKNOWN, State.GOOD
    return [
        f"{name}{{{inner}}} {'1' if state is good else '0'}\n"
        for state, inner in zip(states, labels, strict=True)
        if state is not unknown
    ]


def _since_lines(standings: Sequence[tuple[State, Moment, State, Moment]], labels: Sequence[str]) -> list[str]:
    name, unknown = _CAMERA_SINCE.name, State.UNKNOWN
    return [
        f'{name}{{{inner},axis="{axis}"}} {since / 1000}\n'
        for (online, online_since, picture, picture_since), inner in zip(standings, labels, strict=True)
        for axis, state, since in (("online", online, online_since), ("picture", picture, picture_since))
        if state is not unknown
    ]


def _fault_lines(found: Sequence[tuple[str, ...]], labels: Sequence[str]) -> list[str]:
    name = _CAMERA_FAULT.name
    return [
        f'{name}{{{inner},fault="{fault}"}} 1\n'
        for faults, inner in zip(found, labels, strict=True)
        for fault in faults
    ]


def _exempt_lines(exempt: Sequence[bool], labels: Sequence[str]) -> list[str]:
    name = _CAMERA_EXEMPT.name
    return [f"{name}{{{inner}}} {'1' if is_so else '0'}\n" for is_so, inner in zip(exempt, labels, strict=True)]


def _reading(family: Family, field: str) -> _Series:
    name = family.name

    def lines(values: Sequence[float | None], labels: Sequence[str]) -> list[str]:
        return [
            f"{name}{{{inner}}} {number(value)}\n"
            for value, inner in zip(values, labels, strict=True)
            if value is not None
        ]

    return _Series(family, attrgetter(field), lines)


def _info_lines(known: Sequence[tuple[Camera, str, str, str]], labels: Sequence[str]) -> list[str]:
    return [_info_line(*one, inner) for one, inner in zip(known, labels, strict=True)]


def _info_line(camera: Camera, vendor: str, model: str, firmware: str, inner: str) -> str:
    placement = camera.placement
    return (
        f'{_CAMERA_INFO.name}{{{inner},name="{escape(camera.name)}",'
        f'vendor="{escape(vendor or camera.vendor)}",model="{escape(model or camera.model)}",'
        f'firmware="{escape(firmware)}",'
        f'unit="{escape(placement.unit)}",maintainer="{escape(placement.maintainer)}",'
        f'upstream="{escape(placement.upstream)}"}} 1\n'
    )


_PIECE = 1000  # cameras

_SERIES = (
    _Series(_CAMERA_ONLINE, attrgetter("online"), _online_lines),
    _Series(_CAMERA_PICTURE, attrgetter("picture"), _picture_lines),
    _Series(_CAMERA_SINCE, attrgetter("online", "online_since", "picture", "picture_since"), _since_lines),
    _Series(_CAMERA_FAULT, attrgetter("faults"), _fault_lines),
    _Series(_CAMERA_EXEMPT, attrgetter("exempt"), _exempt_lines),
    _reading(_CAMERA_RTT, "rtt_seconds"),
    _reading(_CAMERA_LOSS, "loss_ratio"),
    _reading(_CAMERA_CLOCK, "clock_offset_seconds"),
    _reading(_CAMERA_REBOOTS, "reboots"),
    _Series(_CAMERA_INFO, attrgetter("camera", "vendor", "model", "firmware"), _info_lines),
)
