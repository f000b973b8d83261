"""Own profiles: what the configuration takes, what every mistake is told, and what each key does to figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from healthd.model import CameraHistory, State
from healthd.periods import parse_month
from healthd.problems import BadInput
from healthd.rates.buckets import Bucket, judge
from healthd.rates.explain import explain
from healthd.rates.pool import Terms
from healthd.rates.profile_words import describe, share
from healthd.rates.profiles import BUILT_IN, GRACE, Method, Profile
from healthd.rates.rows import Row, rows
from healthd.rates.timeline import Situation, Watch
from healthd.setup import read_setup
from tests.rates_fleets import DAY, HOUR, INVENTORY, steady
from tests.test_config import SMALLEST, error, load

ZONE = ZoneInfo("Asia/Shanghai")
MONTH = parse_month("2026-06", ZONE)
FRAME = SMALLEST.replace("{ping: {}}", "{ping: {}, frame: {}}")
SUZHOU = """profiles: [default, suzhou-2026]
profile_definitions:
  suzhou-2026:
    extends: ningxia-2014
    online_needs: picture
    offline_in_intact: bad
    faults: [dark, frozen]
    no_picture_grace: 4h
    classes_of_all: [2, 1]
    targets: {intact: {1: 0.985, all: 0.97}}
    region_targets: {"3201": {intact: {all: 0.5}}}
    method: head_count
    audit: ["22:00", "10:00"]
"""


def test_an_own_profile_has_all_that_it_says_and_the_rest_from_what_it_extends(tmp_path: Path) -> None:
    """Every key arrives; a rate that is named replaces that rate's targets, and no other's."""
    config = load(tmp_path, FRAME + SUZHOU)
    assert [profile.name for profile in config.chosen_profiles] == ["default", "suzhou-2026"]
    assert config.definitions["suzhou-2026"] == Profile(
        "suzhou-2026",
        {
            ("intact", "1"): Fraction(985, 1000),
            ("intact", "all"): Fraction(97, 100),
            ("online", "all"): Fraction(9, 10),
        },
        offline_is_bad=True,
        faults=frozenset({"dark", "frozen"}),
        classes_of_all=("1", "2"),
        online_needs_picture=True,
        grace=4 * HOUR,
        region_targets={("3201", "intact", "all"): Fraction(1, 2)},
        method=Method("head_count", ("10:00", "22:00")),
    )


def test_an_empty_definition_is_what_it_extends(tmp_path: Path) -> None:
    """Nothing written means nothing changed but the name; targets can be taken away."""
    text = (
        "profile_definitions:\n  a: {}\n  b: {extends: ningxia-2014}\n  c: {targets: {online: {}, intact: {}}}\n"
    )
    known = load(tmp_path, SMALLEST + text).definitions
    assert known["a"] == replace(BUILT_IN["default"], name="a")
    assert known["b"] == replace(BUILT_IN["ningxia-2014"], name="b")
    assert known["c"].targets == {}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("default: {}", '"default" is built in (choose another name, and write `extends: default` below it)'),
        ('"a b": {}', '"a b" is not a name (1 to 64 of A-Z'),
        ("own:", "must hold keys ("),
        ("own: {extend: default}", 'extend: unknown key (did you mean "extends"?)'),
        ("own: {extends: other}", '"other" is not a built-in profile (there are default, '),
        ("own: {extends: nantong-2071}", 'is not a built-in profile (did you mean "nantong-2017"?)'),
        ("own: {online_needs: ping}", "online_needs: must be one of 'reach'"),
        ("own: {offline_in_intact: good}", "offline_in_intact: must be one of 'bad'"),
        ("own: {faults: [darc]}", '"darc" is not a picture fault (did you mean "dark"?)'),
        ("own: {faults: none}", "faults: must be all or a list of faults (write all"),
        ("own: {no_picture_grace: 24}", "no_picture_grace: 24 is not a duration"),
        ("own: {no_picture_grace: 400d}", "no_picture_grace: is longer than a year"),
        ("own: {classes_of_all: [4]}", 'classes_of_all[0]: "4" is not a class'),
        ("own: {classes_of_all: []}", "classes_of_all: needs each class once"),
        ("own: {classes_of_all: [1, 1]}", "classes_of_all: needs each class once"),
        ("own: {targets: {intakt: {all: 0.9}}}", '"intakt" is not a rate (did you mean "intact"?)'),
        ("own: {targets: {intact: {4: 0.9}}}", '"4" is not a class'),
        (
            "own: {targets: {intact: {all: 97}}}",
            "targets.intact.all: 97 is not a share (write a number from 0 to 1",
        ),
        ("own: {targets: {intact: {all: 0.9, all: 0.8}}}", "targets.intact.all: doubled"),
        ("own: {targets: {intact: 0.9}}", "targets.intact: must hold keys"),
        ("own: {method: mean}", "method: must be one of 'duration'"),
        ("own: {method: head_count}", "method: head_count needs the times"),
        ("own: {method: head_count, audit: [25:00]}", '"25:00" is not a time of day (write HH:MM'),
        ("own: {method: head_count, audit: []}", "audit: needs each time once"),
        ('own: {audit: ["10:00"]}', "audit: only counts with method: head_count"),
        ("own: {method: daily_pass}", "method: daily_pass needs the share"),
        ("own: {method: daily_pass, pass_at: 0}", "pass_at: must be above 0"),
        ("own: {pass_at: 0.9}", "pass_at: only counts with method: daily_pass"),
    ],
)
def test_every_mistake_is_told_with_its_line(tmp_path: Path, written: str, message: str) -> None:
    """A mistake in a definition names the line, the key below the profile's name, and what to write."""
    told = error(tmp_path, f"profile_definitions:\n  {written}\n")
    assert told.startswith(("4: profile_definitions", "5: profile_definitions"))
    assert message in told


