"""How judged frames become flips: stories of frames, each a minute and its faults."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthd.folding.picture_state import PictureRules, advance_picture, picture_reading, without_faults
from healthd.folding.state import Holding, Reading, Rules
from healthd.model import Asked, Axis, Flip, State
from probes.base import Reason, Result
from probes.picture.confirm import confirmations

MINUTE = 60_000
RULES = PictureRules(Rules(3, 2, 120 * MINUTE))
Step = tuple[float, str] | tuple[float, str, str]


def reading(step: Step) -> Reading:
    """(minute, faults[, not checked]); faults `-`: none could be judged."""
    minute, faults = step[0], step[1]
    asked = round(minute * MINUTE)
    if faults == "-":
        return Reading(asked, State.NO_PICTURE, (), "refused")
    named = tuple(sorted(faults.split()))
    unseen = frozenset(step[2].split()) if len(step) > 2 else frozenset()
    return Reading(asked, State.FAULTY if named else State.GOOD, named, "ok", not_checked=unseen)


def live(steps: Sequence[Step], holding: Holding | None = None) -> tuple[Holding, list[Flip]]:
    holding, flips = holding or Holding(), []
    for step in steps:
        holding, flip = advance_picture(holding, reading(step), RULES)
        flips += [flip] if flip else []
    return holding, flips


def told(flips: Sequence[Flip]) -> list[tuple[str, str, float, float]]:
    return [(flip.state, " ".join(flip.faults), flip.at / MINUTE, flip.decided / MINUTE) for flip in flips]


def test_a_fault_is_believed_after_minutes_and_dated_at_the_first() -> None:
    """Three frames in 30 seconds prove nothing; three over ten minutes do, from the first of them on."""
    story: list[Step] = [(1, ""), (60, "blur"), (60.25, "blur"), (60.5, "blur"), (65, "blur")]
    holding, flips = live(story)
    assert (holding.state, told(flips)) == (State.GOOD, [("good", "", 1, 1)])
    _, flips = live([*story, (70, "blur")])
    assert told(flips)[1:] == [("faulty", "blur", 60, 70)]
    assert flips[-1].evidence[0]["asked"] == 60 * MINUTE


def test_what_stays_is_believed_sooner_than_what_may_pass() -> None:
    """No signal takes five minutes, a covered lens ten."""
    _, flips = live([(1, ""), (60, "no_signal"), (62.5, "no_signal"), (65, "no_signal")])
    assert told(flips)[1:] == [("faulty", "no_signal", 60, 65)]
    _, flips = live([(1, ""), (60, "occluded"), (62.5, "occluded"), (65, "occluded"), (67.5, "occluded")])
    assert len(flips) == 1


def test_frozen_takes_three_frames_and_two_pauses() -> None:
    """Each frozen frame is held against the one before, so the second of them is the third frame."""
    _, flips = live([(1, ""), (60, "frozen"), (65, "frozen")])
    assert told(flips)[1:] == [("faulty", "frozen", 60, 65)]


def test_one_good_frame_ends_a_suspicion() -> None:
    """A lorry before the lens for a moment, twice, is no fault."""
    holding, flips = live([(1, ""), (60, "occluded"), (62, ""), (64, "occluded"), (70, ""), (71, "occluded")])
    assert (len(flips), holding.state, len(holding.streak)) == (1, State.GOOD, 1)


def test_a_frame_that_could_not_judge_counts_neither_way() -> None:
    """Fog in between neither confirms nor ends a suspicion of blur."""
    _, flips = live([(1, ""), (60, "blur"), (65, "", "blur"), (66, "blur"), (70, "blur")])
    assert told(flips)[1:] == [("faulty", "blur", 60, 70)]


def test_what_cannot_be_judged_does_not_become_normal() -> None:
    """By night nothing tells whether the view is still moved: it is, until a frame could see that it is not."""
    moved = Holding(State.FAULTY, MINUTE, ("moved",), last=MINUTE)
    holding, flips = live([(60, "", "moved"), (90, "", "moved"), (120, "", "moved")], moved)
    assert (holding.state, flips) == (State.FAULTY, [])
    _, flips = live([(60, ""), (62, "")], moved)
    assert told(flips) == [("good", "", 60, 62)]


def test_faults_come_and_go_one_by_one() -> None:
    """The set is dated anew as a fault is added, or is gone while another stays."""
    story: list[Step] = [(minute, "noise") for minute in (1, 6, 11)]
    story += [(minute, "noise stripes") for minute in (60, 63, 66)]
    story += [(minute, "stripes") for minute in (120, 122)]
    assert told(live(story)[1]) == [
        ("faulty", "noise", 1, 11),
        ("faulty", "noise stripes", 60, 66),
        ("faulty", "stripes", 120, 122),
    ]


def test_one_fault_turns_into_another_without_being_good_between() -> None:
    """Dark gives way to no signal: the camera is never shown good."""
    story: list[Step] = [(1, "dark"), (6, "dark"), (11, "dark")]
    story += [(minute, "no_signal", "dark") for minute in (60, 63, 66)]
    story += [(minute, "bright") for minute in (120, 125, 130)]
    assert told(live(story)[1]) == [
        ("faulty", "dark", 1, 11),
        ("faulty", "dark no_signal", 60, 66),
        ("faulty", "bright", 120, 130),
    ]


def test_a_second_fault_that_showed_first_is_dated_no_earlier_than_the_first_flip() -> None:
    """Flips stay in order of time, whatever took longer to believe."""
    story: list[Step] = [(1, ""), (60, "blur"), (61, "blur stripes"), (64, "blur stripes"), (66, "blur stripes")]
    assert told(live([*story, (70, "blur stripes")])[1])[1:] == [
        ("faulty", "stripes", 61, 66),
        ("faulty", "blur stripes", 61, 70),
    ]


def test_missing_pictures_are_counted_apart() -> None:
    """Three refusals in a row are no picture, dated at the first; a refusal says nothing of a fault."""
    _, flips = live([(1, ""), (60, "-"), (61, "-"), (62, "-"), (100, ""), (101, "")])
    assert told(flips)[1:] == [("no_picture", "", 60, 62), ("good", "", 100, 101)]
    _, flips = live([(1, ""), (60, "corrupt"), (62, "-"), (64, "corrupt"), (66, "corrupt")])
    assert told(flips)[1:] == [("faulty", "corrupt", 60, 66)]


def test_from_unknown_one_good_frame_decides() -> None:
    """And a bad one alone does not."""
    holding, flips = live([(1, "blur")])
    assert (holding.state, flips) == (State.UNKNOWN, [])
    assert told(live([(1, "blur"), (2, "")])[1]) == [("good", "", 2, 2)]


def test_a_pause_of_hours_breaks_a_suspicion() -> None:
    """A streak does not span more than two intervals without a known result."""
    assert len(live([(1, ""), (60, "stripes"), (62, "stripes"), (200, "stripes")])[1]) == 1


def test_what_is_switched_off_is_let_go() -> None:
    """A fault that the configuration takes out of the rate must not hold for ever."""
    held = Holding(State.FAULTY, MINUTE, ("greyscale",), last=MINUTE)
    off = [{"fault": "greyscale", "why": "switched off"}, {"fault": "moved", "why": "no reference"}]
    for minute in (60, 61):
        asked = Asked("c", "frame", minute * MINUTE, 0.1, Result.ok(faults=(), findings=[], not_checked=off))
        judged = picture_reading(asked)
        assert judged is not None
        assert judged.not_checked == {"moved"}
        held, flip = advance_picture(held, judged, RULES)
    assert flip is not None
    assert (flip.state, flip.at) == (State.GOOD, 60 * MINUTE)


def test_what_is_taken_back_is_gone_at_once() -> None:
    """An operator's word removes a fault from the state and from what is under suspicion; others stay."""
    held = Holding(State.FAULTY, MINUTE, ("blur", "stripes"), last=MINUTE)
    left, flip = without_faults(held, {"blur"}, 5 * MINUTE, "marked false")
    assert flip is not None
    assert (flip.axis, flip.faults, left.faults, flip.at) == (Axis.PICTURE, ("stripes",), ("stripes",), 5 * MINUTE)
    suspected, _ = live([(1, ""), (60, "blur"), (65, "blur")])
    cleared, flip = without_faults(suspected, {"blur"}, 66 * MINUTE, "marked false")
    assert flip is None
    _, flips = live([(70, "blur")], cleared)
    assert flips == []


