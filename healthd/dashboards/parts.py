"""Panels that more than one board has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from healthd.dashboards.board import Site, hint, uid
from healthd.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PERCENT,
    RED,
    Override,
    Panel,
    fixed,
    graph,
    link,
    nothing_mapping,
    null_mapping,
    of_field,
    of_query,
    query,
    stat,
    table,
    target_line,
    thresholds,
    verdict_mappings,
    words_for,
)
from healthd.dashboards.promql import Figures, either, printed, with_maintainers
from healthd.dashboards.wording import Say, class_names, none_or_no_data, rate_name


def other_board(site: Site, name: str, *, terms: bool = True, **variables: str) -> str:
    """The address of another board; keeps data source and time, and with `terms` class and profile, which this
    board must have."""
    kept = "${datasource:queryparam}&${__url_time_range}"
    if terms and name in ("overview", "region", "targets"):
        kept += "&${class:queryparam}&${profile:queryparam}"
    chosen = "".join(f"&var-{variable}={value}" for variable, value in variables.items())
    return f"/d/{uid(name, site.language)}?{kept}{chosen}"


def rate_stat(site: Site, rate: str, window: str, where: str, size: tuple[int, int]) -> Panel:
    """One rate: the figure, its verdict in words and colour, the change, the target; the gap where it is now."""
    say, figures = site.say, Figures(rate, window, where)
    now = window == "now"
    before = "yesterday" if now else "previous_month"
    title = f"{rate_name(say, rate)} · " + (say("当前", "now") if now else say("本月", "this month"))
    queries = [
        query(figures.printed, rate_name(say, rate), shape="instant"),
        query(figures.verdict, say("判定", "verdict"), shape="instant"),
        query(
            figures.change_on(before),
            say("较昨日", "on yesterday") if now else say("较上月", "on last month"),
            shape="instant",
        ),
        query(figures.target, say("目标", "target"), shape="instant"),
    ]
    overrides = [
        of_query("A", **PERCENT),
        of_query("B", mappings=verdict_mappings(say)),
        of_query("C", **change_style(say)),
        of_query("D", **PERCENT),
    ]
    if now:
        queries.append(query(figures.gap, say("差额（台）", "gap, cameras"), shape="instant"))
        overrides.append(of_query("E", unit="none", decimals=0))
    description = say(
        "所选区域全部摄像机合并计算，截断到两位小数，不四舍五入；判定按精确数值比较目标。变化为百分点。"
        "覆盖率低于 95 % 时不作达标判定，低于 50 % 时不显示比率。",
        "Pooled over all cameras of the chosen regions, cut off after two decimals, never rounded up; the verdict "
        "compares exact figures. Changes are in percentage points. Below 95 % coverage there is no verdict, below "
        "50 % no rate.",
    )
    return stat(title, f"{description} {hint(say)}", size, queries, say=say, overrides=overrides)


def change_style(say: Say) -> dict[str, object]:
    """A change in percentage points: better green, worse red."""
    return {
        "unit": say("suffix: 个百分点", "suffix: pp"),
        "decimals": 2,
        "thresholds": thresholds((None, RED), (-0.005, "text"), (0.005, GREEN)),
    }


def by_class(site: Site, where: str, size: tuple[int, int]) -> Panel:
    """Each class against its own target, now and this month. `where`: matchers without class."""
    say = site.say
    queries, columns, overrides = [], {"class": say("类别", "Class")}, []
    letter = iter("ABCDEFGHIJKLMNOP")
    for rate in ("online", "intact"):
        for window, when in (("now", say("当前", "now")), ("month", say("本月", "month"))):
            figures = Figures(rate, window, where, ("class",))
            heading = f"{rate_name(say, rate)}{say('', ' ')}{when}"
            for expression, name in (
                (figures.printed, heading),
                (figures.verdict, f"{heading}{say('判定', ' verdict')}"),
            ):
                queries.append(query(expression, shape="table"))
                columns[f"Value #{next(letter)}"] = name
            overrides += [of_field(heading, **PERCENT), _verdict_cell(say, f"{heading}{say('判定', ' verdict')}")]
        heading = f"{rate_name(say, rate)}{say('目标', ' target')}"
        queries.append(query(Figures(rate, "now", where, ("class",)).target, shape="table"))
        columns[f"Value #{next(letter)}"] = heading
        no_target = nothing_mapping(say, say("无目标", "none"))
        overrides.append(of_field(heading, **PERCENT, mappings=no_target))
    names = {value: (word, "text") for value, word in class_names(say).items()}
    overrides.append(of_field(say("类别", "Class"), mappings=[words_for(names)]))
    return table(
        say("各类摄像机对照目标", "Each class against its target"),
        say(
            "一类、二类、三类摄像机分别对照各自目标（如 98 %、95 %）；“全部”对照总目标（如 97 %）。"
            "三类没有考核目标，只列出。",
            "Classes 1, 2 and 3 against their own targets (such as 98 % and 95 %), all cameras against the "
            "overall one "
            "(such as 97 %). Class 3 has no target: it is shown, never judged.",
        ),
        size,
        queries,
        columns,
        say=say,
        overrides=overrides,
        sort=(say("类别", "Class"), False),
    )


def _verdict_cell(say: Say, heading: str) -> Override:
    return of_field(heading, mappings=verdict_mappings(say), custom__cellOptions={"type": "color-text"})


def ranking(
    site: Site, size: tuple[int, int], pick: str, *, title: str, description: str, otherwise: str = ""
) -> Panel:
    """Regions in a table, the worst month first. `pick`: matchers of region, class and profile; `otherwise`: of
    what to show where there are none."""
    say = site.say

    def listed(metric: str, extra: str) -> str:
        by = "max by (region, name, level)"
        found = f"{by} ({metric}{{{pick}{extra}}})"
        return f"({either(found, f'{by} ({metric}{{{otherwise}{extra}}})')})" if otherwise else found

    def now(rate: str) -> str:
        return printed(listed("healthd:region_rate_ratio", f',rate="{rate}"'))

    def month(rate: str, window: str = "month") -> str:
        return printed(listed("healthd:region_window_rate_ratio", f',rate="{rate}",window="{window}"'))

    def verdict(rate: str) -> str:
        return listed("healthd:region_window_verdict", f',rate="{rate}"')

    columns = {
        "name": say("区域", "Region"),
        "Value #A": say("在线率当前", "Online now"),
        "Value #B": say("在线率本月", "Online month"),
        "Value #C": say("在线率判定", "Online verdict"),
        "Value #D": say("完好率当前", "Intact now"),
        "Value #E": say("完好率本月", "Intact month"),
        "Value #F": say("完好率判定", "Intact verdict"),
        "Value #G": say("完好率较上月", "Intact on last month"),
        "Value #H": say("完好差额（台）", "Intact gap, cameras"),
        "Value #I": say("待处理事件", "Open incidents"),
    }

    # In percentage points, of the printed figures: what is read off two columns agrees with the third.
    change = f"100 * ({month('intact')} - {month('intact', 'previous_month')})"
    asked = [
        *(now("online"), month("online"), verdict("online")),
        *(now("intact"), month("intact"), verdict("intact")),
        *(change, listed("healthd:region_gap_cameras", ',rate="intact"')),
    ]
    queries = [*(query(expression, shape="table") for expression in asked), _open_incidents(pick, otherwise)]
    name = columns["name"]
    to_region = link(
        say("打开区域页", "Open the region"), other_board(site, "region", region="${__data.fields.region}")
    )
    overrides = [
        *(of_field(columns[f"Value #{letter}"], **PERCENT) for letter in "ABDE"),
        _verdict_cell(say, columns["Value #C"]),
        _verdict_cell(say, columns["Value #F"]),
        of_field(columns["Value #G"], custom__cellOptions={"type": "color-text"}, **change_style(say)),
        of_field(columns["Value #H"], decimals=0),
        of_field(name, links=[to_region], custom__minWidth=120),
    ]
    return table(
        title,
        f"{description} {hint(say)}",
        size,
        queries,
        columns,
        say=say,
        hidden=("region", "level"),
        overrides=overrides,
        sort=(columns["Value #E"], False),
    )


def _open_incidents(pick: str, otherwise: str) -> dict[str, Any]:
    """Incidents have neither class nor profile: those of the regions that have a target or none, by the join."""
    by = "max by (region, name, level)"
    open_ = f"{by} (healthd:region_incidents_open:sum)"
    there = f'{by} (healthd:region_verdict{{{pick},rate="online",window="now"}})'
    if otherwise:
        there = either(there, f'{by} (healthd:region_verdict{{{otherwise},rate="online",window="now"}})')
    return query(f"{open_} and ({there})", shape="table")


def rate_trend(site: Site, rate: str, where: str, size: tuple[int, int], title: str = "") -> Panel:
    """A rate over time, as of each moment and as the month stood, with its one target."""
    say = site.say
    now, month = Figures(rate, "now", where), Figures(rate, "month", where)
    target = say("目标", "target")
    return graph(
        title or f"{rate_name(say, rate)}{say('趋势', ' over time')}",
        say(
            "当前比率（按台数）与本月累计比率（按时长），虚线为所选类别在所选口径下的目标。"
            "曲线中断表示当时无数据。",
            "The rate of each moment (by cameras) and of the month so far (by time); dashed is the target of the "
            "class in "
            "the profile. A gap means that nothing was known then.",
        ),
        size,
        [
            query(now.printed, say("当前", "now")),
            query(month.printed, say("本月累计", "month so far")),
            query(now.target, target),
        ],
        say=say,
        defaults={**PERCENT, "max": 1},
        overrides=[target_line(target)],
        soft_min=0.9 if rate == "intact" else 0.8,
    )


_STATES: Mapping[str, tuple[tuple[str, str, str, str], ...]] = {
    "online": (
        ("online", "在线", "online", GREEN),
        ("offline", "离线", "offline", RED),
        ("unknown", "未知", "unknown", GREY),
        ("exempt", "报备", "exempt", BLUE),
    ),
    "picture": (
        ("good", "图像正常", "picture good", GREEN),
        ("faulty", "图像故障", "picture faulty", RED),
        ("no_picture", "无图像", "no picture", ORANGE),
        ("unknown", "未知", "unknown", GREY),
        ("exempt", "报备", "exempt", BLUE),
    ),
}


def heads(site: Site, where: str, size: tuple[int, int]) -> Panel:
    """How many cameras are in each state now. `where`: matchers of region and class."""
    say = site.say
    queries, overrides = [], []
    for letter, (state, zh, en, colour) in zip("ABCD", _STATES["online"], strict=True):
        queries.append(query(_heads(where, "online", state), say(zh, en), shape="instant"))
        overrides.append(of_query(letter, color=fixed(colour)))
    return stat(
        say("摄像机台数", "Cameras"),
        say(
            "在用摄像机按在线状态分，每台只计一次。“未知”是 healthd 未能看到，不是离线。",
            "Cameras in service by whether they answer, each counted once. Unknown means that healthd could not "
            "see, not "
            "that they are offline.",
        ),
        size,
        queries,
        say=say,
        defaults={"decimals": 0, "unit": "none"},
        overrides=overrides,
    )


def _heads(where: str, axis: str, state: str) -> str:
    return f'sum(healthd:region_cameras{{{where},axis="{axis}",state="{state}"}})'


def states_over_time(site: Site, axis: str, where: str, size: tuple[int, int]) -> Panel:
    """Cameras by state, stacked: what is up, down and not known add up to all."""
    say, queries, overrides = site.say, [], []
    for state, zh, en, colour in _STATES[axis]:
        if state in ("online", "good"):
            continue  # tens of thousands would press the others flat
        queries.append(query(_heads(where, axis, state), say(zh, en)))
        overrides.append(of_field(say(zh, en), color=fixed(colour)))
    title = (
        say("不在线的摄像机", "Cameras that are not online")
        if axis == "online"
        else say("图像不正常的摄像机", "Cameras whose picture is not good")
    )
    return graph(
        title,
        say(
            "按状态堆叠，单位台；正常的不画出。", "Stacked by state, in cameras; those that are well are left out."
        ),
        size,
        queries,
        say=say,
        defaults={"decimals": 0, "min": 0},
        overrides=overrides,
        stacked=True,
    )


KINDS = {
    "offline": ("离线", "offline"),
    "picture": ("图像异常", "picture"),
    "account": ("账号口令", "account"),
    "clock": ("时钟偏差", "clock"),
    "flapping": ("反复掉线", "flapping"),
}
CAUSES = {
    "device": ("设备故障", "device"),
    "power": ("供电中断", "power"),
    "link": ("链路中断", "link"),
    "upstream": ("上级设备离线", "upstream"),
    "region_link": ("区域链路中断", "region link"),
    "account": ("账号口令不正确", "account"),
    "clock": ("时钟不准", "clock"),
    "picture": ("图像故障", "picture"),
    "blind": ("监测端异常", "blind"),
    "unknown": ("成因待查", "unknown"),
}


def word_mapping(say: Say, words: Mapping[str, tuple[str, str]]) -> list[dict[str, object]]:
    """Values of a closed set shown in the board's language."""
    return [words_for({value: (say(zh, en), "text") for value, (zh, en) in words.items()}), *null_mapping(say)]


