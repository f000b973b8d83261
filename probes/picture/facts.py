"""All that rules may look at, and what blinds them: a card, darkness, glare. Measures only, never pixels."""

from __future__ import annotations

from dataclasses import dataclass

from probes.picture.context import Context, Light
from probes.picture.fingerprint import Comparison, Fingerprint
from probes.picture.measure import Measures

CARD_RATIO = 0.65  # of the blocks in one colour: a card with a logo and a line of text still has that
BLACK_RATIO = 0.97  # a night scene has large even black parts, but something in it is lit or grey
BLACK_LUMA = 24  # of the brightest channel: no night is blue
BLACK_DRAWN_RATIO = 0.80  # where the rest is text and a logo: drawn edges are sharper than any lens can show,
DRAWN_SHARPNESS = 100
DRAWN_ON_RATIO = 0.95  # and nearly no pixel has grain
BARS_RATIO = 0.985  # of the pixels without grain where no one colour rules: colour bars,
BARS_SHARPNESS = 60  # with edges
BARS_LUMA = 24  # of the middle pixel: in the dark a hard encoder leaves no grain, either
WHITE_LUMA = 235  # an even white frame is a blinded sensor (`bright`), not a lost signal
DARK_LUMA = 28
BRIGHT_RATIO = 0.42
CONTRAST_NONE_RATIO = 0.12  # so little is left by a film; something before the lens has shades of its own
CLEAR_LEVELS = 80  # between the darkest and the lightest hundredth: that is enough
CLEAR_LUMA = 135  # half of the frame lighter than this: snow or fog may lie on what is sharp
STRIPE_LEVELS = 3.5
VEIL_LEVELS = 30  # contrast below which fog may be all that is seen
VEIL_RATIO = 0.50  # of the reference's contrast, the same


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a rule may look at. `light` is never AUTO; `certain`: it was told, not taken from the picture.
    `contrast`: levels between dark and light in the tile that a tenth of the tiles pass. `reduction`: how much
    smaller than the original the frame was decoded. `reference`: the settled one for this light, with the frame's
    `comparison` against it."""

    measures: Measures
    context: Context
    light: Light
    certain: bool
    contrast: int
    reduction: float
    reference: Fingerprint | None = None
    comparison: Comparison | None = None
    why_no_reference: str = "there is no reference of the camera's view"
    signature: bytes = b""

    @property
    def veiled(self) -> bool:
        """Fog, snowfall or a film may hide what is there."""
        return self.contrast < VEIL_LEVELS or self.faded

    @property
    def faded(self) -> bool:
        """Much of the contrast that the reference has is gone: nothing to learn a view from."""
        left = self.comparison.contrast_ratio if self.comparison else None
        return left is not None and left < VEIL_RATIO

    @property
    def spread(self) -> int:
        """Levels between the darkest and the lightest hundredth."""
        return self.measures.luma_p99 - self.measures.luma_p1

    @property
    def clear(self) -> bool:
        """There is light and contrast enough for sharp edges, and neither fog nor snow on them."""
        measures = self.measures
        return self.light is Light.DAY and self.spread >= CLEAR_LEVELS and measures.luma_p50 < CLEAR_LUMA

    @property
    def filmed(self) -> bool:
        """No contrast is left to tell anything else by."""
        left = self.comparison.contrast_ratio if self.comparison else None
        return left is not None and left < CONTRAST_NONE_RATIO

    @property
    def blinded(self) -> bool:
        """Nothing but a card, darkness or glare is to be seen: what else is wrong cannot be told."""
        return any(one(self).found for one in (of_darkness, of_glare, of_signal))


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and the threshold that it is held against. `below`: the fault is to be below it, else above or at
    it."""

    value: float
    threshold: float
    below: bool = False

    @property
    def found(self) -> bool:
        return self.value < self.threshold if self.below else self.value >= self.threshold


def of_signal(facts: Facts) -> Measured:
    """Whether there is any signal; see the rule `no_signal`."""
    measures = facts.measures
    if _is_of_bars(facts):
        return Measured(measures.detail.clean_ratio, BARS_RATIO)
    threshold = CARD_RATIO
    if measures.uniform_peak < BLACK_LUMA:
        drawn_on = (measures.detail.sharpness or 0) >= DRAWN_SHARPNESS
        drawn_on = drawn_on and measures.detail.clean_ratio >= DRAWN_ON_RATIO
        threshold = BLACK_DRAWN_RATIO if drawn_on else BLACK_RATIO
    even = measures.uniform_ratio if measures.uniform_luma < WHITE_LUMA else 0.0
    return Measured(even, threshold)


def _is_of_bars(facts: Facts) -> bool:
    detail = facts.measures.detail
    drawn = detail.clean_ratio >= BARS_RATIO and (detail.sharpness or 0) >= BARS_SHARPNESS
    lit = facts.measures.luma_p50 >= BARS_LUMA and not of_glare(facts).found
    return drawn and lit and detail.stripes < STRIPE_LEVELS  # a roller shutter is as even


def of_darkness(facts: Facts) -> Measured:
    """See the rule `dark`."""
    return Measured(facts.measures.luma_p99, DARK_LUMA, below=True)


def of_glare(facts: Facts) -> Measured:
    """See the rule `bright`."""
    return Measured(facts.measures.saturated_ratio, BRIGHT_RATIO)
