"""One frame's verdict: bytes and what is known of the camera in, findings and what was not checked out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from probes.picture.context import OFF, Context, Judged, Light
from probes.picture.decode import Damage, Picture, decode
from probes.picture.facts import Facts, Measured
from probes.picture.fingerprint import Fingerprint, Lit, compare, fingerprint, learn
from probes.picture.measure import grey_of, measure
from probes.picture.rules import RULES
from probes.picture.still import signature
from probes.picture.thumbnail import thumbnail
from probes.picture.verdict import SWITCHED_OFF, Fault, Finding, NotChecked, Verdict

ALL_FILLED_RATIO = 0.95  # that is a card, not half a frame
FILLED_RATIO = 0.05  # of the rows, from the lowest up, that a decoder filled because nothing came
_GREY_LIGHT = 2.0  # distance from grey that 99 % of an infrared picture's pixels do not pass
_SMALLEST = 3  # pixels of a side: less has no edges
_TENTH = 84 * 9 // 10  # of the tiles in the middle rows

Answer: TypeAlias = Measured | str
"""What was measured, held against the threshold that counts for this camera; or why a fault was not checked."""

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
        return Judged(_verdict(_of_damage(picture, context), picture), context.light)
    facts, mine = _facts(picture, context)
    verdict = _verdict(_of_picture(picture, facts), picture)
    candidate = mine if not verdict.findings and not facts.faded else None
    learnt = _learnt(context, candidate, facts.light)
    small = thumbnail(picture.pixels, context.thumbnail) if context.thumbnail and verdict.findings else None
    return Judged(verdict, facts.light, facts.signature, candidate, learnt, small)


def _learnt(context: Context, candidate: Fingerprint | None, light: Light) -> Fingerprint | None:
    """The reference with this frame taken in, where that is wanted. Twilight teaches nothing: it is neither."""
    if candidate is None or candidate.lit not in context.learning or light is Light.TWILIGHT or context.ptz:
        return None
    return learn(context.night if candidate.lit is Lit.NIGHT else context.day, candidate)


def answers(data: bytes, context: Context) -> Mapping[Fault, Answer]:
    """Every rule's answer on one image file's bytes, whether it found something or not: for people who ask why."""
    picture = decode(data)
    if isinstance(picture, Damage):
        return _of_damage(picture, context)
    return _of_picture(picture, _facts(picture, context)[0])


def _of_picture(picture: Picture, facts: Facts) -> Mapping[Fault, Answer]:
    said: dict[Fault, Answer] = {fault: rule(facts) for fault, rule in RULES.items()}
    said[Fault.CORRUPT] = _filling(facts)
    said[Fault.RESOLUTION] = _size(picture, facts.context)
    return {fault: _held(fault, answer, facts.context) for fault, answer in said.items()}


def _of_damage(damage: Damage, context: Context) -> Mapping[Fault, Answer]:
    said: dict[Fault, Answer] = dict.fromkeys(RULES, f"the picture is corrupt: {damage.why}")
    said[Fault.CORRUPT] = Measured(1, 1)  # complaints of the strict decoder, which ends at the first
    said[Fault.RESOLUTION] = _size(damage, context)
    return {fault: _held(fault, answer, context) for fault, answer in said.items()}


def _held(fault: Fault, answer: Answer, context: Context) -> Answer:
    """With the camera's own threshold in place of the rule's, where it has one."""
    if fault not in context.thresholds:
        return answer
    threshold = context.thresholds[fault]
    if threshold is OFF:
        return SWITCHED_OFF
    return replace(answer, threshold=threshold) if isinstance(answer, Measured) else answer


def _verdict(said: Mapping[Fault, Answer], picture: Picture | Damage) -> Verdict:
    findings = tuple(
        Finding(fault, answer.value, answer.threshold)
        for fault, answer in said.items()
        if isinstance(answer, Measured) and answer.found
    )
    not_checked = [NotChecked(fault, answer) for fault, answer in said.items() if isinstance(answer, str)]
    not_checked += [NotChecked(name, why) for name, why in WITHOUT_RULE.items()]
    return Verdict(findings, tuple(not_checked), picture.width, picture.height)


def _facts(picture: Picture, context: Context) -> tuple[Facts, Fingerprint | None]:
    grey = grey_of(picture.pixels)
    measures = measure(picture.pixels, grey)
    light = context.light
    if light is Light.AUTO:
        light = Light.NIGHT if measures.chroma_p99 <= _GREY_LIGHT else Light.DAY
    lit = Lit.NIGHT if light is Light.NIGHT else Lit.DAY
    certain, reduction = context.light in (Light.DAY, Light.NIGHT), picture.width / grey.shape[1]
    if min(grey.shape) < _SMALLEST:
        return Facts(measures, context, light, certain, 0, reduction), None
    mine = fingerprint(grey, lit, measures.detail.sharpness, measures.channels, measures.chroma_p95)
    reference, why = _reference(context, lit, light)
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


def _reference(context: Context, lit: Lit, light: Light) -> tuple[Fingerprint | None, str]:
    """The settled reference for this light, or why there is none."""
    if context.ptz:
        return None, "the camera turns by itself"
    if light is Light.TWILIGHT:
        return None, "it is neither day nor night"
    mine, other = (context.night, context.day) if lit is Lit.NIGHT else (context.day, context.night)
    if mine is not None and mine.settled:
        return mine, ""
    if mine is not None:
        return None, "the reference is still being learnt"
    if other is not None:
        return None, f"there is no reference of the camera's view by {'night' if lit is Lit.NIGHT else 'day'}"
    return None, "there is no reference of the camera's view"


def _filling(facts: Facts) -> Measured:
    """`corrupt` beside a broken file: the frame was whole for the file's maker, who filled what did not come."""
    filled = facts.measures.filled_ratio
    return Measured(filled if filled < ALL_FILLED_RATIO else 0.0, FILLED_RATIO)


def _size(picture: Picture | Damage, context: Context) -> Answer:
    """The picture is smaller than promised. Value: the smaller of its two sides' shares of the promise."""
    if context.expect is None:
        return "no resolution was promised for this picture"
    if picture.width is None or picture.height is None:
        return "the picture is corrupt"
    # Sides sorted: a camera mounted for a corridor turns its picture upright.
    sides = zip(sorted((picture.width, picture.height)), sorted(context.expect), strict=True)
    return Measured(min(side / promised for side, promised in sides), 1.0, below=True)
