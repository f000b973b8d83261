"""What healthd says of its reports on `/metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from healthd.model import Moment


class ReportMetrics:
    """Registered with the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._made = Counter(
            "healthd_reports_total",
            "Scheduled reports by kind and how it ended (ok, failed); each further try counts.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._last = Gauge(
            "healthd_report_last_success_timestamp_seconds",
            "When a scheduled report of this kind was last made.",
            ["kind"],
            registry=registry,
        )
        self._mails = Counter(
            "healthd_report_mails_total",
            "Tries to mail a report, by how they ended (ok, failed).",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("ok", "failed"):
            self._mails.labels(outcome)

    def expect(self, kinds: list[str]) -> None:
        """Show the series of these kinds from the start: an alert can then see a first failure."""
        for kind in kinds:
            for outcome in ("ok", "failed"):
                self._made.labels(kind, outcome)

    def made(self, kind: str, at: Moment, *, fine: bool) -> None:
        """One try has ended."""
        self._made.labels(kind, "ok" if fine else "failed").inc()
        if fine:
            self._last.labels(kind).set(at / 1000)

    def mailed(self, *, fine: bool) -> None:
        self._mails.labels("ok" if fine else "failed").inc()
