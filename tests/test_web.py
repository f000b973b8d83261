"""What a browser, a scraper and a script get over HTTP."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import string
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from importlib import resources
from ipaddress import ip_network
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession, web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from healthd.exposition import Format
from healthd.live import CameraView, Page
from healthd.model import Camera, Device, Lifecycle, Region, State
from healthd.web.auth import presented_token, token_name
from healthd.web.deps import Subject, WebDeps, WebSettings
from healthd.web.overview import MAX_BAD
from healthd.web.pages import span
from healthd.web.server import make_app
from healthd.web.texts import TEXTS, choose_language
from probes.base import Reason, Result
from probes.picture.verdict import Fault
from tests import pages

TOKEN = "correct horse battery staple"
TOKENS = {"grafana": hashlib.sha256(TOKEN.encode()).hexdigest()}
NO_HEADERS: Mapping[str, str] = {}
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


@dataclass
class Site:
    """The daemon's side, with what was asked of it."""

    page: Page = field(default_factory=lambda: pages.page(pages.views()))
    settings: WebSettings = field(
        default_factory=lambda: WebSettings(ZoneInfo("Asia/Shanghai"), checks=("ping", "onvif"))
    )
    problems: Sequence[str] = ()
    unready: str = ""
    result: Result = field(default_factory=lambda: Result.ok(rtt_avg_seconds=0.25, answered=True, model='A"B'))
    metrics_text: Callable[[], bytes] = lambda: b"healthd_ready 1\n"
    asked: list[tuple[Subject, str]] = field(default_factory=list)
    reloads: list[bool] = field(default_factory=list)
    base: str = ""

    def deps(self) -> WebDeps:
        return WebDeps(
            page=lambda: self.page,
            settings=lambda: self.settings,
            metrics=lambda _page, _form: self.metrics_text(),
            camera_metrics=lambda _page, form, region: f"{form.name} {region}\n".encode(),
            healthy=lambda: "",
            ready=lambda: self.unready,
            reload=self.reload,
            ask=self.ask,
        )

    async def reload(self, force: bool) -> Sequence[str]:
        self.reloads.append(force)
        return self.problems

    async def ask(self, subject: Subject, check: str) -> Result:
        self.asked.append((subject, check))
        return self.result


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[ClientSession]:
    runner = web.AppRunner(make_app(site.deps()))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession(site.base, auto_decompress=False) as session:
        yield session
    await runner.cleanup()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


async def text_of(
    client: ClientSession, path: str, status: int = 200, headers: Mapping[str, str] = NO_HEADERS
) -> str:
    async with client.get(path, headers={"Accept-Encoding": "identity", **headers}) as response:
        assert response.status == status
        return await response.text()


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
    """Pages, errors and refusals alike forbid foreign content, sniffing and referrers."""
    for path in (*PATHS, "/-/healthy"):
        async with client.get(path) as response:
            assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
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


