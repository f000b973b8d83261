"""The two languages, and the words that several boards share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

LANGUAGES = ("en", "zh")

Say: TypeAlias = Callable[[str, str], str]
"""(Chinese, English) -> the one that is wanted."""


def speaker(language: str) -> Say:
    """The one that says everything in `language`, `zh` or `en`."""
    return (lambda zh, _: zh) if language == "zh" else (lambda _, en: en)


def rate_name(say: Say, rate: str) -> str:
    return {"online": say("在线率", "Online rate"), "intact": say("完好率", "Intact rate")}[rate]


def class_names(say: Say) -> Mapping[str, str]:
    """GB/T 28181-2022 A.2.1.9."""
    return {
        "all": say("全部", "all"),
        "1": say("一类", "class 1"),
        "2": say("二类", "class 2"),
        "3": say("三类", "class 3"),
        "9": say("其他", "other"),
    }


def level_names(say: Say) -> Mapping[str, str]:
    return {
        "county": say("县（区）", "county"),
        "township": say("乡镇（街道）", "township"),
        "city": say("市", "city"),
    }


def no_data(say: Say) -> str:
    return say("无数据", "no data")


def none_or_no_data(say: Say) -> str:
    """Of a list: nothing in it, or nothing known; a figure beside it tells which."""
    return say("无，或无数据", "none, or no data")
