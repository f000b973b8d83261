"""All benchmarks: `python -m tests.bench [NAME...] [--write]`.

Each module `bench_NAME` with a function `rows` adds its rows to the table. With --write their tables replace
those of the same names in docs/benchmarks.md. The machine should have nothing else to do: what is shared shows in
the spread.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.document import merged
from tests.bench.table import HEAD, Row

NAMES = (
    "ping",
    "snmp",
    "onvif",
    "frame",
    "schedule",
    "page",
    "rates",
    "report",
    "start",
    "reload",
    "flips",
    "daemon",
    "profile",
)
PEERS = ("icmplib", "gufo_ping", "aioping", "pysnmp", "gufo_snmp", "onvif-zeep", "prometheus-client")
PROGRAMS = (
    ("fping", "-v"),
    ("prometheus-blackbox-exporter", "--version"),
    ("prometheus-snmp-exporter", "--version"),
    ("snmpd", "-v"),
)
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"


def versions() -> list[str]:
    """What was measured, a phrase each."""
    found = [f"Python {platform.python_version()}"]
    for name in PEERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    for program, option in PROGRAMS:
        if shutil.which(program) is None:
            found.append(f"{program} not installed")
            continue
        done = subprocess.run([program, option], capture_output=True, text=True, check=False)
        words = (done.stdout + done.stderr).split()
        number = next((word for word in words if word[0].isdigit() and "." in word), "?")
        found.append(f"{program} {number.rstrip(',')}")
    return found


def machine() -> str:
    """Processor, cores and kernel."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    cores = sum(line.startswith("processor") for line in lines)
    return f"{model}, {cores} cores, Linux {platform.release().partition('-')[0]}"


def measure(names: Sequence[str]) -> dict[str, list[Row]]:
    """Runs them one after the other and prints each row as it comes."""
    print(HEAD)
    found: dict[str, list[Row]] = {name: [] for name in names}
    for name in names:
        for row in importlib.import_module(f"tests.bench.bench_{name}").rows():
            print(row.as_markdown(), flush=True)
            found[name].append(row)
    return found


def facts() -> str:
    """What it was measured on."""
    return f"- Machine: {machine()}\n- Versions: {', '.join(versions())}\n"


def main() -> None:
    """Measure, and write down if told to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures healthd and its peers.")
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(NAMES)}; default: all")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark {unknown[0]}: there are {', '.join(NAMES)}")
    found = measure(options.names or NAMES)
    if options.write:
        before = DOCUMENT.read_text("utf-8") if DOCUMENT.exists() else ""
        DOCUMENT.write_text(merged(before, found, NAMES, facts(), datetime.now(UTC).date()), encoding="utf-8")
        print(f"written: {DOCUMENT}")


if __name__ == "__main__":
    main()
