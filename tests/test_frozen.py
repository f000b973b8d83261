"""A frozen copy answers as the live data did when it was taken, whatever is asked of it."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthd.incidents.attribution import ATTRIBUTED, Hold, attributed, door_columns, lay
from healthd.model import Camera, Maintainer, Placement
from healthd.rates.frozen import Copy, freeze
from healthd.rates.frozen_bytes import digest_of, pack, region_rows, unpack
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
    content = pack(freeze(fleet.histories, watch, TERMS))
    copy = unpack(content)
    assert region_rows(content)[1] == [*copy.rows()]
    assert [*copy.rows(by=by, region=region)] == [*rows(fleet.histories, watch, TERMS, by=by, region=region)]
    [first, *_] = fleet.histories
    alone = [*rows([first], watch, TERMS, by=by, region=region)]
    assert [*copy.rows(by=by, region=region, camera=first.camera)] == alone


HELD = st.lists(
    st.tuples(st.integers(-9 * DAY, DAY), st.integers(1, 5 * DAY), st.integers(0, 3), st.booleans()), max_size=6
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(fleets(), KINDS, st.sampled_from(["", "3201"]), HELD)
def test_a_copy_knows_at_whose_door_bad_seconds_lie(
    fleet: PlacedFleet, by: str, region: str, held: list[tuple[int, int, int, bool]]
) -> None:
    """Usage and attributable rates, with their doors, are the same before and after, beside all other rates."""
    watch = Watch(fleet.heartbeats, fleet.zone, fleet.now - 9 * DAY, fleet.now)
    spans = sorted(Hold(fleet.now + at, fleet.now + at + took, door, down) for at, took, door, down in held)
    holds = {"camera-0": spans}
    copy = unpack(pack(freeze(fleet.histories, watch, TERMS, [(door_columns(TERMS), lay(holds))])))
    told = [*copy.rows(by=by, region=region, rates=ATTRIBUTED)]
    assert told == [*attributed(fleet.histories, watch, TERMS, holds, by=by, region=region)]
    assert [*copy.rows(by=by, region=region)] == [*rows(fleet.histories, watch, TERMS, by=by, region=region)]


def test_one_camera_is_read_without_the_others() -> None:
    """Out of a copy of many, the block that a camera is in answers for it as the whole does; a stranger has no
    rows."""
    place = Placement("32", "1")
    shares = {f"c{n:04d}": [(0, ((n, 0, 0, 0, 0, 0, n, n),) * 2, True)] for n in range(1201)}
    terms = Terms(NAMED, PROFILES[:1])
    columns = [("online", PROFILES[0].name), ("intact", PROFILES[0].name)]
    content = pack(Copy(0, 10, 10, terms, columns, [place], shares, {"c0700": (place, "0123")}, ["{}"]))
    whole = unpack(content)
    assert (len(whole.shares), whole.examined, whole.incidents) == (1201, {"c0700": (place, "0123")}, ["{}"])
    for name in ("c0000", "c0499", "c0500", "c1200", "b", "d", "c0500x"):
        part = unpack(content, name)
        assert len(part.shares) <= 500
        assert [*part.rows(by="camera", camera=name)] == [*whole.rows(by="camera", camera=name)]
    assert [row.good for row in unpack(content, "c0700").rows(by="camera", camera="c0700")] == [700] * 4


def test_a_copy_that_is_cut_short_is_refused() -> None:
    """Wherever it breaks off, between two blocks as well: an error, never figures of a part."""
    place = Placement("32", "1")
    shares = {f"c{n:04d}": [(0, ((n,) * 8,), True)] for n in range(501)}
    terms = Terms(NAMED, PROFILES[:1])
    content = pack(Copy(0, 10, 10, terms, [("online", "default")], [place], shares, incidents=["{}"]))
    for cut in range(len(content)):
        with pytest.raises((ValueError, LookupError, struct.error, zlib.error)):
            unpack(content[:cut])


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
    with pytest.raises(ValueError, match="not a copy that this program knows"):
        unpack(zlib.compress(json.dumps({"format": 99}).encode()))
