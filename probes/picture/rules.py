"""One explainable rule a fault: a value, a threshold, and the condition under which it can be judged at all.

A rule answers with what it measured and its own threshold for this situation, or with a sentence why it cannot
judge. It never sees pixels, only measures, so that it can be tested with literals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import permutations
from types import MappingProxyType
from typing import TypeAlias

from probes.picture.context import Light
from probes.picture.facts import (
    STRIPE_LEVELS,
    Facts,
    Measured,
    of_darkness,
    of_glare,
    of_signal,
)
from probes.picture.fingerprint import FEWEST_TILES, Comparison
from probes.picture.measure import Measures
from probes.picture.still import identical_ratio
from probes.picture.verdict import Fault

FILM_LEVELS = 37  # between the darkest and the lightest hundredth: dusk leaves more, a film less
FILM_WHITE_LEVELS = 20  # the same where all is as light as fog is
FILM_LUMA = 80  # of the lightest hundredth: below it is darkness that takes the contrast
CONTRAST_SOME_LEVELS = 5  # less than that is a wall, or nothing: no film tells itself
CONTRAST_RATIO = 0.22  # where near and far have lost alike: at an evenness of 0.7
CONTRAST_FOG_RATIO = 0.18  # where they have not, as in thick mist: at 0.5; between the two in proportion
CONTRAST_EVEN_RATIO = 0.30  # where near and far have lost alike, and not in white as fog has it
EVEN, FOG_EVEN, FILM_EVEN = 0.44, 0.5, 0.7
NO_FOG_LUMA = 132  # of the darkest tenth
WHITE_AIR_LUMA = 140  # the same
SHARPNESS = 26  # in whatever light and air
SHARPNESS_CLEAR = 34  # where there is light and contrast enough
COVERED_EVENNESS = 0.40  # snow on the ground takes contrast from a part of the view,
COVERED_LIGHT_RATIO = 1.25  # and makes all of it lighter
SHARP_CONTRAST_RATIO = 0.72  # haze and dusk take fine structure first; a lens out of focus leaves the contrast
SHARPNESS_RATIO = 0.52
SHARPNESS_HAZE_RATIO = 0.36  # less than haze leaves: a lens far out of focus takes contrast, too
GRAIN_LEVELS = 18.0
GRAIN_REDUCTION = 2.67  # decoded smaller by less than this, a frame shows more of its grain
GRAIN_LOSS = 115  # hundredths
CAST_RATIO = 1.33
CAST_GREEN, CAST_MAGENTA = 1.69, 1.33  # green against red and blue: meadows go up to the one, dusk to the other
CAST_BARE_RATIO = 2.6  # one channel above another: evening light goes up to 2
GREY_CHROMA = 2.5
COLOURFUL_CHROMA = 8.0  # of a reference whose colour could be missed
OCCLUDED_RATIO = 0.25
OCCLUDED_VEILED_RATIO = 0.60  # fog hides what is far, never nearly all
OCCLUDED_TILES = 9  # at the least: a lorry before a bare wall hides all of the little that is there
MOVED_GAIN = 0.18
MOVED_FIT = 0.28  # a view that fits nowhere else has not been seen to move
MOVED_FIT_BARE = 0.45  # the same where half of the view has no structure at all: it may be covered
PRESENT_RATIO = 0.5
FROZEN_RATIO = 0.98
FROZEN_NIGHT_RATIO = 1.0
_OFFSET = 12 * 16  # channels' sixteenths: what a dark frame's noise adds to all channels


Rule: TypeAlias = Callable[[Facts], Measured | str]

BELOW = frozenset({Fault.DARK, Fault.LOW_CONTRAST, Fault.BLUR, Fault.GREYSCALE, Fault.RESOLUTION})
"""The faults that are found below their threshold; all others at it or above."""


def stricter(fault: Fault, value: float) -> float:
    """A camera's own threshold after an operator marked a finding of `value` as false: by a tenth, it would not
    have been found. In the unit of the rule, so it belongs to one camera and one state of its reference."""
    return value * (0.9 if fault in BELOW else 1.1)


_BLINDED = "too little is to be seen in the frame"
_VEILED = "fog or a film may hide what is there"


def _unsure(facts: Facts) -> str:
    """Why a rule that is sure only by a reference says nothing; empty if it may."""
    return facts.why_no_reference if facts.context.cautious and facts.reference is None else ""


def no_signal(facts: Facts) -> Measured | str:
    """One colour without a sensor's noise fills the frame: black, blue or a vendor's card; or all of it is drawn,
    as colour bars are.

    Value: share of blocks in that colour, or of pixels without any grain where that is the sign."""
    return of_signal(facts)


def dark(facts: Facts) -> Measured | str:
    """There is a signal, but next to nothing in it is lit. Value: luma that 99 % of the pixels do not pass."""
    return "there is no signal" if of_signal(facts).found else of_darkness(facts)


def bright(facts: Facts) -> Measured | str:
    """Most of the frame is burnt out. Value: share of saturated pixels."""
    return of_glare(facts)


def low_contrast(facts: Facts) -> Measured | str:
    """A film over the whole window: near and far have lost alike, where fog leaves what is near.

    Value: contrast, as a share of the least that is tolerated: of the reference's where most of it is left, or of
    the levels between the darkest and the lightest hundredth, whichever is less."""
    if facts.blinded:
        return _BLINDED
    if _unsure(facts):
        return _unsure(facts)
    film = _film(facts)
    if film is not None and film < 1:
        return Measured(film, 1.0, below=True)
    if facts.comparison is None:
        return "all is even" if film is None else Measured(film, 1.0, below=True)
    return _contrast_left(facts, facts.comparison)


def _contrast_left(facts: Facts, comparison: Comparison) -> Measured | str:
    if comparison.lost_ratio >= OCCLUDED_RATIO and not facts.filmed:
        return "the lens may be covered"
    left, evenness = comparison.contrast_ratio, comparison.evenness
    if left is None:
        return "the view never has much contrast"
    left /= max(min(comparison.light_ratio, 1.0), 0.1)  # at dusk it is light that is lost
    no_fog = evenness >= EVEN and facts.measures.luma_p10 < NO_FOG_LUMA
    like_film = min(max((evenness - FOG_EVEN) / (FILM_EVEN - FOG_EVEN), 0.0), 1.0)
    tolerated = CONTRAST_FOG_RATIO + (CONTRAST_RATIO - CONTRAST_FOG_RATIO) * like_film
    return Measured(round(left / (CONTRAST_EVEN_RATIO if no_fog else tolerated), 2), 1.0, below=True)


def _film(facts: Facts) -> float | None:
    """The levels that the frame uses, as a share of the least that fog and dusk leave; None: nothing tells."""
    if facts.contrast < CONTRAST_SOME_LEVELS or facts.measures.luma_p99 < FILM_LUMA:
        return None
    white = facts.measures.luma_p10 >= WHITE_AIR_LUMA
    return round(facts.spread / (FILM_WHITE_LEVELS if white else FILM_LEVELS), 2)


def blur(facts: Facts) -> Measured | str:
    """Not even the sharpest edges are sharp. Value: share of the reference's sharpness; without,
    `Detail.sharpness`."""
    sharpness = facts.measures.detail.sharpness
    hidden = _softened(facts) or _unsure(facts)
    if hidden:
        return hidden
    if sharpness is None:
        return "too few edges to tell how sharp they are"
    if facts.reference is None or not facts.reference.sharpness:
        return Measured(sharpness, SHARPNESS_CLEAR if facts.clear else SHARPNESS, below=True)
    left = sharpness / facts.reference.sharpness
    if _hazy(facts):
        return Measured(left, SHARPNESS_HAZE_RATIO, below=True) if left < SHARPNESS_HAZE_RATIO else _VEILED
    return Measured(left, SHARPNESS_RATIO, below=True)


def _hazy(facts: Facts) -> bool:
    """Whether so much contrast is gone that haze or dusk may have taken fine structure."""
    left = facts.comparison.contrast_ratio if facts.comparison else None
    return left is not None and left < SHARP_CONTRAST_RATIO


def _softened(facts: Facts) -> str:
    """What else than the lens may have taken the sharpest edges; empty if nothing."""
    if facts.blinded:
        return _BLINDED
    comparison = facts.comparison
    if facts.veiled:
        return _VEILED
    if comparison and comparison.evenness < COVERED_EVENNESS and comparison.light_ratio > COVERED_LIGHT_RATIO:
        return "snow or glare may cover what had edges"
    return ""


def noise(facts: Facts) -> Measured | str:
    """Grain where the frame is calmest. Value: its height in levels; what does not fade at half size is
    texture."""
    detail = facts.measures.detail
    if facts.blinded or detail.grain is None:
        return _BLINDED
    threshold = GRAIN_LEVELS * max(1.0, GRAIN_REDUCTION / facts.reduction)
    if detail.grain >= threshold and detail.grain_loss < GRAIN_LOSS:
        return "the whole frame is textured"
    return Measured(detail.grain, threshold)


def stripes(facts: Facts) -> Measured | str:
    """Lines run from edge to edge. Value: their mean height in levels over all rows or columns."""
    return _BLINDED if facts.blinded else Measured(facts.measures.detail.stripes, STRIPE_LEVELS)


def colour_cast(facts: Facts) -> Measured | str:
    """The frame is tinted, and its view is not. Value: the tint, as a share of the most that is tolerated: the
    factor by which one channel stands above another beyond the same of the reference; without a reference, what no
    light of day, lamp or meadow does."""
    if facts.light is Light.NIGHT:
        return "at night lamps colour everything"
    if facts.light is Light.TWILIGHT:
        return "dusk and dawn colour everything"
    if facts.blinded:
        return _BLINDED
    if facts.reference is not None:
        shift = _channel_shift(facts.measures.channels, facts.reference.channels)
        return Measured(round(shift / CAST_RATIO, 2), 1.0)
    return _unsure(facts) or Measured(round(_tint(facts.measures), 2), 1.0)


def _tint(measures: Measures) -> float:
    """The least of the frame's mean, its lights and its channels' tops: what is coloured by itself (a meadow,
    a sky, a sunset) is not so in all three. Daylight and lamps lie on a line from blue to red along which green
    keeps between the two; a channel that fails leaves it."""
    sets = [[level + _OFFSET for level in one] for one in (measures.channels, measures.lights, measures.tops)]
    greens = [math.sqrt(green * green / (blue * red)) for blue, green, red in sets]
    apart = min(max(one) / min(one) for one in sets)
    return max(min(greens) / CAST_GREEN, 1 / (max(greens) * CAST_MAGENTA), apart / CAST_BARE_RATIO)


def _channel_shift(mine: tuple[int, int, int], theirs: tuple[int, int, int]) -> float:
    """The largest factor by which a channel stands above another beyond what lies between grey and the reference:
    a blue sky that clouds over turns towards grey, and that is no cast."""
    found = 1.0
    for one, other in permutations(range(3), 2):
        now = (mine[one] + _OFFSET) / (mine[other] + _OFFSET)
        then = (theirs[one] + _OFFSET) / (theirs[other] + _OFFSET)
        found = max(found, now / max(then, 1.0))
    return found


def greyscale(facts: Facts) -> Measured | str:
    """A frame taken by day has no colour. Value: distance from grey that 95 % of the frame do not pass."""
    if not facts.certain:
        return "it is not known whether this was taken by day"
    if facts.light is Light.NIGHT:
        return "infrared pictures are grey by night"
    if facts.blinded or facts.veiled:
        return _BLINDED if facts.blinded else "fog takes the colour away"
    if _unsure(facts):
        return _unsure(facts)
    if facts.reference is not None and facts.reference.colour < COLOURFUL_CHROMA * 100:
        return "the view never has much colour"
    return Measured(facts.measures.chroma_p95, GREY_CHROMA, below=True)


def occluded(facts: Facts) -> Measured | str:
    """A connected part of the view has lost the structure that the reference has. Value: its share of the tiles
    that have any; without a reference, the share of all tiles in the largest part that is dark and smooth."""
    comparison = _comparable(facts)
    if isinstance(comparison, str):
        return comparison
    if not isinstance(elsewhere := moved(facts), str) and elsewhere.found:
        return "the view has moved"
    least = OCCLUDED_VEILED_RATIO if facts.veiled else OCCLUDED_RATIO
    return Measured(comparison.lost_ratio, max(least, OCCLUDED_TILES / comparison.structure))


def moved(facts: Facts) -> Measured | str:
    """The view's edges fit better at another place. Value: by how much the correlation is higher there."""
    comparison = _comparable(facts)
    if isinstance(comparison, str):
        return comparison
    if facts.faded:
        return _VEILED
    return _moved(comparison) if comparison.fits else "too little structure is left to be looked for"


