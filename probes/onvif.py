"""The `onvif` check: what the camera is, what time it thinks it is, and where its snapshot is.

The calls go by template (see `probes.soap`), each over one HTTP exchange. The time is asked first and without
a login, because a login is dated with the camera's clock: a wrong clock is a finding, not a refusal.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Field

from probes import soap
from probes.base import CheckOptions, Duration, Outcome, ProbeKind, Reason, Resources, Result, Target
from probes.http import HttpClient, Reply, Request, bracketed, place, shown
from probes.login import Login
from probes.tables import normal_mac

SUFFICIENT_WIDTH = 640  # pixels: enough for every picture fault but a wrong resolution
_INLINE_BYTES = 50_000  # a larger answer takes too long to read on the event loop (0.1 ms a kB)

T = TypeVar("T")


class OnvifOptions(CheckOptions):
    """`small_profile` says whose snapshot to look up, as `small_profile` of the frame check, which uses it."""

    interval: Duration = 3600.0
    timeout: Duration = 5.0
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = 80
    small_profile: bool = True


def choose_profile(profiles: Sequence[soap.Profile], channel: int, small: bool) -> soap.Profile | None:
    """The profile to take the snapshot of: of the `channel`-th video source (1-based, sources in the order in
    which the profiles name them) the largest, or with `small` the smallest that is at least
    `SUFFICIENT_WIDTH` wide. None where there is no such source."""
    of_source = profiles_of(profiles, channel)
    sufficient = [profile for profile in of_source if profile.width >= SUFFICIENT_WIDTH] if small else []
    if sufficient:
        return min(sufficient, key=_pixels)
    return max(of_source, key=_pixels, default=None)


def profiles_of(profiles: Sequence[soap.Profile], channel: int) -> list[soap.Profile]:
    """The profiles of the `channel`-th video source; none where there is no such source."""
    sources = list(dict.fromkeys(profile.source for profile in profiles))
    if not 1 <= channel <= len(sources):
        return []
    return [profile for profile in profiles if profile.source == sources[channel - 1]]


def _pixels(profile: soap.Profile) -> int:
    return profile.width * profile.height


def _own_mac(interfaces: Sequence[soap.Interface], address: str) -> str:
    """The MAC address of the interface with this IP address, else of the only one there is; "" if that is none."""
    known = {mac: one.addresses for one in interfaces if (mac := normal_mac(one.hardware)) and mac.strip("0:")}
    here = [mac for mac, addresses in known.items() if address in addresses]
    found = here or [*known]
    return found[0] if len(found) == 1 else ""


def device_service(address: str, port: int) -> str:
    """Where every ONVIF device has its first service (ONVIF Core, 5.1.1)."""
    return f"http://{bracketed(address)}:{port}/onvif/device_service"


class OnvifProbe:
    """Asks by ONVIF. `values`, each as far as it was read, also of an asking that failed:

    `clock_offset_seconds` (camera − ours; the camera gives whole seconds), `manufacturer`, `model`, `firmware`,
    `serial`, `hardware`, `resolution` ((width, height) of the channel's main profile), `profiles` (of the whole
    device: a list of {"token", "name", "source", "encoding", "width", "height"}).
    `mac`: when it was asked for just now, and told. A device without snapshots is ok; `auth` fails this check and
    says nothing of reach.
    """

    def __init__(self, options: OnvifOptions, resources: Resources) -> None:
        self.options = options
        self.resources = resources
        self.http = HttpClient(soap.MAX_BYTES)

    async def ask(self, target: Target) -> Result:
        return await _Asking(self, target).run()

    async def close(self) -> None:
        await self.http.close()


class _Asking:
    """One asking of one camera: what has been read so far. Gone when it is answered."""

    def __init__(self, probe: OnvifProbe, target: Target) -> None:
        self._probe = probe
        self._target = target
        self._login = Login(target)
        self._offset_seconds = target.memory.clock_offset_seconds or 0.0
        self._device_uri = self._media_uri = device_service(target.address, target.onvif_port)
        self._profile: soap.Profile | None = None
        self._values: dict[str, Any] = {}
        self._learnt: dict[str, Any] = {}
        self._steps: list[str] = []
        self._calling = ""

    async def run(self) -> Result:
        try:
            return await self._run()
        except (
            asyncio.CancelledError
        ) as error:  # the caller's deadline: what was done until then, for who explains
            for step in (*self._steps, f"{self._calling}: the answer was not whole by then"):
                error.add_note(step)
            raise

    async def _run(self) -> Result:
        for step in (self._time, self._information, self._media, self._profiles, self._snapshot):
            failed = await step()
            if failed is not None:
                return self._result(failed)
        await self._hardware()
        return self._result(Result.ok())

    def _result(self, end: Result) -> Result:
        learnt = self._learnt | self._login.learnt(end.outcome is Outcome.OK)
        steps = tuple(self._steps) if end.outcome is Outcome.OK else (*self._steps, f"{end.reason}: {end.detail}")
        return dataclasses.replace(end, values=self._values, learnt=learnt, steps=steps)

    async def _time(self) -> Result | None:
        loop = asyncio.get_running_loop()
        sent, started = self._probe.resources.clock(), loop.time()
        time = await self._call(self._device_uri, soap.GET_TIME, soap.read_time, with_token=False)
        round_trip_seconds = loop.time() - started
        if isinstance(time, Result):
            # One that wants a login even for the time may still take one dated with the last known offset.
            return None if time.reason is Reason.AUTH and not self._login.refused else time
        if time.seconds is None:
            self._steps.append("GetSystemDateAndTime: no time, or an impossible one")
            return None
        self._offset_seconds = round(time.seconds - (sent + round_trip_seconds / 2), 3)
        self._values["clock_offset_seconds"] = self._offset_seconds
        self._learnt["clock_offset_seconds"] = self._offset_seconds
        self._learnt["clock_read_at"] = int(sent)
        self._steps.append(f"GetSystemDateAndTime: the camera's clock is {self._offset_seconds:+.1f} s from ours")
        return None

    async def _information(self) -> Result | None:
        known = await self._call(self._device_uri, soap.GET_INFORMATION, soap.read_information)
        if isinstance(known, Result):
            return known
        self._values |= known._asdict()
        self._steps.append(f"GetDeviceInformation: {known.manufacturer} {known.model}, firmware {known.firmware}")
        return None

    async def _media(self) -> Result | None:
        remembered = self._located(self._target.memory.media_uri or "")  # anew: the address may have changed
        if remembered is not None:
            self._media_uri = remembered
            return None
        uri = await self._call(self._device_uri, soap.GET_CAPABILITIES, soap.read_media_uri)
        if isinstance(uri, Result):
            return uri
        # A device that names no media service usually serves it where it serves everything else.
        self._media_uri = self._located(uri) or self._device_uri
        self._learnt["media_uri"] = self._media_uri
        self._steps.append(f"GetCapabilities: media service at {shown(self._media_uri)}")
        return None

    async def _profiles(self) -> Result | None:
        profiles = await self._call(self._media_uri, soap.GET_PROFILES, soap.read_profiles)
        if isinstance(profiles, Result):
            self._learnt["media_uri"] = None  # it may have moved: look it up the next time
            return profiles
        self._values["profiles"] = [profile._asdict() for profile in profiles]
        channel = self._target.channel
        main = choose_profile(profiles, channel, small=False)
        self._profile = choose_profile(profiles, channel, self._probe.options.small_profile)
        if main is None or self._profile is None:
            self._learnt["snapshot_uri"] = None
            return Result.fail(
                Reason.PROTOCOL, f"{len(profiles)} profiles, none of them of video source {channel}"
            )
        self._values["resolution"] = (main.width, main.height)
        read_at = int(self._probe.resources.clock())
        self._learnt |= {"width": main.width, "height": main.height, "size_read_at": read_at}
        self._learnt["snapshot_is_small"] = _pixels(self._profile) < _pixels(main)
        self._steps.append(f"GetProfiles: {len(profiles)} profiles, main {main.width}x{main.height}")
        return None

    async def _snapshot(self) -> Result | None:
        operation = soap.get_snapshot_uri(self._profile.token if self._profile else "")
        uri = await self._call(self._media_uri, operation, soap.read_snapshot_uri)
        if isinstance(uri, Result):
            if uri.reason is not Reason.REFUSED:
                return uri
            uri = ""  # a fault here means that the device has no snapshots, which ONVIF allows
        located = self._located(uri)
        self._learnt["snapshot_uri"] = located
        self._steps.append(f"GetSnapshotUri: {shown(located) if located else 'none'}")
        return None

    async def _hardware(self) -> None:
        """Its MAC address, which tells where it hangs. Asked once of a device, and last: nothing else may hang on
        whether it is told. So it has a login of its own; many let only administrators see it."""
        memory, serial = self._target.memory, str(self._values.get("serial", ""))
        if memory.mac is not None and memory.mac_serial == serial:
            return
        login, self._login = self._login, Login(self._target)
        found = await self._call(self._device_uri, soap.GET_INTERFACES, soap.read_interfaces)
        self._login = login
        if isinstance(found, Result):
            if found.reason not in (Reason.AUTH, Reason.REFUSED, Reason.PROTOCOL):
                return  # the next time, perhaps
            found = ()
        mac = _own_mac(found, self._target.address)
        if mac:
            self._values["mac"] = mac
        by_snmp = memory.mac if not memory.mac_serial else None
        self._learnt |= {"mac": mac or by_snmp or "", "mac_serial": serial}
        self._steps.append(f"GetNetworkInterfaces: {mac or 'not told'}")

    def _located(self, uri: str) -> str | None:
        return place(uri, self._target.address, self._target.onvif_port)

    async def _call(
        self,
        uri: str,
        operation: soap.Operation,
        read: Callable[[bytes], T | soap.Fault | None],
        with_token: bool = True,
    ) -> T | Result:
        def body() -> bytes:
            return soap.envelope(operation, self._token() if with_token else None)

        self._calling = operation.name
        request = Request(uri, body, operation.content_type, last=operation.name == "GetSnapshotUri")
        reply = await self._probe.http.exchange(request, self._login)
        if isinstance(reply, Result):
            return dataclasses.replace(reply, detail=f"{operation.name}: {reply.detail}")
        return self._judged(operation.name, reply, await self._read(read, reply.body))

    async def _read(self, read: Callable[[bytes], T | soap.Fault | None], body: bytes) -> T | soap.Fault | None:
        if len(body) <= _INLINE_BYTES:
            return read(body)
        return await asyncio.get_running_loop().run_in_executor(self._probe.resources.executor, read, body)

    def _judged(self, name: str, reply: Reply, answer: T | soap.Fault | None) -> T | Result:
        if reply.status == 401:
            return Result.fail(Reason.AUTH, f"{name}: {self._login.why()}")
        if isinstance(answer, soap.Fault):
            if answer.of_login:
                self._login.refuse()
                return Result.fail(Reason.AUTH, f"{name}: {self._login.why()} (it says: {answer})")
            return Result.fail(Reason.REFUSED, f"{name}: fault: {answer}")
        if answer is not None:
            return answer
        if reply.status != 200:
            return Result.fail(Reason.REFUSED, f"{name}: HTTP {reply.status}")
        return Result.fail(Reason.PROTOCOL, f"{name}: the answer is no SOAP message, or not that answer")

    def _token(self) -> soap.Token | None:
        """The login in the message; None once HTTP asked for it in a header, or where there is none to send."""
        login = None if self._login.challenged else self._login.take()
        if login is None:
            return None
        return soap.Token(*login, self._probe.resources.clock() + self._offset_seconds, secrets.token_bytes(16))


KIND = ProbeKind("onvif", OnvifOptions, OnvifProbe)
