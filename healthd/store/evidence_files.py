"""Files that exemptions rest on, kept beside the store by their checksum: no name of a user's is ever a path."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from healthd.model import EvidenceFile, Moment
from healthd.store.errors import StoreError, explained
from healthd.store.files import beside, replace_durably

_DIRECTORY_MODE, _FILE_MODE = 0o750, 0o640
READS = "reads.jsonl"
"""Who read which file when, a line each."""
_KEPT = re.compile(r"[0-9a-f]{64}")


def evidence_directory(store: Path) -> Path:
    """`healthd.db.evidence`: one file a checksum."""
    return beside(store, ".evidence")


def read_evidence(file: Path, limit: int) -> bytes:
    """The content of a user's file. Raises StoreError: not there, not a plain file, empty, larger than `limit`."""
    with explained(file):
        if file.exists() and not file.is_file():
            raise StoreError(f"{file}: not a plain file: name a document or a photograph")
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    if not content:
        raise StoreError(f"{file}: empty: name the file that proves it")
    if len(content) > limit:
        raise StoreError(
            f"{file}: larger than {limit:,} bytes: make it smaller, or raise exemptions.evidence_max_bytes"
        )
    return content


def described(name: str, content: bytes) -> EvidenceFile:
    """What a record says of a file."""
    return EvidenceFile(name, hashlib.sha256(content).hexdigest(), len(content))


def keep_evidence(store: Path, content: bytes) -> None:
    """Keep a file; on the disk, whole, when this returns. One that is kept already is not written again."""
    place = evidence_directory(store) / hashlib.sha256(content).hexdigest()
    with explained(place):
        place.parent.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        if not place.exists():
            _write_whole(place, content)


def kept_evidence(store: Path, file: EvidenceFile, by: str, now: Moment) -> bytes:
    """The content of a kept file. That `by` read it, and when, is on the disk before it is returned
    (`reads.jsonl`). Raises StoreError: it is gone, or not any more what was filed."""
    directory = evidence_directory(store)
    place = directory / file.sha256
    with explained(place):
        content = place.read_bytes()
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise StoreError(f"{place}: is not what was filed any more: restore it from a backup")
    line = json.dumps({"at": now, "by": by, "sha256": file.sha256, "name": file.name}, ensure_ascii=False) + "\n"
    with explained(directory / READS):
        descriptor = os.open(directory / READS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file_of_reads:
            file_of_reads.write(line)
            file_of_reads.flush()
            os.fsync(file_of_reads.fileno())
    return content


def copy_evidence(source: Path, target: Path) -> None:
    """Copy into one directory the files of another that it does not have. As they are: whoever doubts one compares
    its SHA-256 with its name."""
    with explained(source):
        files = [file for file in source.iterdir() if _KEPT.fullmatch(file.name)] if source.is_dir() else []
        for file in files:
            target.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
            if not (target / file.name).exists():
                _write_whole(target / file.name, file.read_bytes())


def _write_whole(place: Path, content: bytes) -> None:
    partial = beside(place, f".{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
        replace_durably(partial, place)
    finally:
        partial.unlink(missing_ok=True)
