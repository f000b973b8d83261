"""The further rates of the assessments: archive, clock, resolution and the like, beside their targets."""

from __future__ import annotations

from healthd.dashboards.board import Site
from healthd.dashboards.panels import (
    PERCENT,
    Panel,
    nothing_mapping,
    of_field,
    query,
    table,
    verdict_mappings,
    words_for,
)
from healthd.dashboards.promql import printed
from healthd.words import RATES

_BASIC = "online|intact"


def further_rates(site: Site, where: str, size: tuple[int, int]) -> Panel:
    """A line for each further rate that healthd is able to tell here. `where`: matchers of region."""
    say = site.say
    pick = f'{where},class="all",profile="$profile",rate!~"{_BASIC}"'

    def listed(metric: str, window: str = "") -> str:
        return f"max by (rate) ({metric}{{{pick}{window}}})"

    now, month = ',window="now"', ',window="month"'
    columns = {
        "rate": say("考核指标", "Rate"),
        "Value #A": say("当前", "Now"),
        "Value #B": say("本月", "Month"),
        "Value #C": say("目标", "Target"),
        "Value #D": say("本月判定", "Verdict of the month"),
        "Value #E": say("本月覆盖率", "Coverage of the month"),
    }
    names = {rate: (word, "text") for rate, word in RATES[site.language].items()}
    return table(
        say("其他考核指标", "Further rates"),
        say(
            "联网、建档、校时、分辨率、字幕标注、及时修复等指标，各有定义，见 docs/rates.md。"
            "未能查到的摄像机计入覆盖率，不计为不合格。",
            "Networked, archive, clock, resolution, annotation, timely repair and others, each by its definition "
            "in docs/rates.md. A camera that could not be asked lowers the coverage, never the rate.",
        ),
        size,
        [
            query(printed(listed("healthd:region_rate_ratio", now)), shape="table"),
            query(printed(listed("healthd:region_rate_ratio", month)), shape="table"),
            query(listed("healthd:region_target_ratio"), shape="table"),
            query(listed("healthd:region_verdict", month), shape="table"),
            query(listed("healthd:region_coverage_ratio", month), shape="table"),
        ],
        columns,
        say=say,
        overrides=[
            of_field(columns["rate"], mappings=[words_for(names)], custom__minWidth=160),
            *(of_field(columns[f"Value #{letter}"], **PERCENT) for letter in "ABE"),
            of_field(columns["Value #C"], **PERCENT, mappings=nothing_mapping(say, say("无目标", "none"))),
            of_field(
                columns["Value #D"], mappings=verdict_mappings(say), custom__cellOptions={"type": "color-text"}
            ),
        ],
        sort=(columns["rate"], False),
    )
