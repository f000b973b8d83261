"""What healthd says about itself, through prometheus_client: results, lags, the store, reloads, the process."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from healthd.model import Asked, Lifecycle, Moment

_DURATION_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LAG_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_WRITE_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)


class SelfMetrics:
    """All self-metrics of one process, registered with the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self._families = _ProberFamilies.register(registry)
        self._ready = Gauge(
            "healthd_ready",
            "1 once every in-service camera's reach was asked since the start.",
            registry=registry,
        )
        self._store_write = Histogram(
            "healthd_store_write_seconds",
            "How long each transaction of the store's writer took.",
            buckets=_WRITE_BUCKETS,
            registry=registry,
        )
        self._store_pending = Gauge(
            "healthd_store_pending", "Batches that wait to be written to the store.", registry=registry
        )
        self._store_errors = Counter(
            "healthd_store_errors_total", "Transactions of the store that failed.", registry=registry
        )
        self._given_up = Counter(
            "healthd_store_flips_given_up_total",
            "Flips that became unknown time because the store took nothing for too long.",
            registry=registry,
        )
        self._reload_ok = Gauge(
            "healthd_config_last_reload_successful",
            "1 if the last load of configuration and inventory was taken, 0 if it was refused.",
            registry=registry,
        )
        self._reload_at = Gauge(
            "healthd_config_last_reload_timestamp_seconds",
            "When configuration and inventory were last taken.",
            registry=registry,
        )
        self._reloads = Counter(
            "healthd_config_reloads_total",
            "Loads of configuration and inventory, by how they ended (ok, refused).",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("ok", "refused"):
            self._reloads.labels(outcome)
        self._cameras = Gauge(
            "healthd_inventory_cameras",
            "Cameras in the inventory, by lifecycle.",
            ["lifecycle"],
            registry=registry,
        )
        self._jobs_failed = Counter(
            "healthd_jobs_failed_total", "Calendar jobs that failed or were missed.", ["job"], registry=registry
        )
        Info("healthd_build", "The version that runs.", registry=registry).info({"version": version})
        ProcessCollector(registry=registry)

    def prober(self, name: str) -> ProberMetrics:
        """The handle of one prober; call it once a prober and keep it."""
        return ProberMetrics(name, self._families)

    def job_failed(self, job: str) -> None:
        """A calendar job raised, or its hour passed while nothing could run it."""
        self._jobs_failed.labels(job).inc()

    def set_ready(self, ready: bool) -> None:
        self._ready.set(ready)

    def store_written(self, seconds: float) -> None:
        """One transaction was committed."""
        self._store_write.observe(seconds)

    def store_failed(self) -> None:
        self._store_errors.inc()

    def flips_given_up(self, flips: int) -> None:
        self._given_up.inc(flips)

    def set_store_pending(self, batches: int) -> None:
        self._store_pending.set(batches)

    def reloaded(self, at: Moment, lifecycles: Iterable[Lifecycle]) -> None:
        """Configuration and inventory were taken; `lifecycles`: one entry a camera."""
        self._reload_ok.set(1)
        self._reload_at.set(at / 1000)
        self._reloads.labels("ok").inc()
        counts = Tally(lifecycles)
        for lifecycle in Lifecycle:
            self._cameras.labels(lifecycle.value).set(counts[lifecycle])

    def reload_refused(self) -> None:
        self._reload_ok.set(0)
        self._reloads.labels("refused").inc()


@dataclass(frozen=True)
class _ProberFamilies:
    """The families that carry the label `prober`, shared by all probers of the process."""

    results: Counter
    duration: Histogram
    lag: Histogram
    skipped: Counter
    scheduled: Gauge
    last_result: Gauge
    blind: Gauge
    overloaded: Gauge
    restarts: Counter
    icmp_dropped: _IcmpDropped

    @classmethod
    def register(cls, registry: CollectorRegistry) -> _ProberFamilies:
        check = ["prober", "check"]
        dropped = _IcmpDropped()
        registry.register(dropped)
        return cls(
            results=Counter(
                "healthd_check_results_total",
                "Results by outcome (ok, fail, unknown: our own failure) and reason.",
                [*check, "outcome", "reason"],
                registry=registry,
            ),
            duration=Histogram(
                "healthd_check_duration_seconds",
                "From asking to deciding.",
                check,
                buckets=_DURATION_BUCKETS,
                registry=registry,
            ),
            lag=Histogram(
                "healthd_check_lag_seconds",
                "How late turns were asked: asked minus due.",
                check,
                buckets=_LAG_BUCKETS,
                registry=registry,
            ),
            skipped=Counter(
                "healthd_check_turns_skipped_total",
                "Turns left out because they came too late to be worth asking.",
                check,
                registry=registry,
            ),
            scheduled=Gauge(
                "healthd_checks_scheduled", "Subjects that the check asks in turn.", check, registry=registry
            ),
            last_result=Gauge(
                "healthd_last_result_timestamp_seconds", "When the check last decided.", check, registry=registry
            ),
            blind=Gauge(
                "healthd_blind",
                "1 while nothing answers, the reference targets included: states are unknown then, not offline.",
                ["prober"],
                registry=registry,
            ),
            overloaded=Gauge(
                "healthd_overloaded",
                "1 while checks are left out or held back because the machine does not keep up.",
                ["prober"],
                registry=registry,
            ),
            restarts=Counter(
                "healthd_prober_restarts_total",
                "Times that a probing process ended by itself and another took its place.",
                ["prober"],
                registry=registry,
            ),
            icmp_dropped=dropped,
        )


@dataclass
class _Children:
    """The label children of one check, looked up once: a look-up costs more than the count itself."""

    duration: Histogram
    lag: Histogram
    skipped: Counter
    scheduled: Gauge
    last_result: Gauge
    results: dict[tuple[str, str], Counter] = field(default_factory=dict)


class ProberMetrics:
    """What one prober observes. Quick enough for thousands of results a second."""

    def __init__(self, name: str, families: _ProberFamilies) -> None:
        self._name = name
        self._families = families
        self._checks: dict[str, _Children] = {}
        self.set_blind(False)
        self.set_overloaded(False)
        self._restarts = families.restarts.labels(name)

    def results(self, batch: Iterable[Asked]) -> None:
        """Count a batch of results as the schedule hands it over."""
        for asked in batch:
            children = self._children(asked.check)
            key = (asked.result.outcome, asked.result.reason)
            counter = children.results.get(key)
            if counter is None:
                counter = self._families.results.labels(self._name, asked.check, key[0].value, key[1].value)
                children.results[key] = counter
            counter.inc()
            children.duration.observe(asked.took_seconds)
            children.last_result.set(asked.asked / 1000 + asked.took_seconds)

    def lags(self, check: str, seconds: Iterable[float]) -> None:
        """How late turns of a check were asked."""
        observe = self._children(check).lag.observe
        for late in seconds:
            observe(late)

    def skipped(self, check: str, turns: int) -> None:
        self._children(check).skipped.inc(turns)

    def scheduled(self, counts: Mapping[str, int]) -> None:
        """Subjects of each check; a check that is gone from the mapping shows 0."""
        for check in {*self._checks, *counts}:
            self._children(check).scheduled.set(counts.get(check, 0))

    def set_blind(self, blind: bool) -> None:
        self._families.blind.labels(self._name).set(blind)

    def restarted(self) -> None:
        self._restarts.inc()

    def set_overloaded(self, overloaded: bool) -> None:
        self._families.overloaded.labels(self._name).set(overloaded)

    def icmp_dropped_from(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """`counts` is called at every scrape: reason -> packets since the start."""
        self._families.icmp_dropped.sources[self._name] = counts

    def _children(self, check: str) -> _Children:
        children = self._checks.get(check)
        if children is None:
            families, pair = self._families, (self._name, check)
            children = self._checks[check] = _Children(
                families.duration.labels(*pair),
                families.lag.labels(*pair),
                families.skipped.labels(*pair),
                families.scheduled.labels(*pair),
                families.last_result.labels(*pair),
            )
        return children


class _IcmpDropped(Collector):
    """Reads the ping engines' own counters when scraped, so that the engines know nothing of metrics."""

    def __init__(self) -> None:
        self.sources: dict[str, Callable[[], Mapping[str, int]]] = {}

    def describe(self) -> list[Metric]:
        return [self._family()]

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        for prober, counts in list(self.sources.items()):
            for reason, packets in dict(counts()).items():  # a copy: scrapes run beside the event loop
                family.add_metric([prober, reason], packets)
        yield family

    @staticmethod
    def _family() -> CounterMetricFamily:
        return CounterMetricFamily(
            "healthd_icmp_dropped", "ICMP packets that were received but not used.", labels=["prober", "reason"]
        )
