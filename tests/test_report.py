"""`healthd report` as a user types it."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import docx
import pytest

from healthd.incidents.incident import Cause, Incident, Kind
from healthd.model import Inventory, Maintainer, Region
from healthd.periods import Span
from healthd.report.material import Period, ReportKind
from healthd.report.worklist import Work, build_worklist
from tests.report_kit import PastCity, city_with_past, document, healthd_says
from tests.running import edit_config

Says = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"), cameras=40, days=65)


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


def test_the_text_document_takes_the_users_template(city: PastCity, tmp_path: Path, capsys: Says) -> None:
    """What --write-template wrote, edited and named as report_template, gives its styles, its letterhead and its
    footer; what is no .docx is refused by name, and the other formats are made."""
    template = tmp_path / "office.docx"
    assert healthd_says(capsys, "report", "-c", city.config, "--write-template", template)[0] == 0
    edited = docx.Document(str(template))
    edited.styles["Heading 1"].font.name = "Courier"
    edited.add_paragraph("南通市公安局文件")
    edited.sections[0].footer.paragraphs[0].text = "内部资料"
    edited.save(str(template))
    edit_config(city.config, report_template=str(template))
    month = ("report", "-c", city.config, "--month", city.month, "-o", tmp_path / "out", "--format")
    assert healthd_says(capsys, *month, "docx")[0] == 0
    [path] = (tmp_path / "out").glob("*.docx")
    made = docx.Document(str(path))
    assert made.styles["Heading 1"].font.name == "Courier"
    assert made.paragraphs[0].text == "南通市公安局文件"
    assert [line.text for line in made.sections[0].footer.paragraphs] == ["内部资料"]
    template.write_bytes(b"PK no document")
    code, _, err = healthd_says(capsys, *month, "docx,json")
    assert code == 1
    assert f"docx was not made: {template} is not a .docx that can be read" in err
    assert [*(tmp_path / "out").glob("*.json")]
    edit_config(city.config, report_template=None)
    assert healthd_says(capsys, "report", "-c", city.config, "--write-template", template)[0] == 1


@pytest.mark.parametrize(("kind", "lang"), [("week", "zh"), ("day", "en"), ("worklist", "en")])
def test_weeks_days_and_work_lists(city: PastCity, tmp_path: Path, capsys: Says, kind: str, lang: str) -> None:
    """The other kinds come out of the same code, in all formats, each with its own parts."""
    year, month = map(int, city.month.split("-"))
    monday = date(year, month, 12)
    calendar = monday.isocalendar()
    chosen = {"week": f"{calendar.year}-W{calendar.week:02d}", "day": monday.isoformat()}
    asked = ["--worklist"] if kind == "worklist" else [f"--{kind}", chosen[kind]]
    code, _, err = healthd_says(capsys, "report", "-c", city.config, *asked, "--lang", lang, "-o", tmp_path)
    assert (code, err) == (0, "")
    found = document(tmp_path)
    assert found["kind"] == {"week": "weekly", "day": "daily"}.get(kind, kind)
    keys = [section["key"] for section in found["sections"]]
    assert ("trend" in keys, "assessment" in keys) == (False, kind != "worklist")
    assert {path.suffix for path in tmp_path.iterdir() if path.is_file()} == {
        ".xlsx", ".docx", ".pdf", ".html", ".json",
    }  # fmt: skip


def test_the_work_list_puts_what_gains_most_first(tmp_path: Path) -> None:
    """By maintainer, most cameras first, then what is due first; what is overdue says so."""
    hour = 3_600_000

    def incident(name: str, cameras: int, due: int, maintainer: str = "M1") -> Incident:
        ids = frozenset(f"{name}-{number}" for number in range(cameras))
        return Incident(
            name, Kind.OFFLINE, Cause.LINK, name, "r", "1", "", maintainer, ids, since=1, opened=2, due=due
        )

    at = 1000 * hour
    known = [
        incident("a", 1, at + hour),
        incident("b", 9, at + 90 * hour),
        incident("c", 1, at - hour),
        incident("d", 1, 0, "M2"),
    ]
    regions = {"r": Region("r", "区", "county")}
    crews = {"M1": Maintainer("M1", "甲公司", "电话 1"), "M2": Maintainer("M2", "乙公司")}
    period = Period(ReportKind.WORKLIST, "2026-10-01", Span(at, at))
    work = Work(
        "s", False, ZoneInfo("Asia/Shanghai"), period, at, "", "", Inventory(regions, {}, {}, crews), known
    )
    report = build_worklist(work, "zh")
    tables = {
        section.title: [[cell.text for cell in row] for row in table.rows] for section, table in report.tables()
    }
    assert [(row[1], row[2]) for row in tables["甲公司"]] == [
        ("待处理", "b"),
        ("已超期", "c"),
        ("24 小时内到期", "a"),
    ]
    assert [row[9] for row in tables["甲公司"]] == ["3 天 18 小时", "已超期 1 小时 0 分", "1 小时 0 分"]
    assert [row[9] for row in tables["乙公司"]] == ["不限期"]
    assert "共有待修复故障 4 起，其中已超期 1 起，24 小时内到期 1 起" in report.narrative[0]
