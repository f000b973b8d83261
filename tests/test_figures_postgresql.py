"""PostgreSQL under everything that people ask of a store: it answers what SQLite answers, word for word."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.postgresql import PASSWORD, Server
from tests.report_kit import PastCity, city_with_past, document, healthd_says
from tests.running import edit_config

Says = pytest.CaptureFixture[str]
NOW = time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Pair:
    """The same past in both databases."""

    sqlite: PastCity
    postgresql: PastCity


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> Pair:
    folder = tmp_path_factory.mktemp("postgresql")
    (folder / "secret").write_text(PASSWORD)
    store = {"url": str(postgresql.new_url()), "password_file": str(folder / "secret")}
    return Pair(
        city_with_past(tmp_path_factory.mktemp("sqlite"), cameras=25, days=65, now=NOW),
        city_with_past(folder, cameras=25, days=65, now=NOW, store=store),
    )


def both(pair: Pair, capsys: Says, *arguments: object, code: int = 0) -> tuple[str, str]:
    """What a command says over each of the two."""
    said = []
    for city in (pair.sqlite, pair.postgresql):
        got, out, err = healthd_says(capsys, *arguments, "-c", city.config)
        assert got == code, err
        assert PASSWORD not in out + err
        said.append(out if code == 0 else err)
    return said[0], said[1]


@pytest.mark.parametrize(
    "question",
    [
        ("rates", "--month", "MONTH"),
        ("rates", "--month", "MONTH", "--by", "maintainer", "--rate", "attributable"),
        ("rates", "--month", "MONTH", "--rate", "networked"),
        ("incidents", "stats", "--month", "MONTH"),
        ("incidents", "--days", "60"),
        ("changes", "--month", "MONTH"),
    ],
    ids=" ".join,
)
def test_questions_have_one_answer(pair: Pair, question: tuple[str, ...], capsys: Says) -> None:
    """Rates, incidents, statistics and changes are the same rows, whichever database holds them."""
    arguments = [pair.sqlite.month if one == "MONTH" else one for one in question]
    mine, theirs = both(pair, capsys, *arguments, "--json")
    assert json.loads(mine) == json.loads(theirs)
    assert json.loads(mine) or question[0] in ("changes", "incidents")


def a_camera(city: PastCity, capsys: Says) -> str:
    options = ("rates", "-c", city.config, "--month", city.month, "--by", "camera", "--json")
    key: str = json.loads(healthd_says(capsys, *options)[1])[0]["key"]
    return key


def test_a_camera_has_one_ledger(pair: Pair, capsys: Says) -> None:
    """`--explain` prints the same intervals out of both."""
    camera = a_camera(pair.sqlite, capsys)
    mine, theirs = both(
        pair, capsys, "rates", "--month", pair.sqlite.month, "--explain", "--camera", camera, "--json"
    )
    assert json.loads(mine) == json.loads(theirs)


def filed(city: PastCity, capsys: Says, day: int, *said: object) -> str:
    """The id of an exemption of everything for two days from one of the month on."""
    span = ("--from", f"{city.month}-{day}T00:00", "--to", f"{city.month}-{day + 2}T00:00")
    scope = ("--scope", "region:3206", "--everything", "--reason", "power_works")
    code, out, err = healthd_says(capsys, "exempt", "add", "-c", city.config, *scope, *span, *said, "--json")
    assert code == 0, err
    key: str = json.loads(out)["exemption"]
    return key


def test_exemptions_are_filed_ended_and_counted(pair: Pair, tmp_path: Path, capsys: Says) -> None:
    """Filing with a document, correcting, ending and listing go alike, and take the same time out of the rates."""
    proof = tmp_path / "停电.pdf"
    proof.write_bytes(b"proof")
    ids: dict[int, list[str]] = {0: [], 1: []}
    for number, city in enumerate((pair.sqlite, pair.postgresql)):
        said = ("--approver", "王科长", "--by", "值班员", "--note", "变电站检修", "--late")
        ids[number].append(filed(city, capsys, 10, *said, "--evidence", proof))
        end = ("exempt", "end", ids[number][0], "-c", city.config, "--at", f"{city.month}-11T00:00", *said)
        code, _, err = healthd_says(capsys, *end)
        assert code == 0, err
        again, _, err = healthd_says(capsys, *end)
        assert (again, "covers nothing after" in err) == (1, True)
    mine, theirs = both(pair, capsys, "exempt", "list", "--json")
    plain = [[_plain(one) for one in json.loads(text)] for text in (mine, theirs)]
    assert plain[0] == plain[1]
    assert [one["evidence"]["size_bytes"] for one in plain[0]] == [5]
    mine, theirs = both(pair, capsys, "rates", "--month", pair.sqlite.month, "--json")
    assert json.loads(mine) == json.loads(theirs)
    assert any(row["exempt_seconds"] for row in json.loads(theirs))


def _plain(one: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says when it was filed: ids are made of that, too."""
    ended = {key: value for key, value in (one["ended"] or {}).items() if key != "filed"}
    return {key: value for key, value in one.items() if key not in ("exemption", "filed")} | {"ended": ended}


