"""The one thread that writes: batches wait here until they are on the disk, however long that takes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from healthd.store.errors import StoreError
from healthd.store.write import Batch, Bundle

log = logging.getLogger("healthd.store")

Done: TypeAlias = Callable[[], None]

_FIRST_PAUSE_SECONDS = 0.5  # after a failure; doubled at each further one
_LONGEST_PAUSE_SECONDS = 15.0
_LAST_PAUSE_SECONDS = 0.2  # while stopping


class Sink(Protocol):
    """Where the writer writes: a `Store`."""

    def write_bundle(self, bundle: Bundle) -> None: ...


class Writer:
    """Takes batches from any thread and commits them in order, many at once, from a thread of its own.

    A failure (disk full, locked) loses nothing: what waits is tried again after a pause that doubles up to 15 s. A
    transaction is all or nothing and rows have keys, so trying again doubles nothing. An exception that is no
    StoreError is a bug: it is logged, `failed` is set, and `submit` refuses from then on.
    """

    def __init__(self, store: Sink, interval_seconds: float = 0.5) -> None:
        """`interval_seconds`: the shortest time between two commits."""
        self.errors = 0  # failed transactions since the start
        self.last_write_seconds = 0.0  # what the last commit took
        self.failed = False
        self._store = store
        self._interval_seconds = interval_seconds
        self._waiting: list[tuple[Batch, Done | None]] = []
        self._taken: list[Done | None] = []  # one a batch of the bundle below
        self._bundle = Bundle()
        self._changed = threading.Condition()
        self._stop_at: float | None = None  # monotonic: when to give up
        self._tried = 0.0  # monotonic: the last commit's end
        self._failures = 0  # in a row
        self._fault = ""  # the last one logged of these
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Batches that are not on the disk yet."""
        with self._changed:
            return len(self._waiting) + len(self._taken)

    def submit(self, batch: Batch, done: Done | None = None) -> None:
        """Queue a batch. `done` is called in the writer's thread once it is on the disk; it must not raise.

        Raises StoreError after `stop`, or when the writer has failed: the batch would never be written.
        """
        with self._changed:
            if self.failed or self._stop_at is not None:
                raise StoreError("the store's writer has ended: see the log, then start healthd again")
            self._waiting.append((batch, done))
            self._changed.notify()

    def stop(self, timeout_seconds: float) -> bool:
        """Write what waits, at once, and end the thread; False if something is unwritten after the timeout."""
        with self._changed:
            self._stop_at = time.monotonic() + timeout_seconds
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return self.pending == 0

    def _run(self) -> None:
        try:
            while self._gather():
                self._attempt()
        except Exception:
            # The last stop of a bug: without this the thread would be gone and nobody would know.
            log.exception("the store's writer failed; nothing is stored any more")
            self.failed = True

    def _gather(self) -> bool:
        """Wait for work and until its turn, and take all there is; False when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._taken or self._stop_at is not None)
            self._changed.wait_for(lambda: self._stop_at is not None, self._pause())
            if self._stop_at is not None and time.monotonic() > self._stop_at:
                return False
            for batch, done in self._waiting:
                self._bundle.add(batch)
                self._taken.append(done)
            self._waiting.clear()
            return bool(self._taken)

    def _pause(self) -> float:
        """Seconds until the next commit may begin."""
        pause = self._interval_seconds
        if self._failures:
            pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** (self._failures - 1), _LONGEST_PAUSE_SECONDS)
        return max(0.0, self._tried + pause - time.monotonic())

    def _attempt(self) -> None:
        started = time.monotonic()
        try:
            self._store.write_bundle(self._bundle)
        except StoreError as error:
            self._tried = time.monotonic()
            self.errors += 1
            self._failures += 1
            if str(error) != self._fault:  # one ERROR a fault; the retries are counted
                self._fault = str(error)
                log.error("nothing is stored for now, what waits is kept: %s", error)  # noqa: TRY400 (not a bug)
            if self._stop_at is not None:
                time.sleep(_LAST_PAUSE_SECONDS)
            return
        self._tried = time.monotonic()
        self.last_write_seconds = self._tried - started
        if self._failures:
            log.info("stored again: failed_attempts=%d batches=%d", self._failures, len(self._taken))
            self._failures, self._fault = 0, ""
        with self._changed:
            written, self._taken = self._taken, []
            self._bundle = Bundle()
        for done in written:
            if done is not None:
                done()
