"""An operator's word on pictures, by command and over HTTP, told to a real daemon over a real city."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from healthd.city.faults import FOREVER, Fault, Kind
from healthd.city.options import Reach
from healthd.commands.picture_acts import spelled
from healthd.model import Axis, State
from healthd.store import Store
from tests.city_kit import camera_alone, living
from tests.running import Daemon, daemon, edit_config, healthd, rates, wait_until
from tests.test_truth_pictures import ask_small


def post(running: Daemon, path: str, said: object) -> tuple[int, Any]:
    request = urllib.request.Request(running.url + path, json.dumps(said).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


async def test_a_finding_is_marked_and_a_view_begun_anew(tmp_path: Path) -> None:
    """A striped camera is found, marked as false and good from then on, and in its past; both acts are listed."""
    async with living(tmp_path / "before", 12, reach=Reach.TCP) as city:
        camera = camera_alone(city).id
    striped = [Fault(0.0, FOREVER, Kind.STRIPES, camera)]
    async with living(tmp_path, 12, reach=Reach.TCP, planned=striped, onvif_interval="", snmp_interval=""):
        config = tmp_path / "healthd.yml"
        ask_small(tmp_path / "cameras.csv")
        edit_config(
            config,
            checks={"ping": {"interval": "2s", "timeout": "1s"}, "frame": {"interval": "3s", "timeout": "2.5s"}},
            state={"picture_max_age": "60s"},
            reference_targets=["127.0.0.1"],
        )
        await asyncio.to_thread(say_and_look, config, camera)


def say_and_look(config: Path, camera: str) -> None:
    path = f"/api/v1/cameras/{camera}"

    def faults() -> list[str]:
        found: list[str] = shown()["faults"]
        return found

    def shown() -> dict[str, Any]:
        view: dict[str, Any] = json.loads(running.get(path)[1])["picture"]
        return view

    with daemon(config) as running:
        running.ready()
        wait_until(lambda: faults() == ["stripes"], 40)
        assert post(running, f"{path}/picture/false", {"fault": "blur", "by": "Li"})[0] == 409
        assert post(running, f"{path}/picture/false", {"fault": "stripes"})[0] == 400
        assert post(running, "/api/v1/cameras/nobody/picture/false", {"fault": "stripes", "by": "Li"})[0] == 404
        done = healthd("picture", "false", "-c", str(config), camera, "stripes", "--by", "Li", "--note", "rain")
        assert done.stdout == f"{camera}: stripes marked as false\n"
        wait_until(lambda: shown()["state"] == "good")
        stats = json.loads(healthd("picture", "stats", "-c", str(config), "--json").stdout)
        assert stats == [{"fault": "stripes", "found": 1, "marked": 1, "precision": 0.0}]
        assert json.loads(running.get("/api/v1/pictures/stats?from=2020-01-01")[1]) == stats
        assert running.get("/api/v1/pictures/stats?from=soon")[0] == 400
        assert post(running, f"{path}/picture/false/withdraw", {"fault": "blur", "by": "Wu"})[0] == 409
        assert post(running, f"{path}/picture/rebase", {"by": "Wu", "note": "new pole"})[0] == 200
        assert running.program.stop() == 0
    look(config, camera)
    withdrawn(config, camera)
    healthd("picture", "rebase", "-c", str(config), camera, "--by", "Wu")  # nobody runs: the store itself
    with store_of(config) as store:
        assert [one.lever for one in store.lever_changes() if one.subject == camera][-2:] == ["rebase", "rebase"]
        assert store.picture_references(camera) == []


def look(config: Path, camera: str) -> None:
    with store_of(config) as store:
        (alarm,) = store.false_alarms()[camera]
        flips = [flip for flip in store.flips(camera, 0, 1 << 60) if flip.axis is Axis.PICTURE]
    places = [place for place, flip in enumerate(flips) if flip.state is State.FAULTY]
    assert len(places) == 1
    found, ended = flips[places[0] : places[0] + 2]
    assert (found.at, ended.at, ended.faults) == (alarm.start, alarm.end, ())
    changes = json.loads(healthd("changes", "-c", str(config), "--from", "2020-01-01", "--json").stdout)
    (line,) = [one for one in changes if one["lever"] == "false_alarm"]
    assert (line["author"], line["note"], line["effect"]) == ("Li", "rain", "regraded")
    assert line["camera_ms"] == alarm.end - alarm.start
    dates = ("--from", "2020-01-01", "--to", "2100-01-01", "--rate", "intact", "--profile", "default")
    (row,) = [one for one in rates(config, *dates, "--by", "camera", "--camera", camera) if one["class"] == "all"]
    assert row["good_seconds"] == row["assessed_seconds"] > 0


def withdrawn(config: Path, camera: str) -> None:
    """By the store itself, for nobody runs: the seconds count as bad again, and both records are listed."""
    done = healthd("picture", "false", "-c", str(config), camera, "stripes", "--withdraw", "--by", "Wu")
    assert done.stdout == f"{camera}: mark of stripes withdrawn, the finding counts again\n"
    changes = json.loads(healthd("changes", "-c", str(config), "--from", "2020-01-01", "--json").stdout)
    told = [(one["author"], one["before"], one["after"]) for one in changes if one["lever"] == "false_alarm"]
    assert told == [("Li", None, "stripes"), ("Wu", "stripes", None)]
    dates = ("--from", "2020-01-01", "--to", "2100-01-01", "--rate", "intact", "--profile", "default")
    (row,) = [one for one in rates(config, *dates, "--by", "camera", "--camera", camera) if one["class"] == "all"]
    assert row["good_seconds"] < row["assessed_seconds"]


class store_of:  # noqa: N801 (reads as a function)
    """The store of a configuration, to look at."""

    def __init__(self, config: Path) -> None:
        self.store = Store.open(f"sqlite:///{config.parent / 'healthd.db'}", writer=False)

    def __enter__(self) -> Store:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["picture", "false", "c1"], ["picture false", "c1"]),
        (["--log-level=debug", "picture", "stats"], ["--log-level=debug", "picture stats"]),
        (["picture", "./false"], ["picture", "./false"]),
        (["picture", "a.jpg", "false"], ["picture", "a.jpg", "false"]),
        (["rates", "--by", "picture", "stats"], ["rates", "--by", "picture", "stats"]),
    ],
)
def test_words_after_picture(words: list[str], expected: list[str]) -> None:
    """`picture false` is a command; anything else after `picture` is a file."""
    assert spelled(words) == expected
