"""The hook and the runbooks as they are reached by HTTP."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from healthd.web.deps import WebDeps
from tests.alert_stories import RULES, alerts
from tests.web_kit import Site, serving, text_of

HOOK = "/hooks/alertmanager/duty"


class Hooked(Site):
    """A site whose hook takes everything."""

    heard: list[tuple[str, int]]

    def deps(self) -> WebDeps:
        self.heard = []

        async def hook(name: str, body: bytes) -> tuple[int, str]:
            self.heard.append((name, len(body)))
            return (200, "Delivered.") if name == "duty" else (404, "There is no hook of that name.")

        return replace(super().deps(), hook=hook)


async def test_hook_takes_what_alertmanager_sends() -> None:
    """By name; large messages too, but not endless ones."""
    site = Hooked()
    async with serving(site) as client:
        for path, size, status in (
            (HOOK, 10, 200),
            (HOOK, 2_000_000, 200),
            (HOOK, 4_100_000, 413),
            (HOOK + "x", 1, 404),
        ):
            async with client.post(path, data=io.BytesIO(b"x" * size)) as response:
                assert response.status == status
        async with client.get(HOOK) as response:
            assert response.status == 405
    assert site.heard == [("duty", 10), ("duty", 2_000_000), ("dutyx", 1)]


async def test_hook_wants_a_token() -> None:
    """The same tokens as everything else; one that may only look is refused."""
    site = Hooked()
    tokens = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("am", "wall")}
    site.settings = replace(site.settings, tokens=tokens, read_only=frozenset({"wall"}))
    async with serving(site) as client:
        for token, status in (("", 401), ("wrong", 401), ("wall", 403), ("am", 200)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with client.post(HOOK, data=b"{}", headers=headers) as response:
                assert response.status == status
    assert site.heard == [("duty", 2)]


async def test_a_site_without_hooks() -> None:
    """404 with a sentence."""
    async with serving(Site()) as client, client.post(HOOK, data=b"{}") as response:
        assert (response.status, await response.text()) == (404, "There are no hooks.\n")


@pytest.mark.parametrize("name", alerts(RULES))
async def test_every_alert_leads_to_its_runbook(name: str) -> None:
    """The path of its runbook_url is a page, in the reader's language, with steps."""
    url = alerts(RULES)[name]["annotations"]["runbook_url"]
    path = url.removeprefix("{{ $externalLabels.healthd_url }}")
    async with serving(Site()) as client:
        chinese, english = [await text_of(client, f"{path}?lang={language}") for language in ("zh", "en")]
    assert "如何处置" in chinese
    assert "What to do" not in chinese
    assert "What to do" in english
    assert re.search(r"<ol>\s*<li>.+</li>", english)
    assert "`" not in english


async def test_no_other_file_is_a_runbook() -> None:
    """A name that is none, or a way out of the directory, is 404."""
    async with serving(Site()) as client:
        for name in ("Nothing", "..%2f..%2f..%2fREADME", "HealthdDown.md", "%00"):
            await text_of(client, f"/runbooks/{name}", 404)


def test_the_package_has_rules_and_runbooks() -> None:
    """healthd/data links to what config/ and docs/ hold."""
    root = Path(__file__).parent.parent
    for link, original in (("rules", "config/rules"), ("runbooks", "docs/runbooks")):
        assert (root / "healthd" / "data" / link).resolve() == (root / original).resolve()
