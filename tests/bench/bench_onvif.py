"""CPU of one ONVIF sweep, by this probe and by onvif-zeep: `python -m tests.bench onvif`.

A sweep is GetSystemDateAndTime, GetDeviceInformation, GetProfiles and GetSnapshotUri of one camera of a simulated
city, which runs in a process of its own. onvif-zeep gets one shared set of WSDL documents, and a hundred sweeps.
Both read the same values, which is checked in the same run.
"""

from __future__ import annotations

import asyncio
import csv
import importlib
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from probes.base import Credential, Memory, Outcome, Resources, Result, Target
from probes.onvif import OnvifOptions, OnvifProbe
from tests.bench.table import Row, against, own_cpu
from tests.running import city

ROUNDS = 5
SWEEPS, PEER_SWEEPS = 500, 100
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


def rows() -> Iterator[Row]:
    """The table's rows."""
    warnings.simplefilter("ignore", DeprecationWarning)  # of zeep's own imports
    with tempfile.TemporaryDirectory() as directory, city(Path(directory), 200):
        cameras = targets(Path(directory))
        assert cameras[0].credential is not None
        peer = Zeep(cameras[0].credential)
        asyncio.run(by_template(cameras, SEATS))
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
