"""A simulated week of faults through the real core: does each become one incident, with its true cause?

`python -m tests.bench.bench_causes [CAMERAS] [FAULTS] [DAYS] [SEED] [--write]` prints the table and what went
wrong; `--write` puts the table into docs/causes.md. Time is simulated, so a week takes minutes. Cameras are asked
every minute only around the faults of their own county: elsewhere nothing changes, and asking would cost time.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from pathlib import Path

from healthd.city.faults import Fault
from healthd.city.plan import Plan, Ports, lay_out
from healthd.city.simulate import Event, Simulation, draw_faults
from healthd.core import Core, CoreRules, Past, Steering
from healthd.folding.picture_state import PictureRules
from healthd.folding.state import Rules
from healthd.incidents.board import Board
from healthd.incidents.describe import Policy
from healthd.incidents.desk import Desk
from healthd.incidents.fleet import Fleet
from healthd.incidents.incident import Incident, What
from healthd.model import REFERENCE, Asked, Inventory, Moment
from probes.base import Memory, Outcome, Result
from tests.galleries import empty_gallery

START: Moment = 1_700_000_000_000
MINUTE: Moment = 60_000
INTERVALS = {"ping": MINUTE, "snmp": 5 * MINUTE, "device": 5 * MINUTE, "onvif": 10 * MINUTE, "frame": 5 * MINUTE}
SETTLED: Moment = 3 * INTERVALS["ping"]
AFTERWARDS: Moment = 12 * MINUTE  # how long a county is still asked after a fault's end
EVER: Moment = 10**15


@dataclass
class Life:
    """One incident from its opening to its end."""

    incident: Incident
    opened: Moment
    closed: Moment = EVER
    cameras: set[str] = field(default_factory=set)
    merged: str = ""


@dataclass
class Trouble:
    """One fault with its span in moments."""

    fault: Fault
    cameras: frozenset[str]
    start: Moment
    end: Moment = EVER


class Week:
    """The core over a simulation; a heap of turns stands in for the schedule."""

    def __init__(self, plan: Plan, faults: list[Fault]) -> None:
        self.plan = plan
        self.city = Simulation(plan, faults, START)
        self.now = START
        self.inventory = Inventory(plan.regions, plan.devices, plan.cameras, plan.maintainers)
        board = Board(Fleet(self.inventory), Policy())
        picture = PictureRules(Rules(3, 2, 2 * INTERVALS["frame"]))
        rules = CoreRules(Rules(3, 2, 2 * MINUTE), picture, 15.0, 150.0, EVER, EVER)
        desk = Desk(board, rules.online, 15.0, self.ask_again)
        nothing = Steering(self.ask_again, self.hold, self.release)
        self.core = Core(
            rules,
            ("onvif", "frame"),
            (REFERENCE + "r",),
            nothing,
            lambda cameras, asked: None,
            desk,
            empty_gallery(),
        )
        self.core.restore(self.inventory, Past(0, {}, {}, set(), {}), self.now)
        self.turns: list[tuple[Moment, int, str, str]] = []
        self.order = itertools.count()
        self.due: dict[tuple[str, str], Moment] = {}
        self.held: set[tuple[str, str]] = set()
        self.memories: dict[str, Memory] = {}
        self.awake: dict[str, Moment] = {}  # county -> until when it is asked
        self.lives: dict[str, Life] = {}
        self.troubles: dict[int, Trouble] = {}
        self.county = {camera.id: self._county(camera.placement.region) for camera in plan.cameras.values()}
        self.subjects: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.asked_by: dict[str, list[str]] = defaultdict(list)
        for camera in plan.cameras.values():
            self.asked_by[camera.reach].append(camera.id)
        for reach, cameras in self.asked_by.items():
            self.subjects[self.county[cameras[0]]].append((reach, "ping"))
        for camera in plan.cameras.values():
            self.subjects[self.county[camera.id]] += [(camera.id, check) for check in ("snmp", "onvif", "frame")]
        self.device_at = {device.address: device.id for device in plan.devices.values() if device.address}
        for device in plan.devices.values():
            if device.address:
                self.subjects[self._county(device.region)] += [(device.address, "ping"), (device.id, "device")]

    def _county(self, region: str) -> str:
        line = [*self.inventory.line_of(region)]
        return line[-2] if len(line) > 1 else line[-1]

    # --- asking ------------------------------------------------------------------------------------------------

    def ask_again(self, subject: str, check: str, after: float) -> None:
        self._plan(subject, check, self.now + round(after * 1000))

    def hold(self, subject: str, check: str) -> None:
        self.held.add((subject, check))

    def release(self, subject: str, check: str) -> None:
        if (subject, check) in self.held:
            self.held.discard((subject, check))
            self._plan(subject, check, self.now)

    def _plan(self, subject: str, check: str, when: Moment) -> None:
        if when < self.due.get((subject, check), EVER):
            self.due[subject, check] = when
            heappush(self.turns, (when, next(self.order), subject, check))

    def wake(self, county: str, until: Moment) -> None:
        asleep = self.awake.get(county, 0) < self.now
        self.awake[county] = max(self.awake.get(county, 0), until)
        if asleep:
            for number, (subject, check) in enumerate(self.subjects[county]):
                self._plan(subject, check, self.now + number * 7919 % INTERVALS[check])

    def answer(self, subject: str, check: str) -> Result:
        if subject.startswith(REFERENCE):
            return Result.ok()
        if check == "ping":
            known = self.asked_by.get(subject)
            return self.city.ping(known[0] if known else self.device_at[subject])
        if check == "device":
            result = self.city.device(subject, self.memories.get(subject, Memory()))
            known_fields = {key: value for key, value in result.learnt.items() if key in Memory.__slots__}
            self.memories[subject] = replace(self.memories.get(subject, Memory()), **known_fields)
            return result
        if check == "snmp":
            return self.city.snmp(subject, self.core.memory(subject))
        return self.city.onvif(subject) if check == "onvif" else self.city.frame(subject)

    def _turn(self, subject: str, check: str, batch: list[tuple[Moment, Asked]]) -> None:
        result = self.answer(subject, check)
        late = 1000 if result.outcome is Outcome.FAIL else 5
        batch.append((self.now + late, Asked(subject, check, self.now, late / 1000, result)))
        county = self._county_of(subject)
        if county is None or self.awake.get(county, 0) > self.now:
            self._plan(subject, check, self.now + INTERVALS[check])

    def _county_of(self, subject: str) -> str | None:
        if subject in self.county:
            return self.county[subject]
        if subject in self.asked_by:
            return self.county[self.asked_by[subject][0]]
        device = self.device_at.get(subject, subject)
        return self._county(self.plan.devices[device].region) if device in self.plan.devices else None

    # --- time --------------------------------------------------------------------------------------------------

    def run(self, days: float) -> None:
        end = START + round(days * 86_400_000)
        for county in [*self.subjects]:
            self.wake(county, START + 15 * MINUTE)
        answers: list[tuple[Moment, Asked]] = []
        second = START
        while self.now < end:
            if not self.turns and not answers:
                following = self.city.next_change
                if following is None or following >= end:
                    break
                second = max(second, following - 2 * MINUTE)
                self.now = second
                self._happen(following)
            second += 1000
            self._second(second, answers)
        self._happen(end)

    def _second(self, second: Moment, answers: list[tuple[Moment, Asked]]) -> None:
        self._happen(second)
        self._plan(REFERENCE + "r", "ping", second - 500) if second % 5000 == 0 else None
        while self.turns and self.turns[0][0] <= second:
            when, _, subject, check = heappop(self.turns)
            if self.due.get((subject, check)) != when:
                continue
            del self.due[subject, check]
            if (subject, check) not in self.held:
                self.now = max(self.now, when)
                self._turn(subject, check, answers)
        self.now = second
        ready = [asked for at, asked in answers if at <= second]
        answers[:] = [(at, asked) for at, asked in answers if at > second]
        if ready:
            self.core.fold(ready, second)
        self.core.judge(second)
        self._note(second)

    def _happen(self, until: Moment) -> None:
        for event in self.city.advance(until):
            self._trouble(event)

    def _trouble(self, event: Event) -> None:
        key = id(event.fault)
        if event.begins:
            self.troubles[key] = Trouble(event.fault, frozenset(event.cameras), event.at)
        else:
            self.troubles[key].end = event.at
        for county in {self.county[camera] for camera in event.cameras}:
            length = round(1000 * (event.fault.end - event.fault.start)) if event.begins else 0
            self.wake(county, event.at + length + AFTERWARDS)

    def _note(self, now: Moment) -> None:
        for happening in self.core.take().happenings:
            incident = happening.incident
            life = self.lives.setdefault(incident.id, Life(incident, now))
            life.incident = incident
            life.cameras |= incident.camera_ids
            if happening.what in (What.CLOSED, What.MERGED):
                life.closed, life.merged = now, incident.merged_into


@dataclass
class Score:
    """What came of it."""

    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: int = 0
    judged: int = 0
    unseen: list[Trouble] = field(default_factory=list)
    groundless: list[Life] = field(default_factory=list)
    doubled: list[Trouble] = field(default_factory=list)
    wrong: list[tuple[Trouble, Life]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


def belongs(life: Life, trouble: Trouble) -> bool:
    slack = 15 * MINUTE
    together = life.opened <= trouble.end + slack and trouble.start <= life.closed
    return together and bool(life.cameras & trouble.cameras or life.incident.subject == trouble.fault.target)


def most_at_once(mine: list[Life], trouble: Trouble) -> int:
    """How many of a fault's incidents were open at one moment, after it settled and before it ended."""
    since = trouble.start + SETTLED
    moments = [since, *(life.opened for life in mine if since <= life.opened <= trouble.end)]
    return max(sum(life.opened <= moment < life.closed for life in mine) for moment in moments)


