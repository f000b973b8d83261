"""The sentences that an incident's evidence is made of, in English and Chinese. What is kept is a code and what
stands in its blanks, so that every reader gets the same evidence in his own language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from healthd.words import FAULTS, REASONS

Blank: TypeAlias = str | int

_PLAIN = ""
"""The code of a sentence that is kept as it stands: those of earlier versions."""

_EN: Mapping[str, str] = {
    "no_upstream": "the inventory names no device that it hangs on",
    "answers": "{device} answers",
    "port_unread": "its port on {device} could not be read",
    "above_unmonitored": "{device} is not monitored, so nothing is known of the port",
    "port_off": "port {port} of {device} is switched off",
    "port_power_fault": "port {port} of {device} reports a fault of its power supply to the camera",
    "port_up_feeding": "port {port} of {device} is up and feeds the camera, but it does not answer",
    "advice_reset": "advice: reset the power of the port, then look at the camera",
    "port_up": "port {port} of {device} is up, but the camera does not answer",
    "port_silent": "port {port} of {device} does not tell whether it is up",
    "port_feeding_no_link": "port {port} of {device} feeds the camera but has no link to it: the line between",
    "port_down_unfed": "port {port} of {device} is down, and its power supply is switched off",
    "port_searching": "port {port} of {device} is down and finds nothing to feed: the cable, or its far end",
    "port_down": "port {port} of {device} is down: the cable, or the camera's own power supply",
    "device_silent": "{device} and the {cameras} cameras behind it do not answer",
    "silent_alone": "{device} does not answer, but what hangs on it does: it hangs, or its address is filtered",
    "was_silent_alone": "{device} answers again; what hangs on it had answered all the time",
    "feed_dead": "everything that {device} feeds went down together",
    "above_answers": "{device} above it answers",
    "above_port_up": "the port of {device} that it hangs on is up",
    "behind_together": "{cameras} cameras behind {device} went down together",
    "uptime_will_tell": "its uptime will tell, once it is back: power or line",
    "had_hung": "{device} answers again; while it did not, the port above it was up: it had hung",
    "uptime_unknown": "{device} answers again; its uptime is not known yet",
    "restarted": "{device} is back and had restarted: it was without power",
    "ran_through_region": "{device} is back and had run through: the line of the region was cut",
    "ran_through": "{device} is back and had run through: its line was cut",
    "subnet_together": "{cameras} cameras of one subnet in {region} went down together",
    "pole_together": "{cameras} cameras on the pole {pole} in {region} went down together: its power or its line",
    "subnet_no_upstream": "the inventory names no upstream for them",
    "flapped": "{name} went down and came back {times} times within the window",
    "camera_restarted": "it is back and had restarted: its own power supply",
    "camera_ran_through": "it is back and had run through: the cable",
    "answers_otherwise": "it answers the check {check}, though its reach does not: something filters that",
    "advice_reach": "advice: let it through, or set `reach: tcp:PORT` in the inventory",
    "login_refused": "it answers, but refuses the login: the password or the account was changed",
    "clock_off": "its clock is {offset} s off",
    "no_picture": "it answers, but gives no picture ({reason})",
    "picture_faulty": "its picture is faulty: {faults}",
    # Why it may not be closed by hand.
    "cameras_still_fail": "{cameras} of its cameras still fail, {camera} among them",
    "device_still_silent": "{device} still does not answer",
    "closed_already": "it is closed already",
}

_ZH: Mapping[str, str] = {
    "no_upstream": "台账中未登记其上级设备",
    "answers": "{device} 应答正常",
    "port_unread": "未能读取其在 {device} 上的端口状态",
    "above_unmonitored": "{device} 未纳入监测，端口状态不明",
    "port_off": "{device} 的端口 {port} 已被人为关闭",
    "port_power_fault": "{device} 的端口 {port} 报告 PoE 供电故障",
    "port_up_feeding": "{device} 的端口 {port} 链路正常且正在供电，但摄像机无应答",
    "advice_reset": "建议：先对该端口断电重启，仍无应答再到现场检查摄像机",
    "port_up": "{device} 的端口 {port} 链路正常，但摄像机无应答",
    "port_silent": "{device} 未告知端口 {port} 的通断状态",
    "port_feeding_no_link": "{device} 的端口 {port} 正在供电但链路不通：两端之间的线路有问题",
    "port_down_unfed": "{device} 的端口 {port} 链路中断，且 PoE 供电已关闭",
    "port_searching": "{device} 的端口 {port} 链路中断，且检测不到受电设备：网线或摄像机端接头有问题",
    "port_down": "{device} 的端口 {port} 链路中断：网线或摄像机自身供电有问题",
    "device_silent": "{device} 及其下 {cameras} 台摄像机均无应答",
    "silent_alone": "{device} 无应答，但其下设备应答正常：设备死机，或其管理地址被过滤",
    "was_silent_alone": "{device} 已恢复应答；期间其下设备一直应答正常",
    "feed_dead": "{device} 供电范围内的设备同时离线",
    "above_answers": "其上级 {device} 应答正常",
    "above_port_up": "其所接的 {device} 端口链路正常",
    "behind_together": "{device} 下 {cameras} 台摄像机同时离线",
    "uptime_will_tell": "待其恢复后，根据运行时长判定是断电还是断网",
    "had_hung": "{device} 已恢复应答；中断期间上级端口链路正常，判定为设备死机",
    "uptime_unknown": "{device} 已恢复应答，运行时长尚未读到",
    "restarted": "{device} 恢复后运行时长已重新计起（曾重启）：判定为断电",
    "ran_through_region": "{device} 恢复后运行时长未中断（未重启）：判定为区域链路中断",
    "ran_through": "{device} 恢复后运行时长未中断（未重启）：判定为上联链路中断",
    "subnet_together": "{region} 同一网段的 {cameras} 台摄像机同时离线",
    "pole_together": "{region} 杆体 {pole} 上的 {cameras} 台摄像机同时离线：杆上供电或线路有问题",
    "subnet_no_upstream": "台账中未登记这些摄像机的上级设备",
    "flapped": "{name} 在统计时段内反复掉线 {times} 次",
    "camera_restarted": "摄像机恢复后运行时长已重新计起（曾重启）：判定为摄像机自身供电中断",
    "camera_ran_through": "摄像机恢复后运行时长未中断（未重启）：判定为网线故障",
    "answers_otherwise": "其 {check} 检查有应答而可达性探测无应答：途中有设备过滤了探测报文",
    "advice_reach": "建议：放行探测报文，或在台账中把 reach 改为 tcp:端口",
    "login_refused": "摄像机有应答但拒绝登录：口令或账号已被更改",
    "clock_off": "设备时钟偏差 {offset} 秒",
    "no_picture": "摄像机有应答但取不到图像（{reason}）",
    "picture_faulty": "图像异常：{faults}",
    "cameras_still_fail": "仍有 {cameras} 台摄像机未恢复，其中有 {camera}",
    "device_still_silent": "{device} 仍无应答",
    "closed_already": "该事件已办结",
}

SENTENCES: Mapping[str, Mapping[str, str]] = {"en": _EN, "zh": _ZH}
_COMMA = {"en": ", ", "zh": "、"}


@dataclass(frozen=True, slots=True)
class Clue:
    """One piece of evidence: a code of `SENTENCES`, and by name what stands in its blanks."""

    code: str
    blanks: tuple[tuple[str, Blank], ...] = ()

    def text(self, language: str = "en") -> str:
        """The sentence in `en` or `zh`."""
        filled = dict(self.blanks)
        sentence = SENTENCES[language].get(self.code)
        if sentence is None:
            return str(filled.get("text", self.code))
        words = defaultdict[str, str](lambda: "?")  # an entry of another version may lack one
        words.update((name, _worded(name, value, language)) for name, value in filled.items())
        return sentence.format_map(words)


def clue(code: str, **blanks: Blank) -> Clue:
    """A piece of evidence. Raises ValueError where `code` is none of `SENTENCES`."""
    if code not in _EN:
        raise ValueError(f"there is no sentence {code}")
    return Clue(code, tuple(blanks.items()))


def plain(text: str) -> Clue:
    """A sentence that is there in one language only."""
    return Clue(_PLAIN, (("text", text),))


def _worded(name: str, value: Blank, language: str) -> str:
    if name == "faults":
        words = FAULTS[language]
        return _COMMA[language].join(words.get(fault, fault) for fault in str(value).split(","))
    if name == "reason":
        return REASONS[language].get(str(value), str(value))
    if name == "offset":
        return f"{int(value):+}"
    return str(value)


def stored_clue(one: Clue) -> Any:
    """The JSON-able form that the store keeps: [code, blanks], or the sentence alone."""
    return one.text() if one.code == _PLAIN else [one.code, dict(one.blanks)]


def restored_clue(entry: Any) -> Clue:
    """What `stored_clue` wrote; a text is a sentence of an earlier version. Raises ValueError or TypeError where
    neither was."""
    if isinstance(entry, str):
        return plain(entry)
    code, blanks = entry
    return Clue(str(code), tuple(dict(blanks).items()))
