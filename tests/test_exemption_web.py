"""Exemptions over HTTP: filed, listed, ended, refused, and shown to people."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from healthd.figures.exemption_desk import end_exemption, file_exemption
from healthd.model import Ending, EvidenceFile
from healthd.options.exemptions import ExemptionOptions
from healthd.setup import Setup, read_setup
from healthd.store import Batch, Store
from healthd.web.deps import WebSettings
from healthd.web.texts import TEXTS
from tests import pages
from tests.test_exemptions import exemption
from tests.web_kit import Site, serving, text_of

CONFIG = Path(__file__).parent.parent / "config"
HOUR = 3_600_000
SCOPE = "camera:cam-00001"
SAID = {
    "scope": SCOPE,
    "from": "2026-11-21T17:00",
    "to": "2026-11-22T17:00",
    "reason": "power_works",
    "approver": "王科长",
    "by": "值班员",
    "note": "变电站检修",
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose exemptions are in a real store, at the moment of the pages."""
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("rules", "grafana"))
    setup = read_setup(tmp_path / "config" / "healthd.yml")
    setup = Setup(setup.config, pages.inventory([pages.camera(1), pages.camera(2)]), ())
    store = Store.open(setup.config.store.url, writer=True)
    store.write(Batch(regions=[*setup.inventory.regions.values()], recorded=1))
    site = Site()
    site.filed = lambda said: file_exemption(store, setup, said, pages.AT)
    site.ended = lambda said: end_exemption(store, setup, said, pages.AT)
    site.read_exemptions = store.exemptions
    yield site
    store.close()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


async def post(client: ClientSession, path: str, document: object, status: int = 200) -> Any:
    async with client.post(
        f"/api/v1/exemptions{path}", json=document, headers={"Accept-Encoding": "identity"}
    ) as got:
        text = await got.text()
        assert got.status == status, text
        return json.loads(text)


async def listed(client: ClientSession, query: str = "") -> Any:
    return json.loads(await text_of(client, f"/api/v1/exemptions{query}"))


async def test_what_is_filed_over_http_is_listed_and_ended(client: ClientSession) -> None:
    """POST files a record and answers it; the list has it, alone by its id too; POST to its end ends it."""
    one = await post(client, "", SAID)
    key = one["exemption"]
    assert (one["scope"], one["from"], one["author"]) == (SCOPE, "2026-11-21T17:00:00+08:00", "值班员")
    assert (one["filed"], one["late"], one["reason"]) == ("2026-11-21T18:00:00+08:00", False, "power_works")
    [found] = await listed(client, "?open=1&region=320602")
    assert (found["exemption"], found["state"]) == (key, "in_force")
    assert json.loads(await text_of(client, f"/api/v1/exemptions/{key}")) == found
    assert await listed(client, "?region=320612") == await listed(client, "?state=over") == []
    ended = await post(
        client, f"/{key}/end", {"at": "2026-11-21T18:00", "approver": "李", "by": "b", "note": "完工"}
    )
    assert (ended["until"], ended["ended"]["note"]) == ("2026-11-21T18:00:00+08:00", "完工")
    assert await listed(client, "?open=1") == []
    assert [one["state"] for one in await listed(client)] == ["ended"]
    other = await post(client, "", {**SAID, "corrects": key, "to": "2026-11-21T19:00"})
    assert other["corrects"] == key


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "a JSON object"),
        ({}, "scope, to, reason, approver, by: missing"),
        ({**SAID, "until": "x"}, "'until': there are only scope, from"),
        ({**SAID, "late": "yes"}, "late: true or false, please"),
        ({**SAID, "note": 5}, "note: a text, please"),
        ({**SAID, "to": "2026-11-21T16:00"}, "lies before from"),
        ({**SAID, "from": "2026-11-01T00:00"}, "more than 72 h ago"),
        ({**SAID, "scope": "camera:x"}, "unknown camera"),
        ({**SAID, "scope": "region:3206"}, "covers every camera in service, 2 in all"),
        ({**SAID, "reason": "holiday"}, "is not one of the codes"),
        ({**SAID, "note": "n" * 3000}, "note: has 3,000 characters"),
        ({**SAID, "by": "\ud800"}, "by: holds control characters"),
        ({**SAID, "note": "n" * 20_000}, "the body is too large"),
    ],
)
async def test_what_cannot_be_filed_is_refused_in_a_sentence(
    client: ClientSession, document: object, says: str
) -> None:
    """Wrong fields and wrong exemptions are 400 with the remedy, and nothing is filed."""
    answer = await post(client, "", document, 400)
    assert says in answer["error"]
    assert await listed(client) == []


