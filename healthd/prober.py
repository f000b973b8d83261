"""The prober side: turns and targets out of inventory and configuration. It reads nothing of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from healthd.config import Config
from healthd.model import REFERENCE, Camera, Inventory
from healthd.schedule import Check, TurnSpec
from probes import PROBES
from probes.base import CheckOptions, Memory, Probe, Resources, Target

_DEFAULT_SEATS = 64
PING = "ping"
GATED = ("onvif", "frame")
"""Checks that are not asked while the camera does not answer at all."""


def make_checks(
    config: Config, resources: Resources, kept: Mapping[str, tuple[CheckOptions, Probe]]
) -> dict[str, tuple[CheckOptions, Check]]:
    """The configured checks; a probe whose options did not change is kept."""
    made: dict[str, tuple[CheckOptions, Check]] = {}
    for name, options in config.checks.items():
        old = kept.get(name)
        probe = old[1] if old and old[0] == options else PROBES[name].build(options, resources)
        seats = config.seats.get(name, _DEFAULT_SEATS)
        made[name] = (options, Check(name, probe, options.interval, options.timeout, seats))
    return made


def turns(config: Config, inventory: Inventory) -> Iterator[TurnSpec]:
    """Every turn of the fleet: one ping per address, the other checks per camera."""
    asked = [camera for camera in inventory.cameras.values() if camera.asked]
    if PING in config.checks:
        for subject in sorted({camera.reach for camera in asked}):
            yield TurnSpec(subject, PING)
        # A witness must have answered between two fails of a camera, so it is asked as often as those.
        often = min(config.state.retry_interval, config.checks[PING].interval)
        for address in config.reference_targets:
            yield TurnSpec(REFERENCE + address, PING, interval=often)
    for check in config.checks:
        if check != PING:
            for camera in asked:
                if check != "frame" or camera.placement.picture:
                    yield TurnSpec(camera.id, check, uplink=camera.placement.upstream)


@dataclass(frozen=True, slots=True)
class _Ports:
    onvif: int
    snmp: int


@dataclass
class Targets:
    """subject and check -> Target, with the camera's current memory."""

    config: Config
    inventory: Inventory
    memory: Callable[[str], Memory]

    def __post_init__(self) -> None:
        self.replace(self.config, self.inventory)

    def replace(self, config: Config, inventory: Inventory) -> None:
        """Swap after a reload."""
        self.config, self.inventory = config, inventory
        self._by_reach = {camera.reach: camera for camera in inventory.cameras.values()}
        ports = {name: getattr(options, "port", 0) for name, options in config.checks.items()}
        self._ports = _Ports(ports.get("onvif") or 80, ports.get("snmp") or 161)

    def target(self, subject: str, check: str) -> Target:
        """The Target of a turn's subject."""
        if subject.startswith(REFERENCE):
            return Target(subject.removeprefix(REFERENCE))
        if check == PING:
            camera = self._by_reach[subject]
            return Target(camera.address, camera.reach_port)
        return self.of(self.inventory.cameras[subject], self.memory(subject))

    def of(self, camera: Camera, memory: Memory) -> Target:
        """The whole Target of a camera."""
        return Target(
            address=camera.address,
            reach_port=camera.reach_port,
            onvif_port=camera.onvif_port or self._ports.onvif,
            snmp_port=camera.snmp_port or self._ports.snmp,
            snapshot_url=camera.snapshot_url or None,
            channel=camera.channel,
            resolution=camera.resolution,
            credential=self.inventory.credentials.get(camera.credential or "default"),
            memory=memory,
        )
