"""kill -9 at random moments: nothing stored is lost, the gap is unknown, and nobody flips because of it."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from pathlib import Path

import pytest

from tests.running import city, daemon, edit_config, rates
from tests.truth import read_truth

CHECKS = {"ping": {"interval": "1s", "timeout": "500ms"}}
STATE = {"fail_after": 3, "ok_after": 2, "retry_interval": "1s"}


def rows(config: Path, query: str) -> list[tuple[object, ...]]:
    store = sqlite3.connect(f"file:{config.parent / 'healthd.db'}?mode=ro", uri=True)
    try:
        return store.execute(query).fetchall()
    finally:
        store.close()


FLIPS = "select c.id, f.axis, f.at, f.state from flips f join cameras c on c.key = f.camera order by f.at"


def kill_and_restart(directory: Path, kills: int) -> None:
    moments = random.Random(4)
    with city(directory, 40, "--outages-per-hour", "600", "--seed", "3"):
        config = directory / "healthd.yml"
        edit_config(config, checks=CHECKS, state=STATE, reference_targets=["127.0.0.1"])
        begun = time.time()
        for _ in range(kills):
            with daemon(config) as running:
                running.ready()
                time.sleep(moments.uniform(0.0, 2.5))
                stored = rows(config, FLIPS)
                running.program.process.kill()
                running.program.process.wait()
            assert {*stored} <= {*rows(config, FLIPS)}
        with daemon(config) as running:
            running.ready()
            time.sleep(5)
            assert running.program.stop() == 0
    assert rows(config, "pragma integrity_check") == [("ok",)]
    check_flips(directory, config)
    check_gaps(config, kills, begun)


def check_flips(directory: Path, config: Path) -> None:
    """Every flip agrees with the truth at its moment, and none repeats the state before it."""
    truth = read_truth(directory / "truth.jsonl")
    names = ("online", "offline")
    last: dict[object, object] = {}
    for camera, axis, at, state in rows(config, FLIPS):
        assert axis == 0
        assert isinstance(state, int)
        assert state < len(names), f"{camera} became unknown at {at}"
        assert (names[state] == "online") in truth.good_at(str(camera), "online", float(str(at)) / 1000, slack=0.3)
        assert last.get(camera) != state, f"{camera} flipped to where it was at {at}"
        last[camera] = state


def check_gaps(config: Path, kills: int, begun: float) -> None:
    """One heartbeat a run, and what lies between them is unknown for every camera, to the millisecond."""
    beats = [(int(str(start)), int(str(end))) for start, end in rows(config, "select start, end from heartbeats")]
    beats.sort()
    assert len(beats) == kills + 1
    between = sum(start - end for (_, end), (start, _) in itertools.pairwise(beats))
    assert all(start < end for start, end in beats)
    day = time.strftime("%Y-%m-%d", time.gmtime(begun - 86_400))
    row = next(
        row
        for row in rates(config, "--from", day, "--rate", "online")
        if row["level"] == "city" and row["class"] == "all"
    )
    assert row["unknown_seconds"] >= row["cameras"] * between / 1000
    first_runs = row["cameras"] * (beats[0][1] - beats[0][0]) / 1000
    assert row["unknown_seconds"] <= row["cameras"] * between / 1000 + first_runs


def test_five_kills(tmp_path: Path) -> None:
    """Five runs ended by kill -9 lose nothing."""
    kill_and_restart(tmp_path, 5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills(tmp_path: Path) -> None:
    """The same a hundred times."""
    kill_and_restart(tmp_path, 100)
