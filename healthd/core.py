"""The core side: batches of results in, flips to the store, and what is committed to the published view.

It touches no device and reads no clock; the prober side is steered only through `Steering`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from healthd.folding.disagreements import Disagreement, Disagreements, Discord
from healthd.folding.gallery import Gallery
from healthd.folding.picture_state import PictureRules, advance_picture, picture_reading, without_faults
from healthd.folding.state import (
    Holding,
    Rules,
    Sight,
    advance_online,
    forget,
    online_reading,
    settle,
    without_streak,
)
from healthd.incidents.desk import Desk
from healthd.incidents.incident import Happening, Kind, What
from healthd.model import (
    REFERENCE,
    Asked,
    Axis,
    Camera,
    Change,
    Flip,
    Inventory,
    Moment,
    PictureReference,
    State,
)
from probes.base import Memory, Outcome, Reason

log = logging.getLogger("healthd.core")

_WITNESSES = 3
_LOOK_AGAIN: Moment = 15 * 60_000  # whether what answers without reach still does
_WITNESS_PAUSE: Moment = 1000  # ask for witnesses at most this often
_LOGIN_FIELDS = frozenset({"refusals", "refused_login"})
_NOBODY_HOME = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE, Reason.REFUSED, Reason.RESET})


@dataclass(frozen=True, slots=True)
class Steering:
    """How the core side asks the prober side for something."""

    ask_again: Callable[[str, str, float], None]
    hold: Callable[[str, str], None]
    release: Callable[[str, str], None]
    look: Callable[[str, str], None] = lambda subject, check: None  # ask once what is held


@dataclass(frozen=True, slots=True)
class CoreRules:
    """The rules of both axes and their pauses, in ms; `picture` None: no frame check is configured."""

    online: Rules
    picture: PictureRules | None
    retry_seconds: float
    picture_retry_seconds: float  # after a frame that shows a fault, or none any more
    online_max_age: Moment
    picture_max_age: Moment


@dataclass(frozen=True, slots=True)
class Outbox:
    """What one step of the core leaves to be stored; `heartbeat` is (start, end) of the current sight."""

    flips: tuple[Flip, ...]
    heartbeat: tuple[Moment, Moment] | None
    memories: Mapping[str, Memory]
    reached: Mapping[str, Moment]
    reboots: Mapping[str, int]  # the new totals
    happenings: tuple[Happening, ...]
    references: Sequence[PictureReference] = ()
    forgotten: Sequence[str] = ()  # cameras whose older references go
    disagreements: tuple[Disagreement, ...] = ()  # that began or ended


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of earlier runs; `last_seen` is the end of the last heartbeat (0: none)."""

    last_seen: Moment
    states: Mapping[tuple[str, Axis], tuple[State, Moment, tuple[str, ...], str]]  # state, since, faults, reason
    memories: Mapping[str, Memory]
    reached: Set[str]  # cameras that ever answered
    reboots: Mapping[str, int]


_NEVER: tuple[State, Moment, tuple[str, ...], str] = (State.UNKNOWN, 0, (), "")


@dataclass(slots=True)
class _Entry:
    """The hot row of one camera: replaced field by field with every result, hence mutable."""

    camera: Camera
    online: Holding = field(default_factory=Holding)
    picture: Holding = field(default_factory=Holding)
    memory: Memory = field(default_factory=Memory)
    reboots: int = 0
    reached: bool = False
    surveyed: bool = False  # ONVIF answered or refused in this run: it has told what it knows
    held: bool = False


