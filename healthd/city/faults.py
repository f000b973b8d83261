"""What goes wrong in a simulated city, and when: a seed and rates make a plan of faults. Pure."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from healthd.city.plan import CORE, Plan
from healthd.incidents.incident import Cause

LENGTH_SECONDS = (30.0, 180.0)
FOREVER = float("inf")


class Kind(StrEnum):
    """Everything that can happen to a camera or to what it hangs on; the `cause` of a camera in truth.jsonl."""

    HANG = "hang"  # the camera answers nothing, though its port feeds it; it starts anew when it comes back
    POWER = "power"  # the camera's supply is off: its own, or that of its port
    CABLE = "cable"  # the cable to the camera, or its plug
    POE = "poe"  # the port gives up feeding the camera: a short, an overload
    PORT_DOWN = "port_down"  # one port of a switch has lost its link, and feeds the camera all the same
    PORT_OFF = "port_off"  # somebody switched a port off
    SWITCH_DEAD = "switch_dead"  # a switch hangs, its links up; it has to be started anew
    SWITCH_POWER = "switch_power"  # a switch's own power supply
    RECORDER_DEAD = "recorder_dead"  # an NVR hangs, with all its channels
    STREET_POWER = "street_power"  # a feed: its switches and all that hangs on them
    UPLINK_CUT = "uplink_cut"  # the line from a switch to its router; all runs on unseen
    COUNTY_LINK = "county_link"  # the line from a county's router to the core
    FLAP_CAMERA = "flap_camera"  # hangs again and again
    FLAP_PORT = "flap_port"  # loses its link again and again
    FLAP_UPLINK = "flap_uplink"  # the same of a whole switch
    BLACK = "black"
    BLUE = "blue"
    DARK = "dark"
    BRIGHT = "bright"
    CORRUPT = "corrupt"
    FROZEN = "frozen"
    NOISE = "noise"
    STRIPES = "stripes"
    LOW_CONTRAST = "low_contrast"  # a film over the window
    BLUR = "blur"  # out of focus
    COLOUR_CAST = "colour_cast"  # a channel has failed
    GREYSCALE = "greyscale"  # the filter before the sensor stays away by day
    OCCLUDED = "occluded"  # something hangs before the lens
    MOVED = "moved"  # the camera was turned
    SMALL = "resolution"  # smaller than promised; only where it is planned: small profiles are not judged by size
    REFUSED = "refused"  # the camera answers 403 to whoever asks for a snapshot
    LOGIN_CHANGED = "password"  # changed by somebody: every login is refused, so no picture is to be had
    CLOCK = "clock"  # hours off; neither axis is touched: whoever minds the camera's clock still gets in


OUTAGES = (Kind.HANG, Kind.POWER, Kind.CABLE, Kind.POE)
FLAPS: Mapping[Kind, Kind] = {
    Kind.FLAP_CAMERA: Kind.HANG,
    Kind.FLAP_PORT: Kind.PORT_DOWN,
    Kind.FLAP_UPLINK: Kind.UPLINK_CUT,
}
"""Flapping -> what each of its short outages is."""

_UPSTREAM_WEIGHTS: Mapping[Kind, int] = {
    Kind.PORT_DOWN: 25,
    Kind.PORT_OFF: 10,
    Kind.SWITCH_DEAD: 15,
    Kind.SWITCH_POWER: 10,
    Kind.RECORDER_DEAD: 10,
    Kind.STREET_POWER: 15,
    Kind.UPLINK_CUT: 10,
    Kind.COUNTY_LINK: 5,
}
UPSTREAM = (*_UPSTREAM_WEIGHTS, Kind.FLAP_PORT, Kind.FLAP_UPLINK)
ON_PORT = (Kind.PORT_DOWN, Kind.PORT_OFF, Kind.FLAP_PORT)
PICTURE = (
    Kind.BLACK,
    Kind.BLUE,
    Kind.DARK,
    Kind.BRIGHT,
    Kind.CORRUPT,
    Kind.FROZEN,
    Kind.REFUSED,
    Kind.LOGIN_CHANGED,
    Kind.NOISE,
    Kind.STRIPES,
    Kind.LOW_CONTRAST,
    Kind.BLUR,
    Kind.COLOUR_CAST,
    Kind.GREYSCALE,
    Kind.OCCLUDED,
    Kind.MOVED,
    Kind.SMALL,
)
BY_REFERENCE = (Kind.LOW_CONTRAST, Kind.BLUR, Kind.COLOUR_CAST, Kind.GREYSCALE, Kind.OCCLUDED, Kind.MOVED)
"""Picture faults that are told by what the camera usually sees by day: drawn only once a watcher can know that."""

AT_ANY_TIME = tuple(kind for kind in PICTURE if kind not in BY_REFERENCE and kind is not Kind.SMALL)
_KNOWN_AFTER_SECONDS = 900.0
LOGIN = (Kind.LOGIN_CHANGED, Kind.CLOCK)  # these change the whole device, not one channel

CAUSES: Mapping[Kind, Cause] = {
    Kind.HANG: Cause.DEVICE,
    Kind.POWER: Cause.POWER,
    Kind.CABLE: Cause.LINK,
    Kind.POE: Cause.POWER,
    Kind.PORT_DOWN: Cause.LINK,
    Kind.PORT_OFF: Cause.LINK,
    Kind.SWITCH_DEAD: Cause.DEVICE,
    Kind.SWITCH_POWER: Cause.POWER,
    Kind.RECORDER_DEAD: Cause.DEVICE,
    Kind.STREET_POWER: Cause.POWER,
    Kind.UPLINK_CUT: Cause.LINK,
    Kind.COUNTY_LINK: Cause.REGION_LINK,
    Kind.FLAP_CAMERA: Cause.DEVICE,
    Kind.FLAP_PORT: Cause.LINK,
    Kind.FLAP_UPLINK: Cause.LINK,
    **dict.fromkeys(PICTURE, Cause.PICTURE),
    Kind.LOGIN_CHANGED: Cause.ACCOUNT,
    Kind.CLOCK: Cause.CLOCK,
}
"""What has to be repaired, in the words of incidents. `upstream`, `blind` and `unknown` are what a watcher says
who does not know yet: they are never true of a fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that happens from `start` to `end`, in seconds after the city's start.

    `target` is the id of a camera, or for upstream faults of a device; `port` names the port of an ON_PORT fault.
    `part_of`: the flapping that this short outage belongs to. Flapping has to end some time.
    """

    start: float
    end: float
    kind: Kind
    target: str
    port: str = ""
    part_of: Kind | None = None

    @property
    def cause(self) -> Cause:
        return CAUSES[self.kind]


@dataclass(frozen=True, slots=True)
class Step:
    """A fault that begins or ends, `at` seconds after the city's start."""

    at: float
    begins: bool
    fault: Fault


