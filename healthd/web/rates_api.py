"""`/api/v1/rates`: a live window out of memory, or any period out of the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from healthd.live import WINDOWS, Page
from healthd.model import CLASSES
from healthd.rates.pool import RATES
from healthd.web.deps import DEPS
from healthd.web.replies import answer, as_json, dump, known, only, refusal
from healthd.web.told import told_rows

_NARROWING = ("region", "class", "rate", "profile")
_PERIOD = ("month", "from", "to", "by", "camera", "version")


async def rates(request: web.Request) -> web.Response:
    """The rows of one live window by region, or of the period that `month`, `from` and `to` name."""
    query, deps = request.query, request.app[DEPS]
    only(query, ("window", *_NARROWING, *_PERIOD))
    if any(name in query for name in _PERIOD):
        return await _period(request)
    window = query.get("window", "now")
    known(window, WINDOWS, "window")
    if window not in deps.page().rows:
        raise refusal(web.HTTPServiceUnavailable, f"window={window}: still being computed, ask again in a moment")
    wanted = {name: query[name] for name in _NARROWING if name in query}
    _known_choices(wanted, deps.page(), window)
    zone = deps.settings().timezone
    return await answer(request, lambda page: window_rows(page, window, wanted, zone))


def _known_choices(wanted: Mapping[str, str], page: Page, window: str) -> None:
    """Raises HTTPBadRequest for a choice that no row could ever meet: nothing would read as 'no cameras'."""
    choices = {
        "region": page.inventory.regions,
        "class": ("all", *CLASSES),
        "rate": RATES,
        "profile": {row.profile for row in page.rows[window]},
    }
    for name, value in wanted.items():
        known(value, choices[name], name)


def window_rows(page: Page, window: str, wanted: Mapping[str, str], zone: ZoneInfo) -> list[dict[str, Any]]:
    """The window's rows by region, as JSON, each with how firm it is."""
    standing, version = page.firm.get(window, ("provisional", 0))
    return [
        {**row.as_json(zone), "standing": standing, "version": version}
        for row in page.rows.get(window, ())
        if wanted.get("region", row.key) == row.key
        and wanted.get("class", row.class_) == row.class_
        and wanted.get("rate", row.rate) == row.rate
        and wanted.get("profile", row.profile) == row.profile
    ]


async def _period(request: web.Request) -> web.Response:
    """What `healthd rates` says, word for word: the same figures wherever they are read."""
    query = request.query
    if "window" in query:
        raise refusal(web.HTTPBadRequest, "window: not together with a period")
    rows = await told_rows(request, request.app[DEPS].told)
    if "region" in query and query.get("by", "region") == "region":
        rows = [row for row in rows if row["key"] == query["region"]]
    return as_json(dump(rows))
