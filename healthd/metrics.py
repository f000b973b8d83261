"""The page that Prometheus reads: regions, cameras and self-metrics of one `Page`, as text.

Names and labels are a contract with dashboards and alert rules: docs/metrics.md says what each means.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from healthd.exposition import Family, Format, block, encode, escape, histogram_lines, labels, number
from healthd.live import RTT_BUCKETS_SECONDS, WINDOWS, CameraView, Page
from healthd.model import Camera, State
from healthd.rates import Row

_STATES = {
    "online": ("online", "offline", "unknown", "exempt"),
    "picture": ("good", "faulty", "no_picture", "unknown", "exempt"),
}

_INFO = Family("healthd_region_info", "info", "Name and place in the tree of each region, to be joined by region.")
_CAMERAS = Family("healthd_region_cameras", "gauge", "Cameras in and below the region now, by state.")
_RATIO = Family(
    "healthd_region_rate_ratio", "gauge", "Good over assessed time; absent while coverage is below one half."
)
_COVERAGE = Family("healthd_region_coverage_ratio", "gauge", "Assessed over assessed and unknown time.")
_VERDICT = Family("healthd_region_verdict", "gauge", "1 for the verdict that holds.")
_SECONDS = Family("healthd_region_camera_seconds", "gauge", "Camera time in the window, by what it counted as.")
_TARGET = Family("healthd_region_target_ratio", "gauge", "The ratio to reach.")
_GAP = Family("healthd_region_gap_cameras", "gauge", "Cameras that would have to be good now to reach the target.")
_SECONDS_TOTAL = Family(
    "healthd_region_camera_seconds_total",
    "counter",
    "Assessed camera time, booked once decided.",
    name_taken=True,  # by healthd_region_camera_seconds
)
_WINDOW_START = Family("healthd_window_start_timestamp_seconds", "gauge", "Where the window begins.")
_WINDOW_END = Family("healthd_window_end_timestamp_seconds", "gauge", "Where the window ends.")
_FAULTY = Family("healthd_region_faulty_cameras", "gauge", "Cameras whose picture has the fault now.")
_RTT = Family("healthd_region_rtt_seconds", "histogram", "Round trip times of the region's pings.")
_SENT = Family("healthd_region_packets_sent_total", "counter", "Echo requests sent to the region's cameras.")
_LOST = Family("healthd_region_packets_lost_total", "counter", "Echo requests that got no reply in time.")

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


@dataclass(frozen=True, slots=True)
class PerCamera:
    """Whether /metrics has series per camera: `auto` (always up to `limit` cameras, bad above), `always`, `bad`
    (only of cameras that are bad now), `never`."""

    mode: str = "auto"
    limit: int = 20_000

    def choose(self, cameras: Sequence[CameraView]) -> Sequence[CameraView]:
        mode = self.mode
        if mode == "auto":
            mode = "always" if len(cameras) <= self.limit else "bad"
        if mode == "bad":
            return [view for view in cameras if _is_bad(view)]
        return cameras if mode == "always" else ()


class MetricsPage:
    """Renders pages. For one thread at a time: it keeps the label text of cameras from page to page."""

    def __init__(self, registry: CollectorRegistry, per_camera: Callable[[], PerCamera]) -> None:
        self._own = _WithoutCreated(registry)
        self._per_camera = per_camera
        self._labels: dict[str, tuple[Camera, str]] = {}

    def render(self, page: Page, form: Format) -> bytes:
        """The whole of /metrics."""
        cameras = self._per_camera().choose(page.cameras)
        generate = generate_openmetrics if form is Format.OPENMETRICS else generate_text
        # prometheus_client's part comes last: in OpenMetrics it closes the page with its # EOF.
        own = [generate(self._own)]
        return b"".join(chain(encode(_region_blocks(page, form)), self._camera_blocks(cameras, form), own))

    def cameras(self, page: Page, form: Format, region: str) -> bytes:
        """/metrics/cameras: every camera of one region and below it, whatever `PerCamera` says."""
        top = page.inventory.paths[region]
        inside = {code for code, path in page.inventory.paths.items() if path.startswith(top)}
        views = [view for view in page.cameras if view.camera.placement.region in inside]
        return b"".join(
            chain(self._camera_blocks(views, form), [b"# EOF\n"] if form is Format.OPENMETRICS else [])
        )

    def _camera_blocks(self, views: Sequence[CameraView], form: Format) -> Iterator[bytes]:
        self._forget_cameras(views)
        return encode(_camera_blocks([(view, self._labels_of(view.camera)) for view in views], form))

    def _labels_of(self, camera: Camera) -> str:
        known = self._labels.get(camera.id)
        if known is not None and known[0] is camera:
            return known[1]
        text = (
            f'camera="{escape(camera.id)}",region="{escape(camera.placement.region)}",'
            f'class="{escape(camera.placement.class_)}"'
        )
        self._labels[camera.id] = (camera, text)
        return text

    def _forget_cameras(self, views: Collection[CameraView]) -> None:
        # Cameras that left the inventory: a rare and small waste, so it may double before it is swept.
        if len(self._labels) > 2 * len(views) + 1000:
            self._labels.clear()


class _WithoutCreated(Collector):
    """A registry without the `_created` series, which double the page and which no reader here needs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _is_bad(view: CameraView) -> bool:
    return view.camera.in_service and (
        view.online is State.OFFLINE or view.picture in (State.FAULTY, State.NO_PICTURE)
    )


