"""Picture faults end to end: a city of real sockets shows each, the daemon finds it, its end, and no other."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from pathlib import Path

from healthd.city.faults import BY_REFERENCE, Fault, Kind
from healthd.city.options import Reach
from healthd.city.serve import City
from healthd.model import Axis, Flip, State
from healthd.store import Store
from tests.city_kit import living
from tests.running import daemon, edit_config, rates
from tests.truth import read_truth

CAMERAS = 30
INTERVAL = 2.0  # seconds between two frames of a camera
LASTING, FLEETING = 4.0, 5.0
LEARNT_BY, FAULT_SECONDS = 16.0, 12.0
# When a flip may be dated beside the truth: a frame's time, and what a busy machine adds.
LATE = INTERVAL + 4.0
TOLD = {
    Kind.BLACK: "no_signal",
    Kind.BLUE: "no_signal",
    Kind.DARK: "dark",
    Kind.BRIGHT: "bright",
    Kind.CORRUPT: "corrupt",
    Kind.FROZEN: "frozen",
    **{kind: str(kind) for kind in (Kind.NOISE, Kind.STRIPES, Kind.SMALL, *BY_REFERENCE)},
}


async def test_every_fault_of_the_picture_is_found_and_so_is_its_end(tmp_path: Path) -> None:
    """One camera a fault, the others good: named and dated by the fault, good again after it; the intact rate is
    what the truth says."""
    victims = await cameras_of(tmp_path, CAMERAS)
    faults = [
        Fault(LEARNT_BY, LEARNT_BY + FAULT_SECONDS, kind, victims[number]) for number, kind in enumerate(TOLD)
    ]
    async with living(
        tmp_path,
        CAMERAS,
        reach=Reach.TCP,
        planned=faults,
        noon=True,
        onvif_interval="",
        snmp_interval="",
        device_interval="",
    ):
        ask_often(tmp_path / "healthd.yml")
        ask_small(tmp_path / "cameras.csv")
        start, end = await asyncio.to_thread(watch, tmp_path)
    check(tmp_path, faults, start, end)


async def cameras_of(directory: Path, cameras: int) -> list[str]:
    """The ids that such a city will have, of cameras that share no address."""
    async with living(directory / "before", cameras, reach=Reach.TCP) as city:
        return alone(city)


def alone(city: City) -> list[str]:
    return [one.id for one in city.plan.cameras.values() if len(city.plan.channels_at[one.address]) == 1]


def ask_small(cameras: Path) -> None:
    """Frames of 640x360, promised as such: a busy machine draws nine of them in the time of a large one."""
    text = cameras.read_text("utf-8").replace("/main.jpg", "/sub.jpg")
    cameras.write_text(re.sub(r"\b\d+x\d+\b", "640x360", text), "utf-8")


def ask_often(config: Path) -> None:
    edit_config(
        config,
        checks={
            "ping": {"interval": "2s", "timeout": "1s"},
            "frame": {"interval": f"{INTERVAL:g}s", "timeout": "1.9s", "small_profile": False},
        },
        state={"retry_interval": "1s", "picture_max_age": "30s"},
        picture={
            "day": "00:00-23:59",
            "retry_interval": f"{INTERVAL:g}s",
            "confirm": {"lasting": f"{LASTING:g}s", "fleeting": f"{FLEETING:g}s"},
        },
        reference_targets=["127.0.0.1"],
    )


def watch(directory: Path) -> tuple[float, float]:
    with daemon(directory / "healthd.yml") as running:
        running.ready()
        start = time.time() + 7  # every camera was asked by then
        time.sleep(LEARNT_BY + FAULT_SECONDS + FLEETING + LATE + 3)
        end = time.time() - 1
        assert running.program.stop() == 0
    return start, end


def check(directory: Path, faults: list[Fault], start: float, end: float) -> None:
    truth = read_truth(directory / "truth.jsonl")
    store = Store.open(f"sqlite:///{directory / 'healthd.db'}", writer=False)
    victims = {fault.target: fault for fault in faults}
    for camera in truth.cameras():
        flips = [flip for flip in store.flips(camera, 0, 1 << 60) if flip.axis is Axis.PICTURE]
        bad = [flip for flip in flips if flip.state not in (State.GOOD, State.UNKNOWN)]
        if camera not in victims:
            assert bad == [], camera
            continue
        fault = victims[camera]
        began, ended = (at for at, _ in truth.changes[camera, "picture"][1:3])
        assert any(TOLD[fault.kind] in flip.faults for flip in bad), (fault.kind, bad)
        assert_dated(bad[0], began, fault.kind)
        after = next(flip for flip in flips if flip.state is State.GOOD and flip.at > bad[0].at)
        assert_dated(after, ended, fault.kind)
        assert bad[0].evidence[0]["findings"]
    store.close()
    compare_rates(directory / "healthd.yml", victims, start, end)


def assert_dated(flip: Flip, true: float, kind: Kind) -> None:
    late = flip.at / 1000 - true
    assert -0.3 <= late <= LATE, f"{kind}: {flip.state} dated {late:.1f} s after the truth"


def compare_rates(config: Path, victims: dict[str, Fault], start: float, end: float) -> None:
    truth = read_truth(config.parent / "truth.jsonl")
    dates = itertools.chain.from_iterable(
        (name, time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(at)))
        for name, at in (("--from", start), ("--to", end))
    )
    rows = rates(config, *dates, "--rate", "intact", "--profile", "default", "--by", "camera")
    rows = [row for row in rows if row["class"] == "all"]
    assert len(rows) == len(truth.cameras())
    errors = []
    for row in rows:
        true = truth.good_seconds(row["key"], "picture", int(start), int(end))
        assert row["unknown_seconds"] == 0, row
        error = abs(row["good_seconds"] - true)
        if row["key"] in victims:
            errors.append(error)
        else:
            assert error <= 0.05, (row, true)
    # Either end may be late by a frame; on the whole they cancel out.
    assert max(errors) <= LATE
    assert sum(errors) / len(errors) <= INTERVAL
