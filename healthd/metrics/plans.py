"""Repair plans on the page that Prometheus reads: which repairs lift which region to its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from healthd.exposition import Family, Format, block, escape
from healthd.incidents.gains import RegionPlan, region_plans
from healthd.incidents.plan import Outcome, Step
from healthd.live import Page
from healthd.model import Moment

STEPS_SHOWN = 10
"""Repairs of one plan with series of their own: the first of the list."""

_REPAIRS = Family(
    "healthd_region_plan_repairs", "gauge", "Fewest repairs that reach the target; absent where none are known to."
)
_GAIN = Family("healthd_region_plan_gain_cameras", "gauge", "Cameras that this repair of the plan turns good.")
_RATIO = Family("healthd_region_plan_ratio", "gauge", "The rate once this repair and those before it are done.")
_DROPPED = Family("healthd_region_plan_dropped", "gauge", "Repairs of plans without series of their own.")


_PAUSE_PER_INCIDENT: Moment = 15
_PAUSE_PER_CAMERA: Moment = 1
"""ms between two workings out, for each open incident and each camera that is down: about a hundred times what one
takes. 20,000 incidents cost seconds of processor time over all regions, and a dying city has other worries; 20,000
cameras of one line cost a sixth of a second."""


class Plans:
    """The plans of all regions, kept for a while. For one thread at a time."""

    def __init__(self) -> None:
        self._kept: Sequence[RegionPlan] = ()
        self._until: Moment = 0

    def of(self, page: Page) -> Sequence[RegionPlan]:
        """Those of the page, or of one a little older while many cameras are down."""
        pause = _PAUSE_PER_CAMERA * len(page.standing) + _PAUSE_PER_INCIDENT * len(page.incidents)
        if not self._until - pause <= page.at < self._until:  # a clock set back keeps nothing for long
            rows = page.rows.get("now", ())
            self._kept = region_plans(rows, page.standing, page.incidents, page.profiles, page.inventory)
            self._until = page.at + pause
        return self._kept


def plan_blocks(plans: Sequence[RegionPlan], form: Format, shown: int) -> Iterator[str]:
    """All families of plans; at most `shown` repairs, those that lift the most, have series of their own."""
    known = [one for one in plans if one.plan.outcome in (Outcome.REACHED, Outcome.REACHABLE)]
    repairs = [f"{_REPAIRS.name}{{{_inner(one)}}} {len(one.plan.steps)}\n" for one in known]
    steps = [(one, step) for one in plans for step in one.plan.steps[:STEPS_SHOWN]]
    steps.sort(key=lambda entry: -entry[1].cameras)
    every = sum(len(one.plan.steps) for one in plans)
    yield block(_REPAIRS, form, repairs)
    yield block(_GAIN, form, [f"{_GAIN.name}{{{_of(*entry)}}} {entry[1].cameras}\n" for entry in steps[:shown]])
    yield block(
        _RATIO, form, [f"{_RATIO.name}{{{_of(*entry)}}} {float(entry[1].ratio)}\n" for entry in steps[:shown]]
    )
    yield block(_DROPPED, form, [f"{_DROPPED.name} {every - len(steps[:shown])}\n"])


def _inner(one: RegionPlan) -> str:
    return f'region="{escape(one.region)}",class="{one.class_}",rate="{one.rate}",profile="{escape(one.profile)}"'


def _of(one: RegionPlan, step: Step) -> str:
    return f'{_inner(one)},incident="{escape(step.incident.id)}"'
