"""`/api/v1/incidents`: the list, the append-only feed for ticket systems, and the operator's two acts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from healthd.incidents.evidence import SENTENCES, Clue
from healthd.incidents.incident import Cause, Happening, Incident, Kind
from healthd.live import Page
from healthd.model import Moment
from healthd.web.acts import Act, act_of
from healthd.web.auth import admitted_as
from healthd.web.deps import DEPS, WebDeps
from healthd.web.incident_view import find_incident, size_order
from healthd.web.replies import answer, as_json, dump, known, only, refusal, whole

log = logging.getLogger("healthd.web")

_DAY: Moment = 86_400_000
_CLOSED_DAYS = 30
_MAX_CLOSED_DAYS = 3660
_FEED_SIZE = 100  # entries carry the ids of their cameras: a dead city is 20,000 of them, each time
_MAX_FEED_SIZE = 1000
_MAX_SEQ = 2**53 - 1  # what every JSON reader keeps exact


async def incidents(request: web.Request) -> web.Response:
    """The list, narrowed by `open`, `region`, `maintainer`, `kind`, `cause`; with `since` the feed."""
    query, deps = request.query, request.app[DEPS]
    if "since" in query:
        return await _feed(request)
    only(query, ("open", "region", "maintainer", "kind", "cause", "lang", "days"))
    known(query.get("open", ""), ("", "0", "1"), "open")
    known(query.get("region", ""), {"", *deps.page().inventory.regions}, "region")
    known(query.get("kind", ""), ("", *Kind), "kind")
    known(query.get("cause", ""), ("", *Cause), "cause")
    _language(query)
    days = whole(query, "days", _CLOSED_DAYS, _MAX_CLOSED_DAYS)
    return await answer(request, lambda page: incident_list(page, deps, query, days))


async def incident(request: web.Request) -> web.Response:
    """One incident, open or closed."""
    now, language = request.app[DEPS].page().at, _language(request.query)
    return as_json(dump((await found(request)).as_json(now, language)))


def _language(query: Mapping[str, str]) -> str:
    """That of the evidence's sentences."""
    language = query.get("lang", "en")
    known(language, tuple(SENTENCES), "lang")
    return language


async def acknowledge(request: web.Request) -> web.Response:
    """Somebody takes an open incident on."""
    deps, subject, act = request.app[DEPS], await _open(request), await _read_act(request)
    wrong = deps.acknowledge(subject.id, act.by, act.note)
    return _done(request, subject, act, "acknowledged", wrong)


async def close(request: web.Request) -> web.Response:
    """Closes an incident once its subject, asked again at once, proves to be whole."""
    deps, subject, act = request.app[DEPS], await _open(request), await _read_act(request)
    wrong = await deps.close(subject.id, act.by, act.note)
    return _done(request, subject, act, "closed", wrong)


def incident_list(page: Page, deps: WebDeps, query: Mapping[str, str], days: int) -> list[dict[str, Any]]:
    """Incidents as JSON, those that take most cameras down first. Without `open=1` those closed within the last
    `days` are among them: blocking, as they are read from the store."""
    chosen = {one.id: one for one in page.incidents if query.get("open") != "0"}
    if query.get("open") != "1":
        stored = deps.incidents(page.at - days * _DAY, page.at + 1)
        chosen.update({one.id: one for one in stored if not one.open})
    paths = page.inventory.paths
    top = paths[query["region"]] if query.get("region") else ""
    wanted = [
        one
        for one in chosen.values()
        if paths.get(one.region, "").startswith(top)
        and query.get("maintainer", one.maintainer) == one.maintainer
        and (query.get("kind") or one.kind) == one.kind
        and (query.get("cause") or one.cause) == one.cause
    ]
    language = query.get("lang", "en")
    return [one.as_json(page.at, language) for one in sorted(wanted, key=size_order)]


async def found(request: web.Request) -> Incident:
    """The incident of the request's path, as pages show it. Raises HTTPNotFound."""
    wanted = request.match_info["id"]
    one = await find_incident(request.app[DEPS], wanted)
    if one is None:
        raise refusal(web.HTTPNotFound, f"incident {wanted[:100]!r}: there is none of that id")
    return one


async def _open(request: web.Request) -> Incident:
    subject = await found(request)
    if not subject.open:
        raise refusal(web.HTTPConflict, f"incident {subject.id}: closed already")
    return subject


async def _feed(request: web.Request) -> web.Response:
    query, deps = request.query, request.app[DEPS]
    only(query, ("since", "limit", "lang"))  # no filters: the feed is always whole
    since = whole(query, "since", 0, _MAX_SEQ)
    limit = whole(query, "limit", _FEED_SIZE, _MAX_FEED_SIZE, lowest=1)
    return as_json(await asyncio.to_thread(_read_feed, deps, since, limit, _language(query)))


def _read_feed(deps: WebDeps, since: int, limit: int, language: str) -> bytes:
    entries = deps.feed(since, limit)
    following = entries[-1][0] if entries else since
    return dump({"feed": [_entry(seq, happening, language) for seq, happening in entries], "next": following})


def _entry(seq: int, happening: Happening, language: str) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": datetime.fromtimestamp(happening.at / 1000, UTC).isoformat(timespec="milliseconds"),
        "what": str(happening.what),
        "detail": happening.detail,
        # As of then: an entry never reads otherwise later.
        "incident": happening.incident.as_json(happening.at, language),
    }


async def _read_act(request: web.Request) -> Act:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise refusal(web.HTTPBadRequest, "the body is too large: a name and a note, please") from None
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):  # ValueError: not JSON, not UTF-8, or a number of thousands of digits
        said = None
    if not isinstance(said, dict):
        raise refusal(web.HTTPBadRequest, 'the body is to be JSON: {"by": "who", "note": "why"}')
    for key in said:
        if key not in ("by", "note"):
            raise refusal(web.HTTPBadRequest, f"{key[:100]!r}: there are only by and note")
    try:
        return act_of(said)
    except ValueError as error:
        raise refusal(web.HTTPBadRequest, str(error)) from None


def _done(request: web.Request, subject: Incident, act: Act, what: str, wrong: Clue | None) -> web.Response:
    token = admitted_as(request)
    log.info("incident act incident=%s what=%s by=%r token=%s refused=%r", subject.id, what, act.by, token, wrong)
    if wrong is not None:
        raise refusal(web.HTTPConflict, wrong.text())
    return as_json(dump({"incident": subject.id, "done": what}))
