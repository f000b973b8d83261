"""The dashboards as files: what they ask is known, where they lead exists, and both languages say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from healthd.dashboards.files import boards, rendered
from tests.board_kit import LANGUAGES, NAMES, ROOT, board, filled, options, panels, queries, variables
from tests.promql_kit import Known, complaints, metrics_of, variables_in
from tests.running import healthd

KNOWN = Known.from_repository()
CHINESE = re.compile(r"[\u4e00-\u9fff]")
EACH = [(name, language) for name in NAMES for language in LANGUAGES]
BUILT_IN_VARIABLES = {"__url_time_range", "__data", "__rate_interval", "__range"}


def plain(expression: str) -> str:
    """The expression with Grafana's own intervals filled in; other variables stay, as text."""
    return filled(expression, {}, {})


def texts(node: Any) -> Iterator[str]:
    """Every string below a node."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def test_files_are_as_generated() -> None:
    """Generating the dashboards anew changes nothing: `healthd dashboards dashboards`."""
    committed = {
        path.relative_to(ROOT / "dashboards"): path.read_text("utf-8")
        for path in (ROOT / "dashboards").rglob("*.json")
    }
    assert committed == rendered()


def test_command_writes_them_for_an_address(tmp_path: Path) -> None:
    """`healthd dashboards DIR --healthd-url URL` writes both languages; links and map lead to that address."""
    done = healthd("dashboards", str(tmp_path), "--healthd-url", "https://10.1.2.3:9808/")
    assert len(done.stdout.splitlines()) == len(EACH)
    for name, language in EACH:
        text = (tmp_path / language / f"{name}.json").read_text("utf-8")
        assert "127.0.0.1" not in text
        assert "10.1.2.3:9808//" not in text
    assert "https://10.1.2.3:9808/api/v1/regions.geojson" in (tmp_path / "zh" / "overview.json").read_text("utf-8")


@pytest.mark.parametrize("url", ["10.1.2.3:9808", "ftp://x", "http://", "http://x/?a=b"])
def test_command_refuses_what_is_no_address(url: str, tmp_path: Path) -> None:
    """An address that no browser can open is wrong usage, told in one line."""
    done = healthd("dashboards", str(tmp_path), "--healthd-url", url, check=False)
    assert done.returncode == 2
    assert repr(url) in done.stderr
    assert not [*tmp_path.iterdir()]


def test_command_tells_where_it_cannot_write(tmp_path: Path) -> None:
    """A directory that is a file is one line on stderr, exit 1."""
    (tmp_path / "en").write_text("")
    done = healthd("dashboards", str(tmp_path), check=False)
    assert done.returncode == 1
    assert (len(done.stderr.splitlines()), str(tmp_path) in done.stderr) == (1, True)


@pytest.mark.parametrize(("name", "language"), EACH)
def test_what_grafana_needs(name: str, language: str) -> None:
    """Fixed uid, a schema that Grafana 10.4 to 13 read, a title, a description, and a number for each panel."""
    loaded = board(name, language)
    assert loaded["uid"] == f"healthd-{name}" + ("-zh" if language == "zh" else "")
    assert 39 <= loaded["schemaVersion"] <= 41
    assert loaded["title"]
    assert loaded["description"]
    ids = [panel["id"] for panel in loaded["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_queries_name_what_exists(name: str) -> None:
    """Every expression parses, and names only metrics and labels of the golden page and of the recording rules."""
    wrong = {str(query): complaints(plain(query.expression), KNOWN) for query in queries(name)}
    assert {query: found for query, found in wrong.items() if found} == {}


def test_alert_and_recording_rules_name_what_exists() -> None:
    """Rules parse and name only metrics and labels of the golden page and of each other."""
    wrong = {}
    for path in sorted((ROOT / "config" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                strict = path.name == "regions.yml"
                found = complaints(rule["expr"], KNOWN, strict=strict)
                wrong[rule.get("alert", rule.get("record"))] = found
    assert {rule: found for rule, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("healthd_gone", "no metric healthd_gone"),
        ('healthd:region_verdict{colour="red"}', "no label colour"),
        ("sum by (nam) (healthd:region_info)", "no label nam"),
        ("healthd:region_info * on (camera) healthd_camera_info", "left of * has no label camera"),
        ("up * on (job) group_left (unit) healthd_ready", "right of group_left has no label unit"),
        ("max by (region) (sum by (class) (healthd:region_cameras))", "no label region"),
        ("histogram_quantile(0.5, healthd_ready)", "no label le"),
        ("sum(", "cannot be parsed"),
        ('label_replace(up, "x", "$1", "y", "(.*)")', "no label y"),
        ("sum without (class) (healthd:region_cameras) / on (region) healthd:region_cameras", ""),
        ('max by (x) (label_join(up, "x", "-", "job"))', ""),
    ],
)
def test_the_check_bites(expression: str, complaint: str) -> None:
    """An unknown metric or label is found wherever it stands, and what is right is left alone."""
    found = complaints(expression, KNOWN)
    assert found == [] if not complaint else complaint in found[0]


def test_the_overview_reads_recording_rules_only() -> None:
    """No panel of the overview reads what healthd exports itself: at 100,000 cameras it must stay quick."""
    raw = {
        str(query): metrics_of(plain(query.expression))
        for query in queries("overview")
        if any(
            not metric.startswith("healthd:") and metric != "ALERTS"
            for metric in metrics_of(plain(query.expression))
        )
    }
    assert raw == {}


@pytest.mark.parametrize("name", NAMES)
def test_no_holes_by_topk(name: str) -> None:
    """A graph never picks its series anew at every step: that leaves holes."""
    for query in queries(name):
        if not query.instant:
            assert not re.search(r"\b(topk|bottomk)\b(?!.*@ end\(\))", query.expression), str(query)


@pytest.mark.parametrize(("name", "language"), EACH)
def test_panels_lie_beside_each_other(name: str, language: str) -> None:
    """No panel covers another, and none sticks out of the 24 columns."""
    places = [panel["gridPos"] for panel in board(name, language)["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@pytest.mark.parametrize(("name", "language"), EACH)
def test_panels_explain_themselves(name: str, language: str) -> None:
    """Each panel has a title, a description, words for "no data", and a grey for it that no figure has."""
    for panel in panels(board(name, language)):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"]
        assert len(panel["description"]) > 5, panel["title"]
        assert {"en": "no data", "zh": "无数据"}[language] in defaults["noValue"]
        special = [mapping["options"] for mapping in defaults["mappings"] if mapping["type"] == "special"]
        assert {option["match"] for option in special} == {"null", "nan"}, panel["title"]
        colours = {option["result"]["color"] for option in special}
        assert colours == {"#8e8e8e"}
        assert not colours & {step["color"] for step in defaults["thresholds"]["steps"]}


@pytest.mark.parametrize(("name", "language"), EACH)
def test_verdicts_have_colour_and_text(name: str, language: str) -> None:
    """Wherever a verdict is shown, each of its four values has a word and a colour of its own."""
    loaded = board(name, language)
    words = {"en": ["fail", "insufficient", "pass", "no target"], "zh": ["未达标", "数据不足", "达标", "不考核"]}
    shown = 0
    for override in (one for panel in panels(loaded) for one in panel["fieldConfig"]["overrides"]):
        for setting in override["properties"]:
            if setting["id"] == "mappings" and len(setting["value"]) == 3:
                values = setting["value"][0]["options"]
                if set(values) == {"1", "2", "3", "4"}:
                    shown += 1
                    assert [values[key]["text"] for key in "1234"] == words[language]
                    assert len({values[key]["color"] for key in "1234"}) == 4
    assert shown or name not in ("overview", "region", "targets")


@pytest.mark.parametrize(("name", "language"), EACH)
def test_variables_are_defined(name: str, language: str) -> None:
    """Whatever a panel, a link or a variable refers to is a variable of that board."""
    loaded = board(name, language)
    used = {variable for text in texts(loaded) for variable in variables_in(text)}
    assert used - {"datasource"} <= set(variables(loaded))


@pytest.mark.parametrize(("name", "language"), EACH)
def test_links_lead_somewhere(name: str, language: str) -> None:
    """Every link within Grafana names a board of the same language and variables that it has; others lead to
    healthd."""
    known = {board(other, language)["uid"]: board(other, language) for other in NAMES}
    loaded = board(name, language)
    links = [link["url"] for link in loaded["links"]]
    links += [text for panel in loaded["panels"] for text in texts(panel) if text.startswith("/d/")]
    assert len(links) >= len(NAMES) - 1
    for url in links:
        assert urlsplit(url).path.removeprefix("/d/") in known, url
        target = variables(known[urlsplit(url).path.removeprefix("/d/")])
        given = {key.removeprefix("var-") for key, _ in parse_qsl(urlsplit(url).query)}
        passed = set(re.findall(r"\$\{(\w+):queryparam\}", url))
        assert given | passed <= set(target), url
    for text in (text for text in texts(loaded["panels"]) if text.startswith("${healthd}")):
        assert re.fullmatch(r"\$\{healthd\}/(cameras|incidents)/\$\{__data\.fields\.\w+\}", text), text


@pytest.mark.parametrize(("name", "language"), EACH)
def test_links_use_columns_that_are_there(name: str, language: str) -> None:
    """A link that takes a value of the row takes it from a label that the table's queries keep."""
    for panel in panels(board(name, language)):
        for wanted in re.findall(r"__data\.fields\.(\w+)", json.dumps(panel)):
            for target in panel["targets"]:
                assert re.search(rf"by \([^)]*\b{wanted}\b", target["expr"]), (panel["title"], wanted)


