"""Probing in processes of its own: shares, memories, and a real daemon whose processes are killed under it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from healthd.model import REFERENCE, Asked, Camera, Device, Inventory, Placement
from healthd.probing.child import Memories
from healthd.probing.share import Split
from probes.base import Memory, Outcome, Reason, Result
from tests.bench.load import called_offline
from tests.running import Daemon, city, daemon, edit_config, wait_until
from tests.test_core import camera

CHECKS = {
    "ping": {"interval": "2s", "timeout": "500ms"},
    "snmp": {"interval": "4s", "timeout": "1s"},
    "onvif": {"interval": "6s", "timeout": "2s"},
    "frame": {"interval": "6s", "timeout": "3s"},
}


def fleet() -> Inventory:
    """40 switches of five cameras each; two channels of a recorder that hang on different switches."""
    devices = {f"sw{i}": Device(f"sw{i}", "", "switch", "r", f"127.0.2.{i}") for i in range(40)}
    cameras = {f"c{i}": Camera(f"c{i}", "", f"127.0.1.{i}", _at(i)) for i in range(200)}
    for channel, switch in enumerate(("sw1", "sw2")):
        cameras[f"n{channel}"] = Camera(f"n{channel}", "", "127.0.3.1", Placement("r", "1", upstream=switch))
    return Inventory({}, devices, cameras)


def _at(number: int) -> Placement:
    return Placement("r", "1", upstream=f"sw{number // 5}")


def test_every_subject_has_one_share_and_what_shares_a_link_or_an_address_stays_together() -> None:
    """All cameras and devices are asked once; cameras below one switch, and channels of one address, by one
    process; reference targets by each."""
    inventory = fleet()
    split = Split(inventory, 3)
    shares = [split.inventory(place) for place in range(3)]
    assert sorted(c for share in shares for c in share.cameras) == sorted(inventory.cameras)
    assert sorted(d for share in shares for d in share.devices) == sorted(inventory.devices)
    assert min(len(share.cameras) for share in shares) > 30
    for one in inventory.cameras.values():
        assert split.of(one.id) == split.of(one.reach)
        if not one.id.startswith("n"):
            assert split.of(one.id) == split.of(one.placement.upstream)
    assert split.of("n0") == split.of("n1")
    assert [*split.of(REFERENCE + "10.0.0.1")] == [0, 1, 2]
    assert split.of("stranger") == ()


def test_a_process_learns_as_the_core_does() -> None:
    """Logins are refused to all channels of an address, the rest is the camera's own; a reload forgets nothing of
    who stays."""
    one, other, third = camera(1), camera(2), camera(3)
    channels = [Camera(c.id, "", "127.0.1.9", c.placement) for c in (one, other)]
    inventory = Inventory({}, {}, {c.id: c for c in (*channels, third)})
    memories = Memories()
    memories.replace(inventory, {c: Memory() for c in inventory.cameras})
    learnt = {"refusals": 2, "refused_login": "x", "mac": "m", "signature": b"not of the memory"}
    memories.learn(Asked("c1", "onvif", 1, 0.1, Result(Outcome.FAIL, Reason.AUTH, learnt=learnt)))
    assert memories.of("c1") == Memory(refusals=2, refused_login="x", mac="m")
    assert memories.of("c2") == Memory(refusals=2, refused_login="x")
    assert memories.of("c3") == Memory()
    memories.replace(Inventory({}, {}, {"c1": channels[0]}), {"c1": Memory()})
    assert memories.of("c1").refusals == 2
    assert memories.of("c2") == Memory()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a daemon with two probing processes over a city of 40 cameras."""
    directory = tmp_path_factory.mktemp("crew")
    with city(directory, 40):
        state = {"retry_interval": "1s"}
        edit_config(directory / "healthd.yml", checks=CHECKS, state=state, probing={"processes": 2})
        yield directory / "healthd.yml"


def probing(running: Daemon) -> list[int]:
    """The processes below the daemon."""
    pid = running.program.process.pid
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split() if "probing" in Path(f"/proc/{word}/cmdline").read_text()]


def answered(running: Daemon, check: str, prober: str) -> int:
    return int(
        sum(running.samples("healthd_check_results_total", check=check, prober=prober, outcome="ok").values())
    )


def test_two_processes_share_the_city_and_a_killed_one_comes_back(config: Path) -> None:
    """Both ask every check, pictures too, under a label of their own. One that is killed, and one that hangs up in
    the middle, is replaced; nobody was offline, and a stop ends all within five seconds."""
    with daemon(config) as running:
        running.ready()
        wait_until(lambda: all(answered(running, check, prober) > 3 for prober in "12" for check in CHECKS))
        scheduled = running.samples("healthd_checks_scheduled", check="snmp")
        assert sum(scheduled.values()) == 40
        assert all(count > 4 for count in scheduled.values())
        first = probing(running)
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(set(probing(running)) - set(first)) == 1)
        restarts = running.samples("healthd_prober_restarts_total")
        assert sum(restarts.values()) == 1
        (prober,) = (dict(labels)["prober"] for labels, count in restarts.items() if count)
        before = answered(running, "ping", prober)
        wait_until(lambda: answered(running, "ping", prober) > before + 20)
        assert running.post("/-/reload")[0] == 200
        last = probing(running)
        begun = time.monotonic()
        assert running.program.stop() == 0
        assert time.monotonic() - begun < 5.0
        assert not any(Path(f"/proc/{pid}").exists() for pid in (*first, *last))
    assert "Traceback" not in running.program.text
    assert called_offline(config.parent) == 0


def test_no_process_outlives_a_killed_daemon(config: Path) -> None:
    """kill -9 of the daemon ends its probing processes too."""
    with daemon(config) as running:
        wait_until(lambda: len(probing(running)) == 2)
        mine = probing(running)
        running.program.process.kill()
        running.program.process.wait()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in mine), 10)
