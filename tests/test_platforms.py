"""What platforms' catalogues say: read, grown old, and held against what healthd sees."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry

from healthd.cli import main
from healthd.config import Config
from healthd.folding.disagreements import Saying
from healthd.model import Inventory
from healthd.options.platforms import CatalogueColumns, PlatformOptions
from healthd.platforms.catalogue import Catalogue, read_catalogue, together
from healthd.platforms.watch import PlatformWatch
from healthd.problems import BadInput
from healthd.setup import read_setup
from tests.running import city, daemon, edit_config, wait_until

ZONE = ZoneInfo("Asia/Shanghai")
WRITTEN = 1_764_000_000_000  # 2025-11-25 00:00 in Shanghai
MINUTE = 60_000
CODES = {"a": ["a"], "b": ["b"], "n": ["n-1", "n-2"]}
EXAMPLE = Path(__file__).parent.parent / "config"


def options(path: Path, **more: Any) -> PlatformOptions:
    plain = PlatformOptions.model_construct(name="city", catalogue=path, columns=CatalogueColumns())
    return plain.model_copy(update=more)


def read(tmp_path: Path, text: str | bytes, **more: Any) -> Catalogue:
    path = tmp_path / "catalogue.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_catalogue(options(path, **more), WRITTEN, CODES, ZONE)


@pytest.mark.parametrize(
    ("word", "on"),
    [("ON", True), ("online", True), ("1", True), ("在线", True), ("OFF", False), ("0", False), ("离线", False)],
)
def test_words_for_on_and_off(tmp_path: Path, word: str, on: bool) -> None:
    """GB/T 28181's words and those of exports, in any case; said when the file was written."""
    assert read(tmp_path, f"id,status\na,{word}\n").said == {"a": (on, WRITTEN)}


def test_one_id_may_stand_for_several_cameras_and_for_none(tmp_path: Path) -> None:
    """What is said of a recorder holds for its channels; ids that no camera has are counted and shown."""
    found = read(tmp_path, "id,status\nn,OFF\nghost,ON\nb,VLOST\n")
    assert found.said == {"n-1": (False, WRITTEN), "n-2": (False, WRITTEN)}
    assert (found.unknown_ids, [*found.examples], found.neither, found.rows) == (1, ["ghost"], {"b"}, 3)


def test_chinese_exports_are_read(tmp_path: Path) -> None:
    """GB18030, columns by the names that the configuration gives, times of the configured zone, slashes too."""
    text = "设备编码,设备名称,设备状态,更新时间\na,东门,在线,2025/11/24 23:50:00\nb,西门,离线,2025-11-24T15:40Z\n"
    columns = CatalogueColumns(id="设备编码", status="设备状态", at="更新时间")
    found = read(tmp_path, text.encode("gb18030"), columns=columns)
    assert found.said == {"a": (True, WRITTEN - 10 * MINUTE), "b": (False, WRITTEN - 20 * MINUTE)}


def test_doubled_ids(tmp_path: Path) -> None:
    """The latest row holds; two of one moment that contradict each other say nothing; a time to come is now."""
    rows = "a,ON,2025-11-24T23:00\na,OFF,2025-11-24T23:30\nb,ON,\nb,OFF,2030-01-01T00:00\n"
    found = read(tmp_path, "id,status,at\n" + rows)
    assert found.said == {"a": (False, WRITTEN - 30 * MINUTE)}
    assert (found.doubled, found.neither) == (2, {"b"})


