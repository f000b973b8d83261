"""Kept reports: the page that lists them, the same as JSON, and their files to download."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web

from healthd.kept import SUMS, Kept
from healthd.live import Page
from healthd.web.deps import DEPS, VIEWS
from healthd.web.html import Reader, as_html, html, reader_of
from healthd.web.replies import as_json, dump, refusal

_SHOWN = 200
_TYPES = {
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".json": "application/json",
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


async def page(request: web.Request) -> web.Response:
    """`/reports[?lang=zh|en]`."""
    deps, reader = request.app[DEPS], reader_of(request)
    found = await asyncio.to_thread(lambda: [*deps.reports()])
    key = ("reports", reader, tuple((one.id, one.mailed, one.tries) for one in found))
    return as_html(await request.app[VIEWS].get(key, lambda: partial(render, deps.page(), found, reader)), reader)


def render(shown: Page, found: Sequence[Kept], reader: Reader) -> bytes:
    """The page's HTML, in UTF-8."""
    other = "/reports?lang=" + ("en" if reader.language == "zh" else "zh")
    return html(
        "reports.html",
        shown,
        reader,
        reports=[(one, _links(one), _tables(one)) for one in found[:_SHOWN]],
        total=len(found),
        region_name=lambda code: getattr(shown.inventory.regions.get(code), "name", code),
        other=other,
    )


def _links(one: Kept) -> list[tuple[str, str]]:
    """(format, where) of each file that stands alone."""
    return [(PurePosixPath(name).suffix[1:], path_of(one.id, name)) for name in one.files if "/" not in name]


def _tables(one: Kept) -> list[tuple[str, str]]:
    """(file, where) of the tables of a format that has one file a table."""
    return [(PurePosixPath(name).name, path_of(one.id, name)) for name in one.files if "/" in name]


def path_of(report: str, name: str) -> str:
    """Where a file of a kept report is to be had."""
    return f"/reports/{quote(report, safe='')}/{quote(name)}"


async def listed(request: web.Request) -> web.Response:
    """The kept reports as JSON, newest first."""
    deps = request.app[DEPS]
    body = await asyncio.to_thread(lambda: dump([as_document(one) for one in deps.reports()]))
    return as_json(body)


def as_document(one: Kept) -> dict[str, Any]:
    """One kept report by its public names; `mailed` null while it is not, or was not to be."""
    return {
        "report": one.id,
        "kind": one.kind,
        "period": one.period,
        "region": one.region or None,
        "lang": one.lang,
        "title": one.title,
        "made": _iso(one.made),
        "mail": [*one.mail],
        "mailed": _iso(one.mailed) if one.mailed else None,
        "files": [
            {"file": name, "url": path_of(one.id, name), "bytes": size, "sha256": digest}
            for name, (size, digest) in one.files.items()
        ],
    }


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="seconds")


async def download(request: web.Request) -> web.StreamResponse:
    """One file of a kept report, as an attachment."""
    report, name = request.match_info["id"], request.match_info["file"]
    path = await asyncio.to_thread(request.app[DEPS].report_file, report, name)
    if path is None:
        raise refusal(web.HTTPNotFound, f"report {report[:100]!r}: there is no such file")
    kind = "text/plain" if name == SUMS else _TYPES.get(path.suffix, "application/octet-stream")
    disposition = f"attachment; filename*=UTF-8''{quote(path.name, safe='')}"
    return web.FileResponse(path, headers={hdrs.CONTENT_TYPE: kind, hdrs.CONTENT_DISPOSITION: disposition})
