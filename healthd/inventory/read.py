"""The inventory: regions, devices, cameras and maintainers from the user's files, checked across all of them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from healthd.inventory.cameras import CAMERA_COLUMNS, read_cameras
from healthd.inventory.fleet import (
    DEPARTMENT_COLUMNS,
    DEVICE_COLUMNS,
    MAINTAINER_COLUMNS,
    REGION_COLUMNS,
    read_departments,
    read_devices,
    read_maintainers,
    read_regions,
)
from healthd.inventory.rows import Names, References
from healthd.inventory.tables import Columns, Table, read_table
from healthd.model import Camera, Department, Device, Inventory, Maintainer, Placement, Region
from healthd.problems import BadInput, Problem, Problems
from probes.base import Credential

_Value = TypeVar("_Value")


class Files(Protocol):
    """Paths; `maintainers` and `departments` None where there is no such file."""

    @property
    def regions(self) -> Path: ...
    @property
    def devices(self) -> Path: ...
    @property
    def cameras(self) -> Path: ...
    @property
    def maintainers(self) -> Path | None: ...
    @property
    def departments(self) -> Path | None: ...


class Source(Protocol):
    """What of the configuration the inventory needs."""

    @property
    def inventory(self) -> Files: ...
    @property
    def credentials(self) -> Mapping[str, Credential]: ...


def load_inventory(config: Source) -> tuple[Inventory, list[Problem]]:
    """The inventory and its warnings. Raises BadInput with the errors of all files."""
    reader = _Reader()
    inventory = reader.read(config.inventory, config.credentials)
    errors = reader.problems.errors()
    if errors:
        raise BadInput(errors)
    return inventory, reader.problems.warnings()


class _Reader:
    """Reads the files in the order in which they refer to each other."""

    def __init__(self) -> None:
        self.problems = Problems()
        self._digest = hashlib.sha256()

    def read(self, files: Files, credentials: Mapping[str, Credential]) -> Inventory:
        maintainers: dict[str, Maintainer] = {}
        crews = Names("", None)  # without a file of maintainers their names are free
        if files.maintainers is not None:
            maintainers, crews = self._part(files.maintainers, MAINTAINER_COLUMNS, read_maintainers)
        regions, places = self._part(files.regions, REGION_COLUMNS, read_regions)
        departments: dict[str, Department] = {}
        units = Names("", None)
        if files.departments is not None:
            departments, units = self._part(files.departments, DEPARTMENT_COLUMNS, read_departments)
        logins = Names("`credentials:` in the configuration", credentials)
        references = References(places, crews, logins, units)
        devices, hubs = self._part(files.devices, DEVICE_COLUMNS, partial(read_devices, references))
        cameras, _ = self._part(files.cameras, CAMERA_COLUMNS, partial(read_cameras, references, hubs))
        for path, found, row in ((files.regions, regions, "region"), (files.cameras, cameras, "camera")):
            if not found and not self.problems.has_errors(path.name):
                self.problems.add(path.name, None, "", f"holds no {row}", "add at least one row")
        return Inventory(
            regions, devices, cameras, maintainers, credentials, self._digest.hexdigest(), departments
        )

    def _part(
        self, path: Path, columns: Columns, read: Callable[[Table, Problems], dict[str, _Value]]
    ) -> tuple[dict[str, _Value], Names]:
        table, digest = read_table(path, columns, self.problems)
        self._digest.update(digest)
        if table is None:
            return {}, Names(path.name, None)
        found = read(table, self.problems)
        return found, Names(path.name, None if table.torn else found)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a new inventory would change: one region, department, device, camera or maintainer.

    `fields`: for a change, field -> (value before, value after); empty for what is added or removed."""

    kind: str  # region | department | device | camera | maintainer
    id: str
    change: str  # added | removed | changed
    fields: Mapping[str, tuple[object, object]] = dataclasses.field(default_factory=dict)


def diff(old: Inventory, new: Inventory) -> list[Difference]:
    """Everything that differs: regions, devices, departments, maintainers, cameras; each by id."""
    return [
        *_differences("region", old.regions, new.regions),
        *_differences("device", old.devices, new.devices),
        *_differences("department", old.departments, new.departments),
        *_differences("maintainer", old.maintainers, new.maintainers),
        *_differences("camera", old.cameras, new.cameras),
    ]


def lost_share(old: Inventory, new: Inventory) -> Fraction:
    """The share of the old inventory's cameras that the new one lacks; 0 where there were none."""
    lost = sum(1 for camera in old.cameras if camera not in new.cameras)
    return Fraction(lost, len(old.cameras)) if old.cameras else Fraction(0)


_Entry = TypeVar("_Entry", Region, Department, Device, Maintainer, Camera)


def _differences(kind: str, old: Mapping[str, _Entry], new: Mapping[str, _Entry]) -> Iterator[Difference]:
    for id_ in sorted(old.keys() | new.keys()):
        before, after = old.get(id_), new.get(id_)
        if before is None:
            yield Difference(kind, id_, "added")
        elif after is None:
            yield Difference(kind, id_, "removed")
        elif before != after:
            was, is_ = _flat(before), _flat(after)
            yield Difference(kind, id_, "changed", {k: (was[k], is_[k]) for k in was if was[k] != is_[k]})


def _flat(value: Region | Department | Device | Maintainer | Camera | Placement) -> dict[str, object]:
    """Field -> value, those of a camera's placement among them."""
    flat: dict[str, object] = {}
    for name in (field.name for field in dataclasses.fields(value)):
        inner = getattr(value, name)
        if isinstance(inner, Placement):
            flat.update(_flat(inner))
        else:
            flat[name.rstrip("_")] = inner
    return flat
