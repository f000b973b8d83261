"""Switches, routers and other devices on the page that Prometheus reads: whether they answer, and how they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from healthd.exposition import Family, Format, block, labels
from healthd.incidents.readings import DeviceView, Reading
from healthd.model import State

_UP = Family("healthd_device_up", "gauge", "Whether the device answers; absent while nobody knows.")
_INFO = Family("healthd_device_info", "info", "What a device is, and what it hangs on.")
_CAMERAS = Family("healthd_device_cameras", "gauge", "Cameras that hang on the device, with all devices below it.")
_DOWN = Family("healthd_device_cameras_offline", "gauge", "Those of them that are offline.")
_READ = Family("healthd_device_read_timestamp_seconds", "gauge", "When the device's tables were read last.")
_BOOTED = Family("healthd_device_booted_timestamp_seconds", "gauge", "When the device started, by its uptime.")
_REBOOTS = Family("healthd_device_reboots_total", "counter", "Restarts of the device since healthd's start.")
_PORTS = Family("healthd_device_ports", "gauge", "Ethernet ports of the device by state.")
_FED = Family("healthd_device_power_ports", "gauge", "Ports with Power over Ethernet by what they detect.")
_FLAPS = Family("healthd_device_port_flaps_total", "counter", "Changes of ports between up and down.")
_ERRORS = Family("healthd_device_port_errors_total", "counter", "Errors that the ports counted.")
_WATTS = Family("healthd_device_power_watts", "gauge", "What the device's power supply can feed by its ports.")
_USED = Family("healthd_device_power_consumption_watts", "gauge", "What its ports draw.")
_CELSIUS = Family("healthd_device_temperature_celsius", "gauge", "The hottest sensor of the device.")
_CPU = Family("healthd_device_cpu_ratio", "gauge", "Load of the device's processor.")

_OF_READING: Sequence[tuple[Family, Callable[[Reading], float | None]]] = (
    (_READ, lambda one: one.at / 1000),
    (_BOOTED, lambda one: one.booted / 1000 or None),
    (_REBOOTS, lambda one: one.reboots),
    (_FLAPS, lambda one: one.flaps),
    (_ERRORS, lambda one: one.errors),
    (_WATTS, lambda one: one.power_watts),
    (_USED, lambda one: one.consumption_watts),
    (_CELSIUS, lambda one: one.temperature_celsius),
    (_CPU, lambda one: one.cpu_ratio),
)


def device_blocks(devices: Sequence[DeviceView], form: Format) -> Iterator[str]:
    """All families of devices. Figures that a device does not tell are absent."""
    known = [view for view in devices if view.state is not State.UNKNOWN]
    yield block(_UP, form, [_line(_UP, view, int(view.state is State.ONLINE)) for view in known])
    yield block(_INFO, form, [_info(view) for view in devices])
    yield block(_CAMERAS, form, [_line(_CAMERAS, view, view.cameras) for view in devices])
    yield block(_DOWN, form, [_line(_DOWN, view, view.cameras_down) for view in devices])
    read = [(view, view.reading) for view in devices if view.reading is not None]
    for family, figure in _OF_READING:
        values = [(view, figure(reading)) for view, reading in read]
        yield block(family, form, [_line(family, view, value) for view, value in values if value is not None])
    ports = [(view, state, count) for view, one in read for state, count in sorted(one.ports.items())]
    yield block(_PORTS, form, [_line(_PORTS, view, count, state=state) for view, state, count in ports])
    fed = [(view, found, count) for view, one in read for found, count in sorted(one.fed.items())]
    yield block(_FED, form, [_line(_FED, view, count, detection=found) for view, found, count in fed])


def _line(family: Family, view: DeviceView, value: float, **more: str) -> str:
    inner = {"device": view.device.id, "region": view.device.region, **more}
    return f"{family.name}{labels(inner)} {value}\n"


def _info(view: DeviceView) -> str:
    one = view.device
    inner = {
        "device": one.id,
        "region": one.region,
        "name": one.name,
        "kind": one.kind,
        "upstream": one.upstream,
        "maintainer": one.maintainer,
    }
    return f"{_INFO.name}{labels(inner)} 1\n"
