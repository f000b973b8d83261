"""The echo engine against answers that are late, wrong, doubled or too many, and a loop that stands still."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from probes.icmp_lane import DROP_REASONS, Ending
from tests.echoes import (
    DEAD,
    DEAD_ADDRESSES,
    Forger,
    NewEngine,
    ask,
    endings,
    engines,
    filtered,
    host_unreachable,
    live,
    reply,
    root_only,
)


@pytest.fixture
def new_engine() -> Iterator[NewEngine]:
    """Makes engines, and closes them when the test is over."""
    with engines() as make:
        yield make


@pytest.fixture
def dead() -> Iterator[list[str]]:
    """2,000 addresses that never answer a ping, nor does anything say that they are unreachable."""
    with filtered(f"ip daddr {DEAD} icmp type echo-request drop"):
        yield DEAD_ADDRESSES


def stand_still(seconds: float) -> None:
    """Block the loop just after the packets have left."""
    asyncio.get_running_loop().call_later(0.03, time.sleep, seconds)


@root_only
async def test_blocked_loop_is_no_outage(new_engine: NewEngine, dead: list[str]) -> None:
    """Answers that came in time count, with their true round trip, though the loop slept past the deadline."""
    engine = new_engine(0.5)
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.1):
        stand_still(0.7)
        answers = await ask(engine, dead[:300])
    assert endings(answers) == {Ending.ANSWERED: 300}
    rtts = [packet.rtt_seconds for (packet,) in answers]
    assert min(rtts) > 0.08  # less than the delay by no more than a preempted batch makes of it
    assert max(rtts) < 0.4
    assert engine.dropped == dict.fromkeys(DROP_REASONS, 0)


@root_only
async def test_blocked_loop_saves_no_late_answer(new_engine: NewEngine, dead: list[str]) -> None:
    """Answers that came too late stay too late, though they are read together with the deadline."""
    engine = new_engine(0.1)
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.2):
        stand_still(0.3)
        answers = await ask(engine, dead[:100])
    assert endings(answers) == {Ending.TIMEOUT: 100}
    assert engine.dropped["late"] == 100


@root_only
async def test_forgeries_change_nothing(new_engine: NewEngine, dead: list[str]) -> None:
    """Whatever does not fit the packet in flight is dropped under its reason, and the camera stays unanswered."""

    def plan(asked: str, request: bytes) -> list[tuple[str, bytes]]:
        wrong_complement = request[8:16] + request[8:16]
        return [
            (asked, reply(request, os.urandom(16))),
            (asked, reply(request, wrong_complement)),
            ("127.77.0.1", reply(request)),
            (asked, reply(request)[:12]),
            (asked, b"\0\0\0\0" + request[4:6] + bytes([request[6] ^ 0x80, request[7] ^ 0x80]) + request[8:]),
            (asked, host_unreachable(asked, request[:8] + os.urandom(16))),
            (asked, host_unreachable("127.77.0.1", request)),
            (asked, host_unreachable(asked, request)[:24]),
            (asked, b"\0\0\0\0" + os.urandom(2)),
        ]

    engine = new_engine(0.3)
    with Forger(plan):
        answers = await ask(engine, dead[:200])
    assert endings(answers) == {Ending.TIMEOUT: 200}
    assert engine.dropped["cookie"] == 600
    assert engine.dropped["source"] == 400
    assert engine.dropped["foreign"] == 200
    assert engine.dropped["truncated"] == 200  # what is too short to show our id, the filter keeps out
    assert engine.dropped["late"] == engine.dropped["duplicate"] == engine.dropped["kernel"] == 0


@root_only
async def test_duplicates_count_once(new_engine: NewEngine, dead: list[str]) -> None:
    """A camera that answers eleven times over was answered once; the rest is counted."""
    engine = new_engine(0.3)
    with Forger(lambda asked, request: [(asked, reply(request))] * 10 if asked not in dead else []):
        # The silent one keeps the engine listening until all has come.
        answers = await ask(engine, [*live(100), dead[0]])
    assert endings(answers) == {Ending.ANSWERED: 100, Ending.TIMEOUT: 1}
    assert engine.dropped["duplicate"] == 1000


@root_only
async def test_slow_subnet_is_late_and_not_foreign(new_engine: NewEngine, dead: list[str]) -> None:
    """Answers after many times the timeout make nobody answered, this time or the next; they count as late."""
    engine = new_engine(0.1)
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.5):
        for asking in range(1, 4):  # the answers to one asking come in while the later ones wait
            assert endings(await ask(engine, dead[:200])) == {Ending.TIMEOUT: 200}
            await asyncio.sleep(0.1 * asking)
        await asyncio.sleep(0.5)
        assert endings(await ask(engine, dead[200:201])) == {Ending.TIMEOUT: 1}  # it reads what came meanwhile
    assert engine.dropped == dict.fromkeys(DROP_REASONS, 0) | {"late": 600}


@root_only
async def test_flood_of_foreign_answers_hides_nobody(new_engine: NewEngine, dead: list[str]) -> None:
    """Twenty forged answers for each packet of ours: the living answer, the dead don't, all is counted."""

    def flood(asked: str, request: bytes) -> list[tuple[str, bytes]]:
        unknown = b"\0\0\0\0" + request[4:6] + request[6:7] + bytes([request[7] ^ 0x80]) + request[8:]
        others = b"\0\0\0\0" + bytes([request[4] ^ 0xFF]) + request[5:]  # another pinger's: the filter's matter
        return [(asked, forged) for forged in (unknown, reply(request, os.urandom(16)), others) * 7]

    engine = new_engine(1.0)
    addresses = live(300)
    addresses[::3] = dead[:100]
    with Forger(flood):
        answers = await ask(engine, addresses)
    alive = [packet.ending is Ending.ANSWERED for (packet,) in answers]
    assert alive == [number % 3 != 0 for number in range(300)]
    assert engine.dropped["cookie"] == 300 * 7
    # An ICMP error that another program's packet caused is heard, too; another pinger's answers are not.
    assert 300 * 7 <= engine.dropped["foreign"] < 300 * 7 + 50
    assert engine.dropped["kernel"] == 0


