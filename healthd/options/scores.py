"""`scores:` in the configuration: what a region's score is weighted by, and what costs a maintainer points."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, model_validator

from healthd.options.section import Section, Share
from healthd.problems import Wrong, did_you_mean
from healthd.rates.profiles import FURTHER

WEIGHED = ("online", "intact", *FURTHER, "timely")
"""Rates that a region's score may be made of."""

DEDUCTED = ("usage", "attributable", "online", "intact", "clock", "resolution", "archive", "annotation", "timely")
"""Rates that a maintainer may lose points by."""


def _amount(value: object) -> Fraction:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", str(value)):
        raise Wrong(f"{value!r} is not a number of points", "write a number from 0 on, such as 2 or 0.5")
    return Fraction(str(value))


def _above_zero(value: Fraction) -> Fraction:
    if not value:
        raise Wrong("must be above 0")
    return value


def _weighed(value: str) -> str:
    if value not in WEIGHED:
        raise Wrong(f'"{value}" is not a rate', did_you_mean(value, WEIGHED, f"there are {', '.join(WEIGHED)}"))
    return value


def _deducted(value: str) -> str:
    if value not in DEDUCTED:
        raise Wrong(f'"{value}" is not a rate', did_you_mean(value, DEDUCTED, f"there are {', '.join(DEDUCTED)}"))
    return value


def _some(weights: dict[str, Fraction]) -> dict[str, Fraction]:
    if weights and not any(weights.values()):
        raise Wrong("weighs nothing", "give one rate at least a weight above 0")
    return weights


Points = Annotated[InstanceOf[Fraction], BeforeValidator(_amount)]
"""From 0 on, exact."""


class Deduction(Section):
    """One line of a contract's table.

    With `rate`: `points` for each begun `per` that the rate is short of `below`. With `each`: `points` a piece.
    Never more than `most`.
    """

    rate: Annotated[str, AfterValidator(_deducted)] | None = None
    below: Annotated[Share, AfterValidator(_above_zero)] | None = None
    per: Annotated[Share, AfterValidator(_above_zero)] = Fraction(1, 100)
    each: Literal["overdue", "repeats"] | None = None
    points: Annotated[Points, AfterValidator(_above_zero)]
    most: Annotated[Points, AfterValidator(_above_zero)] | None = None

    @model_validator(mode="after")
    def _fit(self) -> Deduction:
        if (self.rate is None) == (self.each is None):
            raise Wrong("names neither or both of rate and each", "write rate: attributable, or each: overdue")
        if self.rate is not None and self.below is None:
            raise Wrong("below is missing", "write the ratio that costs nothing, such as below: 0.98")
        if self.each is not None and self.below is not None:
            raise Wrong("below goes with rate only", "remove it")
        return self

    @property
    def what(self) -> str:
        return self.rate or self.each or ""


class ScoreOptions(Section):
    """`weights`: rate -> its part in a region's score. `deductions`: what costs a maintainer points of `full`."""

    weights: Annotated[dict[Annotated[str, AfterValidator(_weighed)], Points], AfterValidator(_some)] = Field(
        default_factory=dict
    )
    full: Annotated[Points, AfterValidator(_above_zero)] = Fraction(100)
    deductions: Annotated[tuple[Deduction, ...], Field(strict=False)] = ()
