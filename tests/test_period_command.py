"""`healthd period` as an operator uses it: what may be done when, and that a final month stays as it is."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from healthd.figures.period_rules import STEPS, Standing, check
from healthd.model import Axis, Change, Flip, Lifecycle, Moment, Placement, Region, State
from healthd.periods import Span
from healthd.problems import Wrong
from healthd.store import Batch, PeriodCopy, StoreError
from tests.running import edit_config
from tests.site_kit import DAY, Site


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    return Site(tmp_path / "site", capsys)


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without how firm they are."""
    return [{name: value for name, value in row.items() if name not in ("standing", "version")} for row in rows]


def test_a_month_goes_from_provisional_to_final(site: Site) -> None:
    """Each step is refused before its time with what to do instead, and rates say where the month stands."""
    assert {row["standing"] for row in site.rates()} == {"provisional"}
    code, _, err = site.step("finalise")
    assert (code, f"healthd period publish --month {site.month}" in err) == (1, True)
    code, _, err = site.step("amend", "--note", "x")
    assert (code, "not final" in err) == (1, True)
    assert site.step("provisional")[0] == 0
    assert site.step("provisional")[0] == 0
    code, out, _ = site.step("publish")
    assert (code, "open to appeals until" in out) == (0, True)
    assert {(row["standing"], row["version"]) for row in site.rates()} == {("published", 0)}
    code, _, err = site.step("finalise")
    assert (code, "open to appeals until" in err) == (1, True)
    live = figures(site.rates())
    site.finalise()
    assert {(row["standing"], row["version"]) for row in site.rates()} == {("final", 1)}
    assert figures(site.rates()) == live
    for step in ("provisional", "publish", "finalise"):
        code, _, err = site.step(step)
        assert (code, "healthd period amend" in err) == (1, True)
    listed = json.loads(site.run("period", "list", "--json")[1])
    assert [one["standing"] for one in listed] == ["provisional", "published", "published", "final"]
    assert {one["by"] for one in listed} == {"Li Na"}
    assert "final, version 1 of 1: frozen at" in site.run("rates", "--month", site.month)[1]


GROUPINGS = (("--by", "region"), ("--by", "unit"), ("--by", "maintainer"), ("--by", "camera"), ("--camera", "a"))


def test_nothing_changes_a_final_month(site: Site) -> None:
    """Not another configuration, inventory, time zone or beginning of months, and no late record: every figure of
    every grouping and subtree stays, to the last digit."""
    site.finalise()
    questions = [[*by, *where] for by in GROUPINGS for where in ([], ["--region", site.region])]
    before = [figures(site.rates(*question)) for question in questions]
    edit_config(
        site.config,
        profiles=["ningxia-2014"],
        small_region=1,
        checks={"ping": {"interval": "60s"}},
        timezone="Europe/Berlin",
        month_starts_on=26,
    )
    cameras = site.config.parent / "cameras.csv"
    rows = cameras.read_text("utf-8-sig").splitlines()
    cameras.write_text("\n".join([rows[0], *rows[2:]]), "utf-8")
    with site.store() as store:
        at = site.span.start + 9 * DAY
        moved = Placement("gone", "3", lifecycle=Lifecycle.RETIRED)
        store.write(
            Batch(
                flips=[Flip("b", Axis.ONLINE, at, State.OFFLINE, State.ONLINE)],
                changes=[Change("a", at, moved, "late")],
                regions=[Region(site.region, "another name", "city")],
                recorded=site.now,
            )
        )
        store.prune(site.now)
    after = [figures(site.rates(*question)) for question in questions]
    for one in [*before, *after]:
        for row in one:
            row["from"] = datetime.fromisoformat(row["from"]).timestamp()
            row["to"] = datetime.fromisoformat(row["to"]).timestamp()
    assert after == before
    assert all(before)


