"""The one error of the store: what is wrong with which file, and the remedy, in one line."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

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
    return StoreError(f"{path}: damaged ({detail}): {_DAMAGED}")


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


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turn what the disk, the file or another program does to us into StoreError; let bugs through."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        told = _explain(path, cause) if isinstance(cause, sqlite3.Error) else None
        if told is None:
            raise
        raise told from error
    except OSError as error:
        raise refused(path, error) from error
