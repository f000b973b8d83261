"""`store:` in the configuration: where records are kept, how long, and the secret that opens a database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo, model_validator

from healthd.options.credentials import PlainSecret, SecretEnvironment, SecretFile
from healthd.options.section import Section, surroundings
from healthd.problems import Wrong
from healthd.store_url import StoreUrl
from probes.base import Duration

_DAY = 86400.0
_POSTGRESQL = re.compile(r"postgres(ql)?://([^:@/?#]+@)?[^:@/?#]+(:[0-9]+)?/[^:@/?#]+(\?[^@#]*)?")


def _at_least_two_months(seconds: float) -> float:
    if seconds < 62 * _DAY:
        raise Wrong("is shorter than 62 days", "the previous month's rates are made from it: write 62d or more")
    return seconds


class Retention(Section):
    """How long the store keeps what; seconds."""

    flips: Annotated[Duration, AfterValidator(_at_least_two_months)] = 400 * _DAY
    days: Annotated[Duration, AfterValidator(_at_least_two_months)] = 3650 * _DAY


def _store_url(value: object, info: ValidationInfo) -> StoreUrl:
    """An SQLAlchemy URL, with the absolute path of an SQLite file."""
    text, directory = str(value), surroundings(info).directory
    if text.startswith(("postgresql:", "postgresql+", "postgres:")):
        return _postgres_url(text, directory)
    scheme, slashes, path = text.partition(":///")
    if scheme != "sqlite" or not slashes or not path.strip() or path.startswith(":") or "?" in path:
        raise Wrong(
            "is not the URL of an SQLite file", "write sqlite:///healthd.db, or sqlite:////absolute/path.db"
        )
    return StoreUrl(f"sqlite:///{directory / path}", directory=directory)


def _postgres_url(text: str, directory: Path) -> StoreUrl:
    """The URL may hold a password: no message repeats it."""
    if not _POSTGRESQL.fullmatch(text):
        raise Wrong(
            "is not the URL of a PostgreSQL database, or holds a password",
            "write postgresql://user@host:5432/healthd, and password_file or password_env beside it",
        )
    return StoreUrl(text, directory=directory)


class StoreOptions(Section):
    """Where flips, heartbeats and histories are kept. `url` is absolute, and knows its password."""

    url: Annotated[InstanceOf[StoreUrl], BeforeValidator(_store_url), Field(validate_default=True)] = (
        "sqlite:///healthd.db"  # type: ignore[assignment]  # validated as well
    )
    password_file: SecretFile = None
    password_env: SecretEnvironment = None
    password: PlainSecret = None  # known only in order to be refused with the remedy
    retention: Retention = Retention()

    @model_validator(mode="after")
    def _with_password(self) -> StoreOptions:
        if self.password_file and self.password_env:
            raise Wrong("password_file and password_env: one is enough", "remove one of the two")
        given = self.password_file or self.password_env
        if given is None:
            return self
        if self.url.startswith("sqlite"):
            raise Wrong("an SQLite file takes no password", "remove it, or write the URL of a PostgreSQL database")
        # The one place where the two meet; the model is not handed out yet.
        object.__setattr__(self, "url", StoreUrl(self.url, given.get_secret_value(), self.url.directory))
        return self
