"""Incidents for people: the section of the first page, and the pages of one incident and of one camera."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from healthd.incidents.evidence import clue, plain
from healthd.incidents.incident import Acknowledgement, Cause, CountsFor, Kind
from healthd.live import CameraView
from healthd.model import Axis, Device, Flip, Lifecycle, Maintainer, Placement, Region, State
from healthd.web.incident_view import MAX_INCIDENTS
from healthd.web.texts import TEXTS
from tests import pages
from tests.test_web_pages import Reader
from tests.web_kit import Site, serving, text_of

AT, HOUR = pages.AT, pages.HOUR


@pytest.fixture
def site() -> Site:
    return Site(page=pages.troubled(pages.page(pages.views())))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[ClientSession]:
    async with serving(site) as session:
        yield session


async def read(client: ClientSession, path: str) -> Reader:
    return Reader(await text_of(client, path))


def section(page: Reader, start: str, end: str) -> str:
    """The words of a page between two headings."""
    return page.text.partition(start)[2].partition(end)[0]


async def test_incidents_in_chinese(client: ClientSession) -> None:
    """Between rates and bad cameras stands what is to be repaired: cause, place, cameras, limit, who, why."""
    page = await read(client, "/?lang=zh")
    told = section(page, "待处理事件", "当前异常摄像机")
    assert told.startswith(" 共 3 起，按影响摄像机台数由多到少排列。")
    assert "离线 供电中断 城东派出所 2 号交换机 交换机 sw-1 崇川区 · 城东街道 判断依据 2 条" in told
    assert "2 11-21 15:00 3 小时 0 分 11-22 15:00 剩余 21 小时 0 分 城东派出所 / 江海安防 0513-5555 0199" in told
    assert "王工 已受理 11-21 16:00 已派人 & 带备件" in told
    assert "图像异常 图像故障 人民路与工农路口 5 号 摄像机 cam-00005 通州区 · 金沙街道 · 世纪大道 8 号南门" in told
    assert "已超期 2 小时 0 分" in told
    assert "账号口令 账号口令不正确" in told
    assert "不限期 城东派出所 未受理" in told
    assert page.text.index("各区域在线率") < page.text.index("待处理事件") < page.text.index("当前异常摄像机")


async def test_incidents_in_english(client: ClientSession) -> None:
    """The same in English, with the evidence in the sentences of the rules."""
    told = section(await read(client, "/?lang=en"), "Open incidents", "Cameras that are bad now")
    assert "offline no power 城东派出所 2 号交换机 switch sw-1" in told
    assert "Evidence (2) sw-1 and the 2 cameras behind it do not answer 2 of 2 cameras behind it are down." in told
    assert "overdue by 2 h 0 min" in told
    assert "by 王工" in told


async def test_calm_city_says_so(site: Site, client: ClientSession) -> None:
    """Without incidents the section says that nothing waits."""
    site.page = pages.page(pages.views())
    assert "当前没有待处理事件。" in (await read(client, "/")).text


async def test_forty_cameras_behind_a_switch_are_told_once(site: Site, client: ClientSession) -> None:
    """Cameras of an incident of several leave the list of bad ones, which says how many; single ones stay."""
    down = CameraView(pages.camera(0), State.OFFLINE, AT - HOUR, reason="timeout")
    behind = [replace(down, camera=pages.camera(n)) for n in range(100, 140)]
    switch = pages.incident("i-9", [view.camera.id for view in behind], Cause.UPSTREAM, subject="sw-1")
    alone = pages.incident("i-4", ["cam-00004"])
    site.page = replace(pages.page([*pages.views(), *behind]), incidents=[alone, switch])
    page = await read(client, "/?lang=en")
    assert "43 in all, latest first. 40 of them belong to incidents of several above" in page.text
    assert "/incidents/i-9?lang=en" in page.links
    assert "cam-00100" not in page.text
    assert "cam-00004" in section(page, "bad now", "Profile")


async def test_only_folded_cameras_leave_no_empty_table(site: Site, client: ClientSession) -> None:
    """Where every bad camera belongs to one incident the list is a sentence, not a table without lines."""
    down = [CameraView(pages.camera(n), State.OFFLINE, AT) for n in (1, 2)]
    all_of_them = pages.incident("i-1", ["cam-00001", "cam-00002"], subject="sw-1")
    site.page = replace(pages.page(down), incidents=[all_of_them])
    html = await text_of(client, "/")
    assert 'class="bad"' not in html.partition("当前异常摄像机")[2]
    assert "共 2 台" in html


async def test_region_narrows_incidents(site: Site, client: ClientSession) -> None:
    """A region shows its own incidents and those from above that take its cameras down, with its share."""
    line = pages.incident(
        "i-9", ["cam-00003", "cam-00005"], Cause.REGION_LINK, subject="3206", region="3206", maintainer=""
    )
    site.page = replace(site.page, incidents=[*site.page.incidents, line])
    told = section(await read(client, "/?region=320612&lang=en"), "Open incidents", "bad now")
    assert "3 in all" in told
    assert "the region's line is down 南通市 region 3206 2 1 here" in told
    assert "no power" not in told
    told = section(await read(client, "/?region=320602&class=2&lang=en"), "Open incidents", "bad now")
    assert "Nothing is waiting to be repaired." in told


async def test_many_incidents_are_capped_and_counted(site: Site, client: ClientSession) -> None:
    """Beyond the cap the smallest are only counted, and their cameras stay in the list below."""
    views = [CameraView(pages.camera(n), State.OFFLINE, AT) for n in range(1, 1 + 2 * (MAX_INCIDENTS + 5))]
    ids = [view.camera.id for view in views]
    pairs = [pages.incident(f"i-{n}", ids[2 * n : 2 * n + 2], since=AT - n) for n in range(MAX_INCIDENTS + 5)]
    site.page = replace(pages.page(views), incidents=pairs)
    page = await read(client, "/?lang=en")
    assert f"{MAX_INCIDENTS + 5} in all; the {MAX_INCIDENTS} with the most cameras are listed." in page.text
    assert sum(link.startswith("/incidents/") for link in page.links) == MAX_INCIDENTS
    assert f"{2 * MAX_INCIDENTS} of them belong to incidents" in page.text
    assert section(page, "bad now", "Profile").count("cam-") == 10


async def test_incident_page(client: ClientSession) -> None:
    """An incident's page has cause, subject, limits, who answers, all evidence and every camera's state."""
    page = await read(client, "/incidents/i-2?lang=zh")
    for words in (
        "可能成因 供电中断",
        "网络地址 127.0.1.1",
        "影响台数 2",
        "起始时间 2026-11-21 15:00:00 3 小时 0 分",
        "限期 11-22 15:00 剩余 21 小时 0 分",
        "状态 处理中",
        "责任归属 供电责任",
        "运维单位 江海安防 0513-5555 0199",
        "判断依据 sw-1 及其下 2 台摄像机均无应答",
        "人民路与工农路口 4 号 cam-00004 离线 超时无应答 127.1.0.4 sw-1 端口 5",
        "人民路与工农路口 8 号 cam-00008 未知",
    ):
        assert words in page.text
    assert "/incidents/i-2?lang=en" in page.links
    assert "Likely cause no power" in (await read(client, "/incidents/i-2?lang=en")).text


async def test_closed_and_merged_incidents_have_pages(site: Site, client: ClientSession) -> None:
    """What is over stays readable: when, whether it was measured, or what it became part of."""
    over = replace(pages.incident("i-0", []), closed=AT + 22 * HOUR, verified=True, most_cameras=7)
    merged = replace(over, id="i-00", verified=False, merged_into="i-2")
    site.stored = {one.id: one for one in (over, merged)}
    page = await read(client, "/incidents/i-0?lang=en")
    assert "closed, and measured to be over" in page.text
    assert "Cameras down 0 Most at once 7" in page.text
    assert "overdue by 1 h 0 min" in page.text
    assert "No camera is down by it now." in page.text
    assert "/incidents/i-2?lang=en" in (await read(client, "/incidents/i-00?lang=en")).links


async def test_camera_page(site: Site, client: ClientSession) -> None:
    """A camera's page has both axes, what was measured, what is above and beside it, its incident and its past."""
    site.flipped = [
        Flip("cam-00004", Axis.ONLINE, AT - 99 * HOUR, State.ONLINE, State.OFFLINE, reason="ok"),
        Flip("cam-00004", Axis.ONLINE, AT - 75 * HOUR, State.OFFLINE, State.ONLINE, reason="timeout"),
        Flip("cam-00004", Axis.PICTURE, AT - 98 * HOUR, State.FAULTY, State.GOOD, faults=("dark",)),
        Flip("cam-00001", Axis.ONLINE, AT, State.OFFLINE, State.ONLINE),
    ]
    page = await read(client, "/cameras/cam-00004?lang=zh")
    for words in (
        "在线状态 离线 2026-11-18 15:00:00 · 3 天 3 小时",
        "原因 超时无应答",
        "往返时延 – 丢包率 100 %",
        "上级设备 城东派出所 2 号交换机 交换机 127.0.1.1 端口 5",
        "离线 供电中断 城东派出所 2 号交换机",
        "图像状态 正常 → 图像故障 画面过暗",
        "在线 5、未知 1",
    ):
        assert words in page.text
    past = section(page, "近期状态变化", "同一上级设备")
    assert past.index("11-18 15:00") < past.index("11-17 16:00") < past.index("11-17 15:00")
    assert past.count("→") == 3
    page = await read(client, "/cameras/cam-00001?lang=en")
    assert "Round trip 3.1 ms Packet loss 0 % Clock 1.2 s slow Reboots seen 2" in page.text
    assert "HIKVISION DS-2CD Firmware V5.7.3" in page.text
    assert "No open incident concerns this camera." in page.text


