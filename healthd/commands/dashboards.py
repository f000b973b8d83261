"""`healthd dashboards`: the Grafana dashboards as files, for the address at which browsers reach healthd."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from healthd.commands.common import Commands
from healthd.dashboards.files import HEALTHD_URL, write


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as http://10.1.2.3:9808")
    return text.rstrip("/")


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "dashboards",
        help="write the Grafana dashboards",
        description="Write the Grafana dashboards, in Chinese to DIR/zh and in English to DIR/en, to be imported "
        "or "
        "provisioned. They are those of the repository's dashboards/, but for --healthd-url.",
    )
    parser.add_argument("dir", type=Path, metavar="DIR")
    parser.add_argument(
        "--healthd-url",
        type=_url,
        default=HEALTHD_URL,
        metavar="URL",
        help=f"where browsers reach healthd's own pages and the map's outlines; default: {HEALTHD_URL}",
    )
    parser.set_defaults(work=_dashboards)


def _dashboards(arguments: argparse.Namespace) -> int:
    for path in write(arguments.dir, arguments.healthd_url):
        print(path)
    return 0
