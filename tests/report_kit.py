"""What tests of reports share: a city on paper with a simulated past in a real store, and the command line."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from healthd.city.files import new_login, write_city
from healthd.city.history import simulate_history
from healthd.city.options import CityOptions
from healthd.city.repairs import simulate_repairs
from healthd.cli import main
from healthd.commands.demo import keep_past_days
from healthd.periods import Span
from healthd.report.material import ReportKind
from healthd.report.spans import last_period
from healthd.setup import read_setup
from healthd.store import Batch, Store
from tests.city_kit import paper_city
from tests.running import edit_config


@dataclass(frozen=True)
class PastCity:
    """`config`: its healthd.yml. `month`: the last whole month."""

    config: Path
    month: str

    @property
    def directory(self) -> Path:
        return self.config.parent


def city_with_past(
    directory: Path,
    cameras: int = 120,
    days: int = 70,
    now: int | None = None,
    store: Mapping[str, str] | None = None,
) -> PastCity:
    """A city without anybody watching it now; its past ends at `now`. `store`: that section of its healthd.yml;
    left out: SQLite beside it."""
    now = time.time_ns() // 1_000_000 if now is None else now
    plan = paper_city(cameras)
    write_city(directory, plan, new_login(), CityOptions(cameras, directory))
    if store:
        edit_config(directory / "healthd.yml", store=dict(store))
    setup = read_setup(directory / "healthd.yml")
    spans, changes, flips = simulate_history(plan, days, 1, now)
    opened = Store.open(setup.config.store.url, writer=True)
    names = {camera.id: camera.name for camera in plan.cameras.values()}
    opened.write(Batch(changes=changes, names=names, regions=[*plan.regions.values()], recorded=now))
    opened.write(Batch(flips=flips, happenings=simulate_repairs(plan, flips, 1)))
    opened.write(Batch(reached=dict.fromkeys(plan.cameras, spans[0][0])))
    for span in spans:
        opened.write(Batch(heartbeat=span))
    keep_past_days(opened, plan, 1, Span(spans[0][0], now), setup.config.timezone)
    opened.close()
    period = last_period(ReportKind.MONTHLY, now, setup.config.timezone)
    return PastCity(directory / "healthd.yml", period.name)


@contextlib.contextmanager
def logging_as_before() -> Iterator[None]:
    """The command line logs to the stderr of now, which pytest closes after the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        yield
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


def healthd_says(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of one command in this process."""
    capsys.readouterr()
    with logging_as_before():
        code = main([str(one) for one in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def document(directory: Path) -> dict[str, Any]:
    """The one JSON report in a directory."""
    [path] = directory.glob("*.json")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
