"""`alerting:` in the configuration: who is on call for what, and how they are reached. See docs/alerts.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from healthd.options.hooks import HookOptions, checked_url
from healthd.options.section import AbsolutePath, Label, Section
from healthd.problems import Wrong, did_you_mean
from probes.base import Duration

_HOUR = 3600.0
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAIL = re.compile(r"[^@\s,;<>\"'{}]{1,64}@[^@\s,;<>\"'{}]{1,255}")
_SMARTHOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-4]):[0-5][0-9]")


def _mail(text: str) -> str:
    if not _MAIL.fullmatch(text):
        raise Wrong(f"{text!r} is not a mail address", "write e.g. duty@example.org")
    return text


def _smarthost(text: str) -> str:
    if not _SMARTHOST.fullmatch(text):
        raise Wrong(f"{text!r} is not HOST:PORT", "write e.g. mail.example.org:465")
    return text


def _hours(text: str) -> str:
    start, _, end = text.partition("-")
    if not _HOURS.fullmatch(text) or start >= end or end > "24:00":
        raise Wrong(f"{text!r} is not a span of one day", "write e.g. 07:30-21:30, or 00:00-24:00 for always")
    return text


def _secret_path(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise Wrong("must be a path, as Alertmanager sees it", "write e.g. /etc/alertmanager/secrets/smtp")
    return text


def _names(values: Mapping[str, object]) -> Mapping[str, object]:
    for name in values:
        if not _NAME.fullmatch(name):
            raise Wrong(f'"{name}" is not a name', "1 to 64 of A-Z a-z 0-9 . _ -")
    return values


Mail = Annotated[str, AfterValidator(_mail)]
Url = Annotated[str, AfterValidator(checked_url)]
Hours = Annotated[str, AfterValidator(_hours)]
SecretPath = Annotated[str, AfterValidator(_secret_path)]
"""As Alertmanager sees it: healthd does not read it."""


class Smtp(Section):
    """The mail server that Alertmanager sends by."""

    smarthost: Annotated[str, AfterValidator(_smarthost)]
    from_: Annotated[Mail, Field(alias="from")]
    username: str = ""
    password_file: SecretPath | None = None
    require_tls: bool = True


class Webhook(Section):
    """A program that takes Alertmanager's own JSON."""

    url: Url
    token_file: SecretPath | None = None


class WecomApp(Section):
    """An application of WeCom; `secret_file` is read when routes are generated for an Alertmanager before 0.31."""

    corp_id: Label
    agent_id: Annotated[str, BeforeValidator(str)]
    secret_file: AbsolutePath
    to_user: str = ""
    to_party: str = ""
    to_tag: str = ""
    api_url: Url = "https://qyapi.weixin.qq.com/cgi-bin/"

    @model_validator(mode="after")
    def _somebody(self) -> WecomApp:
        if not (self.to_user or self.to_party or self.to_tag):
            raise Wrong("names nobody", "add to_user, to_party or to_tag; to_user: '@all' for everybody")
        return self


class Receiver(Section):
    """Somebody who is told, by all of these ways. `hooks`: names in `alerting.hooks`."""

    email: Annotated[tuple[Mail, ...], Field(strict=False)] = ()
    webhooks: Annotated[tuple[Webhook, ...], Field(strict=False)] = ()
    wecom_app: WecomApp | None = None
    hooks: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @property
    def reached(self) -> bool:
        """Whether there is any way at all."""
        return bool(self.email or self.webhooks or self.wecom_app or self.hooks)


class OnCall(Section):
    """A maintainer's receiver, and others for some regions and what is below them."""

    receiver: str
    regions: dict[str, str] = Field(default_factory=dict)


class Repeat(Section):
    """How long until what is still firing is said again; seconds."""

    critical: Duration = 4 * _HOUR
    warning: Duration = 12 * _HOUR
    digest: Duration = 24 * _HOUR


def _on_call(value: object) -> object:
    return {"receiver": value} if isinstance(value, str) else value


class AlertingOptions(Section):
    """Receivers, and what goes to whom. Regions and maintainers are keys of the inventory; who has none of
    theirs falls to the region above and at last to `default`."""

    alertmanager_file: AbsolutePath | None = None
    alertmanager_version: Annotated[str, Field(pattern=r"^0\.[0-9]{1,3}$")] = "0.25"
    language: Literal["zh", "en"] = "zh"
    healthd_url: Url = "http://127.0.0.1:9808"
    hook_token_file: SecretPath | None = None
    smtp: Smtp | None = None
    receivers: Annotated[dict[str, Receiver], AfterValidator(_names)]
    default: str
    operators: str | None = None
    deadman: str | None = None
    regions: dict[str, str] = Field(default_factory=dict)
    maintainers: dict[str, Annotated[OnCall, BeforeValidator(_on_call)]] = Field(default_factory=dict)
    day_hours: Hours = "07:30-21:30"
    repeat: Repeat = Repeat()
    hooks: Annotated[dict[str, HookOptions], AfterValidator(_names)] = Field(default_factory=dict)

    def named(self) -> Iterator[tuple[str, str]]:
        """(where, receiver) of every receiver that is named somewhere."""
        yield "default", self.default
        for where in ("operators", "deadman"):
            name = getattr(self, where)
            if name is not None:
                yield where, name
        for code, name in self.regions.items():
            yield f"regions.{code}", name
        for maintainer, on_call in self.maintainers.items():
            yield f"maintainers.{maintainer}", on_call.receiver
            for code, name in on_call.regions.items():
                yield f"maintainers.{maintainer}.regions.{code}", name

    @model_validator(mode="after")
    def _fit(self) -> AlertingOptions:
        for where, name in self.named():
            if name not in self.receivers:
                remedy = did_you_mean(name, self.receivers, f"there are {', '.join(self.receivers) or 'none'}")
                raise Wrong(f'{where}: there is no receiver "{name}"', remedy)
        for name, receiver in self.receivers.items():
            for hook in receiver.hooks:
                if hook not in self.hooks:
                    remedy = did_you_mean(hook, self.hooks, "describe it under alerting.hooks")
                    raise Wrong(f'receivers.{name}: there is no hook "{hook}"', remedy)
            if receiver.email and self.smtp is None:
                raise Wrong(f"receivers.{name} has mail addresses, and there is no smtp", "add alerting.smtp")
            if not receiver.reached:
                raise Wrong(f"receivers.{name} is reached by no way", "add email, webhooks, wecom_app or hooks")
        return self
