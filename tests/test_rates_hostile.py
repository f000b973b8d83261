"""`healthd rates` over a past that went wrong: clocks set back, jumping and changing, a day that is all exempt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from healthd.model import (
    Axis,
    Change,
    Exemption,
    ExemptReason,
    Flip,
    Moment,
    Placement,
    Region,
    Scope,
    ScopeKind,
    State,
)
from healthd.periods import parse_moment
from healthd.store import Batch, Store
from tests.report_kit import healthd_says

ZONE = ZoneInfo("Europe/Berlin")
DAY, HOUR = 86_400, 3_600
KINDS = ("good", "bad", "undiagnosed", "unknown", "exempt", "out_of_service")


def at(text: str) -> Moment:
    return parse_moment(text, ZONE)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cameras, from 1 March to 5 April 2025. On the 10th at noon the clock was set back to 11:00, and a camera
    went offline at 11:30 of the hour that came twice, for 36.5 h; on the 20th it jumped from 00:00 to 01:00;
    the 25th is exempt."""
    directory = tmp_path_factory.mktemp("hostile")
    (directory / "regions.csv").write_text("code,name,level,parent\n32,城,city,\n3201,甲,county,32\n")
    (directory / "devices.csv").write_text("id,name,kind,region,address,credential,upstream,upstream_port\n")
    (directory / "cameras.csv").write_text(
        "id,name,region,class,address\nc1,东门,3201,1,10.0.0.1\nc2,西门,3201,2,10.0.0.2\n"
    )
    path = directory / "healthd.yml"
    path.write_text(
        "site: s\ntimezone: Europe/Berlin\nchecks: {ping: {}}\n"
        "inventory: {regions: regions.csv, devices: devices.csv, cameras: cameras.csv}\n"
    )
    begun = at("2025-03-01")
    changes = [Change(f"c{n}", begun, Placement("3201", str(n)), "t") for n in (1, 2)]
    flips = [Flip(f"c{n}", Axis.ONLINE, begun, State.ONLINE, State.UNKNOWN) for n in (1, 2)]
    regions = [Region("32", "城", "city"), Region("3201", "甲", "county", "32")]
    store = Store.open(f"sqlite:///{directory}/healthd.db", writer=True)
    store.write(Batch(flips, (begun, at("2025-03-10T12:00")), changes, regions=regions, recorded=begun))
    down = Flip("c1", Axis.ONLINE, at("2025-03-10T11:30"), State.OFFLINE, State.ONLINE)
    store.write(Batch([down], (at("2025-03-10T11:00"), at("2025-03-20"))))
    up = Flip("c1", Axis.ONLINE, at("2025-03-12"), State.ONLINE, State.OFFLINE)
    store.write(Batch([up], (at("2025-03-20T01:00"), at("2025-04-05"))))
    scope = Scope(ScopeKind.REGION, "32")
    store.file(Exemption("x", scope, at("2025-03-25"), at("2025-03-26"), ExemptReason.EVENT, "W", "L", begun))
    store.close()
    return path


def city(config: Path, capsys: pytest.CaptureFixture[str], *period: str) -> dict[str, Any]:
    code, out, err = healthd_says(capsys, "rates", "-c", config, "--json", *period)
    assert (code, err) == (0, "")
    [row] = [row for row in json.loads(out) if (row["key"], row["class"]) == ("32", "all")]
    return {**row, "kinds": tuple(row[f"{kind}_seconds"] for kind in KINDS if kind != "bad")}


def of_day(config: Path, capsys: pytest.CaptureFixture[str], day: int) -> dict[str, Any]:
    return city(config, capsys, "--from", f"2025-03-{day:02d}", "--to", f"2025-03-{day + 1:02d}")


def test_an_hour_that_came_twice_counts_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A clock that was set back makes two runs overlap: the day has its 24 hours, and the outage its place."""
    row = of_day(config, capsys, 10)
    assert (row["good_seconds"], row["assessed_seconds"]) == (DAY + 11.5 * HOUR, 2 * DAY)
    assert (row["unknown_seconds"], row["coverage"]) == (0, 1)


def test_an_hour_that_was_jumped_over_is_unknown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody watched an hour that the clock left out: it is unknown for everybody, never bad."""
    row = of_day(config, capsys, 20)
    assert (row["good_seconds"], row["assessed_seconds"], row["unknown_seconds"]) == (
        46 * HOUR,
        46 * HOUR,
        2 * HOUR,
    )
    assert (row["ratio"], row["coverage"], row["verdict"]) == (1, 46 / 48, "pass")


def test_a_day_that_is_all_exempt_has_no_rate(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing assessed: no ratio, no coverage, insufficient, no gap; the raw ratio tells what is hidden."""
    row = of_day(config, capsys, 25)
    assert (row["exempt_seconds"], row["assessed_seconds"], row["cameras"]) == (2 * DAY, 0, 2)
    assert (row["ratio"], row["coverage"], row["gap_cameras"]) == (None, None, None)
    assert (row["verdict"], row["raw_ratio"], row["exempt_share"]) == ("insufficient", 1, 1)
    code, out, _ = healthd_says(capsys, "rates", "-c", config, "--from", "2025-03-25", "--to", "2025-03-26")
    assert (code, "insufficient" in out) == (0, True)


def test_the_month_of_it_all_adds_up(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """March in Berlin has 743 hours; whatever happened in it, the kinds of both cameras fill them."""
    row = city(config, capsys, "--month", "2025-03")
    bad = row["assessed_seconds"] - row["good_seconds"]
    assert sum(row["kinds"]) + bad == 2 * 743 * HOUR
    assert (bad, row["exempt_seconds"], row["unknown_seconds"]) == (36.5 * HOUR, 2 * DAY, 2 * HOUR)


def test_hours_that_the_clocks_leave_out_or_repeat(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On 30 March the clocks go from 02:00 to 03:00: the day has 23 hours, and the hour between is no period."""
    assert city(config, capsys, "--from", "2025-03-30", "--to", "2025-03-31")["assessed_seconds"] == 46 * HOUR
    told = city(config, capsys, "--from", "2025-03-30T01:00", "--to", "2025-03-30T04:00")
    assert told["assessed_seconds"] == 4 * HOUR
    code, out, err = healthd_says(
        capsys, "rates", "-c", config, "--from", "2025-03-30T02:30", "--to", "2025-03-30T03:30"
    )
    assert (code, out) == (1, "")
    assert "the period is empty or reversed" in err


@pytest.mark.parametrize("rate", ["usage", "attributable", "networked", "coverage", "clock", "archive", "timely"])
@pytest.mark.parametrize(
    ("period", "says"),
    [
        (("--from", "2099-01-01"), "lies in the future"),
        (("--from", "2025-03-03", "--to", "2025-03-02"), "empty or reversed"),
        (("--from", "2025-03-03", "--to", "2025-03-03"), "empty or reversed"),
        (("--month", "2024-12"), "before the first data"),
    ],
)
def test_no_rate_tells_of_a_period_that_is_none(
    config: Path, capsys: pytest.CaptureFixture[str], rate: str, period: tuple[str, ...], says: str
) -> None:
    """Future, reversed, of no length, before the first data: one sentence and exit 1, for every rate."""
    code, out, err = healthd_says(capsys, "rates", "-c", config, *period, "--rate", rate)
    assert (code, out, says in err, err.count("\n")) == (1, "", True, 1)
