"""Documents that exemptions rest on, over HTTP: sent with the filing, and read by whoever may change something."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import quote

from aiohttp import BodyPartReader, hdrs, web

from healthd.problems import Wrong
from healthd.web.auth import admitted_as, may_change
from healthd.web.deps import DEPS
from healthd.web.replies import refusal

log = logging.getLogger("healthd.web")

_RECORD, _FILE = "exemption", "evidence"
_MAX_RECORD_BYTES = 16_384


async def sent(request: web.Request) -> tuple[bytes, tuple[str, bytes] | None]:
    """(the record's JSON, the file as (name, content) or None) of a request in parts, `exemption` and
    `evidence`. Raises HTTPBadRequest, or HTTPRequestEntityTooLarge before more than allowed is taken in."""
    record: bytes | None = None
    file: tuple[str, bytes] | None = None
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name not in (_RECORD, _FILE):
                raise refusal(web.HTTPBadRequest, f"there are only the parts {_RECORD} and {_FILE}")
            if part.name == _RECORD and record is None:
                record = await _taken(part, _MAX_RECORD_BYTES)
            elif part.name == _FILE and file is None:
                file = _name(part), await _taken(part, request.app[DEPS].settings().evidence_max_bytes)
            else:
                raise refusal(web.HTTPBadRequest, f"{part.name}: is there twice")
    except (ValueError, AssertionError, EOFError):  # what aiohttp raises for bodies that are in no such parts
        raise refusal(web.HTTPBadRequest, "the body is not in parts, as its content type says") from None
    if record is None:
        raise refusal(web.HTTPBadRequest, f"{_RECORD}: the part with the JSON object is missing")
    if file is not None and not file[1]:
        raise refusal(web.HTTPBadRequest, f"{_FILE}: empty, send the document that proves it")
    return record, file


async def _taken(part: BodyPartReader, most: int) -> bytes:
    """The part as it came. Packed parts are refused: a small one can be gigabytes when it is unpacked."""
    packed = part.headers.get(hdrs.CONTENT_ENCODING, "identity").lower()
    written = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "binary").lower()
    if packed != "identity" or written not in ("binary", "8bit", "7bit"):
        raise refusal(web.HTTPBadRequest, f"{part.name}: send it as it is, without an encoding")
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > most:
            text = f"{part.name}: larger than {most:,} bytes"
            raise web.HTTPRequestEntityTooLarge(
                most, len(content), text=json.dumps({"error": text}), content_type="application/json"
            )
    return bytes(content)


def _name(part: BodyPartReader) -> str:
    """What the file is called, without the folders that some programs send along."""
    return PureWindowsPath(PurePosixPath(part.filename or "").name).name.strip(" .") or "evidence"


async def download(request: web.Request) -> web.Response:
    """The document of one exemption, as an attachment. It may name people: a token that may only look is refused.
    That it was read, and with which token, is written down first."""
    deps, key, token = request.app[DEPS], request.match_info["id"], admitted_as(request)
    if token is None or not may_change(request):
        raise refusal(web.HTTPForbidden, "documents are shown to tokens that may change something")
    try:
        found = await asyncio.to_thread(deps.exemption_evidence, key, token)
    except Wrong as wrong:
        log.error("evidence cannot be read exemption=%s: %s", key[:100], wrong)  # noqa: TRY400 (the disk's failure)
        raise refusal(web.HTTPInternalServerError, "the document cannot be read; the log says why") from None
    if found is None:
        raise refusal(web.HTTPNotFound, f"exemption {key[:100]!r}: no document is kept for that id")
    file, content = found
    log.info("exemption evidence read exemption=%s sha256=%s token=%s", key, file.sha256, token)
    # Whatever it is, it is saved and never shown: it came from outside.
    headers = {hdrs.CONTENT_DISPOSITION: f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
    return web.Response(body=content, content_type="application/octet-stream", headers=headers)
