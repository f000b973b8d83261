"""The further rates of the assessments: what each demands of a camera, and rows that count cameras. Pure.

Each judges every camera once: it is good, bad, not checked (it could not be asked, or not lately), or not meant at
all. A row is a head count: good ÷ (good + bad), its coverage is checked ÷ meant. They go by the inventory as it is
and by what was read last; what was found out of a day is kept (`examined`), so that earlier months answer, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from healthd.assessing.examined import Examined
from healthd.device_code import doubts, is_device_code
from healthd.model import Camera, Lifecycle, Moment, Placement
from healthd.options.assessments import AssessmentOptions
from healthd.periods import Span, local
from healthd.rates.buckets import Bucket
from healthd.rates.pool import Pool, Terms
from healthd.rates.profiles import FURTHER
from healthd.rates.rows import Row
from probes.base import Memory

HD = (1280, 720)
CLOCKS_ENOUGH = 20
"""So many clocks must agree against ours before ours is doubted."""

_BUILT = (Lifecycle.TRIAL, Lifecycle.IN_SERVICE, Lifecycle.SUSPENDED)
_DATED = ("networked", "coverage")
"""The rates whose past can be told from what is dated anyway: placements, and when a camera first answered."""
_DATE = re.compile(r"([0-9]{4})[-/.年]?(?:([0-9]{1,2})[-/.月]?(?:([0-9]{1,2})日?)?)?(?:[ T].*)?", re.ASCII)
_FAR_DEGREES = 2.0

Judged = tuple[Bucket, str]
"""GOOD, BAD, UNKNOWN (not checked) or OUT_OF_SERVICE (not meant), and why."""

_NOT_MEANT: Judged = (Bucket.OUT_OF_SERVICE, "")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of cameras: `reached`, those that ever answered, since when; `memories`: what askings learnt.
    `fresh`: rate -> since when a reading counts, for those that are read. `own_clock`: whether ours is trusted."""

    reached: Mapping[str, Moment]
    memories: Mapping[str, Memory]
    fresh: Mapping[str, Moment] = field(default_factory=dict)
    own_clock: bool = True


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that one examination of a fleet goes by; the figures are those of `at`."""

    terms: Terms
    options: AssessmentOptions
    seen: Seen
    at: Moment
    zone: ZoneInfo
    names: Counter[tuple[str, str]] = field(default_factory=Counter)  # (region, name) -> cameras
    macs: Counter[str] = field(default_factory=Counter)
    centre: tuple[float, float] | None = None  # median longitude and latitude

    @classmethod
    def of(cls, terms: Terms, options: AssessmentOptions, seen: Seen, at: Moment, zone: ZoneInfo) -> Examination:
        """With what cameras are compared with: each other."""
        built = [one for one in terms.inventory.cameras.values() if one.placement.lifecycle in _BUILT]
        names = Counter((one.placement.region, one.name) for one in built)
        macs = Counter(mac for one in built if (mac := one.tags.get("mac", "")))
        places = [(one.longitude, one.latitude) for one in built if one.longitude is not None]
        east = [x for x, _ in places if x is not None]
        north = [y for _, y in places if y is not None]
        centre = (median(east), median(north)) if len(places) >= 3 else None
        return cls(terms, options, seen, at, zone, names, macs, centre)

    def judge(self, rate: str, camera: Camera) -> Judged:
        """What a camera counts as, and why."""
        return _RULES[rate](self, camera)


def own_clock_trusted(synchronised: bool | None, offsets: Iterable[float], limit_seconds: float) -> bool:
    """Whether our clock may judge others: the kernel calls it synchronised, or the fleet does not contradict it.

    `synchronised` None: the kernel does not tell. `offsets`: camera clocks − ours, seconds. Half of the clocks off
    by more than the limit in the same direction are more likely right than we are.
    """
    known = [*offsets]
    if synchronised or len(known) < CLOCKS_ENOUGH:
        return True
    return abs(median(known)) <= limit_seconds


def _networked(examined: Examination, camera: Camera) -> Judged:
    """Ever reached ÷ in the registry, of those that are built."""
    if camera.placement.lifecycle not in _BUILT:
        return _NOT_MEANT
    first = examined.seen.reached.get(camera.id)
    return (Bucket.GOOD, "") if first is not None and first < examined.at else (Bucket.BAD, "never answered")


def _coverage(_: Examination, camera: Camera) -> Judged:
    """Built ÷ planned: all that were ever planned and are not retired."""
    if camera.placement.lifecycle is Lifecycle.RETIRED:
        return _NOT_MEANT
    built = camera.placement.lifecycle in _BUILT
    return (Bucket.GOOD, "") if built else (Bucket.BAD, "planned, not built")


def _hd(examined: Examination, camera: Camera) -> Judged:
    """Of those installed within the last `new_build_days`: at least 1280 x 720."""
    installed = install_date(camera.install_time)
    today = local(examined.at, examined.zone).date()
    if camera.placement.lifecycle not in _BUILT or installed is None:
        return _NOT_MEANT
    if not today - timedelta(days=examined.options.new_build_days) < installed <= today:
        return _NOT_MEANT
    memory = examined.seen.memories.get(camera.id, Memory())
    size = (memory.width, memory.height) if memory.width else camera.resolution
    if size is None:
        return Bucket.UNKNOWN, "its resolution is not known"
    return _large_enough(size, HD)


def _clock(examined: Examination, camera: Camera) -> Judged:
    memory = examined.seen.memories.get(camera.id, Memory())
    offset, limits = memory.clock_offset_seconds, examined.options.clock
    if not camera.in_service:
        return _NOT_MEANT
    if not examined.seen.own_clock:
        return Bucket.UNKNOWN, "our own clock is in doubt"
    if offset is None or not _is_fresh(examined, "clock", memory.clock_read_at):
        return Bucket.UNKNOWN, "its clock could not be read lately"
    words = f"its clock is {offset:+.1f} s off"
    if abs(offset) > limits.fail:
        return Bucket.BAD, words
    return Bucket.GOOD, f"warning: {words}" if abs(offset) > limits.warn else ""


def _resolution(examined: Examination, camera: Camera) -> Judged:
    demanded = examined.options.resolution.get(camera.placement.class_)
    memory = examined.seen.memories.get(camera.id, Memory())
    if not camera.in_service or demanded is None:
        return _NOT_MEANT
    if not memory.width or not _is_fresh(examined, "resolution", memory.size_read_at):
        return Bucket.UNKNOWN, "its resolution could not be read lately"
    return _large_enough((memory.width, memory.height), demanded)


def _large_enough(size: tuple[int, int], demanded: tuple[int, int]) -> Judged:
    if min(size) >= min(demanded) and max(size) >= max(demanded):  # a camera may stand upright
        return Bucket.GOOD, ""
    return Bucket.BAD, f"{size[0]}x{size[1]}, not {demanded[0]}x{demanded[1]}"


def _archive(examined: Examination, camera: Camera) -> Judged:
    if camera.placement.lifecycle not in _BUILT:
        return _NOT_MEANT
    demanded = [
        *examined.options.archive.get("all", ()),
        *examined.options.archive.get(camera.placement.class_, ()),
    ]
    missing = [name for name in dict.fromkeys(demanded) if _field(camera, name) in (None, "")]
    wrong = [f"{', '.join(missing)} missing"] if missing else []
    wrong += _invalid(examined, camera)
    return (Bucket.BAD, "; ".join(wrong)) if wrong else (Bucket.GOOD, "")


def _field(camera: Camera, name: str) -> object:
    if name.startswith("tag:"):
        return camera.tags.get(name.removeprefix("tag:"), "")
    if name in ("unit", "maintainer", "upstream"):
        return getattr(camera.placement, name)
    return getattr(camera, name)


def _invalid(examined: Examination, camera: Camera) -> list[str]:
    """What is filled in and cannot be right: code, region, coordinates, date, duplicates."""
    found = []
    if is_device_code(camera.id):
        found += [message for message, _ in doubts(camera.id, camera.placement.region)]
    elif examined.options.archive_needs_code:
        found.append("its id is no 20-digit code")
    if camera.longitude is not None and camera.latitude is not None:
        place, (east, north) = (camera.longitude, camera.latitude), examined.centre or (0.0, 0.0)
        far = max(abs(place[0] - east), abs(place[1] - north)) > _FAR_DEGREES
        if place == (0, 0) or (examined.centre and far):
            found.append("its coordinates are far from all others")
    if camera.install_time and install_date(camera.install_time) is None:
        found.append("its install_time is no date")
    if examined.names[camera.placement.region, camera.name] > 1:
        found.append("another camera of the region has its name")
    if examined.macs[camera.tags.get("mac", "")] > 1:
        found.append("another camera has its mac")
    return found


def _annotation(examined: Examination, camera: Camera) -> Judged:
    memory = examined.seen.memories.get(camera.id, Memory())
    if not camera.in_service:
        return _NOT_MEANT
    if not _is_fresh(examined, "annotation", memory.osd_read_at):
        return Bucket.UNKNOWN, "its annotation could not be read lately"
    shown = memory.osd_name.split("\n")
    wrong = [] if camera.name in shown else [f'it shows "{", ".join(shown)}", not its name']
    if not memory.osd_time:
        wrong.append("it shows no time")
    return (Bucket.BAD, "; ".join(wrong)) if wrong else (Bucket.GOOD, "")


_RULES: Mapping[str, Callable[[Examination, Camera], Judged]] = {
    "networked": _networked,
    "coverage": _coverage,
    "hd": _hd,
    "clock": _clock,
    "resolution": _resolution,
    "archive": _archive,
    "annotation": _annotation,
}


def _is_fresh(examined: Examination, rate: str, read_at_seconds: int) -> bool:
    """Whether a reading lies where it counts; a reading of the future says that a clock was set back."""
    return examined.seen.fresh.get(rate, 0) <= 1000 * read_at_seconds < examined.at + 60_000


def install_date(text: str) -> date | None:
    """The day of `2024-05-01`, `2024/5`, `2024年5月1日`, `20240501`, `2024`; None: it is none."""
    compact = f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text
    match = _DATE.fullmatch(compact.strip())
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None


def examine(examined: Examination) -> Examined:
    """What every camera of the inventory counts as for every rate, where it stands now."""
    return Examined.of(
        examined.at,
        {
            camera.id: (camera.placement, tuple(examined.judge(rate, camera)[0] for rate in FURTHER))
            for camera in examined.terms.inventory.cameras.values()
        },
    )


def unexamined(examined: Examination, placements: Mapping[str, Placement]) -> Examined:
    """What is known of a time that nothing was kept of: who had ever answered, and who was built; `placements`:
    where cameras stood then. All else is not checked."""
    found = {}
    for name, placement in placements.items():
        known = examined.terms.inventory.cameras.get(name)
        camera = replace(known, placement=placement) if known else Camera(name, "", "", placement)
        judged = [(rate, examined.judge(rate, camera)[0]) for rate in FURTHER]
        found[name] = (
            placement,
            tuple(
                Bucket.UNKNOWN if rate not in _DATED and bucket is not Bucket.OUT_OF_SERVICE else bucket
                for rate, bucket in judged
            ),
        )
    return Examined.of(examined.at, found)


def assess(
    examined: Examination, rates: Sequence[str], span: Span, *, by: str = "region", region: str = ""
) -> list[Row]:
    """Rows of these rates, as `Examined.rows` makes them. `examined.at` is the end of `span`."""
    return examine(examined).rows(examined.terms, rates, span, by=by, region=region)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rate has against one camera; `bucket`: BAD, UNKNOWN (not checked) or GOOD (a warning). `region`:
    where the camera stood."""

    camera: str
    rate: str
    bucket: Bucket
    why: str
    region: str = ""


def findings(examined: Examination, rates: Sequence[str], region: str = "") -> list[Finding]:
    """Every camera that is bad, not checked or warned of, in or below a region; by rate, then by camera."""
    pool = Pool(examined.terms, "camera", region, ())
    cameras = [
        camera
        for _, camera in sorted(examined.terms.inventory.cameras.items())
        if pool.group(camera.id, camera.placement) is not None
    ]
    judged = ((rate, camera, *examined.judge(rate, camera)) for rate in rates for camera in cameras)
    return [
        Finding(camera.id, rate, bucket, why, camera.placement.region)
        for rate, camera, bucket, why in judged
        if why
    ]
