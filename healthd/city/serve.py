"""Runs a simulated city: claims its ground, writes its files, answers for its cameras, lives its faults."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from healthd.city.album import Album
from healthd.city.answers import Answers
from healthd.city.faults import Fault, Step, plan_faults, standing_faults, timeline
from healthd.city.files import new_login, write_city
from healthd.city.gates import Gate, NftGate, TcpGate, sweep
from healthd.city.ground import CityError, Ground, open_udp
from healthd.city.http import Connection
from healthd.city.manners import Manners
from healthd.city.network import Network
from healthd.city.options import CityOptions, Reach
from healthd.city.pictures import daylight
from healthd.city.plan import Plan, Ports, lay_out
from healthd.city.snmp import SnmpAgent
from healthd.city.truth import Changes, FaultFile, Ledger, TruthFile

log = logging.getLogger(__name__)

_IDLE_SECONDS = 60.0
_SWEEP_SECONDS = 10.0
_MOST_PER_HOUR = 1_000_000  # more than that and the plan alone would keep the loop busy


async def run_city(options: CityOptions, stop: asyncio.Event) -> None:
    """Builds the city and serves it until `stop` is set; raises CityError where it cannot be built."""
    async with serving(options) as city:
        await city.live(stop)


@contextlib.asynccontextmanager
async def serving(options: CityOptions) -> AsyncIterator[City]:
    """A built city: its files are written and it answers. Its faults pass while `live` runs.

    Leaves no socket, lock or nftables table behind. Raises CityError where it cannot be built.
    """
    _check(options)
    async with contextlib.AsyncExitStack() as stack:
        sweep()  # before any ground is taken: a table on ground that somebody holds is left alone
        ground = Ground()
        stack.callback(ground.close)
        gate = _open_gate(options.reach, ground.first_block)
        stack.push_async_callback(gate.close)
        udp = stack.enter_context(open_udp())
        ports = Ports(gate.port, udp.getsockname()[1], gate.reach_port)
        plan = lay_out(options.cameras, options.seed, ground.addresses(), ports)
        network, login = Network(plan, Manners(plan, time.time())), new_login()
        executor = ThreadPoolExecutor(2, "city-pictures")
        stack.callback(executor.shutdown, cancel_futures=True)
        answers = Answers(plan, network, login, Album(options.pictures, executor, options.noon))
        connections: set[Connection] = set()
        stack.push_async_callback(_hang_up, gate, connections)
        # By ICMP devices need no listener; by TCP a dead one is told by its listener only.
        reached = plan.channels_at if gate.reach_port is None else {**plan.channels_at, **plan.device_at}
        gate.open(reached, lambda: Connection(answers.http, connections))
        agent = SnmpAgent(udp, login.community, answers.agent)
        stack.callback(agent.close)
        try:
            write_city(options.dir, plan, login, options)
            city = City(options, plan, network, gate, connections)
        except OSError as error:
            raise CityError(f"{error.filename or options.dir}: {error.strerror}: choose another --dir") from error
        stack.callback(city.close)
        await city.begin()
        log.info(
            "the simulated city answers cameras=%d dir=%s reach=%s", len(plan.cameras), options.dir, city.reach
        )
        yield city


class City:
    """A city that lives: faults begin and end, and the truth of it is written down."""

    def __init__(
        self, options: CityOptions, plan: Plan, network: Network, gate: Gate, connections: set[Connection]
    ) -> None:
        self.plan = plan
        self.reach = Reach.ICMP if gate.reach_port is None else Reach.TCP
        self._options, self._gate, self._connections = options, gate, connections
        self.network = network
        self._ledger = Ledger(plan)
        self._truth = TruthFile(options.dir / "truth.jsonl")
        self._faults = FaultFile(options.dir / "faults.jsonl")

    def close(self) -> None:
        self._truth.close()
        self._faults.close()

    async def begin(self) -> None:
        """Puts the standing faults in place, then writes where every camera stands."""
        standing = standing_faults(self.plan, self._options.seed, self._options.standing_share)
        await self._take([Step(0.0, True, fault) for fault in standing])
        self._truth.start(time.time(), self._ledger.states())

    async def live(self, stop: asyncio.Event) -> None:
        """Lets the plan's faults come and go until `stop` is set."""
        started = time.monotonic()
        steps = timeline(self._plan_faults())
        following = next(steps, None)
        while not stop.is_set():
            elapsed = time.monotonic() - started
            wait = _SWEEP_SECONDS if following is None else min(following.at - elapsed, _SWEEP_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(wait, 0))
            elapsed = time.monotonic() - started
            due = []
            while following is not None and following.at <= elapsed:
                due.append(following)
                following = next(steps, None)
            if due and not stop.is_set():
                self._truth.write(*await self._take(due))
            self._hang_up_idle()

    def _plan_faults(self) -> Iterator[Fault]:
        options = self._options
        planned = sorted(options.planned, key=lambda fault: fault.start)
        drawn = plan_faults(
            self.plan,
            options.seed,
            options.outages_per_hour,
            options.picture_faults_per_hour,
            options.upstream_faults_per_hour,
            by_day=self._by_day(time.time()),
        )
        return heapq.merge(planned, drawn, key=lambda fault: fault.start)

    def _by_day(self, started: float) -> Callable[[float], bool]:
        return lambda seconds: self._options.noon or daylight(started + seconds) == 1.0

    async def _take(self, steps: Sequence[Step]) -> tuple[float, Changes]:
        """Makes the steps real; returns when they were, in seconds since the epoch, and what they changed."""
        changes = self._ledger.apply(steps)
        manners = self.network.manners
        manners.silence(changes.silenced, changes.restored, time.time())
        at = await self._gate.switch(changes.silenced, changes.restored)
        for step in steps:
            self.network.apply(step, at)
        self._faults.write(at, steps)
        # After the gate: the reset that an abort sends must not reach whoever was connected.
        for connection in [one for one in self._connections if one.address in manners.silent]:
            connection.abort()
        return at, changes

    def _hang_up_idle(self) -> None:
        limit = time.monotonic() - _IDLE_SECONDS
        for connection in [one for one in self._connections if one.active < limit]:
            connection.abort()


def _check(options: CityOptions) -> None:
    for rate in (options.outages_per_hour, options.picture_faults_per_hour, options.upstream_faults_per_hour):
        if not 0 <= rate <= _MOST_PER_HOUR:
            raise CityError(f"{rate} faults an hour: give 0 to {_MOST_PER_HOUR}")


def _open_gate(reach: Reach, block: int) -> NftGate | TcpGate:
    gate = None if reach is Reach.TCP else NftGate.build(block)
    if gate is not None:
        return gate
    if reach is Reach.ICMP:
        raise CityError(
            "nftables cannot be changed: run as root with the package nftables installed, or reach by TCP"
        )
    return TcpGate()


async def _hang_up(gate: Gate, connections: set[Connection]) -> None:
    gate.shut()
    for _ in range(3):  # what is being accepted right now needs turns of the loop to show up, and to end
        await asyncio.sleep(0)
        for connection in [*connections]:
            connection.abort()
    await asyncio.sleep(0)
