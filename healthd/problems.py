"""What is wrong with the user's files: one `Problem` a place, all of them at once in a `BadInput`."""

from __future__ import annotations

import difflib
import enum
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """An error refuses the files; a warning is shown and they are taken."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct. `line` is 1-based, None where the whole file is meant; `key` names the setting,
    column or value; `remedy` says what to do. No field ever holds a secret."""

    file: str
    line: int | None
    key: str
    message: str
    remedy: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        words = [place]
        if self.severity is Severity.WARNING:
            words.append("warning")
        if self.key:
            words.append(self.key)
        return ": ".join([*words, self.message]) + (f" ({self.remedy})" if self.remedy else "")


class BadInput(Exception):  # noqa: N818 - the name says whose mistake it is
    """The user's files can't be taken. `problems` holds every error found, at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Wrong(ValueError):  # noqa: N818 - as above
    """A value that can't be taken, with the remedy apart from the message."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def brief(text: str, most: int = 200) -> str:
    """Text from a user's file, short enough for a message and on one line."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in short)


class Problems:
    """Collects problems. Beyond `limit` a file and severity they are only counted: a wrong column in 100,000
    rows is one mistake, not 100,000."""

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._kept: list[Problem] = []
        self._seen: Counter[tuple[str, Severity]] = Counter()

    def add(
        self,
        file: str,
        line: int | None,
        key: str,
        message: str,
        remedy: str | Callable[[], str] = "",
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """A remedy that is costly to find (a search for the nearest name) is passed as a function, which is
        called only for problems that are kept."""
        self._seen[file, severity] += 1
        if self._seen[file, severity] <= self._limit:
            text = remedy if isinstance(remedy, str) else remedy()
            self._kept.append(Problem(file, line, key, message, text, severity))

    @property
    def count(self) -> int:
        """How many were added so far, warnings included."""
        return self._seen.total()

    def has_errors(self, file: str) -> bool:
        return self._seen[file, Severity.ERROR] > 0

    def errors(self) -> list[Problem]:
        """All errors by file and line, and for each file the number of those left out."""
        return list(self._of(Severity.ERROR))

    def warnings(self) -> list[Problem]:
        return list(self._of(Severity.WARNING))

    def _of(self, severity: Severity) -> Iterator[Problem]:
        for file in dict.fromkeys(problem.file for problem in self._kept):
            mine = [p for p in self._kept if p.file == file and p.severity is severity]
            yield from sorted(mine, key=lambda problem: problem.line or 0)
            rest = self._seen[file, severity] - len(mine)
            if rest > 0:
                noun = "problems" if severity is Severity.ERROR else "warnings"
                yield Problem(file, None, "", f"and {rest:,} more {noun}", severity=severity)


_LETTERS = string.ascii_letters + string.digits + "._-/"
_DIFFLIB_AT_MOST = 500  # difflib compares with every name; beyond that only one-letter slips are looked for


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known name that `word` was probably meant to be, or None.

    One letter too many, too few, wrong or swapped is found by look-up, whatever the number of names."""
    word = word.strip()
    if not 1 < len(word) <= 64:  # any letter is one slip from any other
        return None
    slips = sorted({slip for slip in _one_slip(word) if slip in known})
    if slips:
        return max(slips, key=lambda slip: difflib.SequenceMatcher(None, word, slip).ratio())
    if len(known) > _DIFFLIB_AT_MOST:
        return None
    by_lower = {name.lower(): name for name in sorted(known)}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return by_lower[close[0]] if close else None


def _one_slip(word: str) -> Iterator[str]:
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in _LETTERS:
            yield head + letter + tail[1:]
            yield head + letter + tail


def did_you_mean(word: str, known: Collection[str], otherwise: str = "") -> str:
    """A remedy: the nearest name, or `otherwise` where none is near."""
    name = nearest(word, known)
    return f'did you mean "{name}"?' if name is not None else otherwise
