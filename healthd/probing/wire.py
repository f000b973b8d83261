"""What goes between the core process and a probing process, over the pipes that join them.

Each message is a pickle with its length before it: both ends are the same program, and nobody else has the pipes.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from healthd.config import Config
from healthd.model import Asked, Inventory
from probes.base import Memory

if TYPE_CHECKING:  # a daemon without the frame check loads no picture code
    from probes.picture.context import Context

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Fleet:
    """To the probing process: ask these from now on, of whom so much is known. Comes first, and at reloads."""

    config: Config
    inventory: Inventory
    memories: Mapping[str, Memory]
    log_level: int


@dataclass(frozen=True, slots=True)
class Orders:
    """To the probing process: (`ask_again` | `hold` | `release` | `look`, its arguments), in order."""

    orders: Sequence[tuple[str, tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Known:
    """To the probing process: what the frame that it asked about under `number` is judged with."""

    number: int
    context: Context


@dataclass(frozen=True, slots=True)
class Told:
    """From the probing process, every second at least: what it asked since the last time and how it goes.

    `lags`: (check, seconds of each); `skipped`: check -> turns; `dropped`: ICMP packets by reason since its start.
    """

    answers: Sequence[Asked]
    lags: Sequence[tuple[str, Sequence[float]]]
    skipped: Mapping[str, int]
    scheduled: Mapping[str, int]
    dropped: Mapping[str, int]
    overloaded: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """From the probing process: a frame of this camera is to be judged; with what?"""

    number: int
    camera: str


def send(writer: asyncio.StreamWriter, message: object) -> None:
    """Put one message into the pipe; it goes out as the other side reads."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    writer.write(_LENGTH.pack(len(data)))
    writer.write(data)


async def receive(reader: asyncio.StreamReader) -> object | None:
    """The next message; None where the other side has ended."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        message: object = pickle.loads(await reader.readexactly(length))  # noqa: S301 (our own process wrote it)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return message
