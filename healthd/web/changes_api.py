"""`/api/v1/changes`: every lever that moved a denominator of a period, with its effect."""

from __future__ import annotations

from aiohttp import web

from healthd.web.deps import DEPS
from healthd.web.replies import as_json, dump, only
from healthd.web.told import told_rows


async def changes(request: web.Request) -> web.Response:
    """What `healthd changes` says of `month`, or `from` and `to`, narrowed by `region`."""
    only(request.query, ("month", "from", "to", "region"))
    return as_json(dump(await told_rows(request, request.app[DEPS].told_changes)))
