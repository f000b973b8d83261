"""What the report of a fleet costs: `python -m tests.bench report`, and format by format
`python -m tests.bench.bench_report [CAMERAS] [FLIPS] [DIR]` (100000, 12).

A city on paper with a month and a half of past in a real store, incidents too, then `healthd report` of it in
a process of its own, for each format alone and for all of them. CPU and wall seconds, peak memory. With DIR the
store is made there once and used again.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from healthd.city.files import new_login, write_city
from healthd.city.options import CityOptions
from healthd.city.plan import Ports, lay_out
from healthd.city.repairs import simulate_repairs
from healthd.model import Axis, Camera, Change, Flip, State
from healthd.options.reports import FORMATS
from healthd.periods import parse_month
from healthd.setup import read_setup
from healthd.store import Batch, Store
from tests.bench.table import Row

CAMERAS = int(os.environ.get("BENCH_CAMERAS", "100000"))
FLIPS = 12
_HOUR, _DAY = 3_600_000, 86_400_000
_MONTH = "2026-06"
_PART = 2_000
_PICTURES = ((State.FAULTY, ("dark",)), (State.FAULTY, ("no_signal",)), (State.NO_PICTURE, ()))


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took: seconds, megabytes of its largest process, megabytes of files."""

    cpu: float
    wall: float
    peak: float
    files: float


def rows() -> Iterator[Row]:
    """The table's rows."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as made:
        _build(CAMERAS, FLIPS, Path(made))
        cost = measured(Path(made), FORMATS)
    what = f"the whole report of a month, {CAMERAS:,} cameras, {len(FORMATS)} formats, 3 profiles"
    note = f"{cost.wall:.0f} s by the clock, {cost.files:.0f} MB of files"
    yield Row(f"{what}, CPU", "healthd", [cost.cpu], "s", "≤ 60 s", cost.cpu <= 60, note)
    yield Row("  its peak of memory", "healthd", [cost.peak], "MB", note="the largest of its processes")


def main(cameras: int, each: int, directory: Path) -> None:
    """Build what is not there yet, then measure."""
    if not (directory / "healthd.db").exists():
        began = time.monotonic()
        _build(cameras, each, directory)
        print(f"built {cameras:,} cameras with {cameras * each:,} flips in {time.monotonic() - began:.0f} s")
    size = (directory / "healthd.db").stat().st_size
    print(f"store: {size / 1e6:,.0f} MB")
    print(f"{'format':<10} {'CPU s':>8} {'wall s':>8} {'peak MB':>8} {'files MB':>9}")
    for formats in (*((one,) for one in FORMATS), FORMATS):
        cost = measured(directory, formats)
        name = "all" if len(formats) > 1 else formats[0]
        line = f"{name:<10} {cost.cpu:8.1f} {cost.wall:8.1f} {cost.peak:8.0f} {cost.files:9.1f}"
        print(line, flush=True)


def measured(directory: Path, formats: Sequence[str]) -> Cost:
    """One report in a process of its own; those that it starts in turn count, too."""
    with tempfile.TemporaryDirectory() as out:
        options = [
            "-c",
            str(directory / "healthd.yml"),
            "--month",
            _MONTH,
            "--format",
            ",".join(formats),
            "-o",
            out,
        ]
        before, began = getrusage(RUSAGE_CHILDREN), time.monotonic()
        command = [sys.executable, "-m", "healthd", "report", *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        assert status == 0, status
        size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
        files = len([*Path(out).glob("*")])
    assert files == len(formats), f"{files} of {len(formats)} formats were made"
    after = getrusage(RUSAGE_CHILDREN)
    cpu = sum(getattr(after, kind) - getattr(before, kind) for kind in ("ru_utime", "ru_stime"))
    return Cost(cpu, wall, used.ru_maxrss / 1024, size / 1e6)


def _build(cameras: int, each: int, directory: Path) -> None:
    addresses = (f"127.{16 + n // 65_024}.{n // 254 % 256}.{n % 254 + 1}" for n in itertools.count())
    plan = lay_out(cameras, 1, addresses, Ports(80, 161))
    write_city(directory, plan, new_login(), CityOptions(cameras, directory))
    setup = read_setup(directory / "healthd.yml")
    span = parse_month(_MONTH, setup.config.timezone)
    begun, now = span.start - 15 * _DAY, span.end + 2 * _DAY
    store = Store.open(setup.config.store.url, writer=True)
    known = [*plan.cameras.values()]
    names = {camera.id: camera.name for camera in known}
    changes = [Change(camera.id, begun, camera.placement, "bench") for camera in known]
    store.write(Batch(changes=changes, names=names, regions=[*plan.regions.values()], recorded=begun))
    for start in range(0, len(known), _PART):
        flips = [*_flips(known[start : start + _PART], each, (begun, span.start, span.end))]
        flips.sort(key=lambda flip: flip.at)
        # One fault in ten is in an incident of its own; the others stand for what mass incidents hold.
        part = [flip for flip in flips if flip.camera.endswith("7")]
        store.write(Batch(flips=flips, happenings=simulate_repairs(plan, part, start)))
    for beat in ((begun, span.start + 9 * _DAY), (span.start + 9 * _DAY + _HOUR, now)):
        store.write(Batch(heartbeat=beat))
    store.write(Batch(reached=dict.fromkeys(names, begun)))
    store.close()


def _flips(cameras: list[Camera], each: int, moments: tuple[int, int, int]) -> Iterator[Flip]:
    """Half of reach, half of the picture; about 1 % of the time bad."""
    begun, start, end = moments
    for camera in cameras:
        draw = random.Random(camera.id)
        yield Flip(camera.id, Axis.ONLINE, begun, State.ONLINE, State.UNKNOWN, decided=begun)
        yield Flip(camera.id, Axis.PICTURE, begun, State.GOOD, State.UNKNOWN, decided=begun)
        for axis, good in ((Axis.ONLINE, State.ONLINE), (Axis.PICTURE, State.GOOD)):
            slot = (end - start) // max(1, each // 4)
            for number in range(each // 4):
                at = start + number * slot + draw.randrange(slot // 2)
                lasted = round(draw.expovariate(1 / (2 * _HOUR))) % (slot // 2) + 60_000
                bad, faults = (State.OFFLINE, ()) if axis is Axis.ONLINE else draw.choice(_PICTURES)
                yield Flip(camera.id, axis, at, bad, good, faults, "timeout", at + 30_000)
                yield Flip(camera.id, axis, at + lasted, good, bad, (), "ok", at + lasted + 15_000)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else CAMERAS,
            int(sys.argv[2]) if len(sys.argv) > 2 else FLIPS,
            Path(sys.argv[3]) if len(sys.argv) > 3 else Path(made),
        )