async def test_camera_page_shows_what_decided_a_flip(site: Site, client: ClientSession) -> None:
    """Each change of state has the results that decided it: when, what came, and what a picture measured."""
    silent = [{"asked": AT - HOUR + s * 15_000, "state": "offline", "reason": "timeout"} for s in range(3)]
    noisy = {
        "asked": AT,
        "state": "faulty",
        "reason": "ok",
        "findings": [{"fault": "noise", "value": 89.875, "threshold": 36.045}],
    }
    site.flipped = [
        Flip(
            "cam-00004", Axis.ONLINE, AT - HOUR, State.OFFLINE, State.ONLINE, reason="timeout",
            evidence=(*silent, {"siblings": 8, "siblings_answered": 7}),
        ),
        Flip("cam-00004", Axis.PICTURE, AT, State.FAULTY, State.GOOD, faults=("noise",), evidence=(noisy,)),
    ]  # fmt: skip
    chinese, english = [(await read(client, f"/cameras/cam-00004?lang={lang}")).text for lang in ("zh", "en")]
    for second in ("00", "15", "30"):
        assert f"17:00:{second} 离线、超时无应答" in chinese
    assert "同一上级设备下的 8 台中，7 台有应答" in chinese
    assert "18:00:00 图像故障、雪花噪声：实测值 89.88，阈值 36.05" in chinese
    assert "7 of 8 siblings answered" in english
    assert "noise: 89.88 against the threshold 36.05" in english


