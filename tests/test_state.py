"""The fold of results into flips, as stories."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthd.folding.state import (
    Holding,
    Reading,
    Rules,
    Sight,
    advance_online,
    forget,
    online_reading,
    settle,
)
from healthd.model import Asked, Axis, Flip, State
from probes.base import Reason, Result

RULES = Rules(fail_after=3, ok_after=2, span=120_000)
SIGN = {State.ONLINE: "+", State.OFFLINE: "-", State.UNKNOWN: "?"}
STEP = 15_000


def walk(story: str, *, others: str | None = None) -> tuple[str, list[Flip]]:
    """Fold a letter a step: o(k), f(ail), u(nknown), `.` (not asked). `others`: y where somebody else answers."""
    holding, flips, signs = Holding(), [], ""
    elsewhere = 0
    for step, letter in enumerate(story):
        asked = 1_000_000 + step * STEP
        if others is None or others[step] == "y":
            elsewhere = asked
        reading = {
            "o": Reading(asked, State.ONLINE),
            "f": Reading(asked, State.OFFLINE, reason="timeout"),
        }.get(letter)
        if reading is not None:
            holding, flip = advance_online(holding, reading, RULES, elsewhere)
            flips += [flip] if flip else []
        holding, flip = settle(holding, RULES, elsewhere)
        flips += [flip] if flip else []
        signs += SIGN[holding.state]
    return signs, flips


@pytest.mark.parametrize(
    ("story", "states"),
    [
        ("offf", "+++-"),  # two fails forgiven, the third not
        ("offof", "+++++"),  # an ok forgives
        ("offfofoo", "+++----+"),  # one ok is not back yet, and a fail in between starts anew
        ("fff", "??-"),  # from unknown it takes as many
        ("o", "+"),  # from unknown one ok decides
        ("offuf", "++++-"),  # unknown results move nothing
        ("off.........f", "+" * 13),  # a streak does not span more than two intervals
    ],
)
def test_walk(story: str, states: str) -> None:
    """States follow the thresholds of both directions."""
    assert walk(story)[0] == states


def test_flips_are_dated_at_the_first_result_of_their_streak() -> None:
    """Downtime begins with the first fail and ends with the first ok, not with the confirmations."""
    _, flips = walk("offfoo")
    assert [(flip.state, (flip.at - 1_000_000) // STEP, (flip.decided - 1_000_000) // STEP) for flip in flips] == [
        (State.ONLINE, 0, 0),
        (State.OFFLINE, 1, 3),
        (State.ONLINE, 4, 5),
    ]


def test_flip_keeps_the_results_that_decided_it() -> None:
    """Contractors dispute downtime: each flip lists when it was asked and what came back."""
    _, flips = walk("offf")
    assert [(row["asked"], row["reason"]) for row in flips[1].evidence] == [
        (1_000_000 + STEP * step, "timeout") for step in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("story", "others", "states"),
    [
        ("offff", "ynnnn", "+++??"),  # nobody else answers either: healthd is blind
        ("offff", "yyyyy", "+++--"),  # the others answer: it is the camera
        ("offff", "ynnny", "+++??"),  # blind first, then too few corroborated fails
        ("offffff", "ynnnyyy", "+++???-"),  # sight returns: the camera needs three fails of its own
        ("offf.", "yyyny", "++++-"),  # the deciding fail waits for somebody who answers after it
        ("offof", "ynnyy", "+++++"),
    ],
)
def test_nobody_is_called_offline_by_a_blind_healthd(story: str, others: str, states: str) -> None:
    """A fail counts only once somebody else has answered since; without that the camera is unknown."""
    assert walk(story, others=others)[0] == states


def test_a_blind_gap_starts_at_the_first_fail() -> None:
    """The whole time that healthd could not see is unknown, from the first fail on."""
    _, flips = walk("offf", others="ynnn")
    assert (flips[-1].state, flips[-1].at) == (State.UNKNOWN, 1_000_000 + STEP)


def test_outage_of_ours_in_the_middle_of_a_streak_is_not_booked_on_the_camera() -> None:
    """One real loss followed by fails that nobody corroborates does not add up to an outage."""
    signs, _ = walk("offfo", others="yynny")
    assert signs == "+++++"


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from("of")), max_size=40))
def test_folding_twice_or_late_changes_nothing(steps: list[tuple[int, str]]) -> None:
    """A result folded again, or after a newer one, leaves state, streak and flips as they were."""
    holding, asked = Holding(), 0
    for gap, letter in steps:
        asked += gap * 1000
        state = State.ONLINE if letter == "o" else State.OFFLINE
        holding, _ = advance_online(holding, Reading(asked, state), RULES, asked)
        for late in (0, 500, gap * 1000):
            other = Reading(asked - late, State.OFFLINE)
            assert advance_online(holding, other, RULES, asked) == (holding, None)


def test_forget_is_never_dated_before_the_last_flip() -> None:
    """Becoming unknown late cannot reorder what is already stored."""
    holding, flip = forget(Holding(State.GOOD, since=50_000), Axis.PICTURE, 40_000, "offline")
    assert flip is not None
    assert (holding.state, flip.at) == (State.UNKNOWN, 50_000)
    assert forget(holding, Axis.PICTURE, 60_000, "offline") == (replace(holding), None)


def test_readings() -> None:
    """Our own failures say nothing about a camera."""
    assert online_reading(Asked("c", "ping", 1, 0.0, Result.unknown(Reason.LOCAL))) is None
    fail = online_reading(Asked("c", "ping", 1, 1.0, Result.fail(Reason.TIMEOUT)))
    assert fail is not None
    assert (fail.state, fail.reason) == (State.OFFLINE, "timeout")


def test_no_camera_vouches_for_itself() -> None:
    """`elsewhere` leaves out the camera's own address."""
    sight = Sight()
    sight.answered("127.0.0.1", 100)
    assert (sight.elsewhere("127.0.0.1"), sight.elsewhere("127.0.0.2")) == (0, 100)
    sight.answered("127.0.0.2", 90)
    assert (sight.elsewhere("127.0.0.1"), sight.elsewhere("127.0.0.2")) == (90, 100)
    sight.answered("127.0.0.2", 110)
    assert (sight.elsewhere("127.0.0.1"), sight.elsewhere("127.0.0.2")) == (110, 100)
