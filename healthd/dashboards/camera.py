"""One camera: its states over time and what was measured. Works where only bad cameras have series of their "
"own."""

from __future__ import annotations

from typing import Any

from healthd.dashboards import parts
from healthd.dashboards.board import Site, board, datasource, healthd_url, hint, one_region, typed, unit
from healthd.dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    PERCENT,
    RED,
    SOURCE,
    Panel,
    graph,
    link,
    null_mapping,
    of_field,
    of_query,
    panel,
    query,
    row,
    stat,
    table,
    words_for,
)
from healthd.dashboards.wording import class_names, none_or_no_data
from healthd.words import FAULTS

_ME = 'camera="$camera"'
_LABELS = "camera, region, class, name, vendor, model, firmware, unit, maintainer, upstream"


def camera(site: Site) -> dict[str, Any]:
    """The board `camera`."""
    say = site.say
    return board(
        "camera",
        site,
        say(
            "一台摄像机的状态、时延、丢包、时钟、图像故障、上级设备与同级摄像机。摄像机编号可输入，"
            "也可从下表点选。",
            "One camera: states, delay, loss, clock, picture faults, upstream and siblings. Type its id, or pick "
            "it from the table.",
        ),
        [
            datasource(say),
            typed("camera", say("摄像机编号", "Camera id")),
            *one_region(say),
            unit(say),
            healthd_url(site),
        ],
        [
            _about(site),
            _now(site),
            _timeline(site),
            _faults(site),
            graph(
                say("往返时延", "Round trip time"),
                say("最近一次 ping；无应答时没有值。", "Of the last ping; none without an answer."),
                (12, 7),
                [query(f"max(healthd_camera_rtt_seconds{{{_ME}}})", say("时延", "RTT"))],
                say=say,
                defaults={"unit": "s", "min": 0},
            ),
            graph(
                say("丢包率", "Packet loss"),
                say("最近一次 ping 的丢包率。", "Of the last ping."),
                (12, 7),
                [query(f"max(healthd_camera_packet_loss_ratio{{{_ME}}})", say("丢包率", "loss"))],
                say=say,
                defaults={**PERCENT, "decimals": 0, "min": 0, "max": 1},
            ),
            graph(
                say("时钟偏差", "Clock offset"),
                say(
                    "摄像机时钟减去本机时钟。GB/T 28181-2022 第 9.10 条要求误差小于 1 秒。",
                    "The camera's clock minus ours. GB/T 28181-2022, 9.10, asks for less than 1 s.",
                ),
                (12, 7),
                [query(f"max(healthd_camera_clock_offset_seconds{{{_ME}}})", say("偏差", "offset"))],
                say=say,
                defaults={"unit": "s"},
            ),
            graph(
                say("重启", "Reboots"),
                say("每小时观察到的重启次数。", "Seen in each hour."),
                (12, 7),
                [query(f"max(increase(healthd_camera_reboots_total{{{_ME}}}[1h]))", say("重启次数", "reboots"))],
                say=say,
                defaults={"decimals": 0, "min": 0},
            ),
            row(say("上级设备与同级摄像机", "Upstream and siblings")),
            _upstream_incidents(site),
            _siblings(site),
            row(say("查找摄像机", "Find a camera")),
            _finder(site),
        ],
        annotations=_annotations(site),
    )


def _mine(metric: str) -> str:
    return f"max({metric}{{{_ME}}})"


def _about(site: Site) -> Panel:
    say = site.say
    columns = {
        "name": say("摄像机", "Camera"),
        "camera": say("编号", "Id"),
        "region_name": say("区域", "Region"),
        "class": say("类别", "Class"),
        "vendor": say("厂商", "Vendor"),
        "model": say("型号", "Model"),
        "firmware": say("固件", "Firmware"),
        "unit": say("责任单位", "Unit"),
        "maintainer": say("运维单位", "Maintainer"),
        "upstream": say("上级设备", "Upstream"),
    }
    named = (
        f"max by ({_LABELS}) (healthd_camera_info{{{_ME}}}) * on (region) group_left (region_name) "
        'max by (region, region_name) (label_replace(healthd:region_info, "region_name", "$1", "name", "(.*)"))'
    )
    classes = {value: (word, "text") for value, word in class_names(say).items()}
    page = link(say("healthd 摄像机页", "healthd's page"), "${healthd}/cameras/${__data.fields.camera}")
    above = link(
        say("打开区域页", "Open the region"),
        parts.other_board(site, "region", terms=False, region="${__data.fields.region}"),
    )
    return table(
        say("摄像机", "The camera"),
        say(
            "台账信息与设备上报信息。“无数据”：编号有误，或该摄像机没有单独的指标（metrics.per_camera 为 bad "
            "时只有异常摄像机有）。"
            "点击摄像机打开 healthd 自己的页面，那里总有。",
            "From the inventory and from the camera itself. “no data”: the id is wrong, or the camera has no "
            "series of its own (with "
            "metrics.per_camera: bad only those that are bad have). Its name leads to healthd's own page, which "
            "always knows.",
        ),
        (24, 4),
        [query(named, shape="table")],
        columns,
        say=say,
        hidden=("region", "Value"),
        overrides=[
            of_field(columns["name"], links=[page]),
            of_field(columns["region_name"], links=[above]),
            of_field(columns["class"], mappings=[words_for(classes)]),
        ],
    )


