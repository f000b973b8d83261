"""What the first page shows, picked out of a `Page`: the region tree with its rates, what is to be repaired, and
who is bad now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from healthd.live import CameraView, Page
from healthd.model import Inventory, Moment, State
from healthd.rates.rows import Row
from healthd.web.findings import MAX_FINDINGS, FindingLine, finding_lines
from healthd.web.incident_view import (
    MAX_INCIDENTS,
    IncidentLine,
    count_inside,
    incident_line,
    place_of,
    size_order,
)

MAX_BAD = 500
"""Cameras listed; beyond that a page no longer helps, and the count says enough."""
MAX_REGIONS = 60
"""A larger subtree is shown two levels deep, with links to go on."""
RATES = ("online", "intact")
STATES = {
    "online": ("online", "offline", "unknown", "exempt"),
    "picture": ("good", "faulty", "no_picture", "unknown", "exempt"),
}
"""The states that each axis can show."""
BAD_STATES = (State.OFFLINE, State.FAULTY, State.NO_PICTURE)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader asked to see, checked: `region` "" is the whole tree."""

    region: str
    class_: str
    profile: str


@dataclass(frozen=True, slots=True)
class RegionLine:
    """One line of the tree. `hidden`: how many regions below it are not shown."""

    code: str
    name: str
    depth: int
    hidden: int
    cameras: int
    offline: int
    not_good: int


@dataclass(frozen=True, slots=True)
class BadCamera:
    """A camera that is bad now. `state`: offline | faulty | no_picture; `place`: region names from the root."""

    view: CameraView
    state: State
    since: Moment
    place: Sequence[str]
    upstream: str
    maintainer: str


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the first page prints, but the words."""

    trail: Sequence[tuple[str, str]]  # (code, name) from the root to the region chosen
    lines: Sequence[RegionLine]
    cells: Mapping[tuple[str, str, str], Row]  # (window now|month, region, rate); absent: no figure
    cameras: int  # in service, of what was chosen
    heads: Mapping[tuple[str, str], int]  # (axis, state) -> cameras, of the same
    incidents: Sequence[IncidentLine]  # largest first, MAX_INCIDENTS at most
    incident_count: int
    findings: Sequence[FindingLine]  # latest first, MAX_FINDINGS at most
    finding_counts: Mapping[str, int]  # all of what was chosen, by finding
    bad: Sequence[BadCamera]  # latest first, MAX_BAD at most, without the folded ones
    bad_count: int  # all
    folded: int  # bad cameras that stand under a listed incident of several
    targets: Mapping[str, Fraction | None]  # by rate
    month_known: bool


_Bad: TypeAlias = tuple[Moment, CameraView, State]
"""Since when, who, and what is wrong."""


def overview(page: Page, choice: Choice) -> Overview:
    """The first page's content. `choice` names a region, class and profile that exist."""
    tree = _Tree(page.inventory)
    roots = [choice.region] if choice.region else tree.children.get("", [])
    inside = set(tree.below(roots))
    depth_limit = len(inside) if len(inside) <= MAX_REGIONS else 1
    incidents = _incidents(page, choice.class_, inside)
    listed = incidents[:MAX_INCIDENTS]
    findings = finding_lines(page, inside, choice.class_)
    bad = _bad(page, choice.class_, inside)
    single = _unfolded(bad, listed)
    heads = _sum_heads(page, choice.class_, roots)
    profile = next(profile for profile in page.profiles if profile.name == choice.profile)
    line = [*page.inventory.line_of(choice.region)] if choice.region else []
    return Overview(
        trail=_trail(page.inventory, choice.region),
        lines=[
            _line(page, choice.class_, code, depth, tree.hidden(code) if depth == depth_limit else 0)
            for code, depth in tree.walk(roots, depth_limit)
        ],
        cells=_cells(page, choice),
        cameras=_in_service(heads),
        heads=heads,
        incidents=listed,
        incident_count=len(incidents),
        findings=findings[:MAX_FINDINGS],
        finding_counts=Counter(str(line.finding.finding) for line in findings),
        bad=[_describe(page.inventory, view, state, since) for since, view, state in single[:MAX_BAD]],
        bad_count=len(bad),
        folded=len(bad) - len(single),
        targets={rate: profile.target(rate, choice.class_, line) for rate in RATES},
        month_known="month" in page.rows,
    )


def bad_state(view: CameraView) -> State | None:
    """What is wrong with an in-service camera now: offline, faulty or no_picture; None: nothing that is known."""
    if not view.camera.in_service:
        return None
    if view.online is State.OFFLINE:
        return State.OFFLINE
    return view.picture if view.picture in (State.FAULTY, State.NO_PICTURE) else None


