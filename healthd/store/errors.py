"""The one error of the store: what is wrong with which file, and the remedy, in one line."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from healthd.problems import brief

_DAMAGED = "stop healthd and bring back a backup: healthd restore DIR (the damaged file is kept aside)"

# By SQLite's primary result code. A code that is absent is a bug of ours and keeps its traceback.
_REMEDIES = {
    sqlite3.SQLITE_ERROR: ("cannot be used as healthd's store", _DAMAGED),
    sqlite3.SQLITE_PERM: ("no permission", "give healthd's user the right to write this file and its directory"),
    sqlite3.SQLITE_BUSY: ("locked by another program", "close what has it open; `fuser` names it"),
    sqlite3.SQLITE_LOCKED: ("locked by another program", "close what has it open; `fuser` names it"),
    sqlite3.SQLITE_READONLY: ("read-only", "give healthd's user the right to write this file and its directory"),
    sqlite3.SQLITE_IOERR: ("the disk does not take or give data", "check free space, quota and the disk itself"),
    sqlite3.SQLITE_CORRUPT: ("damaged", _DAMAGED),
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "free some space; a running healthd keeps what waits and writes it then",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "give healthd's user the right to write this file and its directory",
    ),
    sqlite3.SQLITE_NOTADB: ("not a SQLite database", "name another file in store.url, or move this one away"),
}


class StoreError(Exception):
    """The store cannot be opened, read or written. The text is one line: file, what is wrong, remedy."""


def damaged(path: Path | str, detail: str) -> StoreError:
    """What is stored there cannot have been written by healthd."""
    server = isinstance(path, str) and path.startswith("postgresql:")
    return StoreError(f"{path}: damaged ({detail}): {'stop healthd and restore a dump' if server else _DAMAGED}")


def refused(path: Path | str, error: OSError) -> StoreError:
    """The operating system does not let us use `path`."""
    what = os.strerror(error.errno) if error.errno else str(error)
    return StoreError(
        f"{path}: {what}: check that its directory is there, writable for healthd and has free space"
    )


def _explain(path: Path | str, error: sqlite3.Error) -> StoreError | None:
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError | sqlite3.InterfaceError):
        return None
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # the driver itself, not SQLite: text that is not UTF-8
        return damaged(path, str(error))
    if code & 0xFF not in _REMEDIES:
        return None
    what, remedy = _REMEDIES[code & 0xFF]
    return StoreError(f"{path}: {what} ({error}): {remedy}")


# By SQLSTATE, or its first two characters; what is absent is a bug of ours and keeps its traceback.
_BY_STATE = {
    "08": ("not reached", "is PostgreSQL running there, and is the network up?"),
    "28": ("the login was refused", "correct user and password_file (or password_env), and pg_hba.conf"),
    "3D": ("there is no such database", "create it: createdb -O USER NAME"),
    "42501": ("no permission", "make healthd's user the owner of the database"),
    "25006": ("read-only", "name the primary server, not a standby"),
    "40": ("two transactions got into each other's way", "it is tried again"),
    "53": ("the server is out of room or connections", "free some; a running healthd keeps what waits"),
    "55P03": ("locked by another program", "end what holds the lock: pg_stat_activity names it"),
    "57": ("the server is shutting down or starting", "wait; a running healthd keeps what waits"),
    "58": ("the server's disk does not take or give data", "see the server's log"),
    "XX": ("the server found damage in itself", "see the server's log, and restore a dump"),
}


def not_reached(name: Path | str, error: BaseException) -> StoreError:
    """The server cannot be reached, or went away."""
    what, remedy = _BY_STATE["08"]
    said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error) or repr(error)
    return StoreError(f"{name}: {what} ({brief(said)}): {remedy}")


def _explain_postgresql(name: Path | str, error: BaseException) -> StoreError | None:
    """What pg8000 raised; it tells a server's words as {"C": SQLSTATE, "M": message}."""
    told = error.args[0] if error.args else ""
    if not isinstance(told, dict):
        return not_reached(name, error)
    state = str(told.get("C", ""))
    known = _BY_STATE.get(state) or _BY_STATE.get(state[:2])
    if known is None:
        return None
    return StoreError(f"{name}: {known[0]} ({brief(str(told.get('M', state)))}): {known[1]}")


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turn what the disk, the file or another program does to us into StoreError; let bugs through."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, sqlite3.Error):
            told = _explain(path, cause)
        else:
            from_server = isinstance(cause, BaseException) and type(cause).__module__.startswith("pg8000")
            told = _explain_postgresql(path, cause) if from_server and cause is not None else None
        if told is None:
            raise
        raise told from error
    except OSError as error:
        raise refused(path, error) from error
