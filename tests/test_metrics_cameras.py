"""Series per camera: what is kept from page to page never shows an old state."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from healthd.exposition import Format
from healthd.live import CameraView
from healthd.metrics.cameras import CameraSeries
from healthd.model import State
from tests import pages

CHANGES: Sequence[dict[str, Any]] = (
    {"online": State.OFFLINE, "online_since": 5000},
    {"online": State.UNKNOWN},
    {"picture": State.FAULTY, "faults": ("blur",), "picture_since": 7000},
    {"rtt_seconds": 0.25, "loss_ratio": 0.5},
    {"rtt_seconds": None},
    {"exempt": True},
    {"reboots": 3},
    {"clock_offset_seconds": -2.5},
    {"vendor": 'a "b"', "firmware": "1\n2"},
)


def text(series: CameraSeries, views: Sequence[CameraView]) -> bytes:
    return b"".join(series.blocks(views, Format.TEXT))


@pytest.mark.parametrize("seed", range(3))
def test_a_kept_page_equals_one_made_anew(seed: int) -> None:
    """After any changes, comings and goings the page is what a fresh process would write."""
    chance = random.Random(seed)
    series = CameraSeries()
    views = [CameraView(pages.camera(number)) for number in range(1, 2301)]
    for _ in range(12):
        for _ in range(chance.choice((0, 1, 50))):
            at = chance.randrange(len(views))
            views[at] = replace(views[at], **chance.choice(CHANGES))
        if chance.random() < 0.3:
            del views[chance.randrange(len(views))]
        if chance.random() < 0.3:
            at = chance.randrange(len(views))
            number = int(views[at].camera.id.removeprefix("cam-"))
            views[at] = replace(views[at], camera=pages.camera(number, "320612100", "2"))
        assert text(series, views) == text(CameraSeries(), views)


def test_what_did_not_change_is_not_written_again() -> None:
    """A page on which one camera's round trip changed shares all other pieces with the last one."""
    series = CameraSeries()
    views = [CameraView(pages.camera(number), online=State.ONLINE) for number in range(1, 3001)]
    before = {id(block) for block in [*series.blocks(views, Format.TEXT)] if len(block) > 1000}
    views[0] = replace(views[0], rtt_seconds=0.1)
    after = [block for block in series.blocks(views, Format.TEXT) if len(block) > 1000]
    assert {id(block) for block in after} <= before
