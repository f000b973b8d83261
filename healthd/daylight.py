"""Day or night at a place: from the sun's height, or from hours that somebody set. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from healthd.model import Moment
from probes.picture.light import Light

_DAY_DEGREES = 6.0  # the sun higher than this: no camera has changed to infrared yet
_NIGHT_DEGREES = -6.0  # the end of civil twilight: no camera is still in colour by the sky's light
_AROUND_HOURS = 3.0  # hours fit no season: so long before and after them it may be day or night
_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class DayHours:
    """From when to when it is surely day, by the local clock."""

    start: time
    end: time


STANDARD_HOURS = DayHours(time(7, 0), time(17, 30))
"""Where neither coordinates nor the configuration say anything."""


def sun_height(moment: Moment, longitude: float, latitude: float) -> float:
    """Degrees of the sun above the horizon, right to about a tenth until 2050 (the low-precision formulas of the
    Astronomical Almanac, without refraction)."""
    days = (moment / 1000 - _J2000) / 86_400
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360)
    mean = 280.460 + 0.9856474 * days
    ecliptic = math.radians(mean + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal = math.radians((280.46062 + 360.98564737 * days + longitude) % 360)
    angle, north = sidereal - ascension, math.radians(latitude)
    height = math.sin(north) * math.sin(declination) + math.cos(north) * math.cos(declination) * math.cos(angle)
    return math.degrees(math.asin(min(1.0, max(-1.0, height))))


def light_by_sun(moment: Moment, longitude: float, latitude: float) -> Light:
    """Between day and night there is an hour or so of twilight."""
    height = sun_height(moment, longitude, latitude)
    if height > _DAY_DEGREES:
        return Light.DAY
    return Light.NIGHT if height < _NIGHT_DEGREES else Light.TWILIGHT


def light_by_hours(moment: Moment, hours: DayHours, zone: ZoneInfo) -> Light:
    """Inside the hours it is day; around them nobody knows, as they are the same in all seasons."""
    local = datetime.fromtimestamp(moment / 1000, zone).time()
    now, start, end = (one.hour + one.minute / 60 + one.second / 3600 for one in (local, hours.start, hours.end))
    length = (end - start) % 24
    since = (now - start) % 24
    if since < length:
        return Light.DAY
    until = (start - now) % 24
    return Light.TWILIGHT if min(since - length, until) < _AROUND_HOURS else Light.NIGHT
