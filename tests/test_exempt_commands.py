"""`healthd exempt` and `healthd changes`: filed, listed, ended, and refused with the remedy."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from healthd.cli import main
from healthd.config_levers import changed_levers
from healthd.model import DeviceLink
from healthd.recording import placement_changes
from healthd.setup import read_setup
from healthd.store import Batch, Store
from healthd.store.evidence_files import evidence_directory

CONFIG = Path(__file__).parent.parent / "config"
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example configuration with a store that a daemon has kept for the last 40 days."""
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("rules", "grafana"))
    path = tmp_path / "config" / "healthd.yml"
    setup = read_setup(path)
    now = round(datetime.now(UTC).timestamp() * 1000)
    begun = now - 40 * DAY
    changes = placement_changes({}, setup.inventory, begun, "inventory")
    links = [DeviceLink(device.id, begun, device.upstream, "x") for device in setup.inventory.devices.values()]
    regions = [*setup.inventory.regions.values()]
    names = {camera.id: camera.name for camera in setup.inventory.cameras.values()}
    store = Store.open(setup.config.store.url, writer=True)
    levers = changed_levers({}, setup.config, begun, "inventory")
    store.write(
        Batch((), (begun, now), changes, names=names, regions=regions, recorded=begun, links=links, levers=levers)
    )
    store.close()
    return path


@pytest.fixture
def camera(config: Path) -> str:
    return next(one.id for one in read_setup(config).inventory.cameras.values() if one.in_service)


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")


