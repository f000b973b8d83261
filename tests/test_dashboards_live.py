"""What the dashboards ask, asked of a real Prometheus that scrapes a real daemon over the simulated city."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from healthd.dashboards.promql import Figures, printed
from healthd.rates.profiles import BUILT_IN
from tests.board_kit import ALL, NAMES, Choice, board, filled, options, queries, variables
from tests.prometheus_kit import Series, Server, backfill, prometheus
from tests.running import Daemon, free_port, started, wait_until

RULES = sorted((Path(__file__).parent.parent / "config" / "rules").glob("*.yml"))
HOUR = 3600
ODD = '甲"乙\\丙,丁=' + "城" * 60
MOST_SERIES = 50  # of a graph

# Where nothing may be found although all is well: the panel lists what is wrong just now, or nothing was repaired.
MAY_BE_EMPTY = {
    ("region", "Up"),  # the outermost region is chosen
    ("region", "Intact rate · class 3"),  # has no target
    ("region", "Cameras offline longest"),
    ("region", "Cameras with a bad picture longest"),
    ("region", "Picture faults by kind"),
    ("region", "Picture faults over time"),
    ("region", "Open incidents"),
    ("camera", "Picture faults"),
    ("camera", "Clock offset"),  # ONVIF has not asked it yet
    ("camera", "Incidents that concern it"),
    ("targets", "Repair plan"),
    ("causes", "In 24 hours"),
    ("causes", "Opened and closed"),
    ("causes", "How long repairs took"),
    ("causes", "Repairs in the chosen time"),
    ("causes", "Repaired in time, by maintainer"),
    ("healthd", "Reloads and calendar jobs"),  # no job has failed
    ("healthd", "Why results were not ok"),
    ("healthd", "Messages sent on"),  # no hook is configured
    ("healthd", "Alert routes"),
    ("region", "Contradictions"),
    ("causes", "Contradictions"),
    ("targets", "Further rates of the chosen regions"),
    ("region", "Further rates"),  # the profile default has no target for them
}


@dataclass(frozen=True)
class Stand:
    """The server, and the moments at which its history shows what."""

    server: Server
    now: float
    past: float  # the city, an hour ago
    solo: float  # a fleet of one region, and regions made up for these tests
    nothing: float  # healthd was down


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A demo, a Prometheus over it, and a history of two hours and of a day before."""
    directory = tmp_path_factory.mktemp("dashboards")
    listen = f"127.0.0.1:{free_port()}"
    command = ["demo", "--cameras", "60", "--history", "40", "--dir", str(directory / "demo"), "--listen", listen]
    with started(command, directory / "demo.log") as program:
        wait_until((directory / "demo" / "healthd.yml").exists, 60)
        daemon = Daemon(program, directory / "demo" / "healthd.yml")
        daemon.url = f"http://{listen}"
        daemon.ready(90)
        wait_until(lambda: daemon.samples("healthd_region_rate_ratio", window="previous_month"), 60)
        wait_until(lambda: daemon.samples("healthd_incident_cameras"), 90)
        with prometheus(directory, [listen], RULES, interval="2s") as server:
            now = settled(server, "healthd:region_forecast:ratio and on () healthd:region_plan_repairs")
            recorded = server.query('{__name__=~"healthd:.*|healthd_build_info|healthd_camera_.*|ALERTS"}', now)
        past, solo = now - HOUR, now - 24 * HOUR
        backfill(directory, history(recorded, now, solo))
        with prometheus(directory, [listen], RULES, interval="2s") as server:
            yield Stand(
                server,
                settled(server, "healthd:region_cameras offset 1h and on () healthd:region_window_verdict"),
                past,
                solo,
                now - 12 * HOUR,
            )


def settled(server: Server, asked: str) -> float:
    """A moment at which a turn of the rules was over that recorded what is asked, and scraping went well."""
    moments: list[float] = []

    def is_settled() -> bool:
        moments.append(float(int(time.time()) - 3))
        moving = 'rate(healthd_check_results_total{check="ping"}[10s])'
        return bool(server.query(f"{asked} and on () (up == 1) and on () {moving}", moments[-1]))

    wait_until(is_settled, 90, 0.5)
    return moments[-1]


