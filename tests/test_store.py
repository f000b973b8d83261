"""The store: what is written is read back as rates, restarts and disputes need it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.model import Axis, Change, Flip, Lifecycle, Placement, Region, State
from healthd.store import Batch, Store, StoreError
from probes.base import Memory
from tests.postgresql import Server

ONLINE, OFFLINE, UNKNOWN = State.ONLINE, State.OFFLINE, State.UNKNOWN


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One contract for every kind of store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/healthd.db"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_url()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, writer=True)
    yield opened
    opened.close()


def flip(camera: str, at: int, state: State, was: State = UNKNOWN, **rest: object) -> Flip:
    axis = Axis.ONLINE if state in (ONLINE, OFFLINE) else Axis.PICTURE
    values = {"axis": axis, "decided": at, "reason": "ok", **rest}
    return Flip(camera=camera, at=at, state=state, was=was, **values)  # type: ignore[arg-type]  # free keywords


def place(region: str, **rest: object) -> Placement:
    return Placement(region, "1", **rest)  # type: ignore[arg-type]  # free keywords


def test_a_flip_is_read_back_whole(store: Store) -> None:
    """Every field of a flip and every result in its evidence survives."""
    evidence = (
        {"asked": 100, "state": "faulty", "reason": "ok", "took_seconds": 0.25, "faults": ["dark", "blur"]},
        {"asked": 160, "state": "faulty", "reason": "ok", "took_seconds": 0.5, "faults": ["dark", "blur"]},
    )
    written = flip(
        "c1", 100, State.FAULTY, State.GOOD, faults=("blur", "dark"), decided=160, evidence=evidence, reason="ok"
    )
    store.write(Batch(flips=[written]))
    assert store.flips("c1", 0, 1000) == [written]
    assert store.recent_flips(5) == [written]


@pytest.mark.parametrize(
    "evidence",
    [
        (),
        ({"asked": 1},),
        ({"asked": 1, "state": "offline"}, {"asked": 1, "state": "offline"}),
        ({"asked": 1, "faults": ["dark"]}, {"asked": 2}),
        ({"名": "断", "n": None}, {"名": "断", "n": 1.5}),
        ({"asked": 1, "faults": ["dark"]}, {"asked": 2, "faults": ["dark"]}),
        ({"asked": 1}, {"asked": 2, "late": True}),
    ],
)
def test_evidence_of_any_shape_survives(store: Store, evidence: tuple[dict[str, object], ...]) -> None:
    """Evidence comes back as it was, whether its results share fields, differ in keys or are equal."""
    store.write(Batch(flips=[flip("c1", 1, OFFLINE, evidence=evidence)]))
    assert store.flips("c1", 0, 10)[0].evidence == evidence


def test_the_same_flip_twice_changes_nothing(store: Store) -> None:
    """Writing a batch again stores no flip, placement or heartbeat twice."""
    batch = Batch(
        flips=[flip("c1", 1, ONLINE), flip("c1", 5, OFFLINE, ONLINE)],
        heartbeat=(0, 9),
        changes=[Change("c1", 0, place("3206"), "inventory")],
        recorded=9,
    )
    store.write(batch)
    before = [*store.histories(0, 100)], store.heartbeats(0, 100), store.recent_flips(9)
    store.write(batch)
    assert ([*store.histories(0, 100)], store.heartbeats(0, 100), store.recent_flips(9)) == before
    assert len(before[2]) == 2


def test_a_history_begins_with_what_held_before_the_period(store: Store) -> None:
    """Each sequence starts with the last entry before the period and ends before the period's end."""
    store.write(
        Batch(
            flips=[flip("c1", at, s, w) for at, s, w in [(10, ONLINE, UNKNOWN), (20, OFFLINE, ONLINE)]]
            + [flip("c1", 30, ONLINE, OFFLINE), flip("c1", 40, OFFLINE, ONLINE), flip("c1", 12, State.GOOD)],
            changes=[Change("c1", at, place(code), "x") for at, code in [(1, "a"), (15, "b"), (35, "c")]]
            + [Change("c1", 50, None, "x")],
            recorded=60,
        )
    )
    (history,) = store.histories(25, 40)
    assert history.online == ((20, OFFLINE, ()), (30, ONLINE, ()))
    assert history.picture == ((12, State.GOOD, ()),)
    assert history.placements == ((15, place("b")), (35, place("c")))
    (later,) = store.histories(30, 100)
    assert later.online == ((20, OFFLINE, ()), (30, ONLINE, ()), (40, OFFLINE, ()))
    assert later.placements[-1] == (50, None)


