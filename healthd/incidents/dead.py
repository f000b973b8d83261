"""Whether nothing behind a device answers any more, monitored or not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from healthd.incidents.facts import CameraFacts, DeviceFacts, Mass
from healthd.model import State


def is_dead(
    devices: Mapping[str, DeviceFacts],
    cameras: Mapping[str, CameraFacts],
    device: str,
    mass: Mass,
    dead: Callable[[str, Mass], bool],
) -> bool:
    """A monitored one that is offline is dead unless something below answered since. One that is not monitored is
    dead when so many cameras below went down together and nothing below has answered since the first of them,
    and they hang on more than one branch of it (else the branch is what is dead). `dead`: this, of another."""
    facts = devices[device]
    if facts.state is State.OFFLINE:
        return facts.last_answer < facts.since
    if facts.state is State.ONLINE:
        return False
    if any(devices[child].state is State.ONLINE for child in facts.children):
        return False
    fresh = {camera: since for camera, since in facts.down.items() if since > facts.last_answer}
    first = min(fresh.values(), default=0)
    fresh = {camera: since for camera, since in fresh.items() if since - first <= mass.window}
    if len(fresh) >= mass.cameras and (
        facts.leaves > 0 or len({_branch(cameras[one].line, one, device) for one in fresh}) > 1
    ):
        return True
    return _children_dead(devices, facts, mass, dead)


def _children_dead(
    devices: Mapping[str, DeviceFacts], facts: DeviceFacts, mass: Mass, dead: Callable[[str, Mass], bool]
) -> bool:
    children = [devices[child] for child in facts.children]
    known = [child for child in children if child.state is not State.UNKNOWN]
    if len(known) < 2 or facts.leaves:
        return False
    # Two that died hours apart have two causes.
    died = [child.since for child in known]
    return max(died) - min(died) <= mass.window and (
        all(child.state is State.OFFLINE and dead(child.device.id, mass) for child in known)
    )


def _branch(line: tuple[str, ...], camera: str, device: str) -> str:
    """What of a device's children a camera is below: one of them, or the camera itself."""
    place = line.index(device)
    return line[place - 1] if place else camera
