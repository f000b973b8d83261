"""The store's calendar: roll-over and clean-up, with real stores and a clock that is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from healthd.config import Config, load_config
from healthd.model import Axis, Flip, State
from healthd.options.store import Retention, StoreOptions
from healthd.store import Batch, Store
from healthd.upkeep import Upkeep

DAY = 86_400_000
NOW = 1_780_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    yield opened
    opened.close()


def upkeep(store: Store, decided_until: int, calls: list[str], now: int = NOW) -> Upkeep:
    async def flushed() -> None:
        calls.append("flushed")

    config = load_config(Path(__file__).parent.parent / "config" / "healthd.yml")
    options = StoreOptions.model_construct(
        url="", retention=Retention.model_construct(flips=100 * 86400.0, days=200 * 86400.0)
    )
    kept: Config = dataclasses.replace(config, store=options)
    return Upkeep(store, lambda: kept, lambda: now, lambda: decided_until, flushed)


def flips(*ats: int) -> list[Flip]:
    states = (State.ONLINE, State.OFFLINE)
    return [Flip("a", Axis.ONLINE, at, states[n % 2], states[1 - n % 2]) for n, at in enumerate(ats)]


async def test_a_roll_over_waits_for_open_streaks(store: Store) -> None:
    """What is settled ends before the earliest streak that is open, and only what is in the store counts."""
    calls: list[str] = []
    store.write(Batch(flips=flips(NOW - 3 * DAY, NOW - 2 * DAY)))
    await upkeep(store, NOW - DAY, calls).roll_over()
    assert store.settled() == NOW - DAY - 60_000
    assert calls == ["flushed"]
    await upkeep(store, NOW - 2 * DAY, calls).roll_over()
    assert store.settled() == NOW - DAY - 60_000, "a clock set back takes nothing back"


async def test_flips_and_days_are_kept_for_their_own_times(store: Store) -> None:
    """After the clean-up flips older than their retention are gone and the history is as before; days that are
    older than theirs are gone too."""
    store.write(Batch(flips=flips(*(NOW - days * DAY for days in (300, 290, 240, 120, 110, 10)))))
    before = [*store.histories(NOW - 150 * DAY, NOW)]
    upkeep(store, NOW, []).clean_up()
    assert [flip.at for flip in store.flips("a", 0, NOW)] == [NOW - 110 * DAY, NOW - 10 * DAY]
    assert [*store.histories(NOW - 150 * DAY, NOW)] == before
    [old] = store.histories(NOW - 310 * DAY, NOW - 280 * DAY)
    assert old.online == ()
