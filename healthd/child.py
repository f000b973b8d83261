"""Commands of our own, run below everything else in a process of their own.

A fleet's figures take seconds of CPU, its report a minute: in the daemon's process they would hold up the loop,
thread or not.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

NICE = 15


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: bytes
    err: str


async def run_command(arguments: Sequence[str], *, longest_seconds: float, nice: int = NICE) -> Ended:
    """`healthd ARGUMENTS`, `nice` steps below this process. Raises TimeoutError when it took too long; however it
    ends, the process does not stay."""
    process = await asyncio.create_subprocess_exec(
        *_gently(nice), sys.executable, "-m", "healthd", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(longest_seconds):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return Ended(process.returncode or 0, out, err.decode("utf-8", "replace"))


def _gently(niceness: int) -> list[str]:
    nice = shutil.which("nice") if niceness else None
    return [nice, "-n", str(niceness)] if nice else []
