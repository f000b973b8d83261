"""Writes reports so that a reader never meets half of one: whole files under their names, or nothing.

A kept report is a folder of its own, made beside its place and then renamed, so a full disk leaves the older ones
as they were. `SHA256SUMS` in it is what `sha256sum -c` reads, `report.json` says what it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from healthd.model import Moment
from healthd.problems import Wrong

ABOUT, SUMS = "report.json", "SHA256SUMS"
_PART = ".part"
_ID = re.compile(r"[0-9A-Za-z\u4e00-\u9fff][\w.-]{0,199}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A report in the folder. `files`: relative path -> (bytes, SHA-256). `mail`: whom it is to be sent to,
    `mailed`: when that was done (0: not yet), `tries`: how often it failed. `scheduled`: which order of the
    calendar it is, "" for one that was made by hand."""

    id: str
    kind: str
    period: str
    region: str
    lang: str
    title: str
    made: Moment
    files: Mapping[str, tuple[int, str]]
    mail: tuple[str, ...] = ()
    mailed: Moment = 0
    tries: int = 0
    scheduled: str = ""


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Writes all files or none, over older ones of the same names. Raises Wrong for what the disk does."""
    parts = {folder / name: (folder / name).with_name((folder / name).name + _PART) for name in files}
    try:
        for (path, part), content in zip(parts.items(), files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(part, content)
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        raise _refused(folder, error) from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    return [*parts]


def keep(folder: Path, about: Kept, files: Mapping[str, bytes]) -> Kept:
    """Adds a report to the folder. Raises Wrong for what the disk does; the folder is then as it was."""
    sums = {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()}
    made = replace(about, files=sums)
    part, place = folder / f".{about.id}{_PART}", folder / about.id
    try:
        shutil.rmtree(part, ignore_errors=True)
        for name, content in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            _write(part / name, content)
        lines = "".join(f"{digest}  {name}\n" for name, (_, digest) in sums.items())
        _write(part / SUMS, lines.encode())
        _write(part / ABOUT, _about(made))
        os.rename(part, place)
        _sync(folder)
    except OSError as error:
        raise _refused(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return made


def note(folder: Path, kept: Kept) -> None:
    """Writes anew what is said of a kept report. Raises Wrong for what the disk does."""
    write_files(folder / kept.id, {ABOUT: _about(kept)})


def kept_reports(folder: Path) -> Iterator[Kept]:
    """What is in the folder, newest first; what can't be read as a report is left out."""
    with contextlib.suppress(OSError):  # none yet, or not to be read: whoever keeps one there is told
        found = [report for path in folder.iterdir() if (report := _read(path)) is not None]
        yield from sorted(found, key=lambda one: (-one.made, one.id))


def kept_file(folder: Path, report: str, name: str) -> Path | None:
    """The path of one file of a kept report; None where there is none, whatever the names try."""
    if not _ID.fullmatch(report):
        return None
    known = _read(folder / report)
    if known is None or name not in {*known.files, SUMS}:
        return None
    path = (folder / report / name).resolve()
    return path if path.is_file() and path.is_relative_to((folder / report).resolve()) else None


def slug(text: str) -> str:
    """A part of a file's name out of any text: letters, digits, Chinese, dot and hyphen."""
    return re.sub(r"[^\w.\u4e00-\u9fff]+", "-", text).strip("-.") or "healthd"


def _read(path: Path) -> Kept | None:
    if path.name.startswith(".") or not path.is_dir():
        return None
    try:
        fields: dict[str, Any] = json.loads((path / ABOUT).read_text("utf-8"))
        fields["files"] = {str(name): (int(size), str(digest)) for name, (size, digest) in fields["files"].items()}
        fields["mail"] = tuple(fields["mail"])
        return replace(Kept(**fields), id=path.name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _about(kept: Kept) -> bytes:
    return (json.dumps(asdict(kept), ensure_ascii=False, indent=1) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _refused(folder: Path, error: OSError) -> Wrong:
    return Wrong(
        f"{folder}: the report cannot be written: {error.strerror or error}",
        "free space or choose another folder; older reports are as they were",
    )
