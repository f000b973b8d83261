"""The ICMP echo engine: one socket per address family, shared by all pings of the process.

Packets leave in small batches, so that their send times stay true; replies carry the kernel's receive time, so
they are read on a timer, and a loop that is late costs neither truth nor accuracy. `probes.icmp_lane` tells what
makes an answer one, and when there is none.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from probes.icmp_lane import DROP_REASONS, Batch, Deliver, Ending, Flight, Lane, Packet
from probes.icmp_socket import resolve

TICK_SECONDS = 0.02  # how often replies are read and packets sent, while any are in flight
BUFFER_BYTES = 8 << 20  # the usual 208 kB hold some 256 replies


class EchoEngine:
    """Pings any number of addresses at once, in the event loop it was made in.

    No task, timer or object of asyncio belongs to a single ping: one timer ticks while any are in flight.
    """

    def __init__(
        self, timeout_seconds: float, spacing_seconds: float = TICK_SECONDS, buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        """`timeout_seconds`: how long each packet's answer is waited for; `spacing_seconds`: between the packets
        to one address, rounded up to ticks; `buffer_bytes`: of each socket, as far as the kernel allows."""
        self._loop = asyncio.get_running_loop()
        self._settings = (timeout_seconds, spacing_seconds, buffer_bytes)
        self._dropped = dict.fromkeys(DROP_REASONS, 0)
        self._lanes: dict[socket.AddressFamily, Lane] = {}
        self._timer: asyncio.Handle | None = None
        self._closed = False

    @property
    def dropped(self) -> Mapping[str, int]:
        """Packets dropped so far, by DROP_REASONS."""
        return MappingProxyType(self._dropped)

    def ping(self, addresses: Sequence[str], packets: int, deliver: Deliver) -> None:
        """Send `packets` to each address; returns at once.

        `deliver` gets lists of (index into `addresses`, fate of each packet) as decided, every index once.
        """
        batch = Batch(deliver)
        failed: list[tuple[int, tuple[Packet, ...]]] = []
        closed_to: dict[socket.AddressFamily, Packet] = {}  # asked of the kernel once per call, not per address
        for index, address in enumerate(addresses):
            try:
                family, name = resolve(address)
            except OSError as error:
                failed.append((index, (Packet(Ending.LOCAL, detail=f"{address}: {error}"),) * packets))
                continue
            if family not in self._lanes and family not in closed_to:
                try:
                    self._lanes[family] = Lane(family, *self._settings, self._dropped)
                except OSError as error:
                    ending = Ending.FORBIDDEN if isinstance(error, PermissionError) else Ending.LOCAL
                    closed_to[family] = Packet(ending, detail=f"no ICMP socket: {error.strerror}")
            if family in closed_to:
                failed.append((index, (closed_to[family],) * packets))
            else:
                self._lanes[family].add(Flight(batch, index, name, [None] * packets))
        if failed:
            self._loop.call_soon(self._hand_over, batch, failed)
        if self._timer is None:
            self._timer = self._loop.call_soon(self._tick)

    def close(self) -> None:
        """Drop everything in flight; nothing is delivered any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for lane in self._lanes.values():
            lane.close()

    def _tick(self) -> None:
        self._timer = None
        decided: dict[Batch, list[tuple[int, tuple[Packet, ...]]]] = {}
        try:
            for lane in self._lanes.values():
                for flight in lane.turn() if lane.open_addresses else ():
                    fates = cast("list[Packet]", flight.fates)
                    decided.setdefault(flight.batch, []).append((flight.index, tuple(fates)))
        finally:  # whatever goes wrong with one packet, the others are to be heard
            self._go_on(decided)

    def _go_on(self, decided: Mapping[Batch, list[tuple[int, tuple[Packet, ...]]]]) -> None:
        """Hand over what is decided, and plan the next tick."""
        for batch, answers in decided.items():
            # In a callback of its own, so that what one receiver raises harms nobody else.
            self._loop.call_soon(self._hand_over, batch, answers)
        if any(lane.can_send for lane in self._lanes.values()):
            self._timer = self._loop.call_soon(self._tick)  # others of the loop have their turn first
        elif any(lane.open_addresses for lane in self._lanes.values()):
            self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def _hand_over(self, batch: Batch, answers: list[tuple[int, tuple[Packet, ...]]]) -> None:
        if not self._closed:
            batch.deliver(answers)
