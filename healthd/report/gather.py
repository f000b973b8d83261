"""Reads from the store all that a report is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from healthd.assessing.scores import Score, weighted
from healthd.figures.assessed import further_figures
from healthd.figures.attributed import attributed_figures, held_in
from healthd.figures.change_list import changes
from healthd.figures.period import Figures, Reading, copy_of, figures, figures_by, month_span, told_terms, watch_of
from healthd.figures.repairs import repair_statistics_by, standing
from healthd.figures.scored import maintainer_scores, region_scores
from healthd.incidents.attribution import attributing
from healthd.incidents.incident import Incident
from healthd.incidents.plan import make_plan
from healthd.model import CameraHistory, Inventory, Moment, Placement, State
from healthd.periods import Span
from healthd.problems import Wrong
from healthd.rates.pool import RATES, Terms
from healthd.rates.profiles import FURTHER, Profile
from healthd.rates.rows import Row, Summing
from healthd.rates.timeline import FOREVER, Piece, Watch, pieces
from healthd.report.material import Material, Move, Outage, Past, Period, PlanOf, ReportKind
from healthd.report.spans import months_before
from healthd.report.worklist import Work
from healthd.setup import Setup, rate_terms
from healthd.store import Store

TREND_MONTHS = 13
LONG: Moment = 24 * 3_600_000
"""How long a camera is offline before it is listed."""

Step = Callable[[str, int], None]
"""Told what is being read and how many cameras so far."""


def gather(
    store: Store, setup: Setup, period: Period, region: str, made: Moment, *, step: Step = lambda what, count: None
) -> Material:
    """Everything for one report. Takes seconds for a large fleet. Raises Wrong where nothing is known of the
    period, StoreError for what the disk does."""
    seen = _known(store, period.span)
    terms = told_terms(store, setup, period.span)
    inside = _inside(region, terms.inventory)
    fleet = _Fleet(store, period.span, region, inside)

    def read(name: str, span: Span) -> Figures:
        return figures(store, setup, span, region=region, each=lambda count: step(name, count))

    told = figures_by(
        store,
        setup,
        period.span,
        ("region", "unit", "maintainer"),
        region=region,
        beside=fleet.readings,
        each=lambda count: step("period", count),
    )
    found = told["region"]
    before = read("before", period.before) if period.before else None
    known = {one.span: one for one in (found, before) if one}
    monthly = period.kind is ReportKind.MONTHLY
    further = further_figures(store, setup, period.span, FURTHER, region=region)
    return Material(
        site=setup.config.site,
        simulated=setup.config.simulated,
        zone=setup.config.timezone,
        made=made,
        period=period,
        region=region,
        inventory=terms.inventory,
        profiles=_profiles(store, found, terms),
        rates=terms.rates,
        figures=found,
        before=before,
        units=told["unit"],
        maintainers=told["maintainer"],
        trend=_trend(store, setup, period, lambda span: known.get(span) or read("trend", span)) if monthly else (),
        outages=sorted(fleet.outages, key=lambda one: (-one.counted, one.camera)),
        moves=sorted(fleet.moves, key=lambda move: (move.at, move.camera)),
        incidents=_incidents(store, period.span, seen, inside),
        repairs={
            by: told.rows
            for by, told in repair_statistics_by(
                store, setup, period.span, ("region", "maintainer", "cause"), region=region
            ).items()
        },
        plans=[*_plans(store, setup, region, seen)] if monthly else (),
        gaps=[*_gaps(watch_of(store, setup.config.timezone, period.span))],
        reached=frozenset(store.reached()),
        further=further,
        scores=[*_scores(store, setup, period.span, region, (*found.rows, *further.rows))],
        attributed=attributed_figures(store, setup, period.span, region=region)
        if found.versions
        else replace(found, rows=tuple(fleet.attributed())),
        exemptions=store.exemptions(period.span.start, period.span.end),
        changes=changes(store, setup, period.span, region=region, each=lambda count: step("changes", count)),
        versions=[
            figures(store, setup, period.span, region=region, version=copy.version) for copy in found.versions
        ],
        small_region=terms.small_region,
        names=store.names(),
    )


def _scores(store: Store, setup: Setup, span: Span, region: str, rows: Sequence[Row]) -> Iterator[Score]:
    """What is configured of scores; what they are made of is read again only where it is not at hand."""
    weights = setup.config.scores.weights
    if weights and {*weights} <= {*RATES, *FURTHER}:
        yield from weighted(rows, weights)
    else:
        yield from region_scores(store, setup, span, region)
    yield from maintainer_scores(store, setup, span, region)


def _incidents(store: Store, span: Span, seen: Moment, inside: frozenset[str] | None) -> list[Incident]:
    """Those that were open for a moment of the period, as far as it is known."""
    end = min(span.end, seen + 1)
    return [
        one
        for one in store.incidents(span.start, end)
        if one.opened < end and (one.open or one.closed >= span.start) and _is_in(one.region, inside)
    ]


class _Fleet:
    """What is told camera by camera, in the one pass that sums up the rates."""

    def __init__(self, store: Store, span: Span, region: str, inside: frozenset[str] | None) -> None:
        self.outages: list[Outage] = []
        self.moves: list[Move] = []
        self._store = store
        self._span = span
        self._region = region
        self._inside = inside
        self._laid: Summing | None = None

    def readings(self, watch: Watch, terms: Terms) -> Sequence[Reading]:
        """What `figures_by` is to call for every camera."""
        laid = attributing(watch, terms, held_in(self._store, self._span), region=self._region)
        self._laid = laid
        start = max(self._span.start, self._store.first_heartbeat() or 0)

        def listed(history: CameraHistory, _: Sequence[Piece]) -> None:
            self.outages += (one for one in outages(history, watch) if _is_in(one.placement.region, self._inside))
            self.moves += (
                move
                for move in moved(history, start, self._span.end)
                if any(place and _is_in(place.region, self._inside) for place in (move.old, move.new))
            )

        return (listed, lambda history, found: laid.add(history.camera, found))

    def attributed(self) -> list[Row]:
        """Usage and attributable rates by maintainer."""
        return self._laid.take() if self._laid else []


def _profiles(store: Store, found: Figures, terms: Terms) -> Sequence[Profile]:
    """Those that the figures were judged by: of a final month as they were frozen."""
    if not found.versions:
        return terms.profiles
    copy = next(one for one in found.versions if one.version == found.version)
    used = {row.profile for row in found.rows}
    return [profile for profile in copy_of(store, copy).terms.profiles if profile.name in used]


def gather_work(store: Store, setup: Setup, period: Period, region: str, maintainer: str) -> Work:
    """What is to be repaired, as known at the last heartbeat. Raises Wrong before the first."""
    seen = store.last_heartbeat()
    if seen is None:
        raise _nothing_seen(store)
    terms = rate_terms(setup, store.regions())
    inside = _inside(region, terms.inventory)
    incidents = [
        one for one in store.open_incidents() if _is_in(one.region, inside) and maintainer in ("", one.maintainer)
    ]
    config = setup.config
    head = (config.site, config.simulated, config.timezone, period, seen, region, maintainer)
    return Work(*head, terms.inventory, incidents, store.names())


def _nothing_seen(store: Store) -> Wrong:
    return Wrong(f"{store.name}: nothing was seen yet", "start `healthd run` and wait for the first answers")


def _known(store: Store, span: Span) -> Moment:
    """Up to when healthd saw. Raises Wrong where it saw nothing of the period."""
    begun, seen = store.first_heartbeat(), store.last_heartbeat()
    if begun is None or seen is None:
        raise _nothing_seen(store)
    if seen <= span.start:
        raise Wrong("nothing is known of this period", "it begins after the last heartbeat: is healthd running?")
    if begun >= span.end:
        raise Wrong("nothing is known of this period", "it ended before healthd first ran")
    return seen


def _inside(region: str, inventory: Inventory) -> frozenset[str] | None:
    """The region's code and those below it; None: everything."""
    if not region:
        return None
    return frozenset(code for code, path in inventory.paths.items() if f"/{region}/" in path)