def incidents(site: Site, where: str, size: tuple[int, int], limit: int = 50) -> Panel:
    """The open incidents that take most cameras down. `where`: matchers of region."""
    say = site.say
    columns = {
        "name": say("区域", "Region"),
        "kind": say("类型", "Kind"),
        "cause": say("可能成因", "Likely cause"),
        "subject_name": say("故障对象", "To be repaired"),
        "Value #A": say("影响台数", "Cameras"),
        "maintainer_name": say("运维单位", "Maintainer"),
        "overdue": say("是否超期", "Overdue"),
        "acknowledged": say("是否受理", "Acknowledged"),
    }
    labels = "incident, region, name, kind, cause, subject_name, maintainer, overdue, acknowledged"
    open_ = with_maintainers(f"max by ({labels}) (healthd:incident_cameras{{{where}}})")
    shown = labels.replace("maintainer", "maintainer_name")
    yes_no = {"true": (say("是", "yes"), RED), "false": (say("否", "no"), "text")}
    calm = {"true": (say("已受理", "yes"), GREEN), "false": (say("未受理", "no"), ORANGE)}
    page = link(say("healthd 事件页", "healthd's page"), "${healthd}/incidents/${__data.fields.incident}")
    return table(
        say("待处理事件", "Open incidents"),
        say(
            f"按影响台数由多到少，最多 {limit} 起。点击故障对象打开 healthd 的事件页，查看判断依据。",
            f"Those that take most cameras down, at most {limit}. The thing to be repaired leads to healthd's "
            f"own page with the "
            "evidence.",
        ),
        size,
        [query(f"topk({limit}, max by ({shown}) ({open_}))", shape="table")],
        columns,
        say=say,
        hidden=("incident", "region"),
        empty=none_or_no_data(say),
        overrides=[
            of_field(columns["kind"], mappings=word_mapping(say, KINDS)),
            of_field(columns["cause"], mappings=word_mapping(say, CAUSES)),
            of_field(columns["subject_name"], links=[page]),
            of_field(columns["overdue"], mappings=[words_for(yes_no)], custom__cellOptions={"type": "color-text"}),
            of_field(
                columns["acknowledged"], mappings=[words_for(calm)], custom__cellOptions={"type": "color-text"}
            ),
        ],
        sort=(columns["Value #A"], True),
    )