def test_bad_rows_are_counted_and_the_rest_is_taken(tmp_path: Path) -> None:
    """Unknown words, times and ragged rows are named by line; 300 of them are counted, too."""
    found = read(tmp_path, "id,status,at\na,ON,\nb,maybe,\nn,ON,noon\nb,ON\n")
    assert found.said == {"a": (True, WRITTEN)}
    assert found.malformed == 3
    words = [str(problem) for problem in found.problems]
    assert words[0].startswith('catalogue.csv:3: status "maybe": is neither ON nor OFF')
    assert words[1].startswith("catalogue.csv:4: at: ")
    assert words[2].startswith("catalogue.csv:5: has 2 cells")
    many = read(tmp_path, "id,status\n" + "a,perhaps\n" * 300)
    assert (many.malformed, many.said) == (300, {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"id;status\na;ON\n", "parted by"),
        (b"code,state\na,ON\n", 'column "id": missing'),
        (b"id,status\n\xff\xfe\x80\x81,ON\n", "neither UTF-8 nor GB18030"),
        (b"\x00\x01\x02", "NUL byte"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """One error with file and remedy instead of a guess."""
    with pytest.raises(BadInput, match=words):
        read(tmp_path, content)
    with pytest.raises(BadInput, match="no such file"):
        read_catalogue(options(tmp_path / "gone.csv"), WRITTEN, CODES, ZONE)


def test_what_is_too_old_is_unknown(tmp_path: Path) -> None:
    """A row counts for max_age after its time; a stale catalogue says nothing at all."""
    found = read(tmp_path, "id,status,at\na,ON,2025-11-24T23:00\nb,ON,\n")
    assert found.sayings(WRITTEN, 30 * MINUTE, 0).keys() == {"b"}
    assert found.sayings(WRITTEN + 31 * MINUTE, 30 * MINUTE, 0) == {}


def test_of_two_platforms_the_one_that_says_on_is_believed() -> None:
    """A camera is called online by either; of two of one mind the one that spoke last."""
    first = {"a": Saying(True, 1, "x"), "b": Saying(False, 1, "x")}
    second = {"a": Saying(False, 2, "y"), "b": Saying(False, 2, "y")}
    assert together([first, second]) == {"a": first["a"], "b": second["b"]}
    assert together([second, first]) == {"a": first["a"], "b": second["b"]}


class Desk:
    """A watch over the example's inventory, with a clock of its own."""

    def __init__(self, directory: Path, **more: Any) -> None:
        setup = read_setup(example(directory))
        self.file = directory / "catalogue.csv"
        self.config: Config = replace(setup.config, platforms=(options(self.file, **more),))
        self.inventory: Inventory = setup.inventory
        self.now = 0
        self.told: dict[str, Saying | None] = {}
        self.held: set[str] = set()
        self.registry = CollectorRegistry()
        known = lambda: (self.config, self.inventory)  # noqa: E731 - as the daemon passes it
        self.watch = PlatformWatch(self.registry, known, self.told.update, lambda: self.held, lambda: self.now)

    def write(self, text: str, at: int) -> None:
        self.file.write_text(text, "utf-8")
        os.utime(self.file, ns=(at * 1_000_000, at * 1_000_000))

    async def look(self, at: int) -> Mapping[str, Saying | None]:
        """What is told by a look at a moment."""
        self.now = at
        self.told.clear()
        await self.watch.look()
        return dict(self.told)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"healthd_platform_{name}", {"platform": "city"} | labels)


def example(directory: Path) -> Path:
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("rules", "grafana"), dirs_exist_ok=True)
    return directory / "healthd.yml"


FIRST, SECOND = "32060201001320000001", "32060201001320000002"


async def test_only_what_is_new_is_told(tmp_path: Path) -> None:
    """A changed file is read at the next look, no other; who left it is said nothing of."""
    desk = Desk(tmp_path, interval=10.0)
    desk.write(f"id,status\n{FIRST},ON\n{SECOND},OFF\nghost,ON\n", WRITTEN)
    told = await desk.look(WRITTEN + MINUTE)
    assert {camera: said.on for camera, said in told.items() if said} == {FIRST: True, SECOND: False}
    assert await desk.look(WRITTEN + 2 * MINUTE) == {}
    assert desk.metric("cameras", says="on") == desk.metric("cameras", says="off") == 1
    assert desk.metric("rows_ignored", why="unknown_id") == 1
    assert desk.metric("catalogue_timestamp_seconds") == WRITTEN / 1000
    desk.write(f"id,status\n{SECOND},OFF\n", WRITTEN + 3 * MINUTE)
    assert await desk.look(WRITTEN + 3 * MINUTE + 500) == {}, "half a file may have been read"
    told = await desk.look(WRITTEN + 4 * MINUTE)
    assert (told[FIRST], told[SECOND]) == (None, Saying(False, WRITTEN + 3 * MINUTE, "city", 5 * MINUTE))


async def test_a_file_that_is_gone_is_an_error_and_not_an_outage(tmp_path: Path) -> None:
    """What was said holds until it is too old, and is withdrawn then; the metric tells at once."""
    desk = Desk(tmp_path, max_age=3600.0)
    desk.write(f"id,status\n{FIRST},ON\n", WRITTEN)
    await desk.look(WRITTEN + MINUTE)
    assert desk.metric("last_read_successful") == 1
    desk.file.unlink()
    assert await desk.look(WRITTEN + 2 * MINUTE) == {}
    assert desk.metric("last_read_successful") == 0
    assert await desk.look(WRITTEN + 59 * MINUTE) == {}
    assert await desk.look(WRITTEN + 62 * MINUTE) == {FIRST: None}
    assert desk.metric("cameras", says="stale") == 1


