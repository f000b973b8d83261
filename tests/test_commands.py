"""The small commands as a user types them: what they print, and how they fail."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.running import (
    HEALTHD,
    Daemon,
    city,
    daemon,
    edit_config,
    free_port,
    healthd,
    rates,
    started,
    wait_until,
)

KEY = ("key", "class", "rate", "profile")
COMPARED = ("good_seconds", "assessed_seconds", "undiagnosed_seconds", "unknown_seconds", "cameras", "verdict")
CONFIG = Path(__file__).parent.parent / "config"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The shipped example, in a directory of its own."""
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("rules", "grafana"))
    return tmp_path / "config" / "healthd.yml"


def test_help_names_every_command() -> None:
    """A newcomer sees what there is; each command explains itself."""
    text = healthd("--help").stdout
    for command in (
        "demo",
        "city",
        "run",
        "check-config",
        "probe",
        "rates",
        "inventory",
        "backup",
        "restore",
        "token",
    ):
        assert re.search(rf"^    {command} ", text, re.MULTILINE), command
        assert "usage: healthd" in healthd(command, "--help").stdout


def test_wrong_usage_is_exit_2() -> None:
    """A command that does not exist, or an option that is missing, is wrong usage."""
    for arguments in (("nonsense",), ("city",), ("rates", "--by", "colour")):
        done = healthd(*arguments, check=False)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_check_config_summary(example: Path) -> None:
    """The shipped example is good; --json prints one document."""
    assert "good." in healthd("check-config", "-c", str(example)).stdout
    summary = json.loads(healthd("check-config", "-c", str(example), "--json").stdout)
    assert summary["ok"] is True
    assert summary["cameras"] == sum(summary["classes"].values())


def test_inventory_import_takes_good_files_whole(example: Path, tmp_path: Path) -> None:
    """Good files take the place of the old ones, which are kept; without a daemon that is said."""
    edit_config(example, web={"listen": f"127.0.0.1:{free_port()}"})
    new = tmp_path / "new"
    shutil.copytree(example.parent, new)
    cameras = new / "cameras.csv"
    lines = cameras.read_text("utf-8").splitlines()
    cameras.write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    before = (example.parent / "cameras.csv").read_bytes()
    done = healthd("inventory", "import", str(new), "-c", str(example))
    assert done.returncode == 0, done.stderr
    assert "cameras removed: 1" in done.stdout
    assert "when it starts" in done.stdout
    assert (example.parent / "cameras.csv").read_bytes() == cameras.read_bytes()
    assert (example.parent / "cameras.csv.before").read_bytes() == before
    assert not [*example.parent.glob("*.part")]


@pytest.mark.parametrize("damage", ["a mistake", "most cameras gone"])
def test_inventory_import_changes_nothing_that_is_not_good(example: Path, tmp_path: Path, damage: str) -> None:
    """A mistake, or a file cut short, is told and leaves the files as they are; --force takes the latter."""
    edit_config(example, web={"listen": f"127.0.0.1:{free_port()}"})
    new = tmp_path / "new"
    shutil.copytree(example.parent, new)
    cameras = new / "cameras.csv"
    lines = cameras.read_text("utf-8").splitlines()
    wrong = [*lines, lines[1]] if damage == "a mistake" else lines[:4]
    cameras.write_text("\n".join(wrong) + "\n", "utf-8")
    before = {path.name: path.read_bytes() for path in example.parent.glob("*.csv")}
    done = healthd("inventory", "import", str(new), "-c", str(example), check=False)
    assert done.returncode == 1
    assert ("cameras.csv:12" if damage == "a mistake" else "--force") in done.stderr
    assert {path.name: path.read_bytes() for path in example.parent.glob("*.csv")} == before
    forced = healthd("inventory", "import", str(new), "-c", str(example), "--force", check=False)
    assert forced.returncode == (1 if damage == "a mistake" else 0)


