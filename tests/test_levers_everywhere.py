"""Every lever on the denominator, moved at a real daemon: each stands in the change list, wherever it is read."""

from __future__ import annotations

import csv
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from healthd.model import Axis, State
from healthd.store import Store
from tests.report_kit import PastCity, city_with_past, document, healthd_says
from tests.running import Daemon, daemon, edit_config, free_port, wait_until

pytestmark = pytest.mark.slow  # the daemon has to see some time go by
Says = pytest.CaptureFixture[str]
ZONE = ZoneInfo("Asia/Shanghai")
HOUR = 3_600_000
EXPECTED = {
    "exemption": "out",
    "exemption_end": "in",
    "lifecycle": "out",
    "class": "moved",
    "service_hours": "out",
    "picture": "out",
    "maintainer": "moved",
    "removed": "out",
    "profile": "none",  # no picture was dark since; test_levers.py has those that were
    "threshold": "untold",
    "check": "untold",
    "false_alarm": "regraded",
}
"""Lever -> what it did with the time of its cameras."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    """A past that ended an hour ago, with a picture fault that is to be called false."""
    now = time.time_ns() // 1_000_000
    made = city_with_past(tmp_path_factory.mktemp("city"), cameras=40, days=30, now=now - HOUR)
    config = yaml.safe_load(made.config.read_text("utf-8"))
    checks = {"ping": {**config["checks"]["ping"], "interval": "10s"}, "frame": config["checks"]["frame"]}
    own = {"ours": {"faults": ["no_signal", "dark", "bright", "corrupt"], "targets": {"intact": {"all": 0.9}}}}
    edit_config(
        made.config,
        checks=checks,
        profiles=["ours"],
        profile_definitions=own,
        author="inventory office",
        web={"listen": f"127.0.0.1:{free_port()}"},
    )
    return made


def post(running: Daemon, path: str, said: object) -> Any:
    request = urllib.request.Request(running.url + path, json.dumps(said).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error


def read_cameras(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def edit_cameras(path: Path, changes: Mapping[int, Mapping[str, str]], remove: int) -> list[str]:
    """Changes lines by their number and takes one out; the ids of all that were there."""
    lines = read_cameras(path)
    ids = [line["id"] for line in lines]
    for number, change in changes.items():
        lines[number] |= change
    del lines[remove]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*lines[0], *({key for line in lines for key in line} - {*lines[0]})])
        writer.writeheader()
        writer.writerows(lines)
    return ids


def spell(config: Path) -> tuple[str, str, int]:
    """(camera, fault, when it was found) of the latest picture fault of the past."""
    store = Store.open(f"sqlite:///{config.parent / 'healthd.db'}", writer=False)
    try:
        flips = (flip for camera in store.names() for flip in store.flips(camera, 0, 1 << 60))
        found = [flip for flip in flips if flip.axis is Axis.PICTURE and flip.state is State.FAULTY]
    finally:
        store.close()
    last = max(found, key=lambda flip: flip.at)
    return last.camera, last.faults[0], last.at


def pull(running: Daemon, city: PastCity) -> None:
    """Moves every lever once, by file, command of the API, and reload."""
    lines = [line["id"] for line in read_cameras(city.directory / "cameras.csv")]
    camera, fault, at = spell(city.config)
    said = {"by": "duty", "approver": "chief", "note": "pole moved"}
    one = post(running, "/api/v1/exemptions", {
        "scope": f"camera:{lines[0]}", "to": _iso(time.time() + 7200), "from": _iso(time.time() - 1800),
        "reason": "construction", **said,
    })  # fmt: skip
    time.sleep(1.5)
    post(running, f"/api/v1/exemptions/{one['exemption']}/end", said)
    post(
        running,
        f"/api/v1/cameras/{camera}/picture/false",
        {"fault": fault, "by": "duty", "at": _iso(at / 1000 + 1)},
    )
    ids = edit_cameras(
        city.directory / "cameras.csv",
        {
            1: {"lifecycle": "suspended"},
            2: {"class": "3"},
            3: {"service_hours": "00:00-00:01"},
            4: {"picture": "no"},
            5: {"maintainer": ""},
        },
        remove=6,
    )
    assert ids == lines
    config = yaml.safe_load(city.config.read_text("utf-8"))
    definitions = config["profile_definitions"]
    definitions["ours"]["faults"] = ["no_signal", "bright", "corrupt"]
    picture = {**config["picture"], "thresholds": [{"fault": "blur", "value": "off"}]}
    checks = {**config["checks"], "ping": {**config["checks"]["ping"], "timeout": "2s"}}
    edit_config(city.config, profile_definitions=definitions, picture=picture, checks=checks)
    status, told = running.post("/-/reload?force=1")
    assert status == 200, told


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, ZONE).isoformat(timespec="seconds")


@pytest.fixture(scope="module")
def moved(city: PastCity) -> tuple[str, str, list[dict[str, Any]]]:
    """(from, to, what the API says of it) after every lever was moved and the daemon saw some seconds more."""
    with daemon(city.config) as running:
        wait_until(lambda: running.get("/-/healthy")[0] == 200, 60)
        wait_until(lambda: json.loads(running.get("/api/v1/cameras?limit=1")[1]), 60)
        pull(running, city)
        start, end = _iso(time.time() - 30 * 86_400), _iso(time.time() + 2)
        time.sleep(12)  # the time that the changes had an effect in is seen, and on the disk
        query = f"/api/v1/changes?from={start[:19]}&to={end[:19]}"
        status, text = running.get(query, timeout=60)
        assert status == 200, text
        assert running.get("/api/v1/changes?months=1")[0] == 400
        assert running.get("/api/v1/changes?month=2026-13", timeout=60)[0] == 400
    return start[:19], end[:19], json.loads(text)


def mine(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was moved by hand, and not by the past that the city was given."""
    return [line for line in lines if line["author"] != "simulated history"]


