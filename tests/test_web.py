"""What a browser, a scraper and a script get over HTTP."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
from aiohttp import ClientSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from healthd.exposition import Format
from healthd.model import Camera, Device
from healthd.web.auth import presented_token, token_name
from probes.base import Reason, Result
from tests.web_kit import Site, serving, text_of

TOKEN = "correct horse battery staple"
TOKENS = {"grafana": hashlib.sha256(TOKEN.encode()).hexdigest()}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATHS = [
    "/",
    "/metrics",
    "/metrics/cameras?region=3206",
    "/probe?target=127.0.0.1&check=ping",
    "/api/v1/regions",
    "/api/v1/cameras",
    "/api/v1/rates",
    "/openapi.json",
    "/style.css",
    "/nothing-here",
]


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


# --- who may come in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
async def test_token_guards_everything_but_health(path: str, site: Site, client: ClientSession) -> None:
    """With tokens configured nothing but the health paths answers without one, not even that a page is missing."""
    site.settings = replace(site.settings, tokens=TOKENS)
    async with client.get(path) as response:
        assert response.status == 401
        assert [value.split()[0] for value in response.headers.getall("WWW-Authenticate")] == ["Bearer", "Basic"]
    async with client.get(path, headers=BEARER) as response:
        assert response.status != 401
    assert site.asked == [] or path.startswith("/probe")


async def test_health_paths_are_open(site: Site, client: ClientSession) -> None:
    """A load balancer needs no token, and learns nothing but a sentence."""
    site.settings, site.unready = replace(site.settings, tokens=TOKENS), "3 cameras were not asked yet"
    assert await text_of(client, "/-/healthy") == "healthd is healthy.\n"
    assert await text_of(client, "/-/ready", 503) == "3 cameras were not asked yet\n"
    site.unready = ""
    assert await text_of(client, "/-/ready") == "healthd is ready.\n"


async def test_token_opens_the_page_as_a_password(site: Site, client: ClientSession) -> None:
    """A person types the token into the browser's password box; any user name will do."""
    site.settings = replace(site.settings, tokens=TOKENS)
    login = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    assert "<table" in await text_of(client, "/", headers={"Authorization": f"Basic {login}"})
    wrong = base64.b64encode(b"anybody:wrong").decode()
    await text_of(client, "/", 401, {"Authorization": f"Basic {wrong}"})


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic OmFiYw==", "abc"),
        ("Basic dTphOmI=", "a:b"),
        ("Basic ???", None),
        ("Basic /w==", None),
        ("Digest abc", None),
        ("", None),
    ],
)
def test_reading_the_authorization_header(header: str, token: str | None) -> None:
    """Both schemes are read; whatever else comes is no token, and no error."""
    assert presented_token(header) == token


def test_only_the_whole_token_counts() -> None:
    """Neither the hash itself, nor a part of the token, nor nothing opens the door."""
    assert token_name(TOKENS, TOKEN) == "grafana"
    for wrong in ("", TOKEN[:-1], TOKEN + " ", TOKENS["grafana"], "\udcff"):
        assert token_name(TOKENS, wrong) is None


async def test_security_headers_are_on_every_answer(client: ClientSession) -> None:
    """Pages, errors and refusals alike forbid foreign content, sniffing, and referrers to others."""
    for path in (*PATHS, "/-/healthy"):
        async with client.get(path) as response:
            assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert response.headers["Server"] == "healthd"


# --- reload --------------------------------------------------------------------------------------------------


async def test_reload_says_what_is_wrong(site: Site, client: ClientSession) -> None:
    """A good reload answers 200, a refused one 400 with every problem; force is passed on only when asked for."""
    async with client.post("/-/reload") as response:
        assert (response.status, await response.text()) == (200, "Reloaded.\n")
    site.problems = ["healthd.yml:3: sites: unknown key", "cameras.csv:14: region: unknown"]
    async with client.post("/-/reload?force=1") as response:
        text = await response.text()
        assert response.status == 400
        assert all(problem in text for problem in site.problems)
    assert site.reloads == [False, True]


