"""What a report is made from: everything that was read for it, as frozen values. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from healthd.assessing.scores import Score
from healthd.figures.period import Figures
from healthd.filings.levers import Line
from healthd.incidents.incident import Incident
from healthd.incidents.plan import Plan
from healthd.incidents.statistics import RepairRow
from healthd.model import Exemption, Inventory, Moment, Placement
from healthd.periods import Span
from healthd.rates.profiles import Profile


class ReportKind(enum.StrEnum):
    MONTHLY = "monthly"
    WEEKLY = "weekly"
    DAILY = "daily"
    WORKLIST = "worklist"


@dataclass(frozen=True, slots=True)
class Period:
    """`name`: 2026-10, 2026-W43 or 2026-10-31. `before`: the one that changes are told against; None: it lies
    before the first data."""

    kind: ReportKind
    name: str
    span: Span
    before: Span | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """A camera was offline without a break. `counted`: milliseconds of it in the period that count; what was
    exempt, out of service or not seen does not. `until` None: it still was when the period ended."""

    camera: str
    placement: Placement
    since: Moment
    until: Moment | None
    counted: Moment


@dataclass(frozen=True, slots=True)
class Move:
    """A camera's dated change of placement within the period; `old` None: it came, `new` None: it went."""

    camera: str
    at: Moment
    old: Placement | None
    new: Placement | None


@dataclass(frozen=True, slots=True)
class Past:
    """A month of the trend: the rows of the top region, none where nothing is known of it."""

    name: str
    figures: Figures | None


@dataclass(frozen=True, slots=True)
class PlanOf:
    """The repair plan of one profile's rate in the top region."""

    rate: str
    profile: str
    at: Moment
    plan: Plan


@dataclass(frozen=True)
class Material:
    """Figures are by region, for the whole fleet or the region's subtree alone; `before` of the period before.

    `region`: the code that the report is about, "" for all. `made`: when the report was made. `incidents`: all
    that were open for a moment of the period. `repairs`: by region, maintainer, cause. `gaps`: spans of the
    period in which healthd did not see. `reached`: cameras whose reach was ever answered. `attributed`: usage and
    attributable rates by maintainer; `further`: the rates that count cameras, by region. `scores`: of regions
    and of maintainers, where they are configured. `exemptions`: filed for a
    moment of the period; `changes`: the change list.
    `versions`: of a final month, the figures of each frozen copy, the first one first. A region with fewer cameras
    than `small_region` is ranked apart.
    """

    site: str
    simulated: bool
    zone: ZoneInfo
    made: Moment
    period: Period
    region: str
    inventory: Inventory
    profiles: Sequence[Profile]
    rates: Sequence[str]
    figures: Figures
    before: Figures | None
    units: Figures
    maintainers: Figures
    trend: Sequence[Past] = ()
    outages: Sequence[Outage] = ()
    moves: Sequence[Move] = ()
    incidents: Sequence[Incident] = ()
    repairs: Mapping[str, Sequence[RepairRow]] = field(default_factory=dict)
    plans: Sequence[PlanOf] = ()
    gaps: Sequence[Span] = ()
    reached: frozenset[str] = frozenset()
    attributed: Figures | None = None
    further: Figures | None = None
    scores: Sequence[Score] = ()
    exemptions: Sequence[Exemption] = ()
    changes: Sequence[Line] = ()
    versions: Sequence[Figures] = ()
    small_region: int = 20
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def tops(self) -> Sequence[str]:
        """The regions that the report is about: the one asked for, else the roots of the tree."""
        if self.region:
            return (self.region,)
        return tuple(code for code, region in self.inventory.regions.items() if not region.parent)
