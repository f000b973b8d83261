"""Ping, by this probe and its peers in one run: `python -m tests.bench ping`.

Addresses of loopback are asked at 1,667 a second, which is 100,000 cameras a minute, then 50,000 at once. The
kernel answers inside the sender's system call, so its half is in all figures. One in fifty is dead where that may
be arranged (root and nft).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from probes.base import Outcome, Result, Target
from probes.ping import PingOptions, PingProbe
from tests.bench.ping_peers import TIMEOUT_SECONDS, Heard, Peer, blackbox, found
from tests.bench.table import Row, against

RATE = 1667.0  # per second
SLICE_SECONDS = 0.05  # a scheduler's batches
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


async def healthd(asked: Sequence[str], rate: float | None) -> Heard:
    """`rate` None: all at once."""
    probe = PingProbe(PingOptions(timeout=TIMEOUT_SECONDS))
    heard, pending, done = Heard(), len(asked), asyncio.Event()
    size = len(asked) if rate is None else int(rate * SLICE_SECONDS)
    begun = time.monotonic()
    for number, start in enumerate(range(0, len(asked), size)):
        part = asked[start : start + size]

        def deliver(results: list[tuple[int, Result]], part: Sequence[str] = part) -> None:
            nonlocal pending
            pending -= len(results)
            for index, result in results:
                if result.outcome is Outcome.OK:
                    heard.rtts[part[index]] = result.values["rtt_avg_seconds"]
            if not pending:
                done.set()

        await asyncio.sleep(max(0.0, begun + number * SLICE_SECONDS - time.monotonic()) if rate else 0)
        probe.ask_batch([Target(address) for address in part], deliver)
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


def p99(heard: Heard) -> float:
    return 1000 * statistics.quantiles(heard.rtts.values(), n=100)[98]


async def paced(silenced: bool) -> Iterator[Row]:
    """CPU a ping and the 99th percentile of round trips: on loopback these are all error."""
    peers = [Peer("healthd", healthd, 1), *found()]
    cpu: dict[str, list[float]] = {peer.name: [] for peer in peers}
    rtt: dict[str, list[float]] = {peer.name: [] for peer in peers}
    notes: dict[str, str] = {}
    late: list[float] = []
    for _ in range(ROUNDS):
        for peer in peers:
            asked, _ = addresses(PACED // peer.share)
            took, heard = await peer.measured(asked, RATE)
            cpu[peer.name].append(1e6 * took)
            rtt[peer.name].append(p99(heard))
            notes[peer.name] = ", ".join(filter(None, (peer.note, wrong(asked, heard, silenced))))
        late.append(p99(await held_up(addresses(PACED)[0], RATE)))
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
    found_rows += rows.values()
    what = "ping at 1,667 a second, p99 of the error of round trips"
    mine = Row(what, "healthd", rtt["healthd"], "ms")
    if "fping" in rtt:
        theirs = Row(what, "fping", rtt["fping"], "ms")
        found_rows += [against(mine, theirs, 1.0, "≤ fping"), theirs]
    what = "the same, the loop blocked 30 ms in every 100"
    found_rows.append(Row(what, "healthd", late, "ms", "≤ 10 ms", statistics.median(late) <= 10))
    return iter(found_rows)


async def fleet(silenced: bool) -> Row:
    """100,000 targets within a minute, one in fifty dead."""
    asked, _ = addresses(FLEET)
    took, heard = await Peer("healthd", healthd, 1).measured(asked, RATE)
    note = wrong(asked, heard, silenced) + ("" if silenced else " (none dead: that needs root and nft)")
    right = note.startswith("0 false down, 0 false up")
    return Row(
        "ping, 100,000 targets in a minute, CPU a ping", "healthd", [1e6 * took], "µs", "0 wrong", right, note
    )


def floor(directory: Path) -> list[float] | None:
    """Seconds of a burst by a loop in C; None without a compiler or a raw socket."""
    program = directory / "ping_floor"
    source = Path(__file__).with_name("ping_floor.c")
    compiler = shutil.which("cc")
    if compiler is None or os.geteuid() != 0:
        return None
    subprocess.run([compiler, "-O2", "-o", program, source], check=True)
    runs = (
        subprocess.run([program, str(BURST)], capture_output=True, text=True, check=True) for _ in range(ROUNDS)
    )
    return [float(run.stdout.split()[1]) for run in runs]


async def burst() -> Iterator[Row]:
    """All at once: wall time."""
    asked = [f"127.10.{n >> 8}.{n & 255}" for n in range(1, BURST + 1)]
    took, answers = [], 0
    for _ in range(ROUNDS):
        begun = time.monotonic()
        heard = await healthd(asked, None)
        took.append(time.monotonic() - begun)
        answers += len(heard.rtts)
    what = "ping, 50,000 at once, wall time"
    mine = Row(what, "healthd", took, "s", note=f"{answers:,} of {ROUNDS * BURST:,} answered")
    with tempfile.TemporaryDirectory() as directory:
        least = floor(Path(directory))
    if least is None:
        return iter([mine])
    peer = Row(what, "a loop in C", least, "s")
    return iter([against(mine, peer, 3.0, "≤ 3 × a loop in C"), peer])


def rows() -> Iterator[Row]:
    """The table's rows."""
    with silence() as silenced:
        yield from asyncio.run(paced(silenced))
        yield asyncio.run(fleet(silenced))
    yield from asyncio.run(burst())
