"""How each service is spoken to, and what its answers mean. Pure: requests and verdicts, no I/O.

Signatures, limits and codes are those of the services' own pages for custom group robots (DingTalk, Feishu) and
group robots (WeCom). All three answer 200 also when they refuse: the code in the body tells.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from healthd.hooks.text import Size
from healthd.options.hooks import HookOptions, SmsOptions


class Reason(enum.StrEnum):
    """Why a message was not taken; a closed set, used as a metric label."""

    REFUSED = "refused"  # the service says no, and would again
    LIMITED = "limited"  # too many messages
    SERVER = "server"  # the service is in trouble
    PROTOCOL = "protocol"  # the answer makes no sense: a proxy's login page, say
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    FULL = "full"  # our own queue
    STOPPED = "stopped"  # healthd stopped before it was sent


FOR_GOOD = frozenset({Reason.REFUSED})
"""What trying again does not change."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `url`, `headers` and `body` may hold secrets: none of them is ever logged."""

    method: str
    url: str = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """None: taken. `code`: the service's own, or the HTTP status; never its words, which may repeat ours."""

    reason: Reason | None
    code: str = ""


TAKEN = Verdict(None)
_LIMITED = {
    "dingtalk": {"130101", "410100", "660026"},
    "feishu": {"11232", "11233", "99991400"},
    "wecom": {"45009", "45033"},
}
_BUSY = {"dingtalk": {"-1"}, "feishu": {"2200", "10003"}, "wecom": {"-1"}}
_CODE_FIELDS = {"dingtalk": ("errcode",), "feishu": ("code", "StatusCode"), "wecom": ("errcode",)}
_PER_MINUTE = {"dingtalk": 20, "feishu": 100, "wecom": 20, "sms": 20}
_TOO_MANY, _SERVER_ERRORS = 429, 500


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


# A little below what the services take (20,000 bytes of JSON; 20 kB of JSON; 2,048 bytes of text).
_LIMITS: Mapping[str, tuple[Size, int]] = {
    "dingtalk": (_bytes, 18_000),
    "feishu": (_bytes, 18_000),
    "wecom": (_bytes, 2_048),
    "sms": (len, 300),
}


def length_of(options: HookOptions) -> tuple[Size, int]:
    """How long a message may be: what is measured, and the limit."""
    size, limit = _LIMITS[options.kind]
    if options.characters is None:
        return size, limit
    most = options.characters
    if size is len:
        return len, most
    # Both the operator's characters and the service's bytes hold.
    return lambda text: max(size(text), limit + 1 if len(text) > most else 0), limit


def pace_of(options: HookOptions) -> int:
    """Messages a minute."""
    return options.per_minute or _PER_MINUTE[options.kind]


def requests_of(options: HookOptions, text: str, now: float) -> Sequence[Request]:
    """What to send, one after the other; all must be taken. `now`: Unix time in seconds, for signatures."""
    match options.kind:
        case "dingtalk":
            return [_dingtalk(options, text, now)]
        case "feishu":
            return [_feishu(options, text, now)]
        case "wecom":
            query = urlencode({"key": options.token_value})
            return [
                _json(
                    f"{options.url}/cgi-bin/webhook/send?{query}", {"msgtype": "text", "text": {"content": text}}
                )
            ]
        case "sms":
            return _sms(options, text)


def _dingtalk(options: HookOptions, text: str, now: float) -> Request:
    query = {"access_token": options.token_value}
    if options.secret_value:
        stamp = str(round(1000 * now))
        signed = f"{stamp}\n{options.secret_value}".encode()
        digest = hmac.digest(options.secret_value.encode(), signed, hashlib.sha256)
        query |= {"timestamp": stamp, "sign": base64.b64encode(digest).decode()}
    content = {"msgtype": "text", "text": {"content": text}, "at": {"isAtAll": False}}
    return _json(f"{options.url}/robot/send?{urlencode(query)}", content)


