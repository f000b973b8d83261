"""alertmanager.yml: who is told what, by amtool and by the command that writes it."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from healthd.alerting.files import differences, text_of
from healthd.alerting.watch import RoutesWatch, compare
from healthd.cli import make_parser
from healthd.config import load_config
from healthd.inventory.read import load_inventory
from healthd.model import Region
from healthd.problems import BadInput
from healthd.setup import Setup, read_setup
from tests.alert_stories import RULES, alerts
from tests.running import edit_config, healthd

CONFIG = Path(__file__).parent.parent / "config"
SHIPPED = CONFIG / "alertmanager.yml"
XUETIAN, HAIAN = "/3206/320602/32060201/", "/3206/320685/32068501/"


@pytest.fixture(scope="module")
def shipped() -> Setup:
    return read_setup(CONFIG / "healthd.yml")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The shipped example, in a directory of its own."""
    shutil.copytree(CONFIG, tmp_path / "config")
    return tmp_path / "config" / "healthd.yml"


def amtool(*arguments: str | Path) -> str:
    """What amtool says; AssertionError if it found something wrong."""
    program = shutil.which("amtool")
    assert program, "amtool is missing: apt-get install prometheus-alertmanager"
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def generate(config: Path, *options: str) -> int:
    """`healthd alerting generate` in this process; the exit code."""
    parsed = make_parser().parse_args(["alerting", "generate", "-c", str(config), *options])
    return int(parsed.work(parsed))


def labels_of(alert: str, labels: Mapping[str, str]) -> list[str]:
    """As Alertmanager gets them: the rule's own labels too."""
    own = alerts(RULES)[alert]["labels"]
    return [f"{name}={value}" for name, value in {"alertname": alert, **own, **labels}.items()]


def test_the_shipped_file_is_as_generated(shipped: Setup) -> None:
    """Generating config/alertmanager.yml anew changes nothing."""
    assert SHIPPED.read_text("utf-8") == text_of(shipped.config, shipped.inventory)


def test_alertmanager_takes_the_shipped_file() -> None:
    """`amtool check-config` is content, also in Debian's version."""
    assert "SUCCESS" in amtool("check-config", SHIPPED)


@pytest.mark.parametrize(
    ("alert", "labels", "receiver"),
    [
        ("HealthdMassIncident", {"incident": "I1", "maintainer": "huawang", "path": XUETIAN}, "huawang"),
        ("HealthdUpstreamIncident", {"incident": "I1", "maintainer": "anlian", "path": XUETIAN}, "anlian"),
        ("HealthdMassIncident", {"incident": "I1", "maintainer": "anlian", "path": HAIAN}, "haian"),
        ("HealthdMassIncident", {"incident": "I1", "maintainer": "", "path": HAIAN}, "haian"),
        ("HealthdMassIncident", {"incident": "I1", "maintainer": "stranger", "path": XUETIAN}, "duty"),
        ("HealthdMassIncident", {"incident": "I1", "maintainer": "stranger", "path": "/99/"}, "duty"),
        ("HealthdMassIncident", {"incident": "I1"}, "duty"),
        ("HealthdCameraIncident", {"incident": "I1", "maintainer": "huawang", "path": XUETIAN}, "digest huawang"),
        ("HealthdCameraIncident", {"incident": "I1", "maintainer": "", "path": HAIAN}, "digest haian"),
        ("HealthdCameraIncident", {"incident": "I1", "maintainer": "", "path": "/99/"}, "digest duty"),
        ("HealthdRepairOverdue", {"incident": "I1", "maintainer": "huawang", "path": XUETIAN}, "huawang"),
        ("HealthdRegionRateBelowTarget", {"region": "32068501", "path": HAIAN}, "haian"),
        ("HealthdRegionRateDropped", {"region": "320685", "path": "/3206/320685/"}, "haian"),
        ("HealthdRegionRateDropped", {"region": "3206", "path": "/3206/"}, "duty"),
        ("HealthdRegionForecastMiss", {"region": "32060201", "path": XUETIAN}, "duty"),
        ("HealthdPictureFaultSurge", {"region": "32068501", "path": HAIAN}, "haian"),
        ("HealthdClockDrift", {"region": "32068501", "path": HAIAN}, "haian"),
        ("HealthdBudgetBurnFast", {"region": "32068501", "path": HAIAN}, "haian"),
        ("HealthdDown", {"instance": "a"}, "duty"),
        ("HealthdCoverageLow", {"region": "32068501", "path": HAIAN}, "duty"),
        ("HealthdHookFailing", {"hook": "duty-dingtalk"}, "direct duty"),
        ("HealthdWatchdog", {}, "watchdog"),
        ("HealthdRateExplained", {"region": "3206", "path": "/3206/"}, "nobody"),
        ("HealthdIncidentSubsumed", {"incident": "I1"}, "nobody"),
    ],
)
def test_route_table(alert: str, labels: Mapping[str, str], receiver: str) -> None:
    """Each alert finds the one who is on call for it: by maintainer, by region, or the default."""
    wanted = f"--verify.receivers={receiver}"
    told = amtool("config", "routes", "test", f"--config.file={SHIPPED}", wanted, *labels_of(alert, labels))
    assert told.strip() == receiver


