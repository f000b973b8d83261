"""The annotation check against the simulated city, and against cameras with bad manners."""

from __future__ import annotations

import asyncio
import csv
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from healthd.city import soap
from probes.annotation import AnnotationOptions, AnnotationProbe
from probes.base import Credential, Memory, Outcome, Reason, Resources, Result, Target
from tests.running import city

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of zeep's own imports

PROFILES = soap.envelope(soap.profiles([(1, 1920, 1080), (2, 1280, 720)]))


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Target, str]]]:
    """Some cameras of a running city, with its login and their names."""
    directory: Path = tmp_path_factory.mktemp("annotation")
    with city(directory, 12):
        login = Credential(
            username="admin", password=(directory / "secrets" / "camera").read_text("utf-8").strip()
        )
        with (directory / "cameras.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = [*csv.DictReader(file)][:6]
        yield [
            (
                Target(
                    row["address"],
                    onvif_port=int(row["onvif_port"]),
                    channel=int(row["channel"] or 1),
                    credential=login,
                ),
                row["name"],
            )
            for row in rows
        ]


async def ask(*targets: Target, seconds: float = 5.0) -> list[Result]:
    with ThreadPoolExecutor(1) as executor:
        probe = AnnotationProbe(AnnotationOptions(timeout=seconds), Resources(executor, time.time))
        try:
            return await asyncio.gather(*(probe.ask(target) for target in targets))
        finally:
            await probe.close()


async def test_the_name_and_the_time_are_read(cameras: list[tuple[Target, str]]) -> None:
    """Several cameras at once over one shared WSDL: each tells its own name, its channel's, and shows the time."""
    results = await ask(*(target for target, _ in cameras))
    for result, (_, name) in zip(results, cameras, strict=True):
        assert result.outcome is Outcome.OK, result.detail
        assert result.values == {"texts": (name,), "shows_time": True}
        assert (result.learnt["osd_name"], result.learnt["osd_time"]) == (name, True)
        assert abs(result.learnt["osd_read_at"] - time.time()) < 60


async def test_a_refused_login_is_told_and_remembered(cameras: list[tuple[Target, str]]) -> None:
    """A wrong password is `auth`, counts towards the guard, and nothing is learnt of the picture."""
    target = replace(cameras[0][0], credential=Credential(username="admin", password="wrong"))
    (result,) = await ask(target)
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.AUTH)
    assert result.learnt["refusals"] == 1
    assert "osd_read_at" not in result.learnt
    held = replace(target, memory=Memory(refusals=3, refused_login=result.learnt["refused_login"]))
    (result,) = await ask(held)
    assert "held back" in result.detail


async def test_a_clock_that_is_off_does_not_keep_it_out(cameras: list[tuple[Target, str]]) -> None:
    """The login is dated with the camera's clock: an offset that is wrong by an hour is refused."""
    target, _ = cameras[0]
    (result,) = await ask(replace(target, memory=Memory(clock_offset_seconds=3600.0)))
    assert result.reason is Reason.AUTH


Answer = Callable[[bytes], tuple[int, bytes]]


@pytest.fixture
def rude() -> Iterator[Callable[[Answer], Target]]:
    """A camera on loopback that answers as the test says."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> Target:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, reply = answer(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/soap+xml")
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                for first in range(0, len(reply), 4096):
                    try:
                        self.wfile.write(reply[first : first + 4096])
                    except OSError:
                        return
                    if reply.startswith(b"slow"):
                        time.sleep(0.2)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return Target("127.0.0.1", onvif_port=server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def osds(text: bytes) -> Answer:
    return lambda body: (200, PROFILES if b"GetProfiles" in body else text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (soap.fault("ter:ActionNotSupported", "Optional Action Not Implemented"), Reason.REFUSED),
        (soap.fault("ter:NotAuthorized", "Sender not Authorized"), Reason.AUTH),
        (b"<html>404</html>", Reason.PROTOCOL),
        (b"", Reason.PROTOCOL),
        (b"<a" * 50, Reason.PROTOCOL),
        (b'<!DOCTYPE x [<!ENTITY e "boom">]><x>&e;</x>', Reason.PROTOCOL),
        (b"x" * 2_000_000, Reason.TOO_LARGE),
    ],
)
async def test_cameras_that_do_not_tell_are_not_checked(
    rude: Callable[[Answer], Target], text: bytes, reason: Reason
) -> None:
    """Faults, nonsense and floods fail the check with a reason of the closed set, and nothing is learnt."""
    (result,) = await ask(rude(osds(text)))
    assert (result.outcome, result.reason) == (Outcome.FAIL, reason), result
    assert "osd_read_at" not in result.learnt


async def test_only_the_channel_s_own_texts_count(rude: Callable[[Answer], Target]) -> None:
    """Of two channels each has its own texts; pictures without any are read as such."""
    target = rude(osds(soap.envelope(soap.on_picture([(1, "东门"), (2, "")]))))
    first, second, third = await ask(target, replace(target, channel=2), replace(target, channel=3))
    assert (first.values["texts"], second.values["texts"]) == (("东门",), ())
    assert (second.learnt["osd_name"], second.learnt["osd_time"]) == ("", True)
    assert (third.reason, third.learnt) == (Reason.PROTOCOL, {})
    (none,) = await ask(rude(osds(soap.envelope("<trt:GetOSDsResponse></trt:GetOSDsResponse>"))))
    assert (none.outcome, none.values["shows_time"]) == (Outcome.OK, False)


async def test_nobody_is_followed_elsewhere_or_waited_for(rude: Callable[[Answer], Target]) -> None:
    """A redirect is not followed, a trickle ends with the timeout, and a closed port is told at once."""
    (moved,) = await ask(rude(lambda _: (302, b"elsewhere")))
    assert moved.outcome is Outcome.FAIL
    began = time.monotonic()
    (slow,) = await ask(rude(lambda _: (200, b"slow" * 100_000)), seconds=1.0)
    assert slow.outcome is Outcome.FAIL
    assert time.monotonic() - began < 8
    (closed,) = await ask(Target("127.0.0.1", onvif_port=1))
    assert closed.reason is Reason.REFUSED
