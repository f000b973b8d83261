"""`healthd rates` with what people really give it: periods that make no sense, gaps, moves, clocks that change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from healthd.model import Axis, Change, Flip, Moment, Placement, State
from healthd.periods import parse_moment
from healthd.store import Batch, Store
from tests.rates_fleets import DAY, HOUR
from tests.running import healthd

ZONE = ZoneInfo("Europe/Berlin")
JUNE = parse_moment("2025-06-01", ZONE)
OWN = """profiles: [default, own]
profile_definitions:
  own:
    method: head_count
    audit: ["10:00", "22:00"]
    targets: {online: {all: 0.9}}
    region_targets: {"3201": {online: {all: 0.8}}}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cameras; healthd first ran on 16 June 2025 and saw until the end of October. One camera moved to another
    region and class on 20 June at noon."""
    directory = tmp_path_factory.mktemp("rates")
    (directory / "regions.csv").write_text(
        "code,name,level,parent\n32,城,city,\n3201,甲,county,32\n3202,乙,county,32\n"
    )
    (directory / "devices.csv").write_text("id,name,kind,region,address,credential,upstream,upstream_port\n")
    (directory / "cameras.csv").write_text(
        "id,name,region,class,address\nc1,东门,3201,1,10.0.0.1\nc2,西门,3202,2,10.0.0.2\n"
    )
    files = "inventory: {regions: regions.csv, devices: devices.csv, cameras: cameras.csv}\n"
    path = directory / "healthd.yml"
    path.write_text(f"site: s\ntimezone: Europe/Berlin\nchecks: {{ping: {{}}}}\n{files}{OWN}")
    begun, moved, end = JUNE + 15 * DAY, JUNE + 19 * DAY + 12 * HOUR, parse_moment("2025-11-01", ZONE)
    changes = [
        Change("c1", begun, Placement("3201", "1"), "t"),
        Change("c2", begun, Placement("3201", "1"), "t"),
        Change("c2", moved, Placement("3202", "2"), "t"),
    ]
    flips = [Flip(camera, Axis.ONLINE, begun, State.ONLINE, State.UNKNOWN) for camera in ("c1", "c2")]
    flips.append(Flip("c1", Axis.ONLINE, moved, State.OFFLINE, State.ONLINE))
    flips.append(Flip("c1", Axis.ONLINE, moved + HOUR, State.ONLINE, State.OFFLINE))
    store = Store.open(f"sqlite:///{directory}/healthd.db", writer=True)
    store.write(Batch(flips=flips, heartbeat=(begun, end), changes=changes, recorded=begun))
    store.close()
    return path


def rates(config: Path, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(healthd("rates", "-c", str(config), *arguments, "--json").stdout)
    return found


def one(
    found: list[dict[str, Any]], key: str = "32", class_: str = "all", profile: str = "default"
) -> dict[str, Any]:
    (row,) = [
        r for r in found if (r["key"], r["class"], r["profile"], r["rate"]) == (key, class_, profile, "online")
    ]
    return row


@pytest.mark.parametrize(
    ("period", "message"),
    [
        (("--month", "2999-01"), "the period lies in the future (nothing is known of it yet)"),
        (
            ("--from", "2025-07-02", "--to", "2025-07-01"),
            "the period is empty or reversed (--from must lie before --to)",
        ),
        (
            ("--from", "2025-07-01", "--to", "2025-07-01"),
            "the period is empty or reversed (--from must lie before --to)",
        ),
        (("--month", "2025-13"), '"2025-13" is not a month: write it as YYYY-MM, such as 2026-07'),
        (("--from", "yesterday"), '"yesterday" is not a time: write e.g. 2026-07-01, '),
        ((), "which period? (give --month YYYY-MM, or --from T and perhaps --to T)"),
        (
            ("--month", "2025-05"),
            "the period lies before the first data (healthd first ran 2025-06-16T00:00:00+02:00)",
        ),
        (
            ("--month", "2025-12"),
            "nothing is known of this period (the last heartbeat was 2025-11-01T00:00:00+01:00)",
        ),
    ],
)
def test_periods_that_have_no_figures_are_told(config: Path, period: tuple[str, ...], message: str) -> None:
    """One line on stderr that says what is wrong, exit 1, and no figure."""
    done = healthd("rates", "-c", str(config), *period, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_month_half_without_data_counts_only_what_was_seen(config: Path) -> None:
    """Before healthd was installed nobody is assessed: those days are out of service, and the text says so."""
    row = one(rates(config, "--month", "2025-06"))
    seen = 2 * 15 * 86400
    assert (row["assessed_seconds"], row["out_of_service_seconds"], row["coverage"]) == (seen, seen, 1)
    assert row["good_seconds"] == seen - 3600
    text = healthd("rates", "-c", str(config), "--month", "2025-06").stdout
    assert "healthd first ran 2025-06-16T00:00:00+02:00: what was before is out of service" in text


def test_a_camera_that_changed_region_and_class_on_a_day_counts_where_it_was(config: Path) -> None:
    """The morning in the old region and class, the afternoon in the new ones; the city has the day once."""
    found = rates(config, "--from", "2025-06-20", "--to", "2025-06-21")
    assert one(found, "3201", "1")["assessed_seconds"] == 1.5 * 86400
    assert one(found, "3202", "2")["assessed_seconds"] == 0.5 * 86400
    assert (one(found)["assessed_seconds"], one(found)["cameras"]) == (2 * 86400, 2)


def test_the_month_of_a_change_of_clocks_has_its_hour_more(config: Path) -> None:
    """October in Berlin has 745 hours, and 62 audits of each camera by 10:00 and 22:00."""
    found = rates(config, "--month", "2025-10")
    assert one(found)["assessed_seconds"] == 2 * 745 * 3600
    heads = one(found, profile="own")
    assert (heads["assessed_count"], heads["good_count"], heads["good_seconds"]) == (2 * 62, 2 * 62, None)


def test_own_profiles_reach_every_row(config: Path) -> None:
    """Method and a region's own target show in rows and in words."""
    found = rates(config, "--month", "2025-07", "--profile", "own")
    assert {row["method"] for row in found} == {"head_count"}
    assert (one(found, "3201", profile="own")["target"], one(found, "3202", profile="own")["target"]) == (0.8, 0.9)
    words = healthd("rates", "-c", str(config), "--definitions", "--lang", "zh", "--profile", "own").stdout
    assert words.startswith("own\n  统计方法：按点名统计：每日 10:00、22:00 各点名一次")
    assert "甲 在线率 全部 ≥ 80 %" in words
    wrong = healthd("rates", "-c", str(config), "--month", "2025-07", "--profile", "owm", check=False)
    assert wrong.stderr == '--profile "owm": there is no such profile (did you mean "own"?)\n'
    tag = healthd("rates", "-c", str(config), "--month", "2025-07", "--by", "tag:pole", check=False)
    assert (tag.returncode, tag.stderr.split(" (")[0]) == (1, '--by "tag:pole": no camera has this tag')


