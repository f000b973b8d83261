"""What of the configuration moves figures, as texts that can be stored and compared. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from healthd.config import Config
from healthd.model import LeverChange, Moment

CALENDAR, CHECK, FILING, PROFILE, STATE = "calendar", "check", "filing", "profile", "state"
THRESHOLD = "threshold"
LEVERS = (PROFILE, THRESHOLD, CHECK, STATE, CALENDAR, FILING)
"""The levers that the configuration has. Others (`false_alarm` ...) are recorded where people move them."""


def config_levers(config: Config) -> Mapping[tuple[str, str], str]:
    """(lever, subject) -> its value as JSON text; subjects are keys of the configuration, such as `ping.timeout`
    or `default.faults`."""
    found: dict[tuple[str, str], Any] = {
        (CALENDAR, "timezone"): str(config.timezone),
        (CALENDAR, "month_starts_on"): config.month_starts_on,
        (STATE, "picture_max_age"): config.picture_max_age_seconds,
    }
    for profile in config.chosen_profiles:
        for field in dataclasses.fields(profile):
            if field.name != "name":
                found[PROFILE, f"{profile.name}.{field.name}"] = getattr(profile, field.name)
    for name, options in config.checks.items():
        found |= {(CHECK, f"{name}.{key}"): value for key, value in options.model_dump().items()}
    found |= {(FILING, key): value for key, value in config.exemptions.model_dump().items()}
    found |= {(STATE, key): value for key, value in config.state.model_dump(exclude={"picture_max_age"}).items()}
    found |= {(THRESHOLD, f"picture.{key}"): value for key, value in config.picture}
    return {key: text_of(value) for key, value in found.items()}


def changed_levers(
    known: Mapping[tuple[str, str], str], config: Config, now: Moment, author: str
) -> list[LeverChange]:
    """The dated changes that lead from the values in the store to those of the configuration. Of a lever that was
    never recorded the value is told as its first (`before` None): nothing changed."""
    values = config_levers(config)
    mine = {key: value for key, value in known.items() if key[0] in LEVERS}
    return [
        LeverChange(now, *key, mine.get(key), values.get(key), author, now)
        for key in sorted({*values, *mine})
        if mine.get(key) != values.get(key)
    ]


def text_of(value: object) -> str:
    """A value as JSON text that is the same for equal values."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return _plain(dict(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): _plain(part) for key, part in value.items()}
    if isinstance(value, frozenset | set):
        return sorted((_plain(part) for part in value), key=str)
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else _word(value)


def _key(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _word(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)  # where a file lies is no rule
