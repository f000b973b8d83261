"""What a simulated city's cameras were found to count as on the days of its past, for the further rates. Pure."""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

from healthd.assessing.assessments import Examination, Seen, examine
from healthd.assessing.examined import READ, Examined
from healthd.city.plan import Plan
from healthd.model import Camera, Inventory, Moment
from healthd.options.assessments import AssessmentOptions
from healthd.rates.pool import Terms
from probes.base import Memory

_WRONG_CLOCKS, _SILENT, _WRONG_NAMES = 0.03, 0.02, 0.02


def simulate_examined(plan: Plan, seed: int, at: Moment, zone: ZoneInfo) -> Examined:
    """As known at `at`: a few clocks are wrong, a few cameras could not be read, a few show another name."""
    memories = {
        camera.id: _memory(camera, at, random.Random(f"{seed} readings {camera.id}"))
        for camera in plan.cameras.values()
    }
    terms = Terms(Inventory(plan.regions, plan.devices, plan.cameras, plan.maintainers), ())
    seen = Seen(dict.fromkeys(plan.cameras, 0), memories, dict.fromkeys(READ, 0))
    return examine(Examination.of(terms, AssessmentOptions(), seen, at, zone))


def _memory(camera: Camera, at: Moment, chance: random.Random) -> Memory:
    read = 0 if chance.random() < _SILENT else at // 1000
    width, height = camera.resolution or (1920, 1080)
    return Memory(
        clock_offset_seconds=47.0 if chance.random() < _WRONG_CLOCKS else chance.uniform(-4, 4),
        clock_read_at=read,
        width=width,
        height=height,
        size_read_at=read,
        osd_name="Camera 01" if chance.random() < _WRONG_NAMES else camera.name,
        osd_time=True,
        osd_read_at=read,
    )
