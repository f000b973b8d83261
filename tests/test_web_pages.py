"""The first page: both languages, hostile names, big cities."""

from __future__ import annotations

import string
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from aiohttp import ClientSession

from healthd.live import CameraView
from healthd.model import Lifecycle, Region, State
from healthd.web.html import span
from healthd.web.overview import MAX_BAD
from healthd.web.texts import TEXTS, choose_language
from probes.base import Reason
from probes.picture.verdict import Fault
from tests import pages
from tests.web_kit import Site, serving, text_of


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


class Reader(HTMLParser):
    """The words of a page, and whether its tags are balanced."""

    VOID = ("meta", "link", "br", "input")

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
