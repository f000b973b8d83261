"""A month of a simulated city, and a week of one county: the same figures wherever they are read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pypdf
import pytest
from lxml import html as lxml_html

from healthd.cli import main
from healthd.rates.rows import percent
from tests.city_kit import paper_city
from tests.report_kit import PastCity, city_with_past, document, healthd_says, logging_as_before
from tests.running import daemon, edit_config, free_port, wait_until

Says = pytest.CaptureFixture[str]
Key = tuple[str, str, str, str]  # profile, region's code, class, rate
Figures = Mapping[Key, str]
CLASSES = {"全部": "all", "一类": "1", "二类": "2", "三类": "3", "其他类": "9"}
LABELS = ("profile", "region", "class", "rate")
RATES = {"在线率": "online", "完好率": "intact"}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"), cameras=60, days=65)


@dataclass(frozen=True)
class Asked:
    """One report in all formats, and the options of `healthd rates` for the same figures."""

    folder: Path
    rates: Sequence[str]


def asked(city: PastCity, folder: Path, what: str) -> Asked:
    """The last whole month, or a week of it for one county alone."""
    options, rates = ["--month", city.month], ["--month", city.month]
    if what == "week of a county":
        monday = date.fromisoformat(f"{city.month}-15")
        monday -= timedelta(monday.weekday())
        year, week, _ = monday.isocalendar()
        county = next(code for code in paper_city(60).regions if len(code) == 6)
        options = ["--week", f"{year}-W{week:02d}", "--region", county]
        rates = ["--from", f"{monday}", "--to", f"{monday + timedelta(7)}", "--region", county]
    with logging_as_before():
        assert main(["report", "-c", str(city.config), *options, "-o", str(folder)]) == 0
    return Asked(folder, rates)


def told(city: PastCity, capsys: Says, rates: Sequence[str]) -> list[dict[str, Any]]:
    """What the command line says of it."""
    code, out, _ = healthd_says(capsys, "rates", "-c", city.config, *rates, "--json")
    assert code == 0
    found: list[dict[str, Any]] = json.loads(out)
    return found


@pytest.fixture(scope="module")
def month(city: PastCity, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return asked(city, tmp_path_factory.mktemp("month"), "month")


@pytest.fixture(scope="module", params=["month", "week of a county"])
def report(request: pytest.FixtureRequest, city: PastCity, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    if request.param == "month":
        found: Asked = request.getfixturevalue("month")
        return found
    return asked(city, tmp_path_factory.mktemp("week"), request.param)


@pytest.fixture
def folder(report: Asked) -> Path:
    return report.folder


@pytest.fixture
def rows(city: PastCity, report: Asked, capsys: Says) -> list[dict[str, Any]]:
    return told(city, capsys, report.rates)


@pytest.fixture
def rows_of_month(city: PastCity, month: Asked, capsys: Says) -> list[dict[str, Any]]:
    return told(city, capsys, month.rates)


@pytest.fixture
def printed(rows: list[dict[str, Any]]) -> Figures:
    """Each rate as it is to be printed: cut off from the exact fraction of its seconds."""
    return {key(row): cut(row) for row in rows}


def key(row: Mapping[str, Any]) -> Key:
    return row["profile"], row["key"], row["class"], row["rate"]


def cut(row: Mapping[str, Any]) -> str:
    good, assessed = (round(Decimal(str(row[name])) * 1000) for name in ("good_seconds", "assessed_seconds"))
    return percent(good, assessed).replace(" ", "") if assessed else "—"


def class_tables(tables: Iterator[tuple[str, list[list[str]]]]) -> Figures:
    """The rates in the tables by class; each table is named by its profile."""
    found: dict[Key, str] = {}
    for profile, (head, *lines) in tables:
        columns = {name: head.index(title) for title, name in RATES.items()}
        for line in lines:
            for rate, column in columns.items():
                found[profile, line[1], CLASSES[line[2]], rate] = line[column]
    return found


def titled(texts: Iterator[str]) -> Iterator[str]:
    """The profiles of the tables by class, in their order."""
    for text in texts:
        match = re.search(r"各区域分类别指标（口径：(.+)）", text)
        if match:
            yield match[1]


def test_json_has_the_rows_themselves(report: Asked, folder: Path, rows: list[dict[str, Any]]) -> None:
    """JSON carries every row of the command line, whole."""
    found = [row for row in document(folder)["rows"] if row["by"] == "region"]
    assert found == rows
    assert {row["class"] for row in rows} >= {"all", "1", "2", "3"}
    whole = {row["key"] for row in rows}
    assert len(whole) > 1
    assert ("3206" in whole) == ("--region" not in report.rates)


def test_csv(folder: Path, printed: Figures) -> None:
    """The CSV tables by class have the same rates, with a byte order mark for spreadsheets."""

    def tables() -> Iterator[tuple[str, list[list[str]]]]:
        for path in sorted(folder.glob("*-csv/*-classes-*.csv")):
            assert path.read_bytes().startswith(b"\xef\xbb\xbf")
            yield path.stem.partition("-classes-")[2], [*csv.reader(io.StringIO(path.read_text("utf-8-sig")))]

    assert {name: value or "—" for name, value in class_tables(tables()).items()} == printed


def test_html(folder: Path, printed: Figures) -> None:
    """The page's tables by class have the same rates."""
    [path] = folder.glob("*.html")
    page = lxml_html.document_fromstring(path.read_bytes())

    def tables() -> Iterator[tuple[str, list[list[str]]]]:
        for table in page.iter("table"):
            name = str(table.get("id"))
            if name.startswith("classes-"):
                lines = [["".join(map(str, cell.itertext())) for cell in row] for row in table.iter("tr")]
                yield name.removeprefix("classes-"), lines

    assert class_tables(tables()) == printed


