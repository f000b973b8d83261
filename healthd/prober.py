"""The prober side: checks, turns and targets out of configuration and inventory. It reads nothing of the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from healthd.config import Config
from healthd.model import REFERENCE, Camera, Device, Inventory, Moment
from healthd.schedule import Check, Observers, Schedule, TurnSpec, UplinkLimits
from probes import PROBES
from probes.base import BatchProbe, CheckOptions, Memory, Probe, Reason, Resources, Result, Target

if TYPE_CHECKING:  # a daemon without the frame check loads no picture code
    from probes.picture.context import Context

PING, DEVICE, FRAME = "ping", "device", "frame"
GATED = ("onvif", FRAME, "annotation")
"""Checks that are not asked while the camera does not answer at all."""

_DEFAULT_SEATS = 64
_OWN_DEADLINE_SECONDS = 2.0


def turns(config: Config, inventory: Inventory) -> Iterator[TurnSpec]:
    """Every turn of the fleet: one ping per address, the other checks per camera."""
    asked = [camera for camera in inventory.cameras.values() if camera.asked]
    if PING in config.checks:
        devices = {device.reach for device in inventory.devices.values() if device.address}
        for subject in sorted({camera.reach for camera in asked} | devices):
            yield TurnSpec(subject, PING)
        # A witness must have answered between two fails of a camera, so it is asked as often as those.
        often = min(config.state.retry_interval, config.checks[PING].interval)
        for address in config.reference_targets:
            yield TurnSpec(REFERENCE + address, PING, interval=often)
    if DEVICE in config.checks:
        for device in inventory.devices.values():
            if device.address:
                yield TurnSpec(device.id, DEVICE)
    for check in config.checks:
        if check not in (PING, DEVICE):
            for camera in asked:
                if check != FRAME or camera.placement.picture:
                    yield TurnSpec(camera.id, check, uplink=camera.placement.upstream)


class Targets:
    """(subject, check) -> Target, with the camera's current memory. `picture`: what its next frame is judged with,
    to be asked for in a worker."""

    def __init__(
        self,
        config: Config,
        inventory: Inventory,
        memory: Callable[[str], Memory],
        picture: Callable[[Camera], Callable[[], Context]] | None = None,
    ) -> None:
        self._memory = memory
        self._picture = picture
        self.replace(config, inventory)

    def replace(self, config: Config, inventory: Inventory) -> None:
        """Swap after a reload."""
        self._inventory = inventory
        ports = {name: getattr(options, "port", 0) for name, options in config.checks.items()}
        self._onvif_port = ports.get("onvif") or 80
        self._snmp_port = ports.get("snmp") or 161
        self._device_port = ports.get(DEVICE) or self._snmp_port

    def target(self, subject: str, check: str) -> Target:
        """The Target of a turn's subject."""
        if subject.startswith(REFERENCE):
            return Target(subject.removeprefix(REFERENCE))
        if check == PING:
            return _of_reach(subject)
        if check == DEVICE:
            return self.of_device(self._inventory.devices[subject])
        return self.of_camera(self._inventory.cameras[subject], check)

    def of_camera(self, camera: Camera, check: str = FRAME) -> Target:
        """Everything that can be asked of a camera, by this check."""
        return Target(
            address=camera.address,
            reach_port=camera.reach_port,
            onvif_port=camera.onvif_port or self._onvif_port,
            snmp_port=camera.snmp_port or self._snmp_port,
            snapshot_url=camera.snapshot_url or None,
            channel=camera.channel,
            resolution=camera.resolution,
            credential=self._inventory.credentials.get(camera.credential or "default"),
            memory=self._memory(camera.id),
            picture=self._picture(camera) if self._picture and check == FRAME else None,
        )

    def of_device(self, device: Device) -> Target:
        """What can be asked of a device: ping and SNMP."""
        credential = self._inventory.credentials.get(device.credential or "default")
        return Target(
            device.address,
            device.reach_port,
            snmp_port=self._device_port,
            credential=credential,
            memory=self._memory(device.id),
        )

    def of_stranger(self, address: str) -> Target:
        """An address that is not in the inventory: no stored credential goes there."""
        return Target(address, onvif_port=self._onvif_port, snmp_port=self._snmp_port)


def _of_reach(reach: str) -> Target:
    """What a ping asks; made anew each time, for 100,000 of them kept ready are 20 MB."""
    address, _, port = reach.partition(" tcp:")
    return Target(address, int(port)) if port else Target(address)


