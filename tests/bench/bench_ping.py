"""CPU of one ping, by this probe and its peers in one run: `python -m tests.bench.bench_ping [CAMERAS] [PACED]`.

CAMERAS (10,000) addresses of loopback are asked at once, then PACED (3,000) at 1,667 a second: 100,000 cameras a
minute. The kernel answers inside the sender's system call, so its half is in all figures. One in fifty is dead
where this may be arranged (root and nft). Peers that need a socket and a task per ping are given a tenth.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from probes.base import Outcome, Result, Target
from probes.ping import PingOptions, PingProbe

RATE = 1667.0  # per second
SLICE_SECONDS = 0.05  # a scheduler's batches
TIMEOUT_SECONDS = 1.0

Ask = Callable[[Sequence[str], float | None], Awaitable[set[str]]]
"""Addresses and a rate per second (None: all at once) -> those that answered."""


def addresses(count: int) -> tuple[list[str], set[str]]:
    """All, and the dead among them."""
    chosen = [f"127.{254 if n % 50 == 0 else 10}.{n >> 8}.{n & 255}" for n in range(1, count + 1)]
    return chosen, {address for address in chosen if address.startswith("127.254.")}


@contextmanager
def silence() -> Iterator[bool]:
    """127.254.0.0/16 does not answer; gives whether this could be arranged."""
    if shutil.which("nft") is None or os.geteuid() != 0:
        yield False
        return
    table = f"healthd_bench_ping_{os.getpid()}"
    chain = "type filter hook input priority 0; ip daddr 127.254.0.0/16 drop;"
    subprocess.run(["nft", f"table ip {table} {{ chain input {{ {chain} }}; }}"], check=True)
    try:
        yield True
    finally:
        subprocess.run(["nft", "delete", "table", "ip", table], check=True)


async def healthd(asked: Sequence[str], rate: float | None) -> set[str]:
    probe = PingProbe(PingOptions(timeout=TIMEOUT_SECONDS))
    answered: set[str] = set()
    pending = len(asked)
    done = asyncio.Event()
    size = len(asked) if rate is None else int(rate * SLICE_SECONDS)
    for start in range(0, len(asked), size):
        part = asked[start : start + size]

        def deliver(results: list[tuple[int, Result]], part: Sequence[str] = part) -> None:
            nonlocal pending
            pending -= len(results)
            answered.update(part[index] for index, result in results if result.outcome is Outcome.OK)
            if not pending:
                done.set()

        probe.ask_batch([Target(address) for address in part], deliver)
        await asyncio.sleep(SLICE_SECONDS if rate else 0)
    await done.wait()
    await probe.close()
    return answered


async def fping(asked: Sequence[str], rate: float | None) -> set[str]:
    spacing = "0" if rate is None else str(1000 / rate)
    command = ["fping", "-a", "-r", "0", "-t", str(int(TIMEOUT_SECONDS * 1000)), "-i", spacing]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate("\n".join(asked).encode())
    return set(output.decode().split())


def one_by_one(ping: Callable[[str], Awaitable[bool]], seats: int) -> Ask:
    """Asks by a task per ping, `seats` at a time."""

    async def ask(asked: Sequence[str], rate: float | None) -> set[str]:
        free = asyncio.Semaphore(seats)
        answered: set[str] = set()

        async def turn(address: str, delay: float) -> None:
            await asyncio.sleep(delay)
            async with free:
                if await ping(address):
                    answered.add(address)

        await asyncio.gather(*(turn(address, n / rate if rate else 0) for n, address in enumerate(asked)))
        return answered

    return ask


async def aioping_once(address: str) -> bool:
    with suppress(TimeoutError):
        await importlib.import_module("aioping").ping(address, timeout=TIMEOUT_SECONDS)
        return True
    return False


async def icmplib_once(address: str) -> bool:
    icmplib = importlib.import_module("icmplib")
    return bool((await icmplib.async_ping(address, count=1, timeout=TIMEOUT_SECONDS)).is_alive)


async def measure(name: str, ask: Ask, count: int, rate: float | None, silenced: bool) -> None:
    """Print one row of the table."""

    def cpu() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    asked, dead = addresses(count)
    dead = dead if silenced else set()
    began, used = time.monotonic(), cpu()
    answered = await ask(asked, rate)
    wall, used = time.monotonic() - began, cpu() - used
    down, up = len(set(asked) - dead - answered), len(dead & answered)
    how = "at once" if rate is None else f"{rate:.0f}/s"
    print(f"{name:18}{how:>8}{count:>8}{used / count * 1e6:>13.1f}{wall:>8.2f}{down:>12}{up:>10}", flush=True)


async def compare(count: int, paced: int) -> None:
    contenders: list[tuple[str, Ask, int]] = [("healthd", healthd, 1)]
    if shutil.which("fping"):
        contenders.append(("fping", fping, 1))
    else:
        print("fping: not installed, not measured")
    for name, ping, seats in (("icmplib", icmplib_once, 200), ("aioping", aioping_once, 50)):
        if importlib.util.find_spec(name):
            contenders.append((f"{name}, {seats} seats", one_by_one(ping, seats), 10))
        else:
            print(f"{name}: not installed, not measured")
    with silence() as silenced:
        if not silenced:
            print("no dead cameras: that needs root and nft")
        print(f"{'':18}{'':>8}{'pings':>8}{'CPU us/ping':>13}{'wall s':>8}{'false down':>12}{'false up':>10}")
        for rate, asked in ((None, count), (RATE, paced)):
            for name, ask, divisor in contenders:
                await measure(name, ask, asked // divisor, rate, silenced)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    asyncio.run(compare(*(numbers + [10_000, 3_000][len(numbers) :])))
