"""Other programs that ping, each asked for a list of addresses at a pace."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.bench.table import Spent, cpu_of, own_cpu
from tests.running import free_port

TIMEOUT_SECONDS = 1.0


@dataclass
class Heard:
    """What came of pinging: address -> round trip in seconds (0.0 where the program does not tell it)."""

    rtts: dict[str, float] = field(default_factory=dict)


Ask = Callable[[Sequence[str], float], Awaitable[Heard]]
"""(addresses, rate per second)"""


@dataclass(frozen=True, slots=True)
class Peer:
    """`share`: it gets one of so many of the addresses; one that cannot keep the pace would measure only that."""

    name: str
    ask: Ask
    share: int
    note: str = ""

    async def measured(self, asked: Sequence[str], rate: float) -> tuple[float, Heard]:
        """CPU seconds a ping, and what was heard."""
        with own_cpu() as spent:
            heard = await self.ask(asked, rate)
        return spent.seconds / len(asked), heard


_ELAPSED = re.compile(r"^(\S+) is alive \((\S+) ms\)", re.MULTILINE)


async def fping(asked: Sequence[str], rate: float) -> Heard:
    command = ["fping", "-e", "-r", "0", "-t", str(int(TIMEOUT_SECONDS * 1000)), "-i", str(1000 / rate)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    output, _ = await process.communicate("\n".join(asked).encode())
    return Heard({address: float(elapsed) / 1000 for address, elapsed in _ELAPSED.findall(output.decode())})


def by_tasks(ping: Callable[[str], Awaitable[float | None]], seats: int) -> Ask:
    """Asks by a task a ping, at most `seats` of them at a time."""

    async def ask(asked: Sequence[str], rate: float) -> Heard:
        free, heard = asyncio.Semaphore(seats), Heard()

        async def turn(address: str, delay: float) -> None:
            await asyncio.sleep(delay)
            async with free:
                rtt = await ping(address)
                if rtt is not None:
                    heard.rtts[address] = rtt

        await asyncio.gather(*(turn(address, number / rate) for number, address in enumerate(asked)))
        return heard

    return ask


async def _aioping(address: str) -> float | None:
    with suppress(TimeoutError):
        return float(await importlib.import_module("aioping").ping(address, timeout=TIMEOUT_SECONDS))
    return None


async def _icmplib(address: str) -> float | None:
    icmplib = importlib.import_module("icmplib")
    host = await icmplib.async_ping(address, count=1, timeout=TIMEOUT_SECONDS)
    return float(host.avg_rtt) / 1000 if host.is_alive else None


async def _gufo(asked: Sequence[str], rate: float) -> Heard:
    ping = importlib.import_module("gufo.ping").Ping(timeout=TIMEOUT_SECONDS)
    return await by_tasks(ping.ping, 10_000)(asked, rate)


def found() -> list[Peer]:
    """Those that are installed."""
    peers = [Peer("fping", fping, 1)] if shutil.which("fping") else []
    for module, peer in (
        ("gufo.ping", Peer("gufo_ping", _gufo, 1)),
        ("icmplib", Peer("icmplib", by_tasks(_icmplib, 200), 10, "200 at a time")),
        ("aioping", Peer("aioping", by_tasks(_aioping, 50), 10, "50 at a time")),
    ):
        with suppress(ModuleNotFoundError):
            if importlib.util.find_spec(module):
                peers.append(peer)
    return peers


_BLACKBOX = "modules: {icmp: {prober: icmp, timeout: 1s, icmp: {preferred_ip_protocol: ip4}}}\n"


async def blackbox(asked: Sequence[str], rate: float) -> tuple[float, Heard] | None:
    """CPU seconds a ping of blackbox_exporter, and what it heard; None where it is not installed."""
    if shutil.which("prometheus-blackbox-exporter") is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        config, where = Path(directory) / "blackbox.yml", f"127.0.0.1:{free_port()}"
        config.write_text(_BLACKBOX, "utf-8")
        command = ["prometheus-blackbox-exporter", f"--config.file={config}", f"--web.listen-address={where}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        try:
            return await _scrape(where, process.pid, asked, rate)
        finally:
            process.terminate()
            process.wait()


async def _scrape(where: str, pid: int, asked: Sequence[str], rate: float) -> tuple[float, Heard]:
    async with aiohttp.ClientSession() as session:

        async def probe(address: str) -> float | None:
            async with session.get(f"http://{where}/probe?module=icmp&target={address}") as answer:
                text = await answer.text()
            return 0.0 if "\nprobe_success 1" in text else None

        for _ in range(100):
            try:
                await probe("127.0.0.1")
                break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
        spent: Spent
        with cpu_of(pid) as spent:
            heard = await by_tasks(probe, 200)(asked, rate)
    return spent.seconds / len(asked), heard
