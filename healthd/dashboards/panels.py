"""Panels as plain dicts of Grafana's classic JSON. Each says its width and height; `board` finds the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from healthd.dashboards.wording import Say, no_data

Panel: TypeAlias = dict[str, Any]
Override: TypeAlias = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

GREEN, RED, ORANGE, BLUE, PURPLE, GREY = "green", "red", "orange", "blue", "purple", "#8e8e8e"
PERCENT = {"unit": "percentunit", "decimals": 2}


def query(expression: str, legend: str = "", *, shape: str = "range") -> dict[str, Any]:
    """One query; `shape`: range (a graph), instant (one value a series) or table (a row a series)."""
    return {
        "datasource": SOURCE,
        "expr": expression,
        "legendFormat": legend or "__auto",
        "instant": shape != "range",
        "range": shape == "range",
        "format": "table" if shape == "table" else "time_series",
        "editorMode": "code",
    }


def verdict_mappings(say: Say) -> list[dict[str, Any]]:
    """Numbers of `healthd:region_verdict` -> words and colours."""
    words = {
        "1": (say("未达标", "fail"), RED),
        "2": (say("数据不足", "insufficient"), ORANGE),
        "3": (say("达标", "pass"), GREEN),
        "4": (say("不考核", "no target"), BLUE),
    }
    return [words_for(words), *null_mapping(say)]


def words_for(words: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """A mapping of values to (text, colour)."""
    options = {
        value: {"index": index, "text": text, "color": colour}
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return {"type": "value", "options": options}


def null_mapping(say: Say) -> list[dict[str, Any]]:
    """No data is grey and says so: in the colour of the lowest threshold it would read as 0."""
    return [
        {
            "type": "special",
            "options": {"match": match, "result": {"text": no_data(say), "color": GREY, "index": 9}},
        }
        for match in ("null", "nan")
    ]


def nothing_mapping(say: Say, word: str) -> list[dict[str, Any]]:
    """Where an absent value has a meaning of its own, such as a target that does not exist."""
    mappings = null_mapping(say)
    for mapping in mappings:
        mapping["options"]["result"]["text"] = word
    return mappings


def thresholds(*steps: tuple[float | None, str]) -> dict[str, Any]:
    """(from, colour), the first from None."""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}


def of_query(letter: str, **properties: Any) -> Override:
    """What holds for the answer of one query; property names with `__` for a dot."""
    return _override({"id": "byFrameRefID", "options": letter}, properties)


def of_field(name: str, **properties: Any) -> Override:
    """What holds for one column or series, by the name that is shown."""
    return _override({"id": "byName", "options": name}, properties)


def _override(matcher: dict[str, Any], properties: Mapping[str, Any]) -> Override:
    return {
        "matcher": matcher,
        "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()],
    }


def fixed(colour: str) -> dict[str, Any]:
    return {"mode": "fixed", "fixedColor": colour}


def link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "url": url, "targetBlank": False}


def panel(
    kind: str,
    title: str,
    description: str,
    size: tuple[int, int],
    queries: Sequence[dict[str, Any]],
    *,
    say: Say,
    defaults: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    overrides: Sequence[Override] = (),
    transformations: Sequence[dict[str, Any]] = (),
) -> Panel:
    """Any panel. `size`: (width of 24, height); `defaults`: of its field configuration."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    base = {"noValue": no_data(say), "mappings": null_mapping(say), "color": {"mode": "thresholds"}}
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "targets": [{"refId": letters[index], **one} for index, one in enumerate(queries)],
        "fieldConfig": {
            "defaults": {"thresholds": thresholds((None, "text")), **base, **(defaults or {})},
            "overrides": [*overrides],
        },
        "options": dict(options or {}),
        "transformations": [*transformations],
    }


