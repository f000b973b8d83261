"""Upgrades, backup and restore: no step of them may cost a record."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from healthd.model import Axis, Change, Flip, Placement, State
from healthd.store import Batch, Step, Store, StoreError, Writer, backup, restore
from healthd.store.copies import read_manifest
from healthd.store.migrations import STEPS, newest

AT = 1_795_000_000_000  # 2026-11-18T11:06:40Z
NOW = newest(STEPS)  # this program's version


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "healthd.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, writer=True)
    yield opened
    opened.close()


def numbered(number: int) -> Batch:
    state, was = (State.ONLINE, State.OFFLINE) if number % 2 else (State.OFFLINE, State.ONLINE)
    flips = [Flip(camera, Axis.ONLINE, number, state, was, decided=number) for camera in "abc"]
    return Batch(flips=flips, heartbeat=(1, number))


def content(store: Store) -> tuple[object, ...]:
    return [*store.histories(0, AT)], store.heartbeats(0, AT), store.recent_flips(10**6), store.placements_at()


def add_area(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE regions ADD COLUMN area TEXT NOT NULL DEFAULT ''")


def add_note(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE notes (camera INTEGER REFERENCES cameras (key), text TEXT)")


def fail(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE half (x INTEGER)")
    connection.exec_driver_sql("INSERT INTO absent VALUES (1)")


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return names


def test_an_upgrade_keeps_everything_and_a_copy(store: Store, url: str, path: Path) -> None:
    """Two further steps keep all records; the copy is the store as it was before the first."""
    store.write(numbered(1))
    before = content(store)
    store.close()
    steps = [*STEPS, Step("areas of regions", add_area), Step("notes", add_note)]
    upgraded = Store.open(url, writer=True, steps=steps)
    assert content(upgraded) == before
    upgraded.write(numbered(2))
    upgraded.close()
    assert "notes" in tables(path)
    copy = path.with_name(f"healthd.db.v{NOW}.bak")
    assert "notes" not in tables(copy)
    assert not path.with_name(f"healthd.db.v{NOW + 1}.bak").exists()
    old = Store.open(f"sqlite:///{copy}", writer=False)
    assert content(old) == before
    old.close()
    Store.open(url, writer=True, steps=steps).close()
    with pytest.raises(
        StoreError, match=rf"version {NOW + 2} is newer than this program's {NOW}: .*healthd\.db\.vN\.bak"
    ):
        Store.open(url, writer=True)


def test_a_reader_does_not_upgrade(store: Store, url: str, path: Path) -> None:
    """A command that only reads an older store says who upgrades it, and leaves it alone."""
    store.close()
    said = f"version {NOW} is older than this program's {NOW + 1}: start `healthd run` once"
    with pytest.raises(StoreError, match=said):
        Store.open(url, writer=False, steps=[*STEPS, Step("notes", add_note)])
    assert "notes" not in tables(path)


def test_a_step_that_fails_leaves_the_version_before(store: Store, url: str, path: Path) -> None:
    """Of a failing step nothing remains, the steps before it do, and the same upgrade can be tried again."""
    store.write(numbered(1))
    store.close()
    with pytest.raises(StoreError, match=rf"upgrade to version {NOW + 2} \(fails\).*no such table: absent"):
        Store.open(url, writer=True, steps=[*STEPS, Step("notes", add_note), Step("fails", fail)])
    assert "notes" in tables(path)
    assert "half" not in tables(path)
    mended = Store.open(url, writer=True, steps=[*STEPS, Step("notes", add_note), Step("areas", add_area)])
    assert mended.last_heartbeat() == 1
    mended.close()


def test_the_first_version_upgrades_to_what_a_fresh_store_is(tmp_path: Path) -> None:
    """A store made by the first release has, after all steps, exactly the tables of a new one."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    script = Path(__file__).with_name("data") / "store-v1.sql"
    with sqlite3.connect(old) as connection:
        connection.executescript(script.read_text("utf-8"))
    connection.close()
    for path in (old, new):
        Store.open(f"sqlite:///{path}", writer=True).close()
    assert layout(old) == layout(new)


