"""The frame check against a camera with good and bad manners, over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import ipaddress
import os
import resource
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from probes.base import Credential, Memory, Outcome, Reason, Resources, Result, Target
from probes.frame import KIND, FrameOptions, FrameProbe
from tests.fakecamera import FakeCamera, reply


def picture(level: int = 90, width: int = 640, height: int = 360) -> bytes:
    """A JPEG with some texture, or black at level 0."""
    noise = np.random.default_rng(1).integers(0, 2 * level + 1, (height // 8, width // 8, 3), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", cv2.resize(noise, (width, height)))
    assert done
    return data.tobytes()


@pytest.fixture
async def probe() -> AsyncIterator[FrameProbe]:
    with ThreadPoolExecutor(1) as executor:
        built = KIND.build(FrameOptions(max_bytes=200_000), Resources(executor, time.time))
        assert isinstance(built, FrameProbe)
        yield built
        await built.close()


@pytest.fixture
async def camera() -> AsyncIterator[FakeCamera]:
    async with FakeCamera(snapshot=picture()).serving() as served:
        yield served


def knowing(camera: FakeCamera, path: str = "/snap", **memory: object) -> Target:
    """A target whose snapshot address ONVIF has told."""
    known: dict[str, object] = {"snapshot_uri": f"http://{camera.host}:{camera.port}{path}"} | memory
    return camera.target(memory=Memory(**known))  # type: ignore[arg-type] # built by name


def remembering(target: Target, result: Result) -> Target:
    return dataclasses.replace(target, memory=dataclasses.replace(target.memory, **result.learnt))


async def test_a_good_picture_is_judged(probe: FrameProbe, camera: FakeCamera) -> None:
    """A snapshot comes with its size and what was and was not found in it."""
    result = await probe.ask(knowing(camera, "/snap?secret=1"))
    assert (result.outcome, result.reason) == (Outcome.OK, Reason.OK), result.detail
    values = dict(result.values)
    assert {one["fault"] for one in values.pop("not_checked")} >= {"moved", "frozen", "resolution"}
    assert values == {"bytes": len(camera.snapshot), "width": 640, "height": 360, "faults": (), "findings": []}
    assert "secret" not in "".join(result.steps)


async def test_a_faulty_picture_is_an_answer(probe: FrameProbe, camera: FakeCamera) -> None:
    """Black and cut-off pictures are ok answers that list their faults with value and threshold."""
    camera.snapshot = picture(0)
    result = await probe.ask(knowing(camera))
    assert (result.outcome, result.values["faults"]) == (Outcome.OK, ("no_signal",))
    assert result.values["findings"] == [{"fault": "no_signal", "value": 1.0, "threshold": 0.97}]
    camera.snapshot = picture()[:-500]
    result = await probe.ask(knowing(camera))
    assert (result.outcome, result.values["faults"]) == (Outcome.OK, ("corrupt",))


@pytest.mark.parametrize(
    ("small", "url", "faults"),
    [(False, None, ("resolution",)), (True, None, ()), (True, "/snap", ("resolution",))],
)
async def test_a_small_profile_says_nothing_of_resolution(
    probe: FrameProbe, camera: FakeCamera, small: bool, url: str | None, faults: tuple[str, ...]
) -> None:
    """The promised size is judged on the main profile and on the inventory's own URL, not on a small profile."""
    address = url and f"http://127.0.0.1:{camera.port}{url}"
    target = dataclasses.replace(
        knowing(camera, snapshot_is_small=small), resolution=(1920, 1080), snapshot_url=address
    )
    assert (await probe.ask(target)).values["faults"] == faults


async def test_where_the_picture_is(probe: FrameProbe, camera: FakeCamera) -> None:
    """The inventory's URL comes first, then ONVIF's on the inventory's address; without either it is `no_uri`."""
    assert (await probe.ask(camera.target())).reason is Reason.NO_URI
    assert (await probe.ask(camera.target(snapshot_url="ftp://x/"))).reason is Reason.NO_URI
    told = knowing(camera, "/nothing")
    url = f"http://127.0.0.1:{camera.port}/snap/1"
    assert (await probe.ask(dataclasses.replace(told, snapshot_url=url))).outcome is Outcome.OK
    assert camera.asked == ["/snap/1"]
    async with FakeCamera(host="127.0.0.66").serving() as other:
        moved = camera.target(memory=Memory(snapshot_uri="http://127.0.0.66/snap"))
        assert (await probe.ask(moved)).outcome is Outcome.OK
        assert other.asked == []


