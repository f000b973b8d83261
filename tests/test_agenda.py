"""The agenda gives out everything once, in order, at its latest time."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from healthd.agenda import Agenda


@dataclass(eq=False)
class Item:
    """An item with a name."""

    name: str
    leaves: float = 0.0


TIMES = st.floats(0, 20) | st.integers(0, 20).map(float)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), TIMES) | st.floats(0, 3, exclude_min=True), max_size=60),
    st.floats(0, 1e6),
)
def test_everything_leaves_once_in_order_at_its_latest_time(
    steps: list[tuple[str, float] | float], start: float
) -> None:
    """Whatever is put in, moved and taken out in whatever order: what is due leaves, and nothing else."""
    agenda: Agenda[Item] = Agenda()
    items = {name: Item(name) for name in "abcdefgh"}
    expected: dict[str, float] = {}
    now = start
    for step in [*steps, 30.0]:
        if isinstance(step, tuple):
            name, after = step
            agenda.put(items[name], now + after)
            expected[name] = now + after
            continue
        now += step
        due = {name: leaves for name, leaves in expected.items() if leaves <= now}
        assert agenda.wait(now - step, 60.0) <= max(0.0, min([*expected.values(), now + 60]) - (now - step))
        left = [item.name for item in agenda.leaving(now)]
        assert sorted(left) == sorted(due)
        assert [due[name] for name in left] == sorted(due.values())
        expected = {name: leaves for name, leaves in expected.items() if leaves > now}


def test_one_that_was_moved_to_and_fro_leaves_once() -> None:
    """An early asking that ends with the old due time leaves two entries for one moment behind."""
    agenda: Agenda[Item] = Agenda()
    item = Item("a")
    assert [*agenda.leaving(1.0)] == []
    for leaves in (7.25, 1.5):
        agenda.put(item, leaves)
    assert [*agenda.leaving(2.0)] == [item]
    agenda.put(item, 7.25)
    assert [*agenda.leaving(8.0)] == [item]
    assert [*agenda.leaving(100.0)] == []


def test_a_machine_that_slept_finds_all_that_it_missed() -> None:
    """After a night's sleep what was due leaves in order, and what is not due stays."""
    agenda: Agenda[Item] = Agenda()
    for name, at in (("late", 40_000.0), ("early", 10.5), ("later", 90_000.0)):
        agenda.put(Item(name), at)
    assert [item.name for item in agenda.leaving(50_000.25)] == ["early", "late"]
    assert [item.name for item in agenda.leaving(90_000.0)] == ["later"]
