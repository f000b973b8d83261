"""The further rates: what each demands, who is not checked, how they pool, and where they are shown."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.assessing.assessments import Examination, Seen, assess, findings, install_date, own_clock_trusted
from healthd.assessing.examined import Examined, combined, pack_day, unpack_day
from healthd.exposition import Format
from healthd.figures.assessed import (
    READ_BY,
    assessed_figures,
    clock_synchronised,
    found_against,
    keep_day,
    live_assessments,
)
from healthd.metrics.regions import region_blocks
from healthd.model import Camera, Change, Inventory, Lifecycle, Moment, Placement
from healthd.options.assessments import AssessmentOptions
from healthd.periods import Span, parse_moment
from healthd.rates.buckets import Bucket
from healthd.rates.pool import Terms
from healthd.rates.profiles import BUILT_IN, FURTHER
from healthd.rates.rows import Row
from healthd.setup import read_setup
from healthd.store import Batch, Store
from probes.base import Memory
from tests.pages import page, views
from tests.rates_fleets import DAY, HOUR, REGIONS
from tests.report_kit import healthd_says
from tests.running import healthd
from tests.test_config import error, load

ZONE = ZoneInfo("Asia/Shanghai")
NOW = parse_moment("2025-11-24T12:00", ZONE)
GOOD, BAD, UNCHECKED, OUT = Bucket.GOOD, Bucket.BAD, Bucket.UNKNOWN, Bucket.OUT_OF_SERVICE
CODE = "32010101001320000001"
WHOLE = Camera(
    CODE,
    "东门",
    "10.0.0.1",
    Placement("320101", "1"),
    vendor="HIKVISION",
    model="DS-2",
    address_text="人民路 1 号",
    longitude=120.8,
    latitude=32.0,
    resolution=(1920, 1080),
    install_time="2025-05-01",
    contact="138",
    record_save_days=30,
)
READ = Memory(
    clock_offset_seconds=1.0,
    clock_read_at=NOW // 1000 - 60,
    width=1920,
    height=1080,
    size_read_at=NOW // 1000 - 60,
    osd_name="东门",
    osd_time=True,
    osd_read_at=NOW // 1000 - 60,
)


def examined(
    *cameras: Camera,
    memory: Memory | None = READ,
    reached: bool = True,
    profile: str = "default",
    own: bool = True,
) -> Examination:
    inventory = Inventory(
        {region.code: region for region in REGIONS}, {}, {camera.id: camera for camera in cameras}
    )
    memories = {camera.id: memory for camera in cameras if memory}
    since = {camera.id: NOW - DAY for camera in cameras if reached}
    fresh = dict.fromkeys(("clock", "resolution", "annotation"), NOW - DAY)
    terms = Terms(inventory, [BUILT_IN[profile]])
    return Examination.of(terms, AssessmentOptions(), Seen(since, memories, fresh, own), NOW, ZONE)


def in_(lifecycle: Lifecycle) -> Camera:
    return replace(WHOLE, placement=replace(WHOLE.placement, lifecycle=lifecycle))


def of_class(class_: str) -> Camera:
    return replace(WHOLE, placement=replace(WHOLE.placement, class_=class_))


BY_LIFECYCLE = {
    "networked": (OUT, GOOD, GOOD, GOOD, OUT),
    "coverage": (BAD, GOOD, GOOD, GOOD, OUT),
    "hd": (OUT, GOOD, GOOD, GOOD, OUT),
    "clock": (OUT, OUT, GOOD, OUT, OUT),
    "resolution": (OUT, OUT, GOOD, OUT, OUT),
    "archive": (OUT, GOOD, GOOD, GOOD, OUT),
    "annotation": (OUT, OUT, GOOD, OUT, OUT),
}


@pytest.mark.parametrize("rate", FURTHER)
def test_whom_each_rate_is_meant_for(rate: str) -> None:
    """Planned, trial, in service, suspended, retired: each rate means some of them and leaves the others out."""
    found = tuple(examined(in_(lifecycle)).judge(rate, in_(lifecycle))[0] for lifecycle in Lifecycle)
    assert found == BY_LIFECYCLE[rate]


@pytest.mark.parametrize("rate", ["clock", "resolution", "annotation"])
def test_a_camera_that_cannot_be_asked_is_not_checked(rate: str) -> None:
    """Never read, read too long ago, or read in the future by a clock since set back: not checked, never bad."""
    old, ahead = NOW // 1000 - 86_401, NOW // 1000 + 3600
    for at in (0, old, ahead):
        stale = replace(
            READ, clock_read_at=at, size_read_at=at, osd_read_at=at, clock_offset_seconds=99.0, width=9
        )
        assert examined(WHOLE, memory=stale).judge(rate, WHOLE)[0] is UNCHECKED
    assert examined(WHOLE, memory=None).judge(rate, WHOLE)[0] is UNCHECKED
    (row, *_) = assess(examined(WHOLE, memory=None), [rate], Span(NOW, NOW))
    assert (row.ratio, row.coverage, row.cameras) == (None, Fraction(0), 1)


@pytest.mark.parametrize(
    ("offset", "bucket", "words"),
    [
        (5.0, GOOD, ""),
        (-5.1, GOOD, "warning"),
        (30.0, GOOD, "warning"),
        (-30.1, BAD, "-30.1 s"),
        (3e9, BAD, "off"),
    ],
)
def test_clocks(offset: float, bucket: Bucket, words: str) -> None:
    """Up to 5 s a clock is right, up to 30 s it is warned of, beyond it is wrong, either way."""
    found = examined(WHOLE, memory=replace(READ, clock_offset_seconds=offset)).judge("clock", WHOLE)
    assert found[0] is bucket
    assert words in found[1]
    assert bool(found[1]) == bool(words)


@pytest.mark.parametrize(
    ("synchronised", "offsets", "trusted"),
    [
        (True, [60.0] * 100, True),
        (None, [60.0] * 100, False),
        (False, [-60.0] * 20, False),
        (False, [60.0] * 19, True),
        (False, [60.0] * 40 + [0.0] * 60, True),
        (False, [60.0] * 50 + [-60.0] * 50, True),
        (None, [], True),
    ],
)
def test_our_own_clock_is_doubted_before_the_fleet_s(
    synchronised: bool | None, offsets: list[float], trusted: bool
) -> None:
    """Where the kernel does not vouch for it and half of the fleet is off the same way, we are wrong, not they."""
    assert own_clock_trusted(synchronised, offsets, 5.0) is trusted
    assert examined(WHOLE, own=False).judge("clock", WHOLE) == (UNCHECKED, "our own clock is in doubt")


def test_the_kernel_is_asked() -> None:
    """adjtimex answers yes or no here, without any privilege."""
    assert clock_synchronised() in (True, False, None)


@pytest.mark.parametrize(
    ("class_", "size", "bucket"),
    [
        ("1", (1920, 1080), GOOD),
        ("1", (1080, 1920), GOOD),
        ("1", (1280, 720), BAD),
        ("2", (1280, 720), GOOD),
        ("2", (1280, 719), BAD),
        ("3", (704, 576), GOOD),
        ("3", (352, 288), BAD),
        ("9", (1, 1), OUT),
    ],
)
def test_resolution_by_class(class_: str, size: tuple[int, int], bucket: Bucket) -> None:
    """1080p for class 1, 720p for class 2, D1 for class 3, nothing for others; a camera may stand upright."""
    camera = of_class(class_)
    memory = replace(READ, width=size[0], height=size[1])
    assert examined(camera, memory=memory).judge("resolution", camera)[0] is bucket


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"vendor": ""}, "vendor missing"),
        (
            {"model": "", "address_text": "", "record_save_days": None},
            "model, address_text, record_save_days missing",
        ),
        ({"longitude": None, "latitude": None}, "longitude, latitude missing"),
        ({"longitude": 0.0, "latitude": 0.0}, "far from all others"),
        ({"id": "cam-1"}, "no 20-digit code"),
        ({"id": "33010101001320000001"}, "first digits say region 330101"),
        ({"id": "32010101001180000001"}, "type 118"),
        ({"install_time": "soon"}, "install_time is no date"),
    ],
)
def test_archives(changes: dict[str, object], words: str) -> None:
    """What is missing or cannot be right is told field by field."""
    camera = replace(WHOLE, **changes)  # type: ignore[arg-type] # fields by name
    bucket, why = examined(camera).judge("archive", camera)
    assert (bucket is GOOD) == (not words)
    assert words in why


def test_archives_demand_less_of_lower_classes_and_no_doubles() -> None:
    """Class 3 needs neither coordinates nor contact; a name twice in a region and a mac twice are wrong."""
    bare = replace(
        of_class("3"), longitude=None, latitude=None, install_time="", contact="", record_save_days=None
    )
    assert examined(bare).judge("archive", bare)[0] is GOOD
    twin = replace(WHOLE, id="32010101001320000002", tags={"mac": "a"})
    other = replace(WHOLE, id="32010101001320000003", name="西门", tags={"mac": "a"})
    seen = examined(replace(WHOLE, tags={}), twin, other)
    assert "has its name" in seen.judge("archive", twin)[1]
    assert "has its mac" in seen.judge("archive", other)[1]
    away = replace(other, longitude=100.0)
    far = examined(WHOLE, twin, away)
    assert "far from all others" in far.judge("archive", away)[1]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-05-01", date(2024, 5, 1)),
        ("2024/5/1", date(2024, 5, 1)),
        ("2024年5月1日", date(2024, 5, 1)),
        ("20240501", date(2024, 5, 1)),
        ("2024-05", date(2024, 5, 1)),
        ("2024", date(2024, 1, 1)),
        ("2024-05-01 08:00", date(2024, 5, 1)),
        ("2024-13-01", None),
        ("2023-02-29", None),
        ("", None),
        ("last year", None),
    ],
)
def test_install_dates(text: str, day: date | None) -> None:
    """Dates are read as people write them; what is none is none."""
    assert install_date(text) == day


@pytest.mark.parametrize(
    ("installed", "size", "bucket"),
    [
        ("2024-11-25", (1280, 720), GOOD),
        ("2024-11-24", (1280, 720), OUT),
        ("2025-11-24", (704, 576), BAD),
        ("2025-11-25", (1920, 1080), OUT),
        ("2025-05-01", None, UNCHECKED),
    ],
)
def test_new_builds_are_those_of_a_year(installed: str, size: tuple[int, int] | None, bucket: Bucket) -> None:
    """Only what was installed within 365 days counts; without a resolution read, the inventory's is taken."""
    camera = replace(WHOLE, install_time=installed, resolution=size)
    assert examined(camera, memory=None).judge("hd", camera)[0] is bucket
    if size is not None and bucket is not OUT:
        read = replace(READ, width=1280, height=720)
        assert examined(camera, memory=read).judge("hd", camera)[0] is GOOD


