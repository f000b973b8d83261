"""One region: its own rates, classes and faults, its worst children, its cameras that are out longest."""

from __future__ import annotations

from typing import Any

from healthd.dashboards import further, parts
from healthd.dashboards.board import Site, board, class_, datasource, healthd_url, hint, one_region, profile, unit
from healthd.dashboards.panels import (
    PERCENT,
    Panel,
    bars,
    graph,
    link,
    of_field,
    query,
    row,
    table,
)
from healthd.dashboards.wording import class_names, none_or_no_data
from healthd.words import FAULTS

_HERE = 'region="$region"'
_WHERE = f'{_HERE},class="$class",profile="$profile"'
_BELOW = 'healthd:region_info{path=~".*/$region/.*"}'


def region(site: Site) -> dict[str, Any]:
    """The board `region`."""
    say = site.say
    return board(
        "region",
        site,
        say(
            "一个区域及其下级：比率与趋势、各类摄像机、图像故障、时延与丢包、最差下级、离线最久的摄像机。",
            "One region and all below it: rates and trends, classes, picture faults, delay and loss, worst "
            "children, longest outages.",
        ),
        [datasource(say), *one_region(say), class_(say), profile(say), unit(say), healthd_url(site)],
        [
            parts.rate_stat(site, "online", "now", _WHERE, (12, 4)),
            parts.rate_stat(site, "intact", "now", _WHERE, (12, 4)),
            parts.rate_stat(site, "online", "month", _WHERE, (12, 4)),
            parts.rate_stat(site, "intact", "month", _WHERE, (12, 4)),
            parts.heads(site, f'{_HERE},class="$class"', (8, 4)),
            parts.coverage_stat(site, _WHERE, (6, 4)),
            parts.incident_stat(site, _HERE, (4, 4)),
            _above(site),
            parts.by_class(site, f'{_HERE},profile="$profile"', (24, 6)),
            further.further_rates(site, _HERE, (24, 9)),
            row(say("下级区域与摄像机", "Children and cameras")),
            parts.ranking(
                site,
                (24, 8),
                'parent="$region",class="$class",profile="$profile"',
                title=say("下级区域", "Children"),
                description=say(
                    "直接下级区域，完好率本月由低到高。",
                    "The regions right below, lowest intact rate of the month first.",
                ),
            ),
            _longest(site),
            _faulty(site),
            parts.incidents(site, 'path=~".*/$region/.*"', (24, 8)),
            row(say("趋势", "Over time")),
            parts.rate_trend(site, "online", _WHERE, (12, 8)),
            parts.rate_trend(site, "intact", _WHERE, (12, 8)),
            *(_trend_of_class(site, value) for value in ("1", "2", "3")),
            parts.states_over_time(site, "online", f'{_HERE},class="$class"', (12, 8)),
            parts.states_over_time(site, "picture", f'{_HERE},class="$class"', (12, 8)),
            row(say("图像与网络", "Pictures and network")),
            _faults_now(site),
            _faults_over_time(site),
            further.contradictions(site, f'{_HERE},class="$class"', (6, 8)),
            _delay(site),
            _loss(site),
        ],
    )


def _above(site: Site) -> Panel:
    say = site.say
    parent = f'label_replace(healthd:region_info{{{_HERE},parent!=""}}, "region", "$1", "parent", "(.+)")'
    columns = {"name": say("上级区域", "Region above")}
    return table(
        say("上级", "Up"),
        say("点击打开上级区域；最上级区域没有。", "Leads to the region above; the outermost has none."),
        (6, 4),
        [query(f"max by (region, name) (healthd:region_info and on (region) {parent})", shape="table")],
        columns,
        say=say,
        hidden=("region", "Value"),
        empty=say("已是最上级，或无数据", "outermost, or no data"),
        overrides=[of_field(columns["name"], links=[_open_region(site)])],
    )


def _open_region(site: Site) -> dict[str, Any]:
    return link(
        site.say("打开区域页", "Open the region"),
        parts.other_board(site, "region", region="${__data.fields.region}"),
    )


def _trend_of_class(site: Site, value: str) -> Panel:
    say = site.say
    return parts.rate_trend(
        site,
        "intact",
        f'{_HERE},class="{value}",profile="$profile"',
        (8, 7),
        say("完好率", "Intact rate") + f" · {class_names(say)[value]}",
    )


_ABOUT = "camera, name, unit, maintainer, upstream"


def _cameras(metric: str, extra: str) -> str:
    """Cameras of the subtree and the chosen units that have a series of `metric`, with what is known of them."""
    about = f'topk by (camera) (1, max by ({_ABOUT}) (healthd_camera_info{{unit=~"$unit"}}))'
    return (
        f"(max by (camera, region{extra}) ({metric}) * on (camera) group_left (name, unit, maintainer, upstream) "
        f"{about})"
        f" * on (region) group_left (path) max by (region, path) ({_BELOW})"
    )


def camera_columns(site: Site, value: str) -> dict[str, str]:
    """Headings of a table of cameras."""
    say = site.say
    return {
        "name": say("摄像机", "Camera"),
        "Value #A": value,
        "unit": say("责任单位", "Unit"),
        "maintainer": say("运维单位", "Maintainer"),
        "upstream": say("上级设备", "Upstream"),
    }


