"""What the sections of the configuration share: their base model, and types for paths, shares and addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, InstanceOf, ValidationInfo

from healthd.inventory.fields import parse_address
from healthd.problems import Wrong


class Section(BaseModel):
    """A mapping in the configuration: frozen; unknown keys and wrong types are errors, nothing is converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the configuration is read in: the directory that its paths start from, and the environment."""

    directory: Path
    environment: Mapping[str, str]


def surroundings(info: ValidationInfo) -> Surroundings:
    """The context that every check of a configuration is given."""
    if not isinstance(info.context, Surroundings):
        raise TypeError("the configuration is checked with its Surroundings as context")
    return info.context


def _resolved(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise Wrong("must be a path", "relative to this file, or absolute")
    return surroundings(info).directory / value


def _share(value: object) -> Fraction:
    if not re.fullmatch(r"[01]|0?\.[0-9]{1,9}|1\.0+", str(value)):
        raise Wrong(f"{value!r} is not a share", "write a number from 0 to 1, such as 0.2")
    return Fraction(str(value))


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError:
        pass
    try:
        remedy = f'did you mean "{ip_network(str(value), strict=False)}"?'
    except ValueError:
        remedy = "write e.g. 10.20.0.0/16"
    raise Wrong(f"{value!r} is not a network", remedy)


def _address(value: str) -> str:
    try:
        return parse_address(value)
    except Wrong as wrong:
        raise Wrong(f"{value!r} {wrong}", wrong.remedy) from None


def _label(value: str) -> str:
    if not value.strip() or len(value) > 64 or not value.isprintable():
        raise Wrong("must be 1 to 64 printable characters")
    return value


AbsolutePath = Annotated[InstanceOf[Path], BeforeValidator(_resolved)]
"""Absolute; written relative to the configuration file."""
Share = Annotated[InstanceOf[Fraction], BeforeValidator(_share)]
"""From 0 to 1, exact."""
Network = Annotated[InstanceOf[IPv4Network] | InstanceOf[IPv6Network], BeforeValidator(_network)]
Address = Annotated[str, AfterValidator(_address)]
"""An IPv4 or IPv6 literal in canonical form."""
Label = Annotated[str, AfterValidator(_label)]
"""A short name that people read."""
