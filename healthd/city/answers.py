"""What a simulated address says when it is asked over HTTP, ONVIF or SNMP."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from healthd.city import soap
from healthd.city.album import Album
from healthd.city.http import Digest, Reply, Request, response
from healthd.city.manners import Manners
from healthd.city.onvif import Channel, OnvifDevice, SeenNonces, answer
from healthd.city.options import Pictures
from healthd.city.plan import Plan
from healthd.city.snmp import SystemGroup
from healthd.model import Camera

_SNAPSHOT = re.compile(r"/snapshot/(\d{1,4})/(main|sub)\.jpg")
_DEFAULT_SIZE = (1920, 1080)


@dataclass(frozen=True, slots=True)
class Login:
    """What the inventory's user knows; a device whose password was changed no longer takes it."""

    username: str
    password: str
    community: str


class Answers:
    """Answers for every address of the city. Silent ones say nothing, whichever way the question came."""

    def __init__(self, plan: Plan, manners: Manners, login: Login, pictures: Pictures, executor: Executor) -> None:
        self._plan, self._manners, self._login = plan, manners, login
        self._album = Album(pictures, executor)
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

    def system(self, address: str) -> Callable[[], SystemGroup] | None:
        """For the SNMP agent: what reads the system group of `address`; None where nobody answers."""
        if address in self._manners.silent:
            return None
        device = self._plan.device_at.get(address)
        if device is not None:
            words = (f"{device.kind} (simulated)", device.maintainer, device.id, device.region)
        else:
            channels = self._plan.channels_at.get(address)
            if channels is None:
                return None
            camera = channels[0]
            description = f"{camera.vendor} {camera.model} {soap.FIRMWARE}"
            words = (description, camera.placement.maintainer, camera.id, camera.placement.region)
        return lambda: SystemGroup(*words, time.time() - self._manners.booted(address))

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
                tuple(Channel(camera.channel, *(camera.resolution or _DEFAULT_SIZE)) for camera in channels),
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
