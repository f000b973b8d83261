"""What the daemon says beside what was true: rates, and every flip."""

from __future__ import annotations

import csv
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.running import city, daemon, edit_config, rates
from tests.truth import Truth, read_truth

INTERVAL, TIMEOUT = 5.0, 1.0


@dataclass
class Findings:
    """What a comparison found."""

    flips: int = 0
    false_flips: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    worst_seconds: float = 0.0
    true_flips: int = 0


def stored_flips(store: Path) -> list[tuple[str, str, float]]:
    """(camera, state, at in seconds) of the online axis."""
    connection = sqlite3.connect(store)
    try:
        rows = connection.execute(
            "select c.id, f.state, f.at, f.axis from flips f join cameras c on c.key = f.camera order by f.at"
        ).fetchall()
    finally:
        connection.close()
    names = ("online", "offline", "good", "faulty", "no_picture", "unknown")
    return [(camera, names[state], at / 1000) for camera, state, at, axis in rows if axis == 0]


def compare(truth: Truth, config: Path, start: float, end: float) -> Findings:
    found = Findings()
    for camera, state, at in stored_flips(config.parent / "healthd.db"):
        found.flips += 1
        # A change is written down right after it took effect: what was asked in that moment may be either.
        allowed = truth.good_at(camera, "online", at, slack=0.3)
        if state not in ("online", "offline") or (state == "online") not in allowed:
            found.false_flips.append(f"{camera} {state} at {at}")
    first, last = (datetime.fromtimestamp(moment, UTC).isoformat() for moment in (start, end))
    dates = ("--from", first, "--to", last, "--rate", "online", "--profile", "default")
    by_camera = rates(config, *dates, "--by", "camera")
    errors: dict[str, float] = {}
    for row in by_camera:
        if row["class"] != "all":
            continue
        camera = row["key"]
        flips = truth.flips(camera, "online", start, end)
        found.true_flips += flips
        assert row["unknown_seconds"] == 0
        error = row["good_seconds"] - truth.good_seconds(camera, "online", start, end)
        errors[camera] = error
        found.worst_seconds = max(found.worst_seconds, abs(error))
        if abs(error) > allowed_seconds(flips):
            found.outside.append(f"{camera}: {error:.3f} s off with {flips} flips")
    assert len(errors) == len(truth.cameras())
    check_regions(truth, rates(config, *dates), config, (start, end), found)
    return found


def allowed_seconds(flips: int) -> float:
    """Half an interval and a time-out a flip. An outage that the period's edge cuts has one flip, which may be
    a whole interval late. 50 ms for the edges themselves."""
    return (INTERVAL / 2 + TIMEOUT) * (flips + flips % 2) + 0.05


def check_regions(
    truth: Truth, rows: list[dict[str, Any]], config: Path, span: tuple[float, float], found: Findings
) -> None:
    """Region rows against the truth pooled over their cameras."""
    inside = cameras_by_region(config.parent)
    for row in rows:
        if row["class"] != "all":
            continue
        cameras = inside[row["key"]]
        assert row["cameras"] == len(cameras)
        true = sum(truth.good_seconds(camera, "online", *span) for camera in cameras)
        allowed = sum(allowed_seconds(truth.flips(camera, "online", *span)) for camera in cameras)
        whole = len(cameras) * (span[1] - span[0])
        if abs(row["ratio"] * whole - true) > allowed:
            found.outside.append(
                f"region {row['key']}: {row['ratio'] * whole - true:.3f} s off, {allowed} allowed"
            )


def cameras_by_region(directory: Path) -> Mapping[str, list[str]]:
    """Every region's cameras, with all below it."""
    with (directory / "regions.csv").open(encoding="utf-8-sig", newline="") as file:
        parents = {row["code"]: row["parent"] for row in csv.DictReader(file)}
    inside = defaultdict(list)
    with (directory / "cameras.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            code = row["region"]
            while code:
                inside[code].append(row["id"])
                code = parents[code]
    return inside


def live_through(directory: Path, cameras: int, outages_per_hour: int, seconds: float) -> Findings:
    """A city with outages under a daemon for `seconds`, then the comparison."""
    options = ("--outages-per-hour", str(outages_per_hour), "--seed", "7")
    with city(directory, cameras, *options):
        config = directory / "healthd.yml"
        edit_config(
            config,
            checks={"ping": {"interval": f"{INTERVAL:g}s", "timeout": f"{TIMEOUT:g}s"}},
            reference_targets=["127.0.0.1"],
        )
        with daemon(config) as running:
            running.ready()
            time.sleep(2)
            start = time.time()
            time.sleep(seconds)
            end = time.time()
            time.sleep(3 * INTERVAL + TIMEOUT + 2)  # what is open at the end gets decided
            assert running.program.stop() == 0
    return compare(read_truth(directory / "truth.jsonl"), config, start, end)


def assert_true(found: Findings) -> None:
    print(
        f"\n{found.flips} flips stored, {found.true_flips} true ones in the period, "
        f"{len(found.false_flips)} false, worst camera {found.worst_seconds:.2f} s off"
    )
    assert found.false_flips == []
    assert found.outside == []
    assert found.true_flips > 0


def test_a_short_life(tmp_path: Path) -> None:
    """One minute, many outages: no false flip, and every rate within half an interval and a time-out a flip."""
    assert_true(live_through(tmp_path, 60, 1200, 60))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_six_minutes_of_300_cameras(tmp_path: Path) -> None:
    """300 cameras, 400 outages an hour, six minutes: the same."""
    assert_true(live_through(tmp_path, 300, 400, 360))