async def test_findings_of_a_run_before_end_where_nobody_says_so_any_more(tmp_path: Path) -> None:
    """A platform that left the configuration, or a camera that left its catalogue, holds nothing up."""
    desk = Desk(tmp_path)
    desk.config, desk.held = replace(desk.config, platforms=()), {FIRST}
    assert await desk.look(WRITTEN) == {FIRST: None}
    desk.held = set()
    assert await desk.look(WRITTEN + 5 * MINUTE) == {}


def test_the_command_tells_how_a_catalogue_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`healthd inventory platforms` shows counts, ids that no camera has and bad rows; exit 1 where a file is not
    there."""
    config = example(tmp_path)
    edit_config(config, platforms=[{"name": "city", "catalogue": "cat.csv", "match": "pole"}])
    (tmp_path / "cat.csv").write_text("id,status\nXT-017,ON\nXT-018,OFF\nXT-999,ON\nHA-003,what\n", "utf-8")
    command = ["inventory", "platforms", "-c", str(config)]
    assert main([*command, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)[0]
    assert shown["cameras"] == {"on": 1, "off": 1, "neither": 0, "stale": 0, "absent": 6}
    assert (shown["rows_ignored"]["unknown_id"], shown["unknown_ids"]) == (1, ["XT-999"])
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "no camera has the id XT-999" in text
    assert 'cat.csv:5: status "what"' in text
    (tmp_path / "cat.csv").unlink()
    assert main(command) == 1
    assert "no such file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("platforms", "words"),
    [
        ([{"name": "city"}], "catalogue"),
        (
            [{"name": "x", "catalogue": "a.csv"}, {"name": "x", "catalogue": "b.csv"}],
            '"x" is the name of two platforms',
        ),
        (
            [{"name": "x", "catalogue": "a.csv", "match": "pol"}],
            'no camera has a column "pol" (did you mean "pole"?)',
        ),
        ([{"name": "x", "catalogue": "a.csv", "columns": {"id": "status"}}], "two of them are the same"),
        ([{"name": "x", "catalogue": "a.csv", "max_age": "1s"}], "platforms[0].max_age"),
    ],
)
def test_platforms_that_cannot_be_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], platforms: list[Any], words: str
) -> None:
    """Each mistake is named with its line and a remedy."""
    config = example(tmp_path)
    edit_config(config, platforms=platforms)
    assert main(["check-config", "-c", str(config)]) == 1
    assert words in capsys.readouterr().err


def test_a_false_online_is_a_finding_everywhere(tmp_path: Path) -> None:
    """A real daemon: ON but dead, OFF but reached; on the page, in the API, on /metrics and by the command."""
    with city(tmp_path, 20):
        config = tmp_path / "healthd.yml"
        with (tmp_path / "cameras.csv").open(encoding="utf-8", newline="") as file:
            rows = [*csv.DictReader(file)]
        dead, called_off, *_ = rows
        for row in rows:
            row["reach"] = "tcp:9" if row is dead else ""
        with (tmp_path / "cameras.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        edit_config(
            config,
            checks={"ping": {"interval": "1s", "timeout": "500ms"}},
            state={"retry_interval": "300ms", "fail_after": 2, "ok_after": 1},
            platforms=[{"name": "GB", "catalogue": "cat.csv", "interval": "1s", "patience": "500ms"}],
        )
        with daemon(config) as running:
            running.ready()
            about = f"/api/v1/cameras/{dead['id']}"
            wait_until(lambda: json.loads(running.get(about)[1])["online"]["state"] == "offline", 20)
            time.sleep(0.6)
            lines = (f"{row['id']},{'OFF' if row is called_off else 'ON'}\n" for row in rows)
            (tmp_path / "cat.csv").write_text("id,status\n" + "".join(lines), "utf-8")

            def found() -> set[tuple[str, str, str]]:
                document = json.loads(running.get("/api/v1/findings")[1])
                return {(one["camera"], one["finding"], one["detail"]) for one in document["findings"]}

            wanted = {
                (dead["id"], "platform_without_reach", "GB"),
                (called_off["id"], "reach_without_platform", "GB"),
            }
            wait_until(lambda: wanted <= found(), 20)
            top = next(iter(running.samples("healthd_region_disagreements", finding="platform_without_reach")))
            assert running.samples("healthd_region_disagreements", **dict(top)) == {top: 1.0}
            assert running.value("healthd_platform_cameras", platform="GB", says="off") == 1
            assert json.loads(running.get("/api/v1/platforms")[1])["platforms"][0]["cameras"]["off"] == 1
            assert "平台显示在线，但网络探测无应答（假在线）" in running.get("/?lang=zh")[1]
            assert "a platform says offline, but it is reachable" in running.get("/?lang=en")[1]
