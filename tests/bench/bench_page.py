"""What a scrape of /metrics costs: `python -m tests.bench page`.

Between two scrapes a quarter of all cameras were pinged, which is what a minute's interval and a scrape every 15 s
make, and one in ten thousand flipped. The peer is a collector of prometheus_client over five of the same families.
The loop's delay is how late a sleep of a millisecond comes back while the page is rendered in a thread.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from healthd.exposition import Format
from healthd.live import CameraView
from healthd.metrics.cameras import CameraSeries
from healthd.model import State
from tests import pages
from tests.bench.table import Row, against

ROUNDS = 5
CAMERAS = 100_000
NEWLINE = b"\n"


class Peer(Collector):
    """Five families, an object a series."""

    def __init__(self, views: Sequence[CameraView]) -> None:
        self.views = views

    def collect(self) -> Iterator[Metric]:
        names = ["camera", "region", "class"]
        reads: dict[str, Callable[[CameraView], float]] = {
            "healthd_camera_online": lambda view: float(view.online is State.ONLINE),
            "healthd_camera_picture_good": lambda view: float(view.picture is State.GOOD),
            "healthd_camera_rtt_seconds": lambda view: view.rtt_seconds or 0.0,
            "healthd_camera_packet_loss_ratio": lambda view: view.loss_ratio or 0.0,
            "healthd_camera_exempt": lambda view: float(view.exempt),
        }
        for name, read in reads.items():
            family = GaugeMetricFamily(name, name, labels=names)
            for view in self.views:
                place = view.camera.placement
                family.add_metric([view.camera.id, place.region, place.class_], read(view))
            yield family


def fleet(cameras: int) -> list[CameraView]:
    return [
        CameraView(pages.camera(number), State.ONLINE, 1000, State.GOOD, 1000, rtt_seconds=0.01, loss_ratio=0.0)
        for number in range(cameras)
    ]


def moved(views: list[CameraView], turn: int) -> None:
    """A quarter of the cameras were pinged, one in ten thousand flipped."""
    for at in range(turn % 4, len(views), 4):
        views[at] = replace(views[at], rtt_seconds=0.001 + (at * 7 + turn) % 1000 / 1e5)
    for at in range(turn, len(views), 10_000):
        views[at] = replace(views[at], online=State.OFFLINE, online_since=turn * 1000)


def cpu(work: Callable[[], bytes]) -> tuple[float, bytes]:
    begun = time.process_time()
    page = work()
    return time.process_time() - begun, page


async def delay(work: Callable[[], object]) -> float:
    """The longest that the loop is held up while `work` runs in a thread, in seconds."""
    task = asyncio.create_task(asyncio.to_thread(work))
    longest = 0.0
    while not task.done():
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - begun - 0.001)
    return longest


def rows() -> Iterator[Row]:
    """The table's rows."""
    views, series = fleet(CAMERAS), CameraSeries()
    first, page = cpu(lambda: b"".join(series.blocks(views, Format.TEXT)))
    note = f"{page.count(NEWLINE):,} series, {len(page) / 1e6:.0f} MB; the first page takes {first:.2f} s"
    gc.freeze()  # as the daemon does
    gc.set_threshold(50_000, 50, 1000)
    mine, zipped, late = [], [], []
    for turn in range(ROUNDS):
        moved(views, turn)
        took, page = cpu(lambda: b"".join(series.blocks(views, Format.TEXT)))
        mine.append(took)
        zipped.append(cpu(lambda page=page: gzip.compress(page, 1, mtime=0))[0])  # type: ignore[misc]
        moved(views, turn + ROUNDS)
        late.append(1000 * asyncio.run(delay(lambda: b"".join(series.blocks(views, Format.TEXT)))))
    registry = CollectorRegistry()
    registry.register(Peer(views))
    peer = [cpu(lambda: generate_latest(registry))[0] for _ in range(ROUNDS)]
    what = f"/metrics of {CAMERAS:,} cameras, CPU a scrape"
    yield Row(
        what, "healthd", mine, "s", "≤ 0.2 s (meant for 5 series a camera)", statistics.median(mine) <= 0.2, note
    )
    what = "/metrics, CPU a million series"
    other = Row(what, "prometheus_client", [one * 2 for one in peer], "s", note="five of the nine series a camera")
    series_each = [took * 1e6 / page.count(NEWLINE) for took in mine]
    yield against(Row(what, "healthd", series_each, "s"), other, 1 / 20, "≤ 1/20 of prometheus_client")
    yield other
    yield Row("the same, gzip", "healthd", zipped, "s")
    yield Row("the same, delay of the event loop", "healthd", late, "ms", "≤ 25 ms", statistics.median(late) <= 25)
