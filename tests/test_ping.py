"""The ping check over real sockets: ICMP and TCP, alone and in batches, with and without privilege."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from probes.base import BatchProbe, Outcome, Reason, Resources, Result, Target
from probes.icmp_lane import Ending, Packet
from probes.ping import CONNECTS_AT_ONCE, KIND, PingOptions, PingProbe, connect, judge
from tests.echoes import DEAD, DEAD_ADDRESSES, filtered, in_namespace, root_only

RTT_KEYS = {"rtt_min_seconds", "rtt_avg_seconds", "rtt_max_seconds", "jitter_seconds"}


@pytest.fixture
async def probe() -> AsyncIterator[PingProbe]:
    probe = PingProbe(PingOptions(timeout=0.4))
    yield probe
    await probe.close()


@pytest.fixture
def dead() -> Iterator[list[str]]:
    """300 addresses that answer neither ICMP nor TCP."""
    with filtered(f"ip daddr {DEAD} drop"):
        yield DEAD_ADDRESSES[:300]


@pytest.fixture
def port() -> Iterator[int]:
    """A TCP port that is open on every 127.x address."""
    with socket.create_server(("0.0.0.0", 0), backlog=2048) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A TCP port that nobody listens on, and nobody else can take."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        yield taken.getsockname()[1]


async def ask_batch(probe: PingProbe, targets: Sequence[Target]) -> list[Result]:
    """All results in order; fails if an index is delivered twice."""
    results: dict[int, Result] = {}
    complete = asyncio.Event()

    def deliver(decided: list[tuple[int, Result]]) -> None:
        for index, result in decided:
            assert index not in results
            results[index] = result
        if len(results) == len(targets):
            complete.set()

    probe.ask_batch(targets, deliver)
    await asyncio.wait_for(complete.wait(), 20)
    return [results[index] for index in range(len(targets))]


def fates(*endings: Ending, rtt: float = 0.01) -> list[Packet]:
    return [Packet(ending, rtt if ending is Ending.ANSWERED else 0.0, ending.value) for ending in endings]


ANSWERED, TIMEOUT, UNREACHABLE = Ending.ANSWERED, Ending.TIMEOUT, Ending.UNREACHABLE
LOCAL, FORBIDDEN, OVERLOAD = Ending.LOCAL, Ending.FORBIDDEN, Ending.OVERLOAD


@pytest.mark.parametrize(
    ("endings", "outcome", "reason"),
    [
        ([ANSWERED], Outcome.OK, Reason.OK),
        ([TIMEOUT, TIMEOUT, ANSWERED], Outcome.OK, Reason.OK),
        ([OVERLOAD, UNREACHABLE, ANSWERED], Outcome.OK, Reason.OK),
        ([TIMEOUT], Outcome.FAIL, Reason.TIMEOUT),
        ([TIMEOUT, UNREACHABLE], Outcome.FAIL, Reason.UNREACHABLE),
        ([TIMEOUT, OVERLOAD], Outcome.UNKNOWN, Reason.OVERLOAD),
        ([LOCAL, TIMEOUT], Outcome.UNKNOWN, Reason.LOCAL),
        ([FORBIDDEN], Outcome.UNKNOWN, Reason.LOCAL),
    ],
)
def test_judgement(endings: list[Ending], outcome: Outcome, reason: Reason) -> None:
    """One answer is enough; silence is the camera's only if all of it is known to be."""
    result = judge(fates(*endings))
    assert (result.outcome, result.reason) == (outcome, reason)


def test_values_of_several_packets() -> None:
    """Loss is over packets whose fate is known; jitter is the mean change between successive round trips."""
    packets = [Packet(ANSWERED, rtt) for rtt in (0.010, 0.030, 0.020)] + fates(TIMEOUT, OVERLOAD)
    assert judge(packets).values == {
        "sent": 4,
        "received": 3,
        "loss_ratio": 0.25,
        "rtt_min_seconds": 0.010,
        "rtt_avg_seconds": pytest.approx(0.020),
        "rtt_max_seconds": 0.030,
        "jitter_seconds": pytest.approx(0.015),
    }


def test_no_round_trip_without_an_answer() -> None:
    """A camera that did not answer has loss and no round trip; an unknown one has nothing."""
    assert judge(fates(TIMEOUT, TIMEOUT)).values == {"sent": 2, "received": 0, "loss_ratio": 1.0}
    assert judge(fates(OVERLOAD)).values == {}
    assert judge(fates(ANSWERED)).values["jitter_seconds"] == 0.0


