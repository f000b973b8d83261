"""Names that try to be more than names are inert in every format, and what can't be printed is said."""

from __future__ import annotations

import csv
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import docx
import openpyxl
import pypdf
import pytest
import yaml
from lxml import html as lxml_html

from healthd.report import fonts
from healthd.report.document import Cell, Column, Kind, Report, Section, Table, Words
from healthd.report.formats import FORMATS, FormatError, Options, renderer
from healthd.report.formats.pdf import typeset
from healthd.report.scribe import clean
from tests.report_kit import PastCity, city_with_past, healthd_says

Says = pytest.CaptureFixture[str]
LONG = (
    "浙江省杭州市余杭区五常街道荆长大道文一西路交叉口东北角人行横道信号灯杆"
    "西侧治安卡口高清抓拍摄像机第一百二十三号点位"
)
HOSTILE = (
    '=cmd|"/C calc"!A0',
    "@SUM(1+1)*cmd",
    "+1-1",
    "-2+3",
    "<script>alert(1)</script>",
    "</table><img src=x onerror=alert(1)>",
    "&amp; &lt; {{ 7*7 }} {% raw %}",
    '#panic("x") $x^2$ *bold* _em_ #read("/etc/passwd") @ref <label> // comment \\ ` ~',
    "'\"quoted\"' `back`",
    "a" * 200,
    LONG,
    "http://example.org/x",
    "{n} {total} %s",
    "\u202eevil\u202c",
)


def a_report(names: tuple[str, ...], lang: str = "zh") -> Report:
    """A report of one table whose cells are these names."""
    said = [clean(name) for name in names]
    columns = [Column("name", said[0], weight=20), Column("more", "更多", weight=20)]
    rows = [[Cell(Kind.TEXT, name, name), Cell(Kind.TEXT, name, name)] for name in said]
    table = Table("names", said[4], columns, rows, "没有", note=said[7])
    words = Words("zh-CN", "表 {n}", "第 {n} 页，共 {total} 页", "目录", "综述", "图表数据", "；", "：")
    section = Section("names", "一、", said[5], [table])
    return Report(
        "monthly", lang, said[4], said[7], said[5], said[0], [(said[0], said[4])], [said[7]], [section], words
    )


def write(report: Report, folder: Path, form: str) -> Path:
    files = renderer(form)(report, "hostile", Options())
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / next(iter(files))


EXPECTED = [clean(name) for name in HOSTILE]


