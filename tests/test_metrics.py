"""The page that a scraper reads."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from healthd.alerting.watch import RoutesWatch
from healthd.exposition import Format, accepts_gzip, negotiate, number
from healthd.hooks.metrics import HookMetrics
from healthd.hooks.services import Reason as Refusal
from healthd.live import CameraView, Page
from healthd.metrics import MetricsPage, PerCamera
from healthd.model import Asked, Lifecycle, Region
from healthd.selfmetrics import SelfMetrics
from probes.base import Reason, Result
from tests import pages

GOLDEN = {
    Format.TEXT: Path(__file__).with_name("golden_metrics.txt"),
    Format.OPENMETRICS: Path(__file__).with_name("golden_openmetrics.txt"),
}
PARSE: Mapping[Format, Callable[[str], Iterable[Metric]]] = {
    Format.TEXT: parse_text,
    Format.OPENMETRICS: parse_openmetrics,
}

ALL = PerCamera("always")


def observed() -> CollectorRegistry:
    """A registry after one of everything was observed."""
    registry = CollectorRegistry()
    own = SelfMetrics(registry, "0.0.0")
    prober = own.prober("main")
    prober.results(
        [
            Asked("cam-00001", "ping", pages.AT, 0.003, Result.ok()),
            Asked("cam-00004", "ping", pages.AT, 1.0, Result.fail(Reason.TIMEOUT)),
            Asked("cam-00004", "ping", pages.AT + 1000, 1.0, Result.fail(Reason.TIMEOUT)),
        ]
    )
    prober.lags("ping", [0.02])
    prober.skipped("ping", 2)
    prober.scheduled({"ping": 8})
    prober.icmp_dropped_from(lambda: {"cookie": 1, "kernel": 7})
    own.set_ready(ready=True)
    own.store_written(0.004)
    own.store_failed()
    own.set_store_pending(3)
    own.job_failed("roll-over")
    own.reloaded(pages.AT, [Lifecycle.IN_SERVICE] * 8 + [Lifecycle.RETIRED])
    own.reload_refused()
    routes = RoutesWatch(registry, lambda: pytest.fail("nobody looks"))
    routes.judge("", None)
    hooks = HookMetrics(registry)
    hooks.begin("duty")
    hooks.sent("duty")
    hooks.failed("duty", Refusal.LIMITED)
    return registry


def render(page: Page, form: Format, per_camera: PerCamera = ALL) -> str:
    return MetricsPage(observed(), lambda: per_camera).render(page, form).decode()


def samples(text: str, name: str, form: Format = Format.TEXT) -> dict[tuple[str, ...], float]:
    """Label values, in the order of their names -> value."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in PARSE[form](text)
        for sample in family.samples
        if sample.name == name
    }


def without_process(text: str) -> str:
    """The page with the figures of the running process blanked: they differ from run to run."""
    return re.sub(r"^(process_\w+) .*$", r"\1 0", text, flags=re.MULTILINE)


@pytest.mark.parametrize("form", Format)
def test_golden_page(form: Format) -> None:
    """Every name, label and value of a known city stands on the page exactly so."""
    assert without_process(render(pages.troubled(pages.page(pages.views())), form)) == GOLDEN[form].read_text(
        "utf-8"
    )


@pytest.mark.parametrize("form", Format)
def test_page_parses_back(form: Format) -> None:
    """Prometheus' own parsers read the page, and no metric is described twice."""
    text = render(pages.troubled(pages.page(pages.views())), form)
    assert sum(len(family.samples) for family in PARSE[form](text)) > 400
    described = re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE)
    assert len(described) == len(set(described)) > 40


def test_both_formats_carry_the_same_samples() -> None:
    """A scraper gets the same series under the same names, whichever format it asks for."""
    page = pages.troubled(pages.page(pages.views()))
    text, openmetrics = (
        {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in PARSE[form](render(page, form))
            for sample in family.samples
            if not sample.name.startswith("process_")
        }
        for form in (Format.TEXT, Format.OPENMETRICS)
    )
    assert text == openmetrics