def history(recorded: Sequence[Series], now: float, solo: float) -> Iterator[str]:
    """The city as it is, every ten minutes of two hours; and a day before, one region by itself."""
    times = [now - minutes * 60 for minutes in range(120, 0, -10)]
    alone = [*one_region(recorded), *made_up()]
    by_name: dict[str, list[tuple[dict[str, str], str, list[float]]]] = {}
    for series, moments in [(one, times) for one in recorded] + [(one, [solo]) for one in alone]:
        labels = dict(series["metric"])
        name = labels.pop("__name__")
        by_name.setdefault(name, []).append((labels, series["value"][1], moments))
    for name, found in by_name.items():
        yield f"# TYPE {name} unknown\n"
        merged: dict[str, list[tuple[float, str]]] = {}
        for labels, value, moments in found:
            merged.setdefault(text_of(labels), []).extend((moment, value) for moment in moments)
        for inner, samples in merged.items():
            yield from (f"{name}{{{inner}}} {value} {moment:.0f}\n" for moment, value in sorted(samples))


def text_of(labels: Mapping[str, str]) -> str:
    """Labels as a metrics page writes them."""
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in sorted(escaped.items()))


def one_region(recorded: Sequence[Series]) -> Iterator[Series]:
    """What is recorded of one township, as if it were the whole fleet, under a name that holds anything."""
    code = min(series["metric"]["region"] for series in recorded if series["metric"].get("level") == "township")
    for series in recorded:
        labels = series["metric"]
        if labels.get("region") == code:
            place = {"name": ODD, "parent": "", "path": f"/{code}/"} if "path" in labels else {}
            yield series | {"metric": labels | place}


def made_up() -> Iterator[Series]:
    """Regions whose figures are exact: a tie with the target, one camera less, too little known, nothing at "
    "all."""
    for case, kinds in CASES.items():
        terms = {"region": "made", "class": "all", "rate": "intact", "profile": case}
        for kind in ("good", "bad", "unknown", "exempt"):
            value = [0, str(kinds.get(kind, 0))]
            yield {"metric": terms | {"__name__": "healthd:region_rate_cameras", "kind": kind}, "value": value}
        if case != "free":
            yield {"metric": terms | {"__name__": "healthd:region_target_ratio"}, "value": [0, "0.98"]}


CASES: Mapping[str, Mapping[str, int]] = {
    "tie": {"good": 98, "bad": 2},
    "large-tie": {"good": 98_000_000_000_049, "bad": 2_000_000_000_001},
    "short": {"good": 979, "bad": 21},
    "half-known": {"good": 94, "unknown": 6},
    "mostly-known": {"good": 95, "unknown": 5},
    "little-known": {"good": 49, "unknown": 51},
    "free": {"good": 1, "bad": 1},
    "exempt": {"exempt": 5},
}


def chosen(stand: Stand, name: str, number: int, at: float) -> dict[str, Any]:
    """The variables of a board: all (0), or the first one or two of each. Regions narrow each other."""
    defined = variables(board(name))
    choice: dict[str, Any] = {}
    for variable in defined.values():
        key = variable["name"]
        values = _values(stand, variable, choice, defined, at)
        if variable.get("allValue") and not number:
            choice[key] = ALL
        elif variable.get("multi"):
            choice[key] = values[: number or None] if key != "scope" else values
        elif values:
            choice[key] = values[1] if number == 2 and len(values) > 1 else values[0]
    return choice


