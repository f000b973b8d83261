"""A report as one HTML file: no script, nothing from elsewhere, and it prints well."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from healthd.report.chart import FONTS, svg
from healthd.report.document import Chart, Paragraph, Report, Table
from healthd.report.formats import Options

_TEMPLATES = Environment(
    loader=PackageLoader("healthd.report"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_SHORT = 10
_KINDS = {Paragraph: "paragraph", Table: "table", Chart: "chart"}


def render(report: Report, name: str, _: Options) -> Mapping[str, bytes]:
    """`name.html`."""
    text = _TEMPLATES.get_template("report.html").render(
        report=report,
        kind=lambda block: _KINDS[type(block)],
        total=lambda table: sum(column.share for column in table.columns),
        titled=_titled,
        picture=lambda chart: Markup(svg(chart, FONTS[report.lang])),  # noqa: S704 (svg escapes every text it is given)
        style=Markup(_TEMPLATES.get_template("report.css").render()),  # noqa: S704 (our own file)
    )
    return {f"{name}.html": text.encode("utf-8", "replace")}


def _titled(title: str) -> Markup:
    """A head whose brackets are not torn apart."""
    before, bracket, rest = title.partition("（")
    if not bracket or len(rest) > _SHORT:
        return escape(title)
    return escape(before) + Markup('<span class="whole">') + escape(bracket + rest) + Markup("</span>")
