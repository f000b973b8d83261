"""The store when things go wrong: kill -9, a full disk, a lock, a second daemon, a file that is no store."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from healthd.model import Axis, Flip, State
from healthd.store import Batch, Step, Store, StoreError, Writer
from healthd.store.migrations import STEPS, newest
from healthd.store.write import Bundle
from probes.base import Memory

# A server that has the imports done forks each child: a start costs milliseconds, and the child is really killed.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/healthd.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, writer=True)
    yield opened
    opened.close()


def numbered(number: int, begun: int = 1) -> Batch:
    """A batch that tells by its every row which one it is."""
    state, was = (State.ONLINE, State.OFFLINE) if number % 2 else (State.OFFLINE, State.ONLINE)
    flips = [Flip(camera, Axis.ONLINE, number, state, was, decided=number) for camera in "abc"]
    return Batch(flips=flips, heartbeat=(begun, number), memories={"a": Memory(refusals=number)})


def write_until_killed(url: str, acks: Connection) -> None:
    store = Store.open(url, writer=True)
    begun = number = (store.last_heartbeat() or 0) + 1
    writer = Writer(store, interval_seconds=0.0)
    while True:
        writer.submit(numbered(number, begun), partial(acks.send, number))
        number += 1
        while writer.pending > 8:
            time.sleep(0.0005)


def kill_at_random(url: str, pause_seconds: float) -> int:
    """Start a writing process, kill it, return the last batch that it had acknowledged."""
    acks, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=write_until_killed, args=(url, theirs))
    process.start()
    theirs.close()
    last: int = acks.recv()
    time.sleep(pause_seconds)
    process.kill()
    try:
        while True:
            last = acks.recv()
    except EOFError:
        process.join()
    acks.close()
    return last


def check_whole(url: str, acknowledged: int) -> None:
    store = Store.open(url, writer=True)
    stored = store.last_heartbeat() or 0
    assert stored >= acknowledged
    for history in store.histories(0, stored + 1000):
        assert [at for at, _, _ in history.online] == [*range(1, stored + 1)], history.camera
    assert store.memories() == {"a": Memory(refusals=stored)}
    with store._reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_9_loses_nothing_that_was_acknowledged(url: str, kills: int) -> None:
    """After kill -9 at random moments every acknowledged batch is there, and every batch is whole or absent."""
    draw = random.Random(kills)
    for _ in range(kills):
        check_whole(url, kill_at_random(url, draw.uniform(0.0, 0.05)))


def hold(url: str, told: Connection) -> None:
    store = Store.open(url, writer=True)
    store.write(numbered(1))
    told.send(os.getpid())
    time.sleep(60)


def test_two_daemons_cannot_share_a_store(url: str) -> None:
    """A second writer is told which process has the store; readers are let in; after kill -9 the store is free."""
    told, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=hold, args=(url, theirs))
    process.start()
    holder = told.recv()
    with pytest.raises(StoreError, match=f"in use by process {holder}: stop that healthd first"):
        Store.open(url, writer=True)
    reader = Store.open(url, writer=False)
    assert reader.last_heartbeat() == 1
    reader.close()
    process.kill()
    process.join()
    told.close()
    theirs.close()
    Store.open(url, writer=True).close()


def die_halfway(connection: object) -> None:
    connection.exec_driver_sql("ALTER TABLE regions ADD COLUMN area TEXT")  # type: ignore[attr-defined]
    os._exit(9)


def upgrade_and_die(url: str) -> None:
    Store.open(url, writer=True, steps=[*STEPS, Step("die", die_halfway)])


def test_a_crash_during_an_upgrade_leaves_the_old_store(url: str) -> None:
    """A process that dies in the middle of a migration leaves the version before, usable, and its copy."""
    store = Store.open(url, writer=True)
    store.write(numbered(1))
    store.close()
    process = PROCESSES.Process(target=upgrade_and_die, args=(url,))
    process.start()
    process.join()
    assert process.exitcode == 9
    check_whole(url, 1)
    assert Path(url.removeprefix("sqlite:///") + f".v{newest(STEPS)}.bak").exists()


@contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond this: what a full disk does, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def wait_for(promise: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not promise():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_a_full_disk_loses_and_doubles_nothing(store: Store, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """While nothing can be written everything waits; once it can, all is stored once and acknowledged in order."""
    written: list[int] = []
    writer = Writer(store, interval_seconds=0.0)
    writer.submit(numbered(1), partial(written.append, 1))
    wait_for(lambda: written == [1])
    with files_limited_to(100_000), caplog.at_level(logging.INFO, "healthd.store"):
        for number in range(2, 3000):
            writer.submit(numbered(number), partial(written.append, number))
        wait_for(lambda: writer.errors >= 2)
        stuck, waiting = len(written), writer.pending
        assert stuck + waiting == 2999
        assert waiting > 0
    assert writer.stop(10.0)
    assert written == [*range(1, 3000)]
    assert writer.pending == 0
    store.close()
    check_whole(url, 2999)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info is None


def test_disk_full_has_a_message_with_a_remedy(store: Store) -> None:
    """A commit that finds no room stores nothing and says what to do; the next one works again."""
    with store._writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    many = [Flip(f"camera-{n}", Axis.ONLINE, n, State.ONLINE, State.UNKNOWN) for n in range(2000)]
    with pytest.raises(StoreError, match=r"healthd\.db: the disk is full .*: free some space"):
        store.write(Batch(flips=many))
    assert store.names() == {}
    store.write(Batch(flips=many))  # the failure dropped the connection, and the limit with it
    assert len(store.recent_flips(5000)) == 2000


def test_a_lock_delays_but_loses_nothing(store: Store) -> None:
    """While another program locks the file the writer waits and counts; afterwards all is written."""
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    writer = Writer(store, interval_seconds=0.0)
    writer.submit(numbered(1))
    wait_for(lambda: writer.errors == 1)
    writer.submit(numbered(2))
    assert writer.pending == 2
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: writer.pending == 0)
    assert len(store.flips("a", 0, 10)) == 2
    assert writer.last_write_seconds > 0
    assert writer.stop(1.0)


def test_stopping_does_not_wait_for_ever(store: Store) -> None:
    """A stop that cannot write gives up after its time and says so; nothing is taken afterwards."""
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    writer = Writer(store, interval_seconds=0.0)
    writer.submit(numbered(1))
    started = time.monotonic()
    assert not writer.stop(0.3)
    assert time.monotonic() - started < 1.0
    with pytest.raises(StoreError, match="writer has ended"):
        writer.submit(numbered(2))
    other.close()


def test_stopping_writes_what_waits_at_once(store: Store) -> None:
    """A stop does not sit out the pause between commits, and many batches are one transaction."""
    writer = Writer(store, interval_seconds=30.0)
    writer.submit(numbered(1))
    wait_for(lambda: writer.pending == 0)
    for number in range(2, 50):
        writer.submit(numbered(number))
    started = time.monotonic()
    assert writer.stop(5.0)
    assert time.monotonic() - started < 2.0
    assert store.last_heartbeat() == 49


def test_a_bug_in_the_writer_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected exception is logged with its traceback, and submitting fails instead of piling up."""

    class Broken:
        def write_bundle(self, bundle: Bundle) -> None:
            raise KeyError("camera")

    writer = Writer(Broken(), interval_seconds=0.0)
    writer.submit(numbered(1))
    wait_for(lambda: writer.failed)
    with pytest.raises(StoreError, match="writer has ended"):
        writer.submit(numbered(2))
    assert writer.pending == 1
    assert caplog.records[-1].exc_info is not None


