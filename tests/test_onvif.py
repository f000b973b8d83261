"""The onvif check against a camera with good and bad manners, over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from probes.base import Credential, Memory, Outcome, Reason, Resources, Result, Target
from probes.onvif import KIND, OnvifOptions, OnvifProbe, choose_profile
from probes.soap import Profile
from tests import fakecamera
from tests.fakecamera import FakeCamera, fault, reply, response


@pytest.fixture
async def probe() -> AsyncIterator[OnvifProbe]:
    with ThreadPoolExecutor(1) as executor:
        built = KIND.build(OnvifOptions(), Resources(executor, time.time))
        assert isinstance(built, OnvifProbe)
        yield built
        await built.close()


@pytest.fixture
async def camera() -> AsyncIterator[FakeCamera]:
    async with FakeCamera().serving() as served:
        yield served


def remembering(target: Target, result: Result) -> Target:
    """The target of the next asking, with what this one learnt."""
    return dataclasses.replace(target, memory=dataclasses.replace(target.memory, **result.learnt))


async def test_a_good_camera_says_all(probe: OnvifProbe, camera: FakeCamera) -> None:
    """Clock, identity, profiles and snapshot are read in five calls, the first of them without a login."""
    result = await probe.ask(camera.target())
    assert (result.outcome, result.reason) == (Outcome.OK, Reason.OK), result.detail
    values = dict(result.values)
    assert abs(values.pop("clock_offset_seconds")) < 1.5
    assert [profile["token"] for profile in values.pop("profiles")] == ["main", "sub", "tiny"]
    assert values == {
        "manufacturer": "Maker",
        "model": "Bullet <&> 1",
        "firmware": "1.2",
        "serial": "SN1",
        "hardware": "HW1",
        "resolution": (1920, 1080),
    }
    assert camera.asked == [
        "GetSystemDateAndTime",
        "GetDeviceInformation",
        "GetCapabilities",
        "GetProfiles",
        "GetSnapshotUri",
    ]
    assert (camera.accepted, camera.refused) == (4, 0)
    assert len(result.steps) == 5
    assert result.learnt["snapshot_is_small"] is True


async def test_addresses_from_the_camera_are_rewritten(probe: OnvifProbe, camera: FakeCamera) -> None:
    """A camera that names another host's media service and snapshot leads nobody to that host."""
    async with FakeCamera(host="127.0.0.66").serving() as other:
        for inner in (f"127.0.0.66:{other.port}", "127.0.0.66", "127.0.0.66:80", "u:p@127.0.0.66"):
            camera.inner_host = inner
            result = await probe.ask(camera.target())
            if inner.endswith(str(other.port)):  # that port is kept, and nobody listens on it at the right host
                assert result.reason is Reason.REFUSED
            else:
                assert result.outcome is Outcome.OK
                assert result.learnt["snapshot_uri"] == f"http://127.0.0.1:{camera.port}/snap?channel=1"
                assert result.learnt["media_uri"] == f"http://127.0.0.1:{camera.port}/onvif/media"
        assert other.asked == []


async def test_what_was_learnt_saves_a_call(probe: OnvifProbe, camera: FakeCamera) -> None:
    """The media service is looked up once, and again after it failed."""
    target = camera.target()
    target = remembering(target, await probe.ask(target))
    camera.asked.clear()
    assert (await probe.ask(target)).outcome is Outcome.OK
    assert "GetCapabilities" not in camera.asked
    camera.answers["GetProfiles"] = reply(b"", status=404)
    target = remembering(target, await probe.ask(target))
    assert target.memory.media_uri is None


@pytest.mark.parametrize("hours", [-7 * 24 * 365, 8])
async def test_a_wrong_clock_is_a_finding_not_a_refusal(probe: OnvifProbe, camera: FakeCamera, hours: int) -> None:
    """A camera years or hours off takes the login, because it is dated with the camera's own clock."""
    camera.clock = timedelta(hours=hours)
    result = await probe.ask(camera.target())
    assert result.outcome is Outcome.OK, result.detail
    assert abs(result.values["clock_offset_seconds"] - hours * 3600) < 1.5
    assert result.learnt["clock_offset_seconds"] == result.values["clock_offset_seconds"]


