"""Figures of a period: the one way from a store to rows, for the command line, the API and the reports alike.

Who asks here gets the same figures as everybody else, and is told how firm they are.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from healthd import __version__
from healthd.config import Config
from healthd.model import CameraHistory, Inventory, Moment, Placement
from healthd.periods import Span, parse_month, windows_at
from healthd.rates.frozen import Copy
from healthd.rates.frozen_bytes import region_rows, unpack
from healthd.rates.pool import Terms
from healthd.rates.rows import Row, Summing, rows
from healthd.rates.timeline import Piece, Watch, pieces
from healthd.rates.windows import Booked, Windows
from healthd.setup import Setup, rate_terms
from healthd.store import PeriodCopy, Store
from healthd.store.errors import damaged
from healthd.store.period_rows import FINAL, PROVISIONAL
from healthd.store.placement_rows import placement

Reading: TypeAlias = Callable[[CameraHistory, Sequence[Piece]], None]
"""Takes one camera's history and its pieces."""


_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Figures:
    """The rows of a period, and how firm they are.

    `rows`: as `rates.rows` makes them, by region in the order of the tree. `span`: what was asked for; `until`:
    where what is known of it ends, not after `span.end`. `standing`: provisional (may still change) | published
    (in its appeal window) | final (frozen). `version`: 0 while nothing is frozen, else the number of the frozen
    copy that these are. `inventory`: digest of the inventory files, `program`: version of the healthd, that the
    figures were made with. `versions`: all frozen copies of a final month, the first one and its amendments.
    """

    rows: Sequence[Row]
    span: Span
    until: Moment
    standing: str = PROVISIONAL
    version: int = 0
    inventory: str = ""
    program: str = __version__
    versions: Sequence[PeriodCopy] = ()

    @property
    def clipped(self) -> bool:
        """Whether nothing is known of the end of the period."""
        return self.until < self.span.end

    def as_json(self, zone: ZoneInfo) -> list[dict[str, Any]]:
        """The rows by their public names, each with the standing and the version."""
        firm = {"standing": self.standing, "version": self.version}
        return [{**row.as_json(zone), **firm} for row in self.rows]


@dataclass(frozen=True, slots=True)
class Final:
    """One frozen copy of a final month. `kept`: what is known of it; `versions`: all copies, the first first."""

    kept: PeriodCopy
    versions: Sequence[PeriodCopy]
    copy: Copy

    def figures(self, setup: Setup, found: Iterable[Row]) -> Figures:
        """Rows of the copy with how firm they are: by those of the configured profiles that were frozen, or by all
        frozen ones where none was."""
        names = {name for _, name in self.copy.columns}
        wanted = names.intersection(setup.config.profiles) or names
        span = Span(self.copy.start, self.copy.end)
        rows_ = tuple(row for row in found if row.profile in wanted)
        kept = self.kept
        return Figures(
            rows_, span, self.copy.until, FINAL, kept.version, kept.inventory, kept.program, versions=self.versions
        )


def figures(
    store: Store,
    setup: Setup,
    span: Span,
    *,
    by: str = "region",
    region: str = "",
    camera: str = "",
    version: int = 0,
    each: Callable[[int], None] = lambda count: None,
) -> Figures:
    """The figures of `span` for the configured profiles and checks.

    `by`: region | department | unit | maintainer | camera | tag:NAME. `region`: only what was booked in or below
    it; `camera`: only this one; "" for all. A month that is final is answered from its frozen copy, by those of
    the configured profiles that were frozen, or by all frozen ones where none was; `version`: which copy, 0 for
    the newest. `each` is told how many cameras were read so far. Takes seconds for a large fleet: never call it on
    the event loop. Raises StoreError.
    """
    final = final_month(store, span, version=version, camera=camera)
    if final is not None:
        return final.figures(setup, final.copy.rows(by=by, region=region, camera=camera))
    terms = rate_terms(setup, store.regions())
    watch = watch_of(store, setup.config.timezone, span)
    histories = store.histories(span.start, span.end, cameras={camera} if camera else None)
    found = rows(_counted(histories, each), watch, terms, by=by, region=region)
    return Figures(tuple(found), span, watch.until, standing_of(store, span), inventory=setup.inventory.digest)


def standing_of(store: Store, span: Span) -> str:
    copies = [copy for copy in store.period_copies() if (copy.start, copy.end) == (span.start, span.end)]
    return copies[-1].standing if copies else PROVISIONAL


def figures_by(
    store: Store,
    setup: Setup,
    span: Span,
    bys: Sequence[str],
    *,
    region: str = "",
    beside: Callable[[Watch, Terms], Sequence[Reading]] = lambda watch, terms: (),
    each: Callable[[int], None] = lambda count: None,
) -> dict[str, Figures]:
    """What `figures` answers for each of `bys` (none of them `camera`), out of one pass over the fleet.

    `beside`: what else is to read every camera's history and pieces in that pass, even where the figures come from
    a frozen copy; the watch knows the graces of the profiles.
    """
    terms = rate_terms(setup, store.regions())
    watch = watch_of(store, setup.config.timezone, span).judging(terms.profiles)
    final = final_month(store, span)
    sums = {} if final else {by: Summing(watch, terms, by=by, region=region) for by in bys}
    readings = beside(watch, terms)
    if sums or readings:
        for history in _counted(store.histories(span.start, span.end), each):
            found = [*pieces(history, watch, watch.start, watch.until)]
            for one in sums.values():
                one.add(history.camera, found)
            for reading in readings:
                reading(history, found)
    if final:
        return {by: final.figures(setup, final.copy.rows(by=by, region=region)) for by in bys}
    standing, digest = standing_of(store, span), setup.inventory.digest
    return {
        by: Figures(tuple(one.take()), span, watch.until, standing, inventory=digest) for by, one in sums.items()
    }


