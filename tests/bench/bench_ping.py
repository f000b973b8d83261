"""Ping, by this probe and its peers in one run: `python -m tests.bench ping`.

Addresses of loopback are asked at 1,667 a second, which is 100,000 cameras a minute, then 50,000 at once. The
kernel answers inside the sender's system call, so its half is in all figures. One in fifty is dead where that may
be arranged (root and nft). What a round trip really took is heard on the interface itself (root).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from probes.base import Outcome, Result, Target
from probes.ping import PingOptions, PingProbe
from tests.bench.ping_peers import TIMEOUT_SECONDS, Ask, Heard, Peer, blackbox, found
from tests.bench.ping_wire import listening
from tests.bench.table import Row, against

RATE = 1667.0  # per second
SLICE_SECONDS = 0.03  # the scheduler's batches
ROUNDS = 5
PACED, FLEET, BURST = 5_000, 100_000, 50_000
BLOCKED_SECONDS, EVERY_SECONDS = 0.03, 0.1


def addresses(count: int) -> tuple[list[str], set[str]]:
    """All, and the dead among them."""
    numbers = range(1, count + 1)
    chosen = [f"127.{(200 if n % 50 == 0 else 10) + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in numbers]
    return chosen, {address for address in chosen if address.startswith(("127.200.", "127.201."))}


@contextmanager
def silence() -> Iterator[bool]:
    """127.200.0.0/15 does not answer; gives whether this could be arranged."""
    if shutil.which("nft") is None or os.geteuid() != 0:
        yield False
        return
    table = f"healthd_bench_ping_{os.getpid()}"
    chain = "type filter hook input priority 0; ip daddr 127.200.0.0/15 drop;"
    subprocess.run(["nft", f"table ip {table} {{ chain input {{ {chain} }}; }}"], check=True)
    try:
        yield True
    finally:
        subprocess.run(["nft", "delete", "table", "ip", table], check=True)


async def healthd(asked: Sequence[str], rate: float) -> Heard:
    return await pinged([Target(address) for address in asked], rate)


async def pinged(asked: Sequence[Target], rate: float | None) -> Heard:
    """`rate` None: all at once."""
    probe = PingProbe(PingOptions(timeout=TIMEOUT_SECONDS))
    heard, pending, done = Heard(), len(asked), asyncio.Event()
    size = len(asked) if rate is None else int(rate * SLICE_SECONDS)
    begun = time.monotonic()
    for number, start in enumerate(range(0, len(asked), size)):
        part = asked[start : start + size]

        def deliver(results: list[tuple[int, Result]], part: Sequence[Target] = part) -> None:
            nonlocal pending
            pending -= len(results)
            for index, result in results:
                if result.outcome is Outcome.OK:
                    heard.rtts[part[index].address] = result.values["rtt_avg_seconds"]
            if not pending:
                done.set()

        await asyncio.sleep(max(0.0, begun + number * SLICE_SECONDS - time.monotonic()) if rate else 0)
        probe.ask_batch(part, deliver)
    await done.wait()
    await probe.close()
    return heard


async def held_up(asked: Sequence[str], rate: float) -> Heard:
    """The same with the event loop blocked 30 ms in every 100."""

    async def block() -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS - BLOCKED_SECONDS)
            time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 - that is the point

    blocker = asyncio.create_task(block())
    try:
        return await healthd(asked, rate)
    finally:
        blocker.cancel()


def wrong(asked: Sequence[str], heard: Heard, silenced: bool) -> str:
    dead = {address for address in asked if address.startswith(("127.200.", "127.201."))} if silenced else set()
    down, up = len(set(asked) - dead - heard.rtts.keys()), len(dead & heard.rtts.keys())
    return f"{down} false down, {up} false up of {len(asked):,}"


async def paced(silenced: bool) -> Iterator[Row]:
    """CPU a ping."""
    peers = [Peer("healthd", healthd, 1), *found()]
    cpu: dict[str, list[float]] = {peer.name: [] for peer in peers}
    notes: dict[str, str] = {}
    for _ in range(ROUNDS):
        for peer in peers:
            asked, _ = addresses(PACED // peer.share)
            took, heard = await peer.measured(asked, RATE)
            cpu[peer.name].append(1e6 * took)
            notes[peer.name] = ", ".join(filter(None, (peer.note, wrong(asked, heard, silenced))))
    what = "ping at 1,667 a second, CPU a ping"
    rows = {peer.name: Row(what, peer.name, cpu[peer.name], "µs", note=notes[peer.name]) for peer in peers}
    exporter = await blackbox(addresses(PACED // 10)[0], RATE / 10)
    if exporter:
        note = f"a tenth of the pace, {wrong(addresses(PACED // 10)[0], exporter[1], silenced)}"
        rows["blackbox_exporter"] = Row(what, "blackbox_exporter", [1e6 * exporter[0]], "µs", note=note)
    mine = rows.pop("healthd")
    found_rows = [against(mine, rows["fping"], 0.5, "≤ 0.5 × fping")] if "fping" in rows else [mine]
    if "blackbox_exporter" in rows:
        found_rows.append(against(mine, rows["blackbox_exporter"], 1 / 30, "≤ 1/30 of blackbox_exporter"))
    return iter([*found_rows, *rows.values()])


async def error_p99(ask: Ask) -> tuple[float, str]:
    """The 99th percentile of the error of round trips, in ms, and how many were compared with the wire."""
    asked = addresses(PACED)[0]
    with listening() as wire:
        heard = await ask(asked, RATE)
        true = wire.round_trips()
    errors = [abs(rtt - true[address]) for address, rtt in heard.rtts.items() if address in true]
    return 1000 * statistics.quantiles(errors, n=100)[98], f"{len(errors):,} of {len(heard.rtts):,} compared"


async def accuracy() -> Iterator[Row]:
    """Round trips told, against those on the wire: both stamped by the kernel as the packets pass."""
    asks: dict[str, Ask] = {"healthd": healthd, "late": held_up}
    asks |= {peer.name: peer.ask for peer in found() if peer.name in ("fping", "gufo_ping")}
    errors: dict[str, list[float]] = {name: [] for name in asks}
    notes: dict[str, str] = {}
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            error, notes[name] = await error_p99(ask)
            errors[name].append(error)
    what = "ping at 1,667 a second, p99 of the error of round trips"
    rows = {name: Row(what, name, errors[name], "ms", note=notes[name]) for name in asks}
    mine, late = rows.pop("healthd"), rows.pop("late")
    mine = against(mine, rows["fping"], 1.0, "≤ fping") if "fping" in rows else mine
    what = "the same, the loop blocked 30 ms in every 100"
    held = Row(what, "healthd", late.values, "ms", "≤ 10 ms", late.median <= 10, late.note)
    return iter([mine, *rows.values(), held])


async def fleet(silenced: bool) -> Row:
    """100,000 targets within a minute, one in fifty dead."""
    asked, _ = addresses(FLEET)
    took, heard = await Peer("healthd", healthd, 1).measured(asked, RATE)
    note = wrong(asked, heard, silenced) + ("" if silenced else " (none dead: that needs root and nft)")
    right = note.startswith("0 false down, 0 false up")
    return Row(
        "ping, 100,000 targets in a minute, CPU a ping", "healthd", [1e6 * took], "µs", "0 wrong", right, note
    )


@contextmanager
def floor() -> Iterator[Callable[[], float] | None]:
    """How many seconds a burst takes a loop in C; None without a compiler or a raw socket."""
    compiler = shutil.which("cc")
    if compiler is None or os.geteuid() != 0:
        yield None
        return
    with tempfile.TemporaryDirectory() as directory:
        program, source = Path(directory) / "ping_floor", Path(__file__).with_name("ping_floor.c")
        subprocess.run([compiler, "-O2", "-o", program, source], check=True)
        command = [str(program), str(BURST)]
        yield lambda: float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1])


async def burst() -> Iterator[Row]:
    """All at once: wall time, turn about with the loop in C. Targets are made before, as the daemon keeps them."""
    targets = [Target(f"127.10.{n >> 8}.{n & 255}") for n in range(1, BURST + 1)]
    took, least, answers = [], [], 0
    with floor() as in_c:
        for _ in range(ROUNDS):
            begun = time.monotonic()
            answers += len((await pinged(targets, None)).rtts)
            took.append(time.monotonic() - begun)
            if in_c:
                least.append(in_c())
    what = "ping, 50,000 at once, wall time"
    mine = Row(what, "healthd", took, "s", note=f"{answers:,} of {ROUNDS * BURST:,} answered")
    if not least:
        return iter([mine])
    peer = Row(what, "a loop in C", least, "s")
    return iter([against(mine, peer, 3.0, "≤ 3 × a loop in C"), peer])


def rows() -> Iterator[Row]:
    """The table's rows."""
    with silence() as silenced:
        yield from asyncio.run(paced(silenced))
        yield asyncio.run(fleet(silenced))
    if os.geteuid() == 0:
        yield from asyncio.run(accuracy())
    yield from asyncio.run(burst())
