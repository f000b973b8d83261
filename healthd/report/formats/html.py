"""A report as one HTML file: no script, nothing from elsewhere, and it prints well."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from healthd.report.chart import svg
from healthd.report.document import Chart, Paragraph, Report, Table
from healthd.report.formats import Options

_TEMPLATES = Environment(
    loader=PackageLoader("healthd.report"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_KINDS = {Paragraph: "paragraph", Table: "table", Chart: "chart"}


def render(report: Report, name: str, _: Options) -> Mapping[str, bytes]:
    """`name.html`."""
    text = _TEMPLATES.get_template("report.html").render(
        report=report,
        kind=lambda block: _KINDS[type(block)],
        total=lambda table: sum(column.weight for column in table.columns),
        picture=lambda chart: Markup(svg(chart)),  # noqa: S704 (svg escapes every text it is given)
        style=Markup(_TEMPLATES.get_template("report.css").render()),  # noqa: S704 (our own file)
    )
    return {f"{name}.html": text.encode("utf-8", "replace")}
