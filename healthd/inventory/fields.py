"""One cell of the inventory -> one checked value. Each parser raises `Wrong` with the remedy."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from datetime import date
from urllib.parse import urlsplit

from healthd.problems import Wrong, did_you_mean

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FROM_EXCEL = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+")
_SIZE = re.compile(r"([1-9][0-9]{0,4})\s*[xX×*]\s*([1-9][0-9]{0,4})", re.ASCII)
_SIZES = {
    "cif": (352, 288),
    # D1 is sold as 704 and as 720 pixels wide: the smaller, so that neither is called a fault.
    "d1": (704, 576),
    "720p": (1280, 720),
    "960p": (1280, 960),
    "1080p": (1920, 1080),
    "4k": (3840, 2160),
}
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]+)?", re.ASCII)


def parse_id(text: str) -> str:
    """A camera's, device's, maintainer's or region's id: a GB/T 28181 code or letters, digits and `._-`."""
    if NAME.fullmatch(text):
        return text
    if _FROM_EXCEL.fullmatch(text):
        raise Wrong(
            "Excel took this id for a number and has lost its last digits",
            "format the column as text and enter the ids again",
        )
    raise Wrong("is not an id", "1 to 64 of A-Z a-z 0-9 . _ -, or the 20 digits of GB/T 28181")


def parse_name(text: str) -> str:
    if not text.isprintable() and _CONTROL.search(text):
        raise Wrong("holds a control character or a line break", "write it on one line")
    return text


def parse_address(text: str) -> str:
    """An IPv4 or IPv6 literal of one device, in its canonical form."""
    try:
        packed = socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return _parse_address_slowly(text)
    if 0 < packed[0] < 224:  # neither 0.0.0.0/8 nor multicast nor reserved
        return text
    return _parse_address_slowly(text)


def _parse_address_slowly(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Wrong(
            "is not an IP address",
            "write an IPv4 or IPv6 address; names are not looked up, ports have their columns",
        ) from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    this_network = address.version == 4 and int(address) < 1 << 24
    if this_network or address.is_multicast or address.is_unspecified or address.is_reserved:
        raise Wrong("is not the address of one device", "write the camera's own address")
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise Wrong("has a zone (%...)", "write an address that is reachable without one")
    return str(address)


def parse_whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise Wrong("is not a whole number", "write digits only")
    return int(text)


def parse_port(text: str) -> int:
    port = int(text) if _WHOLE.fullmatch(text) else 0
    if not 1 <= port <= 65535:
        raise Wrong("is not a port", "write a number from 1 to 65535")
    return port


def parse_channel(text: str) -> int:
    channel = int(text) if _WHOLE.fullmatch(text) else 0
    if not 1 <= channel <= 1024:
        raise Wrong("is not a channel", "write a number from 1 to 1024")
    return channel


def parse_reach(text: str) -> int | None:
    """None for `icmp`, the port for `tcp:PORT`."""
    if text.lower() == "icmp":
        return None
    kind, _, port = text.lower().partition(":")
    if kind != "tcp":
        raise Wrong("is not a way to reach a camera", "write icmp or tcp:PORT, such as tcp:554")
    return parse_port(port)


def parse_yes_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise Wrong("is neither yes nor no", "write yes or no")
    return text.lower() == "yes"


def parse_resolution(text: str) -> tuple[int, int]:
    """(width, height) in pixels."""
    named = _SIZES.get(text.lower())
    if named is not None:
        return named
    match = _SIZE.fullmatch(text)
    if match is None:
        raise Wrong("is not a resolution", "write WIDTHxHEIGHT, such as 1920x1080, or 1080p, 720p, D1")
    return int(match[1]), int(match[2])


def parse_longitude(text: str) -> float:
    """Degrees east, WGS-84."""
    return _degrees(text, 180, "write decimal degrees")


def parse_latitude(text: str) -> float:
    """Degrees north, WGS-84."""
    return _degrees(text, 90, "longitude and latitude may be swapped")


def _degrees(text: str, limit: int, remedy: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise Wrong("is not a number of degrees", "write decimal degrees, such as 120.8644")
    degrees = float(text)
    if not -limit <= degrees <= limit:
        raise Wrong(f"is not within ±{limit}", remedy)
    return degrees


def parse_hours(text: str) -> float:
    if not _NUMBER.fullmatch(text) or float(text) <= 0:
        raise Wrong("is not a number of hours", "write e.g. 24")
    return float(text)


def parse_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Wrong("is not a date", "write YYYY-MM-DD") from None


def parse_snapshot_url(text: str) -> str:
    """An http or https URL, or its path alone. Logins belong under `credentials:`."""
    try:
        parts = urlsplit(text)
        port_is_good = parts.port != 0
    except ValueError:
        raise Wrong("is not a URL", "write http://ADDRESS/path or /path") from None
    if "@" in parts.netloc:
        raise Wrong(
            "holds a login", "put it under `credentials:` in the configuration and name it in `credential`"
        )
    if _CONTROL.search(text) or " " in text or not port_is_good:
        raise Wrong("is not a URL", "write http://ADDRESS/path or /path")
    if not (text.startswith("/") and not parts.netloc) and not (
        parts.scheme in ("http", "https") and parts.hostname
    ):
        raise Wrong("is neither an http nor an https URL", "write http://ADDRESS/path or /path")
    return text


def one_of(text: str, words: Collection[str]) -> str:
    if text not in words:
        raise Wrong("is not one of " + ", ".join(words) if text else "is empty", did_you_mean(text, words))
    return text
