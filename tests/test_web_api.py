"""The JSON API and its description."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from importlib import resources

import pytest
from aiohttp import ClientSession

from healthd.child import Ended
from healthd.folding.disagreements import Discord
from healthd.incidents.incident import Cause, CountsFor, Happening, Kind, What
from healthd.model import ExemptReason
from healthd.web.server import make_app
from tests import pages
from tests.test_exemptions import exemption
from tests.web_kit import Site, serving, text_of


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


async def json_of(client: ClientSession, path: str, status: int = 200) -> object:
    return json.loads(await text_of(client, path, status))


async def test_regions_as_json(client: ClientSession) -> None:
    """Each region comes with its place in the tree and its head count."""
    regions = await json_of(client, "/api/v1/regions")
    assert isinstance(regions, list)
    assert [region["code"] for region in regions][:2] == ["3206", "320602"]
    assert regions[1]["path"] == "/3206/320602/"
    assert regions[0]["cameras"]["online"] == {"online": 5, "offline": 1, "unknown": 1, "exempt": 1}


async def test_cameras_as_json(client: ClientSession) -> None:
    """Cameras can be narrowed and read in parts; the total tells how many there are."""
    answer = await json_of(client, "/api/v1/cameras?state=bad&limit=2")
    assert isinstance(answer, dict)
    assert (answer["total"], [camera["id"] for camera in answer["cameras"]]) == (3, ["cam-00004", "cam-00005"])
    answer = await json_of(client, "/api/v1/cameras?region=320612&offset=1")
    assert isinstance(answer, dict)
    assert (answer["total"], [camera["id"] for camera in answer["cameras"]]) == (2, ["cam-00006"])


async def test_one_camera_as_json(client: ClientSession) -> None:
    """One camera shows where it stands, since when and why; an unknown id is 404 with a sentence."""
    camera = await json_of(client, "/api/v1/cameras/cam-00004")
    assert isinstance(camera, dict)
    assert camera["online"] == {"state": "offline", "since": "2026-11-18T07:00:00+00:00"}
    assert camera["picture"] == {"state": "unknown", "since": None, "faults": []}
    assert camera["reason"] == "timeout"
    assert "cam-9" in str(await json_of(client, "/api/v1/cameras/cam-9", 404))


async def test_rates_as_json(site: Site, client: ClientSession) -> None:
    """Rows carry the public names; a window that is not ready is 503, one that does not exist 400."""
    path = "/api/v1/rates?window=month&region=3206&class=all&rate=online"
    rows = await json_of(client, path)
    assert isinstance(rows, list)
    assert [(row["key"], row["class"], row["rate"], row["verdict"]) for row in rows] == [
        ("3206", "all", "online", "insufficient")
    ]
    assert rows[0]["assessed_seconds"] == rows[0]["good_seconds"] * 6 / 5
    assert "computed" in str(await json_of(client, "/api/v1/rates?window=today", 503))
    assert "decade" in str(await json_of(client, "/api/v1/rates?window=decade", 400))


async def test_rates_of_a_period_are_what_the_command_says(site: Site, client: ClientSession) -> None:
    """A period is asked of `healthd rates` with the same words; its complaint is passed on without its dashes."""
    site.ended_rates = Ended(0, b'[{"key": "3206"}, {"key": "320602"}]', "")
    assert await json_of(client, "/api/v1/rates?month=2026-10&region=3206&class=1") == [{"key": "3206"}]
    assert await json_of(client, "/api/v1/rates?from=2026-10-01&by=unit&region=3206") == [
        {"key": "3206"},
        {"key": "320602"},
    ]
    assert site.told == [
        ["--month=2026-10", "--region=3206", "--class=1"],
        ["--from=2026-10-01", "--by=unit", "--region=3206"],
    ]
    site.ended_rates = Ended(1, b"", "which period? (give --month YYYY-MM, or --from T and perhaps --to T)\n")
    assert await json_of(client, "/api/v1/rates?to=2026-10-01", 400) == {
        "error": "which period? (give month YYYY-MM, or from T and perhaps to T)"
    }


@pytest.mark.parametrize(
    "query",
    [
        "region=9",
        "class=7",
        "rate=on",
        "profile=x",
        "window=",
        "mouth=2026-10",
        "window=now&month=2026-10",
        "by=%0A",
    ],
)
async def test_rates_refuse_what_would_answer_another_question(
    query: str, site: Site, client: ClientSession
) -> None:
    """A misspelt parameter or a choice that does not exist is refused, never passed over."""
    answer = await json_of(client, f"/api/v1/rates?{query}", 400)
    assert isinstance(answer, dict)
    assert answer["error"].startswith(query.partition("=")[0])
    assert not site.told


@pytest.mark.parametrize(
    "path", ["regions", "cameras", "incidents", "incidents?since=0", "findings", "exemptions"]
)
async def test_lists_refuse_what_they_do_not_know(path: str, client: ClientSession) -> None:
    """No list answers as if a parameter of another name had not been there."""
    answer = await json_of(client, f"/api/v1/{path}{'&' if '?' in path else '?'}regoin=1", 400)
    assert isinstance(answer, dict)
    assert answer["error"].startswith("regoin: no such parameter")


@pytest.mark.parametrize("query", ["region=9", "state=cold", "limit=-1", "limit=99999", "offset=x", "limit=１"])
async def test_api_refuses_in_json(query: str, client: ClientSession) -> None:
    """What can't be read is a 400 whose JSON says which parameter."""
    answer = await json_of(client, f"/api/v1/cameras?{query}", 400)
    assert isinstance(answer, dict)
    assert answer["error"].startswith(query.partition("=")[0])


