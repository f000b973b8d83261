"""The HTTP side: routes, health, reload and metrics. See docs/http.md."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Callable
from functools import cache, partial
from importlib import resources

from aiohttp import hdrs, web

from healthd.exposition import Format, accepts_gzip, negotiate
from healthd.web import (
    api,
    changes_api,
    details,
    exemption_api,
    exemption_evidence,
    exemption_page,
    findings,
    hooks,
    incident_api,
    incident_forms,
    outlines,
    pages,
    picture_api,
    probe,
    rates_api,
    reports,
    runbooks,
)
from healthd.web.acts import FORM_KEYS, FormKeys
from healthd.web.auth import MAP_PATH, add_security_headers, admitted_as, guard
from healthd.web.deps import DEPS, SCRAPES, VIEWS, WebDeps
from healthd.web.share import Shared
from healthd.web.told import PERIOD_TURN

log = logging.getLogger("healthd.web")

_MAX_BODY_BYTES = 16_384  # a name and a note; nothing larger is ever sent here


def make_app(deps: WebDeps) -> web.Application:
    """The application with all its routes."""
    app = web.Application(middlewares=[guard], client_max_size=_MAX_BODY_BYTES)
    app[DEPS], app[SCRAPES], app[VIEWS], app[FORM_KEYS] = deps, Shared(), Shared(), FormKeys()
    app[PERIOD_TURN] = asyncio.Lock()
    app.on_response_prepare.append(add_security_headers)
    app.add_routes(
        [
            web.get("/", pages.first_page),
            web.get("/incidents/{id}", details.incident_page),
            web.post("/incidents/{id}", incident_forms.act_on_incident),
            web.get("/cameras/{id}", details.camera_page),
            web.get("/reports", reports.page),
            web.get("/reports/{id}/{file:.+}", reports.download),
            web.get("/style.css", style),
            web.get("/-/healthy", healthy),
            web.get("/-/ready", ready),
            web.post("/-/reload", reload),
            web.post("/hooks/alertmanager/{name}", hooks.alertmanager),
            web.get("/runbooks/{name}", runbooks.runbook),
            web.get("/metrics", metrics),
            web.get("/metrics/cameras", camera_metrics),
            web.get("/probe", probe.probe),
            web.get("/openapi.json", openapi),
            web.get("/api/v1/regions", api.regions),
            web.get(MAP_PATH, outlines.regions_geojson),
            web.get("/api/v1/cameras", api.cameras),
            web.get("/api/v1/cameras/{id}", api.camera),
            web.post("/api/v1/cameras/{id}/picture/false", picture_api.mark_false),
            web.post("/api/v1/cameras/{id}/picture/false/withdraw", picture_api.withdraw_mark),
            web.get("/api/v1/pictures/stats", picture_api.stats),
            web.post("/api/v1/cameras/{id}/picture/rebase", picture_api.rebase),
            web.get("/api/v1/cameras/{id}/picture/evidence", picture_api.thumbnails),
            web.get("/api/v1/cameras/{id}/picture/evidence/{frame}", picture_api.thumbnail),
            web.get("/api/v1/rates", rates_api.rates),
            web.get("/api/v1/changes", changes_api.changes),
            web.get("/api/v1/findings", findings.findings),
            web.get("/api/v1/platforms", findings.platforms),
            web.get("/api/v1/reports", reports.listed),
            web.get("/exemptions", exemption_page.page),
            web.get("/api/v1/exemptions", exemption_api.exemptions),
            web.post("/api/v1/exemptions", exemption_api.file),
            web.get("/api/v1/exemptions/{id}", exemption_api.exemption),
            web.post("/api/v1/exemptions/{id}/end", exemption_api.end),
            web.get("/api/v1/exemptions/{id}/evidence", exemption_evidence.download),
            web.get("/api/v1/incidents", incident_api.incidents),
            web.get("/api/v1/incidents/{id}", incident_api.incident),
            web.post("/api/v1/incidents/{id}/acknowledge", incident_api.acknowledge),
            web.post("/api/v1/incidents/{id}/close", incident_api.close),
        ]
    )
    return app


async def healthy(request: web.Request) -> web.Response:
    """200 while the process does its work, else 503 with a sentence."""
    return _said(request.app[DEPS].healthy(), "healthd is healthy.")


async def ready(request: web.Request) -> web.Response:
    """200 once every in-service camera's reach was asked, until then 503 with a sentence."""
    return _said(request.app[DEPS].ready(), "healthd is ready.")


def _said(wrong: str, fine: str) -> web.Response:
    return web.Response(status=503 if wrong else 200, text=f"{wrong or fine}\n")


async def reload(request: web.Request) -> web.Response:
    """Reads configuration and inventory anew: 200 when taken, 400 with every problem when not. `?force=1` takes
    an inventory that lost more cameras than the guard allows."""
    force = request.query.get("force") == "1"
    problems = await request.app[DEPS].reload(force)
    log.info("reload asked for token=%s force=%s problems=%d", admitted_as(request), force, len(problems))
    if problems:
        text = "Not reloaded; everything goes on as before.\n" + "".join(f"{problem}\n" for problem in problems)
        return web.Response(status=400, text=text)
    return web.Response(text="Reloaded.\n")


async def metrics(request: web.Request) -> web.Response:
    """The page that Prometheus reads."""
    deps, form = request.app[DEPS], _format(request)
    return await _scraped(request, "", form, lambda: partial(deps.metrics, deps.page(), form))


async def camera_metrics(request: web.Request) -> web.Response:
    """All cameras of one region's subtree."""
    deps, form = request.app[DEPS], _format(request)
    region = request.query.get("region", "")
    if not region:
        raise web.HTTPBadRequest(text="Say whose cameras: /metrics/cameras?region=CODE.\n")
    if region not in deps.page().inventory.regions:
        raise web.HTTPNotFound(text=f"region={region[:100]!r}: there is none of that code.\n")
    return await _scraped(request, region, form, lambda: partial(deps.camera_metrics, deps.page(), form, region))


def _format(request: web.Request) -> Format:
    return negotiate(request.headers.get(hdrs.ACCEPT, ""))


async def _scraped(
    request: web.Request, region: str, form: Format, begin: Callable[[], Callable[[], bytes]]
) -> web.Response:
    shared, key = request.app[SCRAPES], (request.path, region, form)
    body = await shared.get(key, begin)
    headers = {hdrs.CONTENT_TYPE: form.value, hdrs.VARY: "Accept, Accept-Encoding"}
    if accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
        # Level 1: level 6 costs three times the time to save a tenth of the bytes.
        body = await shared.get((*key, "gzip"), lambda: partial(gzip.compress, body, 1, mtime=0))
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(body=body, headers=headers)


async def style(_: web.Request) -> web.Response:
    """The one style sheet."""
    headers = {hdrs.CACHE_CONTROL: "max-age=3600"}
    return web.Response(text=_static("style.css"), content_type="text/css", headers=headers)


async def openapi(_: web.Request) -> web.Response:
    """The description of the API."""
    return web.Response(text=_static("openapi.json"), content_type="application/json")


@cache
def _static(name: str) -> str:
    return resources.files("healthd.web").joinpath("static", name).read_text("utf-8")
