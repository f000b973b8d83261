"""Incidents under everything at once: flips, reloads, moved cameras, devices that come and go, clocks set back."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from healthd.incidents.describe import Policy
from healthd.incidents.facts import Mass, PortFacts
from healthd.incidents.incident import Incident, Kind, What
from healthd.model import Device, Inventory, State
from tests.test_board import REGIONS, Town, street

STEPS = 150
POLICY = Policy(Mass(4, 120_000), flapping_flips=4, flapping_window=120_000)
STATES = (State.ONLINE, State.OFFLINE, State.OFFLINE, State.UNKNOWN)


class Chaos(Town):
    """A town in which anything may happen; what has happened is checked after every step."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        whole = street(6)
        poled = {
            one.id: replace(one, tags={"pole": f"P{number % 2}"} if number % 5 else {})
            for number, one in enumerate(whole.cameras.values())
        }
        self.whole = replace(whole, cameras=poled)
        super().__init__(self.whole, POLICY)
        self.known: dict[str, Incident] = {}
        self.checked = 0

    def step(self) -> None:
        """One thing, and some time."""
        self.rng.choice(
            [
                self._cameras,
                self._cameras,
                self._device,
                self._device,
                self._streak,
                self._read,
                self._reload,
                self._other,
            ]
        )()
        self.later(self.rng.choice([0, 1, 1, 4, 30]))
        self.check()

    def _cameras(self) -> None:
        size = self.rng.choice([1, 1, 2, 6, 12])
        state = self.rng.choice(STATES)
        self.now += 1
        for camera in self.rng.sample(sorted(self.fleet.cameras), min(size, len(self.fleet.cameras))):
            self.fleet.camera_is(camera, state, self.now)

    def _device(self) -> None:
        device = self.rng.choice(sorted(self.fleet.devices))
        self.now += 1
        self.fleet.device_is(device, self.rng.choice(STATES), self.now)

    def _streak(self) -> None:
        self.fleet.device_undecided(self.rng.choice(sorted(self.fleet.devices)), self.rng.random() < 0.5)

    def _read(self) -> None:
        port = PortFacts(
            "1", self.rng.choice([True, False, None]), True, self.rng.choice([None, "fault", "delivering"])
        )
        booted = self.now - self.rng.choice([1000, 10_000_000])
        self.fleet.device_read(self.rng.choice(sorted(self.fleet.devices)), booted, {"1": port}, self.now)

    def _other(self) -> None:
        camera = self.rng.choice(sorted(self.fleet.cameras))
        if self.rng.random() < 0.5:
            self.fleet.login_is(camera, self.rng.random() < 0.5, self.now)
        else:
            self.fleet.picture_is(
                camera, self.rng.choice([State.GOOD, State.FAULTY, State.UNKNOWN]), self.now, ("blur",)
            )

    def _reload(self) -> None:
        """Cameras move, devices leave, come back, hang elsewhere or become another kind."""
        devices = dict(self.whole.devices)
        if self.rng.random() < 0.5:
            devices["sw3"] = Device("sw3", "switch 3", "switch", "3202", "127.1.0.9", upstream="router")
        for name in self.rng.sample(sorted(devices), self.rng.choice([0, 0, 1, 2])):
            del devices[name]
        if "feed" in devices and self.rng.random() < 0.3:
            devices["feed"] = replace(devices["feed"], upstream="")
        cameras = {}
        for camera in self.whole.cameras.values():
            if self.rng.random() < 0.1:
                continue
            upstream = (
                self.rng.choice([*sorted(devices), ""]) if self.rng.random() < 0.2 else camera.placement.upstream
            )
            place = replace(camera.placement, upstream=upstream if upstream in devices else "")
            cameras[camera.id] = replace(camera, placement=place, upstream_port=str(self.rng.randint(1, 6)))
        known = {name for name, device in devices.items() if device.upstream in ("", *devices)}
        devices = {
            name: device if name in known else replace(device, upstream="") for name, device in devices.items()
        }
        self.fleet.replace(Inventory(REGIONS, devices, cameras, self.whole.maintainers))

    def check(self) -> None:
        """What must hold at any moment."""
        for happening in self.told[self.checked :]:
            one = happening.incident
            if happening.what in (What.OPENED, What.SPLIT):
                assert one.id not in self.known, f"{one.id} was opened twice"
            else:
                before = self.known[one.id]
                assert before.open, f"{one.id} lives on after its end: {happening.what}"
                assert (before.region, before.maintainer) == (one.region, one.maintainer), "its identity changed"
            self.known[one.id] = one
        self.checked = len(self.told)
        still = {one.id for one in self.known.values() if one.open}
        assert still == {one.id for one in self.board.incidents}
        for offline in (True, False):
            held = [
                (camera, one.kind if not offline else "")
                for one in self.board.incidents
                if (one.kind in (Kind.OFFLINE, Kind.FLAPPING)) == offline
                for camera in one.camera_ids
            ]
            assert len(held) == len(set(held)), "a camera is in two incidents of one kind"

    def calm(self) -> None:
        """All is well again, for long."""
        self.fleet.replace(self.whole)
        for device in self.whole.devices.values():
            self.fleet.device_undecided(device.id, False)
            self.fleet.device_is(device.id, State.ONLINE if device.address else State.UNKNOWN, self.now)
        for camera in self.whole.cameras:
            self.up(camera)
            self.fleet.login_is(camera, False, self.now)
            self.fleet.picture_is(camera, State.GOOD, self.now)
        self.later(400)
        self.check()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_incidents_stay_sound(seed: int) -> None:
    """No crash; every incident is opened once and ends once under one identity; no camera is in two of one kind;
    who stays dead is in one; and when all is well again none is left."""
    town = Chaos(seed)
    for _ in range(STEPS):
        town.step()
    for device in town.fleet.devices:
        town.fleet.device_undecided(device, False)
    town.later(400)
    town.check()
    held = {camera for one in town.board.incidents for camera in one.camera_ids}
    dead = {camera for camera, facts in town.fleet.cameras.items() if facts.online is State.OFFLINE}
    assert dead <= held
    town.calm()
    assert town.board.incidents == []
