"""Where the levels of evidence contradict each other: a camera that is reached but gives no picture, one that
answers a protocol but not its reach, one of which a platform says otherwise. Pure, no clock.

Levels as in docs/rates.md: reach (a ping or a connect), a protocol, a platform, a real picture. What platforms say
comes from their catalogues (`healthd.platforms`).
"""

from __future__ import annotations

import enum
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from healthd.model import Moment, State


class Discord(enum.StrEnum):
    """What contradicts what; a closed set, used as a metric label."""

    REACH_WITHOUT_PICTURE = "reach_without_picture"  # false online: it answers, and gives no picture
    PICTURE_WITHOUT_REACH = "picture_without_reach"  # a fresh picture came, but its reach does not answer
    PROTOCOL_WITHOUT_REACH = "protocol_without_reach"  # ONVIF or SNMP answers, but its reach does not
    PLATFORM_WITHOUT_REACH = "platform_without_reach"  # a platform says ON, but its reach does not answer
    PLATFORM_WITHOUT_PICTURE = "platform_without_picture"  # a platform says ON, but it gives no picture
    REACH_WITHOUT_PLATFORM = "reach_without_platform"  # it answers, but a platform says OFF


_UNREACHED = {"frame": Discord.PICTURE_WITHOUT_REACH}  # any other check: PROTOCOL_WITHOUT_REACH
_WITHOUT_REACH = (Discord.PICTURE_WITHOUT_REACH, Discord.PROTOCOL_WITHOUT_REACH, Discord.PLATFORM_WITHOUT_REACH)
_BY_PLATFORM = (Discord.PLATFORM_WITHOUT_REACH, Discord.PLATFORM_WITHOUT_PICTURE, Discord.REACH_WITHOUT_PLATFORM)
_WITHOUT_PICTURE = (Discord.REACH_WITHOUT_PICTURE, Discord.PLATFORM_WITHOUT_PICTURE)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One contradiction of one camera from `since` on; `until` 0 while it holds. `detail`: the check that did
    answer, the reason why there was no picture, or the platform that says otherwise."""

    camera: str
    finding: Discord
    since: Moment
    detail: str = ""
    until: Moment = 0


@dataclass(frozen=True, slots=True)
class Saying:
    """What a platform says of a camera: `on` or off, as of `at`. `patience`: how long (ms) it may take to notice a
    change; what it says sooner after one contradicts nobody."""

    on: bool
    at: Moment
    platform: str
    patience: Moment = 0

    def contradicts(self, standing: Standing) -> bool:
        """Whether it was said long enough after an axis came to stand so."""
        return self.at >= standing[1] + self.patience


Standing: TypeAlias = tuple[State, Moment]
"""The state of an axis, and since when."""


class Disagreements:
    """Keeps the contradictions that hold, and what has changed of them since `take`. Where cameras stand is the
    caller's to know: nothing is kept of the many that contradict nobody."""

    def __init__(self) -> None:
        self._holding: dict[tuple[str, Discord], Disagreement] = {}
        self._sayings: dict[str, Saying] = {}  # by camera: what a platform says of it
        self._changed: list[Disagreement] = []

    def restore(self, holding: Iterable[Disagreement]) -> None:
        """Take up those that held when the last run ended."""
        self._holding.update({(one.camera, one.finding): one for one in holding})

    def keep_only(self, cameras: Container[str], at: Moment) -> None:
        """Who left the inventory contradicts nobody any more."""
        for camera, finding in [*self._holding]:
            if camera not in cameras:
                self._end(camera, finding, at)
        self._sayings = {camera: said for camera, said in self._sayings.items() if camera in cameras}

    @property
    def holding(self) -> Mapping[tuple[str, Discord], Disagreement]:
        """Those that hold."""
        return self._holding

    def take(self) -> tuple[Disagreement, ...]:
        """Those that began or ended since the last call, in order."""
        changed, self._changed = tuple(self._changed), []
        return changed

    def stands(self, camera: str, online: Standing, picture: Standing, reason: str, at: Moment) -> None:
        """Where a camera stands after a flip at `at` of one of its axes; `reason`: of the picture's state."""
        offline = online[0] is State.OFFLINE
        mute = online[0] is State.ONLINE and picture[0] is State.NO_PICTURE
        for finding in _WITHOUT_REACH if not offline else ():
            self._end(camera, finding, at)
        for finding in _WITHOUT_PICTURE if not mute else ():
            self._end(camera, finding, at)
        if mute:
            self._begin(camera, Discord.REACH_WITHOUT_PICTURE, picture[1], reason)
        if online[0] is not State.ONLINE:
            self._end(camera, Discord.REACH_WITHOUT_PLATFORM, at)
        said = self._sayings.get(camera)
        if said is not None and said.on and mute and said.contradicts(picture):
            self._begin(camera, Discord.PLATFORM_WITHOUT_PICTURE, said.at, said.platform)
        if said is not None and said.on and offline and said.contradicts(online):
            self._begin(camera, Discord.PLATFORM_WITHOUT_REACH, said.at, said.platform)
        if said is not None and not said.on and online[0] is State.ONLINE and said.contradicts(online):
            self._begin(camera, Discord.REACH_WITHOUT_PLATFORM, said.at, said.platform)

    def answered(self, camera: str, online: Standing, check: str, asked: Moment) -> None:
        """A check other than the reach got an answer. What it saw before the camera went down says nothing."""
        if online[0] is State.OFFLINE and asked > online[1]:
            self._begin(camera, _UNREACHED.get(check, Discord.PROTOCOL_WITHOUT_REACH), asked, check)

    def silent(self, camera: str, check: str, at: Moment) -> None:
        """A check other than the reach got no answer either: whether it did before is past."""
        finding = _UNREACHED.get(check, Discord.PROTOCOL_WITHOUT_REACH)
        holding = self._holding.get((camera, finding))
        if holding is not None and holding.detail == check:
            self._end(camera, finding, at)

    def platform_says(self, camera: str, said: Saying | None, at: Moment) -> None:
        """What a platform says of a camera by now; None: none says anything of it, or not any more. Tell `stands`
        next, where the camera stands."""
        if said is None:
            self._sayings.pop(camera, None)
        else:
            self._sayings[camera] = said
        if said is None or not said.on:
            self._end(camera, Discord.PLATFORM_WITHOUT_PICTURE, at)
            self._end(camera, Discord.PLATFORM_WITHOUT_REACH, at)
        if said is None or said.on:
            self._end(camera, Discord.REACH_WITHOUT_PLATFORM, at)

    @property
    def by_platform(self) -> set[str]:
        """The cameras of which a platform says otherwise."""
        return {camera for camera, finding in self._holding if finding in _BY_PLATFORM}

    def _begin(self, camera: str, finding: Discord, at: Moment, detail: str = "") -> None:
        if (camera, finding) not in self._holding:
            self._holding[camera, finding] = Disagreement(camera, finding, at, detail)
            self._changed.append(self._holding[camera, finding])

    def _end(self, camera: str, finding: Discord, at: Moment) -> None:
        held = self._holding.pop((camera, finding), None)
        if held is not None:
            self._changed.append(replace(held, until=max(at, held.since + 1)))
