"""The inventory's files in another directory, and putting them in the place of those in use."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from healthd.config import Config
from healthd.problems import Wrong

BEFORE = ".before"
_PART = ".part"
_KINDS = ("regions", "departments", "maintainers", "devices", "cameras")


def elsewhere(config: Config, directory: Path) -> Config:
    """The configuration with its inventory in `directory`, under the same names."""
    moved = {kind: directory / path.name for kind, path in _files(config).items()}
    return dataclasses.replace(config, inventory=config.inventory.model_copy(update=moved))


def replace_files(config: Config, directory: Path) -> list[Path]:
    """Puts the files of `directory` in the place of those in use, which are kept as NAME.before; returns them.

    All are written before the first takes its place, so a full disk leaves everything as it was. Raises Wrong.
    """
    old = _files(config)
    parts = {path: path.with_name(path.name + _PART) for path in old.values()}
    try:
        for path, part in parts.items():
            shutil.copyfile(directory / path.name, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
        for path, part in parts.items():
            if path.exists():
                shutil.copystat(path, part)
                shutil.copy2(path, path.with_name(path.name + BEFORE))
            os.replace(part, path)
    except OSError as error:
        raise Wrong(
            f"{error.filename}: cannot be written: {error.strerror}", "free space, or correct its owner and mode"
        ) from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return [*parts]


def _files(config: Config) -> Mapping[str, Path]:
    found = {kind: getattr(config.inventory, kind) for kind in _KINDS}
    return {kind: path for kind, path in found.items() if path is not None}
