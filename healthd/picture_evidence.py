"""Thumbnails of bad frames, where somebody has switched that on: kept under caps, read with permission, each read
written down."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from healthd.model import Moment
from healthd.options.pictures import EvidenceOptions

log = logging.getLogger("healthd.pictures")

_NAME = re.compile(r"(?P<camera>[A-Za-z0-9._-]{1,64})@(?P<at>\d{1,16})\.jpg")
_READS = "reads.jsonl"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One that is kept: whose, of which frame, how large in bytes."""

    camera: str
    at: Moment
    size: int


@dataclass
class PictureEvidence:
    """The files of one directory (mode 0700). `options`: as configured now. Any thread may call any method."""

    directory: Path
    options: Callable[[], EvidenceOptions]
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def keep(self, camera: str, at: Moment, jpeg: bytes) -> None:
        """Keep one, unless it is switched off; the oldest go where there is no more room. An error of the disk is
        logged: evidence is a convenience, watching is not."""
        if self.options().keep == "no" or _NAME.fullmatch(f"{camera}@{at}.jpg") is None:
            return
        try:
            with self._turn:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = self.directory / f"{camera}@{at}.jpg"
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(jpeg)
                self._make_room(at)
        except OSError as error:
            log.warning("a picture could not be kept camera=%s: %s", camera, error)

    def clean(self, now: Moment) -> None:
        """Remove what is too old, or everything where nothing is to be kept any more. Raises OSError."""
        with self._turn:
            self._make_room(now)

    def of_camera(self, camera: str) -> list[Thumbnail]:
        """What is kept of a camera, the newest first."""
        return [one for one in sorted(self._all(), key=_age, reverse=True) if one.camera == camera]

    def read(self, camera: str, at: Moment, by: str, now: Moment) -> bytes | None:
        """One thumbnail's JPEG; None where there is none. That `by` read it is on the disk before it is returned.
        Raises OSError: then nobody sees it."""
        path = self.directory / f"{camera}@{at}.jpg"
        if _NAME.fullmatch(path.name) is None or not path.is_file():
            return None
        content = path.read_bytes()
        line = json.dumps({"at": now, "by": by, "camera": camera, "frame": at}) + "\n"
        with self._turn:
            descriptor = os.open(self.directory / _READS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        return content

    def _make_room(self, now: Moment) -> None:
        options = self.options()
        oldest = now - round(1000 * options.max_age)
        room = options.max_bytes if options.keep != "no" else 0
        for one in sorted(self._all(), key=_age, reverse=True):
            room -= one.size
            if room < 0 or one.at < oldest:
                (self.directory / f"{one.camera}@{one.at}.jpg").unlink(missing_ok=True)

    def _all(self) -> Iterator[Thumbnail]:
        if not self.directory.is_dir():
            return
        with os.scandir(self.directory) as entries:
            for entry in entries:
                match = _NAME.fullmatch(entry.name)
                if match is not None:
                    yield Thumbnail(match["camera"], int(match["at"]), entry.stat().st_size)


def _age(one: Thumbnail) -> Moment:
    return one.at
