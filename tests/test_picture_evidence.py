"""Thumbnails of bad frames: off means that no pixel reaches the disk; on means caps, permission and a trace."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
import pytest

from healthd.city.faults import FOREVER, Fault, Kind
from healthd.city.options import Reach
from healthd.city.pictures import View, at_noon, draw
from healthd.options.pictures import EvidenceOptions
from healthd.picture_evidence import PictureEvidence
from probes.picture.context import Context, Light
from probes.picture.decode import Picture, decode
from probes.picture.judge import judge
from probes.picture.thumbnail import thumbnail
from tests.city_kit import camera_alone, living
from tests.running import Daemon, daemon, edit_config, wait_until
from tests.test_truth_pictures import ask_small

NOON = at_noon(1_795_190_400)
MARKS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"WEBP", b"JFIF", b"GIF8", b"/9j/", b"BM6")
"""How pictures begin in a file, bare or in base64."""
TOKENS = {"looker": "look-at-rates", "reviewer": "see-the-pictures"}


def bad() -> bytes:
    return draw(View("c1", NOON, NOON, 640, 360, Kind.NOISE))


@pytest.mark.parametrize("kind", ["blurred", "clear"])
def test_a_thumbnail_is_small_and_blurred_where_asked(kind: str) -> None:
    """320 pixels wide; blurred ones have no edge that would tell a face or a number plate."""
    judged = judge(bad(), Context(light=Light.DAY, thumbnail=kind))
    assert judged.thumbnail is not None
    shown = cv2.imdecode(np.frombuffer(judged.thumbnail, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert shown.shape == (180, 320)
    edges = float(np.abs(np.diff(shown.astype(int), axis=1)).mean())
    assert edges < 2 if kind == "blurred" else edges > 4


def test_no_thumbnail_unless_asked_and_none_of_good_frames() -> None:
    """The judge makes none of its own accord."""
    assert judge(bad(), Context(light=Light.DAY)).thumbnail is None
    good = draw(View("c1", NOON, NOON, 640, 360))
    assert judge(good, Context(light=Light.DAY, thumbnail="clear")).thumbnail is None


def test_caps_of_age_and_size(tmp_path: Path) -> None:
    """The newest stay as long as there is room and they are young; switched off, all go at the next clean-up."""
    options = EvidenceOptions(keep="blurred", max_age=100.0, max_bytes=10_000)
    kept = PictureEvidence(tmp_path / "pictures", lambda: options)
    for at in (1000, 2000, 3000):
        kept.keep("c1", at, bytes(4000))
    assert [one.at for one in kept.of_camera("c1")] == [3000, 2000]
    assert (tmp_path / "pictures").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "pictures").iterdir()} == {0o600}
    kept.clean(102_500)
    assert [one.at for one in kept.of_camera("c1")] == [3000]
    options = EvidenceOptions(keep="no")
    kept.clean(3500)
    assert kept.of_camera("c1") == []
    kept.keep("c1", 4000, bytes(10))
    assert kept.of_camera("c1") == []


def test_every_read_is_written_down(tmp_path: Path) -> None:
    """Who read which frame, and when, before the frame is shown; a name that leads elsewhere reads nothing."""
    kept = PictureEvidence(tmp_path, lambda: EvidenceOptions(keep="clear"))
    kept.keep("c1", 1000, b"jpeg")
    assert kept.read("c1", 1000, "reviewer", 5000) == b"jpeg"
    assert kept.read("../c1", 1000, "reviewer", 5000) is None
    assert kept.read("c1", 999, "reviewer", 5000) is None
    (line,) = (tmp_path / "reads.jsonl").read_text().splitlines()
    assert json.loads(line) == {"at": 5000, "by": "reviewer", "camera": "c1", "frame": 1000}


async def bad_city(directory: Path, **evidence: object) -> str:
    """A city with one striped camera under a daemon until that is found; returns the camera's id."""
    async with living(directory / "before", 12, reach=Reach.TCP) as city:
        camera = camera_alone(city).id
    striped = [Fault(0.0, FOREVER, Kind.STRIPES, camera)]
    async with living(
        directory / "city", 12, reach=Reach.TCP, planned=striped, onvif_interval="", snmp_interval=""
    ):
        config = directory / "city" / "healthd.yml"
        ask_small(directory / "city" / "cameras.csv")
        listen = edited(config, evidence)
        await asyncio.to_thread(watch, config, listen, camera, bool(evidence))
    return camera


def edited(config: Path, evidence: dict[str, object]) -> str:
    tokens = [
        {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "pictures": name == "reviewer"}
        for name, token in TOKENS.items()
    ]
    edit_config(
        config,
        checks={"ping": {"interval": "2s", "timeout": "1s"}, "frame": {"interval": "3s", "timeout": "2.5s"}},
        picture={"day": "00:00-23:59", **({"evidence": evidence} if evidence else {})},
        state={"picture_max_age": "60s"},
        reference_targets=["127.0.0.1"],
    )
    text = config.read_text("utf-8")
    listen = next(line.split("listen:")[1].strip() for line in text.splitlines() if "listen:" in line)
    edit_config(config, web={"listen": listen.strip("'\""), "tokens": tokens})
    return listen


