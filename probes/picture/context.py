"""What a frame is judged with, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from probes.picture.fingerprint import Fingerprint, Lit
from probes.picture.light import Light
from probes.picture.verdict import Fault, Verdict

OFF = None
"""In place of a threshold: this fault is not judged."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that is known beside the picture's bytes.

    `expect`: the (width, height) that the picture must have at least, either way up; None where none was promised
    for this very picture, a small profile's snapshot among them. `thresholds`: own ones, in the rule's unit, or
    OFF; a fault that is not in it has its default. `previous`: the signature of the camera's frame before this
    one. `day`, `night`: the camera's references. `ptz`: the camera turns by itself, so no reference fits it.
    `cautious`: what is told surely only by a reference is not judged without one: somebody is paid by it.
    `learning`: the lights of which a good frame is to be taken into the reference. `thumbnail`: `blurred` or
    `clear`: a small picture of a bad frame is wanted; else none is made.
    """

    expect: tuple[int, int] | None = None
    light: Light = Light.AUTO
    thresholds: Mapping[Fault, float | None] = field(default_factory=dict)
    previous: bytes | None = None
    day: Fingerprint | None = None
    night: Fingerprint | None = None
    ptz: bool = False
    cautious: bool = False
    learning: frozenset[Lit] = frozenset()
    thumbnail: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, and what later frames need of this one.

    `signature`: for `Context.previous` of the next frame; None where nothing could be decoded. `candidate`: for
    `learn`, with its `lit` saying of which reference; None unless the frame is good to learn from: no fault found,
    its contrast not faded by fog. `light`: what AUTO was taken for. `reference`: the one for this light with this
    frame taken in; None where nothing was learnt. `thumbnail`: a JPEG, where one was wanted and a fault was found.
    """

    verdict: Verdict
    light: Light
    signature: bytes | None = None
    candidate: Fingerprint | None = None
    reference: Fingerprint | None = None
    thumbnail: bytes | None = None


__all__ = ["OFF", "Context", "Judged", "Light"]
