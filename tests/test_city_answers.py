"""The simulated city's cameras as their clients see them: HTTP, ONVIF and SNMP, with real clients."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from healthd.city.faults import FOREVER, Fault, Kind
from healthd.city.onvif import Channel, OnvifDevice, SeenNonces, answer
from healthd.city.options import Pictures, Reach
from healthd.setup import read_setup
from probes.picture.context import Context
from probes.picture.judge import judge
from tests.city_kit import (
    ask_onvif,
    both_reaches,
    camera_alone,
    chosen,
    fetch,
    living,
    run,
    secret,
    snapshot,
    snmp,
    truth,
    until,
)

SYSTEM = "1.3.6.1.2.1.1"
UPTIME, NAME = f"{SYSTEM}.3.0", f"{SYSTEM}.5.0"


async def test_a_daemon_takes_what_the_city_writes(tmp_path: Path) -> None:
    """healthd reads the city's configuration, inventory and secrets without an error or a warning."""
    async with living(tmp_path, 200, reach=Reach.TCP) as city:
        setup = read_setup(tmp_path / "healthd.yml")
    assert setup.config.simulated
    assert {*setup.config.checks} == {"ping", "snmp", "device", "onvif", "frame"}
    assert {*setup.inventory.cameras} == {*city.plan.cameras}
    for key, camera in setup.inventory.cameras.items():
        laid = city.plan.cameras[key]
        assert (camera.placement, camera.address, camera.channel) == (laid.placement, laid.address, laid.channel)
        assert (camera.reach_port, camera.onvif_port, camera.snmp_port) == (
            laid.reach_port,
            laid.onvif_port,
            laid.snmp_port,
        )
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}


@both_reaches
async def test_a_snapshot_needs_the_right_login(tmp_path: Path, reach: Reach) -> None:
    """HTTP digest with the right password gets a JPEG of the right size; a wrong one, or none, gets 401."""
    async with living(tmp_path, reach=reach) as city:
        camera = camera_alone(city)
        password = secret(tmp_path, "camera")
        for size, expected in (("main", camera.resolution), ("sub", (640, 360))):
            status, body = await fetch(snapshot(camera, size), password)
            verdict = judge(body, Context(expect=expected)).verdict
            assert (status, verdict.faults, (verdict.width, verdict.height)) == (200, (), expected)
        assert (await fetch(snapshot(camera), "wrong"))[0] == 401
        assert (await fetch(snapshot(camera), password, "root"))[0] == 401
        assert (await fetch(snapshot(camera), None))[0] == 401
        gone = snapshot(camera).replace("/1/", "/99/")
        assert (await fetch(gone, password))[0] == 404


async def test_onvif_zeep_reads_a_camera_and_a_recorder(tmp_path: Path) -> None:
    """An independent ONVIF client reads model, profiles, snapshot URIs and address as they were laid out."""
    async with living(tmp_path, 400, reach=Reach.TCP) as city:
        password = secret(tmp_path, "camera")
        camera = camera_alone(city)
        recorder = next(channels for channels in city.plan.channels_at.values() if len(channels) > 1)
        for channels in ([camera], recorder):
            first = channels[0]
            read = await ask_onvif(first, password)
            base = f"http://{first.address}:{first.onvif_port}"
            assert read["services"] == [f"{base}/onvif/device_service", f"{base}/onvif/media_service"]
            assert (read["model"][0], read["network"]) == (first.vendor, first.address)
            assert read["sources"] == [f"source_{one.channel}" for one in channels]
            assert read["profiles"] == [
                [
                    f"{size}_{one.channel}",
                    f"source_{one.channel}",
                    *(one.resolution if size == "main" else (640, 360)),
                ]
                for one in channels
                for size in ("main", "sub")
                if one.resolution
            ]
            assert read["snapshots"] == [snapshot(one, size) for one in channels for size in ("main", "sub")]
        assert read["snapshots"]
        for uri in read["snapshots"][-2:]:
            assert (await fetch(uri, password))[0] == 200
        refused = await ask_onvif(camera, "wrong")
        assert "not Authorized" in refused["refused"]


