"""The pure parts of the simulated city: its layout, its faults, their truth, its pictures, its past."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from healthd.city.faults import (
    AT_ANY_TIME,
    BY_REFERENCE,
    FOREVER,
    OUTAGES,
    UPSTREAM,
    Fault,
    Kind,
    Step,
    plan_faults,
    standing_faults,
    taken_down,
    timeline,
)
from healthd.city.history import simulate_history
from healthd.city.http import BadRequestError, Digest, parse
from healthd.city.manners import Manners
from healthd.city.pictures import View, draw
from healthd.city.plan import CORE
from healthd.city.shapes import port_name
from healthd.city.truth import FaultFile, Ledger, TruthFile
from healthd.model import Axis, State
from probes.picture.context import Context, Light
from probes.picture.fingerprint import learn
from probes.picture.judge import judge
from tests.city_kit import paper_city as city

DAY, NIGHT = 1_795_190_400 + 12 * 3600, 1_795_190_400  # noon and midnight in China
HOUR = 3_600_000


@pytest.mark.parametrize("cameras", [1, 2, 7, 300, 3000])
def test_a_city_is_whole_at_any_size(cameras: int) -> None:
    """Every camera is there, in a township of a county of the city, on a switch that leads to the core."""
    plan = city(cameras)
    assert len(plan.cameras) == cameras
    for camera in plan.cameras.values():
        township = plan.regions[camera.placement.region]
        county = plan.regions[township.parent]
        assert (township.level, county.level, plan.regions[county.parent].level) == ("township", "county", "city")
        assert camera.id[:8] == township.code
        assert camera.id[10:13] == "132"
        assert len(camera.id) == 20
        upstream = plan.devices[camera.placement.upstream]
        while upstream.id != CORE:
            upstream = plan.devices[upstream.upstream]


def test_the_same_seed_makes_the_same_city() -> None:
    """A seed decides the layout and the plan of faults; another seed makes another city."""
    faults = [[*itertools.islice(plan_faults(city(300, seed), seed, 50, 50, 50), 40)] for seed in (1, 1, 2)]
    assert city(300, 1) == city(300, 1) != city(300, 2)
    assert faults[0] == faults[1] != faults[2]


def test_channels_share_an_address_and_nothing_else_does() -> None:
    """Only channels of one recorder share an address, each with a number of its own."""
    plan = city(3000)
    shared = [channels for channels in plan.channels_at.values() if len(channels) > 1]
    assert shared
    for channels in shared:
        assert plan.devices[channels[0].placement.upstream].kind == "nvr"
        assert [camera.channel for camera in channels] == [*range(1, len(channels) + 1)]
    assert len({device.address for device in plan.devices.values() if device.address}) == sum(
        1 for device in plan.devices.values() if device.kind != "power"
    )


def test_faults_come_as_often_as_ordered() -> None:
    """Over many hours each stream starts its ordered number of events an hour, 30 to 180 seconds long."""
    hours = 200
    faults = plan_faults(city(300), 7, 20, 10, 5)
    seen = [*itertools.takewhile(lambda fault: fault.start < hours * 3600, faults)]
    assert [fault.start for fault in seen] == sorted(fault.start for fault in seen)
    assert all(30 <= fault.end - fault.start <= 180 for fault in seen)
    kinds = Counter(
        "outage" if fault.kind in OUTAGES else "upstream" if fault.kind in UPSTREAM else "picture"
        for fault in seen
    )
    assert kinds["outage"] == pytest.approx(20 * hours, rel=0.1)
    assert kinds["picture"] == pytest.approx(10 * hours, rel=0.1)
    assert kinds["upstream"] == pytest.approx(5 * hours, rel=0.15)


def test_an_outage_hits_one_camera_and_an_upstream_fault_all_below() -> None:
    """What a fault takes down is what hangs on its target, no more and no less."""
    plan = city(300)
    for fault in itertools.islice(plan_faults(plan, 3, 100, 0, 0), 50):
        assert taken_down(plan, fault)[1] == [fault.target]
    county = next(device for device in plan.devices.values() if device.kind == "router" and device.id != CORE)
    addresses, cameras = taken_down(plan, Fault(0, 1, Kind.COUNTY_LINK, county.id))
    assert {*cameras} == {key for key in plan.cameras if key.startswith(county.region)}
    assert len(addresses) == len({*addresses})
    switch = next(device for device in plan.devices.values() if device.kind == "switch")
    below = {*taken_down(plan, Fault(0, 1, Kind.SWITCH_DEAD, switch.id))[1]}
    on_ports = [
        taken_down(plan, Fault(0, 1, Kind.PORT_DOWN, switch.id, port_name(switch.id, slot)))[1]
        for slot in range(1, 25)
    ]
    assert below == {camera for cameras in on_ports for camera in cameras}


def test_overlapping_faults_are_one_net_change() -> None:
    """A camera under three faults goes bad at the first and good at the end of the last, each axis by itself."""
    plan = city(300)
    camera = next(camera for camera in plan.cameras.values() if len(plan.channels_at[camera.address]) == 1)
    hang = Fault(10, 50, Kind.HANG, camera.id)
    switch = Fault(20, 40, Kind.SWITCH_DEAD, camera.placement.upstream)
    black = Fault(15, 90, Kind.BLACK, camera.id)
    ledger = Ledger(plan)
    story = []
    for step in timeline([hang, black, switch, Fault(45, 60, Kind.POWER, camera.id)]):
        changes = ledger.apply([step])
        story += [(step.at, one.axis, one.good, one.cause) for one in changes.cameras if one.camera == camera.id]
    assert story == [
        (10, Axis.ONLINE, False, "hang"),
        (15, Axis.PICTURE, False, "black"),
        (60, Axis.ONLINE, True, ""),
        (90, Axis.PICTURE, True, ""),
    ]


def test_a_step_that_cancels_itself_changes_nothing() -> None:
    """Of two faults that change places at one moment no line is written and no address is touched."""
    plan = city(50)
    camera = next(iter(plan.cameras))
    first, second = Fault(0, 5, Kind.HANG, camera), Fault(5, 9, Kind.POWER, camera)
    ledger = Ledger(plan)
    ledger.apply([Step(0, True, first)])
    changes = ledger.apply([Step(5, False, first), Step(5, True, second)])
    assert (changes.cameras, changes.silenced, changes.restored) == ((), (), ())


def test_the_truth_begins_with_every_camera(tmp_path: Path) -> None:
    """truth.jsonl starts with one line a camera and axis, standing faults in it, in the contract's fields."""
    plan = city(100)
    ledger = Ledger(plan)
    standing = standing_faults(plan, 1, 0.2)
    ledger.apply([Step(0, True, fault) for fault in standing])
    truth = TruthFile(tmp_path / "truth.jsonl")
    truth.start(1_795_190_400.5, ledger.states())
    truth.close()
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert len(lines) == 200
    assert all(line["at"] == "2026-11-20T16:00:00.500Z" for line in lines)
    assert {(line["camera"], line["axis"]) for line in lines} == {
        (key, axis) for key in plan.cameras for axis in Axis
    }
    bad = {line["camera"]: line["cause"] for line in lines if not line["good"]}
    assert bad == {fault.target: fault.kind for fault in standing if fault.kind is not Kind.CLOCK}
    assert all(fault.end == FOREVER for fault in standing)


