"""The daemon as a real process over a small simulated city: start, pages, reload, bad input, stop, restart."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from healthd.model import Axis, Flip, State
from healthd.store import Batch, Store
from tests.running import city, daemon, edit_config, healthd, rates, wait_until

CHECKS = {
    "ping": {"interval": "2s", "timeout": "500ms"},
    "snmp": {"interval": "5s", "timeout": "1s"},
    "onvif": {"interval": "10s", "timeout": "2s"},
    "frame": {"interval": "5s", "timeout": "2s"},
}
STATE = {"fail_after": 3, "ok_after": 2, "retry_interval": "1s"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a city of 30 cameras without faults."""
    directory = tmp_path_factory.mktemp("town")
    with city(directory, 30):
        edit_config(directory / "healthd.yml", checks=CHECKS, state=STATE, reference_targets=["127.0.0.1"])
        yield directory


@pytest.fixture
def config(town: Path, tmp_path: Path) -> Path:
    """A configuration of its own over the shared city: its own store, its own copies of the inventory."""
    for name in ("healthd.yml", "regions.csv", "devices.csv", "cameras.csv", "maintainers.csv"):
        shutil.copy(town / name, tmp_path / name)
    shutil.copytree(town / "secrets", tmp_path / "secrets")
    return tmp_path / "healthd.yml"


def rewrite_cameras(config: Path, change: object) -> None:
    """Apply `change` (row -> row, or None to drop it) to every row of cameras.csv."""
    path = config.parent / "cameras.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or [])
        rows = [row for old in reader if (row := change(old)) is not None]  # type: ignore[operator]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def root_region(config: Path) -> str:
    with (config.parent / "regions.csv").open(encoding="utf-8-sig", newline="") as file:
        return next(row["code"] for row in csv.DictReader(file) if not row["parent"])


def test_rates_of_three_levels_on_page_and_metrics(config: Path) -> None:
    """Within a minute of its start the daemon shows rates of city, counties and townships."""
    with daemon(config) as running:
        running.ready()
        levels = {dict(labels)["level"] for labels in running.samples("healthd_region_info")}
        assert levels == {"city", "county", "township"}
        regions = {dict(labels)["region"] for labels in running.samples("healthd_region_info")}
        online = running.samples("healthd_region_rate_ratio", rate="online", window="now", **{"class": "all"})
        assert {dict(labels)["region"] for labels in online} == regions
        assert set(online.values()) == {1.0}
        good = {"region": root_region(config), "class": "all", "axis": "picture", "state": "good"}
        wait_until(lambda: running.value("healthd_region_cameras", **good) == 30)
        assert running.value("healthd_blind", prober="local") == 0
        for language, words in (("zh", "完好率"), ("en", "Intact")):
            status, page = running.get(f"/?lang={language}")
            assert status == 200
            assert words in page
        assert running.samples("healthd_check_results_total", check="snmp", outcome="ok")
        assert not running.samples("healthd_check_results_total", outcome="unknown")
        status, _ = running.get("/probe?target=127.0.0.1&check=ping")
        assert status == 403
        assert running.program.stop() == 0