def test_an_amendment_is_a_new_version_beside_the_old(site: Site) -> None:
    """A correction gives version 2 with author and reason, judged by the frozen profile; version 1 stays."""
    site.finalise()
    before = figures(site.rates())
    code, _, err = site.step("amend", "--note", "nothing new")
    assert (code, "needs no amendment" in err) == (1, True)
    code, _, err = site.run("period", "amend", "--month", site.month)
    assert (code, "--by NAME and --note REASON" in err) == (1, True)
    with site.store() as store:
        # What the appeal was about: camera a answered all the time.
        down = site.span.start + 5 * DAY
        store.write(Batch(flips=[Flip("a", Axis.ONLINE, down, State.ONLINE, State.OFFLINE)]))
    edit_config(site.config, profiles=["ningxia-2014"])
    assert figures(site.rates()) == before
    code, out, err = site.step("amend", "--note", "the switch was ours")
    assert (code, "final, version 2" in out) == (0, True), err
    amended = site.rates()
    assert {(row["standing"], row["version"]) for row in amended} == {("final", 2)}
    assert {row["profile"] for row in amended} == {row["profile"] for row in before}
    assert [row["ratio"] for row in amended if row["rate"] == "online"] != [
        row["ratio"] for row in before if row["rate"] == "online"
    ]
    assert figures(site.rates("--version", "1")) == before
    assert "by Li Na: the switch was ours" in site.run("rates", "--month", site.month)[1]
    code, _, err = site.run("rates", "--month", site.month, "--version", "3")
    assert (code, "versions: 1, 2" in err) == (1, True)
    code, _, err = site.run("rates", "--month", site.month, "--profile", "ningxia-2014")
    assert (code, "made final without it" in err) == (1, True)


def test_what_makes_no_sense_is_one_line(site: Site) -> None:
    """A month that is none, not over, or before anything was known: exit 1 and the remedy."""
    for arguments, says in (
        (("publish", "--month", "2026-13"), "is not a month"),
        (("provisional", "--month", "2099-01"), "is not over"),
        (("publish", "--month", "1999-01"), "nothing is known of 1999-01"),
        (("publish", "--month", site.month, "--by", " "), "printable"),
        (("list", "--month", "1999-01"), ""),
    ):
        code, _, err = site.run("period", *arguments)
        assert says in err
        assert code == (1 if says else 0)
        assert "Traceback" not in err


def test_a_full_disk_leaves_what_was_frozen(site: Site) -> None:
    """A copy that finds no room is not there at all, what was there stays, and the message names the remedy."""
    site.finalise()
    before = site.rates()
    with site.store() as store:
        down = site.span.start + 6 * DAY
        store.write(Batch(flips=[Flip("a", Axis.ONLINE, down, State.OFFLINE, State.ONLINE)]))
        copy = store.period_copies()[-1]
        with store._writing() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="disk is full"):
            store.keep_period(copy, os.urandom(5_000_000))
    assert site.rates() == before
    assert len(json.loads(site.run("period", "list", "--json")[1])) == 2


def a_copy(standing: str, at: Moment, version: int = 0) -> PeriodCopy:
    return PeriodCopy(1, "2026-07", standing, version, at, "x", "", 0, 100, 100, "", "", "")


@pytest.mark.parametrize(
    ("step", "copies", "now", "settled", "says"),
    [
        ("provisional", [], 99, 99, "is not over"),
        ("publish", [], 99, 99, "is not over"),
        ("publish", [], 120, 99, "time that is not decided"),
        ("publish", [], 120, 0, "nothing is decided"),
        ("publish", [], 120, 100, None),
        ("publish", [a_copy("published", 110)], 120, 100, None),
        ("provisional", [a_copy("published", 110)], 120, 100, "published already"),
        ("finalise", [a_copy("provisional", 110)], 120, 100, "was not published"),
        ("finalise", [a_copy("published", 110)], 159, 100, "open to appeals"),
        ("finalise", [a_copy("published", 110)], 160, 99, "not decided"),
        ("finalise", [a_copy("published", 110)], 160, 100, None),
        ("finalise", [a_copy("published", 110), a_copy("published", 150)], 170, 100, "open to appeals"),
        ("finalise", [a_copy("final", 110, 1)], 160, 100, "is final since"),
        ("amend", [a_copy("published", 110)], 160, 100, "nothing to amend"),
        ("amend", [a_copy("final", 110, 1)], 160, 100, None),
    ],
)
def test_each_step_has_its_time(
    step: str, copies: list[PeriodCopy], now: Moment, settled: Moment, says: str | None
) -> None:
    """The whole order of steps; the appeal window here is 50 ms, the month ends at 100."""
    assert step in STEPS
    month = Standing("2026-07", Span(0, 100), copies, now, settled, 50, ZoneInfo("Asia/Shanghai"))
    if says is None:
        check(step, month)
        return
    with pytest.raises(Wrong, match=says):
        check(step, month)