@pytest.mark.parametrize(("name", "language"), EACH)
def test_nothing_needs_the_internet(name: str, language: str) -> None:
    """No address but healthd's, and no map but its outlines: these networks are closed."""
    loaded = board(name, language)
    addresses = {match for text in texts(loaded) for match in re.findall(r"https?://[^/\s\"]+", text)}
    assert addresses <= {"http://127.0.0.1:9808"}
    for panel in loaded["panels"]:
        if panel["type"] == "geomap":
            assert panel["options"]["basemap"]["type"] == "geojson"
            assert [layer["type"] for layer in panel["options"]["layers"]] == ["markers"]


@pytest.mark.parametrize("name", NAMES)
def test_languages_are_in_step(name: str) -> None:
    """Both languages have the same panels, numbers, places, queries and variables; only words differ."""
    english, chinese = board(name, "en"), board(name, "zh")
    assert [_bones(panel) for panel in english["panels"]] == [_bones(panel) for panel in chinese["panels"]]
    assert [_variable_bones(one) for one in english["templating"]["list"]] == [
        _variable_bones(one) for one in chinese["templating"]["list"]
    ]
    assert [link["url"] + "-zh" for link in english["links"]] == [link["url"] for link in chinese["links"]]
    assert [one["expr"] for one in english["annotations"]["list"]] == [
        one["expr"] for one in chinese["annotations"]["list"]
    ]