def test_no_batch_and_no_restart_changes_a_figure(config: Path, tmp_path: Path) -> None:
    """The same past written flip by flip, in another order, with restarts between, gives the same rows."""
    rows = rates(config, "--month", "2025-06")
    directory = config.parent
    source = Store.open(f"sqlite:///{directory}/healthd.db", writer=False)
    (begun, end) = source.heartbeats(0, JUNE + 400 * DAY)[0]
    histories = [*source.histories(0, end)]
    source.close()
    for name in ("regions.csv", "devices.csv", "cameras.csv", "healthd.yml"):
        (tmp_path / name).write_bytes((directory / name).read_bytes())
    steps: list[tuple[Moment, Batch]] = []
    for history in reversed(histories):
        for at, placement in history.placements:
            change = Change(history.camera, at, placement, "t")
            steps.append((at, Batch(changes=[change], recorded=at)))
        was = State.UNKNOWN
        for at, state, _ in history.online:
            steps.append(
                (at, Batch(flips=[Flip(history.camera, Axis.ONLINE, at, state, was)], heartbeat=(begun, at)))
            )
            was = state
    for _, batch in [*steps, *steps[:2]]:
        store = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
        store.write(batch)
        store.close()
    store = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    store.write(Batch(heartbeat=(begun, end)))
    store.close()
    assert rates(tmp_path / "healthd.yml", "--month", "2025-06") == rows
