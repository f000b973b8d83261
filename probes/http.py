"""HTTP towards cameras: caps on size, own-host redirects, logins by challenge, and errors as results.

Whatever a camera sends is a `Reply` or a `Result` that says why there is none. Certificates are not verified:
cameras sign their own and have no name to check; TLS keeps listeners out, not impostors.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
from yarl import URL

from probes.base import Reason, Result
from probes.login import Login

MAX_URL = 2000  # characters
_MAX_SENDS = 5  # of one exchange: challenges and redirects together
_KEPT_SECONDS = 1.0  # an open connection waits so long for the next call of the same asking
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = MappingProxyType({"http": 80, "https": 443})

_NETWORK = MappingProxyType(
    {
        errno.ECONNREFUSED: Reason.REFUSED,
        errno.ECONNRESET: Reason.RESET,
        errno.ECONNABORTED: Reason.RESET,
        errno.EPIPE: Reason.RESET,
        errno.ETIMEDOUT: Reason.TIMEOUT,
        errno.EHOSTUNREACH: Reason.UNREACHABLE,
        errno.EHOSTDOWN: Reason.UNREACHABLE,
        errno.ENETUNREACH: Reason.UNREACHABLE,
        errno.EINVAL: Reason.UNREACHABLE,  # what a blackhole route answers
    }
)
"""What the network says of the camera; any other error number is ours (descriptors, memory, interfaces)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GET where `body` is None, else a POST of what `body` returns (asked anew for every sending). It must only
    ask, for it may be sent twice. `last`: the connection is not kept for another one."""

    url: str
    body: Callable[[], bytes] | None = None
    content_type: str = ""
    last: bool = True

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `body` is whole."""

    status: int
    body: bytes
    challenges: tuple[str, ...]  # WWW-Authenticate
    location: str


