"""What things are called on a terminal."""

from __future__ import annotations

from healthd.model import Inventory


def region_name(code: str, inventory: Inventory) -> str:
    """A region's name; its code where it has none that is known."""
    region = inventory.regions.get(code)
    return region.name if region else code or "-"


def subject_name(subject: str, inventory: Inventory) -> str:
    """The id of a device, camera or region with its name, where that says more."""
    named = inventory.devices.get(subject) or inventory.cameras.get(subject) or inventory.regions.get(subject)
    return f"{subject} {named.name}" if named is not None and named.name != subject else subject