def timeline(faults: Iterable[Fault]) -> Iterator[Step]:
    """Beginnings and ends in order of time, of faults in order of their start; ends at FOREVER never come.

    What flaps begins, goes down and comes back several times, and ends.
    """
    coming: list[tuple[float, bool, int, Fault]] = []  # a heap: ends before beginnings, the number breaks ties
    for number, fault in enumerate(faults):
        while coming and coming[0][0] <= fault.start:
            at, begins, _, one = heapq.heappop(coming)
            yield Step(at, begins, one)
        yield Step(fault.start, True, fault)
        for one in short_outages(fault):
            heapq.heappush(coming, (one.start, True, number, one))
            heapq.heappush(coming, (one.end, False, number, one))
        if fault.end < FOREVER:
            heapq.heappush(coming, (fault.end, False, number, fault))
    while coming:
        at, begins, _, one = heapq.heappop(coming)
        yield Step(at, begins, one)


def short_outages(fault: Fault) -> list[Fault]:
    """What a flapping fault consists of: 6 to 9 outages of about 40 % of its time; none of any other fault."""
    kind = FLAPS.get(fault.kind)
    if kind is None:
        return []
    rng = random.Random(f"{fault.target} {fault.port} {fault.start}")
    count = rng.randint(6, 9)
    each = (fault.end - fault.start) / count
    starts = [fault.start + each * (number + rng.uniform(0.1, 0.3)) for number in range(count)]
    return [
        Fault(start, start + each * rng.uniform(0.35, 0.5), kind, fault.target, fault.port, fault.kind)
        for start in starts
    ]


