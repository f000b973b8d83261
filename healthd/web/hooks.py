"""`POST /hooks/alertmanager/NAME`: Alertmanager's messages, for services that it does not speak to itself."""

from __future__ import annotations

import logging

from aiohttp import web

from healthd.web.auth import admitted_as
from healthd.web.deps import DEPS

log = logging.getLogger("healthd.web")

_MAX_BODY_BYTES = 4_000_000  # a hundred alerts with long texts are a tenth of it
_TOO_LARGE = 413


async def alertmanager(request: web.Request) -> web.Response:
    """200 when delivered, 202 when it will be tried on, 4xx when sending it again is pointless, else 503."""
    body = await _read(request)
    if body is None:
        return web.Response(status=_TOO_LARGE, text="The message is too large.\n")
    name = request.match_info["name"]
    status, sentence = await request.app[DEPS].hook(name, body)
    log.debug("message for a hook hook=%r token=%s status=%d", name[:64], admitted_as(request), status)
    return web.Response(status=status, text=f"{sentence}\n")


async def _read(request: web.Request) -> bytes | None:
    """The body, which may be larger than what people's forms send; None where it is too large."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            return None
    return bytes(body)
