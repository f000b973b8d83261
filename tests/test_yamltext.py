"""Reading YAML: lines, doubled keys, and what hostile or half-written files get."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthd.options.yamltext import Document, read_yaml
from healthd.problems import BadInput


def read(directory: Path, content: str | bytes) -> Document:
    path = directory / "healthd.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path)


def refusal(directory: Path, content: str | bytes) -> str:
    with pytest.raises(BadInput) as caught:
        read(directory, content)
    return str(caught.value).replace(str(directory) + "/", "")


def test_remembers_lines(tmp_path: Path) -> None:
    """Every key and list item knows its line, comments and blank lines counted."""
    document = read(tmp_path, "# top\na: 1\n\nb:\n  c: [x,\n      y]\n")
    assert document.value == {"a": 1, "b": {"c": ["x", "y"]}}
    assert document.lines[("a",)] == 2
    assert document.lines[("b", "c")] == 5
    assert document.lines[("b", "c", 1)] == 6
    assert document.problem(("b", "d"), "missing").line == 4


def test_values_are_what_they_look_like(tmp_path: Path) -> None:
    """Only plain whole numbers, booleans and nothing are converted; all else stays as it was written."""
    text = "a: 0512\nb: 0.98\nc: 2026-01-01\nd: 1:30\ne: yes\nf: ~\n"
    text += "g: -7\nh: 127.0.0.1:9808\ni: '5'\nj: 1_000\nk: 0x10\n"
    assert read(tmp_path, text).value == {
        "a": "0512", "b": "0.98", "c": "2026-01-01", "d": "1:30", "e": True, "f": None, "g": -7,
        "h": "127.0.0.1:9808", "i": "5", "j": "1_000", "k": "0x10",
    }  # fmt: skip


def test_doubled_keys(tmp_path: Path) -> None:
    """Every doubled key is a problem that names both lines."""
    document = read(tmp_path, "a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert [str(problem).partition("healthd.yml:")[2] for problem in document.problems] == [
        "2: b.c: doubled (first on line 2) (remove one of the two)",
        "3: a: doubled (first on line 1) (remove one of the two)",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "healthd.yml: is empty (begin with"),
        (b"# nothing\n", "healthd.yml: is empty (begin with"),
        (b"\x7fELF\0\0", "healthd.yml: is binary, not text ("),
        ("a: 1\nsite: 南通\n".encode("gb18030"), "healthd.yml:2: is not UTF-8 (save it as UTF-8)"),
        (b"- a\n- b\n", "healthd.yml:1: is not a list of `key: value` settings ("),
        (b"just words\n", "healthd.yml:1: is not a list of `key: value` settings ("),
        (b"a: 1\nb: {c: 1,\n", "healthd.yml:3: this is not YAML: "),
        (b'a: 1\nb: "c\n', "the file seems to be cut off"),
        (b"a:\n\t- b\n", "healthd.yml:2: this is not YAML: while scanning for the next token, found character"),
        (b"a: 1\n b: 2\n", "healthd.yml:2: this is not YAML: mapping values are not allowed here"),
        (b"a: \x01\n", "healthd.yml:1: holds a control character"),
        (b"a: 1\n---\nb: 1\n", "healthd.yml:2: this is not YAML: expected a single document"),
        (b"a: &x 1\nb: *x\n", "healthd.yml:2: this is not YAML: aliases (*name) are not taken"),
        (b"a: " + b"[" * 100_000, "healthd.yml:1: this is not YAML: nested more than 20 levels deep"),
        (b"a: " + b"x" * 5_000_000, "healthd.yml: is larger than 4,000,000 bytes"),
    ],
)
def test_refuses(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is no configuration gets one clear line, with the place where that can be told."""
    text = refusal(tmp_path, content)
    assert message in text
    assert "\n" not in text


def test_tabs_get_their_remedy(tmp_path: Path) -> None:
    """A tab in the indentation is called by its name."""
    assert "indent with spaces, not with tabs" in refusal(tmp_path, "a:\n\t- b\n")


def test_tags_are_refused(tmp_path: Path) -> None:
    """A tag builds nothing: it is a problem with its line."""
    document = read(tmp_path, "a: 1\nb: !!python/object/apply:os.system [id]\nc: !secret x\n")
    assert [problem.line for problem in document.problems] == [2, 3]
    assert document.value == {"a": 1, "b": None, "c": None}


def test_keys_that_are_not_text(tmp_path: Path) -> None:
    """A list or a mapping as a key is a problem, not a crash."""
    document = read(tmp_path, "? [a, b]\n: 1\n? {c: d}\n: 2\n")
    assert [problem.message for problem in document.problems] == ["a key must be plain text"] * 2


def test_no_file(tmp_path: Path) -> None:
    """A path with nothing or a directory behind it says so."""
    with pytest.raises(BadInput, match="no such file"):
        read_yaml(tmp_path / "absent.yml")
    with pytest.raises(BadInput, match="is a directory"):
        read_yaml(tmp_path)
