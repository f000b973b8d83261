"""The MIB tables of simulated switches and routers, out of a view of them. What a shape lacks is left out."""

from __future__ import annotations

import zlib

from healthd.city.ber import Oid, address, counter, gauge, integer, octets, text, ticks
from healthd.city.mib import Entries, Mib, SystemGroup
from healthd.city.network import Detection, PortState, View
from healthd.city.shapes import ROUTER, STACKED, Shape, hardware, shape_for
from healthd.city.wiring import Port

_MIB: Oid = (1, 3, 6, 1, 2, 1)
_IF_NUMBER, _IF_ENTRY = (*_MIB, 2, 1), (*_MIB, 2, 2, 1)
_IFX_ENTRY = (*_MIB, 31, 1, 1, 1)
_ARP_ENTRY = (*_MIB, 4, 22, 1)
_BRIDGE, _BASE_PORT, _FDB = (*_MIB, 17, 1), (*_MIB, 17, 1, 4, 1), (*_MIB, 17, 4, 3, 1)
_VLAN_FDB = (*_MIB, 17, 7, 1, 2, 2, 1)
_PSE_PORT, _PSE_MAIN = (*_MIB, 105, 1, 1, 1), (*_MIB, 105, 1, 3, 1, 1)
_LLDP: Oid = (1, 0, 8802, 1, 1, 2, 1)
_LLDP_LOCAL, _LLDP_PORT, _LLDP_REMOTE = (*_LLDP, 3), (*_LLDP, 3, 7, 1), (*_LLDP, 4, 1, 1)
_SENSOR, _LOAD = (*_MIB, 99, 1, 1, 1), (*_MIB, 25, 3, 3, 1)

_UP, _DOWN = integer(1), integer(2)  # also true and false
_LEARNT, _OWN = integer(3), integer(4)
_FILTER_VLAN = 100
CAMERA_WATTS, MAIN_WATTS = 7, 370


def describe(view: View) -> SystemGroup:
    """The system group of a device."""
    device = view.device
    return SystemGroup(f"{shape_for(device).words} (simulated)", device.maintainer, device.id, device.region)


def build(view: View) -> Mib:
    """Everything that the device's agent holds."""
    entries = Entries()
    entries.system(describe(view))
    shape = shape_for(view.device)
    if view.ports:
        _interfaces(entries, view, shape)
    if shape.lldp:
        _lldp(entries, view)
    _arp(entries, view)
    _bridge(entries, view, shape)
    if shape.poe:
        _power(entries, view)
    if shape.sensors:
        _health(entries, view)
    return Mib(entries)