def run(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> tuple[int, str, str]:
    code = main(["exempt", *words[:1], "-c", str(config), *words[1:]])
    said = capsys.readouterr()
    return code, said.out, said.err


def filed(capsys: pytest.CaptureFixture[str], config: Path, *words: str, **changed: str) -> tuple[int, Any, str]:
    """`healthd exempt add` with what a test does not care about filled in."""
    said = {"reason": "construction", "approver": "王科长", "by": "ops", "from": ago(1), "to": ago(-2), **changed}
    options = [word for name, value in said.items() for word in (f"--{name}", value)]
    code, out, err = run(capsys, config, "add", "--json", *options, *words)
    return code, json.loads(out) if code == 0 else None, err


def listed(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> list[Any]:
    code, out, err = run(capsys, config, "list", "--json", *words)
    assert (code, err) == (0, "")
    found: list[Any] = json.loads(out)
    return found


def test_what_is_filed_is_listed_whole(
    capsys: pytest.CaptureFixture[str], config: Path, camera: str, tmp_path: Path
) -> None:
    """Every field comes back in the list, the evidence with its checksum; a copy of the file is kept beside the
    store, readable by owner and group only."""
    proof = tmp_path / "停电通知.pdf"
    proof.write_bytes(b"%PDF-1.4 notice")
    code, one, err = filed(capsys, config, "--evidence", str(proof), "--note", "修路", scope=f"camera:{camera}")
    assert (code, err) == (0, "")
    assert listed(capsys, config) == [one]
    assert (one["scope"], one["reason"], one["approver"], one["author"]) == (
        f"camera:{camera}",
        "construction",
        "王科长",
        "ops",
    )
    assert (one["state"], one["late"], one["note"], one["until"]) == ("in_force", False, "修路", one["to"])
    digest = one["evidence"]["sha256"]
    assert one["evidence"] == {"name": "停电通知.pdf", "sha256": digest, "size_bytes": 15}
    kept = evidence_directory(config.parent / "healthd.db") / digest
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (b"%PDF-1.4 notice", 0o640)


def test_an_exemption_reaches_the_rates_and_the_change_list(
    capsys: pytest.CaptureFixture[str], config: Path, camera: str
) -> None:
    """Filed seconds are exempt in `healthd rates`, and stand in `healthd changes` with their camera-hours."""
    _, one, _ = filed(capsys, config, scope=f"camera:{camera}", **{"from": ago(30), "to": ago(6)})
    assert main(["rates", "-c", str(config), "--from", ago(48), "--camera", camera, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["exempt_seconds"] for row in rows} == {24 * 3600}
    assert main(["changes", "-c", str(config), "--from", ago(48), "--json"]) == 0
    [line] = json.loads(capsys.readouterr().out)
    assert (line["exemption"], line["camera_ms"], line["camera_hours"]) == (one["exemption"], DAY, 24)
    assert main(["changes", "-c", str(config), "--from", ago(48)]) == 0
    text = capsys.readouterr().out
    assert "24.00" in text
    assert "王科长" in text


def test_ending_and_correcting_are_new_records(
    capsys: pytest.CaptureFixture[str], config: Path, camera: str
) -> None:
    """An exemption ends early, is withdrawn or corrected by records that refer to it; it is listed as it was."""
    keys = []
    for hours in (1, -1, -3):
        _, one, _ = filed(capsys, config, scope=f"camera:{camera}", **{"from": ago(hours), "to": ago(-9)})
        keys.append(one["exemption"])
    code, out, _ = run(capsys, config, "end", keys[0], "--at", ago(0), "--approver", "李", "--by", "ops", "--json")
    assert code == 0
    ended = json.loads(out)
    assert (ended["state"], ended["ended"]["approver"], ended["exemption"]) == ("ended", "李", keys[0])
    code, out, _ = run(capsys, config, "end", keys[1], "--at", ago(0), "--approver", "李", "--by", "ops")
    assert (code, out) == (0, f"{keys[1]}: withdrawn, it covers nothing\n")
    _, new, _ = filed(capsys, config, "--corrects", keys[2], scope=f"camera:{camera}", to=ago(-5))
    found = {one["exemption"]: one for one in listed(capsys, config)}
    assert len(found) == 4
    assert (found[keys[2]]["state"], found[keys[2]]["corrected_by"]) == ("corrected", new["exemption"])
    assert [one["exemption"] for one in listed(capsys, config, "--open")] == [new["exemption"]]
    assert len(listed(capsys, config, "--from", ago(-6))) == 3
    for key, says in ((keys[0], "covers nothing after"), (keys[2], "was corrected by"), ("E0", "no exemption")):
        code, _, err = run(capsys, config, "end", key, "--approver", "李")
        assert (code, says in err) == (1, True), err


def test_filing_late_must_be_admitted_and_is_listed(
    capsys: pytest.CaptureFixture[str], config: Path, camera: str
) -> None:
    """What is filed later than the limit is refused, unless --late and a note say so; then it is marked late."""
    scope, start = f"camera:{camera}", {"from": ago(100)}
    for words in ((), ("--late",), ("--note", "忘记登记")):
        code, _, err = filed(capsys, config, *words, scope=scope, **start)
        assert (code, "more than 72 h ago" in err, "--late" in err) == (1, True, True)
    code, one, _ = filed(capsys, config, "--late", "--note", "忘记登记", scope=scope, **start)
    assert (code, one["late"]) == (0, True)
    code, _, err = run(capsys, config, "end", one["exemption"], "--at", ago(90), "--approver", "李")
    assert (code, "--late" in err) == (1, True)
    code, out, _ = run(capsys, config, "list")
    assert " late" in out


def test_lists_of_a_region(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    """`--region` shows what concerns cameras in or below it, filed for camera, device, region or what is above."""
    inventory = read_setup(config).inventory
    camera = next(one for one in inventory.cameras.values() if one.in_service and one.placement.upstream)
    region = camera.placement.region
    top = [*inventory.line_of(region)][-1]
    scopes = [f"camera:{camera.id}", f"region:{region}", f"device:{camera.placement.upstream}", f"region:{top}"]
    keys = []
    for scope in scopes:
        code, one, err = filed(capsys, config, "--everything", scope=scope)
        assert code == 0, err
        keys.append(one["exemption"])
    assert {one["exemption"] for one in listed(capsys, config, "--region", region)} == {*keys}
    other = next(one.placement.region for one in inventory.cameras.values() if one.placement.region != region)
    assert keys[0] not in {one["exemption"] for one in listed(capsys, config, "--region", other)}
    assert {one["exemption"] for one in listed(capsys, config, "--region", top)} == {*keys}
    code, _, err = run(capsys, config, "list", "--region", "nowhere")
    assert (code, '"nowhere": unknown' in err) == (1, True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"to": ago(2)}, "lies before from"),
        ({"from": "2026-07-01T00:00", "to": "2026-07-01T00:00"}, "same as from"),
        ({"to": "2999-01-01"}, "longer than 366 days"),
        ({"from": "2999-01-01", "to": "2999-01-02"}, "366 days ahead"),
        ({"from": "gestern"}, 'from: "gestern" is not a time'),
        ({"to": "2026-13-01"}, 'to: "2026-13-01" is not a time'),
        ({"scope": "camera:nobody"}, 'scope "camera:nobody": unknown camera'),
        ({"scope": "region:1"}, "unknown region"),
        ({"scope": "device:\x1b[31mred"}, "unknown device"),
        ({"scope": "city"}, "is not a scope (write camera:ID, region:CODE, device:ID)"),
        ({"scope": "camra:x"}, 'did you mean "camera"?'),
        ({"scope": "camera:"}, "names nobody"),
        ({"reason": "constuction"}, 'did you mean "construction"?'),
        ({"reason": "other"}, "reason other: says nothing by itself"),
        ({"approver": "  "}, "approver: missing"),
        ({"approver": "王" * 101}, "approver: has 101 characters"),
        ({"note": "n" * 2001}, "note: has 2,001 characters"),
        ({"note": "a\x07b"}, "note: holds control characters"),
        ({"by": "a\nb"}, "by: holds control characters"),
        ({"corrects": "E1"}, "no exemption of this id"),
        ({"evidence": "absent.pdf"}, "absent.pdf: No such file"),
        ({"evidence": "/dev/null"}, "not a plain file"),
    ],
)
def test_what_cannot_be_filed_says_why(
    capsys: pytest.CaptureFixture[str], config: Path, camera: str, changed: dict[str, str], says: str
) -> None:
    """Wrong input is one line with the remedy, exit 1, no escape sequence on the terminal, and nothing filed."""
    code, _, err = filed(capsys, config, **{"scope": f"camera:{camera}", **changed})
    assert (code, err.count("\n")) == (1, 1)
    assert says in err
    assert "\x1b" not in err
    assert listed(capsys, config) == []


def test_everything_and_the_same_again_are_asked_back(
    capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path
) -> None:
    """An exemption of every camera must be meant, the same one twice is refused, an oversized file too."""
    inventory = read_setup(config).inventory
    top = next(region.code for region in inventory.regions.values() if not region.parent)
    code, _, err = filed(capsys, config, scope=f"region:{top}")
    assert (code, "covers every camera in service" in err, "--everything" in err) == (1, True, True)
    times = {"from": ago(1), "to": ago(-1)}
    code, one, _ = filed(capsys, config, "--everything", scope=f"region:{top}", **times)
    assert code == 0
    code, _, err = filed(capsys, config, "--everything", scope=f"region:{top}", **times)
    assert (code, f"is filed already, as {one['exemption']}" in err) == (1, True)
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(10_000_001))
    code, _, err = filed(capsys, config, "--evidence", str(large), scope=f"region:{top}")
    assert (code, "larger than 10,000,000 bytes" in err) == (1, True)
    assert not evidence_directory(config.parent / "healthd.db").exists()


def test_without_a_store_there_is_nothing_to_file_in(
    capsys: pytest.CaptureFixture[str], config: Path, camera: str
) -> None:
    """Before the daemon ever ran the command says to start it, and makes no store of its own."""
    (config.parent / "healthd.db").unlink()
    code, _, err = filed(capsys, config, scope=f"camera:{camera}")
    assert (code, "start `healthd run` first" in err) == (1, True)
    assert not (config.parent / "healthd.db").exists()