def test_faults_of_devices_are_written_with_their_true_cause(tmp_path: Path) -> None:
    """A device's line names cause, fault and cameras; the short outages of flapping say what they are part of."""
    plan = city(300)
    camera = next(camera for camera in plan.cameras.values() if len(plan.channels_at[camera.address]) == 1)
    switch, port = camera.placement.upstream, camera.upstream_port
    faults = [Fault(0, 90, Kind.FLAP_PORT, switch, port), Fault(100, 110, Kind.CABLE, camera.id)]
    truth, book, ledger = TruthFile(tmp_path / "truth.jsonl"), FaultFile(tmp_path / "faults.jsonl"), Ledger(plan)
    for step in timeline(faults):
        truth.write(step.at, ledger.apply([step]))
        book.write(step.at, [step])
    truth.close()
    book.close()
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    begun = [line for line in lines if line.get("device") == switch and not line["good"]]
    common = {"device": switch, "good": False, "cause": "link", "cameras": [camera.id], "port": port}
    assert begun[0] == {"at": "1970-01-01T00:00:00.000Z", "fault": "flap_port", **common}
    for line in begun[1:]:
        assert line == {"at": line["at"], "fault": "port_down", "part_of": "flap_port", **common}
    assert [line["cause"] for line in lines if "camera" in line and not line["good"]] == [
        *["port_down"] * (len(begun) - 1),
        "cable",
    ]
    written = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert [line["begins"] for line in written].count(True) == len(begun) + 1 == len(written) / 2
    assert {(line["fault"], line["cause"]) for line in written} == {
        ("flap_port", "link"),
        ("port_down", "link"),
        ("cable", "link"),
    }


