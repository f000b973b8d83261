"""The one function that answers for a period, whoever asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from healthd.figures.period import Figures, figures
from healthd.model import Axis, Change, Flip, Placement, Region, State
from healthd.periods import Span
from healthd.setup import Setup, read_setup
from healthd.store import Batch, Store

CONFIG = Path(__file__).parent.parent / "config"
HOUR = 3_600_000
BEGUN = 1_780_000_000_000


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("rules", "grafana"))
    return read_setup(tmp_path / "config" / "healthd.yml")


@pytest.fixture
def store(setup: Setup) -> Iterator[Store]:
    opened = Store.open(setup.config.store.url, writer=True)
    yield opened
    opened.close()


def test_figures_come_from_the_store_and_say_how_firm_they_are(setup: Setup, store: Store) -> None:
    """Rows to the last heartbeat, marked as clipped and provisional, with the inventory that they stand on."""
    flips = [
        Flip("a", Axis.ONLINE, BEGUN, State.ONLINE, State.UNKNOWN, decided=BEGUN),
        Flip("a", Axis.ONLINE, BEGUN + HOUR, State.OFFLINE, State.ONLINE, decided=BEGUN + HOUR),
        Flip("b", Axis.ONLINE, BEGUN, State.ONLINE, State.UNKNOWN, decided=BEGUN),
    ]
    changes = [Change(camera, BEGUN, Placement("9901", "1"), "test") for camera in "ab"]
    regions = [Region("99", "old city", "city"), Region("9901", "gone", "county", "99")]
    store.write(Batch(flips, (BEGUN, BEGUN + 4 * HOUR), changes, regions=regions, recorded=BEGUN))
    counts: list[int] = []
    found = figures(store, setup, Span(BEGUN, BEGUN + 24 * HOUR), region="99", each=counts.append)
    of_all = [row for row in found.rows if (row.key, row.class_, row.rate) == ("9901", "all", "online")]
    [row] = [row for row in of_all if row.profile == "default"]
    assert (row.good, row.bad, row.name) == (5 * HOUR, 3 * HOUR, "gone")
    assert (found.until, found.clipped, counts) == (BEGUN + 4 * HOUR, True, [0, 1])
    assert (found.standing, found.version, found.inventory) == ("provisional", 0, setup.inventory.digest)
    line = found.as_json(setup.config.timezone)[0]
    assert (line["standing"], line["version"], line["clipped"]) == ("provisional", 0, True)
    one = figures(store, setup, Span(BEGUN, BEGUN + 24 * HOUR), by="camera", camera="b")
    assert {row.key for row in one.rows} == {"b"}


def test_figures_of_an_empty_store(setup: Setup, store: Store) -> None:
    """Before anything was seen there are no rows, and nothing is known from the start on."""
    span = Span(BEGUN, BEGUN + HOUR)
    assert figures(store, setup, span) == Figures((), span, BEGUN, inventory=setup.inventory.digest)
