"""A store in PostgreSQL: how it is reached, locked and what it says when it fails.

The driver is pg8000: pure Python under a BSD licence. One healthd writes: it holds an advisory lock on the session
that it writes by, so that a lost connection gives up the lock and a new one has to take it again.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from healthd.store.errors import StoreError, explained, not_reached

_LOCK = 0x6865616C746864  # "healthd"; advisory locks are of one database
_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 60  # no statement of ours takes so long: whoever is silent for it is gone
_ROWS_AT_ONCE = 500
_PARAMETERS_AT_ONCE = 30_000  # the protocol counts them in 16 bits
_MODES = ("disable", "require", "verify-full")
_REMEDY = "write postgresql://user@host:5432/healthd, and the password as password_file or password_env beside it"


class PostgresHome:
    """Where a store in PostgreSQL lives. `path`: files that belong to the store are kept beside it."""

    def __init__(self, url: str, password: str, directory: Path) -> None:
        """Raises StoreError for a URL that cannot work."""
        self._url = _checked(url)
        self._password = password
        self.path = directory / "healthd"
        shown = self._url.set(password=None)
        self.name = shown.update_query_string("").render_as_string()

    def exists(self) -> bool:
        """Whether the database can be asked; it is made by its administrator, not by healthd."""
        return True

    def reading(self) -> Engine:
        """Connections for any number of readers; each transaction sees one moment of the store."""
        engine = self._engine("reads", pool_pre_ping=True, isolation_level="REPEATABLE READ")
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("SET TRANSACTION READ ONLY"))
        return engine

    def writing(self, *, alone: bool) -> Engine:
        """One connection to write by. `alone`: it holds the lock of the one healthd that runs."""
        engine = self._engine("writes", pool_size=1, max_overflow=0, pool_pre_ping=True)
        if alone:
            event.listen(engine, "connect", self._take_lock)
        return engine

    def in_use(self) -> bool:
        """Whether a daemon holds the lock."""
        engine = self.reading()
        try:
            with explained(self.name), engine.connect() as connection:
                return connection.execute(_HOLDER).first() is not None
        finally:
            engine.dispose()

    def _engine(self, what: str, **more: Any) -> Engine:
        context = _context(self._url)
        engine = create_engine("postgresql+pg8000://", creator=lambda: self._connect(what, context), **more)
        dialect: Any = engine.dialect
        dialect.do_close = dialect.do_terminate = _close
        event.listen(engine, "do_executemany", _many_in_one)
        event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
        return engine

    def _connect(self, what: str, context: ssl.SSLContext | bool) -> Any:
        """A connection; the socket is our own, for pg8000 leaves it open where the server refuses the login."""
        from pg8000.legacy import Connection

        url = self._url
        host, port = str(url.host), url.port or 5432
        try:
            opened = socket.create_connection((host, port), _CONNECT_SECONDS)
        except OSError as error:
            raise not_reached(self.name, error) from error
        try:
            opened.settimeout(_ANSWER_SECONDS)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return Connection(
                url.username or getpass.getuser(),
                host=host,
                database=url.database,
                port=port,
                password=self._password,  # empty where none is given: the server says so
                sock=opened,
                ssl_context=context,
                application_name=f"healthd {what}, {socket.gethostname()} process {os.getpid()}"[:63],
            )
        except BaseException as error:
            number = opened.detach()  # pg8000 has made a file of it, which keeps `close` from closing
            if number >= 0:
                os.close(number)
            if isinstance(error, OSError):  # of TLS
                raise not_reached(self.name, error) from error
            raise

    def _take_lock(self, connection: Any, _: object) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK})")
            [taken] = cursor.fetchone()
            holder = None
            if not taken:
                cursor.execute(str(_HOLDER))
                holder = cursor.fetchone()
            connection.commit()
        finally:
            cursor.close()
        if not taken:
            who = holder[0] if holder and holder[0] else "another healthd"
            raise StoreError(f"{self.name}: in use by {who}: stop that healthd first")


_HOLDER = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"  # noqa: S608 (a number)
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    f" AND l.classid = {_LOCK >> 32} AND l.objid = {_LOCK & 0xFFFFFFFF}"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"store.url is not the URL of a database: {_REMEDY}") from None
    if parsed.password is not None:
        raise StoreError(f"store.url holds a password: {_REMEDY}")
    if not parsed.database or not parsed.host:
        raise StoreError(f"store.url names no {'host' if parsed.database else 'database'}: {_REMEDY}")
    known = {"sslmode", "sslrootcert"}
    if strange := sorted(parsed.query.keys() - known):
        raise StoreError(f"store.url: {strange[0]!r} is not known: there are sslmode and sslrootcert")
    if parsed.query.get("sslmode", "require") not in _MODES:
        raise StoreError(f"store.url: sslmode is one of {', '.join(_MODES)}")
    return parsed


def _context(url: URL) -> ssl.SSLContext | bool:
    """Encrypted unless the server is on this machine or sslmode says otherwise."""
    local = url.host in ("localhost", "127.0.0.1", "::1")
    mode, root = url.query.get("sslmode", "disable" if local else "require"), url.query.get("sslrootcert")
    if mode == "disable":
        return False
    try:
        context = ssl.create_default_context(cafile=str(root) if root else None)
    except OSError as error:
        raise StoreError(f"store.url: sslrootcert {root}: {error.strerror or error}: name a .pem file") from None
    if mode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _close(connection: Any) -> None:
    """Closing a connection that is lost is no news: the statement that met the loss has told it."""
    from pg8000.exceptions import Error

    with contextlib.suppress(Error, OSError):
        connection.close()


def _many_in_one(cursor: Any, statement: str, parameters: Sequence[Sequence[Any]], _: object) -> bool | None:
    """Insert rows by the hundred in one statement: pg8000 sends those of `executemany` one by one."""
    head, found, values = statement.partition(" VALUES ")
    if not found or not statement.startswith("INSERT "):
        return None
    row, conflict, tail = values.partition(" ON CONFLICT")
    at_once = max(1, min(_ROWS_AT_ONCE, _PARAMETERS_AT_ONCE // max(1, len(parameters[0]))))
    for first in range(0, len(parameters), at_once):
        part = parameters[first : first + at_once]
        text_of_part = f"{head} VALUES {', '.join([row] * len(part))}{conflict}{tail}"
        cursor.execute(text_of_part, [value for values_ in part for value in values_])
    return True


def _without_nul(*called: Any) -> tuple[str, Any]:
    """PostgreSQL keeps no text with a NUL in it; a device may send one."""
    _, _, statement, parameters, *_ = called
    if isinstance(parameters, list):
        return statement, [_clean(row) for row in parameters]
    return statement, _clean(parameters)


def _clean(row: Any) -> Any:
    values = row.values() if isinstance(row, dict) else row
    if not any(isinstance(value, str) and "\0" in value for value in values):
        return row
    if isinstance(row, dict):
        return {name: _replaced(value) for name, value in row.items()}
    return tuple(_replaced(value) for value in row)


def _replaced(value: Any) -> Any:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
