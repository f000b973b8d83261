"""The change list of a period out of the store: the one way to it, for the command line, the API and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from healthd.figures.period import watch_of
from healthd.filings.exemptions import Cover
from healthd.filings.levers import Line, Moves, given_back, lines
from healthd.model import CameraHistory
from healthd.periods import Span
from healthd.setup import Setup, rate_terms
from healthd.store import Store


def changes(
    store: Store, setup: Setup, span: Span, *, region: str = "", each: Callable[[int], None] = lambda count: None
) -> list[Line]:
    """Every lever that moved a denominator in `span`, by time, with its effect up to the last heartbeat.

    `region`: only what concerns cameras in or below it, and rules; "" for all. `each` is told how many cameras
    were read so far. Takes seconds for a large fleet with exemptions: never call it on the event loop. Raises
    StoreError.
    """
    inventory = rate_terms(setup, store.regions()).inventory
    paths, parents = inventory.paths, {code: known.parent for code, known in inventory.regions.items()}
    watch = watch_of(store, setup.config.timezone, span)
    begun = store.first_heartbeat()
    exemptions = store.exemptions()
    moves = Moves(
        exemptions=store.exemptions(span.start, span.end),
        cover=Cover([*exemptions, *given_back(exemptions)], parents, store.device_links()),
        # What the inventory held when healthd began is no change.
        placements=[
            change
            for change in store.placement_changes(span.start, span.end)
            if change.before is not None or (begun is not None and change.at > begun)
        ],
        rules=store.lever_changes(span.start, span.end),
        profiles={profile.name: profile for profile in setup.config.chosen_profiles},
    )

    def inside(code: str) -> bool:
        return not region or f"/{region}/" in paths.get(code, f"/{code}/")

    def counted() -> Iterator[CameraHistory]:
        for count, history in enumerate(store.histories(span.start, span.end, cameras=moves.cameras)):
            each(count)
            yield history

    return lines(moves, counted(), watch, inside)
