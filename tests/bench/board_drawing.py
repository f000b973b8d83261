"""Panels as HTML and SVG, near enough to Grafana's to see what a person would trip over."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.board_values import COLOURS, PALETTE, Shown, legend, rows, settings, show, with_unit

Answers = Mapping[str, Sequence[Mapping[str, Any]]]

STYLE = """
body{background:#111217;color:#d8d9da;font:13px 'Noto Sans CJK SC',sans-serif;margin:8px}
.grid{display:grid;grid-template-columns:repeat(24,1fr);grid-auto-rows:30px;gap:8px}
.panel{background:#181b1f;border:1px solid #2c3235;border-radius:2px;overflow:hidden;padding:4px 8px;display:flex;
flex-direction:column}
.row{font-size:16px;align-self:end}h2{font-size:13px;font-weight:500;margin:0 0 2px}
.stats{display:flex;flex:1;align-items:center;justify-content:space-around;text-align:center}
.stats b{display:block;font-size:24px;font-weight:500}.stats i{font-style:normal;font-size:12px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:2px 6px;border-bottom:1px solid #2c3235;
white-space:nowrap;max-width:260px;overflow:hidden;text-overflow:ellipsis}th{color:#6e9fff;font-weight:500}
.scroll{overflow:hidden;flex:1}.bar{display:grid;grid-template-columns:150px 1fr 80px;gap:6px;margin:2px 0}
.bar span{background:#5794f2;height:14px;display:block}.none{color:#8e8e8e;margin:auto}svg{flex:1}
.legend{font-size:11px}.legend b{font-weight:400;margin-right:10px}
"""


def page(title: str, cells: Sequence[str]) -> str:
    """A whole board."""
    return (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1 style='font-size:18px'>{html.escape(title)}</h1><div class=grid>{''.join(cells)}</div>"
    )


def cell(panel: Mapping[str, Any], answers: Answers, outlines: Mapping[str, Any]) -> str:
    """One panel in its place."""
    place = panel["gridPos"]
    where = f"grid-column:{place['x'] + 1}/span {place['w']};grid-row:{place['y'] + 1}/span {place['h']}"
    if panel["type"] == "row":
        return f"<div class=row style='{where}'>{html.escape(panel['title'])}</div>"
    size = place["w"] * 74, place["h"] * 38 - 46
    match panel["type"]:
        case "stat":
            body = _stats(panel, answers)
        case "table":
            body = _table(panel, answers)
        case "bargauge":
            body = _bars(panel, answers)
        case "timeseries":
            body = _graph(panel, answers, size)
        case "state-timeline":
            body = _timeline(panel, answers, size)
        case _:
            body = _map(panel, answers, size, outlines)
    return f"<div class=panel style='{where}'><h2>{html.escape(panel['title'])}</h2>{body}</div>"


def _none(panel: Mapping[str, Any]) -> str:
    return f"<div class=none>{panel['fieldConfig']['defaults']['noValue']}</div>"


def _stats(panel: Mapping[str, Any], answers: Answers) -> str:
    parts = []
    for target in panel["targets"]:
        found = answers.get(target["refId"], [])
        for series in found:
            name = legend(target, series["metric"])
            config = settings(panel, target["refId"], name)
            shown = show(float(series["value"][1]), config)
            parts.append((config.get("displayName", name), shown))
    if not parts:
        return _none(panel)
    return (
        "<div class=stats>"
        + "".join(
            f"<div><i>{html.escape(name if len(panel['targets']) > 1 or len(parts) > 1 else '')}</i>"
            f"<b style='color:{shown.colour}'>{html.escape(shown.text)}</b></div>"
            for name, shown in parts
        )
        + "</div>"
    )


def _table(panel: Mapping[str, Any], answers: Answers) -> str:
    headings, lines = rows(panel, answers)
    if not lines:
        return _none(panel)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in headings)
    body = "".join(f"<tr>{''.join(map(_td, line))}</tr>" for line in lines[:40])
    return f"<div class=scroll><table><tr>{head}</tr>{body}</table></div>"


def _td(shown: Shown) -> str:
    return f"<td style='color:{shown.colour}'>{html.escape(shown.text)}</td>"


def _bars(panel: Mapping[str, Any], answers: Answers) -> str:
    found = []
    for target in panel["targets"]:
        for series in answers.get(target["refId"], []):
            name = legend(target, series["metric"])
            config = settings(panel, target["refId"], name)
            found.append((config.get("displayName", name), float(series["value"][1]), config))
    if not found:
        return _none(panel)
    longest = max((value for _, value, _ in found if not math.isnan(value)), default=1) or 1
    return (
        "<div class=scroll>"
        + "".join(
            f"<div class=bar><i>{html.escape(name)}</i><span style='width:{_share(value, longest)}%'></span>"
            f"<i>{html.escape(show(value, config).text)}</i></div>"
            for name, value, config in found
        )
        + "</div>"
    )


def _share(value: float, longest: float) -> float:
    return 0 if math.isnan(value) else max(0.0, value / longest * 100)


def _graph(panel: Mapping[str, Any], answers: Answers, size: tuple[int, int]) -> str:
    curves = []
    for target in panel["targets"]:
        for series in answers.get(target["refId"], []):
            name = legend(target, series["metric"])
            curves.append(
                (name, settings(panel, target["refId"], name), [(t, float(v)) for t, v in series["values"]])
            )
    points = [value for _, _, values in curves for _, value in values if math.isfinite(value)]
    if not points:
        return _none(panel)
    defaults = panel["fieldConfig"]["defaults"]
    low = defaults.get("min", defaults["custom"].get("axisSoftMin", min(points)))
    low, high = min(low, *points, low), defaults.get("max", max(points))
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    if stacked:
        totals: dict[float, float] = {}
        for _, _, values in curves:
            for moment, value in values:
                totals[moment] = totals.get(moment, 0) + value
        high = max(totals.values())
    high = high if high > low else low + 1
    times = [moment for _, _, values in curves for moment, _ in values]
    first, last = min(times), max(times)
    width, height = size
    below: dict[float, float] = {}
    lines, names = [], []
    for index, (name, config, values) in enumerate(curves):
        colour = config.get("color", {}).get("fixedColor", PALETTE[index % len(PALETTE)])
        colour = COLOURS.get(colour, colour)
        lifted, floor = [], []
        for moment, value in values:
            base = below.get(moment, 0.0) if stacked else 0.0
            below[moment] = base + value
            floor.append((moment, base))
            lifted.append((moment, base + value))
        path = " ".join(
            f"{40 + (moment - first) / (last - first or 1) * (width - 60):.1f},"
            f"{height - 20 - (value - low) / (high - low) * (height - 30):.1f}"
            for moment, value in (lifted + floor[::-1] if stacked else lifted)
            if math.isfinite(value)
        )
        dash = " stroke-dasharray='8 6'" if "custom.lineStyle" in config else ""
        if stacked:
            lines.append(f"<polygon points='{path}' fill='{colour}' opacity=0.7 />")
        else:
            lines.append(f"<polyline points='{path}' fill=none stroke='{colour}' stroke-width=2{dash} />")
        names.append(f"<b style='color:{colour}'>{html.escape(str(config.get('displayName', name)))}</b>")
    ticks = "".join(
        f"<text x=0 y='{height - 18 - share * (height - 30):.0f}' fill=#aaa font-size=10>"
        f"{html.escape(with_unit(low + share * (high - low), defaults))}</text>"
        for share in (0, 0.5, 1)
    )
    clock = "".join(
        f"<text x='{x}' y='{height - 4}' fill=#aaa "
        f"font-size=10>{time.strftime('%H:%M', time.localtime(moment))}</text>"
        for x, moment in ((40, first), (width - 60, last))
    )
    picture = f"<svg viewBox='0 0 {width} {height}'>{''.join(lines)}{ticks}{clock}</svg>"
    return f"{picture}<div class=legend>{''.join(names)}</div>"


def _timeline(panel: Mapping[str, Any], answers: Answers, size: tuple[int, int]) -> str:
    width, height = size
    lanes = []
    for target in panel["targets"]:
        for series in answers.get(target["refId"], []):
            name = legend(target, series["metric"])
            lanes.append((name, settings(panel, target["refId"], name), series["values"]))
    if not lanes:
        return _none(panel)
    first = min(values[0][0] for *_, values in lanes)
    last = max(values[-1][0] for *_, values in lanes) + 1
    tall = min(40, (height - 10) / len(lanes))
    parts = []
    for index, (name, config, values) in enumerate(lanes):
        top = index * tall
        label = html.escape(str(config.get("displayName", name)))
        parts.append(f"<text x=0 y='{top + tall / 2 + 4}' fill=#d8d9da font-size=12>{label}</text>")
        step = values[1][0] - values[0][0] if len(values) > 1 else last - first
        for moment, value in values:
            x = 110 + (moment - first) / (last - first) * (width - 120)
            wide = step / (last - first) * (width - 120) + 1
            fill = show(float(value), config).colour
            parts.append(
                f"<rect x='{x:.1f}' y='{top + 2}' width='{wide:.1f}' height='{tall - 4}' fill='{fill}' />"
            )
        word = html.escape(show(float(values[-1][1]), config).text)
        parts.append(f"<text x=120 y='{top + tall / 2 + 4}' fill=#111 font-size=12>{word}</text>")
    return f"<svg viewBox='0 0 {width} {height}'>{''.join(parts)}</svg>"


def _map(panel: Mapping[str, Any], answers: Answers, size: tuple[int, int], outlines: Mapping[str, Any]) -> str:
    headings, lines = rows(panel, answers)
    width, height = size
    column = {name: index for index, name in enumerate(headings)}
    marks = []
    for line in lines:
        try:
            place = float(line[column["longitude"]].text), float(line[column["latitude"]].text)
        except ValueError:
            continue  # a region without coordinates is not on the map
        verdict = panel["options"]["layers"][0]["config"]["style"]["color"]["field"]
        marks.append((place, line[0].text, line[column[verdict]]))
    rings = [
        feature["geometry"]["coordinates"][0]
        for feature in outlines.get("features", [])
        if feature["geometry"]["type"] == "Polygon"
    ]
    points = [place for place, *_ in marks] + [tuple(point) for ring in rings for point in ring]
    if not points:
        return _none(panel)
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)

    def at(point: Sequence[float]) -> tuple[float, float]:
        return (
            20 + (point[0] - west) / (east - west or 1) * (width - 40),
            height - 20 - (point[1] - south) / (north - south or 1) * (height - 40),
        )

    shapes = "".join(
        f"<polygon points='{' '.join(f'{x:.1f},{y:.1f}' for x, y in map(at, ring))}' fill=#5794f226 "
        f"stroke=#5794f2 />"
        for ring in rings
    )
    dots = "".join(
        f"<circle cx='{at(place)[0]:.1f}' cy='{at(place)[1]:.1f}' r=8 fill='{shown.colour}' />"
        f"<text x='{at(place)[0] + 10:.1f}' y='{at(place)[1] + 18:.1f}' font-size=11 "
        f"fill=#d8d9da>{html.escape(name)}</text>"
        for place, name, shown in marks
    )
    return f"<svg viewBox='0 0 {width} {height}'>{shapes}{dots}</svg>"
