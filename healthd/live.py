"""What is published: the fleet as pages and `/metrics` show it. It moves only after the store has committed."""

from __future__ import annotations

import bisect
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, TypeAlias

from healthd.folding.disagreements import Disagreement, Discord
from healthd.incidents import gains
from healthd.incidents.incident import Happening, Incident, What
from healthd.incidents.readings import DeviceView
from healthd.incidents.statistics import REPEAT
from healthd.model import Asked, Axis, Camera, Flip, Inventory, Moment, State
from healthd.periods import Span
from healthd.rates.profiles import Profile
from healthd.rates.rows import Row
from healthd.rates.windows import Booked, Totals, Windows
from probes.base import Outcome

log = logging.getLogger("healthd.live")

RTT_BUCKETS_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.4, 1.0)  # 0.4: GB/T 28181-2022 §5.5 delay ceiling
WINDOWS = ("now", "today", "yesterday", "month", "previous_month")
_PREVIOUS = WINDOWS[-1]


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera as shown; replaced whole at every change, so that a reader never sees half of one."""

    camera: Camera
    online: State = State.UNKNOWN
    online_since: Moment = 0
    picture: State = State.UNKNOWN
    picture_since: Moment = 0
    faults: tuple[str, ...] = ()
    reason: str = ""  # of the last flip, a `Reason`
    exempt: bool = False
    rtt_seconds: float | None = None
    loss_ratio: float | None = None
    clock_offset_seconds: float | None = None
    reboots: int = 0
    vendor: str = ""
    model: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class RegionTraffic:
    """Ping totals of one region with everything below it, since the daemon's start."""

    rtt_counts: tuple[int, ...]  # one per bucket of RTT_BUCKETS_SECONDS, then +Inf; not cumulative
    rtt_sum_seconds: float
    sent: int
    lost: int


REPAIR_BUCKETS_SECONDS = (600.0, 3600.0, 4 * 3600.0, 24 * 3600.0, 48 * 3600.0, 7 * 86400.0)

RepairKey: TypeAlias = tuple[str, str, str, str]
"""(region, kind, cause, maintainer): the leaf region of the incident."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """What became of incidents since the daemon's start. A merged one counts as opened, never as closed.
    `timely`: those of `closed` that were closed within their limit; `repeated`: those of `opened` whose subject
    had been repaired within 30 days before."""

    opened: Mapping[RepairKey, int] = field(default_factory=dict)
    closed: Mapping[RepairKey, int] = field(default_factory=dict)
    timely: Mapping[RepairKey, int] = field(default_factory=dict)
    repeated: Mapping[RepairKey, int] = field(default_factory=dict)
    # one count per bucket of REPAIR_BUCKETS_SECONDS, then +Inf, not cumulative; and the sum in seconds
    durations: Mapping[RepairKey, tuple[tuple[int, ...], float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinalWindow:
    """The frozen figures that the window `previous_month` shows. `of`: what they were read from; `instead`: the
    span that the window has by itself; `span`, `rows`, `standing`, `version`: of the frozen copy."""

    of: object
    instead: Span
    span: Span
    rows: Sequence[Row]
    standing: str
    version: int


@dataclass(frozen=True, slots=True)
class Page:
    """A consistent picture of the fleet at one moment, made on the event loop, rendered off it."""

    at: Moment
    site: str
    simulated: bool
    inventory: Inventory
    profiles: Sequence[Profile]
    windows: Mapping[str, tuple[Moment, Moment]]  # window -> (start, end); `now`: both the same
    rows: Mapping[str, Sequence[Row]]  # window -> rows by region; a window still being computed is absent
    heads: Mapping[tuple[str, str, str, str], int]  # (region, class, axis, state) -> cameras
    faults: Mapping[tuple[str, str, str], int]  # (region, class, fault) -> cameras
    booked: Totals
    traffic: Mapping[str, RegionTraffic]  # by region
    cameras: Sequence[CameraView]
    blind: bool
    ready: bool
    incidents: Sequence[Incident] = ()  # the open ones
    repairs: Repairs = Repairs()
    assessed: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # window -> further rates by region
    firm: Mapping[str, tuple[str, int]] = field(default_factory=dict)  # window -> (standing, version), if frozen
    # (region, class, finding) -> cameras in service in and below the region; finding: a `Discord`
    disagreements: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    findings: Sequence[Disagreement] = ()  # those that hold
    devices: Sequence[DeviceView] = ()
    standing: gains.Standing = field(
        default_factory=dict
    )  # cameras of the open incidents, as the window `now` has them


Standing: TypeAlias = tuple[State, Moment, tuple[str, ...], str]
"""Where a camera stands on one axis: state, since, faults, reason."""


@dataclass(slots=True)
class _Traffic:
    """Running totals of one region's own cameras; mutable, as every ping adds to it."""

    rtt_counts: list[int] = field(default_factory=lambda: [0] * (len(RTT_BUCKETS_SECONDS) + 1))
    rtt_sum_seconds: float = 0.0
    sent: int = 0
    lost: int = 0

    def add(self, sent: int, received: int, rtt_seconds: float | None) -> None:
        self.sent += sent
        self.lost += sent - received
        if rtt_seconds is not None:
            self.rtt_counts[bisect.bisect_left(RTT_BUCKETS_SECONDS, rtt_seconds)] += 1
            self.rtt_sum_seconds += rtt_seconds

    def pour(self, other: _Traffic) -> None:
        self.sent += other.sent
        self.lost += other.lost
        self.rtt_sum_seconds += other.rtt_sum_seconds
        self.rtt_counts = [mine + theirs for mine, theirs in zip(self.rtt_counts, other.rtt_counts, strict=True)]

    def frozen(self) -> RegionTraffic:
        return RegionTraffic(tuple(self.rtt_counts), self.rtt_sum_seconds, self.sent, self.lost)


