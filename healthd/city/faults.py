"""What goes wrong in a simulated city, and when: a seed and rates make a plan of faults. Pure."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from healthd.city.plan import CORE, Plan

LENGTH_SECONDS = (30.0, 180.0)
FOREVER = float("inf")


class Kind(StrEnum):
    """Everything that can happen to a camera or to what it hangs on; the `cause` in truth.jsonl."""

    HANG = "hang"  # the camera answers nothing; it starts anew when it comes back
    POWER = "power"  # the camera's own supply; the same seen from outside
    PORT_DOWN = "port_down"  # one port of a switch
    SWITCH_DEAD = "switch_dead"
    RECORDER_DEAD = "recorder_dead"  # an NVR with all its channels
    STREET_POWER = "street_power"  # a feed: its switches and all that hangs on them
    COUNTY_LINK = "county_link"  # a county's router and all that hangs on it
    BLACK = "black"
    BLUE = "blue"
    DARK = "dark"
    BRIGHT = "bright"
    CORRUPT = "corrupt"
    FROZEN = "frozen"
    REFUSED = "refused"  # the camera answers 403 to whoever asks for a snapshot
    LOGIN_CHANGED = "password"  # changed by somebody: every login is refused, so no picture is to be had
    CLOCK = "clock"  # hours off; neither axis is touched: whoever minds the camera's clock still gets in


OUTAGES = (Kind.HANG, Kind.POWER)
UPSTREAM = (Kind.PORT_DOWN, Kind.SWITCH_DEAD, Kind.RECORDER_DEAD, Kind.STREET_POWER, Kind.COUNTY_LINK)
PICTURE = (
    Kind.BLACK,
    Kind.BLUE,
    Kind.DARK,
    Kind.BRIGHT,
    Kind.CORRUPT,
    Kind.FROZEN,
    Kind.REFUSED,
    Kind.LOGIN_CHANGED,
)
LOGIN = (Kind.LOGIN_CHANGED, Kind.CLOCK)  # these change the whole device, not one channel
RESTARTS = frozenset({Kind.HANG, Kind.POWER, Kind.SWITCH_DEAD, Kind.RECORDER_DEAD, Kind.STREET_POWER})
_UPSTREAM_WEIGHTS = (35, 30, 10, 15, 10)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that happens from `start` to `end`, in seconds after the city's start.

    `target` is the id of a camera, or for upstream faults of a device; `port` names the port of a PORT_DOWN.
    """

    start: float
    end: float
    kind: Kind
    target: str
    port: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A fault that begins or ends, `at` seconds after the city's start."""

    at: float
    begins: bool
    fault: Fault


def timeline(faults: Iterable[Fault]) -> Iterator[Step]:
    """Beginnings and ends in order of time, of faults in order of their start; ends at FOREVER never come."""
    ending: list[tuple[float, int, Fault]] = []  # a heap; the number breaks ties
    for number, fault in enumerate(faults):
        while ending and ending[0][0] <= fault.start:
            end, _, ended = heapq.heappop(ending)
            yield Step(end, False, ended)
        yield Step(fault.start, True, fault)
        if fault.end < FOREVER:
            heapq.heappush(ending, (fault.end, number, fault))
    for end, _, ended in sorted(ending):
        yield Step(end, False, ended)


def plan_faults(plan: Plan, seed: int, outages: float, pictures: float, upstream: float) -> Iterator[Fault]:
    """Endless faults in order of their start; the three rates are events started per hour in the whole city."""
    streams: list[Iterator[Fault]] = []
    alone = [camera.id for camera in plan.cameras.values() if len(plan.channels_at[camera.address]) == 1]
    everyone = [*plan.cameras]
    if outages > 0 and alone:
        streams.append(_outages(alone, random.Random(f"{seed} outages"), outages))
    if pictures > 0 and everyone:
        streams.append(_pictures(everyone, alone, random.Random(f"{seed} pictures"), pictures))
    if upstream > 0:
        streams.append(_upstream(plan, random.Random(f"{seed} upstream"), upstream))
    return heapq.merge(*streams, key=lambda fault: fault.start)


