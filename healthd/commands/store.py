"""`healthd backup` and `healthd restore`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from healthd.commands.common import Commands, add_config
from healthd.config import load_config
from healthd.store import backup, restore


def add_to(commands: Commands) -> None:
    saving = commands.add_parser(
        "backup",
        help="copy the store while the daemon runs",
        description="Copy the store into a directory, whole and consistent, while the daemon goes on writing.",
    )
    saving.add_argument("directory", type=Path, metavar="DIR")
    add_config(saving)
    saving.set_defaults(work=_backup)
    loading = commands.add_parser(
        "restore",
        help="take a backup into use",
        description="Check a backup's checksum and put it in the store's place. The store that was there is kept "
        "aside. The daemon must not be running.",
    )
    loading.add_argument("directory", type=Path, metavar="DIR")
    loading.add_argument("--force", action="store_true", help="replace a store that is there")
    add_config(loading)
    loading.set_defaults(work=_restore)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _backup(arguments: argparse.Namespace) -> int:
    manifest = backup(load_config(arguments.config).store.url, arguments.directory, _now())
    print(f"{arguments.directory}: backup made, {manifest.size_bytes:,} bytes, sha256 {manifest.sha256}")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    url = load_config(arguments.config).store.url
    aside = restore(arguments.directory, url, _now(), force=arguments.force)
    kept = f"; the store that was there is now {aside}" if aside else ""
    print(f"{arguments.directory}: restored{kept}")
    return 0