class HttpClient:
    """One connection pool for one probe. Build it inside the event loop; close it.

    It sets no time limit of its own: the caller's deadline cancels, and a cancelled exchange closes its
    connection. No proxy, cookie, cache or compressed body.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        connector = aiohttp.TCPConnector(
            limit=0,  # the scheduler's seats are the limit
            limit_per_host=4,  # channels of one NVR share an address
            ssl=_unverified(),
            keepalive_timeout=_KEPT_SECONDS,
            resolver=aiohttp.ThreadedResolver(),  # never used for addresses, which are literals
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "healthd", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
        )

    async def exchange(self, request: Request, login: Login) -> Reply | Result:
        """One question with its answer, whatever its status. Follows redirects to the same host; answers a
        challenge with the login. A 401 that comes back means that the login was refused or could not be given."""
        login.begin()
        for _ in range(_MAX_SENDS):
            url = URL(request.url, encoded=True)
            reply = await self._send(request, url, login.header(request.method, url.raw_path_qs))
            if isinstance(reply, Result):
                return reply
            if reply.status in _REDIRECTS:
                leads_to = redirected(request.url, reply.location)
                if isinstance(leads_to, Result):
                    return leads_to
                request = replace(request, url=leads_to)
            elif reply.status != 401 or not login.answers(reply.challenges):
                return reply
        return Result.fail(Reason.REDIRECT, f"no answer after {_MAX_SENDS} redirects and challenges")

    async def _send(self, request: Request, url: URL, authorization: str | None) -> Reply | Result:
        headers = {}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if authorization is not None:
            headers["Authorization"] = authorization
        if request.last:
            headers["Connection"] = "close"
        try:
            try:
                return await self._sent(request, url, headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if isinstance(error, aiohttp.ClientConnectorError):
                    return failure(error)
                # Cameras drop kept connections without a word, and that must not count against them.
                return await self._sent(request, url, headers)
        except (aiohttp.ClientError, OSError) as error:
            return failure(error)

    async def _sent(self, request: Request, url: URL, headers: Mapping[str, str]) -> Reply | Result:
        async with self._session.request(
            request.method,
            url,
            data=None if request.body is None else request.body(),
            headers=headers,
            allow_redirects=False,
        ) as response:
            body = await self._read(response)
            if isinstance(body, Result):
                return body
            challenges = tuple(response.headers.getall("WWW-Authenticate", ()))
            return Reply(response.status, body, challenges, response.headers.get("Location", ""))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | Result:
        if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            return Result.fail(Reason.PROTOCOL, "a compressed answer, which was not asked for")
        too_large = Result.fail(Reason.TOO_LARGE, f"the answer is larger than {self._max_bytes} bytes")
        if (response.content_length or 0) > self._max_bytes:
            return too_large
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                return too_large
        return bytes(body)

    async def close(self) -> None:
        await self._session.close()


def failure(error: Exception) -> Result:
    """What an exception of the HTTP client says: of the camera, or of us."""
    text = f"{type(error).__name__}: {error}"[:200]
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return Result.fail(Reason.TLS, text)
    if isinstance(error, TimeoutError):
        return Result.fail(Reason.TIMEOUT, text)
    if isinstance(error, OSError) and error.errno is not None:
        reason = _NETWORK.get(error.errno)
        return Result.unknown(Reason.LOCAL, text) if reason is None else Result.fail(reason, text)
    if isinstance(error, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError)):
        return Result.fail(Reason.RESET, "connection closed before the answer was whole")
    return Result.fail(Reason.PROTOCOL, f"not HTTP: {text}")


def place(uri: str, address: str, port: int) -> str | None:
    """A URI that a camera gave, rewritten to the inventory's `address`; None where it is no usable URI.

    Behind NAT a camera names its inner address, and a hostile one names somebody else's: the host is always
    replaced, a login in the URI dropped. Path and query are kept, and the scheme. The port is kept unless
    it is absent, or is the scheme's usual one on another host (the inner one): then plain HTTP goes to `port`.
    """
    try:
        parts = urlsplit(uri.strip())
        given = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or len(uri) > MAX_URL:
        return None
    usual = _PORTS[parts.scheme]
    if given is None or (given == usual and parts.hostname != address):
        given = port if parts.scheme == "http" else usual
    return _assembled(parts.scheme, address, given, parts.path, parts.query)


def normalised(url: str, address: str) -> str | None:
    """A URL of the inventory, absolute or only a path (then on `address`), without login or fragment;
    None where it is no usable one."""
    try:
        parts = urlsplit(urljoin(f"http://{bracketed(address)}/", url.strip()))
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return _assembled(parts.scheme, parts.hostname, port, parts.path, parts.query)


def redirected(url: str, location: str) -> str | Result:
    """Where a redirect leads: same host, never from TLS to plain HTTP, or a failure."""
    try:
        old, new = urlsplit(url), urlsplit(urljoin(url, location.strip()))
        port = new.port
    except ValueError:
        return Result.fail(Reason.PROTOCOL, "a redirect to something that is no URL")
    if not location or new.scheme not in _PORTS or len(location) > MAX_URL:
        return Result.fail(Reason.PROTOCOL, "a redirect to something that is no URL")
    if new.hostname != old.hostname:
        return Result.fail(
            Reason.REDIRECT, f"redirected to another host, {str(new.hostname)[:100]!r}; not followed"
        )
    if old.scheme == "https" and new.scheme == "http":
        return Result.fail(Reason.REDIRECT, "redirected from TLS to plain HTTP; not followed")
    return _assembled(new.scheme, str(new.hostname), port, new.path, new.query)


def shown(url: str) -> str:
    """A URL for a human to read: without its query, where cameras keep logins and session keys."""
    return url.partition("?")[0]


def _assembled(scheme: str, host: str, port: int | None, path: str, query: str) -> str:
    # Quoting leaves nothing in it that could end a header line, and leaves what is quoted already.
    safe = "/%:@!$&'()*+,;=~-._"
    where = f"{scheme}://{bracketed(host)}" + ("" if port is None else f":{port}")
    path = quote(path or "/", safe=safe, errors="replace")
    return where + path + (f"?{quote(query, safe=safe + '?', errors='replace')}" if query else "")


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # old cameras: short keys, SHA-1 signatures
    return context
