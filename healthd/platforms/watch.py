"""Reads the catalogues of platforms when they change, and tells the core what they say of the cameras."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from healthd.config import Config
from healthd.folding.disagreements import Saying
from healthd.model import Inventory, Moment
from healthd.options.platforms import PlatformOptions
from healthd.platforms.catalogue import Catalogue, cameras_by_code, read_catalogue, together
from healthd.problems import BadInput

log = logging.getLogger("healthd.platforms")

_LOOK_SECONDS = 2.0
_QUIET: Moment = 2_000  # ms: a file that was written just now may be half of itself
_AT_ONCE = 2000  # cameras told in one piece: the event loop has other things to do
_SAYS = ("on", "off", "neither", "stale", "absent")
_IGNORED = ("unknown_id", "doubled", "malformed")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one platform's catalogue stands. `cameras`: by what it says of them. `error`: why the file could not be
    read last time, "" if it could."""

    platform: str
    written: Moment = 0
    error: str = ""
    cameras: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[str] = ()

    def as_json(self, iso: Callable[[Moment], str]) -> dict[str, Any]:
        """By the public names."""
        return {
            "platform": self.platform,
            "written": iso(self.written) if self.written else None,
            "error": self.error or None,
            "cameras": {says: self.cameras.get(says, 0) for says in _SAYS},
            "rows_ignored": {why: self.ignored.get(why, 0) for why in _IGNORED},
            "unknown_ids": [*self.examples],
        }


def standing(
    options: PlatformOptions, catalogue: Catalogue | None, error: str, in_service: Collection[str], now: Moment
) -> tuple[Standing, dict[str, Saying]]:
    """How a catalogue stands at `now`, and what it says that is young enough."""
    if catalogue is None:
        return Standing(options.name, error=error), {}
    sayings = catalogue.sayings(now, round(1000 * options.max_age), round(1000 * options.patience))
    on = sum(said.on for said in sayings.values())
    cameras = {
        "on": on,
        "off": len(sayings) - on,
        "neither": len(catalogue.neither),
        "stale": len(catalogue.said) - len(sayings),
        "absent": sum(one not in catalogue.said and one not in catalogue.neither for one in in_service),
    }
    ignored = {
        "unknown_id": catalogue.unknown_ids,
        "doubled": catalogue.doubled,
        "malformed": catalogue.malformed,
    }
    shown = Standing(options.name, catalogue.written, error, cameras, ignored, catalogue.examples)
    return shown, sayings


def read_now(options: PlatformOptions, config: Config, inventory: Inventory) -> tuple[Catalogue | None, str]:
    """The catalogue as it lies there, or why it cannot be read."""
    codes = cameras_by_code(inventory.cameras.values(), options.match)
    try:
        signature = _signature(options)
        return read_catalogue(options, signature[0] if signature else 0, codes, config.timezone), ""
    except BadInput as error:
        return None, str(error.problems[0])


def _signature(options: PlatformOptions) -> tuple[Moment, int] | None:
    """(when it was written in ms, bytes); None: it is not there."""
    try:
        found = options.catalogue.stat()
    except OSError:
        return None
    return found.st_mtime_ns // 1_000_000, found.st_size


@dataclass
class _Kept:
    """The last reading of one platform. Mutable: `PlatformWatch` alone touches it."""

    options: PlatformOptions
    looked: Moment = 0
    signature: tuple[Moment, int] | None = None
    catalogue: Catalogue | None = None
    error: str = ""


