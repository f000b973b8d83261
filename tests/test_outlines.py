"""Where the regions are: hulls of their cameras, on the map and on the page that Prometheus reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from healthd.geometry import Point, hull_of
from healthd.model import Camera, Lifecycle, Region
from healthd.web.deps import WebSettings
from tests import pages
from tests.web_kit import Site, serving, text_of

PATH = "/api/v1/regions.geojson"


def at(number: int, point: Point | None, region: str = "320602001") -> Camera:
    longitude, latitude = point or (None, None)
    return replace(pages.camera(number, region), longitude=longitude, latitude=latitude)


def test_hull_of_a_square() -> None:
    """The corners remain, counter-clockwise; what lies inside, on an edge or twice on a corner does not."""
    corners = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
    assert hull_of([*corners, (1.0, 1.0), (1.0, 0.0), (2.0, 2.0)]) == corners


@pytest.mark.parametrize("points", [[], [(1.0, 2.0)], [(1.0, 2.0)] * 3, [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]])
def test_no_surface_no_polygon(points: list[Point]) -> None:
    """Points that make no surface have a hull of fewer than three corners."""
    assert len(hull_of(points)) < 3


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), max_size=40))
def test_hull_holds_every_point(points: list[tuple[int, int]]) -> None:
    """No point lies to the right of an edge of its hull, and every corner is one of the points."""
    hull = hull_of(points)
    assert set(hull) <= set(points)
    if len(hull) > 2:
        for (x1, y1), (x2, y2) in zip(hull, (*hull[1:], hull[0]), strict=True):
            assert all((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0 for x, y in points)


def test_places_cover_what_is_below() -> None:
    """A region's place is that of all cameras below it; none without coordinates, and no retired camera."""
    retired = at(5, (99.0, 9.0))
    retired = replace(retired, placement=replace(retired.placement, lifecycle=Lifecycle.RETIRED))
    cameras = [at(1, (120.0, 32.0)), at(2, (122.0, 32.0)), at(3, (121.0, 35.0), "320602002"), at(4, None), retired]
    places = pages.inventory([*cameras, at(6, None, "320612100")]).places
    assert set(places) == {"3206", "320602", "320602001", "320602002"}
    assert (places["3206"].points, places["3206"].longitude, places["3206"].latitude) == (3, 121.0, 33.0)
    assert places["3206"].hull == ((120.0, 32.0), (122.0, 32.0), (121.0, 35.0))
    assert len(places["320602001"].hull) == 2


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


async def test_map_for_a_dashboard(client: ClientSession) -> None:
    """GeoJSON that any origin may read: polygons closed, points where there is no surface, figures of now."""
    async with client.get(PATH, headers={"Accept-Encoding": "identity", "Origin": "http://grafana"}) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.content_type == "application/geo+json"
        mapped = json.loads(await response.text())
    assert (mapped["type"], mapped["datum"]) == ("FeatureCollection", "WGS-84")
    features = {feature["id"]: feature for feature in mapped["features"]}
    assert next(iter(features)) == "3206"
    ring = features["3206"]["geometry"]["coordinates"][0]
    assert features["3206"]["geometry"]["type"] == "Polygon"
    assert ring[0] == ring[-1]
    assert len(ring) > 3
    assert features["320612100"]["geometry"]["type"] == "Point"
    about = features["3206"]["properties"]
    assert (about["name"], about["online"], about["offline"]) == ("南通市", 5, 1)
    assert about["verdict_online"] == "insufficient"


async def test_map_of_one_level(client: ClientSession) -> None:
    """A level narrows the map; one that does not exist is refused by name."""
    mapped = json.loads(await text_of(client, f"{PATH}?level=county"))
    assert [feature["id"] for feature in mapped["features"]] == ["320602", "320612"]
    assert "level" in await text_of(client, f"{PATH}?level=village", 400)


async def test_map_survives_what_names_hold(site: Site, client: ClientSession) -> None:
    """Quotes, backslashes, commas and sixty Chinese characters come through as they are."""
    name = '"\\,' + "城" * 60
    regions = [Region("3206", name, "city"), Region("320602001", name, "county", "3206")]
    site.page = pages.page(pages.views()[:1], regions)
    mapped = json.loads(await text_of(client, PATH))
    assert {feature["properties"]["name"] for feature in mapped["features"]} == {name}


async def test_map_without_cameras_on_it(site: Site, client: ClientSession) -> None:
    """A fleet without coordinates is an empty map, no error."""
    bare = [replace(view, camera=at(number, None)) for number, view in enumerate(pages.views())]
    site.page = pages.page(bare)
    assert json.loads(await text_of(client, PATH))["features"] == []


async def test_map_and_tokens(site: Site, client: ClientSession) -> None:
    """With tokens the map wants one too, unless it is opened: then outlines come without figures."""
    digest = hashlib.sha256(b"secret").hexdigest()
    site.settings = WebSettings(ZoneInfo("UTC"), {"grafana": digest})
    await text_of(client, PATH, 401)
    site.settings = replace(site.settings, map_without_token=True)
    await text_of(client, "/api/v1/regions", 401)
    known = json.loads(await text_of(client, PATH, headers={"Authorization": "Bearer secret"}))
    stranger = json.loads(await text_of(client, PATH))
    assert [feature["geometry"] for feature in stranger["features"]] == [f["geometry"] for f in known["features"]]
    assert "online" in known["features"][0]["properties"]
    assert "online" not in stranger["features"][0]["properties"]
    assert "verdict_online" not in stranger["features"][0]["properties"]