def test_sigterm_stops_within_five_seconds(config: Path) -> None:
    """SIGTERM and SIGINT end the daemon with exit code 0, soon, with a last heartbeat in the store."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with daemon(config) as running:
            running.ready()
            begun = time.monotonic()
            assert running.program.stop(number) == 0
            assert time.monotonic() - begun < 5
            assert "Traceback" not in running.program.text


def test_bad_reload_changes_nothing(config: Path) -> None:
    """A broken file is refused with file, line and remedy, counted, and everything keeps running."""
    with daemon(config) as running:
        running.ready()
        good = (config.parent / "cameras.csv").read_text("utf-8")
        lines = good.splitlines()
        lines[3] = lines[3].replace(lines[3].split(",")[2], "99999")
        (config.parent / "cameras.csv").write_text("\n".join(lines), "utf-8")
        status, text = running.post("/-/reload")
        assert status == 400
        assert 'cameras.csv:4: region "99999"' in text
        os.kill(running.program.process.pid, signal.SIGHUP)
        wait_until(lambda: running.program.text.count("reload refused") >= 2)
        wait_until(lambda: running.value("healthd_config_last_reload_successful") == 0, 5)
        assert running.get("/-/healthy")[0] == 200
        (config.parent / "cameras.csv").write_text(good, "utf-8")
        assert running.post("/-/reload") == (200, "Reloaded.\n")
        wait_until(lambda: running.value("healthd_config_last_reload_successful") == 1, 5)


def test_reload_drops_and_moves_cameras(config: Path) -> None:
    """Removed cameras' series disappear; who stays keeps state and age; the change is dated with its author."""
    with daemon(config) as running:
        running.ready()
        since = running.samples("healthd_camera_state_since_timestamp_seconds", axis="online")
        cameras = sorted({dict(labels)["camera"] for labels in running.samples("healthd_camera_online")})
        assert len(cameras) == 30
        gone, moved = cameras[0], cameras[1]

        def change(row: dict[str, str]) -> dict[str, str] | None:
            if row["id"] == gone:
                return None
            return row | {"class": "9"} if row["id"] == moved else row

        new = config.parent / "new"
        new.mkdir()
        for file in config.parent.glob("*.csv"):
            shutil.copy(file, new)
        rewrite_cameras(new / config.name, change)
        edit_config(config, author="li.lei")
        assert "has taken them" in healthd("inventory", "import", str(new), "-c", str(config)).stdout
        wait_until(lambda: not running.samples("healthd_camera_online", camera=gone), 5)
        wait_until(lambda: running.samples("healthd_region_cameras", **{"class": "9"}))
        kept = running.samples("healthd_camera_state_since_timestamp_seconds", axis="online")
        untouched = {key: value for key, value in since.items() if dict(key)["camera"] in cameras[2:]}
        assert untouched.items() <= kept.items()
        assert running.program.stop() == 0
    with sqlite3.connect(config.parent / "healthd.db") as store:
        rows = store.execute(
            "select c.id, p.class, p.author from placements p join cameras c on c.key = p.camera "
            "where c.id in (?, ?) order by c.id, p.at",
            (gone, moved),
        ).fetchall()
    store.close()
    assert rows[1] == (gone, None, "li.lei")
    assert rows[3] == (moved, "9", "li.lei")


def test_reload_that_loses_too_many_cameras_needs_force(config: Path) -> None:
    """A file cut short while it was copied must not take half the fleet out of the rates."""
    with daemon(config) as running:
        running.ready()
        keep = iter(range(30))
        rewrite_cameras(config, lambda row: row if next(keep) < 15 else None)
        status, text = running.post("/-/reload")
        assert status == 400
        assert "50.0% of the cameras are gone" in text
        assert len(running.samples("healthd_camera_online")) == 30
        assert running.post("/-/reload?force=1")[0] == 200
        wait_until(lambda: len(running.samples("healthd_camera_online")) == 15, 5)


def test_reload_asks_nobody_twice(config: Path) -> None:
    """Ten reloads in a row cause no burst: each camera is still asked once an interval."""
    with daemon(config) as running:
        running.ready()

        def asked() -> float:
            return sum(running.samples("healthd_check_results_total", check="ping").values())

        before, begun = asked(), time.monotonic()
        for _ in range(10):
            assert running.post("/-/reload")[0] == 200
            time.sleep(0.5)
        took = time.monotonic() - begun
        assert asked() - before < 1.3 * (took / 2 + 1) * 31 + took  # 30 cameras every 2 s, a reference every 1 s


def test_restart_continues_and_the_gap_is_unknown(config: Path) -> None:
    """After kill -9 states go on without a flip, and the seconds in between are nobody's fault."""
    with daemon(config) as running:
        running.ready()
        good = {"region": root_region(config), "class": "all", "axis": "picture", "state": "good"}
        wait_until(lambda: running.value("healthd_region_cameras", **good) == 30)
        time.sleep(2)
        running.program.process.kill()
        running.program.process.wait()
    flips = count_flips(config)
    time.sleep(4)
    with daemon(config) as running:
        running.ready()
        time.sleep(4)
        assert running.program.stop() == 0
    assert count_flips(config) == flips
    begun = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    row = next(row for row in rates(config, "--from", begun) if row["level"] == "city" and row["class"] == "all")
    assert row["rate"] == "online"
    assert 30 * 4 <= row["unknown_seconds"] <= 30 * 12
    assert row["ratio"] == 1.0


def count_flips(config: Path) -> int:
    store = sqlite3.connect(config.parent / "healthd.db")
    try:
        [(count,)] = store.execute("select count(*) from flips").fetchall()
    finally:
        store.close()
    return int(count)


def test_days_are_rolled_over_from_the_start(config: Path) -> None:
    """Soon after its start the daemon has packed what earlier runs left, and says up to when all is decided."""
    url = yaml.safe_load(config.read_text("utf-8"))["store"]["url"].replace("///", f"///{config.parent}/")
    store = Store.open(url, writer=True)
    at = round(1000 * time.time()) - 3_600_000
    store.write(
        Batch(flips=[Flip("gone", Axis.ONLINE, at, State.ONLINE, State.UNKNOWN)], heartbeat=(at, at + 600_000))
    )
    store.close()
    with daemon(config) as running:
        running.ready()
        reader = Store.open(url, writer=False)
        wait_until(reader.settled, 20)
        assert at < reader.settled() < 1000 * time.time()
        with reader._reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM courses").scalar()
        reader.close()
        assert running.program.stop() == 0
        assert "job failed" not in running.program.text


