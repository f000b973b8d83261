"""What is published: the fleet as pages and `/metrics` show it. It moves only after the store has committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from healthd.model import Camera, Inventory, Moment, State
from healthd.profiles import Profile
from healthd.rates import Row

RTT_BUCKETS_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.4, 1.0)  # 0.4: GB/T 28181-2022 §5.5 delay ceiling
WINDOWS = ("now", "today", "yesterday", "month", "previous_month")


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
    booked: Mapping[tuple[str, str, str, str, str], Moment]  # (region, class, rate, profile, kind) -> ms
    traffic: Mapping[str, RegionTraffic]  # by region
    cameras: Sequence[CameraView]
    blind: bool
    ready: bool
