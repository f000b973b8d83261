"""How simulated devices behave at this moment: clocks, passwords, pictures, boot times."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from healthd.city.faults import LOGIN, PICTURE, Fault, Kind, Step, restarted
from healthd.city.plan import Plan


@dataclass(frozen=True, slots=True)
class Showing:
    """What a camera's snapshot is right now. `quirk`: what spoils it (BLACK ... CORRUPT); `frozen_at`: the moment
    (seconds since the epoch) at which the scene stands still."""

    refused: bool = False
    quirk: Kind | None = None
    frozen_at: float | None = None


_NORMAL = Showing()


class Manners:
    """A mutable table of what is not normal. Sparse: of 500,000 cameras only the odd ones have an entry."""

    def __init__(self, plan: Plan, started: float) -> None:
        self._plan = plan
        self._started = started
        self._clocks: dict[str, list[float]] = {}  # address -> offsets of the faults that are on
        self._locked: dict[str, int] = {}  # address -> changed passwords that are on
        self._pictures: dict[str, list[tuple[Fault, float]]] = {}  # camera -> (fault, since)
        self._booted: dict[str, float] = {}
        self.silent: dict[str, float] = {}  # address -> since when

    def apply(self, step: Step, at: float) -> None:
        """One fault's beginning or end; `at` in seconds since the epoch."""
        if step.begins:
            self._begin(step.fault, at)
        else:
            self._end(step.fault, at)

    def silence(self, silenced: Iterable[str], restored: Iterable[str], at: float) -> None:
        """Addresses fall silent, others speak again."""
        for address in restored:
            self.silent.pop(address, None)
        self.silent.update(dict.fromkeys(silenced, at))

    def clock_offset(self, address: str) -> float:
        """Seconds by which the device's clock is ahead of ours."""
        offsets = self._clocks.get(address)
        return offsets[-1] if offsets else 0.0

    def password_changed(self, address: str) -> bool:
        return self._locked.get(address, 0) > 0

    def booted(self, address: str) -> float:
        """When the device started, in seconds since the epoch; up to 40 days before the city did."""
        known = self._booted.get(address)
        return known if known is not None else self._started - zlib.crc32(address.encode()) % (40 * 86400)

    def showing(self, camera: str) -> Showing:
        """The latest fault wins, but a refusal stands above what the picture would show."""
        active = self._pictures.get(camera)
        if not active:
            return _NORMAL
        if any(fault.kind is Kind.REFUSED for fault, _ in active):
            return Showing(refused=True)
        fault, since = active[-1]
        if fault.kind is Kind.FROZEN:
            return Showing(frozen_at=since)
        return Showing(quirk=fault.kind)

    def _begin(self, fault: Fault, at: float) -> None:
        if fault.kind in LOGIN:
            address = self._plan.cameras[fault.target].address
            if fault.kind is Kind.CLOCK:
                self._clocks.setdefault(address, []).append(_wrong_by(fault))
            else:
                self._locked[address] = self._locked.get(address, 0) + 1
        elif fault.kind in PICTURE:
            self._pictures.setdefault(fault.target, []).append((fault, at))

    def _end(self, fault: Fault, at: float) -> None:
        if fault.kind in LOGIN:
            address = self._plan.cameras[fault.target].address
            if fault.kind is Kind.CLOCK:
                self._clocks[address].remove(_wrong_by(fault))
            else:
                self._locked[address] -= 1
        elif fault.kind in PICTURE:
            left = [entry for entry in self._pictures[fault.target] if entry[0] != fault]
            self._pictures[fault.target] = left
        else:
            self._booted.update(dict.fromkeys(restarted(self._plan, fault), at))


def _wrong_by(fault: Fault) -> float:
    """Between 1 and 12 hours, ahead or behind."""
    drawn = zlib.crc32(f"{fault.target} {fault.start}".encode())
    return (1 if drawn % 2 else -1) * 3600.0 * (1 + drawn % 12)