async def test_a_vanished_address_is_forgotten(probe: FrameProbe, camera: FakeCamera) -> None:
    """A 404 makes ONVIF look the address up again, unless the inventory gave it."""
    target = knowing(camera, "/old")
    result = await probe.ask(target)
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.REFUSED)
    assert remembering(target, result).memory.snapshot_uri is None
    url = f"http://127.0.0.1:{camera.port}/old"
    assert "snapshot_uri" not in (await probe.ask(camera.target(snapshot_url=url))).learnt


@pytest.mark.parametrize("http_auth", ["MD5", "SHA-256", "old", "basic"])
async def test_logins_are_answered(probe: FrameProbe, camera: FakeCamera, http_auth: str) -> None:
    """Digest in its forms and basic get the picture."""
    camera.http_auth = http_auth
    result = await probe.ask(knowing(camera, "/snap?a=b%20c"))
    assert result.outcome is Outcome.OK, result.detail
    assert (camera.accepted, camera.refused) == (1, 0)


async def test_after_three_refusals_the_login_is_held_back(probe: FrameProbe, camera: FakeCamera) -> None:
    """A changed password costs three logins, until the credential changes or the camera wants none."""
    camera.http_auth = "MD5"
    target = knowing(camera)
    camera.password = "changed"
    for _ in range(6):
        result = await probe.ask(target)
        assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.AUTH)
        assert "s3cret" not in repr(result)
        target = remembering(target, result)
    assert camera.refused == 3
    assert "held back" in result.detail
    renewed = dataclasses.replace(target, credential=Credential("default", "admin", "changed"))
    result = await probe.ask(renewed)
    assert (result.outcome, result.learnt["refusals"]) == (Outcome.OK, 0)
    camera.http_auth = None
    assert (await probe.ask(target)).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.RESET),
        (b"\x80garbage\r\n\r\n", Reason.PROTOCOL),
        (reply(b"<html>login</html>", "image/jpeg"), Reason.PROTOCOL),
        (reply(b"", "image/jpeg"), Reason.PROTOCOL),
        (reply(b"GIF89a" + bytes(50), "image/jpeg"), Reason.PROTOCOL),
        (reply(b"no", status=403), Reason.REFUSED),
        (reply(b"no", status=500), Reason.REFUSED),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Reason.REFUSED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n\xff\xd8\xff", Reason.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(300_000), Reason.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n\xff\xd8\xff", Reason.RESET),
        (reply(b"", status=302, headers="Location: http://127.0.0.66/snap\r\n"), Reason.REDIRECT),
        (reply(b"", status=302, headers="Location: file:///etc/passwd\r\n"), Reason.PROTOCOL),
        (reply(b"", status=302), Reason.PROTOCOL),
        (reply(b"", status=401), Reason.AUTH),
    ],
)
async def test_no_picture_has_a_reason(probe: FrameProbe, camera: FakeCamera, raw: bytes, reason: Reason) -> None:
    """Whatever comes instead of a picture is a failure with its reason."""
    camera.answers["/snap"] = raw
    async with FakeCamera(host="127.0.0.66").serving() as other:
        result = await probe.ask(knowing(camera))
        assert other.asked == []
    assert (result.outcome, result.reason) == (Outcome.FAIL, reason), result.detail
    assert not result.values


async def test_redirects_on_the_same_host_are_followed(probe: FrameProbe, camera: FakeCamera) -> None:
    """A camera that moves its snapshot is followed, with the login; one that sends in circles is not for long."""
    camera.answers["/old"] = reply(b"", status=302, headers="Location: /snap?b=1\r\n")
    camera.http_auth = "MD5"
    assert (await probe.ask(knowing(camera, "/old"))).outcome is Outcome.OK
    camera.answers["/snap"] = reply(b"", status=302, headers="Location: /old\r\n")
    camera.asked.clear()
    assert (await probe.ask(knowing(camera, "/old"))).reason is Reason.REDIRECT
    assert len(camera.asked) <= 5


