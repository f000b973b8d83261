"""The wall: every chosen region pooled, what is worst, what has just changed. Reads recording rules only."""

from __future__ import annotations

from typing import Any

from healthd.dashboards import parts
from healthd.dashboards.board import Site, board, chain, class_, datasource, healthd_url, level, profile
from healthd.dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    PERCENT,
    RED,
    Panel,
    bars,
    link,
    merged,
    nothing_mapping,
    of_field,
    panel,
    query,
    row,
    stat,
    table,
    thresholds,
    verdict_mappings,
    words_for,
)
from healthd.dashboards.promql import CHOSEN, either, printed
from healthd.dashboards.wording import none_or_no_data

_SCOPE = 'region=~"$scope"'
_WHERE = f'{_SCOPE},class="$class",profile="$profile"'
_TERMS = 'class="$class",profile="$profile"'


def overview(site: Site) -> dict[str, Any]:
    """The board `overview`."""
    say = site.say
    return board(
        "overview",
        site,
        say(
            "所选区域的在线率、完好率、达标判定、排名、地图、最近变化与告警。",
            "Online and intact rates of the chosen regions, verdicts, ranks, map, what changed, alerts.",
        ),
        [datasource(say), *chain(say), class_(say), profile(say), level(say), healthd_url(site)],
        [
            parts.rate_stat(site, "online", "now", _WHERE, (12, 4)),
            parts.rate_stat(site, "intact", "now", _WHERE, (12, 4)),
            parts.rate_stat(site, "online", "month", _WHERE, (12, 4)),
            parts.rate_stat(site, "intact", "month", _WHERE, (12, 4)),
            parts.heads(site, f'{_SCOPE},class="$class"', (8, 4)),
            parts.coverage_stat(site, _WHERE, (5, 4)),
            parts.incident_stat(site, _SCOPE, (5, 4)),
            _firing_count(site),
            _age(site),
            parts.by_class(site, f'{_SCOPE},profile="$profile"', (24, 6)),
            parts.ranking(
                site,
                (24, 10),
                f'level="$level",{CHOSEN},{_TERMS}',
                otherwise=_WHERE,
                title=say("区域排名", "Ranked regions"),
                description=say(
                    "所选区域内该层级的全部区域，完好率本月由低到高；没有该层级时列出所选区域本身。",
                    "All regions of the level within what is chosen, lowest intact rate of the month first; the "
                    "chosen regions "
                    "themselves where there are none of that level.",
                ),
            ),
            row(say("现在发生的", "What is going on")),
            _map(site),
            _changes(site),
            _causes(site),
            _alerts(site),
            parts.incidents(site, CHOSEN, (12, 9)),
            row(say("趋势", "Over time")),
            parts.rate_trend(site, "online", _WHERE, (12, 9)),
            parts.rate_trend(site, "intact", _WHERE, (12, 9)),
            parts.states_over_time(site, "online", f'{_SCOPE},class="$class"', (12, 8)),
            parts.states_over_time(site, "picture", f'{_SCOPE},class="$class"', (12, 8)),
        ],
    )


def _age(site: Site) -> Panel:
    say = site.say
    return stat(
        say("数据时延", "Age of the data"),
        say(
            "距 healthd 最近一次收到应答。超过 5 分钟变红；“无数据”表示 Prometheus 抓不到 healthd。",
            "Since healthd last heard from anybody. Red after 5 minutes; “no data”: Prometheus cannot scrape "
            "healthd.",
        ),
        (3, 4),
        [query("healthd:data_age_seconds", say("时延", "age"), shape="instant")],
        say=say,
        defaults={"unit": "s", "decimals": 0, "thresholds": thresholds((None, GREEN), (120, ORANGE), (300, RED))},
    )


_FIRING = 'max by (alertname, severity, region) (ALERTS{alertstate="firing",severity!="none"})'
# It always fires: where it does not, rules do not run, and none of the others could.
_WATCHDOG = 'max by (alertname, severity) (ALERTS{alertstate="firing",alertname="HealthdWatchdog"})'


