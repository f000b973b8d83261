"""Made-up fleets for the tests of rates and windows, with every unpleasantness that histories can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from healthd.model import Camera, CameraHistory, Department, Inventory, Lifecycle, Moment, Placement, Region, State
from healthd.periods import parse_moment
from healthd.rates.profiles import BUILT_IN, Profile

HOUR: Moment = 3600 * 1000
DAY: Moment = 24 * HOUR

REGIONS = [
    Region("32", "城", "city"),
    Region("3201", "甲区", "county", "32"),
    Region("3202", "乙区", "county", "32"),
    Region("320101", "甲一街道", "township", "3201"),
    Region("320102", "甲二街道", "township", "3201"),
]
DEPARTMENTS = [Department("city", "市局"), Department("police", "派出所", "city")]
# Of the cameras of a fleet only one is in the present inventory, with a tag.
TAGGED = Camera("camera-1", "门", "10.0.0.1", Placement("320101", "1"), tags={"pole": "P-1"})
INVENTORY = Inventory(
    {region.code: region for region in REGIONS},
    {},
    {TAGGED.id: TAGGED},
    departments={department.id: department for department in DEPARTMENTS},
)
STRICT = Profile(
    "strict",
    {("intact", "all"): Fraction(1, 2)},
    faults=frozenset({"dark"}),
    classes_of_all=("1", "2"),
    online_needs_picture=True,
    grace=5 * HOUR,
    region_targets={("3201", "online", "all"): Fraction(1, 3), ("320102", "online", "all"): Fraction(2, 3)},
)
PROFILES = (BUILT_IN["default"], BUILT_IN["ningxia-2014"], STRICT)

# (zone, now): around changes of the clocks, a leap day, a month's end.
SCENES = [
    ("Asia/Shanghai", "2026-07-02T10:00"),
    ("Europe/Berlin", "2026-03-30T01:30"),
    ("Europe/Berlin", "2026-10-26T00:30"),
    ("America/Sao_Paulo", "2018-11-05T12:00"),
    ("Asia/Shanghai", "2028-03-01T07:00"),
    ("Australia/Lord_Howe", "2026-04-06T12:00"),
]

PLACEMENTS = st.builds(
    Placement,
    region=st.sampled_from(["3201", "320101", "320102", "3202", "32", "gone"]),
    class_=st.sampled_from(["1", "2", "3", "9"]),
    unit=st.sampled_from(["", "school", "police"]),
    maintainer=st.sampled_from(["", "north"]),
    lifecycle=st.sampled_from([*[Lifecycle.IN_SERVICE] * 8, Lifecycle.SUSPENDED, Lifecycle.PLANNED]),
    service_hours=st.sampled_from(["", "", "mon-fri 07:00-19:00", "22:00-06:00", "sat,sun 00:00-24:00"]),
    picture=st.sampled_from([True, True, True, False]),
)
ONLINE = st.tuples(st.sampled_from([*[State.ONLINE] * 4, State.OFFLINE, State.UNKNOWN]), st.just(()))
PICTURE = st.sampled_from(
    [
        (State.GOOD, ()),
        (State.FAULTY, ("dark",)),
        (State.FAULTY, ("blur", "noise")),
        (State.NO_PICTURE, ()),
        (State.NO_PICTURE, ()),
        (State.UNKNOWN, ()),
    ]
)


@dataclass(frozen=True)
class PlacedFleet:
    """Cameras with their whole past up to `now`; placements don't change after `built`."""

    zone: ZoneInfo
    now: Moment
    built: Moment
    month_starts_on: int
    heartbeats: Sequence[tuple[Moment, Moment]]
    histories: Sequence[CameraHistory]


def moments(first: Moment, last: Moment) -> st.SearchStrategy[Moment]:
    """Mostly near the end, and often on a full hour, so that things happen at once."""
    hours = (last - first) // HOUR
    ago = st.one_of(st.integers(0, min(hours, 90)), st.integers(0, min(hours, 200)), st.integers(0, hours))
    return st.builds(
        lambda hour, jitter: max(first, last - hour * HOUR - jitter),
        ago,
        st.sampled_from([0, 0, 0, 1, 999, 1234567]),
    )


@st.composite
def fleets(draw: st.DrawFn) -> PlacedFleet:
    """A few cameras over 70 days."""
    name, when = draw(st.sampled_from(SCENES))
    zone = ZoneInfo(name)
    now = parse_moment(when, zone) + draw(st.sampled_from([0, 1, 12345]))
    built = now - draw(st.sampled_from([0, 1, 2 * HOUR, 30 * HOUR, 75 * HOUR]))
    edges = sorted(draw(st.lists(moments(now - 70 * DAY, built), max_size=5, unique=True)))
    begun = edges[-1] if len(edges) % 2 else now - 69 * DAY
    beats = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False) if b <= begun]
    histories = tuple(
        draw(_histories(f"camera-{number}", now, built)) for number in range(draw(st.integers(1, 4)))
    )
    starts_on = draw(st.sampled_from([1, 26]))
    return PlacedFleet(zone, now, built, starts_on, (*beats, (begun, now)), histories)


@st.composite
def _histories(draw: st.DrawFn, camera: str, now: Moment, built: Moment) -> CameraHistory:
    first = now - 70 * DAY
    moved = sorted({first + DAY, *draw(st.lists(moments(first, built - 1), max_size=2))})
    placed = moved if draw(st.booleans()) else moved[-1:]
    placements = [(at, draw(st.one_of(*[PLACEMENTS] * 4, st.none()))) for at in placed]
    online = sorted({first + 2 * DAY, *draw(st.lists(moments(first, now), max_size=8))})
    picture = sorted(draw(st.lists(moments(first, now), min_size=2, max_size=10, unique=True)))
    exempt = sorted(
        (at, at + draw(st.sampled_from([0, HOUR, 30 * HOUR])))
        for at in draw(st.lists(moments(first, now + 30 * HOUR), max_size=2))
    )
    return CameraHistory(
        camera,
        tuple(placements),
        tuple((at, *draw(ONLINE)) for at in online),
        tuple((at, *draw(PICTURE)) for at in picture),
        tuple(exempt),
    )


def steady(camera: str, since: Moment, region: str = "320101", class_: str = "1") -> CameraHistory:
    """A camera that has been online with a good picture ever since."""
    return CameraHistory(
        camera,
        ((since, Placement(region, class_, "school", "north")),),
        ((since, State.ONLINE, ()),),
        ((since, State.GOOD, ()),),
    )
