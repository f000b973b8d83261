"""Day, night and twilight, against published times of sunrise and sunset."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from healthd.daylight import DayHours, light_by_hours, light_by_sun, sun_height
from probes.picture.light import Light

NANTONG = (120.9, 32.0)
CHINA = ZoneInfo("Asia/Shanghai")


def moment(text: str, zone: ZoneInfo = CHINA) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("at", "longitude", "latitude", "height"),
    [
        (datetime(2026, 3, 20, 14, 46, tzinfo=UTC), 0.0, 0.0, 90 - 39.6),  # equinox: the sun stands over 39.6 W
        (datetime(2026, 6, 21, 12, 2, tzinfo=UTC), 0.0, 51.48, 90 - 51.48 + 23.44),  # noon at Greenwich, midsummer
        (datetime(2026, 12, 21, 12, 0, tzinfo=UTC), 0.0, 80.0, 90 - 80 - 23.44),  # polar night
    ],
)
def test_heights_that_geometry_gives(at: datetime, longitude: float, latitude: float, height: float) -> None:
    """At noon the sun stands 90 degrees less the latitude plus its declination above the horizon."""
    assert sun_height(round(at.timestamp() * 1000), longitude, latitude) == pytest.approx(height, abs=0.3)


def test_a_day_in_nantong() -> None:
    """In midsummer it is day at six in the morning, in midwinter not before half past seven; the night is long."""
    expected = {
        "2026-06-21 04:00": Light.NIGHT,
        "2026-06-21 06:00": Light.DAY,
        "2026-06-21 19:10": Light.TWILIGHT,
        "2026-12-21 06:45": Light.TWILIGHT,
        "2026-12-21 07:45": Light.DAY,
        "2026-12-21 17:10": Light.TWILIGHT,
        "2026-12-21 18:00": Light.NIGHT,
    }
    assert {text: light_by_sun(moment(text), *NANTONG) for text in expected} == expected


def told(hours: DayHours, *clocks: str) -> list[Light]:
    return [light_by_hours(moment(f"2026-11-24 {clock}"), hours, CHINA) for clock in clocks]


def test_hours_leave_room_for_the_seasons() -> None:
    """Inside the hours it is day, three hours around them nobody knows, and else it is night."""
    hours = DayHours(time(7, 0), time(17, 30))
    told = [light_by_hours(moment(f"2026-11-24 {at}"), hours, CHINA) for at in ("07:00", "17:29")]
    assert told == [Light.DAY] * 2
    told = [
        light_by_hours(moment(f"2026-11-24 {at}"), hours, CHINA) for at in ("04:01", "06:59", "17:30", "20:29")
    ]
    assert told == [Light.TWILIGHT] * 4
    told = [light_by_hours(moment(f"2026-11-24 {at}"), hours, CHINA) for at in ("20:31", "00:00", "03:59")]
    assert told == [Light.NIGHT] * 3


def test_hours_across_midnight() -> None:
    """A clock set to another zone's time may have its day across midnight."""
    hours = DayHours(time(22, 0), time(8, 0))
    told = [
        light_by_hours(moment(f"2026-11-24 {at}"), hours, CHINA) for at in ("23:00", "02:00", "09:00", "15:00")
    ]
    assert told == [Light.DAY, Light.DAY, Light.TWILIGHT, Light.NIGHT]