async def test_an_endless_body_is_cut_off(probe: FrameProbe, camera: FakeCamera) -> None:
    """A body without an end, as motion-JPEG streams have, costs no more memory than the cap allows."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n")
        while True:
            writer.write(b"\xff\xd8\xff" + bytes(65536))
            await writer.drain()

    camera.manners["/snap"] = endless
    tracemalloc.start()
    try:
        for _ in range(5):
            assert (await asyncio.wait_for(probe.ask(knowing(camera)), 5)).reason is Reason.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


async def test_a_reset_is_a_reset(probe: FrameProbe, camera: FakeCamera) -> None:
    """A connection that is reset in the middle of the picture is `reset`."""

    async def resetting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + bytes(100))
        await writer.drain()
        await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)  # close with a reset instead of an end
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    camera.manners["/snap"] = resetting
    result = await probe.ask(knowing(camera))
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.RESET)


async def test_a_deadline_ends_a_camera_that_dribbles(probe: FrameProbe, camera: FakeCamera) -> None:
    """Byte after byte, in the head or in the body, is ended by the caller and leaves no descriptor behind."""

    async def dribbling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 9000\r\n\r\n" if len(camera.asked) > 1 else b""))
        while True:
            writer.write(b"X")
            await writer.drain()
            await asyncio.sleep(0.05)

    camera.manners["/snap"] = dribbling
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(probe.ask(knowing(camera)), 0.2)
    camera.manners.clear()
    assert (await probe.ask(knowing(camera))).outcome is Outcome.OK
    await asyncio.sleep(0.5)  # until the camera notices, too: its ends of the connections are in this process
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_one_bad_camera_does_not_hold_up_another(probe: FrameProbe, camera: FakeCamera) -> None:
    """While fifty askings hang at one camera, another answers at once."""

    async def mute(*_: object) -> None:
        await asyncio.sleep(60)

    async with FakeCamera(host="127.0.0.66", manners={"/snap": mute}).serving() as bad:
        hanging = [asyncio.create_task(probe.ask(knowing(bad))) for _ in range(50)]
        started = time.perf_counter()
        assert (await probe.ask(knowing(camera))).outcome is Outcome.OK
        assert time.perf_counter() - started < 1
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_lacking_descriptors_is_our_trouble(probe: FrameProbe, camera: FakeCamera) -> None:
    """With no file descriptor left the answer is unknown, local: it says nothing of the camera."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        result = await probe.ask(knowing(camera))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.LOCAL)
    assert (await probe.ask(knowing(camera))).outcome is Outcome.OK


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate of its own making, as cameras have: expired, for another name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "192.168.1.64")])
    day = datetime.datetime(2015, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("192.168.1.64"))]), False)
        .sign(key, hashes.SHA256())
    )
    chain = folder / "camera.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return context


async def test_tls_of_a_cameras_own_making(probe: FrameProbe, tmp_path: Path) -> None:
    """A self-signed, expired certificate for another name will do."""
    async with FakeCamera(snapshot=picture(), http_auth="MD5").serving(self_signed(tmp_path)) as secure:
        url = f"https://127.0.0.1:{secure.port}/snap"
        result = await probe.ask(secure.target(snapshot_url=url))
        assert result.outcome is Outcome.OK, result.detail


async def test_no_tls_where_tls_was_named(probe: FrameProbe, camera: FakeCamera) -> None:
    """A port that answers a TLS greeting with plain HTTP is `tls`."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", status=400))
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/snap"
        result = await probe.ask(camera.target(snapshot_url=url))
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.TLS), result.detail


async def test_faults_that_need_a_reference_wait_for_one(probe: FrameProbe, camera: FakeCamera) -> None:
    """A camera that nothing is known of is accused of no fault that only a reference can tell."""
    grey = np.full((360, 640), 128, dtype=np.uint8)
    grey[::4] = 140  # hardly any contrast, no colour, nothing sharp
    camera.snapshot = cv2.imencode(".jpg", cv2.GaussianBlur(grey, (31, 31), 9))[1].tobytes()
    result = await probe.ask(knowing(camera))
    skipped = {row["fault"] for row in result.values["not_checked"]}
    assert {"low_contrast", "blur", "colour_cast", "greyscale", "occluded", "moved"} <= skipped
    assert {"low_contrast", "blur", "greyscale", "occluded"}.isdisjoint(result.values["faults"])


async def test_a_picture_that_waits_too_long_for_a_worker_is_our_fault(camera: FakeCamera) -> None:
    """The camera gave its picture in time; that nobody was free to judge it is unknown: overload, not a fail."""
    release = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        executor.submit(release.wait)
        probe = FrameProbe(FrameOptions(), Resources(executor, time.time))
        try:
            async with asyncio.timeout(0.5):
                result = await probe.ask(knowing(camera))
        finally:
            release.set()
            await probe.close()
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.OVERLOAD)
