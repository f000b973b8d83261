"""Takes the frozen copy of a month: all that is asked of it later, as it would be answered now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from healthd.assessing.examined import written
from healthd.figures.assessed import examined_of
from healthd.figures.attributed import held_in
from healthd.figures.period import watch_of
from healthd.figures.repairs import counted_incidents, written_incident
from healthd.incidents.attribution import door_columns, lay
from healthd.model import CameraHistory
from healthd.periods import Span
from healthd.rates.frozen import Copy, freeze
from healthd.rates.pool import Terms
from healthd.setup import Setup
from healthd.store import Store


def take_copy(
    store: Store, setup: Setup, span: Span, terms: Terms, each: Callable[[int], None] = lambda count: None
) -> Copy:
    """Of all rates, usage and attributable, the further rates and repairs, judged by `terms`. `each` is told how
    many cameras were read so far. Raises StoreError."""
    watch = watch_of(store, setup.config.timezone, span).judging(terms.profiles)
    end = min(span.end, watch.until + 1)
    examined = examined_of(store, setup, span)

    def counted() -> Iterator[CameraHistory]:
        for count, history in enumerate(store.histories(span.start, span.end)):
            each(count)
            yield history

    return freeze(
        counted(),
        watch,
        terms,
        [(door_columns(terms), lay(held_in(store, span)))],
        examined={
            camera: (examined.places[place], written(examined.verdicts[judged]))
            for camera, (place, judged) in examined.cameras.items()
        },
        incidents=[written_incident(one) for one in counted_incidents(store, span.start, end)],
    )