def test_outage_is_found_and_ended(config: Path, town: Path) -> None:
    """A camera whose address answers no more goes offline, dated at its first fail, and no other does."""
    victim = "127.255.0.9"  # nothing answers there by TCP

    with daemon(config) as running:
        running.ready()
        rows = yaml.safe_load(config.read_text("utf-8"))
        assert rows["site"]
        first: list[str] = []

        def change(row: dict[str, str]) -> dict[str, str]:
            if not first:
                first.append(row["id"])
                return row | {"address": victim, "reach": "tcp:9"}
            return row

        rewrite_cameras(config, change)
        changed = time.time()
        assert running.post("/-/reload")[0] == 200
        wait_until(lambda: running.value("healthd_camera_online", camera=first[0]) == 0)
        assert len(running.samples("healthd_camera_online")) == 30
        assert sum(running.samples("healthd_camera_online").values()) == 29
        since = running.value("healthd_camera_state_since_timestamp_seconds", camera=first[0], axis="online")
        assert since is not None
        assert changed <= since <= changed + 4
        [(_, page)] = [running.get("/?lang=en")]
        assert first[0] in page


def test_port_in_use_is_one_line(config: Path) -> None:
    """A port that is taken is said in one line with its remedy, exit 1, no traceback."""
    host, port = yaml.safe_load(config.read_text("utf-8"))["web"]["listen"].split(":")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, int(port)))
        taken.listen()
        done = healthd("--log-level", "error", "run", "-c", str(config), check=False)
    assert done.returncode == 1
    assert "web.listen" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_daemons_do_not_share_a_store(config: Path) -> None:
    """The second one says who holds the store and ends."""
    with daemon(config) as running:
        running.ready()
        done = healthd("--log-level", "error", "run", "-c", str(config), check=False)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "healthd.db" in done.stderr


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(b"not a database, by far" * 100), "healthd.db"),
        (lambda path: path.mkdir(), "healthd.db"),
    ],
    ids=["corrupt", "directory"],
)
def test_bad_store_is_one_line(config: Path, spoil: object, says: str) -> None:
    """A store that cannot be used is named with its remedy; it is left as it was."""
    spoil(config.parent / "healthd.db")  # type: ignore[operator]
    done = healthd("--log-level", "error", "run", "-c", str(config), check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_config_errors_come_all_at_once(config: Path) -> None:
    """check-config names every mistake with its place; run refuses with the same lines."""
    text = config.read_text("utf-8").replace("site:", "sitte:") + "\nmonth_starts_on: 31\n"
    config.write_text(text, "utf-8")
    checked = healthd("check-config", "-c", str(config), check=False)
    refused = healthd("--log-level", "error", "run", "-c", str(config), check=False)
    assert checked.returncode == refused.returncode == 1
    assert 'did you mean "site"' in checked.stderr
    assert "month_starts_on" in checked.stderr
    assert checked.stderr == refused.stderr


def test_probe_command(config: Path) -> None:
    """One camera asked by hand answers all four checks; an address that is not there is exit 1."""
    with (config.parent / "cameras.csv").open(encoding="utf-8-sig", newline="") as file:
        camera = next(csv.DictReader(file))["id"]
    done = healthd("probe", camera, "-c", str(config))
    for name in ("ping", "snmp", "onvif", "frame"):
        assert f"{name}: + ok" in done.stdout
    done = healthd("probe", "127.255.0.9", "-c", str(config), "--check", "snmp", check=False)
    assert done.returncode in (0, 1)
    done = healthd("probe", "no-such-camera", "-c", str(config), check=False)
    assert done.returncode == 1
    assert "neither an IP address nor the id" in done.stderr


def test_backup_while_running_and_restore(config: Path, tmp_path: Path) -> None:
    """A backup made while the daemon writes restores to the same rates."""
    with daemon(config) as running:
        running.ready()
        healthd("backup", str(tmp_path / "copy"), "-c", str(config))
        refused = healthd("restore", str(tmp_path / "copy"), "-c", str(config), "--force", check=False)
        assert refused.returncode == 1
        assert running.program.stop() == 0
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    healthd("restore", str(tmp_path / "copy"), "-c", str(config), "--force")
    assert rates(config, "--from", day)
