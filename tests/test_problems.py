"""Problems: how they read, how many are shown, and what a misspelt name is taken for."""

from __future__ import annotations

import time

import pytest

from healthd.problems import BadInput, Problem, Problems, Severity, brief, did_you_mean, nearest


def test_reads_as_one_line() -> None:
    """A problem names file, line, key, what is wrong and the remedy."""
    problem = Problem("cameras.csv", 14, 'region "32069"', "unknown", 'did you mean "320691"?')
    assert str(problem) == 'cameras.csv:14: region "32069": unknown (did you mean "320691"?)'
    assert str(Problem("healthd.yml", None, "", "is empty")) == "healthd.yml: is empty"
    warning = Problem("cameras.csv", 2, 'id "x"', "odd", severity=Severity.WARNING)
    assert str(warning) == 'cameras.csv:2: warning: id "x": odd'


def test_bad_input_is_its_problems() -> None:
    """The exception prints all its problems, one a line."""
    error = BadInput([Problem("a", 1, "x", "bad"), Problem("a", 2, "y", "bad")])
    assert str(error) == "a:1: x: bad\na:2: y: bad"


def test_counts_beyond_the_limit() -> None:
    """The same mistake in every row fills no screen: beyond the limit problems are only counted, by file."""
    problems = Problems(limit=3)
    for line in range(1004, 2, -1):
        problems.add("cameras.csv", line, "class", "bad")
    problems.add("regions.csv", 5, "level", "bad")
    problems.add("cameras.csv", 9, "id", "odd", severity=Severity.WARNING)
    errors = problems.errors()
    assert [str(error) for error in errors] == [
        "cameras.csv:1002: class: bad",
        "cameras.csv:1003: class: bad",
        "cameras.csv:1004: class: bad",
        "cameras.csv: and 999 more problems",
        "regions.csv:5: level: bad",
    ]
    assert [str(warning) for warning in problems.warnings()] == ["cameras.csv:9: warning: id: odd"]


def test_remedies_are_sought_only_for_what_is_shown() -> None:
    """A costly search for the nearest name is not made for problems that are only counted."""
    sought: list[int] = []

    def remedy() -> str:
        sought.append(1)
        return "do so"

    problems = Problems(limit=2)
    for line in range(10):
        problems.add("f", line, "k", "m", remedy)
    assert len(sought) == 2


def test_brief() -> None:
    """What a message repeats from a file is short, and can't move a terminal's cursor."""
    assert brief("南通\x1b[2J\n市") == "南通\\x1b[2J\\n市"
    assert brief("x" * 1_000_000, 5) == "xxxx…"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("32069", "320691"),
        ("3206911", "320691"),
        ("320961", "320691"),
        ("32O691", "320691"),
        ("Chongchuan", "chongchuan"),
        ("quite-else", None),
        ("4", None),
        ("", None),
        ("9" * 1_000_000, None),
    ],
)
def test_nearest(word: str, meant: str | None) -> None:
    """One letter too many, too few, wrong or swapped finds the name that was meant; anything else finds none."""
    assert nearest(word, {"320691", "chongchuan", "3201", "1", "2"}) == meant


def test_nearest_among_many_is_quick() -> None:
    """A misspelt name is found among 100,000 in milliseconds, without comparing it with each."""
    known = {f"sw-{number:06}" for number in range(100_000)}
    began = time.perf_counter()
    assert did_you_mean("sw-01234", known, "none") == 'did you mean "sw-001234"?'
    assert did_you_mean("quite-else", known, "none") == "none"
    assert time.perf_counter() - began < 0.5
