"""A city link dies and takes 20,000 cameras along: how long the core's steps take, and what it makes of it.

`python -m tests.bench.bench_storm [CAMERAS]`. Time is simulated; the steps (one batch of results each 100 ms, one
judgement each second) are real, and so is their longest duration: the event loop stands still for that long.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections import Counter, deque
from heapq import heappop, heappush

from healthd.core import Core, CoreRules, Past, Steering
from healthd.folding.state import Rules
from healthd.incidents.board import Board
from healthd.incidents.describe import Policy
from healthd.incidents.desk import Desk
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import What
from healthd.model import Asked, Camera, Device, Inventory, Moment, Placement, Region
from healthd.schedule import phase
from probes.base import Reason, Result
from tests.galleries import empty_gallery

START: Moment = 1_700_000_000_000
PER_SWITCH = 48
INTERVAL = 60.0


def fleet(cameras: int) -> Inventory:
    """One router, and switches of 48 cameras below it; as many again in another county, which stays alive."""
    regions = {"32": Region("32", "city", "city"), "3201": Region("3201", "a", "county", "32")}
    regions["3202"] = Region("3202", "b", "county", "32")
    devices, places = {}, {}
    for number, region in enumerate(("3201", "3202")):
        router = f"router{number}"
        devices[router] = Device(router, router, "router", region, f"10.{number}.255.254")
        for index in range(cameras if number == 0 else cameras // 10):
            switch = f"sw{number}-{index // PER_SWITCH}"
            block, host = divmod(index // PER_SWITCH, 250)
            if switch not in devices:
                devices[switch] = Device(
                    switch, switch, "switch", region, f"10.{number + 10}.{block}.{host}", upstream=router
                )
            place = Placement(region, "1", maintainer="m", upstream=switch)
            address = f"10.{number + 20}.{index // 250}.{index % 250}"
            places[f"c{number}-{index}"] = Camera(f"c{number}-{index}", "", address, place)
    return Inventory(regions, devices, places)


class World:
    """Asks by phase, as the schedule does; whatever hangs on the dead router does not answer."""

    def __init__(self, cameras: int) -> None:
        self.now = START
        self.dead = False
        self.due: list[tuple[float, str]] = []
        self.soon: dict[str, float] = {}
        inventory = fleet(cameras)
        board = Board(Fleet(inventory), Policy())
        rules = CoreRules(Rules(3, 2, 120_000), None, 15.0, 150.0, 180_000, 0)
        desk = Desk(board, rules.online, rules.retry_seconds, self.ask_again)
        steering = Steering(self.ask_again, lambda s, c: None, lambda s, c: None)
        self.core = Core(rules, (), (), steering, lambda cameras, asked: None, desk, empty_gallery())
        self.core.restore(inventory, Past(0, {}, {}, set(), {}), self.now)
        subjects = {camera.reach for camera in inventory.cameras.values()}
        subjects |= {device.address for device in inventory.devices.values()}
        for subject in subjects:
            heappush(self.due, (START / 1000 + phase(subject, "ping", INTERVAL), subject))
        self.longest = Counter[str]()
        self.told = Counter[What]()
        self.waiting: deque[tuple[float, Asked]] = deque()

    def ask_again(self, subject: str, check: str, after: float) -> None:
        when = self.now / 1000 + after
        if check == "ping" and when < self.soon.get(subject, float("inf")):
            self.soon[subject] = when
            heappush(self.due, (when, subject))

    def timed(self, what: str, work: object, *arguments: object) -> None:
        begun = time.thread_time()  # of the processor: what else runs on the machine is not the step's doing
        work(*arguments)  # type: ignore[operator]
        self.longest[what] = max(self.longest[what], round(1000 * (time.thread_time() - begun)))

    def step(self) -> None:
        """100 ms."""
        self.now += 100
        answers = []
        while self.due and self.due[0][0] <= self.now / 1000:
            when, subject = heappop(self.due)
            planned = self.soon.get(subject)
            if planned is not None and when > planned:
                continue
            self.soon.pop(subject, None)
            if self.dead and (subject.startswith(("10.20.", "10.10.", "10.0."))):
                fail = Asked(subject, "ping", round(when * 1000), 1.0, Result.fail(Reason.TIMEOUT))
                self.waiting.append((when + 1.0, fail))
            else:
                answers.append(Asked(subject, "ping", round(when * 1000), 0.001, Result.ok()))
            heappush(self.due, (when + INTERVAL, subject))
        while self.waiting and self.waiting[0][0] <= self.now / 1000:
            answers.append(self.waiting.popleft()[1])
        for first in range(0, len(answers), 1000):  # as the schedule hands them over
            self.timed("fold", self.core.fold, answers[first : first + 1000], self.now)
        if self.now % 1000 == 0:
            self.timed("judge", self.core.judge, self.now)
            while self.core.behind:
                self.timed("judge", self.core.judge, self.now)
        for happening in self.core.take().happenings:
            self.told[happening.what] += 1

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.step()


def main(cameras: int) -> None:
    world = World(cameras)
    world.run(130)
    gc.freeze()  # as the daemon does
    gc.set_threshold(50_000, 50, 1000)
    calm = dict(world.longest)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for what, dead in (("goes", True), ("comes back", False)):
        world.longest.clear()
        world.told.clear()
        world.dead = dead
        world.run(150)
        found = [(i.subject, str(i.cause), len(i.camera_ids)) for i in world.core.desk.board.incidents]
        told = {str(what): count for what, count in world.told.items()}
        print(f"{cameras} cameras: the link {what}: {told} open: {found[:3]} ({len(found)})")
        print(f"  longest step in ms of CPU: {dict(world.longest)} (before: {calm})")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - memory
    print(f"  memory {memory:.0f} MB, grown by {grown:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20_000)
