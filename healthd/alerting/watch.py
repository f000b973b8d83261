"""Whether alertmanager.yml still fits the inventory, as a metric: `healthd_alerting_routes_current`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from healthd.alerting.files import differences
from healthd.config import Config
from healthd.model import Inventory
from healthd.problems import BadInput

log = logging.getLogger("healthd.alerting")

_LOOK_SECONDS = 10.0  # for a reload
_READ_LOOKS = 30  # how many of these until the file is read again


class RoutesWatch(Collector):
    """1 while the file is as `healthd alerting generate` would write it, 0 while it is not, absent where
    `alerting.alertmanager_file` is not set. `known`: configuration and inventory that hold now."""

    def __init__(self, registry: CollectorRegistry, known: Callable[[], tuple[Config, Inventory]]) -> None:
        self._known = known
        self._current: bool | None = None
        registry.register(self)

    def describe(self) -> list[Metric]:
        return [self._family()]

    def collect(self) -> Iterator[Metric]:
        family, current = self._family(), self._current
        if current is not None:
            family.add_metric([], int(current))
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "healthd_alerting_routes_current",
            "1 while alertmanager.yml is what configuration and inventory ask for, 0 while it is not.",
        )

    async def run(self) -> None:
        """Look at once after each reload, else every five minutes; off the loop, for it reads and renders."""
        seen: tuple[Config, Inventory] | None = None
        looks = 0
        while True:
            known = self._known()
            if seen is None or known[1] is not seen[1] or known[0] is not seen[0] or looks >= _READ_LOOKS:
                self.judge(await asyncio.to_thread(compare, *known), known[0].path)
                seen, looks = known, 0
            looks += 1
            await asyncio.sleep(_LOOK_SECONDS)

    def judge(self, wrong: str | None, config: Path | None) -> None:
        """Take what `compare` found."""
        current = None if wrong is None else not wrong
        if current is False and self._current is not False:
            log.warning(
                "alertmanager.yml does not fit the inventory: %s remedy=healthd alerting generate -c %s",
                wrong,
                config,
            )
        self._current = current


def compare(config: Config, inventory: Inventory) -> str | None:
    """What is wrong with the file, "" if nothing; None where none is configured."""
    options = config.alerting
    if options is None or options.alertmanager_file is None:
        return None
    try:
        found = differences(config, inventory, options.alertmanager_file)
    except BadInput as error:
        return str(error.problems[0])
    changed = sum(line.startswith(("+", "-")) and not line.startswith(("+++", "---")) for line in found)
    return "" if not found else found[0] if len(found) == 1 else f"{changed} lines differ"
