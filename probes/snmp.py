"""Asks a camera's SNMP agent (v2c or v3) for its system group, its uptime and what else the configuration names.

gufo_snmp speaks the protocol. Each asking has its own socket, closed when it ends: nothing is kept of a camera.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated

from gufo.snmp import SnmpAuthError, SnmpEncodeError, SnmpError, User, ValueType
from pydantic import BeforeValidator, Field

from probes.base import CheckOptions, Credential, Duration, Outcome, ProbeKind, Reason, Resources, Result, Target
from probes.ber import NotBerError
from probes.mib import Oid, resolve
from probes.snmp_session import Session, TooLargeError, make_user, missing

_UPTIME = "1.3.6.1.2.1.1.3.0"  # sysUpTime of RFC 3418, hundredths of a second
_TEXTS = {
    "descr": "1.3.6.1.2.1.1.1.0",
    "object_id": "1.3.6.1.2.1.1.2.0",
    "name": "1.3.6.1.2.1.1.5.0",
    "location": "1.3.6.1.2.1.1.6.0",
}
_WRAP_SECONDS = 2**32 / 100  # TimeTicks start again at 0 after 497 days
_BOOT_TOLERANCE_SECONDS = 60.0  # our clock being set, slow answers
_DRIFT_RATIO = 1e-4  # how far cheap quartz is off: 100 ppm
_MAX_TEXT = 255  # characters; DisplayString of RFC 2579 has no more
_MAX_USERS = 1024
_UNREACHABLE = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EINVAL}  # EINVAL: a blackhole route
)
_REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "connection refused")  # gufo_snmp: a TimeoutError
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


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
    went back since `Memory.booted_at`) and `oids` (configured name -> text or number). What the agent does not
    have is absent. Learns `booted_at`.

    The uptime is the agent's; in cameras it starts with the camera.
    """

    def __init__(self, options: SnmpOptions, resources: Resources) -> None:
        self._timeout = options.timeout
        self._extra = options.oids
        self._asked = [*_TEXTS.values(), _UPTIME, *(oid.number for oid in options.oids)]
        self._clock = resources.clock
        # Password to key is 1 MB of hashing (2 ms). Few credentials serve a whole city.
        self._users: dict[Credential, User] = {}

    async def ask(self, target: Target) -> Result:
        credential = target.credential or Credential()
        lacking = missing(credential)
        if lacking:
            return Result.fail(Reason.AUTH, lacking)
        try:
            session = self._session(target, credential)
        except OSError as error:
            return _os_failure(error)
        with closing(session):
            return await self._exchange(session, target, credential)

    async def close(self) -> None:
        """Nothing is kept open between askings."""

    def _session(self, target: Target, credential: Credential) -> Session:
        if credential.snmp_version == "3":
            return Session(target.address, port=target.snmp_port, user=self._user(credential))
        return Session(target.address, port=target.snmp_port, community=credential.community or "")

    def _user(self, credential: Credential) -> User:
        user = self._users.get(credential)
        if user is None:
            if len(self._users) >= _MAX_USERS:
                self._users.clear()
            user = self._users[credential] = make_user(credential)
        return user

    async def _exchange(self, session: Session, target: Target, credential: Credential) -> Result:
        """The datagrams to and fro; whatever goes wrong with them is a reason."""
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                await session.refresh()
                answer = await session.get_many(self._asked)
        except TimeoutError:
            return self._silence(session, credential) if deadline.expired() else failure(_REFUSED, credential)
        except (SnmpError, NotBerError, TooLargeError, RuntimeError, OSError) as error:
            return failure(error, credential)
        except BaseException as error:
            # A panic in gufo_snmp's Rust decoder (0.13: an encrypted part that decrypts to nonsense) comes as a
            # BaseException of a class that cannot be imported. It must not stop the daemon.
            if type(error).__name__ != "PanicException":
                raise
            return Result.fail(Reason.PROTOCOL, "not a valid SNMP answer: its decoder gave up")
        return self._read(answer, target, credential)

    def _silence(self, session: Session, credential: Credential) -> Result:
        took = f"no answer within {self._timeout:g} s"
        if credential.snmp_version != "3":
            return Result.fail(
                Reason.TIMEOUT, f"{took}: no SNMP agent, or another community (an agent is silent to a wrong one)"
            )
        if not session.get_engine_id():
            return Result.fail(Reason.TIMEOUT, f"{took} to engine discovery: no SNMPv3 agent")
        # An agent that cannot decrypt a request drops it.
        return Result.fail(
            Reason.AUTH,
            f"{took} to the request itself, though the agent answered discovery: check priv_password and"
            f" priv_protocol of credential {credential.name!r} (or packets were lost)",
        )

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
        had = sum(oid in answer for oid in self._asked)
        step = (
            f"asked by SNMP v{credential.snmp_version or '2c'} at port {target.snmp_port}: the agent has {had} of"
            f" {len(self._asked)} objects"
        )
        return Result(Outcome.OK, Reason.OK, values=values, learnt=learnt, steps=(step,))