def test_options() -> None:
    """The defaults are the contract's; impossible numbers and unknown keys are errors."""
    options = PingOptions()
    assert (options.interval, options.timeout, options.packets) == (60.0, 1.0, 1)
    assert PingOptions.model_validate({"timeout": "500ms", "packets": 20}).timeout == 0.5
    for bad in (
        {"packets": 0},
        {"packets": 21},
        {"packets": True},
        {"packets": "3"},
        {"timeout": "0s"},
        {"size": 9},
    ):
        with pytest.raises(ValidationError):
            PingOptions.model_validate(bad)


async def test_kind_builds_a_batch_probe() -> None:
    """PROBES' entry builds what the scheduler takes in batches."""
    with ThreadPoolExecutor(1) as executor:
        probe = KIND.build(KIND.options.model_validate({}), Resources(executor, time.time))
        assert KIND.name == "ping"
        assert isinstance(probe, BatchProbe)
        await probe.close()


@root_only
async def test_ask_explains_each_packet() -> None:
    """`ask` tells one sentence a packet, with its time."""
    probe = PingProbe(PingOptions(timeout=0.4, packets=3))
    result = await probe.ask(Target("127.0.0.1"))
    await probe.close()
    assert result.outcome is Outcome.OK
    assert set(result.values) == RTT_KEYS | {"sent", "received", "loss_ratio"}
    assert [step.split(": ")[0] for step in result.steps] == [f"ICMP packet {number} of 3" for number in (1, 2, 3)]
    assert all("answered after" in step for step in result.steps)


@root_only
async def test_ask_the_dead(probe: PingProbe, dead: list[str]) -> None:
    """A silent camera fails by timeout, soon after the timeout, whichever way it is asked."""
    for target in (Target(dead[0]), Target(dead[0], reach_port=80)):
        began = time.monotonic()
        result = await probe.ask(target)
        assert 0.4 <= time.monotonic() - began < 0.8
        assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.TIMEOUT)
        assert result.values == {"sent": 1, "received": 0, "loss_ratio": 1.0}
        assert len(result.steps) == 1


@root_only
async def test_batch_of_all_kinds(probe: PingProbe, dead: list[str], port: int, closed_port: int) -> None:
    """A batch of living, dead, refusing and IPv6 cameras, by ICMP and TCP, comes out each as it is, and once."""
    alive = [f"127.8.{number >> 8}.{number & 255}" for number in range(300)]
    groups = [
        ([Target(address) for address in alive], Reason.OK),
        ([Target(address, reach_port=port) for address in alive], Reason.OK),
        ([Target(address, reach_port=closed_port) for address in alive], Reason.REFUSED),
        ([Target(address) for address in dead], Reason.TIMEOUT),
        ([Target(address, reach_port=port) for address in dead], Reason.TIMEOUT),
        ([Target("::1"), Target("::ffff:127.0.0.1", reach_port=port)], Reason.OK),
    ]
    targets = [target for group, _ in groups for target in group]
    expected = [reason for group, reason in groups for _ in group]
    results = await ask_batch(probe, targets)
    assert [result.reason for result in results] == expected
    outcomes = Counter(result.outcome for result in results)
    assert outcomes == {Outcome.OK: 602, Outcome.FAIL: 900}
    assert all(result.steps == () for result in results)
    assert all(0 <= result.values["rtt_max_seconds"] < 0.3 for result in results if result.outcome is Outcome.OK)


async def test_tcp_answers(port: int, closed_port: int) -> None:
    """A connect is an answer, a refusal is none; both are told by name."""
    ok = await connect("127.0.0.1", port, 1.0)
    assert (ok.outcome, ok.values["received"]) == (Outcome.OK, 1)
    assert 0 < ok.values["rtt_min_seconds"] < 0.1
    refused = await connect("127.0.0.1", closed_port, 1.0)
    assert (refused.outcome, refused.reason, refused.detail) == (
        Outcome.FAIL,
        Reason.REFUSED,
        "Connection refused",
    )


