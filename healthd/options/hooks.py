"""`alerting.hooks:` in the configuration: group bots and SMS gateways that healthd's webhook bridge talks to."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from healthd.options.credentials import PlainSecret, SecretEnvironment, SecretFile
from healthd.options.section import AbsolutePath, Section
from healthd.problems import Wrong
from probes.base import Duration

BASE_URLS = {
    "dingtalk": "https://oapi.dingtalk.com",
    "feishu": "https://open.feishu.cn",
    "wecom": "https://qyapi.weixin.qq.com",
}
"""Where the services live, unless a gateway of a closed network stands in."""


def checked_url(text: str) -> str:
    """An http or https URL without login, query and fragment."""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not text.isprintable() or " " in text:
        raise Wrong("is not an http or https URL", "write e.g. https://gateway.example.org/dingtalk")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Wrong("holds a login or parameters", "secrets go into token_file and secret_file")
    return text


def _number(text: str) -> str:
    if not (text.lstrip("+").isdigit() and text.isascii() and 3 <= len(text) <= 20):
        raise Wrong(f"{text!r} is not a telephone number", "write digits, in quotes")
    return text


class SmsOptions(Section):
    """How an SMS gateway takes a message. In `fields`, `{text}` stands for the text, `{numbers}` for all numbers
    with commas between, `{number}` for one number a request, `{token}` and `{secret}` for the hook's. It has
    taken the message if it answers 2xx and, where `success_field` is given, that field of its JSON answer reads
    `success_value`."""

    numbers: Annotated[tuple[Annotated[str, AfterValidator(_number)], ...], Field(strict=False, min_length=1)]
    method: Literal["POST", "GET"] = "POST"
    encoding: Literal["json", "form"] = "json"
    fields: dict[str, str]
    success_field: str | None = None
    success_value: str = "0"
    token_header: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> SmsOptions:
        text = " ".join(self.fields.values())
        if "{text}" not in text:
            raise Wrong(
                "fields: none of them holds {text}", "write e.g. fields: {mobile: '{numbers}', content: '{text}'}"
            )
        if "{number}" not in text and "{numbers}" not in text:
            raise Wrong("fields: none of them holds {numbers} or {number}", "write e.g. mobile: '{numbers}'")
        return self


class HookOptions(Section):
    """One group bot or SMS gateway. `token`: what its webhook address ends with (access_token, hook id, key);
    `secret`: what messages are signed with, where the service asks."""

    kind: Literal["dingtalk", "feishu", "wecom", "sms"]
    base_url: Annotated[str, AfterValidator(checked_url)] | None = None
    token_file: SecretFile = None
    token_env: SecretEnvironment = None
    secret_file: SecretFile = None
    secret_env: SecretEnvironment = None
    language: Literal["zh", "en"] = "zh"
    per_minute: Annotated[int, Field(ge=1, le=600)] | None = None
    characters: Annotated[int, Field(ge=20, le=20_000)] | None = None
    timeout: Duration = 10.0
    give_up_after: Duration = 900.0
    queue: Annotated[int, Field(ge=1, le=10_000)] = 100
    template_file: AbsolutePath | None = None
    sms: SmsOptions | None = None
    # Known only in order to be refused with the remedy.
    token: PlainSecret = None
    secret: PlainSecret = None

    @property
    def token_value(self) -> str:
        return _value(self.token_file or self.token_env)

    @property
    def secret_value(self) -> str:
        return _value(self.secret_file or self.secret_env)

    @property
    def url(self) -> str:
        return (self.base_url or BASE_URLS[self.kind]).rstrip("/")

    @model_validator(mode="after")
    def _fit(self) -> HookOptions:
        for secret in ("token", "secret"):
            if getattr(self, f"{secret}_file") and getattr(self, f"{secret}_env"):
                raise Wrong(f"{secret}_file and {secret}_env are both given", "remove one of the two")
        if (self.kind == "sms") != (self.sms is not None):
            raise Wrong("`sms:` goes with kind: sms, and only with it", "add it, or correct kind")
        if self.kind == "sms" and self.base_url is None:
            raise Wrong("an SMS gateway needs base_url", "write its address")
        if self.kind != "sms" and not self.token_value:
            raise Wrong(
                "the bot's token is missing", "write token_file: PATH; it is the end of its webhook address"
            )
        if self.kind == "wecom" and self.secret_value:
            raise Wrong(
                "WeCom's group bots take no signature", "remove the secret; limit the bot by address there"
            )
        return self


def _value(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
