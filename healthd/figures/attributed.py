"""Usage and attributable rates of a period, from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from healthd.figures.period import Figures, final_month, watch_of
from healthd.incidents.attribution import ATTRIBUTED, LATE, Hold, attributed, holds
from healthd.model import CameraHistory
from healthd.periods import Span
from healthd.setup import Setup, rate_terms
from healthd.store import Store


def attributed_figures(
    store: Store,
    setup: Setup,
    span: Span,
    *,
    by: str = "maintainer",
    region: str = "",
    camera: str = "",
    version: int = 0,
    each: Callable[[int], None] = lambda count: None,
) -> Figures:
    """The rows of `usage` and `attributable` for the configured profiles; parameters as for `figures.figures`.

    A final month is answered from its frozen copy. Others are made anew from flips and incidents, so they reach
    back as far as those are kept.
    """
    final = final_month(store, span, version=version, camera=camera)
    if final is not None:
        return final.figures(setup, final.copy.rows(by=by, region=region, camera=camera, rates=ATTRIBUTED))
    terms = rate_terms(setup, store.regions())
    watch = watch_of(store, setup.config.timezone, span)
    held = held_in(store, span)

    def counted() -> Iterator[CameraHistory]:
        histories = store.histories(span.start, span.end, cameras={camera} if camera else None)
        for count, history in enumerate(histories):
            each(count)
            yield history

    found = tuple(attributed(counted(), watch, terms, held, by=by, region=region))
    return Figures(found, span, watch.until, inventory=setup.inventory.digest)


def held_in(store: Store, span: Span) -> Mapping[str, Sequence[Hold]]:
    """Camera -> what incidents held it in the period."""
    incidents = store.incidents(span.start, span.end + LATE)
    return holds(store.feed_of(span.start, span.end + LATE), incidents)
