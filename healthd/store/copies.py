"""Backup of a running store, and the way back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from healthd.model import Moment
from healthd.store.errors import StoreError, damaged, explained
from healthd.store.evidence_files import copy_evidence, evidence_directory
from healthd.store.files import Lock, beside, copy_database, create, replace_durably, sync
from healthd.store.homes import FileHome, home_of
from healthd.store.migrations import STEPS, Steps, newest, version_of

_COPY = "healthd.db"
_MANIFEST = "manifest.json"
_EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: schema version, when it was made (ISO 8601, UTC), its size and SHA-256."""

    version: int
    at: str
    size_bytes: int
    sha256: str


def backup(url: str, directory: Path, at: Moment) -> Manifest:
    """Copy the store into `directory`, consistent while the daemon writes, with the files that exemptions rest on,
    and describe it in `manifest.json`.

    The copy is checked whole before its manifest is written. Raises StoreError: no store there, or damaged; the
    directory holds a backup already, or cannot be written.
    """
    path = _file_of(url)
    if not path.exists():
        raise StoreError(f"{path}: there is no store to back up: correct store.url")
    copy, manifest_file = directory / _COPY, directory / _MANIFEST
    if copy.exists() or manifest_file.exists():
        raise StoreError(f"{directory}: holds a backup already: name a new directory for each backup")
    with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
    with explained(f"{path} -> {copy}"):
        copy_database(path, copy)
    try:
        copy_evidence(evidence_directory(path), directory / _EVIDENCE)  # after the records that name them
        version = _checked_version(copy)
        manifest = Manifest(version, _iso(at), copy.stat().st_size, _sha256(copy))
        with explained(manifest_file):
            _write_whole(manifest_file, json.dumps(asdict(manifest), indent=2) + "\n")
    except StoreError:
        copy.unlink(missing_ok=True)
        raise
    return manifest


def restore(directory: Path, url: str, at: Moment, *, force: bool = False, steps: Steps = STEPS) -> Path | None:
    """Put the backup of `directory` in the store's place; returns where the store it replaced was moved to.

    Raises StoreError, and changes nothing: no backup there, damaged or newer than this program; the store is in
    use; a store is there and `force` is not given.
    """
    path = _file_of(url)
    manifest = _verified(directory, steps)
    lock, new = Lock(path), beside(path, ".restoring")
    try:
        if path.exists() and not force:
            raise StoreError(f"{path}: there is a store already: add --force; it will be kept aside")
        with explained(path):
            _fetch(directory / _COPY, new, manifest)
            copy_evidence(directory / _EVIDENCE, evidence_directory(path))
            aside = _set_aside(path, at) if path.exists() else None
            replace_durably(new, path)
            return aside
    finally:
        new.unlink(missing_ok=True)
        lock.release()


def _file_of(url: str) -> Path:
    """The store's file; raises StoreError for a store that is in none."""
    home = home_of(url)
    if not isinstance(home, FileHome):
        raise StoreError(
            f"{home.name}: PostgreSQL has its own tools: pg_dump -Fc copies a store while the daemon runs, "
            "pg_restore --clean brings it back while no daemon runs"
        )
    return home.path


def read_manifest(directory: Path) -> Manifest:
    """The description of a backup; raises StoreError where there is none that makes sense."""
    file = directory / _MANIFEST
    remedy = "name a directory that `healthd backup` wrote"
    try:
        manifest = Manifest(**json.loads(file.read_text("utf-8")))
    except OSError as error:
        raise StoreError(f"{file}: {os.strerror(error.errno or 0)}: {remedy}") from error
    except (ValueError, TypeError) as error:
        raise StoreError(f"{file}: not a manifest ({error}): {remedy}") from error
    if not isinstance(manifest.version, int):
        raise StoreError(f"{file}: not a manifest (version {manifest.version!r}): {remedy}")
    return manifest


def _verified(directory: Path, steps: Steps) -> Manifest:
    manifest, copy = read_manifest(directory), directory / _COPY
    if not copy.exists():
        raise StoreError(f"{copy}: missing: name a directory that `healthd backup` wrote")
    with explained(copy):
        found = _sha256(copy)
    if found != manifest.sha256:
        raise StoreError(
            f"{copy}: SHA-256 differs from the manifest's, so it was changed or damaged: use another backup"
        )
    if manifest.version > newest(steps):
        raise StoreError(
            f"{copy}: schema version {manifest.version} is newer than this program's {newest(steps)}: "
            "install the healthd that wrote it"
        )
    return manifest


def _fetch(copy: Path, new: Path, manifest: Manifest) -> None:
    create(new)
    shutil.copyfile(copy, new)
    if _sha256(new) != manifest.sha256:
        raise StoreError(f"{new}: does not read back as written: check the disk")


def _set_aside(path: Path, at: Moment) -> Path:
    """Keep the old store under another name. It stays in its place too until the new one replaces it, so that a
    crash between the two never leaves the daemon to begin an empty store."""
    aside = beside(path, f".before-restore-{_iso(at).replace(':', '')}")
    _fold_wal(path)
    if aside.exists():
        raise StoreError(f"{aside}: exists: move it away, then restore again")
    os.link(path, aside)
    wal = beside(path, "-wal")
    if wal.exists():  # somebody still reads there; SQLite would replay it into the new store
        os.replace(wal, beside(aside, "-wal"))
    beside(path, "-shm").unlink(missing_ok=True)
    sync(path.parent)
    return aside


def _fold_wal(path: Path) -> None:
    """Bring the last commits from the WAL into the file; where nobody reads, the WAL is gone then."""
    try:
        with closing(sqlite3.connect(path, timeout=1.0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        return  # it is damaged: that may be why it is replaced


def _checked_version(copy: Path) -> int:
    """The schema version of a copy that SQLite finds whole; raises StoreError."""
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)
    )
    try:
        with explained(copy), engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
            if found != "ok":
                raise damaged(copy, str(found))
            return version_of(connection, FileHome(copy))
    finally:
        engine.dispose()


def _write_whole(file: Path, text: str) -> None:
    partial = beside(file, ".partial")
    partial.write_text(text, "utf-8")
    replace_durably(partial, file)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _iso(at: Moment) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