async def test_ending_what_is_not_there(client: ClientSession) -> None:
    """An unknown id is 404, an ending without an approver 400, on the list an unknown state or region 400."""
    assert "none of that id" in (await post(client, "/E0/end", {"approver": "a", "by": "b"}, 404))["error"]
    one = await post(client, "", SAID)
    assert "approver: missing" in (await post(client, f"/{one['exemption']}/end", {"by": "b"}, 400))["error"]
    await text_of(client, "/api/v1/exemptions/E0", 404)
    for query in ("state=odd", "region=9", "open=yes"):
        assert (
            query.partition("=")[0]
            in json.loads(await text_of(client, f"/api/v1/exemptions?{query}", 400))["error"]
        )


async def test_a_token_that_may_only_look_files_nothing(site: Site, client: ClientSession) -> None:
    """Where tokens are needed, filing needs one that may change something; a foreign page files nothing."""
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"
    site.settings = WebSettings(site.settings.timezone, {"wall": digest}, read_only=("wall",))
    async with client.post("/api/v1/exemptions", json=SAID) as answer:
        assert answer.status == 401
    async with client.post("/api/v1/exemptions", json=SAID, headers={"Authorization": "Bearer test"}) as answer:
        assert answer.status == 403
    site.settings = WebSettings(site.settings.timezone)
    async with client.post("/api/v1/exemptions", json=SAID, headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
    assert await listed(client) == []


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_page_shows_who_approved_what(site: Site, client: ClientSession, language: str) -> None:
    """Scope by name and place, times, reason, approver, note, evidence, lateness and state stand on the page in
    the reader's language, and every page leads there."""
    proof, words = EvidenceFile("停电<通知>.pdf", "ab" * 32, 5), TEXTS[language]
    current = exemption("E1", SCOPE, pages.AT - HOUR, pages.AT + HOUR, evidence=proof, note="修<路>", late=True)
    past = exemption("E2", "region:320602001", pages.AT - 9 * HOUR, pages.AT - HOUR)
    past = replace(past, ended=Ending("X", "E2", pages.AT - 5 * HOUR, "李", "b", 1, "完工"))
    gone = exemption("E3", "device:gone", pages.AT - 9 * HOUR, pages.AT - HOUR, corrected_by="E2")
    site.read_exemptions = lambda: [current, past, gone]
    text = await text_of(client, f"/exemptions?lang={language}")
    for shown in (
        "人民路与工农路口 1 号",
        "崇川区 · 城东街道",
        "王科长",
        "修&lt;路&gt;",
        "停电&lt;通知&gt;.pdf",
        words["exempt_late"],
        words["exempt_construction"],
        words["exempt_state_in_force"],
        words["exempt_state_ended"],
        words["exempt_state_corrected"],
        "完工",
        words["gone"],
        "2026-11-21 17:00",
    ):
        assert shown in text, shown
    assert text.index("E1") < text.index(words["exemptions_past"]) < text.index("E2")
    assert f'href="/exemptions?lang={language}"' in await text_of(client, f"/?lang={language}")
    site.read_exemptions = list
    empty = await text_of(client, f"/exemptions?lang={language}")
    assert words["exemptions_open_none"] in empty
    assert words["exemptions_past_none"] in empty


def test_the_rules_have_defaults() -> None:
    """Three days to file late, a year at the longest, files up to 10 MB."""
    options = ExemptionOptions()
    assert (options.back_dating, options.longest) == (3 * 86400, 366 * 86400)
    assert options.evidence_max_bytes == 10_000_000
