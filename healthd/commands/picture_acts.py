"""`healthd picture false`, `rebase`, `stats`: what an operator says of findings; how often they were right."""

from __future__ import annotations

import argparse
import getpass
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import quote

from healthd.commands.ask_daemon import NobodyThere, post
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.config import load_config
from healthd.false_alarms import Precision, precisions
from healthd.folding.picture_state import without_faults
from healthd.folding.state import Holding, forget
from healthd.model import Axis, Flip, Moment, State
from healthd.periods import parse_moment
from healthd.picture_desk import mark_false, note_rebase, withdraw_mark
from healthd.problems import Wrong, did_you_mean
from healthd.setup import Setup, read_setup
from healthd.store import Batch, Store

_WORDS = ("false", "rebase", "stats")
_DAYS, _DAY = 30, 24 * 3600 * 1000


def spelled(arguments: Sequence[str]) -> list[str]:
    """`picture false ...` as the command that it is: elsewhere `picture` is followed by files. A file of such a
    name is written ./false."""
    words = [*arguments]
    for place, (word, following) in enumerate(pairwise(words)):
        if word == "picture" and following in _WORDS and not any(one[:1] != "-" for one in words[:place]):
            return [*words[:place], f"picture {following}", *words[place + 2 :]]
    return words


def add_to(commands: Commands) -> None:
    _add_false(commands)
    _add_rebase(commands)
    _add_stats(commands)


def _add_false(commands: Commands) -> None:
    parser = commands.add_parser(
        "picture false",
        description="Say that a finding was none: its seconds count as good again, by a record that the change "
        "list shows, and that fault at that camera is held to a threshold a tenth stricter. Tells the running "
        "daemon (its token, if it needs one, in HEALTHD_TOKEN), or, where none runs, the store.",
    )
    add_config(parser)
    parser.add_argument("camera", metavar="CAMERA", help="the camera's id")
    parser.add_argument("fault", metavar="FAULT", help="as it is named in its findings, such as blur")
    parser.add_argument("--at", metavar="T", help="a moment at which it was found; left out: the latest finding")
    parser.add_argument(
        "--withdraw",
        action="store_true",
        help="the other way round: a mark was wrong, its finding counts again, by a record of its own",
    )
    _add_people(parser)
    parser.set_defaults(work=_false)


def _add_rebase(commands: Commands) -> None:
    parser = commands.add_parser(
        "picture rebase",
        description="After a repair, or where the camera is meant to look elsewhere: learn anew what it usually "
        "sees.",
    )
    add_config(parser)
    parser.add_argument("camera", metavar="CAMERA", help="the camera's id")
    _add_people(parser)
    parser.set_defaults(work=_rebase)


def _add_people(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="", metavar="NAME", help="who says so; left out: your login")
    parser.add_argument("--note", default="", metavar="TEXT", help="anything worth knowing")


def _add_stats(commands: Commands) -> None:
    parser = commands.add_parser(
        "picture stats",
        description="How often each fault was found, and how many of these findings were marked as false.",
    )
    add_config(parser)
    parser.add_argument("--from", dest="start", metavar="T", help=f"default: {_DAYS} days ago")
    parser.add_argument("--to", dest="end", metavar="T", help="default: now")
    add_json(parser)
    parser.set_defaults(work=_stats)


def _false(arguments: argparse.Namespace) -> int:
    setup, by = _setup(arguments), _by(arguments)
    at = parse_moment(arguments.at, setup.config.timezone) if arguments.at else None
    said = {"fault": arguments.fault, "by": by, "note": arguments.note}
    if at is not None:
        said["at"] = _iso(at)

    def withdraw(store: Store, now: Moment) -> None:
        withdraw_mark(store, arguments.camera, arguments.fault, by=by, now=now, at=at, note=arguments.note)

    def mark(store: Store, now: Moment) -> None:
        mark_false(store, arguments.camera, arguments.fault, by=by, now=now, at=at, note=arguments.note)
        held = _held(store, arguments.camera)
        _, flip = without_faults(held, {arguments.fault}, now, "marked false")
        if flip is not None and (at is None or at >= held.since):
            store.write(Batch(flips=[_of(flip, arguments.camera)]))

    path = f"/api/v1/cameras/{quote(arguments.camera, safe='')}/picture/false"
    if arguments.withdraw:
        _tell(setup, f"{path}/withdraw", said, withdraw)
        print(f"{arguments.camera}: mark of {arguments.fault} withdrawn, the finding counts again")
    else:
        _tell(setup, path, said, mark)
        print(f"{arguments.camera}: {arguments.fault} marked as false")
    return 0


