"""Rows of the inventory's files: CSV (UTF-8 with or without BOM, or GB18030) and .xlsx, told apart by content."""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from healthd.problems import Problems, Severity, did_you_mean

LONGEST_CELL = 4096  # characters; a name or an address has a few dozen
_LARGEST_BYTES = 1_000_000_000
_ZIP, _OLD_EXCEL, _UTF16 = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", (b"\xff\xfe", b"\xfe\xff")
_MOST_DIGITS = 15  # what a number in Excel keeps; a 20-digit id loses its end


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one kind of file. Others are kept as tags where `tags`, else ignored with a warning."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    tags: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        return self.required + self.optional


class Table:
    """One file's header and, read once, its rows.

    `torn` tells, after the rows were read, that some of them could not be: what is missing may stand there."""

    def __init__(self, file: str, columns: Sequence[str], lines: Iterator[tuple[int, list[str]]]) -> None:
        self.file = file
        self.columns = tuple(columns)
        self.torn = False
        self._lines = lines

    def rows(self, problems: Problems) -> Iterator[tuple[int, list[str]]]:
        """(line, cells): one cell a column, stripped of white space around it. Blank rows are left out, ragged
        and overlong ones are problems."""
        width = len(self.columns)
        for line, raw in self._lines:
            if not line:
                self.torn = True
                continue
            cells = [*map(str.strip, raw)]
            if len(cells) != width:
                if not any(cells):
                    continue
                if len(cells) < width or any(cells[width:]):
                    self._ragged(problems, line, len(cells))
                    continue
                del cells[width:]
            # The whole row first: a look at every cell costs as much as reading it.
            if len("".join(cells)) > LONGEST_CELL and max(map(len, cells)) > LONGEST_CELL:
                self._too_long(problems, line, cells)
            elif any(cells):
                yield line, cells

    def _ragged(self, problems: Problems, line: int, cells: int) -> None:
        self.torn = True
        message = f"has {cells} cells, the header has {len(self.columns)}"
        problems.add(self.file, line, "", message, "put text that holds a comma or a quote in double quotes")

    def _too_long(self, problems: Problems, line: int, cells: Sequence[str]) -> None:
        self.torn = True
        column = next(column for column, cell in zip(self.columns, cells, strict=True) if len(cell) > LONGEST_CELL)
        remedy = "shorten it; or a double quote that opens it is never closed"
        problems.add(self.file, line, column, f"is longer than {LONGEST_CELL:,} characters", remedy)


def read_table(path: Path, columns: Columns, problems: Problems) -> tuple[Table | None, bytes]:
    """The table in `path`, and the SHA-256 of the file. None: it can't be read at all, which is a problem."""
    file = path.name
    data = _read_bytes(path, problems)
    if data is None:
        return None, b""
    digest = hashlib.sha256(data).digest()
    excel = data.startswith(_ZIP)
    if excel:
        lines = _xlsx_lines(file, data, problems)
    else:
        text = _decode(file, data, problems)
        if text is None:
            return None, digest
        del data  # half of the memory that a large file takes
        lines = _csv_lines(file, text, problems)
    header = next(lines, None)
    if header is None or not header[0]:
        if header is None:
            problems.add(
                file, None, "", "is empty", f"its first line names the columns: {','.join(columns.required)}"
            )
        return None, digest
    names = _header(file, header, columns, problems)
    return (Table(file, names, lines) if names is not None else None), digest


def _read_bytes(path: Path, problems: Problems) -> bytes | None:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            problems.add(
                path.name, None, "", f"is larger than {_LARGEST_BYTES:,} bytes", "this is not an inventory"
            )
            return None
        return path.read_bytes()
    except FileNotFoundError:
        problems.add(path.name, None, "", f"no such file: {path}", "correct `inventory:` in the configuration")
    except IsADirectoryError:
        problems.add(path.name, None, "", "is a directory", "name the file in it")
    except OSError as error:
        problems.add(path.name, None, "", f"cannot be read: {error.strerror}", "check its owner and mode")
    return None


def _decode(file: str, data: bytes, problems: Problems) -> str | None:
    """The text of a CSV file, or None with the problem."""
    as_csv = "save it as CSV UTF-8 or as .xlsx"
    if data.startswith(_OLD_EXCEL):
        problems.add(file, None, "", "is an old Excel file (.xls)", as_csv)
    elif data.startswith(_UTF16):
        problems.add(file, None, "", "is UTF-16 text", as_csv)
    elif (at := data.find(b"\0")) >= 0:
        problems.add(file, data.count(b"\n", 0, at) + 1, "", "holds a NUL byte: it is binary or damaged", as_csv)
    else:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return _decode_chinese(file, data, error, problems)
    return None


