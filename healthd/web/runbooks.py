"""`/runbooks/NAME`: what an alert means, what to look at, and what to do; where the links of alerts lead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources

from aiohttp import web

from healthd.web.deps import DEPS
from healthd.web.html import as_html, html, reader_of

_NAME = re.compile(r"[A-Za-z]{1,64}")
_STEP = re.compile(r"[0-9]+\. ")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with paragraphs or with numbered steps; each is a list of (text, whether it is to be typed)."""

    heading: str
    paragraphs: Sequence[Sequence[tuple[str, bool]]]
    steps: Sequence[Sequence[tuple[str, bool]]]


async def runbook(request: web.Request) -> web.Response:
    """In the reader's language."""
    name, reader = request.match_info["name"], reader_of(request)
    found = read_runbook(name)
    if found is None:
        raise web.HTTPNotFound(text=f"There is no runbook of the name {name[:100]!r}.\n")
    other = "en" if reader.language == "zh" else "zh"
    make = partial(html, "runbook.html", request.app[DEPS].page(), reader)
    body = make(runbook=name, sections=found[reader.language], other=f"/runbooks/{name}?lang={other}")
    return as_html(body, reader)


@cache
def read_runbook(name: str) -> dict[str, list[Section]] | None:
    """language -> sections; None where there is no such runbook."""
    file = resources.files("healthd").joinpath("data", "runbooks", f"{name}.md")
    if not _NAME.fullmatch(name) or not file.is_file():
        return None
    english, _, chinese = file.read_text("utf-8").partition("\n---\n")
    return {"en": _sections(english), "zh": _sections(chinese)}


def _sections(text: str) -> list[Section]:
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line.strip()]
        steps = [_STEP.sub("", line, count=1) for line in lines if _STEP.match(line)]
        paragraphs = [line for line in lines if not _STEP.match(line)]
        found.append(Section(heading, [_pieces(line) for line in paragraphs], [_pieces(step) for step in steps]))
    return found


def _pieces(line: str) -> list[tuple[str, bool]]:
    """What stands between backquotes is to be typed."""
    return [(piece, number % 2 == 1) for number, piece in enumerate(line.split("`")) if piece]
