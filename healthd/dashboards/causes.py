"""What broke, why, who repairs it, and how long that takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from healthd.dashboards import further, parts
from healthd.dashboards.board import Site, board, chain, datasource, healthd_url, hint
from healthd.dashboards.panels import (
    PERCENT,
    Override,
    Panel,
    bars,
    graph,
    of_field,
    of_query,
    query,
    row,
    stat,
)
from healthd.dashboards.promql import CHOSEN, with_maintainers
from healthd.dashboards.wording import none_or_no_data

_SCOPE = 'region=~"$scope"'


def causes(site: Site) -> dict[str, Any]:
    """The board `causes`."""
    say = site.say
    return board(
        "causes",
        site,
        say(
            "待处理事件按成因、责任单位、运维单位；超期；修复用时与按时修复率。",
            "Incidents by cause, unit and maintainer; overdue; time to repair; timely rate.",
        ),
        [datasource(say), *chain(say), healthd_url(site)],
        [
            parts.incident_stat(site, _SCOPE, (6, 4)),
            _flow_stat(site),
            _repair_stat(site),
            _by_cause(site),
            _by_maintainer(site),
            _by_unit(site),
            further.doors(site, CHOSEN, (12, 6)),
            further.contradictions(site, f'{_SCOPE},class="all"', (12, 6)),
            parts.incidents(site, CHOSEN, (24, 10), 100),
            row(say("趋势", "Over time")),
            _open_over_time(site),
            _flow(site),
            row(say("维修", "Repairs")),
            _durations(site),
            _timely_by(site),
        ],
        since="now-7d",
    )


def _flow_stat(site: Site) -> Panel:
    say = site.say
    return stat(
        say("24 小时内", "In 24 hours"),
        say(
            "新立与办结的事件数。healthd 重启时的计数归零已扣除。",
            "Incidents opened and closed; restarts of healthd are allowed for.",
        ),
        (6, 4),
        [
            query(
                f"round(sum(increase(healthd:region_incidents_opened:total{{{_SCOPE}}}[1d])))",
                say("新立", "opened"),
                shape="instant",
            ),
            query(
                f"round(sum(increase(healthd:region_incidents_closed:total{{{_SCOPE}}}[1d])))",
                say("办结", "closed"),
                shape="instant",
            ),
        ],
        say=say,
        defaults={"decimals": 0, "unit": "none"},
    )


def _within(seconds: int, by: str = "") -> str:
    """Repairs of the chosen time that took at most so long. Bounds are written with and without `.0`."""
    return _repairs(f'le=~"{seconds}([.]0)?"', by)


def _repairs(bound: str, by: str = "") -> str:
    fold = f"sum by ({by})" if by else "sum"
    return f"{fold} (increase(healthd:region_repair_duration_seconds_bucket{{{_SCOPE},{bound}}}[$__range]))"


_ALL = 'le="+Inf"'


def _repair_stat(site: Site) -> Panel:
    say = site.say
    total = f"({_repairs(_ALL)} > 0)"
    buckets = _repairs('le!=""', "le")
    closed, in_time, opened, repeated = (
        f"sum(increase(healthd:region_incidents_{what}:total{{{_SCOPE}}}[$__range]))"
        for what in ("closed", "closed_in_time", "opened", "repeated")
    )
    return stat(
        say("维修（所选时段）", "Repairs in the chosen time"),
        say(
            "从首次异常到办结的用时：半数、九成不超过；24 小时内修复的比例；在各自时限内办结的比例；30 "
            "天内重复故障占新立的比例。",
            "Half and nine in ten of the repairs took no longer, from the first flip to the closing; the share "
            "within 24 "
            "hours; the share closed within their own limits; of those opened, the share that had been repaired "
            "within the "
            "30 days before.",
        )
        + " "
        + hint(say),
        (12, 4),
        [
            query(f"histogram_quantile(0.5, {buckets})", say("中位数", "median"), shape="instant"),
            query(f"histogram_quantile(0.9, {buckets})", say("九成", "nine in ten"), shape="instant"),
            query(f"{_within(86400)} / {total}", say("24 小时内", "in 24 h"), shape="instant"),
            query(f"{in_time} / ({closed} > 0)", say("按时修复率", "in time"), shape="instant"),
            query(f"{repeated} / ({opened} > 0)", say("重复故障", "repeated"), shape="instant"),
        ],
        say=say,
        overrides=[
            of_query("A", unit="s", decimals=1),
            of_query("B", unit="s", decimals=1),
            of_query("C", **PERCENT),
            of_query("D", **PERCENT),
            of_query("E", **PERCENT),
        ],
    )


def _counted(site: Site, title: str, expression: str, legend: str, words: Sequence[Override] = ()) -> Panel:
    say = site.say
    return bars(
        title,
        say(
            "每起事件计一次，不论影响多少台；最多 20 条。",
            "Each incident counts once, however many cameras it takes down; at most 20.",
        ),
        (8, 8),
        [query(f"sort_desc(topk(20, {expression}))", legend, shape="instant")],
        say=say,
        defaults={"decimals": 0, "noValue": none_or_no_data(say)},
        overrides=words,
    )


def _by_cause(site: Site) -> Panel:
    say = site.say
    words = [of_field(value, displayName=say(*pair)) for value, pair in parts.CAUSES.items()]
    counted = f"sum by (cause) (healthd:region_incidents_open{{{_SCOPE}}})"
    return _counted(site, say("待处理事件按成因", "Open incidents by cause"), counted, "{{cause}}", words)


def _by_maintainer(site: Site) -> Panel:
    counted = with_maintainers(f"sum by (maintainer) (healthd:region_incidents_open{{{_SCOPE}}})")
    return _counted(site, site.say("按运维单位", "By maintainer"), counted, "{{maintainer_name}}")


def _by_unit(site: Site) -> Panel:
    counted = f"count by (unit) (healthd:incident_cameras{{{CHOSEN}}})"
    return _counted(site, site.say("按责任单位", "By unit"), counted, "{{unit}}")


def _open_over_time(site: Site) -> Panel:
    say = site.say
    return graph(
        say("待处理事件", "Open incidents"),
        say("按成因堆叠。", "By cause, stacked."),
        (12, 8),
        [query(f"sum by (cause) (healthd:region_incidents_open{{{_SCOPE}}})", "{{cause}}")],
        say=say,
        defaults={"decimals": 0, "min": 0},
        overrides=[of_field(value, displayName=say(*pair)) for value, pair in parts.CAUSES.items()],
        stacked=True,
    )


def _flow(site: Site) -> Panel:
    say = site.say
    return graph(
        say("新立与办结", "Opened and closed"),
        say("过去 24 小时的事件数。", "Incidents of the 24 hours before."),
        (12, 8),
        [
            query(f"sum(increase(healthd:region_incidents_opened:total{{{_SCOPE}}}[1d]))", say("新立", "opened")),
            query(f"sum(increase(healthd:region_incidents_closed:total{{{_SCOPE}}}[1d]))", say("办结", "closed")),
        ],
        say=say,
        defaults={"decimals": 0, "min": 0},
    )


def _durations(site: Site) -> Panel:
    say = site.say
    bounds = ("600", "3600", "14400", "86400", "172800", "604800")
    words = ("10 min", "1 h", "4 h", "24 h", "48 h", "7 d")
    queries, before = [], ""
    for bound, word in zip(bounds, words, strict=True):
        within = _within(int(bound))
        queries.append(
            query(f"round({within} - {before})" if before else f"round({within})", f"≤ {word}", shape="instant")
        )
        before = within
    queries.append(query(f"round({_repairs(_ALL)} - {before})", "> 7 d", shape="instant"))
    return bars(
        say("修复用时分布", "How long repairs took"),
        say("所选时段内办结的事件数，按用时分段。", "Incidents closed in the chosen time, by how long they took."),
        (12, 9),
        queries,
        say=say,
        defaults={"decimals": 0},
    )


def _timely_by(site: Site) -> Panel:
    say = site.say
    closed, in_time = (
        f"sum by (maintainer) (increase(healthd:region_incidents_{what}:total{{{_SCOPE}}}[$__range]))"
        for what in ("closed", "closed_in_time")
    )
    return bars(
        say("按时修复率（按运维单位）", "Repaired in time, by maintainer"),
        say(
            "所选时段内办结的事件中，在各自维修时限内办结的比例；低的在前，最多 20 个单位。",
            "Of the incidents closed in the chosen time, the share closed within their own limit; lowest first, "
            "at most 20.",
        ),
        (12, 9),
        [
            query(
                f"sort(bottomk(20, {with_maintainers(f'({in_time} / ({closed} > 0))')}))",
                "{{maintainer_name}}",
                shape="instant",
            )
        ],
        say=say,
        defaults={**PERCENT, "max": 1},
    )
