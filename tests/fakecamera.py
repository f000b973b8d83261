"""A camera on loopback with every bad manner that real ones have, for tests: ONVIF, snapshots, logins, counters.

It is written apart from the probes: its digests are checked with its own arithmetic.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from probes.base import Credential, Memory, Target

REALM = "camera"
Manners = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Profile:
    token: str
    source: str
    width: int
    height: int


@dataclass
class FakeCamera:
    """What it is and how it behaves; change any of it while it runs.

    `http_auth`: None, "basic", "MD5", "SHA-256" or "old" (digest without qop). `wsse`: whether ONVIF wants a
    UsernameToken. `answers`: path or operation -> raw bytes sent instead. `manners`: path -> all of the talking.
    """

    user: str = "admin"
    password: str = "s3cret"
    wsse: bool = True
    http_auth: str | None = None
    challenge_once: bool = False  # every nonce is good for one request
    clock: timedelta = timedelta()
    inner_host: str = "192.168.1.64"  # the address it believes to have: behind NAT
    snapshot: bytes = b""
    model: bytes = b"Bullet <&> 1".replace(b"<&>", b"&lt;&amp;&gt;")
    profiles: tuple[Profile, ...] = (
        Profile("main", "source0", 1920, 1080),
        Profile("sub", "source0", 640, 360),
        Profile("tiny", "source0", 352, 288),
    )
    answers: dict[str, bytes] = field(default_factory=dict)
    manners: dict[str, Manners] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # operations and paths, in order
    accepted: int = 0
    refused: int = 0  # logins that were sent and were wrong
    host: str = "127.0.0.1"
    port: int = 0
    scheme: str = "http"
    _nonce: int = 0

    def target(self, **changes: object) -> Target:
        """A target that points here, with the right login unless changed."""
        given: dict[str, object] = {
            "address": self.host,
            "onvif_port": self.port,
            "credential": Credential("default", self.user, self.password),
            "memory": Memory(mac="02:00:00:00:00:01", mac_serial="SN1"),  # known: it is not asked for again
        }
        return Target(**(given | changes))  # type: ignore[arg-type] # built by name

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeCamera]:
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            try:
                await self._talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # gone, or the camera is switched off
            finally:
                writer.close()

        server = await asyncio.start_server(connected, self.host, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        self.scheme = "http" if tls is None else "https"
        try:
            yield self
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        operation = re.search(rb"<s:Body><q:(\w+)", body)
        name = operation[1].decode() if operation else path.partition("?")[0]
        self.asked.append(name)
        if name in self.manners:
            await self.manners[name](reader, writer)
            return
        given = re.search(r"(?im)^authorization: *(.+?)\r?$", head)
        writer.write(self._answer(method, path, name, body, given[1] if given else None))
        await writer.drain()

    def _answer(self, method: str, path: str, name: str, body: bytes, authorization: str | None) -> bytes:
        if name in self.answers:
            return self.answers[name]
        soap = method == "POST"
        if name == "GetSystemDateAndTime":
            return reply(self._time(), "application/soap+xml")
        if self.http_auth is not None and not self._login_is_good(method, authorization):
            return self._challenge()
        if soap and self.wsse and self.http_auth is None and not self._token_is_good(body):
            return reply(fault("env:Sender", "ter:NotAuthorized", "Sender not Authorized"), "text/xml", 400)
        if not soap:
            return reply(self.snapshot, "image/jpeg") if path.startswith("/snap") else reply(b"", status=404)
        return reply(self._soap(name), "application/soap+xml")

    def _challenge(self) -> bytes:
        self._nonce += 1
        if self.http_auth == "basic":
            asks = f'Basic realm="{REALM}"'
        elif self.http_auth == "old":
            asks = f'Digest realm="{REALM}", nonce="n{self._nonce}"'
        else:
            digest = f'Digest realm="{REALM}", nonce="n{self._nonce}", qop="auth", opaque="o", '
            asks = digest + f"algorithm={self.http_auth}"
        return reply(b"<html>no</html>", "text/html", 401, f"WWW-Authenticate: {asks}\r\n")

    def _login_is_good(self, method: str, authorization: str | None) -> bool:
        if authorization is None:
            return False
        good = self._is_good(method, authorization)
        self.accepted, self.refused = self.accepted + good, self.refused + (not good)
        return good

    def _is_good(self, method: str, authorization: str) -> bool:
        if self.http_auth == "basic":
            return authorization == "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        fields = re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', authorization)
        given: dict[str, str] = {name: quoted or bare for name, quoted, bare in fields}
        make = hashlib.sha256 if self.http_auth == "SHA-256" else hashlib.md5
        if self.challenge_once and given["nc"] != "00000001":
            return False
        one = make(f"{self.user}:{REALM}:{self.password}".encode()).hexdigest()
        two = make(f"{method}:{given['uri']}".encode()).hexdigest()
        middle = f"{given['nonce']}"
        if self.http_auth != "old":
            middle += f":{given['nc']}:{given['cnonce']}:auth"
        return given["response"] == make(f"{one}:{middle}:{two}".encode()).hexdigest()

    def _token_is_good(self, body: bytes) -> bool:
        found = [
            re.search(rb"<w:%s(?: [^>]*)?>([^<]*)<" % name, body) for name in (b"Username", b"Password", b"Nonce")
        ]
        created = re.search(rb"<u:Created[^>]*>([^<]*)<", body)
        if None in found or created is None:
            return False
        user, password, nonce = (match[1] for match in found if match)
        digest = hashlib.sha1(base64.b64decode(nonce) + created[1] + self.password.encode()).digest()
        age = self._now() - datetime.strptime(created[1].decode(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        good = (
            user.decode() == self.user
            and password == base64.b64encode(digest)
            and abs(age) < timedelta(seconds=5)  # real ones are as strict, which is why a wrong clock locks out
        )
        self.accepted, self.refused = self.accepted + good, self.refused + (not good)
        return good

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.clock

    def _time(self) -> bytes:
        now = self._now()
        return response(
            "GetSystemDateAndTime",
            f"<SystemDateAndTime><UTCDateTime><Time><Hour>{now.hour}</Hour><Minute>{now.minute}</Minute>"
            f"<Second>{now.second}</Second></Time><Date><Year>{now.year}</Year><Month>{now.month}</Month>"
            f"<Day>{now.day}</Day></Date></UTCDateTime></SystemDateAndTime>",
        )

    def _soap(self, name: str) -> bytes:
        inner = f"{self.scheme}://{self.inner_host}"
        if name == "GetDeviceInformation":
            model = self.model.decode("latin-1")
            return response(
                name,
                f"<Manufacturer>Maker</Manufacturer><Model>{model}</Model><FirmwareVersion>1.2</FirmwareVersion>"
                "<SerialNumber>SN1</SerialNumber><HardwareId>HW1</HardwareId>",
            )
        if name == "GetCapabilities":
            xaddr = f"<Media><XAddr>{inner}/onvif/media</XAddr></Media>"
            return response(name, f"<Capabilities>{xaddr}</Capabilities>")
        if name == "GetProfiles":
            return response(name, "".join(_profile(profile) for profile in self.profiles))
        return response(name, f"<MediaUri><Uri>{inner}/snap?channel=1</Uri></MediaUri>")


def _profile(profile: Profile) -> str:
    return (
        f'<Profiles token="{profile.token}"><Name>{profile.token}</Name>'
        f"<VideoSourceConfiguration><SourceToken>{profile.source}</SourceToken></VideoSourceConfiguration>"
        f"<VideoEncoderConfiguration><Encoding>H264</Encoding><Resolution><Width>{profile.width}</Width>"
        f"<Height>{profile.height}</Height></Resolution></VideoEncoderConfiguration></Profiles>"
    )


def response(name: str, content: str) -> bytes:
    """A SOAP answer; `content` may hold any byte as latin-1."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope">'
        f'<env:Body><t:{name}Response xmlns:t="urn:t">{content}</t:{name}Response></env:Body></env:Envelope>'
    ).encode("latin-1")


def fault(code: str, subcode: str, text: str) -> bytes:
    return (
        '<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body><env:Fault>'
        f"<env:Code><env:Value>{code}</env:Value><env:Subcode><env:Value>{subcode}</env:Value></env:Subcode>"
        f"</env:Code><env:Reason><env:Text>{text}</env:Text></env:Reason></env:Fault></env:Body></env:Envelope>"
    ).encode()


def reply(body: bytes, content_type: str = "text/plain", status: int = 200, headers: str = "") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body
