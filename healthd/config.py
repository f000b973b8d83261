"""healthd.yml -> a checked, frozen `Config`, or every error in it at once. Keys: docs/configuration.md."""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    create_model,
)

from healthd.options.alerting import AlertingOptions
from healthd.options.assessments import AssessmentOptions
from healthd.options.credentials import Login
from healthd.options.exemptions import ExemptionOptions
from healthd.options.incidents import IncidentOptions
from healthd.options.pictures import PictureOptions
from healthd.options.platforms import PlatformOptions, one_of_a_name
from healthd.options.profiles import Definitions, all_profiles, known_profile
from healthd.options.reports import MailOptions, ScheduledReport, Template
from healthd.options.scores import ScoreOptions
from healthd.options.section import AbsolutePath, Address, Label, Network, Section, Share, Surroundings
from healthd.options.store import StoreOptions
from healthd.options.web import WebOptions
from healthd.options.yamltext import Document, in_order, read_yaml
from healthd.problems import BadInput, Problem, Wrong, did_you_mean
from healthd.rates.profiles import Profile
from probes import PROBES
from probes.base import CheckOptions, Credential, Duration

_DAY = 86400.0
# A frame takes the most of the uplink and of our cores, an annotation a thread.
_SEATS = {"snmp": 64, "onvif": 64, "frame": 32, "annotation": 4}
_Options = TypeVar("_Options", bound=CheckOptions)


class InventoryFiles(Section):
    """Absolute paths of the inventory's files."""

    regions: AbsolutePath
    devices: AbsolutePath
    cameras: AbsolutePath
    maintainers: AbsolutePath | None = None
    departments: AbsolutePath | None = None


class UplinkLimits(Section):
    """What may be on its way over one upstream device at once."""

    turns: Annotated[int, Field(ge=1, le=10_000)] = 16
    bytes_per_second: Annotated[int, Field(ge=1000)] = 2_000_000


class ProbingOptions(Section):
    """`processes`: how many ask; 1: the daemon's own, above that as many beside it."""

    processes: Annotated[int, Field(ge=1, le=64)] = 1


class StateOptions(Section):
    """When a state changes; seconds."""

    fail_after: Annotated[int, Field(ge=1, le=100)] = 3
    ok_after: Annotated[int, Field(ge=1, le=100)] = 2
    retry_interval: Duration = 15.0
    picture_max_age: Duration | None = None


class PeriodOptions(Section):
    """How months become final; seconds. `appeal`: how long a published month can be appealed against."""

    appeal: Duration = 7 * _DAY


class MetricsOptions(Section):
    """Which cameras have series of their own on `/metrics`."""

    per_camera: Literal["auto", "always", "bad", "never"] = "auto"
    per_camera_limit: Annotated[int, Field(ge=0)] = 20_000


class InventoryGuard(Section):
    """The share of its cameras that the inventory may lose at a reload which is not forced."""

    max_lost: Share = Fraction(1, 5)


def _timely(options: _Options) -> _Options:
    if options.timeout >= options.interval:
        raise Wrong("timeout is not below interval", "a turn must be over before the next is due")
    return options


def _zone(value: object) -> ZoneInfo:
    text = str(value)
    if text not in zoneinfo.available_timezones():
        names = zoneinfo.available_timezones()
        raise Wrong(f'"{text}" is not a time zone', did_you_mean(text, names, "write e.g. Asia/Shanghai"))
    return ZoneInfo(text)


def _some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise Wrong("is empty", "write [default]")
    return values


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values.count(value) > 1:
            raise Wrong(f'"{value}" is there twice', "remove one of the two")
    return values


class _File(Section):
    """healthd.yml as it is written; `checks` and `seats` are narrowed below."""

    site: Label
    timezone: Annotated[InstanceOf[ZoneInfo], BeforeValidator(_zone)] = ZoneInfo("Asia/Shanghai")
    inventory: InventoryFiles
    credentials: dict[str, Login] = Field(default_factory=dict)
    checks: Section
    uplink_limits: UplinkLimits = UplinkLimits()
    probing: ProbingOptions = ProbingOptions()
    seats: Section = Section()
    state: StateOptions = StateOptions()
    profile_definitions: Definitions = Field(default_factory=dict)
    profiles: Annotated[
        tuple[Annotated[str, AfterValidator(known_profile)], ...],
        Field(strict=False),
        AfterValidator(_some),
        AfterValidator(_unique),
    ] = ("default",)
    month_starts_on: Annotated[int, Field(ge=1, le=28)] = 1
    periods: PeriodOptions = PeriodOptions()
    small_region: Annotated[int, Field(ge=0, le=100_000)] = 20
    store: StoreOptions = Field(default_factory=dict, validate_default=True)  # its URL becomes absolute
    web: WebOptions = WebOptions()
    probe_networks: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    metrics: MetricsOptions = MetricsOptions()
    reference_targets: Annotated[tuple[Address, ...], Field(strict=False), AfterValidator(_unique)] = ()
    simulated: bool = False
    inventory_guard: InventoryGuard = InventoryGuard()
    author: Label = "inventory"
    incidents: IncidentOptions = IncidentOptions()
    exemptions: ExemptionOptions = ExemptionOptions()
    alerting: AlertingOptions | None = None
    assessments: AssessmentOptions = AssessmentOptions()
    scores: ScoreOptions = ScoreOptions()
    picture: PictureOptions = PictureOptions()
    platforms: Annotated[tuple[PlatformOptions, ...], Field(strict=False), AfterValidator(one_of_a_name)] = ()
    reports: Annotated[tuple[ScheduledReport, ...], Field(strict=False)] = ()
    reports_dir: Annotated[AbsolutePath, Field(validate_default=True)] = "reports"  # type: ignore[assignment]
    report_template: Template | None = None
    mail: MailOptions | None = None


