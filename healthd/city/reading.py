"""What the `device` check reads of a simulated device, without asking it: a view in the probe's own values.

A test holds this against what the probe reads over SNMP from the same view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from healthd.city.mib import ENTERPRISE
from healthd.city.network import Detection, Neighbour, PortState, View
from healthd.city.shapes import ETHERNET, Shape, colons, hardware, shape_for
from healthd.city.tables import CAMERA_WATTS, MAIN_WATTS, describe, load, power_class, shorts, temperature
from probes import device as probe
from probes import tables
from probes.base import Memory, Outcome, Reason, Result
from probes.ports import Poe, PoeSupply, Port
from probes.snmp_exchange import rebooted

_DETECTIONS = {
    Detection.DISABLED: "disabled",
    Detection.SEARCHING: "searching",
    Detection.DELIVERING: "delivering",
    Detection.FAULT: "fault",
}


def read(view: View, at: float, memory: Memory) -> Result:
    """The result of a walk at `at`, in seconds since the epoch."""
    uptime = int((at - view.booted) * 100) / 100
    fixed, ports = _fixed(view)
    values = {
        **fixed,
        "uptime_seconds": uptime,
        "booted_at": at - uptime,
        "rebooted": rebooted(uptime, at, memory.booted_at),
        "ports": tuple(
            Port(**fields, last_change_seconds=round(at - max(changed, view.booted), 2))
            for changed, fields in ports
        ),
    }
    return Result(Outcome.OK, Reason.OK, values=values, learnt={"booted_at": at - uptime})


# A simulated week walks each view a hundred times; views are compared by identity.
@lru_cache(maxsize=256)
def _fixed(view: View) -> tuple[Mapping[str, Any], Sequence[tuple[float, dict[str, Any]]]]:
    """What of a walk does not depend on its moment: values, and (when its link last changed, the rest) a port."""
    shape = shape_for(view.device)
    group = describe(view)
    own = colons(hardware(view.device.address))
    bridged = shape.bridge or shape.vlan_bridge
    values: dict[str, Any] = {
        "descr": group.description,
        "object_id": ".".join(map(str, ENTERPRISE)),
        "name": group.name,
        "bridge_mac": own if bridged else "",
        "chassis_id": own if shape.lldp else "",
        "poe_supplies": _supplies(view, shape),
        "macs": _macs(view) if bridged else (),
        "neighbours": tuple(_neighbour(one) for one in view.neighbours),
        "arp": tuple(sorted((colons(hardware(far)), far) for _, far in view.arp)),
        "temperature_celsius": float(temperature(view)) if shape.sensors else None,
        "cpu_ratio": load(view) / 100 if shape.sensors else None,
        "missing": tuple(mib for mib, there in _mibs(view, shape).items() if not there),
        "incomplete": (),
        "problems": (),
        "requests": 0,
        "bytes": 0,
    }
    return values, [(state.changed, _port(state, shape)) for state in view.ports]


def _mibs(view: View, shape: Shape) -> Mapping[str, bool]:
    """Whether each has a row, in the order of the probe."""
    there = {
        probe.IF: bool(view.ports),
        probe.POE: shape.poe,
        probe.SENSORS: shape.sensors,
        probe.HOST: shape.sensors,
        probe.LLDP: bool(view.neighbours),
        probe.BRIDGE: shape.bridge or shape.vlan_bridge,
        probe.VLAN_BRIDGE: shape.vlan_bridge and bool(view.macs),
        probe.IP: bool(view.arp),
    }
    return {mib: there[mib] for mib in probe.MIBS}


def _port(state: PortState, shape: Shape) -> dict[str, Any]:
    port = state.port
    return {
        "index": port.index,
        "name": port.name if shape.names else port.description,
        "descr": port.description,
        "alias": port.alias if shape.names else "",
        "physical": port.kind == ETHERNET,
        "admin_up": state.admin_up,
        "oper_up": state.oper_up,
        "speed_bps": (port.speed_bps or None) if state.oper_up else None,
        "in_errors": state.errors,
        "out_errors": 0,
        "poe": _poe(state),
    }


def _poe(state: PortState) -> Poe | None:
    if state.detection is None:
        return None
    return Poe(
        detection=_DETECTIONS[state.detection],
        class_=power_class(state),
        admin_on=state.detection is not Detection.DISABLED,
        absences=0,
        denials=0,
        overloads=0,
        shorts=shorts(state),
    )


def _supplies(view: View, shape: Shape) -> tuple[PoeSupply, ...]:
    if not shape.poe:
        return ()
    fed = sum(state.detection is Detection.DELIVERING for state in view.ports)
    return (PoeSupply(1, "on", MAIN_WATTS, fed * CAMERA_WATTS),)


def _macs(view: View) -> tuple[tuple[str, int], ...]:
    return tuple(sorted({(colons(mac), port.index) for mac, port in view.macs}))


def _neighbour(one: Neighbour) -> tables.Neighbour:
    return tables.Neighbour(one.port.index, colons(one.mac), one.far_port, one.name, one.far_port)