@root_only
async def test_pingers_side_by_side_leave_each_other_alone(new_engine: NewEngine, dead: list[str]) -> None:
    """Two engines that ping the same cameras at once see their own answers only."""
    pair = [new_engine(0.4), new_engine(0.4)]
    addresses = [*live(400), *dead[:50]]
    both = await asyncio.gather(*(ask(engine, addresses, packets=2) for engine in pair))
    for engine, answers in zip(pair, both, strict=True):
        assert endings(answers) == {Ending.ANSWERED: 800, Ending.TIMEOUT: 100}
        dropped = dict(engine.dropped)
        assert dropped.pop("foreign") < 50  # errors that other programs' packets caused; not 800 answers
        assert not any(dropped.values())


@root_only
async def test_garbage_is_harmless(new_engine: NewEngine, dead: list[str]) -> None:
    """Random bytes after the first ones of a reply or an error raise nothing and answer nothing."""

    def plan(asked: str, request: bytes) -> list[tuple[str, bytes]]:
        like_reply = bytes(4) + request[4:6]
        like_error = b"\3\1" + os.urandom(6) + b"\x45" + os.urandom(19) + b"\x08\0\0\0" + request[4:6]
        return [(asked, like + os.urandom(size)) for like in (like_reply, like_error) for size in (2, 9, 40, 300)]

    engine = new_engine(0.3)
    with Forger(plan):
        answers = await ask(engine, dead[:200])
    assert endings(answers) == {Ending.TIMEOUT: 200}
    assert sum(engine.dropped.values()) == 1600
    assert endings(await ask(engine, live(10))) == {Ending.ANSWERED: 10}


@root_only
@pytest.mark.parametrize(("buffer_bytes", "expected"), [(106_496, Ending.OVERLOAD), (8 << 20, Ending.ANSWERED)])
async def test_buffer_bridges_a_pause(
    new_engine: NewEngine, dead: list[str], buffer_bytes: int, expected: Ending
) -> None:
    """A thousand answers to a loop that stands still overflow the usual buffer, and fit into ours."""
    engine = new_engine(0.5, buffer_bytes=buffer_bytes)
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.15):
        asyncio.get_running_loop().call_later(0.06, time.sleep, 0.8)
        counts = endings(await ask(engine, dead[:1000]))
    assert counts[expected] > 200
    assert counts[Ending.TIMEOUT] == 0
    assert (engine.dropped["kernel"] > 0) == (expected is Ending.OVERLOAD)


@root_only
async def test_wall_clock_may_be_set(
    new_engine: NewEngine, dead: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting the system's clock by an hour, either way, makes neither an outage nor an odd round trip."""
    engine = new_engine(0.5)
    real = time.time
    with Forger(lambda asked, request: [(asked, reply(request))], delay=0.1):
        for jump in (3600, -3600):
            asyncio.get_running_loop().call_later(
                0.05, monkeypatch.setattr, time, "time", lambda j=jump: real() + j
            )
            answers = await ask(engine, dead[:50])
            assert endings(answers) == {Ending.ANSWERED: 50}
            assert all(0 <= packet.rtt_seconds <= 0.5 for (packet,) in answers)
