"""What becomes of a finding that was none: the seconds, the threshold, the trace, the precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthd.false_alarms import FalseAlarm, false_alarms, given_back, precisions, spells
from healthd.figures.ledger import lines_of, told_mark
from healthd.filings.exemptions import Cover
from healthd.filings.levers import Moves, lines
from healthd.model import Axis, Change, Flip, Placement, State
from healthd.picture_desk import mark_false, own_thresholds, withdraw_mark
from healthd.problems import Wrong
from healthd.rates.buckets import Bucket
from healthd.rates.explain import Entry as Told
from healthd.rates.timeline import Entry, Watch
from healthd.store import Batch, Store
from probes.picture.verdict import Fault

HOUR = 3_600_000


def alarm(fault: str, start: int, end: int) -> FalseAlarm:
    return FalseAlarm("c1", fault, start * HOUR, end * HOUR, 0.4, 0.36, "Li", 100 * HOUR)


def line(*entries: tuple[int, str]) -> list[Entry]:
    """(hour, faults); no faults: good."""
    return [(at * HOUR, State.FAULTY if faults else State.GOOD, tuple(faults.split())) for at, faults in entries]


def test_a_whole_spell_is_given_back() -> None:
    """Where no other fault holds the picture was good; the rest of the timeline stays as it was."""
    found = line((1, ""), (5, "blur"), (9, ""), (20, "blur"))
    assert given_back(found, [alarm("blur", 5, 9)]) == line((1, ""), (20, "blur"))


def test_another_fault_of_the_same_time_stays() -> None:
    """Only what was marked is taken out of the set."""
    found = line((1, ""), (5, "blur"), (6, "blur stripes"), (9, ""))
    assert given_back(found, [alarm("blur", 5, 9)]) == line((1, ""), (6, "stripes"), (9, ""))


def test_a_mark_ends_where_it_says() -> None:
    """A spell that was marked while it held counts again from the moment of the mark on, if it goes on."""
    found = line((1, ""), (5, "blur"))
    assert given_back(found, [alarm("blur", 5, 8)]) == line((1, ""), (8, "blur"))


def test_a_period_that_begins_within_the_spell() -> None:
    """The first entry is the one that holds as the period begins: it is given back too."""
    assert given_back(line((5, "blur"), (9, "")), [alarm("blur", 5, 9)]) == line((5, ""))


TIMES = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["", "blur", "dark", "blur dark"])), max_size=8)


@given(TIMES, st.integers(0, 30), st.integers(0, 30))
def test_every_moment_by_itself(times: list[tuple[int, str]], one: int, other: int) -> None:
    """At every hour the timeline says what it said, less the marked fault while the mark covers it."""
    entries = line(*sorted(dict(times).items()))
    start, end = sorted((one, other))
    after = given_back(entries, [alarm("blur", start, end)])
    assert [entry[0] for entry in after] == sorted({entry[0] for entry in after})
    for hour in range(31):
        was, now = (_at(timeline, hour * HOUR) for timeline in (entries, after))
        if was is not None:
            assert now == tuple(fault for fault in was if not (fault == "blur" and start <= hour < end))


def _at(timeline: Sequence[Entry], moment: int) -> tuple[str, ...] | None:
    held = [faults for at, _, faults in timeline if at <= moment]
    return held[-1] if held else None


def flip(at: int, faults: str, value: float = 0.4) -> Flip:
    named = tuple(faults.split())
    findings = [{"fault": fault, "value": value, "threshold": 0.52} for fault in named]
    evidence = ({"asked": at * HOUR, "state": "faulty", "findings": findings},) if named else ()
    state = State.FAULTY if named else State.GOOD
    return Flip("c1", Axis.PICTURE, at * HOUR, state, State.UNKNOWN, named, "ok", at * HOUR, evidence)


def test_spells_go_on_while_the_fault_is_in_the_set() -> None:
    """Another fault that comes and goes does not cut a spell; each value of it is remembered."""
    flips = [
        flip(1, ""),
        flip(5, "blur"),
        flip(6, "blur dark", 0.3),
        flip(7, "blur"),
        flip(9, ""),
        flip(20, "blur"),
    ]
    first, second = spells(flips, "blur")
    assert (first.start, first.end, sorted(first.values)) == (5 * HOUR, 9 * HOUR, [0.3, 0.4, 0.4])
    assert (second.start, second.end) == (20 * HOUR, None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'healthd.db'}", writer=True)
    opened.write(
        Batch(
            flips=[flip(1, ""), flip(5, "blur"), flip(9, ""), flip(20, "noise", 21.0)],
            heartbeat=(HOUR, 40 * HOUR),
            changes=[Change("c1", HOUR, Placement("r", "1"), "test")],
            recorded=HOUR,
        )
    )
    yield opened
    opened.close()


def picture(store: Store, as_found: bool = False) -> list[Entry]:
    (history,) = store.histories(HOUR, 40 * HOUR, as_found=as_found)
    return [*history.picture]


def test_a_mark_gives_seconds_back_and_leaves_its_trace(store: Store) -> None:
    """Histories read otherwise, what was found is kept, the record says who and why; the rule is stricter."""
    mark_false(store, "c1", "blur", by="Li", now=30 * HOUR, note="dew on the glass")
    assert picture(store) == line((1, ""), (20, "noise"))
    assert picture(store, as_found=True) == line((1, ""), (5, "blur"), (9, ""), (20, "noise"))
    assert [one.faults for one in store.flips("c1", 0, 40 * HOUR)] == [(), ("blur",), (), ("noise",)]
    (record,) = store.lever_changes()
    assert (record.lever, record.subject, record.at) == ("false_alarm", "c1", 5 * HOUR)
    assert (record.author, record.recorded, record.note) == ("Li", 30 * HOUR, "dew on the glass")
    (kept,) = false_alarms([record])["c1"]
    assert (kept.start, kept.end, kept.value, kept.threshold) == (5 * HOUR, 9 * HOUR, 0.4, 0.36)
    assert own_thresholds(store) == {"c1": {Fault.BLUR: 0.36}}


def test_an_open_spell_is_given_back_up_to_the_mark(store: Store) -> None:
    """What is found after the mark is found by the stricter threshold, and counts."""
    mark_false(store, "c1", "noise", by="Li", now=30 * HOUR)
    assert picture(store) == line((1, ""), (5, "blur"), (9, ""), (30, "noise"))
    assert own_thresholds(store) == {"c1": {Fault.NOISE: 23.1}}


@pytest.mark.parametrize(
    ("fault", "at", "message"),
    [
        ("blurr", None, '"blurr" is not a fault'),
        ("moved", None, "moved was not found ever"),
        ("blur", 2 * HOUR, "blur was not found at that time"),
    ],
)
def test_what_was_not_found_cannot_be_marked(store: Store, fault: str, at: int | None, message: str) -> None:
    """A slip of the pen gives nothing back."""
    with pytest.raises(Wrong, match=message):
        mark_false(store, "c1", fault, by="Li", now=30 * HOUR, at=at)
    assert store.lever_changes() == []


def test_a_finding_is_marked_once(store: Store) -> None:
    """The same seconds are not given back twice."""
    mark_false(store, "c1", "blur", by="Li", now=30 * HOUR)
    with pytest.raises(Wrong, match="was marked already"):
        mark_false(store, "c1", "blur", by="Wu", now=31 * HOUR)


def test_a_mark_can_be_withdrawn(store: Store) -> None:
    """The finding counts again and the threshold goes; mark and withdrawal both stay as records."""
    mark_false(store, "c1", "blur", by="Li", now=30 * HOUR, note="dew")
    withdraw_mark(store, "c1", "blur", by="Wu", now=31 * HOUR, at=6 * HOUR, note="it was the lens after all")
    assert picture(store) == picture(store, as_found=True)
    assert own_thresholds(store) == {}
    marked, withdrawn = store.lever_changes()
    assert (marked.author, marked.after is None, withdrawn.author, withdrawn.after) == ("Li", False, "Wu", None)
    assert (withdrawn.at, withdrawn.recorded, withdrawn.note) == (5 * HOUR, 31 * HOUR, "it was the lens after all")
    with pytest.raises(Wrong, match="no mark of blur holds"):
        withdraw_mark(store, "c1", "blur", by="Wu", now=32 * HOUR)
    mark_false(store, "c1", "blur", by="Li", now=33 * HOUR)
    assert picture(store) == line((1, ""), (20, "noise"))
    assert own_thresholds(store) == {"c1": {Fault.BLUR: 0.36}}


def test_a_mark_is_listed_wherever_its_seconds_reach(store: Store) -> None:
    """Asked for a period that begins within the finding: the mark is among its changes, and no older one."""
    mark_false(store, "c1", "blur", by="Li", now=30 * HOUR)
    withdraw_mark(store, "c1", "blur", by="Wu", now=31 * HOUR)
    assert [one.author for one in store.lever_changes(8 * HOUR, 40 * HOUR)] == ["Li", "Wu"]
    assert store.lever_changes(9 * HOUR, 40 * HOUR) == []
    history = next(store.histories(HOUR, 40 * HOUR))
    moves = Moves((), Cover((), {}, ()), (), store.lever_changes(8 * HOUR, 40 * HOUR))
    told = lines(moves, [history], Watch([(HOUR, 40 * HOUR)], ZoneInfo("UTC"), 8 * HOUR, 40 * HOUR))
    assert [(one.before, one.after, one.camera_ms) for one in told] == [("", "blur", HOUR), ("blur", "", HOUR)]


def test_a_ledger_names_the_mark(store: Store) -> None:
    """Whoever asks why a second counts as good is told who said so."""
    mark_false(store, "c1", "blur", by="Li", now=30 * HOUR, note="dew")
    (mark,) = store.false_alarms()["c1"]
    good = [Told(a * HOUR, b * HOUR, Bucket.GOOD, State.ONLINE, State.GOOD, (), "") for a, b in ((1, 5), (5, 20))]
    assert [one.marks for one in lines_of(good, (), [mark])] == [[], [mark]]
    assert told_mark(mark, ZoneInfo("UTC")) == (
        "blur of 1970-01-01T05:00:00+00:00 to 1970-01-01T09:00:00+00:00 marked as false by Li "
        "at 1970-01-02T06:00:00+00:00: dew"
    )


def test_precision_counts_findings_and_marks(store: Store) -> None:
    """Of what began within the period: a fault that goes on is one finding, and one mark is one mark."""
    mark_false(store, "c1", "blur", by="Li", now=30 * HOUR)
    timelines = [("c1", picture(store, as_found=True)), ("c2", line((1, ""), (6, "blur"), (7, "blur dark")))]
    told = precisions(timelines, store.false_alarms(), 4 * HOUR, 40 * HOUR)
    assert [(one.fault, one.found, one.marked, one.ratio) for one in told] == [
        ("blur", 2, 1, 0.5),
        ("dark", 1, 0, 1.0),
        ("noise", 1, 0, 1.0),
    ]
