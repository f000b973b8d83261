"""One frame's verdict: one small rule a fault, in one list, each explained by a value and a threshold."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeAlias

from probes.picture.decode import Damage, decode
from probes.picture.measure import Measures, measure
from probes.picture.verdict import Fault, Finding, NotChecked, Verdict

Rule: TypeAlias = Callable[[Measures], Finding | None]

CARD_RATIO = 0.80  # of the blocks in one colour: a card with a logo or a line of text still has that
BLACK_RATIO = 0.97  # a night scene has large even black parts, but something in it is lit or grey
BLACK_LUMA = 24
WHITE_LUMA = 235  # an even white frame is a blinded sensor (`bright`), not a lost signal
DARK_LUMA = 32
BRIGHT_RATIO = 0.60


def no_signal(measures: Measures) -> Finding | None:
    """One colour without a sensor's noise fills the frame: black, blue or a vendor's card.

    Value: share of blocks in that colour.
    """
    threshold = BLACK_RATIO if measures.uniform_luma < BLACK_LUMA else CARD_RATIO
    if measures.uniform_luma >= WHITE_LUMA or measures.uniform_ratio < threshold:
        return None
    return Finding(Fault.NO_SIGNAL, measures.uniform_ratio, threshold)


def dark(measures: Measures) -> Finding | None:
    """There is a signal, but next to nothing in it is lit. Value: luma that 99 % of the pixels do not pass."""
    if measures.luma_p99 >= DARK_LUMA or no_signal(measures):
        return None
    return Finding(Fault.DARK, measures.luma_p99, DARK_LUMA)


def bright(measures: Measures) -> Finding | None:
    """Most of the frame is burnt out. Value: share of saturated pixels."""
    if measures.saturated_ratio < BRIGHT_RATIO:
        return None
    return Finding(Fault.BRIGHT, measures.saturated_ratio, BRIGHT_RATIO)


RULES = MappingProxyType({Fault.NO_SIGNAL: no_signal, Fault.DARK: dark, Fault.BRIGHT: bright})
"""The rules that need nothing but the pixels of one frame, in the order in which they are reported."""

_NO_RULE = "this version has no rule for it"
WITHOUT_RULE = MappingProxyType(
    {
        Fault.LOW_CONTRAST: _NO_RULE,
        Fault.BLUR: _NO_RULE,
        Fault.NOISE: _NO_RULE,
        Fault.STRIPES: _NO_RULE,
        Fault.COLOUR_CAST: _NO_RULE,
        Fault.GREYSCALE: _NO_RULE,
        Fault.OCCLUDED: _NO_RULE,
        Fault.FROZEN: "it takes an earlier picture",
        Fault.MOVED: "it takes a reference picture",
        "jitter": "it takes earlier pictures",
        "stutter": "it takes the stream",
        "ptz": "it takes the stream",
    }
)
"""What no rule judges yet, and why."""


def judge(data: bytes, expect: tuple[int, int] | None) -> Verdict:
    """The verdict on one image file's bytes. Deterministic; bounded in time and memory by the limits of `decode`.

    `expect`: the (width, height) that the picture must have at least, either way up; None where none was
    promised for this very picture, a small profile's snapshot among them. What cannot be decoded whole is
    `corrupt`, and then nothing else is judged but its size.
    """
    picture = decode(data)
    damaged = isinstance(picture, Damage)
    findings: list[Finding] = []
    not_checked = [NotChecked(fault, why) for fault, why in WITHOUT_RULE.items()]
    if isinstance(picture, Damage):
        findings.append(Finding(Fault.CORRUPT, 1, 0))  # complaints of the strict decoder, which ends at the first
        not_checked += [NotChecked(fault, f"the picture is corrupt: {picture.why}") for fault in RULES]
    else:
        measures = measure(picture.pixels)
        findings += [finding for rule in RULES.values() if (finding := rule(measures))]
    if expect is None or picture.width is None or picture.height is None:
        why = "the picture is corrupt" if damaged else "no resolution was promised for this picture"
        not_checked.append(NotChecked(Fault.RESOLUTION, why))
    elif finding := resolution((picture.width, picture.height), expect):
        findings.append(finding)
    return Verdict(tuple(findings), tuple(not_checked), picture.width, picture.height)


def resolution(size: tuple[int, int], expect: tuple[int, int]) -> Finding | None:
    """The picture is smaller than promised. Value: the smaller of its two sides' shares of the promise."""
    # Sides sorted: a camera mounted for a corridor turns its picture upright.
    ratio = min(side / promised for side, promised in zip(sorted(size), sorted(expect), strict=True))
    return Finding(Fault.RESOLUTION, ratio, 1.0) if ratio < 1 else None