def _firing_count(site: Site) -> Panel:
    say = site.say
    return stat(
        say("正在告警", "Firing alerts"),
        say(
            "Prometheus 中正在触发的告警数。看门狗告警不在时显示“无数据”：规则没有运行，零不可信。",
            "What fires in Prometheus. “no data” where the watchdog does not fire: rules do not run then, and "
            "zero would "
            "mean nothing.",
        ),
        (3, 4),
        [query(f"count({_FIRING}) or 0 * count({_WATCHDOG})", say("告警", "firing"), shape="instant")],
        say=say,
        defaults={"decimals": 0, "thresholds": thresholds((None, GREEN), (1, RED))},
    )


def _alerts(site: Site) -> Panel:
    say = site.say
    names = "max by (region, name) (healthd:region_info)"
    columns = {
        "alertname": say("告警", "Alert"),
        "severity": say("级别", "Severity"),
        "name": say("区域", "Region"),
    }
    severities = {
        "critical": (say("严重", "critical"), RED),
        "warning": (say("一般", "warning"), ORANGE),
        "info": (say("提示", "info"), BLUE),
        "none": (say("看门狗（应常在）", "watchdog (always on)"), GREEN),
    }
    named = f"({_FIRING} * on (region) group_left (name) {names}) or ({_FIRING} unless on (region) {names})"
    to_region = parts.other_board(site, "region", region="${__data.fields.region}")
    return table(
        say("正在触发的告警", "Alerts that fire"),
        say(
            "Prometheus 中正在触发的告警及其区域，最多 50 条。看门狗常在，表示规则在运行。",
            "What fires in Prometheus, and where; at most 50. The watchdog is always there while rules run.",
        ),
        (12, 9),
        [query(f"topk(50, {named} or {_WATCHDOG})", shape="table")],
        columns,
        say=say,
        hidden=("region", "Value"),
        overrides=[
            of_field(
                columns["severity"], mappings=[words_for(severities)], custom__cellOptions={"type": "color-text"}
            ),
            of_field(
                columns["name"],
                links=[link(say("打开区域页", "Open the region"), to_region)],
                mappings=nothing_mapping(say, "–"),
            ),
        ],
        sort=(columns["severity"], False),
    )


def _changes(site: Site) -> Panel:
    say = site.say
    pick = f'level="$level",{CHOSEN},class="$class",axis="online"'
    columns = {
        "name": say("区域", "Region"),
        "Value #A": say("离线增减", "Offline, change"),
        "Value #B": say("现离线", "Offline now"),
        "Value #C": say("未知增减", "Unknown, change"),
    }
    by = "max by (region, name)"

    def grown(state: str) -> str:
        """Against an hour ago, whatever the region was called then."""
        now = f'healthd:region_cameras{{{pick},state="{state}"}}'
        return f"({by} ({now}) - on (region) group_left () max by (region) ({now} offset 1h))"

    most = f"topk(15, abs({grown('offline')}))"
    queries = [
        query(f"{grown('offline')} and {most}", shape="table"),
        query(f'{by} (healthd:region_cameras{{{pick},state="offline"}}) and {most}', shape="table"),
        query(f"{grown('unknown')} and {most}", shape="table"),
    ]
    worse = thresholds((None, GREEN), (0, "text"), (1, RED))
    return table(
        say("最近一小时的变化", "What changed in the last hour"),
        say(
            "与一小时前相比离线台数变化最大的 15 个区域；0 即没有变化。运行不足一小时则无数据。",
            "The 15 regions whose number of offline cameras changed most since an hour ago; no data in the first "
            "hour.",
        ),
        (14, 6),
        queries,
        columns,
        say=say,
        hidden=("region",),
        overrides=[
            of_field(
                columns["Value #A"], thresholds=worse, custom__cellOptions={"type": "color-text"}, decimals=0
            ),
            of_field(columns["Value #C"], decimals=0),
            of_field(
                columns["name"],
                links=[
                    link(
                        say("打开区域页", "Open the region"),
                        parts.other_board(site, "region", region="${__data.fields.region}"),
                    )
                ],
            ),
        ],
        sort=(columns["Value #A"], True),
    )