def _bones(panel: dict[str, Any]) -> Any:
    overrides = panel.get("fieldConfig", {}).get("overrides", [])
    asked = [(target["refId"], target["expr"], target["instant"]) for target in panel.get("targets", [])]
    shape = [[setting["id"] for setting in one["properties"]] for one in overrides]
    return panel["id"], panel["type"], panel["gridPos"], asked, shape


def _variable_bones(variable: dict[str, Any]) -> Any:
    return variable["name"], variable["type"], variable.get("definition"), variable.get("multi"), variable["hide"]


@pytest.mark.parametrize("name", NAMES)
def test_each_language_is_itself(name: str) -> None:
    """The English boards have no Chinese in them, and every title of the Chinese ones has."""
    assert not [text for text in texts(boards("en")[name]) if CHINESE.search(text)]
    for panel in panels(board(name, "zh")):
        assert CHINESE.search(panel["description"]), panel["title"]
        assert CHINESE.search(panel["title"]), panel["title"]


@pytest.mark.parametrize(
    "name", ["崇川区", 'a"b', "a\\b", "a,b", '",region="9"', "}", 'x"} 1', "城" * 60, "a|b.*", "${city}"]
)
def test_any_name_can_be_chosen(name: str) -> None:
    """Whatever a region is called, the lists of regions show that name and choose that region."""
    defined = variables(board("overview"))
    result = [{"metric": {"name": name, "region": "320602"}, "value": [1, "1"]}]
    assert options(result, defined["county"]["regex"]) == [(name, "320602")]
    result = [{"metric": {"text": f"320602 {name}", "region": "320602"}, "value": [1, "1"]}]
    assert options(result, defined["region"]["regex"]) == [(f"320602 {name}", "320602")]
    result = [{"metric": {"region": "320602"}, "value": [1, "1"]}]
    assert options(result, defined["scope"]["regex"]) == [("320602", "320602")]
