"""`/api/v1/findings`: where the levels of evidence contradict each other, camera by camera; `/api/v1/platforms`:
what platforms say, of which some of them come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from healthd.folding.disagreements import Disagreement, Discord
from healthd.live import Page
from healthd.model import Camera, Moment
from healthd.web.deps import DEPS
from healthd.web.replies import answer, as_json, dump, known, only

MAX_FINDINGS = 100
"""Findings listed on the first page: the latest; the counts say how many there are."""


async def findings(request: web.Request) -> web.Response:
    """Those that hold, the latest first, with counts; narrowed by `region` and `finding`."""
    query = request.query
    only(query, ("region", "finding"))
    known(query.get("region", ""), {"", *request.app[DEPS].page().inventory.regions}, "region")
    known(query.get("finding", ""), ("", *Discord), "finding")
    return await answer(request, lambda page: _document(page, query))


def _document(page: Page, query: Mapping[str, str]) -> dict[str, Any]:
    paths = page.inventory.paths
    top = paths[query["region"]] if query.get("region") else ""
    inside = {code for code, path in paths.items() if path.startswith(top)}
    found = [line for line in finding_lines(page, inside, "all") if _wanted(line.finding, query)]
    counts = {str(kind): sum(line.finding.finding is kind for line in found) for kind in Discord}
    return {"counts": counts, "findings": [_as_json(line.finding, line.camera) for line in found]}


async def platforms(request: web.Request) -> web.Response:
    """How the catalogue of each platform stands: what it says of how many cameras, and what of it was ignored."""
    standings = request.app[DEPS].platforms()
    return as_json(dump({"platforms": [one.as_json(_iso) for one in standings]}))


def _wanted(one: Disagreement, query: Mapping[str, str]) -> bool:
    return (query.get("finding") or one.finding) == one.finding


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding with its camera, and who repairs that: a name, or the id where the inventory has none."""

    finding: Disagreement
    camera: Camera
    maintainer: str


def finding_lines(page: Page, inside: Set[str], class_: str) -> list[FindingLine]:
    """Findings of cameras in service in these regions and this class (`all`: any), the latest first."""
    return sorted(
        _lines(page, inside, class_),
        key=lambda line: (-line.finding.since, line.finding.camera, line.finding.finding),
    )


def _lines(page: Page, inside: Set[str], class_: str) -> Iterator[FindingLine]:
    for one in page.findings:
        camera = page.inventory.cameras.get(one.camera)
        if camera is None or not camera.in_service or camera.placement.region not in inside:
            continue
        if class_ in ("all", camera.placement.class_):
            known = page.inventory.maintainers.get(camera.placement.maintainer)
            yield FindingLine(one, camera, known.name if known else camera.placement.maintainer)


def _as_json(one: Disagreement, camera: Camera) -> dict[str, Any]:
    return {
        "camera": one.camera,
        "name": camera.name,
        "region": camera.placement.region,
        "class": camera.placement.class_,
        "finding": str(one.finding),
        "since": _iso(one.since),
        "detail": one.detail,
    }


def _iso(moment: Moment) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
