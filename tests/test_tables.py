"""Reading tables: encodings, damaged and hostile CSV, and Excel files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from healthd.inventory.tables import Columns, read_table
from healthd.problems import Problems

COLUMNS = Columns(("id", "name"), ("note", "maintainer"), tags=True)
Rows = list[tuple[int, list[str]]]


def read(directory: Path, content: bytes | str, columns: Columns = COLUMNS) -> tuple[Rows | None, list[str]]:
    """The rows, and the problems as text, warnings last."""
    path = directory / "cameras.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = Problems()
    table, _ = read_table(path, columns, problems)
    rows = [*table.rows(problems)] if table else None
    return rows, [str(problem) for problem in [*problems.errors(), *problems.warnings()]]


def excel(rows: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("fleet", 0)
    for row in rows:
        sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings(tmp_path: Path, encoding: str, newline: str) -> None:
    """What Excel, WPS and editors save is read alike, whatever its encoding and line ends."""
    text = newline.join(["id,name", "c1,南通市崇川区", '"c2","a ""quoted"", name"', ""])
    assert read(tmp_path, text.encode(encoding)) == (
        [(2, ["c1", "南通市崇川区"]), (3, ["c2", 'a "quoted", name'])],
        [],
    )


def test_gb18030_has_a_mark_too(tmp_path: Path) -> None:
    """A byte order mark in GB18030 is no part of the first column's name."""
    assert read(tmp_path, "\ufeffid,name\nc1,南通\n".encode("gb18030")) == ([(2, ["c1", "南通"])], [])


