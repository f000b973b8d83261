"""The simulated exemptions of the demo."""

from __future__ import annotations

from healthd.city.filings import simulate_filings, simulate_links
from healthd.filings.exemptions import cover_now, folded, standing
from healthd.model import Ending, Exemption, Inventory
from tests.city_kit import paper_city

NOW = 1_795_255_200_000
DAY = 86_400_000


def test_a_demo_has_exemptions_of_every_kind() -> None:
    """A past of 70 days has exemptions in force, planned, over and ended early, one filed late, each of which
    covers a camera, the same ones for the same seed; a short past has only those that fit."""
    plan = paper_city(300)
    records = [*simulate_filings(plan, 70, 1, NOW)]
    assert records == [*simulate_filings(plan, 70, 1, NOW)]
    filed = [one for one in records if isinstance(one, Exemption)]
    found = folded(filed, [one for one in records if isinstance(one, Ending)])
    assert {standing(one, NOW) for one in found} == {"planned", "in_force", "over", "ended"}
    assert sum(one.late for one in found) == 1
    inventory = Inventory(plan.regions, plan.devices, plan.cameras)
    for one in found:
        cover = cover_now([one], inventory)
        assert any(cover.spans(camera.id, ((0, camera.placement),)) for camera in plan.cameras.values())
    few = [one for one in simulate_filings(plan, 3, 1, NOW) if isinstance(one, Exemption)]
    assert min(one.start for one in few) >= NOW - 3 * DAY
    assert {link.device for link in simulate_links(plan, NOW)} == plan.devices.keys()