async def test_openapi_describes_what_is_served(site: Site, client: ClientSession) -> None:
    """Every API route is in the description, method for method, with exactly the fields that are answered."""
    site.page = pages.troubled(site.page)
    site.exemptions = [exemption("E1", "camera:cam-00001", pages.AT - 5, pages.AT + 5)]
    site.happenings = [(1, Happening(pages.AT, What.OPENED, pages.incident("i-1", ["cam-00001"])))]
    described = json.loads(await text_of(client, "/openapi.json"))
    served = {
        (route.resource.canonical, route.method.lower())
        for route in make_app(Site().deps()).router.routes()
        if route.resource and route.resource.canonical.startswith("/api/") and route.method != "HEAD"
    }
    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == served
    schemas = described["components"]["schemas"]
    feed = await json_of(client, "/api/v1/incidents?since=0")
    found = await json_of(client, "/api/v1/findings")
    assert isinstance(found, dict)
    mapped = await json_of(client, "/api/v1/regions.geojson")
    assert isinstance(feed, dict)
    assert isinstance(mapped, dict)
    properties = schemas["MapRegion"]["properties"]["properties"]
    assert set(mapped["features"][0]["properties"]) == set(properties["properties"])
    answers = {
        "Region": await json_of(client, "/api/v1/regions"),
        "Camera": [await json_of(client, "/api/v1/cameras/cam-00001")],
        "Row": await json_of(client, "/api/v1/rates"),
        "Incident": await json_of(client, "/api/v1/incidents"),
        "Feed": [feed],
        "Happening": feed["feed"],
        "Findings": [found],
        "Finding": found["findings"],
        "Exemption": await json_of(client, "/api/v1/exemptions"),
        "Map": [mapped],
        "MapRegion": mapped["features"],
    }
    for name, answer in answers.items():
        assert isinstance(answer, list)
        assert set(answer[0]) == set(schemas[name]["properties"]) == set(schemas[name]["required"])
    words = {"ExemptReason": ExemptReason, "Kind": Kind, "Cause": Cause, "FindingKind": Discord}
    assert {name: schemas[name]["enum"] for name in words} == {name: [*each] for name, each in words.items()}
    assert schemas["Happening"]["properties"]["what"]["enum"] == [*What]
    assert schemas["Incident"]["properties"]["counts_for"]["enum"] == [*CountsFor]


def test_openapi_refers_to_what_is_there() -> None:
    """No reference in the description leads nowhere."""
    text = resources.files("healthd.web").joinpath("static", "openapi.json").read_text("utf-8")
    described = json.loads(text)
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', text):
        found = described
        for step in reference.split("/"):
            found = found[step]


def test_static_files_travel_with_the_package() -> None:
    """Templates and style are found through the package, wherever it is installed."""
    root = resources.files("healthd.web")
    assert all(root.joinpath(path).is_file() for path in ("templates/base.html", "static/style.css"))
