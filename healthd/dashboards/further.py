"""Panels beside the online and intact rates: the further rates, contradictions, and at whose door outages lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from healthd.dashboards.board import Site, hint
from healthd.dashboards.panels import (
    PERCENT,
    Panel,
    bars,
    nothing_mapping,
    of_field,
    query,
    table,
    verdict_mappings,
    words_for,
)
from healthd.dashboards.promql import printed
from healthd.dashboards.wording import none_or_no_data
from healthd.words import RATES

FURTHER = ("networked", "coverage", "hd", "clock", "resolution", "archive", "annotation")
_FURTHER = f'class="all",profile="$profile",rate=~"{"|".join(FURTHER)}"'
_TIMELY = f'class="all",profile="$profile",rate=~"{"|".join((*FURTHER, "timely"))}"'


def further_rates(site: Site, here: str, size: tuple[int, int]) -> Panel:
    """The further rates of one region, as healthd has them. `here`: a matcher of it."""
    say = site.say
    now = f"max by (rate) (healthd:region_rate_ratio{{{here},{_FURTHER}}})"
    month = f'max by (rate) (healthd:region_window_rate_ratio{{{here},{_TIMELY},window="month"}})'
    verdict = f"max by (rate) (healthd:region_window_verdict{{{here},{_TIMELY}}})"
    coloured = {"mappings": verdict_mappings(say), "custom__cellOptions": {"type": "color-text"}}
    columns = (
        (say("当前", "Now"), printed(now), PERCENT),
        (say("本月", "This month"), printed(month), PERCENT),
        _target(site, here),
        (say("本月判定", "Verdict of the month"), verdict, coloured),
        _failing(site, here),
    )
    return _rates(
        site,
        say("其他指标", "Further rates"),
        say(
            "联网、建设覆盖、新建高清、时钟、分辨率、一机一档、字幕标注与及时修复，按全部类别，每 5 分钟统计一次。"
            "未能查到的摄像机不计为不合格。不合格的摄像机名单见 healthd rates --findings。",
            "Networked, coverage, HD, clock, resolution, records, annotation and timely repairs, of all classes; "
            "made every 5 minutes. A camera that could not be asked does not fail. "
            "`healthd rates --findings` lists those that do.",
        ),
        size,
        columns,
    )


def pooled_further_rates(site: Site, scope: str, size: tuple[int, int]) -> Panel:
    """The further rates as of now, pooled over the regions that `scope` matches."""
    say = site.say
    good, both = (
        f'sum by (rate) (healthd:region_rate_cameras{{{scope},{_FURTHER},kind=~"{kinds}"}})'
        for kinds in ("good", "good|bad")
    )
    columns = (
        (say("当前", "Now"), printed(f"({good} / ({both} > 0))"), PERCENT),
        _target(site, scope),
        _failing(site, scope),
    )
    return _rates(
        site,
        say("其他指标（所选区域合并）", "Further rates of the chosen regions"),
        say(
            "所选区域全部类别摄像机合并计算，截断到两位小数；本月数与判定见区域页。",
            "Pooled over all cameras of the chosen regions, cut off after two decimals; the month and its verdict "
            "stand on the region's board.",
        ),
        size,
        columns,
    )


def _rates(
    site: Site,
    title: str,
    description: str,
    size: tuple[int, int],
    columns: Sequence[tuple[str, str, Mapping[str, Any]]],
) -> Panel:
    """A row a rate; what is configured nowhere has none. `columns`: (heading, expression, properties)."""
    say, rate = site.say, site.say("指标", "Rate")
    names = {name: (RATES[site.language][name], "text") for name in (*FURTHER, "timely")}
    headings = {f"Value #{letter}": heading for letter, (heading, _, _) in zip("ABCDE", columns, strict=False)}
    return table(
        title,
        f"{description} {hint(say)}",
        size,
        [query(expression, shape="table") for _, expression, _ in columns],
        {"rate": rate, **headings},
        say=say,
        empty=say("未启用其他指标，或无数据", "none is configured, or no data"),
        overrides=[
            of_field(rate, mappings=[words_for(names)]),
            *(of_field(heading, **properties) for heading, _, properties in columns),
        ],
        sort=(headings["Value #A"], False),
    )


def _target(site: Site, where: str) -> tuple[str, str, Mapping[str, Any]]:
    no_target = nothing_mapping(site.say, site.say("无目标", "none"))
    asked = f"max by (rate) (healthd:region_target_ratio{{{where},{_TIMELY}}})"
    return site.say("目标", "Target"), asked, {**PERCENT, "mappings": no_target}


def _failing(site: Site, where: str) -> tuple[str, str, Mapping[str, Any]]:
    asked = f'sum by (rate) (healthd:region_rate_cameras{{{where},{_FURTHER},kind="bad"}})'
    return site.say("当前不合格（台）", "Failing now, cameras"), asked, {"decimals": 0}


def contradictions(site: Site, where: str, size: tuple[int, int]) -> Panel:
    """Cameras whose levels of evidence contradict each other. `where`: matchers of region and class."""
    say = site.say
    words = {
        "reach_without_picture": say("假在线：可达但无图像", "false online: no picture"),
        "picture_without_reach": say("无应答却有图像", "no reach, yet a picture"),
        "protocol_without_reach": say("无应答但协议有应答", "no reach, yet a protocol"),
        "platform_without_reach": say("假在线：平台在线但不可达", "false online: platform, no reach"),
        "platform_without_picture": say("假在线：平台在线但无图像", "false online: platform, no picture"),
        "reach_without_platform": say("平台离线但可达", "platform says offline"),
    }
    found = f"max by (region, finding) (healthd_region_disagreements{{{where}}})"
    return bars(
        say("状态矛盾", "Contradictions"),
        say(
            "各级在线证据相互矛盾的摄像机台数。假在线：网络或平台显示在线，但取不到图像或探测无应答。"
            "名单见 healthd 首页。",
            "Cameras whose levels of evidence contradict each other. False online: the network or a platform says "
            "online, but no picture is to be had or nothing answers; healthd's first page names them.",
        ),
        size,
        [query(f"sort_desc(sum by (finding) ({found}) > 0)", "{{finding}}", shape="instant")],
        say=say,
        defaults={"decimals": 0, "noValue": none_or_no_data(say)},
        overrides=[of_field(finding, displayName=word) for finding, word in words.items()],
    )


def doors(site: Site, where: str, size: tuple[int, int]) -> Panel:
    """Cameras that are down, by at whose door the incident is laid. `where`: matchers of region."""
    say = site.say
    words = {
        "own": say("运维责任", "the maintainer's"),
        "power": say("供电责任", "power"),
        "operator": say("运营商责任", "the operator's line"),
        "undetermined": say("责任待定", "undetermined"),
    }
    asked = f"sort_desc(sum by (counts_for) (healthd:incident_cameras{{{where}}}))"
    return bars(
        say("当前影响台数按责任", "Cameras down, by whose door"),
        say(
            "只有运维责任计入运维单位的可归责完好率；本月使用率与可归责完好率见月报，"
            "或 healthd rates --rate attributable。",
            "Only the maintainer's own counts in the attributable rate. Usage and attributable rates of the month "
            "are in the report, and in `healthd rates --rate attributable`.",
        ),
        size,
        [query(asked, "{{counts_for}}", shape="instant")],
        say=say,
        defaults={"decimals": 0, "noValue": none_or_no_data(say)},
        overrides=[of_field(value, displayName=word) for value, word in words.items()],
    )
