"""Repair plans on the page that Prometheus reads: which repairs lift which region to its target."""

from __future__ import annotations

from collections.abc import Iterator

from healthd.exposition import Family, Format, block, escape
from healthd.incidents.gains import RegionPlan, region_plans
from healthd.incidents.plan import Outcome, Step
from healthd.live import Page

STEPS_SHOWN = 10
"""Repairs of one plan with series of their own: the first of the list."""

_REPAIRS = Family(
    "healthd_region_plan_repairs", "gauge", "Fewest repairs that reach the target; absent where none are known to."
)
_GAIN = Family("healthd_region_plan_gain_cameras", "gauge", "Cameras that this repair of the plan turns good.")
_RATIO = Family("healthd_region_plan_ratio", "gauge", "The rate once this repair and those before it are done.")
_DROPPED = Family("healthd_region_plan_dropped", "gauge", "Repairs of plans without series of their own.")


def plan_blocks(page: Page, form: Format, shown: int) -> Iterator[str]:
    """All families of plans; at most `shown` repairs, those that lift the most, have series of their own."""
    rows = page.rows.get("now", ())
    plans = region_plans(rows, page.standing, page.incidents, page.profiles, page.inventory)
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
