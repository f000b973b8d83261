"""`healthd report` as a user types it."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest

from tests.report_kit import PastCity, city_with_past, document, healthd_says

Says = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"))


def test_a_month_is_written_in_every_format_asked_for(city: PastCity, tmp_path: Path, capsys: Says) -> None:
    """The files lie where -o says, --json lists them with their checksums, and no half of one is left."""
    code, out, err = healthd_says(
        capsys,
        "report",
        "-c",
        city.config,
        "--month",
        city.month,
        "--format",
        "json,csv,html",
        "-o",
        tmp_path,
        "--json",
    )
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert (said["kind"], said["period"], said["lang"]) == ("monthly", city.month, "zh")
    for one in said["files"]:
        content = Path(one["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["bytes"], one["sha256"])
    listed = {Path(one["file"]) for one in said["files"]}
    assert listed == {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.suffix for path in listed} == {".json", ".csv", ".html"}


def test_rows_are_those_of_the_rates_command(city: PastCity, tmp_path: Path, capsys: Says) -> None:
    """The JSON report has every row of `healthd rates --json`, by region, unit and maintainer."""
    healthd_says(capsys, "report", "-c", city.config, "--month", city.month, "--format", "json", "-o", tmp_path)
    rows = []
    for by in ("region", "unit", "maintainer"):
        code, out, _ = healthd_says(
            capsys, "rates", "-c", city.config, "--month", city.month, "--by", by, "--json"
        )
        assert code == 0
        rows += json.loads(out)
    assert document(tmp_path)["rows"] == rows
    assert len(rows) > 100


def test_a_region_stands_alone(city: PastCity, tmp_path: Path, capsys: Says) -> None:
    """With --region nothing of another region is in the report, in any table."""
    healthd_says(
        capsys, "report", "-c", city.config, "--month", city.month, "--region", "320601", "--format", "json,csv",
        "-o", tmp_path, "--lang", "en",
    )  # fmt: skip
    found = document(tmp_path)
    assert {row["key"] for row in found["rows"] if row["by"] == "region"} > {"320601"}
    codes = {row["key"] for row in found["rows"] if row["by"] == "region"}
    assert all(code.startswith("320601") for code in codes)
    text = "".join(path.read_text("utf-8-sig") for path in tmp_path.rglob("*.csv"))
    regions = {
        row[0]: row[1] for row in csv.reader((city.directory / "regions.csv").read_text("utf-8-sig").splitlines())
    }
    strangers = [
        name for code, name in regions.items() if not code.startswith(("320601", "code")) and code != "3206"
    ]
    assert [name for name in strangers if f",{name}," in text] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which period?"),
        (("--month", "2026-10", "--day", "2026-10-01"), "which period?"),
        (("--month", "2026-13"), '"2026-13" is not a month: write it as YYYY-MM'),
        (("--week", "2026-W60"), '"2026-W60" is not a week: write it as YYYY-Www'),
        (("--day", "2026-02-30"), '"2026-02-30" is not a day'),
        (("--month", "2999-01"), "the period lies in the future"),
        (("--month", "1999-01"), "it ended before healthd first ran"),
        (("--month", "MONTH", "--region", "999"), '--region "999": unknown'),
        (("--month", "MONTH", "--maintainer", "x"), "--maintainer goes with --worklist"),
        (("--worklist", "--maintainer", "nobody"), '--maintainer "nobody": unknown'),
    ],
)
def test_what_cannot_be_reported_is_said(
    city: PastCity, tmp_path: Path, capsys: Says, arguments: tuple[str, ...], said: str
) -> None:
    """One clear line, exit code 1, no file."""
    given = [city.month if one == "MONTH" else one for one in arguments]
    code, out, err = healthd_says(capsys, "report", "-c", city.config, *given, "-o", tmp_path)
    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_wrong_usage(city: PastCity, capsys: Says) -> None:
    """Exit code 2, and what there is."""
    with pytest.raises(SystemExit) as ended:
        healthd_says(capsys, "report", "-c", city.config, "--month", city.month, "--format", "odt")
    assert ended.value.code == 2
    assert '"odt": there are' in capsys.readouterr().err