class _Tree:
    """The regions' children, in the inventory's order. Walked without recursion: a tree may have any depth."""

    def __init__(self, inventory: Inventory) -> None:
        self.children: dict[str, list[str]] = {}
        for region in inventory.regions.values():
            self.children.setdefault(region.parent, []).append(region.code)

    def walk(self, roots: Sequence[str], depth_limit: int) -> Iterator[tuple[str, int]]:
        """(code, depth) of the roots and what is below them down to the limit, each parent before its children."""
        waiting = [(code, 0) for code in reversed(roots)]
        while waiting:
            code, depth = waiting.pop()
            yield code, depth
            if depth < depth_limit:
                waiting += [(child, depth + 1) for child in reversed(self.children.get(code, []))]

    def below(self, roots: Sequence[str]) -> Iterator[str]:
        """The roots and all that is below them."""
        waiting = [*roots]
        while waiting:
            code = waiting.pop()
            yield code
            waiting += self.children.get(code, [])

    def hidden(self, code: str) -> int:
        return sum(1 for _ in self.below([code])) - 1


def _trail(inventory: Inventory, region: str) -> list[tuple[str, str]]:
    return [(code, inventory.regions[code].name) for code in reversed([*inventory.line_of(region)])]


def _cells(page: Page, choice: Choice) -> dict[tuple[str, str, str], Row]:
    """(window, region, rate) -> row, for the class and profile chosen."""
    return {
        (window, row.key, row.rate): row
        for window in ("now", "month")
        for row in page.rows.get(window, ())
        if row.class_ == choice.class_ and row.profile == choice.profile
    }


def _line(page: Page, class_: str, code: str, depth: int, hidden: int) -> RegionLine:
    heads = _sum_heads(page, class_, [code])
    return RegionLine(
        code=code,
        name=page.inventory.regions[code].name,
        depth=depth,
        hidden=hidden,
        cameras=_in_service(heads),
        offline=heads["online", "offline"],
        not_good=heads["picture", "faulty"] + heads["picture", "no_picture"],
    )


def _sum_heads(page: Page, class_: str, codes: Sequence[str]) -> Counter[tuple[str, str]]:
    """(axis, state) -> cameras of the regions given, which must not contain one another."""
    heads: Counter[tuple[str, str]] = Counter()
    for axis, states in STATES.items():
        for state in states:
            heads[axis, state] = sum(page.heads.get((code, class_, axis, state), 0) for code in codes)
    return heads


def _in_service(heads: Mapping[tuple[str, str], int]) -> int:
    return sum(count for (axis, _), count in heads.items() if axis == "online")


def _bad(page: Page, class_: str, inside: Set[str]) -> list[_Bad]:
    """Cameras of the regions and class chosen that are bad now, latest first."""
    found = []
    for view in page.cameras:
        state = bad_state(view)
        placement = view.camera.placement
        if state is not None and placement.region in inside and class_ in ("all", placement.class_):
            found.append((view.online_since if state is State.OFFLINE else view.picture_since, view, state))
    return sorted(found, key=lambda item: (-item[0], item[1].camera.id))


def _unfolded(bad: Sequence[_Bad], listed: Sequence[IncidentLine]) -> list[_Bad]:
    """Without the cameras of incidents of several: those are told once, by their incident."""
    many = (line.incident.camera_ids for line in listed if len(line.incident.camera_ids) > 1)
    folded = frozenset[str]().union(*many)
    return [item for item in bad if item[1].camera.id not in folded]


def _incidents(page: Page, class_: str, inside: Set[str]) -> list[IncidentLine]:
    """Open incidents of the regions and class chosen, or with cameras there: a city's dead line concerns its
    counties too. The largest first."""
    found = []
    for incident in sorted(page.incidents, key=size_order):
        here = count_inside(incident, page.inventory, inside, class_)
        if here or (incident.region in inside and class_ in ("all", incident.class_)):
            found.append(incident_line(incident, page.inventory, page.at, here))
    return found


def _describe(inventory: Inventory, view: CameraView, state: State, since: Moment) -> BadCamera:
    placement = view.camera.placement
    device = inventory.devices.get(placement.upstream)
    maintainer = inventory.maintainers.get(placement.maintainer)
    return BadCamera(
        view=view,
        state=state,
        since=since,
        place=[*place_of(inventory, placement.region), *filter(None, [view.camera.address_text])],
        upstream=device.name if device else placement.upstream,
        maintainer=maintainer.name if maintainer else placement.maintainer,
    )
