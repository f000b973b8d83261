"""A month that is final says the same wherever it is asked, whatever happens to the store and the setup after."""

from __future__ import annotations

import csv
import json
import sqlite3
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from healthd.exposition import Format
from healthd.figures.assessed import keep_day
from healthd.figures.final_window import final_window
from healthd.figures.period import live_windows
from healthd.incidents.incident import Cause, Happening, Incident, Kind, What
from healthd.live import Live
from healthd.metrics.regions import region_blocks
from healthd.model import (
    Axis,
    Change,
    Exemption,
    ExemptReason,
    Flip,
    Lifecycle,
    Placement,
    Region,
    Scope,
    ScopeKind,
    State,
)
from healthd.periods import previous_month_name
from healthd.rates.profiles import FURTHER
from healthd.settings import naming
from healthd.setup import read_setup
from healthd.store import Batch
from healthd.web.rates_api import window_rows
from probes.base import Memory
from tests.running import edit_config
from tests.site_kit import DAY, HOUR, Site

RENAMED = "改了名的市"
REPORTED = ("rows", "further", "attributed", "scores")
WEIGHTS = {
    "weights": {"online": 3, "networked": 1},
    "deductions": [{"rate": "attributable", "below": 0.99, "per": 0.01, "points": 1}],
}


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    """A month with an outage, an incident about it that was repaired in time, and a day of the further rates."""
    made = Site(tmp_path / "site", capsys)
    edit_config(made.config, profiles=["default", "nantong-2017"], scores=WEIGHTS)
    setup, down = read_setup(made.config), made.span.start + 5 * DAY
    incident = Incident(
        "i-1",
        Kind.OFFLINE,
        Cause.DEVICE,
        "a",
        made.region,
        "1",
        "school",
        "north",
        frozenset("a"),
        down,
        down + HOUR,
    )
    incident = replace(incident, due=down + DAY)
    ended = replace(incident, closed=down + 6 * HOUR, verified=True)
    last = made.span.end - HOUR
    read = Memory(
        clock_offset_seconds=1.0, clock_read_at=last // 1000, width=1920, height=1080, size_read_at=last // 1000
    )
    with made.store() as store:
        feed = [Happening(down + HOUR, What.OPENED, incident), Happening(down + 6 * HOUR, What.CLOSED, ended)]
        store.write(
            Batch(happenings=feed, memories=dict.fromkeys(setup.inventory.cameras, read), reached={"a": down})
        )
        keep_day(store, setup, last)
    return made


def surfaces(site: Site) -> dict[str, Any]:
    """What each surface says of the month; moments as numbers, for the zone they are told in may change."""
    told = commands(site)
    told |= {f"report {part}": rows for part, rows in report_of(site).items()}
    told["evidence"] = evidence_of(site)
    told |= live_of(site)
    return {name: plain(rows) for name, rows in told.items()}


QUESTIONS: Sequence[tuple[str, ...]] = (
    *(("--by", by) for by in ("region", "unit", "maintainer", "camera")),
    *(("--by", by, "--rate", "usage") for by in ("maintainer", "camera")),
    *(("--by", "region", "--rate", rate) for rate in ("attributable", *FURTHER, "timely")),
    *(("--by", "camera", "--rate", rate) for rate in ("clock", "networked")),
    ("--by", "maintainer", "--rate", "timely"),
    ("--by", "region", "--scores"),
    ("--by", "maintainer", "--scores"),
)


def commands(site: Site) -> dict[str, Any]:
    told: dict[str, Any] = {" ".join(question): site.rates(*question) for question in QUESTIONS}
    told["repairs"] = json.loads(site.run("incidents", "stats", "--month", site.month, "--json")[1])
    return told


def report_of(site: Site) -> dict[str, Any]:
    folder = site.config.parent / "out"
    code, _, err = site.run("report", "--month", site.month, "--format", "json", "--lang", "en", "-o", str(folder))
    assert code == 0, err
    [path] = folder.glob("*.json")
    text = path.read_text("utf-8")
    document = json.loads(text)
    path.unlink()
    assert RENAMED not in text
    return {part: document[part] for part in REPORTED} | {"names": [one["name"] for one in document["rows"]]}


