"""Contradictions between levels of evidence over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import pages
from tests.web_kit import Site, serving, text_of

PATH = "/api/v1/findings"


async def ask(query: str = "", status: int = 200) -> Any:
    async with serving(Site(page=pages.troubled(pages.page(pages.views())))) as client:
        return json.loads(await text_of(client, PATH + query, status))


async def test_findings_with_counts() -> None:
    """The latest first, each with its camera, and how many there are of each finding, zeros too."""
    document = await ask()
    assert [one["camera"] for one in document["findings"]] == ["cam-00006", "cam-00004"]
    assert document["counts"]["reach_without_picture"] == document["counts"]["protocol_without_reach"] == 1
    assert document["counts"]["platform_without_reach"] == 0
    assert document["findings"][1] == {
        "camera": "cam-00004",
        "name": "人民路与工农路口 4 号",
        "region": "320602001",
        "class": "1",
        "finding": "protocol_without_reach",
        "since": "2026-11-21T09:00:00.000+00:00",
        "detail": "snmp",
    }


@pytest.mark.parametrize(
    ("query", "cameras"),
    [
        ("?region=320612", ["cam-00006"]),
        ("?finding=protocol_without_reach", ["cam-00004"]),
        ("?region=320612&finding=protocol_without_reach", []),
    ],
)
async def test_findings_are_narrowed(query: str, cameras: list[str]) -> None:
    """By a region with all below it, and by finding."""
    assert [one["camera"] for one in (await ask(query))["findings"]] == cameras


@pytest.mark.parametrize("query", ["region=9", "finding=moon"])
async def test_findings_refuse_what_there_is_none_of(query: str) -> None:
    """A region or finding that does not exist is a 400 that names it."""
    assert (await ask(f"?{query}", 400))["error"].startswith(query.partition("=")[0])
