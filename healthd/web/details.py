"""A page for each incident and each camera: all that is known of it, for who has to repair or to dispute it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import quote, urlencode

from aiohttp import web

from healthd.filings.exemptions import cover_now, standing
from healthd.folding.disagreements import Disagreement
from healthd.incidents.incident import Incident
from healthd.live import CameraView, Page
from healthd.model import Device, Exemption, Flip, Inventory, Maintainer, Moment
from healthd.web.acts import FORM_KEYS
from healthd.web.auth import may_change
from healthd.web.deps import DEPS, VIEWS, WebDeps
from healthd.web.flip_evidence import evidence_lines
from healthd.web.html import Reader, as_html, html, reader_of
from healthd.web.incident_view import IncidentLine, find_incident, incident_line, place_of, size_order
from healthd.web.overview import bad_state
from healthd.web.texts import TEXTS

MAX_CAMERAS = 500
"""Cameras of an incident that are listed."""
MAX_SIBLINGS = 100
MAX_FLIPS = 30


async def incident_page(request: web.Request) -> web.Response:
    """`/incidents/ID[?lang=zh|en]`; `?done=` says what was just done by a form."""
    deps, reader, wanted = request.app[DEPS], reader_of(request), request.match_info["id"]
    incident = await find_incident(deps, wanted)
    if incident is None:
        raise web.HTTPNotFound(text=f"incident {wanted[:100]!r}: there is none of that id.\n")
    form_key = request.app[FORM_KEYS].key(wanted) if may_change(request) else ""
    done = request.query.get("done", "")
    key = ("incident", wanted, reader, form_key, done)

    def begin() -> partial[bytes]:
        return partial(render_incident, deps.page(), incident, reader, key=form_key, done=done)

    return as_html(await request.app[VIEWS].get(key, begin), reader)


async def camera_page(request: web.Request) -> web.Response:
    """`/cameras/ID[?lang=zh|en]`."""
    deps, reader, wanted = request.app[DEPS], reader_of(request), request.match_info["id"]
    page = deps.page()  # one and the same for both: a reload may take the camera away meanwhile
    if wanted not in page.inventory.cameras:
        raise web.HTTPNotFound(text=f"camera {wanted[:100]!r}: not in the inventory.\n")
    key = ("camera", wanted, reader)
    body = await request.app[VIEWS].get(key, lambda: partial(render_camera, deps, page, wanted, reader))
    return as_html(body, reader)


def incident_path(incident: str, language: str, **further: str) -> str:
    """The address of an incident's page."""
    return f"/incidents/{quote(incident, safe='')}?{urlencode({'lang': language, **further})}"


def render_incident(
    page: Page, incident: Incident, reader: Reader, *, key: str = "", done: str = "", refused: str = ""
) -> bytes:
    """An incident's HTML. `incident`: as the store has it, if it is not open any more. `key`: of its forms, ""
    for a reader who may not act. `done`, `refused`: what came of a form that was just sent."""
    incident = next((one for one in page.incidents if one.id == incident.id), incident)
    listed = sorted(incident.camera_ids)[:MAX_CAMERAS]
    views = {view.camera.id: view for view in page.cameras if view.camera.id in incident.camera_ids}
    return html(
        "incident.html",
        page,
        reader,
        other=_in_other_language("incidents", incident.id, reader),
        line=incident_line(incident, page.inventory, page.at, len(incident.camera_ids)),
        incident=incident,
        cameras=[(key, views.get(key)) for key in listed],
        bad_state=bad_state,
        key=key if incident.open else "",
        done=done if done in ("acknowledge", "close") else "",
        refused=refused,
        action=incident_path(incident.id, reader.language),
    )


