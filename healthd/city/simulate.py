"""A simulated city without sockets and without a clock: months of faults in minutes of CPU.

`draw_faults` decides what goes wrong; a `Simulation` lets it pass as far as it is told to, and answers at any
moment what a probe would. Everything is decided by the plan, the seed and the moment.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from healthd.city import reading, soap
from healthd.city.faults import (
    BY_REFERENCE,
    FLAPS,
    LOGIN,
    OUTAGES,
    PICTURE,
    Fault,
    Kind,
    Step,
    affected,
    cameras_alone,
    possible,
    targets,
    timeline,
)
from healthd.city.manners import Manners, Showing
from healthd.city.mib import ENTERPRISE
from healthd.city.network import Network
from healthd.city.plan import Plan
from healthd.city.truth import Ledger
from healthd.model import Camera, Moment
from probes.base import Memory, Reason, Result
from probes.snmp_exchange import rebooted

_HOUR = 3600.0
_QUIET_SECONDS = _HOUR  # between two faults of one camera: what is hidden behind another fault cannot be found
_TRIES = 300
_WEIGHTS = {
    Kind.HANG: 10,
    Kind.POWER: 5,
    Kind.CABLE: 6,
    Kind.POE: 5,
    Kind.PORT_DOWN: 5,
    Kind.PORT_OFF: 3,
    Kind.SWITCH_DEAD: 5,
    Kind.SWITCH_POWER: 4,
    Kind.RECORDER_DEAD: 3,
    Kind.STREET_POWER: 5,
    Kind.UPLINK_CUT: 5,
    Kind.COUNTY_LINK: 2,
    Kind.FLAP_CAMERA: 4,
    Kind.FLAP_PORT: 3,
    Kind.FLAP_UPLINK: 2,
    **dict.fromkeys(PICTURE, 2),
    Kind.LOGIN_CHANGED: 4,
    Kind.CLOCK: 4,
}
_SEEN = {
    Kind.BLACK: "no_signal",
    Kind.BLUE: "no_signal",
    Kind.DARK: "dark",
    Kind.BRIGHT: "bright",
    Kind.CORRUPT: "corrupt",
    **{kind: str(kind) for kind in (Kind.NOISE, Kind.STRIPES, *BY_REFERENCE, Kind.SMALL)},
}
_RTT_SECONDS = 0.003
_ANSWERED = Result.ok(
    sent=1,
    received=1,
    loss_ratio=0.0,
    rtt_min_seconds=_RTT_SECONDS,
    rtt_avg_seconds=_RTT_SECONDS,
    rtt_max_seconds=_RTT_SECONDS,
    jitter_seconds=0.0,
)
_UNANSWERED = Result.fail(Reason.TIMEOUT, "packets unanswered: 1", sent=1, received=0, loss_ratio=1.0)
_NOTHING = Memory()
_SILENCE = Result.fail(Reason.TIMEOUT, "no answer")


@dataclass(frozen=True, slots=True)
class Event:
    """A fault begins or ends; its `cause` is the true one, its `target` what has to be repaired (the switch where
    it is one of its ports). `cameras`: all that it has to do with."""

    at: Moment
    begins: bool
    fault: Fault
    cameras: tuple[str, ...]


def draw_faults(plan: Plan, seed: int, count: int, days: float) -> list[Fault]:
    """`count` faults of all kinds that the city can have, in order of their start, within `days` days.

    No camera has two of them at once or within an hour. Raises ValueError where the city has no room for so many.
    """
    draw = _Draw(plan, random.Random(f"{seed} simulation"), days * 86400)
    kinds = [kind for kind in _WEIGHTS if kind in draw.places]
    weights = [_WEIGHTS[kind] for kind in kinds]
    wanted = [*kinds, *draw.rng.choices(kinds, weights, k=max(0, count - len(kinds)))][:count]
    draw.rng.shuffle(wanted)
    return sorted((draw.one(kind) for kind in wanted), key=lambda fault: fault.start)


class _Draw:
    """Draws faults one after another, each where and when its cameras have no other."""

    def __init__(self, plan: Plan, rng: random.Random, seconds: float) -> None:
        self.plan, self.rng, self.seconds = plan, rng, seconds
        alone = [(camera, "") for camera in cameras_alone(plan)]
        everyone = [(camera, "") for camera in plan.cameras]
        self.places = dict(targets(plan))
        if alone:
            self.places |= dict.fromkeys((*OUTAGES, *LOGIN, Kind.FLAP_CAMERA), alone)
        self.places |= dict.fromkeys((kind for kind in PICTURE if kind not in LOGIN), everyone)
        self.busy: dict[str, list[tuple[float, float]]] = {}

    def one(self, kind: Kind) -> Fault:
        for _ in range(_TRIES):
            fault = self._propose(kind)
            cameras = affected(self.plan, fault)
            if cameras and all(self._free(camera, fault) for camera in cameras):
                for camera in cameras:
                    self.busy.setdefault(camera, []).append((fault.start, fault.end))
                return fault
        raise ValueError(f"no room for another {kind} in this city: ask for fewer faults or more days")

    def _propose(self, kind: Kind) -> Fault:
        target, port = self.rng.choice(self.places[kind])
        length = self._length(kind)
        start = self.rng.uniform(min(_HOUR, self.seconds / 10), max(self.seconds - length - _HOUR, 0.0))
        kind = possible(self.plan, kind, target)
        return Fault(start, start + length, kind, target, port)

    def _length(self, kind: Kind) -> float:
        """In seconds. Flapping is slow enough for a prober that asks every minute."""
        if kind in FLAPS:
            return self.rng.uniform(_HOUR, 1.5 * _HOUR)
        if kind in PICTURE or kind is Kind.CLOCK:
            return self.rng.uniform(4 * _HOUR, 10 * _HOUR)
        return self.rng.uniform(_HOUR / 3, 4 * _HOUR)

    def _free(self, camera: str, fault: Fault) -> bool:
        return all(
            fault.end + _QUIET_SECONDS < start or end + _QUIET_SECONDS < fault.start
            for start, end in self.busy.get(camera, ())
        )


class Simulation:
    """A city whose time passes only by `advance`. Mutable: `now` is its moment, which never goes back."""

    def __init__(self, plan: Plan, faults: Sequence[Fault], start: Moment) -> None:
        """`faults` in order of their start, in seconds after `start`."""
        self.plan = plan
        self.start = self.now = start
        self._ledger = Ledger(plan)
        self._network = Network(plan, Manners(plan, start / 1000))
        self._steps = timeline(faults)
        self._next: Step | None = next(self._steps, None)

    @property
    def next_change(self) -> Moment | None:
        """When something begins or ends next, short outages of what flaps too; None: never again."""
        return None if self._next is None else self._moment(self._next)

    def advance(self, to: Moment) -> list[Event]:
        """Lets time pass up to `to` and everything happen that is due by then. The short outages of what flaps
        happen too, but are no events."""
        events = []
        while self._next is not None and self._moment(self._next) <= to:
            step, at = self._next, self._moment(self._next)
            self._take(step, at / 1000)
            if step.fault.part_of is None:
                cameras = tuple(affected(self.plan, step.fault))
                events.append(Event(at, step.begins, step.fault, cameras))
            self._next = next(self._steps, None)
        self.now = max(self.now, to)
        return events

    def events(self) -> Iterator[Event]:
        """Everything that is still to come; time passes to each event as it is given."""
        while self._next is not None:
            yield from self.advance(self._moment(self._next))

    def answers(self, subject: str) -> bool:
        """Whether a camera, or a device with an address, answers at all."""
        return self._address(subject) not in self._network.manners.silent

    def ping(self, subject: str) -> Result:
        """Of a camera, or of a device with an address."""
        return _ANSWERED if self.answers(subject) else _UNANSWERED

    def device(self, device: str, memory: Memory = _NOTHING) -> Result:
        """The walk of a device with an address."""
        if not self.answers(device):
            return _SILENCE
        at = self.now / 1000
        return reading.read(self._network.view(device, at), at, memory)

    def snmp(self, camera: str, memory: Memory = _NOTHING) -> Result:
        """The system group of a camera."""
        one = self.plan.cameras[camera]
        if not self.answers(camera):
            return _SILENCE
        at = self.now / 1000
        uptime = int((at - self._network.manners.booted(one.address)) * 100) / 100
        told = Result.ok(
            descr=f"{one.vendor} {one.model} {soap.FIRMWARE}",
            object_id=".".join(map(str, ENTERPRISE)),
            name=one.id,
            location=one.placement.region,
            uptime_seconds=uptime,
            rebooted=rebooted(uptime, at, memory.booted_at),
            oids={},
        )
        return replace(told, learnt={"booted_at": at - uptime})

    def onvif(self, camera: str) -> Result:
        """The clock is read without a login, the rest with one."""
        one = self.plan.cameras[camera]
        if not self.answers(camera):
            return _SILENCE
        manners = self._network.manners
        offset = manners.clock_offset(one.address)
        if manners.password_changed(one.address):
            return Result.fail(Reason.AUTH, "GetDeviceInformation: login refused", clock_offset_seconds=offset)
        return Result.ok(
            clock_offset_seconds=offset,
            manufacturer=one.vendor,
            model=one.model,
            firmware=soap.FIRMWARE,
            serial=one.id,
            hardware="simulated",
            resolution=one.resolution,
            profiles=[],
        )

    def frame(self, camera: str) -> Result:
        """The snapshot, judged."""
        one = self.plan.cameras[camera]
        if not self.answers(camera):
            return _SILENCE
        manners = self._network.manners
        if manners.password_changed(one.address):
            return Result.fail(Reason.AUTH, "login refused")
        showing = manners.showing(camera)
        return Result.fail(Reason.REFUSED, "HTTP 403") if showing.refused else _picture(one, showing)

    def _address(self, subject: str) -> str:
        camera = self.plan.cameras.get(subject)
        return camera.address if camera is not None else self.plan.devices[subject].address

    def _moment(self, step: Step) -> Moment:
        return self.start + round(step.at * 1000)

    def _take(self, step: Step, at: float) -> None:
        changes = self._ledger.apply([step])
        self._network.manners.silence(changes.silenced, changes.restored, at)
        self._network.apply(step, at)


def _picture(camera: Camera, showing: Showing) -> Result:
    width, height = camera.resolution or soap.SUB_SIZE
    faults = ("frozen",) if showing.frozen_at is not None else ()
    if showing.quirk is not None:
        faults = (_SEEN[showing.quirk],)
    return Result.ok(
        bytes=60_000,
        width=width,
        height=height,
        faults=faults,
        findings=[{"fault": fault, "value": 1.0, "threshold": 0.5} for fault in faults],
        not_checked=[],
    )
