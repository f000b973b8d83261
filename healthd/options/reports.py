"""`reports:` and `mail:` in the configuration: which reports are made when, where they are kept, who gets them."""

from __future__ import annotations

import re
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from healthd.options.credentials import PlainSecret, SecretEnvironment, SecretFile
from healthd.options.section import AbsolutePath, Section
from healthd.problems import Wrong, did_you_mean

FORMATS = ("xlsx", "docx", "pdf", "html", "csv", "json")
KINDS = ("monthly", "weekly", "daily", "worklist")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text, re.ASCII):
        raise Wrong(f'"{text}" is not a time of day', 'write it as "HH:MM", such as "06:00"')
    return text


def _format(name: str) -> str:
    if name not in FORMATS:
        raise Wrong(f'"{name}" is no format', did_you_mean(name, FORMATS, f"there are {', '.join(FORMATS)}"))
    return name


def _kind(name: str) -> str:
    if name not in KINDS:
        raise Wrong(f'"{name}" is no kind of report', did_you_mean(name, KINDS, f"there are {', '.join(KINDS)}"))
    return name


def _weekday(name: str) -> str:
    if name not in WEEKDAYS:
        raise Wrong(f'"{name}" is no weekday', did_you_mean(name, WEEKDAYS, "write e.g. monday"))
    return name


def _address(text: str) -> str:
    _, address = parseaddr(text)
    if not re.fullmatch(r"[^@\s\"<>]+@[^@\s\"<>]+", address) or not text.isprintable():
        raise Wrong(f'"{text}" is not a mail address', "write name@host, or Name <name@host>")
    return text


MailAddress = Annotated[str, AfterValidator(_address)]


class ScheduledReport(Section):
    """One report that is made by the calendar. `day` (1 to 28) is for monthly ones, `weekday` for weekly ones;
    each is about the last period that has ended, a work list about the moment it is made."""

    kind: Annotated[str, AfterValidator(_kind)]
    day: Annotated[int, Field(ge=1, le=28)] | None = None
    weekday: Annotated[str, AfterValidator(_weekday)] | None = None
    at: Annotated[str, AfterValidator(_clock)] = "06:00"
    formats: Annotated[tuple[Annotated[str, AfterValidator(_format)], ...], Field(strict=False, min_length=1)] = (
        FORMATS
    )
    lang: Literal["zh", "en"] = "zh"
    region: str = ""
    maintainer: str = ""
    mail: Annotated[tuple[MailAddress, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _fit(self) -> ScheduledReport:
        if self.day is not None and self.kind != "monthly":
            raise Wrong(f"day is for monthly reports, and this one is {self.kind}", "remove day")
        if self.weekday is not None and self.kind != "weekly":
            raise Wrong(f"weekday is for weekly reports, and this one is {self.kind}", "remove weekday")
        if self.maintainer and self.kind != "worklist":
            raise Wrong(f"maintainer is for work lists, and this one is {self.kind}", "remove maintainer")
        return self


class MailOptions(Section):
    """How reports are mailed. `starttls` encrypts on the way, `tls` from the first byte (port 465)."""

    server: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9.:_-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    sender: MailAddress
    username: str = ""
    password_file: SecretFile = None
    password_env: SecretEnvironment = None
    password: PlainSecret = None  # known only in order to be refused with the remedy
    starttls: bool = False
    tls: bool = False
    ca_file: AbsolutePath | None = None

    @model_validator(mode="after")
    def _fit(self) -> MailOptions:
        if self.starttls and self.tls:
            raise Wrong("starttls and tls exclude each other", "port 465 takes tls, 25 and 587 take starttls")
        if self.password_file and self.password_env:
            raise Wrong("password_file and password_env: one is enough", "remove one of the two")
        if bool(self.username) != bool(self.password_file or self.password_env):
            raise Wrong("username and password go together", "add the missing one, or remove the other")
        if self.username and not (self.starttls or self.tls):
            raise Wrong("the password would be sent in clear", "add starttls: true or tls: true")
        return self

    @property
    def secret(self) -> str:
        """The password, "" where none is needed."""
        given = self.password_file or self.password_env
        return given.get_secret_value() if given else ""


def _template(value: Path) -> Path:
    if not value.is_file():
        raise Wrong(f"no such file: {value}", "correct report_template, or remove it for healthd's own")
    return value


Template = Annotated[AbsolutePath, AfterValidator(_template)]
"""A .docx that is there."""