@root_only
async def test_tcp_through_a_busy_loop(probe: PingProbe, dead: list[str], port: int) -> None:
    """A loop that stands still past the timeout makes no false down by TCP, nor a longer round trip."""
    targets = [Target(f"127.8.0.{number}", reach_port=port) for number in range(1, 201)]
    asking = asyncio.create_task(ask_batch(probe, [*targets, Target(dead[0], reach_port=port)]))
    await asyncio.sleep(0)
    # Runs right after the connects were begun: the loop will see answers and timeouts at the same time.
    asyncio.get_running_loop().call_soon(time.sleep, 0.6)
    results = await asking
    assert Counter(result.reason for result in results) == {Reason.OK: 200, Reason.TIMEOUT: 1}
    assert max(result.values["rtt_max_seconds"] for result in results[:200]) < 0.1


@root_only
async def test_connects_are_bounded(probe: PingProbe, dead: list[str]) -> None:
    """However many cameras stand in line, only so many descriptors are open."""
    before = len(os.listdir("/proc/self/fd"))
    probe.ask_batch([Target(address, reach_port=80) for address in dead], lambda _: None)
    await asyncio.sleep(0.1)
    assert len(os.listdir("/proc/self/fd")) == before + CONNECTS_AT_ONCE
    await probe.close()
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_out_of_descriptors_is_our_fault(port: int) -> None:
    """When no socket can be opened the camera is unknown, by TCP and by ICMP."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = PingProbe(PingOptions(timeout=0.4))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        results = [await probe.ask(Target("127.0.0.1", reach_port=port)), await probe.ask(Target("127.0.0.1"))]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    await probe.close()
    assert [(result.outcome, result.reason) for result in results] == [(Outcome.UNKNOWN, Reason.LOCAL)] * 2
    assert all("Too many open files" in result.detail for result in results)


@root_only
async def test_cancelled_ask_leaks_nothing(
    probe: PingProbe, dead: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """An `ask` that is cancelled halfway leaves no task, and its late end disturbs nobody."""
    for target in (Target(dead[0]), Target(dead[0], reach_port=80)):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(probe.ask(target), 0.1)
    await asyncio.sleep(0.5)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (await probe.ask(Target("127.0.0.1"))).outcome is Outcome.OK
    assert caplog.records == []


@root_only
async def test_close_ends_all(dead: list[str]) -> None:
    """Closing delivers nothing more, cancels who waits, and leaves no task."""
    probe = PingProbe(PingOptions(timeout=0.2))
    delivered: list[object] = []
    probe.ask_batch([Target(dead[0]), Target(dead[1], reach_port=80)], delivered.append)
    waiting = asyncio.create_task(probe.ask(Target(dead[2])))
    await asyncio.sleep(0.05)
    await probe.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0.3)
    assert delivered == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


@root_only
async def test_dropped_is_exposed(probe: PingProbe) -> None:
    """Every reason of `healthd_icmp_dropped_total` is there from the start, at zero."""
    assert set(probe.dropped.values()) == {0}
    assert "kernel" in probe.dropped


def test_no_privilege_is_unknown_and_told_once() -> None:
    """Without any ICMP socket each camera is unknown, and one log line names the remedy."""
    script = """
        import logging, sys
        from probes.base import Target
        from probes.ping import PingOptions, PingProbe
        logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")

        async def main():
            probe = PingProbe(PingOptions())
            probe.ask_batch([Target("127.0.0.1")] * 3 + [Target("::1")],
                            lambda answers: [print(result.outcome, result.reason) for _, result in answers])
            await asyncio.sleep(0.1)
            print((await probe.ask(Target("127.0.0.1"))).steps[0])
            await probe.close()

        asyncio.run(main())
    """
    logged, *rest = in_namespace("", script, without="net_raw")
    assert logged.startswith("ERROR probes.ping cameras cannot be pinged")
    assert "ping_group_range" in logged
    assert "cap_net_raw" in logged
    assert rest == ["unknown local"] * 4 + ["ICMP packet 1 of 1: no ICMP socket: Permission denied."]


@root_only
async def test_two_thousand_with_two_percent_dead(
    probe: PingProbe, dead: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Of 2,000 cameras with 2 % dead none comes out wrong, and nothing is logged."""
    targets = [Target(f"127.9.{number >> 8}.{number & 255}") for number in range(2000)]
    targets[::50] = [Target(address) for address in dead[:40]]
    with caplog.at_level(logging.DEBUG, "probes"):
        results = await ask_batch(probe, targets)
    assert [number for number, result in enumerate(results) if result.outcome is Outcome.FAIL] == list(
        range(0, 2000, 50)
    )
    assert Counter(result.outcome for result in results) == {Outcome.OK: 1960, Outcome.FAIL: 40}
    assert caplog.records == []
