"""Pictures on demand: drawn off the event loop, kept while they are fresh, bounded in bytes."""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from concurrent.futures import Executor
from functools import partial

from healthd.city.manners import Showing
from healthd.city.options import Pictures
from healthd.city.pictures import View, at_noon, draw
from healthd.city.soap import SUB_SIZE
from healthd.model import Camera

_KEPT_BYTES = 64 << 20
_FRESH_SECONDS = 2  # a camera's picture within this time is the same one
_STREETS, _MOMENTS, _TURN_SECONDS = 12, 4, 10
_LIGHT_SECONDS = 900  # pooled pictures follow the daylight this often
_DEFAULT_SIZE = (1920, 1080)


class Album:
    """A bounded memory of drawn pictures. Mutable: the least recently asked go first."""

    def __init__(self, pictures: Pictures, executor: Executor, noon: bool = False) -> None:
        self._pool = pictures is Pictures.POOL
        self._noon = noon
        self._executor = executor
        self._kept: OrderedDict[View, bytes] = OrderedDict()
        self._bytes = 0
        self._drawing: dict[View, asyncio.Future[bytes]] = {}

    def picture(
        self, camera: Camera, size: str, showing: Showing, at: float, clock_offset: float
    ) -> bytes | asyncio.Future[bytes]:
        """The JPEG that `camera` shows at `at` (seconds since the epoch); `size` main or sub. At once if kept."""
        view = self._view(camera, size, showing, at, clock_offset)
        kept = self._kept.get(view)
        if kept is not None:
            self._kept.move_to_end(view)
            return kept
        drawing = self._drawing.get(view)
        if drawing is None:
            drawing = asyncio.get_running_loop().run_in_executor(self._executor, draw, view)
            self._drawing[view] = drawing
            drawing.add_done_callback(partial(self._keep, view))
        return asyncio.shield(drawing)  # one who asked may go away, others wait for the same picture

    def _view(self, camera: Camera, size: str, showing: Showing, at: float, clock_offset: float) -> View:
        moment = at if showing.frozen_at is None else showing.frozen_at
        width, height = SUB_SIZE if size == "sub" else camera.resolution or _DEFAULT_SIZE
        if self._pool:
            street = zlib.crc32(camera.id.encode()) % _STREETS
            turn = int(moment / _TURN_SECONDS + street) % _MOMENTS
            moment = moment // _LIGHT_SECONDS * _LIGHT_SECONDS + turn * 7
            return View(f"street {street}", moment, moment, width, height, showing.quirk)
        moment = moment // _FRESH_SECONDS * _FRESH_SECONDS
        clock = moment + clock_offset
        return View(camera.id, at_noon(moment) if self._noon else moment, clock, width, height, showing.quirk)

    def _keep(self, view: View, drawn: asyncio.Future[bytes]) -> None:
        del self._drawing[view]
        if drawn.cancelled() or drawn.exception() is not None:
            return
        self._kept[view] = drawn.result()
        self._bytes += len(drawn.result())
        while self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._kept.popitem(last=False)[1])