def test_docx(folder: Path, printed: Figures) -> None:
    """The text document's tables by class have the same rates."""
    [path] = folder.glob("*.docx")
    document = docx.Document(str(path))
    names = titled(line.text for line in document.paragraphs)

    def tables() -> Iterator[tuple[str, list[list[str]]]]:
        for table in document.tables:
            lines = [
                ["".join(t.text or "" for t in cell.iter("{*}t")) for cell in row.tc_lst]
                for row in table._tbl.tr_lst
            ]
            if "原始在线率" in lines[0]:
                yield next(names), lines

    assert class_tables(tables()) == printed


def test_pdf(folder: Path, printed: Figures, rows: list[dict[str, Any]]) -> None:
    """The PDF's text has, in the tables by class, the same rates in the same order."""
    [path] = folder.glob("*.pdf")
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    text = re.sub(r"\s+", " ", text)
    for profile in dict.fromkeys(row["profile"] for row in rows):
        begin = text.index(f"各区域分类别指标（口径：{profile}）")
        part = text[begin:].partition("表 ")[0]
        found: dict[Key, str] = {}
        head = r"\d{4,9} (?:全部|[一二三]类|其他类)"
        line = rf"(?P<code>\d{{4,9}}) (?P<class>全部|[一二三]类|其他类) [\d,]+ (?P<rest>.*?)(?={head}|$)"
        for match in re.finditer(line, part):
            ratios = re.findall(r"\d+\.\d\d%", match["rest"])
            for rate, value in zip(("online", "intact"), (ratios[0], ratios[3]), strict=True):
                found[profile, match["code"], CLASSES[match["class"]], rate] = value
        assert found == {name: value for name, value in printed.items() if name[0] == profile}


def test_xlsx_raw_numbers(folder: Path, rows: list[dict[str, Any]]) -> None:
    """The workbook's raw sheet has every row's numerator and denominator as numbers, to the millisecond."""
    [path] = folder.glob("*.xlsx")
    sheet = openpyxl.load_workbook(path)["原始数据"]
    lines = [*sheet.iter_rows(min_row=3, values_only=True)]
    head, body = lines[0], [line for line in lines[1:] if line[0] == "区域"]
    at = {title: number for number, title in enumerate(head)}
    found = {
        (line[at["口径"]], line[at["代码"]], CLASSES[str(line[at["类别"]])], RATES[str(line[at["指标"]])]): line
        for line in body
    }
    assert len(found) == len(rows)
    for row in rows:
        line = found[key(row)]
        assert line[at["合格秒数"]] == row["good_seconds"]
        assert line[at["已评定秒数"]] == row["assessed_seconds"]
        assert line[at["比率"]] == pytest.approx(row["ratio"], abs=1e-15)
        assert line[at["在用摄像机"]] == row["cameras"]


def test_xlsx_tables(folder: Path, printed: Figures) -> None:
    """The workbook's tables by class have real numbers, cut off and not rounded."""
    [path] = folder.glob("*.xlsx")
    sheets = [one for one in openpyxl.load_workbook(path) if one.title.startswith("分类别考核情况")]
    assert all(sheet.freeze_panes for sheet in sheets)
    found: dict[Key, str] = {}
    profile, head = "", []
    for line in (line for sheet in sheets for line in sheet.iter_rows(values_only=True)):
        match = re.search(r"口径：(.+)）", str(line[0]))
        if match:
            profile = match[1]
        elif line[0] == "区域":
            head = [*line]
        elif profile and line[2] in CLASSES:
            for title, rate in RATES.items():
                value = line[head.index(title)]
                assert value is None or isinstance(value, int | float)
                text = "—" if value is None else percent(round(value * 10_000), 10_000).replace(" ", "")
                found[profile, str(line[1]), CLASSES[str(line[2])], rate] = text
    assert found == printed