async def test_reload_is_a_post_from_here(site: Site, client: ClientSession) -> None:
    """A link cannot reload, nor can a page of another site that a signed-in browser happens to show."""
    await text_of(client, "/-/reload", 405)
    foreign = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
    for headers in foreign:
        async with client.post("/-/reload", headers=headers) as response:
            assert response.status == 403
    async with client.post(
        "/-/reload", headers={"Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    ) as response:
        assert response.status == 200
    assert site.reloads == [False]


async def test_log_names_who_reloaded(site: Site, client: ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells whose token reloaded, and never the token."""
    caplog.set_level("INFO")
    site.settings = replace(site.settings, tokens=TOKENS)
    async with client.post("/-/reload", headers=BEARER) as response:
        assert response.status == 200
    assert "reload asked for token=grafana force=False problems=0" in caplog.text
    assert TOKEN not in caplog.text


# --- metrics -------------------------------------------------------------------------------------------------


async def test_metrics_speak_both_formats_and_gzip(client: ClientSession) -> None:
    """The answer's format and encoding follow what the scraper accepts."""
    async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as response:
        assert response.headers["Content-Type"] == Format.TEXT.value
        assert "Content-Encoding" not in response.headers
        plain = await response.read()
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    async with client.get("/metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Type"] == Format.OPENMETRICS.value
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await response.read()) == plain


async def test_scrapes_share_one_rendering(site: Site, client: ClientSession) -> None:
    """Ten scrapers at once cost one rendering, off the event loop, and the health path answers meanwhile."""
    rendered, loop_thread = [], threading.get_ident()

    def render() -> bytes:
        rendered.append(threading.get_ident())
        time.sleep(0.3)
        return b"healthd_ready 1\n"

    site.metrics_text = render
    scrapes = [asyncio.create_task(text_of(client, "/metrics")) for _ in range(10)]
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await text_of(client, "/-/healthy")
    assert time.monotonic() - began < 0.15
    assert {await scrape for scrape in scrapes} == {"healthd_ready 1\n"}
    assert len(rendered) == 1
    assert rendered[0] != loop_thread


async def test_page_is_fresh_after_a_second(site: Site, client: ClientSession) -> None:
    """Within a second the same page is served again; after it a new one."""
    bodies: Iterator[bytes] = (f"healthd_ready {number}\n".encode() for number in range(9))
    site.metrics_text = bodies.__next__
    assert [await text_of(client, "/metrics") for _ in range(2)] == ["healthd_ready 0\n"] * 2
    await asyncio.sleep(1.1)
    assert await text_of(client, "/metrics") == "healthd_ready 1\n"


async def test_failed_rendering_is_not_kept(site: Site, client: ClientSession) -> None:
    """A rendering that fails costs that scrape; the next one is made anew."""

    def fail() -> bytes:
        raise ArithmeticError

    site.metrics_text = fail
    await text_of(client, "/metrics", 500)
    site.metrics_text = lambda: b"healthd_ready 1\n"
    assert await text_of(client, "/metrics") == "healthd_ready 1\n"


async def test_camera_metrics_name_a_region(client: ClientSession) -> None:
    """One subtree by its code; without a code or with an unknown one a sentence says what to do."""
    assert await text_of(client, "/metrics/cameras?region=320602") == "TEXT 320602\n"
    assert "region=CODE" in await text_of(client, "/metrics/cameras", 400)
    assert "999" in await text_of(client, "/metrics/cameras?region=999", 404)


# --- probe ---------------------------------------------------------------------------------------------------


async def test_probe_asks_the_inventory_with_its_own_credential(site: Site, client: ClientSession) -> None:
    """A camera or device, by address or id, is handed over as itself, so that its own credential is used."""
    for target in ("127.1.0.1", "cam-00001", "127.0.1.2", "sw-2"):
        await text_of(client, f"/probe?target={target}&check=onvif")
    subjects = [subject for subject, _ in site.asked]
    assert [type(subject) for subject in subjects] == [Camera, Camera, Device, Device]
    assert [subject.id for subject in subjects if not isinstance(subject, str)] == [
        "cam-00001",
        "cam-00001",
        "sw-2",
        "sw-2",
    ]


async def test_probe_of_strangers_stays_inside_the_networks(site: Site, client: ClientSession) -> None:
    """A foreign address is asked only inside the configured networks, and as a bare address: no credential."""
    site.settings = replace(site.settings, probe_networks=(ip_network("127.9.0.0/16"), ip_network("fd00::/8")))
    for inside in ("127.9.0.1", "::ffff:127.9.0.2", "FD00::0:1"):
        await text_of(client, f"/probe?target={inside}&check=ping")
    assert [subject for subject, _ in site.asked] == ["127.9.0.1", "127.9.0.2", "fd00::1"]
    for outside in ("127.8.0.1", "::ffff:127.8.0.1", "::1"):
        assert "127.9.0.0/16" in await text_of(client, f"/probe?target={outside}&check=ping", 403)
    site.settings = replace(site.settings, probe_networks=())
    assert "none are configured" in await text_of(client, "/probe?target=127.9.0.1&check=ping", 403)
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    "query",
    [
        "",
        "target=127.1.0.1",
        "check=ping",
        "target=127.1.0.1&check=frame",
        "target=localhost&check=ping",
        "target=127.1&check=ping",
        "target=fe80::1%25lo&check=ping",
        "target=http://127.1.0.1/&check=ping",
        "target=" + "9" * 2000 + "&check=ping",
    ],
)
async def test_probe_refuses_what_it_cannot_read(query: str, site: Site, client: ClientSession) -> None:
    """Names, halves of addresses and checks that are not configured get a sentence and reach no prober."""
    text = await text_of(client, f"/probe?{query}", 400)
    assert text.count("\n") == 1
    assert len(text) < 250
    assert site.asked == []


async def test_probe_answers_as_metrics(site: Site, client: ClientSession) -> None:
    """Success, duration, reason and everything read come as metrics, in both formats, hostile words escaped."""
    site.result = replace(
        site.result, values={**site.result.values, "1.3.6.1": 7, "list": [1], "nan": float("nan")}
    )
    for accept, parse in (("", parse_text), ("application/openmetrics-text", parse_openmetrics)):
        text = await text_of(client, "/probe?target=cam-00001&check=onvif", headers={"Accept": accept})
        found = {sample.name: sample for family in parse(text) for sample in family.samples}
        assert found["probe_success"].value == 1
        assert found["probe_onvif_rtt_avg_seconds"].value == 0.25
        assert found["probe_onvif_answered"].value == 1
        assert found["probe_onvif__1_3_6_1"].value == 7
        assert found["probe_read_info"].labels == {"check": "onvif", "model": 'A"B'}
        assert found["probe_result_info"].labels == {"check": "onvif", "outcome": "ok", "reason": "ok"}
        assert 0 <= found["probe_duration_seconds"].value < 5


async def test_probe_failure_is_an_answer(site: Site, client: ClientSession) -> None:
    """A camera that fails is a page with probe_success 0; debug shows every step."""
    site.result = replace(Result.fail(Reason.AUTH, "401 twice"), steps=("asked the time", "login refused"))
    assert "probe_success 0\n" in await text_of(client, "/probe?target=cam-00001&check=onvif")
    text = await text_of(client, "/probe?target=cam-00001&check=onvif&debug=true")
    assert "onvif: fail (auth)" in text
    assert "401 twice\n1. asked the time\n2. login refused\n" in text
    assert "probe_success 0\n" in text