async def test_without_a_time_the_last_offset_is_used(probe: OnvifProbe, camera: FakeCamera) -> None:
    """A camera that stops telling its time is still asked with the offset that is remembered."""
    camera.clock = timedelta(hours=5)
    target = camera.target()
    target = remembering(target, await probe.ask(target))
    camera.answers["GetSystemDateAndTime"] = reply(response("GetSystemDateAndTime", "<UTCDateTime/>"))
    result = await probe.ask(target)
    assert result.outcome is Outcome.OK, result.detail
    assert "clock_offset_seconds" not in result.values


@pytest.mark.parametrize("http_auth", ["MD5", "SHA-256", "old", "basic"])
async def test_http_logins_are_answered(probe: OnvifProbe, camera: FakeCamera, http_auth: str) -> None:
    """A camera that asks by 401 gets a digest it accepts, or basic; nothing is remembered as refused."""
    camera.http_auth = http_auth
    result = await probe.ask(camera.target())
    assert result.outcome is Outcome.OK, result.detail
    assert (camera.accepted, camera.refused) == (4, 0)
    assert "refusals" not in result.learnt


async def test_a_nonce_that_is_good_once_is_renewed(probe: OnvifProbe, camera: FakeCamera) -> None:
    """A camera that wants a new nonce for every request is no refusing camera."""
    camera.http_auth, camera.challenge_once = "MD5", True
    result = await probe.ask(camera.target())
    assert result.outcome is Outcome.OK, result.detail
    assert camera.accepted == 4


@pytest.mark.parametrize("http_auth", [None, "MD5", "basic"])
async def test_after_three_refusals_the_login_is_held_back(
    probe: OnvifProbe, camera: FakeCamera, http_auth: str | None
) -> None:
    """A changed password costs at most three logins, the clock is still read, and a new credential is tried."""
    camera.http_auth = http_auth
    target = camera.target()
    target = remembering(target, await probe.ask(target))
    camera.password, camera.clock, camera.refused = "changed", timedelta(hours=2), 0
    for _ in range(6):
        result = await probe.ask(target)
        assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.AUTH)
        assert abs(result.values["clock_offset_seconds"] - 7200) < 1.5
        target = remembering(target, result)
    assert 1 <= camera.refused <= 3
    assert "held back" in result.detail
    renewed = dataclasses.replace(target, credential=Credential("default", "admin", "changed"))
    result = await probe.ask(renewed)
    assert result.outcome is Outcome.OK, result.detail
    assert remembering(renewed, result).memory.refusals == 0


async def test_a_success_forgets_refusals(probe: OnvifProbe, camera: FakeCamera) -> None:
    """Two refusals followed by a success leave none counted."""
    target = camera.target()
    login = target.credential
    assert login is not None
    memory = Memory(refusals=2, refused_login=login.fingerprint(target.address))
    result = await probe.ask(dataclasses.replace(target, memory=memory))
    assert result.learnt["refusals"] == 0


async def test_a_camera_that_refuses_only_the_later_calls_counts_too(
    probe: OnvifProbe, camera: FakeCamera
) -> None:
    """A refusal at any call counts, although an earlier call of the same asking was accepted."""
    camera.answers["GetProfiles"] = reply(fault("env:Sender", "", "Sender not authorized"), status=500)
    target = camera.target()
    for count in (1, 2, 3):
        result = await probe.ask(target)
        assert result.reason is Reason.AUTH
        target = remembering(target, result)
        assert target.memory.refusals == count
    before = camera.accepted
    assert "held back" in (await probe.ask(target)).detail
    assert camera.accepted == before


async def test_no_login_is_said_so(probe: OnvifProbe, camera: FakeCamera) -> None:
    """A camera that wants a login where none is configured fails with that reason, and nothing is counted."""
    result = await probe.ask(camera.target(credential=None))
    assert result.reason is Reason.AUTH
    assert "inventory names none" in result.detail
    assert "refusals" not in result.learnt
    camera.wsse = False
    assert (await probe.ask(camera.target(credential=None))).outcome is Outcome.OK


async def test_no_secret_is_told(probe: OnvifProbe, camera: FakeCamera) -> None:
    """Neither a refused nor an accepted asking shows the password, nor the snapshot's query."""
    good = await probe.ask(camera.target())
    camera.password = "changed"
    for result in (good, await probe.ask(camera.target())):
        assert "s3cret" not in repr(result)
        assert "channel=1" not in "".join(result.steps)


