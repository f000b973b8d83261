"""Where the store is, with the secret that opens it."""

from __future__ import annotations

from pathlib import Path


class StoreUrl(str):
    """A URL and the password that belongs to it, which no text of it shows. `directory`: where files that belong
    to a store without a directory of its own are kept."""

    __slots__ = ("directory", "password")

    password: str
    directory: Path

    def __new__(cls, url: str, password: str = "", directory: Path = Path()) -> StoreUrl:
        made = super().__new__(cls, url)
        made.password = password
        made.directory = directory
        return made
