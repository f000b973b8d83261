"""What the live windows count in: for each group and situation the camera-milliseconds gathered so far.

A hot mutable table, used by `windows` alone: a flip touches a few cells, a page reads all of them. What a cell
has gathered until `t` is linear in `t` between changes, `base + count × t`: a camera that comes in at `a` takes
`a` off the base and adds one to the count, one that goes out at `b` does the reverse. So the order in which
changes come makes no difference, and one dated in the past is put right by taking out what it replaces.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from healthd.model import Moment
from healthd.rates.pool import Group
from healthd.rates.timeline import Piece, Situation


def group_of(piece: Piece) -> Group:
    return piece.placement.region, piece.placement.class_


class Gathered:
    """Camera-milliseconds as a linear function of time."""

    __slots__ = ("base", "count")

    def __init__(self) -> None:
        self.base = 0
        self.count = 0

    def at(self, moment: Moment) -> int:
        return self.base + self.count * moment

    def enter(self, moment: Moment, cameras: int) -> None:
        """So many cameras more (or fewer, if negative) from `moment` on."""
        self.base -= cameras * moment
        self.count += cameras


class Cell(Gathered):
    """One situation of one group: `count` cameras are in it now."""

    __slots__ = ("booked", "group", "marks", "situation")

    def __init__(self, group: Group, situation: Situation, marks: int) -> None:
        super().__init__()
        self.group = group
        self.situation = situation
        self.marks = [0] * marks  # what had been gathered at each of the table's marks
        self.booked = Gathered()  # the same function, without changes after `booked_until`


class Cells:
    """All cells. `marks`: past moments, sorted, at which what had been gathered is kept; before the first of them
    nothing is. `booked_until`: up to here the booked sums are closed; later news can't change them."""

    def __init__(self, marks: Iterable[Moment], booked_until: Moment) -> None:
        self.marks = [*marks]
        self.booked_until = booked_until
        self._cells: dict[Group, dict[Situation, Cell]] = {}
        self._undecided: list[tuple[Moment, int, Cell, int]] = []  # heap: when, order, where, how many cameras
        self._order = itertools.count()

    def __iter__(self) -> Iterator[Cell]:
        return (cell for cells in self._cells.values() for cell in cells.values())

    def book(self, piece: Piece, cameras: int, now: Moment) -> Cell:
        """Puts so many cameras' piece in (negative: takes it out); one that ends after `now` is going on."""
        start, end = piece.start, piece.end
        group = group_of(piece)
        cells = self._cells.setdefault(group, {})
        cell = cells.get(piece.situation)
        if cell is None:
            cell = cells[piece.situation] = Cell(group, piece.situation, len(self.marks))
        ended = end <= now
        if ended:
            cell.base += cameras * (end - start)  # in and out at once
        else:
            cell.enter(start, cameras)
        if start < self.marks[-1]:
            for number, mark in enumerate(self.marks):
                if start < mark:
                    cell.marks[number] += cameras * (min(end, mark) - start)
        if end > self.booked_until:
            self._decide(start, cell, cameras)
            if ended:
                self._decide(end, cell, -cameras)
        return cell

    def leave(self, cell: Cell, at: Moment) -> None:
        """One camera leaves its cell; `at` is later than all marks."""
        cell.enter(at, -1)
        self._decide(at, cell, -1)

    def mark(self, marks: Iterable[Moment], now: Moment) -> None:
        """Keeps what has been gathered by these moments: `now`, and others that are marks already."""
        old, self.marks = self.marks, sorted(marks)
        for cell in self:
            known = {**dict(zip(old, cell.marks, strict=True)), now: cell.at(now)}
            cell.marks = [known[mark] for mark in self.marks]

    def between(self, start: Moment, end: Moment | None, now: Moment) -> dict[Group, dict[Situation, int]]:
        """What was gathered from one mark to the other, or to `now`; cells that gathered nothing left out."""
        first = self.marks.index(start)
        last = None if end is None else self.marks.index(end)
        amounts: dict[Group, dict[Situation, int]] = {}
        for group, cells in self._cells.items():
            sums = {
                situation: gathered
                for situation, cell in cells.items()
                if (gathered := (cell.at(now) if last is None else cell.marks[last]) - cell.marks[first])
            }
            if sums:
                amounts[group] = sums
        return amounts

    def counts(self) -> dict[Group, dict[Situation, int]]:
        """How many cameras are in each cell now; empty cells left out."""
        counts = {
            group: {situation: cell.count for situation, cell in cells.items() if cell.count}
            for group, cells in self._cells.items()
        }
        return {group: sums for group, sums in counts.items() if sums}

    def booked(self, until: Moment) -> dict[Group, dict[Situation, int]]:
        """Closes the booked sums up to `until`, not earlier than last time, and returns them."""
        self.booked_until = until = max(self.booked_until, until)
        while self._undecided and self._undecided[0][0] <= until:
            at, _, cell, cameras = heappop(self._undecided)
            cell.booked.enter(at, cameras)
        return {
            group: {situation: cell.booked.at(until) for situation, cell in cells.items()}
            for group, cells in self._cells.items()
        }

    def _decide(self, at: Moment, cell: Cell, cameras: int) -> None:
        if at <= self.booked_until:
            cell.booked.enter(self.booked_until, cameras)  # what is booked stays so: it counts from there on
        else:
            heappush(self._undecided, (at, next(self._order), cell, cameras))