def layout(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        ]
        found = {
            name: [
                *connection.execute(f"PRAGMA table_xinfo({name})"),
                *connection.execute(f"PRAGMA index_info({name})"),
            ]
            for name in names
        }
    connection.close()
    return found


def test_a_backup_under_load_restores_to_one_moment(store: Store, url: str, tmp_path: Path) -> None:
    """Backups made while the daemon writes hold whole batches up to one moment, and restore to exactly that."""
    writer, stop = Writer(store, interval_seconds=0.0), threading.Event()

    def load() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            writer.submit(numbered(number))
            stop.wait(0.0005)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        for turn in range(5):
            stop.wait(0.05)
            backup(url, tmp_path / str(turn), AT)
    finally:
        stop.set()
        loader.join()
    assert writer.stop(5.0)
    previous = 0
    for turn in range(5):
        target = f"sqlite:///{tmp_path}/restored-{turn}.db"
        assert restore(tmp_path / str(turn), target, AT) is None
        restored = Store.open(target, writer=True)
        last = restored.last_heartbeat() or 0
        assert last > previous
        assert {history.online[-1][0] for history in restored.histories(0, AT)} == {last}
        assert len(restored.recent_flips(10**6)) == 3 * last
        restored.write(numbered(last + 1))
        restored.close()
        previous = last


def test_a_backup_describes_itself(store: Store, url: str, tmp_path: Path) -> None:
    """The manifest names version, time, size and checksum of one plain file; the next needs a new directory."""
    store.write(numbered(1))
    made = backup(url, tmp_path / "b", AT)
    copy = (tmp_path / "b" / "healthd.db").read_bytes()
    assert (made.version, made.at, made.size_bytes) == (NOW, "2026-11-18T11:06:40Z", len(copy))
    assert made.sha256 == hashlib.sha256(copy).hexdigest()
    assert read_manifest(tmp_path / "b") == made
    assert sorted(file.name for file in (tmp_path / "b").iterdir()) == ["healthd.db", "manifest.json"]
    with pytest.raises(StoreError, match="holds a backup already: name a new directory"):
        backup(url, tmp_path / "b", AT)


def test_a_restore_keeps_the_store_it_replaces(store: Store, url: str, path: Path, tmp_path: Path) -> None:
    """With force the old store stands beside the restored one, readable, with its very last commit."""
    store.write(numbered(1))
    backup(url, tmp_path / "b", AT)
    store.write(numbered(2))
    store.write(Batch(changes=[Change("a", 2, Placement("r", "1"), "x")], recorded=2))
    later = content(store)
    store.close()
    with pytest.raises(StoreError, match="there is a store already: add --force"):
        restore(tmp_path / "b", url, AT)
    aside = restore(tmp_path / "b", url, AT, force=True)
    assert aside == path.with_name("healthd.db.before-restore-2026-11-18T110640Z")
    back, old = Store.open(url, writer=True), Store.open(f"sqlite:///{aside}", writer=False)
    assert back.last_heartbeat() == 1
    assert content(old) == later
    back.close()
    old.close()


def test_a_killed_stores_wal_is_not_replayed_into_the_restored_one(
    store: Store, url: str, path: Path, tmp_path: Path
) -> None:
    """What a killed daemon left in its WAL goes with the old store, not into the new one."""
    store.write(numbered(1))
    backup(url, tmp_path / "b", AT)
    for number in range(2, 50):
        store.write(numbered(number))
    crashed = tmp_path / "crashed.db"
    for suffix in ("", "-wal"):  # what kill -9 leaves on the disk
        crashed.with_name(f"crashed.db{suffix}").write_bytes(path.with_name(f"healthd.db{suffix}").read_bytes())
    crashed_url = f"sqlite:///{crashed}"
    aside = restore(tmp_path / "b", crashed_url, AT, force=True)
    assert [*tmp_path.glob("crashed*-wal")] == []  # the last commits were folded into the old file
    back, old = Store.open(crashed_url, writer=True), Store.open(f"sqlite:///{aside}", writer=False)
    assert back.last_heartbeat() == 1
    assert old.last_heartbeat() == 49
    back.close()
    old.close()


