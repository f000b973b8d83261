"""`/api/v1/exemptions`: the list, and filing and ending by POST."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

from healthd.filings.exemption_view import as_json as public
from healthd.filings.exemption_view import concerning
from healthd.filings.exemptions import standing
from healthd.filings.filing import EndingSaid, Said
from healthd.live import Page
from healthd.model import Exemption
from healthd.problems import Wrong
from healthd.web import exemption_evidence
from healthd.web.auth import admitted_as
from healthd.web.deps import DEPS, WebDeps
from healthd.web.replies import answer, as_json, dump, known, only, refusal

log = logging.getLogger("healthd.web")

_Said = TypeVar("_Said", Said, EndingSaid)
_STATES = ("planned", "in_force", "over", "ended", "withdrawn", "corrected")
_FILING: Mapping[str, str] = {  # public name -> field of Said
    "scope": "scope",
    "from": "start",
    "to": "end",
    "reason": "reason",
    "approver": "approver",
    "by": "author",
    "note": "note",
    "late": "late",
    "everything": "everything",
    "corrects": "corrects",
}
_ENDING: Mapping[str, str] = {"at": "at", "approver": "approver", "by": "author", "note": "note", "late": "late"}
_FLAGS = frozenset({"late", "everything"})
_OPTIONAL = frozenset({"from", "note", "late", "everything", "corrects", "at"})


async def exemptions(request: web.Request) -> web.Response:
    """The list by start, narrowed by `open=1`, `state` and `region`."""
    query, deps = request.query, request.app[DEPS]
    only(query, ("open", "state", "region"))
    known(query.get("open", ""), ("", "0", "1"), "open")
    known(query.get("state", ""), ("", *_STATES), "state")
    known(query.get("region", ""), {"", *deps.page().inventory.regions}, "region")
    return await answer(request, lambda page: exemption_list(page, deps, query))


async def exemption(request: web.Request) -> web.Response:
    """One exemption."""
    deps = request.app[DEPS]
    one = await _found(deps, request.match_info["id"])
    return as_json(dump(public(one, deps.settings().timezone, deps.page().at)))


async def file(request: web.Request) -> web.Response:
    """Files an exemption: 200 and the record, 400 with what is wrong, 413 for a document that is too large."""
    deps, evidence = request.app[DEPS], None
    if request.content_type == "multipart/form-data":
        body, evidence = await exemption_evidence.sent(request)
    else:
        body = await _body(request)
    said = Said(**{"start": "", **_read(body, _FILING)})
    return await _keep(request, lambda asked: deps.file_exemption(asked, evidence), said)


async def end(request: web.Request) -> web.Response:
    """Ends an exemption: 200 and how it stands then, 400 with what is wrong, 404 for an unknown id."""
    deps, key = request.app[DEPS], request.match_info["id"]
    await _found(deps, key)
    said = EndingSaid(exemption=key, **{"at": "", **_read(await _body(request), _ENDING)})
    return await _keep(request, deps.end_exemption, said)


def exemption_list(page: Page, deps: WebDeps, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Exemptions as JSON. Blocking, as they are read from the store."""
    found: Sequence[Exemption] = deps.exemptions()
    if query.get("open") == "1":
        found = [one for one in found if standing(one, page.at) in ("planned", "in_force")]
    if query.get("state"):
        found = [one for one in found if standing(one, page.at) == query["state"]]
    if query.get("region"):
        found = concerning(found, query["region"], page.inventory)
    zone = deps.settings().timezone
    return [public(one, zone, page.at) for one in sorted(found, key=lambda one: (one.start, one.filed, one.id))]


async def _found(deps: WebDeps, key: str) -> Exemption:
    for one in await asyncio.to_thread(deps.exemptions):
        if one.id == key:
            return one
    raise refusal(web.HTTPNotFound, f"exemption {key[:100]!r}: there is none of that id")


async def _keep(request: web.Request, work: Callable[[_Said], Exemption], said: _Said) -> web.Response:
    deps, token = request.app[DEPS], admitted_as(request)
    try:
        one = await asyncio.to_thread(work, said)
    except Wrong as wrong:
        log.info("exemption refused by=%r token=%s refused=%r", said.author, token, str(wrong))
        remedy = f" ({wrong.remedy})" if wrong.remedy else ""
        raise refusal(web.HTTPBadRequest, f"{wrong}{remedy}") from None
    log.info("exemption filed exemption=%s scope=%s by=%r token=%s", one.id, one.scope, said.author, token)
    now = round(datetime.now(UTC).timestamp() * 1000)
    return as_json(dump(public(one, deps.settings().timezone, now)))


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise refusal(web.HTTPBadRequest, "the body is too large: an exemption is a few lines") from None


def _read(body: bytes, names: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the JSON object by their own names: texts, and true or false for the flags."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):  # ValueError: not JSON, not UTF-8, or a number of thousands of digits
        said = None
    if not isinstance(said, dict):
        raise refusal(web.HTTPBadRequest, f"the body is to be a JSON object with {', '.join(names)}")
    for key, value in said.items():
        if key not in names:
            raise refusal(web.HTTPBadRequest, f"{key[:100]!r}: there are only {', '.join(names)}")
        if not isinstance(value, bool if key in _FLAGS else str):
            kind = "true or false" if key in _FLAGS else "a text"
            raise refusal(web.HTTPBadRequest, f"{key}: {kind}, please")
    missing = [name for name in names if name not in said and name not in _OPTIONAL]
    if missing:
        raise refusal(web.HTTPBadRequest, f"{', '.join(missing)}: missing")
    return {names[key]: value for key, value in said.items()}
