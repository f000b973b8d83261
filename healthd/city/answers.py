"""What a simulated address says when it is asked over HTTP, ONVIF or SNMP."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from healthd.city import soap
from healthd.city.album import Album
from healthd.city.http import Digest, Reply, Request, response
from healthd.city.mib import Agent, Entries, Mib, SystemGroup
from healthd.city.network import Network, View
from healthd.city.onvif import Channel, OnvifDevice, SeenNonces, answer
from healthd.city.plan import Plan
from healthd.city.tables import build
from healthd.model import Camera, Device

_SNAPSHOT = re.compile(r"/snapshot/(\d{1,4})/(main|sub)\.jpg")
_DEFAULT_SIZE = (1920, 1080)
_UNLABELLED = 25  # one camera in so many
_MIBS = 96  # tables of devices that are kept; those of 48 ports are half a megabyte


@dataclass(frozen=True, slots=True)
class Login:
    """What the inventory's user knows; a device whose password was changed no longer takes it."""

    username: str
    password: str
    community: str


class Answers:
    """Answers for every address of the city. Silent ones say nothing, whichever way the question came."""

    def __init__(self, plan: Plan, network: Network, login: Login, album: Album) -> None:
        self._plan, self._network, self._manners, self._login = plan, network, network.manners, login
        self._mibs: OrderedDict[str, tuple[View, Mib]] = OrderedDict()
        self._album = album
        self._digest = Digest()
        self._nonces = SeenNonces()

    def http(self, request: Request, address: str) -> Reply:
        channels = self._plan.channels_at.get(address)
        if channels is None or address in self._manners.silent:
            return None
        if request.path.startswith("/onvif/"):
            return self._onvif(request, address, channels)
        match = _SNAPSHOT.fullmatch(request.path.partition("?")[0])
        camera = match and next((camera for camera in channels if camera.channel == int(match[1])), None)
        if match is None or camera is None:
            return response(404, b"no such page on this simulated camera", "text/plain")
        return self._snapshot(request, camera, match[2])

    def agent(self, address: str) -> Callable[[], Agent] | None:
        """For the SNMP agent: what reads the tables of `address`; None where nobody answers."""
        if address in self._manners.silent:
            return None
        device = self._plan.device_at.get(address)
        if device is None and address not in self._plan.channels_at:
            return None
        return lambda: Agent(self._mib(address, device), time.time() - self._manners.booted(address))

    def _mib(self, address: str, device: Device | None) -> Mib:
        if device is not None:
            view = self._network.view(device.id, time.time())
            kept = self._mibs.get(device.id)
            if kept is None or kept[0] is not view:
                kept = self._mibs[device.id] = (view, build(view))
                if len(self._mibs) > _MIBS:
                    self._mibs.popitem(last=False)
            self._mibs.move_to_end(device.id)
            return kept[1]
        camera = self._plan.channels_at[address][0]
        place = camera.placement
        words = f"{camera.vendor} {camera.model} {soap.FIRMWARE}"
        entries = Entries()
        entries.system(SystemGroup(words, place.maintainer, camera.id, place.region))
        return Mib(entries)

    def _onvif(self, request: Request, address: str, channels: list[Camera]) -> bytes:
        if request.method != "POST":
            return response(405, b"ONVIF is asked by POST", "text/plain", "Allow: POST")
        device = self._plan.device_at.get(address)  # a recorder, or nothing: a camera is no device
        first = channels[0]
        status, body = answer(
            request.body,
            OnvifDevice(
                address,
                self._plan.ports.http,
                first.vendor,
                first.model if device is None else "SC-NVR-16",
                device.id if device else first.id,
                time.time() + self._manners.clock_offset(address),
                self._login.username,
                self._password(address),
                tuple(
                    Channel(one.channel, *(one.resolution or _DEFAULT_SIZE), written_on(one)) for one in channels
                ),
            ),
            self._nonces,
        )
        return response(status, body, "application/soap+xml; charset=utf-8")

    def _snapshot(self, request: Request, camera: Camera, size: str) -> Reply:
        if request.method != "GET":
            return response(405, b"a snapshot is asked by GET", "text/plain", "Allow: GET")
        login = self._digest.check(request, self._login.username, self._password(camera.address))
        if login != "ok":
            challenge = f"WWW-Authenticate: {self._digest.challenge(stale=login == 'stale')}"
            return response(401, b"login, please", "text/plain", challenge)
        showing = self._manners.showing(camera.id)
        if showing.refused:
            return response(403, b"snapshots are not allowed", "text/plain")
        offset = self._manners.clock_offset(camera.address)
        picture = self._album.picture(camera, size, showing, time.time(), offset)
        if isinstance(picture, bytes):
            return response(200, picture, "image/jpeg")
        return asyncio.ensure_future(_later(picture))

    def _password(self, address: str) -> str:
        changed = self._manners.password_changed(address)
        return self._login.password + ("-changed" if changed else "")


async def _later(picture: asyncio.Future[bytes]) -> bytes:
    return response(200, await picture, "image/jpeg")


def written_on(camera: Camera) -> str:
    """What stands on its picture: its name, save on one in 25, which still shows what the factory wrote there."""
    return "Camera 01" if zlib.crc32(camera.id.encode()) % _UNLABELLED == 0 else camera.name