def test_profiles_that_do_not_exist_or_need_what_is_not_asked(tmp_path: Path) -> None:
    """`profiles` knows own names, and proposes them; evidence by picture needs the check that brings pictures."""
    text = "profile_definitions: {suzhou: {online_needs: picture}}\nprofiles: [suzhuo]\n"
    assert error(tmp_path, text) == '5: profiles[0]: "suzhuo" is not a profile (did you mean "suzhou"?)'
    needs = "profile_definitions:\n  suzhou:\n    online_needs: picture\nprofiles: [suzhou]\n"
    assert error(tmp_path, needs).startswith(
        "6: profile_definitions.suzhou.online_needs: no picture is ever asked for (add checks.frame"
    )
    assert load(tmp_path, FRAME + needs).profiles == ("suzhou",)


def test_a_target_for_a_region_that_is_not_there(tmp_path: Path) -> None:
    """A region's target that would never be used is a mistake, told at its line with the nearest code."""
    (tmp_path / "regions.csv").write_text("code,name,level,parent\n3201,a,city,\n320102,b,county,3201\n")
    (tmp_path / "devices.csv").write_text("id,name,kind,region,address,credential,upstream,upstream_port\n")
    (tmp_path / "cameras.csv").write_text("id,name,region,class,address\nc1,c,320102,1,10.0.0.1\n")
    text = SMALLEST.replace("data/", "")
    text += 'profile_definitions:\n  own:\n    region_targets:\n      "320103": {intact: {all: 0.9}}\n'
    (tmp_path / "healthd.yml").write_text(text)
    with pytest.raises(BadInput) as caught:
        read_setup(tmp_path / "healthd.yml")
    (problem,) = caught.value.problems
    where = "healthd.yml:7: profile_definitions.own.region_targets.320103"
    assert str(problem).endswith(f'{where}: is no region of the inventory (did you mean "320102"?)')
    (tmp_path / "healthd.yml").write_text(text.replace("320103", "320102"))
    read_setup(tmp_path / "healthd.yml")


def test_a_region_s_target_holds_below_it_until_another_one_does() -> None:
    """The nearest region upward that has a target for the rate and class decides; then the class's own."""
    own = replace(
        BUILT_IN["default"],
        name="own",
        region_targets={
            ("3201", "intact", "all"): Fraction(1, 2),
            ("320102", "intact", "all"): Fraction(1, 3),
            ("3201", "intact", "1"): Fraction(1, 4),
        },
    )
    cameras = [steady("a", 0, "320101"), steady("b", 0, "320102"), steady("c", 0, "3202")]
    found = {(r.key, r.class_): r.target for r in table(cameras, own) if r.rate == "intact"}
    assert found == {
        ("32", "all"): Fraction(97, 100),
        ("32", "1"): Fraction(98, 100),
        ("3201", "all"): Fraction(1, 2),
        ("3201", "1"): Fraction(1, 4),
        ("320101", "all"): Fraction(1, 2),
        ("320101", "1"): Fraction(1, 4),
        ("320102", "all"): Fraction(1, 3),
        ("320102", "1"): Fraction(1, 4),
        ("3202", "all"): Fraction(97, 100),
        ("3202", "1"): Fraction(98, 100),
    }
    by_camera = {
        r.key: r.target for r in table(cameras, own, by="camera") if (r.rate, r.class_) == ("intact", "all")
    }
    assert by_camera == {"a": Fraction(1, 2), "b": Fraction(1, 3), "c": Fraction(97, 100)}
    units = [r.target for r in table(cameras, own, by="unit") if (r.rate, r.class_) == ("intact", "all")]
    assert units == [Fraction(97, 100)]


def table(cameras: list[CameraHistory], *profiles: Profile, by: str = "region") -> list[Row]:
    watch = Watch([(MONTH.start - DAY, MONTH.end + DAY)], ZONE, MONTH.start, MONTH.end)
    return [*rows(cameras, watch, Terms(INVENTORY, profiles), by=by)]