def _now(site: Site) -> Panel:
    say = site.say
    online = words_for({"0": (say("离线", "offline"), RED), "1": (say("在线", "online"), GREEN)})
    picture = words_for({"0": (say("异常", "bad"), RED), "1": (say("正常", "good"), GREEN)})
    exempt = words_for({"0": (say("否", "no"), "text"), "1": (say("是", "yes"), BLUE)})
    since = 'max(time() - healthd_camera_state_since_timestamp_seconds{%s,axis="%s"})'
    return stat(
        say("当前状态", "Now"),
        say("两个状态轴及各自已持续的时间。", "Both axes, and for how long each has been so.") + " " + hint(say),
        (24, 4),
        [
            query(_mine("healthd_camera_online"), say("在线状态", "online"), shape="instant"),
            query(since % (_ME, "online"), say("已持续", "for"), shape="instant"),
            query(_mine("healthd_camera_picture_good"), say("图像状态", "picture"), shape="instant"),
            query(since % (_ME, "picture"), say("图像已持续", "picture for"), shape="instant"),
            query(_mine("healthd_camera_exempt"), say("报备", "exempt"), shape="instant"),
        ],
        say=say,
        overrides=[
            of_query("A", mappings=[online, *null_mapping(say)]),
            of_query("B", unit="s", decimals=1),
            of_query("C", mappings=[picture, *null_mapping(say)]),
            of_query("D", unit="s", decimals=1),
            of_query("E", mappings=[exempt, *null_mapping(say)]),
        ],
    )


def _state_timeline(site: Site, title: str, description: str, height: int, **kwargs: Any) -> Panel:
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    defaults = {"custom": {"lineWidth": 0, "fillOpacity": 80, "spanNulls": False}}
    return panel(
        "state-timeline",
        title,
        description,
        (24, height),
        kwargs.pop("queries"),
        say=site.say,
        defaults=defaults | {"mappings": kwargs.pop("mappings")},
        options=options,
        overrides=kwargs.pop("overrides", ()),
    )


def _timeline(site: Site) -> Panel:
    say = site.say
    words = words_for({"0": (say("异常", "bad"), RED), "1": (say("正常", "good"), GREEN)})
    names = say("在线状态", "online"), say("图像状态", "picture")
    online = words_for({"0": (say("离线", "offline"), RED), "1": (say("在线", "online"), GREEN)})
    return _state_timeline(
        site,
        say("状态时间线", "States over time"),
        say(
            "空白：未知；metrics.per_camera 为 bad 时，也可能是正常（只有异常时才有指标）。",
            "Blank: unknown; with metrics.per_camera: bad it may as well be good, as only bad cameras have "
            "series then.",
        ),
        5,
        queries=[
            query(_mine("healthd_camera_online"), names[0]),
            query(_mine("healthd_camera_picture_good"), names[1]),
        ],
        mappings=[words, *null_mapping(say)],
        overrides=[of_field(names[0], mappings=[online, *null_mapping(say)])],
    )


def _faults(site: Site) -> Panel:
    say = site.say
    words = words_for({"1": (say("有", "present"), ORANGE)})
    return _state_timeline(
        site,
        say("图像故障", "Picture faults"),
        say(
            "每种故障一行，有时才画出；整块空白即没有。",
            "A line for each kind while it lasts; nothing at all: none.",
        ),
        6,
        queries=[query(f"max by (fault) (healthd_camera_picture_fault{{{_ME}}})", "{{fault}}")],
        mappings=[words, *null_mapping(say)],
        overrides=[of_field(fault, displayName=word) for fault, word in FAULTS[site.language].items()],
    )


_UPSTREAM = f'label_replace(healthd_camera_info{{{_ME}}}, "subject", "$1", "upstream", "(.+)")'
_CONCERNED = (
    f'(healthd_incident_info{{subject="$camera"}} or (healthd_incident_info and on (subject) {_UPSTREAM}))'
)


