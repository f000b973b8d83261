"""Where the store's file is, who may write it, and how files are copied and replaced whole."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from healthd.store.errors import StoreError, refused

_FILE_MODE = 0o640  # snapshot URIs and flips are not for everybody on the machine


def path_of(url: str) -> Path:
    """The file of `sqlite:///healthd.db` (relative to the working directory) or `sqlite:////var/lib/healthd.db`."""
    remedy = "write sqlite:///healthd.db, or sqlite:////absolute/path/healthd.db"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"store.url {url!r} is not a database URL: {remedy}") from error
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(f"store.url: {parsed.get_backend_name()} is not kept in a file: {remedy}")
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError(f"store.url {url!r} names no file: {remedy}")
    path = Path(parsed.database)
    if path.is_dir():
        raise StoreError(f"{path}: a directory: name a file in it, such as {path / 'healthd.db'}")
    return path


def beside(path: Path, suffix: str) -> Path:
    """`healthd.db` + `-wal` and the like."""
    return path.with_name(path.name + suffix)


class Lock:
    """The right to write one store, held by one process at a time; the kernel drops it when that process dies.

    It is an advisory lock on `FILE.lock`. The store's own file cannot serve: closing any descriptor of it would
    drop SQLite's locks. The lock file stays: removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        """Take it, or raise StoreError naming the process that has it."""
        file = beside(path, ".lock")
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        except OSError as error:
            raise refused(file, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            self.release()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise StoreError(f"{path}: in use by {who}: stop that healthd first") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give it up; harmless twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a store; a store whose lock cannot be tried is taken to be in use."""
    try:
        descriptor = os.open(beside(path, ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def create(path: Path) -> None:
    """An empty file with the store's permissions; one that is there stays as it is."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE))


def copy_database(source: Path, destination: Path) -> None:
    """A consistent copy while others read and write, as one file without a WAL. It appears whole or not at all."""
    partial = beside(destination, ".partial")
    partial.unlink(missing_ok=True)
    create(partial)
    try:
        _copy(source, partial)
        replace_durably(partial, destination)
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: Path, partial: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(partial)) as write,
    ):
        read.backup(write)  # in one go: by pieces it would begin again at every commit of the daemon
        write.execute("PRAGMA journal_mode = DELETE")


def replace_durably(source: Path, destination: Path) -> None:
    """Rename over `destination` so that a loss of power leaves the old file or the new one, whole."""
    sync(source)
    os.replace(source, destination)
    sync(destination.parent)


def sync(path: Path) -> None:
    """Put a file's content, or a directory's entries, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
