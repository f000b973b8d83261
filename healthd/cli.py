"""The command line: one parser, and one place that turns what went wrong into a line and an exit code."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from healthd import __version__
from healthd.collector import look_seldom
from healthd.commands import (
    alerting,
    changes,
    dashboards,
    demo,
    evidence,
    exempt,
    incidents,
    inventory,
    period,
    picture,
    picture_acts,
    probe,
    rates,
    report,
    run,
    store,
    token,
)
from healthd.problems import BadInput, Wrong
from healthd.store import StoreError

DONE, INVALID, INTERRUPTED = 0, 1, 130


class _LogFormat(logging.Formatter):
    """`time level logger message` on one line; the level coloured on a terminal."""

    _COLOURS: ClassVar[dict[int, str]] = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31"}

    def __init__(self, coloured: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        colour = self._COLOURS.get(record.levelno) if self._coloured else None
        return f"\033[{colour}m{line}\033[0m" if colour else line


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="healthd",
        description="Watches the health of a city's public-safety cameras: asks every camera, judges its picture, "
        "and computes online and intact rates per region.",
        epilog="Begin with `healthd demo`: a simulated city, watched by a real daemon.",
    )
    parser.add_argument("--version", action="version", version=f"healthd {__version__}")
    parser.add_argument(
        "--log-level", default="info", choices=["debug", "info", "warning", "error"], help="default: info"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (
        demo,
        run,
        probe,
        picture,
        picture_acts,
        rates,
        report,
        period,
        changes,
        evidence,
        exempt,
        incidents,
        alerting,
        inventory,
        store,
        token,
        dashboards,
    ):
        module.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 invalid input or no answer, 2 wrong usage."""
    words = picture_acts.spelled(sys.argv[1:] if arguments is None else arguments)
    parsed = make_parser().parse_args(words)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LogFormat(sys.stderr.isatty() and "NO_COLOR" not in os.environ))
    logging.basicConfig(level=parsed.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    look_seldom()
    work: Callable[[argparse.Namespace], int] = parsed.work
    try:
        return work(parsed)
    except BadInput as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except (StoreError, Wrong) as error:
        remedy = getattr(error, "remedy", "")
        print(f"{error}" + (f" ({remedy})" if remedy else ""), file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `healthd rates | head`
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        print(_explain(error), file=sys.stderr)
    return INVALID


def _explain(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{error.strerror or error}: another program listens there; stop it, or change web.listen or --listen"
        )
    where = f"{Path(str(error.filename))}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
