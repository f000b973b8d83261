"""Who is asked when: phases, seats, uplinks, holds, skips and reloads, on a real event loop."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from healthd.model import Asked
from healthd.schedule import Check, Observers, Schedule, TurnSpec, UplinkLimits, phase
from probes.base import Outcome, Reason, Result, Target


@dataclass
class OneByOne:
    """A probe that takes `seconds` and remembers whom it was asked for, and how many at once."""

    seconds: float = 0.0
    values: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, float]] = field(default_factory=list)
    at_once: int = 0
    peak: int = 0
    closed: bool = False

    async def ask(self, target: Target) -> Result:
        self.asked.append((target.address, time.monotonic()))
        self.at_once += 1
        self.peak = max(self.peak, self.at_once)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if target.address == "bug":
            raise ZeroDivisionError
        return Result.ok(**self.values)

    async def close(self) -> None:
        self.closed = True


@dataclass
class AllAtOnce(OneByOne):
    """The batch form."""

    batches: list[int] = field(default_factory=list)

    def ask_batch(self, targets: Sequence[Target], deliver: Callable[[list[tuple[int, Result]]], None]) -> None:
        self.batches.append(len(targets))
        self.asked += [(target.address, time.monotonic()) for target in targets]
        asyncio.get_running_loop().call_soon(deliver, [(index, Result.ok()) for index in range(len(targets))])


@dataclass
class Bench:
    """A schedule over one check `c`, with everything that it tells written down."""

    schedule: Schedule
    answers: list[Asked]
    lags: list[float]
    skipped: Counter[str]

    async def run(self, seconds: float) -> None:
        task = asyncio.create_task(self.schedule.run())
        await asyncio.sleep(seconds)
        await self.schedule.stop()
        await task

    def times(self, probe: OneByOne, subject: str) -> list[float]:
        return [when for address, when in probe.asked if address == subject]


def bench(
    probe: OneByOne,
    *,
    interval: float = 0.2,
    timeout: float = 1.0,
    seats: int = 10,
    limits: UplinkLimits | None = None,
) -> Bench:
    answers: list[Asked] = []
    lags: list[float] = []
    skipped: Counter[str] = Counter()
    observers = Observers(answers.extend, lambda _, late: lags.extend(late), lambda c, n: skipped.update({c: n}))
    schedule = Schedule(
        {"c": Check("c", probe, interval, timeout, seats)},
        limits or UplinkLimits(100, 10**9),
        lambda subject, _: Target(subject),
        lambda: time.time_ns() // 1_000_000,
        observers,
    )
    return Bench(schedule, answers, lags, skipped)


async def test_every_subject_is_asked_once_an_interval_at_its_own_phase() -> None:
    """Load is flat: each subject keeps its phase, and none is asked twice in one interval."""
    probe = AllAtOnce()
    b = bench(probe, interval=0.4)
    names = [f"s{i}" for i in range(50)]
    b.schedule.plan(TurnSpec(name, "c") for name in names)
    await b.run(2.0)
    for name in names:
        times = b.times(probe, name)
        assert len(times) in (4, 5, 6), name
        assert all(0.3 < later - sooner < 0.5 for sooner, later in itertools.pairwise(times))
    spread = {round(phase(name, "c", 1.0), 1) for name in names}
    assert len(spread) >= 8


def test_phase_is_the_same_after_a_restart() -> None:
    """The phase depends on subject and check alone, so a restart shifts no load."""
    assert phase("34020000001320000001", "ping", 60.0) == pytest.approx(51.7241, abs=0.0001)
    assert phase("34020000001320000001", "snmp", 60.0) != phase("34020000001320000001", "ping", 60.0)


async def test_batch_probe_gets_what_is_due_together() -> None:
    """No task per ping: turns due within a tick leave in one call."""
    probe = AllAtOnce()
    b = bench(probe, interval=0.2)
    b.schedule.plan(TurnSpec(f"s{i}", "c") for i in range(500))
    await b.run(0.5)
    assert max(probe.batches) > 20
    assert len(b.answers) == sum(probe.batches)


async def test_seats_bound_the_askings_in_flight() -> None:
    """At most `seats` askings of a check run at once, and whoever waits is still asked."""
    probe = OneByOne(seconds=0.02)
    b = bench(probe, interval=0.5, seats=3)
    b.schedule.plan(TurnSpec(f"s{i}", "c") for i in range(30))
    await b.run(1.2)
    assert probe.peak == 3
    assert {address for address, _ in probe.asked} == {f"s{i}" for i in range(30)}


async def test_uplink_limits_turns_and_bytes() -> None:
    """Cameras behind one switch share its line: n askings at once, and b bytes a second."""
    probe = OneByOne(seconds=0.05)
    b = bench(probe, interval=0.3, limits=UplinkLimits(2, 10**9))
    b.schedule.plan(TurnSpec(f"s{i}", "c", "switch-1") for i in range(12))
    await b.run(0.8)
    assert probe.peak == 2

    probe = OneByOne(values={"bytes": 1000})
    b = bench(probe, interval=0.1, limits=UplinkLimits(3, 10_000))
    b.schedule.plan(TurnSpec(f"s{i}", "c", "switch-1") for i in range(20))
    await b.run(2.0)
    assert len(probe.asked) <= 23  # 10 kB/s at 1 kB each; what is in flight is only paid for afterwards


async def test_turns_that_come_too_late_are_skipped_and_counted() -> None:
    """A slow check does not pile up: it asks as often as it can, and says how often it could not."""
    probe = OneByOne(seconds=0.25)
    b = bench(probe, interval=0.1, seats=10)
    b.schedule.plan([TurnSpec("slow", "c")])
    await b.run(1.5)
    assert probe.peak == 1
    assert b.skipped["c"] >= 2


async def test_deadline_is_the_schedules() -> None:
    """A probe that does not come back in time is a fail of that turn, and its seat is free again."""
    probe = OneByOne(seconds=10)
    b = bench(probe, interval=0.3, timeout=0.1, seats=1)
    b.schedule.plan([TurnSpec("mute", "c")])
    await b.run(1.0)
    assert {(a.result.outcome, a.result.reason) for a in b.answers} == {(Outcome.FAIL, Reason.TIMEOUT)}
    assert len(b.answers) >= 2


async def test_answer_read_too_late_is_unknown() -> None:
    """When our own loop stood still, the time-out is ours and not the camera's."""
    probe = OneByOne(seconds=10)
    b = bench(probe, interval=5.0, timeout=0.2)
    b.schedule.plan([TurnSpec("s", "c")])
    b.schedule.ask_again("s", "c", 0.0)
    task = asyncio.create_task(b.schedule.run())
    await asyncio.sleep(0.1)
    time.sleep(1.5)  # noqa: ASYNC251 — the blocked loop is what is tested
    await asyncio.sleep(0.3)
    await b.schedule.stop()
    await task
    assert [(a.result.outcome, a.result.reason) for a in b.answers] == [(Outcome.UNKNOWN, Reason.OVERLOAD)]


