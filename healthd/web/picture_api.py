"""What people say of a camera's picture: a finding that was none, a view that is to be learnt anew."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from healthd.false_alarms import FalseAlarm
from healthd.model import Moment
from healthd.problems import Wrong
from healthd.web.acts import Act, act_of
from healthd.web.auth import admitted_as
from healthd.web.deps import DEPS
from healthd.web.replies import as_json, dump, only, refusal
from healthd.web.told import told_rows

log = logging.getLogger("healthd.web")

_LONGEST = 16  # digits of a moment


async def mark_false(request: web.Request) -> web.Response:
    """`{"fault", "by", "note"?, "at"?}`: this finding was none. The seconds are given back, and the camera is held
    to a stricter threshold."""
    deps = request.app[DEPS]
    alarm, act = await _marked(request, deps.mark_false)
    deps.taken_back(alarm)
    token = admitted_as(request)
    log.info("false alarm camera=%s fault=%s by=%r token=%s", alarm.camera, alarm.fault, act.by, token)
    return _as_mark(alarm)


async def withdraw_mark(request: web.Request) -> web.Response:
    """`{"fault", "by", "note"?, "at"?}`: a mark holds no longer. The finding counts again."""
    deps = request.app[DEPS]
    alarm, act = await _marked(request, deps.withdraw_mark)
    deps.withdrawn(alarm)
    token = admitted_as(request)
    log.info("mark withdrawn camera=%s fault=%s by=%r token=%s", alarm.camera, alarm.fault, act.by, token)
    return _as_mark(alarm)


async def _marked(
    request: web.Request, keep: Callable[[str, str, str, str, Moment | None], FalseAlarm]
) -> tuple[FalseAlarm, Act]:
    camera = _camera(request)
    said, act = await _said(request, {"fault", "by", "note", "at"})
    fault, at = str(said.get("fault", "")), _moment(said.get("at"))
    try:
        return await asyncio.to_thread(keep, camera, fault, act.by, act.note, at), act
    except Wrong as wrong:
        raise refusal(web.HTTPConflict, f"{wrong}" + (f" ({wrong.remedy})" if wrong.remedy else "")) from None


def _as_mark(alarm: FalseAlarm) -> web.Response:
    times = {name: _iso(moment) for name, moment in (("from", alarm.start), ("to", alarm.end))}
    body = {"camera": alarm.camera, "fault": alarm.fault, "value": alarm.value, "threshold": alarm.threshold}
    return as_json(dump({**body, **times}))


async def stats(request: web.Request) -> web.Response:
    """How often each fault was found from `from` to `to` (the last 30 days), and how many of these findings were
    marked as false: what `healthd picture stats` says."""
    only(request.query, ("from", "to"))
    return as_json(dump(await told_rows(request, request.app[DEPS].picture_stats)))


async def rebase(request: web.Request) -> web.Response:
    """`{"by", "note"?}`: the camera was repaired or is meant to look elsewhere; its references are learnt anew."""
    camera = _camera(request)
    _, act = await _said(request, {"by", "note"})
    deps = request.app[DEPS]
    await asyncio.to_thread(deps.note_rebase, camera, act.by, act.note)
    deps.begin_anew(camera)
    log.info("references begun anew camera=%s by=%r token=%s", camera, act.by, admitted_as(request))
    return as_json(dump({"camera": camera, "done": "references are learnt anew"}))


async def thumbnails(request: web.Request) -> web.Response:
    """Of which bad frames a thumbnail is kept, the newest first."""
    _viewer(request)
    camera = _camera(request)
    frames = await asyncio.to_thread(request.app[DEPS].thumbnails, camera)
    return as_json(dump({"camera": camera, "frames": [{"frame": at, "at": _iso(at)} for at in frames]}))


async def thumbnail(request: web.Request) -> web.Response:
    """One thumbnail. That it was read, and with which token, is written down first."""
    viewer, camera = _viewer(request), _camera(request)
    wanted = request.match_info["frame"]
    known = wanted.isascii() and wanted.isdigit() and len(wanted) <= _LONGEST
    content = None
    if known:
        content = await asyncio.to_thread(request.app[DEPS].thumbnail, camera, int(wanted), viewer)
    if content is None:
        raise refusal(web.HTTPNotFound, f"camera {camera}: no picture of that frame is kept")
    log.info("picture evidence read camera=%s frame=%s token=%s", camera, wanted, viewer)
    return web.Response(body=content, content_type="image/jpeg")


def _viewer(request: web.Request) -> str:
    """The name of the token, if it may see pictures. Raises HTTPForbidden."""
    viewer = admitted_as(request)
    if viewer is None or viewer not in request.app[DEPS].settings().pictures:
        raise refusal(web.HTTPForbidden, "pictures are shown to tokens with pictures: true only")
    return viewer


def _camera(request: web.Request) -> str:
    wanted = request.match_info["id"]
    if wanted not in request.app[DEPS].page().inventory.cameras:
        raise refusal(web.HTTPNotFound, f"camera {wanted[:100]!r}: not in the inventory")
    return wanted


async def _said(request: web.Request, names: set[str]) -> tuple[dict[str, Any], Act]:
    try:
        said = json.loads(await request.read())
    except web.HTTPRequestEntityTooLarge:
        raise refusal(web.HTTPBadRequest, "the body is too large: a few names and a note, please") from None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise refusal(web.HTTPBadRequest, f"the body is to be a JSON object with {', '.join(sorted(names))}")
    for key in said:
        if key not in names:
            raise refusal(web.HTTPBadRequest, f"{key[:100]!r}: there are only {', '.join(sorted(names))}")
    try:
        return said, act_of(said)
    except ValueError as error:
        raise refusal(web.HTTPBadRequest, str(error)) from None


def _moment(text: object) -> Moment | None:
    if text in (None, ""):
        return None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise refusal(web.HTTPBadRequest, "at: a time such as 2026-07-01T08:00:00+08:00, please")
    return round(at.timestamp() * 1000)


def _iso(moment: Moment) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
