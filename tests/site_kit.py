"""A site whose last month is known, for tests of commands that look back."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from healthd.cli import main
from healthd.model import Axis, Change, Flip, Moment, Placement, State
from healthd.periods import parse_month, windows_at
from healthd.setup import read_setup
from healthd.store import Batch, Store
from tests.running import edit_config

CONFIG = Path(__file__).parent.parent / "config"
HOUR: Moment = 3_600_000
DAY: Moment = 24 * HOUR


class Site:
    """A site whose store knows all of last month: camera a was down for six hours of it."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.copytree(CONFIG, directory, ignore=shutil.ignore_patterns("rules", "grafana"), dirs_exist_ok=True)
        self.config = directory / "healthd.yml"
        self.capsys = capsys
        edit_config(self.config, periods={"appeal": "1h"})
        setup = read_setup(self.config)
        zone = setup.config.timezone
        self.now = time.time_ns() // 1_000_000
        self.span = windows_at(self.now, zone)["previous_month"]
        self.month = datetime.fromtimestamp((self.span.start + 12 * DAY) / 1000, UTC).strftime("%Y-%m")
        assert parse_month(self.month, zone) == self.span
        begun, down = self.span.start - 30 * DAY, self.span.start + 5 * DAY
        self.region = next(iter(setup.inventory.regions))
        flips = [
            *(
                Flip(c, axis, begun, s, State.UNKNOWN)
                for c in "ab"
                for axis, s in ((Axis.ONLINE, State.ONLINE), (Axis.PICTURE, State.GOOD))
            ),
            Flip("a", Axis.ONLINE, down, State.OFFLINE, State.ONLINE),
            Flip("a", Axis.ONLINE, down + 6 * HOUR, State.ONLINE, State.OFFLINE),
        ]
        changes = [Change(c, begun, Placement(self.region, "1", "school", "north"), "x") for c in "ab"]
        regions = [*setup.inventory.regions.values()]
        with self.store() as store:
            store.write(Batch(flips, (begun, self.now), changes, regions=regions, recorded=begun))

    def store(self) -> contextlib.closing[Store]:
        return contextlib.closing(Store.open(read_setup(self.config).config.store.url, writer=True))

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main([arguments[0], "-c", str(self.config), *arguments[1:]])
        out, err = self.capsys.readouterr()
        return code, out, err

    def step(self, step: str, *more: str) -> tuple[int, str, str]:
        return self.run("period", step, "--month", self.month, "--by", "Li Na", *more)

    def rates(self, *more: str) -> list[dict[str, Any]]:
        code, out, err = self.run("rates", "--month", self.month, "--json", *more)
        assert code == 0, err
        rows: list[dict[str, Any]] = json.loads(out)
        return rows

    def finalise(self) -> None:
        """Publish, and let the appeal window pass by telling that it was published earlier."""
        assert self.step("publish")[0] == 0
        with sqlite3.connect(self.config.parent / "healthd.db") as raw:
            raw.execute("UPDATE period_copies SET at = at - 7200000")
        raw.close()
        code, out, err = self.step("finalise")
        assert code == 0, err
        assert f"{self.month} is final, version 1" in out
