"""Regions on the page that Prometheus reads: the tree, heads, rates, faults, disagreements and pings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from healthd.exposition import Family, Format, block, escape, histogram_lines, labels
from healthd.live import RTT_BUCKETS_SECONDS, WINDOWS, Page
from healthd.rates.rows import Row

_STATES = {
    "online": ("online", "offline", "unknown", "exempt"),
    "picture": ("good", "faulty", "no_picture", "unknown", "exempt"),
}

_INFO = Family("healthd_region_info", "info", "Name and place in the tree of each region, to be joined by region.")
_LONGITUDE = Family(
    "healthd_region_longitude_degrees", "gauge", "The middle of the region's cameras, east of Greenwich."
)
_LATITUDE = Family(
    "healthd_region_latitude_degrees", "gauge", "The middle of the region's cameras, north of the equator."
)
_CAMERAS = Family("healthd_region_cameras", "gauge", "Cameras in and below the region now, by state.")
_RATIO = Family(
    "healthd_region_rate_ratio", "gauge", "Good over assessed time; absent while coverage is below one half."
)
_COVERAGE = Family("healthd_region_coverage_ratio", "gauge", "Assessed over assessed and unknown time.")
_VERDICT = Family("healthd_region_verdict", "gauge", "1 for the verdict that holds.")
_SECONDS = Family("healthd_region_camera_seconds", "gauge", "Camera time in the window, by what it counted as.")
_TARGET = Family("healthd_region_target_ratio", "gauge", "The ratio to reach.")
_HEADS = Family("healthd_region_rate_cameras", "gauge", "Cameras now, by what each counts as for the rate.")
_GAP = Family("healthd_region_gap_cameras", "gauge", "Cameras that would have to be good now to reach the target.")
_SECONDS_TOTAL = Family(
    "healthd_region_camera_seconds_total",
    "counter",
    "Assessed camera time, booked once decided.",
    name_taken=True,  # by healthd_region_camera_seconds
)
_WINDOW_START = Family("healthd_window_start_timestamp_seconds", "gauge", "Where the window begins.")
_WINDOW_END = Family("healthd_window_end_timestamp_seconds", "gauge", "Where the window ends.")
_FAULTY = Family("healthd_region_faulty_cameras", "gauge", "Cameras whose picture has the fault now.")
_DISAGREEMENTS = Family(
    "healthd_region_disagreements", "gauge", "Cameras whose reach and picture contradict each other now."
)
_RTT = Family("healthd_region_rtt_seconds", "histogram", "Round trip times of the region's pings.")
_SENT = Family("healthd_region_packets_sent_total", "counter", "Echo requests sent to the region's cameras.")
_LOST = Family("healthd_region_packets_lost_total", "counter", "Echo requests that got no reply in time.")


def region_blocks(page: Page, form: Format) -> Iterator[str]:
    yield block(_INFO, form, _info_lines(page))
    places = page.inventory.places
    yield block(_LONGITUDE, form, [_degrees(_LONGITUDE, code, place.longitude) for code, place in places.items()])
    yield block(_LATITUDE, form, [_degrees(_LATITUDE, code, place.latitude) for code, place in places.items()])
    yield block(_CAMERAS, form, _head_lines(page))
    yield from _rate_blocks(page, form)
    yield from _now_blocks((*page.rows.get("now", ()), *_assessed(page, "now")), form)
    yield block(_SECONDS_TOTAL, form, _booked_lines(page))
    for family, edge in ((_WINDOW_START, 0), (_WINDOW_END, 1)):
        lines = [
            f'{family.name}{{window="{window}"}} {times[edge] / 1000}\n' for window, times in page.windows.items()
        ]
        yield block(family, form, lines)
    yield block(
        _FAULTY,
        form,
        [
            f"{_FAULTY.name}{labels({'region': region, 'class': class_, 'fault': fault})} {cameras}\n"
            for (region, class_, fault), cameras in page.faults.items()
        ],
    )
    yield block(
        _DISAGREEMENTS,
        form,
        [
            f"{_DISAGREEMENTS.name}{labels({'region': region, 'class': class_, 'finding': finding})} {cameras}\n"
            for (region, class_, finding), cameras in page.disagreements.items()
        ],
    )
    yield from _traffic_blocks(page, form)


def _info_lines(page: Page) -> list[str]:
    return [
        _INFO.name
        + labels(
            {
                "region": region.code,
                "name": region.name,
                "level": region.level,
                "parent": region.parent,
                "path": page.inventory.paths[region.code],
            }
        )
        + " 1\n"
        for region in page.inventory.regions.values()
    ]


def _degrees(family: Family, region: str, value: float) -> str:
    return f"{family.name}{labels({'region': region})} {value}\n"


def _head_lines(page: Page) -> list[str]:
    """All states of every class that has cameras, zeros too: a series that comes and goes breaks every graph."""
    populated: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (region, class_, axis, _), cameras in page.heads.items():
        if cameras:
            populated[region, class_].add(axis)
    lines = []
    for (region, class_), axes in populated.items():
        inner = f'region="{escape(region)}",class="{class_}"'
        for axis, states in _STATES.items():
            if axis in axes:
                lines += [
                    f'{_CAMERAS.name}{{{inner},axis="{axis}",state="{state}"}} '
                    f"{page.heads.get((region, class_, axis, state), 0)}\n"
                    for state in states
                ]
    return lines


def _inner(row: Row) -> str:
    return f'region="{escape(row.key)}",class="{row.class_}",rate="{row.rate}",profile="{escape(row.profile)}"'


def _rate_blocks(page: Page, form: Format) -> Iterator[str]:
    lines: dict[Family, list[str]] = {_RATIO: [], _COVERAGE: [], _VERDICT: [], _SECONDS: []}
    for window in WINDOWS:
        for row in (*page.rows.get(window, ()), *_assessed(page, window)):
            inner = f'{_inner(row)},window="{window}"'
            assessed, known = row.assessed, row.assessed + row.unknown
            if known:
                lines[_COVERAGE].append(f"{_COVERAGE.name}{{{inner}}} {assessed / known}\n")
            if assessed and 2 * assessed >= known:
                lines[_RATIO].append(f"{_RATIO.name}{{{inner}}} {row.good / assessed}\n")
            lines[_VERDICT].append(f'{_VERDICT.name}{{{inner},verdict="{row.verdict}"}} 1\n')
            if row.timed:
                lines[_SECONDS] += [
                    f'{_SECONDS.name}{{{inner},kind="{kind}"}} {time / 1000}\n' for kind, time in _kinds(row)
                ]
    for family, found in lines.items():
        yield block(family, form, found)


def _assessed(page: Page, window: str) -> Iterator[Row]:
    """The further rates, which are told of all classes together only."""
    return (row for row in page.assessed.get(window, ()) if row.class_ == "all")


def _kinds(row: Row) -> tuple[tuple[str, int], ...]:
    """Milliseconds by kind; in a row of the window `now` cameras."""
    return (
        ("good", row.good),
        ("bad", row.bad),
        ("undiagnosed", row.undiagnosed),
        ("unknown", row.unknown),
        ("exempt", row.exempt),
    )


def _now_blocks(rows: Sequence[Row], form: Format) -> Iterator[str]:
    heads = [
        f'{_HEADS.name}{{{_inner(row)},kind="{kind}"}} {cameras}\n'
        for row in rows
        for kind, cameras in _kinds(row)
    ]
    yield block(_HEADS, form, heads)
    judged = [(row, _inner(row)) for row in rows if row.target is not None]
    yield block(_TARGET, form, [f"{_TARGET.name}{{{inner}}} {float(row.target or 0)}\n" for row, inner in judged])
    yield block(_GAP, form, [f"{_GAP.name}{{{inner}}} {row.gap_cameras}\n" for row, inner in judged])


def _booked_lines(page: Page) -> list[str]:
    names = ("region", "class", "rate", "profile", "kind")
    return [
        f"{_SECONDS_TOTAL.name}{labels(dict(zip(names, key, strict=True)))} {time / 1000}\n"
        for key, time in page.booked.items()
    ]


def _traffic_blocks(page: Page, form: Format) -> Iterator[str]:
    rtt, sent, lost = [], [], []
    for region, traffic in page.traffic.items():
        inner = f'region="{escape(region)}"'
        rtt += histogram_lines(_RTT.name, inner, RTT_BUCKETS_SECONDS, traffic.rtt_counts, traffic.rtt_sum_seconds)
        sent.append(f"{_SENT.name}{{{inner}}} {traffic.sent}\n")
        lost.append(f"{_LOST.name}{{{inner}}} {traffic.lost}\n")
    yield block(_RTT, form, rtt)
    yield block(_SENT, form, sent)
    yield block(_LOST, form, lost)