def plan_faults(
    plan: Plan,
    seed: int,
    outages: float,
    pictures: float,
    upstream: float,
    *,
    by_day: Callable[[float], bool] = lambda _seconds: False,
) -> Iterator[Fault]:
    """Endless faults in order of their start; the three rates are events started per hour in the whole city.
    `by_day`: whether it is day so many seconds after the city's start."""
    streams: list[Iterator[Fault]] = []
    alone = cameras_alone(plan)
    everyone = [*plan.cameras]
    if outages > 0 and alone:
        streams.append(_outages(plan, alone, random.Random(f"{seed} outages"), outages))
    if pictures > 0 and everyone:
        streams.append(_pictures(everyone, alone, random.Random(f"{seed} pictures"), pictures, by_day))
    if upstream > 0:
        streams.append(_upstream(plan, random.Random(f"{seed} upstream"), upstream))
    return heapq.merge(*streams, key=lambda fault: fault.start)


def standing_faults(plan: Plan, seed: int, share: float) -> list[Fault]:
    """One fault from start to end for a share of the cameras: what a city never gets rid of."""
    rng = random.Random(f"{seed} standing")
    alone = cameras_alone(plan)
    kinds = (*OUTAGES, *OUTAGES, *AT_ANY_TIME, Kind.CLOCK)
    chosen = rng.sample(alone, min(len(alone), round(share * len(plan.cameras))))
    return [Fault(0.0, FOREVER, possible(plan, rng.choice(kinds), camera), camera) for camera in chosen]


def possible(plan: Plan, kind: Kind, camera: str) -> Kind:
    """The kind itself; a camera with a supply of its own loses that instead of its port's."""
    return Kind.POWER if kind is Kind.POE and not plan.feeds(plan.cameras[camera]) else kind


def cameras_alone(plan: Plan) -> list[str]:
    """Those with an address of their own: a recorder's channel cannot fall off the network alone."""
    return [camera.id for camera in plan.cameras.values() if len(plan.channels_at[camera.address]) == 1]


def _starts(rng: random.Random, per_hour: float) -> Iterator[tuple[float, float]]:
    """Starts and ends of a Poisson process, in seconds."""
    at = 0.0
    while True:
        at += rng.expovariate(per_hour / 3600)
        yield at, at + rng.uniform(*LENGTH_SECONDS)


def _outages(plan: Plan, cameras: Sequence[str], rng: random.Random, per_hour: float) -> Iterator[Fault]:
    for start, end in _starts(rng, per_hour):
        kind, camera = rng.choice(OUTAGES), rng.choice(cameras)
        yield Fault(start, end, possible(plan, kind, camera), camera)


def _pictures(
    everyone: Sequence[str],
    alone: Sequence[str],
    rng: random.Random,
    per_hour: float,
    by_day: Callable[[float], bool],
) -> Iterator[Fault]:
    kinds = (*AT_ANY_TIME, Kind.CLOCK) if alone else tuple(kind for kind in AT_ANY_TIME if kind not in LOGIN)
    for start, end in _starts(rng, per_hour):
        shown = start > _KNOWN_AFTER_SECONDS and by_day(start) and by_day(end)
        kind = rng.choice((*kinds, *BY_REFERENCE) if shown else kinds)
        yield Fault(start, end, kind, rng.choice(alone if kind in LOGIN else everyone))