def open_camera(site: Site) -> dict[str, Any]:
    """A link of a table of cameras."""
    return link(
        site.say("打开摄像机页", "Open the camera"),
        parts.other_board(site, "camera", camera="${__data.fields.camera}"),
    )


def _longest(site: Site) -> Panel:
    say = site.say
    since = (
        'healthd_camera_state_since_timestamp_seconds{axis="online"} and on (camera) (healthd_camera_online == 0)'
    )
    columns = camera_columns(site, say("已离线", "Offline for"))
    return table(
        say("离线最久的摄像机", "Cameras offline longest"),
        say("本区域内离线时间最长的 50 台。", "The 50 that have been offline longest in this region.")
        + " "
        + hint(say),
        (12, 10),
        [query(f"topk(50, {_cameras(f'time() - ({since})', '')})", shape="table")],
        columns,
        say=say,
        hidden=("camera", "region", "path"),
        empty=none_or_no_data(say),
        overrides=[
            of_field(columns["Value #A"], unit="s", decimals=1),
            of_field(columns["name"], links=[open_camera(site)]),
        ],
        sort=(columns["Value #A"], True),
    )


def _faulty(site: Site) -> Panel:
    say = site.say
    since = (
        'healthd_camera_state_since_timestamp_seconds{axis="picture"}'
        " and on (camera) (healthd_camera_picture_good == 0)"
    )
    columns = camera_columns(site, say("已持续", "Bad for"))
    return table(
        say("图像异常最久的摄像机", "Cameras with a bad picture longest"),
        say(
            "本区域内图像故障或无图像时间最长的 50 台。",
            "The 50 whose picture has been faulty or missing longest.",
        )
        + " "
        + hint(say),
        (12, 10),
        [query(f"topk(50, {_cameras(f'time() - ({since})', '')})", shape="table")],
        columns,
        say=say,
        hidden=("camera", "region", "path"),
        empty=none_or_no_data(say),
        overrides=[
            of_field(columns["Value #A"], unit="s", decimals=1),
            of_field(columns["name"], links=[open_camera(site)]),
        ],
        sort=(columns["Value #A"], True),
    )


def _faults_now(site: Site) -> Panel:
    say = site.say
    return bars(
        say("图像故障分类", "Picture faults by kind"),
        say("一台摄像机可能同时有几种故障。空白即没有。", "A camera may have several. Empty: none."),
        (8, 8),
        [
            query(
                f'sort_desc(sum by (fault) (healthd:region_faulty_cameras{{{_HERE},class="$class"}}) > 0)',
                "{{fault}}",
                shape="instant",
            )
        ],
        say=say,
        defaults={"decimals": 0, "noValue": none_or_no_data(say)},
        overrides=_fault_names(site),
    )


def _faults_over_time(site: Site) -> Panel:
    say = site.say
    return graph(
        say("图像故障趋势", "Picture faults over time"),
        say("按故障种类堆叠，单位台。", "By kind, stacked, in cameras."),
        (10, 8),
        [query(f'sum by (fault) (healthd:region_faulty_cameras{{{_HERE},class="$class"}})', "{{fault}}")],
        say=say,
        defaults={"decimals": 0, "min": 0},
        overrides=_fault_names(site),
        stacked=True,
    )


def _fault_names(site: Site) -> list[dict[str, Any]]:
    return [of_field(fault, displayName=word) for fault, word in FAULTS[site.language].items()]


def _delay(site: Site) -> Panel:
    say = site.say
    buckets = f"sum by (le) (rate(healthd_region_rtt_seconds_bucket{{{_HERE}}}[$__rate_interval]))"
    return graph(
        say("往返时延", "Round trip time"),
        say(
            "ping 往返时延的分位数。GB/T 28181-2022 第 5.5 条的网络时延上限为 400 毫秒。",
            "Quantiles of the pings' round trip times. GB/T 28181-2022, 5.5, sets a ceiling of 400 ms for the "
            "network's delay.",
        ),
        (12, 8),
        [
            query(f"histogram_quantile({share}, {buckets})", f"p{round(share * 100)}")
            for share in (0.5, 0.95, 0.99)
        ],
        say=say,
        defaults={"unit": "s", "min": 0},
    )


def _loss(site: Site) -> Panel:
    say = site.say
    lost, sent = (
        f"sum(rate(healthd_region_packets_{what}_total{{{_HERE}}}[$__rate_interval]))" for what in ("lost", "sent")
    )
    return graph(
        say("丢包率", "Packet loss"),
        say(
            "发出的 ping 中没有按时应答的比例，含离线摄像机。GB/T 28181-2022 第 5.5 条的丢包率上限为 0.1 %。",
            "Pings without an answer in time, those to offline cameras too. GB/T 28181-2022, 5.5, sets a ceiling "
            "of 0.1 %.",
        ),
        (12, 8),
        [query(f"{lost} / ({sent} > 0)", say("丢包率", "loss"))],
        say=say,
        defaults={**PERCENT, "min": 0},
    )