def test_a_dead_device_starts_anew() -> None:
    """Uptime starts again after a power cut, and goes on after a port was down."""
    plan = city(50)
    camera = next(iter(plan.cameras.values()))
    manners = Manners(plan, 1000.0)
    before = manners.booted(camera.address)
    port = Fault(0, 1, Kind.PORT_DOWN, camera.placement.upstream, camera.upstream_port)
    for fault, booted in ((port, before), (Fault(2, 3, Kind.POWER, camera.id), 1003.0)):
        manners.apply(Step(fault.start, True, fault), 1000.0 + fault.start)
        manners.apply(Step(fault.end, False, fault), 1000.0 + fault.end)
        assert manners.booted(camera.address) == booted


@pytest.mark.parametrize("at", [DAY, NIGHT])
@pytest.mark.parametrize(
    ("quirk", "faults"),
    [
        (None, ()),
        (Kind.BLACK, ("no_signal",)),
        (Kind.BLUE, ("no_signal",)),
        (Kind.DARK, ("dark",)),
        (Kind.BRIGHT, ("bright",)),
        (Kind.CORRUPT, ("corrupt",)),
        (Kind.NOISE, ("noise",)),
        (Kind.STRIPES, ("stripes",)),
        (Kind.SMALL, ("resolution",)),
    ],
)
def test_pictures_show_what_they_are_meant_to(at: float, quirk: Kind | None, faults: tuple[str, ...]) -> None:
    """healthd's own judge finds in every picture the fault that was drawn, by day and by night, and no other."""
    for camera in ("a", "b", "c", "d", "e", "f"):  # corrupt comes in three ways
        picture = draw(View(camera, at, at, 640, 360, quirk))
        assert judge(picture, Context(expect=(640, 360))).verdict.faults == faults


@pytest.mark.parametrize("camera", ["a", "b", "c", "d", "e", "f"])
def test_what_a_reference_tells_is_told(camera: str) -> None:
    """After three good frames by day the judge finds each fault that takes a reference; live frames stay good."""
    reference = None
    for minute in range(3):
        at = DAY + 60 * minute
        candidate = judge(draw(View(camera, at, at, 640, 360)), Context(light=Light.DAY)).candidate
        assert candidate is not None
        reference = learn(reference, candidate)
    known = Context(light=Light.DAY, day=reference, cautious=True)
    for number, kind in enumerate(BY_REFERENCE):
        at = DAY + 600 + 60 * number
        assert str(kind) in judge(draw(View(camera, at, at, 640, 360, kind)), known).verdict.faults
        assert judge(draw(View(camera, at, at, 640, 360)), known).verdict.faults == ()


def test_faults_that_take_a_reference_come_late_and_by_day() -> None:
    """Nobody could tell them from the first frames on, or by night: then they are not drawn."""
    plan = city(300)

    def kinds(by_day: bool) -> list[tuple[float, Kind]]:
        drawn = plan_faults(plan, 5, 0, 600, 0, by_day=lambda _seconds: by_day)
        return [(fault.start, fault.kind) for fault in itertools.islice(drawn, 500)]

    assert {kind for _, kind in kinds(by_day=False)} == {*AT_ANY_TIME, Kind.CLOCK}
    assert {kind for _, kind in kinds(by_day=True)} == {*AT_ANY_TIME, Kind.CLOCK, *BY_REFERENCE}
    assert all(start > 900 for start, kind in kinds(by_day=True) if kind in BY_REFERENCE)