def test_xlsx_has_text_and_no_formula(tmp_path: Path) -> None:
    """Every name is a string in its cell: no formula, no link."""
    path = write(a_report(HOSTILE), tmp_path, "xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[1]
    cells = [row[0] for row in sheet.iter_rows(min_row=4, max_row=3 + len(HOSTILE))]
    assert [cell.value for cell in cells] == EXPECTED
    assert {cell.data_type for cell in cells} == {"s"}
    with zipfile.ZipFile(path) as packed:
        text = b"".join(packed.read(name) for name in packed.namelist() if "sheet" in name)
    assert b"<f>" not in text
    assert b"example.org" not in text


def test_docx_has_the_names_as_they_are(tmp_path: Path) -> None:
    """Every name is the text of its cell."""
    document = docx.Document(str(write(a_report(HOSTILE), tmp_path, "docx")))
    cells = ["".join(t.text or "" for t in row.tc_lst[0].iter("{*}t")) for row in document.tables[1]._tbl.tr_lst]
    assert cells[1:] == EXPECTED


def test_html_runs_nothing(tmp_path: Path) -> None:
    """Names are text nodes; the page has no script, no picture from elsewhere, and a policy against both."""
    page = lxml_html.document_fromstring(write(a_report(HOSTILE), tmp_path, "html").read_bytes())
    assert [*page.iter("script", "img", "a", "iframe")][1:] == []  # one link, in the contents
    cells = ["".join(map(str, row[0].itertext())) for row in page.iter("tr")]
    assert [" ".join(cell.split()) for cell in cells[1:]] == EXPECTED
    policies = [meta.get("content") for meta in page.iter("meta") if meta.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_csv_is_no_formula(tmp_path: Path) -> None:
    """A cell that a spreadsheet would take for a formula has an apostrophe before it."""
    path = write(a_report(HOSTILE), tmp_path, "csv")
    lines = [*csv.reader(path.read_text("utf-8-sig").splitlines())]
    expected = [f"'{name}" if name[0] in "=+-@" else name for name in EXPECTED]
    assert [line[0] for line in lines[1:]] == expected


def test_pdf_sets_the_names_as_text(tmp_path: Path) -> None:
    """typst takes no markup, no code and no file from a name; long ones break instead of running out."""
    reader = pypdf.PdfReader(write(a_report(HOSTILE), tmp_path, "pdf"))
    text = "".join("".join(page.extract_text().split()) for page in reader.pages)
    for name in ('#panic("x")', '#read("/etc/passwd")', "<script>alert(1)</script>", "{{7*7}}", LONG, "a" * 20):
        assert "".join(name.split()) in text
    assert "root:" not in text


def test_json_is_whole(tmp_path: Path) -> None:
    """One document that parses, the names in it."""
    document = json.loads(write(a_report(HOSTILE), tmp_path, "json").read_text("utf-8"))
    assert [row["name"] for row in document["sections"][0]["blocks"][0]["rows"]] == EXPECTED


def test_what_cannot_be_printed_is_replaced() -> None:
    """Control characters, lone surrogates and marks that turn the direction around become one sign; blanks one."""
    assert clean("a\x00b\x1bc\ud800d\u202ee") == "a�b�c�d�e"
    assert clean("  a \t\n b  ") == "a b"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    """A city whose inventory tries it all."""
    made = city_with_past(tmp_path_factory.mktemp("city"), cameras=30, days=65)
    for name, column in (("cameras.csv", "name"), ("regions.csv", "name"), ("maintainers.csv", "name")):
        path = made.directory / name
        rows = [*csv.DictReader(path.read_text("utf-8-sig").splitlines())]
        for number, row in enumerate(rows):
            row[column] = HOSTILE[number % len(HOSTILE)]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
    return made


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_whole_report_of_a_hostile_inventory(city: PastCity, tmp_path: Path, capsys: Says, lang: str) -> None:
    """All six formats are made of an inventory full of such names, in both languages."""
    code, out, err = healthd_says(
        capsys, "report", "-c", city.config, "--month", city.month, "--lang", lang, "-o", tmp_path, "--json"
    )
    assert (code, err) == (0, "")
    made = {Path(one["file"]).suffix.lstrip(".") for one in json.loads(out)["files"]}
    assert made == set(FORMATS)
    assert yaml.safe_load((city.directory / "healthd.yml").read_text())["simulated"] is True


def test_without_a_chinese_font_the_package_is_named() -> None:
    """The PDF says what to install; English alone needs nothing."""
    with pytest.raises(FormatError, match="apt-get install fonts-noto-cjk"):
        typeset(a_report(HOSTILE), frozenset({"Libertinus Serif"}))
    english = replace(
        a_report(("x",) * 8, "en"), words=Words("en", "Table {n}", "{n} of {total}", "C", "S", "D", "; ", ": ")
    )
    table = replace(
        next(table for _, table in english.tables()), columns=[Column("n", "n"), Column("m", "m")], empty=""
    )
    english = replace(english, sections=[Section("n", "1. ", "x", [table])])
    assert typeset(english, frozenset({"Libertinus Serif"})).startswith(b"%PDF")


def test_other_formats_are_made_without_a_font(
    city: PastCity, tmp_path: Path, capsys: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a Chinese font still gets five formats, a sentence on stderr, and exit code 0; only who
    asked for the PDF by name gets 1."""
    monkeypatch.setattr(fonts, "installed", lambda: frozenset({"Libertinus Serif"}))
    monkeypatch.setattr("healthd.report.formats.pdf.installed", fonts.installed)
    monkeypatch.setattr("healthd.report.drawing.installed", fonts.installed)
    code, _, err = healthd_says(capsys, "report", "-c", city.config, "--month", city.month, "-o", tmp_path)
    assert code == 0
    assert "pdf was not made: no Chinese font is installed here: apt-get install fonts-noto-cjk" in err
    assert {path.suffix for path in tmp_path.iterdir() if path.is_file()} == {".xlsx", ".docx", ".html", ".json"}
    code, _, _ = healthd_says(
        capsys, "report", "-c", city.config, "--month", city.month, "--format", "pdf", "-o", tmp_path
    )
    assert code == 1