def coverage_stat(site: Site, where: str, size: tuple[int, int]) -> Panel:
    """How much of the time is known at all."""
    say = site.say
    return stat(
        say("数据覆盖率", "Coverage"),
        say(
            "已判定 ÷（已判定 + 未知）。低于 95 % 不作达标判定：“未知”只来自 healthd 自身（停机、失明、尚未探测）"
            "。",
            "Assessed over assessed and unknown. Below 95 % there is no verdict: unknown is only what healthd "
            "itself did not see "
            "(stopped, blind, not asked yet).",
        ),
        size,
        [
            query(printed(Figures("online", "now", where).coverage), say("当前", "now"), shape="instant"),
            query(printed(Figures("online", "month", where).coverage), say("本月", "month"), shape="instant"),
        ],
        say=say,
        defaults={**PERCENT, "thresholds": thresholds((None, RED), (0.5, ORANGE), (0.95, GREEN))},
    )


def incident_stat(site: Site, where: str, size: tuple[int, int]) -> Panel:
    """How many incidents are open, and overdue."""
    say = site.say
    return stat(
        say("待处理事件", "Open incidents"),
        say(
            "同一成因的故障合为一起事件；超期指已过维修时限。",
            "Whatever has one cause is one incident; overdue is past the repair limit.",
        ),
        size,
        [
            query(f"sum(healthd:region_incidents_open:sum{{{where}}})", say("待处理", "open"), shape="instant"),
            query(
                f"sum(healthd:region_incidents_overdue:sum{{{where}}})",
                say("其中超期", "overdue"),
                shape="instant",
            ),
        ],
        say=say,
        defaults={"decimals": 0, "thresholds": thresholds((None, GREEN), (1, ORANGE))},
        overrides=[of_query("B", thresholds=thresholds((None, GREEN), (1, RED)))],
    )
