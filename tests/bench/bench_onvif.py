"""CPU of one ONVIF sweep, by this probe and by onvif-zeep: `python -m tests.bench onvif`.

A sweep is GetSystemDateAndTime, GetDeviceInformation, GetProfiles and GetSnapshotUri of one camera of a simulated
city, which runs in a process of its own; what is asked once of a camera (its media service, its interfaces) was
asked before. onvif-zeep gets one shared set of WSDL documents, and a hundred sweeps.
Both read the same values, which is checked in the same run.
"""

from __future__ import annotations

import asyncio
import csv
import gc
import importlib
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from probes.base import Credential, Outcome, Resources, Result, Target
from probes.onvif import OnvifOptions, OnvifProbe
from tests.bench.table import Row, against, own_cpu
from tests.running import city

ROUNDS = 5
SWEEPS, PEER_SWEEPS = 500, 100
SEATS = 64
CALLS = 4


def targets(directory: Path) -> list[Target]:
    """The city's cameras that stand alone."""
    password = (directory / "secrets" / "camera").read_text("utf-8").strip()
    login = Credential(username="admin", password=password)
    with (directory / "cameras.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["channel"] in ("", "1")]
    return [
        Target(
            row["address"],
            onvif_port=int(row["onvif_port"]),
            credential=login,
        )
        for row in rows
    ]


async def swept(probe: OnvifProbe, cameras: Sequence[Target], sweeps: int) -> list[Result]:
    seats = asyncio.Semaphore(SEATS)

    async def ask(target: Target) -> Result:
        async with seats:
            return await probe.ask(target)

    return await asyncio.gather(*(ask(cameras[number % len(cameras)]) for number in range(sweeps)))


@asynccontextmanager
async def our_probe() -> AsyncIterator[OnvifProbe]:
    with ThreadPoolExecutor(1) as executor:
        probe = OnvifProbe(OnvifOptions(), Resources(executor, time.time))
        try:
            yield probe
        finally:
            await probe.close()


async def by_template(cameras: Sequence[Target], sweeps: int) -> list[Result]:
    async with our_probe() as probe:
        return await swept(probe, cameras, sweeps)


def remembering(camera: Target, result: Result) -> Target:
    """What the next sweep knows of this one, as the daemon keeps it."""
    return replace(camera, memory=replace(camera.memory, **result.learnt))


async def kept(cameras: Sequence[Target]) -> float:
    """kB that stay of a camera after its sweep, in the probe and in what it learnt."""
    async with our_probe() as probe:
        await swept(probe, cameras[:SEATS], SEATS)
        gc.collect()
        tracemalloc.start()
        known = [
            remembering(*pair) for pair in zip(cameras, await swept(probe, cameras, len(cameras)), strict=True)
        ]
        gc.collect()
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return size / len(known) / 1000


class Zeep:
    """onvif-zeep's own services over one shared, parsed WSDL: what it can be brought to at best."""

    def __init__(self, login: Credential) -> None:
        onvif, zeep = importlib.import_module("onvif"), importlib.import_module("zeep")
        wsse = importlib.import_module("zeep.wsse.username")

        directory = Path(str(onvif.__file__)).parent / "wsdl"
        if not directory.is_dir():
            directory = Path(str(onvif.__file__)).parent.parent / "wsdl"
        transport = zeep.Transport(operation_timeout=5)
        token = wsse.UsernameToken(login.username, login.password, use_digest=True)
        self.clients = {
            name: zeep.Client(str(directory / f"{name}.wsdl"), wsse=token, transport=transport)
            for name in ("devicemgmt", "media")
        }

    def sweep(self, target: Target) -> dict[str, Any]:
        base = f"http://{target.address}:{target.onvif_port}/onvif"
        device = self.clients["devicemgmt"].create_service(
            "{http://www.onvif.org/ver10/device/wsdl}DeviceBinding", f"{base}/device_service"
        )
        media = self.clients["media"].create_service(
            "{http://www.onvif.org/ver10/media/wsdl}MediaBinding", f"{base}/media_service"
        )
        device.GetSystemDateAndTime()
        known = device.GetDeviceInformation()
        profiles = media.GetProfiles()
        media.GetSnapshotUri(ProfileToken=profiles[0].token)
        return {"manufacturer": known.Manufacturer, "model": known.Model, "serial": known.SerialNumber}


def rows() -> Iterator[Row]:
    """The table's rows."""
    warnings.simplefilter("ignore", DeprecationWarning)  # of zeep's own imports
    with tempfile.TemporaryDirectory() as directory, city(Path(directory), 200):
        cameras = targets(Path(directory))
        assert cameras[0].credential is not None
        peer = Zeep(cameras[0].credential)
        size = asyncio.run(kept(cameras))
        first = asyncio.run(by_template(cameras, len(cameras)))
        cameras = [remembering(*pair) for pair in zip(cameras, first, strict=True)]
        peer.sweep(cameras[0])
        mine, theirs, wrong = [], [], 0
        for _ in range(ROUNDS):
            with own_cpu() as spent:
                results = asyncio.run(by_template(cameras, SWEEPS))
            mine.append(1e6 * spent.seconds / SWEEPS / CALLS)
            wrong += sum(result.outcome is not Outcome.OK for result in results)
            with own_cpu() as spent:
                read = [peer.sweep(target) for target in cameras[:PEER_SWEEPS]]
            theirs.append(1e6 * spent.seconds / PEER_SWEEPS / CALLS)
            wrong += sum(
                any(result.values.get(name) != value for name, value in values.items())
                for result, values in zip(results, read, strict=False)
            )
    what = "ONVIF, a sweep of 4 calls, CPU a call"
    other = Row(what, "onvif-zeep, shared WSDL", theirs, "µs", note=f"{PEER_SWEEPS} sweeps a round")
    note = f"{wrong} of {ROUNDS * (SWEEPS + PEER_SWEEPS):,} failed or read otherwise"
    yield against(Row(what, "healthd", mine, "µs", note=note), other, 0.25, "≤ 1/4 of onvif-zeep")
    yield other
    yield Row("ONVIF, kept of a camera between sweeps", "healthd", [size], "kB", "≤ 12 kB", size <= 12)