def _decode_chinese(file: str, data: bytes, error: UnicodeDecodeError, problems: Problems) -> str | None:
    # Damaged UTF-8 often passes as GB18030, with wrong characters; text that is GB18030 makes hardly any valid
    # UTF-8, so the larger share tells them apart.
    lenient = data.decode("utf-8", errors="replace")
    broken = lenient.count("\ufffd")
    valid = len(lenient) - len(lenient.encode("ascii", "ignore")) - broken
    if broken >= valid:
        try:
            return data.decode("gb18030").removeprefix("\ufeff")
        except UnicodeDecodeError as other:
            error = other
    line = data.count(b"\n", 0, error.start) + 1
    problems.add(file, line, "", "is neither UTF-8 nor GB18030 from here on", "save it as CSV UTF-8")
    return None


def _csv_lines(file: str, text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """(line on which the row begins, cells); line 0 stands for rows that could not be read."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(file, line, "", *_csv_words(error))
            yield 0, []
            continue
        yield line, cells


def _csv_words(error: csv.Error) -> tuple[str, str]:
    words = str(error)
    if "field limit" in words:
        return (
            f"a cell is longer than {csv.field_size_limit():,} characters",
            "shorten it; or a double quote that opens a cell is never closed",
        )
    if "unexpected end" in words:
        return (
            "a double quote that opens here is never closed",
            "close it, or double it (two in a row) inside text",
        )
    return (
        f"is not CSV: {words}",
        "put text that holds a comma or a quote in double quotes, and double quotes in it",
    )


def _header(file: str, header: tuple[int, list[str]], columns: Columns, problems: Problems) -> list[str] | None:
    """The column names, or None where the rows could not be understood."""
    line, raw = header
    names = [name.strip() for name in raw]
    while names and not names[-1]:
        names.pop()
    # Case is forgiven in what we know, and kept in tags.
    names = [name.lower() if name.lower() in columns.known else name for name in names]
    missing = [column for column in columns.required if column not in names]
    if len(names) == 1 and missing and (mark := next((m for m in ";\t|" if m in names[0]), None)):
        problems.add(file, line, "", f"its columns are parted by {mark!r}", "save it with commas between them")
        return None
    for column in missing:
        others = [name for name in names if name not in columns.known]
        problems.add(file, line, f'column "{column}"', "missing", _misspelt(column, others))
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        problems.add(file, line, f'column "{name}"', "doubled", "remove or rename one of the two")
    if missing or len(set(names)) < len(names):
        return None
    _warn_of_unknown(file, line, names, columns, problems)
    return names


def _misspelt(column: str, others: Sequence[str]) -> str:
    """The remedy for a missing column: perhaps it is there under a name that is nearly right."""
    found = did_you_mean(column, others)
    return found.replace("did you mean", "rename column").rstrip("?") if found else f"add it: {column}"


def _warn_of_unknown(file: str, line: int, names: Sequence[str], columns: Columns, problems: Problems) -> None:
    absent = [column for column in columns.known if column not in names]
    for name in names:
        if name in columns.known:
            continue
        near = did_you_mean(name, absent)
        if near or not columns.tags:
            message = "kept as a tag" if columns.tags else "not known, ignored"
            problems.add(file, line, f'column "{name}"', message, near, severity=Severity.WARNING)


def _xlsx_lines(file: str, data: bytes, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet as text, numbered as Excel numbers them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            if sum(part.file_size for part in parts.infolist()) > _LARGEST_BYTES:
                problems.add(
                    file, None, "", f"unpacks to more than {_LARGEST_BYTES:,} bytes", "save it as CSV UTF-8"
                )
                yield 0, []
                return
        width = 0
        for number, row in enumerate(_quietly(_sheet_rows(data)), 1):
            cells = [_cell(file, number, value, problems) for value in row]
            width = width or len(cells)
            # Empty cells at the end of a row are not in the file.
            yield number, cells + [""] * (width - len(cells))
    except _NOT_XLSX as error:
        problems.add(file, None, "", f"is not an .xlsx file that can be read: {error}", "save it as CSV UTF-8")
        yield 0, []


# What openpyxl lets through of a damaged file: from zip, deflate, XML (a SyntaxError) and from its own look-ups.
_NOT_XLSX = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    SyntaxError,
    KeyError,
    ValueError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OSError,
)


def _sheet_rows(data: bytes) -> Iterator[tuple[object, ...]]:
    import openpyxl  # few have their inventory in Excel, and it takes 8 MB

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    sheet = book.worksheets[0]
    # The size that a sheet claims may be a million empty rows, or too small.
    sheet.reset_dimensions()
    yield from sheet.iter_rows(values_only=True)
    book.close()


def _quietly(rows: Iterator[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Without openpyxl's warnings about styles and extensions, which say nothing about cells."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            row = next(rows, None)
        if row is None:
            return
        yield row


def _cell(file: str, line: int, value: object, problems: Problems) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float) and abs(value) >= 10**_MOST_DIGITS:
        problems.add(
            file,
            line,
            f"{value:.0f}",
            "Excel took this for a number and has lost its last digits",
            "format the column as text and enter the ids again",
        )
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