def _feishu(options: HookOptions, text: str, now: float) -> Request:
    content: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
    if options.secret_value:
        stamp = str(int(now))
        # Feishu takes time and secret as the key, and signs nothing with it.
        digest = hmac.digest(f"{stamp}\n{options.secret_value}".encode(), b"", hashlib.sha256)
        content = {"timestamp": stamp, "sign": base64.b64encode(digest).decode(), **content}
    return _json(f"{options.url}/open-apis/bot/v2/hook/{urlencode({'': options.token_value})[1:]}", content)


def _json(url: str, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Request:
    body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    return Request("POST", url, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def _sms(options: HookOptions, text: str) -> Sequence[Request]:
    sms = options.sms
    if sms is None:
        raise ValueError("an SMS gateway without `sms:` is refused when the configuration is read")
    each = any("{number}" in value for value in sms.fields.values())
    groups = sms.numbers if each else (",".join(sms.numbers),)
    return [_one_sms(options, sms, text, numbers) for numbers in groups]


def _one_sms(options: HookOptions, sms: SmsOptions, text: str, numbers: str) -> Request:
    known = {
        "{text}": text,
        "{numbers}": numbers,
        "{number}": numbers,
        "{token}": options.token_value,
        "{secret}": options.secret_value,
    }
    fields = {name: _filled(value, known) for name, value in sms.fields.items()}
    headers = {sms.token_header: options.token_value} if sms.token_header else {}
    if sms.method == "GET":
        return Request("GET", f"{options.url}?{urlencode(fields)}", headers=headers)
    if sms.encoding == "json":
        return _json(options.url, fields, headers)
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return Request("POST", options.url, urlencode(fields).encode(), form)


def _filled(pattern: str, known: Mapping[str, str]) -> str:
    """Every mark replaced once, from left to right: a text that holds `{token}` stays as it is."""
    out, rest = "", pattern
    while rest:
        found = [(rest.find(mark), mark) for mark in known if mark in rest]
        if not found:
            return out + rest
        at, mark = min(found)
        out, rest = out + rest[:at] + known[mark], rest[at + len(mark) :]
    return out


def verdict_of(options: HookOptions, status: int, body: bytes) -> Verdict:
    """What an answer means."""
    if status == _TOO_MANY:
        return Verdict(Reason.LIMITED, str(status))
    if status >= _SERVER_ERRORS:
        return Verdict(Reason.SERVER, str(status))
    code = _code(options, body)
    if code is not None and options.kind != "sms":
        # Feishu answers 400 with its code for some refusals; the code says more than the status.
        return _by_code(options.kind, code)
    if not 200 <= status < 300:
        return Verdict(Reason.REFUSED, str(status))
    if options.kind == "sms":
        return _sms_verdict(options.sms, code)
    return Verdict(Reason.PROTOCOL, str(status))


def _by_code(kind: str, code: str) -> Verdict:
    if code == "0":
        return TAKEN
    if code in _LIMITED[kind]:
        return Verdict(Reason.LIMITED, code)
    return Verdict(Reason.SERVER if code in _BUSY[kind] else Reason.REFUSED, code)


def _sms_verdict(sms: SmsOptions | None, code: str | None) -> Verdict:
    if sms is None or sms.success_field is None:
        return TAKEN
    if code is None:
        return Verdict(Reason.PROTOCOL)
    return TAKEN if code == sms.success_value else Verdict(Reason.REFUSED, code)


def _code(options: HookOptions, body: bytes) -> str | None:
    """The code in a JSON answer; short, for it is logged."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if options.kind == "sms":
        names: Sequence[str] = (options.sms.success_field,) if options.sms and options.sms.success_field else ()
    else:
        names = _CODE_FIELDS[options.kind]
    for name in names:
        value = content.get(name)
        if isinstance(value, str | int):
            return _short(str(value).lower() if isinstance(value, bool) else str(value))
    return None


def _short(code: str) -> str:
    return "".join(letter for letter in code[:20] if letter.isascii() and (letter.isalnum() or letter in "-_."))
