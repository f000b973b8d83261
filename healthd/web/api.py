"""`/api/v1`: regions and cameras as JSON. Refusals are `{"error": sentence}`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from healthd.live import CameraView, Page
from healthd.model import Moment, State
from healthd.web.deps import DEPS
from healthd.web.overview import STATES, bad_state
from healthd.web.replies import answer, as_json, dump, known, only, refusal, whole

_PAGE_SIZE = 1000
_MAX_PAGE_SIZE = 10_000
_MAX_OFFSET = 10_000_000
_STATES = sorted({state for states in STATES.values() for state in states} - {"unknown"})


async def regions(request: web.Request) -> web.Response:
    """All regions with the head count of everything below each."""
    only(request.query, ())
    return await answer(request, region_list)


async def cameras(request: web.Request) -> web.Response:
    """Cameras, `limit` at a time from `offset` on, of one `region`'s subtree, in one `state`."""
    query = request.query
    only(query, ("region", "state", "offset", "limit"))
    region, state = query.get("region", ""), query.get("state", "")
    known(region, {"", *request.app[DEPS].page().inventory.regions}, "region")
    known(state, ["", "bad", *_STATES], "state")
    offset = whole(query, "offset", 0, _MAX_OFFSET)
    limit = whole(query, "limit", _PAGE_SIZE, _MAX_PAGE_SIZE)
    return await answer(request, lambda page: camera_list(page, region, state, offset, limit))


async def camera(request: web.Request) -> web.Response:
    """One camera."""
    wanted = request.match_info["id"]
    for view in request.app[DEPS].page().cameras:
        if view.camera.id == wanted:
            return as_json(dump(camera_json(view)))
    raise refusal(web.HTTPNotFound, f"camera {wanted[:100]!r}: not in the inventory")


def region_list(page: Page) -> list[dict[str, Any]]:
    """Regions as JSON, in the inventory's order."""
    return [
        {
            "code": region.code,
            "name": region.name,
            "level": region.level,
            "parent": region.parent or None,
            "path": page.inventory.paths[region.code],
            "cameras": {
                axis: {state: page.heads.get((region.code, "all", axis, state), 0) for state in states}
                for axis, states in STATES.items()
            },
        }
        for region in page.inventory.regions.values()
    ]


def camera_list(page: Page, region: str, state: str, offset: int, limit: int) -> dict[str, Any]:
    """`{"total", "offset", "cameras"}`; `total` counts all that match. "" leaves region or state open."""
    paths = page.inventory.paths
    top = paths[region] if region else ""
    inside = {code for code, path in paths.items() if path.startswith(top)}
    found = [view for view in page.cameras if view.camera.placement.region in inside and _in_state(view, state)]
    return {"total": len(found), "offset": offset, "cameras": [*map(camera_json, found[offset : offset + limit])]}


def _in_state(view: CameraView, state: str) -> bool:
    match state:
        case "":
            return True
        case "bad":
            return bad_state(view) is not None
        case "exempt":
            return view.exempt
        case _:
            return state in (view.online, view.picture)


def camera_json(view: CameraView) -> dict[str, Any]:
    """One camera as JSON: what the inventory says, where it stands, what was last read. No credential."""
    camera, placement = view.camera, view.camera.placement
    return {
        "id": camera.id,
        "name": camera.name,
        "region": placement.region,
        "class": placement.class_,
        "lifecycle": placement.lifecycle,
        "address": camera.address,
        "channel": camera.channel,
        "unit": placement.unit or None,
        "maintainer": placement.maintainer or None,
        "upstream": placement.upstream or None,
        "upstream_port": camera.upstream_port or None,
        "longitude": camera.longitude,
        "latitude": camera.latitude,
        "address_text": camera.address_text or None,
        "vendor": view.vendor or camera.vendor or None,
        "model": view.model or camera.model or None,
        "firmware": view.firmware or None,
        "online": {"state": view.online, "since": _since(view.online, view.online_since)},
        "picture": {
            "state": view.picture,
            "since": _since(view.picture, view.picture_since),
            "faults": list(view.faults),
        },
        "reason": view.reason or None,
        "exempt": view.exempt,
        "rtt_seconds": view.rtt_seconds,
        "packet_loss_ratio": view.loss_ratio,
        "clock_offset_seconds": view.clock_offset_seconds,
        "reboots": view.reboots,
    }


def _since(state: State, since: Moment) -> str | None:
    return None if state is State.UNKNOWN else datetime.fromtimestamp(since / 1000, UTC).isoformat()
