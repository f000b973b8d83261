"""Exemptions over HTTP: filed, listed, ended, refused, and shown to people."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, MultipartWriter

from healthd.figures.exemption_desk import end_exemption, exemption_evidence, file_exemption
from healthd.model import Ending, EvidenceFile, ExemptReason
from healthd.options.exemptions import ExemptionOptions
from healthd.problems import Wrong
from healthd.setup import Setup, read_setup
from healthd.store import Batch, Store, StoreError
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
    site.filed = lambda said, evidence: file_exemption(store, setup, said, pages.AT, evidence)

    def read(exemption: str, by: str) -> tuple[EvidenceFile, bytes] | None:
        try:
            return exemption_evidence(store, exemption, by, pages.AT)
        except StoreError as error:
            raise Wrong(str(error)) from error

    site.read_evidence = read
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


async def send(client: ClientSession, *parts: tuple[str, bytes, str | None]) -> tuple[int, Any]:
    """POSTs an exemption in parts: (status, answer)."""
    form = MultipartWriter("form-data")
    for name, content, filename in parts:
        part = form.append(content)
        names: Any = {"name": name} if filename is None else {"name": name, "filename": filename}
        part.set_content_disposition("form-data", quote_fields=False, **names)  # as browsers and curl do
    async with client.post("/api/v1/exemptions", data=form, headers={"Accept-Encoding": "identity"}) as got:
        return got.status, json.loads(await got.text())


RECORD = ("exemption", json.dumps(SAID).encode(), None)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("停电通知.pdf", "停电通知.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\notices\\cut.doc", "cut.doc"),
        ("<script>.html", "<script>.html"),
        ("x" * 500 + ".pdf", "x" * 199 + "…"),
        ("..", "evidence"),
    ],
)
async def test_a_document_is_filed_and_read_as_it_was(
    client: ClientSession, tmp_path: Path, sent: str, kept: str
) -> None:
    """A document comes with the filing and is had again byte for byte, as a download and never as a page; its name
    is no path, and each reading is on the disk with the token that read it."""
    content = bytes(range(256)) * 400
    status, one = await send(client, RECORD, ("evidence", content, sent))
    assert (status, one["evidence"]["name"], one["evidence"]["size_bytes"]) == (200, kept, len(content))
    async with client.get(f"/api/v1/exemptions/{one['exemption']}/evidence") as got:
        assert (got.status, got.content_type, await got.read()) == (200, "application/octet-stream", content)
        assert got.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{quote(kept, safe='')}"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
    folder = tmp_path / "config" / "healthd.db.evidence"
    assert sorted(path.name for path in folder.iterdir()) == sorted([one["evidence"]["sha256"], "reads.jsonl"])
    [read] = map(json.loads, (folder / "reads.jsonl").read_text("utf-8").splitlines())
    assert (read["by"], read["sha256"], read["at"]) == ("nobody", one["evidence"]["sha256"], pages.AT)


async def test_documents_that_are_not_taken(site: Site, client: ClientSession, tmp_path: Path) -> None:
    """One that is too large is 413, an empty or a second one, an unknown part or none at all 400; nothing is filed
    or kept then."""
    site.settings = WebSettings(site.settings.timezone, evidence_max_bytes=1000)
    assert await send(client, RECORD, ("evidence", b"x" * 1001, "a")) == (
        413,
        {"error": "evidence: larger than 1,000 bytes"},
    )
    for parts, says in (
        ((RECORD, ("evidence", b"", "a")), "empty"),
        ((RECORD, ("evidence", b"x", "a"), ("evidence", b"y", "b")), "evidence: is there twice"),
        ((("evidence", b"x", "a"),), "the part with the JSON object is missing"),
        ((RECORD, ("other", b"x", None)), "there are only the parts exemption and evidence"),
        ((("exemption", b"{}", None),), "missing"),
    ):
        status, answer = await send(client, *parts)
        assert (status, says in answer["error"]) == (400, True), answer
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    about = b'--b\r\nContent-Disposition: form-data; name="evidence"; filename="a"\r\n'
    for body in (
        b"--c\r\nnothing",
        about + b"Content-Encoding: gzip\r\n\r\nbomb\r\n--b--\r\n",
        about + b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n",
        about + b"Content-Transfer-Encoding: odd\r\n\r\nAAAA\r\n--b--\r\n",
        about + b"\r\nnever ends",
    ):
        async with client.post("/api/v1/exemptions", data=body, headers=headers) as got:
            assert got.status == 400, body
    assert await listed(client) == []
    assert not (tmp_path / "config" / "healthd.db.evidence").exists()


async def test_who_reads_a_document(site: Site, client: ClientSession, tmp_path: Path) -> None:
    """A token that may only look reads none; an exemption without one is 404; one that was tampered with is told
    to nobody."""
    _, one = await send(client, RECORD, ("evidence", b"proof", "a.pdf"))
    path = f"/api/v1/exemptions/{one['exemption']}/evidence"
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"
    site.settings = WebSettings(site.settings.timezone, {"wall": digest}, read_only=("wall",))
    await text_of(client, path, 401)
    assert "may change something" in await text_of(client, path, 403, {"Authorization": "Bearer test"})
    site.settings = WebSettings(site.settings.timezone, {"duty": digest})
    assert await text_of(client, path, 200, {"Authorization": "Bearer test"}) == "proof"
    folder = tmp_path / "config" / "healthd.db.evidence"
    assert [json.loads(line)["by"] for line in (folder / "reads.jsonl").read_text().splitlines()] == ["duty"]
    site.settings = WebSettings(site.settings.timezone)
    bare = await post(client, "", {**SAID, "to": "2026-11-22T18:00"})
    await text_of(client, f"/api/v1/exemptions/{bare['exemption']}/evidence", 404)
    (folder / one["evidence"]["sha256"]).write_bytes(b"forged")
    assert "the log says why" in await text_of(client, path, 500)


@pytest.mark.parametrize(("language", "said"), [("zh", "已报备：计划停电、电力检修，至"), ("en", "Exempt until")])
async def test_a_camera_says_until_when_it_is_exempt(
    site: Site, client: ClientSession, language: str, said: str
) -> None:
    """The camera's page names the end, the reason and who approved it; another camera's page says nothing."""
    record = exemption("E1", SCOPE, pages.AT - HOUR, pages.AT + HOUR, note="修<路>")
    past = exemption("E2", SCOPE, pages.AT - 3 * HOUR, pages.AT - HOUR)
    site.read_exemptions = lambda: [replace(record, reason=ExemptReason.POWER_WORKS), past]
    text = await text_of(client, f"/cameras/cam-00001?lang={language}")
    for shown in (said, "2026-11-21 19:00", "王科长", "E1", "修&lt;路&gt;"):
        assert shown in text, shown
    assert "E2" not in text
    assert said not in await text_of(client, f"/cameras/cam-00002?lang={language}")


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