def _rebase(arguments: argparse.Namespace) -> int:
    setup, by = _setup(arguments), _by(arguments)

    def offline(store: Store, now: Moment) -> None:
        note_rebase(store, arguments.camera, by=by, now=now, note=arguments.note)
        held = _held(store, arguments.camera)
        flips = []
        if held.state is State.FAULTY:
            _, flip = forget(held, Axis.PICTURE, now, "begun anew")
            flips = [_of(flip, arguments.camera)] if flip else []
        store.write(Batch(flips=flips, forgotten=[arguments.camera]))

    said = {"by": by, "note": arguments.note}
    _tell(setup, f"/api/v1/cameras/{quote(arguments.camera, safe='')}/picture/rebase", said, offline)
    print(f"{arguments.camera}: what it usually sees is learnt anew")
    return 0


def _setup(arguments: argparse.Namespace) -> Setup:
    setup = read_setup(arguments.config)
    cameras = setup.inventory.cameras
    if arguments.camera not in cameras:
        raise Wrong(
            f'"{arguments.camera}" is not the id of a camera',
            did_you_mean(arguments.camera, cameras, "see `healthd inventory`"),
        )
    return setup


def _by(arguments: argparse.Namespace) -> str:
    try:
        return arguments.by or getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        raise Wrong("--by: missing, and your login has no name", "say who you are") from None


def _tell(setup: Setup, path: str, said: dict[str, str], offline: Callable[[Store, Moment], None]) -> None:
    """The running daemon; where none answers, the store itself, which refuses while somebody else has it."""
    try:
        post(setup.config.web, path, said)
    except NobodyThere:
        Store.open(setup.config.store.url, writer=False).close()  # there must be one
        store = Store.open(setup.config.store.url, writer=True)
        try:
            offline(store, time.time_ns() // 1_000_000)
        finally:
            store.close()


def _held(store: Store, camera: str) -> Holding:
    state, since, faults, reason = store.states().get((camera, Axis.PICTURE), (State.UNKNOWN, 0, (), ""))
    return Holding(state, since, faults, reason)


def _of(flip: Flip, camera: str) -> Flip:
    return replace(flip, camera=camera)


def _iso(moment: Moment) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")


def _as_json(one: Precision) -> dict[str, object]:
    return {"fault": one.fault, "found": one.found, "marked": one.marked, "precision": one.ratio}


def _stats(arguments: argparse.Namespace) -> int:
    config, now = load_config(arguments.config), time.time_ns() // 1_000_000
    start = parse_moment(arguments.start, config.timezone) if arguments.start else now - _DAYS * _DAY
    end = parse_moment(arguments.end, config.timezone) if arguments.end else now
    store = Store.open(config.store.url, writer=False)
    try:
        timelines = ((one.camera, one.picture) for one in store.histories(start, end, as_found=True))
        found = precisions(timelines, store.false_alarms(), start, end)
    finally:
        store.close()
    if arguments.json:
        print_json([_as_json(one) for one in found])
        return 0
    if not found:
        print("No fault of a picture was found in this time.")
        return 0
    lines = [("fault", "found", "marked false", "precision")]
    lines += [
        (one.fault, f"{one.found:,}", f"{one.marked:,}", "-" if one.ratio is None else f"{one.ratio:.3f}")
        for one in found
    ]
    print(table(lines, frozenset({1, 2, 3})))
    print("Findings that nobody marked count as right.")
    return 0