def stat(
    title: str,
    description: str,
    size: tuple[int, int],
    queries: Sequence[dict[str, Any]],
    *,
    say: Say,
    defaults: Mapping[str, Any] | None = None,
    overrides: Sequence[Override] = (),
    background: bool = False,
) -> Panel:
    """Large figures side by side, each with its name where there are several."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "vertical",
        "textMode": "value_and_name" if len(queries) > 1 else "auto",
        "colorMode": "background" if background else "value",
        "graphMode": "none",
        "justifyMode": "center",
        "wideLayout": False,
    }
    return panel(
        "stat", title, description, size, queries, say=say, defaults=defaults, options=options, overrides=overrides
    )


def graph(
    title: str,
    description: str,
    size: tuple[int, int],
    queries: Sequence[dict[str, Any]],
    *,
    say: Say,
    defaults: Mapping[str, Any] | None = None,
    overrides: Sequence[Override] = (),
    stacked: bool = False,
    soft_min: float | None = None,
) -> Panel:
    """Curves over time. `soft_min`: where the axis begins unless a value lies below."""
    custom: dict[str, Any] = {
        "drawStyle": "line",
        "lineWidth": 0 if stacked else 2,  # a line on top of a stack would show what is 0
        "fillOpacity": 70 if stacked else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    if soft_min is not None:
        custom["axisSoftMin"] = soft_min
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel(
        "timeseries",
        title,
        description,
        size,
        queries,
        say=say,
        defaults={"color": {"mode": "palette-classic"}, "custom": custom, **(defaults or {})},
        options=options,
        overrides=overrides,
    )


def target_line(name: str) -> Override:
    """The series of a target: dashed, red, no fill."""
    return of_field(
        name,
        color=fixed(RED),
        custom__lineStyle={"fill": "dash", "dash": [10, 10]},
        custom__lineWidth=1,
        custom__fillOpacity=0,
        custom__stacking={"mode": "none", "group": "B"},
    )


def bars(
    title: str,
    description: str,
    size: tuple[int, int],
    queries: Sequence[dict[str, Any]],
    *,
    say: Say,
    defaults: Mapping[str, Any] | None = None,
    overrides: Sequence[Override] = (),
) -> Panel:
    """One bar a series, longest first as the query sorts them."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "text",
        "showUnfilled": False,
        "minVizHeight": 16,
        "minVizWidth": 8,
    }
    return panel(
        "bargauge",
        title,
        description,
        size,
        queries,
        say=say,
        defaults={"color": fixed(BLUE), "min": 0, **(defaults or {})},
        options=options,
        overrides=overrides,
    )


def table(
    title: str,
    description: str,
    size: tuple[int, int],
    queries: Sequence[dict[str, Any]],
    columns: Mapping[str, str],
    *,
    say: Say,
    hidden: Sequence[str] = (),
    overrides: Sequence[Override] = (),
    sort: tuple[str, bool] | None = None,
    empty: str = "",
) -> Panel:
    """A row for each set of labels that the queries share.

    `columns`: label, or `Value #A` ..., -> heading, in this order; `hidden`: labels that links need but nobody
    reads; all else is dropped. `sort`: (heading, descending). `empty`: what stands there without rows.
    """
    return panel(
        "table",
        title,
        description,
        size,
        queries,
        say=say,
        defaults={
            "custom": {"align": "auto", "filterable": False, "cellOptions": {"type": "auto"}},
            **({"noValue": empty} if empty else {}),
        },
        options={
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
            "sortBy": [{"displayName": sort[0], "desc": sort[1]}] if sort else [],
        },
        overrides=[*(of_field(name, custom__hidden=True) for name in hidden), *overrides],
        transformations=merged(queries, columns, hidden),
    )


def merged(
    queries: Sequence[dict[str, Any]], columns: Mapping[str, str], hidden: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Rows with the same labels become one. Labels that nobody needs never get here: queries fold them away."""
    renames = {**columns}
    if len(queries) == 1:  # then Grafana calls the only column of values just `Value`
        renames = {("Value" if name == "Value #A" else name): heading for name, heading in columns.items()}
    order = {name: index for index, name in enumerate([*renames, *hidden])}
    organize = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": renames}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]


def row(title: str) -> Panel:
    """A heading across the board."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}