def test_live_pictures_move() -> None:
    """Two moments of one camera share their street but hardly a block; the same moment is the same bytes."""
    first, second, other = (
        cv2.imdecode(np.frombuffer(draw(View(camera, at, at, 640, 360)), np.uint8), cv2.IMREAD_GRAYSCALE)
        for camera, at in (("a", DAY), ("a", DAY + 60), ("b", DAY))
    )
    assert first is not None
    assert second is not None
    assert other is not None
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9 > np.corrcoef(first.ravel(), other.ravel())[0, 1]
    blocks = np.abs(first.astype(int) - second.astype(int))[:352].reshape(22, 16, 40, 16).max(axis=(1, 3))
    assert (blocks == 0).mean() < 0.06
    assert draw(View("a", DAY, DAY, 640, 360)) == draw(View("a", DAY, DAY, 640, 360))


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"x" * 20_000,
    ],
)
def test_what_is_no_request_is_refused(head: bytes) -> None:
    """Garbage, endless heads and bodies without an honest length are bad requests, not waited for."""
    with pytest.raises(BadRequestError):
        parse(bytearray(head))


def test_requests_arrive_in_pieces_and_together() -> None:
    """A request is taken once it is whole, and what follows it stays for the next."""
    whole = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.0\r\n\r\n"
    buffer = bytearray(whole[:30])
    assert parse(buffer) is None
    buffer += whole[30:]
    first, second = parse(buffer), parse(buffer)
    assert first is not None
    assert second is not None
    assert (first.method, first.path, first.body, first.keep_alive) == ("POST", "/a", b"abc", True)
    assert (second.path, second.keep_alive, bytes(buffer)) == ("/b", False, b"")


def test_a_login_with_odd_bytes_is_refused() -> None:
    """A digest header of non-ASCII, empty or foreign parts is a refusal, never an error."""
    digest = Digest()
    for given in ("", "Digest", 'Digest nonce="é", uri="/", qop=auth, response="é"', "Basic YWRtaW46eA=="):
        request = parse(bytearray(f"GET / HTTP/1.1\r\nAuthorization: {given}\r\n\r\n".encode("latin-1")))
        assert request is not None
        assert digest.check(request, "admin", "secret") == "refused"


def test_the_past_is_believable() -> None:
    """About 98 % online, one contractor worse, every flip from the state before, all well at the end."""
    plan, days = city(300), 70
    end = 1_795_190_400_000
    spans, changes, flips = simulate_history(plan, days, 1, end)
    start = end - days * 24 * HOUR
    assert (spans[0][0], spans[1][1], spans[1][0] - spans[0][1]) == (start, end, HOUR)
    assert {change.camera for change in changes} == {*plan.cameras}
    last = {change.camera: change.placement for change in changes}
    assert last == {camera.id: camera.placement for camera in plan.cameras.values()}
    states: dict[tuple[str, Axis], State] = {}
    since: dict[str, int] = {}
    down: Counter[str] = Counter()
    for flip in flips:
        assert flip.was == states.get((flip.camera, flip.axis), State.UNKNOWN)
        states[flip.camera, flip.axis] = flip.state
        if flip.state is State.OFFLINE:
            since[flip.camera] = flip.at
        elif flip.axis is Axis.ONLINE and flip.camera in since:
            down[plan.cameras[flip.camera].placement.maintainer] += flip.at - since.pop(flip.camera)
    assert {*states.values()} == {State.ONLINE, State.GOOD}
    fleet = Counter(camera.placement.maintainer for camera in plan.cameras.values())
    offline = {key: down[key] / fleet[key] / (days * 24 * HOUR) for key in fleet}
    assert sum(down.values()) / 300 / (days * 24 * HOUR) == pytest.approx(0.02, abs=0.006)
    assert max(offline, key=lambda key: offline[key]) == max(fleet)
    assert all(span[0] <= flip.at for flip in flips for span in spans[:1])
