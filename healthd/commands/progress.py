"""A bar on the terminal for work that takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

_PATIENCE_SECONDS = 2.0
_BEAT_SECONDS = 0.2
_WIDTH = 24
_STAGES = ("period", "before", "trend", "changes")
_FORMATS = ("xlsx", "docx", "pdf", "html", "csv", "json")


class Progress:
    """Used as a context manager: `step(stage, count)` is told what is being done. Silent where stderr is no
    terminal. Stages come in the order of the report's making."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._last = 0.0
        self._shown = False
        self._stages = (*_STAGES, *_FORMATS)
        self._place = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def step(self, stage: str, count: int) -> None:
        """What is being done, and how many cameras were read in it."""
        now = time.monotonic()
        if stage in self._stages:
            self._place = max(self._place, self._stages.index(stage))
        if not sys.stderr.isatty() or now - self._begun < _PATIENCE_SECONDS or now - self._last < _BEAT_SECONDS:
            return
        self._last = now
        share = self._place / len(self._stages)
        bar = "#" * round(_WIDTH * share)
        what = f"writing {stage}" if stage in _FORMATS else f"reading {stage}, {count:,} cameras"
        print(f"\r\033[K[{bar:.<{_WIDTH}}] {share:4.0%}  {what}", end="", file=sys.stderr, flush=True)
        self._shown = True


@contextmanager
def cameras_counted() -> Iterator[Callable[[int], None]]:
    """Counts on the terminal once it takes longer than two seconds."""
    begun, shown = time.monotonic(), False

    def each(count: int) -> None:
        nonlocal shown
        if count % 500 == 0 and sys.stderr.isatty() and time.monotonic() - begun > _PATIENCE_SECONDS:
            print(f"\r{count:,} cameras", end="", file=sys.stderr, flush=True)
            shown = True

    yield each
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
