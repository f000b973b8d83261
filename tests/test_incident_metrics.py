"""What a scraper reads of incidents."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from healthd.exposition import Format
from healthd.incidents.incident import Cause, Happening, Incident, Kind, What
from healthd.live import Live, Naming, Page, Repairs
from healthd.metrics import MetricsPage, PerCamera
from tests import pages
from tests.test_metrics import samples

TROUBLED = pages.troubled(pages.page(pages.views()))


def render(page: Page, shown: int = 500, form: Format = Format.TEXT) -> str:
    return MetricsPage(CollectorRegistry(), PerCamera, lambda: shown).render(page, form).decode()


def test_largest_incidents_have_series_and_the_rest_is_counted() -> None:
    """Under the cap the largest incident wins its series, whatever the order, and what was left out is counted."""
    small, alike, large = (
        pages.incident("i-1", ["a"]),
        pages.incident("i-0", ["b"]),
        pages.incident("i-9", ["c", "d"]),
    )
    page = replace(pages.page([]), incidents=[small, alike, large])
    for shown, ids in ((3, {"i-0", "i-1", "i-9"}), (2, {"i-0", "i-9"}), (1, {"i-9"}), (0, set())):
        text = render(page, shown)
        assert {key[0] for key in samples(text, "healthd_incident_cameras")} == ids
        assert {key[3] for key in samples(text, "healthd_incident_info")} == ids
        assert samples(text, "healthd_incidents_dropped") == {(): 3 - shown}
    assert samples(render(page), "healthd_incident_cameras")["i-9", "m1", "320602001"] == 2


def test_without_incidents_nothing_is_dropped() -> None:
    """A calm city shows that nothing is left out, and no series of incidents."""
    text = render(pages.page(pages.views()))
    assert samples(text, "healthd_incidents_dropped") == {(): 0}
    assert samples(text, "healthd_incidents_open") == samples(text, "healthd_incident_cameras") == {}


def test_changed_cause_keeps_the_identity() -> None:
    """An incident whose cause, subject or size changes goes on under the same labels; the info tells the cause."""
    before = pages.incident("i-1", ["a", "b"], Cause.UPSTREAM)
    after = replace(before.with_cameras(frozenset("abc")), cause=Cause.POWER, subject="sw-1", kind=Kind.FLAPPING)
    texts = [render(replace(pages.page([]), incidents=[state])) for state in (before, after)]
    keys = [samples(text, "healthd_incident_cameras").keys() for text in texts]
    assert keys[0] == keys[1] == {("i-1", "m1", "320602001")}
    causes = [key[1] for text in texts for key in samples(text, "healthd_incident_info")]
    assert causes == ["upstream", "power"]


def test_open_incidents_are_counted_up_the_tree() -> None:
    """A region counts the open incidents of everything below it, apart by kind, cause, maintainer and overdue."""
    counts = samples(render(TROUBLED), "healthd_incidents_open")  # cause, kind, maintainer, overdue, region
    assert counts["power", "offline", "m1", "false", "3206"] == 1
    assert counts["power", "offline", "m1", "false", "320602001"] == 1
    assert counts["picture", "picture", "m1", "true", "320612"] == 1
    assert sum(count for key, count in counts.items() if key[-1] == "3206") == 3
    assert sum(count for key, count in counts.items() if key[-1] == "320602") == 1


def test_repairs_are_counted_up_the_tree() -> None:
    """Opened, closed and time to repair of a county and a city pool those of their townships."""
    text = render(TROUBLED)
    city, town = (("power", "offline", "m1", code) for code in ("3206", "320612100"))
    for name, of_city in (("healthd_incidents_opened_total", 5), ("healthd_incidents_closed_total", 3)):
        assert (samples(text, name)[city], samples(text, name)[town]) == (of_city, 1)
    buckets = samples(text, "healthd_repair_duration_seconds_bucket")  # cause, kind, le, maintainer, region
    bounds = ("600.0", "3600.0", "86400.0", "604800.0", "+Inf")
    assert [buckets["power", "offline", bound, "m1", "3206"] for bound in bounds] == [1, 1, 2, 2, 3]
    assert samples(text, "healthd_repair_duration_seconds_count")[city] == 3
    assert samples(text, "healthd_repair_duration_seconds_sum")[city] == 730_000.5


def test_incident_outlives_its_region() -> None:
    """After a reload without the region its incident, and what was counted, stand under the old code alone."""
    key = ("999", "offline", "device", "m1")
    page = replace(
        pages.page([]),
        incidents=[pages.incident("i-1", ["gone"], region="999")],
        repairs=Repairs({key: 1}, {key: 1}, durations={key: ((1, 0, 0, 0, 0, 0, 0), 5.0)}),
    )
    text = render(page)
    assert {key[-1] for key in samples(text, "healthd_incidents_open")} == {"999"}
    assert {key[-1] for key in samples(text, "healthd_repair_duration_seconds_count")} == {"999"}


def test_disagreements_between_reach_and_picture() -> None:
    """How many cameras of a region answer without a picture, or give one without answering."""
    assert samples(render(TROUBLED), "healthd_region_disagreements") == {
        ("all", "reach_without_picture", "3206"): 2,
        ("2", "picture_without_reach", "3206"): 0,
    }


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "}", '",x="1', "# EOF", "𠮷"])
def test_hostile_names_come_back_as_they_were(name: str, form: Format) -> None:
    """Whatever an incident's region, subject or maintainer is called, the page stays readable."""
    odd = pages.incident(name, ["a"], subject=name, region=name, maintainer=name)
    repairs = Repairs({(name, "offline", "device", name): 1})
    text = render(replace(pages.page([]), incidents=[odd], repairs=repairs), form=form)
    assert [*samples(text, "healthd_incident_cameras", form)] == [(name, name, name)]
    # Incident, subject, and the name that the subject goes by.
    assert [key.count(name) for key in samples(text, "healthd_incident_info", form)] == [3]
    assert [key.count(name) for key in samples(text, "healthd_incidents_open", form)] == [2]
    assert [key.count(name) for key in samples(text, "healthd_incidents_opened_total", form)] == [2]


DAY = 24 * pages.HOUR


def told(live: Live, what: What, incident: Incident) -> None:
    live.happened([Happening(incident.closed or incident.opened, what, incident)])


def test_repairs_in_time_and_repeats_are_counted() -> None:
    """A repair within its limit is timely, a late one is not; what fails again within 30 days is a repeat, later
    or for the first time it is none."""
    live = Live(Naming("x", False, []), pages.page([]).inventory)
    live.repaired = {"cam-1": pages.AT - 20 * DAY, "cam-2": pages.AT - 40 * DAY}  # of earlier runs
    first, second, third = (
        pages.incident(name, [subject], subject=subject)
        for name, subject in (("i-1", "cam-1"), ("i-2", "cam-2"), ("i-3", "cam-3"))
    )
    for one in (first, second, third):
        told(live, What.OPENED, one)
    told(live, What.CLOSED, replace(third, closed=third.due))
    told(live, What.CLOSED, replace(second, closed=second.due + 1))
    again = replace(third, id="i-4", opened=third.due + DAY)
    told(live, What.OPENED, again)
    repairs = live.page(pages.AT, pages.AT).repairs
    assert [sum(one.values()) for one in (repairs.opened, repairs.repeated)] == [4, 2]
    assert [sum(one.values()) for one in (repairs.closed, repairs.timely)] == [2, 1]