def test_every_lever_stands_in_the_list(moved: tuple[str, str, list[dict[str, Any]]]) -> None:
    """Each with date, author, what it was and became, its approver where it has one, and its effect in camera time
    wherever that can be told."""
    lines = mine(moved[2])
    found = {line["lever"]: line["effect"] for line in lines}
    assert {lever: found.get(lever) for lever in EXPECTED} == EXPECTED
    for line in lines:
        assert line["at"] <= line["recorded"] or line["lever"] == "exemption_end", line
        assert line["author"] == ("duty" if line["lever"].startswith(("exempt", "false")) else "inventory office")
        told = line["effect"] not in ("untold", "none")
        assert (line["camera_ms"] or 0) > 0 if told else not line["camera_ms"], line
    assert {line["approver"] for line in lines if line["lever"].startswith("exempt")} == {"chief"}
    assert any("blur" in line["after"] for line in lines if line["lever"] == "threshold")
    [profile] = [line for line in lines if line["lever"] == "profile"]
    assert (profile["subject"], "dark" in profile["before"], "dark" in profile["after"]) == (
        "ours.faults",
        True,
        False,
    )


def test_command_and_api_say_the_same(
    city: PastCity, moved: tuple[str, str, list[dict[str, Any]]], capsys: Says
) -> None:
    """`healthd changes` has the API's very list, and prints a line for each."""
    start, end, told = moved
    code, out, _ = healthd_says(capsys, "changes", "-c", city.config, "--from", start, "--to", end, "--json")
    assert code == 0
    assert json.loads(out) == told
    code, out, _ = healthd_says(capsys, "changes", "-c", city.config, "--from", start, "--to", end)
    levers: Callable[[str], int] = lambda lever: sum(f" {lever} " in line for line in out.splitlines())  # noqa: E731
    assert all(levers(lever) for lever in EXPECTED), out


def test_the_report_has_all_of_them(
    city: PastCity, moved: tuple[str, str, list[dict[str, Any]]], tmp_path: Path, capsys: Says
) -> None:
    """The week's report lists every one, by the same hands, in its table as in its JSON."""
    day = datetime.fromisoformat(moved[1]).date()
    year, week, weekday = day.isocalendar()
    name = f"{year}-W{week:02d}"
    options = ("report", "-c", city.config, "--week", name, "--lang", "en", "--format", "json", "-o", tmp_path)
    code, _, err = healthd_says(capsys, *options)
    assert code == 0, err
    made = document(tmp_path)
    _, out, _ = healthd_says(
        capsys, "changes", "-c", city.config, "--from", day - timedelta(weekday - 1), "--to", moved[1], "--json"
    )
    told = mine(json.loads(out))
    assert [*map(_hand, mine(made["changes"]))] == [*map(_hand, told)]
    assert {line["lever"] for line in told} == {*EXPECTED}
    [filings] = [section for section in made["sections"] if section["key"] == "filings"]
    [table] = [block for block in filings["blocks"] if block.get("table") == "changes"]
    assert len([row for row in table["rows"] if row["author"] != "simulated history"]) == len(told)
    [exempt] = [block for block in filings["blocks"] if block.get("table") == "exemptions"]
    assert [(row["author"], row["approver"], row["note"]) for row in exempt["rows"]] == [
        ("duty", "chief", "ended early; pole moved")
    ]


def _hand(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(
        line[key] for key in ("at", "lever", "subject", "before", "after", "author", "approver", "camera_ids")
    )
