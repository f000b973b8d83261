"""A chart as PNG, for documents that take no SVG."""

from __future__ import annotations

import json

from healthd.report.chart import HEIGHT, WIDTH, svg
from healthd.report.document import Chart
from healthd.report.fonts import chosen, installed
from healthd.report.formats import FormatError
from healthd.report.typesetting import typeset_apart

_SOURCE = b"""#let chart = json(bytes(sys.inputs.chart))
#set page(width: chart.width * 1pt, height: chart.height * 1pt, margin: 0pt)
#image(bytes(chart.svg), format: "svg", width: 100%)
"""
_PPI = 144


def picture(chart: Chart) -> bytes | None:
    """The PNG; None where no installed font can show its words."""
    try:
        _, heads = chosen(chart.title + "".join(one.name for one in chart.series), installed())
    except FormatError:
        return None
    drawn = svg(chart, ", ".join(f"'{font}'" for font in heads))
    document = json.dumps({"svg": drawn, "width": WIDTH, "height": HEIGHT}, ensure_ascii=False)
    return typeset_apart(_SOURCE, {"chart": document}, _PPI)