async def test_camera_page_names_all_devices_above(site: Site, client: ClientSession) -> None:
    """From the nearest device up to the root of the tree, so that the crew knows where to look next."""
    switch = replace(site.page.inventory.devices["sw-1"], upstream="r-1")
    devices = {"sw-1": switch, "r-1": Device("r-1", "分局路由器", "router", "3206", address="127.0.9.9")}
    site.page = replace(site.page, inventory=replace(site.page.inventory, devices=devices))
    text = (await read(client, "/cameras/cam-00004?lang=zh")).text
    assert "城东派出所 2 号交换机 交换机 127.0.1.1 端口 5 ‹ 分局路由器 路由器 127.0.9.9 " in text


async def test_contradictions_are_told(site: Site, client: ClientSession) -> None:
    """Reach without a picture and a picture without reach are said on the camera's page."""
    site.page = pages.troubled(site.page)
    assert "网络可达，但取不到图像（假在线） 认证失败" in (await read(client, "/cameras/cam-00006")).text
    assert "网络探测无应答，但其他协议有应答 snmp" in (await read(client, "/cameras/cam-00004")).text
    assert "状态矛盾" not in (await read(client, "/cameras/cam-00001")).text


async def test_contradictions_are_listed_on_the_first_page(site: Site, client: ClientSession) -> None:
    """Counts by finding, and each camera with its finding, of the region and class chosen; none: no section."""
    site.page = pages.troubled(site.page)
    told = section(await read(client, "/?lang=en"), "Contradictions", "Cameras that are bad now")
    assert "reachable, but gives no picture (false online): 1" in told
    assert "not reachable, yet another protocol gets answers: 1" in told
    assert "cam-00004" in told
    assert "城东派出所 / 江海安防" in told
    part = section(await read(client, "/?lang=en&region=320612"), "Contradictions", "Cameras that are bad now")
    assert "cam-00006" in part
    assert "cam-00004" not in part
    assert "Contradictions" not in (await read(client, "/?lang=en&region=320602002")).text


