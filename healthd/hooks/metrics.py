"""What the bridge says of itself on the page that Prometheus reads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from healthd.hooks.services import Reason


class HookMetrics:
    """Messages by hook. A hook's series stand at 0 from the start: a first failure must be an increase."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sent = Counter(
            "healthd_hook_messages_sent_total", "Messages that the service took.", ["hook"], registry=registry
        )
        self._failed = Counter(
            "healthd_hook_messages_failed_total",
            "Messages that were given up or not taken on, by reason.",
            ["hook", "reason"],
            registry=registry,
        )
        self._retries = Counter(
            "healthd_hook_retries_total", "Attempts that failed and were made again.", ["hook"], registry=registry
        )
        self._pending = Gauge(
            "healthd_hook_pending", "Messages that wait to be sent.", ["hook"], registry=registry
        )

    def begin(self, hook: str) -> None:
        self._sent.labels(hook)
        self._retries.labels(hook)
        self._pending.labels(hook)
        for reason in Reason:
            self._failed.labels(hook, reason.value)

    def end(self, hook: str) -> None:
        """A hook that left the configuration leaves the page."""
        for family in (self._sent, self._retries, self._pending):
            family.remove(hook)
        for reason in Reason:
            self._failed.remove(hook, reason.value)

    def sent(self, hook: str) -> None:
        self._sent.labels(hook).inc()

    def failed(self, hook: str, reason: Reason) -> None:
        self._failed.labels(hook, reason.value).inc()

    def retried(self, hook: str) -> None:
        self._retries.labels(hook).inc()

    def pending(self, hook: str, messages: int) -> None:
        self._pending.labels(hook).set(messages)
