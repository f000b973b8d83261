"""The live window `previous_month`, once that month is final: from then on it shows the frozen figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from healthd.figures.period import Final, frozen_regions
from healthd.live import FinalWindow, Live
from healthd.model import Moment
from healthd.periods import previous_month_name, windows_at
from healthd.setup import Setup
from healthd.store import Store, StoreError
from healthd.store.period_rows import FINAL

log = logging.getLogger("healthd.figures.final_window")

_PAUSE_SECONDS = 10.0


async def keep_final(store: Store, setup: Callable[[], Setup], now: Callable[[], Moment], live: Live) -> None:
    """Shows what is frozen a few seconds after it was, for as long as healthd runs."""
    while True:
        try:
            live.final = await asyncio.to_thread(final_window, store, setup(), now(), live.final)
        except StoreError as error:
            log.warning("what is frozen of last month could not be read error=%s", error)
        await asyncio.sleep(_PAUSE_SECONDS)


def final_window(store: Store, setup: Setup, now: Moment, known: FinalWindow | None) -> FinalWindow | None:
    """The frozen copy of last month, as the window shows it; None while there is none. `known` where that is it
    still: the copy is read only once. Seconds for a large fleet: for a thread. Raises StoreError."""
    config = setup.config
    name = previous_month_name(now, config.timezone, config.month_starts_on)
    final = [copy for copy in store.period_copies() if copy.month == name and copy.standing == FINAL]
    if not final:
        return None
    window = windows_at(now, config.timezone, config.month_starts_on)["previous_month"]
    of = (final[-1].seq, tuple(config.profiles))
    if known is not None and (known.of, known.instead) == (of, window):
        return known
    copy, rows_ = frozen_regions(store, final[-1])
    told = Final(final[-1], final, copy).figures(setup, rows_)
    rows = tuple(row for row in told.rows if row.timed)  # as in the other windows
    return FinalWindow(of, window, told.span, rows, FINAL, told.version)
