"""The page that lists exemptions, in force and planned ones first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from healthd.filings.exemptions import standing
from healthd.live import Page
from healthd.model import Exemption, Inventory, Moment, ScopeKind
from healthd.web.deps import DEPS, VIEWS
from healthd.web.html import Reader, as_html, html, reader_of
from healthd.web.incident_view import place_of

MAX_SHOWN = 300
"""Exemptions listed in each of the two tables."""
_OPEN = ("in_force", "planned")


@dataclass(frozen=True, slots=True)
class Row:
    """An exemption as listed. `place`: region names from below the root; "" as name where the inventory knows
    none of that id (any more)."""

    one: Exemption
    state: str
    name: str
    place: Sequence[str]


async def page(request: web.Request) -> web.Response:
    """`/exemptions[?lang=zh|en]`."""
    deps, reader = request.app[DEPS], reader_of(request)
    found = await asyncio.to_thread(lambda: [*deps.exemptions()])
    key = ("exemptions", reader, len(found), sum(1 for one in found if one.ended or one.corrected_by))
    return as_html(await request.app[VIEWS].get(key, lambda: partial(render, deps.page(), found, reader)), reader)


def render(shown: Page, found: Sequence[Exemption], reader: Reader) -> bytes:
    """The page's HTML, in UTF-8."""
    rows = [_row(one, shown.inventory, shown.at) for one in found]
    current = sorted((row for row in rows if row.state in _OPEN), key=lambda row: (row.one.start, row.one.id))
    past = sorted((row for row in rows if row.state not in _OPEN), key=lambda row: (-row.one.until, row.one.id))
    tables: Mapping[str, Sequence[Row]] = {"exemptions_open": current, "exemptions_past": past}
    return html(
        "exemptions.html",
        shown,
        reader,
        tables={title: (rows[:MAX_SHOWN], len(rows)) for title, rows in tables.items()},
        other="/exemptions?lang=" + ("en" if reader.language == "zh" else "zh"),
    )


def _row(one: Exemption, inventory: Inventory, now: Moment) -> Row:
    state, key = standing(one, now), one.scope.key
    if one.scope.kind is ScopeKind.CAMERA and key in inventory.cameras:
        camera = inventory.cameras[key]
        return Row(one, state, camera.name, place_of(inventory, camera.placement.region))
    if one.scope.kind is ScopeKind.DEVICE and key in inventory.devices:
        device = inventory.devices[key]
        return Row(one, state, device.name, place_of(inventory, device.region))
    if one.scope.kind is ScopeKind.REGION and key in inventory.regions:
        region = inventory.regions[key]
        return Row(one, state, region.name, place_of(inventory, region.parent) if region.parent else [])
    return Row(one, state, "", [])
