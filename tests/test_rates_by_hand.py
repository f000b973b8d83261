"""`healthd rates --json` against a day that was worked out by hand: every key, every kind of time, every grouping.

2 June 2025 in Shanghai. healthd saw until 22:00, but not from 02:00 to 02:30, so of each camera's 79,200 known
seconds 1,800 are unknown.

| camera | where | what happened |
|---|---|---|
| A | 320101, class 1, school, north | nothing |
| B | 320101, class 1, school, south | offline 10:00-12:00, first picture after that at 12:10 |
| C | 320102, class 2, police, north | no picture since 13:00 the day before; exempt from 20:00 on |
| D | 320102, class 3; from noon on 3202, class 9; police, then nobody | no picture is expected |
| E | 3202, class 1, shop | suspended |
| F | 3202, class 2, shop, south | never answered anything that decided |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from healthd.model import (
    Axis,
    Change,
    Exemption,
    ExemptReason,
    Flip,
    Lifecycle,
    Moment,
    Placement,
    Scope,
    ScopeKind,
    State,
)
from healthd.periods import parse_moment
from healthd.store import Batch, Store
from tests.report_kit import healthd_says

ZONE = ZoneInfo("Asia/Shanghai")
DAY = ("--from", "2025-06-02", "--to", "2025-06-03")
KINDS = ("good", "bad", "undiagnosed", "unknown", "exempt", "out_of_service")
KNOWN, GAP = 79_200, 1_800
SEEN = KNOWN - GAP
Kinds = tuple[int, int, int, int, int, int]

# (online), (intact by default), (intact by ningxia-2014) of each camera in each place, in the order of KINDS.
PARTS: Mapping[tuple[str, str, str], tuple[Kinds, Kinds, Kinds]] = {
    ("A", "320101", "1"): (
        (SEEN, 0, 0, GAP, 0, 0),
        (SEEN, 0, 0, GAP, 0, 0),
        (SEEN, 0, 0, GAP, 0, 0),
    ),
    ("B", "320101", "1"): (
        (70_200, 7_200, 0, GAP, 0, 0),
        (69_600, 7_200, 0, 2_400, 0, 0),
        (69_600, 0, 7_200, 2_400, 0, 0),
    ),
    ("C", "320102", "2"): (
        (70_200, 0, 0, GAP, 7_200, 0),
        (0, 25_200, 45_000, GAP, 7_200, 0),
        (0, 25_200, 45_000, GAP, 7_200, 0),
    ),
    ("D", "320102", "3"): (
        (41_400, 0, 0, GAP, 0, 0),
        (0, 0, 41_400, GAP, 0, 0),
        (0, 0, 41_400, GAP, 0, 0),
    ),
    ("D", "3202", "9"): (
        (36_000, 0, 0, 0, 0, 0),
        (0, 0, 36_000, 0, 0, 0),
        (0, 0, 36_000, 0, 0, 0),
    ),
    ("E", "3202", "1"): ((0, 0, 0, 0, 0, KNOWN),) * 3,
    ("F", "3202", "2"): ((0, 0, 0, KNOWN, 0, 0),) * 3,
}
# What exemptions hide: (raw good, raw assessed) less (good, assessed), by column as above.
RAW = {"C": ((7_200, 7_200), (0, 7_200), (0, 7_200))}
ABOVE = {"320101": ("3201", "32"), "320102": ("3201", "32"), "3202": ("32",)}
UNITS = {"A": "school", "B": "school", "C": "police", "D": "police", "E": "shop", "F": "shop"}
MAINTAINERS = {"A": "north", "B": "south", "C": "north", "D": "", "E": "", "F": "south"}
POLES = {"A": "p1", "B": "p2", "C": "p1"}
COLUMNS = (("online", "default"), ("intact", "default"), ("online", "ningxia-2014"), ("intact", "ningxia-2014"))


def at(text: str) -> Moment:
    return parse_moment(text, ZONE)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("by_hand")
    (directory / "regions.csv").write_text(
        "code,name,level,parent\n32,城,city,\n3201,甲区,county,32\n3202,乙区,county,32\n"
        "320101,一街道,township,3201\n320102,二街道,township,3201\n"
    )
    (directory / "departments.csv").write_text(
        "id,name,parent\nbureau,市局,\nschool,学校,bureau\npolice,派出所,bureau\nshop,商户,\n"
    )
    (directory / "devices.csv").write_text("id,name,kind,region,address,credential,upstream,upstream_port\n")
    head = "id,name,region,class,address,unit,maintainer,lifecycle,picture,pole\n"
    rows = (
        "A,门,320101,1,10.0.0.1,school,north,,,p1\nB,口,320101,1,10.0.0.2,school,south,,,p2\n"
        "C,街,320102,2,10.0.0.3,police,north,,,p1\nD,巷,3202,9,10.0.0.4,police,,,no,\n"
        "E,店,3202,1,10.0.0.5,shop,,suspended,,\nF,铺,3202,2,10.0.0.6,shop,south,,,\n"
    )
    (directory / "cameras.csv").write_text(head + rows)
    (directory / "healthd.yml").write_text(
        "site: s\ntimezone: Asia/Shanghai\nchecks: {ping: {}, frame: {}}\nprofiles: [default, ningxia-2014]\n"
        "inventory: {regions: regions.csv, devices: devices.csv, cameras: cameras.csv,\n"
        "  departments: departments.csv}\n"
    )
    _write(Store.open(f"sqlite:///{directory}/healthd.db", writer=True))
    return directory / "healthd.yml"


def _write(store: Store) -> None:
    begun, placed = at("2025-06-01"), [key for key in PARTS if key != ("D", "3202", "9")]
    changes = [
        Change(
            camera,
            begun,
            Placement(
                region,
                class_,
                UNITS[camera],
                MAINTAINERS[camera],
                Lifecycle.SUSPENDED if camera == "E" else Lifecycle.IN_SERVICE,
                picture=camera != "D",
            ),
            "x",
        )
        for camera, region, class_ in placed
    ]
    changes.append(Change("D", at("2025-06-02T12:00"), Placement("3202", "9", "police", picture=False), "x"))
    flips = [Flip(camera, Axis.ONLINE, begun, State.ONLINE, State.UNKNOWN) for camera in "ABCD"]
    flips += [Flip(camera, Axis.PICTURE, begun, State.GOOD, State.UNKNOWN) for camera in "ABC"]
    for axis, when, state, was in (
        (Axis.ONLINE, "10:00", State.OFFLINE, State.ONLINE),
        (Axis.PICTURE, "10:00", State.UNKNOWN, State.GOOD),
        (Axis.ONLINE, "12:00", State.ONLINE, State.OFFLINE),
        (Axis.PICTURE, "12:10", State.GOOD, State.UNKNOWN),
    ):
        flips.append(Flip("B", axis, at(f"2025-06-02T{when}"), state, was))
    flips.append(Flip("C", Axis.PICTURE, at("2025-06-01T13:00"), State.NO_PICTURE, State.GOOD))
    store.write(Batch((), (begun, at("2025-06-02T02:00")), changes, recorded=begun))
    store.write(Batch(flips, (at("2025-06-02T02:30"), at("2025-06-02T22:00")), recorded=begun))
    scope, start, end = Scope(ScopeKind.CAMERA, "C"), at("2025-06-02T20:00"), at("2025-06-04")
    store.file(Exemption("x", scope, start, end, ExemptReason.CONSTRUCTION, "Wang", "Li", start))
    store.close()


Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def rows(config: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def ask(*more: str) -> list[dict[str, Any]]:
        code, out, err = healthd_says(capsys, "rates", "-c", config, *DAY, "--json", *more)
        assert (code, err) == (0, "")
        found: list[dict[str, Any]] = json.loads(out)
        return found

    return ask


def keys_of(by: str, camera: str, region: str) -> list[str]:
    match by:
        case "region":
            return [region, *ABOVE[region]]
        case "department":
            return [UNITS[camera], *(["bureau"] if UNITS[camera] != "shop" else [])]
        case "unit":
            return [UNITS[camera]]
        case "maintainer":
            # D's maintainer was nobody in both places.
            return [MAINTAINERS[camera]]
        case "tag:pole":
            return [POLES.get(camera, "")]
    return [camera]


def expected(by: str, inside: str = "") -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """(key, class, rate, profile) -> kinds, raw sums and cameras, added up part by part."""
    found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for (camera, region, class_), columns in PARTS.items():
        if inside and inside not in (region, *ABOVE[region]):
            continue
        lines = [
            key
            for key in keys_of(by, camera, region)
            if not (by == "region" and inside and len(key) < len(inside))
        ]
        for number, (rate, profile) in enumerate(COLUMNS):
            column = {0: 0, 1: 1, 2: 0, 3: 2}[number]
            kinds = columns[column]
            raw = RAW.get(camera, ((0, 0),) * 3)[column]
            for key in lines:
                for shown in (class_, "all"):
                    row = found.setdefault(
                        (key, shown, rate, profile), {"kinds": [0] * 6, "raw": [0, 0], "cameras": set()}
                    )
                    row["kinds"] = [a + b for a, b in zip(row["kinds"], kinds, strict=True)]
                    sums = (kinds[0] + raw[0], kinds[0] + kinds[1] + raw[1])
                    row["raw"] = [a + b for a, b in zip(row["raw"], sums, strict=True)]
                    if any(kinds[:5]):
                        row["cameras"].add(camera)
    return found


TARGETS = {
    ("intact", "1", "default"): Fraction(98, 100),
    ("intact", "2", "default"): Fraction(95, 100),
    ("intact", "all", "default"): Fraction(97, 100),
    ("online", "all", "default"): Fraction(90, 100),
    ("intact", "all", "ningxia-2014"): Fraction(97, 100),
    ("online", "all", "ningxia-2014"): Fraction(90, 100),
}
KEYS = {
    "by", "key", "region", "name", "level", "class", "rate", "from", "to", "profile", "cameras", "good_seconds",
    "assessed_seconds", "undiagnosed_seconds", "unknown_seconds", "exempt_seconds", "out_of_service_seconds",
    "ratio", "raw_ratio", "coverage", "target", "verdict", "gap_cameras",
}  # fmt: skip


@pytest.mark.parametrize("by", ["region", "department", "unit", "maintainer", "camera", "tag:pole"])
@pytest.mark.parametrize("inside", ["", "3201", "320102"])
def test_every_row_is_what_was_worked_out_by_hand(rows: Ask, by: str, inside: str) -> None:
    """All rows there are and no others, with every kind of time, ratio, verdict, gap, of the city or a subtree."""
    told = {
        (row["key"], row["class"], row["rate"], row["profile"]): row
        for row in rows("--by", by, *(("--region", inside) if inside else ()))
    }
    by_hand = expected(by, inside)
    assert told.keys() == by_hand.keys()
    for key, row in told.items():
        _check(row, by_hand[key], TARGETS.get((key[2], key[1], key[3])))
        assert row.keys() >= KEYS
        assert (row["by"], row["from"], row["to"], row["clipped"]) == (
            by,
            "2025-06-02T00:00:00+08:00",
            "2025-06-02T22:00:00+08:00",
            True,
        )
        shown = {"region": row["key"], "camera": {"D": "3202" if inside != "320102" else "320102"}.get(key[0])}
        if by == "region":
            assert row["region"] == shown["region"]
        elif by != "camera":
            assert row["region"] == (inside or None)


def _check(row: Mapping[str, Any], by_hand: Mapping[str, Any], target: Fraction | None) -> None:
    good, bad, undiagnosed, unknown, exempt, out = by_hand["kinds"]
    assessed, cameras = good + bad, len(by_hand["cameras"])
    ratio = Fraction(good, assessed) if assessed else None
    raw = Fraction(*by_hand["raw"]) if by_hand["raw"][1] else None
    coverage = Fraction(assessed, assessed + unknown) if assessed + unknown else None
    verdict, gap = "none", None
    if target is not None:
        enough = coverage is not None and coverage >= Fraction(95, 100) and ratio is not None
        verdict = "insufficient" if not enough else "pass" if ratio is not None and ratio >= target else "fail"
        gap = None if ratio is None else max(0, -(-(cameras * (target - ratio)) // 1))
    wanted = {
        "cameras": cameras,
        "good_seconds": good,
        "assessed_seconds": assessed,
        "undiagnosed_seconds": undiagnosed,
        "unknown_seconds": unknown,
        "exempt_seconds": exempt,
        "out_of_service_seconds": out,
        "ratio": ratio,
        "raw_ratio": raw,
        "coverage": coverage,
        "target": target,
        "verdict": verdict,
        "gap_cameras": gap,
    }
    for name, value in wanted.items():
        assert row[name] == (float(value) if isinstance(value, Fraction) else value), (name, row)
    assert isinstance(row["cameras"], int)


def test_figures_of_the_example_are_those_on_paper(rows: Ask) -> None:
    """A few of them once more as plain numbers: the street of A and B, and the city."""
    told = {(r["key"], r["class"], r["rate"], r["profile"]): r for r in rows()}
    street = told["320101", "1", "intact", "default"]
    assert (street["good_seconds"], street["assessed_seconds"], street["unknown_seconds"]) == (
        147_000,
        154_200,
        4_200,
    )
    assert (street["verdict"], street["gap_cameras"], street["target"], street["cameras"]) == ("fail", 1, 0.98, 2)
    assert (street["name"], street["level"], street["region"]) == ("一街道", "township", "320101")
    assert told["320101", "all", "online", "default"]["verdict"] == "pass"
    assert told["320101", "1", "online", "default"]["verdict"] == "none"
    assert told["320101", "1", "online", "default"]["gap_cameras"] is None
    city = told["32", "all", "online", "default"]
    assert (city["good_seconds"], city["assessed_seconds"], city["unknown_seconds"]) == (295_200, 302_400, 86_400)
    assert (city["exempt_seconds"], city["out_of_service_seconds"]) == (7_200, 79_200)
    assert (city["verdict"], city["cameras"]) == ("insufficient", 5)
    suspended = told["3202", "1", "online", "default"]
    assert (suspended["cameras"], suspended["ratio"], suspended["coverage"]) == (0, None, None)
    assert suspended["verdict"] == "none"
    assert told["3202", "2", "intact", "default"]["verdict"] == "insufficient"


def test_narrowing_leaves_the_rows_as_they_are(rows: Ask) -> None:
    """--class, --rate, --profile and --camera choose rows, or seconds; none of them changes a figure."""
    whole = rows()
    for option, name, value in (
        ("--class", "class", "1"),
        ("--rate", "rate", "intact"),
        ("--class", "class", "all"),
    ):
        assert rows(option, value) == [row for row in whole if row[name] == value]
    assert rows("--profile", "ningxia-2014") == [row for row in whole if row["profile"] == "ningxia-2014"]
    alone = rows("--camera", "D", "--by", "camera")
    assert alone == [row for row in rows("--by", "camera") if row["key"] == "D"]
    moved = {(r["key"], r["class"]): r["good_seconds"] for r in rows("--camera", "D") if r["rate"] == "online"}
    assert moved == {
        ("32", "3"): 41_400, ("32", "9"): 36_000, ("32", "all"): SEEN,
        ("3201", "3"): 41_400, ("3201", "all"): 41_400,
        ("320102", "3"): 41_400, ("320102", "all"): 41_400, ("3202", "9"): 36_000, ("3202", "all"): 36_000,
    }  # fmt: skip
