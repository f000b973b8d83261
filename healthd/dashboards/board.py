"""A whole dashboard: places and numbers for its panels, its variables, and the links to the other boards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from healthd.dashboards.panels import SOURCE, Panel
from healthd.dashboards.promql import SCOPE
from healthd.dashboards.wording import Say, class_names, level_names, no_data

_WIDTH = 24
_SCHEMA = 39  # read as it is by Grafana 10.4; later ones bring it up to date themselves

BOARDS = ("overview", "region", "camera", "targets", "causes", "healthd")


@dataclass(frozen=True, slots=True)
class Site:
    """What the boards of one installation differ in."""

    language: str  # zh | en
    say: Say
    healthd_url: str  # of healthd's own pages, as a browser reaches it


def uid(name: str, language: str) -> str:
    """The fixed uid of a board: `healthd-overview`, `healthd-overview-zh`."""
    return f"healthd-{name}" + ("-zh" if language == "zh" else "")


def board_titles(say: Say) -> dict[str, str]:
    return {
        "overview": say("视频监控运行总览", "Cameras: overview"),
        "region": say("区域运行情况", "Cameras: region"),
        "camera": say("摄像机详情", "Cameras: one camera"),
        "targets": say("考核目标", "Cameras: targets"),
        "causes": say("故障成因与维修", "Cameras: causes and repairs"),
        "healthd": say("healthd 自身运行", "Cameras: healthd itself"),
    }


def board(
    name: str,
    site: Site,
    description: str,
    variables: Sequence[dict[str, Any]],
    panels: Sequence[Panel],
    *,
    annotations: Sequence[dict[str, Any]] = (),
    since: str = "now-24h",
) -> dict[str, Any]:
    """The dashboard as Grafana reads it from a file."""
    return {
        "uid": uid(name, site.language),
        "title": board_titles(site.say)[name],
        "description": description,
        "tags": ["healthd", site.language],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": since, "to": "now"},
        "templating": {"list": [*variables]},
        "annotations": {"list": [*annotations]},
        "links": [_link_to(other, site) for other in BOARDS if other != name],
        "panels": _placed(panels),
    }


def _link_to(name: str, site: Site) -> dict[str, Any]:
    return {
        "type": "link",
        "title": board_titles(site.say)[name],
        "url": f"/d/{uid(name, site.language)}",
        "icon": "dashboard",
        "keepTime": True,
        "includeVars": True,
        "targetBlank": False,
        "asDropdown": False,
        "tooltip": "",
        "tags": [],
    }


def _placed(panels: Sequence[Panel]) -> list[Panel]:
    """Numbered in order, each as high up as it fits, left before right; a heading begins a new part."""
    placed: list[Panel] = []
    skyline = [0] * _WIDTH  # the first free line of each column
    for number, one in enumerate(panels, 1):
        size = one["gridPos"]
        places = range(_WIDTH - size["w"] + 1)
        y, x = min((max(skyline[left : left + size["w"]]), left) for left in places)
        skyline[x : x + size["w"]] = [y + size["h"]] * size["w"]
        placed.append({"id": number, **one, "gridPos": {"x": x, "y": y, **size}})
    return placed


# --- Variables -----------------------------------------------------------------------------------------------


def datasource(say: Say) -> dict[str, Any]:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": say("数据源", "Data source"),
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }


def healthd_url(site: Site) -> dict[str, Any]:
    """The address of healthd's own pages, for links; hidden."""
    return {
        "type": "constant",
        "name": "healthd",
        "label": "healthd",
        "query": site.healthd_url,
        "current": {"selected": True, "text": site.healthd_url, "value": site.healthd_url},
        "hide": 2,
        "skipUrlSync": True,
    }


def asked(
    name: str,
    label: str,
    expression: str,
    regex: str = "",
    *,
    multi: bool = False,
    everything: str | None = None,
) -> dict[str, Any]:
    """A variable whose values Prometheus knows. `everything`: what "all" stands for; None: there is no "all"; "":
    each of the values."""
    definition = {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": expression, "refId": name},
        "definition": expression,
        "regex": regex,
        "refresh": 2,  # when the time range changes too: regions of then
        "sort": 1,
        "multi": multi,
        "includeAll": everything is not None,
        "hide": 0,
        "options": [],
        "skipUrlSync": False,
        "current": {},
    }
    if everything is not None:
        every = {"selected": True, "text": "All", "value": "$__all"}
        definition["current"] = every if not multi else every | {"text": ["All"], "value": ["$__all"]}
    if everything:
        definition["allValue"] = everything
    return definition


