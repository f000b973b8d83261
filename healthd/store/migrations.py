"""Schema versions: a fresh store is made at the newest, an older one is brought there step by step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, Engine, false, func, inspect, select, update

from healthd.store import schema
from healthd.store.errors import StoreError, explained
from healthd.store.files import beside, copy_database
from healthd.store.homes import FileHome, Home

log = logging.getLogger("healthd.store")


@dataclass(frozen=True, slots=True)
class Step:
    """Brings the store to the next version inside one transaction. `name`: what it does, for the log.

    `apply` is for SQLite. In PostgreSQL tables that are missing are made by themselves; `postgresql` does what
    else there is to do, before that.
    """

    name: str
    apply: Callable[[Connection], None]
    postgresql: Callable[[Connection], None] | None = None


Steps: TypeAlias = Sequence[Step]


def _add_incidents(connection: Connection) -> None:
    # As version 2 had them: not from `schema`, which moves on.
    for statement in (
        "CREATE TABLE incidents (id VARCHAR(64) NOT NULL, opened BIGINT NOT NULL, closed BIGINT NOT NULL,"
        " region TEXT NOT NULL, maintainer TEXT NOT NULL, fields TEXT NOT NULL, PRIMARY KEY (id))",
        "CREATE INDEX incidents_by_end ON incidents (closed, opened)",
        "CREATE TABLE happenings (seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL,"
        " incident VARCHAR(64) NOT NULL, what TEXT NOT NULL, digest VARCHAR(32) NOT NULL, detail TEXT NOT NULL,"
        " fields TEXT NOT NULL, UNIQUE (digest))",
        "CREATE INDEX happenings_by_time ON happenings (at)",
    ):
        connection.exec_driver_sql(statement)


def _add_picture_references(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE picture_references (camera INTEGER NOT NULL, lit SMALLINT NOT NULL, at BIGINT NOT NULL,"
        " fingerprint BLOB NOT NULL, PRIMARY KEY (camera, lit), FOREIGN KEY(camera) REFERENCES cameras (key))"
    )


def _add_exemptions(connection: Connection) -> None:
    for statement in (
        "CREATE TABLE exemptions (seq INTEGER NOT NULL, id VARCHAR(64) NOT NULL, refers VARCHAR(64) NOT NULL,"
        ' scope TEXT NOT NULL, start BIGINT NOT NULL, "end" BIGINT NOT NULL, reason TEXT NOT NULL,'
        " approver TEXT NOT NULL, author TEXT NOT NULL, filed BIGINT NOT NULL, note TEXT NOT NULL,"
        " late BOOLEAN NOT NULL, evidence_name TEXT, evidence_sha256 VARCHAR(64), evidence_bytes BIGINT,"
        " PRIMARY KEY (seq), UNIQUE (id))",
        "CREATE TABLE device_links (device VARCHAR(64) NOT NULL, at BIGINT NOT NULL, recorded BIGINT NOT NULL,"
        " upstream TEXT, author TEXT NOT NULL, PRIMARY KEY (device, at, recorded)) WITHOUT ROWID",
        "CREATE TABLE lever_changes (seq INTEGER NOT NULL, at BIGINT NOT NULL, lever TEXT NOT NULL,"
        " subject TEXT NOT NULL, before TEXT, after TEXT, author TEXT NOT NULL, recorded BIGINT NOT NULL,"
        " approver TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (seq))",
        "CREATE UNIQUE INDEX lever_changes_once ON lever_changes (at, lever, subject, recorded)",
    ):
        connection.exec_driver_sql(statement)


def _add_courses(connection: Connection) -> None:
    for statement in (
        "CREATE TABLE courses (camera INTEGER NOT NULL, month INTEGER NOT NULL, before BLOB NOT NULL,"
        " changes BLOB NOT NULL, PRIMARY KEY (camera, month),"
        " FOREIGN KEY(camera) REFERENCES cameras (key)) WITHOUT ROWID",
        "CREATE TABLE meanings (code INTEGER NOT NULL, axis SMALLINT NOT NULL, state SMALLINT NOT NULL,"
        " faults TEXT NOT NULL, PRIMARY KEY (code))",
        "CREATE TABLE marks (name VARCHAR(64) NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (name)) WITHOUT ROWID",
    ):
        connection.exec_driver_sql(statement)


def _add_disagreements(connection: Connection) -> None:
    for statement in (
        "CREATE TABLE disagreements (id INTEGER NOT NULL, camera INTEGER NOT NULL, finding TEXT NOT NULL,"
        " since BIGINT NOT NULL, until BIGINT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (id),"
        " FOREIGN KEY(camera) REFERENCES cameras (key))",
        "CREATE UNIQUE INDEX disagreements_once ON disagreements (camera, finding, since)",
        "CREATE INDEX disagreements_by_end ON disagreements (until, since)",
    ):
        connection.exec_driver_sql(statement)


def _add_period_copies(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE period_copies (seq INTEGER NOT NULL, month VARCHAR(7) NOT NULL, standing TEXT NOT NULL,"
        " version INTEGER NOT NULL, at BIGINT NOT NULL, author TEXT NOT NULL, note TEXT NOT NULL,"
        ' start BIGINT NOT NULL, "end" BIGINT NOT NULL, until BIGINT NOT NULL, inventory TEXT NOT NULL,'
        " program TEXT NOT NULL, digest VARCHAR(64) NOT NULL, content BLOB NOT NULL, PRIMARY KEY (seq))"
    )


def _add_examined_days(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE examined_days (start BIGINT NOT NULL, at BIGINT NOT NULL, content BLOB NOT NULL,"
        " PRIMARY KEY (start))"
    )


STEPS: Steps = (
    Step("incidents and what happened to them", _add_incidents),
    Step("what each camera usually sees", _add_picture_references),
    Step("exemptions, where devices hang, and changes of levers", _add_exemptions),
    Step("courses: days without evidence", _add_courses),
    Step("contradictions between levels of evidence", _add_disagreements),
    Step("frozen copies of months", _add_period_copies),
    Step("further rates, day by day", _add_examined_days),
)
"""Step n (from 0) leads from version n + 1 to n + 2. Only ever append."""


def newest(steps: Steps) -> int:
    """The version that a program with these steps works with."""
    return 1 + len(steps)


def version_of(connection: Connection, home: Home) -> int:
    """The store's version; 0 where the database is empty. Raises StoreError for one that is not a store."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return 0
    if schema.versions.name not in tables:
        what = "a SQLite database" if isinstance(home, FileHome) else "a database"
        raise StoreError(f"{home.name}: {what}, but not healthd's: name another one in store.url")
    return connection.execute(select(func.max(schema.versions.c.version))).scalar() or 0