def test_readings() -> None:
    """Our own failures say nothing; a fail is no picture; evidence keeps value and threshold."""
    assert picture_reading(Asked("c", "frame", 1, 0.0, Result.unknown(Reason.OVERLOAD))) is None
    refused = picture_reading(Asked("c", "frame", 1, 0.0, Result.fail(Reason.AUTH)))
    assert refused is not None
    assert refused.state is State.NO_PICTURE
    values = {"faults": ("dark",), "findings": [{"fault": "dark", "value": 3, "threshold": 28}]}
    dark = picture_reading(Asked("c", "frame", 1, 0.0, Result.ok(**values)))
    assert dark is not None
    assert dark.as_evidence()["findings"] == [{"fault": "dark", "value": 3, "threshold": 28}]


FAULTS = st.lists(st.sampled_from(["blur", "stripes", "frozen", "dark"]), max_size=2, unique=True).map(" ".join)


@given(st.lists(st.tuples(st.integers(1, 90), FAULTS | st.just("-"), FAULTS), max_size=40))
def test_order_and_repetition(steps: list[tuple[int, str, str]]) -> None:
    """Flips come in order of time, never change nothing, and a frame folded again or late moves nothing."""
    holding, minute, flips = Holding(), 0, [Flip("", Axis.PICTURE, 0, State.UNKNOWN, State.UNKNOWN)]
    for pause, faults, unseen in steps:
        minute += pause
        hidden = " ".join(set(unseen.split()) - set(faults.split()))
        holding, flip = advance_picture(holding, reading((minute, faults, hidden)), RULES)
        if flip:
            assert (flip.state, flip.faults) != (flips[-1].state, flips[-1].faults)
            assert flips[-1].at <= flip.at <= flip.decided
            flips.append(flip)
        assert advance_picture(holding, reading((minute, "dark")), RULES) == (holding, None)
        assert (holding.state, holding.faults) == (flips[-1].state, flips[-1].faults)
        assert len(holding.streak) <= 16


@pytest.mark.parametrize(("frames", "needed"), [(1, 1), (3, 2)])
def test_confirmations_of_a_configuration(frames: int, needed: int) -> None:
    """`frames` frames of a frozen picture are one comparison less."""
    assert confirmations(frames, 0, 0)[next(f for f in confirmations(1, 0, 0) if f == "frozen")].needed == needed
