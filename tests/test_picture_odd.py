"""Odd frames against what a person says of them: cards and covers are found; weather, insects, odd lenses not."""

from __future__ import annotations

import pytest

from probes.picture.context import Context, Light
from probes.picture.fingerprint import trusted
from probes.picture.judge import judge
from tests import odd_pictures as odd

GOOD: set[str] = set()


def found(changed: odd.Frame, usual: odd.Frame | None, light: Light, quality: int = 80) -> set[str]:
    """The faults of `changed` at a camera that usually shows `usual` (None: no reference yet)."""
    context = Context(light=light)
    if usual is not None:
        candidate = judge(odd.encoded(usual), Context(light=light)).candidate
        assert candidate is not None
        reference = trusted(candidate)
        context = Context(light=light, day=reference, night=reference)
    return {str(fault) for fault in judge(odd.encoded(changed, quality), context).verdict.faults}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (odd.card(200, 40, 10), {"no_signal"}),
        (odd.card(90, 20, 0), {"no_signal"}),
        (odd.card(0, 0, 0), {"no_signal"}),
        (odd.card(90, 90, 90), {"no_signal"}),
        (odd.card(120, 20, 90), {"no_signal"}),
        (odd.colour_bars, {"no_signal"}),
        (odd.covered(0.55, 110, 140, 200), {"occluded"}),
        (odd.covered(0.7, 225, 230, 235), {"occluded"}),
        (odd.covered(0.75, 15, 15, 15), {"occluded"}),
        (odd.leaves, {"occluded"}),
        (odd.upside_down, {"occluded"}),
        (odd.magenta, {"colour_cast"}),
        (odd.green_below, {"corrupt"}),
        (odd.snow_on_the_ground, GOOD),
        (odd.low_sun, GOOD),
        (odd.as_it_is, GOOD),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_by_day(change: odd.Change, expected: set[str]) -> None:
    """Against the camera's own reference, a quarter of an hour later. What is expected is among what is found, and
    of good frames nothing is."""
    faults = found(change(odd.street("odd", 900)), odd.street("odd"), Light.DAY)
    assert expected <= faults if expected else not faults


@pytest.mark.parametrize("change", [odd.rain_at_night, odd.insects_at_night, odd.web_at_night, odd.as_it_is])
def test_by_night(change: odd.Change) -> None:
    """What shines in the infrared lamp's light is no fault."""
    assert (
        found(change(odd.infrared(odd.street("odd", 900))), odd.infrared(odd.street("odd")), Light.NIGHT) == GOOD
    )


@pytest.mark.parametrize(
    "change", [odd.corridor, odd.behind_a_grille, odd.fisheye, odd.interlaced, odd.four_in_one, odd.as_it_is]
)
@pytest.mark.parametrize("quality", [80, 20])
def test_odd_views_without_a_reference(change: odd.Change, quality: int) -> None:
    """Whatever a camera is meant to look at, however hard it is encoded, can become its reference."""
    assert found(change(odd.street("odd")), None, Light.DAY, quality) == GOOD