def _region_blocks(page: Page, form: Format) -> Iterator[str]:
    yield block(_INFO, form, _info_lines(page))
    yield block(_CAMERAS, form, _head_lines(page))
    yield from _rate_blocks(page, form)
    yield from _now_blocks(page.rows.get("now", ()), form)
    yield block(_SECONDS_TOTAL, form, _booked_lines(page))
    for family, edge in ((_WINDOW_START, 0), (_WINDOW_END, 1)):
        lines = [
            f'{family.name}{{window="{window}"}} {times[edge] / 1000}\n' for window, times in page.windows.items()
        ]
        yield block(family, form, lines)
    yield block(
        _FAULTY,
        form,
        [
            f"{_FAULTY.name}{labels({'region': region, 'class': class_, 'fault': fault})} {cameras}\n"
            for (region, class_, fault), cameras in page.faults.items()
        ],
    )
    yield from _traffic_blocks(page, form)


def _info_lines(page: Page) -> list[str]:
    return [
        _INFO.name
        + labels(
            {
                "region": region.code,
                "name": region.name,
                "level": region.level,
                "parent": region.parent,
                "path": page.inventory.paths[region.code],
            }
        )
        + " 1\n"
        for region in page.inventory.regions.values()
    ]


def _head_lines(page: Page) -> list[str]:
    """All states of every class that has cameras, zeros too: a series that comes and goes breaks every graph."""
    populated: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (region, class_, axis, _), cameras in page.heads.items():
        if cameras:
            populated[region, class_].add(axis)
    lines = []
    for (region, class_), axes in populated.items():
        inner = f'region="{escape(region)}",class="{class_}"'
        for axis, states in _STATES.items():
            if axis in axes:
                lines += [
                    f'{_CAMERAS.name}{{{inner},axis="{axis}",state="{state}"}} '
                    f"{page.heads.get((region, class_, axis, state), 0)}\n"
                    for state in states
                ]
    return lines


def _inner(row: Row) -> str:
    return f'region="{escape(row.key)}",class="{row.class_}",rate="{row.rate}",profile="{escape(row.profile)}"'


def _rate_blocks(page: Page, form: Format) -> Iterator[str]:
    lines: dict[Family, list[str]] = {_RATIO: [], _COVERAGE: [], _VERDICT: [], _SECONDS: []}
    for window in WINDOWS:
        for row in page.rows.get(window, ()):
            inner = f'{_inner(row)},window="{window}"'
            assessed, known = row.assessed, row.assessed + row.unknown
            if known:
                lines[_COVERAGE].append(f"{_COVERAGE.name}{{{inner}}} {assessed / known}\n")
            if assessed and 2 * assessed >= known:
                lines[_RATIO].append(f"{_RATIO.name}{{{inner}}} {row.good / assessed}\n")
            lines[_VERDICT].append(f'{_VERDICT.name}{{{inner},verdict="{row.verdict}"}} 1\n')
            if window != "now":  # an instant has numbers of cameras, no time
                lines[_SECONDS] += [
                    f'{_SECONDS.name}{{{inner},kind="{kind}"}} {time / 1000}\n' for kind, time in _kinds(row)
                ]
    for family, found in lines.items():
        yield block(family, form, found)


def _kinds(row: Row) -> tuple[tuple[str, int], ...]:
    return (
        ("good", row.good),
        ("bad", row.bad),
        ("undiagnosed", row.undiagnosed),
        ("unknown", row.unknown),
        ("exempt", row.exempt),
    )


def _now_blocks(rows: Sequence[Row], form: Format) -> Iterator[str]:
    judged = [(row, _inner(row)) for row in rows if row.target is not None]
    yield block(_TARGET, form, [f"{_TARGET.name}{{{inner}}} {float(row.target or 0)}\n" for row, inner in judged])
    yield block(_GAP, form, [f"{_GAP.name}{{{inner}}} {row.gap_cameras}\n" for row, inner in judged])


def _booked_lines(page: Page) -> list[str]:
    names = ("region", "class", "rate", "profile", "kind")
    return [
        f"{_SECONDS_TOTAL.name}{labels(dict(zip(names, key, strict=True)))} {time / 1000}\n"
        for key, time in page.booked.items()
    ]


def _traffic_blocks(page: Page, form: Format) -> Iterator[str]:
    rtt, sent, lost = [], [], []
    for region, traffic in page.traffic.items():
        inner = f'region="{escape(region)}"'
        rtt += histogram_lines(_RTT.name, inner, RTT_BUCKETS_SECONDS, traffic.rtt_counts, traffic.rtt_sum_seconds)
        sent.append(f"{_SENT.name}{{{inner}}} {traffic.sent}\n")
        lost.append(f"{_LOST.name}{{{inner}}} {traffic.lost}\n")
    yield block(_RTT, form, rtt)
    yield block(_SENT, form, sent)
    yield block(_LOST, form, lost)


Labelled: TypeAlias = tuple[CameraView, str]
"""A camera with its label text, without braces."""


def _camera_blocks(views: Sequence[Labelled], form: Format) -> Iterator[str]:
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