def month_span(store: Store, config: Config, name: str) -> Span:
    """The month `YYYY-MM`: as it was when it was made final, else as the configuration begins months. ValueError
    with the remedy."""
    span = parse_month(name, config.timezone, config.month_starts_on)
    for copy in store.period_copies():
        if copy.month == name.strip() and copy.standing == FINAL:
            span = Span(copy.start, copy.end)
    return span


def final_month(store: Store, span: Span, *, version: int = 0, camera: str = "") -> Final | None:
    """What is frozen of a final month; None where the span is none. `version`: which copy, 0 (or none there is)
    for the newest; `camera`: no more than this one is needed. Raises StoreError where the copy is damaged."""
    final = [
        copy
        for copy in store.period_copies()
        if (copy.start, copy.end) == (span.start, span.end) and copy.standing == FINAL
    ]
    if not final:
        return None
    chosen = next((copy for copy in final if copy.version == version), final[-1])
    return Final(chosen, final, copy_of(store, chosen, camera))


def copy_of(store: Store, copy: PeriodCopy, camera: str = "") -> Copy:
    """What is frozen in a copy, ready to answer; the last one is kept in memory. Raises StoreError where it is
    damaged."""
    return _read(store, copy, lambda content: _opened(content, camera))


def frozen_regions(store: Store, copy: PeriodCopy) -> tuple[Copy, Sequence[Row]]:
    """(a copy without its cameras, its rows by region): cheap, and nothing stays in memory. Raises like it."""
    return _read(store, copy, region_rows)


def _read(store: Store, copy: PeriodCopy, opened: Callable[[bytes], _Read]) -> _Read:
    try:
        return opened(store.period_content(copy))
    except (ValueError, LookupError, TypeError, struct.error, zlib.error) as error:
        raise damaged(store.name, f"the {copy.standing} copy of {copy.month}: {error!r}") from error


@lru_cache(maxsize=1)  # a report asks the same copy again and again
def _opened(content: bytes, camera: str) -> Copy:
    return unpack(content, camera)


def frozen_terms(store: Store, span: Span) -> Terms | None:
    """What a final month was judged by when it was frozen last; None where the span is none."""
    final = final_month(store, span)
    return final.copy.terms if final else None


def told_terms(store: Store, setup: Setup, span: Span) -> Terms:
    """What the figures of a period are told by: the setup as it is, and of a final month its profiles, rates and
    names of regions, departments and maintainers as they were frozen. Raises StoreError."""
    terms, frozen = rate_terms(setup, store.regions()), frozen_terms(store, span)
    if frozen is None:
        return terms
    new, old = terms.inventory, frozen.inventory
    inventory = replace(
        new,
        regions={**new.regions, **old.regions},
        maintainers={**new.maintainers, **old.maintainers},
        departments={**new.departments, **old.departments},
    )
    return replace(frozen, inventory=inventory)


def watch_of(store: Store, zone: ZoneInfo, span: Span) -> Watch:
    """When healthd was watching, for the pieces of a period."""
    begun = store.first_heartbeat()
    heartbeats = store.heartbeats(begun, span.end) if begun is not None else []
    return Watch(heartbeats, zone, span.start, span.end)


def _counted(histories: Iterable[CameraHistory], each: Callable[[int], None]) -> Iterator[CameraHistory]:
    for count, history in enumerate(histories):
        each(count)
        yield history


def live_windows(setup: Setup, store: Store, now: Moment, booked: Booked | None) -> Windows:
    """The live windows out of the store; takes seconds for a large fleet, so it runs in a thread."""
    config = setup.config
    first = min(span.start for span in windows_at(now, config.timezone, config.month_starts_on).values())
    begun = store.first_heartbeat() or now
    heartbeats = store.heartbeats(begun, now + 1)
    windows = Windows.build(
        _sharing(store.histories(first, now + 1), setup.inventory),
        heartbeats,
        rate_terms(setup, store.regions()),
        config.timezone,
        now,
        month_starts_on=config.month_starts_on,
        booked=booked,
    )
    placement.cache_clear()  # nobody needs it until the next time, and it has the strings of a fleet
    return windows


def _sharing(histories: Iterable[CameraHistory], inventory: Inventory) -> Iterator[CameraHistory]:
    """The same, with what is in the inventory and what many have in common held once: they are kept for good."""
    stays: dict[tuple[tuple[Moment, Placement | None], ...], tuple[tuple[Moment, Placement | None], ...]] = {}
    for history in histories:
        camera = inventory.cameras.get(history.camera)
        if camera is not None:
            mine = camera.placement
            there = tuple((at, mine if place == mine else place) for at, place in history.placements)
            there = stays.setdefault(there, there)
            history = CameraHistory(camera.id, there, history.online, history.picture, history.exempt)  # noqa: PLW2901
        yield history
