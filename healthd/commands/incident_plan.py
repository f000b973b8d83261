"""`healthd incidents plan`: the fewest repairs that lift a region to its target."""

from __future__ import annotations

import argparse
from zoneinfo import ZoneInfo

from healthd.commands.choices import known_region, with_profile
from healthd.commands.common import Commands, add_config, add_json, print_json, table
from healthd.commands.names import region_name, subject_name
from healthd.figures.repairs import RepairPlan, repair_plan
from healthd.incidents.plan import Outcome, Plan
from healthd.model import CLASSES, Inventory
from healthd.periods import iso
from healthd.problems import Wrong
from healthd.rates.pool import RATES
from healthd.rates.rows import percent
from healthd.setup import rate_terms, read_setup
from healthd.store import Store

_SAID = {
    Outcome.REACHED: "The target is reached: nothing has to be repaired for it.",
    Outcome.NO_TARGET: "The profile sets no target for this rate and class, so there is nothing to plan for.",
    Outcome.NOTHING_ASSESSED: "Nothing is assessed there now, so no repair can be counted.",
    Outcome.OUT_OF_REACH: "The target cannot be reached by what is known: these are all the repairs that help.",
}


def add_to(actions: Commands) -> None:
    parser = actions.add_parser(
        "plan",
        help="what to repair first to reach the target",
        description="The shortest list of repairs that lifts a region's rate of now to its target, those that "
        "lift it most first, and the rate after each. A repaired camera counts as online with a good picture.",
    )
    add_config(parser, argparse.SUPPRESS)
    parser.add_argument("--region", metavar="CODE", default=argparse.SUPPRESS, help="the region; required")
    parser.add_argument("--class", dest="class_", choices=["all", *CLASSES], default="all", help="default: all")
    parser.add_argument("--rate", choices=RATES, help="default: intact, where pictures are judged")
    parser.add_argument("--profile", metavar="NAME", help="default: the first one configured")
    add_json(parser, argparse.SUPPRESS)
    parser.set_defaults(work=_plan)


def _plan(arguments: argparse.Namespace) -> int:
    if not arguments.region:
        raise Wrong("which region?", "give --region CODE")
    setup = with_profile(read_setup(arguments.config), arguments.profile)
    store = Store.open(setup.config.store.url, writer=False)
    try:
        terms = rate_terms(setup, store.regions())
        known_region(arguments.region, terms.inventory)
        rate = arguments.rate or terms.rates[-1]
        if rate not in terms.rates:
            raise Wrong(f"--rate {rate}: there is none without a frame check", "add checks.frame")
        profile = setup.config.definitions[setup.config.profiles[0]]
        found = repair_plan(store, setup, arguments.region, class_=arguments.class_, rate=rate, profile=profile)
    finally:
        store.close()
    if found is None:
        raise Wrong(f"{store.name}: nothing was seen yet", "start `healthd run` and wait for the first answers")
    zone = setup.config.timezone
    if arguments.json:
        print_json(found.as_json(zone))
    else:
        _print(found, terms.inventory, zone, simulated=setup.config.simulated)
    return 0


def _print(found: RepairPlan, inventory: Inventory, zone: ZoneInfo, *, simulated: bool) -> None:
    plan = found.plan
    if simulated:
        print("SIMULATED DATA")
    target = "none" if plan.target is None else percent(plan.target.numerator, plan.target.denominator)
    place = f"{region_name(found.region, inventory)} ({found.region})"
    print(f"{place}, {found.rate} rate, class {found.class_}, profile {found.profile}")
    print(f"{iso(found.at, zone)}: {_share(plan.good, plan.assessed)}; target {target}")
    if plan.outcome in _SAID:
        print(_SAID[plan.outcome])
    if plan.steps:
        print(_steps(plan, inventory))
    if plan.unexplained and plan.outcome is not Outcome.REACHED:
        print(f"{plan.unexplained:,} bad cameras are in no open incident; they are not in this list.")


def _steps(plan: Plan, inventory: Inventory) -> str:
    lines = [("", "fix", "cameras", "then", "cause", "incident", "region", "maintainer")]
    for number, step in enumerate(plan.steps, 1):
        incident = step.incident
        lines.append(
            (
                str(number),
                subject_name(incident.subject, inventory),
                f"+{step.cameras:,}",
                percent(step.good, step.assessed),
                str(incident.cause),
                incident.id,
                region_name(incident.region, inventory),
                incident.maintainer or "-",
            )
        )
    return table(lines, frozenset({0, 2, 3}))


def _share(good: int, assessed: int) -> str:
    return f"{good:,} of {assessed:,} cameras, {percent(good, assessed)}"
