"""What to repair and how repairs went: the one way from a store to plans and statistics, for the command line and
the reports alike. Reads the store: never to be called on the event loop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from healthd.figures.period import final_month
from healthd.incidents.incident import Incident, restored, stored
from healthd.incidents.instant import Instant, instant
from healthd.incidents.plan import Plan, make_plan
from healthd.incidents.statistics import REPEAT, RepairRow, statistics
from healthd.model import Inventory, Moment
from healthd.periods import Span, iso
from healthd.rates.profiles import Profile
from healthd.rates.timeline import FOREVER, Watch
from healthd.setup import Setup, rate_terms
from healthd.store import Store


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """The plan for one region, class, rate and profile, as the cameras stood at `at`."""

    region: str
    class_: str
    rate: str
    profile: str
    at: Moment
    plan: Plan

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """By the public names; `at` as ISO 8601 in `zone`."""
        head = {"region": self.region, "class": self.class_, "rate": self.rate, "profile": self.profile}
        return {**head, "at": iso(self.at, zone), **self.plan.as_json()}


@dataclass(frozen=True, slots=True)
class RepairStatistics:
    """`rows` of `span`, which ends with healthd's last sign of life at the latest: what came after it nobody
    knows. `inventory`: with every region that was ever known."""

    rows: tuple[RepairRow, ...]
    span: Span
    inventory: Inventory


def repair_plan(
    store: Store, setup: Setup, region: str, *, class_: str, rate: str, profile: Profile
) -> RepairPlan | None:
    """The shortest list of repairs that lifts the region to its target, as of the last heartbeat; None while
    nothing was seen yet. `region` and below it. Raises StoreError."""
    moment = standing(store, setup, region)
    if moment is None:
        return None
    wanted = (region, class_, rate, profile.name)
    keys = ((row, (row.key, row.class_, row.rate, row.profile)) for row in moment.rows())
    row = next((row for row, key in keys if key == wanted), None)
    lifts = moment.lifts(region, class_, rate, profile)
    good, assessed = (row.good, row.assessed) if row else (0, 0)
    target = profile.target(rate, class_, [*moment.terms.inventory.line_of(region)])
    plan = make_plan(store.open_incidents(), lifts, good, assessed, target)
    return RepairPlan(region, class_, rate, profile.name, moment.at, plan)


def standing(store: Store, setup: Setup, region: str) -> Instant | None:
    """The cameras in and below a region as they stand at the last heartbeat; None before the first."""
    begun, at = store.first_heartbeat(), store.last_heartbeat()
    if begun is None or at is None:
        return None
    terms = rate_terms(setup, store.regions())
    # As of the last heartbeat it is taken to go on: what was seen then is what is known now.
    beats = store.heartbeats(begun, at + 1)
    watch = Watch([*beats[:-1], (beats[-1][0] if beats else at, FOREVER)], setup.config.timezone, at, at + 1)
    paths = terms.inventory.paths
    inside = frozenset(code for code, path in paths.items() if path.startswith(paths[region]))
    return instant(store.histories(at, at + 1, regions=inside), watch, terms, at)


def repair_statistics(
    store: Store, setup: Setup, span: Span, *, by: str, region: str = "", version: int = 0
) -> RepairStatistics | None:
    """Repair statistics of `span` by region, unit, maintainer or cause; None where nothing is known of it.
    `region`: only incidents in or below it. A final month is answered from its frozen copy, of `version` (0: the
    newest). Raises StoreError."""
    return repair_statistics_by(store, setup, span, (by,), region=region, version=version).get(by)


def repair_statistics_by(
    store: Store, setup: Setup, span: Span, bys: Sequence[str], *, region: str = "", version: int = 0
) -> Mapping[str, RepairStatistics]:
    """The same by several of these out of one reading of the incidents; empty where nothing is known of `span`."""
    final = final_month(store, span, version=version)
    if final is not None:
        copy, end = final.copy, min(span.end, final.copy.until + 1)
        incidents, inventory = [read_incident(text) for text in copy.incidents], copy.terms.inventory
    else:
        end = min(span.end, (store.last_heartbeat() or 0) + 1)
        if end <= span.start:
            return {}
        inventory = rate_terms(setup, store.regions()).inventory
        incidents = counted_incidents(store, span.start, end)

    def told(by: str) -> RepairStatistics:
        rows = statistics(incidents, span.start, end, inventory, by=by, region=region)
        return RepairStatistics(tuple(rows), Span(span.start, end), inventory)

    return {by: told(by) for by in bys}


def counted_incidents(store: Store, start: Moment, end: Moment) -> list[Incident]:
    """Those that repair statistics of [start, end) are counted from."""
    return store.incidents(start - REPEAT, end)


def written_incident(incident: Incident) -> str:
    """What statistics need of it, as text."""
    return json.dumps(
        stored(replace(incident, evidence=(), camera_ids=frozenset(), acknowledged=None)), ensure_ascii=False
    )


def read_incident(text: str) -> Incident:
    """The incident that `written_incident` wrote."""
    return restored(json.loads(text))
