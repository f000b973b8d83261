"""The simulated week: its faults, what they do to everything that a prober could ask, and how fast it passes."""

from __future__ import annotations

import itertools
import time

import pytest

from healthd.city.faults import FLAPS, OUTAGES, PICTURE, UPSTREAM, Fault, Kind, affected
from healthd.city.simulate import Simulation, draw_faults
from healthd.incidents.incident import Cause
from probes.base import Memory, Outcome, Reason
from probes.picture.verdict import Fault as PictureFault
from tests.city_kit import paper_city

START, HOUR, WEEK = 1_795_190_400_000, 3_600_000, 7 * 86_400_000


def test_a_week_has_faults_of_every_kind_and_none_hides_another() -> None:
    """320 faults in a week of 2,000 cameras: every kind, within the week, and no camera has two within an hour."""
    plan = paper_city(2000)
    faults = draw_faults(plan, 1, 320, 7)
    assert len(faults) == 320
    assert {fault.kind for fault in faults} == {*Kind}
    assert [fault.start for fault in faults] == sorted(fault.start for fault in faults)
    assert 0 < faults[0].start < max(fault.end for fault in faults) <= 7 * 86400
    busy: dict[str, list[tuple[float, float]]] = {}
    for fault in faults:
        cameras = affected(plan, fault)
        assert cameras
        for camera in cameras:
            busy.setdefault(camera, []).append((fault.start, fault.end))
    for spans in busy.values():
        assert all(end + 3600 < start for (_, end), (start, _) in itertools.pairwise(sorted(spans)))
    assert draw_faults(plan, 1, 320, 7) == faults != draw_faults(plan, 2, 320, 7)


def test_every_cause_that_can_be_true_comes_up() -> None:
    """The true causes are those of incidents, without the three that only a watcher can give."""
    causes = {fault.cause for fault in draw_faults(paper_city(2000), 3, 300, 7)}
    assert causes == {*Cause} - {Cause.UPSTREAM, Cause.BLIND, Cause.UNKNOWN}


def test_a_small_city_has_no_room_for_many_faults() -> None:
    """Asked for more than fits, the drawing says so and what helps."""
    with pytest.raises(ValueError, match=r"no room for another .*: ask for fewer faults or more days"):
        draw_faults(paper_city(20), 1, 2000, 1)


def test_answers_follow_the_faults() -> None:
    """At every event of a week, exactly the cameras of the offline faults that are on don't answer, whatever is
    asked; the others answer, and tell of the fault that they have."""
    plan = paper_city(400)
    simulation = Simulation(plan, draw_faults(plan, 5, 60, 7), START)
    on: dict[Fault, tuple[str, ...]] = {}
    seen = set()
    last = START
    while (at := simulation.next_change) is not None:
        for event in simulation.advance(at):
            assert last <= event.at == at
            last = event.at
            if event.begins:
                on[event.fault] = event.cameras
            else:
                del on[event.fault]
        flapping = {camera for fault, cameras in on.items() if fault.kind in FLAPS for camera in cameras}
        down = {
            camera
            for fault, cameras in on.items()
            if fault.kind in (*OUTAGES, *UPSTREAM) and fault.kind not in FLAPS
            for camera in cameras
        }
        silent = {camera for camera in plan.cameras if not simulation.answers(camera)}
        assert down <= silent <= down | flapping
        for fault in on:
            if fault.target in plan.cameras and fault.kind not in FLAPS:
                check(simulation, fault)
                seen.add(fault.kind)
    assert not on
    assert {*PICTURE, Kind.CLOCK, *OUTAGES} <= seen
    assert all(simulation.ping(camera).outcome is Outcome.OK for camera in plan.cameras)


def check(simulation: Simulation, fault: Fault) -> None:
    """What each check says of a camera that has this fault."""
    camera = fault.target
    ping, snmp, onvif, frame = (getattr(simulation, name)(camera) for name in ("ping", "snmp", "onvif", "frame"))
    if fault.kind in OUTAGES:
        assert {ping.reason, snmp.reason, onvif.reason, frame.reason} == {Reason.TIMEOUT}
        assert ping.values["loss_ratio"] == 1.0
        return
    assert (ping.reason, snmp.reason) == (Reason.OK, Reason.OK)
    assert onvif.reason is (Reason.AUTH if fault.kind is Kind.LOGIN_CHANGED else Reason.OK)
    assert (abs(onvif.values["clock_offset_seconds"]) >= 3600) is (fault.kind is Kind.CLOCK)
    refusals = {Kind.LOGIN_CHANGED: Reason.AUTH, Kind.REFUSED: Reason.REFUSED}
    assert frame.reason is refusals.get(fault.kind, Reason.OK)
    if frame.outcome is Outcome.OK:
        assert {*frame.values["faults"]} <= {*PictureFault}
        assert bool(frame.values["faults"]) is (fault.kind is not Kind.CLOCK)


def test_a_restart_shows_in_the_next_uptime() -> None:
    """A device that lost its power says so when it is asked again, one behind a cut line does not."""
    plan = paper_city(300)
    first, second = [device.id for device in plan.devices.values() if device.kind == "switch"][:2]
    faults = [Fault(600, 1200, Kind.SWITCH_POWER, first), Fault(600, 1200, Kind.UPLINK_CUT, second)]
    simulation = Simulation(plan, faults, START)
    before = {one: simulation.device(one).learnt["booted_at"] for one in (first, second)}
    simulation.advance(START + 700_000)
    assert {simulation.device(one).reason for one in before} == {Reason.TIMEOUT}
    simulation.advance(START + 1_500_000)
    after = {one: simulation.device(one, Memory(booted_at=booted)).values for one, booted in before.items()}
    assert [after[one]["rebooted"] for one in (first, second)] == [True, False]
    assert after[first]["uptime_seconds"] == pytest.approx(300)
    port = next(port for port in after[second]["ports"] if port.last_change_seconds == 300)
    assert port.oper_up


def test_a_week_passes_in_seconds() -> None:
    """A week of 2,000 cameras with 300 faults, every device walked and every camera pinged once every two
    hours, takes less than 20 s of CPU."""
    started = time.process_time()
    plan = paper_city(2000)
    simulation = Simulation(plan, draw_faults(plan, 1, 300, 7), START)
    devices = [device.id for device in plan.devices.values() if device.address]
    events = walks = 0
    for at in range(START, START + WEEK + 1, 2 * HOUR):
        events += len(simulation.advance(at))
        walks += sum(simulation.device(device).outcome is Outcome.OK for device in devices)
        assert sum(simulation.ping(camera).outcome is Outcome.OK for camera in plan.cameras) > 1500
    assert (events, walks > 80 * len(devices)) == (600, True)
    assert time.process_time() - started < 20
