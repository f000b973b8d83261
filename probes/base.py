"""What every probe shares: the question (`Target`), the answer (`Result`) and the `Probe` protocol.

A probe asks one device one question. It owns no retry, schedule, deadline, storage or memory of the camera:
what one asking needs of the last comes in with `Target.memory` and goes out in `Result.learnt`.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:  # a daemon without the frame check loads no picture code
    from probes.picture.context import Context

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 365 * 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|y)")


def parse_duration(text: object) -> float:
    """Seconds of a duration such as `10s`, `5m`, `1h`, `1d`; raises ValueError with the remedy."""
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a number and a unit, such as 10s, 5m, 1h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def _duration_or_seconds(value: object) -> object:
    # A float comes from code (defaults, tests), never from YAML: there a bare number has no unit.
    return value if isinstance(value, float) else parse_duration(value)


Duration = Annotated[float, BeforeValidator(_duration_or_seconds), Field(gt=0)]


class Outcome(enum.StrEnum):
    """Three outcomes, never a bool: `unknown` is our own failure and says nothing about the camera."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Reason(enum.StrEnum):
    """Why an asking ended so; a closed set, used as a metric label."""

    OK = "ok"
    TIMEOUT = "timeout"  # no answer within the time
    UNREACHABLE = "unreachable"  # the network said so: no route, host unreachable, host down
    REFUSED = "refused"  # connection refused, or HTTP 403/404/5xx: it answers but gives nothing
    RESET = "reset"  # connection closed or reset before the answer was whole
    AUTH = "auth"  # credentials refused, or held back after refusals
    PROTOCOL = "protocol"  # the answer makes no sense
    TOO_LARGE = "too_large"  # the answer passes the size cap
    TLS = "tls"
    NO_URI = "no_uri"  # nothing says where the snapshot is
    REDIRECT = "redirect"  # sent to another host; not followed
    LOCAL = "local"  # our side: no permission, no network, no file descriptor, a bug
    OVERLOAD = "overload"  # our side: asked or read too late to be fair


@dataclass(frozen=True, slots=True)
class Credential:
    """One entry of `credentials:` with its secrets resolved; they never show in a repr."""

    name: str = ""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    snmp_version: str | None = None  # "2c" | "3"
    community: str | None = field(default=None, repr=False)
    snmp_user: str | None = None
    auth_protocol: str | None = None  # "md5" | "sha" | "sha224" ... as gufo_snmp offers
    auth_password: str | None = field(default=None, repr=False)
    priv_protocol: str | None = None  # "des" | "aes"
    priv_password: str | None = field(default=None, repr=False)

    def fingerprint(self, address: str) -> str:
        """A short digest of the login for one address: tells that either changed, without showing it."""
        text = "\0".join([address, self.username or "", self.password or ""])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier askings of one camera learnt and later ones use; all of it may be forgotten at any time."""

    snapshot_uri: str | None = None  # from ONVIF, host already rewritten to the inventory's address
    snapshot_is_small: bool = False  # snapshot_uri is of a smaller profile than the main one
    media_uri: str | None = None  # ONVIF media service, host already rewritten
    clock_offset_seconds: float | None = None  # camera clock − ours
    refusals: int = 0  # refused logins in a row, over ONVIF and HTTP together
    refused_login: str = ""  # Credential.fingerprint that was refused
    booted_at: float | None = None  # seconds since the epoch, from SNMP uptime
    mac: str | None = None  # of the interface with its address; "": it does not tell
    mac_serial: str = ""  # the serial number of the device that told or refused it
    clock_read_at: int = 0  # seconds since the epoch: when the camera's clock was read last
    width: int = 0  # pixels of the main profile, from ONVIF
    height: int = 0
    size_read_at: int = 0  # seconds since the epoch
    osd_name: str = ""  # the text on the picture that is not the time
    osd_time: bool = False  # whether the picture shows the time
    osd_read_at: int = 0  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Target:
    """One device to ask. `address` is an IPv4 or IPv6 literal, never a name."""

    address: str
    reach_port: int | None = None  # None: ICMP; else a TCP connect to this port
    onvif_port: int = 80
    snmp_port: int = 161
    snapshot_url: str | None = None
    channel: int = 1  # 1-based video source of an NVR or multi-lens device
    resolution: tuple[int, int] | None = None  # (width, height) that the inventory promises
    credential: Credential | None = None
    memory: Memory = Memory()
    # What its frame is judged with, looked up in the worker that judges; `expect` is the frame probe's to fill in.
    picture: Callable[[], Context] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a probe answers.

    `values` holds what was read (each probe's docstring names its keys); `learnt` the changed fields of
    `Memory`; `steps` one sentence per step for `healthd probe`. None of them ever contains a secret.
    """

    outcome: Outcome
    reason: Reason
    detail: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    learnt: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()

    @classmethod
    def ok(cls, **values: Any) -> Result:
        return cls(Outcome.OK, Reason.OK, values=values)

    @classmethod
    def fail(cls, reason: Reason, detail: str = "", **values: Any) -> Result:
        return cls(Outcome.FAIL, reason, detail, values)

    @classmethod
    def unknown(cls, reason: Reason, detail: str = "") -> Result:
        return cls(Outcome.UNKNOWN, reason, detail)


class CheckOptions(BaseModel):
    """The keys that every check under `checks:` has. Frozen; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval: Duration
    timeout: Duration


@dataclass(frozen=True, slots=True)
class Resources:
    """What the daemon lends to probes: an executor for decoding, and the wall clock (seconds, UTC)."""

    executor: Executor
    clock: Callable[[], float]


@runtime_checkable
class Probe(Protocol):
    """One protocol. Built once per check inside the running event loop; `ask` never raises for what a device
    or the network does (those are results); whatever it raises is a bug that the caller logs.
    The caller owns the deadline: `ask` may be cancelled at any await, and must then leak nothing. What it did
    until then it may add to the CancelledError as notes, a sentence each."""

    async def ask(self, target: Target) -> Result: ...

    async def close(self) -> None: ...


@runtime_checkable
class BatchProbe(Probe, Protocol):
    """A probe that takes many targets at once without a task for each.

    `ask_batch` returns at once; `deliver` is called on the event loop with lists of (index into `targets`,
    result) as they are decided, every index exactly once, at the latest shortly after the check's timeout.
    """

    def ask_batch(
        self, targets: Sequence[Target], deliver: Callable[[list[tuple[int, Result]]], None]
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ProbeKind:
    """One entry of `PROBES`: a check's name, its options and how to build its probe."""

    name: str
    options: type[CheckOptions]
    build: Callable[[Any, Resources], Probe]
