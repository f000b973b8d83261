"""`healthd inventory check|diff|import|topology|platforms`."""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from healthd.commands import platforms, topology
from healthd.commands.ask_daemon import reload_running
from healthd.commands.common import Commands, add_config, add_json, print_json
from healthd.commands.inventory_files import BEFORE, elsewhere, replace_files
from healthd.config import Config, load_config
from healthd.inventory.read import Difference, diff, load_inventory, lost_share
from healthd.model import Inventory
from healthd.problems import BadInput, Wrong

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
    take = parts.add_parser(
        "import",
        help="take new inventory files into use",
        description="Check the files in DIR, named as those in use, and put them in the place of the old ones, "
        "which are kept as NAME.before; a running daemon reads them at once. With a mistake nothing is changed.",
    )
    take.add_argument("directory", type=Path, metavar="DIR", help="where the new files are")
    take.add_argument(
        "--force", action="store_true", help="even if more cameras are gone than inventory_guard.max_lost allows"
    )
    add_config(take)
    take.set_defaults(work=_import)
    topology.add_to(parts)
    platforms.add_to(parts)


def _check(arguments: argparse.Namespace) -> int:
    inventory, warnings = load_inventory(load_config(arguments.config))
    for warning in warnings:
        print(warning)
    print(
        f"good: {len(inventory.cameras):,} cameras, {len(inventory.devices):,} devices, {len(warnings)} warnings"
    )
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    old, _ = load_inventory(config)
    new, _ = load_inventory(elsewhere(config, arguments.directory))
    found = diff(old, new)
    lost = lost_share(old, new)
    if arguments.json:
        print_json({"lost_share": float(lost), "changes": [_as_json(difference) for difference in found]})
        return 0
    for difference in found[:_SHOWN]:
        print(_line(difference))
    if len(found) > _SHOWN:
        print(f"... and {len(found) - _SHOWN:,} more (--json prints all)")
    print(_summary(found))
    if lost > config.inventory_guard.max_lost:
        print(
            f"A reload would refuse this: {float(lost):.1%} of the cameras are gone, more than "
            f"inventory_guard.max_lost allows ({config.inventory_guard.max_lost:.0%})."
        )
    return 0


def _summary(found: Sequence[Difference]) -> str:
    counts = Counter((difference.kind, difference.change) for difference in found)
    lines = (f"{kind}s {change}: {count:,}" for (kind, change), count in sorted(counts.items()))
    return "; ".join(lines) or "no change"


def _import(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    new, warnings = load_inventory(elsewhere(config, arguments.directory))
    old = _in_use(config)
    lost = lost_share(old, new) if old is not None else Fraction(0)
    if lost > config.inventory_guard.max_lost and not arguments.force:
        raise Wrong(
            f"{arguments.directory}: {float(lost):.1%} of the cameras are gone, more than "
            f"inventory_guard.max_lost allows ({float(config.inventory_guard.max_lost):.0%})",
            "if that is meant, say --force",
        )
    for warning in warnings:
        print(warning)
    files = replace_files(config, arguments.directory)
    if old is not None:
        print(_summary(diff(old, new)))
    print(f"in use now: {', '.join(map(str, files))}; the old ones are beside them as NAME{BEFORE}")
    if reload_running(config.web, arguments.force):
        print("The running healthd has taken them.")
    else:
        print("No healthd answers at web.listen: it will read them when it starts.")
    return 0


def _in_use(config: Config) -> Inventory | None:
    """None where the files in use are missing or wrong: the new ones may be the remedy."""
    try:
        return load_inventory(config)[0]
    except BadInput:
        return None


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
