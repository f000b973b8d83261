"""The core's rows: one a camera, found by its id, its reach, its address and what it hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from healthd.folding.state import Holding
from healthd.model import Camera, Moment, State
from probes.base import Memory

# Frozen, so all may begin with the same ones: 100,000 of each are 10 MB.
_UNSEEN, _NOTHING = Holding(), Memory()


@dataclass(slots=True)
class Entry:
    """The hot row of one camera: replaced field by field with every result, hence mutable."""

    camera: Camera
    online: Holding = _UNSEEN
    picture: Holding = _UNSEEN
    memory: Memory = _NOTHING
    reboots: int = 0
    reached: bool = False
    surveyed: bool = False  # ONVIF answered or refused in this run: it has told what it knows
    held: bool = False

    @property
    def undecided(self) -> bool:
        """Whether a streak or a fail is open on either axis."""
        return self.online.undecided or self.online.first_fail > 0 or self.picture.undecided

    @property
    def blank(self) -> bool:
        """Whether there is nothing to forget of its picture."""
        return self.picture.state is State.UNKNOWN and not self.picture.undecided and not self.picture.first_fail

    def undecided_since(self, now: Moment) -> Moment:
        """Before this moment nothing of it can still change: when what is open on either axis began, or now."""
        begun = [held.streak[0].asked for held in (self.online, self.picture) if held.streak]
        return min([now, *begun, *(held.first_fail for held in (self.online, self.picture) if held.first_fail)])


class Roster:
    """All entries. After putting some in or taking some out, or giving one another camera: `index`."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        # By address only: of those that share one, the few with another reach are sorted out when asked for.
        self._at_address: dict[str, tuple[Entry, ...]] = {}
        self._below: dict[str, tuple[Entry, ...]] = {}
        self._stale = True  # somebody came, went or moved since the look-ups were set up

    def __getitem__(self, camera: str) -> Entry:
        return self._entries[camera]

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, camera: object) -> bool:
        return camera in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, camera: str) -> Entry | None:
        return self._entries.get(camera)

    def put(self, camera: Camera) -> Entry:
        """The camera's entry, made if there is none, describing it as it is now."""
        entry = self._entries.get(camera.id)
        if entry is None:
            entry = self._entries[camera.id] = Entry(camera)
            self._stale = True
        if entry.camera is not camera:
            before, entry.camera = entry.camera, camera
            moved = before.address != camera.address or before.placement.upstream != camera.placement.upstream
            self._stale = self._stale or moved
        return entry

    def take_out(self, stay: Mapping[str, object]) -> Iterable[Entry]:
        """Removes all that are not to stay; returns them."""
        gone = [self._entries.pop(camera) for camera in [*self._entries] if camera not in stay]
        self._stale = self._stale or bool(gone)
        return gone

    def index(self) -> None:
        """Set up the look-ups anew, if somebody moved."""
        if not self._stale:
            return
        self._stale = False
        at_address: dict[str, list[Entry]] = {}
        below: dict[str, list[Entry]] = {}
        for entry in self._entries.values():
            at_address.setdefault(entry.camera.address, []).append(entry)
            if entry.camera.placement.upstream:
                below.setdefault(entry.camera.placement.upstream, []).append(entry)
        self._at_address = {address: (*entries,) for address, entries in at_address.items()}
        self._below = {upstream: (*entries,) for upstream, entries in below.items()}

    def at_reach(self, reach: str) -> Sequence[Entry]:
        """Whom one ping serves."""
        found = self._at_address.get(address_of(reach), ())
        return [entry for entry in found if entry.camera.reach == reach]

    def at_address(self, address: str) -> Sequence[Entry]:
        """The channels of one device."""
        return self._at_address.get(address, ())

    def siblings(self, entry: Entry) -> Iterable[Entry]:
        """The others on the same upstream device."""
        return (one for one in self._below.get(entry.camera.placement.upstream, ()) if one is not entry)

    def sibling_evidence(self, entry: Entry, since: Moment) -> Mapping[str, object]:
        """How many siblings it has, and how many of them have answered since."""
        siblings = [*self.siblings(entry)]
        answered = sum(1 for one in siblings if one.online.last >= since and not one.online.first_fail)
        return {"siblings": len(siblings), "siblings_answered": answered}


def address_of(reach: str) -> str:
    """The address in `ADDRESS` or `ADDRESS tcp:PORT`."""
    return reach.partition(" ")[0]
