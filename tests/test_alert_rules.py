"""What every alert rule must have. Their stories are in `tests.alert_stories`; `test_rules` runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.alert_kit import THREE
from tests.alert_stories import DIRECTORY, RULES, alerts, documents, stories

ROOT = Path(__file__).parent.parent
ALERTS = alerts(RULES)
ALWAYS = "HealthdWatchdog"
SEVERITIES = {"critical", "warning", "info", "none"}
TEXTS = ("summary", "summary_zh", "description", "description_zh")
DASHBOARDS = {f"healthd-{name}" for name in ("overview", "region", "camera", "targets", "causes", "healthd")}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_the_test_files_are_as_written() -> None:
    """Writing tests/rules/alerts*_test.yml anew changes nothing."""
    assert {name: (DIRECTORY / name).read_text("utf-8") for name in documents()} == documents()


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_has_its_three_stories(name: str) -> None:
    """It is shown to fire, not to fire just below, and to resolve; the watchdog only ever fires."""
    told = {
        story.name: [check.labels is not None for check in story.checks]
        for story in stories()
        if story.alert == name
    }
    assert told["fires"]
    assert all(told["fires"])
    if name != ALWAYS:
        assert [told[story] for story in THREE[1:]] == [[False], [True, False]]


def test_stories_are_of_alerts_that_exist() -> None:
    """A renamed alert takes its stories along."""
    assert {story.alert for story in stories()} == set(ALERTS)


@pytest.mark.parametrize(("name", "rule"), ALERTS.items())
def test_each_alert_says_what_it_must(name: str, rule: Mapping[str, Any]) -> None:
    """Severity and topic; texts in both languages; no name, cause or number in what identifies it."""
    assert set(rule["labels"]) == {"severity", "topic"}
    assert rule["labels"]["severity"] in SEVERITIES
    for text in TEXTS:
        assert bool(CHINESE.search(rule["annotations"][text])) is text.endswith("_zh"), text
    if rule["labels"]["severity"] in ("critical", "warning"):
        assert "keep_firing_for" in rule, "one missed scrape must not end it"


@pytest.mark.parametrize(("name", "rule"), ALERTS.items())
def test_each_alert_has_a_runbook(name: str, rule: Mapping[str, Any]) -> None:
    """Its link leads to a file that says what it means, what to look at and what to do, in both languages."""
    assert rule["annotations"]["runbook_url"] == f"{{{{ $externalLabels.healthd_url }}}}/runbooks/{name}"
    text = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert heads == ["What it means", "What to look at", "What to do", "含义", "查看什么", "如何处置"]


def test_no_runbook_is_left_over() -> None:
    """A renamed alert takes its runbook along."""
    assert {path.stem for path in (ROOT / "docs" / "runbooks").iterdir()} == set(ALERTS)


@pytest.mark.parametrize(("name", "rule"), ALERTS.items())
def test_each_alert_leads_to_a_dashboard(name: str, rule: Mapping[str, Any]) -> None:
    """Its links name dashboards that exist in that language, and variables that they have."""
    for key, suffix, folder in (("dashboard_url", "", "en"), ("dashboard_url_zh", "-zh", "zh")):
        link = rule["annotations"][key].removeprefix("{{ $externalLabels.grafana_url }}")
        path = urlsplit(link).path
        assert path.startswith("/d/")
        uid = path.removeprefix("/d/")
        assert uid.endswith(suffix)
        assert uid.removesuffix(suffix) in DASHBOARDS
        wanted = {variable.removeprefix("var-") for variable, _ in parse_qsl(urlsplit(link).query)}
        for file in (ROOT / "dashboards" / folder).glob("*.json"):
            dashboard = json.loads(file.read_text("utf-8"))
            if dashboard["uid"] == uid:
                assert wanted <= {variable["name"] for variable in dashboard["templating"]["list"]}


def test_nothing_pages_for_one_camera() -> None:
    """An incident of one camera is info, for digests; what goes out at once takes two or more."""
    assert ALERTS["HealthdCameraIncident"]["labels"]["severity"] == "info"
    for name in ("HealthdMassIncident", "HealthdUpstreamIncident"):
        assert re.search(r">= [2-9]", ALERTS[name]["expr"])
