"""What must survive: flips, heartbeats, where every camera stood, incidents and their feed. SQLite or
PostgreSQL, one writer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from healthd.assessing.examined import Examined
from healthd.model import Ending, Exemption, Moment
from healthd.store import courses, examined_rows, period_rows
from healthd.store.copies import Manifest, backup, restore
from healthd.store.disagreement_rows import prune_disagreements
from healthd.store.errors import StoreError, explained
from healthd.store.exemption_rows import write_records
from healthd.store.files import Lock
from healthd.store.flip_rows import prune_flips
from healthd.store.homes import FileHome, Home, home_of
from healthd.store.incident_rows import prune_happenings, prune_incidents
from healthd.store.migrations import STEPS, Step, Steps, check, upgrade, version_of
from healthd.store.period_rows import PeriodCopy
from healthd.store.read import Reader, Standing
from healthd.store.write import Batch, Bundle, known_keys, prune_heartbeats, write_rows
from healthd.store.writer import Writer
from healthd.store_url import StoreUrl

__all__ = [
    "Batch",
    "Manifest",
    "PeriodCopy",
    "Standing",
    "Step",
    "Store",
    "StoreError",
    "StoreUrl",
    "Writer",
    "backup",
    "restore",
]

_PACKED_AT_ONCE = 2000  # flips a transaction
_PRUNED_AT_ONCE = 1000  # cameras (or rows) a transaction: a flip never waits long behind the clean-up


class Store(Reader):
    """One store, open. Opened as writer it holds the lock that keeps a second healthd away."""

    def __init__(self, home: Home, reading: Engine, writing: Engine | None, lock: Lock | None) -> None:
        super().__init__(home.path, reading, home.name)
        self._home = home
        self._writing_engine = writing
        self._lock = lock
        self._turn = threading.Lock()  # writes and clean-up come from different threads
        self._keys: dict[str, int] = {}

    @classmethod
    def open(cls, url: str, *, writer: bool, steps: Steps = STEPS) -> Store:
        """Open `sqlite:///FILE` or `postgresql://...` (a `StoreUrl`, if it takes a password). A writer creates the
        tables or brings them to this program's version; of a file it keeps a copy first.

        Raises StoreError: locked by another healthd, read-only, not a database, not a store, newer than the
        program, not reached; for a reader also absent or older.
        """
        home = home_of(url)
        return _open_writer(home, steps) if writer else _open_reader(home, steps)

    @classmethod
    def open_beside(cls, url: str) -> Store:
        """Open a store to append records to it, whether a daemon has it open or not: a few short transactions of
        this process between those of the other. Raises StoreError like `open` for a reader."""
        home = home_of(url)
        reader = _open_reader(home, STEPS)
        try:
            writing = home.writing(alone=False)
        except StoreError:
            reader.close()
            raise
        return cls(home, reader._engine, writing, None)

    def in_use(self) -> bool:
        """Whether a daemon has this store open."""
        return self._home.in_use()

    def close(self) -> None:
        """Close every connection and give up the lock; harmless twice."""
        super().close()
        with self._turn:  # nobody else may have the lock while a transaction of ours still runs
            if self._writing_engine is not None:
                self._writing_engine.dispose()
                self._writing_engine = None
            if self._lock is not None:
                self._lock.release()

    def write(self, batch: Batch) -> None:
        """Store one batch in one transaction; on the disk when this returns. Raises StoreError: nothing is."""
        bundle = Bundle()
        bundle.add(batch)
        self.write_bundle(bundle)

    def write_bundle(self, bundle: Bundle) -> None:
        """The same for several batches in one transaction."""
        with self._writing() as connection:
            keys = self._keys or known_keys(connection)
            fresh = write_rows(connection, bundle, keys)
            connection.commit()
            self._keys = keys
            self._keys.update(fresh)  # only now: after a failure the same keys are given again

    def file(self, record: Exemption | Ending) -> None:
        """Append a record of an exemption; on the disk when this returns. Raises StoreError: it is not."""
        with self._writing() as connection:
            write_records(connection, [record])
            connection.commit()

    def keep_period(self, copy: PeriodCopy, frozen: bytes) -> None:
        """Append a frozen copy of a month, whole or not at all."""
        with self._writing() as connection:
            period_rows.keep(connection, copy, frozen)
            connection.commit()

    def keep_examined(self, start: Moment, examined: Examined) -> None:
        """Add an examination of the fleet to the day that begins at `start`; repeating it harms nothing."""
        with self._writing() as connection:
            examined_rows.keep(connection, start, examined)
            connection.commit()

    def roll_over(self, settled: Moment = 0) -> int:
        """Pack what flips were written since the last roll-over into courses; returns how many.

        It goes by pieces, between which others write; repeating it, or being killed in it, harms nothing.
        `settled`: no flip will be dated before this moment any more.
        """
        packed = 0
        while count := self._packed_once():
            packed += count
        with self._writing() as connection:
            if settled > courses.mark(connection, courses.SETTLED):
                courses.set_mark(connection, courses.SETTLED, settled)
                connection.commit()
        return packed

    def _packed_once(self) -> int:
        with self._writing() as connection:
            count = courses.pack(connection, _PACKED_AT_ONCE)
            connection.commit()
        return count

    def prune(self, before: Moment, courses_before: Moment = 0) -> int:
        """Forget flips, closed incidents, happenings and ended disagreements from before `before`; returns how
        many flips went.

        Flips are packed into courses first, so no figure changes. Courses, and the runs that rates need with
        them, go when their month ended before `courses_before`. It goes by pieces, between which others write.
        Each camera and axis keeps its last flip before the cutoff, so that a restart finds how it stood. Open
        incidents stay, as do placements, regions and cameras. The file does not shrink: the room is used again.
        """
        self.roll_over()
        with self._writing() as connection:
            prune_heartbeats(connection, courses_before)
            examined_rows.prune(connection, courses_before)
            last = max(known_keys(connection).values(), default=0)
            packed = courses.mark(connection, courses.PACKED)
            courses.set_mark(
                connection, courses.FORGOTTEN, max(before, courses.mark(connection, courses.FORGOTTEN))
            )
            connection.commit()
        gone = 0
        for first in range(1, last + 1, _PRUNED_AT_ONCE):
            with self._writing() as connection:
                gone += prune_flips(connection, before, packed, (first, first + _PRUNED_AT_ONCE - 1))
                connection.commit()
        for forget, moment in (
            (prune_incidents, before),
            (prune_happenings, before),
            (prune_disagreements, before),
            (courses.forget, courses_before),
        ):
            while self._pruned_once(forget, moment):
                pass
        return gone

    def _pruned_once(self, forget: Callable[[Connection, Moment, int], int], before: Moment) -> int:
        with self._writing() as connection:
            gone = forget(connection, before, _PRUNED_AT_ONCE)
            connection.commit()
        return gone

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, explained(self.name):
            engine = self._writing_engine
            if engine is None:
                raise StoreError(f"{self.name}: not open for writing: it was closed, or opened for reading only")
            try:
                with engine.connect() as connection:
                    yield connection
            except BaseException:
                # A connection that met a full disk or a lock may hold on to either: the next write gets a new one.
                engine.dispose()
                raise


def _open_writer(home: Home, steps: Steps) -> Store:
    lock = Lock(home.path) if isinstance(home, FileHome) else None  # PostgreSQL holds its own, by the session
    try:
        if home.exists():
            _look(home)  # read-only: somebody else's database must not even be switched to WAL
        writing = home.writing(alone=True)
    except StoreError:
        if lock is not None:
            lock.release()
        raise
    store = Store(home, home.reading(), writing, lock)
    try:
        with explained(home.name):
            upgrade(writing, home, steps)
    except BaseException:
        store.close()
        raise
    return store


def _open_reader(home: Home, steps: Steps) -> Store:
    version = _look(home) if home.exists() else 0
    if not version:
        raise StoreError(f"{home.name}: there is no store yet: start `healthd run` first, or correct store.url")
    check(version, home, steps)
    return Store(home, home.reading(), None, None)


def _look(home: Home) -> int:
    """The version of the store that is there, 0 where there are no tables; raises StoreError where it is none."""
    engine = home.reading()
    try:
        with explained(home.name), engine.connect() as connection:
            return version_of(connection, home)
    finally:
        engine.dispose()