async def test_camera_outside_service_and_without_upstream(site: Site, client: ClientSession) -> None:
    """A planned camera that hangs on nothing has a page that says both."""
    lone = replace(pages.camera(9), placement=Placement("3206", "9", lifecycle=Lifecycle.PLANNED, picture=False))
    site.page = pages.page([CameraView(lone)])
    text = (await read(client, "/cameras/cam-00009?lang=en")).text
    assert "planned: not asked" in text
    assert "The inventory names no device above it." in text
    assert "Cameras on the same device" not in text


@pytest.mark.parametrize("path", ["/incidents/i-77", "/cameras/cam-9", "/incidents/%3Cb%3E", "/cameras/%00"])
async def test_unknown_ids_are_not_found(path: str, client: ClientSession) -> None:
    """What is not there gets a sentence, as plain text."""
    async with client.get(path) as response:
        assert (response.status, response.content_type) == (404, "text/plain")


async def test_incident_outlives_its_inventory(site: Site, client: ClientSession) -> None:
    """After a reload that took subject, region, maintainer and cameras away all pages are still served."""
    gone = pages.incident("i-5", ["gone-1", "cam-00001"], subject="gone-sw", region="999", maintainer="m9")
    site.page = replace(pages.page(pages.views()), incidents=[gone])
    assert "gone-sw" in (await read(client, "/?lang=en")).text
    page = await read(client, "/incidents/i-5?lang=en")
    assert "gone-1 not in the inventory any more" in page.text
    assert "Place 999" in page.text
    assert "Maintainer m9" in page.text


EVIL = "<script>alert(1)</script>\"'&{{7*7}}"


async def test_hostile_names_are_only_text(site: Site, client: ClientSession) -> None:
    """Markup in any field of an incident, camera, device, maintainer or flip is shown, never interpreted."""
    camera = replace(
        pages.camera(4, EVIL),
        name=EVIL,
        address_text=EVIL,
        vendor=EVIL,
        upstream_port=EVIL,
        placement=Placement(EVIL, "1", unit=EVIL, maintainer=EVIL, upstream=EVIL),
    )
    view = CameraView(camera, State.OFFLINE, AT, faults=(EVIL,), reason=EVIL, model=EVIL, firmware=EVIL)
    page = pages.page([view, replace(view, camera=replace(camera, id="b"))], [Region(EVIL, EVIL, "city")])
    fleet = replace(
        page.inventory,
        devices={EVIL: Device(EVIL, EVIL, "switch", EVIL, address=EVIL)},
        maintainers={EVIL: Maintainer(EVIL, EVIL, EVIL)},
    )
    odd = pages.incident(
        "<b>\"'&?#%41",
        ["cam-00004", EVIL],
        subject=EVIL,
        region=EVIL,
        unit=EVIL,
        maintainer=EVIL,
        evidence=(plain(EVIL), clue("restarted", device=EVIL)),
        acknowledged=Acknowledgement(EVIL, AT, EVIL),
    )
    merged = replace(odd, id="m", closed=AT, merged_into=EVIL)
    site.page, site.stored = replace(page, inventory=fleet, incidents=[odd]), {"m": merged}
    site.flipped = [Flip("cam-00004", Axis.PICTURE, AT, State.FAULTY, State.GOOD, faults=(EVIL,), reason=EVIL)]
    first = await text_of(client, "/")
    link = next(link for link in Reader(first).links if link.startswith("/incidents/"))
    for path, least in (("/", 12), (link, 10), ("/incidents/m", 10), ("/cameras/cam-00004", 12)):
        html = await text_of(client, path)
        assert "<script" not in html
        assert Reader(html).text.count(EVIL) >= least


@pytest.mark.parametrize("path", ["/incidents/i-2", "/cameras/cam-00004"])
async def test_pages_are_whole_by_themselves(path: str, client: ClientSession) -> None:
    """No script, no foreign address, and every link leads to a page of ours."""
    html = await text_of(client, path)
    assert "<script" not in html
    assert " style=" not in html
    for link in Reader(html).links:
        assert link.startswith("/")
        await text_of(client, link)


def test_every_kind_and_cause_has_words() -> None:
    """Kinds, causes, whom it counts for, kinds of subject and lifecycles are named in both languages."""
    subjects = ("camera", "region", "switch", "nvr", "router", "encoder", "power")
    needed = {
        *(f"kind_{kind}" for kind in Kind),
        *(f"cause_{cause}" for cause in Cause),
        *(f"counts_for_{who}" for who in CountsFor),
        *(f"subject_{subject}" for subject in subjects),
        *(f"lifecycle_{stage}" for stage in Lifecycle if stage is not Lifecycle.IN_SERVICE),
    }
    for language in TEXTS.values():
        assert needed <= language.keys()
