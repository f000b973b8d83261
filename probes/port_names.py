"""How ports are named, by switches and by keepers of inventories: `GigabitEthernet1/0/3`, `gi3`, `3口`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

_SPLIT = re.compile(r"((?:\d+(?=g))?[^\d.]*?)(\d+(?:[/:_-][a-z]?\d+)*)")  # the digits of 10GE1/0/3 are of the word
_AFTER = re.compile(r"\s*(?:号?端?口|号)$")
_SPACE = re.compile(r"\s*([/:_-])\s*")
_ANY_KIND = frozenset(["", "p", "port", "no", "if", "interface", "端口", "口", "接口", "网口", "电口", "第"])
_KINDS = {
    "fast": "f fa fas fe fastethernet",
    "gigabit": "g gi gig gige ge gigabit gigabitethernet gigaethernet",
    "multigigabit": "tw twogigabitethernet fi fivegigabitethernet",
    "ten": "t te ten tengige tengi tge xe xg xge xgi xgigabitethernet tengigabitethernet 10ge 10gigabitethernet",
    "twentyfive": "twe twentyfivegige 25ge",
    "forty": "fo fortygige fortygigabitethernet 40ge",
    "hundred": "hu hundredgige 100ge",
    "ethernet": "e et eth ether ethernet",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}


class Named(Protocol):
    """What of a port its finding needs."""

    @property
    def name(self) -> str: ...

    @property
    def descr(self) -> str: ...

    @property
    def alias(self) -> str: ...

    @property
    def physical(self) -> bool: ...


P = TypeVar("P", bound=Named)


@lru_cache(maxsize=1 << 14)  # a switch's ports are called the same in every walk
def split_name(text: str) -> tuple[str, tuple[int, ...]] | None:
    """("gigabit", (1, 0, 3)) of `GigabitEthernet1/0/3` and `Gi1/0/3`: a known kind of port or the word itself,
    an empty one for `Port`, and the numbers. None for a text that does not end in numbers, and for subinterfaces
    (`Gi0/3.100`)."""
    plain = _SPACE.sub(r"\1", _AFTER.sub("", unicodedata.normalize("NFKC", text).strip().lower()))
    match = _SPLIT.fullmatch(plain)
    if match is None or len(plain) > 64:
        return None
    word = "".join(char for char in match[1] if char.isalnum())
    kind = "" if word in _ANY_KIND else _KIND_OF.get(word, word)
    return kind, tuple(int(number) for number in re.findall(r"\d+", match[2]))


def port_named(ports: Sequence[P], text: str) -> P | None:
    """The one port that an inventory's text means, or None where that could be another one or none.

    A whole name or description counts first. Else the text's kind of port must fit where it has one, and its
    numbers: all of them (`1/0/3`), or the last of the port's (`0/3`, `3`), or the port's own after a unit and
    slot of 0 or 1 (`1/0/3` for a port called `gi3`). Where no number fits, a whole alias counts: aliases are often
    out of date. Each must fit one port only.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return None
    fitting = next(filter(None, _meanings(ports, text, wanted)), [])
    return fitting[0] if len(fitting) == 1 else None


def _meanings(ports: Sequence[P], text: str, wanted: str) -> Iterator[list[P]]:
    """The ports that fit, one way of reading after the other; each only where those before failed."""
    yield [port for port in ports if port.name.casefold() == wanted]
    yield [port for port in ports if port.descr.casefold() == wanted]
    yield from _by_numbers(ports, text)
    yield [port for port in ports if port.alias.casefold() == wanted]


def _by_numbers(ports: Sequence[P], text: str) -> Iterator[list[P]]:
    meant = split_name(text)
    if meant is None:
        return
    kind, numbers = meant
    named = [(port, split) for port in ports if port.physical and (split := _split(port))]
    kinds = [(port, own[1]) for port, own in named if not kind or not own[0] or kind == own[0]]
    for fits in (_equal, _ends, _unit_and_slot):
        yield [port for port, own in kinds if fits(own, numbers)]


def _split(port: Named) -> tuple[str, tuple[int, ...]] | None:
    return split_name(port.name) or split_name(port.descr)


def _equal(own: tuple[int, ...], numbers: tuple[int, ...]) -> bool:
    return own == numbers


def _ends(own: tuple[int, ...], numbers: tuple[int, ...]) -> bool:
    return own[-len(numbers) :] == numbers


def _unit_and_slot(own: tuple[int, ...], numbers: tuple[int, ...]) -> bool:
    before = numbers[: -len(own)]
    return numbers[-len(own) :] == own and set(before) <= {0, 1}