@pytest.mark.parametrize(
    ("shown", "time", "words"),
    [("东门", True, ""), ("西门", True, '"西门"'), ("东门", False, "no time"), ("", False, ";")],
)
def test_annotation(shown: str, time: bool, words: str) -> None:
    """The picture has to show the inventory's name and the time."""
    bucket, why = examined(WHOLE, memory=replace(READ, osd_name=shown, osd_time=time)).judge("annotation", WHOLE)
    assert (bucket is GOOD) == (not words)
    assert words in why


CAMERAS = st.lists(
    st.builds(
        lambda region, class_, life, name, vendor: (region, class_, life, name, vendor),
        st.sampled_from(["320101", "320102", "3202", "3201", "32"]),
        st.sampled_from(["1", "2", "3", "9"]),
        st.sampled_from([*Lifecycle]),
        st.sampled_from(["东门", "西门"]),
        st.sampled_from(["", "HIKVISION"]),
    ),
    max_size=12,
)


@given(drawn=CAMERAS)
@settings(max_examples=60, deadline=None)
def test_rows_are_counts_that_pool_up_the_tree(drawn: list[tuple[str, str, Lifecycle, str, str]]) -> None:
    """Every row is the count of what `judge` says of the cameras below it; parents equal pooled children."""
    cameras = [
        replace(
            WHOLE,
            id=f"3201010100132000{n:04d}",
            name=name,
            vendor=vendor,
            placement=Placement(region, class_, lifecycle=life),
        )
        for n, (region, class_, life, name, vendor) in enumerate(drawn)
    ]
    seen = examined(*cameras)
    rows = assess(seen, FURTHER, Span(NOW - DAY, NOW))
    counted: Counter[tuple[str, str, str, Bucket]] = Counter()
    for camera in cameras:
        for rate in FURTHER:
            bucket = seen.judge(rate, camera)[0]
            for code in seen.terms.inventory.line_of(camera.placement.region):
                for class_ in (camera.placement.class_, "all"):
                    counted[code, class_, rate, bucket] += 1
    for row in rows:
        key = (row.key, row.class_, row.rate)
        assert (row.good, row.bad, row.unknown) == tuple(counted[*key, b] for b in (GOOD, BAD, UNCHECKED))
        assert row.cameras == row.assessed + row.unknown > 0
        assert row.as_json(ZONE)["good_count"] == row.good
    meant = {key[:3] for key, number in counted.items() if number and key[3] is not OUT}
    assert {(row.key, row.class_, row.rate) for row in rows} == meant
    units = assess(seen, FURTHER, Span(NOW, NOW), by="camera")
    for rate in FURTHER:
        one = [r for r in rows if (r.key, r.class_, r.rate) == ("32", "all", rate)]
        parts = [r for r in units if (r.class_, r.rate) == ("all", rate)]
        assert sum(r.good for r in one) == sum(r.good for r in parts)
    listed = {(one.camera, one.rate) for one in findings(seen, FURTHER)}
    assert {(c.id, r) for c in cameras for r in FURTHER if seen.judge(r, c)[0] in (BAD, UNCHECKED)} <= listed


