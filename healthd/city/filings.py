"""Simulated exemptions of a city's past, so that the demo's lists and reports have some to show. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator

from healthd.city.history import AUTHOR
from healthd.city.plan import Plan
from healthd.model import DeviceLink, Ending, Exemption, ExemptReason, Moment, Scope, ScopeKind

_HOUR, _DAY = 3_600_000, 86_400_000
_APPROVER = "simulated approver"
# (days before now, hours, reason, kind of scope, note, hours from its start to its filing)
_FILED = (
    (-2.0, 6.0, ExemptReason.POWER_WORKS, ScopeKind.DEVICE, "模拟：计划停电", -60.0),
    (1.0, 96.0, ExemptReason.CONSTRUCTION, ScopeKind.REGION, "模拟：道路改造", -20.0),
    (9.0, 700.0, ExemptReason.SCRAPPING, ScopeKind.CAMERA, "模拟：设备待报废", 2.0),
    (26.0, 50.0, ExemptReason.CONSTRUCTION, ScopeKind.REGION, "模拟：管线施工", -30.0),
    (31.0, 8.0, ExemptReason.POWER_WORKS, ScopeKind.DEVICE, "模拟：变电站检修", -24.0),
    (38.0, 30.0, ExemptReason.DAMAGE, ScopeKind.CAMERA, "模拟：立杆被撞，逾期补报", 120.0),
    (47.0, 14.0, ExemptReason.EVENT, ScopeKind.REGION, "模拟：大型活动", -48.0),
    (55.0, 9.0, ExemptReason.NETWORK_WORKS, ScopeKind.DEVICE, "模拟：线路割接", -12.0),
)
_LATE = 72 * _HOUR
_ENDED_EARLY = 26.0  # the one that began so many days ago


def simulate_links(plan: Plan, at: Moment) -> list[DeviceLink]:
    """Where the city's devices hang since `at`."""
    return [DeviceLink(device.id, at, device.upstream, AUTHOR) for device in plan.devices.values()]


def simulate_filings(plan: Plan, days: int, seed: int, now: Moment) -> Iterator[Exemption | Ending]:
    """Records of exemptions over a past of `days` days that ends at `now`, and of one still to come."""
    rng = random.Random(f"{seed} filings")
    smallest = [region.code for region in plan.regions.values() if region.level == "township"] or [*plan.regions]
    holders = {
        ScopeKind.CAMERA: sorted(plan.cameras),
        ScopeKind.REGION: sorted(smallest),
        ScopeKind.DEVICE: sorted(plan.cameras_on),
    }
    for number, (ago, hours, reason, kind, note, filed_after) in enumerate(_FILED):
        start = (now - round(ago * _DAY)) // _HOUR * _HOUR
        if ago > days - 1:
            continue
        scope = Scope(kind, rng.choice(holders[kind]))
        end, filed = start + round(hours * _HOUR), start + round(filed_after * _HOUR)
        late = filed - start > _LATE
        yield Exemption(f"ESIM{number}", scope, start, end, reason, _APPROVER, AUTHOR, filed, note, late=late)
        if ago == _ENDED_EARLY:
            until = start + (end - start) * 2 // 3
            yield Ending(f"XSIM{number}", f"ESIM{number}", until, _APPROVER, AUTHOR, until, "模拟：提前完工")
