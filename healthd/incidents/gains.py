"""The repair plans of all regions at once, out of the fleet as it stands: what `/metrics` shows of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from healthd.incidents.incident import Incident
from healthd.incidents.plan import Bundle, Bundles, Lift, Needs, Plan, lift, plan_of
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
    wanted = {_key(row) for row in judged if row.gap_cameras}
    needs = Needs(incidents)
    bundles = _bundles(wanted, standing, {one.name: one for one in profiles}, needs, inventory)
    plans = []
    for row in judged:
        plan = plan_of(needs, bundles.get(_key(row), {}), row.good, row.assessed, row.target)
        plans.append(RegionPlan(row.key, row.class_, row.rate, row.profile, plan))
    return plans


def _key(row: Row) -> _RowKey:
    return row.key, row.class_, row.rate, row.profile


def _bundles(
    wanted: Iterable[_RowKey],
    standing: Standing,
    profiles: Mapping[str, Profile],
    needs: Needs,
    inventory: Inventory,
) -> Mapping[_RowKey, Bundles]:
    """For each row that falls short: what the repair of its cameras would change."""
    asked: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)  # (rate, profile) -> (region, class)
    for region, class_, rate, name in wanted:
        asked[rate, name].add((region, class_))
    lines = {region: tuple(inventory.line_of(region)) for region in inventory.regions}
    found: dict[_RowKey, dict[Bundle, int]] = defaultdict(dict)
    for (rate, name), short in asked.items():
        profile = profiles[name]
        for (region, own), mine in _leaves(standing, rate, profile, needs).items():
            classes = (own, "all") if own in profile.classes_of_all else (own,)
            for code in lines.get(region, ()):
                for class_ in classes:
                    if (code, class_) in short:
                        _pour(mine, found[code, class_, rate, name])
    return found


def _leaves(standing: Standing, rate: str, profile: Profile, needs: Needs) -> Mapping[Group, dict[Bundle, int]]:
    """The bundles of each leaf of the tree: regions above it are sums of them."""
    known: dict[Situation, Lift | None] = {}  # most that are down stand alike
    found: dict[Group, dict[Bundle, int]] = defaultdict(dict)
    for camera, (group, situation) in standing.items():
        if situation not in known:
            known[situation] = lift(situation, rate, profile)
        gained = known[situation]
        if gained is not None:
            bundle, mine = needs.bundle(camera, gained), found[group]
            mine[bundle] = mine.get(bundle, 0) + 1
    return found


def _pour(source: Bundles, into: dict[Bundle, int]) -> None:
    if not into:
        into.update(source)
        return
    for bundle, count in source.items():
        into[bundle] = into.get(bundle, 0) + count
