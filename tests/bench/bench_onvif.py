"""CPU of one ONVIF sweep, by this probe and by onvif-zeep: `python -m tests.bench.bench_onvif [SWEEPS]`.

A sweep is GetSystemDateAndTime, GetDeviceInformation, GetProfiles and GetSnapshotUri of one camera of a simulated
city, which runs in a process of its own. onvif-zeep gets one shared set of WSDL documents, and a hundred sweeps.
Both read the same values, which is checked in the same run.
"""

from __future__ import annotations

import asyncio
import csv
import importlib
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from probes.base import Credential, Memory, Outcome, Resources, Result, Target
from probes.onvif import OnvifOptions, OnvifProbe
from tests.running import city

ROUNDS = 5
SEATS = 64
CALLS = 4


def targets(directory: Path) -> list[Target]:
    """The city's cameras that stand alone, with what an earlier sweep would have learnt of their media service."""
    password = (directory / "secrets" / "camera").read_text("utf-8").strip()
    login = Credential(username="admin", password=password)
    with (directory / "cameras.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["channel"] in ("", "1")]
    return [
        Target(
            row["address"],
            onvif_port=int(row["onvif_port"]),
            credential=login,
            memory=Memory(media_uri=f"http://{row['address']}:{row['onvif_port']}/onvif/media_service"),
        )
        for row in rows
    ]


async def by_template(cameras: Sequence[Target], sweeps: int) -> list[Result]:
    with ThreadPoolExecutor(1) as executor:
        probe = OnvifProbe(OnvifOptions(), Resources(executor, time.time))
        seats = asyncio.Semaphore(SEATS)

        async def ask(target: Target) -> Result:
            async with seats:
                return await probe.ask(target)

        try:
            return await asyncio.gather(*(ask(cameras[number % len(cameras)]) for number in range(sweeps)))
        finally:
            await probe.close()


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


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, found


def main(sweeps: int) -> None:
    """Measures and prints."""
    warnings.simplefilter("ignore", DeprecationWarning)  # of zeep's own imports
    with tempfile.TemporaryDirectory() as directory, city(Path(directory), 200):
        cameras = targets(Path(directory))
        assert cameras[0].credential is not None
        peer = Zeep(cameras[0].credential)
        asyncio.run(by_template(cameras, SEATS))
        peer.sweep(cameras[0])
        mine, theirs, wrong = [], [], 0
        for _ in range(ROUNDS):
            took, results = cpu(lambda: asyncio.run(by_template(cameras, sweeps)))
            mine.append(took / sweeps / CALLS)
            wrong += sum(result.outcome is not Outcome.OK for result in results)
            took, read = cpu(lambda: [peer.sweep(target) for target in cameras[:100]])
            theirs.append(took / len(read) / CALLS)
            wrong += sum(
                any(result.values.get(name) != value for name, value in values.items())
                for result, values in zip(results, read, strict=False)
            )
    ratio = statistics.median(mine) / statistics.median(theirs)
    print(f"healthd: {spread(mine)} µs a call; onvif-zeep with a shared WSDL: {spread(theirs)}; ratio {ratio:.2f}")
    print(f"wrong or failed: {wrong} of {ROUNDS * (sweeps + 100)}")


def spread(values: Sequence[float]) -> str:
    low, middle, high = (1e6 * one for one in (min(values), statistics.median(values), max(values)))
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1000)