@dataclass(frozen=True, slots=True)
class CameraDetail:
    """A camera with what is around it. `upstreams`: the devices above it, the nearest first. `siblings`: what
    hangs on the same device, bad ones first, MAX_SIBLINGS at most; `sibling_states`: all of them, by state on the
    online axis. `flips`: the latest first. `exemptions`: those in force for it now."""

    view: CameraView
    place: Sequence[str]
    maintainer: Maintainer
    upstreams: Sequence[Device]
    siblings: Sequence[CameraView]
    sibling_states: Mapping[str, int]
    incidents: Sequence[IncidentLine]
    flips: Sequence[Flip]
    findings: Sequence[Disagreement]
    exemptions: Sequence[Exemption]


def render_camera(deps: WebDeps, page: Page, camera_id: str, reader: Reader) -> bytes:
    """A camera's HTML; blocking, as its flips are read from the store."""
    return html(
        "camera.html",
        page,
        reader,
        other=_in_other_language("cameras", camera_id, reader),
        detail=camera_detail(page, camera_id, deps.flips(camera_id), deps.exemptions()),
        bad_state=bad_state,
        results=partial(evidence_lines, texts=TEXTS[reader.language], clock=partial(_clock, reader)),
    )


def _clock(reader: Reader, moment: Moment) -> str:
    return datetime.fromtimestamp(moment / 1000, reader.zone).strftime("%H:%M:%S")


def camera_detail(
    page: Page, camera_id: str, flips: Sequence[Flip], exemptions: Sequence[Exemption] = ()
) -> CameraDetail:
    """All about a camera of the inventory."""
    inventory = page.inventory
    camera = inventory.cameras[camera_id]
    upstream = camera.placement.upstream
    around = [view for view in page.cameras if view.camera.id == camera_id or _hangs_on(view, upstream)]
    view = next((view for view in around if view.camera.id == camera_id), CameraView(camera))
    siblings = sorted(
        (view for view in around if view.camera.id != camera_id and view.camera.asked),
        # Port 2 before port 10, in whatever way the vendor writes them: shorter names first.
        key=lambda view: (
            bad_state(view) is None,
            len(view.camera.upstream_port),
            view.camera.upstream_port,
            view.camera.id,
        ),
    )
    incidents = sorted((one for one in page.incidents if camera_id in one.camera_ids), key=size_order)
    maintainer = camera.placement.maintainer
    return CameraDetail(
        view=view,
        place=[*place_of(inventory, camera.placement.region), *filter(None, [camera.address_text])],
        maintainer=inventory.maintainers.get(maintainer, Maintainer(maintainer, maintainer)),
        upstreams=[*_above(inventory, upstream)],
        siblings=siblings[:MAX_SIBLINGS],
        sibling_states=Counter(str(view.online) for view in siblings),
        incidents=[incident_line(one, inventory, page.at, len(one.camera_ids)) for one in incidents],
        findings=[one for one in page.findings if one.camera == camera_id],
        exemptions=_in_force(page, camera_id, exemptions),
        flips=sorted(flips, key=lambda flip: flip.at, reverse=True)[:MAX_FLIPS],
    )


def _in_force(page: Page, camera_id: str, exemptions: Sequence[Exemption]) -> list[Exemption]:
    current = [one for one in exemptions if standing(one, page.at) == "in_force"]
    placement = page.inventory.cameras[camera_id].placement
    covering = cover_now(current, page.inventory).covering(camera_id, ((0, placement),))
    return sorted((one for one in current if one.id in covering), key=lambda one: (-one.until, one.id))


def _hangs_on(view: CameraView, upstream: str) -> bool:
    return bool(upstream) and view.camera.placement.upstream == upstream


def _above(inventory: Inventory, upstream: str) -> Iterator[Device]:
    while upstream in inventory.devices:
        device = inventory.devices[upstream]
        yield device
        upstream = device.upstream


def _in_other_language(kind: str, key: str, reader: Reader) -> str:
    return f"/{kind}/{quote(key, safe='')}?lang={'en' if reader.language == 'zh' else 'zh'}"
