"""What stories of alerts are made of: series of a small city, checks, and the three that every alert has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SITE = "3206"
COUNTY = "320602"
PATHS = {SITE: "/3206/", COUNTY: "/3206/320602/", "32060201": "/3206/320602/32060201/"}
TARGET = {"job": "healthd", "instance": "a"}
RATE = {"class": "all", "rate": "online", "profile": "default"}
FOREVER = "1x900"

Series = Mapping[str, str]
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Check:
    """Whether the alert fires at `at` (a duration from the start), and with which labels beside its own."""

    at: str
    labels: Labels | None  # None: it does not fire


@dataclass(frozen=True)
class Story:
    """One test group of promtool. `series`: text of a series -> its values, one a minute."""

    alert: str
    name: str
    series: Series
    checks: Sequence[Check]

    @property
    def long(self) -> bool:
        """Whether it takes an hour and more."""
        return any(int(check.at.removesuffix("m")) > 65 for check in self.checks)


def one(metric: str, values: str, target: Labels = TARGET, /, **labels: str) -> Series:
    """One series of a scrape target."""
    names = {name.rstrip("_"): value for name, value in labels.items()} | dict(target)
    inner = ",".join(f'{name}="{value}"' for name, value in names.items())
    return {f"{metric}{{{inner}}}": values}


def many(*parts: Series) -> Series:
    """All of these together."""
    return {text: values for part in parts for text, values in part.items()}


def healthd(values: str = FOREVER, target: Labels = TARGET, blind: str = "0x900") -> Series:
    """A healthd that is ready where `values` says so."""
    return many(
        one("up", FOREVER, target),
        one("healthd_ready", values, target),
        one("healthd_blind", blind, target, prober="local"),
    )


def tree(target: Labels = TARGET, cameras: int = 100, values: str = "Nx900", name: str = "甲") -> Series:
    """A city, a county and a township of so many cameras each; all of them are in the township. `N` in `values` is
    the value of each series."""
    parts = []
    levels = dict(zip(PATHS, ("city", "county", "township"), strict=True))
    for region, path in PATHS.items():
        parent = path.split("/")[-3]
        parts.append(
            one(
                "healthd_region_info",
                values.replace("N", "1"),
                target,
                region=region,
                name=name,
                level=levels[region],
                parent=parent,
                path=path,
            )
        )
        for axis, state in (("online", "online"), ("picture", "good")):
            labels = {"region": region, "class_": "all", "axis": axis, "state": state}
            parts.append(one("healthd_region_cameras", values.replace("N", str(cameras)), target, **labels))
    return many(*parts)


def verdict(fail: str, good: str, target: Labels = TARGET, region: str = COUNTY) -> Series:
    """The county's verdict: `fail` and `pass` where these have samples."""
    labels = {"region": region, **{name + "_": value for name, value in RATE.items()}, "window": "now"}
    return many(
        one("healthd_region_verdict", fail, target, verdict="fail", **labels),
        one("healthd_region_verdict", good, target, verdict="pass", **labels),
        one(
            "healthd_region_target_ratio", "0.9x900", target, **{k: v for k, v in labels.items() if k != "window"}
        ),
    )


def ratio(values: str, target: Labels = TARGET, region: str = COUNTY) -> Series:
    labels = {"region": region, **{name + "_": value for name, value in RATE.items()}, "window": "now"}
    return one("healthd_region_rate_ratio", values, target, **labels)


def seconds(window: str, good: str, bad: str) -> Series:
    labels = {"region": COUNTY, **{name + "_": value for name, value in RATE.items()}, "window": window}
    return many(
        one("healthd_region_camera_seconds", good, kind="good", **labels),
        one("healthd_region_camera_seconds", bad, kind="bad", **labels),
    )


def booked(*spans: tuple[int, int]) -> Series:
    """What is booked of the county, target 98 %: (minutes, bad in a thousand camera-seconds), in this order."""
    labels = {"region": COUNTY, **{name + "_": value for name, value in RATE.items()}}
    good, bad, g, b = [], [], 0, 0
    for minutes, share in spans:
        step_b, step_g = 6 * share, 6000 - 6 * share
        good.append(f"{g}+{step_g}x{minutes - 1}")
        bad.append(f"{b}+{step_b}x{minutes - 1}")
        g, b = g + step_g * minutes, b + step_b * minutes
    return many(
        one("healthd_region_camera_seconds_total", " ".join(good), kind="good", **labels),
        one("healthd_region_camera_seconds_total", " ".join(bad), kind="bad", **labels),
        one("healthd_region_target_ratio", "0.98x900", **labels),
    )


def incident(
    values: str,
    cause: str = "upstream",
    target: Labels = TARGET,
    id_: str = "I1",
    region: str = "32060201",
    **extra: str,
) -> Series:
    """An open incident where `values` has samples."""
    steps = "".join(" _" if step == "_" else f" {step}" for step in values.split())
    info = {"kind": "offline", "subject": "sw-1", "counts_for": "own", "overdue": "false", "acknowledged": "false"}
    ones = " ".join(_as_one(part) for part in steps.split())
    return many(
        one("healthd_incident_cameras", values, target, incident=id_, region=region, maintainer="huawang"),
        one("healthd_incident_info", ones, target, incident=id_, cause=cause, **(info | extra)),
    )


def _as_one(part: str) -> str:
    """`40x10` -> `1x10`; gaps and marks stay."""
    number, x, times = part.partition("x")
    return part if number in ("_", "stale") else f"1{x}{times}"


def at_county(**more: str) -> Labels:
    return {"region": COUNTY, "path": PATHS[COUNTY], **more}


OF_RATE = at_county(**RATE)
OF_INCIDENT = {"incident": "I1", "region": "32060201", "maintainer": "huawang", "path": PATHS["32060201"]}
SELF = dict(TARGET)
SMALL = tree(cameras=19)
NEVER: Labels | None = None
THREE = ("fires", "does not fire just below", "resolves")


def three(
    alert: str, fires: tuple[Series, Check], below: tuple[Series, Check], over: tuple[Series, str, Labels, str]
) -> list[Story]:
    """The three stories that every alert has."""
    series, at, labels, later = over
    return [
        Story(alert, "fires", fires[0], [fires[1]]),
        Story(alert, "does not fire just below", below[0], [below[1]]),
        Story(alert, "resolves", series, [Check(at, labels), Check(later, None)]),
    ]
