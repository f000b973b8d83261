"""Courses: what rates need of flips survives the flips, to the millisecond."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.model import Axis, CameraHistory, Flip, State
from healthd.store import Batch, Store
from healthd.store.courses import begin_of, month_of

JANUARY = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY = 86_400_000
FIRST, LAST = JANUARY - 40 * DAY, JANUARY + 70 * DAY  # five calendar months
STATES = {
    Axis.ONLINE: (State.ONLINE, State.OFFLINE, State.UNKNOWN),
    Axis.PICTURE: (State.GOOD, State.FAULTY, State.NO_PICTURE, State.UNKNOWN),
}
FAULTS = st.sampled_from([(), ("dark",), ("blur", "dark")])


def at_moments() -> st.SearchStrategy[int]:
    """Mostly at the edges of days and months, where something may be lost."""
    edges = [begin_of(month_of(JANUARY) + number) for number in range(-1, 3)]
    near = st.builds(lambda edge, off: edge + off, st.sampled_from(edges), st.sampled_from([-1, 0, 1, DAY]))
    return st.one_of(near, st.integers(FIRST, LAST))


@st.composite
def flips(draw: st.DrawFn) -> Flip:
    axis = draw(st.sampled_from([*Axis]))
    state = draw(st.sampled_from(STATES[axis]))
    faults = draw(FAULTS) if state is State.FAULTY else ()
    return Flip(draw(st.sampled_from("abc")), axis, draw(at_moments()), state, State.UNKNOWN, faults)


BATCHES = st.lists(st.tuples(st.lists(flips(), min_size=1, max_size=5), st.booleans()), max_size=12)


def opened(directory: str, name: str) -> Store:
    return Store.open(f"sqlite:///{directory}/{name}.db", writer=True)


def all_histories(store: Store, spans: list[tuple[int, int]]) -> list[list[CameraHistory]]:
    return [[*store.histories(start, end)] for start, end in spans]


@settings(max_examples=25, deadline=None)
@given(BATCHES, st.lists(st.tuples(at_moments(), at_moments()), min_size=1, max_size=4), at_moments())
def test_histories_outlive_their_flips(
    batches: list[tuple[list[Flip], bool]], spans: list[tuple[int, int]], cutoff: int
) -> None:
    """Whatever is rolled over whenever, in whatever order it was written, every history stays as it was, before
    and after the flips are forgotten."""
    spans = [(min(span), max(span) + 1) for span in spans]
    with tempfile.TemporaryDirectory() as directory:
        plain, rolled = opened(directory, "plain"), opened(directory, "rolled")
        for batch, rolls in batches:
            for store in (plain, rolled):
                store.write(Batch(flips=batch))
            if rolls:
                rolled.roll_over()
        expected = all_histories(plain, spans)
        assert all_histories(rolled, spans) == expected
        rolled.prune(cutoff)
        assert all_histories(rolled, spans) == expected
        assert rolled.states() == plain.states()
        rolled.write(Batch(flips=[Flip("a", Axis.ONLINE, LAST, State.OFFLINE, State.ONLINE)]))
        plain.write(Batch(flips=[Flip("a", Axis.ONLINE, LAST, State.OFFLINE, State.ONLINE)]))
        whole = [(FIRST, LAST + 1)]
        assert all_histories(rolled, whole) == all_histories(plain, whole)
        plain.close()
        rolled.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = opened(str(tmp_path), "healthd")
    yield found
    found.close()


def online(camera: str, at: int, *, good: bool) -> Flip:
    state, was = (State.ONLINE, State.OFFLINE) if good else (State.OFFLINE, State.ONLINE)
    return Flip(camera, Axis.ONLINE, at, state, was)


def test_a_roll_over_can_be_repeated_and_catches_up(store: Store) -> None:
    """Nothing is packed twice, what was written since is packed at the next, after months of standstill too."""
    for number in range(200):
        store.write(Batch(flips=[online("a", FIRST + number * DAY // 2, good=number % 2 == 0)]))
    before = [*store.histories(FIRST, LAST)]
    assert store.roll_over(LAST) == 200
    assert store.roll_over(LAST) == 0
    assert store.settled() == LAST
    store.write(Batch(flips=[online("a", FIRST + DAY // 4, good=True)]))  # dated back into a packed day
    assert store.roll_over(FIRST) == 1
    assert store.settled() == LAST, "what is settled stays so when the clock is set back"
    [history] = store.histories(FIRST, LAST)
    assert {*history.online} - {*before[0].online} == {(FIRST + DAY // 4, State.ONLINE, ())}


def test_a_flip_dated_before_a_packed_summary_finds_its_place(store: Store) -> None:
    """A missing picture that is written late and dated before a good one does not count after that."""
    november, december, february = (begin_of(month_of(JANUARY) + number) for number in (-2, -1, 1))

    def picture(at: int, state: State) -> Flip:
        return Flip("c", Axis.PICTURE, at, state, State.UNKNOWN)

    store.write(Batch(flips=[picture(december - 1, State.GOOD), picture(december + DAY, State.UNKNOWN)]))
    store.write(Batch(flips=[online("c", february + DAY, good=True)]))  # gives February a course of its own
    store.roll_over()
    store.write(Batch(flips=[picture(november + DAY, State.NO_PICTURE)]))
    [history] = store.histories(february, february + 9 * DAY)
    assert history.picture == ((december + DAY, State.UNKNOWN, ()),)


def test_courses_go_when_their_own_time_is_over(store: Store) -> None:
    """Months before the retention of days are forgotten, but for how each camera stood when the rest begins."""
    times = [FIRST + number * 5 * DAY for number in range(20)]
    store.write(Batch(flips=[online("a", at, good=number % 2 == 0) for number, at in enumerate(times)]))
    store.write(Batch(flips=[online("quiet", FIRST, good=True)]))
    kept = begin_of(month_of(JANUARY))
    expected = [*store.histories(kept, LAST)]
    store.prune(LAST, kept)
    assert [*store.histories(kept, LAST)] == expected
    [old, quiet] = store.histories(FIRST, kept)
    assert len(old.online) < len([at for at in times if at < kept])
    assert quiet.online == ((FIRST, State.ONLINE, ()),)


def test_a_month_of_a_quiet_camera_costs_nothing(store: Store) -> None:
    """A camera without a change has no row of its own, and is known all the same."""
    store.write(Batch(flips=[online("quiet", FIRST, good=True), online("other", LAST - DAY, good=True)]))
    store.roll_over()
    with store._reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM courses").scalar() == 2
    [history] = store.histories(LAST - 3 * DAY, LAST, cameras={"quiet"})
    assert history.online == ((FIRST, State.ONLINE, ()),)
