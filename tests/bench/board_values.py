"""A panel's answers as Grafana shows them: words, units, colours and rows. For looking at dashboards without "
"it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLOURS = {
    "green": "#73bf69", "red": "#f2495c", "orange": "#ff9830", "blue": "#5794f2", "purple": "#b877d9",
    "text": "#d8d9da",
}  # fmt: skip
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d")


@dataclass(frozen=True)
class Shown:
    """A value as it appears."""

    text: str
    colour: str = COLOURS["text"]


def settings(panel: Mapping[str, Any], ref: str = "", *names: str) -> dict[str, Any]:
    """The field configuration that holds for a query's answer, or a column or series of one of these names."""
    config = panel["fieldConfig"]
    merged = dict(config["defaults"])
    for override in config["overrides"]:
        matcher = override["matcher"]
        wanted = [ref] if matcher["id"] == "byFrameRefID" else names
        if matcher["options"] in wanted:
            for one in override["properties"]:
                merged[one["id"]] = one["value"]
    return merged


def show(value: object, config: Mapping[str, Any]) -> Shown:
    """One value by mappings, else by unit and threshold."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    for mapping in config.get("mappings", ()):
        if mapping["type"] == "value":
            found = mapping["options"].get(_plain(value))
            if found:
                return Shown(found.get("text", _plain(value)), _colour(found.get("color", "text")))
        elif missing:
            found = mapping["options"]["result"]
            return Shown(found["text"], _colour(found["color"]))
    if isinstance(value, str):
        return Shown(value)
    if missing:
        return Shown(config["noValue"], "#8e8e8e")
    assert isinstance(value, float)
    return Shown(with_unit(value, config), _threshold(value, config))


def with_unit(value: float, config: Mapping[str, Any]) -> str:
    """The number with its unit, as many decimals as the panel says."""
    decimals, unit = config.get("decimals"), str(config.get("unit", "none"))
    if unit == "s":
        return _duration(value, 1 if decimals is None else decimals)
    if unit == "bytes":
        power = min(4, int(math.log(abs(value), 1024))) if value else 0
        return f"{value / 1024**power:.{decimals or 0}f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
    factor, suffix = _UNITS.get(unit, (1, unit.removeprefix("suffix:")))
    return (f"{value * factor:.{decimals}f}" if decimals is not None else f"{value * factor:.4g}") + suffix


_UNITS = {"percentunit": (100, " %"), "h": (1, " h"), "x": (1, "x"), "cps": (1, " c/s"), "none": (1, "")}


def _duration(seconds: float, decimals: int) -> str:
    for size, name in ((604800, "weeks"), (86400, "days"), (3600, "hours"), (60, "mins")):
        if abs(seconds) >= size:
            return f"{seconds / size:.{decimals}f} {name}"
    if abs(seconds) < 1:
        return f"{seconds * 1000:.{decimals}f} ms"
    return f"{seconds:.{decimals}f} s"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _colour(name: str) -> str:
    return COLOURS.get(name, name)


def _threshold(value: float, config: Mapping[str, Any]) -> str:
    mode = config.get("color", {})
    if mode.get("mode") == "fixed":
        return _colour(mode["fixedColor"])
    steps = [step for step in config["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    return _colour(steps[-1]["color"])


def legend(target: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """The name of a series by its query's legend."""
    text: str = target["legendFormat"]
    if text == "__auto":
        return ", ".join(labels.values()) or "value"
    for name in labels:
        text = text.replace(f"{{{{{name}}}}}", labels[name])
    return text


def rows(
    panel: Mapping[str, Any], answers: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[list[str], list[list[Shown]]]:
    """(headings, rows) of a table: answers merged by their labels, columns in the order that is asked for."""
    organize = panel["transformations"][1]["options"]
    merged: dict[frozenset[tuple[str, str]], dict[str, object]] = {}
    single = len(answers) == 1
    for ref, result in answers.items():
        for series in result:
            labels = series["metric"]
            row = merged.setdefault(frozenset(labels.items()), dict(labels))
            row["Value" if single else f"Value #{ref}"] = float(series["value"][1])
    names = list(organize["renameByName"])
    columns = [
        name
        for name in names
        if not settings(panel, "", name, organize["renameByName"][name]).get("custom.hidden")
    ]
    ordered = list(merged.values())
    for key in panel.get("options", {}).get("sortBy", []):
        source = next(name for name in names if organize["renameByName"][name] == key["displayName"])
        ordered.sort(key=lambda row: _rank(row.get(source)), reverse=key["desc"])
    configs = {name: settings(panel, "", name, organize["renameByName"][name]) for name in columns}
    shown = [[_cell(row.get(name), configs[name]) for name in columns] for row in ordered]
    return [organize["renameByName"][name] for name in columns], shown


def _rank(value: object) -> tuple[int, float, str]:
    if isinstance(value, float):
        return (1, value, "") if not math.isnan(value) else (0, 0.0, "")
    return (2, 0.0, str(value)) if value is not None else (0, 0.0, "")


def _cell(value: object, config: Mapping[str, Any]) -> Shown:
    shown = show(value, config)
    # A map has no cells: its marks are coloured by what their values map to.
    coloured = (
        config.get("custom.cellOptions", {"type": "color-text"}).get("type") == "color-text" or value is None
    )
    return shown if coloured else Shown(shown.text)