def test_of_flips_of_one_moment_the_last_decided_holds(store: Store) -> None:
    """A picture found good and forgotten at the same moment is unknown, though the good was decided later."""
    store.write(Batch(flips=[flip("c1", 10, State.GOOD, decided=70)]))
    store.write(
        Batch(flips=[flip("c1", 10, UNKNOWN, State.GOOD, axis=Axis.PICTURE, decided=10, reason="timeout")])
    )
    (history,) = store.histories(0, 100)
    assert history.picture == ((10, UNKNOWN, ()),)
    assert store.states() == {("c1", Axis.PICTURE): (UNKNOWN, 10, (), "timeout")}


def test_histories_come_sorted_and_can_be_narrowed(store: Store) -> None:
    """Histories stream in order of camera id, for all, for named cameras, or for those ever in a region."""
    moves = [Change("b", 0, place("r1"), "x"), Change("b", 5, place("r2"), "x"), Change("a", 0, place("r2"), "x")]
    store.write(Batch(changes=[*moves, Change("c", 0, place("r3"), "x")], recorded=9))
    assert [h.camera for h in store.histories(0, 10)] == ["a", "b", "c"]
    assert [h.camera for h in store.histories(0, 10, cameras={"c", "a", "none"})] == ["a", "c"]
    assert [h.camera for h in store.histories(0, 10, regions={"r1"})] == ["b"]
    assert [h.camera for h in store.histories(0, 10, regions={"r2"}, cameras={"b", "c"})] == ["b"]


def test_more_cameras_than_one_query_takes(store: Store) -> None:
    """A fleet larger than one read's part comes out complete, each camera once, with its own flips."""
    ids = [f"{number:05d}" for number in range(1203)]
    store.write(Batch(flips=[flip(camera, int(camera) + 1, ONLINE) for camera in ids]))
    found = {history.camera: history.online for history in store.histories(0, 5000)}
    assert found == {camera: ((int(camera) + 1, ONLINE, ()),) for camera in ids}
    assert len(store.states()) == 1203


def test_a_run_is_one_heartbeat_and_a_gap_shows(store: Store) -> None:
    """The heartbeat of a run grows, another run's stands apart, and both are cut to the period."""
    for heartbeat in [(100, 100), (100, 200), (100, 150), (500, 600)]:
        store.write(Batch(heartbeat=heartbeat))
    assert store.heartbeats(0, 1000) == [(100, 200), (500, 600)]
    assert store.heartbeats(150, 550) == [(150, 200), (500, 550)]
    assert store.heartbeats(200, 500) == []
    assert (store.first_heartbeat(), store.last_heartbeat()) == (100, 600)


def test_runs_that_overlap_count_once(store: Store) -> None:
    """After the clock was set back, no second is seen twice."""
    for heartbeat in [(100, 300), (200, 250), (240, 400)]:
        store.write(Batch(heartbeat=heartbeat))
    assert store.heartbeats(0, 1000) == [(100, 400)]


def test_an_empty_store_knows_nothing(store: Store) -> None:
    """Every question to a new store has an empty answer, not an error."""
    assert store.first_heartbeat() is None
    assert store.last_heartbeat() is None
    for nothing in (
        store.heartbeats(0, 10),
        [*store.histories(0, 10)],
        store.flips("c", 0, 9),
        store.recent_flips(3),
    ):
        assert nothing == []
    for answer in (store.states(), store.memories(), store.placements_at(), store.regions(), store.names()):
        assert answer == {}
    assert store.prune(10**15) == 0


def test_what_was_learnt_of_a_camera_survives(store: Store) -> None:
    """Memories, names, first answers and reboots are read back; a first answer is never moved."""
    memory = Memory(
        "http://10.0.0.1/s",
        clock_offset_seconds=-3.5,
        refusals=3,
        refused_login="ab",
        booted_at=1.5,
    )
    store.write(Batch(memories={"c1": Memory(), "c2": memory}, names={"c1": "东门"}, reached={"c1": 50}))
    store.write(Batch(memories={"c1": memory}, names={"c1": "西门"}, reached={"c1": 90}, reboots={"c2": 2}))
    assert store.memories() == {"c1": memory, "c2": memory}
    assert store.names() == {"c1": "西门", "c2": ""}
    assert store.reached() == {"c1": 50}
    assert store.reboots() == {"c2": 2}


