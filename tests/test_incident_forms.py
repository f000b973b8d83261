"""The forms on an incident's page, as a browser sends them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from healthd.incidents.evidence import clue
from tests import pages
from tests.web_kit import Site, serving, text_of

PAGE = "/incidents/i-2?lang=zh"


@pytest.fixture
def site() -> Site:
    """Three open incidents, and one that is closed."""
    made = Site(page=pages.troubled(pages.page(pages.views())))
    closed = replace(pages.incident("i-0", ["cam-00001"]), camera_ids=frozenset(), closed=pages.AT, verified=True)
    made.stored = {one.id: one for one in (*made.page.incidents, closed)}
    return made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


def key_in(html: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f]{64})"', html)
    assert found is not None
    return found[1]


async def send(client: ClientSession, path: str = PAGE, **fields: str) -> tuple[int, str, str]:
    """(status, where it leads, text); the key is that of the page unless given."""
    fields.setdefault("key", key_in(await text_of(client, PAGE)))
    request = client.post(path, data=fields, allow_redirects=False, headers={"Accept-Encoding": "identity"})
    async with request as response:
        return response.status, response.headers.get("Location", ""), await response.text()


@pytest.mark.parametrize(("act", "said"), [("acknowledge", "已受理。"), ("close", "复测通过，已办结。")])
async def test_form_acts_and_leads_back_to_the_page(
    act: str, said: str, site: Site, client: ClientSession
) -> None:
    """What the form says is done once, and the page that follows says so, also when it is loaded again."""
    status, where, _ = await send(client, act=act, by=" 王工 ", note="备件\r\n已到")
    assert (status, site.acts) == (303, [(act, "i-2", "王工", "备件\n已到")])
    assert said in await text_of(client, where)
    await text_of(client, where)
    assert len(site.acts) == 1


async def test_what_still_fails_stays_open_and_the_page_says_why(site: Site, client: ClientSession) -> None:
    """A refusal is 409 and the page itself, with the reason in the reader's language and the form to try again."""
    site.objection = clue("device_still_silent", device="2 号交换机")
    status, _, html = await send(client, act="close", by="王工")
    assert status == 409
    assert "未能办理：2 号交换机 仍无应答。" in html
    key_in(html)
    english = (await send(client, "/incidents/i-2?lang=en", act="close", by="Wang"))[2]
    assert "Not done: 2 号交换机 still does not answer." in english


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"key": "", "act": "close", "by": "a"}, 403),
        ({"key": "0" * 64, "act": "close", "by": "a"}, 403),
        ({"key": "密", "act": "close", "by": "a"}, 403),
        ({"act": "reopen", "by": "a"}, 400),
        ({"by": "a"}, 400),
        ({"act": "close", "by": " "}, 400),
        ({"act": "close", "by": "a\x00"}, 400),
        ({"act": "close", "by": "a", "note": "b" * 2001}, 400),
        ({"act": "close", "by": "a", "note": "b" * 20_000}, 413),
    ],
)
async def test_form_that_cannot_be_taken_does_nothing(
    fields: dict[str, str], status: int, site: Site, client: ClientSession
) -> None:
    """A foreign or forged form, an unknown act, no name, too long a note: refused, and nothing is done."""
    assert (await send(client, **fields))[0] == status
    assert site.acts == []


async def test_key_of_one_page_opens_no_other(site: Site, client: ClientSession) -> None:
    """The key of one incident's page is none for another's, and an unknown incident has none."""
    key = key_in(await text_of(client, "/incidents/i-1"))
    assert (await send(client, key=key, act="close", by="a"))[0] == 403
    assert (await send(client, "/incidents/i-9", act="close", by="a"))[0] == 404
    assert site.acts == []


async def test_closed_incident_has_no_form(site: Site, client: ClientSession) -> None:
    """A closed incident offers nothing to do, and a form that comes late is told so."""
    assert "<form" not in await text_of(client, "/incidents/i-0")
    key = key_in(await text_of(client, PAGE))
    site.page = replace(site.page, incidents=[])
    site.stored["i-2"] = replace(site.stored["i-2"], closed=pages.AT)
    status, _, html = await send(client, key=key, act="close", by="a")
    assert (status, site.acts) == (409, [])
    assert "该事件已办结" in html


async def test_foreign_page_is_refused_even_with_the_key(site: Site, client: ClientSession) -> None:
    """A browser that says the form was on a page of another site is not believed, whatever else it sends."""
    key = key_in(await text_of(client, PAGE))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        data = {"key": key, "act": "close", "by": "a"}
        async with client.post(PAGE, data=data, headers=headers) as response:
            assert response.status == 403
    assert site.acts == []


async def test_token_that_may_only_look_has_no_form_and_no_act(site: Site) -> None:
    """A read-only token sees the page without the form, and can change nothing: no form, no API, no reload."""
    tokens = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("ops", "wall")}
    site.settings = replace(site.settings, tokens=tokens, read_only=frozenset({"wall"}))
    async with serving(site) as plain:
        ops, wall = ({"Authorization": f"Bearer {name}", "Accept-Encoding": "identity"} for name in tokens)
        assert "<form" not in await text_of(plain, PAGE, headers=wall)
        key = key_in(await text_of(plain, PAGE, headers=ops))
        data = {"key": key, "act": "acknowledge", "by": "a"}
        for path in (PAGE, "/api/v1/incidents/i-2/close", "/-/reload"):
            async with plain.post(path, data=data, headers=wall) as response:
                assert response.status == 403
                assert "look" in await response.text()
        assert (site.acts, site.reloads) == ([], [])
        async with plain.post(PAGE, data=data, headers=ops, allow_redirects=False) as response:
            assert response.status == 303