def _causes(site: Site) -> Panel:
    say = site.say
    return bars(
        say("待处理事件按成因", "Open incidents by cause"),
        say("每起事件计一次，不论影响多少台。", "Each incident counts once, however many cameras it takes down."),
        (14, 6),
        [
            query(
                f"sort_desc(sum by (cause) (healthd:region_incidents_open{{{_SCOPE}}}))",
                "{{cause}}",
                shape="instant",
            )
        ],
        say=say,
        defaults={"decimals": 0, "noValue": none_or_no_data(say)},
        overrides=[of_field(value, displayName=say(*words)) for value, words in parts.CAUSES.items()],
    )


def _map(site: Site) -> Panel:
    """Outlines from healthd as the ground, one mark a region over it. No tiles: those come from the internet."""
    say = site.say
    terms = ',class="$class",profile="$profile",rate="intact"'
    verdict = say("完好率判定", "Intact verdict")
    columns = {
        "Value #A": verdict,
        "Value #B": say("完好率本月", "Intact month"),
        "Value #C": "longitude",
        "Value #D": "latitude",
    }

    def marked(metric: str, matchers: str) -> str:
        found = f'max by (region, name) ({metric}{{level="township",{CHOSEN}{matchers}}})'
        return f"({either(found, f'max by (region, name) ({metric}{{{_SCOPE}{matchers}}})')})"

    asked = [
        marked("healthd:region_window_verdict", terms),
        printed(marked("healthd:region_window_rate_ratio", f'{terms},window="month"')),
        marked("healthd:region_longitude_degrees", ""),
        marked("healthd:region_latitude_degrees", ""),
    ]
    queries = [query(expression, shape="table") for expression in asked]
    outline = {
        "type": "geojson",
        "name": "outline",
        "config": {
            "src": f"{site.healthd_url}/api/v1/regions.geojson?level=township",
            "rules": [],
            "style": {
                "color": {"fixed": "#5794F2"},
                "opacity": 0.15,
                "lineWidth": 1,
                "size": {"fixed": 4, "min": 4, "max": 4},
            },
        },
    }
    marks = {
        "type": "markers",
        "name": say("区域", "Regions"),
        "tooltip": True,
        "location": {"mode": "coords", "longitude": "longitude", "latitude": "latitude"},
        "config": {
            "showLegend": False,
            "style": {
                "color": {"field": verdict, "fixed": BLUE},
                "opacity": 0.8,
                "size": {"fixed": 8, "min": 4, "max": 12},
                "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
                "text": {"mode": "field", "field": say("区域", "Region"), "fixed": ""},
                "textConfig": {
                    "fontSize": 11,
                    "offsetX": 0,
                    "offsetY": 14,
                    "textAlign": "center",
                    "textBaseline": "middle",
                },
            },
        },
    }
    name = say("区域", "Region")
    degrees = [of_field(axis, decimals=6) for axis in ("longitude", "latitude")]
    return panel(
        "geomap",
        say("区域分布", "Map"),
        say(
            "各乡镇（街道）摄像机的中心点，按本月完好率判定着色；轮廓由 healthd 提供（/api/v1/regions.geojson），"
            "不需要互联网。坐标为 WGS-84：叠加在 GCJ-02 底图上会偏移 100–700 米。",
            "The middle of each township's cameras, coloured by the month's verdict on the intact rate; outlines "
            "come from "
            "healthd (/api/v1/regions.geojson), no internet is needed. Coordinates are WGS-84: on GCJ-02 tiles "
            "they "
            "lie 100 to 700 m beside.",
        ),
        (10, 12),
        queries,
        say=say,
        options={
            "view": {
                "id": "fit",
                "allLayers": True,
                "lastOnly": False,
                "padding": 10,
                "lat": 0,
                "lon": 0,
                "zoom": 10,
            },
            "basemap": outline,
            "layers": [marks],
            "controls": {"showZoom": True, "mouseWheelZoom": False, "showAttribution": False, "showScale": True},
            "tooltip": {"mode": "details"},
        },
        overrides=[
            of_field(verdict, mappings=verdict_mappings(say)),
            of_field(columns["Value #B"], **PERCENT),
            *degrees,
        ],
        transformations=merged(queries, {"name": name, **columns}),
    )
