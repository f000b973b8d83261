"""Each region's month against its target: what it may still lose, how fast it loses it, and what repair buys."""

from __future__ import annotations

from typing import Any

from healthd.dashboards import further, parts
from healthd.dashboards.board import (
    Site,
    board,
    chain,
    class_,
    datasource,
    healthd_url,
    hint,
    level,
    picked,
    profile,
)
from healthd.dashboards.panels import (
    GREEN,
    ORANGE,
    PERCENT,
    RED,
    Panel,
    graph,
    link,
    of_field,
    of_query,
    query,
    row,
    stat,
    table,
    target_line,
    thresholds,
    verdict_mappings,
    words_for,
)
from healthd.dashboards.promql import CHOSEN, Figures, either, printed, with_maintainers
from healthd.dashboards.wording import class_names, rate_name

_SCOPE = 'region=~"$scope"'
_TERMS = 'profile="$profile",rate="$rate"'
_WHERE = f'{_SCOPE},class="$class",profile="$profile"'
_HOURS = "/ 3600"


def targets(site: Site) -> dict[str, Any]:
    """The board `targets`."""
    say = site.say
    rates = picked("rate", say("指标", "Rate"), {rate: rate_name(say, rate) for rate in ("intact", "online")})
    return board(
        "targets",
        site,
        say(
            "各区域各类摄像机本月对照目标：剩余可异常台时、消耗速度、月末预测、修复收益。",
            "Each region and class this month against its target: budget left, burn, forecast, what repair buys.",
        ),
        [datasource(say), *chain(say), class_(say), profile(say), rates, level(say), healthd_url(site)],
        [
            _summary(site),
            _table(site),
            row(say("走势", "Over time")),
            _forecast(site),
            _burn(site),
            row(say("修复收益", "What repair buys")),
            _gaps(site),
            _plan(site),
            row(say("其他指标", "Further rates")),
            further.pooled_further_rates(site, _SCOPE, (24, 9)),
        ],
    )


def _pooled(metric: str) -> str:
    return f'sum({metric}{{{_WHERE},rate="$rate"}})'


def _summary(site: Site) -> Panel:
    say, month = site.say, Figures("$rate", "month", _WHERE)
    left = f"{_pooled('healthd:region_budget_left:camera_seconds')} {_HOURS}"
    return stat(
        say("所选区域本月", "The chosen regions this month"),
        say(
            "目标留给本月的异常台时中还剩多少；负数表示本月已无法达标。消耗 1 倍表示恰好在月末用完，大于 1 "
            "则会提前用完。",
            "What is left of the bad camera-hours that the target leaves the month; below zero it cannot be "
            "reached any more. At a burn "
            "of 1 it lasts exactly until the month's end, above 1 it does not.",
        )
        + " "
        + hint(say),
        (24, 4),
        [
            query(month.printed, say("本月比率", "rate this month"), shape="instant"),
            query(month.target, say("目标", "target"), shape="instant"),
            query(month.verdict, say("判定", "verdict"), shape="instant"),
            query(left, say("剩余台时", "camera-hours left"), shape="instant"),
            query(_burn_of_scope(), say("消耗倍数", "burn"), shape="instant"),
            query(printed(_forecast_of_scope()), say("月末预测", "forecast"), shape="instant"),
        ],
        say=say,
        overrides=[
            of_query("A", **PERCENT),
            of_query("B", **PERCENT),
            of_query("C", mappings=verdict_mappings(say)),
            of_query("D", unit="h", decimals=0, thresholds=thresholds((None, RED), (0, GREEN))),
            of_query("E", unit="x", decimals=2, thresholds=thresholds((None, GREEN), (1, ORANGE), (2, RED))),
            of_query("F", **PERCENT),
        ],
    )