def _values(
    stand: Stand, variable: Mapping[str, Any], choice: Choice, defined: Mapping[str, Any], at: float
) -> list[str]:
    if variable["type"] == "custom":
        return [option["value"] for option in variable["options"]]
    if variable["type"] == "textbox":
        found = stand.server.query("healthd_camera_online == 0 or healthd_camera_online", at)
        return sorted(series["metric"]["camera"] for series in found)
    if variable["type"] != "query":
        return ["x"]
    text = variable["query"]["query"]
    if text.startswith("label_values("):
        metric, label = text.removeprefix("label_values(").removesuffix(")").split(", ")
        return sorted(
            {series["metric"][label] for series in stand.server.query(f"count by ({label}) ({metric})", at)}
        )
    asked = filled(text.removeprefix("query_result(").removesuffix(")"), choice, defined)
    return [value for _, value in options(stand.server.query(asked, at), variable["regex"])]


@pytest.mark.parametrize(("name", "number"), [*product(NAMES, (0, 1, 2))])
def test_every_query_is_answered(stand: Stand, name: str, number: int) -> None:
    """With all, one and two of everything chosen, each query is answered, now and over time; nothing is empty that
    should not be, and no graph has more than fifty series."""
    defined, choice = variables(board(name)), chosen(stand, name, number, stand.now)
    empty = set()
    for query in queries(name):
        asked = filled(query.expression, choice, defined)
        found = stand.server.query(asked, stand.now)
        curves = stand.server.query_range(asked, stand.now - HOUR, stand.now, 300)
        if not query.instant:
            found = curves
            assert len(curves) <= MOST_SERIES, str(query)
        if not found:
            empty.add((name, query.panel))
    if number == 0:
        assert empty <= MAY_BE_EMPTY
    if number == 1:
        assert not empty & {(name, panel) for panel in ("Cameras", "Coverage", "Each class against its target")}


def test_one_region_is_a_fleet(stand: Stand) -> None:
    """A fleet of one region, whatever it is called, has its figures, its ranking and its target."""
    choice = chosen(stand, "overview", 0, stand.solo)
    defined = variables(board("overview"))
    assert len(choice["scope"]) == 1
    found = {
        query.panel: stand.server.query(filled(query.expression, choice, defined), stand.solo)
        for query in queries("overview")
    }
    for panel in ("Online rate · now", "Ranked regions", "Each class against its target", "Map", "Cameras"):
        assert found[panel], panel
    assert found["Ranked regions"][0]["metric"]["name"] == ODD
    named = stand.server.query("max by (name, region) (healthd:region_info)", stand.solo)
    assert options(named, defined["county"]["regex"]) == [(ODD, choice["scope"][0])]


@pytest.mark.parametrize("name", NAMES)
def test_no_data_is_nothing_at_all(stand: Stand, name: str) -> None:
    """While healthd was down, or for a region or class that does not exist, no panel shows a figure: no zero, and
    above all no pass."""
    defined = variables(board(name))
    absent = chosen(stand, name, 1, stand.now)
    for key in {"class", "region", "scope", "city"} & set(absent):
        absent[key] = "9"
    for query in queries(name):
        if query.expression == "vector(1)":
            continue
        then = chosen(stand, name, 1, stand.now)
        asked = filled(query.expression, then, defined)
        assert stand.server.query(asked, stand.nothing) == [], str(query)
        if "$class" in query.expression and "$region" in query.expression:
            assert stand.server.query(filled(query.expression, absent, defined), stand.now) == [], str(query)


def test_a_camera_counts_once(stand: Stand) -> None:
    """A county chosen together with one of its townships is the county; two counties are their sums."""
    defined = variables(board("overview"))
    regions = stand.server.query('healthd:region_info{level="county"}', stand.past)
    counties = sorted(series["metric"]["region"] for series in regions)[:2]
    below = stand.server.query(f'healthd:region_info{{parent="{counties[0]}"}}', stand.past)[0]["metric"]["region"]

    def scope(*codes: str) -> list[str]:
        choice: dict[str, Any] = {"city": ALL, "county": ALL, "township": ALL, "region": codes}
        text = defined["scope"]["query"]["query"].removeprefix("query_result(").removesuffix(")")
        found = stand.server.query(filled(text, choice, defined), stand.past)
        return [value for _, value in options(found, defined["scope"]["regex"])]

    assert scope(counties[0], below) == [counties[0]]
    assert scope(*counties) == counties
    both = Figures("online", "month", f'region=~"{"|".join(counties)}",class="all",profile="default"')
    apart = [Figures("online", "month", f'region="{code}",class="all",profile="default"') for code in counties]
    good, assessed = (
        sum(float(stand.server.query(text, stand.past)[0]["value"][1]) for text in texts)
        for texts in ([one.sum("good") for one in apart], [one.assessed for one in apart])
    )
    pooled = float(stand.server.query(both.ratio, stand.past)[0]["value"][1])
    assert pooled == pytest.approx(good / assessed, abs=1e-12)


