"""`profile_definitions:` in the configuration: own readings of the rules, each a `Profile`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from healthd.inventory.fields import NAME
from healthd.model import CLASSES
from healthd.options.section import Section, Share
from healthd.problems import Wrong, did_you_mean
from healthd.rates.profiles import BUILT_IN, FURTHER, Method, Profile
from probes.base import parse_duration
from probes.picture.verdict import Fault

_FAULTS = tuple(str(fault) for fault in Fault)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
RATES_WITH_TARGET = ("online", "intact", "usage", "attributable", *FURTHER, "timely")


def _listed(value: str, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise Wrong(f'"{value}" is not a {what}', did_you_mean(value, known, f"there are {', '.join(known)}"))
    return value


def _class(value: object) -> str:
    return _listed(str(value), CLASSES, "class")


def _class_or_all(value: object) -> str:
    return _listed(str(value), ("all", *CLASSES), "class")


def _rate(value: object) -> str:
    return _listed(str(value), RATES_WITH_TARGET, "rate")


def _built_in(value: object) -> str:
    return _listed(str(value), tuple(BUILT_IN), "built-in profile")


def _faults(value: object) -> frozenset[str] | None:
    """None: all of them."""
    if value == "all":
        return None
    if not isinstance(value, list):
        raise Wrong("must be all or a list of faults", "write all, or [dark, blur]; [] if no fault counts")
    return frozenset(_listed(str(fault), _FAULTS, "picture fault") for fault in value)


def _grace(value: object) -> int:
    """Whole milliseconds, 0 too."""
    if value in (0, "0", "0s"):
        return 0
    seconds = parse_duration(value)
    if seconds > 366 * 86400:
        raise Wrong("is longer than a year", "write e.g. 24h, or 0s for no grace at all")
    return round(1000 * seconds)


def _time(value: object) -> str:
    if not _TIME.fullmatch(str(value)):
        raise Wrong(f'"{value}" is not a time of day', 'write HH:MM in quotes, such as "10:00"')
    return str(value)


def _some_times(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values or len(set(values)) < len(values):
        raise Wrong("needs each time once, and one at least", 'write ["10:00", "22:00"]')
    return tuple(sorted(values))


def _some_classes(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values or len(set(values)) < len(values):
        raise Wrong("needs each class once, and one at least", "write [1, 2]")
    return tuple(sorted(values))


def _passable(value: Fraction) -> Fraction:
    if not value:
        raise Wrong("must be above 0", "write the share of a day that is enough, such as 0.9")
    return value


def profile_name(value: str) -> str:
    """A name for an own profile: it becomes a label, a file's name and a choice on the command line."""
    if not NAME.fullmatch(value):
        raise Wrong(f'"{value}" is not a name', "1 to 64 of A-Z a-z 0-9 . _ -")
    if value in BUILT_IN:
        raise Wrong(f'"{value}" is built in', f"choose another name, and write `extends: {value}` below it")
    return value


_Class = Annotated[str, BeforeValidator(_class)]
_Targets = dict[
    Annotated[str, BeforeValidator(_rate)], dict[Annotated[str, BeforeValidator(_class_or_all)], Share]
]


class ProfileOptions(Section):
    """One own profile as it is written; what is left out is as in the profile that it extends (`default`).

    Of `targets` and `region_targets` a rate that is named replaces all targets of that rate.
    """

    extends: Annotated[str, BeforeValidator(_built_in)] = "default"
    online_needs: Literal["reach", "picture"] | None = None
    offline_in_intact: Literal["bad", "undiagnosed"] | None = None
    faults: Annotated[Any, BeforeValidator(_faults)] = "unset"
    no_picture_grace: Annotated[Any, BeforeValidator(_grace)] = None
    classes_of_all: Annotated[tuple[_Class, ...], Field(strict=False), AfterValidator(_some_classes)] | None = None
    targets: _Targets = Field(default_factory=dict)
    region_targets: dict[str, _Targets] = Field(default_factory=dict)
    method: Literal["duration", "head_count", "daily_pass"] | None = None
    audit: Annotated[
        tuple[Annotated[str, BeforeValidator(_time)], ...], Field(strict=False), AfterValidator(_some_times)
    ] = ()
    pass_at: Annotated[Share, AfterValidator(_passable)] | None = None

    def profile(self, name: str) -> Profile:
        """The whole profile."""
        base = BUILT_IN[self.extends]
        kept = {pair: ratio for pair, ratio in base.targets.items() if pair[0] not in self.targets}
        own = {
            (rate, class_): ratio for rate, classes in self.targets.items() for class_, ratio in classes.items()
        }
        changes: dict[str, Any] = {
            "online_needs_picture": None if self.online_needs is None else self.online_needs == "picture",
            "offline_is_bad": None if self.offline_in_intact is None else self.offline_in_intact == "bad",
            "grace": self.no_picture_grace,
            "classes_of_all": self.classes_of_all,
        }
        if self.faults != "unset":
            base = replace(base, faults=self.faults)
        return replace(
            base,
            name=name,
            targets={**kept, **own},
            region_targets={
                (region, rate, class_): ratio
                for region, rates in self.region_targets.items()
                for rate, classes in rates.items()
                for class_, ratio in classes.items()
            },
            method=self._method(),
            **{field: value for field, value in changes.items() if value is not None},
        )

    def _method(self) -> Method:
        if self.method == "head_count":
            return Method("head_count", self.audit)
        return (
            Method("daily_pass", pass_at=self.pass_at or Fraction(1)) if self.method == "daily_pass" else Method()
        )

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """(key, message, remedy) of what does not fit together."""
        if self.method == "head_count" and not self.audit:
            yield (
                "method",
                "head_count needs the times at which cameras are counted",
                'add audit: ["10:00", "22:00"]',
            )
        if self.audit and self.method != "head_count":
            yield "audit", "only counts with method: head_count", "add that, or remove audit"
        if self.method == "daily_pass" and self.pass_at is None:
            yield "method", "daily_pass needs the share of a day that is enough", "add pass_at: 0.9"
        if self.pass_at is not None and self.method != "daily_pass":
            yield "pass_at", "only counts with method: daily_pass", "add that, or remove pass_at"


Definitions = dict[Annotated[str, AfterValidator(profile_name)], ProfileOptions]


def known_profile(name: str, info: ValidationInfo) -> str:
    """A built-in profile's name or that of an own one, which stand before it in `info`."""
    own = info.data.get("profile_definitions")
    if own is None:  # its own mistakes are told first
        return name
    known = [*BUILT_IN, *own]
    if name not in known:
        raise Wrong(f'"{name}" is not a profile', did_you_mean(name, known, f"there are {', '.join(known)}"))
    return name


def all_profiles(own: Mapping[str, ProfileOptions]) -> Mapping[str, Profile]:
    """Every profile by its name: the built-in ones, then one's own."""
    return {**BUILT_IN, **{name: options.profile(name) for name, options in own.items()}}