def test_where_cameras_stand_now(store: Store) -> None:
    """The newest placement holds, a later record of one moment beats the earlier, gone cameras are absent."""
    full = Placement("r1", "2", "police", "m1", Lifecycle.SUSPENDED, "sw1", "Mon-Fri 08:00-20:00", False)
    store.write(Batch(changes=[Change("a", 1, place("r1"), "x"), Change("b", 1, place("r1"), "x")], recorded=1))
    store.write(Batch(changes=[Change("a", 1, full, "y"), Change("b", 7, None, "y")], recorded=2))
    assert store.placements_at() == {"a": full}
    (history,) = store.histories(0, 10, cameras={"a"})
    assert history.placements == ((1, full),)
    store.write(Batch(changes=[Change("b", 9, place("r2"), "z")], recorded=3))
    assert store.placements_at() == {"a": full, "b": place("r2")}


def test_records_are_chosen_by_lists_of_names(store: Store) -> None:
    """Changes of placement and incidents can be narrowed to any number of cameras and regions."""
    moves = [Change(camera, 5, place("r1"), "x") for camera in ("a", "b'", "南")]
    store.write(Batch(changes=moves, recorded=9))
    many = [f"camera-{number}" for number in range(40_000)]
    found = store.placement_changes(0, 10, {"b'", "南", *many})
    assert [change.camera for change in found] == ["b'", "南"]
    assert store.incidents(0, 10, regions={"r1", *many}) == []


def test_regions_that_are_gone_are_still_known(store: Store) -> None:
    """A region that left the inventory keeps its name for old periods; a renamed one has its new name."""
    old, gone = Region("3206", "南通", "city"), Region("320602", "崇川", "county", "3206")
    store.write(Batch(regions=[old, gone], recorded=1))
    store.write(Batch(regions=[Region("3206", "南通市", "city")], recorded=2))
    assert store.regions() == {"3206": Region("3206", "南通市", "city"), "320602": gone}


def test_a_promise_broken_by_the_caller_is_refused() -> None:
    """A flip after its heartbeat, a heartbeat that runs backwards, or an undated change is a bug, seen at once."""
    with pytest.raises(ValueError, match="flips at 11, after the heartbeat's end 10"):
        Batch(flips=[flip("c1", 11, ONLINE)], heartbeat=(0, 10))
    with pytest.raises(ValueError, match="ends before it starts"):
        Batch(heartbeat=(2, 1))
    with pytest.raises(ValueError, match="recorded"):
        Batch(changes=[Change("c1", 1, None, "x")])


def test_a_reader_sees_one_moment_while_the_writer_goes_on(store: Store, url: str) -> None:
    """Histories that are being read don't change under a writer, and neither waits for the other."""
    ids = [f"{number:04d}" for number in range(1000)]
    store.write(Batch(flips=[flip(camera, 1, ONLINE) for camera in ids]))
    reader = Store.open(url, writer=False)
    running = reader.histories(0, 100)
    first = next(running)
    store.write(Batch(flips=[flip(camera, 2, OFFLINE, ONLINE) for camera in ids]))
    assert {history.online for history in (first, *running)} == {((1, ONLINE, ()),)}
    assert {len(history.online) for history in reader.histories(0, 100)} == {2}
    reader.close()


def test_threads_may_read_while_one_writes(store: Store) -> None:
    """Four threads read whole histories during two hundred commits; each sees only whole batches."""
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            lengths = {len(history.online) for history in store.histories(0, 10_000)}
            if len(lengths) > 1:
                wrong.append(lengths)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for at in range(1, 201):
            state, was = (ONLINE, OFFLINE) if at % 2 else (OFFLINE, ONLINE)
            store.write(Batch(flips=[flip(camera, at, state, was) for camera in "abc"], heartbeat=(0, at)))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert {len(history.online) for history in store.histories(0, 10_000)} == {200}


def test_the_disk_has_a_commit_before_it_is_acknowledged(tmp_path: Path) -> None:
    """SQLite's writing connection syncs at every commit, and the file is private to its user and group."""
    store = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    with store._writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert store.path.stat().st_mode & 0o777 == 0o640
    store.close()