@dataclass
class Core:
    """Folds results. `seen` is told of every result with its cameras, for what is shown beside the states."""

    rules: CoreRules
    gated: Sequence[str]  # checks that are not asked while the camera does not answer
    references: Sequence[str]  # subjects that stand for reference targets, each `REFERENCE` + address
    steering: Steering
    seen: Callable[[Sequence[Camera], Asked], None]
    desk: Desk
    gallery: Gallery
    disagreements: Disagreements = field(default_factory=Disagreements, init=False)
    _entries: dict[str, _Entry] = field(default_factory=dict, init=False)
    _by_reach: dict[str, list[_Entry]] = field(default_factory=dict, init=False)
    _by_address: dict[str, list[_Entry]] = field(default_factory=dict, init=False)
    _siblings: dict[str, list[_Entry]] = field(default_factory=dict, init=False)
    _sight: Sight = field(default_factory=Sight, init=False)
    _beating_since: Moment = field(default=0, init=False)
    _blind: bool = field(default=False, init=False)
    _pending: set[str] = field(default_factory=set, init=False)  # cameras whose last fail waits for a witness
    _open: set[str] = field(default_factory=set, init=False)  # cameras with a streak on either axis
    _asked_witnesses: Moment = field(default=0, init=False)
    _answered: dict[str, tuple[str, Moment]] = field(
        default_factory=dict, init=False
    )  # by another check, and when
    _looked_again: Moment = field(default=0, init=False)
    _flips: list[Flip] = field(default_factory=list, init=False)
    _happenings: list[Happening] = field(default_factory=list, init=False)
    _memories: dict[str, Memory] = field(default_factory=dict, init=False)
    _reached: dict[str, Moment] = field(default_factory=dict, init=False)
    _reboots: dict[str, int] = field(default_factory=dict, init=False)

    # --- the fleet -----------------------------------------------------------------------------------------

    def restore(self, inventory: Inventory, past: Past, now: Moment) -> None:
        """Take up the fleet where the last run left it.

        Streaks do not survive. A picture older than `picture_max_age` is unknown from now on.
        """
        stale = now - past.last_seen > self.rules.picture_max_age
        for camera in inventory.cameras.values():
            memory = past.memories.get(camera.id, Memory())
            entry = _Entry(camera, memory=memory, reached=camera.id in past.reached)
            entry.reboots = past.reboots.get(camera.id, 0)
            for axis in Axis:
                state, since, faults, reason = past.states.get((camera.id, axis), _NEVER)
                setattr(entry, axis.value, Holding(state, since, faults, reason, last=max(now, since)))
            self._entries[camera.id] = entry
            if memory.mac:
                self.desk.mac_is(camera.id, memory.mac)
            if stale or self.rules.picture is None or not camera.placement.picture or not camera.asked:
                self._forget(entry, Axis.PICTURE, now, "too old" if stale else "not asked")
            if not camera.asked:
                self._forget(entry, Axis.ONLINE, now, "not asked")
            self.desk.fleet.camera_is(camera.id, entry.online.state, entry.online.since)
            held = entry.picture
            self.desk.fleet.picture_is(camera.id, held.state, held.since, held.faults, held.reason)
            self._compare(entry, max(entry.online.since, held.since))
        self.disagreements.keep_only(inventory.cameras, now)
        self._index()

    def replace(self, inventory: Inventory, now: Moment) -> None:
        """Swap the fleet after a reload: who stays keeps states and streaks, who goes becomes unknown."""
        for camera_id in [key for key in self._entries if key not in inventory.cameras]:
            self._go_dark(self._entries.pop(camera_id), now)
        for camera in inventory.cameras.values():
            entry = self._entries.setdefault(camera.id, _Entry(camera))
            entry.camera = camera
            if not camera.asked:
                self._go_dark(entry, now)
            elif not camera.placement.picture or self.rules.picture is None:
                self._forget(entry, Axis.PICTURE, now, "not asked")
        self.desk.replace(inventory)
        self.disagreements.keep_only(inventory.cameras, now)
        self.gallery.keep_only(inventory.cameras)
        self._pending &= self._entries.keys()
        self._open &= self._entries.keys()
        self._index()

    def hold_again(self) -> None:
        """Repeat the holds towards a prober side whose turns were planned anew."""
        for entry in self._entries.values():
            if entry.held:
                for check in self.gated:
                    self.steering.hold(entry.camera.id, check)
            else:
                self._gate(entry)

    def _index(self) -> None:
        self._by_reach, self._by_address, self._siblings = {}, {}, {}
        for entry in self._entries.values():
            self._by_reach.setdefault(entry.camera.reach, []).append(entry)
            self._by_address.setdefault(entry.camera.address, []).append(entry)
            if entry.camera.placement.upstream:
                self._siblings.setdefault(entry.camera.placement.upstream, []).append(entry)

    def _go_dark(self, entry: _Entry, now: Moment) -> None:
        self._forget(entry, Axis.ONLINE, now, "not asked")
        self._forget(entry, Axis.PICTURE, now, "not asked")

    def memory(self, subject: str) -> Memory:
        """What earlier askings of a camera or device learnt."""
        entry = self._entries.get(subject)
        return entry.memory if entry else self.desk.memory(subject)

    @property
    def blind(self) -> bool:
        return self._blind

    @property
    def has_flips(self) -> bool:
        """Whether something waits to be stored that pages are to show soon."""
        return bool(self._flips or self._happenings)

    def undecided_since(self, now: Moment) -> Moment:
        """Before this moment nothing can still change: the earliest streak that is open, or now."""
        earliest = now
        for camera_id in self._open:
            for holding in (self._entries[camera_id].online, self._entries[camera_id].picture):
                if holding.streak:
                    earliest = min(earliest, holding.streak[0].asked)
                if holding.first_fail:
                    earliest = min(earliest, holding.first_fail)
        return earliest

    # --- folding -------------------------------------------------------------------------------------------

    def fold(self, batch: Sequence[Asked], now: Moment) -> None:
        """Fold a batch of results in any order; a repeated or late one changes nothing."""
        for asked in batch:
            if asked.result.outcome is Outcome.OK:
                self._witnessed(asked)
        for asked in batch:
            if asked.check == "ping":
                entries = self._by_reach.get(asked.subject)
                if entries:
                    self.seen([entry.camera for entry in entries], asked)
                    for entry in entries:
                        self._fold_reach(entry, asked, now)
                self.desk.device_reached(asked, self._sight.elsewhere(asked.subject.split(" ")[0]))
            elif asked.check == "device":
                self.desk.device_read(asked.subject, asked)
            elif asked.subject in self._entries:
                self._fold_other(self._entries[asked.subject], asked)
        self._settle_pending()
        self.desk.settle_pending(self._sight.elsewhere)
        self.desk.ask_around()
        if self._pending and now - self._asked_witnesses >= _WITNESS_PAUSE:
            self._asked_witnesses = now
            self._ask_witnesses()

    def _witnessed(self, asked: Asked) -> None:
        if asked.subject.startswith(REFERENCE):
            address = asked.subject
        elif asked.check == "ping":
            address = asked.subject.split(" ")[0]
        else:
            entry = self._entries.get(asked.subject)
            address = entry.camera.address if entry else ""
        if not address:
            return
        self._sight.answered(address, asked.asked)
        if self._blind or not self._beating_since:
            if self._blind:
                log.info("healthd sees again at=%s witness=%s", _iso(asked.asked), address)
            self._blind = False
            self._beating_since = asked.asked

    def _fold_reach(self, entry: _Entry, asked: Asked, now: Moment) -> None:
        reading = online_reading(asked)
        if reading is None:
            return
        if reading.good:
            self.desk.camera_answered(entry.camera, asked.asked)
        if reading.good and not entry.reached:
            entry.reached = True
            self._reached[entry.camera.id] = asked.asked
        self._hold_against(entry, reading.good, asked.asked)
        elsewhere = self._sight.elsewhere(entry.camera.address)
        entry.online, flip = advance_online(entry.online, reading, self.rules.online, elsewhere)
        self._after_online(entry, flip)
        if entry.online.first_fail == asked.asked:
            self.desk.camera_failed_first(entry.camera, now)
        if entry.online.undecided and not self._blind:
            self.steering.ask_again(asked.subject, "ping", self.rules.retry_seconds)

    def _hold_against(self, entry: _Entry, reached: bool, asked: Moment) -> None:
        """Whether the reach still fails though another check got an answer since it began to."""
        camera = entry.camera.id
        check, answered = self._answered.get(camera, ("", asked))
        if reached:
            self._answered.pop(camera, None)
        elif check and asked > answered:
            del self._answered[camera]
            online = (entry.online.state, entry.online.since)
            self.disagreements.answered(camera, online, check, answered)
            self.desk.fleet.otherwise_is(camera, check, answers=True)

    def _after_online(self, entry: _Entry, flip: Flip | None) -> None:
        if entry.online.pending:
            self._pending.add(entry.camera.id)
        else:
            self._pending.discard(entry.camera.id)
        if flip is not None:
            self._note(entry, flip)
            if flip.state is not State.ONLINE:
                self._forget(entry, Axis.PICTURE, flip.at, "offline")
            if flip.state is State.UNKNOWN:
                self._go_blind(flip.at)
        self._gate(entry)
        self._track(entry)

    def _track(self, entry: _Entry) -> None:
        (self.desk.streaks.add if entry.online.undecided else self.desk.streaks.discard)(entry.camera.reach)
        if entry.online.undecided or entry.online.first_fail or entry.picture.undecided:
            self._open.add(entry.camera.id)
        else:
            self._open.discard(entry.camera.id)

    def _go_blind(self, since: Moment) -> None:
        if not self._blind:
            self._blind = True
            log.error(
                "healthd is blind: nobody answers, so no camera is called offline since=%s "
                "remedy=check this machine's network, and set reference_targets",
                _iso(since),
            )

    def _gate(self, entry: _Entry) -> None:
        """Nothing but reach is asked of a camera that does not answer at all."""
        failing = entry.online.first_fail > 0 or entry.online.state is State.OFFLINE
        if failing == entry.held:
            return
        entry.held = failing
        steer = self.steering.hold if failing else self.steering.release
        for check in self.gated:
            steer(entry.camera.id, check)

    def _fold_other(self, entry: _Entry, asked: Asked) -> None:
        self.seen((entry.camera,), asked)
        if asked.result.values.get("rebooted"):
            entry.reboots += 1
            self._reboots[entry.camera.id] = entry.reboots
        if asked.result.learnt:
            self._learn(entry, asked.result.learnt)
        silent = asked.result.reason in _NOBODY_HOME and asked.result.outcome is Outcome.FAIL
        if silent:
            self.disagreements.silent(entry.camera.id, asked.check, asked.asked)
            self.desk.fleet.otherwise_is(entry.camera.id, asked.check, answers=False)
        elif entry.online.state is State.OFFLINE and asked.asked > entry.online.since and _spoke(asked):
            # It may just be coming back: only a reach that fails after this contradicts it.
            self._answered.setdefault(entry.camera.id, (asked.check, asked.asked))
            self.steering.ask_again(entry.camera.reach, "ping", 0.0)
        if silent and not entry.online.undecided:  # an open streak has its own pace: three fails take their time
            self.steering.ask_again(entry.camera.reach, "ping", 0.0)
        if asked.check == "onvif" and asked.result.outcome is not Outcome.UNKNOWN:
            if not entry.surveyed or "snapshot_uri" in asked.result.learnt:
                self.steering.ask_again(entry.camera.id, "frame", 0.0)
            entry.surveyed = True
        self.desk.camera_said(entry.camera, asked)
        if asked.check == "frame":
            self._fold_frame(entry, asked)

    def _learn(self, entry: _Entry, learnt: Mapping[str, Any]) -> None:
        login = {name: value for name, value in learnt.items() if name in _LOGIN_FIELDS}
        # The channels of a device share its accounts: 64 channels must not spend 64 times the refusals.
        for other in self._by_address[entry.camera.address] if login else ():
            self._remember(other, login)
        self._remember(entry, {name: value for name, value in learnt.items() if name in Memory.__slots__})

    def _remember(self, entry: _Entry, fields: Mapping[str, Any]) -> None:
        if "mac" in fields and fields["mac"] != entry.memory.mac:
            self.desk.mac_is(entry.camera.id, fields["mac"] or "")
        entry.memory = replace(entry.memory, **fields)
        self._memories[entry.camera.id] = entry.memory

    def _fold_frame(self, entry: _Entry, asked: Asked) -> None:
        rules = self.rules.picture
        reading = picture_reading(asked)
        if asked.result.reason is Reason.NO_URI and "onvif" in self.gated:
            self.steering.ask_again(entry.camera.id, "onvif", 0.0)
            if not entry.surveyed:
                return  # we have not asked where its picture is: that is no fault of the camera
        if rules is None or reading is None or entry.online.state is State.OFFLINE or entry.online.first_fail:
            return  # what a camera that is going down answers says nothing about its picture
        entry.picture, flip = advance_picture(entry.picture, reading, rules)
        if flip is not None:
            self._note(entry, flip)
        self._track(entry)
        good = entry.picture.state is State.GOOD and not entry.picture.undecided
        self.gallery.judged(entry.camera.id, asked, good)
        if entry.picture.undecided:
            missing = reading.state is State.NO_PICTURE
            pause = self.rules.retry_seconds if missing else self.rules.picture_retry_seconds
            self.steering.ask_again(entry.camera.id, "frame", pause)

    def take_back(self, camera: str, fault: str, now: Moment) -> None:
        """An operator says that this fault is none: it holds no longer; the camera is judged anew at once."""
        entry = self._entries.get(camera)
        if entry is None:
            return
        entry.picture, flip = without_faults(entry.picture, {fault}, now, "marked false")
        if flip is not None:
            self._note(entry, flip)
        self._track(entry)
        self.steering.ask_again(camera, "frame", 0.0)

    def begin_anew(self, camera: str, now: Moment) -> None:
        """Learn anew what the camera usually sees. What was wrong with its picture is not known until it was
        judged by that; it is asked at once."""
        entry = self._entries[camera]
        self.gallery.begin_anew(camera, now)
        if entry.picture.state is State.FAULTY:
            self._forget(entry, Axis.PICTURE, now, "begun anew")
        entry.picture = without_streak(entry.picture)
        self._track(entry)
        self.steering.ask_again(camera, "frame", 0.0)

    def _settle_pending(self) -> None:
        for camera_id in [*self._pending]:
            entry = self._entries[camera_id]
            elsewhere = self._sight.elsewhere(entry.camera.address)
            entry.online, flip = settle(entry.online, self.rules.online, elsewhere)
            self._after_online(entry, flip)

    def _ask_witnesses(self) -> None:
        """A fail that nobody corroborates yet: ask some that answered, and the reference targets, right now."""
        upstreams: set[str] = set()
        for entry in self._entries.values():
            if entry.online.state is State.ONLINE and not entry.online.first_fail:
                upstream = entry.camera.placement.upstream or entry.camera.id
                if upstream not in upstreams:
                    upstreams.add(upstream)
                    self.steering.ask_again(entry.camera.reach, "ping", 0.0)
                if len(upstreams) >= _WITNESSES:
                    break
        for subject in self.references:
            self.steering.ask_again(subject, "ping", 0.0)

    def _note(self, entry: _Entry, flip: Flip) -> None:
        flip = replace(flip, camera=entry.camera.id)
        if flip.axis is Axis.ONLINE and flip.evidence:
            flip = replace(flip, evidence=(*flip.evidence, self._sibling_evidence(entry, flip.at)))
        self._flips.append(flip)
        self._compare(entry, flip.at)
        self.desk.flipped(flip, has_uptime=entry.memory.booted_at is not None)
        log.info(
            "flip camera=%s axis=%s state=%s was=%s at=%s reason=%s faults=%s",
            flip.camera,
            flip.axis,
            flip.state,
            flip.was,
            _iso(flip.at),
            flip.reason,
            ",".join(flip.faults),
        )

    def _compare(self, entry: _Entry, at: Moment) -> None:
        """Whether its reach and its picture contradict each other."""
        online, picture = entry.online, entry.picture
        stands = (online.state, online.since), (picture.state, picture.since)
        self.disagreements.stands(entry.camera.id, *stands, picture.reason, at)

    def _sibling_evidence(self, entry: _Entry, since: Moment) -> Mapping[str, object]:
        siblings = [s for s in self._siblings.get(entry.camera.placement.upstream, ()) if s is not entry]
        answered = sum(1 for s in siblings if s.online.last >= since and not s.online.first_fail)
        return {"siblings": len(siblings), "siblings_answered": answered}

    def _forget(self, entry: _Entry, axis: Axis, at: Moment, reason: str) -> None:
        holding, flip = forget(getattr(entry, axis.value), axis, at, reason)
        setattr(entry, axis.value, holding)
        if flip is not None:
            self._note(entry, flip)

    # --- time ----------------------------------------------------------------------------------------------

    def judge(self, now: Moment) -> None:
        """Bring the incidents in step; while healthd is blind nothing opens and nothing closes."""
        if not self._blind:
            happenings = self.desk.happenings(now)
            self.tell(happenings)
            for happening in happenings:
                if happening.what in (What.OPENED, What.SPLIT) and happening.incident.kind is Kind.OFFLINE:
                    self._look(happening.incident.subject)

    def _look(self, camera: str) -> None:
        """One that is down all alone: does another check get an answer although its reach gives none?"""
        if camera in self._entries and self.gated:
            self.steering.look(camera, self.gated[0])

    @property
    def behind(self) -> bool:
        """Whether `judge` should be called again soon: it left something to do."""
        return self.desk.board.behind and not self._blind

    def tell(self, happenings: Sequence[Happening]) -> None:
        """Have what happened to incidents stored and shown."""
        self._happenings += happenings
        for happening in happenings:
            incident = happening.incident
            log.info(
                "incident %s id=%s kind=%s cause=%s subject=%s cameras=%d maintainer=%s",
                happening.what,
                incident.id,
                incident.kind,
                incident.cause,
                incident.subject,
                len(incident.camera_ids),
                incident.maintainer or "-",
            )

    def tick(self, now: Moment) -> None:
        """Let what was not asked for too long become unknown. Cheap enough for every few seconds."""
        if now - self._looked_again >= _LOOK_AGAIN and self.gated:
            self._looked_again = now
            for camera, finding in self.disagreements.holding:
                if finding in (Discord.PICTURE_WITHOUT_REACH, Discord.PROTOCOL_WITHOUT_REACH):
                    self._look(camera)
        for entry in self._entries.values():
            if entry.online.state is not State.UNKNOWN and now - entry.online.last > self.rules.online_max_age:
                at = entry.online.last + self.rules.online_max_age
                self._forget(entry, Axis.ONLINE, at, "too old")
                self._forget(entry, Axis.PICTURE, at, "too old")
            picture = entry.picture
            if picture.state is not State.UNKNOWN and now - picture.last > self.rules.picture_max_age:
                self._forget(entry, Axis.PICTURE, picture.last + self.rules.picture_max_age, "too old")

    def lost_time(self, now: Moment) -> None:
        """healthd itself stood still (stopped process, sleeping machine): the next ok begins a new heartbeat."""
        log.warning("healthd stood still; the gap is unknown until=%s", _iso(now))
        self._beating_since = 0

    def take(self) -> Outbox:
        """What is to be stored since the last call."""
        flips, self._flips = tuple(self._flips), []
        memories, self._memories = self._memories, {}
        reached, self._reached = self._reached, {}
        reboots, self._reboots = self._reboots, {}
        happenings, self._happenings = tuple(self._happenings), []
        disagreements = self.disagreements.take()
        heartbeat = None
        if self._beating_since and not self._blind:
            end = max([self._sight.latest, self._beating_since, *(flip.at for flip in flips)])
            heartbeat = (self._beating_since, end)
        references, forgotten = self.gallery.take()
        return Outbox(
            flips, heartbeat, memories, reached, reboots, happenings, references, forgotten, disagreements
        )


def _spoke(asked: Asked) -> bool:
    """Whether it was the camera that answered, if only to refuse the login."""
    return asked.result.outcome is Outcome.OK or asked.result.reason is Reason.AUTH


def _iso(moment: Moment) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")


def placement_changes(
    known: Mapping[str, Any], inventory: Inventory, now: Moment, author: str
) -> tuple[Change, ...]:
    """The dated changes that lead from the placements in the store to those of the inventory."""
    changes = [
        Change(camera.id, now, camera.placement, author)
        for camera in inventory.cameras.values()
        if known.get(camera.id) != camera.placement
    ]
    gone = [key for key, placement in known.items() if placement is not None and key not in inventory.cameras]
    return (*changes, *(Change(key, now, None, author) for key in gone))
