"""`healthd alerting generate`: alertmanager.yml out of who is on call and the inventory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from healthd.alerting.files import differences, remarks, text_of, write
from healthd.commands.common import Commands, add_config
from healthd.problems import Wrong
from healthd.setup import read_setup


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "alerting",
        help="Alertmanager's routes, out of who is on call and the inventory",
        description="Alertmanager's configuration, made from `alerting:` and the inventory.",
    )
    actions = parser.add_subparsers(title="actions", metavar="generate", required=True)
    generate = actions.add_parser(
        "generate",
        help="write alertmanager.yml",
        description="Write alertmanager.yml: to -o FILE, else to alerting.alertmanager_file, else to the "
        "terminal. Reload Alertmanager afterwards.",
    )
    add_config(generate)
    generate.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: alerting.alertmanager_file")
    generate.add_argument(
        "--check",
        action="store_true",
        help="write nothing; say in what the file differs from what inventory and configuration ask for (exit 1)",
    )
    generate.set_defaults(work=_generate)


def _generate(arguments: argparse.Namespace) -> int:
    setup = read_setup(arguments.config)
    text = text_of(setup.config, setup.inventory)
    options = setup.config.alerting
    path = arguments.output or (options.alertmanager_file if options else None)
    if arguments.check:
        if path is None:
            raise Wrong("which file?", "give -o FILE, or set alerting.alertmanager_file")
        found = differences(setup.config, setup.inventory, path)
        print("\n".join(found) if found else f"{path}: as it should be")
        return 1 if found else 0
    for remark in remarks(setup.config, setup.inventory):
        print(f"note: {remark}", file=sys.stderr)
    if path is None:
        sys.stdout.write(text)
        return 0
    write(text, path)
    print(f"{path}: written. Now reload Alertmanager.")
    return 0
