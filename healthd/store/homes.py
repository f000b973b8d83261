"""Where a store lives: an SQLite file, or a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from healthd.store.connect import reading_engine, writing_engine
from healthd.store.errors import explained
from healthd.store.files import is_locked, path_of
from healthd.store.postgres import PostgresHome
from healthd.store_url import StoreUrl


class Home(Protocol):
    """`name`: in every error; no secret is in it. `path`: files that belong to the store are kept beside it."""

    name: str
    path: Path

    def exists(self) -> bool: ...

    def reading(self) -> Engine: ...

    def writing(self, *, alone: bool) -> Engine: ...

    def in_use(self) -> bool: ...


class FileHome:
    """An SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def reading(self) -> Engine:
        """Read-only connections for any number of threads."""
        return reading_engine(self.path)

    def writing(self, *, alone: bool) -> Engine:
        """One connection that creates the file if need be."""
        with explained(self.name):
            return writing_engine(self.path)

    def in_use(self) -> bool:
        """Whether a daemon has this store open."""
        return is_locked(self.path)


def home_of(url: str) -> Home:
    """The home that a URL names; raises StoreError for one that cannot work."""
    if url.startswith(("postgresql:", "postgres:", "postgresql+")):
        password = url.password if isinstance(url, StoreUrl) else ""
        directory = url.directory if isinstance(url, StoreUrl) else Path()
        _, _, rest = url.partition(":")
        return PostgresHome(f"postgresql:{rest}", password, directory)
    return FileHome(path_of(url))
