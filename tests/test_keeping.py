"""What waits for a store that takes nothing: it stays small, it is counted, and nothing of it goes silently."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from healthd.core.exchange import Unstored
from healthd.core.thinning import thin_flips, thin_happenings
from healthd.incidents.incident import Happening, What
from healthd.keeping import Keeper
from healthd.live import Live, Naming
from healthd.model import Asked, Axis, Flip, State
from healthd.selfmetrics import SelfMetrics
from healthd.store import Store, StoreError, Writer
from healthd.store.write import Bundle
from probes.base import Reason, Result
from tests.test_core import Story

FAIL = Result.fail(Reason.TIMEOUT)


def flips(camera: str, *steps: str, axis: Axis = Axis.ONLINE) -> list[Flip]:
    """One flip a step, each a second after the one before."""
    states = [State(step) for step in ("unknown", *steps)]
    return [
        Flip(camera, axis, 1000 * place, state, states[place - 1])
        for place, state in enumerate(states)
        if place > 0
    ]


def told(found: list[Flip]) -> list[tuple[str, int, str, str]]:
    return [(flip.camera, flip.at, str(flip.was), str(flip.state)) for flip in found]


def test_the_time_between_the_first_and_the_last_flip_becomes_unknown() -> None:
    """Five flips of one camera become three, and what was given up is told in the one between."""
    found = thin_flips(flips("a", "online", "offline", "online", "offline", "online"))
    assert told(found) == [
        ("a", 1000, "unknown", "online"),
        ("a", 2000, "online", "unknown"),
        ("a", 5000, "unknown", "online"),
    ]
    assert found[1].evidence == ({"flips_given_up": 3},)
    assert found[1].reason == Reason.LOCAL


@pytest.mark.parametrize("steps", [("online",), ("online", "offline"), ("online", "offline", "online")])
def test_who_flipped_little_keeps_all(steps: tuple[str, ...]) -> None:
    """Up to three flips stay as they are, in order among those of others."""
    mixed = [*flips("a", *steps), *flips("b", "online"), *flips("a", "good", axis=Axis.PICTURE)]
    assert thin_flips(mixed) == mixed


def test_a_last_flip_to_unknown_says_nothing_new() -> None:
    """Unknown after unknown is one flip."""
    found = thin_flips(flips("a", "online", "offline", "online", "unknown"))
    assert told(found) == [("a", 1000, "unknown", "online"), ("a", 2000, "online", "unknown")]


def test_what_waits_is_bounded_by_the_fleet() -> None:
    """A hundred cameras flap for days without a store: a few hundred flips wait, and the rest is counted."""
    unstored, given_up = Unstored(), 0
    for hour in range(100):
        for camera in range(100):
            unstored.flips += [
                dataclasses.replace(flip, at=flip.at + hour * 3_600_000)
                for flip in flips(f"c{camera}", *("offline", "online") * 5)
            ]
        given_up += unstored.thin_out(cameras=100)
    assert len(unstored.flips) <= 21_000
    assert given_up + len(unstored.flips) > 90_000
    last = {flip.camera: flip for flip in unstored.flips}
    assert {(flip.state, flip.at) for flip in last.values()} == {(State.ONLINE, 99 * 3_600_000 + 10_000)}


def test_of_an_incident_the_steps_between_go() -> None:
    """Opened and closed stay; of several growths the last, which has the whole incident as it stands."""
    story = Story()
    for dead in ([], [1], [1], [1]):
        story.pings(dead=dead)
    story.now += 10_000
    story.core.judge(story.now)
    (opened,) = story.core.take().happenings
    grown = [Happening(opened.at + step, What.GROWN, opened.incident, str(step)) for step in (1, 2, 3)]
    closed = dataclasses.replace(opened, what=What.CLOSED)
    assert thin_happenings([opened, *grown, closed]) == [opened, grown[2], closed]


class Gate:
    """A store behind a door that may be shut."""

    def __init__(self, store: Store) -> None:
        self.store, self.shut = store, True

    def write_bundle(self, bundle: Bundle) -> None:
        if self.shut:
            raise StoreError("shut")
        self.store.write_bundle(bundle)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'healthd.db'}", writer=True)
    yield opened
    opened.close()


async def test_a_writer_far_behind_is_given_no_more_and_nothing_is_lost(store: Store) -> None:
    """While nothing can be written, batches stop piling up; afterwards every flip is in the store and shown."""
    story, gate = Story(), Gate(store)
    writer = Writer(gate, interval_seconds=0.0)
    live = Live(Naming("", False, []), story.inventory)
    live.restore({}, {})
    metrics = SelfMetrics(CollectorRegistry(), "test")
    keeper = Keeper(store, writer, story.core, live, metrics, lambda: None, lambda: story.now)  # type: ignore[arg-type, return-value]
    showing = asyncio.create_task(keeper.show())
    for step in range(1000):
        story.now += 15_000
        dead = step % 10 >= 5
        batch = [
            Asked(camera.reach, "ping", story.now, 0.01, FAIL if dead and camera.id == "c1" else Result.ok())
            for camera in story.inventory.cameras.values()
        ]
        story.core.fold(batch, story.now)
        keeper.keep()
    assert writer.pending == 200
    assert not store.flips("c1", 0, story.now)
    gate.shut = False
    keeper.keep(at_last=True)
    async with asyncio.timeout(20):
        await keeper.flushed()
    stored = store.flips("c1", 0, story.now)
    assert [str(flip.state) for flip in stored] == ["online", *("offline", "online") * 99, "offline"]
    view = next(view for view in live.page(story.now, story.now).cameras if view.camera.id == "c1")
    assert (view.online, view.online_since) == (State.OFFLINE, stored[-1].at)
    showing.cancel()
    assert writer.stop(1.0)
