"""What is plugged in where: the ports of every simulated switch and router. Laid out when first asked for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

from healthd.city.plan import Plan
from healthd.city.shapes import ETHERNET, LOOPBACK, Shape, copper_ports, shape_of
from healthd.model import Camera, Device

UPLINKS = 2
ROUTER_UPLINK = "Te0/0/0"
_KEPT = 512  # devices whose ports are kept laid out
_CAMERA_BPS, _COPPER_BPS, _FIBRE_BPS = 100_000_000, 1_000_000_000, 10_000_000_000


@dataclass(frozen=True, slots=True)
class Port:
    """One interface. `bridge`: its number in the bridge's tables, 0 for what is no port of the bridge; `poe`: its
    number in POWER-ETHERNET-MIB, 0 without. `far`: the address of what is plugged in, "" for nothing."""

    index: int
    name: str
    description: str
    kind: int
    bridge: int = 0
    poe: int = 0
    speed_bps: int = 0
    alias: str = ""
    far: str = ""
    feeds: bool = False  # a camera that lives on this port's power
    idle_up: bool = False  # up though nothing is plugged in: a VLAN, a loopback
    uplink: bool = False


class Wiring:
    """The ports of all devices. Mutable: it remembers the latest devices asked for."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._ports: OrderedDict[str, tuple[Port, ...]] = OrderedDict()

    def ports(self, device: str) -> tuple[Port, ...]:
        """By ifIndex; none of what is no switch or router."""
        known = self._ports.get(device)
        if known is None:
            known = self._ports[device] = tuple(sorted(self._lay_out(self.plan.devices[device]), key=_index))
            if len(self._ports) > _KEPT:
                self._ports.popitem(last=False)
        else:
            self._ports.move_to_end(device)
        return known

    def uplink(self, device: str) -> str:
        """What a switch or router calls the port to what it hangs on."""
        return ROUTER_UPLINK if self.plan.devices[device].kind == "router" else shape_of(device).uplink.format(1)

    @cached_property
    def next_switch(self) -> dict[str, str]:
        """Switch -> another one of the same router, whose cameras talk past it now and then."""
        found: dict[str, str] = {}
        for children in self.plan.devices_on.values():
            switches = [device.id for device in children if device.kind == "switch"]
            found.update(zip(switches, [*switches[1:], *switches[:1]], strict=True))
        return {switch: other for switch, other in found.items() if switch != other}

    def _lay_out(self, device: Device) -> list[Port]:
        if device.kind == "switch":
            return self._switch(device)
        return self._router(device) if device.kind == "router" else []

    def _switch(self, device: Device) -> list[Port]:
        shape, copper = shape_of(device.id), copper_ports(device.id)
        cameras = {camera.upstream_port: camera for camera in self.plan.cameras_on.get(device.id, ())}
        others = {other.upstream_port: other for other in self.plan.devices_on.get(device.id, ())}
        ports = [Port(one.index, one.name, one.name, one.kind, idle_up=one.up) for one in shape.extras]
        for number in range(1, copper + 1):
            name = shape.port.format(number)
            camera, other = cameras.get(name), others.get(name)
            far = camera.address if camera else other.address if other else ""
            ports.append(
                Port(
                    shape.index(number, copper),
                    name,
                    shape.description.format(number),
                    ETHERNET,
                    number,
                    number if shape.poe else 0,
                    _CAMERA_BPS if camera else _COPPER_BPS,
                    _alias(shape, camera),
                    far,
                    feeds=camera is not None and shape.poe,
                )
            )
        above = self.plan.devices.get(device.upstream)
        return ports + [_uplink(shape, copper, number, above) for number in range(1, UPLINKS + 1)]

    def _router(self, device: Device) -> list[Port]:
        ports = [Port(1, "Lo0", "Loopback0", LOOPBACK, idle_up=True)]
        above = self.plan.devices.get(device.upstream)
        if above is not None:
            far = above.address
            ports.append(Port(2, ROUTER_UPLINK, ROUTER_UPLINK, ETHERNET, 0, 0, _FIBRE_BPS, far=far, uplink=True))
        for number, child in enumerate(self.plan.devices_on.get(device.id, ()), 3):
            name = child.upstream_port
            ports.append(Port(number, name, name, ETHERNET, 0, 0, _COPPER_BPS, child.id, child.address))
        return ports


def _alias(shape: Shape, camera: Camera | None) -> str:
    return f"camera {camera.id}" if camera is not None and shape.aliases else ""


def _uplink(shape: Shape, copper: int, number: int, above: Device | None) -> Port:
    """The first leads to what the switch hangs on, the others to nothing."""
    name, place = shape.uplink.format(number), copper + number
    far = above.address if above is not None and number == 1 else ""
    index = shape.index(place, copper)
    return Port(index, name, name, ETHERNET, place, 0, _COPPER_BPS, far=far, uplink=number == 1)


def _index(port: Port) -> int:
    return port.index
