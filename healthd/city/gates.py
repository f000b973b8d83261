"""How simulated cameras fall silent: nftables drops what is sent to them, or their TCP listener is closed.

The nftables table carries the number of the city's first block: a table whose block nobody holds is the leftover
of a killed city, and the next one takes it away.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from healthd.city.ground import CityError, claim, open_tcp, raise_file_limit
from healthd.city.listener import Factory, Listener

TCP_LIMIT = 2000
_TABLE = "healthd_city_"
_FILES = 8192  # open connections at most, where the system allows as many


class Gate(Protocol):
    """Lets the city's addresses be asked over TCP on `port`, silences them and lets them speak again.

    `reach_port`: what the cameras are reached at by TCP; None: they are reached by ICMP.
    """

    port: int
    reach_port: int | None

    def open(self, addresses: Iterable[str], factory: Factory) -> None:
        """Starts to listen; raises CityError where that cannot be."""

    async def switch(self, silenced: Sequence[str], restored: Sequence[str]) -> float:
        """Returns the moment from which it was in force, in seconds since the epoch."""

    def shut(self) -> None:
        """Takes no further connection."""

    async def close(self) -> None:
        """Leaves nothing behind."""


def sweep() -> None:
    """Takes away the tables of killed cities: they would silence whoever stands on their ground now."""
    nft = _find_nft()
    if nft is None:
        return
    done = subprocess.run([nft, "list", "tables", "ip"], text=True, capture_output=True, check=False)  # noqa: S603 (fixed program and arguments)
    for number in re.findall(rf"table ip {_TABLE}(\d+)$", done.stdout, re.MULTILINE):
        lock = claim(int(number))
        if lock is not None:
            _run(nft, f"delete table ip {_TABLE}{number}\n")
            lock.close()


def _find_nft() -> str | None:
    return shutil.which("nft", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def _run(nft: str, script: str) -> str:
    """Empty when done, else what nft said."""
    done = subprocess.run([nft, "-f", "-"], input=script, text=True, capture_output=True, check=False)  # noqa: S603 (fixed program; the script holds our own addresses)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit {done.returncode}"


class NftGate:
    """Silences addresses by dropping what arrives for them, and what they still had to say, on `lo`."""

    reach_port: int | None = None

    def __init__(self, nft: str, table: str) -> None:
        self._nft, self._table = nft, table
        self._web = open_tcp()
        self._listener: Listener | None = None
        self.port: int = self._web.getsockname()[1]

    @classmethod
    def build(cls, block: int) -> NftGate | None:
        """A gate for the city whose first block is `block`; None where nftables may not be changed."""
        nft = _find_nft()
        if nft is None:
            return None
        gate = cls(nft, f"{_TABLE}{block}")
        table = f"ip {gate._table}"
        if _run(
            nft,
            f"add table {table}\ndelete table {table}\nadd table {table}\n"
            f"add set {table} silent {{ type ipv4_addr; }}\n"
            f"add chain {table} input {{ type filter hook input priority -300; policy accept; }}\n"
            f'add rule {table} input iifname "lo" ip daddr @silent drop\n'
            f'add rule {table} input iifname "lo" ip saddr @silent drop\n',
        ):
            gate._web.close()
            return None
        return gate

    def open(self, addresses: Iterable[str], factory: Factory) -> None:
        """One listener for all; who is no address of the city is hung up on by the answerer."""
        raise_file_limit(_FILES)
        self._listener = Listener(self._web, factory)

    async def switch(self, silenced: Sequence[str], restored: Sequence[str]) -> float:
        """Changes all of them in one transaction."""
        lines = [
            f"{verb} element ip {self._table} silent {{ {', '.join(addresses)} }}\n"
            for verb, addresses in (("add", silenced), ("delete", restored))
            if addresses
        ]
        if not lines:
            return time.time()
        # Off the loop: a program start takes milliseconds, and thousands of elements more.
        error, at = await asyncio.to_thread(self._run_timed, "".join(lines))
        if error:
            raise CityError(f"nft refused to change the table {self._table}: {error}")
        return at

    def shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._web.close()

    async def close(self) -> None:
        self.shut()
        _run(self._nft, f"delete table ip {self._table}\n")

    def _run_timed(self, script: str) -> tuple[str, float]:
        # The clock is read here and not on the loop, which may be late.
        return _run(self._nft, script), time.time()


class TcpGate:
    """Silences addresses by closing their listener: one TCP listener each, so for small cities only."""

    def __init__(self) -> None:
        self._factory: Factory
        self._listeners: dict[str, Listener | None] = {}  # None: silenced
        # Bound and never listening: holds the port, so that a listener may come back to it at any time.
        self._reserve = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._reserve.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserve.bind(("0.0.0.0", 0))
        self.port: int = self._reserve.getsockname()[1]
        self.reach_port: int | None = self.port

    def open(self, addresses: Iterable[str], factory: Factory) -> None:
        """Starts to listen on every address; raises CityError where there are too many."""
        self._factory = factory
        wanted = [*addresses]
        if len(wanted) > TCP_LIMIT:
            raise CityError(
                f"{len(wanted)} camera addresses are too many without nftables, where each needs a listener "
                f"(at most {TCP_LIMIT}): run as root with nftables installed, or take fewer cameras"
            )
        raise_file_limit(len(wanted) * 2 + 500)
        for address in wanted:
            self._listeners[address] = Listener(self._bind(address), factory)

    async def switch(self, silenced: Sequence[str], restored: Sequence[str]) -> float:
        """What has no listener (a switch) is silent by the answerers' own table."""
        for address in silenced:
            listener = self._listeners.get(address)
            if listener is not None:
                listener.close()
                self._listeners[address] = None
        # The kernel takes connections from here on; that the loop hears of them may come later.
        opened = {address: self._bind(address) for address in restored if address in self._listeners}
        at = time.time()
        for address, sock in opened.items():
            self._listeners[address] = Listener(sock, self._factory)
        return at

    def shut(self) -> None:
        for listener in self._listeners.values():
            if listener is not None:
                listener.close()
        self._listeners.clear()

    async def close(self) -> None:
        self.shut()
        self._reserve.close()

    def _bind(self, address: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, self.port))
        sock.listen(128)
        sock.setblocking(False)
        return sock
