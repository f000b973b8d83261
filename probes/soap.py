"""The few fixed ONVIF calls of a sweep as templates, and a lenient, safe reading of their answers.

Pure functions: bytes and strings in, bytes and frozen values out. Real devices send invalid UTF-8, undeclared
prefixes, unclosed elements, impossible dates and empty times; all of that is read as far as it goes. Every
reader answers the value, a `Fault`, or None when the bytes are neither.

Sources: ONVIF Core and Media Service Specifications (ver10); OASIS WS-Security UsernameToken Profile 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from lxml import etree

MAX_BYTES = 2_000_000  # an NVR's GetProfiles takes about 4 kB a profile
_MAX_TEXT = 200  # characters kept of any one string
_MAX_INTERFACES = 64
_MAX_FIELDS = 256  # elements of a flat answer, which has five to ten
_MAX_PROFILES = 1000  # the largest NVRs have 256 channels of two or three
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_TOKEN_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"  # noqa: S105 - a namespace

# Faults that speak of the login, by subcode or only by words.
_LOGIN_WORDS = re.compile(
    r"not\W*authori[sz]ed|unauthori[sz]ed|authori[sz]ation|authentication|security\W*token|message\W*expired"
    r"|(?:wrong|invalid|incorrect|bad)\W*(?:user|password|credential)|\blocked\b",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]+")


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: its name, namespace and what stands inside its element (XML text)."""

    name: str
    namespace: str = _DEVICE
    content: str = ""

    @property
    def content_type(self) -> str:
        return f'application/soap+xml; charset=utf-8; action="{self.namespace}/{self.name}"'


GET_TIME = Operation("GetSystemDateAndTime")
GET_INFORMATION = Operation("GetDeviceInformation")
GET_CAPABILITIES = Operation("GetCapabilities", content="<q:Category>Media</q:Category>")
GET_INTERFACES = Operation("GetNetworkInterfaces")
GET_PROFILES = Operation("GetProfiles", _MEDIA)


def get_snapshot_uri(profile_token: str) -> Operation:
    token = f"<q:ProfileToken>{html.escape(profile_token)}</q:ProfileToken>"
    return Operation("GetSnapshotUri", _MEDIA, token)


@dataclass(frozen=True, slots=True)
class Token:
    """What a WS-UsernameToken is made of; `at` is the device's clock (seconds, UTC), `nonce` random bytes."""

    username: str
    password: str
    at: float
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: its codes and its text, both as the device wrote them."""

    code: str
    text: str

    @property
    def of_login(self) -> bool:
        """Whether it refuses the login; many devices say so only in words."""
        return _LOGIN_WORDS.search(f"{self.code} {self.text}") is not None

    def __str__(self) -> str:
        return self.text or self.code or "without a word"


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """The device's clock in seconds since the epoch, UTC; None where it gives none or an impossible one."""

    seconds: float | None


class DeviceInformation(NamedTuple):
    """What the device says it is; empty where it does not say."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    hardware: str


class Profile(NamedTuple):
    """A media profile; `source` is its video source, `width` and `height` in pixels, 0 where not said."""

    token: str
    name: str
    source: str
    encoding: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface: its hardware address and its IP addresses, as the device writes them."""

    hardware: str
    addresses: tuple[str, ...]


def envelope(operation: Operation, token: Token | None) -> bytes:
    """The request's body."""
    header = "" if token is None else f"<s:Header>{_security(token)}</s:Header>"
    name = operation.name
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">{header}<s:Body>'
        f'<q:{name} xmlns:q="{operation.namespace}">{operation.content}</q:{name}>'
        "</s:Body></s:Envelope>"
    ).encode()