@pytest.mark.parametrize("alert", alerts(RULES))
def test_no_alert_reaches_nobody_by_mistake(alert: str) -> None:
    """Only what is there to silence others ends where nobody hears it."""
    told = amtool("config", "routes", "test", f"--config.file={SHIPPED}", *labels_of(alert, {})).strip()
    assert (told == "nobody") is (alerts(RULES)[alert]["labels"]["topic"] == "inhibitor")


def test_an_alert_of_somebody_else_falls_to_the_default() -> None:
    """What these rules did not make is not lost."""
    told = amtool("config", "routes", "test", f"--config.file={SHIPPED}", "alertname=DiskFull", "severity=page")
    assert told.strip() == "duty"


def test_hooks_trouble_does_not_go_by_hooks() -> None:
    """The receiver of a failing hook's alert has no hook in it."""
    receivers = {one["name"]: one for one in yaml.safe_load(SHIPPED.read_text("utf-8"))["receivers"]}
    assert "webhook_configs" in receivers["duty"]
    assert "webhook_configs" not in receivers["direct duty"]
    assert receivers["direct duty"]["email_configs"]


def test_what_waits_for_the_day_waits_on_every_route() -> None:
    """Alertmanager's child routes do not inherit when they are active: each says it itself."""
    routes = yaml.safe_load(SHIPPED.read_text("utf-8"))["route"]["routes"]

    def active(route: Mapping[str, Any]) -> set[bool]:
        below: set[bool] = set().union(*(active(child) for child in route.get("routes", ())))
        return below | {"active_time_intervals" in route}

    told = {route["matchers"][0]: active(route) for route in routes}
    assert told['severity="info"'] == told['topic="repairs"'] == {True}
    assert told['topic="incidents"'] == {False}


def test_codes_with_dots_match_themselves_only(example: Path, tmp_path: Path) -> None:
    """A code such as a.b is no pattern in a route."""
    setup = read_setup(example)
    regions = {**setup.inventory.regions, "a.b": Region("a.b", "甲", "county", "3206")}
    inventory = dataclasses.replace(setup.inventory, regions=regions)
    assert setup.config.alerting is not None
    options = setup.config.alerting.model_copy(update={"regions": {"a.b": "huawang"}})
    file = tmp_path / "alertmanager.yml"
    file.write_text(text_of(dataclasses.replace(setup.config, alerting=options), inventory), "utf-8")
    for path, receiver in (("/3206/a.b/", "huawang"), ("/3206/axb/", "duty")):
        labels = labels_of("HealthdRegionRateBelowTarget", {"region": "x", "path": path})
        assert amtool("config", "routes", "test", f"--config.file={file}", *labels).strip() == receiver


