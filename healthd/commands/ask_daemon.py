"""Asks the running daemon of a configuration to do something, over its own HTTP API."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from healthd.options.web import Tls, WebOptions
from healthd.problems import Wrong, brief

TOKEN_VARIABLE = "HEALTHD_TOKEN"  # noqa: S105 (a name, not a token)
_TIMEOUT_SECONDS = 30.0  # closing an incident asks its subject first
_LARGEST_ANSWER = 1_000_000  # bytes


class NobodyThere(Wrong):
    """No daemon answers where the configuration says that it listens."""


def post(options: WebOptions, path: str, document: Mapping[str, str]) -> Any:
    """POST JSON to the daemon that listens by these options; returns the JSON that it answers.

    The token is read from HEALTHD_TOKEN. Raises Wrong with the daemon's own sentence where it refuses, and with a
    remedy where there is none.
    """
    where = _where(options)
    try:
        status, answer = _exchange(options, path, json.dumps(document).encode())
    except (OSError, http.client.HTTPException) as error:
        remedy = "is `healthd run` running with this configuration? The address is web.listen"
        told = f"{where}: no healthd answers there: {brief(str(error) or repr(error))}"
        raise NobodyThere(told, remedy) from None
    body = _decoded(answer)
    if status != HTTPStatus.OK or body is None:
        raise _refusal(status, body, where)
    return body


def reload_running(options: WebOptions, force: bool) -> bool:
    """Has the daemon that listens by these options read its files anew; False where none answers.

    Raises Wrong with its own words where it refuses.
    """
    try:
        status, answer = _exchange(options, f"/-/reload{'?force=1' if force else ''}", b"")
    except (OSError, http.client.HTTPException):
        return False
    if status == HTTPStatus.BAD_REQUEST:
        raise Wrong(f"{_where(options)}: refused: {brief(answer.decode('utf-8', 'replace'), 2000)}")
    if status != HTTPStatus.OK:
        raise _refusal(status, _decoded(answer), _where(options))
    return True


def _where(options: WebOptions) -> str:
    host, port = _address(options)
    return f"{'https' if options.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _exchange(options: WebOptions, path: str, body: bytes) -> tuple[int, bytes]:
    """(status, body) of a POST."""
    connection = _connection(*_address(options), options.tls)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **_login()})
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST_ANSWER)
    finally:
        connection.close()


def _login() -> Mapping[str, str]:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not (token.isascii() and token.isprintable()):
        raise Wrong(f"{TOKEN_VARIABLE} holds a character that no token has", "set it to the token alone")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _address(options: WebOptions) -> tuple[str, int]:
    """Where to ask: an address that means all of this machine's is asked on loopback."""
    host, port = options.address
    if not port:
        raise Wrong("web.listen has port 0: nobody can tell where the daemon listens", "write a port there")
    if host != "localhost" and ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return host, port


def _connection(host: str, port: int, tls: Tls | None) -> http.client.HTTPConnection:
    if tls is None:
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=_trusting(tls))


def _trusting(tls: Tls) -> ssl.SSLContext:
    """Trust the daemon's own certificate and no other, whatever name is in it: we know the file."""
    context = ssl.create_default_context(cafile=str(tls.cert_file))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _refusal(status: int, answer: Any, where: str) -> Wrong:
    said = answer.get("error") if isinstance(answer, dict) else None
    if status == HTTPStatus.UNAUTHORIZED:
        return Wrong(f"{where}: a token is needed", f"set {TOKEN_VARIABLE} to one that web.tokens knows")
    if isinstance(said, str) and said:
        return Wrong(f"refused: {brief(said, 500)}")
    return Wrong(f"{where}: answered {status}, but not as healthd does", "is that a healthd of this version?")
