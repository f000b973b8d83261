"""`healthd picture` as a user runs it: files in, words, JSON and a drawing out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from healthd.city.faults import Kind
from healthd.city.pictures import View, draw
from healthd.cli import main

NOON = 1_763_697_600.0  # 12:00 in China
WIDE, HIGH = 1280, 720


def street(at: float = 0.0, quirk: Kind | None = None, hour: float = 0.0) -> bytes:
    return draw(View("one", NOON + hour * 3600 + at, NOON + hour * 3600, WIDE, HIGH, quirk))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.jpg"
    path.write_bytes(street())
    return path


def judged(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, Any]]:
    assert main(["picture", *map(str, arguments), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    verdicts: list[dict[str, Any]] = json.loads(printed.out)
    return verdicts


def faults(verdict: dict[str, Any]) -> list[str]:
    return [one["fault"] for one in verdict["faults"]]


def test_json_has_the_promised_keys(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document with an entry per file, in their order, numbers as numbers."""
    dark = tmp_path / "dark.jpg"
    dark.write_bytes(street(quirk=Kind.DARK))
    first, second = judged(capsys, good, dark)
    assert set(first) == {"file", "verdict", "faults", "not_checked", "width", "height"}
    assert (first["file"], first["verdict"], first["width"], first["height"]) == (str(good), "ok", WIDE, HIGH)
    assert (second["verdict"], faults(second)) == ("faulty", ["dark"])
    (finding,) = second["faults"]
    assert 0 < finding["value"] < finding["threshold"] == 28
    assert {"moved", "frozen", "ptz", "greyscale"} <= {one["fault"] for one in first["not_checked"]}
    assert all(one["why"] for one in first["not_checked"])


def test_what_is_no_picture_is_unknown(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty files and web pages are `unknown`, a cut-off picture is `corrupt`; either way it is exit code 0."""
    for name, data in (("empty.jpg", b""), ("page.jpg", b"<html>"), ("cut.jpg", good.read_bytes()[:5000])):
        (tmp_path / name).write_bytes(data)
    empty, page, cut = judged(capsys, *(tmp_path / name for name in ("empty.jpg", "page.jpg", "cut.jpg")))
    assert [empty["verdict"], page["verdict"], cut["verdict"]] == ["unknown", "unknown", "faulty"]
    assert (empty["faults"], empty["width"], faults(cut)) == ([], None, ["corrupt"])


def test_unreadable_files_are_all_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a directory each get a line on stderr; the exit code is 1."""
    assert main(["picture", str(tmp_path / "none.jpg"), str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split(":")[0] for line in printed.err.splitlines()] == [str(tmp_path / "none.jpg"), str(tmp_path)]


def test_an_identical_previous_picture_is_frozen(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same picture again is `frozen`, by day and by night; the next moment's is not."""
    other = tmp_path / "later.jpg"
    other.write_bytes(street(30))
    assert faults(judged(capsys, good, "--previous", good)[0]) == ["frozen"]
    assert faults(judged(capsys, other, "--previous", good)[0]) == []
    night = tmp_path / "night.jpg"
    night.write_bytes(street(hour=12))
    assert faults(judged(capsys, night, "--previous", night, "--light", "night")[0]) == ["frozen"]


def test_a_reference_tells_a_moved_view(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against a good picture a view that shifted is `moved`, and a later picture of the same view is good."""
    pixels = cv2.imdecode(np.frombuffer(street(60), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    later, moved = tmp_path / "later.jpg", tmp_path / "moved.jpg"
    later.write_bytes(street(60))
    cv2.imwrite(str(moved), np.roll(pixels, WIDE // 6, axis=1))
    same, shifted = judged(capsys, later, moved, "--reference", good)
    assert (faults(same), faults(shifted)) == ([], ["moved"])


def test_a_night_picture_is_not_held_against_a_day_reference(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`moved` and `occluded` are then said to be not checked, with the reason."""
    night = tmp_path / "night.jpg"
    night.write_bytes(street(hour=12))
    (verdict,) = judged(capsys, night, "--reference", good, "--light", "night")
    why = {one["fault"]: one["why"] for one in verdict["not_checked"]}
    assert verdict["verdict"] == "ok"
    assert "night" in why["moved"]
    assert why["moved"] == why["occluded"]


def test_light_decides_on_grey(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A grey picture is a fault by day, none by night, and not checked when nobody said when it was taken."""
    grey = tmp_path / "grey.jpg"
    grey.write_bytes(street(hour=12))
    assert faults(judged(capsys, grey, "--light", "day")[0]) == ["greyscale"]
    assert faults(judged(capsys, grey, "--light", "night")[0]) == []
    (verdict,) = judged(capsys, grey)
    assert verdict["verdict"] == "ok"
    assert "greyscale" in [one["fault"] for one in verdict["not_checked"]]


def test_a_bad_reference_is_refused(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A faulty picture is no reference, a broken one no previous picture: one line that says so, exit code 1."""
    black = tmp_path / "black.jpg"
    black.write_bytes(street(quirk=Kind.BLACK))
    assert main(["picture", str(good), "--reference", str(black)]) == 1
    assert "no_signal" in capsys.readouterr().err
    black.write_bytes(b"\xff\xd8\xff")
    assert main(["picture", str(good), "--previous", str(black)]) == 1
    assert "not a whole picture" in capsys.readouterr().err


def test_expectations_are_sizes(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--expect` takes width x height and finds a smaller picture; anything else is wrong usage, exit code 2."""
    assert faults(judged(capsys, good, "--expect", "1920x1080")[0]) == ["resolution"]
    assert faults(judged(capsys, good, "--expect", "1280x720")[0]) == []
    with pytest.raises(SystemExit) as stopped:
        main(["picture", str(good), "--expect", "large"])
    assert stopped.value.code == 2


def test_explain_draws_one_png(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The drawing has the picture and a row for every fault, also of a broken file; two files are too many."""
    drawing = tmp_path / "why.png"
    for data in (good.read_bytes(), good.read_bytes()[:5000], b""):
        good.write_bytes(data)
        judged(capsys, good, "--explain", drawing)
        pixels = cv2.imread(str(drawing))
        assert pixels is not None
        assert pixels.shape == (600, 1920, 3)
    assert main(["picture", str(good), str(good), "--explain", str(drawing)]) == 1


def test_words_say_what_was_found(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--json` a line a file with value and threshold, then what was not checked."""
    bright = tmp_path / "bright.jpg"
    bright.write_bytes(street(quirk=Kind.BRIGHT))
    assert main(["picture", str(good), str(bright)]) == 0
    printed = capsys.readouterr().out
    assert f"{good}: ok ({WIDE}x{HIGH})" in printed
    assert f"{bright}: faulty: bright (" in printed
    assert "  not checked: ptz: it takes the stream" in printed
