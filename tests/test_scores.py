"""Scores: regions by weighted rates, maintainers by a table of deductions."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthd.assessing.scores import deducted, printed, weighted
from healthd.incidents.incident import Cause, Happening, Incident, Kind, What
from healthd.model import Axis, Change, Flip, Placement, State
from healthd.options.scores import Deduction, ScoreOptions
from healthd.periods import parse_moment
from healthd.rates.rows import Row
from healthd.store import Batch, Store
from tests.rates_fleets import DAY, HOUR
from tests.running import healthd
from tests.test_config import error, load

ZONE = ZoneInfo("Asia/Shanghai")
T = parse_moment("2025-06-01", ZONE)
F = Fraction


def row(rate: str, good: int, bad: int, *, key: str = "32", by: str = "region", unknown: int = 0) -> Row:
    return Row(
        by=by,
        key=key,
        region=key,
        name="城",
        level="city",
        class_="all",
        rate=rate,
        profile="default",
        start=T,
        end=T + DAY,
        clipped=False,
        cameras=1,
        good=good,
        bad=bad,
        undiagnosed=0,
        unknown=unknown,
        exempt=0,
        out_of_service=0,
        raw_good=good,
        raw_assessed=good + bad,
        target=None,
    )


def test_a_region_s_score_is_its_weighted_ratios() -> None:
    """Weights 30, 50, 20 over 90 %, 80 % and 100 % make 87 points, part by part."""
    weights = {"online": F(30), "intact": F(50), "clock": F(20)}
    (score,) = weighted([row("online", 9, 1), row("intact", 8, 2), row("clock", 5, 0)], weights)
    assert (score.points, score.of, score.whole) == (F(87), F(100), True)
    assert [(part.what, part.points, part.of) for part in score.parts] == [
        ("online", F(27), F(30)),
        ("intact", F(40), F(50)),
        ("clock", F(20), F(20)),
    ]


def test_what_is_not_known_takes_no_part_and_says_so() -> None:
    """A rate without a row, or seen too little, leaves the score to the others, which is then not whole."""
    weights = {"online": F(1), "intact": F(1), "clock": F(2)}
    (score,) = weighted([row("online", 9, 1), row("clock", 1, 0, unknown=99)], weights)
    assert (score.points, score.whole) == (F(90), False)
    assert [(part.what, part.value) for part in score.parts] == [
        ("online", F(9, 10)),
        ("intact", None),
        ("clock", None),
    ]
    (none,) = weighted([row("clock", 0, 0, unknown=9)], {"clock": F(1)})
    assert (none.points, none.whole, printed(none.points)) == (None, False, "–")


TABLE = ScoreOptions(
    deductions=(
        Deduction.model_validate({"rate": "attributable", "below": "0.98", "points": "2", "most": "20"}),
        Deduction.model_validate({"each": "overdue", "points": "0.5", "most": "3"}),
    )
)


@pytest.mark.parametrize(
    ("good", "overdue", "points"),
    [
        (98_000, 0, F(100)),
        (97_999, 0, F(98)),
        (97_000, 0, F(98)),
        (96_999, 0, F(96)),
        (50_000, 0, F(80)),
        (98_000, 3, F(197, 2)),
        (98_000, 99, F(97)),
        (0, 99, F(77)),
    ],
)
def test_a_contract_s_table_of_deductions(good: int, overdue: int, points: Fraction) -> None:
    """Each begun percent below 98 % costs two points, at most 20; each overdue repair half a point, at most 3."""
    rows = [row("attributable", good, 100_000 - good, key="north", by="maintainer")]
    (score,) = deducted(rows, {"north": {"overdue": overdue}}, TABLE, {"north": "北方"})
    assert (score.points, score.key, score.name, score.whole) == (points, "north", "北方", True)


def test_nobody_falls_below_nothing_and_nobody_without_a_name_is_scored() -> None:
    """A score ends at 0; what no maintainer answers for is not scored; what is not known costs nothing."""
    hard = ScoreOptions(
        full=F(10), deductions=(Deduction.model_validate({"each": "repeats", "points": 3}), *TABLE.deductions)
    )
    rows = [row("attributable", 1, 0, key=key, by="maintainer") for key in ("", "north", "south")]
    found = deducted(rows, {"south": {"repeats": 4}}, hard, {})
    assert [(score.key, score.points) for score in found] == [("north", F(10)), ("south", F(0))]
    (unknown,) = deducted([row("usage", 1, 0, key="n", by="maintainer")], {}, TABLE, {})
    assert (unknown.points, unknown.whole) == (F(100), False)


@given(
    goods=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=3),
    weights=st.lists(st.fractions(0, 10), min_size=3, max_size=3).filter(any),
)
def test_scores_lie_between_nothing_and_all(goods: list[tuple[int, int]], weights: list[Fraction]) -> None:
    """Whatever the ratios and weights, a score is exact, between 0 and 100, and the sum of its parts."""
    rates = dict(zip(("online", "intact", "clock"), weights, strict=True))
    rows = [row(rate, *amounts) for rate, amounts in zip(rates, goods, strict=True)]
    for score in weighted(rows, rates):
        if score.points is not None:
            assert 0 <= score.points <= 100
            assert score.points == sum(part.points for part in score.parts)
            assert sum(part.of for part in score.parts) == 100


def test_points_are_cut_off() -> None:
    """99.999 points print as 99.99."""
    assert [printed(F(99_999, 1000)), printed(F(0)), printed(F(100))] == ["99.99", "0.00", "100.00"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{weights: {onlin: 1}}", '"onlin" is not a rate (did you mean "online"?)'),
        ("{weights: {online: -1}}", "-1 is not a number of points"),
        ("{weights: {online: 0}}", "scores.weights: weighs nothing"),
        ("{deductions: [{points: 1}]}", "names neither or both of rate and each"),
        ("{deductions: [{rate: usage, each: overdue, points: 1, below: 0.9}]}", "names neither or both"),
        ("{deductions: [{rate: usage, points: 1}]}", "below is missing"),
        ("{deductions: [{each: overdue, below: 0.9, points: 1}]}", "below goes with rate only"),
        ("{deductions: [{each: late, points: 1}]}", "each: must be one of 'overdue'"),
        ("{deductions: [{rate: hd, below: 1, points: 1}]}", '"hd" is not a rate'),
        ("{deductions: [{rate: usage, below: 0.9, points: 0}]}", "points: must be above 0"),
        ("{full: 0}", "full: must be above 0"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, written: str, message: str) -> None:
    """Each names the key and what to write."""
    told = error(tmp_path, f"scores: {written}\n")
    assert told.startswith("4: scores")
    assert message in told


def test_weights_are_exact(tmp_path: Path) -> None:
    """0.1 is a tenth, not what a float makes of it."""
    text = "site: s\ninventory: {regions: r, devices: d, cameras: c}\nchecks: {ping: {}}\n"
    assert load(tmp_path, text + "scores: {weights: {online: 0.1}}\n").scores.weights == {"online": F(1, 10)}


def test_the_command_scores_regions_and_maintainers(tmp_path: Path) -> None:
    """From a real store: an own outage of a tenth of a day costs its points, and each score shows its parts."""
    (tmp_path / "regions.csv").write_text("code,name,level,parent\n32,城,city,\n")
    (tmp_path / "devices.csv").write_text("id,name,kind,region,address,credential,upstream,upstream_port\n")
    (tmp_path / "maintainers.csv").write_text("id,name,contact,from,to,repair_hours\nnorth,北方,,,,\n")
    (tmp_path / "cameras.csv").write_text("id,name,region,class,address,maintainer\nc1,东门,32,1,10.0.0.1,north\n")
    files = "regions: regions.csv, devices: devices.csv, cameras: cameras.csv, maintainers: maintainers.csv"
    head = f"site: s\nchecks: {{ping: {{}}}}\ninventory: {{{files}}}\n"
    config = tmp_path / "healthd.yml"
    config.write_text(head)
    placed = Change("c1", T - DAY, Placement("32", "1", "", "north"), "test")
    gone = T + DAY // 10
    flips = [
        Flip("c1", Axis.ONLINE, T - DAY, State.ONLINE, State.UNKNOWN),
        Flip("c1", Axis.ONLINE, T, State.OFFLINE, State.ONLINE),
        Flip("c1", Axis.ONLINE, gone, State.ONLINE, State.OFFLINE),
    ]
    down = Incident(
        "I1", Kind.OFFLINE, Cause.DEVICE, "c1", "32", "1", "", "north", frozenset(["c1"]), T, T, due=T + HOUR
    )
    feed = [
        Happening(T, What.OPENED, down),
        Happening(gone, What.CLOSED, replace(down, camera_ids=frozenset(), closed=gone)),
    ]
    store = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    store.write(
        Batch(flips=flips, heartbeat=(T - DAY, T + 2 * DAY), changes=[placed], happenings=feed, recorded=T - DAY)
    )
    store.close()
    asked = ("rates", "-c", str(config), "--from", "2025-06-01", "--to", "2025-06-02", "--scores")
    refused = healthd(*asked, check=False)
    assert (refused.returncode, refused.stderr) == (
        1,
        "--scores --by region: none are configured (add scores.weights: see docs/configuration.md)\n",
    )
    assert healthd(*asked, "--by", "unit", check=False).returncode == 1
    config.write_text(
        head + "scores:\n  weights: {online: 3, networked: 1, timely: 1}\n"
        "  deductions: [{rate: attributable, below: 0.98, points: 1}, {rate: timely, below: 1, points: 1}]\n"
    )
    (region,) = json.loads(healthd(*asked, "--json").stdout)
    assert (region["key"], region["points"], region["whole"]) == ("32", 54.0, True)
    (maintainer,) = json.loads(healthd(*asked, "--by", "maintainer", "--json").stdout)
    assert (maintainer["name"], maintainer["points"]) == ("北方", 0)
    assert [part["points"] for part in maintainer["parts"]] == [-8, -100]
    assert "54.00" in healthd(*asked).stdout
