"""PostgreSQL as the store: lock, loss of the connection, kill -9, and what goes wrong before it begins."""

from __future__ import annotations

import logging
import random
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from healthd.config import load_config
from healthd.model import Axis, Flip, State
from healthd.problems import BadInput
from healthd.store import Batch, Store, StoreError, StoreUrl, Writer, backup, restore
from probes.base import Memory
from tests.postgresql import PASSWORD, Server, server
from tests.running import city, daemon, edit_config, healthd, rates, wait_until
from tests.test_store_crash import kill_at_random, numbered

CONFIG = Path(__file__).parent.parent / "config"


def check_whole(url: str, acknowledged: int) -> None:
    """Every acknowledged batch is there, once, and every batch is whole or absent."""
    store = Store.open(url, writer=True)
    stored = store.last_heartbeat() or 0
    assert stored >= acknowledged
    for history in store.histories(0, stored + 1000):
        assert [at for at, _, _ in history.online] == [*range(1, stored + 1)], history.camera
    assert store.memories() == {"a": Memory(refusals=stored)}
    assert len(store.recent_flips(10**6)) == 3 * stored
    store.close()


def test_kill_9_of_the_writer_loses_nothing(postgresql: Server) -> None:
    """After kill -9 at random moments what was acknowledged is there, whole, and the lock is free at once."""
    url, draw = postgresql.new_url(), random.Random(5)
    for _ in range(5):
        acknowledged = kill_at_random(url, draw.uniform(0.0, 0.1))
        wait_until(lambda: not free(url), 10)
        check_whole(url, acknowledged)


def free(url: str) -> str:
    """Empty once the lock can be had; else why it cannot."""
    try:
        Store.open(url, writer=True).close()
    except StoreError as error:
        return str(error)
    return ""


def test_one_daemon_a_store(postgresql: Server) -> None:
    """A second writer is told who has the store; readers and appenders are let in; closing gives it up."""
    url = postgresql.new_url()
    first = Store.open(url, writer=True)
    with pytest.raises(StoreError, match=r"in use by healthd writes, .* process \d+: stop that healthd first"):
        Store.open(url, writer=True)
    beside = Store.open_beside(url)
    assert beside.in_use()
    beside.write(numbered(1))
    first.write(numbered(2))
    assert len(beside.flips("a", 0, 9)) == 2
    first.close()
    assert not beside.in_use()
    beside.close()
    Store.open(url, writer=True).close()


def test_a_lost_connection_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """While the server is down everything waits and is counted, in one line of the log; after it is back all is
    stored once, in order."""
    with server() as own:
        url = own.new_url()
        store, written = Store.open(url, writer=True), list[int]()
        writer = Writer(store, interval_seconds=0.0)
        writer.submit(numbered(1), partial(written.append, 1))
        wait_until(lambda: written == [1], 10)
        with caplog.at_level(logging.INFO, "healthd.store"):
            own.stop()
            for number in range(2, 200):
                writer.submit(numbered(number), partial(written.append, number))
            wait_until(lambda: writer.errors >= 2, 20)
            assert len(written) + writer.pending == 199
            with pytest.raises(StoreError, match="not reached"):
                store.names()
            own.start()
            wait_until(lambda: writer.pending == 0, 30)
        assert writer.stop(5.0)
        assert written == [*range(1, 200)]
        store.close()
        check_whole(url, 199)
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert errors
        assert all(record.exc_info is None for record in errors)
        assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: StoreUrl(str(url), "wrong"), "the login was refused"),
        (lambda url: StoreUrl(str(url)), "the login was refused|not reached"),
        (lambda url: StoreUrl(str(url) + "_none", url.password), "there is no such database"),
        (lambda url: StoreUrl("postgresql://healthd@127.0.0.1:1/x", url.password), "not reached"),
        (lambda url: StoreUrl(str(url) + "?sslmode=require", url.password), "not reached .*SSL"),
        (lambda url: StoreUrl(str(url) + "?sslmode=maybe", url.password), "sslmode is one of"),
        (lambda url: StoreUrl(str(url) + "?sslmode=require&sslrootcert=/none.pem", url.password), "name a .pem"),
        (lambda url: StoreUrl(str(url) + "?hurry=1", url.password), "'hurry' is not known"),
        (lambda url: "postgresql://healthd:geheim-4711@127.0.0.1/x", "store.url holds a password"),
        (lambda url: "postgresql:///x", "names no host"),
    ],
)
def test_a_database_that_cannot_be_had_is_one_line(postgresql: Server, change: object, says: str) -> None:
    """Each has its remedy, and no message holds a password."""
    url = change(postgresql.new_url())  # type: ignore[operator]
    for writer in (True, False):
        with pytest.raises(StoreError, match=says) as caught:
            Store.open(url, writer=writer)
        assert PASSWORD not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_database_of_others_is_left_alone(postgresql: Server) -> None:
    """Tables that are not healthd's are an error; an empty database is no store yet for a reader."""
    url = postgresql.new_url()
    with pytest.raises(StoreError, match="there is no store yet"):
        Store.open(url, writer=False)
    psql = ("psql", "-h", "127.0.0.1", "-p", str(postgresql.port), "-U", "healthd", "-d", url.rpartition("/")[2])
    postgresql.run(*psql, "-c", "CREATE TABLE songs (name text)")
    for writer in (True, False):
        with pytest.raises(StoreError, match="a database, but not healthd's"):
            Store.open(url, writer=writer)