def _upstream_incidents(site: Site) -> Panel:
    say = site.say
    columns = {
        "subject": say("故障对象", "To be repaired"),
        "kind": say("类型", "Kind"),
        "cause": say("可能成因", "Likely cause"),
        "overdue": say("是否超期", "Overdue"),
    }
    page = link(say("healthd 事件页", "healthd's page"), "${healthd}/incidents/${__data.fields.incident}")
    return table(
        say("相关事件", "Incidents that concern it"),
        say(
            "故障对象为本摄像机或其上级设备的待处理事件。",
            "Open ones whose subject is this camera or the device it hangs on.",
        ),
        (8, 8),
        [query(f"max by (incident, subject, kind, cause, overdue) ({_CONCERNED})", shape="table")],
        columns,
        say=say,
        hidden=("incident", "Value"),
        empty=none_or_no_data(say),
        overrides=[
            of_field(columns["kind"], mappings=parts.word_mapping(say, parts.KINDS)),
            of_field(columns["cause"], mappings=parts.word_mapping(say, parts.CAUSES)),
            of_field(
                columns["overdue"],
                mappings=[words_for({"true": (say("是", "yes"), RED), "false": (say("否", "no"), "text")})],
            ),
            of_field(columns["subject"], links=[page]),
        ],
    )


def _camera_link(site: Site) -> dict[str, Any]:
    return link(
        site.say("打开摄像机页", "Open the camera"),
        parts.other_board(site, "camera", camera="${__data.fields.camera}"),
    )


def _siblings(site: Site) -> Panel:
    say = site.say
    me = f'max by (upstream) (healthd_camera_info{{{_ME},upstream!=""}})'
    beside = f"max by (camera, name, region) (healthd_camera_info and on (upstream) {me})"
    columns = {
        "name": say("摄像机", "Camera"),
        "Value #A": say("在线状态", "Online"),
        "Value #B": say("图像状态", "Picture"),
    }
    online = words_for({"0": (say("离线", "offline"), RED), "1": (say("在线", "online"), GREEN)})
    picture = words_for({"0": (say("异常", "bad"), RED), "1": (say("正常", "good"), GREEN)})
    shown = {"type": "color-text"}
    return table(
        say("同一上级设备下的摄像机", "Cameras on the same device"),
        say(
            "最多 100 台。同级全部离线多为上级设备或供电原因。metrics.per_camera 为 bad 时只列出异常的。",
            "At most 100. If all are offline, look at the device or its power. With metrics.per_camera: bad only "
            "bad ones are listed.",
        ),
        (16, 8),
        [
            query(
                f"topk(100, {beside} * on (camera) group_left () max by (camera) (healthd_camera_online))",
                shape="table",
            ),
            query(
                f"topk(100, {beside} * on (camera) group_left () max by (camera) (healthd_camera_picture_good))",
                shape="table",
            ),
        ],
        columns,
        say=say,
        hidden=("camera", "region"),
        overrides=[
            of_field(columns["Value #A"], mappings=[online, *null_mapping(say)], custom__cellOptions=shown),
            of_field(columns["Value #B"], mappings=[picture, *null_mapping(say)], custom__cellOptions=shown),
            of_field(columns["name"], links=[_camera_link(site)]),
        ],
        sort=(columns["Value #A"], False),
    )


def _finder(site: Site) -> Panel:
    say = site.say
    labels = "camera, name, region, unit, maintainer, upstream"
    columns = {
        "name": say("摄像机", "Camera"),
        "camera": say("编号", "Id"),
        "unit": say("责任单位", "Unit"),
        "maintainer": say("运维单位", "Maintainer"),
        "upstream": say("上级设备", "Upstream"),
    }
    below = 'max by (region, path) (healthd:region_info{path=~".*/$region/.*"})'
    return table(
        say("所选区域和单位的摄像机", "Cameras of the chosen region and unit"),
        say(
            "最多 200 台；用表头筛选。点击摄像机在本页打开。",
            "At most 200. A click opens the camera on this board.",
        ),
        (24, 10),
        [
            query(
                f'topk(200, max by ({labels}) (healthd_camera_info{{unit=~"$unit"}}) and on (region) {below})',
                shape="table",
            )
        ],
        columns,
        say=say,
        hidden=("region", "Value"),
        overrides=[of_field(columns["name"], links=[_camera_link(site)], custom__filterable=True)],
        sort=(columns["name"], False),
    )


def _annotations(site: Site) -> list[dict[str, Any]]:
    say = site.say
    return [
        _annotation(say("事件", "Incidents"), _CONCERNED, "{{cause}} · {{subject}}", RED),
        _annotation(
            say("报备", "Exemptions"), f"healthd_camera_exempt{{{_ME}}} == 1", say("报备中", "exempt"), BLUE
        ),
    ]


def _annotation(name: str, expression: str, title: str, colour: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expression,
        "titleFormat": title,
        "textFormat": name,
        "step": "60s",
        "useValueForTime": "off",
    }
