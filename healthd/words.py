"""The words for closed sets that pages, evidence and reports share, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping

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
