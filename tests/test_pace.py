"""How far behind the loop is, as a story of times: nothing here sleeps."""

from __future__ import annotations

from healthd.pace import Pace

TICK = 0.02


def walk(pace: Pace, now: float, seconds: float, late: float = 0.0) -> float:
    """Ticks for so long, each of them late by so much; returns the time then."""
    end = now + seconds
    while now < end:
        pace.sleeps(now, now + TICK)
        now += TICK + late
        pace.wakes(now)
    return now


def test_on_time_everybody_is_let_in() -> None:
    """A loop that keeps up holds nothing back, loses no time and is not overloaded."""
    pace = Pace()
    now = walk(pace, 100.0, 60.0, late=0.004)
    assert pace.seats(64) == 64
    assert not pace.overloaded(now)
    assert pace.lost(now) < 60 * 0.25


def test_what_can_wait_gives_way_by_halves_and_comes_back() -> None:
    """Late by 200 ms at every tick: seats halve down to one. On time again: all are back within ten seconds."""
    pace = Pace()
    now = walk(pace, 100.0, 0.5, late=0.2)
    assert 16 <= pace.seats(64) <= 32
    now = walk(pace, now, 10.0, late=0.2)
    assert pace.seats(64) == 1
    assert pace.overloaded(now)
    now = walk(pace, now, 5.0)
    assert 16 < pace.seats(64) < 64
    now = walk(pace, now, 6.0)
    assert pace.seats(64) == 64
    assert not pace.overloaded(now)


def test_time_that_the_loop_stood_still_is_told_before_it_woke() -> None:
    """Whoever asks in the middle of a standstill is told of it; nothing is counted twice."""
    pace = Pace()
    now = walk(pace, 100.0, 1.0)
    before = pace.lost(now)
    pace.sleeps(now, now + TICK)
    now += 3.0
    assert 2.9 < pace.lost(now) - before < 3.0
    pace.wakes(now)
    assert 2.9 < pace.lost(now) - before < 3.0


def test_its_own_long_work_is_lost_time_too() -> None:
    """What the task itself does between waking and sleeping keeps everybody else from the loop."""
    pace = Pace()
    now = walk(pace, 100.0, 1.0)
    before = pace.lost(now)
    pace.sleeps(now + 0.5, now + 0.5 + TICK)
    assert 0.4 < pace.lost(now + 0.5) - before < 0.5


def test_a_turn_left_out_is_remembered_for_a_minute() -> None:
    """Skipped turns make healthd overloaded for the next minute, however well the loop keeps up."""
    pace = Pace()
    now = walk(pace, 100.0, 1.0)
    pace.fell_behind(now)
    assert pace.overloaded(now + 59)
    assert not pace.overloaded(now + 61)
