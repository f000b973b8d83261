"""Stories of alerts on rates, pictures and clocks of regions."""

from __future__ import annotations

from tests.alert_kit import (
    COUNTY,
    NEVER,
    OF_RATE,
    RATE,
    SMALL,
    Check,
    Series,
    Story,
    at_county,
    booked,
    healthd,
    many,
    one,
    ratio,
    seconds,
    three,
    tree,
    verdict,
)


def region_stories() -> list[Story]:
    return [*_rates(), *_pictures()]


def _rates() -> list[Story]:
    fleet = many(healthd(), tree())
    alert = "HealthdRegionRateBelowTarget"
    found = three(
        alert,
        (many(fleet, verdict("1x60", "_x61")), Check("17m", OF_RATE)),
        (many(healthd(), SMALL, verdict("1x60", "_x61")), Check("40m", NEVER)),
        (many(fleet, verdict("1x29 stale", "_x30 1x90")), "29m", OF_RATE, "50m"),
    )
    found += [
        Story(
            alert, "does not fire before 15 minutes", many(fleet, verdict("1x60", "_x61")), [Check("14m", NEVER)]
        ),
        Story(
            alert,
            "goes on while the rate is absent, and while healthd is down for an hour",
            many(
                healthd("1x39 stale _x59 0x3 1x200"),
                tree(values="Nx39 stale _x59 Nx204"),
                verdict("1x29 stale _x72 1x60", "_x300"),
            ),
            [Check(f"{minute}m", OF_RATE) for minute in (20, 35, 45, 70, 99, 101, 110, 150)],
        ),
        Story(
            alert,
            "does not begin while healthd is down",
            many(healthd("1x10 stale"), tree(values="Nx10 stale _x99"), verdict("1x10 stale", "_x200")),
            [Check("30m", NEVER), Check("60m", NEVER)],
        ),
        Story(
            alert,
            "resolves when the region leaves the inventory",
            many(healthd(), tree(values="Nx29 stale"), verdict("1x29 stale", "_x200")),
            [Check("29m", OF_RATE), Check("55m", NEVER)],
        ),
        Story(
            alert,
            "is the same after the region was renamed",
            many(
                healthd(),
                tree(values="Nx29 stale"),
                {
                    text: f"_x30 {values}"
                    for text, values in tree(name='乙\\"\\\\,').items()
                    if "region_info" in text
                },
                {
                    text.replace('state="online"', 'state="offline"'): f"_x30 {values}"
                    for text, values in tree().items()
                    if "region_cameras" in text
                },
                verdict("1x90", "_x91"),
            ),
            [Check("29m", OF_RATE), Check("31m", OF_RATE), Check("60m", OF_RATE)],
        ),
        Story(
            alert,
            "is one alert with two healthds of the same region",
            many(
                fleet,
                verdict("1x90", "_x91"),
                healthd(target={"job": "healthd", "instance": "b", "rack": "2"}),
                tree(target={"job": "healthd", "instance": "b", "rack": "2"}, cameras=99),
                verdict("1x90", "_x91", {"job": "healthd", "instance": "b", "rack": "2"}),
            ),
            [Check("17m", OF_RATE), Check("60m", OF_RATE)],
        ),
    ]
    good = many(healthd(), tree(cameras=200), verdict("_x300", "1x300"))
    found += three(
        "HealthdRegionRateDropped",
        (many(good, ratio("0.99x60 0.93x60")), Check("65m", OF_RATE)),
        (many(good, ratio("0.99x60 0.9401x60")), Check("70m", NEVER)),
        (many(good, ratio("0.99x60 0.9x90 0.98x60")), "150m", OF_RATE, "170m"),
    )
    found += [
        Story(
            "HealthdRegionRateDropped",
            "does not fire for fewer than eight cameras",
            many(healthd(), tree(cameras=70), verdict("_x300", "1x300"), ratio("0.99x60 0.9x60")),
            [Check("70m", NEVER)],
        ),
        Story(
            "HealthdRegionRateDropped",
            "does not fire when healthd comes back after an hour and finds things as they were",
            many(
                healthd("1x60 stale _x59 0x2 1x60"),
                tree(values="Nx60 stale _x59 Nx63"),
                verdict("_x300", "1x60 stale _x62 1x60"),
                ratio("0.99x60 stale _x62 0.98x60"),
            ),
            [Check(f"{minute}m", NEVER) for minute in (70, 121, 125, 130)],
        ),
    ]
    found += _burn(fleet) + _forecast(fleet)
    return found


