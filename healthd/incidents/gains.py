"""The repair plans of all regions at once, out of the fleet as it stands: what `/metrics` shows of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from healthd.incidents.incident import Incident
from healthd.incidents.plan import Lift, Plan, holders_of, lift, plan_of
from healthd.model import Inventory
from healthd.rates.pool import Group
from healthd.rates.profiles import Profile
from healthd.rates.rows import Row
from healthd.rates.timeline import Situation

Standing = Mapping[str, tuple[Group, Situation]]
"""Camera -> the (region, class) that it is counted in, and how it stands now."""

_RowKey = tuple[str, str, str, str]  # region, class, rate, profile


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """The plan for one row of the window `now`."""

    region: str
    class_: str
    rate: str
    profile: str
    plan: Plan


def region_plans(
    rows: Iterable[Row],
    standing: Standing,
    incidents: Sequence[Incident],
    profiles: Iterable[Profile],
    inventory: Inventory,
) -> list[RegionPlan]:
    """A plan for every row that has a target.

    `rows`: by region, of the window `now`. `standing`: at least the cameras of the open `incidents`; cameras in
    none of them are in no plan, so `Plan.unexplained` counts only those of `standing`.
    """
    judged = [row for row in rows if row.target is not None]
    wanted = {_key(row): row for row in judged if row.gap_cameras}
    lifts = _lifts(wanted.keys(), standing, {one.name: one for one in profiles}, inventory)
    holders = holders_of(incidents)
    plans = []
    for row in judged:
        plan = plan_of(holders, lifts.get(_key(row), {}), row.good, row.assessed, row.target)
        plans.append(RegionPlan(row.key, row.class_, row.rate, row.profile, plan))
    return plans


def _key(row: Row) -> _RowKey:
    return row.key, row.class_, row.rate, row.profile


def _lifts(
    wanted: Iterable[_RowKey], standing: Standing, profiles: Mapping[str, Profile], inventory: Inventory
) -> Mapping[_RowKey, Mapping[str, Lift]]:
    """For each row that falls short: what the repair of each of its cameras would change."""
    asked: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)  # (rate, profile) -> (region, class)
    for region, class_, rate, name in wanted:
        asked[rate, name].add((region, class_))
    lines = {region: tuple(inventory.line_of(region)) for region in inventory.regions}
    found: dict[_RowKey, dict[str, Lift]] = defaultdict(dict)
    for (rate, profile_name), short in asked.items():
        profile = profiles[profile_name]
        for camera, ((region, own), situation) in standing.items():
            gained = lift(situation, rate, profile)
            if gained is None:
                continue
            classes = (own, "all") if own in profile.classes_of_all else (own,)
            for code in lines.get(region, ()):
                for class_ in classes:
                    if (code, class_) in short:
                        found[code, class_, rate, profile_name][camera] = gained
    return found