def score(week: Week) -> Score:
    found = Score()
    lives = [life for life in week.lives.values() if not life.merged]
    for trouble in week.troubles.values():
        mine = [life for life in lives if belongs(life, trouble)]
        if not mine:
            found.unseen.append(trouble)
            continue
        found.delays.append((min(life.opened for life in mine) - trouble.start) / 1000)
        if len(trouble.cameras) > 1 and most_at_once(mine, trouble) > 1:
            found.doubled.append(trouble)
        for life in mine:
            true, said = str(trouble.fault.cause), str(life.incident.cause)
            found.confusion[true, said] += 1
            found.judged += 1
            found.right += true == said
            if true != said:
                found.wrong.append((trouble, life))
    found.groundless = [life for life in lives if not any(belongs(life, t) for t in week.troubles.values())]
    return found


def table(found: Score) -> Iterator[str]:
    said = sorted({column for _, column in found.confusion})
    yield "| true cause | " + " | ".join(said) + " |"
    yield "|---|" + "---|" * len(said)
    for true in sorted({row for row, _ in found.confusion}):
        yield f"| {true} | " + " | ".join(str(found.confusion[true, column] or "") for column in said) + " |"


def report(week: Week, found: Score, days: float, seed: int) -> str:
    mass = sum(len(trouble.cameras) > 1 for trouble in week.troubles.values())
    delays = sorted(found.delays)
    switches = sum(device.kind == "switch" for device in week.plan.devices.values())
    lines = [
        f"{len(week.plan.cameras):,} cameras, {switches} switches, "
        f"{len(week.troubles)} faults ({mass} of several cameras) in {days:g} days, seed {seed}; ping every 60 s.",
        "",
        *table(found),
        "",
        f"- incidents that ended with the true cause: {found.right} of {found.judged} "
        f"({100 * found.right / max(1, found.judged):.1f} %)",
        f"- faults of several cameras with more than one incident open after settling: {len(found.doubled)}",
        f"- faults without an incident: {len(found.unseen)}; incidents without a fault: {len(found.groundless)}",
        f"- from the fault to its incident: median {delays[len(delays) // 2]:.0f} s, 95 % within "
        f"{delays[len(delays) * 95 // 100]:.0f} s (pictures, logins and clocks are asked every 5 and 10 minutes)",
    ]
    return "\n".join(lines)


