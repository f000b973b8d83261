"""`healthd picture`: judge image files as the frame check would, and say why."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from healthd.commands.common import Commands, add_json, print_json
from healthd.problems import BadInput, Problem, Wrong

if TYPE_CHECKING:  # decoders are loaded when a picture is judged
    from probes.picture.context import Context
    from probes.picture.verdict import Verdict

_MAX_BYTES = 100_000_000  # the most that the frame check can be told to take
_LIGHTS = ("day", "night", "auto")


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "picture",
        help="judge image files",
        description="Judge image files one by one, as the frame check judges snapshots. What needs more than the "
        "picture (a reference, the one before, when it was taken) is not checked unless it is given.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JPEG, PNG or WebP")
    parser.add_argument("--reference", type=Path, metavar="FILE", help="a good picture of the same view")
    parser.add_argument("--previous", type=Path, metavar="FILE", help="the picture before: the same one is frozen")
    parser.add_argument("--light", default="auto", choices=_LIGHTS, help="when FILE was taken; default: auto")
    parser.add_argument("--expect", type=_size, metavar="WxH", help="the size that was promised, as in 1920x1080")
    parser.add_argument("--explain", type=Path, metavar="OUT.png", help="draw FILE with every measure beside it")
    add_json(parser)
    parser.set_defaults(work=_picture)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,5})[xX×]([1-9]\d{0,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f'"{text}" is not a size: write width x height, as in 1920x1080')
    return int(match[1]), int(match[2])


def _picture(arguments: argparse.Namespace) -> int:
    if arguments.explain and len(arguments.files) > 1:
        raise Wrong("--explain draws one FILE", "give one at a time")
    _check(arguments.files)
    context = _context(arguments)
    verdicts = [(file, _verdict(_read(file), context)) for file in arguments.files]
    if arguments.explain:
        _explain(_read(arguments.files[0]), context, arguments.explain)
    if arguments.json:
        print_json([_as_json(file, verdict) for file, verdict in verdicts])
    else:
        print("\n".join(_as_text(file, verdict) for file, verdict in verdicts))
    return 0


def _check(files: Sequence[Path]) -> None:
    """Before anything is judged: all that cannot be read is told at once."""
    problems = [problem for file in files if (problem := _unreadable(file))]
    if problems:
        raise BadInput(problems)


def _unreadable(file: Path) -> Problem | None:
    try:
        with file.open("rb"):
            return None
    except OSError as error:
        return Problem(str(file), None, "", error.strerror or str(error), "name a readable file")


def _read(file: Path) -> bytes:
    """One file at a time: there may be hundreds, and what is no snapshot may have no end."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(
            [Problem(str(file), None, "", error.strerror or str(error), "name a readable file")]
        ) from None
    if len(data) > _MAX_BYTES:
        raise BadInput([Problem(str(file), None, "", f"larger than {_MAX_BYTES:,} bytes", "name a snapshot")])
    return data


def _explain(data: bytes, context: Context, to: Path) -> None:
    from healthd.commands.picture_drawing import explain
    from probes.picture.decode import kind_of
    from probes.picture.judge import answers

    drawn = explain(data, answers(data, context) if kind_of(data) else {})
    try:
        to.write_bytes(drawn)
    except OSError as error:
        why = error.strerror or str(error)
        raise BadInput([Problem(str(to), None, "", why, "name a file that can be written")]) from None


def _context(arguments: argparse.Namespace) -> Context:
    from probes.picture.context import Context, Light
    from probes.picture.fingerprint import Lit, trusted
    from probes.picture.judge import judge

    context = Context(expect=arguments.expect, light=Light(arguments.light))
    if arguments.reference:
        data = _read(arguments.reference)
        judged = judge(data, Context())
        if judged.candidate is None:
            faults = ", ".join(judged.verdict.faults) or "too little is to be seen in it"
            raise Wrong(f"{arguments.reference}: no good reference: {faults}", "give a good picture of the view")
        vouched = trusted(judged.candidate)
        night = vouched.lit is Lit.NIGHT
        context = replace(context, night=vouched) if night else replace(context, day=vouched)
    if arguments.previous:
        data = _read(arguments.previous)
        earlier = judge(data, Context())
        if earlier.signature is None:
            raise Wrong(f"{arguments.previous}: not a whole picture", "give the picture before FILE")
        context = replace(context, previous=earlier.signature)
    return context


def _verdict(data: bytes, context: Context) -> Verdict | str:
    """The verdict, or why there is nothing to judge."""
    from probes.picture.decode import kind_of
    from probes.picture.judge import judge

    if kind_of(data) is None:
        return "not a JPEG, PNG or WebP" if data else "empty"
    return judge(data, context).verdict


def _as_json(file: Path, verdict: Verdict | str) -> dict[str, Any]:
    if isinstance(verdict, str):
        nothing = {"faults": [], "not_checked": [{"fault": "all", "why": verdict}], "width": None, "height": None}
        return {"file": str(file), "verdict": "unknown", **nothing}
    return {
        "file": str(file),
        "verdict": "faulty" if verdict.findings else "ok",
        "faults": [
            {"fault": str(one.fault), "value": one.value, "threshold": one.threshold} for one in verdict.findings
        ],
        "not_checked": [{"fault": str(one.fault), "why": one.why} for one in verdict.not_checked],
        "width": verdict.width,
        "height": verdict.height,
    }


def _as_text(file: Path, verdict: Verdict | str) -> str:
    if isinstance(verdict, str):
        return f"{file}: unknown: {verdict}"
    found = ", ".join(f"{one.fault} ({one.value:.3g}, threshold {one.threshold:.3g})" for one in verdict.findings)
    size = f"{verdict.width}x{verdict.height}" if verdict.width else "of unknown size"
    lines = [f"{file}: {'faulty: ' + found if found else 'ok'} ({size})"]
    lines += [f"  not checked: {one.fault}: {one.why}" for one in verdict.not_checked]
    return "\n".join(lines)
