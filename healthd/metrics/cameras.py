"""Cameras on the page that Prometheus reads: most of its series, so their text is put together by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import TypeAlias

from healthd.exposition import Family, Format, escape, number
from healthd.live import CameraView
from healthd.model import State

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


Labelled: TypeAlias = tuple[CameraView, str]
"""A camera with its label text, without braces."""


def camera_blocks(views: Sequence[Labelled], form: Format) -> Iterator[str]:
    """A family at a time, in pieces: joining megabytes at once would keep the event loop waiting for the lock."""
    for family, lines in _CAMERA_FAMILIES:
        head = family.head(form)
        for start in range(0, len(views), _PIECE):
            text = "".join(lines(views[start : start + _PIECE]))
            if text:
                yield head + text
                head = ""


def _online_lines(views: Sequence[Labelled]) -> list[str]:
    name, unknown, online = _CAMERA_ONLINE.name, State.UNKNOWN, State.ONLINE
    return [
        f"{name}{{{inner}}} {'1' if view.online is online else '0'}\n"
        for view, inner in views
        if view.online is not unknown
    ]


def _picture_lines(views: Sequence[Labelled]) -> list[str]:
    name, unknown, good = _CAMERA_PICTURE.name, State.UNKNOWN, State.GOOD
    return [
        f"{name}{{{inner}}} {'1' if view.picture is good else '0'}\n"
        for view, inner in views
        if view.picture is not unknown
    ]


def _since_lines(views: Sequence[Labelled]) -> list[str]:
    name, unknown = _CAMERA_SINCE.name, State.UNKNOWN
    return [
        f'{name}{{{inner},axis="{axis}"}} {since / 1000}\n'
        for view, inner in views
        for axis, state, since in (
            ("online", view.online, view.online_since),
            ("picture", view.picture, view.picture_since),
        )
        if state is not unknown
    ]


def _fault_lines(views: Sequence[Labelled]) -> list[str]:
    name = _CAMERA_FAULT.name
    return [f'{name}{{{inner},fault="{fault}"}} 1\n' for view, inner in views for fault in view.faults]


def _exempt_lines(views: Sequence[Labelled]) -> list[str]:
    name = _CAMERA_EXEMPT.name
    return [f"{name}{{{inner}}} {'1' if view.exempt else '0'}\n" for view, inner in views]


def _reading_lines(
    family: Family, read: Callable[[CameraView], float | None]
) -> Callable[[Sequence[Labelled]], list[str]]:
    name = family.name

    def lines(views: Sequence[Labelled]) -> list[str]:
        return [
            f"{name}{{{inner}}} {number(value)}\n" for view, inner in views if (value := read(view)) is not None
        ]

    return lines


def _info_of_cameras(views: Sequence[Labelled]) -> list[str]:
    return [_camera_info(view, inner) for view, inner in views]


def _camera_info(view: CameraView, inner: str) -> str:
    camera, placement = view.camera, view.camera.placement
    return (
        f'{_CAMERA_INFO.name}{{{inner},name="{escape(camera.name)}",'
        f'vendor="{escape(view.vendor or camera.vendor)}",model="{escape(view.model or camera.model)}",'
        f'firmware="{escape(view.firmware)}",'
        f'unit="{escape(placement.unit)}",maintainer="{escape(placement.maintainer)}",'
        f'upstream="{escape(placement.upstream)}"}} 1\n'
    )


_PIECE = 1000  # cameras

_CAMERA_FAMILIES: tuple[tuple[Family, Callable[[Sequence[Labelled]], list[str]]], ...] = (
    (_CAMERA_ONLINE, _online_lines),
    (_CAMERA_PICTURE, _picture_lines),
    (_CAMERA_SINCE, _since_lines),
    (_CAMERA_FAULT, _fault_lines),
    (_CAMERA_EXEMPT, _exempt_lines),
    (_CAMERA_RTT, _reading_lines(_CAMERA_RTT, attrgetter("rtt_seconds"))),
    (_CAMERA_LOSS, _reading_lines(_CAMERA_LOSS, attrgetter("loss_ratio"))),
    (_CAMERA_CLOCK, _reading_lines(_CAMERA_CLOCK, attrgetter("clock_offset_seconds"))),
    (_CAMERA_REBOOTS, _reading_lines(_CAMERA_REBOOTS, attrgetter("reboots"))),
    (_CAMERA_INFO, _info_of_cameras),
)