def _interfaces(entries: Entries, view: View, shape: Shape) -> None:
    own = hardware(view.device.address)
    entries.scalar(_IF_NUMBER, integer(len(view.ports)))
    for state in view.ports:
        port, index = state.port, (state.port.index,)
        speed_bps = port.speed_bps if state.oper_up else 0
        cells = {
            1: integer(port.index),
            2: text(port.description),
            3: integer(port.kind),
            4: integer(1500),
            5: gauge(speed_bps),
            6: octets(own if port.bridge else b""),
            7: _UP if state.admin_up else _DOWN,
            8: _UP if state.oper_up else _DOWN,
            9: ticks(max(0.0, state.changed - view.booted)),
            14: counter(state.errors),
            20: counter(0),
        }
        entries.row(_IF_ENTRY, index, cells)
        if shape.names:
            named = {1: text(port.name), 15: gauge(speed_bps // 1_000_000), 18: text(port.alias)}
            entries.row(_IFX_ENTRY, index, named)


def _bridge(entries: Entries, view: View, shape: Shape) -> None:
    if not (shape.bridge or shape.vlan_bridge):
        return
    bridged = [state.port for state in view.ports if state.port.bridge]
    entries.scalar((*_BRIDGE, 1), octets(hardware(view.device.address)))
    entries.scalar((*_BRIDGE, 2), integer(len(bridged)))
    entries.scalar((*_BRIDGE, 3), integer(2))  # transparent only
    for port in bridged:
        entries.row(_BASE_PORT, (port.bridge,), {1: integer(port.bridge), 2: integer(port.index)})
    for mac, port in view.macs:
        place = integer(port.bridge)
        if shape.bridge:
            entries.row(_FDB, (*mac,), {1: octets(mac), 2: place, 3: _LEARNT})
        if shape.vlan_bridge:
            entries.row(_VLAN_FDB, (_FILTER_VLAN, *mac), {2: place, 3: _LEARNT})
    own = hardware(view.device.address)  # its own, which is behind no port
    if shape.bridge:
        entries.row(_FDB, (*own,), {1: octets(own), 2: integer(0), 3: _OWN})


def _power(entries: Entries, view: View) -> None:
    fed = 0
    for state in view.ports:
        if state.detection is None:
            continue
        delivering = state.detection is Detection.DELIVERING
        fed += delivering
        cells = {
            3: _DOWN if state.detection is Detection.DISABLED else _UP,
            6: integer(state.detection),
            7: integer(3),  # low priority
            8: counter(0),
            9: text("camera" if state.port.feeds else ""),
            10: integer(power_class(state) + 1),
            12: counter(0),
            13: counter(0),
            14: counter(shorts(state)),
        }
        entries.row(_PSE_PORT, (1, state.port.poe), cells)
    main = {2: gauge(MAIN_WATTS), 3: _UP, 4: gauge(fed * CAMERA_WATTS)}
    entries.row(_PSE_MAIN, (1,), main)


def power_class(state: PortState) -> int:
    """The power class (IEEE 802.3af) of the camera on a port; domes with heaters take more."""
    if state.detection is not Detection.DELIVERING:
        return 0
    return 4 if zlib.crc32(state.port.far.encode()) % 8 == 0 else 3


def shorts(state: PortState) -> int:
    """Short circuits that the port has counted."""
    return int(state.detection is Detection.FAULT)


def _lldp(entries: Entries, view: View) -> None:
    entries.scalar((*_LLDP_LOCAL, 1), integer(4))  # the chassis by its MAC address
    entries.scalar((*_LLDP_LOCAL, 2), octets(hardware(view.device.address)))
    entries.scalar((*_LLDP_LOCAL, 3), text(view.device.id))
    for state in view.ports:
        port = state.port
        if port.bridge or port.far:
            cells = {2: integer(5), 3: text(port.name), 4: text(port.description)}  # the port by its name
            entries.row(_LLDP_PORT, (_lldp_number(view, port),), cells)
    for number, one in enumerate(view.neighbours, 1):
        cells = {4: integer(4), 5: octets(one.mac), 6: integer(5), 7: text(one.far_port)}
        cells |= {8: text(one.far_port), 9: text(one.name)}
        entries.row(_LLDP_REMOTE, (0, _lldp_number(view, one.port), number), cells)


def _lldp_number(view: View, port: Port) -> int:
    """lldpLocPortNum: some makers take the ifIndex, some count ports."""
    return port.index if shape_for(view.device) in (STACKED, ROUTER) else port.bridge


def _arp(entries: Entries, view: View) -> None:
    for port, far in view.arp:
        index = (port.index, *(int(part) for part in far.split(".")))
        cells = {1: integer(port.index), 2: octets(hardware(far)), 3: address(far), 4: integer(3)}
        entries.row(_ARP_ENTRY, index, cells)


def _health(entries: Entries, view: View) -> None:
    """One temperature (units of 1 °C) and the load of one processor, in percent."""
    celsius, percent = temperature(view), load(view)
    sensor = {1: integer(8), 2: integer(9), 3: integer(0), 4: integer(celsius), 5: integer(1)}
    entries.row(_SENSOR, (1001,), sensor)
    entries.row(_LOAD, (196608,), {2: integer(percent)})


def temperature(view: View) -> int:
    """°C inside the device."""
    return 30 + zlib.crc32(view.device.id.encode()) % 25


def load(view: View) -> int:
    """Percent of the processor's time."""
    return 5 + zlib.crc32(view.device.id.encode()) % 40
