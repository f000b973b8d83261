"""CPU of one SNMP asking, by this probe and by pysnmp in one run: `python -m tests.bench.bench_snmp`.

A real snmpd answers, each asking goes to another 127.x address, as each camera is another device. The time is
this process's own (user + system).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from probes.base import Credential, Outcome
from tests.snmpd import V2C, V3, Snmpd, at, make, run_snmpd

SEATS = 20
NUMBERS = [f"1.3.6.1.2.1.1.{last}.0" for last in (1, 2, 3, 5, 6)]


async def measure(name: str, count: int, ask: Callable[[str], Awaitable[bool]]) -> None:
    """Prints microseconds of CPU per asking over `count` addresses, after a warm-up."""

    async def seat(addresses: Iterator[str]) -> int:
        return sum([await ask(address) for address in addresses])

    for first, amount in ((0, SEATS), (SEATS, count)):
        addresses = iter([f"127.6.{n >> 8}.{n & 255}" for n in range(first, first + amount)])
        wall, cpu = time.perf_counter(), time.process_time()
        answered = sum(await asyncio.gather(*(seat(addresses) for _ in range(SEATS))))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name:32}{cpu / count * 1e6:>14.0f}{count / wall:>14.0f}{answered:>8}/{count}")


def ours(snmpd: Snmpd, credential: Credential) -> Callable[[str], Awaitable[bool]]:
    probe = make(5.0)

    async def ask(address: str) -> bool:
        return (await probe.ask(at(snmpd.port, credential, address))).outcome is Outcome.OK

    return ask


def pysnmp(snmpd: Snmpd, credential: Credential) -> Callable[[str], Awaitable[bool]]:
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


async def main() -> None:
    print(f"{'engine':32}{'CPU us/asking':>14}{'askings/s':>14}{'answered':>10}")
    with tempfile.TemporaryDirectory() as directory, run_snmpd(Path(directory)) as snmpd:
        for name, engine, count in (("probes.snmp", ours, 2000), ("pysnmp high-level", pysnmp, 100)):
            await measure(f"{name}, v2c", count, engine(snmpd, V2C))
            await measure(f"{name}, v3 SHA/AES", count, engine(snmpd, V3))


if __name__ == "__main__":
    asyncio.run(main())