async def test_a_wrong_clock_refuses_who_does_not_mind_it(tmp_path: Path) -> None:
    """A camera whose clock is hours off refuses our time and takes its own; both axes stay good."""
    camera = await chosen(tmp_path)
    fault = Fault(0, FOREVER, Kind.CLOCK, camera.id)
    async with living(tmp_path, reach=Reach.TCP, planned=[fault]) as city:
        camera = camera_alone(city)
        await until((tmp_path / "faults.jsonl").read_text)
        password = secret(tmp_path, "camera")
        careless, careful = await ask_onvif(camera, password), await ask_onvif(camera, password, "adjust")
        assert "not Authorized" in careless["refused"]
        assert careful["model"][0] == camera.vendor
        assert careful["hour"] != datetime.now(UTC).hour
        assert (await fetch(snapshot(camera), password))[0] == 200
    assert all(line["good"] for line in truth(tmp_path))


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.LOGIN_CHANGED, 401), (Kind.REFUSED, 403), (Kind.BLACK, 200), (Kind.CORRUPT, 200)]
)
async def test_picture_faults_come_and_go(tmp_path: Path, kind: Kind, status: int) -> None:
    """A fault spoils the snapshot between its two lines of truth, on the picture axis, and not after."""
    camera = await chosen(tmp_path)
    end_at = 3.0 if kind is Kind.LOGIN_CHANGED else 0.8
    async with living(tmp_path, reach=Reach.TCP, planned=[Fault(0.1, end_at, kind, camera.id)]) as city:
        camera = camera_alone(city)
        password = secret(tmp_path, "camera")
        await until(lambda: len(truth(tmp_path)) == 121)
        seen, body = await fetch(snapshot(camera), password)
        assert seen == status
        if status == 200:
            assert judge(body, Context()).verdict.faults
        if kind is Kind.LOGIN_CHANGED:
            assert "not Authorized" in (await ask_onvif(camera, password))["refused"]
        await until(lambda: len(truth(tmp_path)) == 122)
        seen, body = await fetch(snapshot(camera), password)
        assert (seen, judge(body, Context()).verdict.faults) == (200, ())
    begin, end = truth(tmp_path)[120:]
    assert (begin["camera"], begin["axis"], begin["good"], begin["cause"]) == (camera.id, "picture", False, kind)
    assert (end["camera"], end["axis"], end["good"], end["cause"]) == (camera.id, "picture", True, "")


@pytest.mark.parametrize("pictures", [*Pictures])
async def test_a_frozen_picture_stands_still(tmp_path: Path, pictures: Pictures) -> None:
    """A frozen camera gives the same bytes over a time in which it would have moved."""
    camera = await chosen(tmp_path)
    fault = Fault(0, FOREVER, Kind.FROZEN, camera.id)
    async with living(tmp_path, reach=Reach.TCP, planned=[fault], pictures=pictures) as city:
        await until(lambda: len(truth(tmp_path)) == 121)
        other = next(one for one in city.plan.cameras.values() if one.id != camera.id)
        frozen = city.plan.cameras[camera.id]
        password = secret(tmp_path, "camera")
        first = [await fetch(snapshot(one), password) for one in (frozen, other)]
        await asyncio.sleep(2.1 if pictures is Pictures.DRAWN else 0.1)
        second = [await fetch(snapshot(one), password) for one in (frozen, other)]
        assert first[0] == second[0]
        if pictures is Pictures.DRAWN:
            assert first[1] != second[1]


async def test_net_snmp_reads_cameras_and_switches(tmp_path: Path) -> None:
    """snmpget, snmpwalk and snmpbulkwalk read the system group from the address that they asked, v2c only."""
    async with living(tmp_path, reach=Reach.TCP) as city:
        camera = camera_alone(city)
        switch = next(device for device in city.plan.devices.values() if device.kind == "switch")
        for address, name in ((camera.address, camera.id), (switch.address, switch.id)):
            code, output = await snmp(
                "snmpget", city, tmp_path, address, NAME, UPTIME, f"{SYSTEM}.99.0", "1.3.6.1.2.1.3.1.0"
            )
            lines = output.splitlines()
            assert (code, lines[0]) == (0, f'.{NAME} "{name}"')
            assert "No Such Instance" in lines[2] or "No Such Object" in lines[2]
            assert "No Such Object" in lines[3]
            for program in ("snmpwalk", "snmpbulkwalk"):
                code, output = await snmp(program, city, tmp_path, address, "1")
                known = [line for line in output.splitlines() if line.startswith(f".{SYSTEM}.")]
                assert code == 0
                assert [line.split(".")[8] for line in known[:7]] == [*"1234567"]
        wrong = await run(
            "snmpget", "-v2c", "-c", "wrong", "-t", "0.3", "-r", "0", f"{camera.address}:{camera.snmp_port}", NAME
        )
        assert "Timeout" in wrong[1]


