"""Who is due: turns by the second, seats per check, and pacing per uplink.

A turn asks one subject one check, again and again. Its phase is a stable hash of subject and check, so that load
is flat and a restart shifts nothing. A turn that comes too late is skipped and counted, never queued up. Where the
machine is too small, turns of checks that `can_wait` go without, evenly: whoever has waited longest goes first.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from healthd.agenda import Agenda
from healthd.model import Asked, Moment
from healthd.pace import Pace
from probes.base import BatchProbe, Outcome, Probe, Reason, Result, Target

log = logging.getLogger("healthd.schedule")

_TICK_SECONDS = 0.03  # turns due within one tick leave together: batches for ping, few wake-ups
_HAND_OVER_SECONDS = 0.1
_HAND_OVER_ANSWERS = 1000  # at once: when a city dies, the loop must go on turning
_UNFAIR_SHARE = 0.1  # of a time-out: if the loop stood still for longer, it says more about us than the camera
_PARK_SECONDS = 0.05
_BUG_PAUSE_SECONDS = 60.0  # a bug in a probe meets every camera: one traceback a minute and check is enough


@dataclass(frozen=True, slots=True)
class Check:
    """A configured use of a probe. `seats`: askings in flight at most (a batch probe paces itself)."""

    name: str
    probe: Probe
    interval: float
    timeout: float
    seats: int
    can_wait: bool = False  # it gives way while the machine does not keep up


@dataclass(frozen=True, slots=True)
class TurnSpec:
    """That `subject` is to be asked `check`, under upstream device `uplink` ("" = none), every `interval` seconds
    (None: the check's)."""

    subject: str
    check: str
    uplink: str = ""
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class UplinkLimits:
    """Per upstream device: turns in flight and bytes a second, for checks that are not batched."""

    turns: int
    bytes_per_second: int


@dataclass(slots=True)
class _Turn:
    """There are hundreds of thousands of these: they hold no object of their own that can be shared."""

    subject: str
    check: str
    uplink: str
    interval: float
    phase: float
    due: float = 0.0
    leaves: float = 0.0  # when it is looked at next: `due`, or later where its uplink is busy
    plan: int = 0  # the latest plan that it is part of
    queued: bool = False  # due, and waiting for a seat
    in_flight: bool = False
    held: bool = False
    dead: bool = False


@dataclass(slots=True)
class _Uplink:
    in_flight: int = 0
    free_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Observers:
    """Whom the schedule tells: batches of results, lags, skipped turns. Called on the event loop."""

    hand_over: Callable[[list[Asked]], None]
    lags: Callable[[str, Sequence[float]], None]
    skipped: Callable[[str, int], None]


def phase(subject: str, check: str, interval: float) -> float:
    """Seconds into each interval at which `subject` is asked: stable over restarts and machines."""
    digest = hashlib.blake2b(f"{check}\0{subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * interval


def _batched(checks: Mapping[str, Check]) -> dict[str, BatchProbe]:
    probes = {name: check.probe for name, check in checks.items()}
    return {name: probe for name, probe in probes.items() if isinstance(probe, BatchProbe)}


@dataclass
class Schedule:
    """Runs the turns. `target` gives the current Target of a subject; `wall` the time in ms (UTC)."""

    checks: Mapping[str, Check]
    limits: UplinkLimits
    target: Callable[[str, str], Target]
    wall: Callable[[], Moment]
    observers: Observers
    _turns: dict[str, dict[str, _Turn]] = field(default_factory=dict, init=False)  # check -> subject -> turn
    _plan: int = field(default=0, init=False)
    _agenda: Agenda[_Turn] = field(default_factory=Agenda, init=False)
    _batched: dict[str, BatchProbe] = field(init=False)
    _ready: dict[str, deque[_Turn]] = field(init=False)
    _seated: dict[str, int] = field(init=False)
    _uplinks: dict[str, _Uplink] = field(default_factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _answers: list[Asked] = field(default_factory=list, init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _logged_bug: dict[str, float] = field(default_factory=dict, init=False)
    _looks: set[tuple[str, str]] = field(default_factory=set, init=False)  # held turns to be asked once
    _stopping: bool = field(default=False, init=False)
    pace: Pace = field(default_factory=Pace, init=False)

    def __post_init__(self) -> None:
        self._batched = _batched(self.checks)
        self._ready = {name: deque() for name in self.checks}
        self._seated = dict.fromkeys(self.checks, 0)

    # --- what is to be asked -------------------------------------------------------------------------------

    def plan(self, specs: Iterable[TurnSpec]) -> None:
        """Replace the set of turns. A turn that stays keeps its due time: a reload asks nobody early or twice."""
        self._plan += 1
        for spec in specs:
            self._plan_turn(spec)
        for check, turns in self._turns.items():
            for subject in [subject for subject, turn in turns.items() if turn.plan != self._plan]:
                self._turns[check].pop(subject).dead = True
        self._wake.set()

    def _plan_turn(self, spec: TurnSpec) -> None:
        turns = self._turns.setdefault(spec.check, {})
        turn = turns.get(spec.subject)
        interval = spec.interval or self.checks[spec.check].interval
        if turn is not None and turn.interval == interval:
            turn.uplink, turn.plan = spec.uplink, self._plan
            return
        held = False
        if turn is not None:
            turn.dead, held = True, turn.held
        into = phase(spec.subject, spec.check, interval)
        turn = _Turn(spec.subject, spec.check, spec.uplink, interval, into, plan=self._plan, held=held)
        turns[spec.subject] = turn
        turn.due = time.monotonic() + self._until_phase(turn)
        self._agenda.put(turn, turn.due)

    def _turn(self, subject: str, check: str) -> _Turn | None:
        return self._turns.get(check, {}).get(subject)

    def reconfigure(self, checks: Mapping[str, Check], limits: UplinkLimits) -> None:
        """Swap checks and limits; call `plan` next. Probes that were replaced are the caller's to close."""
        self.checks, self.limits = checks, limits
        for name in checks:
            self._ready.setdefault(name, deque())
            self._seated.setdefault(name, 0)
        self._batched = _batched(checks)

    def counts(self) -> Mapping[str, int]:
        """Turns per check."""
        return {check: len(self._turns.get(check, ())) for check in self.checks}

    def ask_again(self, subject: str, check: str, after_seconds: float) -> None:
        """Bring the next asking forward; one that is due sooner, in flight or unknown stays as it is."""
        turn = self._turn(subject, check)
        if turn is None or turn.in_flight or turn.held or turn.queued:
            return
        due = time.monotonic() + after_seconds
        if due < turn.due:
            turn.due = due
            self._agenda.put(turn, due)
            self._wake.set()

    def hold(self, subject: str, check: str) -> None:
        """Ask no more until released; what is in flight still answers."""
        turn = self._turn(subject, check)
        if turn is not None:
            turn.held = True

    def release(self, subject: str, check: str) -> None:
        """Resume a held turn at once: what was seen before the pause is no longer known."""
        turn = self._turn(subject, check)
        if turn is not None and turn.held:
            turn.held = False
            if not turn.in_flight and not turn.queued:
                turn.due = time.monotonic()
                self._agenda.put(turn, turn.due)
                self._wake.set()

    def look(self, subject: str, check: str) -> None:
        """Ask what is held once, now; it stays held."""
        turn = self._turn(subject, check)
        if turn is not None and turn.held and not turn.in_flight and not turn.queued:
            self._looks.add((subject, check))
            turn.due = time.monotonic()
            self._agenda.put(turn, turn.due)
            self._wake.set()

    # --- the loop ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask until `stop`."""
        next_hand_over = 0.0
        while not self._stopping:
            now = time.monotonic()
            self.pace.wakes(now)
            self._start_due(now)
            if now >= next_hand_over or len(self._answers) >= _HAND_OVER_ANSWERS:
                self._hand_over(_HAND_OVER_ANSWERS)
                next_hand_over = now + _HAND_OVER_SECONDS
            await self._sleep(now)
        self._hand_over()

    async def _sleep(self, now: float) -> None:
        wait = max(self._agenda.wait(now, _HAND_OVER_SECONDS), _TICK_SECONDS)
        self._wake.clear()
        begun = time.monotonic()
        self.pace.sleeps(begun, begun + wait)
        if wait > _TICK_SECONDS:
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass
        else:
            await asyncio.sleep(_TICK_SECONDS)

    async def stop(self) -> None:
        """Ask no more, drop what is in flight, close the probes."""
        self._stopping = True
        self._wake.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for check in self.checks.values():
            await check.probe.close()

    def _start_due(self, now: float) -> None:
        batches: dict[str, list[_Turn]] = {}
        for turn in self._agenda.leaving(now):
            if turn.dead or turn.in_flight or turn.queued:
                continue
            name = turn.check
            if name in self._batched:
                if self._may_leave(turn):
                    batches.setdefault(name, []).append(turn)
            else:
                turn.queued = True
                self._ready[name].append(turn)
        for name, turns in batches.items():
            self._ask_batch(name, turns, now)
        for name, ready in self._ready.items():
            if ready:
                self._fill_seats(name, now)

    def _fill_seats(self, name: str, now: float) -> None:
        """Let in those who wait, the longest first, as far as there are seats."""
        check, ready = self.checks.get(name), self._ready[name]
        if check is None:
            ready.clear()
            return
        seats = self.pace.seats(check.seats) if check.can_wait else check.seats
        while ready and self._seated[name] < seats and not self._stopping:
            waiting = ready.popleft()
            waiting.queued = False
            if self._may_leave(waiting):
                self._seat(waiting, now)

    def _may_leave(self, turn: _Turn) -> bool:
        """Whether it is neither gone nor held; a held one is let out once when somebody wants a look."""
        if not turn.held or turn.dead:
            return not turn.dead
        key = (turn.subject, turn.check)
        wanted = key in self._looks
        self._looks.discard(key)
        return wanted

    def _until_phase(self, turn: _Turn) -> float:
        return (turn.phase - self.wall() / 1000) % turn.interval

    def _finish(self, turn: _Turn, now: float, until_phase: float) -> None:
        turn.in_flight = False
        interval = turn.interval
        if now - turn.due >= interval:
            self.observers.skipped(turn.check, int((now - turn.due) // interval))
            self.pace.fell_behind(now)
        if turn.dead or turn.held:
            return
        # An early asking (a retry) does not replace the regular one unless that is all but due.
        turn.due = now + (until_phase if until_phase > interval * 0.05 else until_phase + interval)
        self._agenda.put(turn, turn.due)

    # --- asking --------------------------------------------------------------------------------------------

    def _ask_batch(self, name: str, turns: Sequence[_Turn], now: float) -> None:
        asked = self.wall()
        begun = time.monotonic()
        self.observers.lags(name, [max(0.0, now - turn.due) for turn in turns])
        for turn in turns:
            turn.in_flight = True

        def deliver(answers: list[tuple[int, Result]]) -> None:
            decided, wall = time.monotonic(), self.wall() / 1000
            took = decided - begun
            for index, result in answers:
                turn = turns[index]
                if not turn.dead:
                    self._answers.append(Asked(turn.subject, name, asked, took, result))
                self._finish(turn, decided, (turn.phase - wall) % turn.interval)

        self._batched[name].ask_batch([self.target(turn.subject, name) for turn in turns], deliver)

    def _seat(self, turn: _Turn, now: float) -> None:
        uplink = self._uplinks.setdefault(turn.uplink, _Uplink()) if turn.uplink else None
        if uplink is not None:
            if uplink.in_flight >= self.limits.turns or uplink.free_at > now:
                self._agenda.put(turn, max(uplink.free_at, now + _PARK_SECONDS))
                return
            uplink.in_flight += 1
        check = self.checks[turn.check]
        self._seated[check.name] += 1
        self.observers.lags(turn.check, [max(0.0, now - turn.due)])
        turn.in_flight = True
        task = asyncio.get_running_loop().create_task(self._ask(turn, check, uplink))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, turn: _Turn, check: Check, uplink: _Uplink | None) -> None:
        asked = self.wall()
        begun = time.monotonic()
        try:
            result = await self._answer(turn, check, begun)
            if result.reason is Reason.OVERLOAD:
                self.pace.fell_behind(time.monotonic())
        finally:
            self._leave(turn, check, uplink)
        took = time.monotonic() - begun
        if uplink is not None:
            size = result.values.get("bytes", 0)
            uplink.free_at = max(uplink.free_at, begun) + size / self.limits.bytes_per_second
        if not turn.dead:
            self._answers.append(Asked(turn.subject, check.name, asked, took, result))

    async def _answer(self, turn: _Turn, check: Check, begun: float) -> Result:
        lost = self.pace.lost(begun)
        try:
            async with asyncio.timeout(check.timeout):
                return await check.probe.ask(self.target(turn.subject, check.name))
        except TimeoutError:
            if self.pace.lost(time.monotonic()) - lost > _UNFAIR_SHARE * check.timeout:
                return Result.unknown(Reason.OVERLOAD, "healthd itself stood still for too much of the time")
            return Result.fail(Reason.TIMEOUT, f"no whole answer within {check.timeout:g} s")
        except Exception:  # a bug in a probe: a traceback now and then, and the fleet goes on being watched
            if begun - self._logged_bug.get(check.name, -_BUG_PAUSE_SECONDS) >= _BUG_PAUSE_SECONDS:
                self._logged_bug[check.name] = begun
                log.exception("probe failed check=%s subject=%s", check.name, turn.subject)
            return Result(Outcome.UNKNOWN, Reason.LOCAL, "an error in healthd itself; see the log")

    def _leave(self, turn: _Turn, check: Check, uplink: _Uplink | None) -> None:
        self._seated[check.name] -= 1
        if uplink is not None:
            uplink.in_flight -= 1
        now = time.monotonic()
        self._finish(turn, now, self._until_phase(turn))
        self._fill_seats(check.name, now)

    def _hand_over(self, at_most: int | None = None) -> None:
        if self._answers:
            answers, self._answers = self._answers[:at_most], self._answers[at_most or len(self._answers) :]
            self.observers.hand_over(answers)
