"""Evidence for a dispute: whole, readable, checkable, and the same whenever it is made."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from healthd.figures.evidence_pack import packed, problems
from healthd.incidents.incident import Cause, Happening, Incident, Kind, What
from healthd.model import Axis, Exemption, ExemptReason, Flip, Scope, ScopeKind, State
from healthd.store import Batch
from tests.running import edit_config
from tests.site_kit import DAY, HOUR, Site


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    return Site(tmp_path / "site", capsys)


def make(site: Site, directory: Path) -> Path:
    code, out, err = site.run("evidence", "--camera", "a", "--month", site.month, "-o", str(directory))
    assert code == 0, err
    path = directory / f"evidence-a-{site.month}.zip"
    assert out.startswith(f"{path}: ")
    return path


def files_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def document(files: dict[str, bytes], name: str) -> Any:
    return json.loads(files[name])


def rows(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(files[name].decode("utf-8-sig")))]


def dispute(site: Site) -> None:
    """The outage of camera a is an incident, half of it is exempt, and its results are known."""
    down = site.span.start + 5 * DAY
    evidence = ({"asked": down + 1, "state": "offline", "reason": "timeout"},) * 3 + (
        {"siblings": 4, "siblings_answered": 4},
    )
    flip = Flip("a", Axis.ONLINE, down + 1, State.OFFLINE, State.ONLINE, (), "timeout", down + 30_000, evidence)
    incident = Incident(
        "i-1", Kind.OFFLINE, Cause.POWER, "a", site.region, "1", "school", "north", frozenset("a"), down, down
    )
    with site.store() as store:
        store.write(Batch(flips=[flip], happenings=[Happening(down, What.OPENED, incident)]))
        store.file(
            Exemption(
                "x-1",
                Scope(ScopeKind.CAMERA, "a"),
                down + 3 * HOUR,
                down + 6 * HOUR,
                ExemptReason.POWER_WORKS,
                "Wang",
                "Li",
                down,
            )
        )


def test_a_pack_holds_all_that_decided_the_figure(site: Site, tmp_path: Path) -> None:
    """Ledger, results, incident, exemption, placement and heartbeats are in it; the ledger adds up to rates."""
    dispute(site)
    files = files_of(make(site, tmp_path))
    [online] = [
        one for one in document(files, "ledger.json") if (one["rate"], one["profile"]) == ("online", "default")
    ]
    whole = sum(entry["seconds"] for entry in online["entries"])
    assert whole == (site.span.end - site.span.start) / 1000
    kinds = {entry["bucket"]: entry["seconds"] for entry in online["entries"] if entry["bucket"] != "good"}
    assert kinds == {"bad": 3 * 3600.0, "exempt": 3 * 3600.0}
    [bad] = [entry for entry in online["entries"] if entry["bucket"] == "bad"]
    assert bad["why"] == "offline"
    assert [result["reason"] for result in bad["decided_by"][1]["results"][:3]] == ["timeout"] * 3
    [row] = [
        row
        for row in document(files, "rates.json")
        if (row["rate"], row["class"], row["profile"]) == ("online", "all", "default")
    ]
    last = online["entries"][-1]
    assert (last["good_seconds"], last["assessed_seconds"]) == (row["good_seconds"], row["assessed_seconds"])
    assert [one["incident"] for one in document(files, "incidents.json")] == ["i-1"]
    assert [one["exemption"] for one in document(files, "exemptions.json")] == ["x-1"]
    assert rows(files, "placements.csv")[0]["unit"] == "school"
    assert len(rows(files, "heartbeats.csv")) == 1
    assert len(rows(files, "flips.csv")) == 3
    assert "在线率" in files["profiles.json"].decode()
    assert "暂定" in files["README.zh.txt"].decode()
    assert "provisional" in files["README.en.txt"].decode()


def test_the_same_data_give_the_same_bytes(site: Site, tmp_path: Path) -> None:
    """Two packs of one month are byte for byte the same; both sides can compare one checksum."""
    dispute(site)
    assert make(site, tmp_path / "one").read_bytes() == make(site, tmp_path / "two").read_bytes()


def test_a_pack_can_be_checked_with_and_without_healthd(site: Site, tmp_path: Path) -> None:
    """`--verify` needs no configuration, and `sha256sum -c` does as well."""
    path = make(site, tmp_path)
    code, out, _ = site.run("evidence", "--verify", str(path))
    assert (code, "good, sha256 " in out) == (0, True)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "out")
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=True)


def changed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "ledger.csv": files["ledger.csv"].replace(b"offline", b"online!")}


def without(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != "flips.json"}


def added(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "note.txt": b"trust me"}


def no_manifest(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != "manifest.json"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (changed, "ledger.csv: changed"),
        (without, "flips.json: missing"),
        (added, "note.txt: not in the manifest"),
        (no_manifest, "not an evidence pack"),
    ],
)
def test_what_was_changed_is_found(site: Site, tmp_path: Path, spoil: Any, says: str) -> None:
    """A file that was changed, taken out or put in is named, with exit 1."""
    path = make(site, tmp_path)
    path.write_bytes(packed(spoil(files_of(path))))
    code, _, err = site.run("evidence", "--verify", str(path))
    assert (code, says in err) == (1, True), err
    assert "Traceback" not in err


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"<html>", bytes(5000)])
def test_what_is_no_pack_is_one_sentence(content: bytes) -> None:
    """Anything else is told, not raised."""
    [problem] = problems(content)
    assert "not an evidence pack" in problem


def test_every_cut_of_a_pack_is_told(site: Site, tmp_path: Path) -> None:
    """A pack that broke off anywhere, or with a flipped byte anywhere, is never called good nor a traceback."""
    whole = make(site, tmp_path).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 150)):
        assert [*problems(whole[:length])], length
        spoilt = bytearray(whole)
        spoilt[length] ^= 0x10
        [*problems(bytes(spoilt))]  # a byte of a .zip's own may not matter; it must not raise


def test_requests_that_make_no_sense(site: Site, tmp_path: Path) -> None:
    """Exit 1 and the remedy; nothing is written."""
    for arguments, says in (
        ((), "which evidence?"),
        (("--camera", "a"), "which evidence?"),
        (("--camera", "aa", "--month", site.month), "never seen"),
        (("--camera", "a", "--month", "2026-99"), "is not a month"),
        (("--camera", "a", "--month", "1999-01"), "nothing is known"),
        (("--verify", str(tmp_path / "none.zip")), "No such file"),
        (("--camera", "a", "--month", site.month, "-o", "/proc/none"), "No such file"),
    ):
        code, _, err = site.run("evidence", *arguments)
        assert (code, says in err) == (1, True), (arguments, err)
        assert "Traceback" not in err


def test_a_final_month_s_ledger_says_whether_it_still_adds_up(site: Site, tmp_path: Path) -> None:
    """What is recorded after a month was frozen moves its ledger, not its figure: both are shown, the pack is
    good, and one whose ledger tells of other frozen figures is not."""
    site.finalise()
    question = ("rates", "--month", site.month, "--camera", "a", "--explain", "--rate", "online")
    _, out, _ = site.run(*question, "--profile", "default")
    assert "final, version 1: " in out
    assert "; this ledger adds up to it" in out
    down = site.span.start + 20 * DAY
    with site.store() as store:
        store.write(Batch(flips=[Flip("a", Axis.ONLINE, down, State.OFFLINE, State.ONLINE)]))
    _, out, _ = site.run(*question, "--profile", "default")
    assert "something was recorded after the month was frozen. The frozen figure holds." in out
    path = make(site, tmp_path)
    files = files_of(path)
    [told] = [
        one for one in document(files, "ledger.json") if (one["rate"], one["profile"]) == ("online", "default")
    ]
    assert (told["frozen"]["version"], told["frozen"]["agrees"]) == (1, False)
    [row] = [
        row
        for row in document(files, "rates.json")
        if (row["rate"], row["class"], row["profile"]) == ("online", "all", "default")
    ]
    assert told["frozen"]["good_seconds"] == row["good_seconds"] > told["entries"][-1]["good_seconds"]
    assert [*problems(path.read_bytes())] == []
    other = json.loads(files["ledger.json"])
    other[0]["frozen"]["good_seconds"] += 1
    forged = {**files, "ledger.json": json.dumps(other).encode()}
    manifest = json.loads(forged["manifest.json"])
    manifest["files"]["ledger.json"]["sha256"] = hashlib.sha256(forged["ledger.json"]).hexdigest()
    forged["manifest.json"] = json.dumps(manifest).encode()
    assert any("are not those of rates.json" in one for one in problems(packed(forged)))


@pytest.mark.parametrize(
    ("method", "lines", "says"),
    [
        ({"audit": ["03:00", "22:00"], "method": "head_count"}, 2, "counted in heads"),
        ({"method": "daily_pass", "pass_at": 0.9}, 1, "counted in days"),
    ],
)
def test_explain_tells_what_was_counted(site: Site, method: dict[str, Any], lines: int, says: str) -> None:
    """By heads each head stands in the ledger, by days each day with its seconds; the sums are the row's."""
    edit_config(site.config, profile_definitions={"own": {"extends": "default", **method}}, profiles=["own"])
    days = (site.span.end - site.span.start) // DAY
    question = ("--month", site.month, "--camera", "a", "--rate", "online")
    [told] = json.loads(site.run("rates", *question, "--explain", "--json")[1])
    [row] = [
        row
        for row in json.loads(site.run("rates", *question, "--json")[1])
        if row["class"] == "1"
        if row["key"] == site.region
    ]
    assert len(told["entries"]) == lines * days
    last = told["entries"][-1]
    assert (last["good_count"], last["assessed_count"]) == (row["good_count"], row["assessed_count"])
    assert last["assessed_count"] > last["good_count"] > 0
    assert "good_seconds" not in last
    _, out, _ = site.run("rates", *question, "--explain")
    assert says in out