@dataclass(slots=True)
class _Durations:
    """How long repairs took, as a histogram."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(REPAIR_BUCKETS_SECONDS) + 1))
    sum_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect.bisect_left(REPAIR_BUCKETS_SECONDS, seconds)] += 1
        self.sum_seconds += seconds


@dataclass(frozen=True, slots=True)
class Naming:
    """What stands on every page."""

    site: str
    simulated: bool
    profiles: Sequence[Profile]


_READ_BY_ONVIF = {"manufacturer": "vendor", "model": "model", "firmware": "firmware"}


@dataclass
class Live:
    """The published view, owned by the event loop. Flips reach it only once they are committed."""

    naming: Naming
    inventory: Inventory
    _views: dict[str, CameraView] = field(default_factory=dict, init=False)
    _traffic: dict[str, _Traffic] = field(default_factory=dict, init=False)
    _windows: Windows | None = field(default=None, init=False)
    _missed: list[Flip] | None = field(default=None, init=False)  # committed while windows are being rebuilt
    _booked: Booked | None = field(default=None, init=False)
    seen_until: Moment = field(default=0, init=False)  # end of the last committed heartbeat
    incidents: dict[str, Incident] = field(default_factory=dict, init=False)  # the open ones
    findings: dict[tuple[str, Discord], Disagreement] = field(default_factory=dict, init=False)  # that hold
    _opened: Counter[RepairKey] = field(default_factory=Counter, init=False)
    _closed: Counter[RepairKey] = field(default_factory=Counter, init=False)
    _timely: Counter[RepairKey] = field(default_factory=Counter, init=False)
    _repeated: Counter[RepairKey] = field(default_factory=Counter, init=False)
    repaired: dict[str, Moment] = field(default_factory=dict, init=False)  # subject -> when it was repaired last
    _durations: dict[RepairKey, _Durations] = field(default_factory=dict, init=False)
    _exempt: frozenset[str] = field(default=frozenset(), init=False)
    blind: bool = field(default=False, init=False)
    assessed: Mapping[str, Sequence[Row]] = field(default_factory=dict, init=False)  # further rates
    ready: bool = field(default=False, init=False)
    final: FinalWindow | None = field(default=None, init=False)  # what is frozen of last month

    def restore(self, states: Mapping[tuple[str, Axis], Standing], reboots: Mapping[str, int]) -> None:
        """Show the fleet as the store knows it."""
        for camera in self.inventory.cameras.values():
            view = CameraView(camera, vendor=camera.vendor, model=camera.model, reboots=reboots.get(camera.id, 0))
            for axis in Axis:
                if (camera.id, axis) in states:
                    view = _moved(view, axis, states[camera.id, axis])
            self._views[camera.id] = view

    def replace(self, naming: Naming, inventory: Inventory) -> None:
        """Swap the fleet after a reload; whoever stays keeps what is known."""
        old, self._views = self._views, {}
        for camera in inventory.cameras.values():
            view = old.get(camera.id)
            if view is None:
                exempt = camera.id in self._exempt
                view = CameraView(camera, vendor=camera.vendor, model=camera.model, exempt=exempt)
            elif view.camera is not camera or view.exempt is not (camera.id in self._exempt):
                view = replace(view, camera=camera, exempt=camera.id in self._exempt)
            self._views[camera.id] = view
        self.naming, self.inventory = naming, inventory

    def committed(self, flips: Sequence[Flip]) -> None:
        """The store has these: now they may be shown."""
        for flip in flips:
            view = self._views.get(flip.camera)
            if view is not None:
                standing = (flip.state, flip.at, flip.faults, flip.reason)
                self._views[flip.camera] = _moved(view, flip.axis, standing)
            if self._missed is not None:
                self._missed.append(flip)
            elif self._windows is not None and not self._windows.apply(flip):
                log.warning(
                    "a flip is dated too far back for the live windows camera=%s at=%d", flip.camera, flip.at
                )

    def assess(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Take over further rates that were made anew: window -> rows by region."""
        self.assessed = rows

    def happened(self, happenings: Sequence[Happening]) -> None:
        """The store has these: now they may be shown and counted."""
        for happening in happenings:
            incident = happening.incident
            key = (incident.region, str(incident.kind), str(incident.cause), incident.maintainer)
            if happening.what in (What.OPENED, What.SPLIT):
                self._opened[key] += 1
                last = self.repaired.get(incident.subject)
                self._repeated[key] += last is not None and last < incident.opened <= last + REPEAT
            if happening.what is What.CLOSED:
                self._closed[key] += 1
                self._timely[key] += not incident.overdue(incident.closed)
                self.repaired[incident.subject] = incident.closed
                took = incident.took / 1000
                self._durations.setdefault(key, _Durations()).add(took)
            if incident.open:
                self.incidents[incident.id] = incident
            else:
                self.incidents.pop(incident.id, None)

    def disagreed(self, changed: Sequence[Disagreement]) -> None:
        """The store has these: now they may be shown."""
        for one in changed:
            if one.until:
                self.findings.pop((one.camera, one.finding), None)
            else:
                self.findings[one.camera, one.finding] = one

    def exempt_are(self, cameras: Set[str]) -> None:
        """These cameras, and no others, are exempt now."""
        if cameras == self._exempt:
            return
        for camera in (cameras ^ self._exempt) & self._views.keys():
            self._views[camera] = replace(self._views[camera], exempt=camera in cameras)
        self._exempt = frozenset(cameras)

    def begin_rebuild(self) -> Booked | None:
        """Windows stand still from now on, until `finish_rebuild` brings those read from the store. Returns what
        is booked, for the new ones to go on from. Harmless twice."""
        if self._missed is None:
            self._missed = []
        return self._booked

    def finish_rebuild(self, windows: Windows) -> None:
        """Take windows over; flips that the store already had when they were read apply only once."""
        for flip in self._missed or ():
            windows.apply(flip)
        self._missed = None
        self._windows = windows

    def noticed(self, cameras: Sequence[Camera], asked: Asked) -> None:
        """Take what one result says beside the state; cameras that share an address share their ping."""
        changes = self._shown(cameras, asked)
        if not changes:
            return
        for camera in cameras:
            view = self._views.get(camera.id)
            if view is not None:
                self._views[camera.id] = replace(view, **changes)

    def _shown(self, cameras: Sequence[Camera], asked: Asked) -> dict[str, Any]:
        """The fields of a view that a result changes."""
        values = asked.result.values
        if asked.check == "ping" and asked.result.outcome is not Outcome.UNKNOWN:
            rtt = values.get("rtt_avg_seconds")
            traffic = self._traffic.setdefault(cameras[0].placement.region, _Traffic())
            traffic.add(values.get("sent", 1), values.get("received", 0), rtt)
            return {"rtt_seconds": rtt, "loss_ratio": values.get("loss_ratio")}
        if asked.check == "onvif":
            shown = {name: values[read] for read, name in _READ_BY_ONVIF.items() if values.get(read)}
            if values.get("clock_offset_seconds") is not None:
                shown["clock_offset_seconds"] = values["clock_offset_seconds"]
            return shown
        if values.get("rebooted"):
            return {"reboots": self._views[cameras[0].id].reboots + 1}
        return {}

    def advance(self) -> None:
        """Bring the windows up to what is seen: a day's roll-over need not wait for somebody to look."""
        if self._windows is not None and self._missed is None:
            self._windows.advance(self.seen_until)

    def page(self, now: Moment, decided_until: Moment) -> Page:
        """The fleet at `now`; what was before `decided_until` can no longer change."""
        spans: dict[str, tuple[Moment, Moment]] = {}
        rows: dict[str, Sequence[Row]] = {}
        final: FinalWindow | None = None
        windows = self._windows
        if windows is not None:
            moving = self._missed is None
            until = self.seen_until if moving else 0  # a moment in the past: as of where they stand
            spans = {name: (span.start, span.end) for name, span in windows.spans(until).items()}
            final = self._final(spans)
            rows = {name: windows.rows(name, until) for name in spans if not (final and name == _PREVIOUS)}
            if final:
                spans[_PREVIOUS] = (final.span.start, final.span.end)
                rows[_PREVIOUS] = final.rows
            if moving:
                self._booked = windows.booked(min(decided_until, until))
        return Page(
            at=now,
            site=self.naming.site,
            simulated=self.naming.simulated,
            inventory=self.inventory,
            profiles=self.naming.profiles,
            windows=spans,
            rows=rows,
            heads=windows.heads() if windows else {},
            faults=windows.faults() if windows else {},
            booked=self._booked.totals if self._booked else {},
            traffic=self._traffic_by_region(),
            cameras=[*self._views.values()],
            blind=self.blind,
            ready=self.ready,
            incidents=[*self.incidents.values()],
            repairs=Repairs(
                dict(self._opened),
                dict(self._closed),
                dict(self._timely),
                dict(self._repeated),
                {key: (tuple(one.counts), one.sum_seconds) for key, one in self._durations.items()},
            ),
            disagreements=self._count_findings(),
            findings=[*self.findings.values()],
            assessed=self.assessed,
            standing=windows.standing(self._down()) if windows else {},
            firm={_PREVIOUS: (final.standing, final.version)} if final else {},
        )

    def _final(self, spans: Mapping[str, tuple[Moment, Moment]]) -> FinalWindow | None:
        """What is frozen, if it is of the month that the windows call the previous one."""
        final = self.final
        if final is None or (final.instead.start, final.instead.end) != spans[_PREVIOUS]:
            return None
        return final

    def _down(self) -> Iterator[str]:
        """The cameras of the open incidents, some of them twice."""
        return chain.from_iterable(incident.camera_ids for incident in self.incidents.values())

    def _count_findings(self) -> dict[tuple[str, str, str], int]:
        """(region, class, finding) -> cameras in service, in and below the region."""
        found: Counter[tuple[str, str, str]] = Counter()
        for one in self.findings.values():
            camera = self.inventory.cameras.get(one.camera)
            if camera is not None and camera.in_service and camera.placement.region in self.inventory.regions:
                for code in self.inventory.line_of(camera.placement.region):
                    found[code, camera.placement.class_, str(one.finding)] += 1
                    found[code, "all", str(one.finding)] += 1
        return dict(found)

    def _traffic_by_region(self) -> dict[str, RegionTraffic]:
        totals: dict[str, _Traffic] = {}
        for region, traffic in self._traffic.items():
            if region in self.inventory.regions:
                for code in self.inventory.line_of(region):
                    totals.setdefault(code, _Traffic()).pour(traffic)
        return {code: traffic.frozen() for code, traffic in totals.items()}


def _moved(view: CameraView, axis: Axis, standing: Standing) -> CameraView:
    state, at, faults, reason = standing
    if axis is Axis.ONLINE:
        return replace(view, online=state, online_since=at, reason=reason)
    if state not in (State.FAULTY, State.NO_PICTURE):
        reason = view.reason  # why it is offline says more than that its picture is unknown then
    return replace(view, picture=state, picture_since=at, faults=faults, reason=reason)