def evidence_of(site: Site) -> list[dict[str, str]]:
    folder = site.config.parent / "evidence"
    code, _, err = site.run("evidence", "--camera", "a", "--month", site.month, "-o", str(folder))
    assert code == 0, err
    [path] = folder.glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("rates.csv").decode("utf-8-sig")
    return [*csv.DictReader(text.splitlines())]


def live_of(site: Site) -> dict[str, Any]:
    """The window `previous_month` as the daemon's page, its metrics and its API show it."""
    setup = read_setup(site.config)
    with site.store() as store:
        live = Live(naming(setup.config), setup.inventory)
        live.seen_until = site.now
        live.finish_rebuild(live_windows(setup, store, site.now, None))
        live.final = final_window(store, setup, site.now, None)
        assert final_window(store, setup, site.now, live.final) is live.final
    page = live.page(site.now, site.now)
    assert previous_month_name(site.now, setup.config.timezone, setup.config.month_starts_on) == site.month
    text = "".join(region_blocks(page, Format.TEXT))
    return {
        "api": window_rows(page, "previous_month", {}, setup.config.timezone),
        "metrics": sorted(line for line in text.splitlines() if 'window="previous_month"' in line),
    }


def plain(rows: Any) -> Any:
    return [
        {name: moment(value) if name in ("from", "to") else value for name, value in row.items()}
        if isinstance(row, dict)
        else row
        for row in rows
    ]


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_final_month_is_the_same_on_every_surface(site: Site) -> None:
    """Command, report, evidence, metrics, API, scores and repairs: after the month is final nothing that is
    written, configured or forgotten later changes a figure of any of them."""
    before = surfaces(site)
    site.finalise()
    final = surfaces(site)
    for name, rows in final.items():
        if name == "metrics" or name.endswith(("scores", "repairs", "names")):
            assert rows == before[name], name
        else:
            assert rows, name
            assert {(row["standing"], str(row["version"])) for row in rows} == {("final", "1")}, name
            firm = ("standing", "version")
            assert [{k: v for k, v in row.items() if k not in firm} for row in rows] == [
                {k: v for k, v in row.items() if k not in firm} for row in before[name]
            ], name
    _everything_changes(site)
    after = surfaces(site)
    assert after.keys() == final.keys()
    for name, rows in after.items():
        assert rows == final[name], name
    assert len(final["metrics"]) > 10
    edit_config(site.config, month_starts_on=2)
    for name, rows in commands(site).items():
        assert plain(rows) == final[name], name


def _everything_changes(site: Site) -> None:
    setup = read_setup(site.config)
    edit_config(
        site.config,
        profiles=["nantong-2017", "default"],
        small_region=1,
        checks={"ping": {"interval": "60s"}},
        timezone="Asia/Tokyo",
        assessments={"clock": {"warn": "1s", "fail": "2s"}},
    )
    cameras, regions = (site.config.parent / name for name in ("cameras.csv", "regions.csv"))
    head, _, *others = cameras.read_text("utf-8-sig").splitlines()
    cameras.write_text("\n".join([head, *others]), "utf-8")
    regions.write_text(regions.read_text("utf-8-sig").replace("南通市", RENAMED), "utf-8")
    at = site.span.start + 9 * DAY
    moved = Placement("gone", "3", lifecycle=Lifecycle.RETIRED)
    everything = Scope(ScopeKind.REGION, site.region)
    with site.store() as store:
        store.write(
            Batch(
                flips=[Flip("b", Axis.ONLINE, at, State.OFFLINE, State.ONLINE)],
                changes=[Change("a", at, moved, "late")],
                regions=[Region(site.region, "another name", "city")],
                memories={c: Memory() for c in setup.inventory.cameras},
                recorded=site.now,
            )
        )
        store.file(
            Exemption("e", everything, site.span.start, site.span.end, ExemptReason.EVENT, "x", "x", site.now)
        )
        keep_day(store, setup, site.span.end - HOUR // 2)
        store.prune(site.now, site.now)
    with sqlite3.connect(site.config.parent / "healthd.db") as raw:
        raw.execute("DELETE FROM incidents")
        raw.execute("DELETE FROM happenings")
        raw.execute("DELETE FROM examined_days")
    raw.close()