def _moved(comparison: Comparison) -> Measured:
    needed = MOVED_FIT if comparison.present_ratio >= PRESENT_RATIO else MOVED_FIT_BARE
    gain = comparison.elsewhere - comparison.here if comparison.elsewhere >= needed else 0.0
    return Measured(round(max(gain, 0.0), 2), MOVED_GAIN)


def _comparable(facts: Facts) -> Comparison | str:
    if facts.blinded:
        return _BLINDED
    if facts.comparison is None:
        return facts.why_no_reference
    if facts.filmed:
        return "too little contrast is left"
    if facts.comparison.structure < FEWEST_TILES:
        return "the reference has too little structure"
    return facts.comparison


def frozen(facts: Facts) -> Measured | str:
    """The frame is the one before. Value: share of the blocks that are the same to the last level. By night, when
    a scene may truly stand still, the captions with their clock must stand, too."""
    if facts.context.previous is None:
        return "it takes an earlier picture"
    if facts.measures.uniform_ratio and of_signal(facts).found:
        return "there is no signal"
    night = facts.light in (Light.NIGHT, Light.TWILIGHT)
    ratio = identical_ratio(facts.signature, facts.context.previous, whole=night)
    if ratio is None:
        return "the earlier picture has another size, or too little in it that could change"
    return Measured(ratio, FROZEN_NIGHT_RATIO if night else FROZEN_RATIO)


RULES: Mapping[Fault, Rule] = MappingProxyType(
    {
        Fault.NO_SIGNAL: no_signal,
        Fault.DARK: dark,
        Fault.BRIGHT: bright,
        Fault.LOW_CONTRAST: low_contrast,
        Fault.BLUR: blur,
        Fault.NOISE: noise,
        Fault.STRIPES: stripes,
        Fault.COLOUR_CAST: colour_cast,
        Fault.GREYSCALE: greyscale,
        Fault.OCCLUDED: occluded,
        Fault.MOVED: moved,
        Fault.FROZEN: frozen,
    }
)
"""The rules over decoded pixels, in the order in which they are reported; `corrupt` and `resolution` are judged
from the file itself."""
