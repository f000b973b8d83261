"""The ONVIF device and media services of a simulated camera: bytes in, bytes out, logins really checked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from lxml import etree

from healthd.city import soap
from healthd.city.shapes import colons, hardware

WINDOW_SECONDS = 300.0  # how far a login's Created may be from the camera's own clock
_NONCES = 20_000
_WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
_LOCAL = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Channel:
    """One video source: its 1-based number, its main profile's size in pixels, and the name on its picture."""

    number: int
    width: int
    height: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class OnvifDevice:
    """What a device says and whom it lets in. `clock`: its own, in seconds since the epoch."""

    address: str
    port: int
    vendor: str
    model: str
    serial: str
    clock: float
    username: str
    password: str
    channels: tuple[Channel, ...]

    @property
    def base(self) -> str:
        return f"http://{self.address}:{self.port}"


class SeenNonces:
    """The nonces of late, so that none is taken twice. Mutable and bounded; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def is_new(self, address: str, nonce: bytes) -> bool:
        if (address, nonce) in self._seen:
            return False
        self._seen[address, nonce] = None
        if len(self._seen) > _NONCES:
            self._seen.popitem(last=False)
        return True


class _RefusedError(Exception):
    """A SOAP fault: sub-code and text."""

    def __init__(self, subcode: str, text: str) -> None:
        super().__init__(text)
        self.subcode, self.text = subcode, text


def answer(body: bytes, device: OnvifDevice, nonces: SeenNonces) -> tuple[int, bytes]:
    """HTTP status and SOAP answer to one SOAP request; a fault where it is broken, unknown or not allowed."""
    try:
        envelope = _parse(body)
        operation = _operation(envelope)
        name = etree.QName(operation).localname
        if name not in _PUBLIC:
            _check_login(envelope, device, nonces)
        return 200, soap.envelope(_OPERATIONS.get(name, _unknown)(device, operation))
    except _RefusedError as refused:
        return 400, soap.fault(refused.subcode, refused.text)


def _parse(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise _RefusedError("ter:WellFormed", "Well-formed Error") from error
    if b"<!DOCTYPE" in body:
        raise _RefusedError("ter:WellFormed", "a document type is not taken")
    return envelope


def _operation(envelope: etree._Element) -> etree._Element:
    body = envelope.find(f"{{{soap.ENVELOPE}}}Body")
    operation = None if body is None else next((child for child in body if isinstance(child.tag, str)), None)
    if operation is None:
        raise _RefusedError("ter:InvalidArgs", "no operation in the body")
    return operation


def _check_login(envelope: etree._Element, device: OnvifDevice, nonces: SeenNonces) -> None:
    """WS-UsernameToken with PasswordDigest = Base64(SHA-1(nonce + created + password)) (WSS 1.1 profile)."""
    token = envelope.find(f"{{{soap.ENVELOPE}}}Header/{_WSSE}Security/{_WSSE}UsernameToken")
    if token is None:
        raise _not_authorized()
    username = token.findtext(f"{_WSSE}Username", "").strip()
    password = token.findtext(f"{_WSSE}Password", "").strip()
    created = token.findtext(f"{_WSU}Created", "").strip()
    try:
        nonce = base64.b64decode(token.findtext(f"{_WSSE}Nonce", ""), validate=True)
        made = datetime.fromisoformat(created)
    except (binascii.Error, ValueError):
        raise _not_authorized() from None
    if made.tzinfo is None:
        made = made.replace(tzinfo=UTC)
    digest = hashlib.sha1(nonce + created.encode() + device.password.encode()).digest()  # noqa: S324 (the standard's)
    genuine = hmac.compare_digest(base64.b64encode(digest), password.encode())
    fresh = bool(nonce) and abs(made.timestamp() - device.clock) <= WINDOW_SECONDS
    if not (genuine and fresh and username == device.username and nonces.is_new(device.address, nonce)):
        raise _not_authorized()


def _not_authorized() -> _RefusedError:
    return _RefusedError("ter:NotAuthorized", "Sender not Authorized")


def _date_and_time(device: OnvifDevice, _: etree._Element) -> str:
    utc = datetime.fromtimestamp(device.clock, UTC)
    return soap.date_and_time(utc, utc.astimezone(_LOCAL))


def _information(device: OnvifDevice, _: etree._Element) -> str:
    return soap.information(device.vendor, device.model, device.serial)


def _capabilities(device: OnvifDevice, _: etree._Element) -> str:
    return soap.capabilities(device.base)


def _services(device: OnvifDevice, _: etree._Element) -> str:
    return soap.services(device.base)


def _network(device: OnvifDevice, _: etree._Element) -> str:
    return soap.network(device.address, colons(hardware(device.address)))


def _sources(device: OnvifDevice, _: etree._Element) -> str:
    return soap.sources([(channel.number, channel.width, channel.height) for channel in device.channels])


def _profiles(device: OnvifDevice, _: etree._Element) -> str:
    return soap.profiles([(channel.number, channel.width, channel.height) for channel in device.channels])


def _annotations(device: OnvifDevice, operation: etree._Element) -> str:
    wanted = operation.findtext("{*}ConfigurationToken", "").strip()
    known = [(one.number, one.name) for one in device.channels if wanted in ("", f"source_config_{one.number}")]
    if not known:
        raise _RefusedError("ter:NoConfig", "the configuration token does not exist")
    return soap.on_picture(known)


def _snapshot(device: OnvifDevice, operation: etree._Element) -> str:
    token = operation.findtext("{*}ProfileToken", "").strip()
    size, _, number = token.partition("_")
    known = {str(channel.number) for channel in device.channels}
    if size not in ("main", "sub") or number not in known:
        raise _RefusedError("ter:NoProfile", "the profile token does not exist")
    return soap.snapshot(f"{device.base}/snapshot/{number}/{size}.jpg")


def _unknown(device: OnvifDevice, operation: etree._Element) -> str:
    raise _RefusedError("ter:ActionNotSupported", "Optional Action Not Implemented")


_PUBLIC = frozenset({"GetSystemDateAndTime", "GetCapabilities", "GetServices"})  # ONVIF Core: PRE_AUTH
_OPERATIONS: Mapping[str, Callable[[OnvifDevice, etree._Element], str]] = {
    "GetSystemDateAndTime": _date_and_time,
    "GetDeviceInformation": _information,
    "GetCapabilities": _capabilities,
    "GetServices": _services,
    "GetNetworkInterfaces": _network,
    "GetVideoSources": _sources,
    "GetProfiles": _profiles,
    "GetSnapshotUri": _snapshot,
    "GetOSDs": _annotations,
}
