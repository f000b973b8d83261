"""Figures of a period: the one way from a store to rows, for the command line, the API and the reports alike.

Who asks here gets the same figures as everybody else, and is told how firm they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from healthd import __version__
from healthd.model import CameraHistory, Moment
from healthd.periods import Span, windows_at
from healthd.rates import Row, rows
from healthd.setup import Setup, rate_terms
from healthd.store import Store
from healthd.timeline import Watch
from healthd.windows import Booked, Windows

PROVISIONAL = "provisional"


@dataclass(frozen=True, slots=True)
class Figures:
    """The rows of a period, and how firm they are.

    `rows`: as `rates.rows` makes them, by region in the order of the tree. `span`: what was asked for; `until`:
    where what is known of it ends, not after `span.end`. `standing`: provisional (may still change) | published
    (in its appeal window) | final (frozen). `version`: 0 while nothing is frozen, else the number of the frozen
    copy that these are. `inventory`: digest of the inventory files, `program`: version of the healthd, that the
    figures were made with.
    """

    rows: Sequence[Row]
    span: Span
    until: Moment
    standing: str = PROVISIONAL
    version: int = 0
    inventory: str = ""
    program: str = __version__

    @property
    def clipped(self) -> bool:
        """Whether nothing is known of the end of the period."""
        return self.until < self.span.end

    def as_json(self, zone: ZoneInfo) -> list[dict[str, Any]]:
        """The rows by their public names, each with the standing and the version."""
        firm = {"standing": self.standing, "version": self.version}
        return [{**row.as_json(zone), **firm} for row in self.rows]


def figures(
    store: Store,
    setup: Setup,
    span: Span,
    *,
    by: str = "region",
    region: str = "",
    camera: str = "",
    each: Callable[[int], None] = lambda count: None,
) -> Figures:
    """The figures of `span` for the configured profiles and checks.

    `by`: region | unit | maintainer | camera. `region`: only what was booked in or below it; `camera`: only this
    one; "" for all. `each` is told how many cameras were read so far. Takes seconds for a large fleet: never call
    it on the event loop. Raises StoreError.
    """
    terms = rate_terms(setup, store.regions())
    watch = watch_of(store, setup.config.timezone, span)
    histories = store.histories(span.start, span.end, cameras={camera} if camera else None)
    found = rows(_counted(histories, each), watch, terms, by=by, region=region)
    return Figures(tuple(found), span, watch.until, inventory=setup.inventory.digest)


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
    return Windows.build(
        store.histories(first, now + 1),
        heartbeats,
        rate_terms(setup, store.regions()),
        config.timezone,
        now,
        month_starts_on=config.month_starts_on,
        booked=booked,
    )
