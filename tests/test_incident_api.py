"""Incidents over HTTP: the list, the feed, and what an operator may do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

from healthd.incidents.evidence import clue
from healthd.incidents.incident import Happening, What
from tests import pages
from tests.web_kit import Site, serving, text_of

HOUR = pages.HOUR
PATH = "/api/v1/incidents"


@pytest.fixture
def site() -> Site:
    """Three open incidents, and one that was closed two hours ago."""
    made = Site(page=pages.troubled(pages.page(pages.views())))
    made.stored = {one.id: one for one in made.page.incidents}
    made.stored["i-0"] = replace(
        pages.incident("i-0", ["cam-00001"], since=pages.AT - 9 * HOUR, opened=pages.AT - 9 * HOUR),
        camera_ids=frozenset(),
        closed=pages.AT - 2 * HOUR,
        verified=True,
    )
    return made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


async def json_of(client: ClientSession, path: str, status: int = 200) -> Any:
    return json.loads(await text_of(client, path, status))


async def post(client: ClientSession, path: str, body: bytes | dict[str, Any]) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(path, data=data, headers={"Accept-Encoding": "identity"}) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["i-2", "i-1", "i-3", "i-0"]),
        ("?open=1", ["i-2", "i-1", "i-3"]),
        ("?open=0", ["i-0"]),
        ("?open=0&days=0", []),
        ("?region=3206&open=1", ["i-2", "i-1", "i-3"]),
        ("?region=320612", ["i-1", "i-3"]),
        ("?maintainer=", ["i-3"]),
        ("?maintainer=m1&region=320602", ["i-2", "i-0"]),
        ("?kind=picture", ["i-1"]),
        ("?cause=power", ["i-2"]),
        ("?cause=clock", []),
    ],
)
async def test_list_is_narrowed(query: str, ids: list[str], client: ClientSession) -> None:
    """The most cameras come first, closed ones last; region, maintainer, kind, cause and open narrow the list."""
    assert [one["incident"] for one in await json_of(client, PATH + query)] == ids


@pytest.mark.parametrize("path", ["?open=1&lang=zh", "/i-2?lang=zh"])
async def test_evidence_in_chinese(path: str, client: ClientSession) -> None:
    """The evidence's sentences come in the language that is asked for, in a list and of one incident."""
    found = await json_of(client, PATH + path)
    one = found[0] if isinstance(found, list) else found
    assert one["evidence"][0] == "sw-1 及其下 2 台摄像机均无应答"


@pytest.mark.parametrize(
    "query",
    [
        "lang=fr",
        "lang=fr&since=1",
        "open=yes",
        "region=9",
        "kind=odd",
        "cause=moon",
        "days=-1",
        "since=-1",
        "since=x",
        "limit=0&since=1",
    ],
)
async def test_list_refuses_in_json(query: str, client: ClientSession) -> None:
    """A filter that cannot be read is a 400 that names it, never a list of something else."""
    answer = await json_of(client, f"{PATH}?{query}", 400)
    assert answer["error"].startswith(query.partition("=")[0])


async def test_one_incident_by_id(client: ClientSession) -> None:
    """Open ones as pages show them, closed ones out of the store, and 404 for any other id."""
    assert (await json_of(client, f"{PATH}/i-2"))["acknowledged"]["by"] == "王工"
    closed = await json_of(client, f"{PATH}/i-0")
    assert (closed["closed"], closed["verified"]) == ("2026-11-21T08:00:00.000+00:00", True)
    for wrong in ("i-9", "%00", "%ff", "..%2Fi-2", "%3Cscript%3E"):
        assert "there is none" in (await json_of(client, f"{PATH}/{wrong}", 404))["error"]


async def test_feed_is_followed_without_loss(site: Site, client: ClientSession) -> None:
    """Who goes on with `next` reads every entry once and in order, gaps in the numbers or not."""
    one = pages.incident("i-1", ["cam-00001"], due=pages.AT - HOUR)
    site.happenings = [
        (seq, Happening(pages.AT - 2 * HOUR + seq, What.GROWN, one, f"step {seq}")) for seq in (1, 2, 5, 6, 9)
    ]
    read, since = [], 0
    while True:
        answer = await json_of(client, f"{PATH}?since={since}&limit=2")
        if not answer["feed"]:
            break
        read += [entry["seq"] for entry in answer["feed"]]
        since = answer["next"]
    assert (read, since, answer["next"]) == ([1, 2, 5, 6, 9], 9, 9)
    entry = (await json_of(client, f"{PATH}?since=6"))["feed"][0]
    assert (entry["at"], entry["what"], entry["detail"]) == ("2026-11-21T08:00:00.009+00:00", "grown", "step 9")
    assert entry["incident"]["overdue"] is False  # as of then: it is now


async def test_feed_takes_no_filter(client: ClientSession) -> None:
    """A filter beside `since` is refused: who believed in it would miss what it does not apply to."""
    assert "region" in (await json_of(client, f"{PATH}?since=0&region=3206", 400))["error"]


@pytest.mark.parametrize(("act", "done"), [("acknowledge", "acknowledged"), ("close", "closed")])
async def test_operator_acts(act: str, done: str, site: Site, client: ClientSession) -> None:
    """Who acts is told on, trimmed, with the note; what is wrong comes back as 409 in its own sentence."""
    answer = await post(client, f"{PATH}/i-2/{act}", {"by": " 王工 ", "note": "备件\n已到"})
    assert answer == (200, {"incident": "i-2", "done": done})
    assert site.acts == [(act, "i-2", "王工", "备件\n已到")]
    site.objection = clue("device_still_silent", device="sw-1")
    assert await post(client, f"{PATH}/i-2/{act}", {"by": "a"}) == (409, {"error": "sw-1 still does not answer"})


@pytest.mark.parametrize("act", ["acknowledge", "close"])
async def test_only_open_incidents_can_be_acted_on(act: str, site: Site, client: ClientSession) -> None:
    """An unknown incident is 404, a closed one 409, and nothing is done."""
    assert (await post(client, f"{PATH}/i-9/{act}", {"by": "a"}))[0] == 404
    status, answer = await post(client, f"{PATH}/i-0/{act}", {"by": "a"})
    assert (status, answer["error"]) == (409, "incident i-0: closed already")
    assert site.acts == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 10_000,
        b'{"by": ' + b"1" * 5000 + b"}",
        b"[]",
        b"x" * 100_000,
        {},
        {"by": ""},
        {"by": " \u3000"},
        {"by": 7},
        {"by": "a" * 101},
        {"by": "a\nb"},
        {"by": "a\x00"},
        {"by": "\ud800"},
        {"by": "a", "note": ["b"]},
        {"by": "a", "note": "\x1b[2J"},
        {"by": "a", "note": "b" * 2001},
        {"by": "a", "why": "b"},
    ],
)
async def test_bad_bodies_are_refused(body: bytes | dict[str, Any], site: Site, client: ClientSession) -> None:
    """Whatever is not a name and a note is a 400 with a sentence, and nothing is done."""
    for act in ("acknowledge", "close"):
        status, answer = await post(client, f"{PATH}/i-2/{act}", body)
        assert (status, [*answer]) == (400, ["error"])
    assert site.acts == []


async def test_foreign_page_cannot_act(site: Site, client: ClientSession) -> None:
    """A page of another site that makes a browser post is refused."""
    async with client.post(f"{PATH}/i-2/close", json={"by": "a"}, headers={"Origin": "https://evil"}) as response:
        assert response.status == 403
    assert site.acts == []
