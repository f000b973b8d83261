"""`healthd incidents`: what the operator reads and does on a terminal, over a real store and the real pages."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from healthd.cli import main
from healthd.folding.disagreements import Disagreement, Discord
from healthd.incidents.evidence import clue
from healthd.incidents.incident import Acknowledgement, Cause, Happening, Incident, Kind, What
from healthd.model import Axis, Change, Flip, Placement, State
from healthd.store import Batch, Store
from tests.running import city, daemon, edit_config, free_port, healthd, wait_until
from tests.web_kit import Site, serving

HOUR, DAY = 3_600_000, 86_400_000
NOW = time.time_ns() // 1_000_000
BEGUN = NOW - 10 * DAY
CAMERAS = [f"c{number:02d}" for number in range(40)]
PLACES = {camera: Placement("320101" if number < 30 else "3202", "1", "police", "north", upstream="sw1")
          for number, camera in enumerate(CAMERAS)}  # fmt: skip
CONFIG = """site: nantong
inventory: {regions: regions.csv, devices: devices.csv, cameras: cameras.csv, maintainers: maintainers.csv}
checks: {ping: {}, frame: {}}
web: {listen: "127.0.0.1:9"}
"""


def incident(key: str, subject: str, cameras: list[str], **changes: Any) -> Incident:
    here = ("320101", "1", "police", "north")  # region, class, unit, maintainer
    made = Incident(
        key, Kind.OFFLINE, Cause.POWER, subject, *here, frozenset(cameras), NOW - 5 * HOUR, NOW - 5 * HOUR
    )
    return replace(made, **{"most_cameras": len(cameras), "due": NOW - HOUR, **changes})


SWITCH = incident("ISWITCH", "sw1", CAMERAS[:4], evidence=(clue("device_silent", device="一号交换机", cameras=4),))
DARK = incident(
    "IDARK", "c04", ["c04"], kind=Kind.PICTURE, cause=Cause.PICTURE, acknowledged=Acknowledgement("王", NOW - HOUR)
)
FAR = incident("IFAR", "c35", ["c35"], region="3202", maintainer="", cause=Cause.LINK, due=NOW + DAY)
DONE = incident(
    "IDONE", "c04", [], closed=NOW - 4 * HOUR, verified=True, opened=NOW - 6 * HOUR, since=NOW - 6 * HOUR
)
PART = incident("IPART", "c00", [], closed=NOW - 4 * HOUR, merged_into="ISWITCH")


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A configuration of 40 cameras of which six are bad, and the store as a daemon left it a second ago."""
    regions = ["32,南通,city,", "3201,甲区,county,32", "320101,甲一街道,township,3201", "3202,乙区,county,32"]
    files = {
        "healthd.yml": CONFIG,
        "regions.csv": "\n".join(["code,name,level,parent", *regions]),
        "devices.csv": "id,name,kind,region,address,credential,upstream,upstream_port\n"
        "sw1,一号交换机,switch,320101,127.0.0.2,,,\n",
        "maintainers.csv": "id,name,contact,from,to,repair_hours\nnorth,北方维保,,,,\n",
        "cameras.csv": "id,name,region,class,address,unit,maintainer,upstream\n"
        + "".join(
            f"{camera},{camera} 路口,{place.region},1,127.1.0.{number + 1},police,north,sw1\n"
            for number, (camera, place) in enumerate(PLACES.items())
        ),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    store = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    changes = [Change(camera, BEGUN, place, "test") for camera, place in PLACES.items()]
    up = [Flip(c, Axis.ONLINE, BEGUN, State.ONLINE, State.UNKNOWN) for c in CAMERAS]
    up += [Flip(c, Axis.PICTURE, BEGUN, State.GOOD, State.UNKNOWN) for c in CAMERAS]
    down = [Flip(c, Axis.ONLINE, NOW - 5 * HOUR, State.OFFLINE, State.ONLINE) for c in (*CAMERAS[:4], "c35")]
    down += [Flip(f.camera, Axis.PICTURE, f.at, State.UNKNOWN, State.GOOD) for f in down]
    down += [Flip("c04", Axis.PICTURE, NOW - HOUR, State.FAULTY, State.GOOD, ("dark",))]
    story = [Happening(one.opened, What.OPENED, one) for one in (DONE, SWITCH, DARK, FAR, PART)]
    found = [
        Disagreement("c01", Discord.PROTOCOL_WITHOUT_REACH, NOW - 4 * HOUR, "snmp"),
        Disagreement("c05", Discord.REACH_WITHOUT_PICTURE, NOW - 3 * HOUR, "auth", NOW - 2 * HOUR),
    ]
    batch = Batch([*up, *down], (BEGUN, NOW - 1000), changes, recorded=NOW, happenings=story, disagreements=found)
    store.write(batch)
    store.close()
    return tmp_path / "healthd.yml"


@pytest.fixture
def told(town: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `healthd incidents ...` and gives its exit code, output and errors."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # the command sets up its own

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--log-level", "error", "incidents", "-c", str(town), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def document(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert (code, err) == (0, "")
    return json.loads(out)


def test_list_has_what_the_contract_names(told: Any) -> None:
    """Every field of an incident is in the JSON, with times in UTC and the cameras that are down now."""
    found = {one["incident"]: one for one in document(told("--json"))}
    assert list(found) == ["IDONE", "IDARK", "IFAR", "IPART", "ISWITCH"]
    one = found["ISWITCH"]
    assert one == json.loads(json.dumps(SWITCH.as_json(NOW)))
    named = "kind cause subject region class unit maintainer counts_for cameras camera_ids since due overdue"
    assert {*named.split(), "acknowledged", "closed", "verified", "evidence"} <= one.keys()
    assert (one["cameras"], one["overdue"], one["counts_for"]) == (4, True, "power")


def test_findings_are_listed(told: Any) -> None:
    """Those that hold; with `--days` those that ended too; narrowed by region; in the table with their count."""
    (held,) = document(told("findings", "--json"))
    assert (held["camera"], held["finding"], held["detail"], held["until"]) == (
        "c01",
        "protocol_without_reach",
        "snmp",
        None,
    )
    assert [one["camera"] for one in document(told("findings", "--days", "1", "--json"))] == ["c01", "c05"]
    assert document(told("findings", "--region", "3202", "--json")) == []
    code, out, _ = told("findings")
    assert code == 0
    assert "c01 路口" in out
    assert "protocol_without_reach: 1 now" in out
    assert told("findings", "--region", "3202")[1].endswith("No contradictions.\n")
    for mistake in (("--region", "77"), ("--days", "-1")):
        code, _, err = told("findings", *mistake)
        assert (code, err.count("\n")) == (1, 1)


def test_evidence_in_chinese(told: Any) -> None:
    """`--lang zh` tells the evidence in Chinese, in the table and in JSON."""
    sentence = "一号交换机 及其下 4 台摄像机均无应答"
    assert sentence in told("--open", "--lang", "zh")[1]
    assert [sentence] in [one["evidence"] for one in document(told("--json", "--lang", "zh"))]


def test_list_is_narrowed(told: Any) -> None:
    """By open, by a region with all below it, by maintainer; what was closed long ago is left out."""

    def ids(*arguments: str) -> set[str]:
        return {one["incident"] for one in document(told("--json", *arguments))}

    assert ids("--open") == {"ISWITCH", "IDARK", "IFAR"}
    assert ids("--open", "--region", "32") == {"ISWITCH", "IDARK", "IFAR"}
    assert ids("--open", "--region", "3201") == {"ISWITCH", "IDARK"}
    assert ids("--region", "3202") == {"IFAR"}
    assert ids("--maintainer", "") == {"IFAR"}
    assert ids("--open", "--maintainer", "north") == {"ISWITCH", "IDARK"}
    assert ids("--days", "0") == {"ISWITCH", "IDARK", "IFAR"}


def test_list_for_people(told: Any) -> None:
    """The table names places and subjects, who has taken it on, and why; it is no wall of codes."""
    code, out, _ = told("--open")
    (switch,) = [line for line in out.splitlines() if "ISWITCH" in line]
    assert code == 0
    for words in ("sw1 一号交换机", "甲一街道", "power", "overdue", "do not answer"):
        assert words in switch
    assert "overdue, 王" in out
    assert "merged into ISWITCH" in told()[1]
    assert "No incidents." in told("--region", "3202", "--maintainer", "north")[1]


def test_plan(told: Any) -> None:
    """Fixing the switch alone lifts the city to its target; the figures are exact and the last step reaches it."""
    found = document(told("plan", "--region", "32", "--json"))
    assert (found["good"], found["assessed"], found["target"], found["outcome"]) == (34, 40, 0.97, "reachable")
    steps = [(step["incident"], step["cameras"], step["good"]) for step in found["steps"]]
    assert steps == [("ISWITCH", 4, 38), ("IDARK", 1, 39)]
    assert found["steps"][-1]["ratio"] == 39 / 40
    assert (found["region"], found["class"], found["rate"], found["profile"]) == ("32", "all", "intact", "default")
    code, out, _ = told("plan", "--region", "32")
    assert code == 0
    for words in ("34 of 40 cameras, 85.00 %", "sw1 一号交换机", "+4", "95.00 %", "97.50 %"):
        assert words in out


@pytest.mark.parametrize(
    ("arguments", "outcome", "says"),
    [
        (["--region", "32", "--rate", "online"], "reachable", "+4"),
        (["--region", "3202", "--rate", "online"], "reached", "The target is reached"),
        (["--region", "32", "--class", "3"], "no_target", "sets no target"),
        (["--region", "32", "--profile", "nantong-2017"], "no_target", "sets no target"),
        (["--region", "32", "--profile", "nantong-2017", "--class", "1"], "reachable", "100.00 %"),
        (["--region", "32", "--profile", "ningxia-2014"], "reached", "34 of 35 cameras, 97.14 %"),
    ],
)
def test_plans_by_rate_class_and_profile(told: Any, arguments: list[str], outcome: str, says: str) -> None:
    """Each profile's own target and denominators count; where there is nothing to plan it is said."""
    assert document(told("plan", *arguments, "--json"))["outcome"] == outcome
    assert says in told("plan", *arguments)[1]


def test_statistics(told: Any, town: Path) -> None:
    """A period's table by maintainer: a merged incident is no repair, an overdue one is, a return is a repeat."""
    day = time.strftime("%Y-%m-%d", time.gmtime(NOW / 1000 - 2 * 86_400))
    rows = document(told("stats", "--from", day, "--by", "maintainer", "--json"))
    (north,) = [row for row in rows if row["key"] == "north"]
    assert (north["opened"], north["merged"], north["closed"], north["open"], north["overdue"]) == (4, 1, 1, 2, 2)
    assert (north["due"], north["timely"], north["repeats"]) == (3, 1, 0)
    assert (north["name"], north["mean_repair_seconds"]) == ("北方维保", 2 * 3600)
    code, out, _ = told("stats", "--from", day, "--by", "cause")
    assert code == 0
    assert "2:00 h" in out
    keys = [row["key"] for row in document(told("stats", "--from", day, "--region", "3201", "--json"))]
    assert keys == ["32", "3201", "320101"]
    store = Store.open(f"sqlite:///{town.parent}/healthd.db", writer=True)
    before = replace(SWITCH, id="IBEFORE", opened=NOW - 9 * DAY, closed=NOW - 8 * DAY)
    store.write(Batch(happenings=[Happening(before.closed, What.CLOSED, before)]))
    store.close()
    (north, *_) = document(told("stats", "--from", day, "--by", "maintainer", "--region", "3201", "--json"))
    assert (north["closed"], north["repeats"]) == (1, 1)
    month = time.strftime("%Y-%m", time.localtime(NOW / 1000 + 8 * 3600))
    assert told("stats", "--month", month)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--region", "3203"], '--region "3203": unknown'),
        (["--maintainer", "nort"], '--maintainer "nort": unknown (did you mean "north"?)'),
        (["--days", "-1"], "--days must not be negative"),
        (["plan"], "which region? (give --region CODE)"),
        (["plan", "--region", "3203"], '--region "3203": unknown'),
        (
            ["plan", "--region", "32", "--profile", "nantong"],
            'there is no such profile (did you mean "nantong-2017"?)',
        ),
        (["stats"], "which period?"),
        (["stats", "--month", "2026-13"], "is not a month"),
        (["stats", "--from", "2001-01-01", "--to", "2001-01-01"], "empty or reversed"),
        (["stats", "--from", "2001-01-01", "--region", "x"], '--region "x": unknown'),
    ],
)
def test_mistakes_are_one_line_with_a_remedy(told: Any, arguments: list[str], says: str) -> None:
    """Exit code 1, one line on stderr, nothing on stdout."""
    code, out, err = told(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err


def test_options_may_stand_before_or_after_the_word(town: Path) -> None:
    """As a real process: `-c FILE`, `--region` and `--json` are heard on either side of `plan`."""
    after = healthd("incidents", "plan", "-c", str(town), "--region", "32", "--json").stdout
    before = healthd("incidents", "-c", str(town), "--region", "32", "--json", "plan").stdout
    assert json.loads(after) == json.loads(before)


def test_nothing_seen_yet(town: Path) -> None:
    """A store in which nothing was seen has no plan and no statistics, and says what to do."""
    (town.parent / "healthd.db").unlink()
    Store.open(f"sqlite:///{town.parent}/healthd.db", writer=True).close()
    for arguments in (["plan", "--region", "32"], ["stats", "--from", "2026-01-01"]):
        done = healthd("incidents", *arguments, "-c", str(town), check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "nothing" in done.stderr


# --- the operator's two acts ---------------------------------------------------------------------------------


@pytest.fixture
def site() -> Site:
    return Site(stored={"ISWITCH": SWITCH, "IDONE": DONE})


@pytest.fixture
async def act(site: Site, town: Path, told: Any) -> AsyncIterator[Any]:
    """Runs the command against the real web application."""
    async with serving(site):
        edit_config(town, web={"listen": site.base.removeprefix("http://")})
        yield partial(asyncio.to_thread, told)


async def test_acknowledge_and_close(site: Site, act: Any) -> None:
    """The daemon hears which incident, who, and why."""
    assert await act("ack", "ISWITCH", "--by", "王 工", "--note", "两小时到") == (
        0,
        "ISWITCH: acknowledged\n",
        "",
    )
    assert await act("close", "ISWITCH", "--by", "王 工") == (0, "ISWITCH: closed\n", "")
    assert site.acts == [("acknowledge", "ISWITCH", "王 工", "两小时到"), ("close", "ISWITCH", "王 工", "")]


async def test_what_still_fails_stays_open(site: Site, act: Any) -> None:
    """The daemon's refusal is told in its own words, with exit code 1 and no traceback."""
    site.objection = clue("device_still_silent", device="sw1")
    code, out, err = await act("close", "ISWITCH", "--by", "王")
    assert (code, out) == (1, "")
    assert err == "refused: sw1 still does not answer\n"


async def test_unknown_and_closed_incidents(site: Site, act: Any) -> None:
    """An id that is none, whatever is in it, and one that is closed are told apart; nothing is done."""
    for key in ("INONE", "../../-/reload", "a b?c#d", "%00"):
        code, _, err = await act("close", key, "--by", "x")
        assert (code, err.count("\n")) == (1, 1)
        assert "there is none of that id" in err
    assert "closed already" in (await act("ack", "IDONE", "--by", "x"))[2]
    assert (site.acts, site.reloads) == ([], [])


async def test_the_token_comes_from_the_environment(site: Site, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right token the daemon refuses, and the line says where to put it but never what it is."""
    site.settings = replace(site.settings, tokens={"ops": hashlib.sha256(b"s3cret").hexdigest()})
    for token in ("", "wr0ng"):
        monkeypatch.setenv("HEALTHD_TOKEN", token)
        code, _, err = await act("ack", "ISWITCH", "--by", "x")
        assert (code, "HEALTHD_TOKEN" in err, "wr0ng" in err) == (1, True, False)
    monkeypatch.setenv("HEALTHD_TOKEN", "s3cret")
    assert (await act("ack", "ISWITCH", "--by", "x"))[0] == 0
    monkeypatch.setenv("HEALTHD_TOKEN", "s3cret\r\nX-Evil: 1")
    code, _, err = await act("ack", "ISWITCH", "--by", "x")
    assert (code, err.count("\n"), "s3cret" in err) == (1, 1, False)


ANSWERS = {
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    "strange": b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\n\xff\xfe[",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
def answering() -> Iterator[Mapping[str, int]]:
    """Programs on ports of their own that answer what no healthd would: name -> port."""
    listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in ANSWERS}
    for listener in listeners.values():
        listener.settimeout(10)  # a test that fails leaves some of them alone

    def answer(name: str) -> None:
        try:
            peer, _ = listeners[name].accept()
        except OSError:
            return
        with peer:
            peer.recv(65536)
            peer.sendall(ANSWERS[name])

    threads = [threading.Thread(target=answer, args=(name,)) for name in ANSWERS]
    for thread in threads:
        thread.start()
    yield {name: listener.getsockname()[1] for name, listener in listeners.items()}
    for listener in listeners.values():
        listener.close()
    for thread in threads:
        thread.join(5)


def test_who_is_no_healthd(told: Any, town: Path, answering: Mapping[str, int]) -> None:
    """Nobody there, another program there, half an answer: one line with the address and what to look at."""
    for port in (free_port(), *answering.values()):
        edit_config(town, web={"listen": f"127.0.0.1:{port}"})
        code, out, err = told("ack", "ISWITCH", "--by", "x")
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert f"http://127.0.0.1:{port}: " in err
        assert "healthd" in err
    edit_config(town, web={"listen": "127.0.0.1:0"})
    assert "port 0" in told("ack", "ISWITCH", "--by", "x")[2]


@pytest.mark.slow
def test_over_a_running_daemon(tmp_path: Path) -> None:
    """Cameras that die are planned for with the page's own figures, acknowledged, and not closed while dead."""
    checks = {"ping": {"interval": "2s", "timeout": "500ms"}, "onvif": {"interval": "10s", "timeout": "2s"}}
    checks["frame"] = {"interval": "5s", "timeout": "2s"}
    state = {"fail_after": 3, "ok_after": 2, "retry_interval": "1s"}
    config, options = tmp_path / "healthd.yml", ["-c", str(tmp_path / "healthd.yml")]

    def ask(*arguments: str) -> Any:
        return json.loads(healthd("incidents", *arguments, *options, "--json").stdout)

    with city(tmp_path, 30):
        edit_config(config, checks=checks, state=state, reference_targets=["127.0.0.1"])
        with daemon(config) as running:
            running.ready()
            lines = (tmp_path / "cameras.csv").read_text("utf-8-sig").splitlines()
            rows = [*csv.DictReader(lines)]
            for number, row in enumerate(rows[:3]):
                row |= {"address": f"127.255.0.{number}", "reach": "tcp:9"}  # nothing answers there
            with (tmp_path / "cameras.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            assert running.post("/-/reload")[0] == 200
            wait_until(lambda: sum(one["cameras"] for one in ask("--open")) == 3)
            plan = ask("plan", "--region", "3206")
            path = "/api/v1/rates?window=now&region=3206&class=all&rate=intact&profile=default"
            (now,) = [row for row in json.loads(running.get(path)[1]) if row["key"] == "3206"]
            assert (plan["assessed"], plan["good"], plan["ratio"]) == (30, 27, now["ratio"])
            assert (plan["outcome"], [step["good"] for step in plan["steps"]]) == ("reachable", [28, 29, 30])
            key = plan["steps"][0]["incident"]
            healthd("incidents", "ack", key, "--by", "王", *options)
            refused = healthd("incidents", "close", key, "--by", "王", *options, check=False)
            assert (refused.returncode, "still fail" in refused.stderr) == (1, True)
            taken = {one["incident"]: one["acknowledged"] for one in wait_until(lambda: ask("--open"))}
            assert taken[key]["by"] == "王"
            (unknown,) = ask("stats", "--from", "2026-01-01", "--by", "maintainer", "--region", "3206")[:1]
            assert unknown["opened"] >= 1