# --- the first page ------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """The words of a page, and whether its tags are balanced."""

    VOID = ("meta", "link", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


async def test_first_page_in_chinese(client: ClientSession) -> None:
    """Who reads Chinese finds rates, targets, verdicts and what is bad in the words of the trade."""
    page = Reader(await text_of(client, "/"))
    for words in ("在线率 目标 ≥ 90 %", "完好率 目标 ≥ 97 %", "83.33 %", "未达标 差 1 台", "达标", "数据不足"):
        assert words in page.text
    assert "图像故障 人民路与工农路口 5 号 cam-00005 通州区 · 金沙街道 · 世纪大道 8 号南门" in page.text
    assert "画面过暗、分辨率不符" in page.text
    assert "离线 人民路与工农路口 4 号 cam-00004 崇川区 · 城东街道 11-18 15:00 3 天 3 小时 超时无应答" in page.text
    assert "城东派出所 2 号交换机 端口 5 城东派出所 / 江海安防" in page.text


async def test_first_page_in_english(client: ClientSession) -> None:
    """The same page in English by the browser's wish, and Chinese again by the link."""
    page = Reader(await text_of(client, "/", headers={"Accept-Language": "de;q=0.9,en-GB;q=0.8,zh;q=0.7"}))
    assert "Online rate target ≥ 90 %" in page.text
    assert (
        "offline 人民路与工农路口 4 号 cam-00004 崇川区 · 城东街道 11-18 15:00 3 d 3 h no answer in time"
        in page.text
    )
    assert "在线率" in await text_of(client, "/?lang=zh", headers={"Accept-Language": "en"})


async def test_first_page_is_whole_by_itself(client: ClientSession) -> None:
    """No script, no style in the page, no address outside healthd: it works in a closed network."""
    html = await text_of(client, "/")
    assert "<script" not in html
    assert " style=" not in html
    assert [link for link in Reader(html).links if not link.startswith("/")] == []
    for link in Reader(html).links:
        await text_of(client, link)


async def test_banners_say_what_the_figures_are_worth(site: Site, client: ClientSession) -> None:
    """Simulated data, a blind monitor and a first round that is not over are said above everything."""
    calm = await text_of(client, "/")
    site.page = replace(site.page, simulated=True, blind=True, ready=False)
    loud = await text_of(client, "/?refresh=0")  # another page: the first is kept for a second
    for name in ("simulated", "blind", "not_ready"):
        assert TEXTS["zh"][name] not in calm
        assert TEXTS["zh"][name] in loud


async def test_hostile_names_are_only_text(site: Site, client: ClientSession) -> None:
    """Markup in names from the inventory is shown, never interpreted."""
    evil = "<script>alert(1)</script>\"'&"
    view = replace(pages.views()[3], camera=replace(pages.camera(4, "3206"), name=evil), reason=evil)
    site.page = pages.page([view], [Region("3206", evil, evil)])
    html = await text_of(client, "/")
    assert "<script" not in html
    assert Reader(html).text.count(evil) == 4  # region, place, camera, reason


async def test_region_and_class_narrow_the_page(client: ClientSession) -> None:
    """A region's own page shows its subtree and the way back up; a class its own targets."""
    page = Reader(await text_of(client, "/?region=320602&class=1&lang=en"))
    assert "All regions › 南通市 › 崇川区" in page.text
    assert "金沙街道" not in page.text
    assert "target ≥ 98 %" in page.text
    assert "no target" in page.text
    assert "/?region=3206&class=1&profile=default&lang=en" in page.links


@pytest.mark.parametrize("query", ["region=999", "class=5", "profile=mine", "region=%3Cscript%3E"])
async def test_unknown_choice_is_not_found(query: str, client: ClientSession) -> None:
    """A region, class or profile that is not there gets a sentence, as plain text."""
    async with client.get(f"/?{query}") as response:
        assert response.status == 404
        assert response.content_type == "text/plain"


async def test_big_city_stays_readable(site: Site, client: ClientSession) -> None:
    """With thousands of cameras down the list is capped and counted, and townships fold into their county."""
    counties = [Region(f"32{n:04}", f"county {n}", "county", "32") for n in range(9)]
    towns = [Region(f"32{n:04}{m:03}", "town", "township", f"32{n:04}") for n in range(9) for m in range(20)]
    down = CameraView(pages.camera(0), State.OFFLINE, pages.AT - 1)
    cameras = [
        replace(down, camera=pages.camera(n, towns[n % 180].code), online_since=pages.AT - n) for n in range(3000)
    ]
    site.page = pages.page(cameras, [Region("32", "city", "city"), *counties, *towns])
    page = Reader(await text_of(client, "/?lang=en"))
    assert f"3000 in all; the latest {MAX_BAD} are listed." in page.text
    assert page.text.count("cam-") == MAX_BAD
    assert "cam-00000" in page.text
    assert "county 3 20 below 340 340" in page.text
    assert sum(word == "town" for word in page.words) < MAX_BAD + 9
    assert "town 17 17" in Reader(await text_of(client, "/?lang=en&region=320003")).text


async def test_cameras_out_of_service_are_not_bad(site: Site, client: ClientSession) -> None:
    """A suspended camera that does not answer is nobody's fault now."""
    camera = pages.camera(4)
    suspended = replace(camera, placement=replace(camera.placement, lifecycle=Lifecycle.SUSPENDED))
    site.page = pages.page([CameraView(suspended, State.OFFLINE, pages.AT)])
    assert TEXTS["zh"]["bad_none"] in await text_of(client, "/")


async def test_empty_city_has_a_page(site: Site, client: ClientSession) -> None:
    """Before the first camera and the first rate the page says so, and does not fail."""
    site.page = replace(pages.page([]), rows={}, heads={})
    assert "计算中" in await text_of(client, "/")


def test_both_languages_say_the_same_things() -> None:
    """Every text exists in both languages with the same blanks, and every reason, fault and class has a name."""

    def blanks(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert TEXTS["zh"].keys() == TEXTS["en"].keys()
    for key, text in TEXTS["zh"].items():
        assert blanks(text) == blanks(TEXTS["en"][key]), key
    needed = [f"reason_{reason}" for reason in Reason] + [f"fault_{fault}" for fault in Fault]
    assert set(needed) <= TEXTS["zh"].keys()


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "", "zh"),
        ("en", "zh-CN", "en"),
        ("xx", "en-US,en;q=0.9", "en"),
        ("", "fr", "zh"),
        ("", "en;q=0.4,zh-TW;q=0.8", "zh"),
        ("", "en;q=0", "zh"),
    ],
)
def test_language_choice(asked: str, accepted: str, language: str) -> None:
    """The link decides, then the browser, then Chinese."""
    assert choose_language(asked, accepted) == language


def test_spans_in_words() -> None:
    """How long is said with two units at most, and never negative."""
    spans = [span(seconds * 1000, TEXTS["en"]) for seconds in (-5, 59, 3600, 86_399, 86_400 * 3 + 7200)]
    assert spans == ["0 min", "0 min", "1 h 0 min", "23 h 59 min", "3 d 2 h"]


# --- the API -------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("query", ["region=9", "state=cold", "limit=-1", "limit=99999", "offset=x", "limit=１"])
async def test_api_refuses_in_json(query: str, client: ClientSession) -> None:
    """What can't be read is a 400 whose JSON says which parameter."""
    answer = await json_of(client, f"/api/v1/cameras?{query}", 400)
    assert isinstance(answer, dict)
    assert answer["error"].startswith(query.partition("=")[0])


async def test_openapi_describes_what_is_served(client: ClientSession) -> None:
    """Every API route is in the description with exactly the fields that are answered."""
    described = json.loads(await text_of(client, "/openapi.json"))
    served = {
        resource.canonical
        for resource in make_app(Site().deps()).router.resources()
        if resource.canonical.startswith("/api/")
    }
    assert set(described["paths"]) == served
    schemas = described["components"]["schemas"]
    answers = {
        "Region": await json_of(client, "/api/v1/regions"),
        "Camera": [await json_of(client, "/api/v1/cameras/cam-00001")],
        "Row": await json_of(client, "/api/v1/rates"),
    }
    for name, answer in answers.items():
        assert isinstance(answer, list)
        assert set(answer[0]) == set(schemas[name]["properties"]) == set(schemas[name]["required"])


def test_static_files_travel_with_the_package() -> None:
    """Templates and style are found through the package, wherever it is installed."""
    root = resources.files("healthd.web")
    assert all(root.joinpath(path).is_file() for path in ("templates/overview.html", "static/style.css"))