def live(cameras: int, faults: int, days: float, seed: int) -> tuple[Week, Score]:
    addresses = (f"127.{16 + n // 64_000}.{n // 250 % 256}.{n % 250 + 1}" for n in itertools.count())
    plan = lay_out(cameras, seed, addresses, Ports(80, 161))
    week = Week(plan, draw_faults(plan, seed, faults, days))
    week.run(days)
    return week, score(week)


def explain(week: Week, found: Score) -> Iterator[str]:
    """What went wrong, a line each."""

    def told(life: Life) -> str:
        one = life.incident
        open_for = f"{(life.opened - START) / 1000:.0f}-{(life.closed - START) / 1000:.0f}"
        return f"{one.kind} {one.subject} {one.cause} {open_for} ({len(life.cameras)} cameras)"

    def fault(trouble: Trouble) -> str:
        one = trouble.fault
        return f"{one.kind} {one.target} {one.port} {one.start:.0f}-{one.end:.0f} ({len(trouble.cameras)} cameras)"

    for trouble in found.unseen:
        yield f"without incident: {fault(trouble)}"
    for life in found.groundless:
        yield f"without fault: {told(life)}"
    for trouble in found.doubled:
        mine = [life for life in week.lives.values() if not life.merged and belongs(life, trouble)]
        yield f"more than one: {fault(trouble)}: {'; '.join(told(life) for life in mine[:6])}"
    for trouble, life in found.wrong:
        evidence = [one.text() for one in life.incident.evidence]
        yield f"wrong cause: {fault(trouble)}: {told(life)} {evidence}"


def main(arguments: list[str]) -> None:
    numbers = [float(text) for text in arguments if not text.startswith("--")]
    cameras, faults, days, seed = numbers + [2000.0, 300.0, 7.0, 5.0][len(numbers) :]
    begun = time.monotonic()
    week, found = live(int(cameras), int(faults), days, int(seed))
    text = report(week, found, days, int(seed))
    print(text)
    print(f"({time.monotonic() - begun:.0f} s)")
    for line in explain(week, found):
        print(" ", line)
    if "--write" in arguments:
        page = Path(__file__).parents[2] / "docs" / "causes.md"
        head, _, _ = page.read_text("utf-8").partition("<!-- table -->")
        page.write_text(f"{head}<!-- table -->\n{text}\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