SEEN = Situation("", False, True, State.ONLINE, State.GOOD, (), -1, True)
PICTURE = replace(BUILT_IN["default"], name="picture", online_needs_picture=True)
G, B, D, U = Bucket.GOOD, Bucket.BAD, Bucket.UNDIAGNOSED, Bucket.UNKNOWN


@pytest.mark.parametrize(
    ("situation", "bucket"),
    [
        (SEEN, G),
        (SEEN._replace(picture=State.FAULTY, faults=("dark",)), G),
        (SEEN._replace(picture=State.NO_PICTURE), D),
        (SEEN._replace(picture=State.NO_PICTURE, overdue=GRACE), B),
        (SEEN._replace(picture=State.UNKNOWN), U),
        (SEEN._replace(picture=State.UNKNOWN, pictured=False), G),
        (SEEN._replace(online=State.OFFLINE), B),
        (SEEN._replace(online=State.OFFLINE, pictured=False), B),
        (SEEN._replace(online=State.UNKNOWN), U),
    ],
)
def test_online_by_picture(situation: Situation, bucket: Bucket) -> None:
    """Where a picture is the proof, any picture is enough, none is bad after the grace, and reach alone is not."""
    assert judge(situation, "online", PICTURE)[0] is bucket


def without_picture(hours: int) -> CameraHistory:
    """Its picture was good on the first day, and is missing for so many hours from then on."""
    gone = MONTH.start + DAY
    picture = ((MONTH.start, State.GOOD, ()), (gone, State.NO_PICTURE, ()), (gone + hours * HOUR, State.GOOD, ()))
    return replace(steady("a", MONTH.start), picture=picture)


@pytest.mark.parametrize("hours", [1, 4, 5, 24, 30])
def test_each_profile_has_its_own_grace(hours: int) -> None:
    """Several profiles at once judge one missing picture by graces of 0, 4 and 24 hours, each exactly."""
    profiles = [replace(BUILT_IN["default"], name=f"{grace}", grace=grace * HOUR) for grace in (0, 4, 24)]
    for row in table([without_picture(hours)], *profiles):
        if row.rate == "intact" and (row.key, row.class_) == ("32", "1"):
            grace = int(row.profile)
            assert (row.undiagnosed, row.bad) == (min(hours, grace) * HOUR, max(0, hours - grace) * HOUR)
    watch = Watch([(MONTH.start - DAY, MONTH.end + DAY)], ZONE, MONTH.start, MONTH.end)
    ledger = explain(without_picture(hours), watch, "intact", profiles[1])
    assert sum(line.end - line.start for line in ledger if line.bucket is B) == max(0, hours - 4) * HOUR
    assert all("4 h" in line.why for line in ledger if line.bucket in (B, D))


def sentences(lang: str) -> Iterator[str]:
    own = Profile(
        "own",
        {("intact", "1"): Fraction(985, 1000)},
        False,
        frozenset({"dark"}),
        ("1", "2"),
        True,
        4 * HOUR,
        {("3201", "online", "all"): Fraction(1, 2)},
        Method("daily_pass", pass_at=Fraction(9, 10)),
    )
    for what, means in describe(own, lang, {"3201": "甲区", "dark": "画面过暗"}):
        yield f"{what}|{means}"


def test_a_profile_is_described_whole_in_both_languages() -> None:
    """All that a profile fixes stands in its description, from the method to the targets."""
    assert [*sentences("zh")] == [
        "统计方法|按日达标统计：摄像机当日良好时长不少于考核时长的 90 % 即为达标，达标台日 ÷ 考核台日。",
        "在线判定|能取到图像方为在线（不要求有图像的摄像机以网络可达为准）。",
        "完好判定|图像正常为完好；离线不计入，分母仅为图像可诊断的摄像机。",
        "计入完好率的图像故障|画面过暗",
        "无图像|无图像未满 4 小时不予考核，期满计为不合格。",
        "“全部”所含类别|一类、二类",
        "目标值|完好率 一类 ≥ 98.5 %",
        "区域目标值|甲区 在线率 全部 ≥ 50 %",
    ]
    english = [*sentences("en")]
    for word in (
        "90 %",
        "picture arrives",
        "left out",
        "画面过暗",
        "4 h",
        "1, 2",
        "≥ 98.5 %",
        "甲区 online rate all",
    ):
        assert word in "\n".join(english)
    assert len(english) == 8


@pytest.mark.parametrize(("ratio", "text"), [("98/100", "98 %"), ("985/1000", "98.5 %"), ("1/3", "33.3333 %")])
def test_shares_are_printed_without_needless_zeros(ratio: str, text: str) -> None:
    """A target prints as people write it, and is cut off, never rounded up."""
    assert share(Fraction(ratio)) == text
