"""What is made of a device's walks, one after the other."""

from __future__ import annotations

from typing import Any

from healthd.incidents.readings import Reading, next_reading
from probes.ports import Poe, PoeSupply, Port

T = 1_700_000_000_000
MINUTE = 60_000


def port(index: int, **fields: Any) -> Port:
    standard: dict[str, Any] = {"physical": True, "admin_up": True, "oper_up": True, "in_errors": 0}
    return Port(index, f"Gi0/{index}", **standard | fields)


def walk(*ports: Port, uptime: float | None = 3600.0, **more: Any) -> dict[str, Any]:
    return {"ports": ports, "uptime_seconds": uptime, "rebooted": False, "incomplete": ()} | more


def test_one_walk_is_counted() -> None:
    """Ports by state, power by detection, watts of all supplies together; what is not told is None."""
    fed = Poe("delivering")
    ports = [
        port(1, poe=fed),
        port(2, poe=fed, oper_up=False),
        port(3, admin_up=False, oper_up=False, poe=Poe("disabled")),
        port(4, oper_up=None),
        port(5, physical=False),
    ]
    supplies = (PoeSupply(1, "on", 370, 120), PoeSupply(2, "on", 370, None))
    found = next_reading(None, walk(*ports, poe_supplies=supplies, cpu_ratio=0.5), T)
    assert found.ports == {"up": 1, "down": 1, "off": 1, "unknown": 1}
    assert found.fed == {"delivering": 2, "disabled": 1}
    assert (found.power_watts, found.consumption_watts) == (740, 120)
    assert (found.cpu_ratio, found.temperature_celsius) == (0.5, None)
    assert (found.booted, found.flaps, found.errors) == (T - 3_600_000, 0, 0)
    assert next_reading(None, walk(uptime=None), T).booted == 0


def test_errors_grow_and_survive_a_reset() -> None:
    """What was counted before healthd looked is not counted; counters that begin anew add what they show."""
    seen: list[int] = []
    reading: Reading | None = None
    for minute, errors in enumerate([100, 107, 107, 3, 4]):
        reading = next_reading(reading, walk(port(1, in_errors=errors)), T + minute * MINUTE)
        seen.append(reading.errors)
    assert seen == [0, 7, 7, 10, 11]


def test_a_port_that_changed_since_the_walk_before_has_flapped() -> None:
    """Each port once a walk, however often it went up and down meanwhile; the first walk says nothing."""
    first = next_reading(None, walk(port(1, last_change_seconds=5.0)), T)
    still = next_reading(first, walk(port(1, last_change_seconds=65.0), port(2)), T + MINUTE)
    moved = next_reading(
        still, walk(port(1, last_change_seconds=20.0), port(2, last_change_seconds=1.0)), T + 2 * MINUTE
    )
    assert [one.flaps for one in (first, still, moved)] == [0, 0, 2]


def test_reboots_are_counted() -> None:
    """As the walk itself tells them by the uptime."""
    first = next_reading(None, walk(), T)
    again = next_reading(first, walk(uptime=10.0, rebooted=True), T + MINUTE)
    assert (again.reboots, again.booted) == (1, T + MINUTE - 10_000)