def test_inventory_diff_shows_what_would_change(example: Path, tmp_path: Path) -> None:
    """Added, removed and changed cameras, field by field, and what the guard would say."""
    other = tmp_path / "new"
    shutil.copytree(example.parent, other)
    with (other / "cameras.csv").open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names, rows = list(reader.fieldnames or []), list(reader)
    rows[0]["class"] = "9"
    gone = rows.pop()["id"]
    with (other / "cameras.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    text = healthd("inventory", "diff", str(other), "-c", str(example)).stdout
    assert f"removed  camera {gone}" in text
    assert f"changed  camera {rows[0]['id']}" in text
    document = json.loads(healthd("inventory", "diff", str(other), "-c", str(example), "--json").stdout)
    assert {change["change"] for change in document["changes"]} == {"removed", "changed"}
    assert healthd("inventory", "check", "-c", str(example)).stdout.startswith(("good", "cameras.csv"))
    same = healthd("inventory", "diff", str(example.parent), "-c", str(example)).stdout
    assert same == "no change\n"


def test_token_is_known_by_its_hash() -> None:
    """The printed hash is that of the printed token; two tokens differ."""
    text = healthd("token", "prometheus").stdout
    token = re.search(r"^  (\S{30,})$", text, re.MULTILINE)
    digest = re.search(r"sha256: ([0-9a-f]{64})", text)
    assert token is not None
    assert digest is not None
    assert hashlib.sha256(token[1].encode()).hexdigest() == digest[1]
    assert healthd("token", "prometheus").stdout != text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "which period?"),
        (("--month", "2026-13"), "is not a month"),
        (("--from", "2026-07-02", "--to", "2026-07-01"), "reversed"),
        (("--from", "2099-01-01"), "lies in the future"),
        (("--from", "2026-07-01", "--month", "2026-07"), "which period?"),
        (("--month", "2026-07", "--profile", "defualt"), 'did you mean "default"'),
    ],
)
def test_rates_of_a_period_that_makes_no_sense(example: Path, arguments: tuple[str, ...], says: str) -> None:
    """One line with the remedy, exit 1."""
    done = healthd("rates", "-c", str(example), *arguments, check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_rates_without_a_store(example: Path) -> None:
    """Before the first run there is nothing to read, and it says what to do."""
    done = healthd("rates", "-c", str(example), "--from", "2026-07-01", check=False)
    assert done.returncode == 1
    assert "healthd run" in done.stderr


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon over a small city with outages."""
    directory = tmp_path_factory.mktemp("town")
    with city(directory, 40, "--outages-per-hour", "900", "--seed", "11"):
        config = directory / "healthd.yml"
        edit_config(
            config,
            checks={"ping": {"interval": "2s", "timeout": "500ms"}, "frame": {"interval": "5s", "timeout": "2s"}},
            state={"fail_after": 3, "ok_after": 2, "retry_interval": "1s"},
            reference_targets=["127.0.0.1"],
        )
        with daemon(config) as running:
            running.ready()
            time.sleep(12)
            yield running


@contextlib.contextmanager
def standing_still(running: Daemon) -> Iterator[None]:
    """The daemon is stopped meanwhile: nothing that is decided late changes the past between two readings."""
    running.program.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.program.process.send_signal(signal.SIGCONT)


def differences(town: Daemon) -> list[tuple[str, ...]]:
    """Rows of today in which the live windows and the store differ, read as close together as can be."""
    live = json.loads(town.get("/api/v1/rates?window=today")[1])
    assert any(row["ratio"] not in (None, 1.0) for row in live)
    with standing_still(town):
        span = ("--from", live[0]["from"], "--to", live[0]["to"])
        stored = {
            (row["key"], row["class"], row["rate"], row["profile"]): row for row in rates(town.config, *span)
        }
    found: list[tuple[str, ...]] = []
    for row in live:
        key = (row["key"], row["class"], row["rate"], row["profile"])
        names = (
            "good_seconds",
            "assessed_seconds",
            "undiagnosed_seconds",
            "unknown_seconds",
            "cameras",
            "verdict",
        )
        if any(row[name] != stored[key][name] for name in names):
            found.append(key)
    return found


def test_live_windows_and_the_command_agree_to_the_millisecond(town: Daemon) -> None:
    """What the API says of today is what `healthd rates` computes from the store for the same span."""
    # A flip that is decided in the moment between the two readings may change one of them: not thrice in a row.
    assert not (differences(town) and differences(town) and differences(town))


def test_api_answers_any_period_as_the_command_does(town: Daemon) -> None:
    """`/api/v1/rates` of a period has the very rows of `healthd rates`; what it cannot do, it says."""
    until = json.loads(town.get("/api/v1/rates?window=today")[1])[0]["to"]
    day = f"{until[:10]}T00:00"
    path = f"/api/v1/rates?from={day}&to={quote(until)}"
    chosen = ("--from", day, "--to", until)
    for query, options in (
        ("&by=unit", ("--by", "unit")),
        ("&class=1&rate=online", ("--class", "1", "--rate", "online")),
    ):
        # A flip that is decided between the two readings may change one of them: not thrice in a row.
        assert any(
            json.loads(town.get(path + query, timeout=60)[1]) == rates(town.config, *chosen, *options) != []
            for _ in range(3)
        )
    own = json.loads(town.get(f"{path}&region=3206", timeout=60)[1])
    assert {row["key"] for row in own} == {"3206"}
    for query, said in (
        ("month=2026-13", "is not a month"),
        ("from=2199-01-01", "future"),
        ("by=colour", "colour"),
    ):
        status, text = town.get(f"/api/v1/rates?{query}", timeout=60)
        assert status == 400
        assert said in json.loads(text)["error"]
        assert "--" not in json.loads(text)["error"]


def test_totals_are_the_sums_of_their_rows(town: Daemon) -> None:
    """By region, unit, maintainer and camera the same seconds add up to the same total."""
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    until = json.loads(town.get("/api/v1/rates?window=today")[1])[0]["to"]
    span = ("--from", day, "--to", until, "--rate", "online", "--profile", "default")
    sums = set()
    with standing_still(town):
        for by in ("region", "unit", "maintainer", "camera", "tag:power"):
            rows = [row for row in rates(town.config, *span, "--by", by) if row["class"] == "all"]
            top = [row for row in rows if row["level"] == "city"] if by == "region" else rows
            sums.add(tuple(round(sum(row[f"{name}_seconds"] for row in top), 3) for name in ("good", "assessed")))
    assert len(sums) == 1


def test_demo_shows_a_city_and_takes_it_along(tmp_path: Path) -> None:
    """`healthd demo` answers within a minute, with a past, marked as simulated; Ctrl-C ends it and its city."""
    port = free_port()
    arguments = ["demo", "--cameras", "40", "--history", "40", "--dir", str(tmp_path / "d"), "--listen"]
    with started([*arguments, f"127.0.0.1:{port}"], tmp_path / "demo.log") as program:
        wait_until(lambda: (tmp_path / "d" / "healthd.yml").exists() or program.process.poll() is not None, 60)
        wait_until(lambda: "Open http" in program.text or program.process.poll() is not None, 60)
        assert program.process.poll() is None, program.text
        running = Daemon(program, tmp_path / "d" / "healthd.yml")
        running.ready(60)
        assert "模拟" in running.get("/?lang=zh")[1]
        month = running.samples("healthd_region_rate_ratio", window="previous_month", rate="online")
        assert month
        children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
        assert program.stop(signal.SIGINT, 20) == 0
        wait_until(lambda: not any(is_python(int(child)) for child in children), 10)


def is_python(process: int) -> bool:
    """Whether this process still lives, as one of ours."""
    try:
        return b"multiprocessing" in Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def test_module_and_script_are_the_same() -> None:
    """`python -m healthd` is the console script."""
    assert HEALTHD[1:] == ["-m", "healthd"]
    assert healthd("--version").stdout.startswith("healthd ")
