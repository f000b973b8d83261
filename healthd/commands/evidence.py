"""`healthd evidence`: what a dispute about one camera's month needs, packed and checksummed."""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

from healthd.commands.common import Commands, add_config, add_json, print_json
from healthd.figures.evidence_pack import collect, packed, problems
from healthd.figures.period import month_span
from healthd.problems import Wrong, did_you_mean
from healthd.setup import read_setup
from healthd.store import Store


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "evidence",
        help="pack all that is known of one camera's month, for a dispute",
        description="Pack the ledger of one camera's month, the results behind every change of state, incidents, "
        "exemptions, profiles and heartbeats into one .zip with checksums; or check such a file.",
    )
    add_config(parser)
    parser.add_argument("--camera", metavar="ID")
    parser.add_argument("--month", metavar="YYYY-MM", help="a month as month_starts_on begins it")
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="DIR", help="default: here")
    parser.add_argument("--verify", type=Path, metavar="FILE", help="check a pack; needs no configuration")
    add_json(parser)
    parser.set_defaults(work=_evidence)


def _evidence(arguments: argparse.Namespace) -> int:
    if arguments.verify is not None:
        return _verify(arguments.verify, as_json=arguments.json)
    if not (arguments.camera and arguments.month):
        raise Wrong("which evidence?", "give --camera ID and --month YYYY-MM, or --verify FILE")
    setup = read_setup(arguments.config)
    store = Store.open(setup.config.store.url, writer=False)
    try:
        names = store.names()
        if arguments.camera not in names:
            raise Wrong(f'--camera "{arguments.camera}": never seen', did_you_mean(arguments.camera, list(names)))
        try:
            span = month_span(store, setup.config, arguments.month)
        except ValueError as error:
            raise Wrong(str(error)) from error
        begun = store.first_heartbeat()
        if begun is None or begun >= span.end:
            raise Wrong(f"nothing is known of {arguments.month}", "healthd began to watch only after it")
        month = arguments.month.strip()
        files = collect(store, setup, span, month, arguments.camera)
    finally:
        store.close()
    content = packed(files)
    path = arguments.output / f"evidence-{arguments.camera}-{month}.zip"
    _write(path, content)
    digest = hashlib.sha256(content).hexdigest()
    if arguments.json:
        print_json({"file": str(path), "sha256": digest, "size_bytes": len(content), "files": list(files)})
    else:
        print(f"{path}: {len(files)} files, {len(content):,} bytes, sha256 {digest}")
    return 0


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: what was there stays where there is no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _verify(path: Path, *, as_json: bool) -> int:
    content = path.read_bytes()
    found = [*problems(content)]
    digest = hashlib.sha256(content).hexdigest()
    if as_json:
        print_json({"file": str(path), "good": not found, "problems": found, "sha256": digest})
        return 1 if found else 0
    if found:
        raise Wrong("; ".join(f"{path}: {problem}" for problem in found), "ask for the file again")
    print(f"{path}: good, sha256 {digest}")
    return 0
