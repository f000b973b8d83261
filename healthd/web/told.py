"""What a command says of a period, over HTTP: word for word the same figures wherever they are read."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from healthd.child import Ended
from healthd.web.replies import refusal

_OPTION = re.compile(r"--(?=[a-z])")
_COMMAND = re.compile(r"^healthd( [a-z ]+)?: (error: )?")
_LONGEST = 200
PERIOD_TURN = web.AppKey("period_turn", asyncio.Lock)
"""One period at a time: each takes a process with the whole inventory in it."""


async def told_rows(
    request: web.Request, ask: Callable[[Sequence[str]], Awaitable[Ended]]
) -> list[dict[str, Any]]:
    """The JSON that the command answers, with the query as its options. Raises HTTPBadRequest with its complaint,
    HTTPServiceUnavailable where it takes too long."""
    arguments = [f"--{name}={_plain(name, value)}" for name, value in request.query.items()]
    async with request.app[PERIOD_TURN]:
        try:
            ended = await ask(arguments)
        except TimeoutError:
            raise refusal(web.HTTPServiceUnavailable, "this took too long; ask for less at a time") from None
    if ended.code:
        raise refusal(web.HTTPBadRequest, _sentence(ended.err))
    rows: list[dict[str, Any]] = json.loads(ended.out)
    return rows


def _plain(name: str, value: str) -> str:
    """A value that may stand in a command line. Raises HTTPBadRequest."""
    if not value.isprintable() or len(value) > _LONGEST:
        raise refusal(web.HTTPBadRequest, f"{name}: up to {_LONGEST} printable characters, please")
    return value


def _sentence(err: str) -> str:
    """The command's complaint, in the words of a query: its last line, without what is only said to a terminal."""
    lines = [line for line in err.splitlines() if line.strip()]
    said = lines[-1] if lines else "the command failed"
    return _OPTION.sub("", _COMMAND.sub("", said))
