"""The HTTP side of every simulated camera: one protocol object a connection, one request at a time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeAlias

LARGEST_HEAD, LARGEST_BODY = 16_384, 65_536
NONCE_SECONDS = 300
REALM = "simulated camera"
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


class BadRequestError(ValueError):
    """What cannot be a request of ours; the connection is closed after saying so."""


def parse(buffer: bytearray) -> Request | None:
    """Takes one whole request off the front of `buffer`; None while it is not whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > LARGEST_HEAD:
            raise BadRequestError("head too large")
        return None
    lines = buffer[:end].decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequestError("not HTTP/1")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
    }
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()) or len(length) > 9:
        raise BadRequestError("only bodies of a stated length are taken")
    if int(length) > LARGEST_BODY:
        raise BadRequestError("body too large")
    stop = end + 4 + int(length)
    if len(buffer) < stop:
        return None
    body = bytes(buffer[end + 4 : stop])
    del buffer[:stop]
    connection = headers.get("connection", "").lower()
    keep = connection != "close" and (words[2] != "HTTP/1.0" or connection == "keep-alive")
    return Request(words[0], words[1], headers, body, keep)


def response(status: int, body: bytes, kind: str, *more: str) -> bytes:
    """A whole response; `more` are further header lines."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Digest:
    """HTTP digest (RFC 7616: MD5, qop=auth) with nonces that need no memory: a time and its seal."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)

    def challenge(self, stale: bool) -> str:
        """The value of WWW-Authenticate."""
        nonce = self._seal(f"{int(time.time()):x}")
        return f'Digest realm="{REALM}", qop="auth", nonce="{nonce}", algorithm=MD5' + ", stale=true" * stale

    def check(self, request: Request, username: str, password: str) -> str:
        """`ok`, `stale` (right, but the nonce is old) or `refused`."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        given = {name.lower(): quoted or plain for name, quoted, plain in _FIELD.findall(rest)}
        nonce = given.get("nonce", "")
        if scheme.lower() != "digest" or given.get("uri") != request.path or given.get("qop") != "auth":
            return "refused"
        # The nonce's seal proves that it is ours; without a nonce of ours nothing else counts.
        made = nonce.partition(".")[0]
        if not _same(self._seal(made), nonce):
            return "refused"
        first = _md5(f"{username}:{REALM}:{password}")
        second = _md5(f"{request.method}:{request.path}")
        wanted = _md5(f"{first}:{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:auth:{second}")
        if given.get("username") != username or not _same(wanted, given.get("response", "")):
            return "refused"
        return "ok" if time.time() - int(made, 16) <= NONCE_SECONDS else "stale"

    def _seal(self, made: str) -> str:
        return f"{made}.{hashlib.blake2b(made.encode(), key=self._key, digest_size=8).hexdigest()}"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 (the standard's)


Reply: TypeAlias = "bytes | asyncio.Future[bytes] | None"
"""A response now, one that comes later, or None: say nothing and hang up."""


class Connection(asyncio.Protocol):
    """Reads requests and writes their responses in order; waits where the reader on the other side is slow."""

    def __init__(self, handle: Callable[[Request, str], Reply], open_connections: set[Connection]) -> None:
        self._handle, self._open = handle, open_connections
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._waiting: asyncio.Future[bytes] | None = None
        self._paused = False
        self.address = ""
        self.active = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio calls a stream protocol with one)
        self._transport = transport
        self.address = transport.get_extra_info("sockname")[0]
        self._open.add(self)
        if not transport.get_extra_info("peername")[0].startswith("127."):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        self.active = time.monotonic()
        self._buffer += data
        if len(self._buffer) > LARGEST_HEAD + LARGEST_BODY:
            self.abort()  # more than any request of ours: somebody does not wait for answers
        else:
            self._serve()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._serve()

    def abort(self) -> None:
        self._transport.abort()

    def _serve(self) -> None:
        while self._buffer and self._waiting is None and not self._paused and not self._transport.is_closing():
            try:
                request = parse(self._buffer)
            except BadRequestError as error:
                self._transport.write(response(400, str(error).encode(), "text/plain", "Connection: close"))
                self._transport.close()
                return
            if request is None:
                return
            reply = self._handle(request, self.address)
            if isinstance(reply, asyncio.Future):
                self._waiting = reply
                reply.add_done_callback(partial(self._finish, request.keep_alive))
                return
            self._write(reply, request.keep_alive)

    def _finish(self, keep_alive: bool, done: asyncio.Future[bytes]) -> None:
        self._waiting = None
        if not done.cancelled() and not self._transport.is_closing():
            self._write(done.result(), keep_alive)
            self._serve()

    def _write(self, reply: bytes | None, keep_alive: bool) -> None:
        if reply is None:
            self.abort()
            return
        self._transport.write(reply)
        if not keep_alive:
            self._transport.close()
