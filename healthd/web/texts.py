"""The words of the pages, in Chinese and in English. Both have the same keys; a test says so."""

from __future__ import annotations

from collections.abc import Mapping

from healthd.exposition import parse_accept
from healthd.web.exemption_texts import EXEMPTIONS_EN, EXEMPTIONS_ZH
from healthd.web.incident_texts import INCIDENTS_EN, INCIDENTS_ZH
from healthd.web.report_texts import REPORTS_EN, REPORTS_ZH
from healthd.words import FAULTS, REASONS

_ZH = {
    "lang": "zh-CN",
    "title": "视频监控运行状态",
    "other_language": "English",
    "as_of": "数据时间",
    "cameras": "摄像机",
    "regions": "各区域在线率与完好率",
    "region": "区域",
    "all_regions": "全部区域",
    "more": "展开下级 {n} 个",
    "class": "类别",
    "class_all": "全部",
    "class_1": "一类",
    "class_2": "二类",
    "class_3": "三类",
    "class_9": "其他",
    "profile": "考核口径",
    "rate_online": "在线率",
    "rate_intact": "完好率",
    "target": "目标 ≥ {target}",
    "no_target": "无考核目标",
    "now": "当前",
    "month": "本月",
    "verdict": "判定",
    "verdict_pass": "达标",
    "verdict_fail": "未达标",
    "verdict_insufficient": "数据不足",
    "verdict_none": "不考核",
    "gap": "差 {n} 台",
    "coverage": "数据覆盖率",
    "coverage_hint": "本月已判定时长 ÷（已判定 + 未知）时长；低于 95 % 不作达标判定。",
    "computing": "计算中",
    "no_value": "–",
    "state_online": "在线",
    "state_offline": "离线",
    "state_good": "正常",
    "state_faulty": "图像故障",
    "state_no_picture": "无图像",
    "state_unknown": "未知",
    "state_exempt": "报备",
    "picture_bad": "图像异常",
    "colon": "：",
    "list_comma": "、",
    "cameras_in_service": "台在用摄像机",
    "axis_online": "在线状态",
    "axis_picture": "图像状态",
    "port": "端口 {port}",
    "bad_now": "当前异常摄像机",
    "bad_none": "当前没有异常摄像机。",
    "bad_shown": "共 {n} 台，按发生时间由近到远列出前 {shown} 台。",
    "bad_count": "共 {n} 台，按发生时间由近到远排列。",
    "status": "状态",
    "camera": "摄像机",
    "place": "地点",
    "since": "起始时间",
    "duration": "已持续",
    "reason": "原因",
    "upstream": "上级设备",
    "answerable": "责任单位 / 运维单位",
    "exempt_mark": "已报备",
    "days": "{d} 天 {h} 小时",
    "hours": "{h} 小时 {m} 分",
    "minutes": "{m} 分钟",
    "simulated": "模拟数据：本页展示的是一座模拟城市，不代表任何真实设备。",
    "blind": "监测端异常：目前收不到任何应答（包括参照目标），受影响摄像机的状态记为“未知”，不计为离线。",
    "not_ready": "首轮探测尚未完成，当前数据不完整。",
    "refresh": "每 30 秒自动刷新",
    "refresh_stop": "暂停刷新",
    "refresh_start": "恢复刷新",
    "truncated": "百分比一律截断，不四舍五入；各级区域的比率按所辖全部摄像机合并计算，不是下级比率的平均值。",
    "metrics": "监控指标",
    "api": "数据接口",
}

_EN = {
    "lang": "en",
    "title": "Video camera health",
    "other_language": "中文",
    "as_of": "As of",
    "cameras": "Cameras",
    "regions": "Online and intact rates by region",
    "region": "Region",
    "all_regions": "All regions",
    "more": "{n} below",
    "class": "Class",
    "class_all": "All",
    "class_1": "Class 1",
    "class_2": "Class 2",
    "class_3": "Class 3",
    "class_9": "Other",
    "profile": "Profile",
    "rate_online": "Online rate",
    "rate_intact": "Intact rate",
    "target": "target ≥ {target}",
    "no_target": "no target",
    "now": "Now",
    "month": "Month",
    "verdict": "Verdict",
    "verdict_pass": "pass",
    "verdict_fail": "fail",
    "verdict_insufficient": "insufficient",
    "verdict_none": "not judged",
    "gap": "{n} short",
    "coverage": "Coverage",
    "coverage_hint": "assessed ÷ (assessed + unknown) time of the month; below 95 % no verdict is given.",
    "computing": "computing",
    "no_value": "–",
    "state_online": "online",
    "state_offline": "offline",
    "state_good": "good",
    "state_faulty": "faulty picture",
    "state_no_picture": "no picture",
    "state_unknown": "unknown",
    "state_exempt": "exempt",
    "picture_bad": "Bad picture",
    "colon": ": ",
    "list_comma": ", ",
    "cameras_in_service": "cameras in service",
    "axis_online": "Reach",
    "axis_picture": "Picture",
    "port": "port {port}",
    "bad_now": "Cameras that are bad now",
    "bad_none": "No camera is bad now.",
    "bad_shown": "{n} in all; the latest {shown} are listed.",
    "bad_count": "{n} in all, latest first.",
    "status": "State",
    "camera": "Camera",
    "place": "Place",
    "since": "Since",
    "duration": "For",
    "reason": "Reason",
    "upstream": "Upstream",
    "answerable": "Unit / maintainer",
    "exempt_mark": "exempt",
    "days": "{d} d {h} h",
    "hours": "{h} h {m} min",
    "minutes": "{m} min",
    "simulated": "Simulated data: this page shows a made-up city; no real device stands behind it.",
    "blind": "The monitor itself is blind: nothing answers, the reference targets included. "
    "The cameras concerned count as unknown, not as offline.",
    "not_ready": "The first round of asking is not complete yet: figures are partial.",
    "refresh": "refreshes every 30 s",
    "refresh_stop": "pause",
    "refresh_start": "resume refreshing",
    "truncated": "Percentages are truncated, never rounded. A region's rate pools all cameras below it; "
    "it is not the mean of its parts.",
    "metrics": "metrics",
    "api": "API",
}


def _words(language: str) -> Mapping[str, str]:
    """The words for faults and reasons, each under a key of its own kind."""
    faults = {f"fault_{name}": word for name, word in FAULTS[language].items()}
    return {**faults, **{f"reason_{name}": word for name, word in REASONS[language].items()}}


TEXTS: Mapping[str, Mapping[str, str]] = {
    "zh": {**_ZH, **INCIDENTS_ZH, **REPORTS_ZH, **EXEMPTIONS_ZH, **_words("zh")},
    "en": {**_EN, **INCIDENTS_EN, **REPORTS_EN, **EXEMPTIONS_EN, **_words("en")},
}


def choose_language(asked: str, accept_language: str) -> str:
    """`zh` or `en`: as `?lang=` says, else as the browser prefers, else Chinese."""
    if asked in TEXTS:
        return asked
    best, language = 0.0, "zh"
    for name, _, quality in parse_accept(accept_language):
        if name[:2] in TEXTS and quality > best:
            best, language = quality, name[:2]
    return language