def _is_in(region: str, inside: frozenset[str] | None) -> bool:
    return inside is None or region in inside


def _trend(store: Store, setup: Setup, period: Period, read: Callable[[Span], Figures]) -> list[Past]:
    begun = store.first_heartbeat() or 0
    spans = [(name, month_span(store, setup.config, name)) for name in months_before(period.name, TREND_MONTHS)]
    return [Past(name, read(span) if span.end > begun else None) for name, span in spans]


# --- lists -------------------------------------------------------------------------------------------------


def outages(history: CameraHistory, watch: Watch) -> Iterator[Outage]:
    """The camera's outages whose time in the watch's period that counts is more than LONG."""
    if not _long(history, watch):
        return
    flips = history.online
    for (at, state, _), (until, _, _) in pairwise([*flips, (FOREVER, State.UNKNOWN, ())]):
        if state is not State.OFFLINE or min(until, watch.until) - max(at, watch.start) <= LONG:
            continue
        counted, last = 0, None
        for piece in pieces(history, watch, max(at, watch.start), min(until, watch.until)):
            situation = piece.situation
            if not situation.out and not situation.exempt and situation.online is State.OFFLINE:
                counted += piece.end - piece.start
                last = piece.placement
        if last is not None and counted > LONG:
            yield Outage(history.camera, last, at, until if until <= watch.until else None, counted)


