"""What a device's walks say of its health, from one to the next: figures to be shown beside its state. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from healthd.model import Device, Moment, State
from probes.ports import PoeSupply, Port


@dataclass(frozen=True, slots=True)
class Reading:
    """The latest walk of a device, at `at`. `booted`: when it started (ms, 0: it does not tell); `reboots`,
    `flaps` (of ports: went up or down between two walks, once each), `errors` (of ports) since healthd started.
    `ports`: Ethernet ports by state (up, down, off: switched off, unknown); `fed`: power ports by detection.
    Watts are None where the device does not tell, temperature and processor too."""

    at: Moment
    booted: Moment = 0
    reboots: int = 0
    ports: Mapping[str, int] = field(default_factory=dict)
    fed: Mapping[str, int] = field(default_factory=dict)
    flaps: int = 0
    errors: int = 0
    errors_read: int = 0  # the sum of the ports' own counters, as it stood
    power_watts: int | None = None
    consumption_watts: int | None = None
    temperature_celsius: float | None = None
    cpu_ratio: float | None = None
    incomplete: int = 0  # tables of which something is left out


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device as it is shown: where it stands, what hangs on it, and its latest walk (None: none yet)."""

    device: Device
    state: State
    since: Moment
    cameras: int
    cameras_down: int
    reading: Reading | None


def next_reading(before: Reading | None, values: Mapping[str, Any], at: Moment) -> Reading:
    """The reading that follows `before` when the check `device` gave these values at `at`."""
    ports: Sequence[Port] = [port for port in values.get("ports", ()) if port.physical]
    supplies: Sequence[PoeSupply] = values.get("poe_supplies", ())
    uptime = values.get("uptime_seconds")
    errors = sum((port.in_errors or 0) + (port.out_errors or 0) for port in ports)
    known = before or Reading(at, errors_read=errors)
    # Fewer than before: the counters began anew, with the device or by hand.
    grown = errors - known.errors_read if errors >= known.errors_read else errors
    return Reading(
        at=at,
        booted=at - round(1000 * uptime) if uptime is not None else 0,
        reboots=known.reboots + bool(values.get("rebooted")),
        ports=Counter(_state(port) for port in ports),
        fed=Counter(port.poe.detection or "unknown" for port in ports if port.poe is not None),
        flaps=known.flaps + (_flapped(ports, at - before.at) if before else 0),
        errors=known.errors + grown,
        errors_read=errors,
        power_watts=_total([supply.power_watts for supply in supplies]),
        consumption_watts=_total([supply.consumption_watts for supply in supplies]),
        temperature_celsius=values.get("temperature_celsius"),
        cpu_ratio=values.get("cpu_ratio"),
        incomplete=len(values.get("incomplete", ())),
    )


def _state(port: Port) -> str:
    if port.admin_up is False:
        return "off"
    return "unknown" if port.oper_up is None else "up" if port.oper_up else "down"


def _flapped(ports: Sequence[Port], elapsed: Moment) -> int:
    """How many ports changed since the walk before. A restart of the device changes all of them: it is told apart
    by `reboots`."""
    changed = (port.last_change_seconds for port in ports)
    return sum(seconds is not None and 1000 * seconds < elapsed for seconds in changed)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