async def test_bug_in_a_probe_is_logged_and_unknown(caplog: pytest.LogCaptureFixture) -> None:
    """A bug is our failure: a traceback in the log, outcome unknown, and the others are asked on."""
    probe = OneByOne()
    b = bench(probe)
    b.schedule.plan([TurnSpec("bug", "c"), TurnSpec("fine", "c")])
    await b.run(0.9)
    outcomes = {a.subject: a.result.outcome for a in b.answers}
    assert outcomes == {"bug": Outcome.UNKNOWN, "fine": Outcome.OK}
    assert caplog.text.count("probe failed") == 1  # it was asked several times
    assert "ZeroDivisionError" in caplog.text


async def test_hold_and_release() -> None:
    """A held turn is not asked; released, it is asked at once."""
    probe = OneByOne()
    b = bench(probe, interval=0.2)
    b.schedule.plan([TurnSpec("s", "c")])
    b.schedule.hold("s", "c")
    task = asyncio.create_task(b.schedule.run())
    await asyncio.sleep(0.5)
    assert probe.asked == []
    b.schedule.release("s", "c")
    released = time.monotonic()
    await asyncio.sleep(0.1)
    assert probe.asked[0][1] - released < 0.08
    await b.schedule.stop()
    await task
    assert probe.closed


async def test_a_look_asks_what_is_held_once() -> None:
    """A held turn that is looked at is asked once and stays held; one that is not held is left alone."""
    probe = OneByOne()
    b = bench(probe, interval=10.0)
    b.schedule.plan([TurnSpec("s", "c"), TurnSpec("free", "c")])
    b.schedule.hold("s", "c")
    for subject in ("s", "s", "free", "stranger"):
        b.schedule.look(subject, "c")
    task = asyncio.create_task(b.schedule.run())
    await asyncio.sleep(0.3)
    assert [subject for subject, *_ in probe.asked].count("s") == 1
    assert [subject for subject, *_ in probe.asked].count("free") == 0
    b.schedule.look("s", "c")
    await asyncio.sleep(0.2)
    assert [subject for subject, *_ in probe.asked].count("s") == 2
    await b.schedule.stop()
    await task


