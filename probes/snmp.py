"""Asks a camera's SNMP agent (v2c or v3) for its system group, its uptime and what else the configuration names.

gufo_snmp speaks the protocol. Each asking has its own socket, closed when it ends: nothing is kept of a camera.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated

from gufo.snmp import ValueType
from pydantic import BeforeValidator, Field

from probes.base import CheckOptions, Credential, Duration, Outcome, ProbeKind, Reason, Resources, Result, Target
from probes.mib import Oid, resolve
from probes.snmp_exchange import EXPECTED, REFUSED, Logins, failure, plain, rebooted, silence, text
from probes.snmp_session import Session, missing
from probes.tables import normal_mac

_UPTIME = "1.3.6.1.2.1.1.3.0"  # sysUpTime of RFC 3418, hundredths of a second
_MAC = "1.3.6.1.2.1.2.2.1.6"  # ifPhysAddress of RFC 2863
_INTERFACES = 4  # a camera has a loopback and one or two more
_TEXTS = {
    "descr": "1.3.6.1.2.1.1.1.0",
    "object_id": "1.3.6.1.2.1.1.2.0",
    "name": "1.3.6.1.2.1.1.5.0",
    "location": "1.3.6.1.2.1.1.6.0",
}


def _resolved(names: object) -> tuple[Oid, ...]:
    if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
        return resolve(names)
    raise ValueError("write a list of texts, such as [SNMPv2-MIB::sysContact.0, 1.3.6.1.2.1.25.1.1.0]")


class SnmpOptions(CheckOptions):
    """`checks: snmp:`. `oids`: further objects, by number or symbolic name, resolved when the options are made."""

    interval: Duration = 300.0
    timeout: Duration = 2.0
    port: Annotated[int, Field(ge=1, le=65535)] = 161
    oids: Annotated[tuple[Oid, ...], BeforeValidator(_resolved), Field(max_length=32)] = ()


class SnmpProbe:
    """Values: `descr`, `object_id`, `name`, `location` (texts), `uptime_seconds`, `rebooted` (True when the uptime
    went back since `Memory.booted_at`), `mac` (where it was not known and the agent has one only) and `oids`
    (configured name -> text or number). What the agent does not have is absent. Learns `booted_at` and `mac`.

    The uptime is the agent's; in cameras it starts with the camera.
    """

    def __init__(self, options: SnmpOptions, resources: Resources) -> None:
        self._timeout = options.timeout
        self._extra = options.oids
        self._macs = [f"{_MAC}.{number}" for number in range(1, _INTERFACES + 1)]
        self._asked = [*_TEXTS.values(), _UPTIME, *(oid.number for oid in options.oids)]
        self._clock = resources.clock
        self._logins = Logins()

    async def ask(self, target: Target) -> Result:
        credential = target.credential or Credential()
        lacking = missing(credential)
        if lacking:
            return Result.fail(Reason.AUTH, lacking)
        try:
            session = self._logins.session(target, credential)
        except OSError as error:
            return failure(error, credential)
        with closing(session):
            return await self._exchange(session, target, credential)

    async def close(self) -> None:
        """Nothing is open of any camera between askings."""
        self._logins.close()

    async def _exchange(self, session: Session, target: Target, credential: Credential) -> Result:
        """The datagrams to and fro; whatever goes wrong with them is a reason."""
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                await session.refresh()
                more = () if target.memory.mac else self._macs  # in the same datagram
                answer = await session.get_many([*self._asked, *more])
        except TimeoutError:
            silent = deadline.expired()
            return silence(session, credential, self._timeout) if silent else failure(REFUSED, credential)
        except EXPECTED as error:
            return failure(error, credential)
        return self._read(answer, target, credential)

    def _read(self, answer: Mapping[str, ValueType], target: Target, credential: Credential) -> Result:
        if not answer:
            return Result.fail(
                Reason.PROTOCOL,
                f"the agent has none of the objects asked for: check the view it gives to credential"
                f" {credential.name!r}",
            )
        values: dict[str, object] = {key: text(answer[oid]) for key, oid in _TEXTS.items() if oid in answer}
        values["oids"] = {oid.name: plain(answer[oid.number]) for oid in self._extra if oid.number in answer}
        learnt: dict[str, object] = {}
        ticks = answer.get(_UPTIME)
        if type(ticks) is int and 0 <= ticks < 2**32:
            now = self._clock()
            values["uptime_seconds"] = ticks / 100
            values["rebooted"] = rebooted(ticks / 100, now, target.memory.booted_at)
            learnt["booted_at"] = now - ticks / 100
        if not target.memory.mac:
            macs = {mac for oid in self._macs if (mac := _hardware(answer.get(oid)))}
            if len(macs) == 1:  # of several nobody knows which one is at the address
                values["mac"] = learnt["mac"] = macs.pop()
        had = sum(map(answer.__contains__, self._asked))
        step = (
            f"asked by SNMP v{credential.snmp_version or '2c'} at port {target.snmp_port}: the agent has {had} of"
            f" {len(self._asked)} objects"
        )
        return Result(Outcome.OK, Reason.OK, values=values, learnt=learnt, steps=(step,))


def _hardware(value: object) -> str:
    """An ifPhysAddress as text; "" for none: loopbacks and tunnels have an empty one, or zeros."""
    mac = normal_mac(value) if isinstance(value, bytes) else None
    return mac if mac is not None and mac.strip("0:") else ""


KIND = ProbeKind("snmp", SnmpOptions, SnmpProbe)
