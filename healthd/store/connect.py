"""How SQLite is set up, for the one writer and for readers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from healthd.store.files import create

BUSY_SECONDS = 2.0  # short enough for a stop within 5 s


def writing_engine(path: Path) -> Engine:
    """One connection that creates the file if need be. A commit is on the disk, a loss of power included."""
    if not path.exists():
        create(path)

    def connect() -> sqlite3.Connection:
        connection = _connect(path, "rw")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # NORMAL would lose the last commits with the power; at two commits a second FULL costs nothing.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_size_limit = 67108864")  # bytes; a storm's WAL shrinks again
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=0)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def reading_engine(path: Path) -> Engine:
    """Read-only connections for any number of threads; each transaction sees one moment of the store."""
    engine = create_engine("sqlite://", creator=lambda: _connect(path, "ro"), poolclass=QueuePool)
    event.listen(engine, "begin", _begin)
    return engine


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # isolation_level None: the driver begins nothing by itself, so reads and DDL are in transactions too.
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
    )


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