def picked(name: str, label: str, words: dict[str, str]) -> dict[str, Any]:
    """A variable with these values, each shown by its word; the first is chosen."""
    options = [
        {"text": word, "value": value, "selected": index == 0} for index, (value, word) in enumerate(words.items())
    ]
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(f"{word} : {value}" for value, word in words.items()),
        "options": options,
        "current": options[0],
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "skipUrlSync": False,
    }


# A name may hold quotes and commas, so it is taken up to the last place where the next label begins.
_NAMED = r'/^\{name="(?<text>.*)",region="(?<value>[^"]*)"\}/'
_CODED = r'/^\{region="(?<value>[^"]*)",text="(?<text>.*)"\}/'


def _regions(matchers: str) -> str:
    return f"query_result(max by (name, region) (healthd:region_info{{{matchers}}}))"


_IN_CITY, _IN_COUNTY, _IN_TOWNSHIP = (f'path=~".*/${name}/.*"' for name in ("city", "county", "township"))


def chain(say: Say) -> list[dict[str, Any]]:
    """City, county, township, each within what is chosen of the one before, and any region within all three;
    `scope`: the outermost of what is chosen, for figures that pool it."""
    scope = asked("scope", "scope", f"query_result({SCOPE})", r'/region="([^"]*)"/', multi=True, everything="")
    return [
        *_levels(say, multi=True),
        _township(say),
        asked("region", say("区域", "Region"), _listed(_IN_TOWNSHIP), _CODED, multi=True, everything=".*"),
        scope | {"hide": 2, "skipUrlSync": True},
    ]


def one_region(say: Say) -> list[dict[str, Any]]:
    """City and county to narrow the list, and one region of any level out of it; the outermost comes first."""
    return [*_levels(say, multi=False), asked("region", say("区域", "Region"), _listed(), _CODED)]


def _levels(say: Say, *, multi: bool) -> list[dict[str, Any]]:
    names, in_city = level_names(say), f'level="county",{_IN_CITY}'
    return [
        asked("city", names["city"], _regions('level="city"'), _NAMED, multi=multi, everything=".*"),
        asked("county", names["county"], _regions(in_city), _NAMED, multi=multi, everything=".*"),
    ]


def _township(say: Say) -> dict[str, Any]:
    below = f'level="township",{_IN_CITY},{_IN_COUNTY}'
    return asked("township", level_names(say)["township"], _regions(below), _NAMED, multi=True, everything=".*")


def _listed(*more: str) -> str:
    """Code and name together, so that people find both, and a region stands before those below it."""
    chosen = ",".join((_IN_CITY, _IN_COUNTY, *more))
    named = f'label_join(healthd:region_info{{{chosen}}}, "text", " ", "region", "name")'
    return f"query_result(max by (region, text) ({named}))"


def class_(say: Say) -> dict[str, Any]:
    return picked("class", say("类别", "Class"), dict(class_names(say)))


def level(say: Say) -> dict[str, Any]:
    return picked("level", say("排名层级", "Rank by"), dict(level_names(say)))


def profile(say: Say) -> dict[str, Any]:
    return asked("profile", say("考核口径", "Profile"), "label_values(healthd:region_verdict, profile)")


def unit(say: Say) -> dict[str, Any]:
    return asked(
        "unit", say("责任单位", "Unit"), "label_values(healthd_camera_info, unit)", multi=True, everything=".*"
    )


def typed(name: str, label: str) -> dict[str, Any]:
    """A variable that people type or a link fills in."""
    empty = {"selected": True, "text": "", "value": ""}
    return {
        "type": "textbox",
        "name": name,
        "label": label,
        "query": "",
        "current": empty,
        "options": [empty],
        "hide": 0,
        "skipUrlSync": False,
    }


def hint(say: Say) -> str:
    """What several descriptions end with."""
    return say(
        f"“{no_data(say)}”表示 healthd 未掌握，不是零。",
        "“no data” means that healthd does not know; it is not zero.",
    )
