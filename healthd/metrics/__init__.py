"""The page that Prometheus reads: regions, incidents, cameras and self-metrics of one `Page`, as text.

Names and labels are a contract with dashboards and alert rules: docs/metrics.md says what each means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from healthd.exposition import Format, encode
from healthd.live import CameraView, Page
from healthd.metrics.cameras import CameraSeries
from healthd.metrics.devices import device_blocks
from healthd.metrics.incidents import INCIDENTS_SHOWN, incident_blocks
from healthd.metrics.plans import Plans, plan_blocks
from healthd.metrics.regions import region_blocks
from healthd.model import State


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
    """Renders pages. For one thread at a time: it keeps the text of cameras from page to page.

    `shown`: how many open incidents, the largest, have series of their own; the rest is only counted.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        per_camera: Callable[[], PerCamera],
        shown: Callable[[], int] = lambda: INCIDENTS_SHOWN,
    ) -> None:
        self._shown = shown
        self._plans = Plans()
        self._own = _WithoutCreated(registry)
        self._per_camera = per_camera
        self._cameras = CameraSeries()

    def render(self, page: Page, form: Format) -> bytes:
        """The whole of /metrics."""
        cameras = self._per_camera().choose(page.cameras)
        generate = generate_openmetrics if form is Format.OPENMETRICS else generate_text
        # prometheus_client's part comes last: in OpenMetrics it closes the page with its # EOF.
        own = [generate(self._own)]
        shown = self._shown()
        blocks = chain(
            region_blocks(page, form),
            incident_blocks(page, form, shown),
            plan_blocks(self._plans.of(page), form, shown),
            device_blocks(page.devices, form),
        )
        return b"".join(chain(encode(blocks), self._cameras.blocks(cameras, form), own))

    def cameras(self, page: Page, form: Format, region: str) -> bytes:
        """/metrics/cameras: every camera of one region and below it, whatever `PerCamera` says."""
        top = page.inventory.paths[region]
        inside = {code for code, path in page.inventory.paths.items() if path.startswith(top)}
        views = [view for view in page.cameras if view.camera.placement.region in inside]
        return b"".join(
            chain(CameraSeries().blocks(views, form), [b"# EOF\n"] if form is Format.OPENMETRICS else [])
        )


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
