"""What a result teaches of a camera: its own fields of `Memory`, and those that all at its address share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.base import Memory

_LOGIN_FIELDS = frozenset({"refusals", "refused_login"})
_FIELDS = frozenset(Memory.__slots__)


def learnt_fields(learnt: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """(all fields of `Memory` in it, those of them that hold for everybody at the address).

    The channels of a device share its accounts: 64 channels must not spend 64 times the refusals.
    """
    own = {name: value for name, value in learnt.items() if name in _FIELDS}
    return own, {name: value for name, value in own.items() if name in _LOGIN_FIELDS}