def standing_faults(plan: Plan, seed: int, share: float) -> list[Fault]:
    """One fault from start to end for a share of the cameras: what a city never gets rid of."""
    rng = random.Random(f"{seed} standing")
    alone = [camera.id for camera in plan.cameras.values() if len(plan.channels_at[camera.address]) == 1]
    kinds = (*OUTAGES, *OUTAGES, *PICTURE, Kind.CLOCK)
    chosen = rng.sample(alone, min(len(alone), round(share * len(plan.cameras))))
    return [Fault(0.0, FOREVER, rng.choice(kinds), camera) for camera in chosen]


def _starts(rng: random.Random, per_hour: float) -> Iterator[tuple[float, float]]:
    """Starts and ends of a Poisson process, in seconds."""
    at = 0.0
    while True:
        at += rng.expovariate(per_hour / 3600)
        yield at, at + rng.uniform(*LENGTH_SECONDS)


def _outages(cameras: Sequence[str], rng: random.Random, per_hour: float) -> Iterator[Fault]:
    # Only cameras with an address of their own: a recorder's channel cannot fall off the network alone.
    for start, end in _starts(rng, per_hour):
        yield Fault(start, end, rng.choice(OUTAGES), rng.choice(cameras))


def _pictures(
    everyone: Sequence[str], alone: Sequence[str], rng: random.Random, per_hour: float
) -> Iterator[Fault]:
    kinds = (*PICTURE, Kind.CLOCK) if alone else tuple(kind for kind in PICTURE if kind not in LOGIN)
    for start, end in _starts(rng, per_hour):
        kind = rng.choice(kinds)
        yield Fault(start, end, kind, rng.choice(alone if kind in LOGIN else everyone))


def _upstream(plan: Plan, rng: random.Random, per_hour: float) -> Iterator[Fault]:
    """Faults of devices, each kind only where the city has such a device."""
    of_kind = {
        kind: [device.id for device in plan.devices.values() if device.kind == kind and device.id != CORE]
        for kind in ("switch", "nvr", "power", "router")
    }
    ports = {(camera.placement.upstream, camera.upstream_port) for camera in plan.cameras.values()}
    ports |= {(device.upstream, device.upstream_port) for device in plan.devices.values() if device.kind == "nvr"}
    targets: dict[Kind, list[tuple[str, str]]] = {
        Kind.PORT_DOWN: [entry for entry in sorted(ports) if plan.devices[entry[0]].kind == "switch"],
        Kind.SWITCH_DEAD: [(device, "") for device in of_kind["switch"]],
        Kind.RECORDER_DEAD: [(device, "") for device in of_kind["nvr"]],
        Kind.STREET_POWER: [(device, "") for device in of_kind["power"]],
        Kind.COUNTY_LINK: [(device, "") for device in of_kind["router"]],
    }
    kinds = [kind for kind in UPSTREAM if targets[kind]]
    weights = [_UPSTREAM_WEIGHTS[UPSTREAM.index(kind)] for kind in kinds]
    for start, end in _starts(rng, per_hour):
        kind = rng.choices(kinds, weights)[0]
        device, port = rng.choice(targets[kind])
        yield Fault(start, end, kind, device, port)


def taken_down(plan: Plan, fault: Fault) -> tuple[list[str], list[str]]:
    """The addresses that a fault silences and the ids of the cameras behind them; none for picture faults."""
    if fault.kind in OUTAGES:
        addresses = [plan.cameras[fault.target].address]
    elif fault.kind is Kind.PORT_DOWN:
        addresses = _on_port(plan, fault.target, fault.port)
    elif fault.kind is Kind.STREET_POWER:
        switches = plan.switches_of.get(fault.target, [])
        addresses = [address for switch in switches for address in _below(plan, switch)]
    elif fault.kind in UPSTREAM:
        addresses = _below(plan, fault.target)
    else:
        return [], []
    return addresses, [camera.id for address in addresses for camera in plan.channels_at.get(address, ())]


def _on_port(plan: Plan, switch: str, port: str) -> list[str]:
    addresses = [camera.address for camera in plan.cameras_on.get(switch, ()) if camera.upstream_port == port]
    for device in plan.devices_on.get(switch, ()):
        if device.upstream_port == port:
            addresses += _below(plan, device.id)
    return addresses


def _below(plan: Plan, device: str) -> list[str]:
    """Every address of a device and of what hangs on it, each once."""
    addresses: dict[str, None] = {}
    for below in plan.below(device):
        if below.address:
            addresses[below.address] = None
        for camera in plan.cameras_on.get(below.id, ()):
            addresses[camera.address] = None
    return [*addresses]
