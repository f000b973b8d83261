"""Reports of final and amended months, scores in reports, and mistakes in `reports:` and `mail:`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.report_kit import PastCity, city_with_past, document, healthd_says
from tests.running import edit_config

Says = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"), cameras=25, days=65)


def section(found: dict[str, Any], key: str) -> dict[str, Any]:
    return next(one for one in found["sections"] if one["key"] == key)


def test_scores_are_those_of_the_rates_command(city: PastCity, tmp_path: Path, capsys: Says) -> None:
    """Where weights and deductions are configured the report has the same points; else it has no such part."""
    month = ("report", "-c", city.config, "--month", city.month, "--format", "json", "-o")
    healthd_says(capsys, *month, tmp_path / "without")
    assert "scores" not in [one["key"] for one in document(tmp_path / "without")["sections"]]
    deductions = [{"rate": "usage", "below": 0.98, "points": 2}, {"each": "overdue", "points": 5}]
    edit_config(city.config, scores={"weights": {"online": 30, "intact": 70}, "deductions": deductions})
    assert healthd_says(capsys, *month, tmp_path / "with")[0] == 0
    found = document(tmp_path / "with")
    for by in ("region", "maintainer"):
        _, out, _ = healthd_says(
            capsys, "rates", "-c", city.config, "--month", city.month, "--by", by, "--scores", "--json"
        )
        said = {(one["key"], one["profile"]): one["points"] for one in json.loads(out)}
        mine = {(one["key"], one["profile"]): one["points"] for one in found["scores"] if one["by"] == by}
        assert mine == said != {}
    tables = [block["table"] for block in section(found, "scores")["blocks"]]
    assert "scores-region-default" in tables
    assert "scores-maintainer-default" in tables
    edit_config(city.config, scores=None)


def test_a_final_month_is_reported_from_its_copies(city: PastCity, tmp_path: Path, capsys: Says) -> None:
    """After an amendment the report has the newest figures, lists both versions with author and reason, and the
    figures of each; a changed profile or target changes nothing in it."""
    edit_config(city.config, periods={"appeal": "1s"})
    for step in ("provisional", "publish"):
        assert healthd_says(capsys, "period", step, "-c", city.config, "--month", city.month, "--by", "甲")[0] == 0
    time.sleep(1.1)  # the appeal window
    for step in ("finalise", "amend"):
        if step == "amend":
            span = ("--from", f"{city.month}-05", "--to", f"{city.month}-09", "--reason", "construction")
            late = ("--approver", "丙", "--late", "--note", "补报")
            filed = healthd_says(
                capsys, "exempt", "add", "-c", city.config, "--scope", "region:320601", *span, *late
            )
            assert filed[0] == 0
        code, _, err = healthd_says(
            capsys, "period", step, "-c", city.config, "--month", city.month, "--by", "乙", "--note", "申诉成立"
        )
        assert (code, err) == (0, "")
    month = ("report", "-c", city.config, "--month", city.month, "--format", "json", "-o")
    assert healthd_says(capsys, *month, tmp_path / "one")[0] == 0
    found = document(tmp_path / "one")
    assert (found["standing"], found["version"]) == ("final", 2)
    [versions] = [block for block in section(found, "quality")["blocks"] if block.get("table") == "versions"]
    assert [row["version_number"] for row in versions["rows"]] == [1, 2]
    assert versions["rows"][1]["version_by"] == "乙"
    assert versions["rows"][1]["version_note"] == "申诉成立"
    assert "第 2 版" in versions["note"]
    assert versions["rows"][0]["online"] != versions["rows"][1]["online"]
    [exemptions] = [block for block in section(found, "filings")["blocks"] if block.get("table") == "exemptions"]
    assert [(row["approver"], row["reason"]) for row in exemptions["rows"]] == [("丙", "道路或工程施工")]
    edit_config(city.config, profiles=["default"], profile_definitions=None, small_region=1)
    assert healthd_says(capsys, *month, tmp_path / "two")[0] == 0
    again = document(tmp_path / "two")
    kept = [row for row in found["rows"] if row["profile"] == "default" and row["by"] == "region"]
    assert [row for row in again["rows"] if row["by"] == "region"] == kept


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"reports": [{"kind": "monthly", "mail": ["a@example.org"]}]},
            "reports[0].mail: there is no mail server",
        ),
        ({"reports": [{"kind": "yearly"}]}, '"yearly" is no kind of report'),
        ({"reports": [{"kind": "daily", "day": 3}]}, "day is for monthly reports"),
        ({"reports": [{"kind": "weekly", "weekday": "monday", "at": "25:00"}]}, '"25:00" is not a time of day'),
        ({"reports": [{"kind": "weekly", "weekday": "mondy"}]}, 'did you mean "monday"?'),
        ({"reports": [{"kind": "daily", "formats": ["odt"]}]}, '"odt" is no format'),
        ({"reports": [{"kind": "daily", "region": "320699"}]}, '"320699" is no region of the inventory'),
        ({"mail": {"server": "h", "sender": "nobody"}}, '"nobody" is not a mail address'),
        ({"mail": {"server": "h", "sender": "a@b", "password": "x"}}, "a secret must not stand in this file"),
        ({"mail": {"server": "h", "sender": "a@b", "username": "u"}}, "username and password go together"),
        ({"mail": {"server": "h", "sender": "a@b", "starttls": True, "tls": True}}, "exclude each other"),
        ({"report_template": "none.docx"}, "no such file"),
    ],
)
def test_mistakes_are_named(city: PastCity, capsys: Says, changes: dict[str, Any], said: str) -> None:
    """check-config names file, line and key, and what helps."""
    before = city.config.read_text("utf-8")
    try:
        edit_config(city.config, **changes)
        code, _, err = healthd_says(capsys, "check-config", "-c", city.config)
    finally:
        city.config.write_text(before, "utf-8")
    assert code == 1
    assert said in err
    assert err.startswith(f"{city.config}:")
