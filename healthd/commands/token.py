"""`healthd token`: a new bearer token, and the hash of it that the configuration keeps."""

from __future__ import annotations

import argparse
import hashlib
import secrets

from healthd.commands.common import Commands


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "token",
        help="make a token for pages and metrics",
        description="Make a new token and print it once, with the lines for the configuration, which keeps only "
        "its hash.",
    )
    parser.add_argument("name", help="who will use it, such as prometheus")
    parser.set_defaults(work=_token)


def _token(arguments: argparse.Namespace) -> int:
    token = secrets.token_urlsafe(32)
    print(f"The token, shown this once:\n\n  {token}\n\nFor the configuration:\n\nweb:\n  tokens:")
    print(f"    - {{name: {arguments.name}, sha256: {hashlib.sha256(token.encode()).hexdigest()}}}")
    return 0
