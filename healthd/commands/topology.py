"""`healthd inventory topology`: ask every device once, and hold what they see against the inventory."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from healthd.commands.common import add_config, add_json, print_json, table
from healthd.model import Device, Inventory
from healthd.prober import DEVICE, Targets, ask_once
from healthd.schedule import Check
from healthd.setup import read_setup
from healthd.topology.links import Learner, Link, Place, Topology
from probes import PROBES
from probes.base import CheckOptions, Memory, Outcome, Resources, Result

_AT_ONCE = 32
_QUIET_SECONDS = 2.0  # what is done by then needs no counting
_HEAD = ("", "", "name", "inventory", "network", "source", "evidence")
_SHOWN_KNOWN = 20


def add_to(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = parts.add_parser(
        "topology",
        help="what hangs on what, as the inventory says and as the network shows",
        description="Ask every device that has an address once, now, for its tables (bridge tables, LLDP, ARP), "
        "and print the links of cameras and devices that are contradicting, learnt and known. Nothing is written "
        "anywhere.",
    )
    parser.add_argument("--all", action="store_true", help="list all known links; else the first few")
    add_config(parser)
    add_json(parser)
    parser.set_defaults(work=_topology)


def _topology(arguments: argparse.Namespace) -> int:
    setup = read_setup(arguments.config)
    options = setup.config.checks.get(DEVICE) or PROBES[DEVICE].options.model_validate({})
    targets = Targets(setup.config, setup.inventory, lambda _: Memory())
    devices = [device for device in setup.inventory.devices.values() if device.address]
    results = asyncio.run(_ask_all(devices, targets, options))
    walks = {id_: result.values for id_, result in results.items() if result.outcome is Outcome.OK}
    found = learn(setup.inventory, walks)
    silent = {id_: result for id_, result in results.items() if id_ not in walks}
    if arguments.json:
        print_json(_as_json(found, len(results), silent))
    else:
        print(_as_text(found, setup.inventory, len(results), silent, whole=arguments.all))
    return 0 if walks else 1


def learn(inventory: Inventory, walks: Mapping[str, Mapping[str, Any]]) -> Topology:
    """The links that these walks (device -> values) show."""
    learner = Learner(inventory)
    # Twice: whose MAC address one table holds, another one tells.
    for _ in range(2):
        for device, values in walks.items():
            learner.take(device, values)
    return learner.topology()


async def _ask_all(devices: Sequence[Device], targets: Targets, options: CheckOptions) -> Mapping[str, Result]:
    """Device -> what it answered, a few at a time."""
    results: dict[str, Result] = {}
    waiting = iter(devices)
    with ThreadPoolExecutor(1) as executor:
        probe = PROBES[DEVICE].build(options, Resources(executor, time.time))
        check = Check(DEVICE, probe, options.interval, options.timeout, _AT_ONCE)

        async def ask_on() -> None:
            for device in waiting:
                results[device.id] = await ask_once(check, targets.of_device(device))

        progress = asyncio.create_task(_count(results, len(devices)))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(_AT_ONCE, len(devices))):
                    group.create_task(ask_on())
        finally:
            progress.cancel()
            await probe.close()
    return {device.id: results[device.id] for device in devices}


async def _count(results: Mapping[str, Result], all_: int) -> None:
    """Says on a terminal how far it is; wipes that in the end."""
    if not sys.stderr.isatty():
        return
    await asyncio.sleep(_QUIET_SECONDS)
    try:
        while True:
            sys.stderr.write(f"\r{len(results):,} of {all_:,} devices asked")
            sys.stderr.flush()
            await asyncio.sleep(0.5)
    finally:
        sys.stderr.write("\r\x1b[K")


def _as_json(found: Topology, asked: int, silent: Mapping[str, Result]) -> dict[str, Any]:
    return {
        "devices_asked": asked,
        "devices_silent": {id_: f"{result.reason}: {result.detail}" for id_, result in silent.items()},
        "contradicting": found.contradicting,
        "learnt": found.learnt,
        "known": found.known,
        "unknown_cameras": found.unknown,
    }


def _as_text(
    found: Topology, inventory: Inventory, asked: int, silent: Mapping[str, Result], *, whole: bool
) -> str:
    shown = found.known if whole else found.known[:_SHOWN_KNOWN]
    rows = [_row(link, inventory) for link in (*found.contradicting, *found.learnt, *shown)]
    lines = [table([_HEAD, *rows])] if rows else []
    if len(shown) < len(found.known):
        lines.append(f"... and {len(found.known) - len(shown):,} more known links (--all lists them)")
    lines += [f"{id_} did not answer: {result.reason} {result.detail}".rstrip() for id_, result in silent.items()]
    lines.append(
        f"{asked - len(silent):,} of {asked:,} devices answered; links: {len(found.known):,} known, "
        f"{len(found.learnt):,} learnt, {len(found.contradicting):,} contradicting; "
        f"{found.unknown:,} cameras hang on nothing that is known"
    )
    return "\n".join(lines)


def _row(link: Link, inventory: Inventory) -> tuple[str, ...]:
    thing = inventory.cameras[link.id] if link.kind == "camera" else inventory.devices[link.id]
    declared = _said(link.inventory) if link.inventory else ""
    network = ", ".join(map(_said, link.network))
    return link.standing, link.id, thing.name, declared, network, ", ".join(link.sources), link.words


def _said(place: Place) -> str:
    return f"{place.device} {place.port}".rstrip()
