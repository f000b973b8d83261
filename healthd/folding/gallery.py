"""What is kept of every camera's pictures from one asking to the next, and what the next is judged with.

References stay in the store and are read one camera at a time, in the worker that judges: 100,000 cameras have
565 MB of them. What tells a frozen picture is small, lives in memory and may be forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from healthd.daylight import STANDARD_HOURS, light_by_hours, light_by_sun
from healthd.model import Asked, Camera, Moment, PictureReference
from healthd.options.pictures import PictureOptions
from probes.picture.light import Light
from probes.picture.verdict import Fault

if TYPE_CHECKING:  # a daemon without the frame check loads no picture code
    from probes.picture.context import Context
    from probes.picture.fingerprint import Fingerprint, Lit

log = logging.getLogger("healthd.folding.gallery")

_RIPE = 16  # good frames that are taken in as they come; from then on
_REFRESH: Moment = 24 * 3_600_000  # one a day, so that a lens that slowly turns dull is not followed


@dataclass(frozen=True, slots=True)
class Judgement:
    """How cameras are judged: `options` and `zone` of the configuration; `paths` of the regions (code ->
    `/root/.../code/`)."""

    options: PictureOptions
    zone: ZoneInfo
    paths: Mapping[str, str]

    def light(self, camera: Camera, now: Moment) -> Light:
        """Hours that somebody set come first, then the sun over the camera, then the standard hours."""
        if self.options.day is not None:
            return light_by_hours(now, self.options.day, self.zone)
        if camera.longitude is not None and camera.latitude is not None:
            return light_by_sun(now, camera.longitude, camera.latitude)
        return light_by_hours(now, STANDARD_HOURS, self.zone)

    def thresholds(self, camera: Camera) -> Mapping[Fault, float | None]:
        """The camera's own thresholds; None: off. The last that fits holds."""
        path = self.paths.get(camera.placement.region, "")
        return {
            one.fault: one.value
            for one in self.options.thresholds
            if (one.region is None or f"/{one.region}/" in path)
            and all(camera.tags.get(name) == value for name, value in one.tag.items())
        }


@dataclass
class Gallery:
    """`read`: a camera's references out of the store (blocking; any thread). `marked`: camera -> the stricter
    thresholds that marks of false alarms set; they come before those of the configuration, but for what is off.
    `keep`: has a thumbnail of a bad frame kept; must not block.
    Owned by the event loop; the answers of `recall` are used in workers, one a camera at a time."""

    judgement: Judgement
    read: Callable[[str], Sequence[PictureReference]]
    marked: dict[str, dict[Fault, float]] = field(default_factory=dict)
    keep: Callable[[str, Moment, bytes], None] = lambda camera, at, jpeg: None
    _signatures: dict[str, bytes] = field(default_factory=dict, init=False)
    _fresh: dict[str, dict[int, PictureReference]] = field(
        default_factory=dict, init=False
    )  # not in the store yet
    _anew: dict[str, Moment] = field(default_factory=dict, init=False)  # when cameras were begun anew
    _unread: set[str] = field(default_factory=set, init=False)  # of them, whose old ones the store still has
    _learnt: list[PictureReference] = field(default_factory=list, init=False)
    _forgotten: list[str] = field(default_factory=list, init=False)

    def recall(self, camera: Camera, now: Moment) -> Callable[[], Context]:
        """What the camera's next frame is judged with; the answer reads the disk."""
        light = self.judgement.light(camera, now)
        thresholds = self._thresholds(camera)
        previous = self._signatures.get(camera.id)
        kept = self.judgement.options.evidence.keep

        def context() -> Context:
            from probes.picture.context import Context

            day, night, learning = self._references(camera.id, now)
            return Context(
                light=light,
                thresholds=thresholds,
                previous=previous,
                day=day,
                night=night,
                ptz=camera.ptz,
                cautious=True,
                learning=learning,
                thumbnail="" if kept == "no" else kept,
            )

        return context

    def _thresholds(self, camera: Camera) -> Mapping[Fault, float | None]:
        chosen = self.judgement.thresholds(camera)
        marked = self.marked.get(camera.id, {})
        return {
            **chosen,
            **{fault: value for fault, value in marked.items() if chosen.get(fault, value) is not None},
        }

    def _references(
        self, camera: str, now: Moment
    ) -> tuple[Fingerprint | None, Fingerprint | None, frozenset[Lit]]:
        from probes.picture.fingerprint import Fingerprint, Lit

        stored = {one.lit: one for one in self.read(camera)} if camera not in self._unread else {}
        found: dict[Lit, Fingerprint] = {}
        learning = set(Lit)
        for lit, one in {**stored, **self._fresh.get(camera, {})}.items():
            try:
                found[Lit(lit)] = Fingerprint.from_bytes(one.fingerprint)
            except ValueError:  # of another version: it is learnt anew
                continue
            if found[Lit(lit)].frames >= _RIPE and now - one.at < _REFRESH:
                learning.discard(Lit(lit))
        return found.get(Lit.DAY), found.get(Lit.NIGHT), frozenset(learning)

    def judged(self, camera: str, asked: Asked, good: bool) -> None:
        """A frame was judged. Nothing is learnt of it unless the camera's picture is `good`."""
        signature = asked.result.learnt.get("signature")
        if signature is not None:
            self._signatures[camera] = signature
        thumbnail = asked.result.learnt.get("thumbnail")
        if thumbnail is not None:
            self.keep(camera, asked.asked, thumbnail)
        reference: Fingerprint | None = asked.result.learnt.get("reference")
        # A frame that was in flight when the camera was begun anew still leans on the old view.
        if reference is not None and good and asked.asked > self._anew.get(camera, 0):
            one = PictureReference(camera, int(reference.lit), asked.asked, reference.to_bytes())
            self._fresh.setdefault(camera, {})[one.lit] = one
            self._learnt.append(one)

    def begin_anew(self, camera: str, now: Moment) -> None:
        """Forget what the camera usually saw: it was repaired, or is meant to look elsewhere now."""
        self._fresh.pop(camera, None)
        self._signatures.pop(camera, None)
        self._anew[camera] = now
        self._unread.add(camera)
        self._learnt = [one for one in self._learnt if one.camera != camera]
        self._forgotten.append(camera)

    def keep_only(self, cameras: Mapping[str, Camera]) -> None:
        """After a reload: who is gone takes up no room."""
        self._signatures = {key: one for key, one in self._signatures.items() if key in cameras}

    def take(self) -> tuple[Sequence[PictureReference], Sequence[str]]:
        """What is to be stored since the last call: references learnt, and cameras whose older ones go."""
        learnt, self._learnt = self._learnt, []
        forgotten, self._forgotten = self._forgotten, []
        return learnt, forgotten

    def stored(self, learnt: Sequence[PictureReference], forgotten: Sequence[str]) -> None:
        """The store has these: they need no room here any more."""
        self._unread.difference_update(forgotten)
        for one in learnt:
            kept = self._fresh.get(one.camera, {})
            if kept.get(one.lit) is one:
                del kept[one.lit]
            if not kept:
                self._fresh.pop(one.camera, None)
