"""How the API answers: JSON made off the event loop, and refusals as `{"error": sentence}`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial

from aiohttp import web

from healthd.live import Page
from healthd.web.deps import DEPS, VIEWS


async def answer(request: web.Request, make: Callable[[Page], object], to: str = "") -> web.Response:
    """JSON made in a thread out of the page of now; shared by all who ask the same meanwhile. `to` tells apart
    those who are answered differently."""
    deps = request.app[DEPS]
    body = await request.app[VIEWS].get((to, request.path_qs), lambda: partial(_make, make, deps.page()))
    return as_json(body)


def _make(make: Callable[[Page], object], page: Page) -> bytes:
    return dump(make(page))


def dump(content: object) -> bytes:
    """JSON in UTF-8. Half a surrogate pair, which only broken input can bring, becomes `?`."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def as_json(body: bytes) -> web.Response:
    """An answer of what `dump` made, compressed where the client takes it."""
    response = web.Response(body=body, content_type="application/json")
    response.enable_compression()
    return response


def known(value: str, values: Collection[str], name: str) -> None:
    """Raises HTTPBadRequest for a parameter whose value is none of these."""
    if value not in values:
        raise refusal(web.HTTPBadRequest, f"{name}={value[:100]!r}: there is none of that name")


def only(query: Mapping[str, str], names: Collection[str]) -> None:
    """Raises HTTPBadRequest for a parameter that is none of these: who misspells one must not get an answer to
    another question."""
    for name in query:
        if name not in names:
            known_ones = f"there are {', '.join(names)}" if names else "there are none"
            raise refusal(web.HTTPBadRequest, f"{name[:100]}: no such parameter; {known_ones}")


def whole(query: Mapping[str, str], name: str, default: int, highest: int, lowest: int = 0) -> int:
    """A parameter that is a whole number. Raises HTTPBadRequest for anything else."""
    text = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text) or not lowest <= int(text) <= highest:
        raise refusal(web.HTTPBadRequest, f"{name}={text[:100]!r}: a whole number, {lowest} to {highest}, please")
    return int(text)


def refusal(kind: type[web.HTTPError], sentence: str) -> web.HTTPError:
    """To be raised; only for kinds that take no more than a text."""
    return kind(text=json.dumps({"error": sentence}, ensure_ascii=False), content_type="application/json")
