"""Rules asked with literals: what each says of measures that stand between two faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from probes.picture.context import Context, Light
from probes.picture.facts import Facts, of_signal
from probes.picture.fingerprint import Comparison, Fingerprint, Lit, fingerprint, trusted
from probes.picture.measure import Measures, grey_of, measure
from probes.picture.rules import blur, greyscale, low_contrast

FRAME = np.random.default_rng(1).integers(60, 200, (270, 480, 3)).astype(np.uint8)
COMPARISON = Comparison(True, 0.9, 0.1, 0.0, 0.9, 60, 0.9, 0.9, 0.9, 1.0)


def measures(sharpness: int = 50, clean: float = 0.2, stripes: float = 0.0, **more: Any) -> Measures:
    read = measure(FRAME, grey_of(FRAME))
    detail = replace(read.detail, sharpness=sharpness, clean_ratio=clean, stripes=stripes)
    return replace(read, detail=detail, **more)


def reference(sharpness: int = 50) -> Fingerprint:
    return trusted(fingerprint(grey_of(FRAME), Lit.DAY, sharpness, (1600, 1600, 1600), 20.0))


def facts(read: Measures, **compared: Any) -> Facts:
    comparison = replace(COMPARISON, **compared)
    return Facts(read, Context(), Light.DAY, True, 80, 4.0, reference(), comparison)


@pytest.mark.parametrize(
    ("sharpness", "contrast_left", "says"),
    [
        (24, 0.9, "found"),
        (27, 0.9, "not found"),
        (24, 0.6, "not checked"),  # haze may have taken it
        (16, 0.6, "found"),  # haze leaves more than that
        (16, 0.4, "not checked"),  # fog
    ],
)
def test_blur_and_haze(sharpness: int, contrast_left: float, says: str) -> None:
    """Half of the reference's sharpness is blur in clear air; in haze it takes a third; in fog nothing tells."""
    answer = blur(facts(measures(sharpness), contrast_ratio=contrast_left))
    assert says == ("not checked" if isinstance(answer, str) else "found" if answer.found else "not found")


@pytest.mark.parametrize(
    ("left", "evenness", "found"), [(0.21, 0.8, True), (0.21, 0.6, False), (0.19, 0.4, False), (0.17, 0.4, True)]
)
def test_mist_leaves_what_is_near(left: float, evenness: float, found: bool) -> None:
    """The less evenly contrast was lost in white air, the more of it may be gone."""
    white = measures(luma_p1=150, luma_p10=160, luma_p50=170, luma_p99=200)
    answer = low_contrast(facts(white, contrast_ratio=left, evenness=evenness))
    assert not isinstance(answer, str)
    assert answer.found is found


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (measures(70, clean=0.99), True),  # colour bars
        (measures(70, clean=0.97), False),  # a calm view, encoded hard
        (measures(70, clean=0.99, stripes=9.0), False),  # a roller shutter
        (measures(20, clean=0.99), False),  # fog has no edges
        (measures(70, clean=0.99, luma_p50=10), False),  # night
        (measures(70, clean=0.99, saturated_ratio=0.6), False),  # glare
        (measures(uniform_ratio=0.7, uniform_luma=22, uniform_peak=90), True),  # dark blue
        (measures(uniform_ratio=0.9, uniform_luma=5, uniform_peak=8), False),  # a dark street
        (measures(120, clean=0.97, uniform_ratio=0.85, uniform_luma=0, uniform_peak=0), True),  # a logo on black
    ],
)
def test_no_signal_is_drawn(read: Measures, found: bool) -> None:
    """A card or colour bars have neither grain nor a lens's edges; darkness, glare, fog, shutters are others."""
    assert of_signal(facts(read)).found is found


def test_little_colour_is_colour() -> None:
    """A lift's steel walls have more of it than a sensor without its filter."""
    for chroma, found in ((2.9, False), (2.3, True)):
        answer = greyscale(facts(measures(chroma_p95=chroma)))
        assert not isinstance(answer, str)
        assert answer.found is found
