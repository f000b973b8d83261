"""`web:` in the configuration: where the pages are served, and to whom."""

from __future__ import annotations

import ipaddress
import re
import ssl
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from healthd.options.section import AbsolutePath, Label, Section
from healthd.problems import Wrong

_REMEDY = "write ADDRESS:PORT, such as 127.0.0.1:9808 or [::1]:9808"


def _split(listen: str) -> tuple[str, int]:
    """(host, port) of `host:port` or `[host]:port`; the host is an address or `localhost`."""
    match = re.fullmatch(r"(\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<v4>[^\[\]:]+)):(?P<port>[0-9]{1,5})", listen, re.ASCII)
    if match is None or int(match["port"]) > 65535:
        raise Wrong(f"{listen!r} is not an address and a port", _REMEDY)
    host = match["v6"] or match["v4"]
    if host != "localhost":
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise Wrong(f"{host!r} is not an IP address", f"{_REMEDY}; 0.0.0.0 stands for all addresses") from None
    return host, int(match["port"])


def _checked(listen: str) -> str:
    _split(listen)
    return listen


def _digest(text: str) -> str:
    # The text may be the token itself: it is not repeated.
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise Wrong("is not a SHA-256 digest of 64 hex digits", "make it with: printf %s TOKEN | sha256sum")
    return text.lower()


class Token(Section):
    """A bearer token, known by the digest of its UTF-8 text only. `read_only`: it may look, and change nothing.
    `pictures`: it may see thumbnails of bad frames."""

    name: Label
    sha256: Annotated[str, AfterValidator(_digest), Field(repr=False)]
    read_only: bool = False
    pictures: bool = False


class Tls(Section):
    """PEM files: the certificate with its chain, and its key without a passphrase."""

    cert_file: AbsolutePath
    key_file: AbsolutePath

    @model_validator(mode="after")
    def _fit(self) -> Tls:
        for path in (self.cert_file, self.key_file):
            if not path.is_file():
                raise Wrong(f"no such file: {path}", "correct cert_file and key_file")
        try:
            # Without the empty passphrase OpenSSL would ask for one on the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert_file, self.key_file, password="")
        except ssl.SSLError as error:
            why = error.reason or "no certificate or key in it"
            remedy = "both must be PEM, belong together, and the key have no passphrase"
            raise Wrong(f"the certificate and its key cannot be used: {why}", remedy) from None
        except OSError as error:
            raise Wrong(f"cannot be read: {error.strerror}", "check the files' owner and mode") from None
        return self


class WebOptions(Section):
    """Anything but loopback needs tokens, and TLS unless `insecure`."""

    listen: Annotated[str, AfterValidator(_checked)] = "127.0.0.1:9808"
    tokens: Annotated[tuple[Token, ...], Field(strict=False)] = ()
    tls: Tls | None = None
    insecure: bool = False
    map_without_token: bool = False

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) to listen on; port 0 lets the system choose."""
        return _split(self.listen)

    @model_validator(mode="after")
    def _guarded(self) -> WebOptions:
        names = [token.name for token in self.tokens]
        for name in names:
            if names.count(name) > 1:
                raise Wrong(f'two tokens are named "{name}"', "rename one: the log tells them apart by name")
        host, _ = self.address
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return self
        if not self.tokens:
            raise Wrong(
                f"{self.listen} is open to other machines, and there are no tokens",
                "add tokens: [{name: ..., sha256: ...}], or listen on 127.0.0.1",
            )
        if self.tls is None and not self.insecure:
            raise Wrong(
                f"{self.listen} is open to other machines without tls",
                "add tls: {cert_file: ..., key_file: ...}; or insecure: true where tokens may be read on the way",
            )
        return self
