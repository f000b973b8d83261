"""What tests of the simulated city share: a city in this process, and clients to ask it with."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from healthd.city.gates import NftGate
from healthd.city.ground import Ground
from healthd.city.options import CityOptions, Reach
from healthd.city.plan import Plan, Ports, lay_out
from healthd.city.serve import City, serving
from healthd.model import Camera


def may_use_nft() -> bool:
    ground = Ground()
    gate = NftGate.build(ground.first_block)
    if gate is not None:
        asyncio.run(gate.close())
    ground.close()
    return gate is not None


needs_nft = pytest.mark.skipif(not may_use_nft(), reason="nftables may not be changed here")
both_reaches = pytest.mark.parametrize("reach", [pytest.param(Reach.ICMP, marks=needs_nft), Reach.TCP])


@contextlib.asynccontextmanager
async def living(directory: Path, cameras: int = 60, **more: Any) -> AsyncIterator[City]:
    """A city in this process, its faults passing."""
    async with serving(CityOptions(cameras, directory, **more)) as city:
        stop = asyncio.Event()
        life = asyncio.create_task(city.live(stop))
        yield city
        stop.set()
        await life


def paper_city(cameras: int, seed: int = 1) -> Plan:
    """A city that is laid out and not built."""
    return lay_out(cameras, seed, (f"127.16.{n // 254}.{n % 254 + 1}" for n in itertools.count()), Ports(80, 161))


def camera_alone(city: City) -> Camera:
    return next(camera for camera in city.plan.cameras.values() if len(city.plan.channels_at[camera.address]) == 1)


async def chosen(directory: Path, seed: int = 1) -> Camera:
    """The camera that a small city of this seed will have; ids don't depend on addresses."""
    async with serving(CityOptions(60, directory, seed, reach=Reach.TCP)) as city:
        return camera_alone(city)


def secret(directory: Path, name: str) -> str:
    return (directory / "secrets" / name).read_text().strip()


def snapshot(camera: Camera, size: str = "sub") -> str:
    return f"http://{camera.address}:{camera.onvif_port}/snapshot/{camera.channel}/{size}.jpg"


async def fetch(url: str, password: str | None, username: str = "admin") -> tuple[int, bytes]:
    login = () if password is None else (aiohttp.DigestAuthMiddleware(username, password),)
    async with aiohttp.ClientSession(middlewares=login) as session, session.get(url) as reply:
        return reply.status, await reply.read()


async def run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def snmp(program: str, city: City, directory: Path, address: str, *oids: str) -> tuple[int, str]:
    community = secret(directory, "community")
    target = f"{address}:{city.plan.ports.snmp}"
    return await run(program, "-v2c", "-c", community, "-t", "1", "-r", "0", "-Onq", target, *oids)


def truth(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "truth.jsonl").read_text().splitlines()]


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)


async def answers(address: str, port: int, seconds: float = 0.5) -> bool:
    """Whether a TCP connection to the camera comes about."""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


ORACLE = """
import json, sys
from onvif import ONVIFCamera
address, port, password, adjust = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "adjust"
camera = ONVIFCamera(address, port, "admin", password, adjust_time=adjust)
clock = camera.devicemgmt.GetSystemDateAndTime().UTCDateTime
try:
    about = camera.devicemgmt.GetDeviceInformation()
except Exception as error:
    print(json.dumps({"refused": str(error), "hour": clock.Time.Hour}))
    raise SystemExit
media = camera.create_media_service()
profiles = media.GetProfiles()
print(json.dumps({
    "model": [about.Manufacturer, about.Model, about.SerialNumber],
    "hour": clock.Time.Hour,
    "services": [service.XAddr for service in camera.devicemgmt.GetServices({"IncludeCapability": False})],
    "mac": camera.devicemgmt.GetNetworkInterfaces()[0].Info.HwAddress,
    "network": camera.devicemgmt.GetNetworkInterfaces()[0].IPv4.Config.Manual[0].Address,
    "sources": [source.token for source in media.GetVideoSources()],
    "profiles": [
        [p.token, p.VideoSourceConfiguration.SourceToken, p.VideoEncoderConfiguration.Resolution.Width,
         p.VideoEncoderConfiguration.Resolution.Height] for p in profiles],
    "snapshots": [media.GetSnapshotUri({"ProfileToken": p.token}).Uri for p in profiles],
}))
"""


async def ask_onvif(camera: Camera, password: str, adjust: str = "") -> dict[str, Any]:
    """What onvif-zeep reads, in a process of its own: it keeps sockets open and touches global logging."""
    code, output = await run(
        sys.executable, "-c", ORACLE, camera.address, str(camera.onvif_port), password, adjust
    )
    assert code == 0, output
    read: dict[str, Any] = json.loads(output.splitlines()[-1])
    return read
