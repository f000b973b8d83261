"""Why something is down: pure rules from facts to a cause and the sentences that say so (see docs/causes.md)."""

from __future__ import annotations

from dataclasses import dataclass

from healthd.incidents.fleet import CameraFacts, DeviceFacts, PortFacts
from healthd.incidents.incident import Cause, Kind
from healthd.model import Moment, State

REBOOT_SLACK: Moment = 30_000
"""How much before the outage an uptime may point and still mean a restart within it: clocks and counting."""

_NO_POWER = frozenset({"fault", "other_fault"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause with its evidence in words."""

    cause: Cause
    evidence: tuple[str, ...]


def of_camera(facts: CameraFacts, port: PortFacts | None, above: DeviceFacts | None) -> Finding:
    """A camera that alone does not answer, with its port as it was read since (None: not read)."""
    if above is None:
        return Finding(Cause.UNKNOWN, ("the inventory names no device that it hangs on",))
    name = above.device.name
    if port is None:
        if above.state is State.ONLINE:
            return Finding(Cause.UNKNOWN, (f"{name} answers", f"its port on {name} could not be read"))
        return Finding(Cause.UNKNOWN, (f"{name} is not monitored, so nothing is known of the port",))
    return _by_port(port, name)


def _by_port(port: PortFacts, device: str) -> Finding:
    place = f"port {port.name} of {device}"
    if port.admin_up is False:
        return Finding(Cause.LINK, (f"{place} is switched off",))
    if port.poe in _NO_POWER:
        return Finding(Cause.POWER, (f"{place} reports a fault of its power supply to the camera",))
    if port.oper_up and port.poe == "delivering":
        advice = "advice: reset the power of the port, then look at the camera"
        return Finding(Cause.DEVICE, (f"{place} is up and feeds the camera, but it does not answer", advice))
    if port.oper_up:
        return Finding(Cause.DEVICE, (f"{place} is up, but the camera does not answer",))
    if port.oper_up is None:
        return Finding(Cause.UNKNOWN, (f"{place} does not tell whether it is up",))
    if port.poe == "delivering":
        return Finding(Cause.LINK, (f"{place} feeds the camera but has no link to it: the line between them",))
    if port.poe == "disabled":
        return Finding(Cause.POWER, (f"{place} is down, and its power supply is switched off",))
    if port.poe == "searching":
        return Finding(
            Cause.LINK, (f"{place} is down and finds nothing to feed: the cable, or the camera's end of it",)
        )
    return Finding(Cause.LINK, (f"{place} is down: the cable, or the camera's own power supply",))


def of_device(facts: DeviceFacts, parent: DeviceFacts | None, cameras: int, before: Cause) -> Finding:
    """A device behind which nothing answers, or that was so until just now. `before`: what was said so far."""
    what = f"{facts.device.name} and the {cameras} cameras behind it do not answer"
    if facts.state is State.ONLINE and facts.returned:
        return _returned(facts, before)
    if facts.device.kind == "power":
        return Finding(Cause.POWER, (f"everything that {facts.device.name} feeds went down together",))
    beside = _beside(parent)
    if facts.device.kind == "router":
        return Finding(Cause.REGION_LINK, (what, *beside))
    if facts.port_up:
        return Finding(Cause.DEVICE, (what, f"the port of {_name(parent)} that it hangs on is up"))
    if facts.state is not State.OFFLINE:
        return Finding(
            Cause.UPSTREAM, (f"{cameras} cameras behind {facts.device.name} went down together", *beside)
        )
    return Finding(Cause.UPSTREAM, (what, *beside, "its uptime will tell, once it is back: power or line"))


def _beside(parent: DeviceFacts | None) -> tuple[str, ...]:
    if parent is None:
        return ()
    if parent.state is State.ONLINE:
        return (f"{parent.device.name} above it answers",)
    return ()


def _name(parent: DeviceFacts | None) -> str:
    return parent.device.name if parent else "the device above"


def _returned(facts: DeviceFacts, before: Cause) -> Finding:
    """A device is back: its uptime tells whether it had lost its power, or only its line."""
    name = facts.device.name
    if before is Cause.DEVICE:
        return Finding(before, (f"{name} answers again; while it did not, the port above it was up: it had hung",))
    if facts.read < facts.returned or not facts.booted:
        return Finding(Cause.UPSTREAM, (f"{name} answers again; its uptime is not known yet",))
    if facts.booted >= facts.died - REBOOT_SLACK:
        return Finding(Cause.POWER, (f"{name} is back and had restarted: it was without power",))
    if facts.device.kind == "router":
        return Finding(Cause.REGION_LINK, (f"{name} is back and had run through: the line of the region was cut",))
    return Finding(Cause.LINK, (f"{name} is back and had run through: its line was cut",))


def of_region(name: str, cameras: int) -> Finding:
    """Cameras of one subnet that went down together; the inventory does not say what they hang on."""
    return Finding(
        Cause.UPSTREAM,
        (
            f"{cameras} cameras of one subnet in {name} went down together",
            "the inventory names no upstream for them",
        ),
    )


def of_flapping(name: str, flips: int, before: Finding) -> Finding:
    """What goes up and down again and again, with what was seen of it while it was down."""
    return Finding(
        before.cause, (f"{name} went down and came back {flips // 2} times within the window", *before.evidence)
    )


def of_other(kind: Kind, facts: CameraFacts) -> Finding:
    """What is wrong with a camera that does answer."""
    if kind is Kind.ACCOUNT:
        return Finding(
            Cause.ACCOUNT, ("it answers, but refuses the login: the password or the account was changed",)
        )
    if kind is Kind.CLOCK:
        offset = facts.offset_seconds or 0.0
        return Finding(Cause.CLOCK, (f"its clock is {offset:+.0f} s off",))
    if facts.picture is State.NO_PICTURE:
        return Finding(Cause.PICTURE, (f"it answers, but gives no picture ({facts.picture_reason})",))
    return Finding(Cause.PICTURE, (f"its picture is faulty: {', '.join(facts.faults)}",))
