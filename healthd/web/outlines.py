"""`/api/v1/regions.geojson`: where the regions' cameras are, for the map of a dashboard.

A dashboard's page asks from another origin, and cannot send a token: any origin may read it, and where
`web.map_without_token` says so, it is open to whoever can reach healthd, without what is going on there now.
"""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs, web

from healthd.geometry import Place
from healthd.live import Page
from healthd.model import Region
from healthd.web.auth import admitted_as
from healthd.web.replies import answer, known

DATUM = "WGS-84"  # as the inventory's columns are described
_LEVELS = ("city", "county", "township")


async def regions_geojson(request: web.Request) -> web.Response:
    """A feature for each region that has cameras with coordinates; of one `level`, or all, outer ones first."""
    level = request.query.get("level", "")
    known(level, {"", *_LEVELS}, "level")
    if admitted_as(request) is None:
        response = await answer(request, lambda page: feature_collection(page, level, live=False), "open")
    else:
        response = await answer(request, lambda page: feature_collection(page, level, live=True))
    response.content_type = "application/geo+json"
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
    return response


def feature_collection(page: Page, level: str, *, live: bool) -> dict[str, Any]:
    """GeoJSON (RFC 7946): the hull of the cameras below each region, a point where they make no surface.

    `datum` is a member of ours: points of a map in another datum lie 100 to 700 m beside (GCJ-02). `live`: with
    head counts of now and the verdicts of the month, of the class `all` and the first profile.
    """
    inventory = page.inventory
    verdicts = _verdicts(page) if live else {}
    features = []
    for region in inventory.regions.values():
        place = inventory.places.get(region.code)
        if place is None or level not in ("", region.level):
            continue
        now = _heads(page, region.code) | verdicts.get(region.code, {}) if live else {}
        features.append(_feature(region, inventory.paths[region.code], place, now))
    features.sort(key=lambda feature: str(feature["properties"]["path"]).count("/"))
    return {"type": "FeatureCollection", "datum": DATUM, "features": features}


def _feature(region: Region, path: str, place: Place, now: dict[str, Any]) -> dict[str, Any]:
    about = {"code": region.code, "name": region.name, "level": region.level, "parent": region.parent or None}
    where = {"path": path, "located": place.points, "longitude": place.longitude, "latitude": place.latitude}
    return {"type": "Feature", "id": region.code, "geometry": _geometry(place), "properties": about | where | now}


def _geometry(place: Place) -> dict[str, Any]:
    if len(place.hull) < 3:
        return {"type": "Point", "coordinates": [place.longitude, place.latitude]}
    return {"type": "Polygon", "coordinates": [[[*corner] for corner in (*place.hull, place.hull[0])]]}


def _heads(page: Page, code: str) -> dict[str, Any]:
    states = ("online", "offline", "unknown", "exempt")
    return {state: page.heads.get((code, "all", "online", state), 0) for state in states}


def _verdicts(page: Page) -> dict[str, dict[str, Any]]:
    """region -> {"verdict_online", "verdict_intact", ...} of the month."""
    first = page.profiles[0].name if page.profiles else ""
    verdicts: dict[str, dict[str, Any]] = {}
    for row in page.rows.get("month", ()):
        if row.class_ == "all" and row.profile == first:
            verdicts.setdefault(row.key, {})[f"verdict_{row.rate}"] = row.verdict
    return verdicts