async def test_channels_are_video_sources(probe: OnvifProbe, camera: FakeCamera) -> None:
    """The channel picks the source; one that the device does not have fails and forgets the snapshot."""
    size = fakecamera.Profile
    camera.profiles = (size("a", "s1", 1280, 720), size("b", "s2", 2560, 1440), size("c", "s1", 320, 240))
    assert (await probe.ask(camera.target(channel=2))).values["resolution"] == (2560, 1440)
    result = await probe.ask(camera.target(channel=3))
    assert (result.reason, result.learnt["snapshot_uri"]) == (Reason.PROTOCOL, None)


async def test_a_device_without_snapshots_is_fine(probe: OnvifProbe, camera: FakeCamera) -> None:
    """ONVIF without a snapshot address is ok, and the address is forgotten."""
    camera.answers["GetSnapshotUri"] = reply(fault("env:Receiver", "ter:ActionNotSupported", "no"), status=500)
    result = await probe.ask(camera.target())
    assert (result.outcome, result.learnt["snapshot_uri"]) == (Outcome.OK, None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.RESET),
        (b"\x00\x01garbage\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n<s:Env", Reason.RESET),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<s:", Reason.RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n<s:Env", Reason.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", Reason.PROTOCOL),
        (reply(b"<html>hello</html>"), Reason.PROTOCOL),
        (reply(b""), Reason.PROTOCOL),
        (reply(b"x", headers="Content-Encoding: gzip\r\n"), Reason.PROTOCOL),
        (reply(b"", status=404), Reason.REFUSED),
        (reply(b"", status=503), Reason.REFUSED),
        (reply(b"", status=302, headers="Location: http://127.0.0.66/onvif\r\n"), Reason.REDIRECT),
        (reply(b"", status=302, headers="Location: http://[::1/\r\n"), Reason.PROTOCOL),
        (reply(b"", status=302, headers="Location: /onvif/device_service\r\n"), Reason.REDIRECT),
        (reply(b"", status=401, headers='WWW-Authenticate: Digest realm="\xff", nonce=1\r\n'), Reason.AUTH),
        (reply(b"", status=401, headers="WWW-Authenticate: Negotiate\r\n"), Reason.AUTH),
        (reply(b"<!DOCTYPE a [<!ENTITY b 'c'>]><GetDeviceInformationResponse/>"), Reason.PROTOCOL),
    ],
)
async def test_bad_answers_have_a_reason(
    probe: OnvifProbe, camera: FakeCamera, raw: bytes, reason: Reason
) -> None:
    """Whatever comes instead of an answer is a failure with its reason, and the clock is told all the same."""
    camera.answers["GetDeviceInformation"] = camera.answers["/onvif/device_service"] = raw
    result = await probe.ask(camera.target())
    assert (result.outcome, result.reason) == (Outcome.FAIL, reason), result.detail
    assert "clock_offset_seconds" in result.values


async def test_an_endless_answer_is_cut_off(probe: OnvifProbe, camera: FakeCamera) -> None:
    """A body without an end is read up to the cap only."""
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"<" * 65536 + b"\r\n")
            sent += 65536
            await writer.drain()

    camera.manners["GetDeviceInformation"] = endless
    result = await asyncio.wait_for(probe.ask(camera.target()), 5)
    assert result.reason is Reason.TOO_LARGE
    assert sent < 20_000_000


async def test_a_deadline_ends_a_camera_that_dribbles(probe: OnvifProbe, camera: FakeCamera) -> None:
    """A camera that sends a byte a second is ended by the caller, leaves no task behind and spoils nothing."""

    async def dribbling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(1)

    camera.manners["GetDeviceInformation"] = dribbling
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(probe.ask(camera.target()), 0.2)
    await asyncio.sleep(0)
    ours = {task for task in asyncio.all_tasks() - before if "FakeCamera" not in repr(task)}
    assert not ours
    camera.manners.clear()
    assert (await probe.ask(camera.target())).outcome is Outcome.OK


async def test_nobody_there_is_refused(probe: OnvifProbe, camera: FakeCamera) -> None:
    """A closed port is `refused`."""
    result = await probe.ask(camera.target(onvif_port=9))
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.REFUSED)


class CountingExecutor(ThreadPoolExecutor):
    """Counts what it is given."""

    given = 0

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        self.given += 1
        return super().submit(*args, **kwargs)


