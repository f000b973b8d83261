"""Dashboards in tests: their panels and queries, with variables filled in the way Grafana fills them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LANGUAGES = ("en", "zh")
NAMES = ("overview", "region", "camera", "targets", "causes", "healthd")

Board = dict[str, Any]
Choice = Mapping[str, str | Sequence[str]]
"""variable -> its value, or the values chosen; `["$__all"]` for all."""

ALL = ("$__all",)


def board(name: str, language: str = "en") -> Board:
    """A committed dashboard."""
    loaded: Board = json.loads((ROOT / "dashboards" / language / f"{name}.json").read_text("utf-8"))
    return loaded


def panels(loaded: Board) -> list[dict[str, Any]]:
    """All panels that ask something."""
    return [panel for panel in loaded["panels"] if panel.get("targets")]


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    board: str
    panel: str
    ref: str
    expression: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.board} / {self.panel} / {self.ref}"


def queries(name: str, language: str = "en") -> Iterator[Query]:
    """Every query of a board's panels."""
    for panel in panels(board(name, language)):
        for target in panel["targets"]:
            yield Query(name, panel["title"], target["refId"], target["expr"], target["instant"])


def variables(loaded: Board) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in loaded["templating"]["list"]}


def filled(expression: str, choice: Choice, defined: Mapping[str, Mapping[str, Any]], span: str = "1h") -> str:
    """The expression as Grafana sends it: values escaped, several joined by `|`, all replaced by `allValue`."""
    text = expression.replace("$__rate_interval", "1m").replace("$__range", span)

    def value_of(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in choice:
            return match[0]
        return _formatted(choice[name], defined[name])

    return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z]\w*))", value_of, text)


def _formatted(chosen: str | Sequence[str], variable: Mapping[str, Any]) -> str:
    if tuple(chosen) == ALL and "allValue" in variable:
        return str(variable["allValue"])
    if not (variable.get("multi") or variable.get("includeAll")):
        assert isinstance(chosen, str)
        return chosen.replace("\\", "\\\\").replace('"', '\\"')
    values = [chosen] if isinstance(chosen, str) else [*chosen]
    escaped = [re.sub(r"[$^*{}\[\]'+?.()|\\]", r"\\\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def options(result: Sequence[Mapping[str, Any]], regex: str) -> list[tuple[str, str]]:
    """(text, value) of each option that a `query_result(...)` gives, by the variable's regular expression."""
    pattern = re.compile(regex.strip("/").replace("(?<", "(?P<"))
    found = []
    for series in result:
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(series["metric"].items()))
        match = pattern.search(f"{{{labels}}} {series['value'][1]} {series['value'][0]}")
        if match:
            groups = match.groupdict() or {"text": match[1], "value": match[1]}
            found.append((groups["text"], groups["value"]))
    return sorted(found)