async def test_snmp_answers_from_the_address_that_was_asked(tmp_path: Path) -> None:
    """A connected socket, to which the kernel passes only its peer's datagrams, gets the answer."""
    async with living(tmp_path, reach=Reach.TCP) as city:
        camera = camera_alone(city)
        community = secret(tmp_path, "community").encode()
        get_uptime = bytes.fromhex("a019 020101 020100 020100 300e 300c 06082b06010201010300 0500")
        body = b"\x02\x01\x01\x04" + bytes([len(community)]) + community + get_uptime
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.setblocking(False)
            sock.connect((camera.address, city.plan.ports.snmp))
            sock.send(b"\x30" + bytes([len(body)]) + body)
            received = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 2000), 2)
    assert community in received


def soap_login(password: str, created: str, nonce: bytes, username: str = "admin") -> bytes:
    """A GetDeviceInformation with a WS-UsernameToken, made independently of the product's own client."""
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    space = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity"
    return (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header>'
        f'<Security xmlns="{space}-secext-1.0.xsd"><UsernameToken><Username>{username}</Username>'
        f"<Password>{digest}</Password><Nonce>{base64.b64encode(nonce).decode()}</Nonce>"
        f'<Created xmlns="{space}-utility-1.0.xsd">{created}</Created></UsernameToken></Security></e:Header>'
        '<e:Body><GetDeviceInformation xmlns="http://www.onvif.org/ver10/device/wsdl"/></e:Body></e:Envelope>'
    ).encode()


@pytest.mark.parametrize(
    ("password", "created", "nonce", "username", "status"),
    [
        ("secret", "2026-11-21T00:00:00Z", b"new", "admin", 200),
        ("secret", "2026-11-21T00:04:59.000Z", b"new", "admin", 200),
        ("secret", "2026-11-21T00:05:01Z", b"new", "admin", 400),
        ("secret", "2026-11-20T23:54:59Z", b"new", "admin", 400),
        ("secret", "2026-11-21T00:00:00Z", b"used", "admin", 400),
        ("secret", "2026-11-21T00:00:00Z", b"", "admin", 400),
        ("wrong", "2026-11-21T00:00:00Z", b"new", "admin", 400),
        ("secret", "2026-11-21T00:00:00Z", b"new", "root", 400),
        ("secret", "yesterday", b"new", "admin", 400),
    ],
)
def test_a_token_is_taken_once_and_in_time(
    password: str, created: str, nonce: bytes, username: str, status: int
) -> None:
    """A digest of the right password counts once, within five minutes of the camera's own clock."""
    clock = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    device = OnvifDevice(
        "127.16.0.9", 80, "SimCam", "SC", "1", clock, "admin", "secret", (Channel(1, 1920, 1080),)
    )
    nonces = SeenNonces()
    assert answer(soap_login("secret", "2026-11-21T00:00:00Z", b"used"), device, nonces)[0] == 200
    assert answer(soap_login(password, created, nonce, username), device, nonces)[0] == status


async def test_hostile_clients_do_not_hurt(tmp_path: Path) -> None:
    """Garbage is answered with 400 or a hang-up, endless bodies and half requests hold nobody else up."""
    async with living(tmp_path, reach=Reach.TCP) as city:
        camera = camera_alone(city)
        port = city.plan.ports.http
        reader, writer = await asyncio.open_connection(camera.address, port)
        writer.write(b"\x00\xff garbage\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        half, half_writer = await asyncio.open_connection(camera.address, port)
        half_writer.write(b"POST /onvif/device_service HTTP/1.1\r\nContent-Length: 60000\r\n\r\n<a>")
        bomb = b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]><a>&x;</a>'
        async with aiohttp.ClientSession() as session:
            url = f"http://{camera.address}:{port}/onvif/device_service"
            for body in (b"", b"<", b"\xff\xfe<", bomb, b"<a/>", b"<a>" * 20_000):
                async with session.post(url, data=body) as reply:
                    assert (reply.status, b"Fault" in await reply.read()) == (400, True)
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for message in (b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01\x01", os.urandom(900)):
                sock.sendto(message, (camera.address, city.plan.ports.snmp))
        assert (await fetch(snapshot(camera), secret(tmp_path, "camera")))[0] == 200
        assert (await snmp("snmpget", city, tmp_path, camera.address, NAME))[0] == 0
        half_writer.close()
        assert await half.read() == b""