async def test_large_answers_are_read_off_the_loop(camera: FakeCamera) -> None:
    """An NVR's hundreds of profiles are read right, and in the executor, which small answers are not."""
    camera.profiles = tuple(fakecamera.Profile(f"p{i}", f"s{i // 2}", 640 + i, 480) for i in range(600))
    with CountingExecutor(1) as executor:
        probe = OnvifProbe(OnvifOptions(), Resources(executor, time.time))
        result = await probe.ask(camera.target(channel=300))
        await probe.close()
        assert (result.values["resolution"], executor.given) == ((1239, 480), 1)


def test_the_smallest_sufficient_profile_is_chosen() -> None:
    """The small one is the smallest that is 640 wide; without such, or with small off, the largest."""

    def profile(width: int, height: int) -> Profile:
        return Profile(f"{width}", "", "s", "", width, height)

    profiles = [profile(1920, 1080), profile(704, 576), profile(640, 360), profile(352, 288)]
    small, large = choose_profile(profiles, 1, small=True), choose_profile(profiles, 1, small=False)
    assert small is not None
    assert large is not None
    assert (small.width, large.width) == (640, 1920)
    assert choose_profile([profile(352, 288), profile(176, 144)], 1, small=True) == profile(352, 288)
    assert choose_profile(profiles, 2, small=True) is None
    assert choose_profile([], 1, small=False) is None


NOBODY = "<NetworkInterfaces><Info><HwAddress>{}</HwAddress></Info></NetworkInterfaces>"
INTERFACES = f"""{NOBODY.format("00:00:00:00:00:00")}
<NetworkInterfaces token="eth0"><Info><HwAddress>00-1B-C5-0A-00-01</HwAddress></Info><IPv4><Config>
<Manual><Address>{{address}}</Address></Manual></Config></IPv4></NetworkInterfaces>
<NetworkInterfaces token="wlan0"><Info><HwAddress>001bc50a0002</HwAddress></Info></NetworkInterfaces>"""


async def test_the_mac_is_asked_once_of_a_device(probe: OnvifProbe, camera: FakeCamera) -> None:
    """That of the interface with the camera's address; again only when another device answers there."""
    camera.answers["GetNetworkInterfaces"] = reply(
        response("GetNetworkInterfaces", INTERFACES.format(address="127.0.0.1"))
    )
    target = camera.target(memory=Memory())
    result = await probe.ask(target)
    assert (result.outcome, result.values["mac"]) == (Outcome.OK, "00:1b:c5:0a:00:01")
    target = remembering(target, result)
    camera.asked.clear()
    assert "mac" not in (await probe.ask(target)).values
    assert "GetNetworkInterfaces" not in camera.asked
    other = dataclasses.replace(target, memory=dataclasses.replace(target.memory, mac_serial="OTHER"))
    assert (await probe.ask(other)).values["mac"] == "00:1b:c5:0a:00:01"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (response("GetNetworkInterfaces", INTERFACES.format(address="10.9.9.9")), 200),  # neither is its address's
        (response("GetNetworkInterfaces", ""), 200),
        (response("GetNetworkInterfaces", NOBODY.format("?")), 200),
        (b"<no", 200),
        (b"", 401),
        (b"", 500),
    ],
)  # fmt: skip
async def test_a_camera_that_keeps_its_mac_to_itself_is_fine(
    probe: OnvifProbe, camera: FakeCamera, body: bytes, status: int
) -> None:
    """The asking is ok all the same, no login counts as refused, and it is not asked for again."""
    camera.answers["GetNetworkInterfaces"] = reply(body, status=status)
    result = await probe.ask(camera.target(memory=Memory()))
    assert result.outcome is Outcome.OK, result.detail
    assert "mac" not in result.values
    assert (result.learnt["mac"], result.learnt["mac_serial"]) == ("", "SN1")
    assert "refusals" not in result.learnt
    assert result.values["serial"] == "SN1"


async def test_a_mac_that_snmp_told_outlives_a_refusal(probe: OnvifProbe, camera: FakeCamera) -> None:
    """Where ONVIF keeps it to itself, what the camera's SNMP agent said stays."""
    camera.answers["GetNetworkInterfaces"] = reply(b"", status=500)
    result = await probe.ask(camera.target(memory=Memory(mac="02:00:00:00:00:09")))
    assert result.learnt["mac"] == "02:00:00:00:00:09"
