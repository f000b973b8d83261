"""What asking by SNMP shares, whatever is asked: sessions by credential, what an error or silence means, reboots,
and device texts made safe to show."""

from __future__ import annotations

import errno
import math
import os
import re

from gufo.snmp import SnmpAuthError, SnmpEncodeError, SnmpError, User, ValueType

from probes.base import Credential, Reason, Result, Target
from probes.ber import NotBerError
from probes.readiness import Readiness
from probes.snmp_session import Session, TooLargeError, make_user

EXPECTED = (SnmpError, NotBerError, TooLargeError, RuntimeError, OSError)
"""What an exchange of datagrams may raise by the device's or the network's doing; `failure` knows them."""
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "connection refused")  # gufo_snmp: a TimeoutError

_WRAP_SECONDS = 2**32 / 100  # TimeTicks start again at 0 after 497 days
_BOOT_TOLERANCE_SECONDS = 60.0  # our clock being set, slow answers
_DRIFT_RATIO = 1e-4  # how far cheap quartz is off: 100 ppm
_MAX_TEXT = 255  # characters; DisplayString of RFC 2579 has no more
_MAX_USERS = 1024
_UNREACHABLE = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EINVAL}  # EINVAL: a blackhole route
)
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


class Logins:
    """Makes sessions, and keeps the SNMPv3 users: password to key is 1 MB of hashing (2 ms), and few credentials
    serve a whole city."""

    def __init__(self) -> None:
        self._users: dict[Credential, User] = {}
        self._readiness = Readiness()

    def close(self) -> None:
        """For when none of the sessions is open."""
        self._readiness.close()

    def session(self, target: Target, credential: Credential) -> Session:
        """A session with a socket of its own: close it. Raises OSError."""
        if credential.snmp_version == "3":
            return Session(self._readiness, target.address, target.snmp_port, user=self._user(credential))
        return Session(self._readiness, target.address, target.snmp_port, credential.community or "")

    def _user(self, credential: Credential) -> User:
        user = self._users.get(credential)
        if user is None:
            if len(self._users) >= _MAX_USERS:
                self._users.clear()
            user = self._users[credential] = make_user(credential)
        return user


def silence(session: Session, credential: Credential, waited_seconds: float) -> Result:
    """What it means that no answer came."""
    took = f"no answer within {waited_seconds:g} s"
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
    if not line.isprintable():
        line = "".join(char for char in line if char.isprintable())
    return line[:_MAX_TEXT]


def plain(value: ValueType) -> str | int | float:
    """A finite number as it is, anything else as `text`."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    return text(value)