def test_what_waits_stays_small() -> None:
    """A day of failed commits keeps one heartbeat and one memory a camera; only flips and changes add up."""
    bundle = Bundle()
    for number in range(1, 86_400):
        bundle.add(Batch(heartbeat=(1, number), memories={"a": Memory(refusals=number)}, reached={"a": number}))
    assert bundle.heartbeats == {1: 86_399}
    assert bundle.memories == {"a": Memory(refusals=86_399)}
    assert bundle.reached == {"a": 1}


def make_other(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()


def make_newer(path: Path) -> None:
    Store.open(f"sqlite:///{path}", writer=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO schema_versions VALUES (999)")
    connection.close()


@pytest.mark.parametrize("writer", [True, False])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("not a database, " * 100), "not a SQLite database"),
        (lambda path: path.mkdir(), "a directory: name a file in it"),
        (make_other, "a SQLite database, but not healthd's"),
        (make_newer, f"schema version 999 is newer than this program's {newest(STEPS)}"),
        (lambda path: path.symlink_to(path.parent / "none" / "x"), "there is no store yet|No such file"),
    ],
)
def test_a_file_that_is_no_store_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str, writer: bool
) -> None:
    """Whatever lies where the store should be is left alone, and named in one line with a remedy."""
    path = tmp_path / "healthd.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=said) as caught:
        Store.open(f"sqlite:///{path}", writer=writer)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_damaged_pages_are_reported(store: Store, url: str) -> None:
    """Reading and writing a file with overwritten pages is an error that names the backup, not a crash."""
    store.write(Batch(flips=[Flip(f"c{n:04}", Axis.ONLINE, n, State.ONLINE, State.UNKNOWN) for n in range(3000)]))
    store.close()
    with store.path.open("r+b") as file:
        file.seek(40 * 4096)  # behind the schema and the roots of the tables
        file.write(os.urandom(store.path.stat().st_size - 42 * 4096))
    damaged = Store.open(url, writer=True)
    questions: tuple[Callable[[], object], ...] = (
        damaged.states,
        lambda: [*damaged.histories(0, 9000)],
        lambda: damaged.write(numbered(1)),
    )
    for ask in questions:
        with pytest.raises(StoreError, match=r"damaged .*healthd restore"):
            ask()
    damaged.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://localhost/healthd", "mysql is not kept in a file"),
        ("sqlite://", "names no file"),
        ("healthd.db", "not a database URL"),
        ("sqlite:////proc/healthd.db", "/proc/healthd.db.lock: No such file or directory"),
        ("sqlite:////nowhere/at/all/healthd.db", "No such file or directory"),
    ],
)
def test_an_unusable_url_is_refused(url: str, said: str) -> None:
    """A store.url that cannot work says what to write instead."""
    with pytest.raises(StoreError, match=said):
        Store.open(url, writer=True)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write anything; for a while be nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_store_is_refused_for_writing() -> None:
    """A file or directory without write permission is a message with the remedy; reading may still work."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "healthd.db"
        store = Store.open(f"sqlite:///{path}", writer=True)
        store.write(numbered(1))
        Path(directory).chmod(0o755)
        path.chmod(0o444)
        with without_privileges():
            reader = Store.open(f"sqlite:///{path}", writer=False)
            assert reader.last_heartbeat() == 1
            reader.close()
        store.close()
        (Path(directory) / "healthd.db.lock").unlink()
        Path(directory).chmod(0o555)
        with without_privileges(), pytest.raises(StoreError, match=r"\.lock: Permission denied: check that"):
            Store.open(f"sqlite:///{path}", writer=True)
        Path(directory).chmod(0o777)
        with without_privileges(), pytest.raises(StoreError, match=r"read-only .*right to write this file"):
            Store.open(f"sqlite:///{path}", writer=True)
