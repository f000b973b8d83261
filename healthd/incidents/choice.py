"""The fewest repairs that together lift by so much. Pure; exact for groups that share no repair."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple


class Group(NamedTuple):
    """One repair, what it lifts by itself, and what opens up after it: (lift, the further repairs for it). A
    tuple, as a dying city has hundreds of thousands of them."""

    repair: str
    own: int
    further: Sequence[tuple[int, frozenset[str]]] = ()

    @property
    def falling(self) -> bool:
        """Whether no later repair lifts more than the one it waits for: whoever takes the most first keeps to
        the order by himself."""
        return all(lift <= self.own and len(repairs) == 1 for lift, repairs in self.further)


@dataclass(frozen=True, slots=True)
class _Pick:
    """Some repairs and what they lift: `repairs` and those of two picks before. Linked, so that a table of many
    stays small."""

    lift: int
    repairs: frozenset[str] = frozenset()
    before: _Pick | None = None
    beside: _Pick | None = None

    def all(self) -> Iterator[str]:
        waiting: list[_Pick | None] = [self]
        while waiting:
            pick = waiting.pop()
            if pick is not None:
                yield from pick.repairs
                waiting += (pick.before, pick.beside)


_Table = list[_Pick | None]
"""The best pick of just so many repairs, by their number; None where there is none."""

_NOTHING = _Pick(0)


def fewest(groups: Sequence[Group], missing: int) -> frozenset[str] | None:
    """The fewest repairs that lift by at least `missing`, and of several such choices the one that lifts most;
    None if all of them together don't."""
    knotted = [group for group in groups if group.further and not group.falling]
    plain = [(-group.own, 0, group.repair) for group in groups if not group.further]
    simple = sorted(
        [*plain, *(step for group in groups if group.further and group.falling for step in _falling(group))]
    )
    reach = [0, *accumulate(-lift for lift, _, _ in simple)]
    table = _table(knotted, _limit(groups, missing)) if knotted else [_NOTHING]
    choices = []
    for number, pick in enumerate(table):
        count = len(reach) if pick is None else bisect_left(reach, missing - pick.lift)
        if pick is not None and count < len(reach):
            choices.append((number + count, -pick.lift - reach[count], number, pick))
    if not choices:
        return None
    total, _, number, pick = min(choices, key=lambda choice: choice[:3])
    return frozenset((*pick.all(), *(repair for _, _, repair in simple[: total - number])))


def _falling(group: Group) -> Iterator[tuple[int, int, str]]:
    """Steps to be sorted: (lift, negative; its own before those that wait for it; repair)."""
    yield -group.own, 0, group.repair
    for lift, repairs in group.further:
        yield -lift, 1, min(repairs)


def _limit(groups: Sequence[Group], missing: int) -> int:
    """So many repairs are enough, if any number is."""
    reach = [*accumulate(sorted((group.own for group in groups), reverse=True))]
    enough = bisect_left(reach, missing) + 1
    if enough <= len(reach):
        return enough
    return len(groups) + sum(len(repairs) for group in groups for _, repairs in group.further)


def _table(groups: Iterable[Group], limit: int) -> _Table:
    table: _Table = [_NOTHING]
    for group in groups:
        curve = _curve(group, limit)
        joined: _Table = [None] * min(len(table) + len(curve) - 1, limit + 1)
        for count, pick in enumerate(table):
            for more, other in enumerate(curve[: len(joined) - count]):
                if pick is not None and other is not None:
                    lift = pick.lift + other.lift
                    joined[count + more] = _better(joined[count + more], lift, frozenset(), pick, other)
        table = joined
    return table


def _curve(group: Group, limit: int) -> _Table:
    """What one group lifts with no repair, with its own, and with further ones."""
    curve: _Table = [_NOTHING, _Pick(group.own, frozenset([group.repair]))]
    for lift, repairs in sorted(group.further, key=lambda entry: (-entry[0], sorted(entry[1]))):
        size = len(repairs)
        curve += [None] * max(0, min(size, limit + 1 - len(curve)))
        for count in range(len(curve) - 1, size, -1):  # from above: each is taken once
            pick = curve[count - size]
            if pick is not None:
                curve[count] = _better(curve[count], pick.lift + lift, repairs, pick, None)
    return curve


def _better(known: _Pick | None, lift: int, repairs: frozenset[str], before: _Pick, beside: _Pick | None) -> _Pick:
    if known is not None and known.lift >= lift:
        return known
    return _Pick(lift, repairs, before, beside)
