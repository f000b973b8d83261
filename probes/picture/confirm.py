"""K of N: one bad frame is a suspicion; a fault is several of them, spread over minutes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from probes.picture.verdict import Fault

_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A fault holds once `needed` of `of` frames that could judge it showed it, the last one among them, over at
    least `spread` milliseconds. Where more frames were asked in that time, the same share of them must show it."""

    needed: int = 3
    of: int = 3
    spread: int = 5 * _MINUTE


FLEETING = frozenset(
    # What passes by itself (a lorry before the lens, low sun, a shower, a hard bit rate) gets more time.
    {
        Fault.DARK,
        Fault.BRIGHT,
        Fault.LOW_CONTRAST,
        Fault.BLUR,
        Fault.NOISE,
        Fault.COLOUR_CAST,
        Fault.OCCLUDED,
        Fault.MOVED,
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one judged frame showed. `at`: when it was asked, milliseconds UTC."""

    at: int
    faults: frozenset[Fault]
    not_checked: frozenset[str] = frozenset()


def confirmations(frames: int, lasting: int, fleeting: int) -> Mapping[Fault, Confirmation]:
    """Of every fault: `frames` in a row, over `fleeting` milliseconds for what passes by itself and `lasting` for
    all others. A frozen frame is held against the one before: one less of them are as many frames."""
    return MappingProxyType(
        {
            fault: Confirmation(still, still, fleeting if fault in FLEETING else lasting)
            for fault in Fault
            for still in (max(1, frames - 1) if fault is Fault.FROZEN else frames,)
        }
    )


CONFIRMATIONS = confirmations(3, 5 * _MINUTE, 10 * _MINUTE)


def confirmed(
    history: Sequence[Seen], needed: Mapping[Fault, Confirmation] = CONFIRMATIONS
) -> Mapping[Fault, int]:
    """The faults that hold after the last frame of `history` (oldest first), each with the time of the first frame
    that counted for it. A frame that could not judge a fault counts neither for nor against it."""
    held = {}
    for fault, rule in needed.items():
        judged = [seen for seen in history if fault not in seen.not_checked]
        # The shortest end of the history that has frames and minutes enough: frames asked again in quick
        # succession are more witnesses of the same moment, not of another.
        ends = range(len(judged) - rule.of, -1, -1)
        window = next((judged[at:] for at in ends if judged[-1].at - judged[at].at >= rule.spread), [])
        showing = [seen.at for seen in window if fault in seen.faults]
        if showing and showing[-1] == window[-1].at and len(showing) * rule.of >= rule.needed * len(window):
            held[fault] = showing[0]
    return held