def test_a_month_is_published_frozen_and_amended(pair: Pair, capsys: Says) -> None:
    """A final month answers from its copy in both, an amendment is a version of its own, and they stay alike."""
    month = pair.sqlite.month
    for city in (pair.sqlite, pair.postgresql):
        edit_config(city.config, periods={"appeal": "1ms"})
    both(pair, capsys, "period", "publish", "--month", month)
    both(pair, capsys, "period", "finalise", "--month", month)
    for city in (pair.sqlite, pair.postgresql):
        filed(city, capsys, 20, "--approver", "王科长", "--by", "值班员", "--note", "申诉", "--late")
    both(pair, capsys, "period", "amend", "--month", month, "--note", "appeal of a unit", "--by", "chief")
    both(pair, capsys, "period", "finalise", "--month", month, code=1)
    mine, theirs = both(pair, capsys, "rates", "--month", month, "--json")
    assert json.loads(mine) == json.loads(theirs)
    assert {(row["standing"], row["version"]) for row in json.loads(theirs)} == {("final", 2)}
    mine, theirs = both(pair, capsys, "period", "list", "--json")
    assert [len(one) for one in json.loads(mine)] == [len(one) for one in json.loads(theirs)]


def test_reports_are_the_same(pair: Pair, tmp_path: Path, capsys: Says) -> None:
    """The month's report has the same sections, rows and words, and all formats are made."""
    made = []
    for name, city in (("sqlite", pair.sqlite), ("postgresql", pair.postgresql)):
        options = ("report", "-c", city.config, "--month", city.month, "--lang", "en", "-o", tmp_path / name)
        code, _, err = healthd_says(capsys, *options)
        assert code == 0, err
        made.append(document(tmp_path / name))
    assert len([*(tmp_path / "postgresql").iterdir()]) == 6
    for one in made:
        one.pop("made")
        one["facts"].pop("Made")
        for section in one["sections"]:
            for block in section["blocks"]:
                for row in block.get("rows", ()):
                    for key in ("record", "filed", "version_at"):
                        row.pop(key, None)
        for line in one["changes"]:
            for key in ("exemption", "recorded"):
                line.pop(key)
    assert made[0] == made[1]
    worked = both(pair, capsys, "report", "--worklist", "--format", "json", "-o", tmp_path / "work", "--json")
    assert all(json.loads(text)["files"] for text in worked)


def test_evidence_of_a_camera_is_packed_and_verified(pair: Pair, tmp_path: Path, capsys: Says) -> None:
    """A pack out of PostgreSQL verifies as one out of SQLite does."""
    camera = a_camera(pair.postgresql, capsys)
    options = (
        "evidence",
        "-c",
        pair.postgresql.config,
        "--camera",
        camera,
        "--month",
        pair.postgresql.month,
        "-o",
        tmp_path,
    )
    code, _, err = healthd_says(capsys, *options)
    assert code == 0, err
    [pack] = tmp_path.glob("*.zip")
    code, _, err = healthd_says(capsys, "evidence", "--verify", pack)
    assert code == 0, err
