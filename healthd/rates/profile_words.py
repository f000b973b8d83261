"""A profile in words, Chinese and English, so that every figure's definition can stand beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from healthd.rates.profiles import Profile
from healthd.words import RATES

_CLASSES = {
    "zh": {"all": "全部", "1": "一类", "2": "二类", "3": "三类", "9": "其他"},
    "en": {"all": "all", "1": "class 1", "2": "class 2", "3": "class 3", "9": "class 9"},
}
_HEADS = {
    "zh": ("统计方法", "在线判定", "完好判定", "计入完好率的图像故障", "无图像",
           "“全部”所含类别", "目标值", "区域目标值"),
    "en": ("Counted", "Online means", "Intact means", "Picture faults that count", "No picture",
           "Classes behind “all”", "Targets", "Targets of regions"),
}  # fmt: skip


def describe(profile: Profile, lang: str, names: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """(heading, sentence) of all that a profile fixes, in order; `lang` zh or en.

    `names`: region code -> name, and fault -> its word, for those that are shown; others are shown as they are.
    """
    said = _zh if lang == "zh" else _en
    return [*zip(_HEADS[lang], said(profile, names or {}), strict=True)]


def share(ratio: Fraction) -> str:
    """`98 %`, `99.5 %`; exact as far as four decimals go, then cut off."""
    parts = ratio.numerator * 1_000_000 // ratio.denominator
    text = f"{parts // 10_000}.{parts % 10_000:04d}".rstrip("0").rstrip(".")
    return f"{text} %"


def _hours(milliseconds: int) -> str:
    return f"{milliseconds / 3_600_000:g}"


def _zh(profile: Profile, names: Mapping[str, str]) -> Sequence[str]:
    method = profile.method
    counted = {
        "duration": "按时长统计：良好时长之和 ÷ 考核时长之和，各摄像机时长先相加再相除。",
        "head_count": f"按点名统计：每日 {'、'.join(method.audit)} 各点名一次，良好台次之和 ÷ 考核台次之和。",
        "daily_pass": f"按日达标统计：摄像机当日良好时长不少于考核时长的 {share(method.pass_at)} 即为达标，"
        "达标台日 ÷ 考核台日。",
    }[method.kind]
    grace = (
        f"无图像未满 {_hours(profile.grace)} 小时不予考核，期满计为不合格。"
        if profile.grace
        else "无图像即计为不合格。"
    )
    faults = (
        "全部" if profile.faults is None else "、".join(names.get(f, f) for f in sorted(profile.faults)) or "无"
    )
    return (
        counted,
        "能取到图像方为在线（不要求有图像的摄像机以网络可达为准）。"
        if profile.online_needs_picture
        else "网络可达（应答 ping 或 TCP 连接）即为在线。",
        "图像正常为完好；离线计为不完好，分母为全部考核摄像机。"
        if profile.offline_is_bad
        else "图像正常为完好；离线不计入，分母仅为图像可诊断的摄像机。",
        faults,
        grace,
        "、".join(class_name(class_, "zh") for class_ in profile.classes_of_all),
        _targets(profile, "zh"),
        _region_targets(profile, "zh", names),
    )


def _en(profile: Profile, names: Mapping[str, str]) -> Sequence[str]:
    method = profile.method
    counted = {
        "duration": "By time: good ÷ assessed time, added up over all cameras before it is divided.",
        "head_count": f"By head count at {', '.join(method.audit)} every day: good ÷ assessed cameras, added up.",
        "daily_pass": f"By days passed: a camera passes a day at {share(method.pass_at)} of its assessed time or "
        "more; days passed ÷ days judged.",
    }[method.kind]
    grace = (
        f"Undiagnosed for {_hours(profile.grace)} h, then bad."
        if profile.grace
        else "Bad from the first moment on."
    )
    faults = (
        "all" if profile.faults is None else ", ".join(names.get(f, f) for f in sorted(profile.faults)) or "none"
    )
    return (
        counted,
        "A picture arrives (for cameras of which none is expected: it answers)."
        if profile.online_needs_picture
        else "It answers a ping or a TCP connect.",
        "The picture is good; an offline camera is not intact: the rate is a share of all assessed cameras."
        if profile.offline_is_bad
        else "The picture is good; offline cameras are left out: the rate is a share of the pictures judged.",
        faults,
        grace,
        ", ".join(profile.classes_of_all),
        _targets(profile, "en"),
        _region_targets(profile, "en", names),
    )


def rate_name(rate: str, lang: str) -> str:
    """What a rate is called; its key where there is no word."""
    return RATES[lang].get(rate, rate)


def class_name(class_: str, lang: str) -> str:
    """`一类`, `class 1`; `all` by its word."""
    return _CLASSES[lang][class_]


def _targets(profile: Profile, lang: str) -> str:
    parts = [
        f"{rate_name(rate, lang)} {class_name(class_, lang)} ≥ {share(ratio)}"
        for (rate, class_), ratio in sorted(profile.targets.items())
    ]
    return ("；" if lang == "zh" else "; ").join(parts) or ("无" if lang == "zh" else "none")


def _region_targets(profile: Profile, lang: str, names: Mapping[str, str]) -> str:
    parts = [
        f"{names.get(region, region)} {rate_name(rate, lang)} {class_name(class_, lang)} ≥ {share(ratio)}"
        for (region, rate, class_), ratio in sorted(profile.region_targets.items())
    ]
    return ("；" if lang == "zh" else "; ").join(parts) or ("无" if lang == "zh" else "none")