def _long(history: CameraHistory, watch: Watch) -> bool:
    """Whether there may be one at all: nearly all cameras have none."""
    return any(
        state is State.OFFLINE and min(until, watch.until) - max(at, watch.start) > LONG
        for (at, state, _), (until, _, _) in pairwise([*history.online, (FOREVER, State.UNKNOWN, ())])
    )


def moved(history: CameraHistory, start: Moment, end: Moment) -> Iterator[Move]:
    """The camera's changes of placement after `start`; what it began with then is none."""
    old: Placement | None = None
    for at, placement in history.placements:
        if start < at < end and placement != old:
            yield Move(history.camera, at, old, placement)
        old = placement


def _gaps(watch: Watch) -> Iterator[Span]:
    """Spans of the period in which healthd did not see; not before it was installed, nor after its last."""
    end = max(watch.start, watch.heartbeats[0][0])
    for begun, until in watch.heartbeats:
        if end < begun and end < watch.until:
            yield Span(end, begun)
        end = max(end, until)


# --- the plan ----------------------------------------------------------------------------------------------


def _plans(store: Store, setup: Setup, region: str, seen: Moment) -> Iterable[PlanOf]:
    """How to reach each profile's targets from how things stood at the last heartbeat."""
    terms = rate_terms(setup, store.regions())
    tops = [region] if region else [code for code, one in terms.inventory.regions.items() if not one.parent]
    if len(tops) != 1:
        return
    moment = standing(store, setup, tops[0])
    if moment is None:
        return
    rows = moment.rows()
    incidents = store.open_incidents()
    for profile in terms.profiles:
        for rate in terms.rates:
            goal = profile.target(rate, "all", terms.inventory.line_of(tops[0]))
            if goal is None:
                continue
            row = next(
                (r for r in rows if (r.key, r.class_, r.rate, r.profile) == (tops[0], "all", rate, profile.name)),
                None,
            )
            good, assessed = (row.good, row.assessed) if row else (0, 0)
            lifts = moment.lifts(tops[0], "all", rate, profile)
            yield PlanOf(rate, profile.name, seen, make_plan(incidents, lifts, good, assessed, goal))
