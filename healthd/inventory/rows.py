"""What the readers of all inventory files share: taking a cell, looking up a name, finding circles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from healthd.problems import Problems, Wrong, brief, did_you_mean

_Value = TypeVar("_Value")


def quoted(column: str, text: str) -> str:
    """`column "text"`, as messages show it."""
    return f'{column} "{brief(text, 60)}"'


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a column may refer to. `known` None: nothing can be said, because their file could not be
    read whole or there is none."""

    file: str
    known: Collection[str] | None


@dataclass(frozen=True, slots=True)
class References:
    """The names outside their own file that devices and cameras may refer to."""

    regions: Names
    maintainers: Names
    credentials: Names
    units: Names = Names("", None)


class Rows:
    """Takes the cells of one file; what is wrong goes to `problems`, and a fallback is returned so that the
    rest of the row is checked too."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems

    def take(self, line: int, column: str, text: str, parse: Callable[[str], _Value], fallback: _Value) -> _Value:
        try:
            return parse(text)
        except Wrong as wrong:
            self.problems.add(self.file, line, quoted(column, text), brief(str(wrong)), wrong.remedy)
            return fallback

    def required(self, line: int, column: str, text: str) -> str:
        if not text:
            self.problems.add(self.file, line, column, "is empty", "fill it in")
        return text

    def look_up(self, line: int, column: str, name: str, names: Names) -> None:
        """An empty name refers to nothing and is fine; so is any name where nothing is known."""
        if name and names.known is not None and name not in names.known:
            remedy = partial(did_you_mean, name, names.known, f"add it to {names.file}, or correct it")
            self.problems.add(self.file, line, quoted(column, name), "unknown", remedy)

    def first_of(self, line: int, column: str, name: str, lines: dict[str, int]) -> bool:
        """Notes the line of a new id; False, with a problem, where it was there before."""
        first = lines.setdefault(name, line)
        if first != line:
            self.problems.add(
                self.file, line, quoted(column, name), f"doubled (first on line {first})", "each needs its own"
            )
        return first == line

    def no_circles(self, column: str, above: Mapping[str, str], lines: Mapping[str, int], remedy: str) -> None:
        """`above`: id -> the id that its `column` names, "" at the top."""
        for circle in _circles(above):
            first = min(circle, key=lambda member: lines[member])
            at = circle.index(first)
            way = [*circle[at:], *circle[:at], first]
            shown = " → ".join(way if len(way) <= 8 else [*way[:4], "…", *way[-3:]])
            self.problems.add(
                self.file, lines[first], quoted(column, above[first]), f"is a circle: {shown}", remedy
            )


def _circles(above: Mapping[str, str]) -> Iterator[list[str]]:
    """Every circle of a graph in which each node has at most one edge."""
    done: set[str] = set()
    for start in above:
        way: dict[str, None] = {}
        node = start
        while node in above and node not in done and node not in way:
            way[node] = None
            node = above[node]
        if node in way:
            nodes = list(way)
            yield nodes[nodes.index(node) :]
        done.update(way)