def test_a_wal_that_a_reader_holds_goes_with_the_old_store(
    store: Store, url: str, path: Path, tmp_path: Path
) -> None:
    """A report that is still reading when the store is replaced ends as it began, and nothing is mixed."""
    store.write(numbered(1))
    backup(url, tmp_path / "b", AT)
    reader = Store.open(url, writer=False)
    running = reader.histories(0, AT)
    next(running)
    store.write(numbered(2))
    store.close()
    aside = restore(tmp_path / "b", url, AT, force=True)
    assert {len(history.online) for history in running} == {1}
    reader.close()
    back, old = Store.open(url, writer=True), Store.open(f"sqlite:///{aside}", writer=False)
    assert (back.last_heartbeat(), old.last_heartbeat()) == (1, 2)
    back.close()
    old.close()


def test_a_restore_over_a_damaged_store(store: Store, url: str, path: Path, tmp_path: Path) -> None:
    """A file that is no database any more is kept aside byte for byte."""
    store.write(numbered(1))
    backup(url, tmp_path / "b", AT)
    store.close()
    path.write_bytes(b"\xff" * 9000)
    aside = restore(tmp_path / "b", url, AT, force=True)
    assert aside is not None
    assert aside.read_bytes() == b"\xff" * 9000
    back = Store.open(url, writer=True)
    assert back.last_heartbeat() == 1
    back.close()


def test_a_store_in_use_is_never_replaced(store: Store, url: str, tmp_path: Path) -> None:
    """Even with force, a store that a daemon has open stays as it is."""
    store.write(numbered(1))
    backup(url, tmp_path / "b", AT)
    store.write(numbered(2))
    with pytest.raises(StoreError, match="in use by process"):
        restore(tmp_path / "b", url, AT, force=True)
    assert store.last_heartbeat() == 2


def test_a_bad_backup_is_refused(store: Store, url: str, tmp_path: Path) -> None:
    """A changed, cut, newer or missing backup changes nothing, and says which of these it is."""
    store.write(numbered(1))
    made = backup(url, tmp_path / "b", AT)
    store.close()
    copy, manifest = tmp_path / "b" / "healthd.db", tmp_path / "b" / "manifest.json"
    whole, text = copy.read_bytes(), manifest.read_text("utf-8")

    def refused(said: str) -> None:
        with pytest.raises(StoreError, match=said):
            restore(tmp_path / "b", url, AT, force=True)
        reader = Store.open(url, writer=False)
        assert reader.last_heartbeat() == 1
        reader.close()

    copy.write_bytes(whole[:-1] + b"x")
    refused("SHA-256 differs")
    copy.write_bytes(whole[:4096])
    refused("SHA-256 differs")
    copy.write_bytes(whole)
    manifest.write_text(json.dumps({**json.loads(text), "version": made.version + 1}), "utf-8")
    refused(f"version {NOW + 1} is newer than this program's {NOW}")
    for broken in ("", "[]", "{}", '{"version": "x", "at": "", "size_bytes": 1, "sha256": ""}', "\x00\xff"):
        manifest.write_text(broken, "utf-8")
        refused("not a manifest")
    copy.unlink()
    manifest.write_text(text, "utf-8")
    refused(r"healthd\.db: missing")
    manifest.unlink()
    refused("No such file or directory: name a directory that `healthd backup` wrote")


def test_a_backup_of_a_damaged_store_is_refused(store: Store, url: str, path: Path, tmp_path: Path) -> None:
    """A copy that is not whole never becomes a backup; nor does an absent store or an unwritable place."""
    store.write(Batch(flips=[Flip(f"c{n:04}", Axis.ONLINE, n, State.ONLINE, State.UNKNOWN) for n in range(3000)]))
    with pytest.raises(StoreError, match="check that its directory is there"):
        backup(url, Path("/proc/none"), AT)
    store.close()
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\x55" * 8 * 4096)
    with pytest.raises(StoreError, match="damaged"):
        backup(url, tmp_path / "b", AT)
    assert [*(tmp_path / "b").iterdir()] == []
    with pytest.raises(StoreError, match="no store to back up"):
        backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "c", AT)
