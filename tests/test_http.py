"""Where URLs may lead, what an error says of whom, how long a connection is kept. The exchanges are told in
test_onvif and test_frame, over a camera that closes every connection after one answer without saying so."""

from __future__ import annotations

import asyncio
import errno

import aiohttp
import pytest

from probes.base import Outcome, Reason, Result, Target
from probes.http import HttpClient, Reply, Request, failure, normalised, place, redirected
from probes.login import Login


@pytest.mark.parametrize(
    ("uri", "placed"),
    [
        ("http://192.168.1.64/onvif/media?a=b&c", "http://10.0.0.1:8080/onvif/media?a=b&c"),
        ("http://192.168.1.64:80/x", "http://10.0.0.1:8080/x"),
        ("http://10.0.0.1:80/x", "http://10.0.0.1:80/x"),
        ("http://192.168.1.64:8899/x", "http://10.0.0.1:8899/x"),
        ("https://192.168.1.64/x", "https://10.0.0.1:443/x"),
        ("http://admin:pw@169.254.169.254/x#y", "http://10.0.0.1:8080/x"),
        ("http://[fe80::1]:81/a b\r\nHost: c", "http://10.0.0.1:81/a%20bHost:%20c"),
        ("http://camera.local", "http://10.0.0.1:8080/"),
        ("file:///etc/passwd", None),
        ("http://:80/x", None),
        ("http://a:99999/x", None),
        ("http://[::1/x", None),
        ("http://a/" + "x" * 3000, None),
        ("", None),
    ],
)
def test_uris_are_placed_on_the_inventorys_address(uri: str, placed: str | None) -> None:
    """Host replaced, path and query kept, inner usual port mapped, nonsense refused."""
    assert place(uri, "10.0.0.1", 8080) == placed


def test_ipv6_addresses_are_bracketed() -> None:
    """An IPv6 camera's URLs are well-formed."""
    assert place("http://x/y", "2001:db8::1", 80) == "http://[2001:db8::1]:80/y"
    assert normalised("snap.jpg", "2001:db8::1") == "http://[2001:db8::1]/snap.jpg"


def test_redirects_stay_on_the_host_and_on_tls() -> None:
    """Same host, other path, port or TLS: followed; another host, or back to plain HTTP: not."""
    assert redirected("http://10.0.0.1/a", "/b?c") == "http://10.0.0.1/b?c"
    assert redirected("http://10.0.0.1/a", "https://10.0.0.1:8443/b") == "https://10.0.0.1:8443/b"
    for url, location in (("http://10.0.0.1/", "//10.0.0.2/"), ("https://10.0.0.1/", "http://10.0.0.1/")):
        result = redirected(url, location)
        assert isinstance(result, Result)
        assert result.reason is Reason.REDIRECT


@pytest.mark.parametrize(
    ("number", "outcome", "reason"),
    [
        (errno.EMFILE, Outcome.UNKNOWN, Reason.LOCAL),
        (errno.ENETDOWN, Outcome.UNKNOWN, Reason.LOCAL),
        (errno.EACCES, Outcome.UNKNOWN, Reason.LOCAL),
        (errno.EHOSTUNREACH, Outcome.FAIL, Reason.UNREACHABLE),
        (errno.EINVAL, Outcome.FAIL, Reason.UNREACHABLE),
        (errno.ETIMEDOUT, Outcome.FAIL, Reason.TIMEOUT),
        (errno.EPIPE, Outcome.FAIL, Reason.RESET),
    ],
)
def test_our_own_troubles_are_not_the_cameras(number: int, outcome: Outcome, reason: Reason) -> None:
    """Lacking descriptors, network or permission is unknown; what the network says of the camera is a fail."""
    for error in (OSError(number, "x"), aiohttp.ClientOSError(number, "x")):
        result = failure(error)
        assert (result.outcome, result.reason) == (outcome, reason)


async def test_a_connection_serves_one_asking_and_no_more() -> None:
    """Calls of one asking share a connection; with the last of them it is closed."""
    opened, closed = 0, asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        closed.set()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    client, login = HttpClient(1000), Login(Target("127.0.0.1"))
    for last in (False, False, True):
        reply = await client.exchange(Request(url, last=last), login)
        assert isinstance(reply, Reply)
        assert reply.body == b"ok"
    await asyncio.wait_for(closed.wait(), 5)
    assert opened == 1
    await client.close()
    server.close()
    await server.wait_closed()
