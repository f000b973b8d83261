"""Configuration and inventory as read together, and what they mean for the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from healthd.config import Config, load_config
from healthd.inventory import load_inventory, lost_share
from healthd.model import Inventory, Region
from healthd.pool import RATES, Terms
from healthd.problems import BadInput, Problem
from healthd.profiles import BUILT_IN


@dataclass(frozen=True, slots=True)
class Setup:
    """One reading of everything that a user wrote."""

    config: Config
    inventory: Inventory
    warnings: Sequence[Problem]


def read_setup(path: Path) -> Setup:
    """Read and check it all. Raises BadInput with every problem."""
    config = load_config(path)
    inventory, warnings = load_inventory(config)
    return Setup(config, inventory, warnings)


def guard(old: Setup, new: Setup) -> None:
    """Raise BadInput where the new inventory lost more cameras than `inventory_guard.max_lost` allows.

    A file that was cut short while it was copied must not silently take half the fleet out of the rates.
    """
    lost, allowed = lost_share(old.inventory, new.inventory), old.config.inventory_guard.max_lost
    if lost > allowed:
        raise BadInput(
            [
                Problem(
                    str(new.config.inventory.cameras),
                    None,
                    "inventory_guard.max_lost",
                    f"{float(lost):.1%} of the cameras are gone, more than the allowed {float(allowed):.0%}",
                    "if that is meant, POST /-/reload?force=1",
                )
            ]
        )


def rate_terms(setup: Setup, known: Mapping[str, Region]) -> Terms:
    """What rates are made for. `known`: every region ever seen, for cameras that have left theirs."""
    inventory = dataclasses.replace(setup.inventory, regions={**known, **setup.inventory.regions})
    rates = RATES if "frame" in setup.config.checks else ("online",)
    return Terms(inventory, [BUILT_IN[name] for name in setup.config.profiles], rates)
