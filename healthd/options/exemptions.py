"""`exemptions:` in the configuration: how late, how long and with how large a file an exemption may be filed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from healthd.options.section import Section
from probes.base import Duration

_DAY = 86400.0


class ExemptionOptions(Section):
    """`back_dating`: how long (seconds) after its start an exemption may be filed without being late; `longest`:
    how long one may last, and how far ahead it may begin. `evidence_max_bytes`: of one file."""

    back_dating: Duration = 3 * _DAY
    longest: Duration = 366 * _DAY
    evidence_max_bytes: Annotated[int, Field(ge=1000, le=1_000_000_000)] = 10_000_000
