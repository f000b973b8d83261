"""docs/benchmarks.md: a section a benchmark, so that one can be measured anew without the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from tests.bench.table import HEAD, Row

_SECTION = re.compile(r"^## (\w+)\n", re.MULTILINE)


def merged(before: str, found: Mapping[str, Sequence[Row]], names: Sequence[str], facts: str, day: date) -> str:
    """The document with the sections of `found` in place of those `before`, in the order of `names`; `facts`:
    lines about machine and versions."""
    parts = _SECTION.split(before)
    sections = dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))
    for name, rows in found.items():
        table = "\n".join(row.as_markdown() for row in rows)
        sections[name] = f"Measured {day:%Y-%m-%d}.\n\n{HEAD}\n{table}"
    body = "\n\n".join(f"## {name}\n\n{sections[name]}" for name in names if name in sections)
    held, missed = body.count("| yes |"), body.count("| **no** |")
    return (
        "# Benchmarks\n\n"
        "Written by `make bench`. Speeds are CPU time, user and system, with the peers measured in the same run: "
        "what counts is the ratio. Absolute figures are those of one machine on one day.\n\n"
        f"{facts}- Targets held: {held} of {held + missed}\n\n{body}\n"
    )
