"""All boards of a language, as the files that Grafana provisions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from healthd.dashboards.board import Site
from healthd.dashboards.camera import camera
from healthd.dashboards.causes import causes
from healthd.dashboards.itself import healthd
from healthd.dashboards.overview import overview
from healthd.dashboards.region import region
from healthd.dashboards.targets import targets
from healthd.dashboards.wording import LANGUAGES, speaker

HEALTHD_URL = "http://127.0.0.1:9808"

_MAKERS: Mapping[str, Callable[[Site], dict[str, Any]]] = {
    "overview": overview,
    "region": region,
    "camera": camera,
    "targets": targets,
    "causes": causes,
    "healthd": healthd,
}


def boards(language: str, healthd_url: str = HEALTHD_URL) -> dict[str, dict[str, Any]]:
    """name -> dashboard. `healthd_url`: where browsers reach healthd's own pages, without a slash at the end."""
    site = Site(language, speaker(language), healthd_url)
    return {name: make(site) for name, make in _MAKERS.items()}


def rendered(healthd_url: str = HEALTHD_URL) -> dict[Path, str]:
    """`en/overview.json` -> its text, for both languages."""
    return {
        Path(language, f"{name}.json"): json.dumps(board, ensure_ascii=False, indent=1) + "\n"
        for language in LANGUAGES
        for name, board in boards(language, healthd_url).items()
    }


def write(directory: Path, healthd_url: str = HEALTHD_URL) -> list[Path]:
    """Writes them all below `directory`; returns what was written. Raises OSError."""
    written = []
    for path, text in rendered(healthd_url).items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        written.append(target)
    return written