class PlatformWatch(Collector):
    """`known`: configuration and inventory that hold now. `tell`: takes what is new, by camera. `held`: the
    cameras of which a platform's word is held against them, of an earlier run too."""

    def __init__(
        self,
        registry: CollectorRegistry,
        known: Callable[[], tuple[Config, Inventory]],
        tell: Callable[[Mapping[str, Saying | None]], None],
        held: Callable[[], Set[str]],
        now: Callable[[], Moment],
    ) -> None:
        self._known, self._tell, self._held, self._now = known, tell, held, now
        self._kept: dict[str, _Kept] = {}
        self._told: dict[str, Saying] = {}
        self._inventory: Inventory | None = None
        self._worked_out: Moment = 0
        self.standings: Sequence[Standing] = ()
        registry.register(self)

    async def run(self) -> None:
        """Look at the files for as long as healthd runs."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Read what has changed, and tell what is new in it; off the loop but for the telling."""
        (config, inventory), now = self._known(), self._now()
        moved = inventory is not self._inventory
        wanted = {options.name: options for options in config.platforms}
        gone = [name for name, kept in self._kept.items() if wanted.get(name) != kept.options]
        for name in gone:
            del self._kept[name]
        read = bool(gone) or self._inventory is None
        for options in config.platforms:
            kept = self._kept.setdefault(options.name, _Kept(options))
            if moved or now - kept.looked >= 1000 * options.interval:
                read |= await self._read(kept, config, inventory, now, again=moved)
        self._inventory = inventory
        if read or (self._kept and now - self._worked_out >= _AGEING):
            await self._say(inventory, now)

    async def _read(self, kept: _Kept, config: Config, inventory: Inventory, now: Moment, *, again: bool) -> bool:
        """Whether there was something to read."""
        signature = await asyncio.to_thread(_signature, kept.options)
        if signature is not None and 0 <= now - signature[0] < _QUIET and kept.looked:
            return False  # looked at again soon
        kept.looked = now
        if signature == kept.signature and not again and (signature or kept.error):
            return False
        kept.signature = signature
        catalogue, error = await asyncio.to_thread(read_now, kept.options, config, inventory)
        if error and error != kept.error:
            log.error("a platform's catalogue cannot be read platform=%s: %s", kept.options.name, error)
        kept.error = error
        if catalogue is None:
            return True  # what it said before holds until it is too old
        kept.catalogue = catalogue
        log.info(
            "a platform's catalogue was read platform=%s rows=%d cameras=%d unknown=%d doubled=%d malformed=%d",
            catalogue.platform,
            catalogue.rows,
            len(catalogue.said),
            catalogue.unknown_ids,
            catalogue.doubled,
            catalogue.malformed,
        )
        return True

    async def _say(self, inventory: Inventory, now: Moment) -> None:
        self._worked_out = now
        kept = [replace(one) for one in self._kept.values()]
        self.standings, told, changed = await asyncio.to_thread(
            _news, kept, inventory, self._told, self._held(), now
        )
        self._told = told
        waiting = iter(changed.items())
        while part := dict(islice(waiting, _AT_ONCE)):
            self._tell(part)
            await asyncio.sleep(0)

    # --- metrics -------------------------------------------------------------------------------------------

    def describe(self) -> list[Metric]:
        return [*_families()]

    def collect(self) -> Iterator[Metric]:
        cameras, ignored, written, readable = _families()
        for one in self.standings:
            for says in _SAYS:
                cameras.add_metric([one.platform, says], one.cameras.get(says, 0))
            for why in _IGNORED:
                ignored.add_metric([one.platform, why], one.ignored.get(why, 0))
            if one.written:
                written.add_metric([one.platform], one.written / 1000)
            readable.add_metric([one.platform], int(not one.error))
        yield from (cameras, ignored, written, readable)


_AGEING: Moment = 60_000  # how often is looked for what has become too old


def _news(
    kept: Sequence[_Kept], inventory: Inventory, before: Mapping[str, Saying], held: Set[str], now: Moment
) -> tuple[Sequence[Standing], dict[str, Saying], dict[str, Saying | None]]:
    """How the catalogues stand, what they say together, and what of that is new."""
    in_service = [camera.id for camera in inventory.cameras.values() if camera.in_service]
    found = [standing(one.options, one.catalogue, one.error, in_service, now) for one in kept]
    told = together(sayings for _, sayings in found)
    changed: dict[str, Saying | None] = {
        camera: said for camera, said in told.items() if before.get(camera) != said
    }
    changed.update(dict.fromkeys((before.keys() | held) - told.keys()))
    return [one for one, _ in found], told, changed


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "healthd_platform_cameras",
            "Cameras by what the platform's catalogue says of them.",
            labels=["platform", "says"],
        ),
        GaugeMetricFamily(
            "healthd_platform_rows_ignored",
            "Rows of the platform's catalogue that say nothing of a camera.",
            labels=["platform", "why"],
        ),
        GaugeMetricFamily(
            "healthd_platform_catalogue_timestamp_seconds",
            "When the platform's catalogue was written that is in use.",
            labels=["platform"],
        ),
        GaugeMetricFamily(
            "healthd_platform_last_read_successful",
            "1 if the platform's catalogue could be read when it was looked at last.",
            labels=["platform"],
        ),
    )
