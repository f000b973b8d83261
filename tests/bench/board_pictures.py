"""Draws the dashboards as pictures from a real Prometheus, to look at them where there is no Grafana.

    python -m tests.bench.board_pictures --prometheus http://127.0.0.1:9090 -o /tmp/pictures

Panels lie in their grid, with variables as a newcomer finds them (all regions, class all, first profile) or as
`--set NAME=VALUE` says. It prints the slowest queries too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from healthd.dashboards.files import boards
from tests.bench.board_drawing import cell, page
from tests.board_kit import ALL, LANGUAGES, NAMES, Board, Choice, board, filled, options, variables
from tests.prometheus_kit import QueryError, Server


def first_choice(name: str, server: Server, given: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
    """What the variables of a board stand at when it is opened."""
    defined = variables(board(name))
    choice: dict[str, str | tuple[str, ...]] = {}
    for variable in defined.values():
        key = variable["name"]
        if key in given:
            choice[key] = (given[key],) if variable.get("multi") else given[key]
        elif variable["type"] == "custom":
            choice[key] = variable["current"]["value"]
        elif variable["type"] == "textbox":
            choice[key] = _some_camera(server)
        elif variable["type"] == "constant":
            choice[key] = variable["query"]
        elif variable.get("allValue"):
            choice[key] = ALL
        elif variable["type"] == "query":
            choice[key] = _asked(server, variable, choice, defined)
    return choice


def _asked(
    server: Server, variable: Mapping[str, Any], choice: Mapping[str, Any], defined: Mapping[str, Any]
) -> str | tuple[str, ...]:
    text = variable["query"]["query"]
    if text.startswith("label_values("):
        metric, label = text.removeprefix("label_values(").removesuffix(")").split(", ")
        values = sorted(series["metric"][label] for series in server.query(f"count by ({label}) ({metric})"))
    else:
        asked = filled(text.removeprefix("query_result(").removesuffix(")"), choice, defined)
        values = [value for _, value in options(server.query(asked), variable["regex"])]
    if variable["multi"]:
        return tuple(values)
    return values[0] if values else ""


def _some_camera(server: Server) -> str:
    for wanted in ("healthd_camera_picture_fault", "healthd_camera_online == 0", "healthd_camera_info"):
        found = server.query(f"topk(1, {wanted})")
        if found:
            return str(found[0]["metric"]["camera"])
    return ""


def draw(loaded: Board, server: Server, hours: float, choice: Choice) -> tuple[str, list[str]]:
    """(the board as HTML, what went wrong)."""
    wrong: list[str] = []
    defined, now = variables(loaded), time.time()
    cells = []
    for panel in loaded["panels"]:
        answers = {}
        for target in panel.get("targets", []):
            asked = filled(target["expr"], choice, defined, f"{round(hours * 3600)}s")
            try:
                if target["instant"]:
                    answers[target["refId"]] = server.query(asked)
                else:
                    step = max(15.0, hours * 3600 / 400)
                    answers[target["refId"]] = server.query_range(asked, now - hours * 3600, now, step)
            except QueryError as error:
                wrong.append(f"{panel['title']} / {target['refId']}: {error}")
        cells.append(cell(panel, answers, _outlines(panel)))
    return page(loaded["title"], cells), wrong


def _outlines(panel: Mapping[str, Any]) -> dict[str, Any]:
    if panel["type"] != "geomap":
        return {}
    try:
        with urllib.request.urlopen(panel["options"]["basemap"]["config"]["src"], timeout=5) as response:
            outlines: dict[str, Any] = json.load(response)
            return outlines
    except OSError:
        return {}


def photograph(text: str, target: Path, height: int) -> None:
    """The page as a PNG."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        subprocess.run(
            [
                program,
                "--headless",
                "--no-sandbox",
                "--hide-scrollbars",
                "--disable-gpu",
                f"--window-size=1920,{height}",
                f"--screenshot={target}",
                f"file://{file.name}",
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--board", action="append", choices=NAMES)
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    parser.add_argument("--healthd-url", default="", metavar="URL")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    server = Server(arguments.prometheus)
    given = dict(one.split("=", 1) for one in arguments.set)
    for name in arguments.board or NAMES:
        for language in arguments.language or LANGUAGES:
            loaded = (
                boards(language, arguments.healthd_url)[name] if arguments.healthd_url else board(name, language)
            )
            text, wrong = draw(loaded, server, arguments.hours, first_choice(name, server, given))
            height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board(name)["panels"]) * 38 + 80
            photograph(text, arguments.output / f"{name}-{language}.png", height)
            print(f"{name}-{language}.png", *wrong, sep="\n  ")
    for expression, seconds in sorted(server.took.items(), key=lambda entry: -entry[1])[:5]:
        print(f"{seconds:.2f} s  {expression[:150]}")


if __name__ == "__main__":
    main()
