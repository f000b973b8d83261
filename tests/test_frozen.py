"""A frozen copy answers as the live data did when it was taken, whatever is asked of it."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthd.model import Camera, Maintainer, Placement
from healthd.rates.frozen import digest_of, freeze, pack, unpack
from healthd.rates.pool import Terms
from healthd.rates.profiles import Method
from healthd.rates.rows import rows
from healthd.rates.timeline import Watch
from tests.rates_fleets import DAY, INVENTORY, PROFILES, PlacedFleet, fleets

COUNTING = (
    replace(PROFILES[0], name="heads", method=Method("head_count", audit=("10:00", "22:00"))),
    replace(PROFILES[0], name="days", method=Method("daily_pass", pass_at=Fraction(9, 10)), grace=3_600_000),
)
NAMED = replace(
    INVENTORY,
    cameras={"camera-0": Camera("camera-0", "东门", "10.0.0.1", Placement("32", "1"), tags={"street": "a"})},
    maintainers={"north": Maintainer("north", "北方公司")},
    digest="abc",
)
TERMS = Terms(NAMED, [*PROFILES, *COUNTING], small_region=2)
KINDS = st.sampled_from(["region", "department", "unit", "maintainer", "camera", "tag:street"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(fleets(), KINDS, st.sampled_from(["", "32", "3201", "320101"]), st.integers(0, 40))
def test_a_copy_answers_as_the_live_data(fleet: PlacedFleet, by: str, region: str, days: int) -> None:
    """By anything, of any subtree and by any method: the rows are the same before and after packing."""
    watch = Watch(fleet.heartbeats, fleet.zone, fleet.now - days * DAY, fleet.now + DAY)
    copy = unpack(pack(freeze(fleet.histories, watch, TERMS)))
    assert [*copy.rows(by=by, region=region)] == [*rows(fleet.histories, watch, TERMS, by=by, region=region)]
    [first, *_] = fleet.histories
    alone = [*rows([first], watch, TERMS, by=by, region=region)]
    assert [*copy.rows(by=by, region=region, camera=first.camera)] == alone


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(fleets())
def test_the_same_copy_is_the_same_bytes(fleet: PlacedFleet) -> None:
    """No order of cameras changes the copy, and it survives packing whole."""
    watch = Watch(fleet.heartbeats, fleet.zone, fleet.now - 9 * DAY, fleet.now)
    copy = freeze(fleet.histories, watch, TERMS)
    content = pack(copy)
    again = pack(unpack(content))
    assert digest_of(content) == digest_of(again)
    assert [*unpack(again).rows(by="camera")] == [*copy.rows(by="camera")]


def test_a_copy_of_another_program_is_refused() -> None:
    """A format that this program does not know is an error, not a guess."""
    with pytest.raises(ValueError, match="format 99"):
        unpack(zlib.compress(json.dumps({"format": 99}).encode()))