def test_promtool_finds_nothing_to_mend() -> None:
    """`promtool check metrics` reads the page without a word."""
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    page = render(pages.troubled(pages.page(pages.views())), Format.TEXT)
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a\nb", "a\\nb", "南通\t市", "}", '",x="1', "# EOF", "a\rb", "𠮷"]
)
def test_hostile_names_come_back_as_they_were(name: str, form: Format) -> None:
    """Whatever stands in the inventory, the page stays readable and the name is what it was."""
    view = replace(pages.views()[0], camera=replace(pages.camera(1), name=name), firmware=name)
    page = pages.page([view], [Region("3206", name, "city"), Region("320602001", name, "county", "3206")])
    text = render(page, form)
    info = samples(text, "healthd_camera_info", form)
    assert [labels.count(name) for labels in info] == [2]
    assert [labels.count(name) for labels in samples(text, "healthd_region_info", form)] == [1, 1]


def test_half_a_surrogate_costs_one_letter() -> None:
    """A name that no encoding can hold loses that letter; the page is served."""
    view = replace(pages.views()[0], firmware="V\ud8005")
    assert 'firmware="V?5"' in render(pages.page([view]), Format.TEXT)


def month_row(good: int, bad: int, unknown: int) -> Mapping[str, dict[tuple[str, ...], float]]:
    """The month's rate metrics of a region with these milliseconds."""
    page = pages.page([])
    row = replace(pages.row("3206", "all", "online", (0, 1000)), good=good, bad=bad, unknown=unknown)
    text = render(replace(page, rows={"month": [row]}), Format.TEXT)
    return {name: samples(text, f"healthd_region_{name}") for name in ("rate_ratio", "coverage_ratio", "verdict")}


def test_rate_is_absent_below_half_coverage() -> None:
    """With less than half of the time known there is coverage, but no rate that could mislead."""
    key = ("all", "default", "online", "3206", "month")
    assert month_row(3, 1, 4)["rate_ratio"] == {key: 0.75}
    low = month_row(3, 1, 5)
    assert low["rate_ratio"] == {}
    assert low["coverage_ratio"] == {key: 4 / 9}
    nothing = month_row(0, 0, 0)
    assert nothing["rate_ratio"] == nothing["coverage_ratio"] == {}


def test_windows_that_are_not_known_yet_are_absent() -> None:
    """A window that is still being computed has no series, and the others have all of theirs."""
    page = pages.page(pages.views())
    text = render(replace(page, rows={"now": page.rows["now"]}), Format.TEXT)
    assert {labels[4] for labels in samples(text, "healthd_region_rate_ratio")} == {"now"}
    assert samples(text, "healthd_region_camera_seconds") == {}
    assert samples(text, "healthd_region_target_ratio")


def test_states_of_a_class_are_all_there_or_none() -> None:
    """A class with cameras shows its zeros, a class without has no series at all."""
    heads = {("3206", "1", "online", "online"): 3, ("3206", "9", "online", "online"): 0}
    text = render(replace(pages.page([]), heads=heads), Format.TEXT)
    assert samples(text, "healthd_region_cameras") == {
        ("online", "1", "3206", "online"): 3,
        ("online", "1", "3206", "offline"): 0,
        ("online", "1", "3206", "unknown"): 0,
        ("online", "1", "3206", "exempt"): 0,
    }


def test_unknown_camera_has_no_online_series() -> None:
    """An unknown state is no series, never a 0 that an alert would take for offline."""
    text = render(pages.page([CameraView(pages.camera(8))]), Format.TEXT)
    for name in ("online", "picture_good", "state_since_timestamp_seconds", "rtt_seconds"):
        assert samples(text, f"healthd_camera_{name}") == {}
    assert samples(text, "healthd_camera_exempt") == {("cam-00008", "1", "320602001"): 0}