def test_a_store_that_is_not_open_for_writing_says_so(store: Store, url: str) -> None:
    """Writing through a reader, or after closing, is an error; nothing is written."""
    reader = Store.open(url, writer=False)
    store.close()
    for closed in (reader, store):
        with pytest.raises(StoreError, match="not open for writing"):
            closed.write(Batch(heartbeat=(1, 2)))
    assert reader.last_heartbeat() is None
    reader.close()


MOMENTS = st.integers(1, 60)
FLIPS = st.lists(st.tuples(st.sampled_from("ab"), MOMENTS, st.sampled_from([*State])), max_size=40)
BEATS = st.lists(st.tuples(MOMENTS, st.integers(0, 20)), max_size=6)


@settings(max_examples=40, deadline=None)
@given(FLIPS, BEATS, MOMENTS, st.integers(0, 30))
def test_forgetting_changes_nothing_after_the_cutoff(
    flips: list[tuple[str, int, State]], beats: list[tuple[int, int]], cutoff: int, later: int
) -> None:
    """Whatever is in the store, no history or heartbeat from the cutoff on differs after pruning."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(f"sqlite:///{directory}/healthd.db", writer=True)
        for camera, at, state in flips:
            axis = Axis.ONLINE if state in (ONLINE, OFFLINE) else Axis.PICTURE
            store.write(Batch(flips=[flip(camera, at, state, axis=axis)]))
        for start, length in beats:
            store.write(Batch(heartbeat=(start, start + length)))
        start = cutoff + later
        before = [*store.histories(start, 100)], store.heartbeats(start, 100), store.states()
        firsts = store.first_heartbeat(), store.last_heartbeat()
        store.prune(cutoff)
        assert ([*store.histories(start, 100)], store.heartbeats(start, 100), store.states()) == before
        assert (store.first_heartbeat(), store.last_heartbeat()) == firsts
        old = [found.at for camera in "ab" for found in store.flips(camera, 0, cutoff)]
        assert len(old) <= 6  # of each camera: how it stood on both axes, and the first of missing pictures
        store.close()


def test_a_history_tells_since_when_pictures_are_missing(store: Store) -> None:
    """However often a camera went offline meanwhile, its history begins with the first missing picture since one
    was judged, before the period and after a clean-up too."""
    missing, axis = State.NO_PICTURE, Axis.PICTURE
    states = [missing, State.GOOD, missing, UNKNOWN, missing, UNKNOWN, missing]
    store.write(Batch(flips=[flip("c1", at, state, axis=axis) for at, state in enumerate(states, 1)]))
    whole = ((3, missing, ()), (6, UNKNOWN, ()), (7, missing, ()))
    assert [history.picture for history in store.histories(7, 100)] == [whole]
    assert store.prune(7) == 4
    assert [history.picture for history in store.histories(7, 100)] == [whole]
    store.write(Batch(flips=[flip("c1", 9, State.FAULTY, missing, faults=("dark",))]))
    assert [history.picture for history in store.histories(10, 100)] == [((9, State.FAULTY, ("dark",)),)]


def test_damaged_values_name_the_file_and_the_remedy(store: Store, url: str) -> None:
    """A state, placement, memory or evidence that healthd cannot have written is an error with its remedy."""
    store.write(
        Batch(
            flips=[flip("c1", 1, ONLINE, evidence=({"asked": 1},))],
            changes=[Change("c1", 1, place("r1"), "x")],
            memories={"c1": Memory(refusals=1)},
            recorded=1,
        )
    )
    with store._writing() as raw:
        raw.exec_driver_sql("UPDATE flips SET state = 77, evidence = '{'")
        raw.exec_driver_sql("UPDATE placements SET lifecycle = 'no such'")
        raw.exec_driver_sql("UPDATE memories SET fields = 'x'")
        raw.commit()
    questions = (
        store.states,
        store.placements_at,
        store.memories,
        lambda: store.flips("c1", 0, 9),
        lambda: [*store.histories(0, 9)],
    )
    for ask in questions:
        with pytest.raises(
            StoreError, match=r"healthd\.db: damaged .*healthd restore|healthd_\d+: damaged .*restore a dump"
        ):
            ask()