def failure(error: Exception, credential: Credential) -> Result:
    """What an error of the exchange means; its text is quoted only where the device has no part in it."""
    if isinstance(error, SnmpAuthError) and credential.snmp_version == "3":
        return Result.fail(
            Reason.AUTH,
            f"the agent refused credential {credential.name!r}: check snmp_user, auth_password and auth_protocol,"
            " and whether the agent wants priv_protocol for this user",
        )
    if isinstance(error, SnmpEncodeError):
        return Result.unknown(Reason.LOCAL, "the request is too long: ask for fewer oids")
    if isinstance(error, TooLargeError):
        return Result.fail(Reason.TOO_LARGE, str(error))
    if isinstance(error, OSError):
        return _os_failure(error)
    # gufo_snmp quotes the device's bytes after a colon. RuntimeError: a value that it could not convert.
    return Result.fail(Reason.PROTOCOL, f"not a valid SNMP answer: {text(str(error).split(':')[0])[:80]}")


def _os_failure(error: OSError) -> Result:
    """gufo_snmp gives the error number in the text only."""
    match = _OS_ERROR.search(str(error))
    number = error.errno or (int(match[1]) if match else 0)
    if number == errno.ECONNREFUSED:
        return Result.fail(Reason.REFUSED, "nothing listens at the SNMP port")
    if number in _UNREACHABLE:
        return Result.fail(Reason.UNREACHABLE, os.strerror(number))
    return Result.unknown(Reason.LOCAL, f"no socket to ask with: {error}")


def rebooted(uptime_seconds: float, now: float, booted_before: float | None) -> bool:
    """Whether the device booted again since it was seen to have booted at `booted_before` (seconds, as `now`).

    A reboot moves the boot time forward. So do, by little, a clock that is set or quartz that drifts, which grows
    with age; and, by 497 days at once, TimeTicks that begin again at 0.
    """
    if booted_before is None:
        return False
    moved = now - uptime_seconds - booted_before
    tolerance = _BOOT_TOLERANCE_SECONDS + _DRIFT_RATIO * max(0.0, now - booted_before)
    wraps = round(moved / _WRAP_SECONDS)
    return moved > tolerance and not (wraps > 0 and abs(moved - wraps * _WRAP_SECONDS) <= tolerance)


def text(value: ValueType) -> str:
    """A device's text made safe to show: one line, no control or direction characters, at most 255 characters."""
    raw = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    line = " ".join(raw.split())  # every kind of white space, line ends too
    return "".join(char for char in line if char.isprintable())[:_MAX_TEXT]


def plain(value: ValueType) -> str | int | float:
    """A finite number as it is, anything else as `text`."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    return text(value)


KIND = ProbeKind("snmp", SnmpOptions, SnmpProbe)
