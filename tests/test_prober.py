"""Whom the checks are put to, and how."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from healthd.config import load_config
from healthd.inventory.read import load_inventory
from healthd.prober import Targets, turns
from probes.base import Memory

EXAMPLE = Path(__file__).parent.parent / "config"


@pytest.mark.parametrize(
    ("device", "port"), [("{interval: 5m, port: 1161}", 1161), ("{interval: 5m}", 161), (None, 2161)]
)
def test_devices_are_asked_at_their_own_port(tmp_path: Path, device: str | None, port: int) -> None:
    """A device is asked at the port of the device check; at the cameras' only where there is no such check."""
    shutil.copytree(EXAMPLE, tmp_path / "config")
    path = tmp_path / "config" / "healthd.yml"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("  device:")]
    at = lines.index("  snmp: {interval: 5m}")
    lines[at : at + 1] = ["  snmp: {interval: 5m, port: 2161}", *([f"  device: {device}"] if device else [])]
    path.write_text("\n".join(lines), "utf-8")
    config = load_config(path, {})
    inventory, _ = load_inventory(config)
    targets = Targets(config, inventory, lambda subject: Memory())
    assert targets.of_device(inventory.devices["sw-xt-1"]).snmp_port == port
    assert {targets.of_camera(camera).snmp_port for camera in inventory.cameras.values()} == {2161}


def test_devices_are_reached_as_the_inventory_says(tmp_path: Path) -> None:
    """A device with `reach: tcp:22` has a turn of its own subject, asked by a connect; the others by ICMP."""
    shutil.copytree(EXAMPLE, tmp_path / "config")
    config = load_config(tmp_path / "config" / "healthd.yml", {})
    inventory, _ = load_inventory(config)
    switch = replace(inventory.devices["sw-xt-1"], reach_port=22)
    inventory = replace(inventory, devices={**inventory.devices, switch.id: switch})
    asked = {spec.subject for spec in turns(config, inventory) if spec.check == "ping"}
    assert f"{switch.address} tcp:22" in asked
    assert switch.address not in asked
    targets = Targets(config, inventory, lambda subject: Memory())
    target = targets.target(f"{switch.address} tcp:22", "ping")
    assert (target.address, target.reach_port) == (switch.address, 22)
    assert targets.of_device(switch).reach_port == 22
