"""The words for closed sets that pages, evidence and reports share, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping

EXEMPT_REASONS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "construction": "道路或工程施工",
        "power_works": "计划停电、电力检修",
        "network_works": "运营商线路割接、检修",
        "force_majeure": "不可抗力",
        "event": "重大活动保障",
        "damage": "被盗或人为损坏",
        "scrapping": "待报废",
        "relocation": "点位迁移",
        "upgrade": "升级改造",
        "other": "其他",
    },
    "en": {
        "construction": "construction works",
        "power_works": "planned power cut",
        "network_works": "works on the operator's line",
        "force_majeure": "force majeure",
        "event": "public event",
        "damage": "stolen or damaged by others",
        "scrapping": "to be scrapped",
        "relocation": "relocation",
        "upgrade": "replacement or rebuilding",
        "other": "other",
    },
}
"""By `model.ExemptReason`."""

LEVERS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "exemption": "报备",
        "exemption_end": "报备提前终止",
        "lifecycle": "使用状态变更",
        "class": "类别变更",
        "service_hours": "服务时段变更",
        "picture": "图像考核变更",
        "region": "所属区域变更",
        "unit": "责任单位变更",
        "maintainer": "运维单位变更",
        "added": "新增摄像机",
        "removed": "移出台账",
        "profile": "考核口径变更",
        "threshold": "图像判定阈值变更",
        "check": "探测参数变更",
        "state": "状态判定规则变更",
        "calendar": "统计周期变更",
        "filing": "报备规则变更",
        "false_alarm": "误报标记",
        "rebase": "重新学习画面基准",
    },
    "en": {
        "exemption": "exemption",
        "exemption_end": "exemption ended early",
        "lifecycle": "lifecycle",
        "class": "class",
        "service_hours": "service hours",
        "picture": "picture expected",
        "region": "region",
        "unit": "unit",
        "maintainer": "maintainer",
        "added": "camera added",
        "removed": "camera removed",
        "profile": "profile",
        "threshold": "picture threshold",
        "check": "check",
        "state": "state rules",
        "calendar": "calendar",
        "filing": "filing rules",
        "false_alarm": "false alarm",
        "rebase": "usual view learnt anew",
    },
}
"""By `levers.Line.lever`."""

EFFECTS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "out": "移出考核",
        "in": "纳入考核",
        "moved": "改计他处",
        "regraded": "改变判定",
        "none": "本期无影响",
        "untold": "无法测算",
    },
    "en": {
        "out": "taken out",
        "in": "brought in",
        "moved": "booked elsewhere",
        "regraded": "judged otherwise",
        "none": "no effect",
        "untold": "cannot be told",
    },
}
"""By `levers.Effect`."""

FAULTS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "no_signal": "无信号",
        "dark": "画面过暗",
        "bright": "画面过亮",
        "low_contrast": "对比度过低",
        "blur": "画面模糊",
        "noise": "雪花噪声",
        "stripes": "条纹干扰",
        "colour_cast": "画面偏色",
        "greyscale": "白天黑白画面",
        "occluded": "镜头遮挡",
        "frozen": "画面冻结",
        "moved": "视角偏移",
        "corrupt": "图像损坏",
        "resolution": "分辨率不符",
    },
    "en": {
        "no_signal": "no signal",
        "dark": "too dark",
        "bright": "too bright",
        "low_contrast": "low contrast",
        "blur": "blurred",
        "noise": "noise",
        "stripes": "stripes",
        "colour_cast": "colour cast",
        "greyscale": "grey by day",
        "occluded": "occluded",
        "frozen": "frozen",
        "moved": "view moved",
        "corrupt": "corrupt image",
        "resolution": "wrong resolution",
    },
}
"""Picture faults."""

REASONS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "ok": "正常",
        "timeout": "超时无应答",
        "unreachable": "网络不可达",
        "refused": "设备拒绝",
        "reset": "连接中断",
        "auth": "认证失败",
        "protocol": "应答异常",
        "too_large": "应答数据过大",
        "tls": "加密连接失败",
        "no_uri": "无抓图地址",
        "redirect": "被重定向到其他主机",
        "local": "监测端自身原因",
        "overload": "监测端过载",
        "too old": "数据过期",
        "not asked": "未探测",
        "offline": "离线期间不判定",
    },
    "en": {
        "ok": "ok",
        "timeout": "no answer in time",
        "unreachable": "network unreachable",
        "refused": "refused by the device",
        "reset": "connection broken off",
        "auth": "login refused",
        "protocol": "answer makes no sense",
        "too_large": "answer too large",
        "tls": "TLS failed",
        "no_uri": "no snapshot address",
        "redirect": "sent on to another host",
        "local": "the monitor's own failure",
        "overload": "the monitor is overloaded",
        "too old": "not asked for too long",
        "not asked": "not asked",
        "offline": "not judged while offline",
    },
}
"""Why a check failed (`Reason`), and why a state is not known."""

RATES: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "online": "在线率",
        "intact": "完好率",
        "usage": "使用率",
        "attributable": "可归责完好率",
        "networked": "联网率",
        "coverage": "建设覆盖率",
        "hd": "新建高清率",
        "clock": "时钟准确率",
        "resolution": "分辨率达标率",
        "archive": "一机一档完整率",
        "annotation": "字幕标注合格率",
        "timely": "及时修复率",
    },
    "en": {
        "online": "online rate",
        "intact": "intact rate",
        "usage": "usage rate",
        "attributable": "attributable rate",
        "networked": "networked rate",
        "coverage": "coverage (built of planned)",
        "hd": "HD share of new builds",
        "clock": "clock accuracy",
        "resolution": "resolution compliance",
        "archive": "archive completeness",
        "annotation": "annotation compliance",
        "timely": "timely repair",
    },
}
"""Names of rates, by the rate."""
