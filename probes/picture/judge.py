"""One frame's verdict: bytes and what is known of the camera in, findings and what was not checked out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from probes.picture.context import OFF, Context, Judged, Light
from probes.picture.decode import Damage, Picture, decode
from probes.picture.fingerprint import Fingerprint, Lit, compare, fingerprint
from probes.picture.measure import grey_of, measure
from probes.picture.rules import RULES, Facts, Measured
from probes.picture.still import signature
from probes.picture.verdict import Fault, Finding, NotChecked, Verdict

ALL_FILLED_RATIO = 0.95  # that is a card, not half a frame
FILLED_RATIO = 0.05  # of the rows, from the lowest up, that a decoder filled because nothing came
_GREY_LIGHT = 2.0  # distance from grey that 99 % of an infrared picture's pixels do not pass
_SMALLEST = 3  # pixels of a side: less has no edges
_TENTH = 84 * 9 // 10  # of the tiles in the middle rows

WITHOUT_RULE = MappingProxyType(
    {
        "jitter": "it takes the stream",
        "stutter": "it takes the stream",
        "ptz": "it takes the stream",
    }
)
"""What no still picture can tell, and why."""


def judge(data: bytes, context: Context) -> Judged:
    """The verdict on one image file's bytes. Deterministic; bounded in time and memory by the limits of `decode`.

    What cannot be decoded whole is `corrupt`, and then nothing else is judged but its size.
    """
    picture = decode(data)
    if isinstance(picture, Damage):
        said = [*_of_damage(picture, context), *_of_size(picture, context)]
        return Judged(_verdict(said, picture), context.light)
    facts, mine = _facts(picture, context)
    verdict = _verdict([*_of_rules(facts), _of_filling(facts), *_of_size(picture, context)], picture)
    learnable = not verdict.findings and not facts.faded
    return Judged(verdict, facts.light, facts.signature, mine if learnable else None)


def _facts(picture: Picture, context: Context) -> tuple[Facts, Fingerprint | None]:
    grey = grey_of(picture.pixels)
    measures = measure(picture.pixels, grey)
    light = context.light
    if light is Light.AUTO:
        light = Light.NIGHT if measures.chroma_p99 <= _GREY_LIGHT else Light.DAY
    lit = Lit.NIGHT if light is Light.NIGHT else Lit.DAY
    certain, reduction = context.light is not Light.AUTO, picture.width / grey.shape[1]
    if min(grey.shape) < _SMALLEST:
        return Facts(measures, context, light, certain, 0, reduction), None
    mine = fingerprint(grey, lit, measures.detail.sharpness, measures.channels, measures.chroma_p95)
    reference, why = _reference(context, lit)
    facts = Facts(
        measures,
        context,
        light,
        certain=certain,
        contrast=int(np.sort(mine.contrast[1:-1].ravel())[_TENTH]),
        reduction=reduction,
        reference=reference,
        comparison=compare(mine, reference) if reference else None,
        why_no_reference=why,
        signature=signature(grey),
    )
    return facts, mine


def _reference(context: Context, lit: Lit) -> tuple[Fingerprint | None, str]:
    """The settled reference for this light, or why there is none."""
    mine, other = (context.night, context.day) if lit is Lit.NIGHT else (context.day, context.night)
    if mine is not None and mine.settled:
        return mine, ""
    if mine is not None:
        return None, "the reference is still being learnt"
    if other is not None:
        return None, f"there is no reference of the camera's view by {'night' if lit is Lit.NIGHT else 'day'}"
    return None, "there is no reference of the camera's view"


def _of_rules(facts: Facts) -> Iterator[Finding | NotChecked]:
    for fault, rule in RULES.items():
        answer = rule(facts)
        if isinstance(answer, Measured):
            yield from _held(fault, answer, facts.context)
        else:
            yield NotChecked(fault, answer)


def _of_filling(facts: Facts) -> Finding | NotChecked | None:
    """`corrupt` beside a broken file: the frame was whole for the file's maker, who filled what did not come."""
    filled = facts.measures.filled_ratio
    filled = filled if filled < ALL_FILLED_RATIO else 0.0
    return next(_held(Fault.CORRUPT, Measured(filled, FILLED_RATIO), facts.context), None)


def _of_damage(damage: Damage, context: Context) -> Iterator[Finding | NotChecked]:
    # The strict decoder ends at the first complaint: there is one.
    yield from _held(Fault.CORRUPT, Measured(1, 1), context)
    for fault in RULES:
        yield NotChecked(fault, f"the picture is corrupt: {damage.why}")


def _of_size(picture: Picture | Damage, context: Context) -> Iterator[Finding | NotChecked]:
    """The picture is smaller than promised. Value: the smaller of its two sides' shares of the promise."""
    if context.expect is None:
        yield NotChecked(Fault.RESOLUTION, "no resolution was promised for this picture")
    elif picture.width is None or picture.height is None:
        yield NotChecked(Fault.RESOLUTION, "the picture is corrupt")
    else:
        # Sides sorted: a camera mounted for a corridor turns its picture upright.
        sides = zip(sorted((picture.width, picture.height)), sorted(context.expect), strict=True)
        ratio = min(side / promised for side, promised in sides)
        yield from _held(Fault.RESOLUTION, Measured(ratio, 1.0, below=True), context)


def _held(fault: Fault, measured: Measured, context: Context) -> Iterator[Finding | NotChecked]:
    """A finding where the value passes the camera's own threshold, or the rule's."""
    threshold = context.thresholds.get(fault, measured.threshold)
    if threshold is OFF:
        yield NotChecked(fault, "switched off")
    elif replace(measured, threshold=threshold).found:
        yield Finding(fault, measured.value, threshold)


def _verdict(said: Iterable[Finding | NotChecked | None], picture: Picture | Damage) -> Verdict:
    kept = [one for one in said if one is not None]
    findings = tuple(one for one in kept if isinstance(one, Finding))
    not_checked = tuple(one for one in kept if isinstance(one, NotChecked))
    without = tuple(NotChecked(name, why) for name, why in WITHOUT_RULE.items())
    return Verdict(findings, not_checked + without, picture.width, picture.height)
