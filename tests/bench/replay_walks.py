"""Recorded walks of real devices through the real walker: what of each is read, and how fast.

`python -m tests.bench.replay_walks FILE...`: `.snmprec` (of snmpsim) or `snmpwalk -On` text, also as `.bz2`. An
agent on loopback replays each of them.
"""

from __future__ import annotations

import asyncio
import bz2
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from probes.base import Result
from tests.walkagent import Agent, Row, ask, encode_oid, integer, octets, oid, read_walk, tlv

_WANTED = ("1.3.6.1.2.1.", "1.0.8802.")  # what the walker asks for is below these
_NUMBERS = {2, 65, 66, 67, 70}
_HEAD = (
    "file",
    "rows",
    "ports",
    "up",
    "fed",
    "stations",
    "neighbours",
    "arp",
    "requests",
    "s",
    "missing",
    "problems",
)


def rows_of(path: Path) -> list[Row]:
    """The rows of a file; lines that are none are left out."""
    data = bz2.decompress(path.read_bytes()) if path.suffix == ".bz2" else path.read_bytes()
    if ".snmprec" not in path.name:
        return read_walk(data.decode("utf-8", "replace"))
    found = []
    for line in data.decode("latin-1").splitlines():
        name, _, rest = line.partition("|")
        tag, _, text = rest.partition("|")
        if name.startswith(_WANTED) and tag.rstrip("xe").isdigit():  # other tags are variations that snmpsim makes
            found.append((oid(name), _value(int(tag.rstrip("xe")), text, hexadecimal="x" in tag)))
    return found


def _value(tag: int, text: str, *, hexadecimal: bool) -> bytes:
    if tag in _NUMBERS:
        return integer(int(text), tag)
    if tag == 6:
        return tlv(6, encode_oid(oid(text)))
    raw = bytes.fromhex(text) if hexadecimal else text.encode("latin-1")
    if tag == 64 and not hexadecimal:
        raw = bytes(map(int, text.split(".")))
    return tlv(tag, raw) if tag == 64 else octets(raw)


def told(path: Path, rows: int, result: Result, seconds: float) -> tuple[str, ...]:
    """One row of the table."""
    values = result.values
    if not values:
        return (path.name, str(rows), str(result.outcome), result.detail)
    ports = [port for port in values["ports"] if port.physical]
    fed = sum(port.poe is not None for port in ports)
    counts = (len(ports), sum(port.oper_up is True for port in ports), fed)
    tables = (len(values["macs"]), len(values["neighbours"]), len(values["arp"]), values["requests"])
    words = (", ".join(values["missing"]), ", ".join(values["problems"]))
    return (path.name, str(rows), *map(str, counts), *map(str, tables), f"{seconds:.1f}", *words)


async def replay(paths: list[Path]) -> Iterator[tuple[str, ...]]:
    """A row for each file."""
    found = []
    for path in paths:
        rows = rows_of(path)
        begun = time.monotonic()
        result = await ask(Agent(rows), 60.0)
        found.append(told(path, len(rows), result, time.monotonic() - begun))
    return iter(found)


def main(arguments: list[str]) -> None:
    print("| " + " | ".join(_HEAD) + " |")
    print("|---" * len(_HEAD) + "|")
    for row in asyncio.run(replay([Path(name) for name in arguments])):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
