"""Has typst typeset in a process of its own: what it takes for a long document, hundreds of megabytes, it would
keep until the end."""

from __future__ import annotations

import json
import subprocess
import sys

from healthd.report.formats import FormatError
from healthd.report.typesetter import REFUSED

_LONGEST_SECONDS = 900.0


def typeset_apart(source: bytes, inputs: dict[str, str], ppi: float = 0.0) -> bytes:
    """The PDF of a typst document, or with `ppi` the PNG of its only page. `inputs`: what it reads from
    `sys.inputs`. Raises FormatError where typst refuses or does not come to an end."""
    command = [sys.executable, "-m", "healthd.report.typesetter"]
    asked = json.dumps({"source": source.decode(), "inputs": inputs, "ppi": ppi}).encode()
    try:
        done = subprocess.run(  # noqa: S603 (our own program)
            command, input=asked, capture_output=True, timeout=_LONGEST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FormatError(f"typesetting failed: {error}") from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == REFUSED:
        raise FormatError(f"typesetting failed: {said[-1] if said else 'no reason given'}")
    raise FormatError(f"typesetting ended with exit code {done.returncode}: is there enough memory?")