def test_the_ranking_is_that_of_exact_ratios(month: Asked, rows_of_month: list[dict[str, Any]]) -> None:
    """In each assessment table ranks follow the exact ratios, best first, and every region is in one table."""
    sections = {section["key"]: section for section in document(month.folder)["sections"]}
    seen: dict[str, list[str]] = {}
    for block in sections["assessment"]["blocks"]:
        if "table" not in block:
            continue
        profile = re.search(r"口径：(.+)）$", block["title"])
        assert profile is not None
        ratios = [line["intact_all"] for line in block["rows"] if line["rank"] is not None]
        assert ratios == sorted(ratios, reverse=True)
        seen.setdefault(profile[1], []).extend(line["region_code"] for line in block["rows"])
    codes = sorted({row["key"] for row in rows_of_month} - {"3206"})
    assert {name: sorted(found) for name, found in seen.items()} == dict.fromkeys(
        ("default", "nantong-2017", "ningxia-2014"), codes
    )


def test_the_total_of_a_ranking_is_the_pooled_row(month: Asked, rows_of_month: list[dict[str, Any]]) -> None:
    """Below each ranking stands the city's own row, printed in every format to read, and none of the rows."""
    sections = {section["key"]: section for section in document(month.folder)["sections"]}
    pooled = {
        (row["profile"], row["rate"]): row
        for row in rows_of_month
        if (row["key"], row["class"]) == ("3206", "all")
    }
    totals = [block for block in sections["assessment"]["blocks"] if block.get("total")]
    assert {block["table"] for block in totals} >= {
        f"assessment-{profile}-county" for profile in ("default", "nantong-2017", "ningxia-2014")
    }
    for block in totals:
        profile = block["table"].split("-", 1)[1].rsplit("-", 1)[0]
        total, lines = block["total"], block["rows"]
        assert total["region_code"] == "3206"
        assert "3206" not in {line["region_code"] for line in lines}
        for rate in ("online", "intact"):
            assert total[f"{rate}_all"] == pooled[profile, rate]["ratio"]
        level = [
            one for one in sections["assessment"]["blocks"] if str(one.get("table")).startswith(block["table"])
        ]
        assert total["cameras"] == sum(line["cameras"] for one in level for line in one["rows"])
    [path] = month.folder.glob("*.html")
    feet = [*lxml_html.document_fromstring(path.read_bytes()).iter("tfoot")]
    assert len(feet) == len(totals)
    [path] = month.folder.glob("*.docx")
    assert sum(table.rows[-1].cells[0].text == "合计" for table in docx.Document(str(path)).tables) == len(totals)
    [path] = month.folder.glob("*.pdf")
    assert sum(page.extract_text().count("合计") for page in pypdf.PdfReader(path).pages) == len(totals)


def test_changes_on_last_month_are_differences_of_exact_ratios(
    city: PastCity, month: Asked, rows_of_month: list[dict[str, Any]], capsys: Says
) -> None:
    """Percentage points: this month's exact ratio less that of the month before."""
    year, number = map(int, city.month.split("-"))
    before = f"{year - (number == 1)}-{number - 1 or 12:02d}"
    _, out, _ = healthd_says(capsys, "rates", "-c", city.config, "--month", before, "--json")
    then = {key(row): exact(row) for row in json.loads(out)}
    now = {key(row): exact(row) for row in rows_of_month}
    sections = {section["key"]: section for section in document(month.folder)["sections"]}
    checked = 0
    for block in sections["assessment"]["blocks"]:
        for line in block.get("rows", ()):
            profile = re.search(r"口径：(.+)）$", block["title"])
            assert profile is not None
            name = (profile[1], line["region_code"], "all", "intact")
            assert line["change"] == float(now[name] - then[name])
            checked += 1
    assert checked > 10


def exact(row: Mapping[str, Any]) -> Fraction:
    return Fraction(str(row["good_seconds"])) / Fraction(str(row["assessed_seconds"]))


def test_api_and_metrics(city: PastCity, rows_of_month: list[dict[str, Any]]) -> None:
    """A running daemon says the same of the previous month, in its API to the millisecond and on /metrics."""
    edit_config(city.config, web={"listen": f"127.0.0.1:{free_port()}"})
    with daemon(city.config) as running:
        wait_until(lambda: running.get("/api/v1/rates?window=previous_month")[0] == 200, 60)
        told = {key(row): row for row in json.loads(running.get("/api/v1/rates?window=previous_month")[1])}
        ratios = running.samples("healthd_region_rate_ratio", window="previous_month")
        seconds = running.samples("healthd_region_camera_seconds", window="previous_month", kind="good")
    same = ("good_seconds", "assessed_seconds", "unknown_seconds", "exempt_seconds", "ratio", "verdict", "cameras")
    assert {name: [row[field] for field in same] for name, row in told.items()} == {
        key(row): [row[field] for field in same] for row in rows_of_month
    }
    for samples, field in ((ratios, "ratio"), (seconds, "good_seconds")):
        named = {tuple(dict(labels)[one] for one in LABELS): value for labels, value in samples.items()}
        assert named == {key(row): pytest.approx(row[field]) for row in rows_of_month}
