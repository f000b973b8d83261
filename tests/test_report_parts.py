"""The parts of a report with literals: numbers, periods, ranks, outages, moves, texts, charts."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from healthd.model import CameraHistory, Lifecycle, Placement, State
from healthd.periods import iso, moment_of
from healthd.rates.rows import Row
from healthd.rates.timeline import Watch
from healthd.report.build import numeral
from healthd.report.chart import svg
from healthd.report.document import Chart, Series
from healthd.report.gather import moved, outages
from healthd.report.material import ReportKind
from healthd.report.numbers import percent, points, target
from healthd.report.sections import ranked
from healthd.report.spans import last_period, months_before, week_period
from healthd.report.texts_en import EN
from healthd.report.texts_zh import ZH

ZONE = ZoneInfo("Asia/Shanghai")
HOUR = 3_600_000
DAY = 24 * HOUR
START = moment_of(datetime(2026, 10, 1, tzinfo=ZONE))


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Fraction(97_999, 100_000), "97.99%"),
        (Fraction(1), "100.00%"),
        (Fraction(999_999, 1_000_000), "99.99%"),
        (Fraction(0), "0.00%"),
        (Fraction(2, 3), "66.66%"),
    ],
)
def test_percentages_are_cut_off(ratio: Fraction, said: str) -> None:
    """What falls short of a number is never printed as that number."""
    assert percent(ratio) == said


def test_points_are_cut_off_towards_zero() -> None:
    """A change is never printed larger than it was, up or down; nothing has no sign."""
    found = [points(Fraction(n, 100_000)) for n in (359, -359, 9, -9, 0, 100_000)]
    assert found == ["+0.35", "-0.35", "0.00", "0.00", "0.00", "+100.00"]
    assert [target(Fraction(97, 100)), target(Fraction(975, 1000)), target(Fraction(1))] == [
        "97%",
        "97.5%",
        "100%",
    ]


@pytest.mark.parametrize(
    ("kind", "now", "starts_on", "name", "start_end"),
    [
        (ReportKind.MONTHLY, (2026, 11, 25, 6), 1, "2026-10", ("2026-10-01", "2026-11-01")),
        (ReportKind.MONTHLY, (2026, 11, 1, 0), 1, "2026-10", ("2026-10-01", "2026-11-01")),
        (ReportKind.MONTHLY, (2026, 11, 25, 6), 26, "2026-10", ("2026-09-26", "2026-10-26")),
        (ReportKind.MONTHLY, (2026, 11, 26, 6), 26, "2026-11", ("2026-10-26", "2026-11-26")),
        (ReportKind.MONTHLY, (2027, 1, 5, 6), 1, "2026-12", ("2026-12-01", "2027-01-01")),
        (ReportKind.WEEKLY, (2026, 11, 24, 7), 1, "2026-W47", ("2026-11-16", "2026-11-23")),
        (ReportKind.WEEKLY, (2027, 1, 4, 7), 1, "2026-W53", ("2026-12-28", "2027-01-04")),
        (ReportKind.DAILY, (2026, 11, 1, 0), 1, "2026-10-31", ("2026-10-31", "2026-11-01")),
    ],
)
def test_the_last_period_that_has_ended(
    kind: ReportKind, now: tuple[int, int, int, int], starts_on: int, name: str, start_end: tuple[str, str]
) -> None:
    """A scheduled report is about the last whole month, week or day, whatever day months begin on."""
    period = last_period(kind, moment_of(datetime(*now, tzinfo=ZONE)), ZONE, starts_on)
    assert period.name == name
    assert [iso(at, ZONE)[:10] for at in (period.span.start, period.span.end)] == [*start_end]
    assert period.before is not None
    assert period.before.end == period.span.start


def test_names_of_months_and_a_week_with_a_change_of_clocks() -> None:
    """Thirteen months end with the named one; a week in which clocks are put back has 169 hours."""
    assert months_before("2026-02", 3) == ["2025-12", "2026-01", "2026-02"]
    week = week_period("2026-W43", ZoneInfo("Europe/Berlin"))
    assert week.span.end - week.span.start == 7 * DAY + HOUR


def history(*flips: tuple[int, State], exempt: tuple[tuple[int, int], ...] = ()) -> CameraHistory:
    """A camera whose reach changed at these hours."""
    online = tuple((START + hour * HOUR, state, ()) for hour, state in flips)
    spans = tuple((START + since * HOUR, START + until * HOUR) for since, until in exempt)
    return CameraHistory("c", ((START - 90 * DAY, Placement("r", "1")),), online, (), spans)


def watched(*beats: tuple[int, int]) -> Watch:
    """30 days that were seen in these hours."""
    return Watch([(START + a * HOUR, START + b * HOUR) for a, b in beats], ZONE, START, START + 30 * DAY)


ON, OFF = State.ONLINE, State.OFFLINE
WHOLE = (-90 * 24, 30 * 24)


@pytest.mark.parametrize(
    ("camera", "watch", "hours"),
    [
        (history((0, ON), (10, OFF), (34, ON)), watched(WHOLE), []),  # 24 h is not more than 24 h
        (history((0, ON), (10, OFF), (35, ON)), watched(WHOLE), [25]),
        (history((0, ON), (10, OFF), (20, ON), (21, OFF), (40, ON)), watched(WHOLE), []),  # two short ones
        (history((-40, OFF), (20, ON)), watched(WHOLE), []),  # of 60 h, 20 lie in the period
        (history((-40, OFF), (30, ON)), watched(WHOLE), [30]),
        (history((0, ON), (690, OFF)), watched(WHOLE), [30]),  # it still was
        (history((0, ON), (10, OFF), (40, ON), exempt=((12, 18),)), watched(WHOLE), []),
        (history((0, ON), (10, OFF), (41, ON), exempt=((12, 18),)), watched(WHOLE), [25]),
        (history((0, ON), (10, OFF), (40, ON)), watched((-2160, 12), (19, 720)), []),  # 7 h were not seen
        (history((0, ON), (10, OFF)), watched((-2160, 40)), [30]),  # nothing is known after hour 40
    ],
)
def test_outages_count_what_was_to_be_assessed_and_was_seen(
    camera: CameraHistory, watch: Watch, hours: list[int]
) -> None:
    """More than 24 hours of one outage within the period, without exempt and unseen time."""
    assert [one.counted // HOUR for one in outages(camera, watch)] == hours


def test_moves_leave_out_what_a_camera_began_with() -> None:
    """The first placement is no change, an equal one neither; come, moved, suspended and gone are."""
    one, two = Placement("r", "1"), Placement("s", "1")
    placed = (
        (0, one),
        (5, one),
        (10, two),
        (20, replace(two, lifecycle=Lifecycle.SUSPENDED)),
        (30, None),
        (99, one),
    )
    camera = CameraHistory("c", placed, (), ())
    assert [move.at for move in moved(camera, 0, 50)] == [10, 20, 30]
    assert [move.old for move in moved(camera, -1, 5)] == [None]


def row(key: str, good: int, bad: int, unknown: int = 0) -> Row:
    amounts = (good, bad, 0, unknown, 0, 0, good, good + bad)
    return Row("region", key, key, key, "county", "all", "online", "p", 0, 1, False, 1, *amounts, None)


def test_ranks_compare_exact_ratios() -> None:
    """99.9999 % is before 99.9998 %; equal ones share a rank, the next is left out; too little coverage: none."""
    rows = [
        row("d", 999_998, 2),
        row("a", 999_999, 1),
        row("c", 1, 1),
        row("b", 2, 2),
        row("x", 1, 0, 99),
        row("e", 0, 1),
    ]
    assert [(rank, one.key) for rank, one in ranked(rows)] == [
        (1, "a"), (2, "d"), (3, "b"), (3, "c"), (5, "e"), (None, "x"),
    ]  # fmt: skip


def test_both_languages_say_the_same_things() -> None:
    """The same keys, and in each text the same places to fill in, but for those that only one has a use for."""
    assert ZH.keys() == EN.keys()
    free = {"year", "month", "month_name", "day", "before"}
    for key, text in ZH.items():
        places = [
            {name for _, name, _, _ in string.Formatter().parse(said) if name} - free for said in (text, EN[key])
        ]
        assert places[0] == places[1], key


def test_numerals() -> None:
    """Sections are numbered as in Chinese papers."""
    assert [numeral(n) for n in (1, 10, 11, 12, 20, 21)] == ["一", "十", "十一", "十二", "二十", "二十一"]


def test_a_chart_leaves_gaps_where_nothing_is_known() -> None:
    """Months without data break the line; every value has its dot; the axis begins below the lowest."""
    values = [None, Fraction(95, 100), Fraction(96, 100), None, Fraction(97, 100)]
    chart = Chart(
        "k",
        "标题 <&>",
        ["1", "2", "3", "4", "5"],
        [Series("率", values), Series("目标", [Fraction(9, 10)] * 5, True)],
    )
    drawn = etree.fromstring(svg(chart).encode())
    assert drawn.get("aria-label") == "标题 <&>"
    space = {"s": "http://www.w3.org/2000/svg"}
    assert len(drawn.findall("s:circle", space)) == 3
    line = next(path for path in drawn.findall("s:path", space) if path.get("stroke-width") == "2.2")
    assert str(line.get("d")).count("M") == 2
    said = [text.text for text in drawn.findall("s:text", space)]
    assert "100%" in said
    assert "86%" in said
    assert "84%" not in said