# Both take their names from the one list of probes.
_check_fields: dict[str, Any] = {
    name: (Annotated[kind.options, AfterValidator(_timely)], None) for name, kind in PROBES.items()
}
_seat_fields: dict[str, Any] = {
    name: (Annotated[int, Field(ge=1, le=10_000)], _SEATS.get(name, 64))
    for name in PROBES
    if name != "ping"  # it asks in batches and paces itself
}
_Checks = create_model("_Checks", __base__=Section, **_check_fields)
_Seats = create_model("_Seats", __base__=Section, **_seat_fields)
_WholeFile = create_model("_WholeFile", __base__=_File, checks=(_Checks, ...), seats=(_Seats, _Seats()))


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the user configured, checked: paths absolute, secrets read, defaults filled in.

    Durations are seconds (float). `checks`: the configured ones only. `seats`: askings in flight, by check.
    `profiles`: the names of those in use; `definitions`: all there are, the built-in ones too."""

    path: Path
    site: str
    timezone: ZoneInfo
    inventory: InventoryFiles
    credentials: Mapping[str, Credential]
    checks: Mapping[str, CheckOptions]
    uplink_limits: UplinkLimits
    probing: ProbingOptions
    seats: Mapping[str, int]
    state: StateOptions
    picture_max_age_seconds: float
    profiles: tuple[str, ...]
    definitions: Mapping[str, Profile]
    month_starts_on: int
    periods: PeriodOptions
    small_region: int
    store: StoreOptions
    web: WebOptions
    probe_networks: tuple[IPv4Network | IPv6Network, ...]
    metrics: MetricsOptions
    reference_targets: tuple[str, ...]
    simulated: bool
    inventory_guard: InventoryGuard
    author: str
    incidents: IncidentOptions
    exemptions: ExemptionOptions
    alerting: AlertingOptions | None
    assessments: AssessmentOptions
    scores: ScoreOptions
    picture: PictureOptions
    platforms: tuple[PlatformOptions, ...]
    reports: tuple[ScheduledReport, ...]
    reports_dir: Path
    report_template: Path | None
    mail: MailOptions | None

    @property
    def chosen_profiles(self) -> Sequence[Profile]:
        """Those by which rates are judged, in the order they were named."""
        return [self.definitions[name] for name in self.profiles]


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in `path`; secrets named by `..._env` come from `environment`.

    Raises BadInput with every error, each with file, line, key and remedy."""
    document = read_yaml(path)
    file = document.checked(_WholeFile, Surroundings(path.absolute().parent, environment))
    checks = {name: options for name in PROBES if (options := getattr(file.checks, name)) is not None}
    problems = list(_across(document, file, checks))
    if problems:
        raise BadInput(in_order(problems))
    same = {name: getattr(file, name) for name in Config.__dataclass_fields__ if name in _File.model_fields}
    return Config(
        **same
        | {
            "path": path.absolute(),
            "definitions": all_profiles(file.profile_definitions),
            "credentials": {name: login.credential(name) for name, login in file.credentials.items()},
            "checks": _informed(checks),
            "seats": file.seats.model_dump(),
            "picture_max_age_seconds": _picture_max_age(file.state, checks),
        }
    )


def _informed(checks: Mapping[str, CheckOptions]) -> Mapping[str, CheckOptions]:
    """ONVIF looks up the address of the picture that frame will fetch, so it has to know which one that wants."""
    frame, onvif = checks.get("frame"), checks.get("onvif")
    if frame is None or onvif is None:
        return checks
    small = getattr(frame, "small_profile")  # noqa: B009 (options are known by their check's name only)
    return {**checks, "onvif": onvif.model_copy(update={"small_profile": small})}


def _picture_max_age(state: StateOptions, checks: Mapping[str, CheckOptions]) -> float:
    if state.picture_max_age is not None:
        return state.picture_max_age
    return 3 * checks["frame"].interval if "frame" in checks else 0.0


def _across(document: Document, file: _File, checks: Mapping[str, CheckOptions]) -> Iterator[Problem]:
    """What is wrong between sections."""
    for number, report in enumerate(file.reports):
        if report.mail and file.mail is None:
            entry = ("reports", number, "mail")
            yield document.problem(entry, "there is no mail server", "add mail: {server: ..., sender: ...}")
    for name, options in file.profile_definitions.items():
        for key, message, remedy in options.mistakes():
            yield document.problem(("profile_definitions", name, key), message, remedy)
        if options.online_needs == "picture" and name in file.profiles and "frame" not in checks:
            place = ("profile_definitions", name, "online_needs")
            yield document.problem(place, "no picture is ever asked for", "add checks.frame, or write reach")
    if not checks:
        yield document.problem(("checks",), "is empty: nothing would be asked", "add ping: {}")
    frame, age = checks.get("frame"), file.state.picture_max_age
    if frame is not None and age is not None and age <= frame.interval:
        where = ("state", "picture_max_age")
        message = "is not above checks.frame.interval: every picture would be unknown before the next is asked"
        yield document.problem(where, message, "leave it out for three intervals")
