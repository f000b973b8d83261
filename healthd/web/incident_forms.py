"""The two forms on an incident's page: to take it on, and to close it. They work without JavaScript."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from aiohttp import web

from healthd.incidents.evidence import Clue, clue
from healthd.web.acts import FORM_KEYS, Act, act_of
from healthd.web.auth import admitted_as
from healthd.web.deps import DEPS
from healthd.web.details import incident_path, render_incident
from healthd.web.html import as_html, reader_of
from healthd.web.incident_view import find_incident

log = logging.getLogger("healthd.web")

ACTS = ("acknowledge", "close")


async def act_on_incident(request: web.Request) -> web.Response:
    """`POST /incidents/ID` with the form fields key, act, by, note. Done: the page again, by a redirect, so that
    loading it anew does nothing twice; refused: 409 and the page with the reason."""
    deps, wanted = request.app[DEPS], request.match_info["id"]
    incident = await find_incident(deps, wanted)
    if incident is None:
        raise web.HTTPNotFound(text=f"incident {wanted[:100]!r}: there is none of that id.\n")
    form = await request.post()
    if not request.app[FORM_KEYS].fits(wanted, form.get("key")):
        raise web.HTTPForbidden(text="This form is not of this page, or healthd was restarted: load it again.\n")
    what, act = form.get("act"), _read(form)
    if what not in ACTS:
        raise web.HTTPBadRequest(text="act: acknowledge or close, please.\n")
    reader = reader_of(request)
    wrong = await _do(request, wanted, str(what), act) if incident.open else clue("closed_already")
    token = admitted_as(request)
    log.info("incident act incident=%s what=%s by=%r token=%s refused=%r", wanted, what, act.by, token, wrong)
    if wrong is None:
        raise web.HTTPSeeOther(incident_path(wanted, reader.language, done=str(what)))
    page, key = deps.page(), request.app[FORM_KEYS].key(wanted)
    work = partial(render_incident, page, incident, reader, key=key, refused=wrong.text(reader.language))
    response = as_html(await asyncio.to_thread(work), reader)
    response.set_status(409)
    return response


def _read(form: Mapping[str, object]) -> Act:
    try:
        return act_of(form)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}.\n") from error


async def _do(request: web.Request, incident: str, what: str, act: Act) -> Clue | None:
    deps = request.app[DEPS]
    if what == "acknowledge":
        return deps.acknowledge(incident, act.by, act.note)
    return await deps.close(incident, act.by, act.note)
