"""Incidents in the store: the feed loses and doubles nothing, and each incident stands as it was left."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from healthd.incidents.evidence import clue, plain
from healthd.incidents.incident import Acknowledgement, Cause, Happening, Incident, Kind, What
from healthd.model import Axis, Flip, State
from healthd.store import Batch, Store, StoreError
from healthd.store.migrations import STEPS, newest

V1 = Path(__file__).with_name("data") / "store-v1.sql"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/healthd.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, writer=True)
    yield opened
    opened.close()


def incident(key: str = "i1", opened: int = 100, **rest: object) -> Incident:
    values = {
        "cause": Cause.DEVICE,
        "subject": "c1",
        "region": "3206",
        "maintainer": "m1",
        "since": opened,
        **rest,
    }
    values = {"class_": "1", "unit": "police", "camera_ids": frozenset({"c1"}), **values}
    return Incident(id=key, kind=Kind.OFFLINE, opened=opened, **values)  # type: ignore[arg-type]  # free keywords


def opened(found: Incident) -> Happening:
    return Happening(found.opened, What.OPENED, found)


def closed(found: Incident, at: int) -> Happening:
    return Happening(at, What.CLOSED, replace(found, closed=at, verified=True, camera_ids=frozenset()))


WHOLE = incident(
    cause=Cause.POWER,
    subject="箱-12",
    camera_ids=frozenset({"c1", "c2", "c3"}),
    due=9_000,
    most_cameras=7,
    evidence=(clue("restarted", device="交换机 sw-12"), plain("40 cameras behind it")),
    acknowledged=Acknowledgement("王", 150, "在路上"),
    verified=True,
    merged_into="i9",
)


def test_an_incident_is_read_back_whole(store: Store, url: str) -> None:
    """Every field survives, in the list of open ones, by its id, and in the feed; a reader sees the same."""
    grown = Happening(160, What.GROWN, WHOLE, "3 cameras more")
    store.write(Batch(happenings=[grown]))
    for reader in (store, Store.open(url, writer=False)):
        assert reader.open_incidents() == [WHOLE]
        assert reader.incident("i1") == WHOLE
        assert reader.incident("i2") is None
        assert reader.feed(0, 10) == [(1, grown)]
    reader.close()


def test_the_same_batch_twice_doubles_nothing(store: Store) -> None:
    """A batch that is tried again adds no entry, and one that comes late does not bring an old incident back."""
    first = incident()
    grown = first.with_cameras(frozenset({"c1", "c2"}))
    batches = [
        Batch(happenings=[opened(first), Happening(120, What.GROWN, grown), Happening(120, What.GROWN, grown)]),
        Batch(happenings=[closed(grown, 200)]),
    ]
    for batch in batches:
        store.write(batch)
    before = store.feed(0, 100), store.incident("i1")
    assert [happening.what for _, happening in before[0]] == [What.OPENED, What.GROWN, What.CLOSED]
    for batch in (*reversed(batches), *batches):
        store.write(batch)
    assert (store.feed(0, 100), store.incident("i1")) == before
    assert store.open_incidents() == []


def test_what_happens_at_one_moment_stays_in_order(store: Store) -> None:
    """Several entries of one millisecond keep their order, and the last of them is how the incident stands."""
    found, story = incident(most_cameras=9), []
    for cameras in ("a", "ab", "abc", "bc"):
        found = found.with_cameras(frozenset(cameras))
        story.append(Happening(100, What.GROWN, found, f"now {cameras}"))
    store.write(Batch(happenings=story))
    assert [happening for _, happening in store.feed(0, 100)] == story
    assert store.incident("i1") == story[-1].incident
    wide, narrow = (incident("i2", camera_ids=frozenset(cameras)) for cameras in ("ab", "a"))
    store.write(Batch(happenings=[Happening(100, What.GROWN, found) for found in (narrow, wide, narrow)]))
    assert store.incident("i2") == narrow


def test_the_feed_is_followed_from_where_one_was(store: Store) -> None:
    """Asking again and again from the last number gives every entry once, in the order of the commits."""
    story = [opened(incident(f"i{number}", 1000 - number)) for number in range(1203)]
    store.write(Batch(happenings=story[:700]))
    read: list[Happening] = []
    last = 0
    for _ in range(10):
        for number, happening in store.feed(last, 250):
            assert number > last
            last = number
            read.append(happening)
        if len(read) == 700:
            store.write(Batch(happenings=story[700:]))
    assert read == story


def test_incidents_of_a_period(store: Store) -> None:
    """A period has what was opened before its end and not closed before its start, by region and maintainer."""
    old, long, open_ = incident("old", 10), incident("long", 20, region="320602"), incident("open", 50)
    other, late = incident("other", 60, maintainer="m2"), incident("late", 200)
    store.write(Batch(happenings=[opened(found) for found in (late, other, open_, long, old)]))
    store.write(Batch(happenings=[closed(old, 99), closed(long, 100)]))

    def ids(found: list[Incident]) -> list[str]:
        return [incident.id for incident in found]

    assert ids(store.incidents(100, 200)) == ["long", "open", "other"]
    assert ids(store.incidents(99, 201)) == ["old", "long", "open", "other", "late"]
    assert ids(store.incidents(100, 200, regions={"320602", "none"})) == ["long"]
    assert ids(store.incidents(100, 200, regions=[])) == []
    assert ids(store.incidents(100, 200, maintainer="m2")) == ["other"]
    assert ids(store.open_incidents()) == ["open", "other", "late"]
    many = [f"{number:06d}" for number in range(40_000)]
    assert ids(store.incidents(100, 200, regions=[*many, "3206"])) == ["open", "other"]


def test_an_incident_is_stored_with_its_flips_or_not_at_all(store: Store) -> None:
    """A batch that cannot be written whole leaves neither its flip nor its incident."""
    with sqlite3.connect(store.path) as raw:
        raw.execute("CREATE TRIGGER full BEFORE INSERT ON incidents BEGIN SELECT RAISE(ABORT, 'full'); END")
    raw.close()
    flip = Flip("c1", Axis.ONLINE, 90, State.OFFLINE, State.ONLINE, decided=95)
    batch = Batch(flips=[flip], happenings=[opened(incident())])
    with pytest.raises(Exception, match="full"):
        store.write(batch)
    assert (store.recent_flips(9), store.feed(0, 9)) == ([], [])
    with sqlite3.connect(store.path) as raw:
        raw.execute("DROP TRIGGER full")
    raw.close()
    store.write(batch)
    assert (store.recent_flips(9), store.open_incidents()) == ([flip], [incident()])


def test_open_incidents_are_never_forgotten(store: Store) -> None:
    """Pruning takes closed incidents and entries from before the cutoff, and no number is given again."""
    found = [incident(f"i{number}", 10 + number) for number in range(1500)]
    store.write(Batch(happenings=[opened(one) for one in found]))
    store.write(Batch(happenings=[closed(one, 5000) for one in found[:1200]]))
    store.write(Batch(happenings=[closed(one, 7000) for one in found[1200:1300]]))
    newest = store.feed(2799, 10)[-1][0]
    store.prune(5000)
    assert len(store.incidents(0, 10_000)) == 1500
    assert {happening.what for _, happening in store.feed(0, 5000)} == {What.CLOSED}
    store.prune(5001)
    assert len(store.incidents(0, 10_000)) == 300
    assert len(store.feed(0, 5000)) == 100
    store.prune(10**9)
    assert store.open_incidents() == found[1300:]
    assert (store.incidents(0, 10**9), store.feed(0, 9)) == (found[1300:], [])
    store.write(Batch(happenings=[closed(found[-1], 8000)]))
    assert store.feed(0, 9)[0][0] > newest


def test_a_store_of_the_first_version_gains_incidents(tmp_path: Path, url: str) -> None:
    """An upgraded store keeps what it had, memories with fields that no longer exist too, and takes incidents."""
    path = tmp_path / "healthd.db"
    with sqlite3.connect(path) as raw:
        raw.executescript(V1.read_text("utf-8"))
        raw.execute("INSERT INTO cameras (key, id) VALUES (1, 'c1')")
        raw.execute("INSERT INTO flips VALUES (1, 1, 0, 90, 1, 0, 95, '', 'timeout', '')")
        raw.execute("""INSERT INTO memories VALUES (1, '{"refusals":2,"snmp_engine":"80ff"}')""")
    raw.close()
    with pytest.raises(StoreError, match=f"version 1 is older than this program's {newest(STEPS)}"):
        Store.open(url, writer=False)
    store = Store.open(url, writer=True)
    assert [flip.reason for flip in store.recent_flips(9)] == ["timeout"]
    assert store.memories()["c1"].refusals == 2
    store.write(Batch(happenings=[opened(incident())]))
    assert store.open_incidents() == [incident()]
    store.close()
    assert path.with_name("healthd.db.v1.bak").exists()


def test_damaged_incidents_name_the_file_and_the_remedy(store: Store) -> None:
    """An incident or entry that healthd cannot have written is an error with its remedy, not a traceback."""
    store.write(Batch(happenings=[opened(incident())]))
    for text in ("{", "[]", "{}", '"x"', '{"acknowledged": [1]}'):
        with sqlite3.connect(store.path) as raw:
            raw.execute("UPDATE incidents SET fields = ?", (text,))
            raw.execute("UPDATE happenings SET fields = ?", (text,))
        raw.close()
        for ask in (store.open_incidents, lambda: store.incident("i1"), lambda: store.feed(0, 1)):
            with pytest.raises(StoreError, match=r"healthd\.db: damaged .*healthd restore"):
                ask()
