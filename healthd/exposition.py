"""The text that Prometheus reads: format 0.0.4 and OpenMetrics 1.0, built by hand because a library that makes an
object of every series needs 19 times the processor time on a page of half a million (docs/metrics.md)."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass


class Format(enum.Enum):
    """How a page is written; the value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def negotiate(accept: str) -> Format:
    """The format for an HTTP Accept header: OpenMetrics only where it is asked for by name and preferred."""
    wanted = {Format.TEXT: 0.0, Format.OPENMETRICS: 0.0}
    for kind, parameters, quality in parse_accept(accept):
        if kind == "application/openmetrics-text" and parameters.get("version", "1.0.0") == "1.0.0":
            wanted[Format.OPENMETRICS] = max(wanted[Format.OPENMETRICS], quality)
        elif kind in ("text/plain", "text/*"):
            wanted[Format.TEXT] = max(wanted[Format.TEXT], quality)
    return Format.OPENMETRICS if wanted[Format.OPENMETRICS] > wanted[Format.TEXT] else Format.TEXT


def parse_accept(header: str) -> list[tuple[str, dict[str, str], float]]:
    """(name in lower case, parameters but q, q) of every element of an Accept, Accept-Language or -Encoding
    header, in its order. A quality that is no number counts as 0: not wanted."""
    elements = []
    for element in header.split(","):
        name, *rest = (part.strip() for part in element.split(";"))
        parameters = {
            key.strip().lower(): value.strip(' "') for key, _, value in (part.partition("=") for part in rest)
        }
        quality = parameters.pop("q", "1")
        if name:
            elements.append(
                (name.lower(), parameters, float(quality) if re.fullmatch(r"[01](\.\d*)?", quality) else 0.0)
            )
    return elements


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client takes gzip, as its Accept-Encoding header says."""
    qualities = {name: quality for name, _, quality in parse_accept(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name as samples carry it (with `_total`, `_info`; a histogram's without `_bucket`), its kind
    (gauge | counter | info | histogram) and what it means.

    `name_taken`: in OpenMetrics a counter's family is named without `_total`; where a gauge has that name already
    the counter goes out as type `unknown` there, its samples unchanged.
    """

    name: str
    kind: str
    help: str
    name_taken: bool = False

    def head(self, form: Format) -> str:
        """The HELP and TYPE lines."""
        name, kind = self.name, self.kind
        if form is Format.OPENMETRICS and self.name_taken:
            kind = "unknown"
        elif form is Format.OPENMETRICS:
            name = name.removesuffix({"counter": "_total", "info": "_info"}.get(kind, ""))
        elif kind == "info":
            kind = "gauge"
        return f"# HELP {name} {_escape_help(self.help)}\n# TYPE {name} {kind}\n"


def block(family: Family, form: Format, lines: Sequence[str]) -> str:
    """A family with its sample lines (each ends in a newline); nothing at all where there are none."""
    return family.head(form) + "".join(lines) if lines else ""


def labels(pairs: Mapping[str, str]) -> str:
    """`{name="value",...}`; label names come from our own closed set, values from anywhere."""
    return "{" + ",".join(f'{name}="{escape(value)}"' for name, value in pairs.items()) + "}"


def escape(value: str) -> str:
    """A label value with backslash, newline and quote escaped: the same rule in both formats."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number(value: float) -> str:
    """A sample value. Whole numbers stay whole, floats keep every digit."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    return repr(value)


def histogram_lines(
    name: str, inner: str, bounds: Sequence[float], counts: Sequence[int], total: float
) -> list[str]:
    """Sample lines of one histogram series. `inner`: its labels without braces; `counts`: one per bound, then
    +Inf, not cumulative; `total`: the sum of what was observed."""
    lines, below = [], 0
    for bound, count in zip([*map(repr, map(float, bounds)), "+Inf"], counts, strict=True):
        below += count
        lines.append(f'{name}_bucket{{{inner},le="{bound}"}} {below}\n')
    lines.append(f"{name}_sum{{{inner}}} {number(total)}\n")
    lines.append(f"{name}_count{{{inner}}} {below}\n")
    return lines


def encode(blocks: Iterable[str]) -> Iterator[bytes]:
    """UTF-8 of a page's blocks, one at a time. Half a surrogate pair, which only broken input can bring, becomes
    `?`: one bad name must not cost the page."""
    return (text.encode("utf-8", "replace") for text in blocks)


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
