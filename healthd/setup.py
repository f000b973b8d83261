"""Configuration and inventory as read together, and what they mean for the rest."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from healthd.alerting.files import misfits
from healthd.config import Config, load_config
from healthd.inventory.read import load_inventory, lost_share
from healthd.model import Inventory, Region
from healthd.options.yamltext import read_yaml
from healthd.problems import BadInput, Problem, Severity, did_you_mean
from healthd.rates.pool import RATES, Terms

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Setup:
    """One reading of everything that a user wrote."""

    config: Config
    inventory: Inventory
    warnings: Sequence[Problem]


def read_setup(path: Path) -> Setup:
    """Read and check it all. Raises BadInput with every problem."""
    gc.disable()  # nothing of it is garbage, and looking for some takes a seventh of the time
    try:
        return _read(path)
    finally:
        gc.enable()


def _read(path: Path) -> Setup:
    config = load_config(path)
    inventory, warnings = load_inventory(config)
    strange = [
        *_strange_regions(config, inventory),
        *_strange_reports(config, inventory),
        *_strange_thresholds(config, inventory),
        *_strange_platforms(config, inventory),
    ]
    if strange:
        raise BadInput(strange)
    # Only warned of: a region that leaves the inventory must not keep a reload out.
    misrouted = [dataclasses.replace(one, severity=Severity.WARNING) for one in misfits(config, inventory)]
    return Setup(config, inventory, [*warnings, *misrouted])


def _strange_regions(config: Config, inventory: Inventory) -> Iterator[Problem]:
    """Targets for regions that are not in the inventory: nothing would ever be judged by them."""
    for name, profile in config.definitions.items():
        for region in dict.fromkeys(region for region, *_ in profile.region_targets):
            if region not in inventory.regions:
                where = ("profile_definitions", name, "region_targets", region)
                remedy = did_you_mean(
                    region, list(inventory.regions), "correct it, or add it to the regions' file"
                )
                yield read_yaml(config.path).problem(where, "is no region of the inventory", remedy)


def _strange_reports(config: Config, inventory: Inventory) -> Iterator[Problem]:
    """Reports of regions that are not in the inventory: none would ever be made."""
    for place, report in enumerate(config.reports):
        if report.region and report.region not in inventory.regions:
            remedy = did_you_mean(report.region, inventory.regions, "correct it, or add it to the regions' file")
            where = ("reports", place, "region")
            yield read_yaml(config.path).problem(where, f'"{report.region}" is no region of the inventory', remedy)


def _strange_platforms(config: Config, inventory: Inventory) -> Iterator[Problem]:
    """Platforms whose ids stand in a column that no camera has: none of them would ever be known."""
    for place, one in enumerate(config.platforms):
        if one.match == "id" or not inventory.cameras:
            continue
        columns = sorted({tag for camera in inventory.cameras.values() for tag in camera.tags})
        if one.match not in columns:
            where = ("platforms", place, "match")
            remedy = (
                did_you_mean(one.match, columns) or "name a further column of the cameras' file, or leave it out"
            )
            yield read_yaml(config.path).problem(where, f'no camera has a column "{one.match}"', remedy)


def _strange_thresholds(config: Config, inventory: Inventory) -> Iterator[Problem]:
    """Thresholds for regions that are not in the inventory: they would hold for no camera."""
    for place, one in enumerate(config.picture.thresholds):
        if one.region is not None and one.region not in inventory.regions:
            remedy = did_you_mean(one.region, inventory.regions, "correct it, or add it to the regions' file")
            where = ("picture", "thresholds", place, "region")
            yield read_yaml(config.path).problem(where, f'"{one.region}" is no region of the inventory', remedy)


def keep_what_stays(old: Setup, new: Setup) -> Setup:
    """`new`, in which each camera and device that is as it was is the very value of `old`: whoever takes it over
    can tell at a glance who changed, and a fleet is not held twice."""
    known, devices = old.inventory.cameras, old.inventory.devices
    inventory = dataclasses.replace(
        new.inventory,
        cameras={key: _kept(known.get(key), one) for key, one in new.inventory.cameras.items()},
        devices={key: _kept(devices.get(key), one) for key, one in new.inventory.devices.items()},
    )
    return dataclasses.replace(new, inventory=inventory)


def _kept(before: _T | None, now: _T) -> _T:
    return before if before is not None and before == now else now


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
    return Terms(inventory, setup.config.chosen_profiles, rates, setup.config.small_region)
