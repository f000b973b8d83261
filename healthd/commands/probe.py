"""`healthd probe`: ask one camera or address now, and explain every step."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

from healthd.commands.common import Commands, add_json, print_json
from healthd.model import Inventory
from healthd.prober import Targets, ask_once
from healthd.problems import Wrong, did_you_mean
from healthd.schedule import Check
from healthd.setup import read_setup
from probes import PROBES
from probes.base import CheckOptions, Memory, Outcome, Reason, Resources, Result, Target

_UNANSWERED = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE, Reason.LOCAL, Reason.OVERLOAD})


def add_to(commands: Commands) -> None:
    parser = commands.add_parser(
        "probe",
        help="ask one camera or address now",
        description="Ask one camera, device or address and explain every step. With a configuration, addresses of "
        "the inventory are asked with their own credential; others with none.",
    )
    parser.add_argument("target", help="an address, or the id of a camera or device (with -c)")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="configuration that names the inventory")
    parser.add_argument(
        "--check",
        metavar="NAMES",
        help=f"comma-separated, of {', '.join(PROBES)}; default: those configured, or all",
    )
    add_json(parser)
    parser.set_defaults(work=_probe)


def _probe(arguments: argparse.Namespace) -> int:
    targets: Targets | None = None
    options: Mapping[str, CheckOptions] = {name: kind.options.model_validate({}) for name, kind in PROBES.items()}
    inventory = Inventory({}, {}, {})
    if arguments.config:
        setup = read_setup(arguments.config)
        inventory = setup.inventory
        targets = Targets(setup.config, inventory, lambda _: Memory())
        options = {**options, **setup.config.checks} if arguments.check else setup.config.checks
    names = arguments.check.split(",") if arguments.check else list(options)
    for name in names:
        if name not in PROBES:
            raise Wrong(f'--check "{name}": there is no such check', did_you_mean(name, list(PROBES)))
    target = _target(arguments.target, inventory, targets)
    answers = asyncio.run(_ask(target, {name: options[name] for name in names}))
    if arguments.json:
        print_json([_as_json(name, took, result) for name, took, result in answers])
    else:
        print("\n\n".join(_explain(name, took, result) for name, took, result in answers))
    return 0 if any(result.reason not in _UNANSWERED for _, _, result in answers) else 1


def _target(text: str, inventory: Inventory, targets: Targets | None) -> Target:
    if targets is not None:
        if text in inventory.cameras:
            return targets.of_camera(inventory.cameras[text])
        if text in inventory.devices:
            return targets.of_device(inventory.devices[text])
    try:
        address = str(ipaddress.ip_address(text))
    except ValueError:
        raise Wrong(
            f'"{text}" is neither an IP address nor the id of a camera or device',
            "give an address, or name the configuration with -c",
        ) from None
    if targets is None:
        return Target(address)
    for camera in inventory.cameras.values():
        if camera.address == address:
            return targets.of_camera(camera)
    for device in inventory.devices.values():
        if device.address == address:
            return targets.of_device(device)
    return targets.of_stranger(address)


async def _ask(target: Target, options: Mapping[str, CheckOptions]) -> Sequence[tuple[str, float, Result]]:
    """One check after the other: what one learns (the snapshot's address) the next may need."""
    answers = []
    with ThreadPoolExecutor(1) as executor:
        for name, chosen in options.items():
            probe = PROBES[name].build(chosen, Resources(executor, time.time))
            try:
                begun = time.monotonic()
                result = await ask_once(Check(name, probe, chosen.interval, chosen.timeout, 1), target)
                answers.append((name, time.monotonic() - begun, result))
            finally:
                await probe.close()
            target = _learnt(target, result)
    return answers


def _learnt(target: Target, result: Result) -> Target:
    known = {name: value for name, value in result.learnt.items() if name in Memory.__slots__}
    return replace(target, memory=replace(target.memory, **known))


def _as_json(check: str, took: float, result: Result) -> dict[str, Any]:
    return {
        "check": check,
        "outcome": str(result.outcome),
        "reason": str(result.reason),
        "detail": result.detail,
        "took_seconds": round(took, 6),
        "values": dict(result.values),
        "steps": list(result.steps),
    }


def _explain(check: str, took: float, result: Result) -> str:
    sign = {Outcome.OK: "+", Outcome.FAIL: "-", Outcome.UNKNOWN: "?"}[result.outcome]
    lines = [f"{check}: {sign} {result.outcome} ({result.reason}) in {took:.3f} s"]
    if result.detail:
        lines.append(f"  {result.detail}")
    lines += [f"  . {step}" for step in result.steps]
    lines += [f"  {name} = {_shown(value)}" for name, value in result.values.items()]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_shown(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        plain = not any(isinstance(inner, Mapping) or is_dataclass(inner) for inner in value)
        texts = [_shown(inner) for inner in value]
        return (", ".join(texts) if plain else "".join(f"\n    {text}" for text in texts)) or "none"
    return str(value)
