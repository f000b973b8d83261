"""What commands share."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_config(parser: argparse.ArgumentParser, default: Path | str = Path("healthd.yml")) -> None:
    """`-c FILE`. A command below another one gives SUPPRESS, lest it hide what stood before its word."""
    parser.add_argument("-c", "--config", type=Path, default=default, metavar="FILE", help="default: healthd.yml")


def add_json(parser: argparse.ArgumentParser, default: bool | str = False) -> None:
    """`--json`; `default` as above."""
    parser.add_argument(
        "--json", action="store_true", default=default, help="print one JSON document and nothing else"
    )


def print_json(document: Any) -> None:
    """One document, readable Chinese, numbers as numbers; values that are dataclasses by their fields."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=asdict)
    sys.stdout.write("\n")


def table(rows: Sequence[tuple[str, ...]], right: frozenset[int] = frozenset()) -> str:
    """Columns padded to the width they take on a terminal (a Chinese character is two wide); `right`: those that
    are aligned right."""
    widths = [max(wide(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for column, text in enumerate(row):
            gap = " " * (widths[column] - wide(text))
            cells.append(gap + text if column in right else text + gap)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def wide(text: str) -> int:
    """How many columns a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