def traces(jpeg: bytes) -> set[bytes]:
    """Pieces of a picture that a file which holds it, or anything made of it, would contain: of the JPEG as it
    came, in base64 and in hexadecimal digits, of its thumbnails, of rows of pixels, full, reduced and grey."""
    decoded = decode(jpeg)
    full = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert isinstance(decoded, Picture)
    assert full is not None
    coded = [jpeg, base64.b64encode(jpeg), jpeg.hex().encode()]
    coded += [thumbnail(decoded.pixels, kind) for kind in ("blurred", "clear")]
    found = {one[at : at + 24] for one in coded for at in range(len(one) // 3, len(one) - 24, len(one) // 7)}
    for pixels in (full, decoded.pixels):
        for kind in (pixels, cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)):
            for row in kind[:: len(kind) // 9]:
                found |= {row.tobytes()[at : at + 24] for at in range(0, row.nbytes - 24, row.nbytes // 5)}
    return {piece for piece in found if len(set(piece)) > 6}  # not of an even sky


def files_with(directory: Path, pieces: Collection[bytes]) -> set[str]:
    """The names of files in which any of the pieces is found."""
    written = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    return {path.name for path, content in written.items() if any(piece in content for piece in pieces)}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every picture that the city shows; what the daemon puts aside for a moment is under `tmp_path`, too."""
    shown: list[bytes] = []

    def remembered(view: View) -> bytes:
        shown.append(draw(view))
        return shown[-1]

    monkeypatch.setattr("healthd.city.album.draw", remembered)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return shown


def watch(config: Path, listen: str, camera: str, kept: bool) -> None:
    with daemon(config) as running:
        head = {"Authorization": f"Bearer {TOKENS['reviewer']}"}

        def faults() -> list[str]:
            status, body = running.get(f"/api/v1/cameras/{camera}", head)
            return json.loads(body)["picture"]["faults"] if status == 200 else []

        wait_until(lambda: faults() == ["stripes"], 60)
        if kept:
            look(running, camera)
        # What a database keeps beside itself while it runs is gone when it stops.
        shutil.copytree(config.parent, config.parent.parent / "while-it-ran", ignore_dangling_symlinks=True)
        assert running.program.stop() == 0


def look(running: Daemon, camera: str) -> None:
    path = f"/api/v1/cameras/{camera}/picture/evidence"
    allowed, other = ({"Authorization": f"Bearer {TOKENS[name]}"} for name in ("reviewer", "looker"))
    assert running.get(path, other)[0] == 403
    status, body = running.get(path, allowed)
    assert status == 200
    frame = json.loads(body)["frames"][0]
    assert running.get(f"{path}/{frame['frame']}", other)[0] == 403
    assert running.get(f"{path}/12345", allowed)[0] == 404
    assert fetch(running, f"{path}/{frame['frame']}", allowed)[:3] == b"\xff\xd8\xff"


def fetch(running: Daemon, path: str, headers: dict[str, str]) -> bytes:
    import urllib.request

    with urllib.request.urlopen(urllib.request.Request(running.url + path, headers=headers)) as answer:
        body: bytes = answer.read()
        return body


async def test_off_means_that_no_pixel_reaches_the_disk(tmp_path: Path, served: list[bytes]) -> None:
    """Nothing that the daemon wrote, its journal, its log and what it put aside among it, holds the beginning of a
    picture or any piece of one that it was shown."""
    await bad_city(tmp_path)
    assert {"healthd.db", "healthd.db-wal", "daemon.log"} <= files_with(tmp_path, {b""})
    assert files_with(tmp_path, MARKS) == set()
    assert len(served) >= 5
    assert files_with(tmp_path, set().union(*map(traces, served))) == set()


async def test_on_they_are_kept_and_read_with_permission(tmp_path: Path, served: list[bytes]) -> None:
    """Only a token that may see pictures reads them, and each read is written down; nothing else holds one."""
    camera = await bad_city(tmp_path, keep="blurred")
    kept = tmp_path / "city" / "picture-evidence"
    pictures = [*kept.glob("*.jpg")]
    assert pictures
    assert {path.name.partition("@")[0] for path in pictures} == {camera}
    (line,) = (kept / "reads.jsonl").read_text().splitlines()
    assert json.loads(line)["by"] == "reviewer"
    found = files_with(tmp_path, set().union(*map(traces, served)))
    assert found <= {path.name for path in pictures}
    assert found  # the search that proves that nothing is there when it is off does find what is there
