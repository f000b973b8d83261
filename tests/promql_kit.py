"""What an expression is made of: parsed, and every metric and label in it looked up where it should be known.

`Known.from_repository()` knows the golden page and all recording rules; `complaints(expression, known)` says what
is wrong with an expression of a panel, a rule or an alert.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import promql_parser as promql
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parent.parent
TARGET = frozenset({"job", "instance"})
OF_PROMETHEUS: Mapping[str, frozenset[str]] = {
    "up": TARGET,
    "scrape_duration_seconds": TARGET,
    "scrape_samples_scraped": TARGET,
    "scrape_samples_post_metric_relabeling": TARGET,
    "scrape_series_added": TARGET,
    "ALERTS": TARGET
    | {"alertname", "alertstate", "severity", "topic", "region", "path", "class", "rate", "profile", "fault"}
    | {"incident", "maintainer"},
}
"""Series that Prometheus makes itself."""

_SET_OPERATORS = ("and", "unless")
_KEEP_SERIES = ("topk", "bottomk")


@dataclass(frozen=True)
class Known:
    """metric -> the labels that its series may have, those of the scrape target among them."""

    labels: Mapping[str, frozenset[str]]

    @staticmethod
    @cache
    def from_repository() -> Known:
        """The golden page, Prometheus' own series, and what the rules record."""
        known = dict(OF_PROMETHEUS) | page_labels((ROOT / "tests" / "golden_metrics.txt").read_text("utf-8"))
        for record, expression in recordings().items():
            known[record] = _Reader(Known(known), {record}).labels_of(promql.parse(expression))
        return Known(known)


def page_labels(text: str) -> dict[str, frozenset[str]]:
    """What a metrics page has: sample name -> label names, with those of a target."""
    found: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, frozenset()) | sample.labels.keys() | TARGET
    return found


def recordings() -> dict[str, str]:
    """record -> expression, in the order in which Prometheus evaluates them."""
    groups = [
        group
        for path in sorted((ROOT / "config" / "rules").glob("*.yml"), key=lambda path: path.name != "regions.yml")
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    ]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"] if "record" in rule}


def complaints(expression: str, known: Known, *, strict: bool = True) -> list[str]:
    """All that is wrong with it; [] if every metric is known, and every label is one that is there. `strict`:
    those that are folded by and joined on, too; a rule may name labels there that only some of its series have."""
    try:
        tree = promql.parse(expression)
    except ValueError as error:
        return [f"cannot be parsed: {error}"]
    reader = _Reader(known, strict=strict)
    reader.labels_of(tree)
    return reader.found


def metrics_of(expression: str) -> set[str]:
    """The metrics that it reads."""
    found: set[str] = set()

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector) and node.name:
            found.add(node.name)
        if isinstance(node, promql.MatrixSelector) and node.vector_selector.name:
            found.add(node.vector_selector.name)

    promql.walk(promql.parse(expression), visit)
    return found


class _Reader:
    """Follows the labels of series through an expression."""

    def __init__(self, known: Known, own: frozenset[str] | set[str] = frozenset(), *, strict: bool = True) -> None:
        self.known = known
        self.strict = strict
        self.own = own  # a rule may read what it recorded before
        self.found: list[str] = []

    def labels_of(self, node: promql.Expr | None) -> frozenset[str]:
        """The labels that the node's series may have; a scalar has none."""
        labels: frozenset[str] = frozenset()
        match node:
            case promql.VectorSelector():
                labels = self._selected(node)
            case promql.MatrixSelector():
                labels = self._selected(node.vector_selector)
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                labels = self.labels_of(node.expr)
            case promql.AggregateExpr():
                labels = self._aggregated(node)
            case promql.BinaryExpr():
                labels = self._joined(node)
            case promql.Call():
                labels = self._called(node)
        return labels

    def _selected(self, node: promql.VectorSelector) -> frozenset[str]:
        name = node.name or ""
        if name not in self.known.labels:
            if name not in self.own:
                self.found.append(f"no metric {name or node.prettify()}")
            return frozenset()
        labels = self.known.labels[name]
        self._expect({matcher.name for matcher in node.matchers.matchers}, labels, name)
        return labels

    def _aggregated(self, node: promql.AggregateExpr) -> frozenset[str]:
        inner = self.labels_of(node.expr)
        keeps = str(node.op) in _KEEP_SERIES
        if node.modifier is None:
            return inner if keeps else frozenset()
        named = frozenset(node.modifier.labels)
        if inner:
            self._expect(named if self.strict else frozenset(), inner, f"what {node.op} folds")
        if keeps:
            return inner
        return named & inner if node.modifier.type == promql.AggModifierType.By else inner - named

    def _joined(self, node: promql.BinaryExpr) -> frozenset[str]:
        left, right = self.labels_of(node.lhs), self.labels_of(node.rhs)
        modifier, operator = node.modifier, str(node.op)
        if operator == "or":
            return left | right
        if modifier is None or modifier.matching is None:
            return left if operator in _SET_OPERATORS else left | right
        matched = frozenset(modifier.matching.labels)
        includes = modifier.matching.type == promql.LabelModifierType.Include
        if self.strict and includes and left and right:
            self._expect(matched, left, f"the left of {operator}")
            self._expect(matched, right, f"the right of {operator}")
        if operator in _SET_OPERATORS:
            return left
        extra = frozenset(modifier.group_labels or ())
        if modifier.card == promql.VectorMatchCardinality.ManyToOne:
            if right:
                self._expect(extra, right, "the right of group_left")
            return left | extra
        return matched if includes else left - matched

    def _called(self, node: promql.Call) -> frozenset[str]:
        labels: frozenset[str] = frozenset()
        for argument in node.args:
            labels |= self.labels_of(argument)
        texts = [argument.val for argument in node.args if isinstance(argument, promql.StringLiteral)]
        match node.func.name:
            case "label_replace":
                self._expect({texts[2]}, labels, "label_replace")
                return labels | {texts[0]}
            case "label_join":
                self._expect(set(texts[2:]), labels, "label_join")
                return labels | {texts[0]}
            case "histogram_quantile":
                self._expect({"le"}, labels, "histogram_quantile")
                return labels - {"le"}
        return labels

    def _expect(self, names: frozenset[str] | set[str], labels: frozenset[str], where: str) -> None:
        self.found += [f"{where} has no label {name}" for name in sorted(names - labels - {"__name__"})]


def variables_in(text: str) -> Iterator[str]:
    """Names of the Grafana variables that a text refers to, built-in ones (`__`) left out."""
    for match in re.finditer(r"\$(?:\{([A-Za-z_]\w*)(?:[.:][^}]*)?\}|([A-Za-z_]\w*))", text):
        name = match[1] or match[2]
        if not name.startswith("__"):
            yield name