def test_text_that_postgresql_does_not_take(postgresql: Server) -> None:
    """A NUL that a device sent is kept as the replacement character, and stops no writing."""
    store = Store.open(postgresql.new_url(), writer=True)
    flips = [Flip(c, Axis.ONLINE, 1, State.ONLINE, State.UNKNOWN, reason="o\0k") for c in "ab"]
    store.write(Batch(flips=flips, names={"a": "东\0门"}))
    assert store.flips("a", 0, 9)[0].reason == "o\N{REPLACEMENT CHARACTER}k"
    assert store.names()["a"] == "东\N{REPLACEMENT CHARACTER}门"
    store.close()


def test_backup_names_the_tools_of_postgresql(postgresql: Server, tmp_path: Path) -> None:
    """`healthd backup` and `restore` say what to use instead."""
    url = postgresql.new_url()
    for work in (partial(backup, url, tmp_path / "copy", 1), partial(restore, tmp_path / "copy", url, 1)):
        with pytest.raises(StoreError, match="pg_dump -Fc"):
            work()


def configured(directory: Path, store: dict[str, object]) -> Path:
    shutil.copytree(CONFIG, directory, ignore=shutil.ignore_patterns("rules", "grafana"), dirs_exist_ok=True)
    edit_config(directory / "healthd.yml", store=store)
    return directory / "healthd.yml"


def test_the_password_stands_beside_the_url(tmp_path: Path) -> None:
    """From a file or the environment; shown nowhere, and refused in the URL and as plain text."""
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    url = "postgresql://healthd@db.example:5432/healthd?sslmode=verify-full"
    path = configured(tmp_path, {"url": url, "password_file": "secret"})
    config = load_config(path)
    assert (config.store.url, config.store.url.password) == (url, PASSWORD)
    assert PASSWORD not in repr(config)
    configured(tmp_path, {"url": url, "password_env": "PG_SECRET"})
    assert load_config(path, {"PG_SECRET": PASSWORD}).store.url.password == PASSWORD
    for store, says in (
        ({"url": f"postgresql://healthd:{PASSWORD}@db/healthd"}, "or holds a password"),
        ({"url": url, "password": PASSWORD}, "must not stand in this file"),
        ({"url": url, "password_file": "secret", "password_env": "PG_SECRET"}, "one is enough"),
        ({"url": "sqlite:///healthd.db", "password_file": "secret"}, "takes no password"),
        ({"url": "postgresql://db"}, "is not the URL of a PostgreSQL database"),
    ):
        configured(tmp_path, dict(store))
        with pytest.raises(BadInput, match=says) as caught:
            load_config(path, {"PG_SECRET": PASSWORD})
        assert PASSWORD not in str(caught.value)


@pytest.mark.slow
def test_a_daemon_over_postgresql_survives_kill_9(postgresql: Server, tmp_path: Path) -> None:
    """The daemon fills the store, is killed, goes on, and the commands read beside it."""
    url = postgresql.new_url()
    with city(tmp_path, 20, "--outages-per-hour", "1200", "--seed", "3"):
        config = tmp_path / "healthd.yml"
        (tmp_path / "secret").write_text(PASSWORD)
        edit_config(
            config,
            checks={"ping": {"interval": "1s", "timeout": "500ms"}},
            state={"fail_after": 3, "ok_after": 2, "retry_interval": "1s"},
            reference_targets=["127.0.0.1"],
            store={"url": str(url), "password_file": "secret"},
        )
        reader = None
        try:
            with daemon(config) as running:
                running.ready()
                reader = Store.open(url, writer=False)
                wait_until(lambda: any(flip.state is State.OFFLINE for flip in reader.recent_flips(500)), 60)
                before = {(flip.camera, flip.at, flip.state) for flip in reader.recent_flips(10_000)}
                second = healthd("run", "-c", str(config), check=False)
                assert (second.returncode, "in use by healthd writes" in second.stderr) == (1, True)
                running.program.process.kill()
                running.program.process.wait()
            with daemon(config) as running:
                running.ready()
                day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
                rows = rates(config, "--from", day, "--rate", "online")
                assert any(row["unknown_seconds"] > 0 for row in rows)
                assert running.program.stop() == 0
                assert "Traceback" not in running.program.text
                assert PASSWORD not in running.program.text
            assert before <= {(flip.camera, flip.at, flip.state) for flip in reader.recent_flips(10_000)}
        finally:
            if reader is not None:
                reader.close()
    done = healthd("backup", str(tmp_path / "copy"), "-c", str(config), check=False)
    assert (done.returncode, "pg_dump" in done.stderr) == (1, True)


def test_sqlite_needs_no_driver_of_postgresql() -> None:
    """A site with SQLite does not load what only PostgreSQL needs."""
    code = "import sys; from healthd.store import Store; Store.open('sqlite:////tmp/none/x.db', writer=False)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\ntry:\n  {code.split('; ', 1)[1]}\nexcept Exception: pass\n"
         "sys.exit('pg8000' in sys.modules)"],
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