def _security(token: Token) -> str:
    created = datetime.fromtimestamp(token.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    nonce = base64.b64encode(token.nonce).decode()
    return (
        f'<w:Security s:mustUnderstand="1" xmlns:w="{_SECURITY}"><w:UsernameToken>'
        f"<w:Username>{html.escape(token.username)}</w:Username>"
        f'<w:Password Type="{_TOKEN_TYPE}#PasswordDigest">'
        f"{password_digest(token.password, token.nonce, created)}</w:Password>"
        f"<w:Nonce>{nonce}</w:Nonce>"
        f'<u:Created xmlns:u="{_UTILITY}">{created}</u:Created></w:UsernameToken></w:Security>'
    )


def password_digest(password: str, nonce: bytes, created: str) -> str:
    """Base64(SHA-1(nonce + created + password)), UsernameToken Profile 1.0 section 3.1."""
    digest = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def read_time(body: bytes) -> DeviceTime | Fault | None:
    answer = _answer(body, GET_TIME.name)
    if answer is None or isinstance(answer, Fault):
        return answer
    utc = _first(answer, "UTCDateTime")
    if utc is None:
        return DeviceTime(None)
    said = _texts(utc)
    names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
    return DeviceTime(_seconds([_number(said.get(name, "")) for name in names]))


def read_information(body: bytes) -> DeviceInformation | Fault | None:
    answer = _answer(body, GET_INFORMATION.name)
    if answer is None or isinstance(answer, Fault):
        return answer
    said = _texts(answer)
    names = ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber", "HardwareId")
    return DeviceInformation(*(said.get(name, "") for name in names))


def read_media_uri(body: bytes) -> str | Fault | None:
    """The media service's address as the device gives it; "" if it names none."""
    answer = _answer(body, GET_CAPABILITIES.name)
    if answer is None or isinstance(answer, Fault):
        return answer
    media = _first(answer, "Media")
    return "" if media is None else _text(media, "XAddr", limit=2000)


def read_profiles(body: bytes) -> tuple[Profile, ...] | Fault | None:
    """The media profiles that have a token, in the device's order."""
    answer = _answer(body, GET_PROFILES.name)
    if answer is None or isinstance(answer, Fault):
        return answer
    named = (one for one in _all(answer, "Profiles") if one.get("token"))
    return tuple(_profile(one) for one in islice(named, _MAX_PROFILES))


def read_snapshot_uri(body: bytes) -> str | Fault | None:
    """The snapshot's address as the device gives it; "" if it names none."""
    answer = _answer(body, "GetSnapshotUri")
    if answer is None or isinstance(answer, Fault):
        return answer
    return _text(answer, "Uri", limit=2000)


def read_interfaces(body: bytes) -> tuple[Interface, ...] | Fault | None:
    """The network interfaces that have a hardware address, in the device's order."""
    answer = _answer(body, GET_INTERFACES.name)
    if answer is None or isinstance(answer, Fault):
        return answer
    found = (
        Interface(_text(one, "HwAddress"), tuple(_clean(each.text)[:_MAX_TEXT] for each in _all(one, "Address")))
        for one in islice(_all(answer, "NetworkInterfaces"), _MAX_INTERFACES)
    )
    return tuple(one for one in found if one.hardware)


def _profile(element: etree._Element) -> Profile:
    source = _first(element, "VideoSourceConfiguration")
    encoder = _first(element, "VideoEncoderConfiguration")
    size = None if encoder is None else _first(encoder, "Resolution")
    said = {} if size is None else _texts(size)
    return Profile(
        token=str(element.get("token")),
        name=_text(element, "Name"),
        source="" if source is None else _text(source, "SourceToken"),
        encoding="" if encoder is None else _text(encoder, "Encoding"),
        width=_number(said.get("Width", "")) or 0,
        height=_number(said.get("Height", "")) or 0,
    )


def _seconds(fields: list[int | None]) -> float | None:
    known = [field for field in fields if field is not None]
    # A camera without a battery wakes in 1970 or 2000, which is a wrong clock; the year 0 or 9999 is none.
    if len(known) < 6 or not 1970 <= known[0] <= 2200:
        return None
    year, month, day, hour, minute, second = known
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _answer(body: bytes, name: str) -> etree._Element | Fault | None:
    root = _parse(body)
    if root is None:
        return None
    answer = _first(root, f"{name}Response")
    if answer is not None:
        return answer
    fault = _first(root, "Fault")
    if fault is None:
        return None
    codes = " ".join(_clean(element.text) for element in _all(fault, "Value", "faultcode"))
    texts = " ".join(_clean(element.text) for element in _all(fault, "Text", "faultstring"))
    return Fault(codes[:_MAX_TEXT], texts[:_MAX_TEXT])


def _parse(body: bytes) -> etree._Element | None:
    text = _as_utf8(body[:MAX_BYTES])
    # No document type at all: entity bombs and outside references live there, and no SOAP message has one.
    if b"<!DOCTYPE" in text:
        return None
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(text, parser)
    except etree.XMLSyntaxError:
        return None


def _as_utf8(body: bytes) -> bytes:
    """Valid UTF-8; Chinese firmware sends GB18030 under any declaration, the rest loses its bad bytes."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return body.decode(encoding).encode()
        except UnicodeDecodeError:
            continue
    return body.decode("utf-8", "replace").encode()


def _all(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    # By local name only: devices use wrong, old or undeclared namespaces.
    for child in element.iter(etree.Element):
        if _local_name(child) in names:
            yield child


def _local_name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def _first(element: etree._Element, name: str) -> etree._Element | None:
    found = next(element.iter(f"{{*}}{name}"), None)  # in C; what has an undeclared prefix is not found so
    return next(_all(element, name), None) if found is None else found


def _text(element: etree._Element, name: str, limit: int = _MAX_TEXT) -> str:
    found = _first(element, name)
    return "" if found is None else _clean(found.text)[:limit]


def _texts(element: etree._Element) -> dict[str, str]:
    """The text of the first of each name inside a small element, which is read in one go."""
    found: dict[str, str] = {}
    for child in islice(element.iter(etree.Element), _MAX_FIELDS):
        found.setdefault(_local_name(child), _clean(child.text)[:_MAX_TEXT])
    return found


def _clean(text: str | None) -> str:
    return _CONTROL.sub(" ", text or "").strip()


def _number(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if 0 <= number <= 1_000_000 else None
