"""A chart as SVG, the same picture for the page, the PDF and the text document. Pure.

The axis begins below the lowest value and ends at 100 %: rates and their targets sit close together near the top,
and from zero nobody could tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor
from xml.sax.saxutils import escape, quoteattr

from healthd.report.document import Chart, Series
from healthd.report.numbers import target

WIDTH, HEIGHT = 960, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 16, 84
_COLOURS = ("#1d5fa8", "#b4531a", "#2c7a4b", "#7a3b8f", "#8a6d00")
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 4")  # told apart in black and white too
_INK, _GRID = "#333333", "#d8dde3"
_CHINESE = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','SimHei','PingFang SC'"
FONTS = {
    "zh": f"{_CHINESE},sans-serif",
    "en": f"'Noto Sans','Segoe UI',Arial,'Liberation Sans',{_CHINESE},sans-serif",
}
"""For a page: whoever reads it may have any of them."""
_LEGEND_COLUMNS = 4


def svg(chart: Chart, fonts: str = FONTS["zh"]) -> str:
    """The picture; its title is its accessible name, not drawn."""
    lowest = _lowest(chart.series)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label={quoteattr(chart.title)} font-family="{escape(fonts)}" font-size="13" fill="{_INK}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_axes(chart.labels, lowest),
    ]
    lines = [one for one in chart.series if not one.level]
    for number, one in enumerate(chart.series):
        colour = _colour(chart.series, number)
        dash = "1 5" if one.level else _DASHES[lines.index(one) % len(_DASHES)]
        parts += _line(one, lowest, colour, dash)
        parts += _legend(one.name, number, colour, dash)
    return "".join([*parts, "</svg>"])


def _colour(series: Sequence[Series], number: int) -> str:
    """A target has the colour of the line before it, which it belongs to."""
    place = sum(not one.level for one in series[: number + 1]) - 1
    return _COLOURS[place % len(_COLOURS)]


def _lowest(series: Sequence[Series]) -> Fraction:
    """Where the axis begins: a whole 5 % below everything."""
    values = [value for one in series for value in one.values if value is not None]
    twentieths = max(0, floor((min(values) if values else Fraction(1)) * 20 - Fraction(1, 5)))
    return Fraction(min(twentieths, 19), 20)


def _x(place: int, count: int) -> float:
    inner = WIDTH - _LEFT - _RIGHT
    return round(_LEFT + inner * (place + 0.5) / max(1, count), 1)


def _y(value: Fraction, lowest: Fraction) -> float:
    return round(_TOP + float((1 - value) / (1 - lowest)) * (HEIGHT - _TOP - _BOTTOM), 1)


def _axes(labels: Sequence[str], lowest: Fraction) -> Iterator[str]:
    steps = round((1 - lowest) * 100)
    step = next(size for size in (1, 2, 5, 10, 20) if steps / size <= 10)
    for hundredths in range(100, round(lowest * 100) - 1, -step):
        height = _y(Fraction(hundredths, 100), lowest)
        yield f'<path d="M{_LEFT} {height}H{WIDTH - _RIGHT}" stroke="{_GRID}"/>'
        text = target(Fraction(hundredths, 100))
        yield f'<text x="{_LEFT - 8}" y="{height + 4.5}" text-anchor="end">{text}</text>'
    for place, label in enumerate(labels):
        at = f'x="{_x(place, len(labels))}" y="{HEIGHT - _BOTTOM + 20}"'
        yield f'<text {at} text-anchor="middle">{escape(label)}</text>'


def _line(series: Series, lowest: Fraction, colour: str, dash: str) -> Iterator[str]:
    """Unbroken stretches as lines, and a dot at each value that was measured."""
    count = len(series.values)
    stretch: list[str] = []
    paths: list[str] = []
    for place, value in enumerate([*series.values, None]):
        if value is not None:
            stretch.append(f"{_x(place, count)} {_y(value, lowest)}")
        elif stretch:
            paths.append("M" + "L".join(stretch))
            stretch = []
    width = 1.3 if series.level else 2.2
    yield (
        f'<path d="{"".join(paths)}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-dasharray="{dash or "none"}"/>'
    )
    if not series.level:
        for place, value in enumerate(series.values):
            if value is not None:
                yield f'<circle cx="{_x(place, count)}" cy="{_y(value, lowest)}" r="3" fill="{colour}"/>'


def _legend(name: str, number: int, colour: str, dash: str) -> Iterator[str]:
    row, column = divmod(number, _LEGEND_COLUMNS)
    x = _LEFT + column * (WIDTH - _LEFT - _RIGHT) // _LEGEND_COLUMNS
    y = HEIGHT - _BOTTOM + 44 + row * 20
    yield f'<path d="M{x} {y}h28" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash or "none"}"/>'
    yield f'<text x="{x + 34}" y="{y + 4.5}">{escape(name)}</text>'
