"""A notice as the text of one message, by template, within the length that a service takes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from healthd.hooks.facts import Facts, Known, facts_of
from healthd.hooks.notice import Notice

log = logging.getLogger("healthd.hooks")

Size = Callable[[str], int]
"""How long a text is to a service: in characters or in bytes of UTF-8."""

_MORE = "…"


@dataclass(frozen=True, slots=True)
class Form:
    """How a hook's messages are made: `limit` is the longest, as `size` measures it."""

    language: str
    template_file: Path | None
    size: Size
    limit: int


def message(notice: Notice, known: Known, form: Form) -> str:
    """The text: as many alerts as fit, firing ones first, and how many are left out."""
    language, size, limit = form.language, form.size, form.limit
    ordered = sorted(notice.alerts, key=lambda alert: not alert.firing)
    facts = [facts_of(alert, known, language) for alert in ordered]
    template = _own(language) if form.template_file is None else _of_user(form.template_file, language)

    def rendered(count: int) -> str:
        return _render(template, facts[:count], len(facts) - count + notice.left_out, known, language)

    whole = rendered(len(facts))
    if size(whole) <= limit:
        return whole
    low, high, fitting = 1, len(facts) - 1, ""
    while low <= high:
        middle = (low + high) // 2
        text = rendered(middle)
        if size(text) <= limit:
            fitting, low = text, middle + 1
        else:
            high = middle - 1
    return fitting or cut(rendered(1), size, limit)


def cut(text: str, size: Size, limit: int) -> str:
    """As much of the text as fits, with a mark that it goes on."""
    if size(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle].rstrip() + _MORE) <= limit:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + _MORE


def _render(template: jinja2.Template, facts: Sequence[Facts], more: int, known: Known, language: str) -> str:
    content = {"alerts": facts, "more": more, "site": known.site, "simulated": known.simulated}
    try:
        return template.render(**content).strip()
    except (jinja2.TemplateError, TypeError, ValueError, OverflowError) as error:
        # A page in plain words is better than none.
        log.error("the template of a hook failed: %s", error)  # noqa: TRY400 (the user's mistake, not a bug)
        return _own(language).render(**content).strip()


@cache
def _own(language: str) -> jinja2.Template:
    text = resources.files("healthd.hooks").joinpath("templates", f"{language}.txt").read_text("utf-8")
    return environment().from_string(text)


def _of_user(path: Path, language: str) -> jinja2.Template:
    try:
        return environment().from_string(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, jinja2.TemplateError) as error:
        log.error("the template of a hook cannot be used: %s: %s", path, error)  # noqa: TRY400 (as above)
        return _own(language)


def environment() -> jinja2.Environment:
    """Alerts are values in it, never templates; texts are plain, so nothing is escaped."""
    return SandboxedEnvironment(
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