@pytest.mark.parametrize(
    ("per_camera", "shown"),
    [
        (PerCamera("auto", 8), {"1", "2", "3", "4", "5", "6", "7", "8"}),
        (PerCamera("auto", 7), {"4", "5", "6"}),
        (PerCamera("always", 0), {"1", "2", "3", "4", "5", "6", "7", "8"}),
        (PerCamera("bad"), {"4", "5", "6"}),
        (PerCamera("never"), set()),
    ],
)
def test_per_camera_modes(per_camera: PerCamera, shown: set[str]) -> None:
    """auto shows all cameras up to its limit and the bad ones above; the other modes do what they are called."""
    text = render(pages.page(pages.views()), Format.TEXT, per_camera)
    assert {labels[0][-1] for labels in samples(text, "healthd_camera_info")} == shown


@pytest.mark.parametrize("form", Format)
def test_subtree_page_has_all_cameras_below(form: Format) -> None:
    """The cameras of one region come whole, whatever per_camera says, and nobody else's."""
    renderer = MetricsPage(CollectorRegistry(), lambda: PerCamera("never"))
    text = renderer.cameras(pages.page(pages.views()), form, "320602").decode()
    assert {key[0][-1] for key in samples(text, "healthd_camera_info", form)} == {"1", "2", "3", "4", "7", "8"}


def test_moved_camera_takes_its_new_labels() -> None:
    """Label text is kept between pages, but a camera that moved is shown where it is now."""
    renderer = MetricsPage(CollectorRegistry(), PerCamera)
    before, after = (pages.page([CameraView(pages.camera(1, code))]) for code in ("320602001", "320612100"))
    assert 'region="320602001"' in renderer.render(before, Format.TEXT).decode()
    text = renderer.render(after, Format.TEXT).decode()
    assert {key[2] for key in samples(text, "healthd_camera_exempt")} == {"320612100"}


def test_check_that_went_away_shows_zero_subjects() -> None:
    """After a reload without a check, its number of scheduled subjects is 0, not the last one."""
    registry = CollectorRegistry()
    prober = SelfMetrics(registry, "0").prober("main")
    prober.scheduled({"ping": 8, "snmp": 3})
    prober.scheduled({"ping": 9})
    text = MetricsPage(registry, PerCamera).render(pages.page([]), Format.TEXT).decode()
    assert samples(text, "healthd_checks_scheduled") == {("ping", "main"): 9, ("snmp", "main"): 0}


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,application/xhtml+xml", Format.TEXT),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", Format.TEXT),
        ("application/openmetrics-text; version=1.0.0; q=0", Format.TEXT),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.7", Format.TEXT),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format.OPENMETRICS,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4",
            Format.OPENMETRICS,
        ),
        (";;,q=,application/openmetrics-text;q=nan", Format.TEXT),
    ],
)
def test_format_follows_the_accept_header(accept: str, form: Format) -> None:
    """OpenMetrics goes to those that name it and like it best, text to everybody else."""
    assert negotiate(accept) is form


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("", False), ("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0, *", False), ("*", True)],
)
def test_gzip_only_where_accepted(header: str, accepted: bool) -> None:
    """Compressed answers go only to clients that take them."""
    assert accepts_gzip(header) is accepted


def test_numbers_keep_every_digit() -> None:
    """Values are exact, and infinities and NaN are spelt as scrapers read them."""
    values = (1, 0.1, 1e-07, 1e22, float("inf"), float("-inf"), float("nan"))
    assert [*map(number, values)] == ["1", "0.1", "1e-07", "1e+22", "+Inf", "-Inf", "NaN"]


if __name__ == "__main__":  # python -m tests.test_metrics: writes the golden pages anew; read the diff
    for form, path in GOLDEN.items():
        path.write_text(without_process(render(pages.troubled(pages.page(pages.views())), form)), "utf-8")
