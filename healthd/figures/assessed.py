"""The further rates from the store: for the command line, and kept up to date for the metrics."""

from __future__ import annotations

import asyncio
import ctypes
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from healthd.assessing.assessments import (
    Examination,
    Finding,
    Seen,
    assess,
    examine,
    findings,
    own_clock_trusted,
    unexamined,
)
from healthd.assessing.examined import Examined, combined, read_verdicts
from healthd.figures.period import Figures, final_month, standing_of
from healthd.figures.repairs import RepairStatistics, repair_statistics
from healthd.incidents.statistics import RepairRow
from healthd.model import Moment
from healthd.periods import Span, day, local, windows_at
from healthd.problems import Wrong
from healthd.rates.buckets import Bucket
from healthd.rates.frozen import Copy
from healthd.rates.pool import Pool, Terms
from healthd.rates.profiles import FURTHER, Profile
from healthd.rates.rows import Row
from healthd.setup import Setup, rate_terms
from healthd.store import Store, StoreError
from probes.base import Memory

log = logging.getLogger("healthd.figures.assessed")

READ_BY: Mapping[str, str] = {"clock": "onvif", "resolution": "onvif", "annotation": "annotation"}
"""The check that reads what a rate goes by; the others go by the inventory."""

_TIMELY_BY = ("region", "unit", "maintainer")
_FIRST_SECONDS = 20.0
_PAUSE_SECONDS = 300.0
_INTERVALS = 3  # so many intervals a reading counts in `now`
_AFTER_MIDNIGHT: Moment = 60_000  # ms: so long what is kept is still of the day before
_UNSYNCHRONISED = 5  # adjtimex(2): TIME_ERROR


def assessed_figures(
    store: Store, setup: Setup, span: Span, rate: str, *, by: str = "region", region: str = "", version: int = 0
) -> Figures:
    """The rows of one further rate, or of `timely`; see `further_figures`. Raises StoreError; Wrong where a rate
    is not told by that."""
    if rate != "timely":
        return further_figures(store, setup, span, [rate], by=by, region=region, version=version)
    if by not in _TIMELY_BY:
        raise Wrong(f"--rate timely is not told by {by}", f"give --by {', '.join(_TIMELY_BY)}")
    final = final_month(store, span, version=version)
    profiles = final.copy.terms.profiles if final else setup.config.chosen_profiles
    found = repair_statistics(store, setup, span, by=by, region=region, version=version)
    rows = _timely(found, profiles, region)
    return final.figures(setup, rows) if final else _provisional(store, setup, span, rows)


def further_figures(
    store: Store,
    setup: Setup,
    span: Span,
    rates: Sequence[str],
    *,
    by: str = "region",
    region: str = "",
    version: int = 0,
) -> Figures:
    """The rows of these further rates: of a final month as they were frozen (`version`: which copy, 0 for the
    newest), of a period that reaches into the last day that healthd saw as they are now, of an earlier one by
    what was kept of its days. Raises StoreError."""
    final = final_month(store, span, version=version)
    if final is not None:
        copy = final.copy
        rows = thawed(copy).rows(copy.terms, rates, Span(copy.start, copy.until), by=by, region=region)
        return final.figures(setup, _clipped(rows, copy.until < copy.end))
    until = _until(store, span)
    terms = rate_terms(setup, store.regions())
    rows = examined_of(store, setup, span).rows(terms, rates, Span(span.start, until), by=by, region=region)
    return _provisional(store, setup, span, rows)


def _provisional(store: Store, setup: Setup, span: Span, rows: Sequence[Row]) -> Figures:
    until = _until(store, span)
    told = _clipped(rows, until < span.end)
    return Figures(told, span, until, standing_of(store, span), inventory=setup.inventory.digest)


def _clipped(rows: Sequence[Row], clipped: bool) -> tuple[Row, ...]:
    return tuple(replace(row, clipped=clipped) for row in rows)


def _until(store: Store, span: Span) -> Moment:
    return min(span.end, store.last_heartbeat() or span.start)


def thawed(copy: Copy) -> Examined:
    """What a frozen copy has of the further rates."""
    found = {camera: (place, read_verdicts(text)) for camera, (place, text) in copy.examined.items()}
    return Examined.of(copy.until, found)


def examined_of(store: Store, setup: Setup, span: Span) -> Examined:
    """What cameras counted as at the end of `span`, or at the last heartbeat if that is sooner."""
    until = _until(store, span)
    if is_present(store, setup, span):
        return examine(examination(store, setup, until, dict.fromkeys(READ_BY, span.start)))
    known = combined(store.examined_days(span.start, span.end))
    if known is not None:
        return known
    return unexamined(examination(store, setup, until, {}), store.placements_at(until))


def is_present(store: Store, setup: Setup, span: Span) -> bool:
    """Whether the period reaches into the last day that healthd saw: there the inventory and what was read last
    hold, before it only what was kept of each day."""
    zone, seen = setup.config.timezone, store.last_heartbeat() or span.start
    return span.end > day(local(seen, zone).date(), zone).start


def keep_day(store: Store, setup: Setup, now: Moment) -> None:
    """Keep what cameras count as today for the further rates; just after midnight, and after a start, of the day
    before. Repeating it harms nothing; seconds for a large fleet: for a thread. Raises StoreError."""
    zone = setup.config.timezone
    today = day(local(now - _AFTER_MIDNIGHT, zone).date(), zone)
    at = min(now, today.end)
    store.keep_examined(today.start, examine(examination(store, setup, at, dict.fromkeys(READ_BY, today.start))))


