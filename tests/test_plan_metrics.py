"""What a scraper reads of repair plans."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from prometheus_client import CollectorRegistry

from healthd.exposition import Format
from healthd.incidents.gains import Standing, region_plans
from healthd.live import Page
from healthd.metrics import MetricsPage, PerCamera
from healthd.metrics.plans import Plans
from healthd.model import State
from healthd.rates.profiles import BUILT_IN
from healthd.rates.rows import Row
from healthd.rates.timeline import Situation
from tests import pages
from tests.test_metrics import samples

NOW = (pages.AT, pages.AT)
DOWN = Situation("", False, True, State.OFFLINE, State.UNKNOWN, (), False, True)
UP = DOWN._replace(online=State.ONLINE, picture=State.GOOD)
TOWN, COUNTY, CITY = "320602001", "320602", "3206"


def now_row(region: str, good: int, bad: int, rate: str = "online", class_: str = "all") -> Row:
    row = pages.row(region, class_, rate, NOW)
    return replace(row, cameras=good + bad, good=good, bad=bad, target=Fraction(9, 10))


def city(rows: list[Row], down: dict[str, list[str]]) -> Page:
    """A page with these rows, and with incidents of these offline cameras of one township."""
    quiet = pages.page([])
    standing: Standing = {camera: ((TOWN, "1"), DOWN) for cameras in down.values() for camera in cameras}
    incidents = [pages.incident(name, cameras) for name, cameras in down.items()]
    return replace(quiet, rows={"now": rows}, incidents=incidents, standing=standing)


def render(page: Page, shown: int = 500) -> str:
    return MetricsPage(CollectorRegistry(), PerCamera, lambda: shown).render(page, Format.TEXT).decode()


SIX_DOWN = {"big": ["a", "b", "c"], "small": ["d", "e"], "one": ["f"]}


def test_plan_names_the_fewest_repairs_in_order() -> None:
    """84 of 100 need six more: the gain of each repair, the rate after it, and their number stand in each region
    above, too."""
    text = render(city([now_row(TOWN, 84, 16), now_row(CITY, 84, 16)], SIX_DOWN))
    assert samples(text, "healthd_region_plan_repairs") == {
        ("all", "default", "online", TOWN): 3,
        ("all", "default", "online", CITY): 3,
    }
    gains = samples(text, "healthd_region_plan_gain_cameras")  # class, incident, profile, rate, region
    ratios = samples(text, "healthd_region_plan_ratio")
    for region in (TOWN, CITY):
        keys = [("all", name, "default", "online", region) for name in ("big", "small", "one")]
        assert [gains[key] for key in keys] == [3, 2, 1]
        assert [ratios[key] for key in keys] == [0.87, 0.89, 0.9]
    assert samples(text, "healthd_region_plan_dropped") == {(): 0}


def test_plan_takes_no_repair_too_many() -> None:
    """Where three cameras are missing one repair is enough, and the others are in no plan."""
    text = render(city([now_row(TOWN, 87, 13)], SIX_DOWN))
    assert samples(text, "healthd_region_plan_gain_cameras").keys() == {("all", "big", "default", "online", TOWN)}
    assert samples(text, "healthd_region_plan_repairs") == {("all", "default", "online", TOWN): 1}


def test_reached_target_needs_nothing_and_one_out_of_reach_says_no_number() -> None:
    """0 repairs where the target is reached; no number, but all repairs that help, where it is out of reach."""
    text = render(city([now_row(COUNTY, 95, 5), now_row(TOWN, 50, 50)], SIX_DOWN))
    assert samples(text, "healthd_region_plan_repairs") == {("all", "default", "online", COUNTY): 0}
    assert len(samples(text, "healthd_region_plan_gain_cameras")) == 3


@pytest.mark.parametrize(("shown", "names"), [(0, set()), (1, {"big"}), (2, {"big", "small"})])
def test_largest_gains_have_series_and_the_rest_is_counted(shown: int, names: set[str]) -> None:
    """Under the cap the repairs that lift most are shown, and what was left out is counted."""
    text = render(city([now_row(TOWN, 84, 16)], SIX_DOWN), shown)
    assert {key[1] for key in samples(text, "healthd_region_plan_gain_cameras")} == names
    assert samples(text, "healthd_region_plan_dropped") == {(): 3 - shown}


def test_no_plan_is_longer_than_ten_series() -> None:
    """Of a long list the first ten repairs have series; the number of all is told."""
    down = {f"i{number:02}": [f"c{number}"] for number in range(30)}
    text = render(city([now_row(TOWN, 60, 40)], down))
    assert len(samples(text, "healthd_region_plan_gain_cameras")) == 10
    assert samples(text, "healthd_region_plan_repairs") == {("all", "default", "online", TOWN): 30}
    assert samples(text, "healthd_region_plan_dropped") == {(): 20}


def test_camera_counts_only_where_it_is_and_only_if_it_is_bad() -> None:
    """Another region, another class, or a camera that stands well by now gives no plan anything."""
    page = city([now_row("320612", 80, 20), now_row(TOWN, 80, 20, class_="2")], SIX_DOWN)
    assert samples(render(page), "healthd_region_plan_gain_cameras") == {}
    well = {camera: (group, UP) for camera, (group, _) in page.standing.items()}
    again = replace(page, rows={"now": [now_row(TOWN, 80, 20)]}, standing=well)
    assert samples(render(again), "healthd_region_plan_gain_cameras") == {}


def test_class_three_counts_under_all_as_the_profile_says() -> None:
    """`all` is what the profile makes of it, for plans as for rates."""
    page = city([now_row(CITY, 84, 16), now_row(CITY, 84, 16, class_="9")], {})
    standing: Standing = {"x": ((TOWN, "9"), DOWN)}
    incident = pages.incident("odd", ["x"])
    for name in ("default", "nantong-2017"):
        profile = BUILT_IN[name]
        rows = [replace(row, profile=name) for row in page.rows["now"]]
        plans = region_plans(rows, standing, [incident], [profile], page.inventory)
        helped = {one.class_ for one in plans if one.plan.steps}
        assert helped == ({"all", "9"} if "9" in profile.classes_of_all else {"9"})


def test_window_that_is_being_computed_has_no_plan() -> None:
    """Without the figures of now nothing is promised."""
    text = render(replace(city([], SIX_DOWN), rows={}))
    assert samples(text, "healthd_region_plan_repairs") == {}
    assert samples(text, "healthd_region_plan_dropped") == {(): 0}


def test_plans_of_a_dying_city_are_kept_for_a_while() -> None:
    """With 100 incidents of 400 cameras they are worked out every two seconds only, and at once when the clock is
    set back."""
    down = {f"i{number}": [f"c{number}-{each}" for each in range(4)] for number in range(100)}
    page = city([now_row(TOWN, 400, 500)], down)
    better = replace(page, rows={"now": [now_row(TOWN, 900, 0)]})
    plans = Plans()
    (first,) = plans.of(page)
    assert len(first.plan.steps) == 100
    for later, steps in ((1_800, 100), (2_000, 0), (-60_000, 0)):
        (found,) = plans.of(replace(better, at=page.at + later))
        assert len(found.plan.steps) == steps


def test_plans_of_a_calm_city_are_always_fresh() -> None:
    """With a handful of cameras down nothing is kept from one scrape to the next."""
    page = city([now_row(TOWN, 87, 13)], SIX_DOWN)
    plans = Plans()
    assert plans.of(page)[0].plan.steps
    healed = replace(page, at=page.at + 1000, rows={"now": [now_row(TOWN, 100, 0)]})
    assert not plans.of(healed)[0].plan.steps