def test_figures_of_one_region_are_healthds_own(stand: Stand) -> None:
    """Rate and verdict that a board works out of seconds equal healthd's own, now and by the month."""
    for rate, window in product(("online", "intact"), ("now", "month", "previous_month")):
        ours = Figures(rate, window, 'profile="default"', ("region", "class"))
        terms = f'{{profile="default",rate="{rate}",window="{window}"}}'
        record = "healthd:region" if window == "now" else "healthd:region_window"
        pairs = [(ours.printed, printed(f"{record}_rate_ratio{terms}"))]
        if window != "previous_month":
            pairs.append((ours.verdict, f"{record}_verdict{terms}"))
        for expression, theirs in pairs:
            assert len(stand.server.query(theirs, stand.past)) > 20
            differing = stand.server.query(
                f"({expression}) != on (region, class) group_left () {theirs}", stand.past
            )
            assert differing == [], (rate, window)


@pytest.mark.parametrize(
    ("case", "verdict", "shown"),
    [
        ("tie", 3, 0.98),
        ("large-tie", 3, 0.98),
        ("short", 1, 0.979),
        ("half-known", 2, 1.0),
        ("mostly-known", 3, 1.0),
        ("little-known", 2, None),
        ("free", 4, 0.5),
        ("exempt", 2, None),
    ],
)
def test_pooled_verdicts_are_exact(stand: Stand, case: str, verdict: int, shown: float | None) -> None:
    """An exact tie passes, a camera less fails; below 95 % known there is no verdict, below half no rate."""
    figures = Figures("intact", "now", f'region="made",class="all",profile="{case}"')
    [answer] = stand.server.query(figures.verdict, stand.solo)
    assert float(answer["value"][1]) == verdict
    rate = stand.server.query(figures.printed, stand.solo)
    assert [float(series["value"][1]) for series in rate] == ([] if shown is None else [shown])


def test_rates_are_cut_off(stand: Stand) -> None:
    """What is printed is never above the exact rate, and exactly two decimals of it."""
    pairs = [(good, 10_000) for good in range(9_000, 10_001, 37)] + [
        (97_999, 100_000),
        (57, 100),
        (29, 100),
        (2, 3),
    ]
    asked = " or ".join(
        f'label_replace({printed(f"vector({good}) / {assessed}")}, "pair", "{good}/{assessed}", "", "")'
        for good, assessed in pairs
    )
    shown = {
        series["metric"]["pair"]: float(series["value"][1]) for series in stand.server.query(asked, stand.now)
    }
    assert shown == {f"{good}/{assessed}": (good * 10_000 // assessed) / 10_000 for good, assessed in pairs}


def test_targets_are_the_profiles(stand: Stand) -> None:
    """The lines that boards draw are the targets of the profile in use."""
    found = stand.server.query("max by (profile, rate, class) (healthd:region_target_ratio)", stand.past)
    shown = {
        (series["metric"]["profile"], series["metric"]["rate"], series["metric"]["class"]): float(
            series["value"][1]
        )
        for series in found
    }
    names = {profile for profile, _, _ in shown}
    assert "default" in names
    present = {key[1:] for key in shown}
    assert shown == {
        (name, *key): float(target)
        for name in names
        for key, target in BUILT_IN[name].targets.items()
        if key in present
    }
