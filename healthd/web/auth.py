"""Who may come in: bearer tokens, and the same token as a Basic password so that people can open the pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from healthd.web.deps import DEPS

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
MAP_PATH = "/api/v1/regions.geojson"
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would take the Origin of our own forms away
    "Server": "healthd",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who presents a token, and everybody to the two health paths; refuse POSTs from foreign pages."""
    if not _is_open(request) and admitted_as(request) is None:
        return _refusal()
    if request.method not in ("GET", "HEAD"):
        if is_cross_site(request.headers, request.host):
            return web.Response(status=403, text="This request was sent by a page of another site.\n")
        if not may_change(request):
            return web.Response(status=403, text="This token may look, and change nothing.\n")
    return await handler(request)


def _is_open(request: web.Request) -> bool:
    if request.path == MAP_PATH:
        return request.app[DEPS].settings().map_without_token
    return request.path in OPEN_PATHS


def admitted_as(request: web.Request) -> str | None:
    """The name of the token presented, `nobody` where none is needed; None: not admitted."""
    tokens = request.app[DEPS].settings().tokens
    if not tokens:
        return "nobody"
    presented = presented_token(request.headers.get(hdrs.AUTHORIZATION, ""))
    return None if presented is None else token_name(tokens, presented)


def may_change(request: web.Request) -> bool:
    """Whether the token presented may do more than look."""
    return admitted_as(request) not in request.app[DEPS].settings().read_only


def _refusal() -> web.Response:
    refusal = web.Response(status=401, text="A token is needed: Authorization: Bearer TOKEN.\n")
    # Basic last and with a realm: browsers then ask for a password, which is the token.
    refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Bearer realm="healthd"')
    refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Basic realm="healthd", charset="UTF-8"')
    return refusal


def presented_token(authorization: str) -> str | None:
    """The token in an Authorization header, as Bearer or as a Basic password; None where there is none."""
    scheme, _, value = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                login = base64.b64decode(value.strip(), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None
            return login.partition(":")[2]
    return None


def token_name(tokens: Mapping[str, str], presented: str) -> str | None:
    """The name of the token that was presented. Compares with every hash in full, so that the time taken tells
    nothing."""
    digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest().encode()
    found = None
    for name, expected in tokens.items():
        if hmac.compare_digest(digest, expected.strip().lower().encode()):
            found = name
    return found


def is_cross_site(headers: Mapping[str, str], host: str) -> bool:
    """Whether a browser says that a page of another site sent this: it adds the stored password there too."""
    if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = headers.get(hdrs.ORIGIN)
    return origin is not None and origin.partition("://")[2] != host


async def add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: on every answer, error pages included."""
    response.headers.update(_SECURITY_HEADERS)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