def check(version: int, home: Home, steps: Steps) -> None:
    """Raise StoreError unless this program can read a store of `version`."""
    if version > newest(steps):
        raise StoreError(
            f"{home.name}: schema version {version} is newer than this program's {newest(steps)}: "
            "install the healthd that wrote it, or restore the copy "
            f"{home.path.name}.vN.bak made before the upgrade"
        )
    if version < newest(steps):
        raise StoreError(
            f"{home.name}: schema version {version} is older than this program's {newest(steps)}: "
            "start `healthd run` once, it copies and upgrades the store"
        )


def upgrade(engine: Engine, home: Home, steps: Steps) -> None:
    """Create or upgrade the store; raises StoreError where it is newer. Before the first step a file is copied."""
    with engine.connect() as connection:
        version = version_of(connection, home)
        if version == 0:
            _create(connection, newest(steps))
            return
        # Read-only? Say so now, not at the first flip. (SQLite lets even BEGIN IMMEDIATE pass.)
        connection.execute(update(schema.versions).where(false()).values(version=version))
    if version > newest(steps):
        check(version, home, steps)
    if not isinstance(home, FileHome):
        _upgrade_database(engine, home, version, steps)
        return
    for number in range(version, newest(steps)):
        if number == version:
            copy = beside(home.path, f".v{version}.bak")
            copy_database(home.path, copy)
            log.info("store copied before its upgrade: copy=%s", copy)
        step = steps[number - 1]
        what = f"{home.name}: upgrade to version {number + 1} ({step.name})"
        with explained(what), engine.begin() as connection:
            step.apply(connection)
            connection.execute(schema.versions.insert(), {"version": number + 1})
        log.info("store upgraded: version=%d step=%r", number + 1, step.name)


def _upgrade_database(engine: Engine, home: Home, version: int, steps: Steps) -> None:
    """PostgreSQL: new tables are made as the schema has them, all steps in one transaction."""
    for number in range(version, newest(steps)):
        step = steps[number - 1]
        if number == version:
            log.info("store is upgraded; pg_dump keeps a copy store=%s", home.name)
        with (
            explained(f"{home.name}: upgrade to version {number + 1} ({step.name})"),
            engine.begin() as connection,
        ):
            if step.postgresql is not None:
                step.postgresql(connection)
            schema.metadata.create_all(connection)
            connection.execute(schema.versions.insert(), {"version": number + 1})
        log.info("store upgraded: version=%d step=%r", number + 1, step.name)


def _create(connection: Connection, version: int) -> None:
    schema.metadata.create_all(connection)
    connection.execute(schema.versions.insert(), {"version": version})
    connection.commit()
