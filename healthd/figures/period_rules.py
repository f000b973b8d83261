"""How a month becomes final: which step may be taken when, and why not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from healthd.model import Moment
from healthd.periods import Span, iso
from healthd.problems import Wrong
from healthd.store.period_rows import FINAL, PROVISIONAL, PUBLISHED, PeriodCopy

STEPS = (PROVISIONAL, "publish", "finalise", "amend")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a month stands: its copies so far, in order; the moment now; up to when all is decided; the appeal
    window in ms; the zone that moments are told in."""

    month: str
    span: Span
    copies: Sequence[PeriodCopy]
    now: Moment
    settled: Moment
    appeal: Moment
    zone: ZoneInfo

    @property
    def name(self) -> str:
        """The standing: provisional | published | final; empty where no step was taken yet."""
        return self.copies[-1].standing if self.copies else ""

    @property
    def appeals_until(self) -> Moment:
        """When the appeal window closes; 0 where nothing was published."""
        return next((copy.at + self.appeal for copy in reversed(self.copies) if copy.standing == PUBLISHED), 0)

    @property
    def version(self) -> int:
        """Of the newest final copy; 0: none."""
        return max((copy.version for copy in self.copies), default=0)


def standing_after(step: str) -> str:
    """What a month is after a step."""
    return {PROVISIONAL: PROVISIONAL, "publish": PUBLISHED}.get(step, FINAL)


def check(step: str, month: Standing) -> None:
    """Raise Wrong, with what to do instead, where the step may not be taken now."""
    if step == "amend":
        if month.name != FINAL:
            raise Wrong(
                f"{month.month} is not final, so there is nothing to amend",
                "its figures still follow what is recorded: healthd period list shows where it stands",
            )
        return
    if month.name == FINAL:
        raise Wrong(
            f"{month.month} is final since {iso(month.copies[-1].at, month.zone)}",
            "a correction is an amendment: healthd period amend --month ... --by NAME --note REASON",
        )
    if month.now < month.span.end:
        raise Wrong(f"{month.month} is not over", f"it ends at {iso(month.span.end, month.zone)}")
    if step == PROVISIONAL:
        if month.name == PUBLISHED:
            raise Wrong(f"{month.month} is published already", "publish it again, or finalise it")
        return
    if month.settled < month.span.end:
        known = (
            f"decided up to {iso(month.settled, month.zone)} only" if month.settled else "nothing is decided yet"
        )
        raise Wrong(
            f"{month.month} has time that is not decided ({known})",
            "let `healthd run` go on: it rolls over at its start and every hour, once no streak is open",
        )
    if step == "finalise":
        _check_appeals(month)


def _check_appeals(month: Standing) -> None:
    if month.name != PUBLISHED:
        raise Wrong(f"{month.month} was not published", f"first: healthd period publish --month {month.month}")
    if month.now < month.appeals_until:
        raise Wrong(
            f"{month.month} is open to appeals until {iso(month.appeals_until, month.zone)}",
            "finalise it then; the window is periods.appeal",
        )
