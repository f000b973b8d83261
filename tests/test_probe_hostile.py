"""`healthd probe` at devices that hang or ask oddly: what was done is told, and it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from healthd.prober import ask_once
from healthd.schedule import Check
from probes.base import Outcome, Reason, Resources
from probes.onvif import OnvifOptions, OnvifProbe
from tests.fakecamera import FakeCamera, reply
from tests.running import healthd

CONFIG = """
site: hostile
timezone: Asia/Shanghai
inventory: {{regions: regions.csv, devices: devices.csv, cameras: cameras.csv}}
credentials: {{default: {{username: admin, password_file: password, snmp_version: 2c, community_file: password}}}}
checks:
  snmp: {{interval: 5m, timeout: 500ms, port: {snmp}}}
  onvif: {{interval: 1h, timeout: 1s, port: {onvif}}}
store: {{url: "sqlite:///healthd.db"}}
"""


@pytest.fixture
async def camera() -> AsyncIterator[FakeCamera]:
    async with FakeCamera().serving() as served:
        yield served


@pytest.fixture
async def check() -> AsyncIterator[Check]:
    """The ONVIF check with a second to answer in."""
    with ThreadPoolExecutor(1) as executor:
        probe = OnvifProbe(OnvifOptions(), Resources(executor, time.time))
        yield Check("onvif", probe, 3600.0, 1.0, 1)
        await probe.close()


async def dribbling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer that goes on for ever, a piece every 50 ms: no single read ever takes long."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"4\r\n<a/>\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_the_step_that_hangs_is_named(camera: FakeCamera, check: Check) -> None:
    """When the time is over, what was read until then is told, and which call was not answered."""
    camera.manners["GetProfiles"] = dribbling
    begun = time.monotonic()
    result = await ask_once(check, camera.target())
    assert time.monotonic() - begun < 2.0
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.TIMEOUT)
    calls = [step.split(":")[0] for step in result.steps]
    assert calls == ["GetSystemDateAndTime", "GetDeviceInformation", "GetCapabilities", "GetProfiles"]
    assert "not whole" in result.steps[-1]


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="a", nonce="b", qop="auth-int"',
        'Digest realm="a", nonce="b", algorithm=SHA-512-256',
        'Digest realm="a", nonce="b", qop=auth, stale=true',  # with every answer: the login is never good enough
        'Digest realm="a", qop="auth,auth-int,token"',  # no nonce
        "Digest",
        'Digest realm="a\\"b", nonce="' + "n" * 1900 + '", qop=" auth , auth-int ", opaque=""',
    ],
)
async def test_odd_challenges_end_as_auth(camera: FakeCamera, check: Check, challenge: str) -> None:
    """However a camera asks for a login that it never takes, it is soon told so, as a matter of the login."""
    camera.answers["GetDeviceInformation"] = reply(b"", status=401, headers=f"WWW-Authenticate: {challenge}\r\n")
    result = await ask_once(check, camera.target())
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.AUTH), result.detail
    assert "login" in result.detail
    assert result.steps[-1].startswith("auth: ")


async def test_the_command_explains_hostile_endpoints(camera: FakeCamera, tmp_path: Path) -> None:
    """`healthd probe` at an agent that answers nonsense and a camera without end: both are told, in time."""

    class Nonsense(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            for answer in (
                b"",
                b"\x30\x80",
                data[:-3],
                b"\x30\x03\x02\x01\x07",
                data,
            ):  # last: the question itself
                self.transport.sendto(answer, addr)

    loop = asyncio.get_running_loop()
    agent, _ = await loop.create_datagram_endpoint(Nonsense, local_addr=("127.0.0.1", 0))
    camera.manners["GetDeviceInformation"] = dribbling
    ports = {"snmp": agent.get_extra_info("sockname")[1], "onvif": camera.target().onvif_port}
    (tmp_path / "healthd.yml").write_text(CONFIG.format(**ports), "utf-8")
    (tmp_path / "regions.csv").write_text("code,name,level,parent\n1,a,city,\n", "utf-8")
    (tmp_path / "devices.csv").write_text(
        "id,name,kind,region,address,credential,upstream,upstream_port\n", "utf-8"
    )
    (tmp_path / "cameras.csv").write_text("id,name,region,class,address\nc1,a,1,1,127.0.0.1\n", "utf-8")
    (tmp_path / "password").write_text("secret-word", "utf-8")
    run = asyncio.to_thread(healthd, "probe", "c1", "-c", str(tmp_path / "healthd.yml"), check=False)
    done = await asyncio.wait_for(run, 30)
    agent.close()
    assert done.stderr == ""
    assert done.returncode == 0  # somebody answered, if only nonsense
    assert "snmp: - fail (protocol)" in done.stdout
    assert "onvif: - fail (timeout)" in done.stdout
    assert "GetSystemDateAndTime: the camera's clock is" in done.stdout
    assert "GetDeviceInformation: the answer was not whole by then" in done.stdout
    assert "secret-word" not in done.stdout
