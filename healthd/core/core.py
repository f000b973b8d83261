"""The fold: results move states, states make flips, flips make incidents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from healthd.core.contradictions import Contradictions
from healthd.core.exchange import CoreRules, Outbox, Past, Steering, Unstored
from healthd.core.roster import Entry, Roster, address_of
from healthd.core.seeing import Seeing, iso
from healthd.folding.disagreements import Disagreements, Saying
from healthd.folding.gallery import Gallery
from healthd.folding.learning import learnt_fields
from healthd.folding.picture_state import advance_picture, picture_reading, without_faults
from healthd.folding.state import (
    Holding,
    advance_online,
    forget,
    online_reading,
    retry_after,
    settle,
    without_streak,
)
from healthd.incidents.desk import Desk
from healthd.incidents.incident import Happening, Kind, What
from healthd.model import REFERENCE, Asked, Axis, Camera, Flip, Inventory, Moment, State
from probes.base import Memory, Outcome, Reason

log = logging.getLogger("healthd.core")


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
    _contradictions: Contradictions = field(init=False)
    seeing: Seeing = field(default_factory=Seeing, init=False)
    _roster: Roster = field(default_factory=Roster, init=False)
    _pending: set[str] = field(default_factory=set, init=False)  # cameras whose last fail waits for a witness
    _open: set[str] = field(default_factory=set, init=False)  # cameras with a streak on either axis
    _unstored: Unstored = field(default_factory=Unstored, init=False)

    def __post_init__(self) -> None:
        self._contradictions = Contradictions(self.disagreements, self.desk.fleet)

    # --- the fleet -----------------------------------------------------------------------------------------

    def restore(self, inventory: Inventory, past: Past, now: Moment) -> None:
        """Take up the fleet where the last run left it.

        Streaks do not survive. A picture older than `picture_max_age` is unknown from now on.
        """
        stale = now - past.last_seen > self.rules.picture_max_age
        never = Holding(last=now)
        for camera in inventory.cameras.values():
            entry = self._roster.put(camera)
            entry.memory = memory = past.memories.get(camera.id, entry.memory)
            entry.reached = camera.id in past.reached
            entry.reboots = past.reboots.get(camera.id, 0)
            for axis in Axis:
                held = never
                if (camera.id, axis) in past.states:
                    state, since, faults, reason = past.states[camera.id, axis]
                    held = Holding(state, since, faults, reason, last=max(now, since))
                setattr(entry, axis.value, held)
            if memory.mac:
                self.desk.mac_is(camera.id, memory.mac)
            if stale or self.rules.picture is None or not camera.placement.picture or not camera.asked:
                self._forget(entry, Axis.PICTURE, now, "too old" if stale else "not asked")
            if not camera.asked:
                self._forget(entry, Axis.ONLINE, now, "not asked")
            self.desk.fleet.camera_is(camera.id, entry.online.state, entry.online.since)
            held = entry.picture
            self.desk.fleet.picture_is(camera.id, held.state, held.since, held.faults, held.reason)
            self._contradictions.compare(entry, max(entry.online.since, held.since))
        self.disagreements.keep_only(inventory.cameras, now)
        self._roster.index()

    def replace(self, inventory: Inventory, now: Moment) -> None:
        """Swap the fleet after a reload: who stays keeps states and streaks, who goes becomes unknown."""
        for entry in self._roster.take_out(inventory.cameras):
            self._go_dark(entry, now)
        for camera in inventory.cameras.values():
            entry = self._roster.put(camera)
            if not camera.asked:
                self._go_dark(entry, now)
            elif not entry.blank and (not camera.placement.picture or self.rules.picture is None):
                self._forget(entry, Axis.PICTURE, now, "not asked")
        self.desk.replace(inventory)
        self.disagreements.keep_only(inventory.cameras, now)
        self.gallery.keep_only(inventory.cameras)
        self._pending &= inventory.cameras.keys()
        self._open &= inventory.cameras.keys()
        self._roster.index()

    def hold_again(self) -> None:
        """Repeat the holds towards a prober side whose turns were planned anew."""
        for entry in self._roster:
            if entry.held:
                for check in self.gated:
                    self.steering.hold(entry.camera.id, check)
            else:
                self._gate(entry)

    def _go_dark(self, entry: Entry, now: Moment) -> None:
        self._forget(entry, Axis.ONLINE, now, "not asked")
        self._forget(entry, Axis.PICTURE, now, "not asked")

    def memory(self, subject: str) -> Memory:
        """What earlier askings of a camera or device learnt."""
        entry = self._roster.get(subject)
        return entry.memory if entry else self.desk.memory(subject)

    @property
    def has_flips(self) -> bool:
        """Whether something waits to be stored that pages are to show soon."""
        return bool(self._unstored.flips or self._unstored.happenings)

    def undecided_since(self, now: Moment) -> Moment:
        """Before this moment nothing can still change: the earliest streak that is open, or now."""
        return min((self._roster[camera].undecided_since(now) for camera in self._open), default=now)

    # --- folding -------------------------------------------------------------------------------------------

    def fold(self, batch: Sequence[Asked], now: Moment) -> None:
        """Fold a batch of results in any order; a repeated or late one changes nothing."""
        for asked in batch:
            if asked.result.outcome is Outcome.OK:
                self._witnessed(asked)
        for asked in batch:
            if asked.check == "ping":
                if entries := self._roster.at_reach(asked.subject):
                    self.seen([entry.camera for entry in entries], asked)
                for entry in entries:
                    self._fold_reach(entry, asked, now)
                self.desk.device_reached(asked, self.seeing.elsewhere(address_of(asked.subject)))
            elif asked.check == "device":
                self.desk.device_read(asked.subject, asked)
            elif asked.subject in self._roster:
                self._fold_other(self._roster[asked.subject], asked)
        self._settle_pending()
        self.desk.settle_pending(self.seeing.elsewhere)
        self.desk.ask_around()
        if self._pending:
            self.seeing.ask_witnesses(self._roster, self.references, self.steering, now)

    def _witnessed(self, asked: Asked) -> None:
        if asked.subject.startswith(REFERENCE):
            address = asked.subject
        elif asked.check == "ping":
            address = address_of(asked.subject)
        else:
            of = self._roster.get(asked.subject)
            address = of.camera.address if of else ""
        if address:
            self.seeing.answered(address, asked.asked)

    def _fold_reach(self, entry: Entry, asked: Asked, now: Moment) -> None:
        reading = online_reading(asked)
        if reading is None:
            return
        if reading.good:
            self.desk.camera_answered(entry.camera, asked.asked)
        if reading.good and not entry.reached:
            entry.reached = True
            self._unstored.reached[entry.camera.id] = asked.asked
        self._contradictions.reach_said(entry, reading.good, asked.asked)
        elsewhere = self.seeing.elsewhere(entry.camera.address)
        entry.online, flip = advance_online(entry.online, reading, self.rules.online, elsewhere)
        self._after_online(entry, flip)
        if entry.online.first_fail == asked.asked:
            self.desk.camera_failed_first(entry.camera, now)
        if entry.online.undecided and not self.seeing.blind:
            self.steering.ask_again(asked.subject, "ping", retry_after(asked, self.rules.retry_seconds))

    def _after_online(self, entry: Entry, flip: Flip | None) -> None:
        if entry.online.pending:
            self._pending.add(entry.camera.id)
        else:
            self._pending.discard(entry.camera.id)
        if flip is not None:
            self._note(entry, flip)
            if flip.state is not State.ONLINE:
                self._forget(entry, Axis.PICTURE, flip.at, "offline")
            if flip.state is State.UNKNOWN:
                self.seeing.went_blind(flip.at)
        self._gate(entry)
        self._track(entry)

    def _track(self, entry: Entry) -> None:
        (self.desk.streaks.add if entry.online.undecided else self.desk.streaks.discard)(entry.camera.reach)
        (self._open.add if entry.undecided else self._open.discard)(entry.camera.id)

    def _gate(self, entry: Entry) -> None:
        """Nothing but reach is asked of a camera that does not answer at all."""
        failing = entry.online.first_fail > 0 or entry.online.state is State.OFFLINE
        if failing == entry.held:
            return
        entry.held = failing
        steer = self.steering.hold if failing else self.steering.release
        for check in self.gated:
            steer(entry.camera.id, check)

    def _fold_other(self, entry: Entry, asked: Asked) -> None:
        self.seen((entry.camera,), asked)
        if asked.result.values.get("rebooted"):
            entry.reboots += 1
            self._unstored.reboots[entry.camera.id] = entry.reboots
        if asked.result.learnt:
            self._learn(entry, asked.result.learnt)
        if self._contradictions.other_said(entry, asked):
            self.steering.ask_again(entry.camera.reach, "ping", 0.0)
        if asked.check == "onvif" and asked.result.outcome is not Outcome.UNKNOWN:
            if not entry.surveyed or "snapshot_uri" in asked.result.learnt:
                self.steering.ask_again(entry.camera.id, "frame", 0.0)
            entry.surveyed = True
        self.desk.camera_said(entry.camera, asked)
        if asked.check == "frame":
            self._fold_frame(entry, asked)

    def _learn(self, entry: Entry, learnt: Mapping[str, Any]) -> None:
        own, login = learnt_fields(learnt)
        for other in self._roster.at_address(entry.camera.address) if login else ():
            self._remember(other, login)
        self._remember(entry, own)

    def _remember(self, entry: Entry, fields: Mapping[str, Any]) -> None:
        if "mac" in fields and fields["mac"] != entry.memory.mac:
            self.desk.mac_is(entry.camera.id, fields["mac"] or "")
        entry.memory = replace(entry.memory, **fields)
        self._unstored.memories[entry.camera.id] = entry.memory

    def _fold_frame(self, entry: Entry, asked: Asked) -> None:
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
        entry = self._roster.get(camera)
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
        entry = self._roster[camera]
        self.gallery.begin_anew(camera, now)
        if entry.picture.state is State.FAULTY:
            self._forget(entry, Axis.PICTURE, now, "begun anew")
        entry.picture = without_streak(entry.picture)
        self._track(entry)
        self.steering.ask_again(camera, "frame", 0.0)

    def _settle_pending(self) -> None:
        for camera_id in [*self._pending]:
            entry = self._roster[camera_id]
            elsewhere = self.seeing.elsewhere(entry.camera.address)
            entry.online, flip = settle(entry.online, self.rules.online, elsewhere)
            self._after_online(entry, flip)

    def _note(self, entry: Entry, flip: Flip) -> None:
        flip = replace(flip, camera=entry.camera.id)
        if flip.axis is Axis.ONLINE and flip.evidence:
            flip = replace(flip, evidence=(*flip.evidence, self._roster.sibling_evidence(entry, flip.at)))
        self._unstored.flips.append(flip)
        self._contradictions.compare(entry, flip.at)
        self.desk.flipped(flip, has_uptime=entry.memory.booted_at is not None)
        log.info(
            "flip camera=%s axis=%s state=%s was=%s at=%s reason=%s faults=%s",
            flip.camera,
            flip.axis,
            flip.state,
            flip.was,
            iso(flip.at),
            flip.reason,
            ",".join(flip.faults),
        )

    def platforms_say(self, sayings: Mapping[str, Saying | None], now: Moment) -> None:
        """What platforms say of these cameras by now; None: nothing any more."""
        for camera, said in sayings.items():
            self.disagreements.platform_says(camera, said, now)
            if camera in self._roster:
                self._contradictions.compare(self._roster[camera], now)

    def _forget(self, entry: Entry, axis: Axis, at: Moment, reason: str) -> None:
        holding, flip = forget(getattr(entry, axis.value), axis, at, reason)
        setattr(entry, axis.value, holding)
        if flip is not None:
            self._note(entry, flip)

    # --- time ----------------------------------------------------------------------------------------------

    def judge(self, now: Moment) -> None:
        """Bring the incidents in step; while healthd is blind nothing opens and nothing closes."""
        if not self.seeing.blind:
            happenings = self.desk.happenings(now)
            self.tell(happenings)
            for happening in happenings:
                if happening.what in (What.OPENED, What.SPLIT) and happening.incident.kind is Kind.OFFLINE:
                    self._look(happening.incident.subject)

    def _look(self, camera: str) -> None:
        """One that is down all alone: does another check get an answer although its reach gives none?"""
        if camera in self._roster and self.gated:
            self.steering.look(camera, self.gated[0])

    @property
    def behind(self) -> bool:
        """Whether `judge` should be called again soon: it left something to do."""
        return self.desk.board.behind and not self.seeing.blind

    def tell(self, happenings: Sequence[Happening]) -> None:
        """Have what happened to incidents stored and shown."""
        self._unstored.happenings += happenings
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
        for camera in self._contradictions.to_look_at(now):
            self._look(camera)
        for entry in self._roster:
            if entry.online.state is not State.UNKNOWN and now - entry.online.last > self.rules.online_max_age:
                at = entry.online.last + self.rules.online_max_age
                self._forget(entry, Axis.ONLINE, at, "too old")
                self._forget(entry, Axis.PICTURE, at, "too old")
            picture = entry.picture
            if picture.state is not State.UNKNOWN and now - picture.last > self.rules.picture_max_age:
                self._forget(entry, Axis.PICTURE, picture.last + self.rules.picture_max_age, "too old")

    def lost_time(self, now: Moment) -> None:
        """healthd itself stood still (stopped process, sleeping machine): the next ok begins a new heartbeat."""
        self.seeing.lost_time(now)

    def take(self, at_most: int = 1_000_000) -> Outbox:
        """What is to be stored since the last call. While `has_flips` there is more: no more than so many flips
        are taken at once."""
        unstored, self._unstored = self._unstored, Unstored()
        flips = unstored.take_flips(at_most)
        self._unstored.flips = unstored.flips
        references, forgotten = self.gallery.take()
        return Outbox(
            flips=flips,
            # Not before the last flip: what the heartbeat covers must be in the store if we are killed now.
            heartbeat=None if unstored.flips else self.seeing.heartbeat(flips),
            memories=unstored.memories,
            reached=unstored.reached,
            reboots=unstored.reboots,
            happenings=(*unstored.happenings,),
            references=references,
            forgotten=forgotten,
            disagreements=self.disagreements.take(),
        )

    def thin_out(self) -> int:
        """The store takes nothing for now: keep what waits small. Returns how many flips were given up for it."""
        return self._unstored.thin_out(len(self._roster))