def targets(plan: Plan) -> Mapping[Kind, Sequence[tuple[str, str]]]:
    """Kind of upstream fault -> the (device, port) that it can hit, only of kinds that the city has."""
    of_kind = {
        kind: [(device.id, "") for device in plan.devices.values() if device.kind == kind and device.id != CORE]
        for kind in ("switch", "nvr", "power", "router")
    }
    used = {(camera.placement.upstream, camera.upstream_port) for camera in plan.cameras.values()}
    used |= {(device.upstream, device.upstream_port) for device in plan.devices.values() if device.kind == "nvr"}
    ports = [entry for entry in sorted(used) if plan.devices[entry[0]].kind == "switch"]
    found: dict[Kind, Sequence[tuple[str, str]]] = {
        **dict.fromkeys(ON_PORT, ports),
        **dict.fromkeys(
            (Kind.SWITCH_DEAD, Kind.SWITCH_POWER, Kind.UPLINK_CUT, Kind.FLAP_UPLINK), of_kind["switch"]
        ),
        Kind.RECORDER_DEAD: of_kind["nvr"],
        Kind.STREET_POWER: of_kind["power"],
        Kind.COUNTY_LINK: of_kind["router"],
    }
    return {kind: places for kind, places in found.items() if places}


def _upstream(plan: Plan, rng: random.Random, per_hour: float) -> Iterator[Fault]:
    places = targets(plan)
    kinds = [kind for kind in _UPSTREAM_WEIGHTS if kind in places]
    weights = [_UPSTREAM_WEIGHTS[kind] for kind in kinds]
    for start, end in _starts(rng, per_hour):
        kind = rng.choices(kinds, weights)[0]
        device, port = rng.choice(places[kind])
        yield Fault(start, end, kind, device, port)


def taken_down(plan: Plan, fault: Fault) -> tuple[list[str], list[str]]:
    """The addresses that a fault silences and the ids of the cameras behind them; none for picture faults, and
    none for flapping, whose short outages do it."""
    if fault.kind in OUTAGES:
        addresses = [plan.cameras[fault.target].address]
    elif fault.kind in FLAPS or fault.kind not in UPSTREAM:
        return [], []
    elif fault.kind in ON_PORT:
        addresses = _on_port(plan, fault.target, fault.port)
    elif fault.kind is Kind.STREET_POWER:
        switches = plan.switches_of.get(fault.target, [])
        addresses = [address for switch in switches for address in plan.addresses_below(switch)]
    else:
        addresses = plan.addresses_below(fault.target)
    return addresses, [camera.id for address in addresses for camera in plan.channels_at.get(address, ())]


def affected(plan: Plan, fault: Fault) -> list[str]:
    """The ids of the cameras that a fault has to do with, whatever it does to them."""
    if fault.kind in FLAPS:
        return taken_down(plan, replace(fault, kind=FLAPS[fault.kind]))[1]
    return taken_down(plan, fault)[1] if fault.kind in (*OUTAGES, *UPSTREAM) else [fault.target]


def restarted(plan: Plan, fault: Fault) -> list[str]:
    """The addresses whose devices start anew when the fault ends."""
    if fault.kind in (Kind.HANG, Kind.POWER, Kind.POE, Kind.RECORDER_DEAD, Kind.STREET_POWER):
        return taken_down(plan, fault)[0]
    if fault.kind is Kind.CABLE:
        camera = plan.cameras[fault.target]
        return [camera.address] if plan.feeds(camera) else []
    if fault.kind in (Kind.SWITCH_DEAD, Kind.SWITCH_POWER):
        fed = [camera.address for camera in plan.cameras_on.get(fault.target, ()) if plan.feeds(camera)]
        return [plan.devices[fault.target].address, *fed]
    return []


def _on_port(plan: Plan, switch: str, port: str) -> list[str]:
    addresses = [camera.address for camera in plan.cameras_on.get(switch, ()) if camera.upstream_port == port]
    for device in plan.devices_on.get(switch, ()):
        if device.upstream_port == port:
            addresses += plan.addresses_below(device.id)
    return addresses
