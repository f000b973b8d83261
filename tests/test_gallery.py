"""What is kept of pictures between two askings: a real store, real frames of a drawn street."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from healthd.city.pictures import View, draw
from healthd.folding.gallery import Gallery, Judgement
from healthd.model import Asked, Camera, Placement
from healthd.options.pictures import OwnThreshold, PictureOptions
from healthd.store import Batch, Store
from probes.base import Result
from probes.picture.context import Context
from probes.picture.fingerprint import Lit
from probes.picture.judge import judge
from probes.picture.verdict import Fault

NOON = 1_763_697_600_000  # 2025-11-21 12:00 in China
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
CAMERA = Camera("c1", "East gate", "127.0.0.1", Placement("320602", "1"), tags={"scene": "tunnel"})


def frame(at: int) -> bytes:
    return draw(View("c1", at / 1000, at / 1000, 640, 360))


def judgement(*thresholds: OwnThreshold) -> Judgement:
    return Judgement(
        PictureOptions(thresholds=thresholds), ZoneInfo("Asia/Shanghai"), {"320602": "/32/3206/320602/"}
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'healthd.db'}", writer=True)
    yield opened
    opened.close()


def see(gallery: Gallery, at: int, good: bool = True, data: bytes | None = None) -> Context:
    """One asking, as the daemon does it; returns what it was judged with."""
    context = gallery.recall(CAMERA, at)()
    judged = judge(data or frame(at), context)
    learnt = {"signature": judged.signature, "reference": judged.reference}
    gallery.judged("c1", Asked("c1", "frame", at, 0.1, replace(Result.ok(), learnt=learnt)), good)
    return context


def keep(gallery: Gallery, store: Store) -> int:
    learnt, forgotten = gallery.take()
    store.write(Batch(references=learnt, forgotten=forgotten))
    gallery.stored(learnt, forgotten)
    return len(learnt)


def test_a_reference_is_learnt_from_good_frames_and_survives_a_restart(store: Store) -> None:
    """Three good frames that agree make a reference, of under 4 kB, that the next run finds in the store."""
    gallery = Gallery(judgement(), store.picture_references)
    for hour in range(3):
        see(gallery, NOON + hour * HOUR)
        assert keep(gallery, store) == 1
    (stored,) = store.picture_references("c1")
    assert (stored.lit, stored.at, len(stored.fingerprint) < 4000) == (Lit.DAY, NOON + 2 * HOUR, True)
    context = Gallery(judgement(), store.picture_references).recall(CAMERA, NOON + 3 * HOUR)()
    assert context.day is not None
    assert context.day.settled
    assert context.night is None


def test_a_bad_frame_is_never_learnt(store: Store) -> None:
    """Neither a frame with a fault, nor any frame while the camera's picture is faulty or under suspicion."""
    gallery = Gallery(judgement(), store.picture_references)
    see(gallery, NOON, data=draw(View("c1", NOON / 1000, NOON / 1000, 640, 360, None))[:9000] + b"\xff\xd9")
    see(gallery, NOON + HOUR, good=False)
    assert keep(gallery, store) == 0


def test_a_ripe_reference_is_refreshed_once_a_day(store: Store) -> None:
    """A lens that slowly turns dull must not be followed frame by frame."""
    gallery = Gallery(judgement(), store.picture_references)
    for number in range(16):
        see(gallery, NOON + number * MINUTE)
    assert keep(gallery, store) == 16
    see(gallery, NOON + 20 * MINUTE)
    assert keep(gallery, store) == 0
    see(gallery, NOON + DAY + HOUR)
    assert keep(gallery, store) == 1


def test_beginning_anew_forgets_the_old_view_at_once(store: Store) -> None:
    """After a repair nothing of the old view is left: in memory, in the store, of frames in flight."""
    gallery = Gallery(judgement(), store.picture_references)
    for number in range(3):
        see(gallery, NOON + number * MINUTE)
    keep(gallery, store)
    gallery.begin_anew("c1", NOON + 10 * MINUTE)
    assert gallery.recall(CAMERA, NOON + 11 * MINUTE)().day is None
    see(gallery, NOON + 9 * MINUTE)  # was asked before, answers only now
    keep(gallery, store)
    assert store.picture_references("c1") == []
    see(gallery, NOON + 12 * MINUTE)
    keep(gallery, store)
    (stored,) = store.picture_references("c1")
    assert stored.at == NOON + 12 * MINUTE


def test_the_frame_before_is_remembered(store: Store) -> None:
    """The same bytes again are frozen; live frames are not."""
    gallery = Gallery(judgement(), store.picture_references)
    see(gallery, NOON)
    context = gallery.recall(CAMERA, NOON + MINUTE)()
    assert Fault.FROZEN in judge(frame(NOON), context).verdict.faults
    assert Fault.FROZEN not in judge(frame(NOON + MINUTE), context).verdict.faults


def test_own_thresholds_by_region_and_tag(store: Store) -> None:
    """The last entry that fits a camera holds; off is None; a region means all below it."""
    entries = [
        {"fault": "blur", "value": "0.45"},
        {"fault": "blur", "value": "0.40", "region": 3206},
        {"fault": "noise", "value": "off", "tag": {"scene": "tunnel"}},
        {"fault": "noise", "value": "30", "tag": {"scene": "street"}},
        {"fault": "dark", "value": "20", "region": "320603"},
    ]
    thresholds = PictureOptions.model_validate({"thresholds": entries}).thresholds
    context = Gallery(judgement(*thresholds), store.picture_references).recall(CAMERA, NOON)()
    assert context.thresholds == {Fault.BLUR: 0.40, Fault.NOISE: None}


def test_the_sun_decides_where_nobody_set_hours(store: Store) -> None:
    """Coordinates come before the standard hours, hours in the configuration before both."""
    gallery = Gallery(judgement(), store.picture_references)
    arctic = replace(CAMERA, longitude=20.0, latitude=80.0)
    assert gallery.recall(CAMERA, NOON)().light == "day"
    assert gallery.recall(arctic, NOON)().light == "night"
    gallery.judgement = replace(judgement(), options=PictureOptions.model_validate({"day": "11:00-13:00"}))
    assert gallery.recall(arctic, NOON)().light == "day"


def test_a_reference_of_another_version_is_learnt_anew(store: Store) -> None:
    """Bytes that this version does not know are no error and no reference."""
    gallery = Gallery(judgement(), store.picture_references)
    see(gallery, NOON)
    (learnt,), _ = gallery.take()
    store.write(Batch(references=[replace(learnt, fingerprint=b"\x63" + learnt.fingerprint[1:])]))
    context = Gallery(judgement(), store.picture_references).recall(CAMERA, NOON)()
    assert context.day is None
    assert Lit.DAY in context.learning