def test_generate_and_check(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes the file; --check tells a new county from one that is routed, and exits 1."""
    file = example.parent / "alertmanager.yml"
    file.unlink()
    assert generate(example, "--check") == 1
    assert generate(example) == 0
    assert "written" in capsys.readouterr().out
    assert file.read_text("utf-8") == SHIPPED.read_text("utf-8")
    assert generate(example, "--check") == 0
    with (example.parent / "regions.csv").open("a", encoding="utf-8") as regions:
        regions.write("320699,新区,county,3206\n")
    capsys.readouterr()
    assert generate(example, "--check") == 1
    assert 'path=~"/3206/320699/.*"' in capsys.readouterr().out


def test_metric_says_whether_routes_are_current(example: Path) -> None:
    """1 while the file fits, 0 when it does not, absent when none is configured; comments do not matter."""
    setup = read_setup(example)
    known = {"setup": setup}
    registry = CollectorRegistry()
    watch = RoutesWatch(registry, lambda: (known["setup"].config, known["setup"].inventory))

    def value() -> float | None:
        watch.judge(compare(known["setup"].config, known["setup"].inventory), None)
        return registry.get_sample_value("healthd_alerting_routes_current")

    file = example.parent / "alertmanager.yml"
    file.write_text("# ours\n" + file.read_text("utf-8"), "utf-8")
    assert value() == 1
    regions = {**setup.inventory.regions, "320699": Region("320699", "新区", "county", "3206")}
    known["setup"] = dataclasses.replace(setup, inventory=dataclasses.replace(setup.inventory, regions=regions))
    assert value() == 0
    known["setup"] = dataclasses.replace(setup, config=dataclasses.replace(setup.config, alerting=None))
    assert value() is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"default": "nobdy"}, 'default: there is no receiver "nobdy"'),
        ({"maintainers": {"huawang": "dutty"}}, 'did you mean "duty"'),
        ({"receivers": {"duty": {}}, "maintainers": {}, "regions": {}, "deadman": None}, "reached by no way"),
        (
            {"receivers": {"duty": {"hooks": ["x"]}}, "maintainers": {}, "regions": {}, "deadman": None},
            'there is no hook "x"',
        ),
        ({"smtp": None}, "there is no smtp"),
        ({"day_hours": "21:00-07:00"}, "is not a span of one day"),
        ({"hooks": {"h": {"kind": "dingtalk", "token": "t"}}}, "a secret must not stand in this file"),
        ({"hooks": {"h": {"kind": "dingtalk"}}}, "the bot's token is missing"),
        ({"hooks": {"h": {"kind": "sms", "base_url": "http://127.0.0.1/"}}}, "goes with kind: sms"),
        ({"hooks": {"h": {"kind": "wecom", "token_file": "none"}}}, "no such file"),
        ({"healthd_url": "healthd:9808"}, "is not an http or https URL"),
        ({"receiver": {}}, "unknown key"),
    ],
)
def test_mistakes_are_told_with_their_place(example: Path, change: Mapping[str, Any], says: str) -> None:
    """File, line, key and remedy; nothing is written."""
    section = yaml.safe_load(example.read_text("utf-8"))["alerting"]
    merged = {key: value for key, value in (section | change).items() if value is not None}
    edit_config(example, alerting=merged)
    with pytest.raises(BadInput) as caught:
        load_config(example)
    told = str(caught.value)
    assert says in told
    assert str(example) in told
    assert "alerting" in told


def test_regions_that_are_not_there(example: Path) -> None:
    """`generate` refuses a code that the inventory does not have; a daemon only warns of it."""
    text = example.read_text("utf-8").replace(
        'regions: {"320685": haian}          #', 'regions: {"320686": haian}  #'
    )
    example.write_text(text, "utf-8")
    with pytest.raises(BadInput) as caught:
        generate(example)
    assert 'alerting.regions: "320686": there is no such region (did you mean "320685"?)' in str(caught.value)
    assert any("320686" in str(warning) for warning in read_setup(example).warnings)


def test_no_alerting_section(example: Path) -> None:
    """One line that says what to add."""
    edit_config(example, alerting=None)
    done = healthd("alerting", "generate", "-c", str(example), check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "alerting: missing" in done.stderr


def test_wecom_secret_before_alertmanager_could_read_it(example: Path) -> None:
    """For 0.25 the secret is written into the file, which then others cannot read, and no diff shows it; for 0.31
    only its path is."""
    (example.parent / "secrets" / "wecom").write_text("s3cr3t\n")
    section = yaml.safe_load(example.read_text("utf-8"))["alerting"]
    app = {"corp_id": "ww1", "agent_id": 1000002, "secret_file": "secrets/wecom", "to_party": "2"}
    section["receivers"]["duty"]["wecom_app"] = app
    file = example.parent / "alertmanager.yml"
    file.unlink()
    edit_config(example, alerting=section)
    assert generate(example) == 0
    assert "api_secret: s3cr3t" in file.read_text("utf-8")
    assert file.stat().st_mode & 0o007 == 0
    assert "SUCCESS" in amtool("check-config", file)
    (example.parent / "secrets" / "wecom").write_text("other\n")
    config = load_config(example)
    inventory, _ = load_inventory(config)
    told = "\n".join(differences(config, inventory, file))
    assert "secret differs" in told
    assert "s3cr3t" not in told
    assert "other" not in told
    edit_config(example, alerting=section | {"alertmanager_version": "0.31"})
    assert generate(example) == 0
    assert "api_secret_file:" in file.read_text("utf-8")
    assert "other" not in file.read_text("utf-8")


async def test_watch_looks_after_a_reload(example: Path) -> None:
    """A daemon finds out by itself."""
    setup = read_setup(example)
    registry = CollectorRegistry()
    watch = RoutesWatch(registry, lambda: (setup.config, setup.inventory))
    task = asyncio.create_task(watch.run())
    seen: list[float] = []
    for _ in range(200):
        await asyncio.sleep(0.05)
        value = registry.get_sample_value("healthd_alerting_routes_current")
        if value is not None:
            seen.append(value)
            break
    task.cancel()
    assert seen == [1]