def test_targets_and_verdicts_hold_for_further_rates() -> None:
    """Nantong asks 100 % networked: one camera that never answered fails it."""
    silent = replace(WHOLE, id="32010101001320000002", name="西门")
    seen = examined(WHOLE, silent, profile="nantong-2017")
    some = replace(seen, seen=replace(seen.seen, reached={CODE: NOW - DAY}))
    (row,) = [r for r in assess(some, ["networked"], Span(NOW, NOW)) if (r.key, r.class_) == ("32", "all")]
    assert (row.ratio, row.target, row.verdict, row.gap_cameras) == (Fraction(1, 2), Fraction(1), "fail", 1)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A configuration with two cameras, and a store that a daemon left a minute ago."""
    (tmp_path / "regions.csv").write_text("code,name,level,parent\n32,城,city,\n320101,街道,township,32\n")
    (tmp_path / "devices.csv").write_text("id,name,kind,region,address,credential,upstream,upstream_port\n")
    (tmp_path / "cameras.csv").write_text(
        "id,name,region,class,address,lifecycle\nc1,东门,320101,1,10.0.0.1,\nc2,西门,320101,1,10.0.0.2,\n"
        "c3,北门,320101,2,10.0.0.3,planned\n"
    )
    (tmp_path / "healthd.yml").write_text(
        "site: s\ninventory: {regions: regions.csv, devices: devices.csv, cameras: cameras.csv}\n"
        "checks: {ping: {}, onvif: {}}\nprofiles: [nantong-2017]\n"
    )
    store = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    memories = {"c1": READ, "c2": replace(READ, clock_offset_seconds=31.0)}
    placed = {
        camera.id: camera.placement for camera in read_setup(tmp_path / "healthd.yml").inventory.cameras.values()
    }
    changes = [Change(camera, NOW - DAY, placement, "x") for camera, placement in placed.items()]
    heartbeat, reached = (NOW - DAY, NOW), {"c1": NOW - DAY}
    store.write(Batch((), heartbeat, changes, memories=memories, reached=reached, recorded=NOW))
    store.close()
    return tmp_path / "healthd.yml"


def test_further_rates_come_from_the_store(city: Path) -> None:
    """What askings learnt and when cameras first answered becomes rows; readings of another month do not count."""
    setup = read_setup(city)
    store = Store.open(setup.config.store.url, writer=False)

    def top(rate: str, start: Moment = NOW - DAY, end: Moment = NOW) -> Row:
        rows = assessed_figures(store, setup, Span(start, end), rate).rows
        return next(row for row in rows if (row.key, row.class_) == ("32", "all"))

    assert (top("networked").good, top("networked").bad) == (1, 1)
    assert (top("coverage").good, top("coverage").bad, top("coverage").verdict) == (2, 1, "fail")
    assert (top("clock").good, top("clock").bad) == (1, 1)
    yesterday = (NOW - DAY, NOW - DAY // 2)
    assert [top("clock", *yesterday).unknown, top("archive", *yesterday).unknown] == [2, 2]
    assert (top("networked", *yesterday).good, top("coverage", *yesterday).good) == (1, 2)
    live = live_assessments(store, setup, NOW)
    assert {row.rate for row in live["now"]} == {*FURTHER} - {"annotation", "hd"}
    assert {(r.key, r.good, r.bad) for r in live["month"] if (r.rate, r.class_) == ("clock", "all")} == {
        ("32", 1, 1),
        ("320101", 1, 1),
    }
    store.close()


def test_what_was_found_out_of_a_day_answers_for_it_later(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A day is kept with where its cameras stood: a month on, when all were read again, retired and moved, the day
    still says what it was, and a camera that was read once in it counts as checked."""
    setup = read_setup(city)
    store = Store.open(setup.config.store.url, writer=True)
    midnight = NOW - DAY // 2
    keep_day(store, setup, NOW - HOUR)
    keep_day(store, setup, NOW)
    keep_day(store, setup, NOW - 2 * HOUR)  # an older examination takes nothing away
    assert [one.at for one in store.examined_days(midnight, NOW)] == [NOW]
    later = NOW + 30 * DAY
    unread, moved = replace(READ, clock_read_at=later // 1000 - 60), Placement("32", "3")
    memories, changes = (
        {"c1": unread, "c2": unread},
        [Change("c1", later, moved, "x"), Change("c2", later, None, "x")],
    )
    store.write(Batch((), (NOW, later), changes, memories=memories, recorded=later))
    keep_day(store, setup, later)

    def told(start: Moment, end: Moment, by: str = "region") -> set[tuple[str, str, int, int, int]]:
        rows = assessed_figures(store, setup, Span(start, end), "clock", by=by).rows
        return {(row.key, row.class_, row.good, row.bad, row.unknown) for row in rows}

    assert told(midnight, midnight + DAY) == {(key, c, 1, 1, 0) for key in ("32", "320101") for c in ("1", "all")}
    assert told(midnight, midnight + 7 * DAY) == told(midnight, midnight + DAY)
    assert told(midnight, midnight + DAY, by="camera") == {
        (camera, c, good, 1 - good, 0) for camera, good in (("c1", 1), ("c2", 0)) for c in ("1", "all")
    }
    assert told(midnight + DAY, midnight + 2 * DAY) == {
        (key, c, 0, 0, 2) for key in ("32", "320101") for c in ("1", "all")
    }
    known = found_against(store, setup, Span(midnight, midnight + DAY), "clock")
    assert [(one.camera, one.bucket, one.why[:13]) for one in known] == [("c2", BAD, "failed it at ")]
    files = city.parent / "cameras.csv"
    files.write_text("\n".join(line for line in files.read_text().splitlines() if not line.startswith("c2")))
    code, out, _ = healthd_says(
        capsys, "rates", "-c", city, "--from", "2025-11-24", "--to", "2025-11-25", "--rate", "clock", "--findings"
    )
    assert (code, [line.split()[:2] for line in out.splitlines()[1:]]) == (0, [["c2", "320101"]])
    store.prune(0, later + 2 * DAY)
    assert not [*store.examined_days(0, later * 2)]
    store.close()


VERDICTS = st.tuples(*[st.sampled_from([GOOD, BAD, UNCHECKED, OUT]) for _ in FURTHER])
DAYS = st.lists(st.dictionaries(st.sampled_from("abcde"), VERDICTS), max_size=5)


@given(days=DAYS)
@settings(max_examples=100, deadline=None)
def test_days_add_up_as_the_rule_says(days: list[dict[str, tuple[Bucket, ...]]]) -> None:
    """Of the newest day; a rate that is read and was not checked then counts as on the last day on which it was.
    Packing and unpacking a day changes nothing."""
    keys = {camera: number for number, camera in enumerate("abcde", 7)}
    place = Placement("32", "1", "u", "m")
    kept = [Examined.of(NOW, {camera: (place, judged) for camera, judged in day.items()}) for day in days]
    again = [unpack_day(pack_day(one, keys), {key: camera for camera, key in keys.items()}) for one in kept]
    assert again == kept
    found = combined(again)
    if not days:
        assert found is None
        return
    assert found is not None
    assert found.cameras.keys() == days[0].keys()
    for camera, (at, judged) in found.cameras.items():
        assert found.places[at] == place
        for rate, now, then in zip(FURTHER, days[0][camera], found.verdicts[judged], strict=True):
            before = [day[camera][FURTHER.index(rate)] for day in days if camera in day]
            checked = [bucket for bucket in before if bucket in (GOOD, BAD)]
            read = rate in READ_BY and now is UNCHECKED and checked
            assert then is (checked[0] if read else now)


def test_the_command_tells_further_rates_and_who_fails_them(city: Path) -> None:
    """`--rate clock` prints rows, `--findings` the cameras with the reason; timely has fewer groupings."""
    month = ("-c", str(city), "--from", "2025-11-24", "--to", "2025-11-24T12:00")
    rows = json.loads(healthd("rates", *month, "--rate", "clock", "--json").stdout)
    assert {(row["key"], row["class"], row["good_count"], row["assessed_count"]) for row in rows} == {
        (key, class_, 1, 2) for key in ("32", "320101") for class_ in ("1", "all")
    }
    found = json.loads(healthd("rates", *month, "--rate", "clock", "--findings", "--json").stdout)
    assert found == [{"camera": "c2", "rate": "clock", "finding": "bad", "why": "its clock is +31.0 s off"}]
    assert "西门" in healthd("rates", *month, "--rate", "clock", "--findings").stdout
    wrong = healthd("rates", *month, "--rate", "timely", "--by", "camera", check=False)
    assert (wrong.returncode, wrong.stderr) == (
        1,
        "--rate timely is not told by camera (give --by region, unit, maintainer)\n",
    )
    assert healthd("rates", *month, "--rate", "online", "--findings", check=False).returncode == 1


def test_metrics_have_further_rates_of_class_all() -> None:
    """Ratio, coverage, verdict and target of class `all`, for now and month, and no seconds."""
    seen = examined(WHOLE, profile="nantong-2017")
    rows = {
        "now": assess(seen, ["networked"], Span(NOW, NOW)),
        "month": assess(seen, ["clock"], Span(NOW - 1, NOW)),
    }
    text = "".join(region_blocks(replace(page(views()), assessed=rows), Format.TEXT))
    inner = 'region="320101",class="all",rate="networked",profile="nantong-2017"'
    assert f'healthd_region_rate_ratio{{{inner},window="now"}} 1.0\n' in text
    assert f'healthd_region_coverage_ratio{{{inner},window="now"}} 1.0\n' in text
    assert f'healthd_region_verdict{{{inner},window="now",verdict="pass"}} 1\n' in text
    assert f"healthd_region_target_ratio{{{inner}}} 1.0\n" in text
    assert 'rate="clock",profile="nantong-2017",window="month"} 1.0\n' in text
    assert not [line for line in text.splitlines() if "camera_seconds{" in line and "networked" in line]
    assert not [line for line in text.splitlines() if 'class="1",rate="networked"' in line]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("clock: {warn: 40s}", "assessments.clock: warn is above fail"),
        ("clock: {warn: 5}", "assessments.clock.warn: 5 is not a duration"),
        ("resolution: {4: 1080p}", '"4" is not a class'),
        ("resolution: {1: big}", "is not a resolution (write WIDTHxHEIGHT"),
        ("new_build_days: 0", "new_build_days: must be greater than or equal to 1"),
        ("archive: {all: [vender]}", 'assessments.archive.all[0]: "vender" is no column (did you mean "vendor"?)'),
        ("archive: {5: [vendor]}", '"5" is not a class'),
    ],
)
def test_mistakes_in_the_demands_are_told(tmp_path: Path, written: str, message: str) -> None:
    """Each names the line, the key and what to write."""
    assert message in error(tmp_path, f"assessments: {{{written}}}\n")


def test_demands_are_one_s_own(tmp_path: Path) -> None:
    """What is configured takes the place of the default as a whole."""
    text = "assessments: {clock: {fail: 1m}, resolution: {1: 4K}, archive: {all: [vendor, tag:pole]}}\n"
    options = load(
        tmp_path, "site: s\ninventory: {regions: r, devices: d, cameras: c}\nchecks: {ping: {}}\n" + text
    )
    assert options.assessments.resolution == {"1": (3840, 2160)}
    assert options.assessments.clock.fail == 60
    assert options.assessments.archive == {"all": ("vendor", "tag:pole")}
