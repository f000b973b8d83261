"""`healthd inventory check|diff|topology`."""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

from healthd.commands import topology
from healthd.commands.common import Commands, add_config, add_json, print_json
from healthd.config import Config, load_config
from healthd.inventory import Difference, diff, load_inventory, lost_share

_SHOWN = 200


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("inventory", help="check and compare inventories")
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = parts.add_parser("check", help="check the inventory that the configuration names")
    add_config(check)
    check.set_defaults(work=_check)
    compare = parts.add_parser(
        "diff",
        help="what another inventory would change",
        description="Compare the inventory that the configuration names with one in another directory (the same "
        "file names), and print what would be added, removed and changed. Nothing is changed.",
    )
    compare.add_argument("directory", type=Path, metavar="DIR", help="where the new files are")
    add_config(compare)
    add_json(compare)
    compare.set_defaults(work=_diff)
    topology.add_to(parts)


def _check(arguments: argparse.Namespace) -> int:
    inventory, warnings = load_inventory(load_config(arguments.config))
    for warning in warnings:
        print(warning)
    print(
        f"good: {len(inventory.cameras):,} cameras, {len(inventory.devices):,} devices, {len(warnings)} warnings"
    )
    return 0


def _elsewhere(config: Config, directory: Path) -> Config:
    files = config.inventory
    moved = {
        name: directory / path.name
        for name in ("regions", "devices", "cameras", "maintainers")
        if (path := getattr(files, name)) is not None
    }
    return dataclasses.replace(config, inventory=files.model_copy(update=moved))


def _diff(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    old, _ = load_inventory(config)
    new, _ = load_inventory(_elsewhere(config, arguments.directory))
    found = diff(old, new)
    lost = lost_share(old, new)
    if arguments.json:
        print_json({"lost_share": float(lost), "changes": [_as_json(difference) for difference in found]})
        return 0
    for difference in found[:_SHOWN]:
        print(_line(difference))
    if len(found) > _SHOWN:
        print(f"... and {len(found) - _SHOWN:,} more (--json prints all)")
    counts = Counter((difference.kind, difference.change) for difference in found)
    print(
        "; ".join(f"{kind}s {change}: {count:,}" for (kind, change), count in sorted(counts.items()))
        or "no change"
    )
    if lost > config.inventory_guard.max_lost:
        print(
            f"A reload would refuse this: {float(lost):.1%} of the cameras are gone, more than "
            f"inventory_guard.max_lost allows ({config.inventory_guard.max_lost:.0%})."
        )
    return 0


def _as_json(difference: Difference) -> dict[str, Any]:
    return {
        "kind": difference.kind,
        "id": difference.id,
        "change": difference.change,
        "fields": {name: [_plain(old), _plain(new)] for name, (old, new) in difference.fields.items()},
    }


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) or isinstance(value, tuple):
        return str(value)
    return value


def _line(difference: Difference) -> str:
    fields = ", ".join(f"{name} {old!s} -> {new!s}" for name, (old, new) in difference.fields.items())
    return f"{difference.change:8} {difference.kind} {difference.id}" + (f": {fields}" if fields else "")