def examination(store: Store, setup: Setup, at: Moment, fresh: Mapping[str, Moment]) -> Examination:
    """What the fleet is examined by at `at`; `fresh`: rate -> since when a reading counts."""
    memories = store.memories()
    terms = rate_terms(setup, store.regions())
    options = setup.config.assessments
    trusted = own_clock_trusted(clock_synchronised(), _offsets(setup, memories, fresh), options.clock.warn)
    return Examination.of(
        terms, options, Seen(store.reached(), memories, fresh, trusted), at, setup.config.timezone
    )


def _offsets(setup: Setup, memories: Mapping[str, Memory], fresh: Mapping[str, Moment]) -> list[float]:
    since = fresh.get("clock", 0)
    known = (memories[camera] for camera in setup.inventory.cameras if camera in memories)
    return [
        memory.clock_offset_seconds
        for memory in known
        if memory.clock_offset_seconds is not None and 1000 * memory.clock_read_at >= since
    ]


def found_against(store: Store, setup: Setup, span: Span, rate: str, region: str = "") -> list[Finding]:
    """Every camera that a rate holds something against, does not know or warns of."""
    final = final_month(store, span)
    if final is not None:
        return _kept_findings(thawed(final.copy), final.copy.terms, rate, region)
    until = _until(store, span)
    if is_present(store, setup, span):
        return findings(examination(store, setup, until, dict.fromkeys(READ_BY, span.start)), [rate], region)
    return _kept_findings(examined_of(store, setup, span), rate_terms(setup, store.regions()), rate, region)


def _kept_findings(known: Examined, terms: Terms, rate: str, region: str) -> list[Finding]:
    """Of days that have passed only the verdicts are kept."""
    pool, number, found = Pool(terms, "camera", region, ()), FURTHER.index(rate), []
    for camera, (place, judged) in known.cameras.items():
        bucket = known.verdicts[judged][number]
        if bucket in (Bucket.BAD, Bucket.UNKNOWN) and pool.group(camera, known.places[place]) is not None:
            why = (
                "failed it at the time; the reason was not kept" if bucket is Bucket.BAD else "no reading was kept"
            )
            found.append(Finding(camera, rate, bucket, why, known.places[place].region))
    return found


def _timely(found: RepairStatistics | None, profiles: Sequence[Profile], region: str) -> list[Row]:
    """Repairs that were due in the period and done by then ÷ all that were due."""
    if found is None:
        return []
    levels = {code: one.level for code, one in found.inventory.regions.items()}
    return [
        _timely_row(row, profile, levels.get(row.key, "") if row.by == "region" else "", region)
        for row in found.rows
        for profile in profiles
        if row.due
    ]


def _timely_row(row: RepairRow, profile: Profile, level: str, region: str) -> Row:
    return Row(
        by=row.by,
        key=row.key,
        region=row.key if row.by == "region" else region,
        name=row.name,
        level=level,
        class_="all",
        rate="timely",
        profile=profile.name,
        start=row.start,
        end=row.end,
        clipped=False,
        cameras=row.due,
        good=row.timely,
        bad=row.due - row.timely,
        undiagnosed=0,
        unknown=0,
        exempt=0,
        out_of_service=0,
        raw_good=row.timely,
        raw_assessed=row.due,
        target=profile.target("timely", "all"),
        method="head_count",
    )


def clock_synchronised() -> bool | None:
    """Whether the kernel calls this machine's clock synchronised (adjtimex(2)); None where it does not tell."""
    try:
        buffer = ctypes.create_string_buffer(512)  # struct timex, with room; all zero: only asks
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def live_assessments(store: Store, setup: Setup, now: Moment) -> Mapping[str, Sequence[Row]]:
    """window (`now`, `month`) -> rows by region, for the metrics; seconds for a large fleet: for a thread."""
    config = setup.config
    month = windows_at(now, config.timezone, config.month_starts_on)["month"]
    intervals = {rate: config.checks[check].interval for rate, check in READ_BY.items() if check in config.checks}
    rates = [rate for rate in FURTHER if rate not in READ_BY or rate in intervals]
    recent = {rate: now - round(1000 * _INTERVALS * seconds) for rate, seconds in intervals.items()}
    examined = examination(store, setup, now, recent)
    this_month = replace(examined, seen=replace(examined.seen, fresh=dict.fromkeys(READ_BY, month.start)))
    repairs = repair_statistics(store, setup, Span(month.start, now), by="region")
    timely = _timely(repairs, config.chosen_profiles, "")
    return {
        "now": assess(examined, rates, Span(now, now)),
        "month": [*assess(this_month, rates, Span(month.start, now)), *timely],
    }


async def keep_assessed(
    store: Store,
    setup: Callable[[], Setup],
    now: Callable[[], Moment],
    show: Callable[[Mapping[str, Sequence[Row]]], None],
) -> None:
    """Shows the further rates anew every few minutes, for as long as healthd runs."""
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        try:
            show(await asyncio.to_thread(live_assessments, store, setup(), now()))
        except StoreError as error:
            log.warning("further rates could not be made, the last ones stay error=%s", error)
        await asyncio.sleep(_PAUSE_SECONDS)