def test_explain_shows_the_results_behind_each_interval(site: Site) -> None:
    """`rates --explain` prints under each interval what was asked when and what came of it, and running sums."""
    dispute(site)
    code, out, err = site.run("rates", "--month", site.month, "--camera", "a", "--explain", "--rate", "online")
    assert code == 0, err
    [line] = [line for line in out.splitlines() if " bad " in line and "default" not in line][:1]
    assert "offline" in line
    assert "10800.000" in line
    assert "timeout" in out
    assert "4 of 4 siblings answered" in out


def test_explain_shows_what_a_picture_measured(site: Site) -> None:
    """Of a faulty picture each frame's value stands beside the threshold that it was held against."""
    at = site.span.start + 5 * DAY
    frame = {
        "state": "faulty",
        "reason": "ok",
        "findings": [{"fault": "noise", "value": 89.875, "threshold": 36.045}],
    }
    evidence = tuple({"asked": at + minute * 60_000, **frame} for minute in range(3))
    flip = Flip("a", Axis.PICTURE, at, State.FAULTY, State.GOOD, ("noise",), "ok", at + 120_000, evidence)
    with site.store() as store:
        store.write(Batch(flips=[flip]))
    code, out, err = site.run("rates", "--month", site.month, "--camera", "a", "--explain", "--rate", "intact")
    assert code == 0, err
    assert out.count("ok faulty (noise 89.88, threshold 36.05)") % 3 == 0 < out.count("(noise 89.88")
    documents = json.loads(
        site.run("rates", "--month", site.month, "--camera", "a", "--explain", "--profile", "default", "--json")[1]
    )
    assert {one["rate"] for one in documents} == {"online", "intact"}
    assert all(one["profile"] == "default" for one in documents)