def _recent_of_scope() -> str:
    """The pooled rate of yesterday and today."""
    inner = f'{_WHERE},rate="$rate",window=~"today|yesterday"'
    good = f'sum(healthd:region_camera_seconds{{{inner},kind="good"}})'
    return f'({good} / (sum(healthd:region_camera_seconds{{{inner},kind=~"good|bad"}}) > 0))'


def _burn_of_scope() -> str:
    return f"((1 - {_recent_of_scope()}) / (1 - {Figures('$rate', 'now', _WHERE).target} > 0))"


def _forecast_of_scope() -> str:
    month = Figures("$rate", "month", _WHERE)
    remaining = _pooled("healthd:region_remaining:camera_seconds")
    return f"(({month.sum('good')} + {_recent_of_scope()} * {remaining}) / ({month.assessed} + {remaining} > 0))"


def _table(site: Site) -> Panel:
    say = site.say

    def listed(metric: str, extra: str = "", only: str = "") -> str:
        by = "max by (region, name, level, class)"
        first = f'{by} ({metric}{{level="$level",{CHOSEN},{_TERMS}{extra}}}{only})'
        return f"({either(first, f'{by} ({metric}{{{_SCOPE},{_TERMS}{extra}}}{only})')})"

    target, forecast = listed("healthd:region_target_ratio"), listed("healthd:region_forecast:ratio")
    columns = {
        "name": say("区域", "Region"),
        "class": say("类别", "Class"),
        "Value #A": say("本月", "This month"),
        "Value #B": say("目标", "Target"),
        "Value #C": say("判定", "Verdict"),
        "Value #D": say("剩余台时", "Camera-hours left"),
        "Value #E": say("消耗倍数", "Burn"),
        "Value #F": say("月末预测", "Forecast"),
        "Value #G": say("预测判定", "Forecast verdict"),
        "Value #H": say("当前差额（台）", "Gap now, cameras"),
        "Value #I": say("最少维修数", "Fewest repairs"),
    }
    month = printed(listed("healthd:region_window_rate_ratio", ',window="month"'))
    queries = [
        query(f"{month} and {target}", shape="table"),
        query(target, shape="table"),
        query(listed("healthd:region_window_verdict", only=" < 4"), shape="table"),
        query(f"{listed('healthd:region_budget_left:camera_seconds')} {_HOURS}", shape="table"),
        query(listed("healthd:region_burn:ratio"), shape="table"),
        query(printed(forecast), shape="table"),
        query(f"1 + 2 * ({forecast} >= bool {target})", shape="table"),
        query(listed("healthd:region_gap_cameras"), shape="table"),
        query(listed("healthd:region_plan_repairs"), shape="table"),
    ]
    colour = {"type": "color-text"}
    names = {value: (word, "text") for value, word in class_names(say).items()}
    return table(
        say("区域与类别", "Regions and classes"),
        say(
            "只列有目标的类别。剩余台时为负：本月已无法达标。最少维修数：按当前已知，修复多少起事件即可达标。",
            "Classes with a target. Camera-hours below zero: the month cannot reach its target "
            "any more. Fewest "
            "repairs: as far as is known, that many incidents repaired lift it to its target.",
        )
        + " "
        + hint(say),
        (24, 12),
        queries,
        columns,
        say=say,
        hidden=("region", "level"),
        overrides=[
            *(of_field(columns[f"Value #{letter}"], **PERCENT) for letter in "ABF"),
            of_field(columns["class"], mappings=[words_for(names)]),
            *(
                of_field(columns[f"Value #{letter}"], mappings=verdict_mappings(say), custom__cellOptions=colour)
                for letter in "CG"
            ),
            of_field(
                columns["Value #D"],
                unit="h",
                decimals=0,
                custom__cellOptions=colour,
                thresholds=thresholds((None, RED), (0, "text")),
            ),
            of_field(
                columns["Value #E"],
                unit="x",
                decimals=2,
                custom__cellOptions=colour,
                thresholds=thresholds((None, "text"), (1, ORANGE), (2, RED)),
            ),
            *(of_field(columns[f"Value #{letter}"], decimals=0) for letter in "HI"),
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
        sort=(columns["Value #D"], False),
    )


def _forecast(site: Site) -> Panel:
    say, target = site.say, site.say("目标", "target")
    month = Figures("$rate", "month", _WHERE)
    return graph(
        say("月末预测", "Forecast at the month's end"),
        say(
            "本月累计，加上按昨日与今日的比率延续到月末。",
            "The month so far, continued at the rate of yesterday and today.",
        ),
        (12, 9),
        [
            query(printed(_forecast_of_scope()), say("月末预测", "forecast")),
            query(month.printed, say("本月累计", "month so far")),
            query(Figures("$rate", "now", _WHERE).target, target),
        ],
        say=say,
        defaults={**PERCENT, "max": 1},
        overrides=[target_line(target)],
        soft_min=0.9,
    )


def _burn(site: Site) -> Panel:
    say, limit = site.say, site.say("恰好用完", "just enough")
    return graph(
        say("消耗倍数", "Burn"),
        say(
            "昨日与今日的异常比例 ÷ 目标允许的异常比例。",
            "The bad share of yesterday and today over what the target allows.",
        ),
        (12, 9),
        [query(_burn_of_scope(), say("消耗", "burn")), query("vector(1)", limit)],
        say=say,
        defaults={"unit": "x", "decimals": 2, "min": 0},
        overrides=[target_line(limit)],
    )


def _gaps(site: Site) -> Panel:
    say, now = site.say, Figures("$rate", "now", _WHERE)
    return stat(
        say("当前差额", "Gap now"),
        say(
            "再有这么多台恢复正常，所选区域合并后即达标。",
            "That many more cameras would have to be good for the chosen regions, pooled, to reach the target.",
        ),
        (5, 9),
        [query(now.gap, say("台", "cameras"), shape="instant")],
        say=say,
        defaults={"decimals": 0, "thresholds": thresholds((None, GREEN), (1, ORANGE))},
    )


def _plan(site: Site) -> Panel:
    say = site.say
    labels = "region, name, incident"
    where = f'{_SCOPE},class="$class",{_TERMS}'
    columns = {
        "name": say("区域", "Region"),
        "subject": say("故障对象", "To be repaired"),
        "cause": say("可能成因", "Likely cause"),
        "maintainer_name": say("运维单位", "Maintainer"),
        "Value #A": say("恢复台数", "Cameras gained"),
        "Value #B": say("修复后比率", "Rate then"),
    }
    page = link(say("healthd 事件页", "healthd's page"), "${healthd}/incidents/${__data.fields.incident}")
    known = with_maintainers("max by (incident, cause, subject, maintainer) (healthd:incident_cameras * 0 + 1)")

    def about(metric: str) -> str:
        return (
            f"(max by ({labels}) ({metric}{{{where}}})"
            f" * on (incident) group_left (cause, subject, maintainer_name) {known})"
        )

    return table(
        say("维修计划", "Repair plan"),
        say(
            "先修哪一起、能恢复多少台、依次修到这一起后比率达到多少。每个区域最多 10 起。",
            "What to repair first, how many cameras that brings back, and the rate once it and all before it are "
            "done. At most 10 a "
            "region.",
        ),
        (19, 9),
        [
            query(f"topk(50, {about('healthd:region_plan_gain_cameras')})", shape="table"),
            query(about("healthd:region_plan_ratio"), shape="table"),
        ],
        columns,
        say=say,
        hidden=("incident", "region"),
        empty=say("已达标、无可维修，或无数据", "reached, nothing to repair, or no data"),
        overrides=[
            of_field(columns["Value #B"], **PERCENT),
            of_field(columns["Value #A"], decimals=0),
            of_field(columns["cause"], mappings=parts.word_mapping(say, parts.CAUSES)),
            of_field(columns["subject"], links=[page]),
        ],
        sort=(columns["Value #A"], True),
    )