def _burn(fleet: Series) -> list[Story]:
    """At 98 % the target leaves 20 in a thousand."""

    return [
        *three(
            "HealthdBudgetBurnFast",
            (many(fleet, booked((120, 300))), Check("70m", OF_RATE)),  # 15 times what 98 % allows
            (many(fleet, booked((120, 280))), Check("70m", NEVER)),  # 14 times
            (many(fleet, booked((90, 300), (90, 0))), "89m", OF_RATE, "120m"),
        ),
        *three(
            "HealthdBudgetBurnSlow",
            (many(fleet, booked((420, 130))), Check("400m", OF_RATE)),  # 6.5 times
            (many(fleet, booked((420, 110))), Check("400m", NEVER)),  # 5.5 times
            (many(fleet, booked((420, 130), (120, 0))), "415m", OF_RATE, "480m"),
        ),
    ]


def _forecast(fleet: Series) -> list[Story]:
    """A 31-day month, four days old at the start of each story but one."""
    rate = {"region": COUNTY, **{name + "_": value for name, value in RATE.items()}}
    month = many(
        one("healthd_window_end_timestamp_seconds", "0+60x900", window="month"),
        one("healthd_region_rate_cameras", "100x900", kind="good", **rate),
        one("healthd_region_target_ratio", "0.9x900", **rate),
        {text.replace('"now"', '"month"'): values for text, values in ratio("0.9x900").items()},
        seconds("month", "900x900", "100x900"),
    )
    begun = one("healthd_window_start_timestamp_seconds", "-345600x900", window="month")

    def lately(bad: str) -> Series:
        """Beside 900 good camera-seconds."""
        return many(month, seconds("today", "900x900", bad), seconds("yesterday", "900x900", bad))

    alert = "HealthdRegionForecastMiss"
    return [
        *three(
            alert,
            (many(fleet, begun, lately("101x900")), Check("365m", OF_RATE)),
            (many(fleet, begun, lately("99x900")), Check("365m", NEVER)),
            (many(fleet, begun, lately("101x379 99x500")), "379m", OF_RATE, "750m"),
        ),
        Story(
            alert,
            "does not fire in the month's first days",
            many(
                fleet,
                one("healthd_window_start_timestamp_seconds", "-200000x900", window="month"),
                lately("200x900"),
            ),
            [Check("365m", NEVER)],
        ),
    ]


def _pictures() -> list[Story]:
    fleet = many(healthd(), tree(cameras=200))

    def faulty(values: str) -> Series:
        return one("healthd_region_faulty_cameras", values, region=COUNTY, class_="all", fault="occluded")

    def clocks(values: str) -> Series:
        labels = {"kind": "clock", "cause": "clock", "maintainer": "huawang", "overdue": "false"}
        return one("healthd_incidents_open", values, region=COUNTY, **labels)

    fault = at_county(fault="occluded")
    return [
        *three(
            "HealthdPictureFaultSurge",
            (many(fleet, faulty("2x80 12x60")), Check("110m", fault)),
            (many(fleet, faulty("2x80 11x60")), Check("110m", NEVER)),
            (many(fleet, faulty("2x80 30x90 3x60")), "170m", fault, "190m"),
        ),
        Story(
            "HealthdPictureFaultSurge",
            "fires for a fault that nobody had, and does not take it for usual",
            many(fleet, faulty("_x20 12x60")),
            [Check("32m", fault), Check("60m", fault)],
        ),
        *three(
            "HealthdClockDrift",
            (many(fleet, clocks("10x60")), Check("35m", at_county())),
            (many(fleet, clocks("9x60")), Check("35m", NEVER)),
            (many(fleet, clocks("10x59 1x60")), "59m", at_county(), "80m"),
        ),
    ]
