"""A week of many cameras, with weather and night, by drawing from judged good frames; what of it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from probes.picture.confirm import Seen, confirmed
from probes.picture.verdict import Fault
from tests.bench.picture_set.live import Benign, Random

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_AGAIN = (5, 10)  # minutes after a first bad frame
# Of a day: which weather stays, and for how many hours. The rest is clear.
_WEATHER = (
    (Benign.FOG, 0.06, 4),
    (Benign.MIST, 0.03, 3),
    (Benign.RAIN, 0.14, 6),
    (Benign.SNOW, 0.04, 5),
    (Benign.SNOW_FIELD, 0.04, 10),
)
# Of all cameras: what is so with them always, by day.
_HABITS = (
    (Benign.HEAVY_JPEG, 0.12),
    (Benign.CAPTIONS, 0.10),
    (Benign.PRIVACY_MASK, 0.10),
    (Benign.LOW_TEXTURE, 0.05),
    (Benign.BRIGHTNESS_STEPS, 0.10),
)

Pool = Mapping[tuple[str, Benign], Sequence[frozenset[Fault]]]
"""By scene and kind: the faults that each judged good frame was wrongly accused of."""


@dataclass(frozen=True, slots=True)
class Week:
    """`frames` judged; `accused` of them wrongly; `cameras` watched; false `alarms` after confirmation."""

    cameras: int
    frames: int
    accused: int
    alarms: int


def simulate(pool: Pool, cameras: int, seed: int) -> Week:
    """One frame an hour; after a bad one two more, five and ten minutes later."""
    random = np.random.default_rng(seed)
    scenes = sorted({scene for scene, _ in pool})
    frames = accused = alarms = 0
    for _ in range(cameras):
        scene = scenes[int(random.integers(0, len(scenes)))]
        habit = _pick(random, _HABITS)
        for day in range(7):
            hours = _day(random, habit)
            for hour, kind in enumerate(hours):
                at = (day * 24 + hour) * _HOUR
                seen = [_frame(random, pool[scene, kind], at)]
                if seen[0].faults:
                    seen += [_frame(random, pool[scene, kind], at + later * _MINUTE) for later in _AGAIN]
                frames += len(seen)
                accused += sum(bool(one.faults) for one in seen)
                alarms += bool(confirmed(seen))
    return Week(cameras, frames, accused, alarms)


def _frame(random: Random, judged: Sequence[frozenset[Fault]], at: int) -> Seen:
    return Seen(at, judged[int(random.integers(0, len(judged)))])


def _pick(random: Random, shares: Sequence[tuple[Benign, float]]) -> Benign:
    drawn = float(random.random())
    for kind, share in shares:
        drawn -= share
        if drawn < 0:
            return kind
    return Benign.DAY


def _day(random: Random, habit: Benign) -> Sequence[Benign]:
    """What each hour is like: infrared from 19 to 5, dusk at 5 and 18, in between the camera's habit or
    weather."""
    night = [Benign.INFRARED_NIGHT] * 5
    hours = [*night, Benign.DUSK, *[habit] * 12, Benign.DUSK, *night]
    for hour, kind in enumerate(hours):
        if kind is Benign.INFRARED_NIGHT and random.random() < 0.3:
            hours[hour] = Benign.HEADLIGHTS
    for kind, share, length in _WEATHER:
        # A wall has a reference of its own, which frames of the open street cannot be held against.
        if random.random() < share and habit is not Benign.LOW_TEXTURE:
            begin = int(random.integers(6, 19 - min(length, 12)))
            hours[begin : begin + length] = [kind] * length
            break
    return hours
