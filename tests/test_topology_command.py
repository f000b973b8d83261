"""`healthd inventory topology` over a real simulated city, its inventory with holes and a lie."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import city, edit_config, healthd

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A city's directory, while it answers."""
    directory = tmp_path_factory.mktemp("topology") / "city"
    with city(directory, 60):
        yield directory


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def write(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def other_inventory(town: Path, **tables: Rows) -> Path:
    """The city's configuration, with other tables."""
    config = town / "other.yml"
    config.write_text((town / "healthd.yml").read_text("utf-8"), "utf-8")
    files = {name: f"{name}.csv" for name in ("regions", "devices", "cameras", "maintainers")}
    for name, rows in tables.items():
        write(town / f"other_{name}.csv", rows)
        files[name] = f"other_{name}.csv"
    edit_config(config, inventory=files)
    return config


def test_holes_are_learnt_and_a_lie_is_shown(town: Path) -> None:
    """Cameras and a switch without upstream are learnt with their right ports; a false one is contradicting."""
    cameras, devices = read(town / "cameras.csv"), read(town / "devices.csv")
    found = json.loads(healthd("inventory", "topology", "-c", str(town / "healthd.yml"), "--json").stdout)
    assert (found["contradicting"], found["learnt"]) == ([], [])
    seen = {link["id"] for link in found["known"] if "bridge" in link["sources"]}
    switches = {link["id"] for link in found["known"] if "lldp" in link["sources"] and link["id"][:2] == "SW"}
    visible = [row for row in cameras if row["id"] in seen and row["upstream"] in switches]
    assert len(visible) > 5, "this city's switches tell nothing"

    liar, *silent = visible[:6]
    right = {row["id"]: {"device": row["upstream"], "port": row["upstream_port"]} for row in visible}
    lie = next(row["upstream"] for row in cameras if row["upstream"] not in (liar["upstream"], ""))
    liar |= {"upstream": lie, "upstream_port": "1"}
    for row in silent:
        row |= {"upstream": "", "upstream_port": ""}
    hole = next(row for row in devices if row["id"] in switches)
    right[hole["id"]] = {"device": hole["upstream"], "port": hole["upstream_port"]}
    hole |= {"upstream": "", "upstream_port": ""}

    config = other_inventory(town, cameras=cameras, devices=devices)
    found = json.loads(healthd("inventory", "topology", "-c", str(config), "--json").stdout)
    learnt = {link["id"]: link["network"] for link in found["learnt"]}
    assert learnt == {id_: [right[id_]] for id_ in (*(row["id"] for row in silent), hole["id"])}
    (against,) = found["contradicting"]
    assert (against["id"], against["inventory"]["device"]) == (liar["id"], lie)
    assert against["network"] == [right[liar["id"]]]
    text = healthd("inventory", "topology", "-c", str(config)).stdout.splitlines()
    assert text[1].startswith("contradicting")
    assert liar["name"] in text[1]
    assert f"{len(learnt)} learnt, 1 contradicting" in text[-1]


def test_nobody_answers(town: Path) -> None:
    """Where no device answers, each is named, and the exit code is 1."""
    devices = read(town / "devices.csv")
    for row in devices:
        row["address"] = "127.255.0.9" if row["id"] == "RT-320601" else ""
    config = other_inventory(town, devices=devices)
    done = healthd("inventory", "topology", "-c", str(config), check=False)
    assert done.returncode == 1
    assert "RT-320601 did not answer" in done.stdout
    assert "Traceback" not in done.stderr