def test_damaged_utf8_is_not_taken_for_gb18030(tmp_path: Path) -> None:
    """One broken byte in UTF-8 text is told with its line, not read as other characters."""
    good = "id,name\nc1,南通市崇川区学田街道\nc2,人民路\n".encode()
    rows, problems = read(tmp_path, good[:-4] + good[-3:])
    assert rows is None
    assert problems == ["cameras.csv:3: is neither UTF-8 nor GB18030 from here on (save it as CSV UTF-8)"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cameras.csv: is empty (its first line names the columns: id,name)"),
        (b"\xef\xbb\xbf", "cameras.csv: is empty (its first line names the columns: id,name)"),
        ("id,name\n".encode("utf-16"), "cameras.csv: is UTF-16 text (save it as CSV UTF-8 or as .xlsx)"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1",
            "cameras.csv: is an old Excel file (.xls) (save it as CSV UTF-8 or as .xlsx)",
        ),
        (
            b"id,name\nc1,\0\n",
            "cameras.csv:2: holds a NUL byte: it is binary or damaged (save it as CSV UTF-8 or as",
        ),
        (b"\xff\xff\xff\xff", "cameras.csv:1: is neither UTF-8 nor GB18030 from here on (save it as CSV UTF-8)"),
        (b"PK\x03\x04 but no more", "cameras.csv: is not an .xlsx file that can be read: File is not a zip file"),
        (b"id;name\nc1;x\n", "cameras.csv:1: its columns are parted by ';' (save it with commas between them)"),
        (b"id,nane\nc1,x\n", 'cameras.csv:1: column "name": missing (rename column "nane")'),
        (b"id\nc1\n", 'cameras.csv:1: column "name": missing (add it: name)'),
        (b"id,name,id\nc1,x,y\n", 'cameras.csv:1: column "id": doubled (remove or rename one of the two)'),
        (b'"id,name\nc1,x\n', "cameras.csv:1: a double quote that opens here is never closed ("),
    ],
)
def test_not_a_table(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is no table gets one line that says what it is and what to do."""
    rows, problems = read(tmp_path, content)
    assert rows is None
    assert len(problems) == 1
    assert problems[0].startswith(message)


def test_no_file(tmp_path: Path) -> None:
    """Nothing, a directory, or a path through a file: each says so."""
    problems = Problems()
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "absent.csv", tmp_path, tmp_path / "file" / "x.csv"):
        assert read_table(path, COLUMNS, problems) == (None, b"")
    assert [problem.message.partition(":")[0] for problem in problems.errors()] == [
        "no such file", "is a directory", "cannot be read",
    ]  # fmt: skip


def test_rows_that_cannot_be_taken(tmp_path: Path) -> None:
    """Ragged rows and endless cells are told with their line; the good rows around them are read all the same."""
    text = "\n".join(
        ["id,name", "c1,a", "c2", "c3,b,c", "c4,d,,", "", " , ", ",,,", "c5," + "x" * 1_000_000,
         "c6," + "y" * 5000, '"c7","broken"quote', "c8,two", '"c9","on two\nlines"', "c10,z"]
    )  # fmt: skip
    rows, problems = read(tmp_path, text)
    assert rows == [
        (2, ["c1", "a"]),
        (5, ["c4", "d"]),
        (12, ["c8", "two"]),
        (13, ["c9", "on two\nlines"]),
        (15, ["c10", "z"]),
    ]
    assert [problem.partition(" (")[0] for problem in problems] == [
        "cameras.csv:3: has 1 cells, the header has 2",
        "cameras.csv:4: has 3 cells, the header has 2",
        "cameras.csv:9: a cell is longer than 131,072 characters",
        "cameras.csv:10: name: is longer than 4,096 characters",
        "cameras.csv:11: is not CSV: ',' expected after '\"'",
    ]


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    """A forgotten quote is told at the line where it opens, once."""
    text = 'id,name\nc1,"open\n' + "".join(f"c{n},x\n" for n in range(500))
    rows, problems = read(tmp_path, text)
    assert rows == []
    assert [problem.partition(" (")[0] for problem in problems] == [
        "cameras.csv:2: a double quote that opens here is never closed"
    ]


def test_headers(tmp_path: Path) -> None:
    """Known columns are found whatever their case and place; a misspelt one is kept as a tag, with a warning."""
    rows, problems = read(tmp_path, "Name, ID ,maintaner,Pole,\nx,c1,m,p,\n")
    assert rows == [(2, ["x", "c1", "m", "p"])]
    assert problems == ['cameras.csv:1: warning: column "maintaner": kept as a tag (did you mean "maintainer"?)']
    _, problems = read(tmp_path, "id,name,colour\nc1,x,red\n", Columns(("id", "name")))
    assert problems == ['cameras.csv:1: warning: column "colour": not known, ignored']


def test_excel(tmp_path: Path) -> None:
    """An Excel file says the same as CSV: numbers, dates and empty cells as one would write them."""
    rows: list[list[object]] = [
        ["id", "name", "note"],
        ["32060201001320000001", "南通", 1.0],
        [7, "b", 120.8812],
        ["c", "d", date(2026, 11, 21)],
        [None, None, None],
        ["e", True, None],
        ["f", None, "z"],
    ]
    assert read(tmp_path, excel(rows)) == (
        [
            (2, ["32060201001320000001", "南通", "1"]),
            (3, ["7", "b", "120.8812"]),
            (4, ["c", "d", "2026-11-21"]),
            (6, ["e", "yes", ""]),
            (7, ["f", "", "z"]),
        ],
        [],
    )


def test_excel_numbers_that_lost_digits(tmp_path: Path) -> None:
    """A 20-digit id that Excel made a number of is told, not taken with zeros at its end."""
    _, problems = read(tmp_path, excel([["id", "name"], [32060201001320000001, "x"]]))
    assert len(problems) == 1
    assert problems[0].startswith("cameras.csv:2: 3206020100132000")
    assert "Excel took this for a number and has lost its last digits (format the column as text" in problems[0]


def test_damaged_excel(tmp_path: Path) -> None:
    """Cut off or altered anywhere, an Excel file gives problems or rows, never a crash."""
    data = excel([["id", "name"], *[[f"c{n}", f"名{n}"] for n in range(50)]])
    for at in range(10, len(data), max(1, len(data) // 60)):
        for damaged in (data[:at], data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]):
            rows, problems = read(tmp_path, damaged)
            assert rows is not None or problems


def test_other_zip_files(tmp_path: Path) -> None:
    """A zip file that is no workbook, and one that would unpack to gigabytes, are refused at once."""
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as parts:
        parts.writestr("readme.txt", "x")
    _, problems = read(tmp_path, other.getvalue())
    assert problems[0].startswith("cameras.csv: is not an .xlsx file that can be read: ")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w") as parts:
        parts.writestr("xl/worksheets/sheet1.xml", "x")
        parts.infolist()[0].file_size = 1_100_000_000
    _, problems = read(tmp_path, bomb.getvalue())
    assert problems == ["cameras.csv: unpacks to more than 1,000,000,000 bytes (save it as CSV UTF-8)"]
