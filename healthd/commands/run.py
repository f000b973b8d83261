"""`healthd run` and `healthd check-config`."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections import Counter

from healthd import daemon
from healthd.commands.common import Commands, add_config, add_json, print_json
from healthd.problems import BadInput
from healthd.setup import read_setup

log = logging.getLogger("healthd")


def add_to(commands: Commands) -> None:
    run = commands.add_parser(
        "run",
        help="run the daemon",
        description="Run the daemon until SIGTERM or Ctrl-C. SIGHUP, or POST /-/reload, reads configuration and "
        "inventory anew; if anything is wrong with them, everything goes on as it was.",
    )
    add_config(run)
    run.set_defaults(work=_run)
    check = commands.add_parser(
        "check-config",
        help="check configuration and inventory",
        description="Read the configuration and the inventory, and print every mistake with file, line, key and "
        "remedy, or a summary.",
    )
    add_config(check)
    add_json(check)
    check.set_defaults(work=_check)


def _run(arguments: argparse.Namespace) -> int:
    return 0 if asyncio.run(daemon.run(arguments.config)) else 1


def _check(arguments: argparse.Namespace) -> int:
    try:
        setup = read_setup(arguments.config)
    except BadInput as error:
        if not arguments.json:
            raise
        print_json({"ok": False, "problems": [str(problem) for problem in error.problems]})
        return 1
    inventory = setup.inventory
    lifecycles = Counter(str(camera.placement.lifecycle) for camera in inventory.cameras.values())
    classes = Counter(camera.placement.class_ for camera in inventory.cameras.values())
    if arguments.json:
        summary = {
            "ok": True,
            "warnings": [str(warning) for warning in setup.warnings],
            "regions": len(inventory.regions),
            "devices": len(inventory.devices),
            "cameras": len(inventory.cameras),
            "maintainers": len(inventory.maintainers),
            "lifecycles": dict(lifecycles),
            "classes": dict(classes),
            "checks": {name: options.interval for name, options in setup.config.checks.items()},
        }
        print_json(summary)
        return 0
    for warning in setup.warnings:
        print(warning)
    print(
        f"{arguments.config}: good. {len(inventory.cameras):,} cameras "
        f"({', '.join(f'class {name}: {count:,}' for name, count in sorted(classes.items()))}), "
        f"{lifecycles.get('in_service', 0):,} in service, {len(inventory.regions):,} regions, "
        f"{len(inventory.devices):,} devices, {len(inventory.maintainers):,} maintainers."
    )
    checks = ", ".join(f"{name} every {options.interval:g} s" for name, options in setup.config.checks.items())
    print(f"Checks: {checks or 'none'}. Page and metrics: {setup.config.web.listen}")
    return 0