async def test_ask_again_brings_forward_only() -> None:
    """A retry is asked early; it never delays what is due sooner."""
    probe = OneByOne()
    b = bench(probe, interval=10.0)
    b.schedule.plan([TurnSpec("s", "c")])
    b.schedule.ask_again("s", "c", 0.1)
    b.schedule.ask_again("s", "c", 5.0)
    await b.run(0.4)
    assert len(probe.asked) == 1


async def test_plan_keeps_who_stays_and_drops_who_goes() -> None:
    """A reload asks nobody early or twice; removed subjects answer no more; new ones wait for their phase."""
    probe = OneByOne()
    b = bench(probe, interval=0.5)
    b.schedule.plan(TurnSpec(f"s{i}", "c") for i in range(40))
    task = asyncio.create_task(b.schedule.run())
    await asyncio.sleep(0.7)
    for _ in range(5):
        b.schedule.plan(TurnSpec(f"s{i}", "c") for i in range(20, 60))
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    await b.schedule.stop()
    await task
    for i in range(20, 40):
        times = b.times(probe, f"s{i}")
        assert all(later - sooner > 0.4 for sooner, later in itertools.pairwise(times))
    for i in range(20):
        assert len(b.times(probe, f"s{i}")) <= 2
    assert len(b.times(probe, "s59")) >= 1
    assert b.schedule.counts() == {"c": 40}


async def test_a_loop_that_stood_still_blames_nobody() -> None:
    """A time-out in which healthd itself stood still for a good part is unknown: overload; an honest one is a
    fail, at whatever moment it began."""
    b = bench(probe := OneByOne(10.0), interval=100.0, timeout=0.4, seats=40)
    b.schedule.plan([TurnSpec(f"s{i}", "c") for i in range(2)])
    task = asyncio.create_task(b.schedule.run())
    await asyncio.sleep(0.1)
    b.schedule.ask_again("s0", "c", 0.0)
    await asyncio.sleep(0.1)
    assert [subject for subject, _ in probe.asked] == ["s0"]
    time.sleep(0.2)  # noqa: ASYNC251 (the loop is meant to stand still)
    await asyncio.sleep(0.3)
    b.schedule.ask_again("s1", "c", 0.0)
    await asyncio.sleep(0.7)
    await b.schedule.stop()
    await task
    told = {answer.subject: (answer.result.outcome, answer.result.reason) for answer in b.answers}
    assert told == {"s0": (Outcome.UNKNOWN, Reason.OVERLOAD), "s1": (Outcome.FAIL, Reason.TIMEOUT)}
    assert b.schedule.pace.overloaded(time.monotonic())


@dataclass
class Heavy(OneByOne):
    """Holds the loop up for 20 ms an asking."""

    async def ask(self, target: Target) -> Result:
        time.sleep(0.02)  # noqa: ASYNC251 (as a busy processor would)
        return await super().ask(target)


async def test_with_half_the_time_needed_pings_keep_their_interval_and_the_rest_is_thinned_evenly() -> None:
    """40 heavy askings that can wait take twice the time there is. Pings go on at their pace; of the heavy ones
    nobody starves or is preferred, and what is left out is counted."""
    heavy, light = Heavy(), AllAtOnce()
    b = bench(heavy)
    late: list[float] = []
    b.schedule.observers = replace(
        b.schedule.observers, lags=lambda check, lags: late.extend(lags) if check == "ping" else None
    )
    checks = {
        "frame": Check("frame", heavy, 0.4, 5.0, 10, can_wait=True),
        "ping": Check("ping", light, 0.5, 1.0, 1),
    }
    b.schedule.reconfigure(checks, UplinkLimits(16, 1_000_000))
    b.schedule.plan([TurnSpec(f"s{i}", check) for i in range(40) for check in checks])
    await b.run(6.0)
    counts = Counter(subject for subject, _ in heavy.asked)
    assert len(counts) == 40
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) < 6.0 / 0.02
    assert b.skipped["frame"] > 40
    assert not b.skipped["ping"]
    pinged = Counter(subject for subject, _ in light.asked)
    assert min(pinged.values()) >= 6.0 / 0.5 - 3
    assert statistics.median(late) < 0.08  # ten heavy ones at a time would hold every tick up for 200 ms
    assert b.schedule.pace.overloaded(time.monotonic())
