"""healthd with a sampling profiler in it: `python -m tests.bench.profiled OUT.json run -c FILE`.

A signal comes after every 5 ms of CPU of the process; then the CPU that each thread used since the last one is
booked on the function that it is in, so what is waited for costs nothing. Written when the program ends.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from healthd.cli import main

_PERIOD_SECONDS = 0.005


def where(frame: FrameType) -> str:
    """`module.function` of a frame."""
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}"


class Sampler:
    """`spent`: function -> nanoseconds of CPU. The handler runs in the main thread, which is the loop's."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._used: dict[int, int] = {}
        self._main = threading.get_ident()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _PERIOD_SECONDS, _PERIOD_SECONDS)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def _sample(self, _: int, interrupted: FrameType | None) -> None:
        frames = sys._current_frames()
        if interrupted is not None:
            frames[self._main] = interrupted  # and not this handler
        for thread, frame in frames.items():
            used = _cpu(thread)
            spent = used - self._used.get(thread, used)
            self._used[thread] = used
            if spent > 0:
                self.spent[where(frame)] += spent


def _cpu(thread: int) -> int:
    try:
        return time.clock_gettime_ns(time.pthread_getcpuclockid(thread))
    except OSError:  # it has just ended
        return 0


def run(out: Path, arguments: list[str]) -> int:
    """The program's exit code."""
    sampler = Sampler()
    try:
        return main(arguments)
    finally:
        sampler.stop()
        out.write_text(json.dumps(sampler.spent.most_common()), "utf-8")


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