class ProberSide(Protocol):
    """What the core side needs of the prober side, be it in this process or in others: see `Prober`."""

    targets: Targets

    @property
    def longest_timeout(self) -> float: ...
    @property
    def overloaded(self) -> bool: ...
    def start(self, config: Config, inventory: Inventory) -> None: ...
    def replace(self, config: Config, inventory: Inventory) -> Sequence[Probe]: ...
    def counts(self) -> Mapping[str, int]: ...
    def ask_again(self, subject: str, check: str, after_seconds: float) -> None: ...
    def hold(self, subject: str, check: str) -> None: ...
    def release(self, subject: str, check: str) -> None: ...
    def look(self, subject: str, check: str) -> None: ...
    async def ask(self, target: Target, check: str) -> Result: ...
    async def run(self) -> None: ...
    async def stop(self) -> None: ...


class Prober:
    """The checks, built once per set of options, and the schedule over them. Made inside the event loop."""

    def __init__(
        self,
        config: Config,
        targets: Targets,
        observers: Observers,
        resources: Resources,
        wall: Callable[[], Moment],
    ) -> None:
        self.targets = targets
        self._resources = resources
        self._options: dict[str, CheckOptions] = {}
        self._checks: dict[str, Check] = {}
        self._build(config)
        self.schedule = Schedule(self._checks, _limits(config), targets.target, wall, observers)

    def start(self, config: Config, inventory: Inventory) -> None:
        """Plan the first turns."""
        self.schedule.plan(turns(config, inventory))

    def replace(self, config: Config, inventory: Inventory) -> Sequence[Probe]:
        """Swap after a reload; probes whose options stay are kept. Returns the others: close them once what they
        ask is over (`longest_timeout`)."""
        replaced = self.replace_probes(config, inventory)
        self.schedule.plan(turns(config, inventory))
        return replaced

    def replace_probes(self, config: Config, inventory: Inventory) -> Sequence[Probe]:
        """The same without planning turns, for one that only asks out of the order."""
        before = {name: check.probe for name, check in self._checks.items()}
        self._build(config)
        self.targets.replace(config, inventory)
        self.schedule.reconfigure(self._checks, _limits(config))
        return [probe for name, probe in before.items() if self._probe(name) is not probe]

    @property
    def longest_timeout(self) -> float:
        """Seconds after which nothing asked now is still open."""
        return max((check.timeout for check in self._checks.values()), default=0.0)

    def _build(self, config: Config) -> None:
        checks: dict[str, Check] = {}
        for name, options in config.checks.items():
            probe = self._probe(name) if self._options.get(name) == options else None
            probe = probe or PROBES[name].build(options, self._resources)
            seats = config.seats.get(name, _DEFAULT_SEATS)
            checks[name] = Check(name, probe, options.interval, options.timeout, seats, can_wait=name in GATED)
        self._checks, self._options = checks, dict(config.checks)

    def _probe(self, name: str) -> Probe | None:
        check = self._checks.get(name)
        return check.probe if check else None

    def icmp_dropped(self) -> Mapping[str, int]:
        """What the echo engine threw away, by reason."""
        counts: Mapping[str, int] = getattr(self._probe(PING), "dropped", {})
        return counts

    @property
    def overloaded(self) -> bool:
        """Whether it did not keep up at some moment of the last minute."""
        return self.schedule.pace.overloaded(time.monotonic())

    async def run(self) -> None:
        """Ask until `stop`."""
        await self.schedule.run()

    async def stop(self) -> None:
        """Ask no more, drop what is in flight, close the probes."""
        await self.schedule.stop()

    def counts(self) -> Mapping[str, int]:
        """Turns per check."""
        return self.schedule.counts()

    def ask_again(self, subject: str, check: str, after_seconds: float) -> None:
        """As `Schedule.ask_again`."""
        self.schedule.ask_again(subject, check, after_seconds)

    def hold(self, subject: str, check: str) -> None:
        """As `Schedule.hold`."""
        self.schedule.hold(subject, check)

    def release(self, subject: str, check: str) -> None:
        """As `Schedule.release`."""
        self.schedule.release(subject, check)

    def look(self, subject: str, check: str) -> None:
        """As `Schedule.look`."""
        self.schedule.look(subject, check)

    async def ask(self, target: Target, check: str) -> Result:
        """One asking out of the order, with the check's own deadline."""
        return await ask_once(self._checks[check], target)


def _limits(config: Config) -> UplinkLimits:
    return UplinkLimits(config.uplink_limits.turns, config.uplink_limits.bytes_per_second)


async def ask_once(check: Check, target: Target) -> Result:
    """Ask now; a time-out is a fail. A probe that keeps its own deadline gets the time to say what it saw."""
    begun = time.monotonic()
    grace = _OWN_DEADLINE_SECONDS if isinstance(check.probe, BatchProbe) else 0.0
    try:
        async with asyncio.timeout(check.timeout + grace):
            return await check.probe.ask(target)
    except TimeoutError as error:
        took = time.monotonic() - begun
        late = Result.fail(Reason.TIMEOUT, f"no whole answer within {took:.1f} s")
        return replace(late, steps=tuple(getattr(error.__cause__, "__notes__", ())))
