"""Why something is down: pure rules from facts to a cause and the evidence that says so (see docs/causes.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from healthd.incidents.evidence import Clue, clue
from healthd.incidents.facts import CameraFacts, DeviceFacts, PortFacts, Restart
from healthd.incidents.incident import Cause, Kind
from healthd.model import Moment, State

REBOOT_SLACK: Moment = 30_000
"""How much before the outage an uptime may point and still mean a restart within it: clocks and counting."""

DOUBTFUL = "port_down"
"""Evidence that fits two causes: the cable, or the power supply of a camera that has one of its own."""

_POLES_NAMED = 5

_NO_POWER = frozenset({"fault", "other_fault"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause with its evidence."""

    cause: Cause
    evidence: tuple[Clue, ...]


def of_camera(facts: CameraFacts, port: PortFacts | None, above: DeviceFacts | None) -> Finding:
    """A camera that alone does not answer, with its port as it was read since (None: not read)."""
    if facts.otherwise:
        # It lives: neither the camera nor its port is broken, something in between lets no ping through.
        return Finding(Cause.UNKNOWN, (clue("answers_otherwise", check=facts.otherwise), clue("advice_reach")))
    if above is None:
        return Finding(Cause.UNKNOWN, (clue("no_upstream"),))
    name = above.device.name
    if port is None:
        if above.state is State.ONLINE:
            return Finding(Cause.UNKNOWN, (clue("answers", device=name), clue("port_unread", device=name)))
        return Finding(Cause.UNKNOWN, (clue("above_unmonitored", device=name),))
    return _by_port(port, name)


def _by_port(port: PortFacts, device: str) -> Finding:
    def finding(cause: Cause, code: str, *further: Clue) -> Finding:
        return Finding(cause, (clue(code, port=port.name, device=device), *further))

    if port.admin_up is False:
        return finding(Cause.LINK, "port_off")
    if port.poe in _NO_POWER:
        return finding(Cause.POWER, "port_power_fault")
    if port.oper_up and port.poe == "delivering":
        return finding(Cause.DEVICE, "port_up_feeding", clue("advice_reset"))
    if port.oper_up:
        return finding(Cause.DEVICE, "port_up")
    if port.oper_up is None:
        return finding(Cause.UNKNOWN, "port_silent")
    if port.poe == "delivering":
        return finding(Cause.LINK, "port_feeding_no_link")
    if port.poe == "disabled":
        return finding(Cause.POWER, "port_down_unfed")
    return finding(Cause.LINK, "port_searching" if port.poe == "searching" else DOUBTFUL)


def of_restart(restart: Restart) -> Finding | None:
    """A camera that is back after its port was down: its uptime tells which it was; None: not read yet."""
    if not restart.booted:
        return None
    if restart.booted >= restart.died - REBOOT_SLACK:
        return Finding(Cause.POWER, (clue("camera_restarted"),))
    return Finding(Cause.LINK, (clue("camera_ran_through"),))


def of_device(facts: DeviceFacts, parent: DeviceFacts | None, cameras: int, before: Cause) -> Finding:
    """A device behind which nothing answers, or that was so until just now. `before`: what was said so far."""
    what = clue("device_silent", device=facts.device.name, cameras=cameras)
    if facts.state is State.ONLINE and facts.returned:
        return _returned(facts, before)
    if not cameras and facts.last_answer >= facts.since and before in (Cause.UNKNOWN, Cause.DEVICE):
        return Finding(Cause.DEVICE, (clue("silent_alone", device=facts.device.name),))
    if facts.device.kind == "power":
        return Finding(Cause.POWER, (clue("feed_dead", device=facts.device.name),))
    beside = _beside(parent)
    if facts.device.kind == "router":
        return Finding(Cause.REGION_LINK, (what, *beside))
    if facts.port_up:
        return Finding(Cause.DEVICE, (what, clue("above_port_up", device=parent.device.name if parent else "")))
    if facts.state is not State.OFFLINE:
        together = clue("behind_together", device=facts.device.name, cameras=cameras)
        return Finding(Cause.UPSTREAM, (together, *beside))
    return Finding(Cause.UPSTREAM, (what, *beside, clue("uptime_will_tell")))


def _beside(parent: DeviceFacts | None) -> tuple[Clue, ...]:
    if parent is None or parent.state is not State.ONLINE:
        return ()
    return (clue("above_answers", device=parent.device.name),)


def _returned(facts: DeviceFacts, before: Cause) -> Finding:
    """A device is back: its uptime tells whether it had lost its power, or only its line."""

    def finding(cause: Cause, code: str) -> Finding:
        return Finding(cause, (clue(code, device=facts.device.name),))

    if before is Cause.DEVICE:
        return finding(before, "had_hung" if facts.port_up else "was_silent_alone")
    if facts.read < facts.returned or not facts.booted:
        return finding(Cause.UPSTREAM, "uptime_unknown")
    if facts.booted >= facts.died - REBOOT_SLACK:
        return finding(Cause.POWER, "restarted")
    if facts.device.kind == "router":
        return finding(Cause.REGION_LINK, "ran_through_region")
    return finding(Cause.LINK, "ran_through")


def of_region(name: str, cameras: int, poles: Sequence[str] = ()) -> Finding:
    """Cameras that went down together though nothing that the inventory names above them is dead: on `poles`, or
    of one subnet, of which it is not said what they hang on."""
    if poles:
        named = ", ".join(poles[:_POLES_NAMED])
        return Finding(Cause.UPSTREAM, (clue("pole_together", region=name, cameras=cameras, pole=named),))
    together = clue("subnet_together", region=name, cameras=cameras)
    return Finding(Cause.UPSTREAM, (together, clue("subnet_no_upstream")))


def of_flapping(name: str, flips: int, before: Finding) -> Finding:
    """What goes up and down again and again, with what was seen of it while it was down."""
    return Finding(before.cause, (clue("flapped", name=name, times=flips // 2), *before.evidence))


def of_other(kind: Kind, facts: CameraFacts) -> Finding:
    """What is wrong with a camera that does answer."""
    if kind is Kind.ACCOUNT:
        return Finding(Cause.ACCOUNT, (clue("login_refused"),))
    if kind is Kind.CLOCK:
        return Finding(Cause.CLOCK, (clue("clock_off", offset=round(facts.offset_seconds or 0.0)),))
    if facts.picture is State.NO_PICTURE:
        return Finding(Cause.PICTURE, (clue("no_picture", reason=facts.picture_reason),))
    return Finding(Cause.PICTURE, (clue("picture_faulty", faults=",".join(facts.faults)),))
