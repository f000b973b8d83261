"""SNMP, by this probe and its peers in one run: `python -m tests.bench snmp`.

A real snmpd answers; each asking of five objects goes to another 127.x address, as each camera is another device.
Of snmp_exporter, which is asked over HTTP, the time of its own process is taken.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from probes.base import Credential, Memory, Outcome, Target
from tests.bench.table import Row, against, cpu_of, own_cpu
from tests.running import free_port
from tests.snmpd import V2C, V3, Snmpd, make, run_snmpd

SEATS = 20
ROUNDS = 5
ASKINGS = 1_000
MANY = 100_000
NUMBERS = [f"1.3.6.1.2.1.1.{last}.0" for last in (1, 2, 3, 5, 6)]

Ask = Callable[[str], Awaitable[bool]]


async def answered(ask: Ask, first: int, count: int) -> int:
    """How many of `count` addresses answered, `SEATS` asked at a time."""
    addresses = iter([f"127.{6 + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in range(first, first + count)])

    async def seat() -> int:
        return sum([await ask(address) for address in addresses])

    return sum(await asyncio.gather(*(seat() for _ in range(SEATS))))


def ours(snmpd: Snmpd, credential: Credential) -> Ask:
    probe = make(5.0)
    # Its MAC address is known, as from the second asking on: so these five objects are asked for, and no more.
    known = Memory(mac="00:00:5e:00:53:01")

    async def ask(address: str) -> bool:
        target = Target(address, snmp_port=snmpd.port, credential=credential, memory=known)
        return (await probe.ask(target)).outcome is Outcome.OK

    return ask


def pysnmp(snmpd: Snmpd, credential: Credential) -> Ask:
    """pysnmp as its documentation shows it: one engine, the high-level call."""
    from pysnmp.hlapi.v3arch import asyncio as hlapi  # type: ignore[import-untyped]  # pysnmp has no types

    engine = hlapi.SnmpEngine()
    who: Any = hlapi.CommunityData(credential.community, mpModel=1)
    if credential.snmp_version == "3":
        who = hlapi.UsmUserData(
            credential.snmp_user,
            authKey=credential.auth_password,
            privKey=credential.priv_password,
            authProtocol=hlapi.usmHMACSHAAuthProtocol,
            privProtocol=hlapi.usmAesCfb128Protocol,
        )
    asked = [hlapi.ObjectType(hlapi.ObjectIdentity(number)) for number in NUMBERS]

    async def ask(address: str) -> bool:
        where = await hlapi.UdpTransportTarget.create((address, snmpd.port), timeout=5)
        error, status, _, pairs = await hlapi.get_cmd(engine, who, where, hlapi.ContextData(), *asked)
        return not error and not int(status) and len(pairs) == len(NUMBERS)

    return ask


async def cost(what: str, who: str, ask: Ask, count: int) -> Row:
    """CPU of this process an asking, after a warm-up."""
    values, good = [], 0
    await answered(ask, 0, SEATS)
    for turn in range(ROUNDS):
        with own_cpu() as spent:
            good += await answered(ask, SEATS + turn * count, count)
        values.append(1e6 * spent.seconds / count)
    return Row(what, who, values, "µs", note=f"{good:,} of {ROUNDS * count:,} answered")


def _module(credential: Credential) -> str:
    metrics = "".join(
        f"\n  - {{name: m{n}, oid: {oid[:-2]}, type: DisplayString, help: m}}" for n, oid in enumerate(NUMBERS)
    )
    login = f"version: 2\n  auth: {{community: {credential.community}}}"
    if credential.snmp_version == "3":
        login = (
            f"version: 3\n  auth: {{username: {credential.snmp_user}, security_level: authPriv, "
            f"password: {credential.auth_password}, auth_protocol: SHA, "
            f"priv_password: {credential.priv_password}, priv_protocol: AES}}"
        )
    return f"  get: [{', '.join(NUMBERS)}]\n  metrics:{metrics}\n  {login}\n"


async def exporter(what: str, snmpd: Snmpd, credential: Credential) -> Row | None:
    """snmp_exporter, asked over HTTP for the same objects; None where it is not installed."""
    if shutil.which("prometheus-snmp-exporter") is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        config, where = Path(directory) / "snmp.yml", f"127.0.0.1:{free_port()}"
        config.write_text(f"m:\n{_module(credential)}", "utf-8")
        command = ["prometheus-snmp-exporter", f"--config.file={config}", f"--web.listen-address={where}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        try:
            async with aiohttp.ClientSession() as session:

                async def ask(address: str) -> bool:
                    url = f"http://{where}/snmp?module=m&target={address}:{snmpd.port}"
                    async with session.get(url) as answer:
                        return answer.status == 200 and "m4{" in await answer.text()

                await _up(ask)
                values, good = [], 0
                for turn in range(ROUNDS):
                    with cpu_of(process.pid) as spent:
                        good += await answered(ask, SEATS + turn * ASKINGS, ASKINGS)
                    values.append(1e6 * spent.seconds / ASKINGS)
        finally:
            process.terminate()
            process.wait()
    return Row(what, "snmp_exporter", values, "µs", note=f"{good:,} of {ROUNDS * ASKINGS:,} answered")


async def _up(ask: Ask) -> None:
    for _ in range(100):
        with suppress(aiohttp.ClientConnectionError):
            if await ask("127.6.0.1"):
                return
        await asyncio.sleep(0.05)


async def growth(snmpd: Snmpd) -> Row:
    """How much memory 100,000 targets leave behind, each asked once."""
    ask = ours(snmpd, V2C)
    await answered(ask, 0, MANY // 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    good = await answered(ask, MANY // 10, MANY)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    note = f"{good:,} of {MANY:,} answered"
    return Row(
        "SNMP v2c, 100,000 targets, growth of memory", "healthd", [grown], "MB", "≤ 10 MB", grown <= 10, note
    )


async def measured() -> list[Row]:
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as directory, run_snmpd(Path(directory)) as snmpd:
        for name, credential, most in (("v2c", V2C, 0.25), ("v3 SHA/AES", V3, 0.5)):
            what = f"SNMP {name}, 5 objects, CPU an asking"
            mine = await cost(what, "healthd", ours(snmpd, credential), ASKINGS)
            peer = await exporter(what, snmpd, credential)
            found.append(against(mine, peer, most, f"≤ {most:g} × snmp_exporter") if peer else mine)
            found += [peer] if peer else []
            found.append(await cost(what, "pysnmp, high-level", pysnmp(snmpd, credential), 50))
        found.append(await growth(snmpd))
    return found


def rows() -> Iterator[Row]:
    """The table's rows."""
    yield from asyncio.run(measured())
